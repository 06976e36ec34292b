//! Waves: sines and cosines of many phases at once, in loops that the compiler turns into vectors.

use verglas_fourier::waves::sin_cos_turns;

use crate::compare::simd::{Dispatch, Kernel, Simd};
use crate::geometry::Geometry;

/// The phases of a displacement on one shell after the other.
pub(crate) struct Waves {
    /// Turns per Å⁻¹ of each angle: d_0 x + d_1 y. Of an even number half of them: the others are opposite to these.
    along: Vec<f64>,
    n_opposite: usize,
    turns: Vec<f64>,
    sin: Vec<f64>,
    cos: Vec<f64>,
}

impl Waves {
    /// Those of exp(2πi·(2/L)·(d_0 x + d_1 y)).
    pub fn of_displacement(geometry: &Geometry, [d_0, d_1]: [f64; 2]) -> Self {
        let p = geometry.n_inplanes();
        let along = |inplane: usize| {
            let (cos, sin) = geometry.grid().direction(inplane);
            d_0 * cos + d_1 * sin
        };
        let n_opposite = n_opposite(p);
        let n = p - n_opposite;
        let room = || vec![0.0; n];
        Self { along: (0..n).map(along).collect(), n_opposite, turns: room(), sin: room(), cos: room() }
    }

    /// cos and sin at each angle of a shell.
    pub fn of_shell(&mut self, geometry: &Geometry, shell: usize) -> impl Iterator<Item = (f64, f64)> {
        let radius = geometry.grid().radii()[shell] * (2.0 / geometry.box_angstrom());
        self.turns.iter_mut().zip(&self.along).for_each(|(turns, along)| *turns = radius * along);
        sin_cos_of_turns(&self.turns, &mut self.sin, &mut self.cos);
        let all = self.cos.iter().copied().zip(self.sin.iter().copied());
        all.clone().chain(all.take(self.n_opposite).map(|(cos, sin)| (cos, -sin)))
    }
}

/// Of `p` angles, how many are opposite to the first ones.
pub(crate) fn n_opposite(p: usize) -> usize {
    if p.is_multiple_of(2) { p / 2 } else { 0 }
}

/// sin 2πt and cos 2πt of each t, within 4e-16 and what rounding t makes of it.
pub(crate) fn sin_cos_of_turns(turns: &[f64], sin: &mut [f64], cos: &mut [f64]) {
    f64::dispatch(SinCos { turns, sin, cos });
}

struct SinCos<'a> {
    turns: &'a [f64],
    sin: &'a mut [f64],
    cos: &'a mut [f64],
}

impl Kernel<f64> for SinCos<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>>(self, _: S) {
        for ((turns, sin), cos) in self.turns.iter().zip(self.sin).zip(self.cos) {
            (*sin, *cos) = sin_cos_turns(*turns);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    #[test]
    fn sines_and_cosines_are_those_of_the_standard_library() {
        let turns: Vec<f64> = (-5000..5000).map(|step| 0.000_737 * f64::from(step)).collect();
        let (mut sin, mut cos) = (vec![0.0; turns.len()], vec![0.0; turns.len()]);
        sin_cos_of_turns(&turns, &mut sin, &mut cos);
        for ((turns, sin), cos) in turns.iter().zip(sin).zip(cos) {
            // Reduced first, which is exact.
            let (expected_sin, expected_cos) = (TAU * (turns - turns.round())).sin_cos();
            let off = (sin - expected_sin).abs().max((cos - expected_cos).abs());
            // Both round their argument.
            assert!(off < 8e-16, "{turns}: {off:e}");
        }
    }
}
