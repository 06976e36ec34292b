//! How fast images are simulated, step by step, on one thread; and as a data set, on all threads and with its files.

use divan::counter::ItemsCount;
use verglas::simulate::{ImageSimulator, SimulationSettings, simulate};
use verglas::{Silent, StopFlag};

const BOXES: [usize; 3] = [128, 256, 400];

fn main() {
    divan::main();
}

fn simulator(n_pixels: usize) -> ImageSimulator {
    ImageSimulator::new(&SimulationSettings::new(1_000, n_pixels)).unwrap()
}

#[divan::bench(args = BOXES)]
fn projection(bencher: divan::Bencher, n_pixels: usize) {
    let simulator = simulator(n_pixels);
    let (mut scratch, mut image) = (simulator.scratch(), vec![0.0; n_pixels * n_pixels]);
    let particle = simulator.particle(0);
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| simulator.write_projection(&particle, &mut scratch, &mut image));
}

#[divan::bench(args = BOXES)]
fn ctf(bencher: divan::Bencher, n_pixels: usize) {
    let simulator = simulator(n_pixels);
    let (mut scratch, mut image) = (simulator.scratch(), vec![1.0; n_pixels * n_pixels]);
    let particle = simulator.particle(0);
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| simulator.apply_ctf(&particle.ctf, &mut scratch, &mut image));
}

#[divan::bench(args = BOXES)]
fn whole_image(bencher: divan::Bencher, n_pixels: usize) {
    let simulator = simulator(n_pixels);
    let (mut scratch, mut image) = (simulator.scratch(), vec![0.0; n_pixels * n_pixels]);
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| simulator.write_image(0, &mut scratch, &mut image));
}

#[divan::bench(args = BOXES, sample_count = 5, sample_size = 1)]
fn data_set(bencher: divan::Bencher, n_pixels: usize) {
    const N_PARTICLES: usize = 1_000;
    let settings = SimulationSettings::new(N_PARTICLES, n_pixels);
    bencher.counter(ItemsCount::new(N_PARTICLES)).with_inputs(|| tempfile::tempdir().unwrap()).bench_refs(|folder| {
        simulate(&settings, folder.path(), &Silent, &StopFlag::new(false)).unwrap();
    });
}
