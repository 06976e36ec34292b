//! Many transforms of one length at once, one per vector lane.
//!
//! The input fills half of the transform's length at most, lying around coordinate 0; the other half is never touched.
//! That makes the first pass cheap: of four points a quarter of the length apart two are empty, so that the frequencies
//! q, q + 4, q + 8 … come from one complex addition and one twiddle factor per point, and then from a transform of a
//! quarter of the length, which stays in the first-level cache.

use std::f64::consts::PI;

use bytemuck::{Pod, Zeroable};
use num_complex::Complex;

use super::scalar::Scalar;
use super::simd::{Kernel, Simd};

/// One complex number per lane.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Lanes<V> {
    pub re: V,
    pub im: V,
}

// SAFETY: two vectors without padding between or after them, any bits valid.
#[allow(unsafe_code)]
unsafe impl<V: Zeroable> Zeroable for Lanes<V> {}
// SAFETY: as above; the vectors are `Pod`, and being of one type they leave no padding.
#[allow(unsafe_code)]
unsafe impl<V: Pod> Pod for Lanes<V> {}

/// A planned forward transform, Σ x[c]·exp(−2πi·kc/n), of inputs with coordinates −n/4 ≤ c < n/4.
#[derive(Debug)]
pub(super) struct HalfFilledFft<T> {
    len: usize,
    /// Radices of the passes over a quarter; at least two.
    radices: Vec<usize>,
    /// `[q, n/4]`: exp(−2πi·qc/n), in the order in which the first pass wants them.
    first: Vec<Complex<T>>,
    /// For each pass but the last the factors between it and the next, `[block/radix, radix − 1]`.
    between: Vec<Vec<Complex<T>>>,
    /// A quarter of the frequency at each place after the last pass.
    order: Vec<u32>,
}

impl<T: Scalar> HalfFilledFft<T> {
    /// `len` is 4 times a product of at least two of the radices.
    pub(super) fn plan(len: usize) -> Self {
        let quarter = len / 4;
        let radices = radices(quarter).expect("a length without other prime factors than 2, 3 and 5");
        let root = |turns: usize, of: usize| {
            let (sin, cos) = (2.0 * PI * (turns % of) as f64 / of as f64).sin_cos();
            Complex::new(T::rounded(cos), T::rounded(-sin))
        };
        let stride = quarter / radices[0];
        let mut first = Vec::with_capacity(len);
        for q in 0..4 {
            for group in 0..stride {
                first.extend((0..radices[0]).map(|m| root(q * (group + m * stride), len)));
            }
        }
        let mut between = Vec::new();
        let mut block = quarter;
        for &radix in &radices[..radices.len() - 1] {
            let stride = block / radix;
            let factors = (0..stride).flat_map(|group| (1..radix).map(move |p| (group * p, block)));
            between.push(factors.map(|(turns, of)| root(turns, of)).collect());
            block = stride;
        }
        let order = (0..quarter)
            .map(|place| {
                // The place's digits, most significant first, are the frequency's, least significant first.
                let (mut frequency, mut unit, mut rest, mut block) = (0, 1, place, quarter);
                for &radix in &radices {
                    block /= radix;
                    frequency += unit * (rest / block);
                    rest %= block;
                    unit *= radix;
                }
                frequency as u32
            })
            .collect();
        Self { len, radices, first, between, order }
    }

    /// Size of the plan.
    pub(super) fn bytes(len: usize) -> usize {
        (len + 2 * len / 4) * size_of::<Complex<T>>() + len / 4 * size_of::<u32>()
    }

    /// Transforms one batch; the buffers are the numbers of [`Lanes`].
    ///
    /// * `input`: `[n/2]`, coordinate c at place c + n/4.
    /// * `output`: `[n]`, frequency k at [`place`]`(n, k)`.
    /// * `work`: `[n/4]`, overwritten.
    #[inline(always)]
    pub(super) fn transform<S: Simd<T>>(&self, simd: S, input: &[T], output: &mut [T], work: &mut [T]) {
        simd.call(Batch { fft: self, input, output, work });
    }

