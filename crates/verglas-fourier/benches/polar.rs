//! How long the transform takes: one thread, float32 pixels to finished normalised stack values in memory.
//!
//! Without arguments it prints medians for the default grids of a few box sides, on each instruction set. With `--serve` it takes commands from
//! standard input, so that `finufft_compare.py` can time it and others in turns:
//!
//! ```text
//! plan N FACTOR INPLANES single|double [SET]  plans, on an instruction set if named; answers `planned`
//! time REPEATS [MS]                         answers with the milliseconds per image of each repeat, of 40 ms or MS
//! apply IMAGE RESULT                        transforms a file of N² float32 values to a file of complex values
//! ```

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

use num_complex::Complex;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::polar::{PolarScratch, PolarTransform, Real, instruction_sets};

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|argument| argument == "--serve") {
        return serve();
    }
    for set in instruction_sets() {
        println!("{set}");
        for n_pixels in [128, 256, 360, 400] {
            print_medians::<f32>(set, n_pixels)?;
            print_medians::<f64>(set, n_pixels)?;
        }
    }
    Ok(())
}

fn print_medians<T: Real>(set: &str, n_pixels: usize) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let mut bench = Bench::<T>::new(set, n_pixels, 1.0, 2 * n_pixels)?;
    let plan_ms = start.elapsed().as_secs_f64() * 1e3;
    let mut times: Vec<f64> = (0..15).map(|_| bench.time(REPEAT_MS)).collect();
    times.sort_by(f64::total_cmp);
    println!(
        "N {n_pixels:4}  {:6}  {:8.4} ms per image (fastest {:.4}), plan {plan_ms:.1} ms, {:.2} MB, scratch {:.2} MB",
        T::PRECISION,
        times[times.len() / 2],
        times[0],
        bench.transform.plan_bytes() as f64 / 1e6,
        bench.transform.scratch_bytes() as f64 / 1e6,
    );
    Ok(())
}

fn serve() -> Result<(), Box<dyn Error>> {
    let mut bench: Option<Box<dyn Serve>> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.as_slice(), &mut bench) {
            (["plan", n_pixels, factor, n_inplanes, precision, set @ ..], bench) => {
                let set = set.first().copied().unwrap_or(instruction_sets()[0]);
                let (n_pixels, factor, n_inplanes) = (n_pixels.parse()?, factor.parse()?, n_inplanes.parse()?);
                *bench = Some(match *precision {
                    "single" => Box::new(Bench::<f32>::new(set, n_pixels, factor, n_inplanes)?),
                    _ => Box::new(Bench::<f64>::new(set, n_pixels, factor, n_inplanes)?),
                });
                println!("planned");
            }
            (["time", repeats, at_least @ ..], Some(bench)) => {
                let at_least_ms = at_least.first().map_or(Ok(REPEAT_MS), |text| text.parse())?;
                let times: Vec<String> = (0..repeats.parse()?).map(|_| bench.time(at_least_ms).to_string()).collect();
                println!("{}", times.join(" "));
            }
            (["apply", image, result], Some(bench)) => {
                bench.apply(image, result)?;
                println!("applied");
            }
            _ => return Err(format!("what is `{line}`?").into()),
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// A planned bench of either precision.
trait Serve {
    fn time(&mut self, at_least_ms: f64) -> f64;
    fn apply(&mut self, image: &str, result: &str) -> Result<(), Box<dyn Error>>;
}

/// A few images in turns, each to its own place, as in a stack.
struct Bench<T: Real> {
    transform: PolarTransform<T>,
    scratch: PolarScratch<T>,
    images: Vec<Vec<f32>>,
    stack: Vec<Vec<Complex<T>>>,
}

const N_IMAGES: usize = 4;

/// How long a repeat takes.
const REPEAT_MS: f64 = 40.0;

impl<T: Real> Bench<T> {
    fn new(set: &str, n_pixels: usize, factor: f64, n_inplanes: usize) -> Result<Self, Box<dyn Error>> {
        let grid = PolarGrid::new(factor * n_pixels as f64 / 4.0, 0.25, n_inplanes)?;
        let transform = PolarTransform::<T>::plan_on(set, n_pixels, &grid)?;
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        Ok(Self {
            scratch: transform.scratch(),
            images: (0..N_IMAGES).map(|_| (0..n_pixels * n_pixels).map(|_| noise()).collect()).collect(),
            stack: vec![vec![Complex::default(); transform.output_len()]; N_IMAGES],
            transform,
        })
    }
}

impl<T: Real> Serve for Bench<T> {
    /// Milliseconds per image, over at least this many.
    fn time(&mut self, at_least_ms: f64) -> f64 {
        let mut n_images = 0;
        let start = Instant::now();
        loop {
            for (image, out) in self.images.iter().zip(&mut self.stack) {
                std::hint::black_box(self.transform.apply_normalized(image, out, &mut self.scratch));
            }
            n_images += N_IMAGES;
            let elapsed = start.elapsed().as_secs_f64() * 1e3;
            if elapsed >= at_least_ms {
                return elapsed / n_images as f64;
            }
        }
    }

    fn apply(&mut self, image: &str, result: &str) -> Result<(), Box<dyn Error>> {
        let bytes = std::fs::read(image)?;
        let pixels: Vec<f32> =
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
        let out = &mut self.stack[0];
        self.transform.apply(&pixels, out, &mut self.scratch);
        std::fs::write(result, bytemuck::cast_slice::<Complex<T>, u8>(out))?;
        Ok(())
    }
}
