//! Power against resolution: the mean of many images, and that of one image with its CTF.

use maud::Markup;
use verglas_fourier::ctf::{Ctf, wavelength_angstrom};
use verglas_plot::{power_of_ten, power_ticks, resolution_ticks};

use super::axes::{Axes, bounds};
use crate::page::four_digits;

/// Mean power against resolution, both logarithmic. Points are (frequency in 1/Å, power); waves longer than
/// `longest_wave_angstrom` are left out.
pub(crate) fn mean_power(
    points: impl Iterator<Item = (f64, f64)>,
    longest_wave_angstrom: f64,
    nyquist_angstrom: f64,
) -> Markup {
    let points: Vec<(f64, f64)> = points
        .filter(|(frequency, power)| frequency * longest_wave_angstrom >= 1.0 && *power > 0.0)
        .map(|(frequency, power)| (frequency.log10(), power.log10()))
        .collect();
    let nyquist = -nyquist_angstrom.log10();
    let left = points.iter().map(|point| point.0).fold(nyquist - 0.1, f64::min);
    let y = bounds(points.iter().map(|point| point.1), 0.06);
    let mut axes = Axes::new([left - 0.01, nyquist + 0.03], y, 300, "mean power against resolution".to_owned());
    let [coarsest, finest] = axes.x.map(|x| 10_f64.powf(-x));
    for resolution in resolution_ticks(coarsest, finest, (axes.x[1] - axes.x[0]) * 0.1) {
        axes.x_tick(-resolution.log10(), &four_digits(resolution));
    }
    for exponent in power_ticks(y[0], y[1]) {
        axes.y_tick(exponent, &power_of_ten(exponent));
    }
    axes.line("nyquist", [(nyquist, y[0]), (nyquist, y[1])].into_iter());
    axes.line("curve", points.into_iter());
    axes.legend =
        vec![("curve", "mean |F|²".to_owned()), ("nyquist", format!("Nyquist, {} Å", four_digits(nyquist_angstrom)))];
    axes.x_title = "resolution (Å)".to_owned();
    axes.finish()
}

/// The power of one image against frequency, logarithmic, and the square of the CTF that its metadata say, from 0 to 1.
/// Points are (frequency in 1/Å, power).
pub(crate) fn power_and_ctf(points: &[(f64, f64)], ctf: &Ctf, longest_wave_angstrom: f64) -> Markup {
    let shown: Vec<(f64, f64)> = points
        .iter()
        .filter(|(frequency, power)| frequency * longest_wave_angstrom >= 1.0 && *power > 0.0)
        .map(|&(frequency, power)| (frequency, power.log10()))
        .collect();
    let highest = shown.last().map_or(1.0, |point| point.0);
    let y = bounds(shown.iter().map(|point| point.1), 0.05);
    let description = "power of the image by resolution, with the square of its CTF".to_owned();
    let mut axes = Axes::new([0.0, highest], y, 170, description);
    for resolution in resolutions_on_a_linear_axis(highest) {
        axes.x_tick(1.0 / resolution, &four_digits(resolution));
    }
    let n_ticks = power_ticks(y[0], y[1]);
    for exponent in n_ticks.iter().step_by(n_ticks.len().div_ceil(5).max(1)) {
        axes.y_tick(*exponent, &power_of_ten(*exponent));
    }
    for value in [0.0, 1.0] {
        axes.right_tick(value, &four_digits(value));
    }
    let area = ctf_area(ctf, highest);
    let height = y[1] - y[0];
    let place = |k: f64, squared: f64| (k, y[0] + height * squared);
    let lower = area.iter().map(|&(k, low, _)| place(k, low));
    let upper = area.iter().rev().map(|&(k, _, high)| place(k, high));
    axes.area("ctf", lower.chain(upper));
    axes.line("curve", shown.iter().copied());
    axes.legend = vec![("curve", "|F|² (left)".to_owned()), ("ctf", "CTF² (right)".to_owned())];
    let shell_distance = points.windows(2).map(|pair| pair[1].0 - pair[0].0).fold(0.0, f64::max);
    axes.x_title = "resolution (Å)".to_owned();
    axes.note = unresolved_from(ctf, shell_distance).filter(|frequency| *frequency < highest).map(|frequency| {
        format!("from {} Å on, CTF rings lie closer than shells", four_digits((10.0 / frequency).round() / 10.0))
    });
    axes.finish()
}

/// Round resolutions that are far enough from each other on an axis of frequencies from 0 to `highest` (1/Å).
fn resolutions_on_a_linear_axis(highest: f64) -> Vec<f64> {
    const ROUND: [f64; 18] =
        [500.0, 200.0, 100.0, 50.0, 30.0, 20.0, 15.0, 10.0, 7.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.5, 1.2, 1.0, 0.8];
    let mut last = 0.0;
    let mut ticks = Vec::new();
    for resolution in ROUND {
        let part = 1.0 / resolution / highest;
        if part - last > 0.075 && part <= 1.0 {
            ticks.push(resolution);
            last = part;
        }
    }
    ticks
}

/// Columns of a chart: about as many as it is pixels wide, and two of the chart's units each.
const N_COLUMNS: usize = 500;

