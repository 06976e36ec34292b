//! The transform along one axis, from samples to the part of an oversampled grid that slices reach.

use std::f64::consts::PI;
use std::sync::Arc;

use num_complex::Complex;
use verglas_fft::Fft;

use super::weights::{SliceReal, kernel, scaling_taps};
use crate::polar::spectrum::smooth_multiple;

/// The samples along an axis, and the frequencies needed from them.
///
/// Grid coordinates u count 1/(n_grid · spacing): a wave of k turns per Å has u = k · scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    /// Number of samples; sample i lies at i − ⌊n/2⌋.
    pub n: usize,
    /// Length of the transform N_g, even.
    pub n_grid: usize,
    /// N_g · spacing, in Å.
    pub scale: f64,
    /// The first and the last frequency that is stored.
    pub low: i64,
    pub high: i64,
    /// Whether slices reach past N_g/2, where the grid repeats.
    pub wraps: bool,
}

impl Axis {
    /// An axis of `n` samples whose slices reach `q_max` per Å; of the first axis only u ≥ 0 is needed.
    pub(super) fn new<T: SliceReal>(n: usize, n_grid: usize, spacing: f64, q_max: f64, first_axis: bool) -> Self {
        let scale = n_grid as f64 * spacing;
        let halo = (T::WIDTH / 2 + 1) as i64;
        let reach = q_max * scale;
        let half = (n_grid / 2) as i64;
        // A hair beyond N_g/2 is within the halo.
        let wraps = reach > half as f64 + 0.5;
        let high = if wraps { half } else { reach.ceil() as i64 } + halo;
        Self { n, n_grid, scale, low: if first_axis { -halo } else { -high }, high, wraps }
    }

    /// Number of frequencies that are stored.
    pub(super) fn len(&self) -> usize {
        (self.high - self.low + 1) as usize
    }
}

/// Smallest even length from `n` on, 16 at least, without prime factors above 5: those transform fast.
pub(super) fn smooth_length(n: usize) -> usize {
    smooth_multiple(n.max(16), 2)
}

/// What is done to the spectrum along an axis after the transform.
#[derive(Debug)]
struct Filter {
    /// Factors of the frequencies from `low − terms` to `high + terms`.
    factors: Vec<f64>,
    /// Taps at 0, ±1, ±2, …
    taps: Vec<f64>,
}

/// A planned transform along one axis.
pub(super) struct AxisTransform {
    pub axis: Axis,
    /// Factor of each sample, and its place in the transform's input.
    before: Vec<(usize, f64)>,
    after: Option<Filter>,
    /// Place in the transform's output of each frequency from `low − terms` to `high + terms`.
    places: Vec<u32>,
    fft: Arc<dyn Fft<f64>>,
}

impl std::fmt::Debug for AxisTransform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AxisTransform").field("axis", &self.axis).finish_non_exhaustive()
    }
}

impl AxisTransform {
    /// `smoothing_angstrom` is the standard deviation of a Gaussian that the samples have been convolved with, which is
    /// to be undone; the scaling D then follows after the transform, otherwise it comes before it.
    pub(super) fn new<T: SliceReal>(axis: Axis, smoothing_angstrom: f64, coarse: bool) -> Self {
        let kernel = kernel::<T>(coarse);
        let coordinate = |i: usize| i as i64 - (axis.n / 2) as i64;
        let n_grid = axis.n_grid as i64;
        let scaled_before = smoothing_angstrom == 0.0;
        let before = (0..axis.n)
            .map(|i| {
                let factor = if scaled_before { kernel.scaling(coordinate(i) as f64, axis.n_grid) } else { 1.0 };
                (coordinate(i).rem_euclid(n_grid) as usize, factor)
            })
            .collect();
        let after = (!scaled_before).then(|| Filter {
            factors: frequencies(&axis, T::SCALING_TERMS)
                .map(|f| (2.0 * (PI * smoothing_angstrom * f as f64 / axis.scale).powi(2)).exp())
                .collect(),
            taps: scaling_taps::<T>(coarse),
        });
        let n_terms = if scaled_before { 0 } else { T::SCALING_TERMS };
        let places = frequencies(&axis, n_terms).map(|f| f.rem_euclid(n_grid) as u32).collect();
        Self { axis, before, after, places, fft: verglas_fft::plan_complex_forward_f64(axis.n_grid) }
    }

    /// Length of the scratch that [`transform`](Self::transform) needs.
    pub(super) fn scratch_len(&self) -> usize {
        self.fft.get_inplace_scratch_len()
    }

    /// Length of the scratch that [`collect`](Self::collect) needs.
    pub(super) fn filter_len(&self) -> usize {
        if self.after.is_some() { self.places.len() } else { 0 }
    }

    /// Place in the input, and factor, of each sample.
    #[inline]
    pub(super) fn samples(&self) -> &[(usize, f64)] {
        &self.before
    }

    pub(super) fn transform(&self, line: &mut [Complex<f64>], scratch: &mut [Complex<f64>]) {
        self.fft.process_with_scratch(line, scratch);
    }

    /// Hands over the frequencies `low + first` and the next ones, in order, `n` in all.
    ///
    /// `spectrum` gives the transform's output at one place.
    #[inline]
    pub(super) fn collect(
        &self,
        first: usize,
        n: usize,
        filtered: &mut [Complex<f64>],
        spectrum: impl Fn(usize) -> Complex<f64>,
        mut store: impl FnMut(usize, Complex<f64>),
    ) {
        let Some(Filter { factors, taps }) = &self.after else {
            for (k, &place) in self.places[first..first + n].iter().enumerate() {
                store(k, spectrum(place as usize));
            }
            return;
        };
        let n_terms = taps.len() - 1;
        let reached = first..first + n + 2 * n_terms;
        let filtered = &mut filtered[..n + 2 * n_terms];
        for ((value, &place), &factor) in filtered.iter_mut().zip(&self.places[reached.clone()]).zip(&factors[reached])
        {
            *value = spectrum(place as usize) * factor;
        }
        for k in 0..n {
            let around = &filtered[k..=k + 2 * n_terms];
            let mut sum = around[n_terms] * taps[0];
            for (m, &tap) in taps.iter().enumerate().skip(1) {
                sum += (around[n_terms - m] + around[n_terms + m]) * tap;
            }
            store(k, sum);
        }
    }
}

/// The stored frequencies, and `n_terms` more on either side.
fn frequencies(axis: &Axis, n_terms: usize) -> impl Iterator<Item = i64> {
    let n_terms = n_terms as i64;
    axis.low - n_terms..=axis.high + n_terms
}
