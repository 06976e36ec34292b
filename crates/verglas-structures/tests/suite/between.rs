//! Templates between the views are those of the structure that the views' templates were made of.

use std::fmt::Write as _;
use std::path::Path;

use num_complex::Complex;
use verglas_core::{Findings, Silent, StopFlag};
use verglas_fourier::grid::{CartesianGrid, PolarGrid, Precision};
use verglas_fourier::sphere::{Views, rotation};
use verglas_run::descriptor::{ImageDescriptor, TemplateSettings};
use verglas_structures::templates::{
    DescriptorSource, TemplateJob, TemplateJobSettings, TemplateStack, TemplateStructures,
};
use verglas_structures::{Center, Input, Models};

/// Two models of a few residues.
fn pdb() -> String {
    let mut text = String::new();
    for model in 1..=2 {
        writeln!(text, "MODEL     {model:4}").unwrap();
        for i in 0..8 {
            let (i_f, m) = (f64::from(i), f64::from(model));
            let [x, y, z] = [3.0 * (i_f * 1.3).cos() * m, 2.5 * (i_f * 0.9).sin() + m, 1.7 * i_f - 5.0];
            writeln!(text, "ATOM  {:5}  CA  ALA A{:4}    {x:8.3}{y:8.3}{z:8.3}  1.00  0.00           C", i + 1, i + 1)
                .unwrap();
        }
        writeln!(text, "ENDMDL").unwrap();
    }
    text
}

fn descriptor(precision: Precision) -> ImageDescriptor {
    ImageDescriptor {
        cartesian_grid: CartesianGrid::new(16, [2.0; 2]).unwrap(),
        polar_grid: PolarGrid::new(4.0, 0.5, 24).unwrap(),
        precision,
        template: TemplateSettings { viewing_distance: Some(1.5), ..TemplateSettings::at_resolution_factor(1.0) },
    }
}

fn make(input: &Path, output: &Path, settings: &TemplateJobSettings) {
    let inputs = vec![Input::File(input.to_owned())];
    let job = TemplateJob::prepare(inputs, settings.clone(), &mut Findings::new()).unwrap();
    job.run(output, &[], &Silent, &StopFlag::default()).unwrap();
}

/// Relative difference of two templates.
fn difference(a: &[Complex<f64>], b: &[Complex<f64>]) -> f64 {
    let square = |values: &mut dyn Iterator<Item = Complex<f64>>| values.map(|value| value.norm_sqr()).sum::<f64>();
    (square(&mut a.iter().zip(b).map(|(a, b)| a - b)) / square(&mut b.iter().copied())).sqrt()
}

#[test]
fn slices_at_the_views_are_the_templates_and_others_follow() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("a.pdb");
    std::fs::write(&input, pdb()).unwrap();
    let plain = |precision| TemplateJobSettings {
        models: Models::All,
        plots: false,
        ..TemplateJobSettings::new(DescriptorSource::Given(Box::new(descriptor(precision))))
    };
    let cases = [
        (plain(Precision::Double), 1e-7),
        (plain(Precision::Single), 5e-4),
        (TemplateJobSettings { remove_mean: true, center: Center::None, ..plain(Precision::Single) }, 5e-4),
        (TemplateJobSettings { as_cryolike: true, ..plain(Precision::Double) }, 1e-7),
        (TemplateJobSettings { center: Center::Position([1.0, -2.0, 0.5]), ..plain(Precision::Double) }, 1e-7),
    ];
    for (index, (settings, bound)) in cases.into_iter().enumerate() {
        let output = folder.path().join(format!("templates{index}"));
        make(&input, &output, &settings);
        let again = TemplateStructures::read(&output, 1, 1 << 28).unwrap();
        for name in ["a_model1", "a_model2"] {
            let mut stack = TemplateStack::open(&output.join(format!("templates_fourier_{name}.pt"))).unwrap();
            let n = stack.n_templates();
            let stored: Vec<Complex<f64>> = match stack.precision() {
                Precision::Double => stack.read_double(0..n).unwrap(),
                Precision::Single => stack
                    .read_single(0..n)
                    .unwrap()
                    .into_iter()
                    .map(|value| Complex::new(f64::from(value.re), f64::from(value.im)))
                    .collect(),
            };
            let views = Views::new(1.5).unwrap();
            let slices = again.slices(name).unwrap();
            let mut out = vec![Complex::default(); stored.len()];
            slices.compute(&(0..n).map(|view| views.rotation(view)).collect::<Vec<_>>(), &mut out).unwrap();
            let found = difference(&out, &stored);
            assert!(found < bound, "case {index}, {name}: {found:e}");
            if settings.remove_mean || settings.as_cryolike {
                // The mean is subtracted in the image's frame.
                continue;
            }
            // A step of the grid further in the plane is the template, shifted by one.
            let step = std::f64::consts::TAU / 24.0;
            let turned = rotation(views.azimuth[3], views.polar[3], step);
            let n_points = stored.len() / n;
            slices.compute(&[turned], &mut out[..n_points]).unwrap();
            let of_view = &stored[3 * n_points..4 * n_points];
            let shifted: Vec<Complex<f64>> =
                (0..n_points).map(|at| of_view[at / 24 * 24 + (at % 24 + 1) % 24]).collect();
            let found = difference(&out[..n_points], &shifted);
            assert!(found < 2.0 * bound, "case {index}, {name}, turned: {found:e}");
        }
        assert!(again.slices("b").is_err());
    }
}

#[test]
fn structures_that_are_others_now_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("a.pdb"), folder.path().join("templates"));
    std::fs::write(&input, pdb()).unwrap();
    let source = DescriptorSource::Given(Box::new(descriptor(Precision::Single)));
    make(&input, &output, &TemplateJobSettings { plots: false, ..TemplateJobSettings::new(source) });
    std::fs::write(&input, pdb().replace(" 1.700 ", " 1.701 ").replace("-5.000", "-5.001")).unwrap();
    let error = TemplateStructures::read(&output, 1, 1 << 28).unwrap_err().to_string();
    assert!(error.contains("a.pdb") && error.contains("has changed"), "{error}");
    std::fs::remove_file(&input).unwrap();
    let error = TemplateStructures::read(&output, 1, 1 << 28).unwrap_err().to_string();
    assert!(error.contains("were made of") && error.contains("a.pdb"), "{error}");
}
