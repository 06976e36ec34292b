//! Promise: a conversion with downsampling writes what converting images downsampled beforehand would, and its descriptor,
//! pixel sizes and messages say what was done.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use verglas::descriptor::{BaseValues, ImageDescriptor, TemplateSettings};
use verglas::grid::Precision;
use verglas::metadata::Input;
use verglas::settings::DownsampleMethod::{self, Fourier, Max, Mean};
use verglas::settings::{Contrast, ConvertSettings, DescriptorSource, Downsampling};
use verglas::{Conversion, Error, Findings, PixelSizeSource, Summary};
use verglas_formats::mrc::{Mode, MrcLayout, MrcWriter};
use verglas_formats::npz::NpzReader;
use verglas_formats::pt::PtFile;
use verglas_run::manifest::{MANIFEST, Manifest, RunRecord};

const N_IMAGES: usize = 5;

/// A data set in a folder of its own.
struct DataSet {
    folder: tempfile::TempDir,
}

impl DataSet {
    /// Writes `images`, `[N_IMAGES, N, N]`, and a STAR file that names them in an order of its own.
    fn new(images: &[f32], n_pixels: usize, pixel_size_angstrom: Option<f64>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = MrcLayout {
            n_columns: n_pixels as u64,
            n_rows: n_pixels as u64,
            n_sections: N_IMAGES as u64,
            pixel_size_angstrom: None,
            mode: Mode::Float32,
        };
        let mut writer = MrcWriter::create(folder.path().join("a.mrcs"), layout).unwrap();
        writer.write_sections(images).unwrap();
        writer.finish().unwrap();
        let mut star = String::from("data_\n\nloop_\n");
        let labels = ["ImageName", "Voltage", "SphericalAberration", "AmplitudeContrast", "DefocusU", "DefocusV"];
        for label in labels.into_iter().chain(["DefocusAngle", "PhaseShift"]) {
            star.push_str(&format!("_rln{label}\n"));
        }
        if pixel_size_angstrom.is_some() {
            star.push_str("_rlnImagePixelSize\n");
        }
        for image in 0..N_IMAGES {
            let section = (image * 2) % N_IMAGES + 1;
            star.push_str(&format!("{section:06}@a.mrcs 300 2.7 0.1 {} 9000 10 0", 9000 + image));
            star.push_str(&pixel_size_angstrom.map_or(String::new(), |size| format!(" {size}")));
            star.push('\n');
        }
        fs::write(folder.path().join("particles.star"), star).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Converts to the folder `output`.
    fn convert(&self, settings: ConvertSettings, output: &str) -> Result<(Summary, Findings), Error> {
        let mut findings = Findings::new();
        let input = Input::IndexedStar(self.path("particles.star"));
        let conversion = Conversion::prepare_with(input, settings, &mut findings)?;
        let summary = conversion.run(self.path(output))?;
        Ok((summary, findings))
    }

    /// The tensor file in `fft` or `phys`.
    fn stack_bytes(&self, output: &str, folder: &str) -> Vec<u8> {
        let kind = if folder == "fft" { "fourier" } else { "phys" };
        fs::read(self.path(output).join(format!("{folder}/particles_{kind}_stack_000000.pt"))).unwrap()
    }

    fn physical(&self, output: &str) -> Vec<f32> {
        let path = self.path(output).join("phys/particles_phys_stack_000000.pt");
        PtFile::open(path).unwrap().read_f32(0..N_IMAGES as u64).unwrap()
    }

    fn metadata(&self, output: &str, key: &str) -> Vec<f64> {
        let path = self.path(output).join("fft/particles_fourier_stack_000000.npz");
        NpzReader::open(path).unwrap().read(key).unwrap().to_f64().unwrap()
    }
}

fn by(factor: usize, method: DownsampleMethod) -> ConvertSettings {
    let downsampling = Downsampling { factor: NonZeroUsize::new(factor).unwrap(), method };
    ConvertSettings { downsampling, n_threads: 2, plots: false, ..ConvertSettings::default() }
}

/// Whole numbers between 0 and 255 in no order.
fn images(n_pixels: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as f32
    };
    (0..N_IMAGES * n_pixels * n_pixels).map(|_| next()).collect()
}

