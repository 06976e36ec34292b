//! From pixels to the oversampled half plane of Fourier space, by columns in vector lanes.

use super::aligned::Aligned;
use super::fft::{HalfFilledFft, Lanes, add, place, sub};
use super::kernel::Kernel;
use super::scalar::{Pixel, Scalar};
use super::simd::{self, Simd};

/// Largest number of lanes of any instruction set.
pub(super) const MAX_LANES: usize = 16;

/// The transform G(a, b) of a scaled image on a grid of N_g × N_g frequencies, for a ≥ 0.
#[derive(Debug)]
pub(super) struct HalfPlane<T> {
    n_pixels: usize,
    n_grid: usize,
    fft: HalfFilledFft<T>,
    /// The scaling D at each pixel coordinate, by row and by column; the rows' also hold the factor 4π/N, and 1/2 for the
    /// separation of paired columns.
    row_factors: Vec<T>,
    column_factors: Vec<T>,
}

/// Buffers for one image.
#[derive(Debug)]
pub(super) struct HalfPlaneScratch {
    /// `[N_g/2]` lanes: a batch of image columns, around coordinate 0.
    columns: Aligned,
    /// `[blocks, N_g/2]` lanes: the columns' transforms, turned: in block k the frequencies k·lanes … are side by side,
    /// along a goes coordinate b.
    rows: Aligned,
    /// `[N_g]` lanes: a transform.
    frequencies: Aligned,
    work: Aligned,
}

impl<T: Scalar> HalfPlane<T> {
    /// `n_grid` is a multiple of 4 from 64 on, with no prime factors but 2, 3 and 5, and at least twice `n_pixels`.
    pub(super) fn plan(n_pixels: usize, n_grid: usize, kernel: &Kernel) -> Self {
        let factors = |scale: f64| -> Vec<T> {
            (0..n_pixels)
                .map(|a| a as f64 - (n_pixels / 2) as f64)
                .map(|x| T::rounded(scale * kernel.scaling(x, n_grid)))
                .collect()
        };
        Self {
            n_pixels,
            n_grid,
            fft: HalfFilledFft::plan(n_grid),
            row_factors: factors(2.0 * std::f64::consts::PI / n_pixels as f64),
            column_factors: factors(1.0),
        }
    }

    /// Number of blocks of `lanes` frequencies a = 0 … N_g/2.
    pub(super) fn n_blocks(&self, lanes: usize) -> usize {
        (self.n_grid / 2 + 1).div_ceil(lanes)
    }

    pub(super) fn plan_bytes(n_pixels: usize, n_grid: usize) -> usize {
        HalfFilledFft::<T>::bytes(n_grid) + 2 * n_pixels * size_of::<T>()
    }

    pub(super) fn scratch(&self, lanes: usize) -> HalfPlaneScratch {
        let vector = 2 * lanes;
        HalfPlaneScratch {
            columns: Aligned::new::<T>(self.n_grid / 2 * vector),
            rows: Aligned::new::<T>(self.n_blocks(lanes) * self.n_grid / 2 * vector),
            frequencies: Aligned::new::<T>(self.n_grid * vector),
            work: Aligned::new::<T>(self.n_grid / 4 * vector),
        }
    }

    pub(super) fn scratch_bytes(n_grid: usize, lanes: usize) -> usize {
        let blocks = (n_grid / 2 + 1).div_ceil(lanes);
        (n_grid / 2 * (1 + blocks) + n_grid + n_grid / 4) * 2 * lanes * size_of::<T>()
    }

    /// Transforms the image's columns, to frequencies along axis 0.
    #[inline(always)]
    pub(super) fn transform_columns<S: Simd<T>, P: Pixel>(&self, simd: S, image: &[P], scratch: &mut HalfPlaneScratch) {
        simd.call(TransformColumns { plan: self, image, scratch });
    }

    /// Separates the transforms of paired columns and turns them, so that frequencies lie side by side.
    ///
    /// With Z = X₁ + iX₂: 2X₁[k] = Z[k] + conj Z[−k], 2X₂[k] = −i(Z[k] − conj Z[−k]).
    #[inline(always)]
    fn separate<S: Simd<T>>(
        &self,
        simd: S,
        start: usize,
        frequencies: &[Lanes<S::Vector>],
        rows: &mut [Lanes<S::Vector>],
    ) {
        let frequencies = &frequencies[..self.n_grid];
        let first = self.n_grid / 4 - self.n_pixels / 2;
        for (block, rows) in rows.chunks_exact_mut(self.n_grid / 2).enumerate() {
            let mut first_re = [simd.splat(T::zero()); MAX_LANES];
            let (mut first_im, mut second_re, mut second_im) = (first_re, first_re, first_re);
            for lane in 0..S::LANES {
                // Past N_g/2 these are frequencies that are never used.
                let k = block * S::LANES + lane;
                let mirror = if k == 0 { 0 } else { self.n_grid - k };
                let (z, mirror) = (frequencies[place(self.n_grid, k)], frequencies[place(self.n_grid, mirror)]);
                let (sum, difference) = (add(simd, z, mirror), sub(simd, z, mirror));
                (first_re[lane], first_im[lane]) = (sum.re, difference.im);
                (second_re[lane], second_im[lane]) = (sum.im, simd.sub(simd.splat(T::zero()), difference.re));
            }
            for square in [&mut first_re, &mut first_im, &mut second_re, &mut second_im] {
                simd.transpose(&mut square[..S::LANES]);
            }
            for lane in 0..S::LANES {
                let distance = pair_distance::<T>();
                let column = start + lane / distance * 2 * distance + lane % distance;
                if column < self.n_pixels {
                    rows[first + column] = Lanes { re: first_re[lane], im: first_im[lane] };
                }
                if column + distance < self.n_pixels {
                    rows[first + column + distance] = Lanes { re: second_re[lane], im: second_im[lane] };
                }
            }
        }
    }

