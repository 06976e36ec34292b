//! Promise: a stack, ours or CryoLike's, is read as what was written, and what it does not say is absent.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};
use std::path::{Path, PathBuf};

use num_complex::Complex;
use verglas::metadata::{ReadSettings, read_particles};
use verglas::particle::Column;
use verglas::settings::{ConvertSettings, DefocusAngleAxis, DescriptorSource};
use verglas::simulate::{SimulationSettings, simulate};
use verglas::stack::{FourierStack, ImageTensor};
use verglas::{Conversion, ErrorKind, Findings, Input, Silent, StopFlag, ctf::Ctf, grid::Precision, pose::Pose};
use verglas_formats::npz::{NpzReader, NpzWriter};
use verglas_formats::pt::PtFile;

use crate::shared::shared;

const N_PARTICLES: usize = 7;
const N_PIXELS: usize = 24;

fn simulated(folder: &Path) -> PathBuf {
    simulate(&SimulationSettings::new(N_PARTICLES, N_PIXELS), folder, &Silent, &StopFlag::new(false)).unwrap();
    folder.join("particles.star")
}

fn convert(star: &Path, output: &Path, settings: ConvertSettings) -> Conversion {
    let settings = ConvertSettings { plots: false, batch_size: 4, ..settings };
    let conversion = Conversion::prepare(Input::from_paths([star]).unwrap(), settings).unwrap();
    conversion.run(output).unwrap();
    conversion
}

#[test]
fn what_was_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let conversion = convert(&simulated(folder.path()), &folder.path().join("out"), ConvertSettings::default());
    let metadata = folder.path().join("out/fft/particles_fourier_stack_000001.npz");
    let mut stack = FourierStack::open_in(folder.path().join("out"), 1).unwrap();
    assert_eq!(stack.n_images(), 3);
    assert_eq!(stack.descriptor(), conversion.descriptor());
    let (table, first) = (conversion.table(), 4);
    for image in 0..3 {
        assert_eq!(stack.metadata().ctf(image), table.ctf(first + image));
        assert_eq!(stack.metadata().pose(image), table.pose(first + image));
        assert!(table.pose(first + image).is_some());
    }
    assert_eq!(stack.metadata().optics(0), table.optics(first));
    assert_eq!(
        stack.metadata().origin.x.as_ref().unwrap().values.get(2),
        table.origin.x.as_ref().unwrap().values.get(6)
    );
    let pixel_size = table.pixel_size_angstrom.unwrap();
    assert_eq!(stack.metadata().ref_pixel_size_angstrom, Some([pixel_size; 2]));
    assert_eq!(stack.metadata().range_in_file, None);

    let mut npz = NpzReader::open(&metadata).unwrap();
    let mut numbers = |key: &str| npz.read(key).unwrap().to_f64().unwrap();
    let (means, maxima, norms) = (numbers("image_mean"), numbers("image_max"), numbers("fourier_norm"));
    let scales = stack.metadata().scales.clone().unwrap();
    assert!(scales.iter().map(|scale| scale.mean).eq(means));
    assert!(scales.iter().map(|scale| scale.max).eq(maxima) && scales.iter().map(|scale| scale.norm).eq(norms));

    let sources = stack.read_sources().unwrap();
    assert_eq!((sources.rows, sources.uids), (vec![4, 5, 6], vec![]));
    assert_eq!(sources.files[0], table.image_names[table.image[4] as usize]);
    assert_eq!(sources.sections, [4, 5, 6].map(|particle: usize| i64::from(table.section[particle].0)));

    // Images by position, in single precision and widened; also physical ones.
    let whole = PtFile::open(metadata.with_extension("pt")).unwrap().read_complex64(0..3).unwrap();
    let n_values = whole.len() / 3;
    let (mut images, mut wide, mut pixels) = (Vec::new(), Vec::new(), vec![1.0]);
    stack.read_images::<f32>(1, 2, &mut images).unwrap();
    assert_eq!(images, whole[n_values..]);
    stack.read_images::<f32>(0, 1, &mut images).unwrap();
    assert_eq!(images, whole[..n_values]);
    stack.read_images::<f64>(2, 1, &mut wide).unwrap();
    let widened = |value: &Complex<f32>| Complex::new(f64::from(value.re), f64::from(value.im));
    assert_eq!(wide, whole[2 * n_values..].iter().map(widened).collect::<Vec<_>>());
    let mut physical = stack.physical().unwrap().unwrap();
    physical.read_f32(2, 1, &mut pixels).unwrap();
    assert_eq!(pixels.len(), N_PIXELS * N_PIXELS);
    assert!((pixels.iter().fold(0.0_f32, |most, pixel| most.max(pixel.abs())) - 1.0).abs() < 1e-6);
    let error = stack.read_images::<f32>(2, 2, &mut images).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Value);
    assert!(stack.read_images::<f32>(usize::MAX, 2, &mut images).is_err());
    std::fs::remove_file(folder.path().join("out/phys/particles_phys_stack_000001.pt")).unwrap();
    assert!(stack.physical().unwrap().is_none());
}