/// Blocks of each image, as lists of pixels.
fn blocks(images: &[f32], n_input: usize, factor: usize) -> Vec<Vec<f64>> {
    let n = n_input / factor;
    let mut all = Vec::new();
    for image in images.chunks_exact(n_input * n_input) {
        for at in 0..n * n {
            let (top, left) = (at / n * factor, at % n * factor);
            let block = (0..factor * factor).map(|k| image[(top + k / factor) * n_input + left + k % factor]);
            all.push(block.map(f64::from).collect());
        }
    }
    all
}

fn descriptor(n_pixels: usize, pixel_size_angstrom: f64) -> ImageDescriptor {
    let values = BaseValues {
        n_pixels,
        pixel_size_angstrom: [pixel_size_angstrom; 2],
        precision: Precision::Single,
        resolution_factor: 1.0,
        n_inplanes: None,
    };
    ImageDescriptor::from_base_values(&values, TemplateSettings::at_resolution_factor(1.0)).unwrap()
}

#[test]
fn converting_downsampled_images_gives_the_same_bytes() {
    // Blocks of 4 and 16 whole numbers have means that float32 holds exactly, so both ways start from the same numbers.
    for (n_input, factor) in [(25, 2), (24, 2), (27, 4)] {
        let all = images(n_input);
        let input = DataSet::new(&all, n_input, Some(1.5));
        let n = n_input / factor;
        let per_block = (factor * factor) as f64;
        for (method, of_block) in [
            (Mean, (|block| block.iter().sum()) as fn(&Vec<f64>) -> f64),
            (Max, |block| block.iter().copied().fold(0.0, f64::max)),
        ] {
            let divisor = if method == Mean { per_block } else { 1.0 };
            let by_hand: Vec<f32> =
                blocks(&all, n_input, factor).iter().map(|block| (of_block(block) / divisor) as f32).collect();
            let downsampled = DataSet::new(&by_hand, n, Some(1.5 * factor as f64));
            input.convert(by(factor, method), method.as_str()).unwrap();
            downsampled.convert(by(1, method), method.as_str()).unwrap();
            for kind in ["fft", "phys"] {
                let (found, expected) =
                    (input.stack_bytes(method.as_str(), kind), downsampled.stack_bytes(method.as_str(), kind));
                assert_eq!(found, expected, "{method:?} of {n_input} by {factor}: {kind}");
            }
            for key in ["n_pixels", "pixel_size", "n_inplanes", "image_mean", "image_max", "fourier_norm", "defocusU"] {
                assert_eq!(
                    input.metadata(method.as_str(), key),
                    downsampled.metadata(method.as_str(), key),
                    "{method:?} of {n_input} by {factor}: {key}"
                );
            }
        }
    }
}

#[test]
fn the_physical_image_is_rounded_once() {
    // A ninth of a whole number is not a float32: rounding the block means first would change some of the result.
    let n_input = 24;
    let all = images(n_input);
    let input = DataSet::new(&all, n_input, Some(1.0));
    input.convert(by(3, Mean), "out").unwrap();
    let found = input.physical("out");
    let (mean, max) = (input.metadata("out", "image_mean"), input.metadata("out", "image_max"));
    let means: Vec<f64> =
        blocks(&all, n_input, 3).iter().map(|block| block.iter().sum::<f64>() / block.len() as f64).collect();
    let mut n_twice_rounded_differs = 0;
    for (image, found) in found.chunks_exact(64).enumerate() {
        let section = (image * 2) % N_IMAGES;
        for (found, block) in found.iter().zip(&means[section * 64..]) {
            let physical = |block: f64| ((block - mean[image]) / max[image]) as f32;
            assert_eq!(*found, physical(*block));
            n_twice_rounded_differs += usize::from(physical(f64::from(*block as f32)) != *found);
        }
    }
    assert!(n_twice_rounded_differs > 10, "{n_twice_rounded_differs}");
}

