//! Real files and CryoLike's own output, if available: in `VERGLAS_SHARED`, or in `../shared` next to
//! the project.

use std::path::{Path, PathBuf};

use num_complex::Complex;
use verglas::descriptor::ImageDescriptor;
use verglas::grid::Precision;
use verglas::polar::PolarTransform;
use verglas_formats::mrc::{MrcOptions, MrcStack};
use verglas_formats::npz::NpzReader;

use crate::conversion::{Metadata, by_the_book, fourier_images, physical_images, relative_error};
use crate::data_set::{DataSet, run_in};

/// The folder with `data` and `golden`, if it is there.
pub fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("VERGLAS_SHARED").map_or(beside, PathBuf::from);
    let is_there = folder.join("golden/toy_a_single.npz").is_file();
    if !is_there {
        eprintln!("skipped: no shared data");
    }
    is_there.then(|| folder.canonicalize().unwrap())
}

/// Converts a STAR file of the shared data and gives the output folder.
fn convert(shared: &Path, star: &str, arguments: &[&str]) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let data = shared.join("data/relion");
    let (star, data) = (data.join(star), data);
    let usual = ["convert", star.to_str().unwrap(), "--image-dir", data.to_str().unwrap(), "-o", "out"];
    let ran = run_in(dir.path(), &[&usual, arguments].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    (dir, ran.stderr)
}

/// Compares images of stack 0, which come from `sections`, with the direct sum of the raw pixels, within the contract's
/// bound; only those at `compared`, because the sum is slow.
fn assert_exact(dir: &Path, stack_file: &Path, sections: &[u64], compared: &[usize]) {
    let descriptor = ImageDescriptor::load(&dir.join("out/fft/particles_fourier_stack_000000.npz")).unwrap();
    let bound = match descriptor.precision {
        Precision::Single => 1e-6,
        Precision::Double => 1e-12,
    };
    let fourier = fourier_images(&dir.join("out/fft/particles_fourier_stack_000000.pt"));
    let physical = physical_images(&dir.join("out/phys/particles_phys_stack_000000.pt"));
    let stack = MrcStack::open(stack_file, &MrcOptions::default()).unwrap();
    assert_eq!(fourier.len(), sections.len());
    for &image in compared {
        let section = sections[image];
        let mut raw = vec![0.0; stack.pixels_per_section()];
        stack.read_section(section, &mut raw, &mut Vec::new()).unwrap();
        let (centred, reference, _) = by_the_book(&raw, &descriptor);
        assert_eq!(physical[image], centred);
        let error = relative_error(&fourier[image], &reference);
        assert!(error <= bound, "section {section}: {error}");
    }
}

/// Compares images with CryoLike's. Its centred pixels differ from ours by roundings of float32, and its transform errs
/// by 7e-7 in single precision: 2e-6 for the whole way. From its own centred pixels, double precision must agree to
/// twice the 1e-12 that both are good to.
fn assert_golden(dir: &Path, golden: &Path) {
    let fourier = fourier_images(&dir.join("out/fft/particles_fourier_stack_000000.pt"));
    let physical = physical_images(&dir.join("out/phys/particles_phys_stack_000000.pt"));
    let mut reference = NpzReader::open(golden).unwrap();
    let sections = reference.read("sections").unwrap().to_i64().unwrap();
    let values = complex(&reference.read("fourier").unwrap());
    let pixels = reference.read("physical").unwrap().to_f64().unwrap();
    let (n_values, n_pixels) = (values.len() / sections.len(), pixels.len() / sections.len());
    for (image, &section) in sections.iter().enumerate() {
        let found = &fourier[section as usize];
        let error = relative_error(found, &values[image * n_values..][..n_values]);
        assert!(error <= 2e-6, "{}: section {section}: {error}", golden.display());
        let centred = &pixels[image * n_pixels..][..n_pixels];
        let distance =
            physical[section as usize].iter().zip(centred).map(|(&a, &b)| (f64::from(a) - b).abs()).fold(0.0, f64::max);
        // CryoLike centres and scales in float32: a few roundings of values of at most 1.
        assert!(distance <= 4.0 * f64::from(f32::EPSILON), "{}: section {section}: {distance}", golden.display());
    }
    let descriptor = ImageDescriptor::load(&dir.join("out/fft/particles_fourier_stack_000000.npz")).unwrap();
    if descriptor.precision == Precision::Double {
        let transform =
            PolarTransform::<f64>::plan(descriptor.cartesian_grid.n_pixels(), &descriptor.polar_grid).unwrap();
        let mut scratch = transform.scratch();
        let mut fourier = vec![Complex::default(); n_values];
        for (centred, golden) in pixels.chunks(n_pixels).zip(values.chunks(n_values)) {
            transform.apply_normalized(centred, &mut fourier, &mut scratch);
            let error = relative_error(&fourier, golden);
            assert!(error <= 2e-12, "{error}");
        }
    }
    for (key, found) in
        [("radius_shells", descriptor.polar_grid.radii()), ("weight_shells", descriptor.polar_grid.shell_weights())]
    {
        let reference = reference.read(key).unwrap().to_f64().unwrap();
        let largest = reference.iter().copied().fold(0.0, f64::max);
        for (a, b) in found.iter().zip(reference) {
            // SciPy, whose values these are, finds nodes to a rounding of the largest; its weights near the rim are off
            // by up to 9e-12 of themselves at 129 shells (compared with 40 digits).
            assert!((a - b).abs() < 1e-12 * largest, "{key}: {a} {b}");
        }
    }
}

