//! What comes before the first image of a large data set: reading the metadata, finding the image files, checking their
//! headers, planning the stacks.
//!
//! `cargo bench -p verglas-cryoem --bench scale -- FOLDER [N_PARTICLES] [N_IMAGE_FILES]` writes a data set of 256 px to FOLDER
//! unless it exists (by default 10,000,000 particles in 10,000 files), as a STAR file, as one with unordered rows,
//! and as a `.cs` file. It prints time and peak memory of planning each, and of one shard of 1,000 until its
//! first images are computed, each in a process of its own. The image files are sparse: they have a valid header and
//! their full length, and take a block each on disk; the metadata of 10,000,000 particles take 8 GB.

mod metadata_files;

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Instant;

use metadata_files::{cs_image, peak_mib, star_image, write_cs_file, write_star, write_star_in_order};
use verglas::metadata::Input;
use verglas::settings::{ConvertSettings, Shard};
use verglas::{Conversion, Observer, StopFlag};
use verglas_formats::mrc::{Mode, MrcLayout, MrcWriter};

const BOX: usize = 256;
/// The shard that is tried.
const SHARD: usize = 500;
const N_SHARDS: usize = 1000;
/// How many of its images can be converted; all others are constant.
const N_WITH_PIXELS: usize = 256;
const HEADER_BYTES: usize = 1024;
/// Where an MRC header holds the number of sections (NZ).
const N_SECTIONS_AT: usize = 8;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["plan", path] => plan(Path::new(path)),
        ["shard", path] => run_shard(Path::new(path)),
        [folder, counts @ ..] => {
            let count = |at: usize, default: usize| counts.get(at).map_or(default, |n| n.parse().expect("a number"));
            measure_all(Path::new(folder), count(0, 10_000_000), count(1, 10_000));
        }
        // As `cargo bench` calls every bench: there is no room for such files unless somebody says where.
        [] => println!("scale: skipped, no folder given"),
    }
}

fn measure_all(folder: &Path, n_particles: usize, n_files: usize) {
    let per_file = n_particles.div_ceil(n_files);
    let folder = folder.join(format!("{n_particles}-in-{n_files}"));
    type Write = fn(&Path, usize, usize) -> std::io::Result<()>;
    type Name = fn(usize) -> String;
    for (file, write, name) in [
        ("particles.star", write_star as Write, star_image as Name),
        ("shuffled.star", write_shuffled_star, star_image),
        ("particles.cs", write_cs_file, cs_image),
    ] {
        let path = folder.join(file);
        if !folder.join(name(0)).is_file() {
            write_image_files(&folder, name, n_particles, per_file);
        }
        if !path.is_file() {
            // Under its name only when it is whole.
            let partial = path.with_extension("partial");
            write(&partial, n_particles, per_file).expect("disk for the metadata");
            std::fs::rename(&partial, &path).expect("a name in the folder");
        }
        let this = std::env::current_exe().expect("this program");
        for what in ["plan", "shard"] {
            if what == "shard" && file.starts_with("shuffled") {
                // Its first images are spread over all files, and none has pixels.
                continue;
            }
            let status = std::process::Command::new(&this).arg(what).arg(&path).status().expect("this program again");
            assert!(status.success());
        }
    }
}

/// Each row's particle is far from that of the row before.
fn write_shuffled_star(path: &Path, n_particles: usize, per_file: usize) -> std::io::Result<()> {
    // A prime that does not divide the number of particles: every particle comes once.
    const STRIDE: usize = 7_368_787;
    write_star_in_order(path, n_particles, per_file, |row| row * STRIDE % n_particles)
}

fn input(path: &Path) -> Input {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("star") => Input::IndexedStar(path.to_owned()),
        _ => Input::IndexedCs { particles: path.to_owned(), passthrough: None },
    }
}

