//! The oversampled grid folded into an octant, for polar grids whose number of angles 4 divides.
//!
//! The points at θ, −θ, π/2 − θ and π/2 + θ see the grid through mirrored kernels. An element of the folded grid holds the
//! four values that take the same weight for them, so that one weighted sum over eight reals gives four results.

use super::aligned::Aligned;
use super::fft::{Lanes, place};
use super::scalar::Scalar;
use super::simd::{OCTET, Simd};

/// An element: {G(a, b), G(a, −b), G(b, a), G(−b, a)}, real and imaginary parts.
pub(super) type Element<T> = [T; OCTET];

/// Where the elements (a, b) of the octant are stored: line a + halo, place b + halo.
///
/// a runs from −halo to N_g/2 + halo, b from −halo to just past the diagonal at the rim of the disc.
#[derive(Debug, Clone, Copy)]
pub(super) struct OctantLayout {
    n_grid: usize,
    width: usize,
    halo: usize,
    /// Largest b that the kernel reaches from a point of the octant.
    last_b: usize,
    stride: usize,
    n_lines: usize,
}

impl OctantLayout {
    /// `width` is the kernel's along b, which begins at multiples of `alignment`; along a it is no wider.
    pub(super) fn new(n_grid: usize, width: usize, alignment: usize, lanes: usize) -> Self {
        let halo = width / 2;
        assert!(halo.is_multiple_of(alignment), "the halo keeps elements that belong together in one cache line");
        let last_b = (n_grid as f64 * 0.125_f64.sqrt()).ceil() as usize + width / 2 + 1;
        let last_b = last_b.min(n_grid / 2);
        // Blocks of lanes are stored whole, and may reach past the last b and past the last line.
        let stride = (halo + last_b + 1 + lanes).next_multiple_of(alignment);
        // An odd number of cache lines keeps the lines of a kernel apart in the cache.
        let stride = if (stride / alignment).is_multiple_of(2) { stride + alignment } else { stride };
        Self { n_grid, width, halo, last_b, stride, n_lines: n_grid / 2 + 1 + 2 * halo + lanes }
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        self.n_lines * self.stride
    }

    /// Elements from one line to the next.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Place of the element (a, b).
    pub(super) fn place(&self, a: i64, b: i64) -> usize {
        (a + self.halo as i64) as usize * self.stride + (b + self.halo as i64) as usize
    }

    /// The largest b of the lines from a on that any kernel reaches: nothing past the rim of the disc is stored.
    #[inline(always)]
    fn reach(&self, a: usize) -> usize {
        let rim = (self.n_grid / 2 + self.width) as f64;
        let a = a as f64;
        ((rim * rim - a * a).max(0.0).sqrt().ceil() as usize).min(self.n_grid / 2)
    }

    /// Stores a block of the half plane: G(block·lanes + lane, b) from place b of `frequencies`, as the transform leaves them.
    ///
    /// Both as the first two values of the elements (a, b) and, the axes exchanged, as the last two of (b, a).
    #[inline(always)]
    pub(super) fn store_block<T: Scalar, S: Simd<T>>(
        &self,
        simd: S,
        block: usize,
        frequencies: &[Lanes<S::Vector>],
        elements: &mut [Element<T>],
    ) {
        let first = block * S::LANES;
        let frequencies = &frequencies[..self.n_grid];
        let reach = self.reach(first);
        // A kernel in the octant reaches w past the diagonal at most.
        for b in 0..=(first + S::LANES - 1 + self.width).min(self.last_b).min(reach) {
            let (plus, minus) = self.plus_and_minus(frequencies, b);
            let target = (first + self.halo) * self.stride + b + self.halo;
            simd.store_quads([plus.re, plus.im, minus.re, minus.im], elements, target, self.stride, 0);
        }
        if first > self.last_b {
            return;
        }
        for a in first.saturating_sub(self.width)..=reach {
            let (plus, minus) = self.plus_and_minus(frequencies, a);
            // G(−b, a) = conj G(b, −a)
            let negated = simd.sub(simd.splat(T::zero()), minus.im);
            let target = (a + self.halo) * self.stride + first + self.halo;
            simd.store_quads([plus.re, plus.im, minus.re, negated], elements, target, 1, 4);
        }
    }

    /// The frequencies k and −k.
    #[inline(always)]
    fn plus_and_minus<V: Copy>(&self, frequencies: &[Lanes<V>], k: usize) -> (Lanes<V>, Lanes<V>) {
        let minus = if k == 0 { 0 } else { self.n_grid - k };
        (frequencies[place(self.n_grid, k)], frequencies[place(self.n_grid, minus)])
    }

    /// Fills the elements beyond the octant's edges from those within.
    #[inline(always)]
    pub(super) fn fill_halo<T: Scalar>(&self, elements: &mut [Element<T>]) {
        let (halo, stride) = (self.halo, self.stride);
        // −b: each pair of values changes places.
        for line in elements.chunks_exact_mut(stride).skip(halo).take(self.n_grid / 2 + 1) {
            for t in 1..=halo {
                let [p, q, r, s, t0, u, v, w] = line[halo + t];
                line[halo - t] = [r, s, p, q, v, w, t0, u];
            }
        }
        // −a: G(−a, b) = conj G(a, −b), and so on. From there b ≤ w, since the point lies below the diagonal.
        for t in 1..=halo {
            self.mirror_line(elements, halo + t, halo - t, self.width + 1);
        }
        // N_g/2 + t is −(N_g/2 − t), a period on. There b is small: at the rim of the disc.
        let rim = ((self.n_grid * self.width) as f64).sqrt().ceil() as usize + self.width;
        for t in 1..=halo {
            let middle = halo + self.n_grid / 2;
            self.mirror_line(elements, middle - t, middle + t, rim);
        }
    }

    #[inline(always)]
    fn mirror_line<T: Scalar>(&self, elements: &mut [Element<T>], from: usize, to: usize, last_b: usize) {
        for k in 0..=(self.halo + last_b.min(self.last_b)) {
            let [p, q, r, s, t, u, v, w] = elements[from * self.stride + k];
            elements[to * self.stride + k] = [r, -s, p, -q, v, -w, t, -u];
        }
    }
}

/// The folded grid of one image.
#[derive(Debug)]
pub(super) struct OctantGrid {
    elements: Aligned,
}

impl OctantGrid {
    pub(super) fn new<T: Scalar>(layout: &OctantLayout) -> Self {
        Self { elements: Aligned::new::<Element<T>>(layout.len()) }
    }

    #[inline(always)]
    pub(super) fn elements<T: Scalar>(&self) -> &[Element<T>] {
        self.elements.get()
    }

    #[inline(always)]
    pub(super) fn elements_mut<T: Scalar>(&mut self) -> &mut [Element<T>] {
        self.elements.get_mut()
    }
}
