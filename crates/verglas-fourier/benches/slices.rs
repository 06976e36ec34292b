//! How long templates take: from a map of noise and from beads, default grids, normalised values in memory.
//!
//! ```text
//! cargo bench -p verglas-fourier --bench slices -- [--threads N] [--views N] [--box N]… [--set NAME] [--double]
//! ```
//!
//! Without arguments: boxes 128 and 256, two threads, single precision, 208 views.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use num_complex::Complex;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::polar::instruction_sets;
use verglas_fourier::slices::{
    AtomMass, AtomShape, AxisOrder, Beads, Density, SlicePlan, SliceReal, SliceSettings, Structure, Voxels,
};
use verglas_fourier::sphere::Views;

struct Options {
    n_threads: usize,
    n_views: usize,
    boxes: Vec<usize>,
    set: &'static str,
    double: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut options =
        Options { n_threads: 2, n_views: 208, boxes: Vec::new(), set: instruction_sets()[0], double: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or("a value is missing");
        match argument.as_str() {
            "--threads" => options.n_threads = value()?.parse()?,
            "--views" => options.n_views = value()?.parse()?,
            "--box" => options.boxes.push(value()?.parse()?),
            "--set" => {
                let name = value()?;
                options.set = instruction_sets().into_iter().find(|set| *set == name).ok_or("no such set")?;
            }
            "--double" => options.double = true,
            // The arguments that `cargo bench` itself passes on.
            "--bench" => {}
            other => return Err(format!("what is `{other}`?").into()),
        }
    }
    if options.boxes.is_empty() {
        options.boxes = vec![128, 256];
    }
    for &n_pixels in &options.boxes {
        for (name, structure) in structures(n_pixels) {
            if options.double {
                measure::<f64>(&name, &structure, n_pixels, &options)?;
            } else {
                measure::<f32>(&name, &structure, n_pixels, &options)?;
            }
        }
    }
    Ok(())
}

/// Pixels of 1 Å; beads fill a ball of three quarters of the box.
fn structures(n_pixels: usize) -> Vec<(String, Structure)> {
    let mut state = 1_u64;
    let mut noise = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let shape = [n_pixels; 3];
    let values = (0..n_pixels.pow(3)).map(|_| noise() as f32).collect();
    let map = Density {
        values: Voxels::Single(values),
        shape,
        voxel_angstrom: [1.0; 3],
        centre_voxel: Density::middle(shape, AxisOrder::Zyx),
        axis_order: AxisOrder::Zyx,
        beyond_nyquist: false,
    };
    let mut structures = vec![("map".to_owned(), Structure::Map(Arc::new(map)))];
    for (shape, numbers) in [(AtomShape::Gaussian, &[500, 4000][..]), (AtomShape::HardSphere, &[4000][..])] {
        for &n in numbers {
            let extent = 0.375 * n_pixels as f64;
            let mut positions = Vec::with_capacity(n);
            while positions.len() < n {
                let position = [0, 1, 2].map(|_| (2.0 * noise() - 1.0) * extent);
                if position.iter().map(|x| x * x).sum::<f64>() < extent * extent {
                    positions.push(position);
                }
            }
            let radii = (0..n).map(|_| [2.25, 2.5, 2.8, 2.95, 3.1, 3.2][(noise() * 6.0) as usize]).collect();
            let beads = Beads { positions_angstrom: positions, radii_angstrom: radii, shape, mass: AtomMass::Volume };
            structures.push((format!("{n} beads, {shape:?}"), Structure::Beads(Arc::new(beads))));
        }
    }
    structures
}

fn measure<T: SliceReal>(
    name: &str,
    structure: &Structure,
    n_pixels: usize,
    options: &Options,
) -> Result<(), Box<dyn Error>> {
    let grid = PolarGrid::new(n_pixels as f64 / 4.0, 0.25, 2 * n_pixels)?;
    let views = Views::new(1.0 / (4.0 * std::f64::consts::PI))?;
    let settings = SliceSettings { n_threads: options.n_threads, n_views: views.len(), ..SliceSettings::default() };
    let estimate = SlicePlan::<T>::estimate(structure, &grid, n_pixels as f64, &settings)?;
    let start = Instant::now();
    let plan = SlicePlan::<T>::new_on(options.set, structure.clone(), &grid, n_pixels as f64, &settings)?;
    let plan_ms = start.elapsed().as_secs_f64() * 1e3;
    // Views from all over the sphere.
    let n_views = options.n_views.min(views.len());
    let rotations: Vec<_> = (0..n_views).map(|k| views.rotation(k * views.len() / n_views)).collect();
    let batch = 32.min(n_views);
    let mut out = vec![Complex::default(); batch * plan.slice_len()];
    let mut norms = vec![0.0; batch];
    let start = Instant::now();
    for rotations in rotations.chunks(batch) {
        plan.compute(rotations, &mut out[..rotations.len() * plan.slice_len()], &mut norms[..rotations.len()])?;
        std::hint::black_box(&out);
    }
    let view_ms = start.elapsed().as_secs_f64() * 1e3 / n_views as f64;
    println!(
        "N {n_pixels:4}  {name:24} {:6}  {view_ms:8.3} ms per view, plan {plan_ms:7.0} ms, {:.0} MB, {:?}; 2370 views {:.2} s",
        T::PRECISION,
        estimate.peak_bytes as f64 / 1e6,
        plan.method(),
        (plan_ms + 2370.0 * view_ms) / 1e3,
    );
    Ok(())
}
