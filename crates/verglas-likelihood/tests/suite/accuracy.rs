//! The fast comparison against direct sums, within section 4's bounds.

use verglas_fourier::grid::PolarGrid;
use verglas_likelihood::compare::{ComparisonSettings, Search, SearchReal};
use verglas_likelihood::ctf::ContrastFormula;
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::{Comparison, Contrast, ContrastSign, Formula, Geometry, ImageSet, TemplateSet, direct};

use crate::common::{Case, geometry, round};

/// The largest share of each bound that a comparison takes: cc, ℓ optimal, ℓ integrated, pairs' cc and ℓ, all cc.
fn shares<T: SearchReal>(case: &Case, set: &Displacements, formula: Formula, what: &str) {
    shares_signed::<T>(case, set, formula, ContrastSign::Any, what);
}

fn shares_signed<T: SearchReal>(case: &Case, set: &Displacements, formula: Formula, sign: ContrastSign, what: &str) {
    let (values, images) = (round::<T>(&case.templates), round::<T>(&case.images));
    let templates = TemplateSet::new(&case.geometry, &values, &case.view_weights).unwrap();
    let contrast = Contrast::Parameters(&case.transfers, ContrastFormula::Right);
    let images = ImageSet::new(&case.geometry, &images, contrast).unwrap();
    let slow = direct::compare_signed(&case.geometry, &templates, &images, set, formula, sign).unwrap();
    let settings =
        ComparisonSettings { formula, sign, pairs: true, full: true, n_threads: 2, ..ComparisonSettings::default() };
    let search = Search::new(&case.geometry, templates, set, settings).unwrap();
    let fast = search.compare(&images).unwrap();
    check::<T>(&case.geometry, (formula, sign), &slow, &fast, what, search.n_functions());
}

fn check<T: SearchReal>(
    geometry: &Geometry,
    (formula, sign): (Formula, ContrastSign),
    slow: &Comparison<f64>,
    fast: &Comparison<T>,
    what: &str,
    functions: (usize, usize),
) {
    let m = match formula {
        Formula::Right => geometry.degrees_of_freedom(),
        Formula::CryoLike { n_pixels } => (n_pixels * n_pixels) as f64,
    };
    let (cc_bound, per_gain, ll_bound) = if T::IS_SINGLE { (1e-6, 1e-6, 2e-3) } else { (1e-12, 1e-11, 1e-7) };
    let bound = |cc: f64| per_gain * m * cc.abs() / (1.0 - cc * cc).max(T::LEAST_RESIDUAL) + ll_bound;
    let mut shares = [0.0_f64; 6];
    let mut add = |i: usize, difference: f64, bound: f64| {
        assert!(!difference.is_nan(), "{what}: quantity {i} is NaN");
        shares[i] = shares[i].max(difference.abs() / bound);
    };
    assert_eq!((slow.images.len(), slow.pairs.len()), (fast.images.len(), fast.pairs.len()));
    let n_views = slow.pairs.len() / slow.images.len();
    let n_poses = slow.cross_correlations.len() / slow.pairs.len();
    for (i, (a, b)) in slow.images.iter().zip(&fast.images).enumerate() {
        let bound = bound(a.cross_correlation);
        add(0, a.cross_correlation - b.cross_correlation, cc_bound);
        add(1, a.log_likelihood_optimal - b.log_likelihood_optimal, bound);
        add(2, a.log_likelihood_integrated - b.log_likelihood_integrated, bound);
        let place = (b.displacement * geometry.n_inplanes()) + b.rotation;
        let there = slow.cross_correlations[(i * n_views + b.template) * n_poses + place];
        if sign == ContrastSign::Any {
            assert!(
                there >= a.cross_correlation - 2.0 * cc_bound,
                "{what}, image {i}: {there} {}",
                a.cross_correlation
            );
        } else {
            let (found, best) = (b.log_likelihood_optimal, a.log_likelihood_optimal);
            assert!(found >= best - 2.0 * bound, "{what}, image {i}: {found} {best}");
        }
        // What is reported is summed in double precision.
        let found = b.cross_correlation;
        assert!((there - found).abs() < 1e-12, "{what}, image {i}: {there} {found}");
        let (a, b) = (a.smallest_cross_correlation, b.smallest_cross_correlation);
        assert!((a - b).abs() < cc_bound, "{what}, image {i}: {a} {b}");
    }
    for (a, b) in slow.pairs.iter().zip(&fast.pairs) {
        add(3, a.cross_correlation - b.cross_correlation, cc_bound);
        add(4, a.log_likelihood - b.log_likelihood, bound(a.cross_correlation));
    }
    for (a, b) in slow.cross_correlations.iter().zip(&fast.cross_correlations) {
        add(5, a - b.to_f64(), cc_bound);
    }
    println!("{what}: {functions:?} {shares:.2?}");
    assert!(shares.iter().all(|share| *share <= 1.0), "{what}: {shares:.2?}");
}

