//! The search that half of the resolution makes short, against the search of all poses.

use num_complex::Complex;
use verglas_likelihood::compare::{CoarseTemplates, ComparisonSettings, Pruning, Search};
use verglas_likelihood::ctf::{ContrastFormula, ContrastTransfer};
use verglas_likelihood::{Contrast, ContrastSign, ImageResult, ImageSet, TemplateSet};

use crate::common::round;
use crate::simulated::{Image, Model, World, image};

fn settings(pruning: Option<Pruning>, n_threads: usize) -> ComparisonSettings {
    ComparisonSettings {
        sign: ContrastSign::Positive,
        weighs_appended: false,
        n_threads,
        pruning,
        ..ComparisonSettings::default()
    }
}

/// What is found of images, with what is pruned.
fn compare(
    world: &World,
    templates: &[Complex<f32>],
    images: &[Image],
    settings: ComparisonSettings,
) -> Vec<ImageResult> {
    let World { geometry, views, displacements, .. } = world;
    let set = TemplateSet::new(geometry, templates, &views.weight).unwrap();
    let values: Vec<Complex<f32>> = images.iter().flat_map(|image| round::<f32>(&image.values)).collect();
    let transfers: Vec<ContrastTransfer> = images.iter().map(|image| image.transfer).collect();
    let contrast = Contrast::Parameters(&transfers, ContrastFormula::Right);
    let images = ImageSet::new(geometry, &values, contrast).unwrap();
    let coarse = CoarseTemplates::new(geometry, &set, displacements).unwrap();
    let search = Search::new(geometry, set, displacements, settings).unwrap().with_pruning(&coarse, &|| true).unwrap();
    search.compare(&images).unwrap().images
}

#[test]
fn what_is_pruned_is_less_than_its_bound() {
    let world = World::new(32, 3.0, 1.0, 3.0, 7);
    let model = Model::new(&world, 5, 0.0);
    let templates = round::<f32>(&model.templates(&world));
    for (rho2, most_share) in [(0.0, 1.0), (300.0, 0.1)] {
        let images: Vec<Image> = (0..2).map(|seed| image(&world, &model, rho2, 2.0, 300 + seed)).collect();
        let all = compare(&world, &templates, &images, settings(None, 2));
        let pruned = compare(&world, &templates, &images, settings(Some(Pruning::default()), 2));
        for (pruned, all) in pruned.iter().zip(&all) {
            let lost = all.log_likelihood_integrated - pruned.log_likelihood_integrated;
            println!(
                "rho2 {rho2}: {lost:.2e} of {:.2e}, share {:.4}; {:.2} {}",
                pruned.pruned_mass, pruned.evaluated_share, all.log_likelihood_integrated, all.cross_correlation
            );
            assert_eq!((all.pruned_mass, all.evaluated_share), (0.0, 1.0));
            assert!((-1e-5..=pruned.pruned_mass + 1e-5).contains(&lost), "rho2 {rho2}: {lost}, {}", pruned.pruned_mass);
            assert!(pruned.pruned_mass <= 0.01, "{}", pruned.pruned_mass);
            let pose = |result: &ImageResult| (result.template, result.displacement, result.rotation);
            assert_eq!(pose(pruned), pose(all));
            assert_eq!(pruned.cross_correlation, all.cross_correlation);
        }
        let mean = pruned.iter().map(|pruned| pruned.evaluated_share).sum::<f64>() / pruned.len() as f64;
        assert!(mean <= most_share, "rho2 {rho2}: {mean}");
        // Each image by itself, whatever the threads.
        let alone = compare(&world, &templates, &images[1..2], settings(Some(Pruning::default()), 1));
        assert_eq!(alone[0], pruned[1]);
    }
}
