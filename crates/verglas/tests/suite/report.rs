//! Promise: the report finds what is odd in a data set, says where it comes from, and is one file of bounded size.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use verglas::grid::Precision;
use verglas::metadata::Input;
use verglas::report::{Counts, ReportSettings, ReportSummary, Subject, write_report};
use verglas::settings::{ConvertSettings, DescriptorSource};
use verglas::simulate::{SimulationSettings, simulate};
use verglas::{Conversion, Silent, StopFlag};

const N_PARTICLES: usize = 400;
const N_PIXELS: usize = 64;
/// The simulated stacks have MRC headers of this length and no extended ones.
const HEADER_BYTES: u64 = 1024;

fn simulated(folder: &Path, settings: &SimulationSettings) -> PathBuf {
    simulate(settings, folder, &Silent, &StopFlag::new(false)).unwrap();
    folder.join("particles.star")
}

fn converted(star: &Path, output: &Path, settings: ConvertSettings) {
    let settings = ConvertSettings { plots: false, ..settings };
    Conversion::prepare(Input::IndexedStar(star.to_owned()), settings).unwrap().run(output).unwrap();
}

fn particles(summary: &ReportSummary) -> Counts {
    let Subject::Particles(counts) = summary.subject else { panic!("{summary:?} is of particles") };
    counts
}

fn reported(output: &Path) -> (ReportSummary, String) {
    let path = output.join("report.html");
    let summary = write_report(output, &path, &ReportSettings::default()).unwrap();
    let page = std::fs::read_to_string(path).unwrap();
    assert_eq!(summary.bytes, page.len());
    (summary, page)
}

/// Changes the pixels of one section of an image file of 32-bit floats.
fn change(file: &Path, section: u64, change: impl FnOnce(&mut [f32])) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let n_pixels = N_PIXELS * N_PIXELS;
    let (mut bytes, offset) = (vec![0; n_pixels * 4], HEADER_BYTES + section * n_pixels as u64 * 4);
    file.read_exact_at(&mut bytes, offset).unwrap();
    let mut pixels: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    change(&mut pixels);
    let bytes: Vec<u8> = pixels.iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
    file.write_all_at(&bytes, offset).unwrap();
}

/// The rows of the table of outliers: file, section from 1, row from 0, what is odd.
fn outliers(page: &str) -> Vec<[String; 4]> {
    let section = page.split("id=\"outliers\"").nth(1).unwrap().split("</section>").next().unwrap();
    let Some(body) = section.split("<tbody").nth(1) else { return Vec::new() };
    body.split("<tr")
        .skip(1)
        .map(|row| {
            let cells: Vec<String> = row
                .split("<td")
                .skip(1)
                .map(|cell| cell.split_once('>').unwrap().1.split("</td>").next().unwrap().replace("<wbr>", ""))
                .collect();
            [0, 1, 2, 3].map(|index| cells[index].clone())
        })
        .collect()
}

