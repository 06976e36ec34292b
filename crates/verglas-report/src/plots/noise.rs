//! The noise by resolution, of each group of images.

use maud::Markup;
use verglas_plot::{power_of_ten, power_ticks, resolution_ticks};

use super::axes::{Axes, bounds, linear_ticks};
use crate::page::four_digits;

/// σ² against resolution, both logarithmic, a line for each group, and beside it what was measured of half as long waves. Points are
/// (resolution in Å, σ²); waves longer than `longest_wave_angstrom` are left out.
pub(crate) fn noise_spectra(
    groups: &[Vec<(f64, f64)>],
    measured: &[Vec<(f64, f64)>],
    longest_wave_angstrom: f64,
) -> Markup {
    let on_paper = |groups: &[Vec<(f64, f64)>], longest: f64| -> Vec<Vec<(f64, f64)>> {
        let of_point = |&(resolution, sigma2): &(f64, f64)| {
            let is_shown = resolution > 0.0 && resolution <= longest && sigma2 > 0.0;
            is_shown.then(|| (-resolution.log10(), sigma2.log10()))
        };
        groups.iter().map(|group| group.iter().filter_map(of_point).collect()).collect()
    };
    let (groups, measured) = (on_paper(groups, longest_wave_angstrom), on_paper(measured, 0.5 * longest_wave_angstrom));
    let all = || groups.iter().chain(&measured).flatten();
    let (x, y) = (bounds(all().map(|point| point.0), 0.02), bounds(all().map(|point| point.1), 0.1));
    let mut axes = Axes::new(x, y, 200, "variance of the noise against resolution".to_owned());
    let [coarsest, finest] = axes.x.map(|x| 10_f64.powf(-x));
    for resolution in resolution_ticks(coarsest, finest, (axes.x[1] - axes.x[0]) * 0.1) {
        axes.x_tick(-resolution.log10(), &four_digits(resolution));
    }
    match power_ticks(y[0], y[1]) {
        powers if powers.len() > 1 => {
            // Plain numbers where they are short.
            let is_short = y[0] > -2.0 && y[1] < 4.0;
            let label = |exponent: f64| {
                if is_short { four_digits(10_f64.powf(exponent)) } else { power_of_ten(exponent) }
            };
            powers.iter().for_each(|exponent| axes.y_tick(*exponent, &label(*exponent)))
        }
        _ => {
            let [low, high] = y.map(|y| 10_f64.powf(y));
            let ticks = linear_ticks(low, high, 4).into_iter().filter(|tick| (low..=high).contains(tick));
            ticks.for_each(|tick| axes.y_tick(tick.log10(), &four_digits(tick)));
        }
    }
    for group in &measured {
        axes.line("measured", group.iter().copied());
    }
    for group in &groups {
        axes.line("curve", group.iter().copied());
    }
    axes.legend.push(("curve", "σ²".to_owned()));
    if measured.iter().any(|group| !group.is_empty()) {
        axes.legend.push(("measured", "measured on each shell".to_owned()));
    }
    axes.x_title = "resolution (Å)".to_owned();
    axes.finish()
}
