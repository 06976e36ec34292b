//! What a conversion writes: values against the direct sum, metadata against the STAR file, always the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use num_complex::Complex;
use verglas::descriptor::ImageDescriptor;
use verglas::polar::direct::transform_directly;
use verglas_formats::npz::NpzReader;
use verglas_formats::pt::PtFile;

use crate::data_set::{DataSet, N_PIXELS, PARTICLES, Ran, USUAL_NAMES, optics, particle, pixels, star};

/// One stack's metadata.
pub struct Metadata(NpzReader<std::io::BufReader<fs::File>>);

impl Metadata {
    pub fn open(path: &Path) -> Self {
        Self(NpzReader::open(path).unwrap())
    }

    pub fn numbers(&mut self, key: &str) -> Vec<f64> {
        self.0.read(key).unwrap().to_f64().unwrap()
    }

    pub fn texts(&mut self, key: &str) -> Vec<String> {
        self.0.read(key).unwrap().to_text().unwrap().into_iter().map(|text| String::from_utf8(text).unwrap()).collect()
    }

    pub fn shape(&mut self, key: &str) -> Vec<usize> {
        self.0.read(key).unwrap().shape().to_vec()
    }
}

pub fn metadata(set: &DataSet, stack: usize) -> Metadata {
    Metadata::open(&set.path(&format!("out/fft/particles_fourier_stack_{stack:06}.npz")))
}

/// The images of a Fourier stack in float64, whatever its precision.
pub fn fourier_images(path: &Path) -> Vec<Vec<Complex<f64>>> {
    let mut file = PtFile::open(path).unwrap();
    let (n, per_image) = (file.tensor().n_rows(), file.tensor().values_per_row() as usize);
    let values: Vec<Complex<f64>> = match file.tensor().element_type().name() {
        "complex64" => {
            let values = file.read_complex64(0..n).unwrap();
            values.into_iter().map(|value| Complex::new(value.re.into(), value.im.into())).collect()
        }
        _ => file.read_complex128(0..n).unwrap(),
    };
    values.chunks(per_image).map(<[_]>::to_vec).collect()
}

pub fn physical_images(path: &Path) -> Vec<Vec<f32>> {
    let mut file = PtFile::open(path).unwrap();
    let (n, per_image) = (file.tensor().n_rows(), file.tensor().values_per_row() as usize);
    file.read_f32(0..n).unwrap().chunks(per_image).map(<[_]>::to_vec).collect()
}

/// Steps 2 to 4 by the book: centred pixels, the direct sum, the norm.
pub fn by_the_book(raw: &[f32], descriptor: &ImageDescriptor) -> (Vec<f32>, Vec<Complex<f64>>, [f64; 3]) {
    let mean = raw.iter().map(|&x| f64::from(x)).sum::<f64>() / raw.len() as f64;
    let max = raw.iter().map(|&x| (f64::from(x) - mean).abs()).fold(0.0, f64::max);
    let physical: Vec<f32> = raw.iter().map(|&x| ((f64::from(x) - mean) / max) as f32).collect();
    let wide: Vec<f64> = physical.iter().map(|&x| x.into()).collect();
    let grid = &descriptor.polar_grid;
    let fourier = transform_directly(&wide, descriptor.cartesian_grid.n_pixels(), grid);
    let norm = fourier
        .chunks(grid.n_inplanes())
        .enumerate()
        .map(|(shell, values)| values.iter().map(Complex::norm_sqr).sum::<f64>() * grid.point_weight(shell))
        .sum::<f64>()
        .sqrt();
    (physical, fourier.into_iter().map(|value| value / norm).collect(), [mean, max, norm])
}

/// Relative L2 distance of an image from a reference.
pub fn relative_error(image: &[Complex<f64>], reference: &[Complex<f64>]) -> f64 {
    let distance: f64 = image.iter().zip(reference).map(|(a, b)| (a - b).norm_sqr()).sum();
    let size: f64 = reference.iter().map(Complex::norm_sqr).sum();
    (distance / size).sqrt()
}

