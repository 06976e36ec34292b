//! Discrete Fourier transforms of several sequences side by side, one in each lane of a vector.
//!
//! Stockham's order: each pass reads one buffer and writes the other, and nothing has to be sorted. Not normalised.

use std::f64::consts::TAU;

use num_complex::Complex;

use super::simd::{Part, Simd};
use crate::real::Real;

/// Real and imaginary parts of a vector of complex numbers.
pub(crate) type Pair<V> = [V; 2];

/// A pass that combines `radix` values; `before` is the product of the radices before it.
#[derive(Debug, Clone)]
struct Pass<T> {
    radix: usize,
    /// Length that is left, including this radix.
    length: usize,
    stride: usize,
    /// For each p below length/radix, powers 1 … radix − 1 of its wave.
    twiddles: Vec<Complex<T>>,
    /// Waves of the radix itself, for radices without a formula of their own.
    roots: Vec<Complex<T>>,
}

/// A complex transform of one length: X_k = Σ_j x_j exp(±2πi jk/n).
#[derive(Debug, Clone)]
pub(crate) struct LaneFft<T> {
    n: usize,
    passes: Vec<Pass<T>>,
    /// −1 forth, +1 back.
    sign: f64,
}

fn wave<T: Real>(sign: f64, numerator: usize, n: usize) -> Complex<T> {
    let value = Complex::cis(sign * TAU * (numerator % n) as f64 / n as f64);
    Complex::new(T::from_f64(value.re), T::from_f64(value.im))
}

fn radices(mut n: usize) -> Vec<usize> {
    let mut found = Vec::new();
    while n.is_multiple_of(4) {
        found.push(4);
        n /= 4;
    }
    let mut radix = 2;
    while n > 1 {
        while n.is_multiple_of(radix) {
            found.push(radix);
            n /= radix;
        }
        radix += 1;
    }
    found
}

impl<T: Real> LaneFft<T> {
    pub fn new(n: usize, back: bool) -> Self {
        let sign = if back { 1.0 } else { -1.0 };
        let (mut length, mut stride) = (n, 1);
        let passes = radices(n)
            .into_iter()
            .map(|radix| {
                let m = length / radix;
                let twiddles = (0..m).flat_map(|p| (1..radix).map(move |k| wave(sign, p * k, length))).collect();
                let roots = (0..radix).map(|k| wave(sign, k, radix)).collect();
                let pass = Pass { radix, length, stride, twiddles, roots };
                length = m;
                stride *= radix;
                pass
            })
            .collect();
        Self { n, passes, sign }
    }

    /// Transforms what stands in `x`; the result stands there, too. `y` is scratch of the same length.
    #[inline(always)]
    pub fn run<S: Simd<T>>(&self, simd: S, x: &mut Vec<Pair<S::V>>, y: &mut Vec<Pair<S::V>>) {
        simd.call(Run { fft: self, x, y });
    }

    #[inline(always)]
    fn passes<S: Simd<T>>(&self, simd: S, x: &mut Vec<Pair<S::V>>, y: &mut Vec<Pair<S::V>>) {
        debug_assert!(x.len() == self.n && y.len() == self.n);
        for pass in &self.passes {
            match pass.radix {
                2 => pass.two(simd, x, y),
                3 => pass.three(simd, self.sign, x, y),
                4 => pass.four(simd, self.sign, x, y),
                _ => pass.any(simd, x, y),
            }
            std::mem::swap(x, y);
        }
    }
}

/// A transform with its buffers.
struct Run<'a, T, V> {
    fft: &'a LaneFft<T>,
    x: &'a mut Vec<Pair<V>>,
    y: &'a mut Vec<Pair<V>>,
}

impl<T: Real, S: Simd<T>> Part<T, S> for Run<'_, T, S::V> {
    type Output = ();

    #[inline(always)]
    fn run(self, simd: S) {
        self.fft.passes(simd, self.x, self.y);
    }
}