/// The square of the CTF, averaged over directions, in columns from 0 to `highest` (1/Å): of each its middle frequency,
/// and the least and the largest value within it.
///
/// Drawn as an area, it is a line where the function is slow, and where it turns faster than a picture can show, the range
/// that it goes through; samples alone would show waves that are none of it.
fn ctf_area(ctf: &Ctf, highest: f64) -> Vec<(f64, f64, f64)> {
    let width = highest / N_COLUMNS as f64;
    (0..N_COLUMNS)
        .map(|column| {
            let (first, last) = (column as f64 * width, (column + 1) as f64 * width);
            // At least this many points a turn; the ends belong to both neighbours, so that the area has no gap.
            const PER_TURN: f64 = 16.0;
            let turns = turns_per_frequency(ctf, last) * width;
            // And no more than this, where any few points go through all of the range; a prime, which waves don't keep time with.
            const MOST_STEPS: usize = 61;
            let n_steps = ((turns * PER_TURN).ceil() as usize).clamp(2, MOST_STEPS);
            let values = (0..=n_steps)
                .map(|step| ctf.rotational_mean_power(first + (last - first) * step as f64 / n_steps as f64));
            let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
            (0.5 * (first + last), low, high)
        })
        .collect()
}

/// How fast the square of the CTF oscillates, in cycles per 1/Å at frequency `k`, in the direction where it is fastest.
fn turns_per_frequency(ctf: &Ctf, k: f64) -> f64 {
    let wavelength = wavelength_angstrom(ctf.voltage_kv);
    // χ(k) = π λ Δf k² − π/2 Cs λ³ k⁴, and the square has the period π.
    let from_aberration = 2.0 * ctf.spherical_aberration_mm * 1e7 * wavelength.powi(3) * k.powi(3);
    let along = |defocus: f64| (2.0 * wavelength * defocus * k - from_aberration).abs();
    along(ctf.defocus_u_angstrom).max(along(ctf.defocus_v_angstrom))
}

/// From this frequency on the square of the CTF goes up and down within two shells, `shell_distance` (1/Å) apart: shells
/// can't follow it.
fn unresolved_from(ctf: &Ctf, shell_distance: f64) -> Option<f64> {
    const N_STEPS: usize = 2000;
    (1..=N_STEPS)
        .map(|step| step as f64 / N_STEPS as f64)
        .find(|&k| turns_per_frequency(ctf, k) * 2.0 * shell_distance >= 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ctf(defocus_angstrom: f64, astigmatism_angstrom: f64) -> Ctf {
        Ctf {
            defocus_u_angstrom: defocus_angstrom + 0.5 * astigmatism_angstrom,
            defocus_v_angstrom: defocus_angstrom - 0.5 * astigmatism_angstrom,
            defocus_angle_rad: 0.4,
            voltage_kv: 300.0,
            spherical_aberration_mm: 2.7,
            amplitude_contrast: 0.1,
            phase_shift_rad: 0.0,
            b_factor_angstrom2: 0.0,
            scale: 1.0,
        }
    }

    #[test]
    fn where_rings_are_dense_the_area_is_their_whole_range_and_where_not_a_line() {
        // At 5 µm and 1.2 Å a ring is 0.4 columns wide.
        let area = ctf_area(&ctf(50_000.0, 0.0), 1.0 / 1.2);
        for &(k, low, high) in &area {
            if k > 0.75 {
                assert!(low < 0.02 && high > 0.98, "{k}: {low} {high}");
            }
            assert!((0.0..=1.0 + 1e-9).contains(&low) && low <= high);
        }
        let slow = ctf_area(&ctf(5_000.0, 0.0), 1.0 / 20.0);
        assert!(slow.iter().all(|&(_, low, high)| high - low < 0.02));
        // Neighbours touch: what one ends with the next begins with.
        assert!(area.windows(2).all(|pair| pair[0].1 <= pair[1].2 + 1e-12 && pair[1].1 <= pair[0].2 + 1e-12));
    }

    #[test]
    fn rings_lie_closer_than_shells_where_the_zeros_say_so() {
        let ctf = ctf(20_000.0, 0.0);
        let shell_distance = 1.0 / 400.0;
        let from = unresolved_from(&ctf, shell_distance).unwrap();
        // Zeros of the function itself, counted on a fine line.
        let zeros = |low: f64, high: f64| {
            let value = |step: usize| ctf.value(low + (high - low) * step as f64 / 4000.0, 0.0);
            (0..4000).filter(|&step| value(step) * value(step + 1) < 0.0).count() as f64
        };
        let (low, high) = (from - 0.05, from + 0.05);
        assert!((zeros(low, high) / (high - low) * 2.0 * shell_distance - 1.0).abs() < 0.1);
        assert_eq!(unresolved_from(&ctf, 1e-9), None);
    }

    #[test]
    fn ticks_of_resolution_are_apart() {
        for highest in [0.02, 0.1, 0.385, 0.9] {
            let ticks = resolutions_on_a_linear_axis(highest);
            assert!((4..=12).contains(&ticks.len()), "{highest}: {ticks:?}");
        }
    }
}
