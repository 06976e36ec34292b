//! Results don't depend on threads, memory or which images are compared together, to the last bit.

use verglas_likelihood::compare::{ComparisonSettings, Search, SearchReal};
use verglas_likelihood::ctf::ContrastFormula;
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::{Comparison, Contrast, Formula, ImageCheck, ImageSet, LikelihoodError, TemplateSet};

use crate::common::{Case, geometry, round};

/// Everything as bits, so that NaN counts, too.
fn bits<T: SearchReal>(comparison: &Comparison<T>) -> Vec<u64> {
    let images = comparison.images.iter().flat_map(|image| {
        [
            image.cross_correlation.to_bits(),
            image.template as u64,
            image.displacement as u64,
            image.rotation as u64,
            image.log_likelihood_optimal.to_bits(),
            image.log_likelihood_integrated.to_bits(),
            image.smallest_cross_correlation.to_bits(),
        ]
    });
    let pairs = comparison.pairs.iter().flat_map(|pair| {
        [
            pair.cross_correlation.to_bits(),
            u64::from(pair.displacement),
            u64::from(pair.rotation),
            pair.log_likelihood.to_bits(),
        ]
    });
    let all = comparison.cross_correlations.iter().map(|cc| cc.to_f64().to_bits());
    images.chain(pairs).chain(all).collect()
}

fn check<T: SearchReal>() {
    let n_images = 40;
    let case = Case::new(geometry(16, 1.0, 32), 21, n_images, 1.5, 9);
    let set = Displacements::new(3.0, 2.0, 4, 4).unwrap();
    let (values, stored) = (round::<T>(&case.templates), round::<T>(&case.images));
    let templates = TemplateSet::new(&case.geometry, &values, &case.view_weights).unwrap();
    let compare = |n_threads: usize, memory_bytes: u64, range: std::ops::Range<usize>| {
        let n = case.geometry.n_points();
        let contrast = Contrast::Parameters(&case.transfers[range.clone()], ContrastFormula::Right);
        let images = ImageSet::new(&case.geometry, &stored[range.start * n..range.end * n], contrast).unwrap();
        let settings =
            ComparisonSettings { pairs: true, full: true, n_threads, memory_bytes, ..ComparisonSettings::default() };
        let search = Search::new(&case.geometry, templates, &set, settings)?;
        Ok::<_, LikelihoodError>((search.compare(&images)?, search.least_memory_bytes()))
    };
    let (whole, _) = compare(1, 1 << 30, 0..n_images).unwrap();
    let expected = bits(&whole);
    for n_threads in [2, 3, 8] {
        let (found, least) = compare(n_threads, 1 << 30, 0..n_images).unwrap();
        assert!(bits(&found) == expected, "{n_threads} threads");
        // One group of images at a time.
        let (found, _) = compare(n_threads, least, 0..n_images).unwrap();
        assert!(bits(&found) == expected, "{n_threads} threads, {least} bytes");
        assert!(matches!(compare(n_threads, least - 1, 0..n_images), Err(LikelihoodError::Memory { .. })));
        // Known without making the search, and bounded without the templates.
        let settings = ComparisonSettings { pairs: true, full: true, n_threads, ..ComparisonSettings::default() };
        assert_eq!(
            Search::needed_memory_bytes(&case.geometry, templates, &set, &settings, false, &|| true).unwrap(),
            least
        );
        let sufficient =
            Search::<T>::sufficient_memory_bytes(&case.geometry, &set, templates.n_views(), &settings, false);
        assert!((least..64 * least).contains(&sufficient), "{least} {sufficient}");
    }
    let mut joined = Comparison::default();
    for range in [0..1, 1..14, 14..40] {
        let (part, _) = compare(2, 1 << 30, range).unwrap();
        joined.images.extend(part.images);
        joined.pairs.extend(part.pairs);
        joined.cross_correlations.extend(part.cross_correlations);
    }
    assert!(bits(&joined) == expected, "images in parts");
    let with = |pairs: bool, full: bool| {
        let contrast = Contrast::Parameters(&case.transfers, ContrastFormula::Right);
        let images = ImageSet::new(&case.geometry, &stored, contrast).unwrap();
        let settings = ComparisonSettings { pairs, full, ..ComparisonSettings::default() };
        Search::new(&case.geometry, templates, &set, settings).unwrap().compare(&images).unwrap().images
    };
    assert_eq!(with(false, false), whole.images);
}