#[inline(always)]
fn add<T: Real, S: Simd<T>>(simd: S, a: Pair<S::V>, b: Pair<S::V>) -> Pair<S::V> {
    [simd.add(a[0], b[0]), simd.add(a[1], b[1])]
}

#[inline(always)]
fn sub<T: Real, S: Simd<T>>(simd: S, a: Pair<S::V>, b: Pair<S::V>) -> Pair<S::V> {
    [simd.sub(a[0], b[0]), simd.sub(a[1], b[1])]
}

/// a·w for one complex number w.
#[inline(always)]
pub(crate) fn times<T: Real, S: Simd<T>>(simd: S, a: Pair<S::V>, w: Complex<T>) -> Pair<S::V> {
    let (re, im) = (simd.splat(w.re), simd.splat(w.im));
    [simd.fnma(a[1], im, simd.mul(a[0], re)), simd.fma(a[0], im, simd.mul(a[1], re))]
}

impl<T: Real> Pass<T> {
    #[inline(always)]
    fn two<S: Simd<T>>(&self, simd: S, x: &[Pair<S::V>], y: &mut [Pair<S::V>]) {
        let s = self.stride;
        let (x0, x1) = x.split_at(s * self.length / 2);
        let inputs = x0.chunks_exact(s).zip(x1.chunks_exact(s));
        for ((y, (x0, x1)), w) in y.chunks_exact_mut(2 * s).zip(inputs).zip(&self.twiddles) {
            let (y0, y1) = y.split_at_mut(s);
            for (((y0, y1), &a), &b) in y0.iter_mut().zip(y1).zip(x0).zip(x1) {
                *y0 = add(simd, a, b);
                *y1 = times(simd, sub(simd, a, b), *w);
            }
        }
    }

    #[inline(always)]
    fn three<S: Simd<T>>(&self, simd: S, sign: f64, x: &[Pair<S::V>], y: &mut [Pair<S::V>]) {
        let (s, m) = (self.stride, self.length / 3);
        let half = simd.splat(T::from_f64(0.5));
        let height = simd.splat(T::from_f64(sign * 0.75_f64.sqrt()));
        for (p, y) in y.chunks_exact_mut(3 * s).enumerate() {
            let w = &self.twiddles[2 * p..2 * p + 2];
            for q in 0..s {
                let [a, b, c] = [0, 1, 2].map(|k| x[q + s * (p + m * k)]);
                let (sum, difference) = (add(simd, b, c), sub(simd, b, c));
                let middle = [simd.fnma(sum[0], half, a[0]), simd.fnma(sum[1], half, a[1])];
                // ±i·√¾·(b − c)
                let side = [simd.mul(difference[1], height), simd.mul(difference[0], height)];
                y[q] = add(simd, a, sum);
                y[q + s] = times(simd, [simd.sub(middle[0], side[0]), simd.add(middle[1], side[1])], w[0]);
                y[q + 2 * s] = times(simd, [simd.add(middle[0], side[0]), simd.sub(middle[1], side[1])], w[1]);
            }
        }
    }

