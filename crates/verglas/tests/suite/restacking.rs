//! Promise: whatever the rows, files, batches, threads and shards, each row's image comes exactly once, at the place that the
//! plan gives it, with its own metadata, and with the values that it has in any other company.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;
use verglas::metadata::Input;
use verglas::settings::{ConvertSettings, Shard};
use verglas::{Conversion, Silent};
use verglas_formats::mrc::{Mode, MrcLayout, MrcWriter};
use verglas_formats::npz::NpzReader;
use verglas_formats::pt::PtFile;

use crate::cryosparc_common::{Cs, two};

const BOX: usize = 8;
const N_FILES: usize = 3;
const N_SECTIONS: usize = 6;

/// A row of the metadata: image file, section from 0, whether it is of the second optics group.
type AskedRow = (usize, usize, bool);

/// Values of an image, its Fourier image as bytes and its pixels in real space.
#[derive(Debug, Clone, PartialEq)]
struct Values {
    fourier: Vec<u8>,
    physical: Vec<f32>,
}

/// The image files, and what each of their images becomes in a run of its own.
struct Images {
    dir: tempfile::TempDir,
    values: HashMap<(usize, usize), Values>,
}

/// Made once for all cases.
fn images() -> &'static Images {
    static IMAGES: OnceLock<Images> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut state = 1_u32;
        let mut pixels = HashMap::new();
        for file in 0..N_FILES {
            let layout = MrcLayout {
                n_columns: BOX as u64,
                n_rows: BOX as u64,
                n_sections: N_SECTIONS as u64,
                pixel_size_angstrom: None,
                mode: Mode::Float32,
            };
            let mut writer = MrcWriter::create(dir.path().join(format!("{file}.mrcs")), layout).unwrap();
            for section in 0..N_SECTIONS {
                let image: Vec<f32> = (0..BOX * BOX)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (state >> 8) as f32 / 1e6
                    })
                    .collect();
                writer.write_section(&image).unwrap();
                pixels.insert((file, section), image);
            }
            writer.finish().unwrap();
        }
        let mut values = HashMap::new();
        for (&(file, section), pixels) in &pixels {
            let folder = tempfile::tempdir().unwrap();
            write_star(dir.path(), folder.path(), &[(file, section, false)]);
            convert(folder.path(), ConvertSettings { batch_size: 1, n_threads: 1, ..settings() });
            let [stack] = read_stacks(folder.path()).try_into().unwrap();
            let [(_, _, found)] = stack.try_into().unwrap();
            // Mean 0 and largest absolute value 1.
            let mean = pixels.iter().copied().map(f64::from).sum::<f64>() / pixels.len() as f64;
            let largest = pixels.iter().map(|&pixel| (f64::from(pixel) - mean).abs()).fold(0.0, f64::max);
            for (&pixel, &found) in pixels.iter().zip(&found.physical) {
                let expected = (f64::from(pixel) - mean) / largest;
                // Rounding of a float32.
                assert!((f64::from(found) - expected).abs() <= 6e-8, "{found}, expected {expected}");
            }
            values.insert((file, section), found);
        }
        Images { dir, values }
    })
}

fn settings() -> ConvertSettings {
    ConvertSettings { plots: false, pixel_size_angstrom: Some([1.5; 2]), ..ConvertSettings::default() }
}

fn convert(folder: &Path, settings: ConvertSettings) {
    let conversion = Conversion::prepare(Input::IndexedStar(folder.join("particles.star")), settings).unwrap();
    conversion.run(folder.join("out")).unwrap();
}

/// The defocus of a row identifies it.
fn defocus_u_angstrom(row: usize) -> f64 {
    10_000.0 + row as f64
}

fn write_star(images: &Path, folder: &Path, rows: &[AskedRow]) {
    let mut text = "data_optics\n\nloop_\n_rlnOpticsGroup\n_rlnVoltage\n_rlnSphericalAberration\n\
        _rlnAmplitudeContrast\n1 300 2.7 0.1\n2 200 2.7 0.1\n\n\ndata_particles\n\nloop_\n_rlnImageName\n\
        _rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n_rlnOpticsGroup\n"
        .to_owned();
    for (row, &(file, section, is_second)) in rows.iter().enumerate() {
        let path = images.join(format!("{file}.mrcs"));
        let group = if is_second { 2 } else { 1 };
        text.push_str(&format!("{}@{} {} 9000 0 {group}\n", section + 1, path.display(), defocus_u_angstrom(row)));
    }
    fs::write(folder.join("particles.star"), text).unwrap();
}

/// All stacks of an output folder: of each image its row, its voltage in kV and its values.
fn read_stacks(folder: &Path) -> Vec<Vec<(usize, f64, Values)>> {
    let out = folder.join("out");
    let n_stacks = fs::read_dir(out.join("fft")).unwrap().count() / 2;
    (0..n_stacks).map(|number| read_stack(&out, number)).collect()
}

fn read_stack(out: &Path, number: usize) -> Vec<(usize, f64, Values)> {
    let path = |folder: &str, kind: &str, end: &str| -> PathBuf {
        out.join(format!("{folder}/particles_{kind}_stack_{number:06}.{end}"))
    };
    let mut metadata = NpzReader::open(path("fft", "fourier", "npz")).unwrap();
    let mut read = |key: &str| metadata.read(key).unwrap().to_f64().unwrap();
    let (rows, defocus, voltage) = (read("row"), read("defocusU"), read("voltage"));
    assert_eq!(voltage.len(), 1);
    let mut fourier = PtFile::open(path("fft", "fourier", "pt")).unwrap();
    let mut physical = PtFile::open(path("phys", "phys", "pt")).unwrap();
    assert_eq!((fourier.tensor().n_rows(), physical.tensor().n_rows()), (rows.len() as u64, rows.len() as u64));
    rows.iter()
        .zip(defocus)
        .zip(0..)
        .map(|((&row, defocus), nth)| {
            let row = row as usize;
            assert_eq!(defocus, defocus_u_angstrom(row), "row {row} has the metadata of another");
            let values = Values {
                fourier: fourier.read_bytes(nth..nth + 1).unwrap(),
                physical: physical.read_f32(nth..nth + 1).unwrap(),
            };
            (row, voltage[0], values)
        })
        .collect()
}

