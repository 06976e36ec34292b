//! Pairs (image, template, displacement) per second: `cargo bench -p verglas-likelihood --bench pairs -- [images]
//! [templates] [threads] [shells] [bead radius in 0.1 Å]`.
//!
//! With `known` after these, how much faster it is near known poses: `-- 2000 2370 known`.
//!
//! N = 128, 256 in-planes, 17 × 17 or 16 × 16 + 1 displacements up to 8 pixels; images and templates are of 600 random beads in a
//! ball of 0.3 N (Gaussians of 3 Å unless told otherwise; pixels of 1.5 Å), images with noise and a contrast transfer each.

use std::f64::consts::{PI, TAU};
use std::sync::Arc;
use std::time::Instant;

use num_complex::Complex;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::pose::Matrix3;
use verglas_fourier::slices::{AtomMass, AtomShape, Beads, SlicePlan, SliceSettings, Structure};
use verglas_fourier::sphere::{PointGroup, Views};
use verglas_likelihood::compare::{ComparisonSettings, Search};
use verglas_likelihood::ctf::{ContrastFormula, ContrastTransfer};
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::refine::ContinuousPose;
use verglas_likelihood::{Contrast, ContrastSign, Geometry, ImageSet, PosePrior, TemplateSet};

const N: usize = 128;
const PIXEL_ANGSTROM: f64 = 1.5;

struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (self.next() + 0.5).max(1e-300).ln()).sqrt() * (TAU * self.next()).cos()
    }
}

/// Seconds of processor time that this process has had, where the system tells (Linux, 100 ticks a second).
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    fields.get(11).and_then(|ticks| ticks.parse::<f64>().ok()).map_or(f64::NAN, |ticks| ticks / 100.0)
}

fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let argument = |i: usize, default: usize| arguments.get(i).copied().unwrap_or(default);
    let (n_images, n_views) = (argument(0, 512), argument(1, 64));
    let (n_threads, n_shells) = (argument(2, 2), argument(3, 64));
    let radius_max = N as f64 / 4.0;
    let grid = PolarGrid::new(radius_max, radius_max / (n_shells as f64 - 1.0), 2 * N).expect("a grid");
    let box_angstrom = N as f64 * PIXEL_ANGSTROM;
    let geometry = Geometry::new(grid, box_angstrom).expect("a geometry");

    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    let extent = 0.3 * box_angstrom;
    let mut positions = Vec::new();
    while positions.len() < 600 {
        let position = [0, 1, 2].map(|_| 2.0 * extent * noise.next());
        if position.iter().map(|x| x * x).sum::<f64>() < extent * extent {
            positions.push(position);
        }
    }
    let radii_angstrom = vec![argument(4, 30) as f64 / 10.0; positions.len()];
    let beads =
        Beads { positions_angstrom: positions, radii_angstrom, shape: AtomShape::Gaussian, mass: AtomMass::Volume };
    let views = Views::new(1.0 / (4.0 * PI)).expect("views");
    let n_views = n_views.min(views.len());
    let step = views.len() / n_views;
    let chosen: Vec<usize> = (0..n_views).map(|i| i * step.max(1)).collect();
    let rotations: Vec<_> = chosen.iter().map(|&view| views.rotation(view)).collect();
    let weights: Vec<f64> = chosen.iter().map(|&view| views.weight[view]).collect();
    let n_points = geometry.n_points();
    let mut values = vec![Complex::<f32>::default(); n_views * n_points];
    let mut norms = vec![0.0; n_views];
    let settings = SliceSettings { n_threads, ..SliceSettings::default() };
    SlicePlan::new(Structure::Beads(Arc::new(beads)), geometry.grid(), box_angstrom, &settings)
        .expect("a plan")
        .compute(&rotations, &mut values, &mut norms)
        .expect("templates");

    let transfers: Vec<ContrastTransfer> = (0..n_images)
        .map(|_| ContrastTransfer {
            defocus_u_angstrom: 15_000.0 + 8_000.0 * noise.next(),
            defocus_v_angstrom: 15_000.0 + 8_000.0 * noise.next(),
            defocus_angle_rad: TAU * noise.next(),
            voltage_kv: 300.0,
            spherical_aberration_mm: 2.7,
            amplitude_contrast: 0.1,
            phase_shift_rad: 0.0,
            b_factor_angstrom2: 0.0,
        })
        .collect();
    // Every value of the noise has the same power; ρ² = Σ W|C·T|²/σ² of an image is 150, W|noise|² being σ² for each of the
    // 4πr_max² independent values.
    let sigma2_all = |signal: f64| signal / 150.0 * geometry.degrees_of_freedom();
    let weight_all: f64 = geometry.point_weights().iter().sum::<f64>() * geometry.n_inplanes() as f64;
    let mut images = Vec::with_capacity(n_images * n_points);
    let p = geometry.n_inplanes();
    let mut contrast = vec![0.0; n_points];
    for (image, transfer) in transfers.iter().enumerate() {
        transfer.fill(&geometry, ContrastFormula::Right, image, &mut contrast).expect("a contrast transfer");
        let template = &values[(image * 7 % n_views) * n_points..][..n_points];
        let weighted = |(at, value): (usize, &Complex<f32>)| {
            geometry.point_weights()[at / p] * f64::from(value.norm_sqr()) * contrast[at].powi(2)
        };
        let signal: f64 = template.iter().enumerate().map(weighted).sum();
        let size = (sigma2_all(signal) / weight_all / 2.0).sqrt();
        for shell in 0..geometry.n_shells() {
            let mut half = Vec::new();
            for j in 0..p {
                let signal = template[shell * p + j] * contrast[shell * p + j] as f32;
                let random = if j < p / 2 {
                    half.push(Complex::new(noise.normal() as f32, noise.normal() as f32) * size as f32);
                    half[j]
                } else {
                    half[j - p / 2].conj()
                };
                images.push(signal + random);
            }
        }
    }
    let displacements = Displacements::new(8.0, PIXEL_ANGSTROM, 16, 16).expect("displacements");
    let pairs = (n_images * n_views * displacements.len()) as f64;
    println!(
        "{n_images} images, {n_views} templates, {} displacements, {} shells, {p} rotations, {n_threads} threads",
        displacements.len(),
        geometry.n_shells()
    );
    let templates = TemplateSet::new(&geometry, &values, &weights).expect("templates");
    let images =
        ImageSet::new(&geometry, &images, Contrast::Parameters(&transfers, ContrastFormula::Right)).expect("images");
    if std::env::args().any(|argument| argument == "known") {
        let poses: Vec<ContinuousPose> = (0..n_images)
            .map(|image| ContinuousPose { rotation: rotations[image * 7 % n_views], shift_angstrom: [0.0; 2] })
            .collect();
        return compare_known(&geometry, templates, &displacements, &images, (&poses, &rotations), n_threads);
    }
    for integrated in [false, true] {
        let settings = ComparisonSettings { integrated, n_threads, ..ComparisonSettings::default() };
        let start = Instant::now();
        let search = Search::new(&geometry, templates, &displacements, settings).expect("a search");
        let plan = start.elapsed().as_secs_f64();
        let (kept, all) = search.n_functions();
        let start = Instant::now();
        let processor = processor_seconds();
        let comparison = search.compare(&images).expect("a comparison");
        let seconds = start.elapsed().as_secs_f64();
        let processor = processor_seconds() - processor;
        let right = comparison.images.iter().enumerate().filter(|(i, image)| image.template == i * 7 % n_views).count();
        let cc = comparison.images.iter().map(|image| image.cross_correlation).sum::<f64>() / n_images as f64;
        println!(
            "integrated {integrated}: {:.3} million pairs/s, {:.3} a processor ({seconds:.2} s; plan {plan:.2} s; {kept} of {all} functions; {right} right, mean cc {cc:.3})",
            pairs / seconds / 1e6,
            pairs / processor / 1e6
        );
    }
}

