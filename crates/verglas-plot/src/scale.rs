//! Ticks at numbers that people like.

/// The largest of 1, 2, 5 times a power of ten that is not above `value`; `value` is positive.
pub fn nice_below(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    // log10 of a power of ten may come out below it.
    let mantissa = value / power * (1.0 + 1e-12);
    let nice = [10.0, 5.0, 2.0].into_iter().find(|&nice| mantissa >= nice).unwrap_or(1.0);
    nice * power
}

/// Round resolutions between `coarsest` and `finest` (Å) for a logarithmic axis, coarse ones first; none is closer to
/// another than `least_distance` decades.
pub fn resolution_ticks(coarsest: f64, finest: f64, least_distance: f64) -> Vec<f64> {
    // The roundest first: later ones fill the gaps that are left.
    const RANKS: [&[f64]; 5] = [&[1.0], &[2.0, 5.0], &[3.0], &[1.5, 4.0, 7.0], &[2.5, 6.0, 8.0, 9.0]];
    let mut ticks: Vec<f64> = Vec::new();
    if !(finest > 0.0 && coarsest.is_finite() && coarsest >= finest) {
        return ticks;
    }
    let decades = (finest.log10().floor() as i32)..=(coarsest.log10().ceil() as i32);
    for mantissas in RANKS {
        for decade in decades.clone() {
            for mantissa in mantissas {
                let tick = mantissa * 10_f64.powi(decade);
                let is_inside = (finest..=coarsest).contains(&tick);
                if is_inside && ticks.iter().all(|other| (other / tick).log10().abs() >= least_distance) {
                    ticks.push(tick);
                }
            }
        }
    }
    ticks.sort_by(|a, b| b.total_cmp(a));
    ticks
}

/// Whole powers of ten between the bounds, as exponents; with fewer than two, also their doubles and fivefolds.
pub fn power_ticks(bottom: f64, top: f64) -> Vec<f64> {
    let powers = (bottom.ceil() as i32)..=(top.floor() as i32);
    let n_powers = powers.clone().count();
    if n_powers >= 2 {
        let step = n_powers.div_ceil(8);
        return powers.step_by(step).map(f64::from).collect();
    }
    let all = ((bottom.floor() as i32)..=(top.ceil() as i32))
        .flat_map(|power| [1.0_f64, 2.0, 5.0].map(|mantissa| f64::from(power) + mantissa.log10()));
    all.filter(|tick| (bottom..=top).contains(tick)).collect()
}

/// 10 to the power of `exponent`, written as people do.
pub fn power_of_ten(exponent: f64) -> String {
    const SUPERSCRIPTS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let power = (exponent + 1e-6).floor();
    let mantissa = 10_f64.powf(exponent - power).round();
    let digits: String = format!("{power:.0}")
        .chars()
        .filter_map(|c| if c == '-' { Some('⁻') } else { SUPERSCRIPTS.get(c.to_digit(10)? as usize).copied() })
        .collect();
    if mantissa == 1.0 { format!("10{digits}") } else { format!("{mantissa}·10{digits}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_are_written_with_superscripts() {
        let written: Vec<String> = [-12.0, 0.0, 3.0, 2.0_f64.log10() - 3.0].map(power_of_ten).to_vec();
        assert_eq!(written, ["10⁻¹²", "10⁰", "10³", "2·10⁻³"]);
    }

    #[test]
    fn narrow_ranges_have_ticks_too() {
        assert_eq!(power_ticks(-5.2, -1.9), [-5.0, -4.0, -3.0, -2.0]);
        assert!(power_ticks(-3.2, -2.6).len() >= 2);
        assert!(power_ticks(-30.0, 2.0).len() <= 9);
    }

    #[test]
    fn nice_numbers() {
        for (value, nice) in [(1.0, 1.0), (1.9, 1.0), (37.0, 20.0), (99.0, 50.0), (1000.0, 1000.0), (0.0034, 0.002)] {
            assert!((nice_below(value) / nice - 1.0).abs() < 1e-9, "{value}: {}", nice_below(value));
        }
    }

    #[test]
    fn resolutions_are_round_and_apart() {
        let ticks = resolution_ticks(300.0, 2.1, 0.08);
        assert!(ticks.windows(2).all(|pair| (pair[0] / pair[1]).log10() >= 0.08), "{ticks:?}");
        for expected in [200.0, 100.0, 50.0, 20.0, 10.0, 5.0, 3.0] {
            assert!(ticks.iter().any(|tick| (tick / expected - 1.0).abs() < 1e-9), "{expected} in {ticks:?}");
        }
        assert_eq!(resolution_ticks(f64::NAN, 2.0, 0.1), Vec::<f64>::new());
    }
}