#[track_caller]
pub fn assert_converted(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// Every file below a folder with its bytes, but for the manifests, which hold times of change.
pub fn all_files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|ending| ending != "json") {
                files.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn values_agree_with_the_direct_sum_in_both_precisions() {
    // The bounds are the contract's accuracy, per image.
    for (precision, bound) in [("single", 1e-6), ("double", 1e-12)] {
        let set = DataSet::usual();
        assert_converted(&set.convert(&["--precision", precision, "--batch-size", "4"]));
        let descriptor = ImageDescriptor::load(&set.path("out/parameters.npz")).unwrap();
        let mut row = 0;
        for (stack, n_images) in [(0, 4), (1, 2)] {
            let fourier = fourier_images(&set.path(&format!("out/fft/particles_fourier_stack_{stack:06}.pt")));
            let physical = physical_images(&set.path(&format!("out/phys/particles_phys_stack_{stack:06}.pt")));
            let mut metadata = metadata(&set, stack);
            let scales = ["image_mean", "image_max", "fourier_norm"].map(|key| metadata.numbers(key));
            assert_eq!((fourier.len(), physical.len()), (n_images, n_images));
            for image in 0..n_images {
                let name = ["stacks/a.mrcs", "stacks/b.mrcs"][row % 2];
                let (centred, reference, expected) = by_the_book(&pixels(name, row / 2), &descriptor);
                assert!(relative_error(&fourier[image], &reference) <= bound, "row {row}");
                assert_eq!(physical[image], centred, "row {row}");
                for (found, expected) in scales.iter().zip(expected) {
                    // The norm is as accurate as the values it is computed from.
                    assert!((found[image] / expected - 1.0).abs() <= bound, "row {row}: {} {expected}", found[image]);
                }
                row += 1;
            }
        }
        assert_eq!(row, 6);
    }
}

#[test]
fn metadata_are_those_of_the_stacks_rows_in_order() {
    let set = DataSet::usual();
    assert_converted(&set.convert(&["--batch-size", "4"]));
    let mut second = metadata(&set, 1);
    assert_eq!(second.numbers("defocusU"), [10_004.5, 10_005.5]);
    assert_eq!(second.numbers("defocusV"), [9_994.25, 9_995.25]);
    assert_eq!(second.numbers("defocusAngle"), [4.0_f64.to_radians(), 5.0_f64.to_radians()]);
    assert_eq!(second.numbers("phaseShift"), [0.0, 0.0]);
    assert_eq!(second.numbers("angleRotation"), [4.0_f64.to_radians(), 5.0_f64.to_radians()]);
    assert_eq!(second.numbers("angleTilt"), [30.0_f64.to_radians(); 2]);
    assert_eq!(second.numbers("anglePsi"), [(-45.0_f64).to_radians(); 2]);
    assert_eq!(second.texts("files"), ["stacks/a.mrcs", "stacks/b.mrcs"]);
    assert_eq!(second.numbers("idxs"), [2.0, 2.0]);
    assert_eq!(second.numbers("row"), [4.0, 5.0]);
    for (key, value) in
        [("voltage", 300.0), ("sphericalAberration", 2.7), ("amplitudeContrast", 0.1), ("n_images", 2.0)]
    {
        assert_eq!((second.numbers(key), second.shape(key)), (vec![value], vec![]), "{key}");
    }
    assert_eq!(second.numbers("ref_pixel_size"), [1.5, 1.5]);
    assert_eq!(second.numbers("ctfBfactor"), [0.0, 0.0]);
    assert_eq!(second.numbers("ctfScalefactor"), [1.0, 1.0]);
    for key in ["uid", "originX", "originY"] {
        assert_eq!(second.shape(key), [0], "{key}");
    }
    assert_eq!(second.texts("defocusAngle_axis"), ["columns"]);
    assert_eq!(second.numbers("pixel_size"), [1.5, 1.5]);
    let written = ImageDescriptor::load(&set.path("out/fft/particles_fourier_stack_000001.npz")).unwrap();
    assert!(written.is_compatible_with(&ImageDescriptor::load(&set.path("out/parameters.npz")).unwrap()));
}

#[test]
fn the_bytes_do_not_depend_on_threads_or_memory() {
    let set = DataSet::usual();
    set.write_stack("stacks/a.mrcs", 200);
    let names: Vec<String> = (0..200).map(|i| format!("{}@stacks/a.mrcs", (i * 7) % 200 + 1)).collect();
    set.write_star("particles.star", &star(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_converted(&set.convert(&["-j", "1", "--batch-size", "30"]));
    let plain = all_files(&set.path("out"));
    // Seven stacks of three files and three plots, and the descriptor.
    assert_eq!(plain.len(), 7 * 6 + 1);
    for arguments in [["-j", "2", "--memory", "256M"], ["-j", "7", "--memory", "30M"]] {
        assert_converted(&set.convert(&[&arguments[..], &["--batch-size", "30", "--overwrite"]].concat()));
        assert!(all_files(&set.path("out")) == plain, "{arguments:?}");
    }
}

#[test]
fn max_stacks_stops_early_and_asks_only_for_what_it_needs() {
    let set = DataSet::usual();
    // The last rows' stack is gone; the first stack does without.
    set.write_star("particles.star", &star(&["1@stacks/a.mrcs", "2@stacks/a.mrcs", "1@gone.mrcs"]));
    let ran = set.convert(&["--batch-size", "2", "--max-stacks", "1"]);
    assert_converted(&ran);
    assert!(ran.stdout.starts_with("2 particles of 1 image file in 1 stack"), "{}", ran.stdout);
}

#[test]
fn files_kept_apart_count_their_images() {
    let set = DataSet::usual();
    assert_converted(&set.convert(&["--keep-files-apart", "--batch-size", "2"]));
    let mut found = Vec::new();
    for stack in 0..4 {
        let mut metadata = metadata(&set, stack);
        let range = (metadata.numbers("stack_start")[0], metadata.numbers("stack_end")[0]);
        found.push((metadata.texts("files")[0].clone(), range));
    }
    let (a, b) = ("stacks/a.mrcs".to_owned(), "stacks/b.mrcs".to_owned());
    assert_eq!(found, [(a.clone(), (0.0, 2.0)), (a, (2.0, 3.0)), (b.clone(), (0.0, 2.0)), (b, (2.0, 3.0))]);
}

#[test]
fn sequential_pairs_ignore_names_angles_and_pixel_size() {
    let set = DataSet::usual();
    set.write_star("a.star", &star(&["7@x.mrcs", "nonsense", "9@y.mrcs"]));
    set.write_star("b.star", &star(&["1@x.mrcs"; 3]));
    let arguments =
        ["convert", "a.star", "b.star", "--images", "stacks/a.mrcs", "stacks/b.mrcs", "--batch-size", "2", "-o", "out"];
    let refused = set.run(&arguments);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("the pixel size is unknown"), "{}", refused.stderr);
    assert_converted(&set.run(&[&arguments[..], &["--pixel-size", "1.5"]].concat()));
    let mut last = metadata(&set, 3);
    assert_eq!(last.texts("files"), ["stacks/b.mrcs"]);
    assert_eq!(last.numbers("idxs"), [2.0]);
    assert_eq!(last.numbers("row"), [2.0]);
    assert_eq!((last.numbers("stack_start"), last.numbers("stack_end")), (vec![2.0], vec![3.0]));
    for key in ["angleRotation", "angleTilt", "anglePsi", "ref_pixel_size"] {
        assert_eq!(last.shape(key), [0], "{key}");
    }
}

#[test]
fn sequential_angles_may_be_radians_already() {
    let set = DataSet::usual();
    set.write_star("a.star", &star(&["1@x"; 3]).replace(" 0.0 0.0 1.0 1 ", " 0.5 0.0 1.0 1 "));
    let units = ["--defocus-angle-unit", "radians", "--phase-shift-unit", "radians"];
    let arguments = ["convert", "a.star", "--images", "stacks/a.mrcs", "--pixel-size", "1", "-o", "out"];
    assert_converted(&set.run(&[&arguments[..], &units].concat()));
    let mut metadata = metadata(&set, 0);
    assert_eq!(metadata.numbers("defocusAngle"), [0.0, 1.0, 2.0]);
    assert_eq!(metadata.numbers("phaseShift"), [0.5; 3]);
}

#[test]
fn defaults_are_used_and_reported_once() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES)
        .replace("_rlnPhaseShift", "_rlnA")
        .replace("_rlnAmplitudeContrast", "_rlnB")
        .replace("_rlnCtfBfactor", "_rlnC")
        .replace("_rlnCtfScalefactor", "_rlnD");
    set.write_star("particles.star", &text);
    let ran = set.convert(&["-q"]);
    assert_converted(&ran);
    for (column, default) in
        [("PhaseShift", "0"), ("AmplitudeContrast", "0.1"), ("CtfBfactor", "0"), ("CtfScalefactor", "1")]
    {
        let told = format!("warning: rln{column} is missing: {default} used for 6 rows");
        assert_eq!(ran.stderr.matches(&told).count(), 1, "{}", ran.stderr);
    }
    assert_eq!(ran.stdout, "", "-q silences the summary");
    let mut metadata = metadata(&set, 0);
    assert_eq!(metadata.numbers("amplitudeContrast"), [0.1]);
    assert_eq!((metadata.numbers("ctfScalefactor"), metadata.shape("ctfScalefactor")), (vec![1.0], vec![]));
    let manifest = fs::read_to_string(set.path("out/manifest.json")).unwrap();
    assert!(manifest.contains("rlnPhaseShift is missing"), "{manifest}");
}

