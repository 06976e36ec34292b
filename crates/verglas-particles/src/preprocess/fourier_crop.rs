//! Downsampling by cropping the discrete Fourier transform.
//!
//! Along each axis, for N pixels x\[a\] and n of the result y\[b\]:
//!
//! ```text
//! X[k] = Σ_a x[a] · exp(−2πi · k · (a − ⌊N/2⌋) / N)
//! y[b] = (1/N) · Σ_k Y[k] · exp(2πi · k · (b − ⌊n/2⌋) / n),   −n/2 < k ≤ n/2
//! Y[k] = X[k],   but Y[n/2] = (X[n/2] + X[−n/2]) / 2
//! ```
//!
//! Both coordinates have the same origin, and Y\[0\]/N, the mean, is that of x. For real x the Nyquist term of an even n is
//! the real part of X\[n/2\], so that y is real along each axis, and the axes can be cropped one after the other.

use std::fmt;
use std::sync::Arc;

use num_complex::Complex;
use verglas_fft::{ComplexToReal, RealToComplex};
use verglas_fourier::polar::TransformBytes;

use super::moments::moments;

/// A result whose pixels differ by less than this part of the largest deviation of the input is flat: what is left are
/// rounding errors, which are some 1e-15 of it. One lone bright pixel leaves (n/N)² of its height, above 1e-9.
const FLAT: f64 = 1e-13;

/// The crop from N × N pixels to n × n, n < N.
pub(super) struct FourierCrop {
    n_input: usize,
    n_output: usize,
    forward: Arc<dyn RealToComplex<f64>>,
    backward: Arc<dyn ComplexToReal<f64>>,
}

/// Buffers for one image.
#[derive(Debug)]
pub(super) struct CropScratch {
    /// `[n, N]`: the image cropped along axis 1, transposed.
    half_cropped: Vec<f64>,
    line: LineScratch,
}

/// Buffers for one line of pixels.
#[derive(Debug)]
struct LineScratch {
    input: Vec<f64>,
    input_spectrum: Vec<Complex<f64>>,
    output_spectrum: Vec<Complex<f64>>,
    output: Vec<f64>,
    fft: Vec<Complex<f64>>,
}

impl FourierCrop {
    pub(super) fn plan(n_input: usize, n_output: usize) -> Self {
        assert!(0 < n_output && n_output < n_input, "a crop makes images smaller");
        Self {
            n_input,
            n_output,
            forward: verglas_fft::plan_real_forward_f64(n_input),
            backward: verglas_fft::plan_real_inverse_f64(n_output),
        }
    }

    pub(super) fn estimate_bytes(n_input: usize, n_output: usize) -> TransformBytes {
        let complex = size_of::<Complex<f64>>();
        // A side that is a large prime is transformed by way of a convolution of up to four times its length.
        let fft = (n_input + n_output).saturating_mul(10 * complex);
        TransformBytes {
            plan: fft,
            scratch: n_input.saturating_mul(n_output).saturating_mul(size_of::<f64>()).saturating_add(fft),
        }
    }

    pub(super) fn scratch(&self) -> CropScratch {
        let fft_len = self.forward.get_scratch_len().max(self.backward.get_scratch_len());
        CropScratch {
            half_cropped: vec![0.0; self.n_output * self.n_input],
            line: LineScratch {
                input: self.forward.make_input_vec(),
                input_spectrum: self.forward.make_output_vec(),
                output_spectrum: self.backward.make_input_vec(),
                output: self.backward.make_output_vec(),
                fft: vec![Complex::default(); fft_len],
            },
        }
    }

