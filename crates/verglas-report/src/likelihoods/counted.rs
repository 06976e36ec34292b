//! A number of all images, for a chart.

use maud::{Markup, html};
use verglas_plot::grouped;

use crate::page::four_digits;
use crate::plots::{histogram, signed_histogram};
use crate::statistics::{Histogram, quantile};

/// How many images have which value.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) histogram: Histogram,
    pub(super) median: f64,
}

impl Counted {
    pub(super) fn for_sample(mut sample: Vec<f64>) -> Self {
        Self { histogram: Histogram::for_sample(&sample), median: quantile(&mut sample, 0.5) }
    }

    /// The histogram of images, with its median and what is beyond the axis.
    pub(super) fn chart(&self, name: &str, unit: &str, is_signed: bool) -> Markup {
        let draw = if is_signed { signed_histogram } else { histogram };
        let unit_after = if unit.is_empty() || unit == "°" { unit.to_owned() } else { format!(" {unit}") };
        html! {
            (draw(&self.histogram, name, unit, "images", self.median))
            figcaption {
                "median " (four_digits(self.median)) (unit_after)
                @match self.histogram.below { 0 => {}, n => { "; " (grouped(n as usize)) " left of the axis" } }
                @match self.histogram.above { 0 => {}, n => { "; " (grouped(n as usize)) " right of it" } }
            }
        }
    }
}