    #[inline(always)]
    fn transform_lanes<S: Simd<T>>(
        &self,
        simd: S,
        input: &[Lanes<S::Vector>],
        output: &mut [Lanes<S::Vector>],
        work: &mut [Lanes<S::Vector>],
    ) {
        let quarter = self.len / 4;
        let (input, output, work) = (&input[..2 * quarter], &mut output[..self.len], &mut work[..quarter]);
        self.transform_quarter::<S, 0>(simd, input, &mut output[..quarter], work);
        self.transform_quarter::<S, 1>(simd, input, &mut output[quarter..][..quarter], work);
        self.transform_quarter::<S, 2>(simd, input, &mut output[2 * quarter..][..quarter], work);
        self.transform_quarter::<S, 3>(simd, input, &mut output[3 * quarter..][..quarter], work);
    }

    /// The frequencies 4k + `Q`.
    #[inline(always)]
    fn transform_quarter<S: Simd<T>, const Q: usize>(
        &self,
        simd: S,
        input: &[Lanes<S::Vector>],
        output: &mut [Lanes<S::Vector>],
        work: &mut [Lanes<S::Vector>],
    ) {
        simd.call(First::<'_, T, Q> {
            fft: self,
            input: bytemuck::cast_slice(input),
            work: bytemuck::cast_slice_mut(work),
        });
        simd.call(Rest { fft: self, work: bytemuck::cast_slice_mut(work), output: bytemuck::cast_slice_mut(output) });
    }

    /// From the input to the first pass's result in `work`.
    #[inline(always)]
    fn first_of_any_radix<S: Simd<T>, const Q: usize>(
        &self,
        simd: S,
        input: &[Lanes<S::Vector>],
        work: &mut [Lanes<S::Vector>],
    ) {
        match self.radices[0] {
            16 => self.first_pass::<S, Q, 16>(simd, input, work),
            9 => self.first_pass::<S, Q, 9>(simd, input, work),
            8 => self.first_pass::<S, Q, 8>(simd, input, work),
            6 => self.first_pass::<S, Q, 6>(simd, input, work),
            5 => self.first_pass::<S, Q, 5>(simd, input, work),
            4 => self.first_pass::<S, Q, 4>(simd, input, work),
            3 => self.first_pass::<S, Q, 3>(simd, input, work),
            _ => self.first_pass::<S, Q, 2>(simd, input, work),
        }
    }

    /// The passes after the first, from `work` to a quarter of the output.
    #[inline(always)]
    fn rest_of_passes<S: Simd<T>>(&self, simd: S, work: &mut [Lanes<S::Vector>], output: &mut [Lanes<S::Vector>]) {
        let last = self.radices.len() - 1;
        let mut block = work.len() / self.radices[0];
        for (&radix, factors) in self.radices[1..last].iter().zip(&self.between[1..]) {
            match radix {
                16 => middle_pass::<T, S, 16>(simd, block, factors, work),
                9 => middle_pass::<T, S, 9>(simd, block, factors, work),
                8 => middle_pass::<T, S, 8>(simd, block, factors, work),
                6 => middle_pass::<T, S, 6>(simd, block, factors, work),
                5 => middle_pass::<T, S, 5>(simd, block, factors, work),
                4 => middle_pass::<T, S, 4>(simd, block, factors, work),
                3 => middle_pass::<T, S, 3>(simd, block, factors, work),
                _ => middle_pass::<T, S, 2>(simd, block, factors, work),
            }
            block /= radix;
        }
        match self.radices[last] {
            16 => self.last_pass::<S, 16>(simd, work, output),
            9 => self.last_pass::<S, 9>(simd, work, output),
            8 => self.last_pass::<S, 8>(simd, work, output),
            6 => self.last_pass::<S, 6>(simd, work, output),
            5 => self.last_pass::<S, 5>(simd, work, output),
            4 => self.last_pass::<S, 4>(simd, work, output),
            3 => self.last_pass::<S, 3>(simd, work, output),
            _ => self.last_pass::<S, 2>(simd, work, output),
        }
    }

    /// From the input to the first pass's result in `work`, for the frequencies 4k + `Q`.
    #[inline(always)]
    fn first_pass<S: Simd<T>, const Q: usize, const R: usize>(
        &self,
        simd: S,
        input: &[Lanes<S::Vector>],
        work: &mut [Lanes<S::Vector>],
    ) {
        let stride = work.len() / R;
        // Coordinates −n/4 … −1 are those a turn earlier, three quarters after the others.
        let (negative, positive) = input.split_at(work.len());
        let negative: [&[_]; R] = std::array::from_fn(|m| &negative[m * stride..][..stride]);
        let positive: [&[_]; R] = std::array::from_fn(|m| &positive[m * stride..][..stride]);
        let mut work = work.chunks_exact_mut(stride);
        let work: [&mut [_]; R] = std::array::from_fn(|_| work.next().expect("as many parts as the radix"))
            .map(|part: &mut [_]| &mut part[..stride]);
        let twiddles = self.first[Q * self.len / 4..].chunks_exact(R);
        let between = self.between[0].chunks_exact(R - 1);
        for (group, (twiddles, between)) in (0..stride).zip(twiddles.zip(between)) {
            let mut x = [positive[0][group]; R];
            for m in 0..R {
                let (positive, negative) = (positive[m][group], negative[m][group]);
                // i^Q · negative
                x[m] = match Q {
                    0 => add(simd, positive, negative),
                    1 => add_i(simd, positive, negative),
                    2 => sub(simd, positive, negative),
                    _ => sub_i(simd, positive, negative),
                };
                if Q > 0 {
                    x[m] = multiply(simd, x[m], twiddles[m]);
                }
            }
            butterfly::<T, S, R>(simd, &mut x);
            work[0][group] = x[0];
            for p in 1..R {
                work[p][group] = multiply(simd, x[p], between[p - 1]);
            }
        }
    }

    /// From `work` to a quarter of the output, in order of frequency.
    #[inline(always)]
    fn last_pass<S: Simd<T>, const R: usize>(
        &self,
        simd: S,
        work: &[Lanes<S::Vector>],
        output: &mut [Lanes<S::Vector>],
    ) {
        for (block, order) in work.chunks_exact(R).zip(self.order.chunks_exact(R)) {
            let mut x = [block[0]; R];
            x.copy_from_slice(block);
            butterfly::<T, S, R>(simd, &mut x);
            for p in 0..R {
                output[order[p] as usize] = x[p];
            }
        }
    }
}