#[test]
fn double_precision_is_never_rounded() {
    let folder = tempfile::tempdir().unwrap();
    let double =
        DescriptorSource::FromData { precision: Precision::Double, resolution_factor: 1.0, n_inplanes: Some(16) };
    let settings = ConvertSettings { descriptor: double, ..ConvertSettings::default() };
    convert(&simulated(folder.path()), &folder.path().join("out"), settings);
    let mut stack = FourierStack::open(folder.path().join("out/fft/particles_fourier_stack_000000.pt")).unwrap();
    let mut images = Vec::new();
    stack.read_images::<f64>(0, 4, &mut images).unwrap();
    assert_eq!(images.len(), 4 * stack.descriptor().polar_grid.n_points());
    let error = stack.read_images::<f32>(0, 1, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().ends_with("holds complex128 values, expected complex64"), "{error}");
}

#[test]
fn a_table_gives_what_its_rows_say() {
    let folder = tempfile::tempdir().unwrap();
    let star = folder.path().join("particles.star");
    let text = "data_optics\nloop_\n_rlnOpticsGroup\n_rlnVoltage\n_rlnSphericalAberration\n_rlnAmplitudeContrast\n\
                7 300 2.7 0.1\n8 200 1.4 0.07\n\n\
                data_particles\nloop_\n_rlnImageName\n_rlnOpticsGroup\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n\
                _rlnPhaseShift\n_rlnCtfBfactor\n_rlnAngleRot\n_rlnAngleTilt\n_rlnAnglePsi\n\
                1@a.mrcs 7 12000 11000 45 0 10 0 90 0\n2@a.mrcs 8 9000 9500 -90 90 20 180 45 -45\n";
    std::fs::write(&star, text).unwrap();
    let mut findings = Findings::new();
    let table = read_particles(&Input::from_paths([star]).unwrap(), &ReadSettings::default(), &mut findings).unwrap();
    assert!(findings.errors.is_empty(), "{:?}", findings.errors);
    assert_eq!(
        table.ctf(1),
        Ctf {
            defocus_u_angstrom: 9000.0,
            defocus_v_angstrom: 9500.0,
            defocus_angle_rad: -FRAC_PI_2,
            voltage_kv: 200.0,
            spherical_aberration_mm: 1.4,
            amplitude_contrast: 0.07,
            phase_shift_rad: FRAC_PI_2,
            b_factor_angstrom2: 20.0,
            scale: 1.0,
        }
    );
    assert_eq!((table.ctf(0).defocus_angle_rad, table.ctf(0).voltage_kv), (FRAC_PI_4, 300.0));
    assert_eq!(table.pose(1), Some(Pose { rot: PI, tilt: FRAC_PI_4, psi: -FRAC_PI_4 }));
    assert_eq!(table.optics(0).spherical_aberration_mm, 2.7);
}

/// The largest difference of two functions at frequencies in all directions, up to 1/4 Å.
fn difference(one: &Ctf, other: &Ctf) -> f64 {
    let at = |ctf: &Ctf, k: u32, direction: u32| {
        ctf.value_along(f64::from(k) / 100.0, f64::from(direction) * FRAC_PI_2 / 8.0)
    };
    let all = (1..25).flat_map(|k| (0..32).map(move |direction| (k, direction)));
    all.map(|(k, direction)| (at(one, k, direction) - at(other, k, direction)).abs()).fold(0.0, f64::max)
}

#[test]
fn the_ctf_is_the_same_from_whichever_axis_its_angle_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let star = simulated(folder.path());
    let settings = |axis| ConvertSettings { defocus_angle_axis: axis, ..ConvertSettings::default() };
    let as_read = convert(&star, &folder.path().join("columns"), settings(DefocusAngleAxis::Columns));
    let turned = convert(&star, &folder.path().join("rows"), settings(DefocusAngleAxis::Rows));
    let stack = FourierStack::open_in(folder.path().join("rows"), 0).unwrap();
    assert_eq!(stack.metadata().capture.defocus_angle_axis, DefocusAngleAxis::Rows);
    for particle in 0..4 {
        let expected = as_read.table().ctf(particle);
        assert!((expected.defocus_u_angstrom - expected.defocus_v_angstrom).abs() > 10.0, "astigmatic");
        // χ reaches some hundred radians, of which doubles keep 1e-13.
        assert!(difference(&turned.table().ctf(particle), &expected) < 1e-10);
        assert!(difference(&stack.metadata().ctf(particle), &expected) < 1e-10);
        let mirrored = Ctf { defocus_angle_rad: FRAC_PI_2 - expected.defocus_angle_rad, ..expected };
        assert!(difference(&mirrored, &expected) > 1e-3, "a mirrored function is another one");
    }
}