#[test]
fn defaults_and_what_was_dropped_are_said_once_and_not_again_in_the_summary() {
    let set = DataSet::usual();
    let text =
        star(&USUAL_NAMES).replace("_rlnPhaseShift", "_rlnBeamTiltX").replace(" 0.0 0.0 1.0 1 ", " 0.5 0.0 1.0 1 ");
    set.write_star("particles.star", &text);
    let ran = set.convert(&[]);
    assert_converted(&ran);
    for part in ["6 particles of 2 image files in 1 stack", "pixel size 1.5 Å (from the metadata)", "particles/s"] {
        assert!(ran.stdout.contains(part), "`{part}` is not in {}", ran.stdout);
    }
    for part in ["rlnPhaseShift is missing", "beam tilt"] {
        assert_eq!(
            (ran.stderr.matches(part).count(), ran.stdout.matches(part).count()),
            (1, 0),
            "{part}: {}",
            ran.stderr
        );
    }
}

#[test]
fn several_sets_of_constants_get_stacks_of_their_own() {
    let set = DataSet::usual();
    let mut text = String::new();
    // Particles first: blocks may come in any order.
    text.push_str(PARTICLES);
    for (row, name) in USUAL_NAMES.iter().enumerate() {
        text.push_str(&particle(row, name).replace(" 1.0 1 ", if row % 2 == 0 { " 1.0 2 " } else { " 1.0 1 " }));
    }
    text.push_str(&optics("1 one 300.0 2.7 0.1 1.5\n2 two 200.0 2.7 0.1 1.5\n"));
    set.write_star("particles.star", &text);
    let ran = set.convert(&[]);
    assert_converted(&ran);
    assert!(ran.stderr.contains("2 sets of voltage"), "{}", ran.stderr);
    assert!(ran.stderr.contains("200 kV, 2.7 mm, 0.1: 3 particles"), "{}", ran.stderr);
    let (mut first, mut second) = (metadata(&set, 0), metadata(&set, 1));
    assert_eq!((first.numbers("voltage"), first.numbers("row")), (vec![200.0], vec![0.0, 2.0, 4.0]));
    assert_eq!((second.numbers("voltage"), second.numbers("row")), (vec![300.0], vec![1.0, 3.0, 5.0]));
}