#[test]
fn threads_memory_and_company_change_no_bit_in_single_precision() {
    check::<f32>();
}

#[test]
fn threads_memory_and_company_change_no_bit_in_double_precision() {
    check::<f64>();
}

/// All rotations of a round template, and all copies of it, are equally good.
#[test]
fn of_equals_the_lowest_template_displacement_and_rotation_counts() {
    let geometry = geometry(16, 1.0, 32);
    let p = geometry.n_inplanes();
    let round_template: Vec<num_complex::Complex<f64>> = (0..geometry.n_points())
        .map(|at| num_complex::Complex::from((-0.2 * geometry.grid().radii()[at / p].powi(2)).exp()))
        .collect();
    let values: Vec<_> = [round_template.clone(), round_template.clone(), round_template.clone()].concat();
    let templates = TemplateSet::new(&geometry, &values, &[1.0; 3]).unwrap();
    let set = Displacements::of(vec![[3.0, 0.0], [0.0, 0.0], [0.0, 0.0]]).unwrap();
    let images = ImageSet::new(&geometry, &round_template, Contrast::One).unwrap();
    let search = Search::new(&geometry, templates, &set, ComparisonSettings::default()).unwrap();
    let found = search.compare(&images).unwrap().images[0];
    assert_eq!((found.template, found.displacement, found.rotation), (0, 1, 0));
    assert!((found.cross_correlation - 1.0).abs() < 1e-12 && found.is_without_noise);
    assert!(found.log_likelihood_integrated.is_finite());
}

#[test]
fn bad_values_are_errors_with_their_place() {
    let case = Case::new(geometry(16, 1.0, 32), 4, 3, 1.0, 2);
    let n = case.geometry.n_points();
    let set = Displacements::new(0.0, 1.0, 1, 1).unwrap();
    let compare = |templates: &[num_complex::Complex<f64>], images: &[num_complex::Complex<f64>]| {
        let templates = TemplateSet::new(&case.geometry, templates, &case.view_weights)?;
        let images = ImageSet::new(&case.geometry, images, Contrast::One)?;
        Search::new(&case.geometry, templates, &set, ComparisonSettings::default())?.compare(&images)
    };
    let text = |result: Result<Comparison<f64>, LikelihoodError>| result.unwrap_err().to_string();
    assert!(compare(&case.templates, &case.images).is_ok());

    let mut templates = case.templates.clone();
    templates[2 * n + 33].re = f64::NAN;
    assert_eq!(
        text(compare(&templates, &case.images)),
        "template of view 2: shell 1, in-plane 1 is not a finite number"
    );
    let mut templates = case.templates.clone();
    templates[n..2 * n].fill(Default::default());
    assert_eq!(text(compare(&templates, &case.images)), "template of view 1: norm is 0");
    // An image is looked at by itself as it is when it is compared.
    let mut check = ImageCheck::new(&case.geometry, Formula::Right);
    check.look(0, &case.images[..n]).unwrap();
    let zero = vec![num_complex::Complex::default(); n];
    let mut infinite = case.images[n..2 * n].to_vec();
    infinite[n - 1].im = f64::INFINITY;
    let flat: Vec<_> = case.geometry.constant().iter().map(|&s| num_complex::Complex::from(3.0 * s)).collect();
    for wrong in [zero, infinite, flat] {
        let images = [&case.images[..n], &wrong, &case.images[n..2 * n]].concat();
        assert_eq!(check.look(1, &wrong).unwrap_err().to_string(), text(compare(&case.templates, &images)));
    }
    let constant: Vec<_> = case.geometry.constant().iter().map(|&s| num_complex::Complex::from(s)).collect();
    let mut templates = case.templates.clone();
    templates[3 * n..].copy_from_slice(&constant);
    assert_eq!(
        text(compare(&templates, &case.images)),
        "image 0, template of view 3: norm is 0 under the contrast transfer"
    );

    let mut images = case.images.clone();
    images[n + 70].im = f64::INFINITY;
    assert_eq!(text(compare(&case.templates, &images)), "image 1: shell 2, in-plane 6 is not a finite number");
    images[..n].copy_from_slice(&constant);
    assert_eq!(text(compare(&case.templates, &images)), "image 0: norm is 0 once the constant is taken out");
    assert!(matches!(compare(&case.templates[1..], &case.images), Err(LikelihoodError::Length { .. })));
    assert!(matches!(compare(&case.templates, &case.images[1..]), Err(LikelihoodError::Length { .. })));
}
