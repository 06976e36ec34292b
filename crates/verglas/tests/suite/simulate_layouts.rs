//! Promise: a simulated data set holds the same images in every layout and with any number of threads, and its metadata
//! say which image is whose.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use verglas::pose::Pose;
use verglas::simulate::{ImageSimulator, Layout, SimulatedDataSet, SimulatedOptics, SimulationSettings, simulate};
use verglas::{Choice, ErrorKind, Observer, Silent, StopFlag};
use verglas_formats::mrc::{MrcOptions, MrcStack};
use verglas_formats::npy::{Dtype, NpyHeader};
use verglas_formats::npz::NpzReader;
use verglas_formats::star::StarFile;

const N_PIXELS: usize = 24;
const N_PARTICLES: usize = 53;

fn settings(layout: Layout) -> SimulationSettings {
    let mut settings = SimulationSettings {
        layout,
        n_stacks: Some(3),
        seed: 7,
        n_threads: 2,
        ..SimulationSettings::new(N_PARTICLES, N_PIXELS)
    };
    settings.optics_groups.push(SimulatedOptics { voltage_kv: 200.0, ..settings.optics_groups[0] });
    settings.phase_shift_rad = 0.1..=1.2;
    settings
}

fn run(settings: &SimulationSettings, directory: &Path) -> SimulatedDataSet {
    simulate(settings, directory, &Silent, &StopFlag::new(false)).unwrap()
}

/// All images of the stack files, by the place where they are.
fn read_images(data_set: &SimulatedDataSet) -> HashMap<(usize, usize), Vec<f32>> {
    let mut images = HashMap::new();
    for (index, path) in data_set.stack_files.iter().enumerate() {
        let stack = MrcStack::open(path, &MrcOptions::default()).unwrap();
        assert!(stack.warnings().is_empty(), "{:?}", stack.warnings());
        let mut scratch = Vec::new();
        for section in 0..stack.n_sections() {
            let mut image = vec![0.0; stack.pixels_per_section()];
            stack.read_section(section, &mut image, &mut scratch).unwrap();
            images.insert((index, section as usize), image);
        }
    }
    images
}

/// A block's rows, by column.
fn read_block(path: &Path, name: &str) -> HashMap<String, Vec<String>> {
    let file = StarFile::open(path).unwrap();
    let table = file.table(name).unwrap();
    let columns = table.block.columns.iter().enumerate();
    columns
        .map(|(index, column)| {
            let values = table.column(index).map(|value| String::from_utf8(value.to_vec()).unwrap());
            (column.name.clone(), values.collect())
        })
        .collect()
}

fn assert_close(found: &str, expected: f64, what: &str) {
    let found: f64 = found.parse().unwrap();
    // Six decimals, to half of the last.
    assert!((found - expected).abs() < 5.1e-7, "{what}: {found}, expected {expected}");
}

