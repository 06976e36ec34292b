//! Charts as SVG: they take their colours from the page, so that they are right in light and dark.

use std::fmt::Write;

use verglas_plot::{power_of_ten, power_ticks, resolution_ticks};

use super::examples::{Example, ProfilePoint};
use super::html::escape;
use super::outliers::four_digits;
use super::quantity::Quantity;
use super::statistics::Histogram;

/// Where a chart's axes lie.
struct Frame {
    width: f64,
    height: f64,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    x: [f64; 2],
    y: [f64; 2],
    svg: String,
}

impl Frame {
    fn new(width: f64, height: f64, left: f64, x: [f64; 2], y: [f64; 2], label: &str) -> Self {
        let svg = format!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\" class=\"chart\">",
            escape(label)
        );
        Self { width, height, left, top: 8.0, right: width - 10.0, bottom: height - 34.0, x, y, svg }
    }

    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let part = |value: f64, [low, high]: [f64; 2]| if high > low { (value - low) / (high - low) } else { 0.5 };
        (
            self.left + part(x, self.x) * (self.right - self.left),
            self.bottom - part(y, self.y) * (self.bottom - self.top),
        )
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string can't fail.
        let _ = self.svg.write_fmt(element);
    }

    fn x_tick(&mut self, at: f64, label: &str) {
        let (x, _) = self.place(at, self.y[0]);
        let (top, bottom) = (self.top, self.bottom);
        self.add(format_args!("<path class=\"grid\" d=\"M{x:.1} {top}V{bottom}\"/>"));
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{:.1}\" class=\"middle\">{}</text>",
            bottom + 14.0,
            escape(label)
        ));
    }

    fn y_tick(&mut self, at: f64, label: &str) {
        let (_, y) = self.place(self.x[0], at);
        let (left, right) = (self.left, self.right);
        self.add(format_args!("<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>"));
        self.add(format_args!(
            "<text x=\"{:.1}\" y=\"{:.1}\" class=\"end\">{}</text>",
            left - 5.0,
            y + 3.5,
            escape(label)
        ));
    }

    fn x_title(&mut self, title: &str) {
        let (x, y) = ((self.left + self.right) / 2.0, self.height - 4.0);
        self.add(format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"middle faint\">{}</text>", escape(title)));
    }

    fn line(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>) {
        let mut path = String::new();
        for (index, (x, y)) in points.enumerate() {
            let (x, y) = self.place(x, y);
            let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
        }
        self.add(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
    }

    fn finish(mut self) -> String {
        let (left, top, width, height) = (self.left, self.top, self.right - self.left, self.bottom - self.top);
        self.add(format_args!(
            "<rect class=\"frame\" x=\"{left}\" y=\"{top}\" width=\"{width:.1}\" height=\"{height:.1}\"/></svg>"
        ));
        debug_assert!(self.width > self.left);
        self.svg
    }
}

/// A histogram with the median marked.
pub(super) fn histogram(histogram: &Histogram, quantity: Option<&Quantity>, median: f64, name: &str) -> String {
    let most = histogram.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let label = format!("histogram of {name}: median {}", four_digits(median));
    let mut frame = Frame::new(360.0, 190.0, 14.0, [histogram.low, histogram.high], [0.0, most * 1.05], &label);
    for tick in linear_ticks(histogram.low, histogram.high, 5) {
        frame.x_tick(tick, &four_digits(tick));
    }
    let width = (histogram.high - histogram.low) / histogram.counts.len() as f64;
    for (bin, &count) in histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (left, top) = frame.place(histogram.low + bin as f64 * width, count as f64);
        let (right, bottom) = frame.place(histogram.low + (bin + 1) as f64 * width, 0.0);
        // A single image among a million must be seen, too.
        let top = top.min(bottom - 1.0);
        frame.add(format_args!(
            "<rect class=\"bar\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            (right - left - 0.6).max(0.5),
            bottom - top
        ));
    }
    if (histogram.low..=histogram.high).contains(&median) {
        frame.line("median", [(median, 0.0), (median, most * 1.05)].into_iter());
    }
    let unit = quantity.map_or("", |quantity| quantity.unit);
    frame.x_title(&if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") });
    frame.finish()
}

