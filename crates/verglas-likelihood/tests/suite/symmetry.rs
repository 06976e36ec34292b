//! One asymmetric unit of a symmetric structure says what all views of it do.

use std::f64::consts::PI;

use verglas_fourier::sphere::PointGroup;
use verglas_likelihood::refine::ContinuousPose;
use verglas_likelihood::{ContrastSign, PosePrior};

use crate::simulated::{Compared, Model, Plain, World, drawn, image};

#[test]
fn an_asymmetric_unit_is_as_good_as_all_views() {
    let (factor, group) = (0.6, PointGroup::Cyclic(3));
    let all = World::new(24, 3.0, factor, 3.0, 7);
    let unit = World::new(24, 3.0, factor, 3.0, 7).of_symmetry(1.0 / (4.0 * PI * factor), group);
    // All views with the mates known, too.
    let mut known = World::new(24, 3.0, factor, 3.0, 7);
    known.mates = group.rotations();
    let model = Model::symmetric(&all, 11, group);
    let [all_views, unit_views, known_views] = [&all, &unit, &known].map(|world| Compared::new(world, &model));
    for (rho2, seed) in [(200.0, 3), (60.0, 5)] {
        let image = image(&all, &model, rho2, 1.5, seed);
        let [unit, known] =
            [&unit_views, &known_views].map(|compared| compared.image(&image).0.refined.unwrap().log_likelihood);
        assert!((known - unit).abs() < 0.1, "rho2 {rho2}: {unit} {known}");
        // Against poses drawn from all views, of which each copy is one.
        let plain = Plain::new(&all, &image, ContrastSign::Positive);
        let (expected, error) = drawn(&all, &model, &plain, &all_views.image(&image).1, 1500, seed);
        println!("rho2 {rho2}: {expected:.3} ({error:.3}), {unit:.3} {known:.3}");
        assert!(
            (unit - expected).abs() < 0.1 + 2.0 * error && error < 0.12,
            "rho2 {rho2}: {unit} {expected} ({error})"
        );
    }
    // Near any of the mates of the true pose it is the same as near the pose.
    let image = image(&all, &model, 200.0, 1.5, 3);
    let prior = PosePrior::new(10_f64.to_radians(), 5.0).unwrap();
    let pose = ContinuousPose { rotation: image.rotation, shift_angstrom: image.shift_angstrom };
    let near = |compared: &Compared, pose: ContinuousPose| {
        let found = compared.image_near(&image, pose, prior);
        (found.refined.unwrap().log_likelihood, found.prior_distance.unwrap().0)
    };
    let (expected, _) = near(&known_views, pose);
    for mate in group.rotations() {
        let rotation =
            std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| mate[i][k] * image.rotation[k][j]).sum()));
        let (found, distance) = near(&unit_views, ContinuousPose { rotation, ..pose });
        assert!((found - expected).abs() < 0.1 && distance < 0.2, "{found} {expected}, {distance}");
    }
    // One of three is known by itself: knowing which it is is worth nothing, for they are the same.
    let (alone, _) = near(&all_views, pose);
    assert!((alone - expected).abs() < 0.1, "{alone} {expected}");
}