    #[inline(always)]
    fn four<S: Simd<T>>(&self, simd: S, sign: f64, x: &[Pair<S::V>], y: &mut [Pair<S::V>]) {
        let (s, m) = (self.stride, self.length / 4);
        let (x01, x23) = x.split_at(2 * s * m);
        let ((x0, x1), (x2, x3)) = (x01.split_at(s * m), x23.split_at(s * m));
        for (p, y) in y.chunks_exact_mut(4 * s).enumerate() {
            let w: [Complex<T>; 3] = [self.twiddles[3 * p], self.twiddles[3 * p + 1], self.twiddles[3 * p + 2]];
            let places = p * s..(p + 1) * s;
            let inputs = x0[places.clone()].iter().zip(&x1[places.clone()]).zip(&x2[places.clone()]).zip(&x3[places]);
            let (y01, y23) = y.split_at_mut(2 * s);
            let ((y0, y1), (y2, y3)) = (y01.split_at_mut(s), y23.split_at_mut(s));
            let outputs = y0.iter_mut().zip(y1).zip(y2).zip(y3);
            for ((((y0, y1), y2), y3), (((&a, &b), &c), &d)) in outputs.zip(inputs) {
                let (ac, a_c) = (add(simd, a, c), sub(simd, a, c));
                let (bd, b_d) = (add(simd, b, d), sub(simd, b, d));
                // ±i·(b − d)
                let (plus, minus) = (
                    [simd.sub(a_c[0], b_d[1]), simd.add(a_c[1], b_d[0])],
                    [simd.add(a_c[0], b_d[1]), simd.sub(a_c[1], b_d[0])],
                );
                let (first, third) = if sign > 0.0 { (plus, minus) } else { (minus, plus) };
                *y0 = add(simd, ac, bd);
                if m == 1 {
                    (*y1, *y2, *y3) = (first, sub(simd, ac, bd), third);
                } else {
                    *y1 = times(simd, first, w[0]);
                    *y2 = times(simd, sub(simd, ac, bd), w[1]);
                    *y3 = times(simd, third, w[2]);
                }
            }
        }
    }

    #[inline(always)]
    fn any<S: Simd<T>>(&self, simd: S, x: &[Pair<S::V>], y: &mut [Pair<S::V>]) {
        let (s, r) = (self.stride, self.radix);
        let m = self.length / r;
        for p in 0..m {
            for q in 0..s {
                for k in 0..r {
                    let mut sum = x[q + s * p];
                    for j in 1..r {
                        sum = add(simd, sum, times(simd, x[q + s * (p + m * j)], self.roots[j * k % r]));
                    }
                    y[q + s * (r * p + k)] =
                        if k == 0 { sum } else { times(simd, sum, self.twiddles[(r - 1) * p + k - 1]) };
                }
            }
        }
    }
}

/// From a spectrum at frequencies 0 … ⌊P/2⌋ to the P real numbers x_w = Re Z_0 + 2 Re Σ Z_q exp(2πi qw/P) (the last term
/// of an even P once).
#[derive(Debug, Clone)]
pub(crate) struct LaneSynthesis<T> {
    p: usize,
    fft: LaneFft<T>,
    /// exp(2πi k/P), k up to P/4.
    waves: Vec<Complex<T>>,
}

impl<T: Real> LaneSynthesis<T> {
    pub fn new(p: usize) -> Self {
        let n = if p.is_multiple_of(2) { p / 2 } else { p };
        let waves = (0..=p / 4).map(|k| wave(1.0, k, p)).collect();
        Self { p, fft: LaneFft::new(n, true), waves }
    }

    /// Complex numbers of each of the two buffers.
    pub fn buffer_len(&self) -> usize {
        self.fft.n
    }

    /// The numbers stand one after the other in the first `P` vectors of `x`, flattened.
    #[inline(always)]
    pub fn run<S: Simd<T>>(&self, simd: S, spectrum: &[Pair<S::V>], x: &mut Vec<Pair<S::V>>, y: &mut Vec<Pair<S::V>>) {
        let (zero, h) = (simd.splat(T::default()), self.p / 2);
        if self.p % 2 == 1 {
            x[0] = [spectrum[0][0], zero];
            for k in 1..=h {
                let [re, im] = spectrum[k];
                x[k] = [re, im];
                x[self.p - k] = [re, simd.sub(zero, im)];
            }
            self.fft.run(simd, x, y);
            for w in 0..self.p {
                let value = x[w][0];
                x.as_flattened_mut()[w] = value;
            }
            return;
        }
        // c_k = E + i·D with E = Z_k + conj Z_{h−k}, D = (Z_k − conj Z_{h−k})·exp(2πi k/P): even numbers in the real
        // parts, odd ones in the imaginary parts of its transform.
        let (first, last) = (spectrum[0][0], spectrum[h][0]);
        x[0] = [simd.add(first, last), simd.sub(first, last)];
        for k in 1..=h / 2 {
            let ([a_re, a_im], [b_re, b_im]) = (spectrum[k], spectrum[h - k]);
            let e = [simd.add(a_re, b_re), simd.sub(a_im, b_im)];
            let d = times(simd, [simd.sub(a_re, b_re), simd.add(a_im, b_im)], self.waves[k]);
            x[h - k] = [simd.add(e[0], d[1]), simd.sub(d[0], e[1])];
            x[k] = [simd.sub(e[0], d[1]), simd.add(e[1], d[0])];
        }
        self.fft.run(simd, x, y);
    }
}