#[test]
fn a_fourier_crop_is_the_cropped_transform_of_the_physical_box() {
    // 25 to 12: odd to even. A direct sum over the definition, to compare within one rounding to float32.
    let (n_input, factor) = (25, 2);
    let n = n_input / factor;
    let all = images(n_input);
    let input = DataSet::new(&all, n_input, Some(1.5));
    let (summary, _) = input.convert(by(factor, Fourier), "out").unwrap();
    assert_eq!(summary.descriptor_pixel_size_angstrom, [1.5 * 25.0 / 12.0; 2]);
    let (mean, max) = (input.metadata("out", "image_mean"), input.metadata("out", "image_max"));
    // The weight of input pixel a in output pixel b, along one axis.
    let weight = |a: usize, b: usize| -> f64 {
        let turns = (b as f64 - (n / 2) as f64) / n as f64 - (a as f64 - (n_input / 2) as f64) / n_input as f64;
        let wave = |k: f64| (2.0 * std::f64::consts::PI * k * turns).cos();
        let nyquist = (std::f64::consts::PI * (b as f64 - (n / 2) as f64)).cos()
            * (std::f64::consts::PI * n as f64 * (a as f64 - (n_input / 2) as f64) / n_input as f64).cos();
        (1.0 + 2.0 * (1..n / 2).map(|k| wave(k as f64)).sum::<f64>() + nyquist) / n_input as f64
    };
    for (image, found) in input.physical("out").chunks_exact(n * n).enumerate() {
        let section = (image * 2) % N_IMAGES;
        let raw = &all[section * n_input * n_input..][..n_input * n_input];
        for (at, found) in found.iter().enumerate() {
            let mut pixel = 0.0;
            for (source, &raw) in raw.iter().enumerate() {
                pixel += weight(source / n_input, at / n) * weight(source % n_input, at % n) * f64::from(raw);
            }
            let expected = (pixel - mean[image]) / max[image];
            // Rounding a number of at most 1.
            assert!((f64::from(*found) - expected).abs() < 6.1e-8, "{at}: {found}, expected {expected}");
        }
    }
}

