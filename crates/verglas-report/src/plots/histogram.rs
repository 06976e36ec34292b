//! How many images have which value.

use maud::Markup;
use verglas_plot::grouped;

use super::axes::{Axes, draw_x_ticks, linear_ticks, with_unit};
use crate::page::four_digits;
use crate::statistics::Histogram;

/// A histogram of `name` (in `unit`) with the median marked; `of` says what is counted.
pub(crate) fn histogram(histogram: &Histogram, name: &str, unit: &str, of: &str, median: f64) -> Markup {
    draw(histogram, name, unit, of, median, false)
}

/// The same of numbers whose sign matters: with a line at 0, if it is within.
pub(crate) fn signed_histogram(histogram: &Histogram, name: &str, unit: &str, of: &str, median: f64) -> Markup {
    draw(histogram, name, unit, of, median, true)
}

fn draw(histogram: &Histogram, name: &str, unit: &str, of: &str, median: f64, zero: bool) -> Markup {
    let most = histogram.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let description = format!("histogram of {name}: median {}", four_digits(median));
    let mut axes = Axes::new([histogram.low, histogram.high], [0.0, most * 1.05], 150, description);
    draw_x_ticks(&mut axes, histogram.low, histogram.high);
    for tick in linear_ticks(0.0, most, 3).into_iter().filter(|tick| tick.fract() == 0.0) {
        axes.y_tick(tick, &grouped(tick as usize));
    }
    let width = (histogram.high - histogram.low) / histogram.counts.len() as f64;
    let mut bars = String::new();
    for (bin, &count) in histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (left, top) = axes.place(histogram.low + bin as f64 * width, count as f64);
        let (right, bottom) = axes.place(histogram.low + (bin + 1) as f64 * width, 0.0);
        // A single image among a million must be seen, too.
        let top = top.min(bottom - 7.0);
        bars.push_str(&format!("M{left:.1} {bottom:.1}V{top:.1}H{:.1}V{bottom:.1}Z", right - 1.5));
    }
    axes.path("bar", &bars);
    axes.legend.push(("bar", of.to_owned()));
    if zero && (histogram.low..=histogram.high).contains(&0.0) {
        axes.line("zero", [(0.0, 0.0), (0.0, most * 1.05)].into_iter());
        axes.legend.push(("zero", "0".to_owned()));
    }
    if (histogram.low..=histogram.high).contains(&median) {
        axes.line("median", [(median, 0.0), (median, most * 1.05)].into_iter());
        axes.legend.push(("median", "median".to_owned()));
    }
    axes.x_title = with_unit(name, unit);
    axes.finish()
}