#[cfg(test)]
mod tests {
    use super::super::simd::{Dispatch, Kernel};
    use super::*;

    /// Transforms sequences of each length and compares with the definition.
    struct Check<T>(usize, std::marker::PhantomData<T>);

    impl<T: Real> Kernel<T> for Check<T> {
        #[inline(always)]
        fn run<S: Simd<T>>(self, simd: S) {
            let p = self.0;
            let tolerance = if T::IS_SINGLE { 5e-6 } else { 1e-13 } * (p as f64).sqrt();
            let value = |i: usize, lane: usize| ((i * 7 + lane * 3 + 1) as f64 * 1.7).sin();
            let number = |v: S::V, lane: usize| {
                let mut numbers = [T::default(); 16];
                simd.store(v, &mut numbers);
                numbers[lane].to_f64()
            };
            let vector = |i: usize| {
                let numbers: Vec<T> = (0..S::LANES).map(|lane| T::from_f64(value(i, lane))).collect();
                simd.load(&numbers)
            };
            for back in [false, true] {
                let fft = LaneFft::<T>::new(p, back);
                let mut x: Vec<Pair<S::V>> = (0..p).map(|i| [vector(2 * i), vector(2 * i + 1)]).collect();
                let mut y = x.clone();
                fft.run(simd, &mut x, &mut y);
                for k in 0..p {
                    for lane in 0..S::LANES {
                        let expected: Complex<f64> = (0..p)
                            .map(|i| {
                                Complex::new(value(2 * i, lane), value(2 * i + 1, lane))
                                    * wave::<f64>(fft.sign, i * k, p)
                            })
                            .sum();
                        assert!(
                            (number(x[k][0], lane) - expected.re).abs() < tolerance,
                            "{p} {back} {k} {} {expected}",
                            number(x[k][0], lane)
                        );
                        assert!((number(x[k][1], lane) - expected.im).abs() < tolerance, "{p} {back} {k}");
                    }
                }
            }
            let synthesis = LaneSynthesis::<T>::new(p);
            let spectrum: Vec<Pair<S::V>> = (0..=p / 2).map(|i| [vector(2 * i), vector(2 * i + 1)]).collect();
            let mut x = vec![[simd.splat(T::default()); 2]; synthesis.buffer_len()];
            let mut y = x.clone();
            synthesis.run(simd, &spectrum, &mut x, &mut y);
            for w in 0..p {
                for lane in 0..S::LANES {
                    let expected: f64 = (0..=p / 2)
                        .map(|q| {
                            let factor = if q == 0 || 2 * q == p { 1.0 } else { 2.0 };
                            // The first and last terms count by their real parts.
                            let im = if factor == 1.0 { 0.0 } else { value(2 * q + 1, lane) };
                            factor * (Complex::new(value(2 * q, lane), im) * wave::<f64>(1.0, q * w, p)).re
                        })
                        .sum();
                    assert!((number(x.as_flattened()[w], lane) - expected).abs() < tolerance, "{p} {w}");
                }
            }
        }
    }

    #[test]
    fn transforms_of_any_length_are_those_of_the_definition() {
        for p in (1..=40).chain([48, 49, 60, 64, 66, 81, 100, 128, 254, 256]) {
            f32::dispatch(Check::<f32>(p, std::marker::PhantomData));
            f64::dispatch(Check::<f64>(p, std::marker::PhantomData));
        }
    }
}