#[test]
fn every_layout_holds_the_images_that_the_simulator_makes() {
    let simulator = ImageSimulator::new(&settings(Layout::Star)).unwrap();
    let mut scratch = simulator.scratch();
    let mut image = vec![0.0; N_PIXELS * N_PIXELS];
    for &layout in Layout::ALL {
        let folder = tempfile::tempdir().unwrap();
        let data_set = run(&settings(layout), folder.path());
        let images = read_images(&data_set);
        assert_eq!(images.len(), N_PARTICLES, "{layout}");
        for (index, place) in data_set.places.iter().enumerate() {
            simulator.write_image(index, &mut scratch, &mut image);
            assert!(images[&(place.stack, place.section)] == image, "{layout}: particle {index}");
            assert_eq!(data_set.particles[index], simulator.particle(index));
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    for &layout in Layout::ALL {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for n_threads in [1, 3, 8] {
            let directory = folder.path().join(n_threads.to_string());
            // Large enough for several tasks a stack, small enough to be quick.
            let settings = SimulationSettings { n_threads, n_pixels: 200, n_particles: 60, ..settings(layout) };
            let data_set = run(&settings, &directory);
            let paths = data_set.stack_files.iter().chain(&data_set.metadata_files).chain([&data_set.truth_file]);
            files.push(paths.map(|path| fs::read(path).unwrap()).collect::<Vec<_>>());
        }
        assert!(files[0] == files[1] && files[0] == files[2], "{layout}");
    }
}

#[test]
fn the_star_file_tells_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let data_set = run(&settings(Layout::Star), folder.path());
    assert_eq!(data_set.metadata_files, [folder.path().join("particles.star")]);
    let optics = read_block(&data_set.metadata_files[0], "optics");
    assert_eq!(optics["rlnOpticsGroup"], ["1", "2"]);
    assert_eq!(optics["rlnVoltage"], ["300.000000", "200.000000"]);
    assert_eq!(optics["rlnImagePixelSize"], ["1.300000", "1.300000"]);
    assert_eq!(optics["rlnImageSize"], ["24", "24"]);
    let rows = read_block(&data_set.metadata_files[0], "particles");
    let mut sections_in_order = 0;
    for (index, (particle, place)) in data_set.particles.iter().zip(&data_set.places).enumerate() {
        let name = format!("{:06}@stacks/particles_{:03}.mrcs", place.section + 1, place.stack);
        assert_eq!(rows["rlnImageName"][index], name);
        assert!(folder.path().join(format!("stacks/particles_{:03}.mrcs", place.stack)).exists());
        assert_eq!(rows["rlnOpticsGroup"][index], (particle.optics_group + 1).to_string());
        for (column, expected) in [
            ("rlnDefocusU", particle.ctf.defocus_u_angstrom),
            ("rlnDefocusV", particle.ctf.defocus_v_angstrom),
            ("rlnDefocusAngle", particle.ctf.defocus_angle_rad.to_degrees()),
            ("rlnPhaseShift", particle.ctf.phase_shift_rad.to_degrees()),
            ("rlnAngleRot", particle.pose.rot.to_degrees()),
            ("rlnAngleTilt", particle.pose.tilt.to_degrees()),
            ("rlnAnglePsi", particle.pose.psi.to_degrees()),
            ("rlnOriginXAngst", particle.origin_angstrom[0]),
            ("rlnOriginYAngst", particle.origin_angstrom[1]),
            ("rlnRandomSubset", f64::from(particle.half) + 1.0),
        ] {
            assert_close(&rows[column][index], expected, column);
        }
        sections_in_order += usize::from(place.section == index / 3);
    }
    // Reading sections in the rows' order would give wrong images.
    assert!(sections_in_order < N_PARTICLES / 4);
}

#[test]
fn pairs_describe_their_sections_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let data_set = run(&settings(Layout::StarPairs), folder.path());
    let mut index = 0;
    for (stack, path) in data_set.metadata_files.iter().enumerate() {
        assert_eq!(*path, folder.path().join(format!("particles_{stack:03}.star")));
        assert_eq!(data_set.stack_files[stack], path.with_extension("mrcs"));
        let rows = read_block(path, "particles");
        for (section, defocus) in rows["rlnDefocusU"].iter().enumerate() {
            assert_eq!((data_set.places[index].stack, data_set.places[index].section), (stack, section));
            assert_close(defocus, data_set.particles[index].ctf.defocus_u_angstrom, "rlnDefocusU");
            index += 1;
        }
    }
    assert_eq!(index, N_PARTICLES);
}

/// The records of a `.cs` file: each field's bytes, by name, one after the other.
fn read_records(path: &Path) -> HashMap<String, Vec<Vec<u8>>> {
    let bytes = fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let header = NpyHeader::read(&mut rest, bytes.len() as u64).unwrap();
    let Dtype::Record(record) = header.dtype() else { panic!("{:?}", header.dtype()) };
    let item_bytes = header.dtype().item_bytes();
    assert_eq!(rest.len(), item_bytes * header.n_items() as usize);
    let fields = record.fields().iter();
    fields
        .map(|field| {
            let end = field.offset + field.n_values() * field.dtype.item_bytes();
            (field.name.clone(), rest.chunks(item_bytes).map(|item| item[field.offset..end].to_vec()).collect())
        })
        .collect()
}

fn floats(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks(4).map(|value| f64::from(f32::from_le_bytes(value.try_into().unwrap()))).collect()
}

fn whole(bytes: &[u8]) -> usize {
    u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize
}