#[test]
fn planted_outliers_are_listed_by_file_section_and_row() {
    let folder = tempfile::tempdir().unwrap();
    let simulation = SimulationSettings { n_stacks: Some(2), ..SimulationSettings::new(N_PARTICLES, N_PIXELS) };
    let star = simulated(folder.path(), &simulation);

    // Without anything planted nothing is found.
    let clean = folder.path().join("clean");
    converted(&star, &clean, ConvertSettings { batch_size: 150, ..ConvertSettings::default() });
    let (summary, page) = reported(&clean);
    assert_eq!(
        (particles(&summary).n_outliers, particles(&summary).n_looked_at),
        (0, N_PARTICLES),
        "{:?}",
        outliers(&page)
    );

    let mut data = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    data.retain(|path| path.is_dir() && path.file_name().unwrap() != "clean");
    let mut files: Vec<PathBuf> = data
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .chain(std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "mrcs"))
        .collect();
    files.sort();
    assert_eq!(files.len(), 2);
    change(&files[0], 17, |pixels| pixels[30 * N_PIXELS + 11] = 60.0);
    change(&files[0], 150, |pixels| {
        pixels.chunks_exact_mut(N_PIXELS).for_each(|row| row[..9].fill(0.0));
    });
    change(&files[1], 3, |pixels| pixels.iter_mut().for_each(|pixel| *pixel = -*pixel));
    change(&files[1], 77, |pixels| pixels.iter_mut().for_each(|pixel| *pixel *= 3.0));
    change(&files[1], 120, |pixels| pixels.iter_mut().for_each(|pixel| *pixel += 5.0));

    let output = folder.path().join("planted");
    converted(&star, &output, ConvertSettings { batch_size: 150, ..ConvertSettings::default() });
    let (summary, page) = reported(&output);
    let found = outliers(&page);
    // Rows go through the files in no order; the STAR file says which section each one names.
    let text = std::fs::read_to_string(&star).unwrap();
    let names: Vec<&str> = text.split_whitespace().filter(|word| word.contains('@')).collect();
    assert_eq!(names.len(), N_PARTICLES);
    let listed = |file: &Path, section: usize| {
        let name = file.file_name().unwrap().to_str().unwrap();
        let is_it = |word: &&str| word.starts_with(&format!("{section:06}@")) && word.ends_with(name);
        let row = names.iter().position(is_it).unwrap();
        found
            .iter()
            .find(|cells| cells[0].ends_with(name) && cells[1] == section.to_string() && cells[2] == row.to_string())
            .map_or("", |cells| cells[3].as_str())
    };
    assert!(listed(&files[0], 18).contains("maximum high"), "hot pixel: {found:?}");
    assert!(listed(&files[0], 151).contains("blank edge: 9 lines"), "blank edge: {found:?}");
    assert!(listed(&files[1], 4).contains("inverted contrast"), "reversed: {found:?}");
    assert!(listed(&files[1], 78).contains("contrast high"), "stronger: {found:?}");
    assert!(listed(&files[1], 121).contains("mean high"), "brighter: {found:?}");
    assert_eq!((particles(&summary).n_outliers, found.len()), (5, 5), "{found:?}");
}

/// Grids out to a share of Nyquist's frequency.
fn reaching(resolution_factor: f64) -> DescriptorSource {
    DescriptorSource::FromData { precision: Precision::Single, resolution_factor, n_inplanes: None }
}

/// Mean in σ, maximum in σ, and σ of the pixels of each image in the files.
fn pixel_numbers(files: &[PathBuf]) -> Vec<[f64; 3]> {
    let mut numbers = Vec::new();
    for file in files {
        let bytes = std::fs::read(file).unwrap();
        for image in bytes[HEADER_BYTES as usize..].chunks_exact(N_PIXELS * N_PIXELS * 4) {
            let pixels: Vec<f64> =
                image.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect();
            let n = pixels.len() as f64;
            let mean = pixels.iter().sum::<f64>() / n;
            let deviation = (pixels.iter().map(|pixel| (pixel - mean).powi(2)).sum::<f64>() / n).sqrt();
            let max = pixels.iter().map(|pixel| (pixel - mean).abs()).fold(0.0, f64::max);
            numbers.push([mean / deviation, max / deviation, deviation]);
        }
    }
    numbers
}

/// Image files of a simulated data set, in order.
fn image_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder.join("stacks")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The median that the page gives for a number, `None` if it shows no such histogram.
fn median_on(page: &str, name: &str) -> Option<f64> {
    let text = page.split(&format!("histogram of {name}: median ")).nth(1)?.split('"').next()?;
    Some(text.replace('−', "-").parse().unwrap())
}

