//! The comparison near known poses, against all poses of the grid, and against poses drawn from the prior.

use std::f64::consts::TAU;

use verglas_fourier::pose::Matrix3;
use verglas_likelihood::refine::ContinuousPose;
use verglas_likelihood::{ContrastSign, PosePrior};

use crate::common::Noise;
use crate::simulated::{Compared, Model, Plain, World, image};

/// How far a pose lies from another: the angle in radians, the displacement in Å.
fn distances(pose: &ContinuousPose, other: &ContinuousPose) -> (f64, f64) {
    let trace: f64 = pose.rotation.iter().flatten().zip(other.rotation.iter().flatten()).map(|(a, b)| a * b).sum();
    let [x, y] = [0, 1].map(|axis| pose.shift_angstrom[axis] - other.shift_angstrom[axis]);
    (2.0 * (0.25 * (3.0 - trace)).clamp(0.0, 1.0).sqrt().asin(), x.hypot(y))
}

fn turned(rotation: &Matrix3, angle: f64, noise: &mut Noise) -> Matrix3 {
    // About any axis, by Rodrigues' formula.
    let axis = [noise.normal(), noise.normal(), noise.normal()];
    let norm = axis.iter().map(|x| x * x).sum::<f64>().sqrt();
    let [x, y, z] = axis.map(|x| x / norm);
    let ((s, c), k) = (angle.sin_cos(), [[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]);
    let by: Matrix3 = std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let square: f64 = (0..3).map(|m| k[i][m] * k[m][j]).sum();
            f64::from(u8::from(i == j)) + s * k[i][j] + (1.0 - c) * square
        })
    });
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|m| rotation[i][m] * by[m][j]).sum()))
}

/// A pose's displacement in the frame of its template.
fn in_template(pose: &ContinuousPose) -> [f64; 2] {
    pose.as_template().1
}

#[test]
fn what_is_near_is_the_sum_over_the_priors_reach() {
    let world = World::new(24, 3.0, 0.6, 4.0, 9);
    let model = Model::new(&world, 5, 0.0);
    let compared = Compared::new(&world, &model);
    let p = world.geometry.n_inplanes();
    let (view_sigma, shift_sigma) = (0.25, 2.5);
    let prior = PosePrior::new(view_sigma, shift_sigma).unwrap();
    // ∫ exp(−θ²/2σ²)(1 − cos θ)/π, and the Gaussian's norm.
    let z: f64 = (0..20_000)
        .map(|i| 3.0 * view_sigma * (f64::from(i) + 0.5) / 20_000.0)
        .map(|t| (-t * t / (2.0 * view_sigma * view_sigma)).exp() * (1.0 - t.cos()) / std::f64::consts::PI)
        .sum::<f64>()
        * 3.0
        * view_sigma
        / 20_000.0;
    let norm = TAU * shift_sigma * shift_sigma * (1.0 - (-4.5_f64).exp());
    let total: f64 = world.views.weight.iter().sum();
    for seed in 0..2 {
        let image = image(&world, &model, 80.0, 1.0, 300 + seed);
        let mut noise = Noise::new(seed);
        let known = ContinuousPose {
            rotation: turned(&image.rotation, 0.2, &mut noise),
            shift_angstrom: image.shift_angstrom.map(|d| d + 2.0 * noise.normal()),
        };
        let near = compared.image_near(&image, known, prior);
        let (_, correlations) = compared.image(&image);
        let plain = Plain::new(&world, &image, ContrastSign::Positive);
        let (mut sum, mut n, mut best) = (Vec::new(), 0, f64::NEG_INFINITY);
        let n_displacements = world.displacements.len();
        for (view, rotation) in world.rotations.iter().enumerate() {
            for w in 0..p {
                let angle = TAU * w as f64 / p as f64;
                let (sin, cos) = angle.sin_cos();
                let rotation: Matrix3 = rotation.map(|[x, y, z]| [x * cos + y * sin, y * cos - x * sin, z]);
                let (theta, _) = distances(&ContinuousPose { rotation, ..known }, &known);
                if theta > 3.0 * view_sigma {
                    continue;
                }
                // Steps of the grid, about the known displacement, which a standard deviation is less than.
                let step = shift_sigma;
                let near: Vec<[f64; 2]> = (-3..=3)
                    .flat_map(|i| (-3..=3).map(move |j| [step * f64::from(i), step * f64::from(j)]))
                    .filter(|d| d[0].hypot(d[1]) <= 3.0 * shift_sigma + 1e-9)
                    .collect();
                n += near.len();
                // What the search everywhere says there, so that little is summed in vain.
                let of_rotation = |index: usize| correlations[(view * n_displacements + index) * p + w];
                let highest = (0..n_displacements).map(of_rotation).fold(f64::NEG_INFINITY, f64::max);
                let ln_rotation = -0.5 * (theta / view_sigma).powi(2) - z.ln();
                let most = plain.likelihood.gain(highest) + ln_rotation;
                best = best.max(most);
                if most < best - 25.0 {
                    continue;
                }
                let in_image = |d: &[f64; 2]| {
                    [
                        known.shift_angstrom[0] + cos * d[0] + sin * d[1],
                        known.shift_angstrom[1] + cos * d[1] - sin * d[0],
                    ]
                };
                let shifts: Vec<[f64; 2]> = near.iter().map(in_image).collect();
                let weight = world.views.weight[view] / total / p as f64 * step * step / norm;
                for (value, d) in plain.values(&model, &rotation, &shifts).iter().zip(&near) {
                    let ln_prior = ln_rotation - 0.5 * (d[0].hypot(d[1]) / shift_sigma).powi(2);
                    sum.push(value + ln_prior + weight.ln());
                }
            }
        }
        let top = sum.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let expected = top + sum.iter().map(|value| (value - top).exp()).sum::<f64>().ln();
        println!("{n} poses near; expected {expected}, found {}", near.log_likelihood_integrated);
        // The grid's constant is that of the template before it is turned, which an astigmatic transfer tells apart.
        assert!((near.log_likelihood_integrated - expected).abs() < 0.03, "{expected} {near:?}");
    }
}