#[test]
fn cs_files_tell_the_truth() {
    for layout in [Layout::Cs, Layout::CsJob] {
        let folder = tempfile::tempdir().unwrap();
        let data_set = run(&settings(layout), folder.path());
        let name = if layout == Layout::Cs { "particles.cs" } else { "J1/J1_passthrough_particles.cs" };
        assert_eq!(data_set.metadata_files, [folder.path().join(name)]);
        let records = read_records(&data_set.metadata_files[0]);
        assert_eq!(records["uid"].len(), N_PARTICLES);
        for (index, (particle, place)) in data_set.particles.iter().zip(&data_set.places).enumerate() {
            assert_eq!(records["uid"][index], particle.uid.to_le_bytes());
            for (field, expected) in [
                ("ctf/df1_A", vec![particle.ctf.defocus_u_angstrom]),
                ("ctf/df2_A", vec![particle.ctf.defocus_v_angstrom]),
                ("ctf/df_angle_rad", vec![particle.ctf.defocus_angle_rad]),
                ("ctf/phase_shift_rad", vec![particle.ctf.phase_shift_rad]),
                ("ctf/accel_kv", vec![if index / 10 % 2 == 0 { 300.0 } else { 200.0 }]),
                ("ctf/cs_mm", vec![2.7]),
                ("ctf/amp_contrast", vec![0.1]),
                ("alignments3D/shift", particle.origin_angstrom.iter().map(|origin| origin / 1.3).collect()),
                ("alignments3D/psize_A", vec![1.3]),
            ] {
                let found = floats(&records[field][index]);
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(&expected) {
                    // Half a unit in the last place of single precision.
                    assert!((found - expected).abs() <= expected.abs() * 6e-8, "{field}: {found}, expected {expected}");
                }
            }
            let vector = floats(&records["alignments3D/pose"][index]);
            let pose = Pose::from_rotation_vector([vector[0], vector[1], vector[2]]);
            let pairs = pose.matrix().into_iter().zip(particle.pose.matrix());
            let error = pairs.flat_map(|(a, b)| a.into_iter().zip(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            // Three components of up to π in single precision.
            assert!(error < 5e-7, "{error}");
            if layout == Layout::Cs {
                let path = String::from_utf8(records["blob/path"][index].clone()).unwrap();
                assert_eq!(folder.path().join(path.trim_end_matches('\0')), data_set.stack_files[place.stack]);
                assert_eq!(whole(&records["blob/idx"][index]), place.section);
                assert_eq!(whole(&records["blob/shape"][index]), N_PIXELS);
                assert_eq!(floats(&records["blob/psize_A"][index]), [f64::from(1.3_f32)]);
            }
        }
        if layout == Layout::CsJob {
            assert!(!records.contains_key("blob/path") && !records.contains_key("blob/idx"));
            for (index, path) in data_set.stack_files.iter().enumerate() {
                assert_eq!(*path, folder.path().join(format!("J1/restack/batch_{index}_restacked.mrc")));
            }
            assert!(data_set.places.is_sorted_by_key(|place| (place.stack, place.section)));
        }
    }
}

#[test]
fn the_truth_is_kept_in_full_precision() {
    let folder = tempfile::tempdir().unwrap();
    let data_set = run(&settings(Layout::Star), folder.path());
    let mut truth = NpzReader::open(&data_set.truth_file).unwrap();
    assert_eq!(truth.names().count(), 19);
    let mut real = |name: &str| truth.read(name).unwrap().to_f64().unwrap();
    let (rot, tilt, psi) = (real("rot"), real("tilt"), real("psi"));
    let (u, angle, x) = (real("defocus_u_angstrom"), real("defocus_angle_rad"), real("origin_x_angstrom"));
    let (stack, section, voltage) = (real("stack"), real("section"), real("voltage_kv"));
    assert_eq!(rot.len(), N_PARTICLES);
    for (index, (particle, place)) in data_set.particles.iter().zip(&data_set.places).enumerate() {
        assert_eq!(Pose { rot: rot[index], tilt: tilt[index], psi: psi[index] }, particle.pose);
        assert_eq!(u[index], particle.ctf.defocus_u_angstrom);
        assert_eq!(angle[index], particle.ctf.defocus_angle_rad);
        assert_eq!(voltage[index], particle.ctf.voltage_kv);
        assert_eq!(x[index], particle.origin_angstrom[0]);
        assert_eq!((stack[index] as usize, section[index] as usize), (place.stack, place.section));
    }
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    run(&settings(Layout::Star), folder.path());
    let before = fs::read(folder.path().join("stacks/particles_000.mrcs")).unwrap();
    let other = SimulationSettings { seed: 8, ..settings(Layout::Star) };
    let error = simulate(&other, folder.path(), &Silent, &StopFlag::new(false)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert!(error.to_string().ends_with("particles.star` exists already"), "{error}");
    assert_eq!(fs::read(folder.path().join("stacks/particles_000.mrcs")).unwrap(), before);
}

/// Asks to stop when 20 images are written.
#[derive(Default)]
struct FirstImages {
    n_written: AtomicU64,
    stop: StopFlag,
}

impl Observer for FirstImages {
    fn images_done(&self, n: u64) {
        if self.n_written.fetch_add(n, Ordering::Relaxed) + n >= 20 {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn progress_counts_up_and_can_stop_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let settings = SimulationSettings { n_pixels: 256, n_stacks: Some(10), ..settings(Layout::Star) };
    let first_images = FirstImages::default();
    let error = simulate(&settings, folder.path(), &first_images, &first_images.stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    // It stopped at once: a task holds 8 images of this size.
    assert!((20..28).contains(&first_images.n_written.into_inner()));
    assert!(!folder.path().join("particles.star").exists());
    // Nothing stays behind, under whatever name: the same run can start over.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(run(&settings, folder.path()).particles.len(), N_PARTICLES);
}

#[test]
fn what_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("stacks"), "a file where a folder should be").unwrap();
    let error = simulate(&settings(Layout::Star), folder.path(), &Silent, &StopFlag::new(false)).unwrap_err();
    assert!(error.to_string().contains("stacks"), "{error}");
}

#[test]
fn one_particle_is_a_data_set() {
    for &layout in Layout::ALL {
        let folder = tempfile::tempdir().unwrap();
        let data_set = run(&SimulationSettings { layout, ..SimulationSettings::new(1, 4) }, folder.path());
        assert_eq!(data_set.stack_files.len(), 1);
        assert_eq!(read_images(&data_set).len(), 1);
    }
}