fn complex(array: &verglas_formats::npy::NpyArray) -> Vec<Complex<f64>> {
    let bytes = array.data();
    let item = bytes.len() / array.len();
    let part = |bytes: &[u8]| match bytes.len() {
        4 => f64::from(f32::from_le_bytes(bytes.try_into().unwrap())),
        _ => f64::from_le_bytes(bytes.try_into().unwrap()),
    };
    bytes.chunks(item).map(|value| Complex::new(part(&value[..item / 2]), part(&value[item / 2..]))).collect()
}

#[test]
fn relion31_without_map_stamp() {
    let Some(shared) = shared() else { return };
    let caller = ["--pixel-size", "1.7", "--pixel-size-from", "caller"];
    let (dir, stderr) = convert(&shared, "relion31.star", &[&caller[..], &["--resolution-factor", "0.5"]].concat());
    assert!(stderr.contains("no `MAP ` stamp"), "{stderr}");
    assert_golden(dir.path(), &shared.join("golden/relion31_half_single.npz"));
    assert_exact(dir.path(), &shared.join("data/relion/relion31.mrcs"), &[0, 1, 2, 3, 4], &[3]);
}

#[test]
fn relion5_with_rows_that_alternate_between_stacks() {
    let Some(shared) = shared() else { return };
    let descriptor = shared.join("golden/cryolike_descriptor.npz");
    let (dir, _) = convert(&shared, "relion5.star", &["-d", descriptor.to_str().unwrap(), "--batch-size", "10"]);
    // CryoLike sorts by file name; found by file and section, every image and value must be the same.
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    let keys = ["defocusU", "defocusV", "defocusAngle", "phaseShift", "angleRotation", "angleTilt", "anglePsi"];
    for stack in 0..2 {
        let name = format!("fft/particles_fourier_stack_{stack:06}");
        for (folder, images) in
            [(dir.path().join("out"), &mut ours), (shared.join("golden/cryolike_relion5"), &mut theirs)]
        {
            let fourier = fourier_images(&folder.join(format!("{name}.pt")));
            let mut metadata = Metadata::open(&folder.join(format!("{name}.npz")));
            assert_eq!(metadata.numbers("voltage"), [100.0]);
            assert_eq!(metadata.numbers("n_images"), [fourier.len() as f64]);
            let columns = keys.map(|key| metadata.numbers(key));
            for (image, fourier) in fourier.into_iter().enumerate() {
                images.push((columns.clone().map(|column| column[image]), fourier));
            }
            // The descriptor that CryoLike wrote, pickled None included, and the one that we wrote from it.
            let written = ImageDescriptor::load(&folder.join(format!("{name}.npz"))).unwrap();
            assert_eq!(written, ImageDescriptor::load(&descriptor).unwrap());
        }
    }
    assert_eq!((ours.len(), theirs.len()), (17, 17));
    for (values, fourier) in &theirs {
        let same =
            ours.iter().find(|(ours, _)| ours == values).expect("an image with the same metadata, to the last bit");
        assert!(relative_error(&same.1, fourier) <= 2e-6);
    }
    assert_exact_relion5(&shared, dir.path());
}

/// The first ten rows alternate irregularly between two stacks; each must hold the image that its row names.
fn assert_exact_relion5(shared: &Path, dir: &Path) {
    let descriptor = ImageDescriptor::load(&dir.join("out/fft/particles_fourier_stack_000000.npz")).unwrap();
    let fourier = fourier_images(&dir.join("out/fft/particles_fourier_stack_000000.pt"));
    let mut metadata = Metadata::open(&dir.join("out/fft/particles_fourier_stack_000000.npz"));
    let (files, sections) = (metadata.texts("files"), metadata.numbers("idxs"));
    assert!(files.contains(&"toy_images_a.mrcs".to_owned()) && files.contains(&"toy_images_b.mrcs".to_owned()));
    for image in 0..fourier.len() {
        let stack = MrcStack::open(shared.join("data/relion").join(&files[image]), &MrcOptions::default()).unwrap();
        let mut raw = vec![0.0; stack.pixels_per_section()];
        stack.read_section(sections[image] as u64, &mut raw, &mut Vec::new()).unwrap();
        let error = relative_error(&fourier[image], &by_the_book(&raw, &descriptor).1);
        assert!(error <= 1e-6, "image {image}: {error}");
    }
}