#[test]
fn the_integral_near_a_pose_is_that_over_the_prior() {
    let world = World::new(24, 3.0, 0.6, 4.0, 9);
    let model = Model::new(&world, 5, 0.0);
    let compared = Compared::new(&world, &model);
    let (view_sigma, shift_sigma) = (0.1, 2.0);
    let prior = PosePrior::new(view_sigma, shift_sigma).unwrap();
    for seed in 0..2 {
        let image = image(&world, &model, 120.0, 1.0, 400 + seed);
        let mut noise = Noise::new(50 + seed);
        let known = ContinuousPose {
            rotation: turned(&image.rotation, 0.08, &mut noise),
            shift_angstrom: image.shift_angstrom.map(|d| d + noise.normal()),
        };
        let found = compared.image_near(&image, known, prior);
        let refined = found.refined.unwrap();
        let plain = Plain::new(&world, &image, ContrastSign::Positive);
        let (n, mut terms) = (1500, Vec::new());
        while terms.len() < n {
            // By the prior: θ by rejection, then any axis.
            let theta = 3.0 * view_sigma * (noise.next() + 0.5);
            let density = (theta / view_sigma).powi(2) * (-0.5 * (theta / view_sigma).powi(2)).exp();
            let haar = ((0.5 * theta).sin() / (0.5 * theta)).powi(2);
            if noise.next() + 0.5 > density * haar / 0.74 {
                continue;
            }
            let rotation = turned(&known.rotation, theta, &mut noise);
            let mut shifts = Vec::new();
            while shifts.len() < 30 {
                let d = [noise.normal(), noise.normal()];
                if d[0].hypot(d[1]) <= 3.0 {
                    shifts.push([0, 1].map(|axis| known.shift_angstrom[axis] + shift_sigma * d[axis]));
                }
            }
            let values = plain.values(&model, &rotation, &shifts);
            let top = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            terms.push(top + (values.iter().map(|value| (value - top).exp()).sum::<f64>() / 30.0).ln());
        }
        let top = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mean = terms.iter().map(|term| (term - top).exp()).sum::<f64>() / n as f64;
        let square = terms.iter().map(|term| (2.0 * (term - top)).exp()).sum::<f64>() / n as f64;
        let (expected, error) = (top + mean.ln(), ((square / (mean * mean) - 1.0) / n as f64).sqrt());
        println!("expected {expected} ({error}), found {}; {:?}", refined.log_likelihood, found.prior_distance);
        let difference = refined.log_likelihood - expected;
        assert!(difference.abs() < 0.1 + 2.0 * error && error < 0.15, "{difference}, error {error}");
        // Near where the image is, not where it was moved to.
        let (theta, distance) = found.prior_distance.unwrap();
        assert_eq!(found.is_at_edge, theta > 2.7 * view_sigma || distance > 2.7 * shift_sigma);
        let (expected_theta, expected_distance) = distances(&refined.pose, &known);
        assert!((theta - expected_theta).abs() < 1e-6 && (distance - expected_distance).abs() < 1e-9);
        let truth = ContinuousPose { rotation: image.rotation, shift_angstrom: image.shift_angstrom };
        let (_, off) = distances(&refined.pose, &truth);
        assert!(off < 1.5, "{off} A off");
        let of_grid = |axis: usize| (found.displacement_angstrom[axis] - in_template(&refined.pose)[axis]).abs();
        assert!(of_grid(0) < 2.5 && of_grid(1) < 2.5, "{:?}", found.displacement_angstrom);
    }
}