fn sets() -> [(Displacements, &'static str); 5] {
    [
        (Displacements::new(3.0, 2.0, 3, 3).unwrap(), "3 × 3"),
        (Displacements::new(3.0, 2.0, 4, 3).unwrap(), "4 × 3"),
        (Displacements::new(2.0, 2.0, 1, 5).unwrap(), "1 × 5"),
        (Displacements::new(8.0, 2.0, 1, 1).unwrap(), "none"),
        (Displacements::new(4.0, 2.0, 5, 4).unwrap(), "5 × 4"),
    ]
}

fn all<T: SearchReal>(formula: impl Fn(usize) -> Formula) {
    let cases = [
        (16, 1.0, 32, 0.5),
        (17, 1.0, 34, 2.0),
        (16, 1.0, 31, 1.0),
        (17, 0.9, 33, 3.0),
        (20, 0.8, 45, 0.1),
        (16, 1.0, 36, 10.0),
    ];
    for (seed, (n, factor, p, noise)) in cases.into_iter().enumerate() {
        let (set, name) = &sets()[seed % 5];
        let case = Case::new(geometry(n, factor, p), 7 + 4 * (seed % 2), 5, noise, seed as u64);
        shares::<T>(&case, set, formula(n), &format!("N {n}, P {p}, noise {noise}, displacements {name}"));
    }
}

#[test]
fn single_precision_is_within_its_bounds() {
    all::<f32>(|_| Formula::Right);
}

#[test]
fn double_precision_is_within_its_bounds() {
    all::<f64>(|_| Formula::Right);
}

#[test]
fn cryolikes_formulas_are_within_the_bounds() {
    all::<f32>(|n_pixels| Formula::CryoLike { n_pixels });
    all::<f64>(|n_pixels| Formula::CryoLike { n_pixels });
}

/// Scales above 0 only: images that fit, images that are inverted, and noise; correlations of both signs count.
#[test]
fn scales_above_zero_are_within_the_bounds() {
    let cases = [(16, 1.0, 32, 0.5), (17, 1.0, 31, 2.0), (20, 0.8, 44, 0.1), (32, 1.0, 64, 10.0), (32, 1.0, 64, 2.0)];
    for (seed, (n, factor, p, noise)) in cases.into_iter().enumerate() {
        let mut case = Case::new(geometry(n, factor, p), 7, 6, noise, seed as u64);
        let n_points = case.geometry.n_points();
        // Every other image is inverted.
        for image in case.images.chunks_exact_mut(n_points).step_by(2) {
            image.iter_mut().for_each(|value| *value = -*value);
        }
        let (set, name) = &sets()[seed % 5];
        let what = format!("scales above 0, N {n}, P {p}, noise {noise}, displacements {name}");
        shares_signed::<f32>(&case, set, Formula::Right, ContrastSign::Positive, &what);
        shares_signed::<f64>(&case, set, Formula::Right, ContrastSign::Positive, &what);
    }
    // One pose, so that there is nothing but a bad fit.
    let mut case = Case::new(geometry(32, 1.0, 64), 1, 1, 0.3, 0);
    case.images.iter_mut().for_each(|value| *value = -*value);
    let set = Displacements::of(vec![[-3.0, 2.0]]).unwrap();
    shares_signed::<f32>(&case, &set, Formula::Right, ContrastSign::Positive, "inverted, single");
    shares_signed::<f64>(&case, &set, Formula::Right, ContrastSign::Positive, "inverted, double");
}

/// Images without noise and almost without: 1 − cc² down to 1e-7.
#[test]
fn images_next_to_their_templates_are_within_the_bounds() {
    for (seed, noise) in [(20, 1e-3), (21, 0.03)] {
        let case = Case::new(geometry(16, 1.0, 32), 6, 4, noise, seed);
        let set = Displacements::of(vec![[-3.0, 2.0], [-1.5, 1.0], [0.0, 0.0], [1.5, -1.0]]).unwrap();
        shares::<f64>(&case, &set, Formula::Right, &format!("noise {noise}"));
    }
}

/// Templates that are not real in space have spectra of their own below frequency 0.
#[test]
fn templates_that_are_not_real_in_space_are_summed_in_full() {
    let mut case = Case::new(geometry(16, 1.0, 32), 6, 3, 1.0, 5);
    for (i, value) in case.templates.iter_mut().enumerate() {
        *value *= num_complex::Complex::new(1.0, (i as f64 * 0.37).sin() * 0.2);
    }
    let set = Displacements::new(2.0, 2.0, 3, 1).unwrap();
    shares::<f32>(&case, &set, Formula::Right, "not real, single");
    shares::<f64>(&case, &set, Formula::Right, "not real, double");
}

/// Weights of shells take the place of the grid's own.
#[test]
fn other_weights_of_shells_are_within_the_bounds() {
    let grid = PolarGrid::new(4.0, 0.25, 32).unwrap();
    let weights = (0..grid.n_shells()).map(|n| grid.point_weight(n) / (1.0 + 0.2 * n as f64)).collect();
    let geometry = Geometry::new(grid, 32.0).unwrap().with_point_weights(weights).unwrap();
    let case = Case::new(geometry, 7, 4, 2.0, 3);
    let set = Displacements::new(2.0, 2.0, 3, 2).unwrap();
    shares::<f32>(&case, &set, Formula::Right, "weights, single");
    shares::<f64>(&case, &set, Formula::Right, "weights, double");
}

/// The smallest numbers of in-planes, shells, views and displacements.
#[test]
fn tiny_grids_are_within_the_bounds() {
    for p in 1..=12 {
        let grid = PolarGrid::new(2.0, 0.5 + 0.3 * p as f64, p).unwrap();
        let case = Case::new(Geometry::new(grid, 16.0).unwrap(), 1 + p % 3, 1 + p % 2, 1.0, 40 + p as u64);
        let set = Displacements::new(1.0, 2.0, 1 + p % 2, 1).unwrap();
        for formula in [Formula::Right, Formula::CryoLike { n_pixels: 8 }] {
            shares::<f32>(&case, &set, formula, &format!("P {p}, single"));
            shares::<f64>(&case, &set, formula, &format!("P {p}, double"));
        }
    }
}

#[test]
fn no_images_give_no_results() {
    let case = Case::new(geometry(16, 1.0, 32), 3, 1, 1.0, 1);
    let set = Displacements::new(0.0, 1.0, 1, 1).unwrap();
    let templates = TemplateSet::new(&case.geometry, &case.templates, &case.view_weights).unwrap();
    let search = Search::new(&case.geometry, templates, &set, ComparisonSettings::default()).unwrap();
    let images = ImageSet::new(&case.geometry, &[], Contrast::One).unwrap();
    assert_eq!(search.compare(&images).unwrap(), Comparison::default());
}

/// Boxes of the size that is common, with noise as in practice.
#[test]
fn large_boxes_are_within_the_bounds_in_single_precision() {
    for (n, n_views, n_images, noise) in [(64, 4, 3, 6.0), (128, 2, 2, 10.0), (128, 2, 1, 0.5)] {
        let case = Case::new(geometry(n, 1.0, 2 * n), n_views, n_images, noise, n as u64);
        let set = Displacements::new(8.0, 2.0, 3, 3).unwrap();
        shares::<f32>(&case, &set, Formula::Right, &format!("N {n}, noise {noise}"));
    }
}

/// Sets without (0, 0): the constant is that of the unmoved template all the same.
#[test]
fn displacements_far_from_zero_are_within_the_bounds() {
    for (seed, n_views) in [(0, 1), (1, 3)] {
        let case = Case::new(geometry(32, 1.0, 64), n_views, 2, 0.3, seed);
        for set in [vec![[-3.0, 2.0]], vec![[14.0, 9.0], [15.0, 9.0]]] {
            let set = Displacements::of(set).unwrap();
            shares::<f32>(&case, &set, Formula::Right, "far from zero");
        }
    }
}