/// How much faster images are compared near known poses, 10° and 3 pixels, than everywhere: likelihoods with scales above 0.
fn compare_known(
    geometry: &Geometry,
    templates: TemplateSet<f32>,
    displacements: &Displacements,
    images: &ImageSet<f32>,
    (poses, views): (&[ContinuousPose], &[Matrix3]),
    n_threads: usize,
) {
    let settings = ComparisonSettings {
        sign: ContrastSign::Positive,
        weighs_appended: false,
        n_threads,
        ..ComparisonSettings::default()
    };
    let n = images.n_images();
    // Some are enough to say what all would take: so many that making displaced templates, once for all, counts little.
    let few = images.range(0..n.min(320));
    let start = Instant::now();
    let search = Search::new(geometry, templates, displacements, settings.clone()).expect("a search");
    let plan = start.elapsed().as_secs_f64();
    search.compare(&few).expect("a comparison");
    let all = (start.elapsed().as_secs_f64() - plan) / few.n_images() as f64 * n as f64;
    println!("everywhere: {:.0} s for {n} images, by {} of them; plan {plan:.2} s", all, few.n_images());
    let prior = PosePrior::new((10.0_f64 / 3.0).to_radians(), PIXEL_ANGSTROM).expect("a prior");
    let near = Displacements::near(displacements.grid().expect("a grid"), &prior);
    let start = Instant::now();
    let search = Search::new(geometry, templates, &near, settings).expect("a search");
    let plan = start.elapsed().as_secs_f64();
    let mates = PointGroup::Cyclic(1).rotations();
    let found = search.compare_near(images, (poses, prior), (views, &mates), &|_| true).expect("a comparison");
    let seconds = start.elapsed().as_secs_f64() - plan;
    let right = found.images.iter().enumerate().filter(|(i, image)| image.template == i * 7 % views.len()).count();
    println!("near known poses: {seconds:.2} s; plan {plan:.2} s; {right} right: {:.0} times faster", all / seconds);
}