#[test]
fn the_particle_row_counts_where_both_blocks_have_a_value() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES)
        .replace("_rlnCtfBfactor #6", "_rlnVoltage #6")
        .replace(" 0.0 0.0 1.0 1 ", " 0.0 200.0 1.0 1 ");
    set.write_star("particles.star", &text);
    let ran = set.convert(&[]);
    assert_converted(&ran);
    assert!(ran.stderr.contains("rlnVoltage differs between particles and optics in 6 rows"), "{}", ran.stderr);
    assert_eq!(metadata(&set, 0).numbers("voltage"), [200.0]);
}

#[test]
fn relion_3_0_files_state_pixel_size_and_origins_their_own_way() {
    let set = DataSet::usual();
    set.write_star(
        "particles.star",
        "data_images\nloop_\n_rlnVoltage\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n_rlnSphericalAberration\n\
         _rlnDetectorPixelSize\n_rlnMagnification\n_rlnImageName\n_rlnOriginX\n_rlnOriginY\n\
         300 10000 10000 0 2.7 5.0 25000 1@stacks/a.mrcs 2.5 -1\n",
    );
    let ran = set.convert(&[]);
    assert_converted(&ran);
    assert!(ran.stdout.contains("pixel size 2 Å (from rlnDetectorPixelSize"), "{}", ran.stdout);
    let mut metadata = metadata(&set, 0);
    assert_eq!((metadata.numbers("originX"), metadata.numbers("originY")), (vec![5.0], vec![-2.0]));
    assert_eq!(metadata.shape("ref_pixel_size"), [0]);
}