/// The place of frequency `k` of a transform of `len` points: those of the same remainder modulo 4 are together, as
/// they are computed. Every fourth place would be a few sets of the cache only.
#[inline(always)]
pub(super) fn place(len: usize, k: usize) -> usize {
    k % 4 * (len / 4) + k / 4
}

/// One batch to transform.
struct Batch<'a, T> {
    fft: &'a HalfFilledFft<T>,
    input: &'a [T],
    output: &'a mut [T],
    work: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for Batch<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let (input, output) = (bytemuck::cast_slice(self.input), bytemuck::cast_slice_mut(self.output));
        self.fft.transform_lanes(simd, input, output, bytemuck::cast_slice_mut(self.work));
    }
}

/// The first pass of the frequencies 4k + `Q`: a function of its own, as [`Rest`] is. In one function with all the others the
/// compiler takes three times as long.
struct First<'a, T, const Q: usize> {
    fft: &'a HalfFilledFft<T>,
    input: &'a [T],
    work: &'a mut [T],
}

impl<T: Scalar, const Q: usize> Kernel<T> for First<'_, T, Q> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let (input, work) = (bytemuck::cast_slice(self.input), bytemuck::cast_slice_mut(self.work));
        self.fft.first_of_any_radix::<S, Q>(simd, input, work);
    }
}

/// The passes after the first.
struct Rest<'a, T> {
    fft: &'a HalfFilledFft<T>,
    work: &'a mut [T],
    output: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for Rest<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let (work, output) = (bytemuck::cast_slice_mut(self.work), bytemuck::cast_slice_mut(self.output));
        self.fft.rest_of_passes(simd, work, output);
    }
}

/// One pass in place, over every block, with the factors after it.
#[inline(always)]
fn middle_pass<T: Scalar, S: Simd<T>, const R: usize>(
    simd: S,
    block: usize,
    factors: &[Complex<T>],
    work: &mut [Lanes<S::Vector>],
) {
    let stride = block / R;
    for block in work.chunks_exact_mut(block) {
        let mut parts = block.chunks_exact_mut(stride);
        let parts: [&mut [_]; R] = std::array::from_fn(|_| parts.next().expect("as many parts as the radix"))
            .map(|part: &mut [_]| &mut part[..stride]);
        for (group, factors) in (0..stride).zip(factors.chunks_exact(R - 1)) {
            let mut x = [parts[0][group]; R];
            for m in 1..R {
                x[m] = parts[m][group];
            }
            butterfly::<T, S, R>(simd, &mut x);
            parts[0][group] = x[0];
            for p in 1..R {
                parts[p][group] = multiply(simd, x[p], factors[p - 1]);
            }
        }
    }
}