#[test]
fn cryolikes_own_stacks_are_read() {
    let Some(folder) = shared("golden/cryolike_relion5") else { return };
    let mut stack = FourierStack::open_in(&folder, 0).unwrap();
    assert_eq!(stack.n_images(), 10);
    let metadata = stack.metadata();
    assert!(metadata.scales.is_none() && metadata.origin.x.is_none() && metadata.range_in_file.is_none());
    assert_eq!(metadata.capture.defocus_angle_axis, DefocusAngleAxis::Columns);
    assert!(metadata.pose(9).is_some());
    // Its arrays of these names are those of the whole data set, 17 images: nothing says which are the stack's.
    assert_eq!(metadata.capture.ctf_bfactor, None);
    let [both, other] = metadata.ref_pixel_size_angstrom.unwrap();
    assert_eq!(both, other);
    let sources = stack.read_sources().unwrap();
    assert_eq!((sources.files, sources.sections, sources.rows), (vec![], vec![], vec![]));
    let mut images = Vec::new();
    stack.read_images::<f32>(3, 2, &mut images).unwrap();
    let whole =
        PtFile::open(folder.join("fft/particles_fourier_stack_000000.pt")).unwrap().read_complex64(3..5).unwrap();
    assert_eq!(images, whole);
    assert_eq!(stack.physical().unwrap().unwrap().n_images(), 10);

    let Some(folder) = shared("golden/likelihood/cryolike/particles") else { return };
    let stack = FourierStack::open_in(&folder, 0).unwrap();
    assert_eq!(stack.metadata().capture.ctf_scale_factor, Some(Column::Constant(1.0)));
}

#[test]
fn views_into_larger_storage_are_read_as_what_they_show() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verglas-formats/tests/fixtures/pt/slice.pt");
    let mut tensor = ImageTensor::open(&fixture, [3, 3, 2]).unwrap();
    let mut pixels = Vec::new();
    tensor.read_f32(1, 2, &mut pixels).unwrap();
    assert_eq!(pixels, (24..48).step_by(2).map(|value| value as f32).collect::<Vec<_>>());
    let error = ImageTensor::open(&fixture, [3, 3, 4]).unwrap_err();
    assert!(error.to_string().ends_with("has the shape [3, 3, 2], expected [3, 3, 4]"), "{error}");
}

/// A copy of a stack's metadata in which one array is another.
fn altered(folder: &Path, key: &str, values: Option<&[f64]>) -> String {
    let path = folder.join("out/fft/particles_fourier_stack_000000.npz");
    let mut npz = NpzReader::open(&path).unwrap();
    let names: Vec<String> = npz.names().map(str::to_owned).collect();
    let mut copy = NpzWriter::new(Vec::new());
    for name in names {
        let array = npz.read(&name).unwrap();
        let shape = array.shape().to_vec();
        if name == key {
            if let Some(values) = values {
                copy.add_f64(&name, &[values.len()], values).unwrap();
            }
        } else if let Ok(texts) = array.to_text() {
            copy.add_text(&name, &shape, texts.iter().map(Vec::as_slice)).unwrap();
        } else if let Ok(numbers) = array.to_i64() {
            copy.add_i64(&name, &shape, &numbers).unwrap();
        } else {
            copy.add_f64(&name, &shape, &array.to_f64().unwrap()).unwrap();
        }
    }
    let other = folder.join("altered");
    std::fs::create_dir_all(other.join("fft")).unwrap();
    std::fs::write(other.join("fft/particles_fourier_stack_000000.npz"), copy.finish().unwrap()).unwrap();
    let tensor = "fft/particles_fourier_stack_000000.pt";
    std::fs::copy(folder.join("out").join(tensor), other.join(tensor)).unwrap();
    match FourierStack::open_in(&other, 0) {
        Ok(_) => "read".to_owned(),
        Err(error) => error.to_string().replace(&*other.join("fft").to_string_lossy(), ""),
    }
}

#[test]
fn stacks_that_contradict_themselves_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    convert(&simulated(folder.path()), &folder.path().join("out"), ConvertSettings::default());
    let found = |key: &str, values: Option<&[f64]>| altered(folder.path(), key, values);
    assert_eq!(found("row", None), "read");
    assert_eq!(found("originX", Some(&[])), "read");
    let file = "`/particles_fourier_stack_000000.npz`";
    assert_eq!(found("defocusV", None), format!("{file} has no `defocusV`"));
    assert_eq!(found("n_images", None), format!("{file} has no `n_images`"));
    let expected = format!("{file}: its `anglePsi` has 3 values, expected 4 images");
    assert_eq!(found("anglePsi", Some(&[0.0; 3])), expected);
    // All per-image arrays of a file of ours are the stack's own.
    let expected = format!("{file}: its `ctfBfactor` has 5 values, expected one or 4");
    assert_eq!(found("ctfBfactor", Some(&[0.0; 5])), expected);
    assert!(found("image_max", None).ends_with("has no `image_max`"));
    assert!(found("defocusAngle_axis", Some(&[1.0])).contains(file));
}