#[test]
fn the_defocus_angle_can_be_turned_to_the_rows() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES[..2]).replace("10001.5 9991.25 1.0", "9000.0 9991.25 1.0");
    set.write_star("particles.star", &text);
    assert_converted(&set.convert(&["--defocus-angle-axis", "rows"]));
    let mut metadata = metadata(&set, 0);
    assert_eq!(metadata.texts("defocusAngle_axis"), ["rows"]);
    assert_eq!(metadata.numbers("defocusU"), [10_000.5, 9_991.25]);
    assert_eq!(metadata.numbers("defocusV"), [9_990.25, 9_000.0]);
    let angles = metadata.numbers("defocusAngle");
    // 90° − 0°, and 90° − (1° + 90°) after U and V changed places.
    for (found, degrees) in angles.iter().zip([90.0_f64, -1.0]) {
        assert!((found - degrees.to_radians()).abs() < 1e-12, "{angles:?}");
    }
}

#[test]
fn inverted_contrast_changes_every_sign() {
    let set = DataSet::usual();
    assert_converted(&set.convert(&[]));
    let plain = physical_images(&set.path("out/phys/particles_phys_stack_000000.pt"));
    assert_converted(&set.convert(&["--overwrite", "--contrast", "invert"]));
    let inverted = physical_images(&set.path("out/phys/particles_phys_stack_000000.pt"));
    for (a, b) in plain.iter().flatten().zip(inverted.iter().flatten()) {
        assert_eq!(*a, -*b);
    }
}

#[test]
fn without_physical_stacks_there_is_no_such_folder() {
    let set = DataSet::usual();
    assert_converted(&set.convert(&["--no-physical"]));
    assert!(!set.path("out/phys").exists());
    assert!(set.path("out/fft/particles_fourier_stack_000000.pt").exists());
}

#[test]
fn the_manifest_records_checksums_of_whole_files() {
    let set = DataSet::usual();
    assert_converted(&set.convert(&["--batch-size", "4"]));
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(set.path("out/manifest.json")).unwrap()).unwrap();
    let mut n_files = 0;
    for stack in manifest["stacks"].as_array().unwrap() {
        for file in stack["files"].as_array().unwrap() {
            let bytes = fs::read(set.path("out").join(file["name"].as_str().unwrap())).unwrap();
            assert_eq!(file["bytes"], bytes.len());
            assert_eq!(file["crc32"], format!("{:08x}", crc32fast::hash(&bytes)));
            n_files += 1;
        }
    }
    assert_eq!((n_files, &manifest["is_complete"]), (12, &serde_json::Value::Bool(true)));
}

#[test]
fn names_with_spaces_hashes_and_raw_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let set = DataSet::usual();
    set.write_stack("my stacks/a#1.mrcs", 1);
    let raw_name = std::ffi::OsStr::from_bytes(b"raw\xff.mrcs");
    fs::rename(set.path("stacks/b.mrcs"), set.dir.path().join(raw_name)).unwrap();
    let mut text = star(&["\"1@my stacks/a#1.mrcs\""]).into_bytes();
    text.extend_from_slice(b"1@raw\xff.mrcs 1 1 0 0 0 1 1 0 0 0\n");
    fs::write(set.path("particles.star"), text).unwrap();
    assert_converted(&set.convert(&[]));
    let mut reader = NpzReader::open(set.path("out/fft/particles_fourier_stack_000000.npz")).unwrap();
    let files = reader.read("files").unwrap().to_text().unwrap();
    assert_eq!(files, [b"my stacks/a#1.mrcs".to_vec(), b"raw\xff.mrcs".to_vec()]);
}

#[test]
fn compressed_stacks_are_read() {
    use std::io::Write;
    let set = DataSet::usual();
    let plain = fs::read(set.path("stacks/b.mrcs")).unwrap();
    assert_converted(&set.convert(&[]));
    let before = all_files(&set.path("out"));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&plain).unwrap();
    fs::write(set.path("stacks/b.mrcs"), packed.finish().unwrap()).unwrap();
    assert_converted(&set.convert(&["--overwrite"]));
    assert!(all_files(&set.path("out")) == before);
}