#[test]
fn toy_projections_with_one_optics_group_and_none_in_the_rows() {
    let Some(shared) = shared() else { return };
    let sections = [92, 31, 3, 4, 522, 555, 229, 874, 684, 320, 597, 154, 320];
    let stack = shared.join("data/relion/toy_projections.mrcs");
    for precision in ["single", "double"] {
        let (dir, stderr) = convert(&shared, "toy_projections_13.star", &["--precision", precision]);
        assert!(stderr.contains("no column rlnOpticsGroup") && stderr.contains("1 row names an image"), "{stderr}");
        assert_exact(dir.path(), &stack, &sections, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let mut metadata = Metadata::open(&dir.path().join("out/fft/particles_fourier_stack_000000.npz"));
        assert_eq!(metadata.numbers("sphericalAberration"), [0.001]);
        assert_eq!(metadata.numbers("phaseShift"), [90.0_f64.to_radians(); 13]);
    }
}

#[test]
fn toy_images_a_in_every_golden_setting() {
    let Some(shared) = shared() else { return };
    let rows: String = (1..=17).map(|section| format!("{section}@toy_images_a.mrcs 1 1 0 300 2.7 0.1\n")).collect();
    let text = format!(
        "data_\nloop_\n_rlnImageName\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n_rlnVoltage\n\
         _rlnSphericalAberration\n_rlnAmplitudeContrast\n{rows}"
    );
    let data = shared.join("data/relion");
    let odd = ["--precision", "double", "--resolution-factor", "0.8", "--n-inplanes", "61"];
    for (golden, arguments) in [
        ("toy_a_single.npz", &["--precision", "single"][..]),
        ("toy_a_double.npz", &["--precision", "double"]),
        ("toy_a_odd_inplanes.npz", &odd),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.star"), &text).unwrap();
        let usual = ["convert", "a.star", "--image-dir", data.to_str().unwrap(), "--pixel-size", "1.7", "-o", "out"];
        let ran = run_in(dir.path(), &[&usual, arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_golden(dir.path(), &shared.join("golden").join(golden));
    }
}

#[test]
fn absent_images_fail_before_anything_is_written() {
    let Some(shared) = shared() else { return };
    let dir = tempfile::tempdir().unwrap();
    let star = shared.join("data/relion/relion_style_particles.star");
    let ran = run_in(dir.path(), &["convert", star.to_str().unwrap(), "-o", "out"]);
    assert_eq!(ran.code, 1);
    let here = dir.path().display().to_string();
    let beside = shared.join("data/relion").display().to_string();
    for part in ["1 of 1 image file not found", "`100parts.mrcs`", "looked below", &here, &beside] {
        assert!(ran.stderr.contains(part), "`{part}` is not in {}", ran.stderr);
    }
    assert!(!dir.path().join("out").exists());
}

#[test]
fn generic_rows_describe_a_stack_in_sequence() {
    let Some(shared) = shared() else { return };
    let star = shared.join("data/relion/generic_particle_data.star");
    let n_rows = std::fs::read_to_string(&star).unwrap().lines().filter(|line| line.starts_with("300.0")).count();
    let set = DataSet::empty();
    let convert = |n_sections: usize| {
        set.write_stack("a.mrcs", n_sections);
        set.run(&["convert", star.to_str().unwrap(), "--images", "a.mrcs", "-o", "out", "--batch-size", "400"])
    };
    let refused = convert(n_rows - 1);
    assert_eq!(refused.code, 1);
    for part in [format!("has {n_rows} rows"), format!("has {} sections", n_rows - 1)] {
        assert!(refused.stderr.contains(&part), "{}", refused.stderr);
    }
    assert!(!set.path("out").exists());
    let ran = convert(n_rows);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // 14 µm at 104,089-fold magnification.
    assert!(ran.stdout.contains("pixel size 1.34") && ran.stdout.contains("rlnMagnification"), "{}", ran.stdout);
    let mut second = Metadata::open(&set.path("out/fft/particles_fourier_stack_000001.npz"));
    assert_eq!(second.numbers("stack_start"), [400.0]);
    assert_eq!(second.numbers("row")[0], 400.0);
    assert_eq!(second.numbers("amplitudeContrast"), [0.1]);
}

#[test]
fn a_real_cryosparc_file_is_inspected_and_its_absent_images_are_listed() {
    let Some(shared) = shared() else { return };
    let file = shared.join("data/cryosparc/cryosparc_P12_J24_001_particles.cs");
    let dir = tempfile::tempdir().unwrap();
    let ran = run_in(dir.path(), &["inspect", file.to_str().unwrap(), "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&told["kind"], &told["n_rows"]), (&"cs".into(), &2019.into()), "{told}");
    assert_eq!(told["fields"].as_array().unwrap().len(), 34);
    let ran = run_in(dir.path(), &["convert", file.to_str().unwrap(), "-o", "out"]);
    assert_eq!(ran.code, 1);
    for part in ["image files not found", "`J19/extract/20150917_", "and ", "looked below"] {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    assert!(!dir.path().join("out").exists());
}