/// The value in the middle, the later one of two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Root of the mean square of an image's waves within a share of Nyquist's frequency, by a direct sum over its pixels.
fn band_deviation(pixels: &[f64], share: f64) -> f64 {
    let n = N_PIXELS;
    let wave: Vec<(f64, f64)> =
        (0..n).map(|step| (-std::f64::consts::TAU * step as f64 / n as f64).sin_cos()).map(|(s, c)| (c, s)).collect();
    let mut power = 0.0_f64;
    let signed = |k: usize| if k > n / 2 { k as f64 - n as f64 } else { k as f64 };
    for k in 0..n {
        // Along columns first.
        let rows: Vec<(f64, f64)> = pixels
            .chunks_exact(n)
            .map(|row| {
                row.iter().enumerate().fold((0.0, 0.0), |(re, im), (x, pixel)| {
                    (re + pixel * wave[k * x % n].0, im + pixel * wave[k * x % n].1)
                })
            })
            .collect();
        for l in (0..n).filter(|&l| signed(k).hypot(signed(l)) <= share * n as f64 / 2.0 && (k, l) != (0, 0)) {
            let (re, im) = rows.iter().enumerate().fold((0.0, 0.0), |(re, im), (y, row)| {
                let (c, s) = wave[l * y % n];
                (re + row.0 * c - row.1 * s, im + row.0 * s + row.1 * c)
            });
            power += re * re + im * im;
        }
    }
    power.sqrt() / (n * n) as f64
}

#[test]
fn contrast_mean_and_maximum_are_those_of_the_pixels_whatever_the_grid_reaches() {
    let folder = tempfile::tempdir().unwrap();
    let star = simulated(folder.path(), &SimulationSettings::new(N_PARTICLES, N_PIXELS));
    let files = image_files(folder.path());
    change(&files[0], 17, |pixels| pixels[30 * N_PIXELS + 11] = 60.0);
    let numbers = pixel_numbers(&files);
    assert_eq!(numbers.len(), N_PARTICLES);
    let expected = [0, 1, 2].map(|index| median(numbers.iter().map(|image| image[index]).collect()));
    for share in [0.3, 1.0] {
        let output = folder.path().join(format!("reach-{share}"));
        converted(&star, &output, ConvertSettings { descriptor: reaching(share), ..ConvertSettings::default() });
        let (_, page) = reported(&output);
        for (name, expected) in ["mean", "maximum", "contrast"].into_iter().zip(expected) {
            // The page writes four digits; pixels are kept in single precision.
            let found = median_on(&page, name).unwrap();
            assert!((found / expected - 1.0).abs() < 1e-3, "{name} at {share}: {found}, expected {expected}");
        }
        // If all pixels are known, nothing replaces them.
        assert_eq!(median_on(&page, "band contrast"), None);
        let hot =
            outliers(&page).into_iter().find(|cells| cells[1] == "18").expect("the hot pixel is listed")[3].clone();
        let value: f64 = hot.split("maximum high: ").nth(1).unwrap().split(" σ").next().unwrap().parse().unwrap();
        assert!((value / numbers[17][1] - 1.0).abs() < 1e-3, "{hot}, expected {}", numbers[17][1]);
    }
}