    /// Transforms one block along axis 1: G(block·lanes + lane, b) at [`place`]`(N_g, b)` of the result, for negative b that of
    /// N_g + b.
    #[inline(always)]
    pub(super) fn transform_block<'a, S: Simd<T>>(
        &self,
        simd: S,
        block: usize,
        scratch: &'a mut HalfPlaneScratch,
    ) -> &'a [Lanes<S::Vector>] {
        let row_len = self.n_grid * S::LANES;
        let row = &scratch.rows.get::<T>()[block * row_len..][..row_len];
        self.fft.transform(simd, row, scratch.frequencies.get_mut(), scratch.work.get_mut());
        &scratch.frequencies.get()[..self.n_grid]
    }
}

/// The first half of the work on an image, apart from the rest since only here pixels of either type are seen.
struct TransformColumns<'a, T, P> {
    plan: &'a HalfPlane<T>,
    image: &'a [P],
    scratch: &'a mut HalfPlaneScratch,
}

impl<T: Scalar, P: Pixel> simd::Kernel<T> for TransformColumns<'_, T, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Self { plan, image, scratch } = self;
        let n = plan.n_pixels;
        let first = plan.n_grid / 4 - n / 2;
        let rows = scratch.rows.get_mut::<Lanes<S::Vector>>();
        for start in (0..n).step_by(2 * S::LANES) {
            let n_columns = (n - start).min(2 * S::LANES);
            let input = scratch.columns.get_mut::<Lanes<S::Vector>>();
            let factors = &plan.column_factors[start..start + n_columns];
            for ((pixels, &row_factor), lanes) in
                image.chunks_exact(n).zip(&plan.row_factors).zip(&mut input[first..first + n])
            {
                // The end of the next batch's part of this row: rows are too far apart for the processor to see it coming.
                simd.prefetch(&pixels[(start + 4 * S::LANES).min(n) - 1]);
                let pixels = &pixels[start..start + n_columns];
                let row_factor = simd.splat(row_factor);
                if n_columns == 2 * S::LANES {
                    // A length that the compiler knows.
                    *lanes = scale_pixels(simd, &pixels[..2 * S::LANES], &factors[..2 * S::LANES], row_factor);
                } else {
                    *lanes = scale_pixels(simd, pixels, factors, row_factor);
                }
            }
            plan.fft.transform(simd, scratch.columns.get(), scratch.frequencies.get_mut(), scratch.work.get_mut());
            plan.separate(simd, start, scratch.frequencies.get(), rows);
        }
    }
}

/// pixel · column factor · row factor, for up to twice as many pixels as there are lanes; then zeros.
///
/// Which column is paired with which does not depend on the number of lanes, so that neither does the rounding: they lie
/// [`pair_distance`] apart.
#[inline(always)]
fn scale_pixels<T: Scalar, S: Simd<T>, P: Pixel>(
    simd: S,
    pixels: &[P],
    factors: &[T],
    row_factor: S::Vector,
) -> Lanes<S::Vector> {
    let mut scaled = [[T::zero(); 2 * MAX_LANES]; 2];
    let [values, column_factors] = &mut scaled;
    for (value, pixel) in values.iter_mut().zip(pixels) {
        *value = pixel.to_real();
    }
    column_factors[..factors.len()].copy_from_slice(factors);
    let low = simd.mul(simd.load(values), simd.mul(simd.load(column_factors), row_factor));
    let high = simd.mul(simd.load(&values[S::LANES..]), simd.mul(simd.load(&column_factors[S::LANES..]), row_factor));
    let [re, im] = simd.split_quads([low, high]);
    Lanes { re, im }
}

/// The distance of two columns that are transformed together: as many as fill 128 bits.
const fn pair_distance<T: Scalar>() -> usize {
    16 / size_of::<T>()
}

/// The side N_g of the oversampled grid for boxes of `n_pixels`: twice as many or a few more, a multiple of 4 without
/// prime factors but 2, 3 and 5.
///
/// A tiny box has too few pixels for the kernel's errors to average out, and its halo must not wrap around: it gets a
/// wider one, which costs next to nothing.
pub(super) fn grid_side(n_pixels: usize) -> usize {
    const SMALLEST: usize = 64;
    smooth_multiple((2 * n_pixels).max(SMALLEST), 4)
}

/// Smallest multiple of `step`, a power of two, from `n` on that has no prime factors above 5: lengths that transform fast.
pub(crate) fn smooth_multiple(n: usize, step: usize) -> usize {
    (n.next_multiple_of(step)..)
        .step_by(step)
        .find(|&n| {
            let mut rest = n;
            for factor in [2, 3, 5] {
                while rest.is_multiple_of(factor) {
                    rest /= factor;
                }
            }
            rest == 1
        })
        .expect("there is a power of two above every length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_sides_are_smooth() {
        for (n_pixels, side) in [(1, 64), (32, 64), (33, 72), (91, 192), (128, 256), (180, 360), (361, 768)] {
            assert_eq!(grid_side(n_pixels), side);
        }
    }
}