/// The radices that a pass may have, with what a pass costs per number: found by measuring, in no particular unit.
const RADICES: [(usize, u32); 8] = [(2, 30), (3, 36), (4, 33), (5, 40), (6, 40), (8, 38), (9, 48), (16, 48)];

/// The cheapest radices for a length, at least two of them, small before large; `None` when it has other factors.
fn radices(len: usize) -> Option<Vec<usize>> {
    /// The cheapest product of exactly `n_passes` radices, from the given one on.
    fn cheapest(len: usize, n_passes: usize, smallest: usize) -> Option<(u32, Vec<usize>)> {
        if n_passes == 0 {
            return (len == 1).then(|| (0, Vec::new()));
        }
        let candidates = RADICES.iter().filter(|(radix, _)| *radix >= smallest && len.is_multiple_of(*radix));
        candidates
            .filter_map(|&(radix, cost)| {
                let (rest_cost, rest) = cheapest(len / radix, n_passes - 1, radix)?;
                Some((cost + rest_cost, [vec![radix], rest].concat()))
            })
            .min()
    }
    (2..=usize::BITS as usize)
        .take_while(|&n_passes| 1 << n_passes <= len)
        .filter_map(|n_passes| cheapest(len, n_passes, 2))
        .min()
        .map(|(_, radices)| radices)
}

/// a + b
#[inline(always)]
pub(super) fn add<T: Scalar, S: Simd<T>>(simd: S, a: Lanes<S::Vector>, b: Lanes<S::Vector>) -> Lanes<S::Vector> {
    Lanes { re: simd.add(a.re, b.re), im: simd.add(a.im, b.im) }
}

/// a − b
#[inline(always)]
pub(super) fn sub<T: Scalar, S: Simd<T>>(simd: S, a: Lanes<S::Vector>, b: Lanes<S::Vector>) -> Lanes<S::Vector> {
    Lanes { re: simd.sub(a.re, b.re), im: simd.sub(a.im, b.im) }
}

/// a + ib
#[inline(always)]
fn add_i<T: Scalar, S: Simd<T>>(simd: S, a: Lanes<S::Vector>, b: Lanes<S::Vector>) -> Lanes<S::Vector> {
    Lanes { re: simd.sub(a.re, b.im), im: simd.add(a.im, b.re) }
}

/// a − ib
#[inline(always)]
fn sub_i<T: Scalar, S: Simd<T>>(simd: S, a: Lanes<S::Vector>, b: Lanes<S::Vector>) -> Lanes<S::Vector> {
    Lanes { re: simd.add(a.re, b.im), im: simd.sub(a.im, b.re) }
}

/// a · factor, the same factor in all lanes.
#[inline(always)]
fn multiply<T: Scalar, S: Simd<T>>(simd: S, a: Lanes<S::Vector>, factor: Complex<T>) -> Lanes<S::Vector> {
    let (re, im) = (simd.splat(factor.re), simd.splat(factor.im));
    Lanes { re: simd.mul_sub(a.re, re, simd.mul(a.im, im)), im: simd.mul_add(a.re, im, simd.mul(a.im, re)) }
}

/// a · factor, for a real factor.
#[inline(always)]
fn scale<T: Scalar, S: Simd<T>>(simd: S, a: Lanes<S::Vector>, factor: S::Vector) -> Lanes<S::Vector> {
    Lanes { re: simd.mul(a.re, factor), im: simd.mul(a.im, factor) }
}

/// a · factor + c, for a real factor.
#[inline(always)]
fn scale_add<T: Scalar, S: Simd<T>>(
    simd: S,
    a: Lanes<S::Vector>,
    factor: S::Vector,
    c: Lanes<S::Vector>,
) -> Lanes<S::Vector> {
    Lanes { re: simd.mul_add(a.re, factor, c.re), im: simd.mul_add(a.im, factor, c.im) }
}