#[test]
fn where_pixels_are_not_read_numbers_are_named_as_those_of_the_band() {
    let folder = tempfile::tempdir().unwrap();
    let star = simulated(folder.path(), &SimulationSettings::new(N_PARTICLES, N_PIXELS));
    let files = image_files(folder.path());
    change(&files[0], 18, |pixels| pixels[30 * N_PIXELS + 11] = 60.0);
    let share = 0.3;
    let settings = |physical| ConvertSettings { physical, descriptor: reaching(share), ..ConvertSettings::default() };
    let mut bands = Vec::new();
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        // Every tenth: their median is that of all up to a few percent.
        for image in bytes[HEADER_BYTES as usize..].chunks_exact(N_PIXELS * N_PIXELS * 4).step_by(10) {
            let pixels = image.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())));
            bands.push(band_deviation(&pixels.collect::<Vec<_>>(), share));
        }
    }
    let band = median(bands);
    let pixels = median(pixel_numbers(&files).iter().map(|image| image[2]).collect());
    assert!(band < 0.6 * pixels, "the band is no stand-in for pixels: {band} {pixels}");

    let without = folder.path().join("without");
    converted(&star, &without, settings(false));
    let (_, page) = reported(&without);
    assert_eq!(["mean", "maximum", "contrast"].map(|name| median_on(&page, name)), [None; 3]);
    let found = median_on(&page, "band contrast").unwrap();
    // The disc of the polar grid has a sharp rim, that of the direct sum is made of whole waves of the box.
    assert!((found / band - 1.0).abs() < 0.1, "{found}, expected {band}");
    assert!(outliers(&page).iter().any(|cells| cells[3].contains("maximum in the band high")), "{:?}", outliers(&page));

    // Some are read: each kind of number has its own histogram, and the hot pixel's image, which is not read, is found.
    let some = folder.path().join("some");
    converted(&star, &some, settings(true));
    let path = some.join("report.html");
    let summary =
        write_report(&some, &path, &ReportSettings { most_looked_at: 100, ..ReportSettings::default() }).unwrap();
    let page = std::fs::read_to_string(path).unwrap();
    assert_eq!(particles(&summary).n_looked_at, 100);
    for name in ["mean", "maximum", "contrast", "mean in the band", "maximum in the band", "band contrast"] {
        assert!(median_on(&page, name).is_some(), "{name}");
    }
    assert!((median_on(&page, "contrast").unwrap() / pixels - 1.0).abs() < 0.03);
    assert!(outliers(&page).iter().any(|cells| cells[1] == "19"), "{:?}", outliers(&page));
}

#[test]
fn the_page_stands_alone_and_says_what_was_asked_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let star = simulated(folder.path(), &SimulationSettings::new(40, 32));
    // A name that would be part of the page, if it were not escaped.
    let odd = folder.path().join("<img src=x onerror=alert(1)>&.star");
    std::fs::rename(&star, &odd).unwrap();
    let output = folder.path().join("out");
    converted(&odd, &output, ConvertSettings { physical: false, batch_size: 16, ..ConvertSettings::default() });
    let (summary, page) = reported(&output);
    assert_eq!((particles(&summary).n_images, particles(&summary).n_looked_at), (40, 0));
    assert!(!page.contains("<img src=x"), "a file's name is part of the page");
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&amp;.star"));
    for needed in ["batch_size", "Lens constants", "Viewing directions", "default-src &#39;none&#39;", "<dialog"] {
        let needed = needed.replace("&#39;", "'");
        assert!(page.contains(&needed), "{needed}");
    }
    for address in ["http:", "https:", "//www", "@import", "url("] {
        assert!(!page.contains(address), "the page asks for {address}");
    }
    // 12 examples with two pictures each; the rest is text.
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

#[test]
fn a_folder_without_stacks_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |root: &Path| write_report(root, &folder.path().join("report.html"), &ReportSettings::default());
    let error = write(folder.path()).unwrap_err();
    assert!(error.to_string().contains("has no manifest.json"), "{error}");
    std::fs::write(folder.path().join("manifest.json"), "{\"stacks\": [").unwrap();
    let error = write(folder.path()).unwrap_err();
    assert!(error.to_string().contains("is not a verglas manifest"), "{error}");

    let star = simulated(&folder.path().join("data"), &SimulationSettings::new(20, 24));
    let output = folder.path().join("out");
    converted(&star, &output, ConvertSettings::default());
    std::fs::remove_file(output.join("fft/particles_fourier_stack_000000.pt")).unwrap();
    let error = write(&output).unwrap_err();
    assert!(error.to_string().contains("particles_fourier_stack_000000.pt"), "{error}");
    assert!(!folder.path().join("report.html").exists());
}