/// Everything before the first byte is written.
fn plan(path: &Path) {
    let start = Instant::now();
    let conversion = Conversion::prepare(input(path), ConvertSettings::default());
    let conversion = conversion.unwrap_or_else(|error| panic!("{error}"));
    println!(
        "{}, {} particles in {} image files, {} stacks: planned in {:.2} s; peak memory {} MiB",
        path.display(),
        conversion.n_images(),
        conversion.n_image_files(),
        conversion.n_stacks(),
        start.elapsed().as_secs_f64(),
        peak_mib()
    );
}

/// One shard from its start until its first images are computed.
fn run_shard(path: &Path) {
    let start = Instant::now();
    let shard = Shard::new(SHARD, N_SHARDS).expect("a shard");
    let settings = ConvertSettings { shard: Some(shard), ..ConvertSettings::default() };
    let conversion = Conversion::prepare(input(path), settings);
    let conversion = conversion.unwrap_or_else(|error| panic!("{error}"));
    let prepared = start.elapsed();
    let first_images = FirstImages { start, seconds: OnceLock::new(), stop: StopFlag::new(false) };
    let output = tempfile::tempdir_in(path.parent().expect("a folder")).expect("a folder for the stacks");
    let ended = conversion.run_with(output.path().join("out"), &first_images, &first_images.stop);
    let seconds = first_images.seconds.get().unwrap_or_else(|| panic!("{}", ended.expect_err("no images")));
    println!(
        "{}, shard {shard}, {} images from {} files: planned in {:.2} s, first images at {seconds:.2} s; peak memory {} MiB",
        path.display(),
        conversion.n_images(),
        conversion.n_image_files(),
        prepared.as_secs_f64(),
        peak_mib()
    );
}

/// Notes when the first images are done, and stops the run there.
struct FirstImages {
    start: Instant,
    seconds: OnceLock<f64>,
    stop: StopFlag,
}

impl Observer for FirstImages {
    fn images_done(&self, _: u64) {
        self.seconds.get_or_init(|| self.start.elapsed().as_secs_f64());
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn write_image_files(folder: &Path, name: impl Fn(usize) -> String, n_particles: usize, per_file: usize) {
    std::fs::create_dir_all(folder.join(name(0)).parent().expect("a folder")).expect("a folder");
    let mut header = header(folder);
    let n_stacks = n_particles.div_ceil(ConvertSettings::default().batch_size);
    let first_of_shard = Shard::new(SHARD, N_SHARDS).expect("a shard").units(n_stacks).start;
    let first_of_shard = first_of_shard * ConvertSettings::default().batch_size;
    let pixels: Vec<u8> = (0..BOX * BOX).flat_map(|at| ((at % 251) as f32).to_le_bytes()).collect();
    for (image, first) in (0..n_particles).step_by(per_file).enumerate() {
        let n_sections = per_file.min(n_particles - first);
        header[N_SECTIONS_AT..][..4].copy_from_slice(&(n_sections as i32).to_le_bytes());
        let mut file = File::create(folder.join(name(image))).expect("a file in the folder");
        file.write_all(&header).expect("disk for a header");
        // No pixel takes any room, but for the images that the shard begins with.
        file.set_len((header.len() + n_sections * pixels.len()) as u64).expect("a sparse file");
        for particle in
            (first_of_shard..first_of_shard + N_WITH_PIXELS).filter(|at| (first..first + n_sections).contains(at))
        {
            let at = header.len() + (particle - first) * pixels.len();
            file.write_all_at(&pixels, at as u64).expect("disk for some images");
        }
    }
}

/// The header of a stack of one image.
fn header(folder: &Path) -> Vec<u8> {
    let layout = MrcLayout {
        n_columns: BOX as u64,
        n_rows: BOX as u64,
        n_sections: 1,
        pixel_size_angstrom: Some(1.06),
        mode: Mode::Float32,
    };
    let path = folder.join("one.mrcs");
    let mut writer = MrcWriter::create(&path, layout).expect("a file in the folder");
    writer.write_section(&vec![0.0; BOX * BOX]).expect("disk for one image");
    writer.finish().expect("a stack of one image");
    let mut header = std::fs::read(&path).expect("the stack");
    std::fs::remove_file(&path).expect("the stack");
    header.truncate(HEADER_BYTES);
    header
}
