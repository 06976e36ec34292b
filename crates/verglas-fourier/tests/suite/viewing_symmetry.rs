//! Views of symmetric structures: the kept ones show all there is, with weights that integrate as the whole grid does.

use std::f64::consts::PI;

use verglas_fourier::pose::Matrix3;
use verglas_fourier::sphere::{PointGroup, Views};

fn turned(rotation: &Matrix3, v: [f64; 3]) -> [f64; 3] {
    rotation.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn groups() -> Vec<PointGroup> {
    ["C1", "C2", "C3", "C5", "C12", "D1", "D2", "D3", "D7", "T", "O", "I", "I1", "I3", "I4"]
        .map(|name| name.parse().unwrap())
        .to_vec()
}

/// Something that looks the same from directions that the group makes equal: a few broad spots, and all their images.
fn symmetric(rotations: &[Matrix3], direction: [f64; 3], concentration: f64) -> f64 {
    const SPOTS: [([f64; 3], f64); 3] =
        [([0.36, 0.48, 0.8], 1.0), ([-0.6, 0.64, -0.48], -0.4), ([0.96, -0.28, 0.0], 0.7)];
    let value = |spot: [f64; 3]| -> f64 {
        rotations.iter().map(|g| (concentration * (dot(turned(g, direction), spot) - 1.0)).exp()).sum()
    };
    SPOTS.iter().map(|&(spot, height)| height * value(spot)).sum::<f64>() / rotations.len() as f64
}

fn integral(views: &Views, f: impl Fn([f64; 3]) -> f64) -> f64 {
    (0..views.len()).map(|t| views.weight[t] * f(views.direction(t))).sum()
}

#[test]
fn weights_are_positive_and_sum_up_to_the_sphere() {
    for group in groups() {
        for distance in [3.0, 0.5, 0.1] {
            let views = Views::for_symmetry(distance, group).unwrap();
            let sum: f64 = views.weight.iter().sum();
            assert!((sum / (4.0 * PI) - 1.0).abs() < 1e-13, "{group}, {distance}: {sum}");
            assert!(views.weight.iter().all(|&weight| weight > 0.0), "{group}, {distance}");
        }
    }
}

#[test]
fn without_symmetry_all_views_are_kept() {
    assert_eq!(Views::for_symmetry(0.3, PointGroup::Cyclic(1)).unwrap(), Views::new(0.3).unwrap());
}

#[test]
fn as_many_views_are_kept_as_the_order_says() {
    let whole = Views::new(0.08).unwrap().len() as f64;
    for group in groups() {
        let kept = Views::for_symmetry(0.08, group).unwrap().len() as f64;
        // Circles round up to whole turns of the axis, the border of an asymmetric unit is a few views long.
        let share = kept * group.order() as f64 / whole;
        println!("{group}: {kept} of {whole}, {share:.3}");
        assert!((0.9..1.3).contains(&share), "{group}: {kept} of {whole}");
    }
}

#[test]
fn the_orbit_of_the_kept_views_covers_the_sphere() {
    let distance = 0.15;
    let whole = Views::new(distance).unwrap();
    for group in groups() {
        let kept = Views::for_symmetry(distance, group).unwrap();
        let rotations = group.rotations();
        let orbit: Vec<[f64; 3]> = (0..kept.len())
            .flat_map(|t| rotations.iter().map(move |g| (t, *g)))
            .map(|(t, g)| turned(&g, kept.direction(t)))
            .collect();
        for t in 0..whole.len() {
            let direction = whole.direction(t);
            let nearest = orbit.iter().map(|&other| dot(other, direction)).fold(-1.0, f64::max).min(1.0).acos();
            // A square of the grid's distance has its corners 0.7 of it away from its middle; across the border of two
            // asymmetric units grids meet that do not fit.
            assert!(nearest < 1.1 * distance, "{group}: view {t} has its nearest {nearest} rad away");
        }
    }
}

#[test]
fn no_kept_view_shows_what_another_does() {
    let distance = 0.15;
    for group in groups() {
        let kept = Views::for_symmetry(distance, group).unwrap();
        let rotations = group.rotations();
        for t in 0..kept.len() {
            for other in 0..t {
                let closest = rotations.iter().map(|g| dot(turned(g, kept.direction(t)), kept.direction(other)));
                assert!(closest.fold(-1.0, f64::max) < 1.0 - 1e-12, "{group}: views {t} and {other}");
            }
        }
    }
}

#[test]
fn integrals_of_symmetric_functions_are_those_of_the_whole_grid() {
    let distance = 1.0 / (4.0 * PI);
    let whole = Views::new(distance).unwrap();
    for group in groups() {
        let kept = Views::for_symmetry(distance, group).unwrap();
        let rotations = group.rotations();
        // Spots of 18°, several views wide.
        let f = |direction| symmetric(&rotations, direction, 10.0);
        let (expected, value) = (integral(&whole, f), integral(&kept, f));
        let error = (value / expected - 1.0).abs();
        println!("{group}: {} views, off by {error:.1e}", kept.len());
        // About one axis the rule is a Gauss rule as the whole grid is. Otherwise weights go to the nearest view.
        let tolerance = if matches!(group, PointGroup::Cyclic(_) | PointGroup::Dihedral(_)) { 1e-13 } else { 5e-3 };
        assert!(error < tolerance, "{group}: {value} {expected}");
    }
}
