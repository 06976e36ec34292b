//! A number of all images, for a chart.

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
}
