//! Promise: each stack gets three plots, recorded like its other files, with the same bytes whatever the number of threads.

use std::collections::BTreeMap;
use std::path::Path;

use verglas::metadata::Input;
use verglas::settings::{ConvertSettings, Existing};
use verglas::simulate::{SimulationSettings, simulate};
use verglas::{Conversion, Silent, StopFlag};
use verglas_run::manifest::FolderRecord;

const NAMES: [&str; 3] = ["particles_phys_stack_", "particles_fourier_stack_", "power_spectrum_stack_"];

fn convert(star: &Path, output: &Path, settings: ConvertSettings) {
    Conversion::prepare(Input::IndexedStar(star.to_owned()), settings).unwrap().run(output).unwrap();
}

/// The files of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

struct Picture {
    width: usize,
    height: usize,
    /// Red, green and blue.
    pixels: Vec<[u8; 3]>,
}

fn decoded(png: &[u8]) -> Picture {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let pixels = bytes.chunks_exact(3).map(|pixel| pixel.try_into().unwrap()).collect();
    Picture { width: info.width as usize, height: info.height as usize, pixels }
}

#[test]
fn every_stack_has_its_plots_and_threads_do_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    simulate(&SimulationSettings::new(50, 40), &data, &Silent, &StopFlag::new(false)).unwrap();
    let star = data.join("particles.star");
    let mut first: Option<BTreeMap<String, Vec<u8>>> = None;
    for n_threads in [1, 2, 8] {
        let output = folder.path().join(format!("threads-{n_threads}"));
        convert(&star, &output, ConvertSettings { batch_size: 18, n_threads, ..ConvertSettings::default() });
        let plots = files(&output.join("plots"));
        let expected: Vec<String> =
            NAMES.iter().flat_map(|name| (0..3).map(move |number| format!("{name}{number:06}.png"))).collect();
        assert!(expected.iter().all(|name| plots.contains_key(name)) && plots.len() == 9, "{:?}", plots.keys());
        let record = FolderRecord::read(&output).unwrap();
        for stack in record.stacks() {
            for name in NAMES {
                let name = format!("{name}{:06}.png", stack.number);
                let recorded = stack.files.iter().find(|file| file.name == format!("plots/{name}")).unwrap();
                let found = (plots[&name].len() as u64, format!("{:08x}", crc32fast::hash(&plots[&name])));
                assert_eq!((recorded.bytes, recorded.crc32.clone()), found, "{name}");
            }
        }
        match &first {
            None => first = Some(plots),
            Some(first) => assert!(*first == plots, "{n_threads} threads draw something else"),
        }
    }

    // 16, 16 and 14 images are shown: four rows each.
    let first = first.unwrap();
    let sizes: Vec<(usize, usize)> = (0..3)
        .map(|number| decoded(&first[&format!("particles_fourier_stack_{number:06}.png")]))
        .map(|picture| (picture.width, picture.height))
        .collect();
    assert!(sizes.iter().all(|size| *size == sizes[0] && size.1 > 600), "{sizes:?}");

    let without = folder.path().join("without");
    convert(&star, &without, ConvertSettings { plots: false, ..ConvertSettings::default() });
    assert!(!without.join("plots").exists());
}

#[test]
fn pictures_show_the_images_and_colours_their_sign() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let settings = SimulationSettings { signal_to_noise: None, ..SimulationSettings::new(2, 40) };
    simulate(&settings, &data, &Silent, &StopFlag::new(false)).unwrap();
    let output = folder.path().join("out");
    convert(&data.join("particles.star"), &output, ConvertSettings::default());
    let plots = files(&output.join("plots"));

    // The tile of image 0: each pixel of the box four times along either axis, brighter where the image is.
    let physical = decoded(&plots["particles_phys_stack_000000.png"]);
    let mut stack = verglas_formats::pt::PtFile::open(output.join("phys/particles_phys_stack_000000.pt")).unwrap();
    let image = stack.read_f32(0..1).unwrap();
    let side = 160;
    let grey = |left: usize, top: usize, x: usize, y: usize| {
        physical.pixels[(top + y * 4 + 1) * physical.width + left + x * 4 + 1]
    };
    let found = (0..physical.width - side)
        .flat_map(|left| (0..physical.height - side).map(move |top| (left, top)))
        .find(|&(left, top)| {
            // Order of brightness along one line is enough to know the place; then every pixel must fit.
            let order = |x: usize, y: usize| (image[y * 40 + x], grey(left, top, x, y)[0]);
            (0..40 * 40 - 1).all(|at| {
                let (a, b) = (order(at % 40, at / 40), order((at + 1) % 40, (at + 1) / 40));
                (a.0 <= b.0) == (a.1 <= b.1) || a.1.abs_diff(b.1) <= 2
            })
        });
    assert!(found.is_some(), "image 0 is nowhere in the picture");

    // Fourier images are blue and red about alike: the real part of a transform has a mean near 0.
    let fourier = decoded(&plots["particles_fourier_stack_000000.png"]);
    let count = |is: fn(&[u8; 3]) -> bool| fourier.pixels.iter().filter(|pixel| is(pixel)).count() as f64;
    let (red, blue) = (count(|p| p[0] > p[2].saturating_add(20)), count(|p| p[2] > p[0].saturating_add(20)));
    assert!(red > 3_000.0 && blue > 3_000.0 && (red / blue).ln().abs() < 1.0, "red {red}, blue {blue}");
}

#[test]
fn a_stack_that_was_whole_before_a_run_was_killed_is_kept_with_its_plots() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    simulate(&SimulationSettings::new(40, 24), &data, &Silent, &StopFlag::new(false)).unwrap();
    let star = data.join("particles.star");
    let settings = || ConvertSettings { batch_size: 10, ..ConvertSettings::default() };
    let output = folder.path().join("out");
    convert(&star, &output, settings());
    let whole = files(&output.join("plots"));

    // As a killed run leaves it: the manifest has no stack yet; one plot is cut, another is gone.
    let manifest = output.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["stacks"] = serde_json::json!([]);
    value["is_complete"] = serde_json::json!(false);
    // As of an early version, which wrote no checksum.
    value["is_sealed"] = serde_json::json!(false);
    std::fs::write(&manifest, value.to_string()).unwrap();
    let cut = output.join("plots/particles_phys_stack_000001.png");
    std::fs::write(&cut, &whole["particles_phys_stack_000001.png"][..5000]).unwrap();
    std::fs::remove_file(output.join("plots/power_spectrum_stack_000002.png")).unwrap();

    convert(&star, &output, ConvertSettings { existing: Existing::Resume, ..settings() });
    assert!(files(&output.join("plots")) == whole);
    let record = FolderRecord::read(&output).unwrap();
    assert!(record.is_complete());
    for stack in record.stacks() {
        assert_eq!(stack.files.iter().filter(|file| file.name.starts_with("plots/")).count(), 3);
    }
}