#[test]
fn box_and_pixel_sizes_are_those_of_the_smaller_images() {
    let input = DataSet::new(&images(26), 26, Some(1.1));
    for (method, n, pixel_size) in [(Mean, 8, 1.1 * 3.0), (Max, 8, 1.1 * 3.0), (Fourier, 8, 1.1 * (26.0 / 8.0))] {
        let output = method.as_str();
        let (summary, findings) = input.convert(by(3, method), output).unwrap();
        assert_eq!((summary.n_input_pixels, summary.n_pixels), (26, n));
        assert_eq!((summary.downsample.get(), summary.downsample_method), (3, Some(method)));
        assert_eq!((summary.pixel_size_angstrom, summary.pixel_size_source), ([1.1; 2], PixelSizeSource::Metadata));
        assert_eq!(summary.descriptor_pixel_size_angstrom, [pixel_size; 2]);
        assert!(
            findings.notes.iter().any(|note| note.to_string().contains("26 px of 1.1 Å become 8 px")),
            "{:?}",
            findings.notes
        );

        assert_eq!(input.metadata(output, "n_pixels"), [8.0; 2]);
        assert_eq!(input.metadata(output, "pixel_size"), [pixel_size; 2]);
        assert_eq!(input.metadata(output, "ref_pixel_size"), [1.1; 2]);
        let made = ImageDescriptor::load(&input.path(output).join("parameters.npz")).unwrap();
        assert_eq!(made, descriptor(8, pixel_size));
        assert_eq!(input.physical(output).len(), N_IMAGES * 8 * 8);

        let manifest = fs::read(input.path(output).join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let settings = &manifest["settings"];
        assert_eq!(settings["downsample"], 3);
        assert_eq!(settings["downsample_method"], method.as_str());
        assert_eq!((&settings["n_input_pixels"], &settings["n_pixels"]), (&26.into(), &8.into()));
        assert_eq!(settings["pixel_size"], serde_json::json!([1.1, 1.1]));
        assert_eq!(settings["descriptor_pixel_size"], serde_json::json!([pixel_size, pixel_size]));
    }
}

#[test]
fn a_factor_of_one_is_no_downsampling() {
    let input = DataSet::new(&images(13), 13, Some(1.5));
    input.convert(ConvertSettings { plots: false, ..ConvertSettings::default() }, "out").unwrap();
    let files = |folder: &Path| {
        let mut files = vec!["parameters.npz".to_owned()];
        for kind in ["fft", "phys"] {
            let entries = fs::read_dir(folder.join(kind)).unwrap();
            files.extend(entries.map(|entry| format!("{kind}/{}", entry.unwrap().file_name().into_string().unwrap())));
        }
        files.sort();
        files
    };
    // All that was recorded but for when and how fast.
    let manifest =
        |folder: &Path| Manifest { run: RunRecord::default(), ..Manifest::read(&folder.join(MANIFEST)).unwrap() };
    let out = input.path("out");
    for method in [Mean, Max, Fourier] {
        let (summary, _) = input.convert(by(1, method), method.as_str()).unwrap();
        assert_eq!((summary.n_input_pixels, summary.n_pixels, summary.downsample_method), (13, 13, None));
        let other = input.path(method.as_str());
        assert_eq!(files(&out), files(&other));
        assert_eq!(manifest(&out), manifest(&other));
        for file in files(&out) {
            assert!(fs::read(out.join(&file)).unwrap() == fs::read(other.join(&file)).unwrap(), "{method:?}: {file}");
        }
    }
}

#[test]
fn a_descriptor_describes_the_smaller_images() {
    let given = |n_pixels, pixel_size, factor, method| ConvertSettings {
        descriptor: DescriptorSource::Given(Box::new(descriptor(n_pixels, pixel_size))),
        ..by(factor, method)
    };
    let stated = DataSet::new(&images(26), 26, Some(1.06));
    // Within 0.1 % of 1.06 · 2, and kept bit for bit.
    let (summary, _) = stated.convert(given(13, 2.121, 2, Mean), "out").unwrap();
    assert_eq!(summary.pixel_size_angstrom, [1.06; 2]);
    assert_eq!(stated.metadata("out", "pixel_size"), [2.121; 2]);
    // The crop to 8 keeps the field of view, blocks of 3 cut it: their pixel sizes differ by 8 %.
    assert!(stated.convert(given(8, 1.06 * 26.0 / 8.0, 3, Fourier), "crop").is_ok());
    assert!(stated.convert(given(8, 1.06 * 3.0, 3, Max), "blocks").is_ok());
    assert!(stated.convert(given(8, 1.06 * 26.0 / 8.0, 3, Mean), "no").is_err());

    // If nothing else states it, the input images' pixel size is the descriptor's divided by the factor.
    let silent = DataSet::new(&images(26), 26, None);
    let (summary, _) = silent.convert(given(13, 3.0, 2, Mean), "out").unwrap();
    assert_eq!((summary.pixel_size_angstrom, summary.pixel_size_source), ([1.5; 2], PixelSizeSource::Descriptor));
    assert!(silent.metadata("out", "ref_pixel_size").is_empty());

    // A descriptor of the images as they are: both contradictions at once.
    let error = stated.convert(given(26, 1.06, 2, Mean), "no").unwrap_err();
    assert_eq!(error.to_string(), "images are 26 px wide, 13 px after downsampling by 2, the descriptor says 26 px");
    assert_eq!(
        error.others()[0].to_string(),
        "pixel sizes contradict each other: the metadata says 1.06 Å, the descriptor says 0.53 Å (1.06 Å after downsampling)"
    );
    let error = stated.convert(given(13, 1.06, 1, Fourier), "no").unwrap_err();
    assert_eq!(error.to_string(), "images are 26 px wide, the descriptor says 13 px");
    assert!(!stated.path("no").exists());
}

#[test]
fn too_large_a_factor_stops_before_anything_is_written() {
    let input = DataSet::new(&images(12), 12, Some(1.5));
    for method in [Mean, Max, Fourier] {
        for (factor, left) in [(13, 0), (usize::MAX, 0), (12, 1), (7, 1)] {
            let error = input.convert(by(factor, method), "out").unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("downsampling by {factor} leaves {left} px of images of 12 px, expected at least 2 px")
            );
        }
        assert!(!input.path("out").exists());
        // The least that is left: four pixels an image.
        input.convert(by(6, method), method.as_str()).unwrap();
        assert_eq!(input.physical(method.as_str()).len(), N_IMAGES * 4);
    }
}