/// Everything that holds of the stacks made from `rows`.
fn check(folder: &Path, rows: &[AskedRow], batch_size: usize, keep_files_apart: bool) -> Result<(), TestCaseError> {
    let stacks = read_stacks(folder);
    let mut seen = BTreeSet::new();
    let mut group_of_stack = Vec::new();
    for stack in &stacks {
        prop_assert!((1..=batch_size).contains(&stack.len()));
        let group = |row: usize| (rows[row].2, keep_files_apart.then_some(rows[row].0));
        let of_stack = group(stack[0].0);
        group_of_stack.push(of_stack);
        for (row, voltage_kv, values) in stack {
            let (file, section, is_second) = rows[*row];
            prop_assert!(seen.insert(*row), "row {} comes twice", row);
            prop_assert_eq!(*voltage_kv, if is_second { 200.0 } else { 300.0 });
            prop_assert_eq!(group(*row), of_stack);
            prop_assert!(values == &images().values[&(file, section)], "row {} has another image's values", row);
        }
        prop_assert!(stack.windows(2).all(|pair| pair[0].0 < pair[1].0), "not in the order of the rows");
    }
    prop_assert_eq!(seen, (0..rows.len()).collect::<BTreeSet<_>>(), "rows are missing");
    // Only the last stack of a group may be smaller.
    for (number, stack) in stacks.iter().enumerate() {
        let goes_on = group_of_stack.get(number + 1) == Some(&group_of_stack[number]);
        prop_assert!(!goes_on || stack.len() == batch_size);
    }
    let verified = verglas::verify(&folder.join("out"), &Silent).unwrap();
    prop_assert!(verified.is_sound(), "{:?}", verified.problems);
    Ok(())
}

/// Rows of any images, in any order; one image may be in several.
fn asked_rows() -> impl Strategy<Value = Vec<AskedRow>> {
    prop::collection::vec((0..N_FILES, 0..N_SECTIONS, prop::bool::weighted(0.3)), 1..60)
}

proptest! {
    // Each case is a few runs.
    #![proptest_config(ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_image_comes_once_with_its_own_metadata_and_values(
        rows in asked_rows(),
        batch_size in 1..20_usize,
        n_threads in 1..5_usize,
        // From one image at a time to all.
        memory_bytes in prop::sample::select(vec![400_u64 << 10, 1 << 20, 1 << 26]),
        keep_files_apart: bool,
        n_shards in prop::option::of(1..5_usize),
        first_shard: Index,
    ) {
        let folder = tempfile::tempdir().unwrap();
        write_star(images().dir.path(), folder.path(), &rows);
        let asked = ConvertSettings { batch_size, n_threads, memory_bytes, keep_files_apart, ..settings() };
        match n_shards {
            None => convert(folder.path(), asked),
            Some(of) => {
                for number in 0..of {
                    let number = (number + first_shard.index(of)) % of + 1;
                    let shard = Some(Shard::new(number, of).unwrap());
                    convert(folder.path(), ConvertSettings { shard, ..asked.clone() });
                }
            }
        }
        check(folder.path(), &rows, batch_size, keep_files_apart)?;
    }

    #[test]
    fn rows_that_are_joined_on_uid_get_what_was_measured_of_them(
        rows in asked_rows(),
        // In the second file the rows are in the order of these, with others between them.
        order in prop::collection::vec(any::<u64>(), 70),
        n_others in 0..10_usize,
        batch_size in 1..20_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let n = rows.len() + n_others;
        let uid = |row: usize| (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let paths: Vec<String> =
            rows.iter().map(|(file, ..)| images().dir.path().join(format!("{file}.mrcs")).display().to_string()).collect();
        let named: Vec<(&str, u32)> =
            paths.iter().zip(&rows).map(|(path, (_, section, _))| (path.as_str(), *section as u32)).collect();
        let uids: Vec<u64> = (0..rows.len()).map(uid).collect();
        let particles = Cs::default().with_uids(&uids).with_images(&named).write(folder.path().join("particles.cs"));

        let mut in_second: Vec<usize> = (0..n).collect();
        in_second.sort_by_key(|&row| order[row]);
        let of_row = |value: &dyn Fn(usize) -> f32| in_second.iter().map(|&row| value(row)).collect::<Vec<f32>>();
        let passthrough = Cs::with_ctf(n)
            .f32("ctf/df1_A", &of_row(&|row| defocus_u_angstrom(row) as f32))
            .f32("ctf/accel_kv", &of_row(&|row| if rows.get(row).is_some_and(|row| row.2) { 200.0 } else { 300.0 }))
            .with_uids(&in_second.iter().copied().map(uid).collect::<Vec<_>>())
            .write(folder.path().join("passthrough.cs"));

        let asked = ConvertSettings { batch_size, n_threads: 2, ..settings() };
        let conversion = Conversion::prepare(two(particles, passthrough), asked).unwrap();
        conversion.run(folder.path().join("out")).unwrap();
        check(folder.path(), &rows, batch_size, false)?;
    }
}
