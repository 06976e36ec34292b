//! A chart in the making.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

use crate::page::four_digits;

/// Width and height of a chart in its own units, whatever its size on the page.
pub(super) const SPAN: f64 = 1000.0;

/// A chart in the making: what its axes span, and what is drawn.
pub(super) struct Axes {
    pub(super) x: [f64; 2],
    pub(super) y: [f64; 2],
    /// Height on the page, pixels.
    pub(super) height: usize,
    /// For those who can't see it.
    pub(super) description: String,
    /// SVG elements.
    pub(super) drawn: String,
    /// Words along the axes.
    pub(super) words: Vec<Markup>,
    pub(super) legend: Vec<(&'static str, String)>,
    pub(super) x_title: String,
    /// A remark about the curves.
    pub(super) note: Option<String>,
}

impl Axes {
    pub(super) fn new(x: [f64; 2], y: [f64; 2], height: usize, description: String) -> Self {
        Self {
            x,
            y,
            height,
            description,
            drawn: String::new(),
            words: Vec::new(),
            legend: Vec::new(),
            x_title: String::new(),
            note: None,
        }
    }

    /// From the left and from the top, in the chart's units.
    pub(super) fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let part = |value: f64, [low, high]: [f64; 2]| if high > low { (value - low) / (high - low) } else { 0.5 };
        (part(x, self.x) * SPAN, (1.0 - part(y, self.y)) * SPAN)
    }

    pub(super) fn draw(&mut self, element: Markup) {
        self.drawn.push_str(&element.0);
    }

    pub(super) fn path(&mut self, class: &str, path: &str) {
        self.draw(html! { path class=(class) d=(path) {} });
    }

    pub(super) fn x_tick(&mut self, at: f64, label: &str) {
        let (x, _) = self.place(at, self.y[0]);
        self.path("grid", &format!("M{x:.1} 0V{SPAN}"));
        self.words.push(html! { span.x style={ "left:" (format!("{:.2}", x / SPAN * 100.0)) "%" } { (label) } });
    }

    pub(super) fn y_tick(&mut self, at: f64, label: &str) {
        let (_, y) = self.place(self.x[0], at);
        self.path("grid", &format!("M0 {y:.1}H{SPAN}"));
        self.words.push(html! { span.y style={ "top:" (format!("{:.2}", y / SPAN * 100.0)) "%" } { (label) } });
    }

    /// A label at the right of the frame; `part` is 0 at its bottom and 1 at its top.
    pub(super) fn right_tick(&mut self, part: f64, label: &str) {
        self.words.push(html! { span.right style={ "top:" (format!("{:.2}", (1.0 - part) * 100.0)) "%" } { (label) } });
    }

    /// A straight line from one point to the next.
    pub(super) fn line(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>) {
        self.polygon(class, points, 1);
    }

    /// An area within straight lines of many points, which are as coarse as the chart's units.
    pub(super) fn area(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>) {
        self.polygon(class, points, 0);
    }

    fn polygon(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>, decimals: usize) {
        let mut path = String::new();
        for (index, (x, y)) in points.enumerate() {
            let (x, y) = self.place(x, y);
            // Writing to a string can't fail.
            let _ = write!(path, "{}{x:.decimals$} {y:.decimals$}", if index == 0 { "M" } else { "L" });
        }
        self.path(class, &path);
    }

    /// The chart; below it, what each class of line or area means.
    pub(super) fn finish(self) -> Markup {
        html! {
            div.plot style={ "height:" (self.height) "px" } {
                svg.chart viewBox={ "0 0 " (SPAN) " " (SPAN) } preserveAspectRatio="none" role="img"
                    aria-label=(self.description) {
                    (PreEscaped(self.drawn))
                    rect.frame width=(SPAN) height=(SPAN) {}
                }
                div.words aria-hidden="true" {
                    @for word in &self.words { (word) }
                    span.title { (self.x_title) }
                }
            }
            div.legend {
                @for (class, words) in &self.legend { span { i class={ "key " (class) } {} (words) } }
                @if let Some(note) = &self.note { span { (note) } }
            }
        }
    }
}

/// Smallest and largest, with room beyond.
pub(super) fn bounds(values: impl Iterator<Item = f64>, room: f64) -> [f64; 2] {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return [-1.0, 0.0];
    }
    let room = ((high - low) * room).max(0.05);
    [low - room, high + room]
}

/// About `n` round numbers between the bounds.
pub(super) fn linear_ticks(low: f64, high: f64, n: usize) -> Vec<f64> {
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

/// A name with its unit, if it has one.
pub(super) fn with_unit(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") }
}

/// Labels of ticks; where numbers grow long there is room for fewer.
pub(super) fn draw_x_ticks(axes: &mut Axes, low: f64, high: f64) {
    let length =
        linear_ticks(low, high, 5).into_iter().map(|tick| four_digits(tick).chars().count()).max().unwrap_or(0);
    for tick in linear_ticks(low, high, if length > 5 { 3 } else { 5 }) {
        axes.x_tick(tick, &four_digits(tick));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    pub(super) fn ticks_are_round() {
        assert_eq!(linear_ticks(0.05, 1.0, 5), [0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(linear_ticks(-3.0, 3.0, 5), [-2.0, 0.0, 2.0]);
        assert!(linear_ticks(1.0, 1.0, 5).is_empty());
        assert!(linear_ticks(f64::NAN, 1.0, 5).is_empty());
    }
}