/// The transform of `R` numbers, in place and in order.
#[inline(always)]
fn butterfly<T: Scalar, S: Simd<T>, const R: usize>(simd: S, x: &mut [Lanes<S::Vector>; R]) {
    match R {
        2 => (x[0], x[1]) = (add(simd, x[0], x[1]), sub(simd, x[0], x[1])),
        3 => {
            let half = simd.splat(T::rounded(-0.5));
            let sin = simd.splat(T::rounded((PI / 3.0).sin()));
            let sum = add(simd, x[1], x[2]);
            let difference = scale(simd, sub(simd, x[1], x[2]), sin);
            let middle = scale_add(simd, sum, half, x[0]);
            x[0] = add(simd, x[0], sum);
            x[1] = sub_i(simd, middle, difference);
            x[2] = add_i(simd, middle, difference);
        }
        4 => {
            let (a, b) = (add(simd, x[0], x[2]), sub(simd, x[0], x[2]));
            let (c, d) = (add(simd, x[1], x[3]), sub(simd, x[1], x[3]));
            (x[0], x[2]) = (add(simd, a, c), sub(simd, a, c));
            (x[1], x[3]) = (sub_i(simd, b, d), add_i(simd, b, d));
        }
        5 => {
            let (cos1, sin1) = (simd.splat(T::rounded((PI * 0.4).cos())), simd.splat(T::rounded((PI * 0.4).sin())));
            let (cos2, sin2) = (simd.splat(T::rounded((PI * 0.8).cos())), simd.splat(T::rounded((PI * 0.8).sin())));
            let (sum1, difference1) = (add(simd, x[1], x[4]), sub(simd, x[1], x[4]));
            let (sum2, difference2) = (add(simd, x[2], x[3]), sub(simd, x[2], x[3]));
            let even1 = scale_add(simd, sum2, cos2, scale_add(simd, sum1, cos1, x[0]));
            let even2 = scale_add(simd, sum2, cos1, scale_add(simd, sum1, cos2, x[0]));
            let odd1 = scale_add(simd, difference2, sin2, scale(simd, difference1, sin1));
            let odd2 = Lanes {
                re: simd.neg_mul_add(difference2.re, sin1, simd.mul(difference1.re, sin2)),
                im: simd.neg_mul_add(difference2.im, sin1, simd.mul(difference1.im, sin2)),
            };
            x[0] = add(simd, x[0], add(simd, sum1, sum2));
            (x[1], x[4]) = (sub_i(simd, even1, odd1), add_i(simd, even1, odd1));
            (x[2], x[3]) = (sub_i(simd, even2, odd2), add_i(simd, even2, odd2));
        }
        6 => {
            // Two threes, with indices such that no factors come between: 3a + 2b and 3c + 4d, modulo 6.
            let mut first = [x[0], x[2], x[4]];
            let mut second = [x[3], x[5], x[1]];
            butterfly::<T, S, 3>(simd, &mut first);
            butterfly::<T, S, 3>(simd, &mut second);
            (x[0], x[3]) = (add(simd, first[0], second[0]), sub(simd, first[0], second[0]));
            (x[4], x[1]) = (add(simd, first[1], second[1]), sub(simd, first[1], second[1]));
            (x[2], x[5]) = (add(simd, first[2], second[2]), sub(simd, first[2], second[2]));
        }
        9 => square_butterfly::<T, S, 3, R>(simd, x),
        16 => square_butterfly::<T, S, 4, R>(simd, x),
        _ => {
            // Eight: two fours, of the even and of the odd inputs.
            let diagonal = simd.splat(T::rounded(std::f64::consts::FRAC_1_SQRT_2));
            let mut even = [x[0], x[2], x[4], x[6]];
            let mut odd = [x[1], x[3], x[5], x[7]];
            butterfly::<T, S, 4>(simd, &mut even);
            butterfly::<T, S, 4>(simd, &mut odd);
            // (1 − i)/√2 and (−1 − i)/√2
            let odd1 =
                scale(simd, Lanes { re: simd.add(odd[1].re, odd[1].im), im: simd.sub(odd[1].im, odd[1].re) }, diagonal);
            let odd3 =
                scale(simd, Lanes { re: simd.sub(odd[3].im, odd[3].re), im: simd.add(odd[3].re, odd[3].im) }, diagonal);
            (x[0], x[4]) = (add(simd, even[0], odd[0]), sub(simd, even[0], odd[0]));
            (x[1], x[5]) = (add(simd, even[1], odd1), sub(simd, even[1], odd1));
            (x[2], x[6]) = (sub_i(simd, even[2], odd[2]), add_i(simd, even[2], odd[2]));
            // odd3 is minus the factor times odd[3] in its imaginary part: (−1 − i)/√2·(a + ib) = ((b − a) − i(a + b))/√2.
            (x[3], x[7]) = (
                Lanes { re: simd.add(even[3].re, odd3.re), im: simd.sub(even[3].im, odd3.im) },
                Lanes { re: simd.sub(even[3].re, odd3.re), im: simd.add(even[3].im, odd3.im) },
            );
        }
    }
}

