//! Reading sections from the page cache, by mode, at three boxes; bytes are those of the file.
//!
//! `copy` is the floor: a copy of as many bytes within memory.

use divan::Bencher;
use divan::counter::BytesCount;
use verglas_formats::mrc::{Mode, MrcLayout, MrcOptions, MrcStack, MrcWriter};

const BOXES: [u64; 3] = [128, 256, 400];
/// Sections are read in runs of about this many bytes of pixels, as a converter does; the stack holds several runs.
const RUN_BYTES: u64 = 16 << 20;
const N_RUNS: u64 = 8;

fn main() {
    divan::main();
}

fn sections_per_run(side: u64) -> u64 {
    RUN_BYTES / (4 * side * side)
}

fn read_sections(bencher: Bencher, mode: Mode, side: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stack.mrcs");
    let count = sections_per_run(side);
    let layout =
        MrcLayout { n_columns: side, n_rows: side, n_sections: count * N_RUNS, pixel_size_angstrom: None, mode };
    let mut writer = MrcWriter::create(&path, layout).unwrap();
    let section: Vec<f32> =
        (0..side * side).map(|n| (n % 200) as f32 - 100.0 * f32::from(mode != Mode::Uint16)).collect();
    for _ in 0..layout.n_sections {
        writer.write_section(&section).unwrap();
    }
    writer.finish().unwrap();

    let stack = MrcStack::open(&path, &MrcOptions::default()).unwrap();
    let mut pixels = vec![0.0; (count * side * side) as usize];
    let mut scratch = Vec::new();
    let mut run = 0;
    bencher.counter(BytesCount::new(stack.header().bytes_per_section().unwrap() * count)).bench_local(|| {
        stack.read_sections(run % N_RUNS * count, count as usize, &mut pixels, &mut scratch).unwrap();
        run += 1;
        divan::black_box(&mut pixels);
    });
}

#[divan::bench(args = BOXES)]
fn float32(bencher: Bencher, side: u64) {
    read_sections(bencher, Mode::Float32, side);
}

#[divan::bench(args = BOXES)]
fn float16(bencher: Bencher, side: u64) {
    read_sections(bencher, Mode::Float16, side);
}

#[divan::bench(args = BOXES)]
fn int16(bencher: Bencher, side: u64) {
    read_sections(bencher, Mode::Int16, side);
}

#[divan::bench(args = BOXES)]
fn uint16(bencher: Bencher, side: u64) {
    read_sections(bencher, Mode::Uint16, side);
}

#[divan::bench(args = BOXES)]
fn int8(bencher: Bencher, side: u64) {
    read_sections(bencher, Mode::Int8, side);
}

#[divan::bench(args = BOXES)]
fn copy(bencher: Bencher, side: u64) {
    let n_pixels = (sections_per_run(side) * side * side) as usize;
    let source = vec![1.0_f32; n_pixels * N_RUNS as usize];
    let mut pixels = vec![0.0; n_pixels];
    let mut run = 0;
    bencher.counter(BytesCount::of_slice(&pixels.clone())).bench_local(|| {
        pixels.copy_from_slice(&source[run % N_RUNS as usize * n_pixels..][..n_pixels]);
        run += 1;
        divan::black_box(&mut pixels);
    });
}
