//! How well the best pose of the grid goes with one that lies between its poses.

use num_complex::Complex;
use verglas_fft::plan_complex_forward_f64;

use crate::displacements::Displacements;
use crate::geometry::Geometry;
use crate::real::Real;
use crate::sets::TemplateSet;
use crate::sums::to_double;

use super::nodes::mean_wave;

/// So many neighbouring views are compared.
const N_PAIRS: usize = 64;

/// The least correlation of a template of any pose with that of the grid's pose that is next to it, as far as sampled views tell; on the
/// shells and rotations of `geometry`.
pub(super) fn least_correlation<T: Real>(
    geometry: &Geometry,
    templates: &TemplateSet<'_, T>,
    displacements: &Displacements,
) -> f64 {
    let p = geometry.n_inplanes();
    let forward = plan_complex_forward_f64(p);
    let spectrum = |view: usize| {
        let mut values: Vec<Complex<f64>> = templates.template(view).iter().map(|value| to_double(*value)).collect();
        forward.process(&mut values);
        values
    };
    let weights = geometry.point_weights();
    let of_frequencies = |a: &[Complex<f64>], b: &[Complex<f64>]| {
        let mut sums = vec![Complex::default(); p];
        for ((a, b), weight) in a.chunks_exact(p).zip(b.chunks_exact(p)).zip(weights) {
            sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a.conj() * b * *weight);
        }
        sums
    };
    let n_views = templates.n_views();
    let (mut of_views, mut of_rotations) = (Vec::new(), 0.0_f64);
    let (mut power, mut of_displacements) = (0.0, 0.0);
    let half_step = displacements.grid().map_or(0.0, |grid| 0.5 * grid.steps_angstrom[0].hypot(grid.steps_angstrom[1]));
    let waves: Vec<f64> =
        (0..geometry.n_shells()).map(|shell| f64::from(mean_wave(geometry, shell, half_step))).collect();
    for view in (0..n_views).step_by(n_views.div_ceil(N_PAIRS)) {
        let (own, next) = (spectrum(view), spectrum((view + 1) % n_views));
        let norm = |sums: &[Complex<f64>]| sums.iter().map(|sum| sum.re).sum::<f64>();
        let own_power = of_frequencies(&own, &own);
        // Half of a rotation's step off.
        let turned: f64 = own_power
            .iter()
            .enumerate()
            .map(|(q, power)| power.re * (std::f64::consts::PI * q.min(p - q) as f64 / p as f64).cos())
            .sum();
        of_rotations = of_rotations.max(1.0 - turned / norm(&own_power));
        let mut product = of_frequencies(&own, &next);
        // All rotations, in the other order.
        forward.process(&mut product);
        let best = product.iter().map(|value| value.re).fold(f64::NEG_INFINITY, f64::max);
        let both = (norm(&own_power) * norm(&of_frequencies(&next, &next))).sqrt();
        of_views.push(1.0 - best / both);
        for ((shell, weight), wave) in own.chunks_exact(p).zip(weights).zip(&waves) {
            let of_shell = weight * shell.iter().map(|value| value.norm_sqr()).sum::<f64>();
            power += of_shell;
            of_displacements += of_shell * wave;
        }
    }
    // Views of one circle follow each other; where a circle ends, they may be far apart.
    of_views.sort_by(f64::total_cmp);
    // Correlations fall with the square of the distance, and the middle between four is 0.7 of a step from each.
    let of_views = 0.5 * of_views[of_views.len() / 2];
    1.0 - of_views - of_rotations - (1.0 - of_displacements / power)
}