    /// Crops `pixels`, `[N, N]`, to `out`, `[n, n]`; all NaN when a pixel is not finite.
    pub(super) fn apply(&self, pixels: &[f32], out: &mut [f64], scratch: &mut CropScratch) {
        assert_eq!(out.len(), self.n_output * self.n_output, "the scratch belongs to this plan");
        let Some(moments) = moments(pixels) else { return };
        let mean = moments.sum / pixels.len() as f64;
        if !mean.is_finite() {
            out.fill(f64::NAN);
            return;
        }
        // The mean goes around the transform: rounding errors are then a part of the contrast, not of the background.
        self.crop_rows(pixels, |pixel| f64::from(pixel) - mean, &mut scratch.half_cropped, &mut scratch.line);
        self.crop_rows(&scratch.half_cropped, |pixel| pixel, out, &mut scratch.line);
        let largest_deviation = (f64::from(moments.max) - mean).max(mean - f64::from(moments.min));
        let (min, max) =
            out.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), &pixel| (min.min(pixel), max.max(pixel)));
        if max - min <= FLAT * largest_deviation {
            out.fill(mean);
        } else {
            out.iter_mut().for_each(|pixel| *pixel += mean);
        }
    }

    /// Crops each row of `rows`, `[n_rows, N]`, to a column of `columns`, `[n, n_rows]`.
    fn crop_rows<P: Copy>(
        &self,
        rows: &[P],
        value: impl Fn(P) -> f64,
        columns: &mut [f64],
        LineScratch { input, input_spectrum, output_spectrum, output, fft }: &mut LineScratch,
    ) {
        let n_rows = rows.len() / self.n_input;
        let (half_input, half_output) = (self.n_input / 2, self.n_output / 2);
        let (scale, planned) = (1.0 / self.n_input as f64, "the buffers have the planned lengths");
        for (index, row) in rows.chunks_exact(self.n_input).enumerate() {
            // Coordinate 0 goes to index 0, negative ones to the end.
            let (negative, positive) = row.split_at(half_input);
            for (input, &pixel) in input.iter_mut().zip(positive.iter().chain(negative)) {
                *input = value(pixel) * scale;
            }
            self.forward.process_with_scratch(input, input_spectrum, fft).expect(planned);
            output_spectrum.copy_from_slice(&input_spectrum[..=half_output]);
            if self.n_output.is_multiple_of(2) {
                // (X[n/2] + X[−n/2]) / 2
                output_spectrum[half_output].im = 0.0;
            }
            self.backward.process_with_scratch(output_spectrum, output, fft).expect(planned);
            let (positive, negative) = output.split_at(self.n_output - half_output);
            for (column, &pixel) in columns.chunks_exact_mut(n_rows).zip(negative.iter().chain(positive)) {
                column[index] = pixel;
            }
        }
    }
}

impl fmt::Debug for FourierCrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FourierCrop")
            .field("n_input", &self.n_input)
            .field("n_output", &self.n_output)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crop(pixels: &[f32], n_input: usize, n_output: usize) -> Vec<f64> {
        let plan = FourierCrop::plan(n_input, n_output);
        let mut out = vec![0.0; n_output * n_output];
        plan.apply(pixels, &mut out, &mut plan.scratch());
        out
    }

    /// Rows that are all equal.
    fn rows(row: &[f32]) -> Vec<f32> {
        row.iter().cycle().take(row.len() * row.len()).copied().collect()
    }

    #[test]
    fn the_nyquist_term_by_hand() {
        // 5 + 2·cos(2π(a − 2)/4): X[±1] = 4, whose average over N = 4 is a wave of height 1 with its crest at b = 1.
        for (found, expected) in crop(&rows(&[3.0, 5.0, 7.0, 5.0]), 4, 2).into_iter().zip([4.0, 6.0, 4.0, 6.0]) {
            // A few roundings of numbers up to 7.
            assert!((found - expected).abs() < 1e-14, "{found} {expected}");
        }
        // 5 − 2·sin(2π(a − 2)/4): X[1] = −X[−1].
        assert_eq!(crop(&rows(&[5.0, 7.0, 5.0, 3.0]), 4, 2), [5.0; 4]);
    }

    #[test]
    fn images_without_coarse_waves_become_exactly_flat() {
        for n_input in [12_usize, 97, 251, 256] {
            for background in [0.0, 1e6_f32] {
                let n_output = n_input / 3;
                let flat = |height: f32| vec![f64::from(height); n_output * n_output];
                let constant = background + 0.1;
                assert_eq!(crop(&vec![constant; n_input * n_input], n_input, n_output), flat(constant));
                if n_input.is_multiple_of(2) {
                    let chequered: Vec<f32> = (0..n_input * n_input)
                        .map(|at| if (at / n_input + at) % 2 == 0 { background + 1.0 } else { background - 1.0 })
                        .collect();
                    assert_eq!(crop(&chequered, n_input, n_output), flat(background));
                }
            }
        }
    }

    #[test]
    fn buffers_are_as_large_as_estimated() {
        for n_input in [3_usize, 16, 17, 64, 127, 251, 256, 400, 509, 1021] {
            for factor in [2, 3, 7] {
                let n_output = n_input / factor;
                if n_output == 0 {
                    continue;
                }
                let scratch = FourierCrop::plan(n_input, n_output).scratch();
                let line = &scratch.line;
                let bytes = (scratch.half_cropped.len() + line.input.len() + line.output.len()) * size_of::<f64>()
                    + (line.input_spectrum.len() + line.output_spectrum.len() + line.fft.len())
                        * size_of::<Complex<f64>>();
                let estimate = FourierCrop::estimate_bytes(n_input, n_output).scratch;
                assert!(bytes <= estimate, "{n_input} to {n_output}: {bytes} > {estimate}");
            }
        }
    }
}