/// Mean power against resolution.
pub(super) fn mean_power(
    frequencies: &[f64],
    power: &[f64],
    longest_wave_angstrom: f64,
    nyquist_angstrom: f64,
) -> String {
    let points: Vec<(f64, f64)> = frequencies
        .iter()
        .zip(power)
        .filter(|(frequency, power)| **frequency * longest_wave_angstrom >= 1.0 && **power > 0.0)
        .map(|(frequency, power)| (frequency.log10(), power.log10()))
        .collect();
    let nyquist = -nyquist_angstrom.log10();
    let left = points.iter().map(|point| point.0).fold(nyquist - 0.1, f64::min);
    let y = bounds(points.iter().map(|point| point.1), 0.06);
    let mut frame = Frame::new(720.0, 320.0, 62.0, [left - 0.01, nyquist + 0.03], y, "mean power against resolution");
    for resolution in
        resolution_ticks(10_f64.powf(-frame.x[0]), 10_f64.powf(-frame.x[1]), (frame.x[1] - frame.x[0]) * 0.06)
    {
        frame.x_tick(-resolution.log10(), &four_digits(resolution));
    }
    for exponent in power_ticks(y[0], y[1]) {
        frame.y_tick(exponent, &power_of_ten(exponent));
    }
    frame.line("nyquist", [(nyquist, y[0]), (nyquist, y[1])].into_iter());
    frame.line("curve", points.into_iter());
    frame.x_title("resolution (Å); dashed: Nyquist");
    frame.finish()
}

/// The power of one image, and the square of the CTF that its metadata say, against frequency.
pub(super) fn profile(example: &Example, longest_wave_angstrom: f64) -> String {
    let shown: Vec<&ProfilePoint> = example
        .profile
        .iter()
        .filter(|point| point.frequency * longest_wave_angstrom >= 1.0 && point.power > 0.0)
        .collect();
    let highest = shown.last().map_or(1.0, |point| point.frequency);
    let y = bounds(shown.iter().map(|point| point.power.log10()), 0.05);
    let label = "power of the image by resolution, with the square of its CTF";
    let mut frame = Frame::new(360.0, 190.0, 14.0, [0.0, highest], y, label);
    for resolution in [50.0, 20.0, 10.0, 7.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.5, 1.2, 1.0] {
        let is_apart = highest * resolution >= 1.0 && (resolution == 50.0 || highest * resolution < 12.0);
        if is_apart && (1.0 / resolution / highest > 0.08) {
            frame.x_tick(1.0 / resolution, &four_digits(resolution));
        }
    }
    let height = y[1] - y[0];
    // Finer than the shells, which may lie too far apart to follow it.
    const N_STEPS: usize = 600;
    let steps = (0..=N_STEPS).map(|step| highest * step as f64 / N_STEPS as f64);
    frame.line("ctf", steps.map(|k| (k, y[0] + height * example.ctf.rotational_mean_power(k))));
    frame.line("curve", shown.iter().map(|point| (point.frequency, point.power.log10())));
    frame.x_title("resolution (Å)");
    frame.finish()
}

/// The zeros of an image's CTF, to lie over the picture of its Fourier image.
pub(super) fn rings(example: &Example) -> String {
    let mut svg = String::from("<svg class=\"rings\" viewBox=\"-1 -1 2 2\" aria-hidden=\"true\">");
    for ring in &example.rings {
        svg.push_str("<path d=\"");
        for (index, [right, down]) in ring.iter().enumerate() {
            let _ = write!(svg, "{}{right:.3} {down:.3}", if index == 0 { "M" } else { "L" });
        }
        svg.push_str("Z\"/>");
    }
    svg.push_str("</svg>");
    svg
}

/// Smallest and largest, with room beyond.
fn bounds(values: impl Iterator<Item = f64>, room: f64) -> [f64; 2] {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return [-1.0, 0.0];
    }
    let room = ((high - low) * room).max(0.05);
    [low - room, high + room]
}

/// About `n` round numbers between the bounds.
fn linear_ticks(low: f64, high: f64, n: usize) -> Vec<f64> {
    let rough = (high - low) / n as f64;
    if !(rough > 0.0 && rough.is_finite()) {
        return Vec::new();
    }
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= rough).unwrap_or(10.0) * power;
    let first = (low / step).ceil() as i64;
    // Through the step's own digits, so that 0.3 is not 0.30000000000000004.
    (0..=2 * n as i64)
        .map(|index| ((first + index) as f64 * step * 1e12).round() / 1e12)
        .take_while(|tick| *tick <= high)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(linear_ticks(0.05, 1.0, 5), [0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(linear_ticks(-3.0, 3.0, 5), [-2.0, 0.0, 2.0]);
        assert!(linear_ticks(1.0, 1.0, 5).is_empty());
        assert!(linear_ticks(f64::NAN, 1.0, 5).is_empty());
    }
}