/// The transform of `R` = `Q`² numbers: `Q` transforms of every `Q`-th, factors, and `Q` transforms across.
#[inline(always)]
fn square_butterfly<T: Scalar, S: Simd<T>, const Q: usize, const R: usize>(simd: S, x: &mut [Lanes<S::Vector>; R]) {
    let mut rows = [[x[0]; Q]; Q];
    for (i, row) in rows.iter_mut().enumerate() {
        for m in 0..Q {
            row[m] = x[i + m * Q];
        }
        butterfly::<T, S, Q>(simd, row);
        for (p, value) in row.iter_mut().enumerate().skip(1) {
            if i > 0 {
                let (sin, cos) = (2.0 * PI * (i * p) as f64 / R as f64).sin_cos();
                *value = multiply(simd, *value, Complex::new(T::rounded(cos), T::rounded(-sin)));
            }
        }
    }
    for p in 0..Q {
        let mut column = [x[0]; Q];
        for i in 0..Q {
            column[i] = rows[i][p];
        }
        butterfly::<T, S, Q>(simd, &mut column);
        for q in 0..Q {
            x[p + Q * q] = column[q];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polar::aligned::Aligned;
    use crate::polar::simd::InstructionSet;

    /// Transforms `input` in lane 1, with something else in lane 0.
    struct Transform<'a, T>(&'a [Complex<f64>], &'a HalfFilledFft<T>);

    impl<T: Scalar> Kernel<T> for Transform<'_, T> {
        type Output = Vec<Complex<f64>>;

        #[inline(always)]
        fn run<S: Simd<T>>(self, simd: S) -> Vec<Complex<f64>> {
            let Self(values, fft) = self;
            let vector = 2 * S::LANES;
            let mut input = Aligned::new::<T>(fft.len / 2 * vector);
            for (lanes, value) in input.get_mut::<T>().chunks_exact_mut(vector).zip(values) {
                lanes[0] = T::rounded(1.0);
                (lanes[1], lanes[S::LANES + 1]) = (T::rounded(value.re), T::rounded(value.im));
            }
            let mut output = Aligned::new::<T>(fft.len * vector);
            let mut work = Aligned::new::<T>(fft.len / 4 * vector);
            fft.transform(simd, input.get(), output.get_mut(), work.get_mut());
            let lanes = output.get::<T>().chunks_exact(vector);
            let values: Vec<_> =
                lanes.map(|lanes| Complex::new(lanes[1].widened(), lanes[S::LANES + 1].widened())).collect();
            (0..fft.len).map(|k| values[place(fft.len, k)]).collect()
        }
    }

    fn worst<T: Scalar>(set: InstructionSet, len: usize) -> f64 {
        let input: Vec<Complex<f64>> = (0..len / 2)
            .map(|k| Complex::new((k as f64 * 0.7).sin() as f32 as f64, (k as f64 * k as f64).cos() as f32 as f64))
            .collect();
        let fft = HalfFilledFft::<T>::plan(len);
        let output = T::run(set, Transform(&input, &fft));
        let (mut error, mut norm) = (0.0, 0.0);
        for (k, value) in output.iter().enumerate() {
            let mut sum = Complex::new(0.0, 0.0);
            for (place, x) in input.iter().enumerate() {
                // Whole turns taken off before the angle is formed.
                let turns = (k * (place + len - len / 4)) % len;
                sum += x * Complex::from_polar(1.0, -2.0 * PI * turns as f64 / len as f64);
            }
            error += (value - sum).norm_sqr();
            norm += sum.norm_sqr();
        }
        (error / norm).sqrt()
    }

    #[test]
    fn agrees_with_the_definition() {
        for set in InstructionSet::available() {
            for len in [
                64, 72, 80, 648, 576, 400, 480, 768, 900, 1024, 96, 100, 128, 144, 180, 192, 256, 320, 360, 512, 600,
                720,
            ] {
                // Rounding grows with the logarithm of the length: some ten roundings at most.
                assert!(worst::<f32>(set, len) < 3e-7, "{} single {len}: {:e}", set.name(), worst::<f32>(set, len));
                assert!(worst::<f64>(set, len) < 1e-15, "{} double {len}: {:e}", set.name(), worst::<f64>(set, len));
            }
        }
    }
}
