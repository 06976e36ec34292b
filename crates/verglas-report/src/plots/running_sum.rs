//! A sum that grows with the images.

use maud::Markup;
use verglas_plot::grouped;

use super::axes::{Axes, bounds, linear_ticks};
use crate::page::four_digits;

/// A running sum over images, in columns that a chart can show: what it goes through in each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunningSum {
    n: usize,
    n_added: usize,
    sum: f64,
    /// Least and largest sum within the column, and the last one.
    columns: Vec<[f64; 3]>,
}

/// More are not seen on a page.
const MOST_COLUMNS: usize = 600;

impl RunningSum {
    /// Over `n` images.
    pub(crate) fn new(n: usize) -> Self {
        let none = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        Self { n, n_added: 0, sum: 0.0, columns: vec![none; n.min(MOST_COLUMNS)] }
    }

    /// Adds what the next image contributes.
    pub(crate) fn add(&mut self, value: f64) {
        self.sum += value;
        let column = self.n_added * self.columns.len() / self.n.max(1);
        self.n_added += 1;
        if let Some([least, most, last]) = self.columns.get_mut(column) {
            (*least, *most, *last) = (least.min(self.sum), most.max(self.sum), self.sum);
        }
    }

    /// The sum over all.
    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }

    /// The chart; `title` says what is summed, with its unit.
    pub(crate) fn write(&self, title: &str) -> Markup {
        let filled = || self.columns.iter().filter(|column| column[2].is_finite());
        let y = bounds(filled().flat_map(|&[least, most, _]| [least, most]).chain([0.0]), 0.06);
        let description = format!("running sum over images, at the end {}", four_digits(self.sum));
        let mut axes = Axes::new([0.0, self.n as f64], y, 240, description);
        for tick in linear_ticks(0.0, self.n as f64, if self.n > 9999 { 3 } else { 5 }) {
            if tick.fract() == 0.0 {
                axes.x_tick(tick, &grouped(tick as usize));
            }
        }
        for tick in linear_ticks(y[0], y[1], 5) {
            axes.y_tick(tick, &short(tick));
        }
        axes.line("zero", [(0.0, 0.0), (self.n as f64, 0.0)].into_iter());
        let width = self.n as f64 / self.columns.len().max(1) as f64;
        let points = filled().enumerate().flat_map(|(index, &[least, most, last])| {
            let x = (index + 1) as f64 * width;
            [(x, least), (x, most), (x, last)]
        });
        axes.line("curve", std::iter::once((0.0, 0.0)).chain(points));
        axes.legend = vec![("curve", title.to_owned())];
        axes.x_title = "images, in the order of the stacks".to_owned();
        axes.finish()
    }
}

/// A number for an axis with little room: thousands and millions by a letter.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{}M", four_digits(value / 1e6)),
        size if size >= 1e4 => format!("{}k", four_digits(value / 1e3)),
        _ => four_digits(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_hold_what_the_sum_goes_through() {
        let mut few = RunningSum::new(3);
        [1.0, -4.0, 2.0].into_iter().for_each(|value| few.add(value));
        assert_eq!(few.columns, [[1.0, 1.0, 1.0], [-3.0, -3.0, -3.0], [-1.0, -1.0, -1.0]]);
        let mut many = RunningSum::new(6000);
        (0..6000).for_each(|i| many.add(if i % 2 == 0 { 2.0 } else { -1.0 }));
        assert_eq!(many.sum(), 3000.0);
        assert_eq!(many.columns.len(), 600);
        // Ten images a column: from the first one's 2 to the last but one's 6, and 5 at its end.
        assert_eq!(many.columns[0], [1.0, 6.0, 5.0]);
        assert_eq!(many.columns[599], [2996.0, 3001.0, 3000.0]);
        let html = many.write("sum (nat)").into_string();
        assert!(html.contains("sum (nat)") && html.contains("at the end 3000"), "{html}");
        RunningSum::new(0).write("none");
    }

    #[test]
    fn long_numbers_are_short_on_an_axis() {
        assert_eq!([0.0, 500.0, -20_000.0, 2.5e6].map(short), ["0", "500", "−20k", "2.5M"]);
    }
}
