//! Promise: whoever watches is asked often, also before the first image is compared, and no result comes once they said no.

use std::sync::atomic::{AtomicUsize, Ordering};

use verglas_likelihood::compare::{ComparisonSettings, Search};
use verglas_likelihood::ctf::ContrastFormula;
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::{Contrast, ContrastSign, ImageSet, LikelihoodError, TemplateSet};

use crate::common::{Case, geometry, round};

const N_IMAGES: usize = 12;

/// Counts how often it is asked, and says no after some times.
struct Watch {
    n_asked: AtomicUsize,
    n_yes: usize,
}

impl Watch {
    fn new(n_yes: usize) -> Self {
        Self { n_asked: AtomicUsize::new(0), n_yes }
    }

    fn go_on(&self) -> bool {
        self.n_asked.fetch_add(1, Ordering::Relaxed) < self.n_yes
    }
}

/// In single precision radial functions are found, which takes long.
fn case() -> Case {
    Case::new(geometry(16, 1.0, 32), 21, N_IMAGES, 1.5, 9)
}

#[test]
fn finding_radial_functions_stops_whenever_it_is_told() {
    let case = case();
    let (values, set) = (round::<f32>(&case.templates), Displacements::new(3.0, 2.0, 5, 5).unwrap());
    let templates = TemplateSet::new(&case.geometry, &values, &case.view_weights).unwrap();
    for n_threads in [1, 2] {
        let settings = ComparisonSettings { n_threads, ..ComparisonSettings::default() };
        let run = |n_yes: usize| {
            let watch = Watch::new(n_yes);
            let search =
                Search::new_watched(&case.geometry, templates, &set, settings.clone(), &|| watch.go_on()).map(drop);
            (search, watch.n_asked.into_inner())
        };
        let (made, n_asked) = run(usize::MAX);
        made.unwrap();
        // Each of 17 frequencies has its moments, 16 of 512 templates at a time, and its eigenvectors; 128 templates are tried.
        assert!(n_asked >= 32 * 17 + 17 + 128, "asked {n_asked} times");
        for n_yes in (0..n_asked).step_by(37).chain([n_asked - 1]) {
            assert_eq!(run(n_yes).0, Err(LikelihoodError::Stopped), "at {n_yes} of {n_asked}, {n_threads} threads");
        }
        let needed = Search::needed_memory_bytes(&case.geometry, templates, &set, &settings, false, &|| false);
        assert_eq!(needed, Err(LikelihoodError::Stopped));
    }
}

#[test]
fn comparing_stops_whenever_it_is_told() {
    let case = case();
    let (values, stored) = (round::<f32>(&case.templates), round::<f32>(&case.images));
    let set = Displacements::new(3.0, 2.0, 3, 3).unwrap();
    let templates = TemplateSet::new(&case.geometry, &values, &case.view_weights).unwrap();
    let contrast = Contrast::Parameters(&case.transfers, ContrastFormula::Right);
    let images = ImageSet::new(&case.geometry, &stored, contrast).unwrap();
    let settings = ComparisonSettings { sign: ContrastSign::Positive, ..ComparisonSettings::default() };
    let search = Search::new(&case.geometry, templates, &set, settings).unwrap();
    let run = |n_yes: usize| {
        let watch = Watch::new(n_yes);
        let n_at_images = AtomicUsize::new(0);
        let go_on = |n_pairs: u64| {
            n_at_images.fetch_add(usize::from(n_pairs == 0), Ordering::Relaxed);
            watch.go_on()
        };
        let compared = search.compare_watched(&images, &go_on).map(drop);
        (compared, watch.n_asked.into_inner(), n_at_images.into_inner())
    };
    let (compared, n_asked, n_at_images) = run(usize::MAX);
    compared.unwrap();
    // While poses are searched, and then for each image, whose best poses are evaluated and refined.
    assert!(n_asked > N_IMAGES && n_at_images == N_IMAGES, "asked {n_asked} times, {n_at_images} of them at an image");
    for n_yes in 0..n_asked {
        assert_eq!(run(n_yes).0, Err(LikelihoodError::Stopped), "at {n_yes} of {n_asked}");
    }
}