#[test]
fn messages_can_be_json_lines() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&USUAL_NAMES).replace("_rlnPhaseShift", "_rlnA"));
    let ran = set.convert(&["--log-format", "json"]);
    assert_converted(&ran);
    let levels: Vec<String> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["level"].as_str().unwrap().to_owned())
        .collect();
    assert!(levels.contains(&"warning".to_owned()));
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(summary["n_images"], 6);
    assert_eq!(summary["n_pixels"], N_PIXELS);
}

#[test]
fn optics_groups_are_chosen_across_pairs() {
    let set = DataSet::usual();
    let rows = star(&["1@x"; 3]);
    set.write_star("a.star", &rows);
    let two = rows.replace("1 opticsGroup1", "2 opticsGroup2").replace(" 1.0 1 ", " 1.0 2 ");
    set.write_star("b.star", &two);
    let pairs = ["convert", "a.star", "b.star", "--images", "stacks/a.mrcs", "stacks/b.mrcs", "--pixel-size", "1"];
    for (chosen, files) in [(&["2"][..], &["stacks/b.mrcs"][..]), (&["1", "2"], &["stacks/a.mrcs", "stacks/b.mrcs"])] {
        let options = ["-o", "out", "--overwrite", "--optics-group"];
        assert_converted(&set.run(&[&pairs[..], &options, chosen].concat()));
        for (stack, file) in files.iter().enumerate() {
            assert_eq!(metadata(&set, stack).texts("files"), [*file; 3]);
        }
    }
}

#[test]
fn a_number_chooses_a_group_before_a_name_that_looks_like_it() {
    let set = DataSet::usual();
    let mut text = optics("1 2 300.0 2.7 0.1 1.5\n2 1 200.0 2.7 0.1 1.7\n");
    text.push_str(PARTICLES);
    for (row, name) in USUAL_NAMES.iter().enumerate() {
        text.push_str(&particle(row, name).replace(" 1.0 1 ", if row < 4 { " 1.0 1 " } else { " 1.0 2 " }));
    }
    set.write_star("particles.star", &text);
    let ran = set.convert(&["--optics-group", "2"]);
    assert_converted(&ran);
    assert_eq!(metadata(&set, 0).numbers("row"), [4.0, 5.0]);
    assert!(!ran.stderr.contains("varies"), "{}", ran.stderr);
}

#[test]
fn corrected_images_are_reported() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES)
        .replace("_rlnPhaseShift", "_rlnCtfDataArePhaseFlipped")
        .replace(" 0.0 0.0 1.0 1 ", " 1 0.0 1.0 1 ");
    set.write_star("particles.star", &text);
    let ran = set.convert(&[]);
    assert_converted(&ran);
    assert!(ran.stderr.contains("rlnCtfDataArePhaseFlipped"), "{}", ran.stderr);
}

#[test]
fn an_image_under_two_names_is_counted_as_repeated() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&["1@stacks/a.mrcs", "1@./stacks/../stacks/a.mrcs", "2@stacks/a.mrc"]));
    let ran = set.convert(&[]);
    assert_converted(&ran);
    assert!(ran.stderr.contains("1 row names an image that an earlier row names too"), "{}", ran.stderr);
}

#[test]
fn a_linked_metadata_file_leads_to_its_projects_images() {
    let set = DataSet::usual();
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(set.path("particles.star"), elsewhere.path().join("link.star")).unwrap();
    let ran = crate::data_set::run_in(elsewhere.path(), &["convert", "link.star", "-o", "out"]);
    assert_converted(&ran);
}

#[test]
fn a_single_block_of_particles_may_have_any_name() {
    let set = DataSet::usual();
    let text = "data_optics\nloop_\n_rlnVoltage\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n\
        _rlnSphericalAberration\n_rlnImagePixelSize\n_rlnImageName\n300 1 1 0 2.7 1 1@stacks/a.mrcs\n";
    for name in ["data_optics", "data_particles", "data_", "data_anything"] {
        set.write_star("particles.star", &text.replace("data_optics", name));
        assert_converted(&set.convert(&["--overwrite"]));
    }
}
