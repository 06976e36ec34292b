//! How strong the particles of some images are, and how many images show one.

use verglas_likelihood::{LEAST_SHARE, most_likely_scale};

/// Particles of one group of images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupScale {
    /// μ, their scale against the noise's standard deviation; NaN where nothing is known.
    pub scale: f64,
    /// The share of images that show one, if that was found.
    pub share: Option<f64>,
    /// Images that it was found from.
    pub n_images: usize,
}

/// Scales of particles that are looked at.
pub(crate) const N_SCALES: usize = 40;
/// Images from which on the share of particles can be told.
const LEAST_IMAGES: usize = 100;

/// Scales from a fifth of the median to five times it.
pub(crate) fn scales_about(median: f64) -> Vec<f64> {
    (0..N_SCALES).map(|i| 0.2 * median * 25_f64.powf(i as f64 / (N_SCALES - 1) as f64)).collect()
}

/// The median of images' scales, B/A over the noise's standard deviation; NaN where it is not above 0.
pub(crate) fn median_scale(scales: impl Iterator<Item = f64>) -> f64 {
    let mut scales: Vec<f64> = scales.filter(|scale| scale.is_finite()).collect();
    scales.sort_by(f64::total_cmp);
    scales.get(scales.len() / 2).copied().filter(|median| *median > 0.0).unwrap_or(f64::NAN)
}

impl GroupScale {
    /// By ln of the odds of each image for each of the scales about the median, `[images, N_SCALES]`: the most likely scale and share,
    /// or the median where these can't be told.
    pub(crate) fn find(median: f64, log_odds: &[f64]) -> Self {
        let n_images = log_odds.len() / N_SCALES;
        let found = if n_images >= LEAST_IMAGES { most_likely_scale(&scales_about(median), log_odds) } else { None };
        let is_inside = |share: f64| share > 1.5 * LEAST_SHARE && share < 1.0 - 1.5 * LEAST_SHARE;
        let found = found.filter(|found| !found.is_at_end && is_inside(found.share));
        Self { scale: found.map_or(median, |found| found.scale), share: found.map(|found| found.share), n_images }
    }

    /// How likely it is that there is a particle, by ln of the odds were as many images without as with one; NaN where the share is not
    /// known.
    pub fn probability(&self, log_odds: f64) -> f64 {
        let Some(share) = self.share else { return f64::NAN };
        // π·e^x/(π·e^x + 1 − π)
        share / (share + (1.0 - share) * (-log_odds).exp())
    }
}