#[test]
fn the_sign_is_applied_before_downsampling() {
    let all = images(12);
    let inverted: Vec<f32> = all.iter().map(|pixel| -pixel).collect();
    let (input, stored_inverted) = (DataSet::new(&all, 12, Some(1.5)), DataSet::new(&inverted, 12, Some(1.5)));
    input.convert(ConvertSettings { contrast: Contrast::Invert, ..by(3, Max) }, "out").unwrap();
    stored_inverted.convert(by(3, Max), "out").unwrap();
    assert_eq!(input.stack_bytes("out", "fft"), stored_inverted.stack_bytes("out", "fft"));
}

#[test]
fn an_image_that_becomes_constant_is_named() {
    let n_input = 12;
    let mut all = images(n_input);
    // Section 4, the third row: columns in turn dark and light.
    for (at, pixel) in all[3 * n_input * n_input..4 * n_input * n_input].iter_mut().enumerate() {
        *pixel = (at % 2) as f32;
    }
    let input = DataSet::new(&all, n_input, Some(1.5));
    for method in [Mean, Max, Fourier] {
        let error = input.convert(by(2, method), method.as_str()).unwrap_err().to_string();
        assert!(
            error.starts_with("section 4 of `a.mrcs`: after downsampling by 2, all pixels have the same value"),
            "{error}"
        );
    }
    input.convert(by(1, Mean), "as_stored").unwrap();
}

#[test]
fn bytes_do_not_depend_on_threads_or_memory() {
    let input = DataSet::new(&images(61), 61, Some(1.5));
    for method in [Mean, Max, Fourier] {
        let folder = |n: usize| format!("{}{n}", method.as_str());
        input.convert(ConvertSettings { n_threads: 1, ..by(2, method) }, &folder(1)).unwrap();
        // Room for few images at a time.
        let (_, findings) = input
            .convert(ConvertSettings { n_threads: 8, memory_bytes: 1 << 20, ..by(2, method) }, &folder(8))
            .unwrap();
        assert!(findings.warnings.iter().any(|warning| warning.code == "fewer-threads"), "{:?}", findings.warnings);
        for kind in ["fft", "phys"] {
            assert!(input.stack_bytes(&folder(1), kind) == input.stack_bytes(&folder(8), kind), "{method:?}: {kind}");
        }
    }
}

#[test]
fn memory_for_the_larger_images_is_counted() {
    // Buffers for 2 × 2 pixels are nothing; a raw image of 400 × 400 takes 1.2 MiB twice, as stored and as read.
    let mut all = images(400);
    // Brighter from row to row, so that blocks differ in their largest pixel too.
    all.iter_mut().enumerate().for_each(|(at, pixel)| *pixel += (at / 400 % 400) as f32);
    let input = DataSet::new(&all, 400, Some(1.5));
    for method in [Mean, Max, Fourier] {
        let settings = |memory_bytes| ConvertSettings { memory_bytes, ..by(200, method) };
        let error = input.convert(settings(1 << 20), "out").unwrap_err().to_string();
        assert!(error.starts_with("1.0 MiB for buffers is too little: images of 400 px take 1."), "{error}");
        assert!(!input.path("out").exists());
        input.convert(settings(3 << 20), method.as_str()).unwrap();
    }
}
