//! The likelihood between the grid's points, against draws of poses from all of it.

use verglas_likelihood::compare::{ComparisonSettings, Search};
use verglas_likelihood::ctf::ContrastFormula;
use verglas_likelihood::refine::{DEFAULT_MODES, Refinement};
use verglas_likelihood::{Contrast, ContrastSign, ImageSet, TemplateSet};

use crate::common::round;
use crate::simulated::{Model, Plain, World, drawn, image};

fn check(rho2: f64, factor: f64, n_images: usize, n_draws: usize) -> Vec<f64> {
    let world = World::new(24, 3.0, factor, 3.0, 7);
    let model = Model::new(&world, 5, 0.0);
    let templates = round::<f32>(&model.templates(&world));
    let set = TemplateSet::new(&world.geometry, &templates, &world.views.weight).unwrap();
    let settings = ComparisonSettings {
        sign: ContrastSign::Positive,
        weighs_appended: false,
        full: true,
        n_threads: 2,
        ..ComparisonSettings::default()
    };
    let refinement = Refinement {
        slices: &model,
        views: &world.rotations,
        n_modes: DEFAULT_MODES,
        pixel_angstrom: world.pixel_angstrom,
    };
    let search = Search::new(&world.geometry, set, &world.displacements, settings).unwrap();
    let search = search.with_refinement(refinement).unwrap();
    let mut differences = Vec::new();
    for seed in 0..n_images {
        let image = image(&world, &model, rho2, 1.5, 100 + seed as u64);
        let values = round::<f32>(&image.values);
        let transfers = [image.transfer];
        let images =
            ImageSet::new(&world.geometry, &values, Contrast::Parameters(&transfers, ContrastFormula::Right)).unwrap();
        let before = std::time::Instant::now();
        let found = search.compare(&images).unwrap();
        let took = before.elapsed();
        let refined = found.images[0].refined.unwrap();
        let plain = Plain::new(&world, &image, ContrastSign::Positive);
        // What is reported is so.
        let again = plain.values(&model, &refined.pose.rotation, &[refined.pose.shift_angstrom])[0];
        assert!((again - refined.log_likelihood_optimal).abs() < 1e-6, "{again} {}", refined.log_likelihood_optimal);
        let correlations: Vec<f64> = found.cross_correlations.iter().map(|cc| f64::from(*cc)).collect();
        let (expected, error) = drawn(&world, &model, &plain, &correlations, n_draws, 7 + seed as u64);
        println!(
            "rho2 {rho2}, F {factor}: grid {:+.3} refined {:+.3} (error {error:.3}); modes {} grid share {:.4} mode {:.3} between {} \
             sd {:.3} {:.3} {:.3}; {took:.2?}",
            found.images[0].log_likelihood_integrated - expected,
            refined.log_likelihood - expected,
            refined.n_modes,
            refined.grid_share,
            refined.mode_share,
            refined.is_between,
            refined.view_sd_rad,
            refined.psi_sd_rad,
            refined.shift_sd_angstrom,
        );
        differences.push(refined.log_likelihood - expected);
    }
    differences
}

#[test]
fn the_integral_is_that_over_all_poses() {
    for (rho2, factor) in [(200.0, 1.0), (60.0, 0.6)] {
        for difference in check(rho2, factor, 2, 6000) {
            assert!(difference.abs() < 0.15, "rho2 {rho2}: {difference}");
        }
    }
}
