//! Properties of the transform of any image, whatever the method: symmetries, shifts, norms, and the same bytes for
//! the same image.

use std::f64::consts::PI;

use crate::polar_common::{grid, noise, relative_error, transform, widen};
use num_complex::Complex;
use verglas_fourier::grid::{CartesianGrid, GridError, PolarGrid, Precision};
use verglas_fourier::polar::{PlanError, PolarTransform};

/// Both sides of a comparison are off by up to 1.2e-13 in double precision, so the comparisons run in double.
const TOLERANCE: f64 = 3e-13;

/// `image[a, b]` from the pixel that `source` names, or 0 where that lies outside.
fn rearranged(image: &[f64], n: usize, source: impl Fn(i64, i64) -> (i64, i64)) -> Vec<f64> {
    let mut result = Vec::with_capacity(n * n);
    for a in 0..n as i64 {
        for b in 0..n as i64 {
            let (x, y) = source(a, b);
            let inside = (0..n as i64).contains(&x) && (0..n as i64).contains(&y);
            result.push(if inside { image[x as usize * n + y as usize] } else { 0.0 });
        }
    }
    result
}

#[test]
fn a_shift_is_a_phase() {
    let (n, dx, dy) = (40, 3_i64, -5_i64);
    for n_inplanes in [61, 62, 64] {
        let grid = grid(n, 1.0, n_inplanes);
        // Empty margins, so that nothing is shifted out of the box.
        let image = rearranged(&noise(n, 1), n, |a, b| if a.min(b) < 6 || a.max(b) > 33 { (-1, 0) } else { (a, b) });
        let shifted = rearranged(&image, n, |a, b| (a - dx, b - dy));
        let mut expected = transform::<f64, f64>(&image, n, &grid);
        for (s, shell) in expected.chunks_exact_mut(n_inplanes).enumerate() {
            for (j, value) in shell.iter_mut().enumerate() {
                let wave = 4.0 * PI / n as f64 * grid.radii()[s];
                let (cos, sin) = (grid.angle(j).cos(), grid.angle(j).sin());
                *value *= Complex::from_polar(1.0, -wave * (dx as f64 * cos + dy as f64 * sin));
            }
        }
        assert!(relative_error(&transform::<f64, f64>(&shifted, n, &grid), &expected) < TOLERANCE);
    }
}

#[test]
fn a_quarter_turn_rolls_the_in_planes() {
    // In an odd box the quarter turn about the centre maps pixels to pixels: (x, y) goes to (−y, x).
    let n = 31;
    for n_inplanes in [4, 12, 64] {
        let grid = grid(n, 1.0, n_inplanes);
        let image = noise(n, 2);
        let turned = rearranged(&image, n, |a, b| (b, n as i64 - 1 - a));
        let mut expected = transform::<f64, f64>(&image, n, &grid);
        expected.chunks_exact_mut(n_inplanes).for_each(|shell| shell.rotate_right(n_inplanes / 4));
        assert!(relative_error(&transform::<f64, f64>(&turned, n, &grid), &expected) < TOLERANCE);
    }
}

#[test]
fn a_mirror_reverses_the_in_planes() {
    let n = 31;
    for n_inplanes in [7, 62, 64] {
        let grid = grid(n, 1.0, n_inplanes);
        let image = noise(n, 3);
        let mirrored = rearranged(&image, n, |a, b| (a, n as i64 - 1 - b));
        let mut expected = transform::<f64, f64>(&image, n, &grid);
        // θ becomes −θ: angle 0 stays.
        expected.chunks_exact_mut(n_inplanes).for_each(|shell| shell[1..].reverse());
        assert!(relative_error(&transform::<f64, f64>(&mirrored, n, &grid), &expected) < TOLERANCE);
    }
}

#[test]
fn it_is_linear() {
    let n = 33;
    for n_inplanes in [33, 66, 68] {
        let grid = grid(n, 0.8, n_inplanes);
        let (first, second) = (noise(n, 4), noise(n, 5));
        let sum: Vec<f64> = first.iter().zip(&second).map(|(x, y)| 2.0 * x - 0.5 * y).collect();
        let expected: Vec<Complex<f64>> = transform::<f64, f64>(&first, n, &grid)
            .iter()
            .zip(&transform::<f64, f64>(&second, n, &grid))
            .map(|(x, y)| x * 2.0 - y * 0.5)
            .collect();
        assert!(relative_error(&transform::<f64, f64>(&sum, n, &grid), &expected) < TOLERANCE);
    }
}

#[test]
fn opposite_angles_are_conjugate_to_the_last_bit() {
    for (n, n_inplanes) in [(20, 2), (31, 6), (32, 64), (32, 62)] {
        let grid = grid(n, 1.0, n_inplanes);
        for shell in transform::<f32, f64>(&noise(n, 6), n, &grid).chunks_exact(n_inplanes) {
            let (first, second) = shell.split_at(n_inplanes / 2);
            assert!(first.iter().zip(second).all(|(x, y)| x.conj() == *y));
        }
    }
}

#[test]
fn a_normalised_image_has_norm_one() {
    for (n, n_inplanes) in [(16, 1), (31, 61), (32, 62), (64, 128)] {
        let grid = grid(n, 1.0, n_inplanes);
        let image: Vec<f64> = noise(n, 7).iter().map(|value| value * 1e3).collect();
        let plain = transform::<f64, f64>(&image, n, &grid);
        let plan = PolarTransform::<f64>::plan(n, &grid).unwrap();
        let mut out = vec![Complex::default(); plan.output_len()];
        let norm = plan.apply_normalized(&image, &mut out, &mut plan.scratch());
        let square = |values: &[Complex<f64>]| -> f64 {
            values.iter().enumerate().map(|(k, v)| v.norm_sqr() * grid.point_weight(k / n_inplanes)).sum()
        };
        // Sums of up to 8000 terms: some 1e-15 each.
        assert!((square(&out) - 1.0).abs() < 1e-13);
        assert!((norm / square(&plain).sqrt() - 1.0).abs() < 1e-13);
        let rescaled: Vec<Complex<f64>> = out.iter().map(|value| value * norm).collect();
        assert!(relative_error(&rescaled, &plain) < 1e-15);
    }
}

#[test]
fn the_norm_is_that_of_the_pixels_of_a_band_limited_image() {
    // Parseval, for an image with nothing past the disc: ∫|F|² d²r with F = (4π/N)·Î(κ) and κ = 4πr/N is ∫|Î|² d²κ,
    // which is (2π)²·Σ I². A blob of a few pixels is such an image, to better than 1e-10.
    let n = 64;
    let grid = grid(n, 1.0, 2 * n);
    let mut image = Vec::new();
    for a in 0..n {
        for b in 0..n {
            let (x, y) = (a as f64 - 32.0, b as f64 - 32.0);
            image.push((-(x * x + y * y) / (2.0 * 2.5 * 2.5)).exp());
        }
    }
    let plan = PolarTransform::<f64>::plan(n, &grid).unwrap();
    let mut out = vec![Complex::default(); plan.output_len()];
    let norm = plan.apply_normalized(&image, &mut out, &mut plan.scratch());
    let pixels: f64 = image.iter().map(|value| value * value).sum();
    assert!((norm * norm / (4.0 * PI * PI * pixels) - 1.0).abs() < 1e-10);
}

#[test]
fn a_norm_of_nothing_leaves_the_result_alone() {
    for n_inplanes in [15, 16] {
        let grid = grid(8, 1.0, n_inplanes);
        let plan = PolarTransform::<f32>::plan(8, &grid).unwrap();
        let mut scratch = plan.scratch();
        let mut out = vec![Complex::new(7.0, 7.0); plan.output_len()];
        assert_eq!(plan.apply_normalized(&[0.0_f32; 64], &mut out, &mut scratch), 0.0);
        assert!(out.iter().all(|value| value.norm_sqr() == 0.0));

        let mut broken = [1.0_f32; 64];
        broken[5] = f32::NAN;
        assert!(plan.apply_normalized(&broken, &mut out, &mut scratch).is_nan());
        broken[5] = f32::INFINITY;
        assert!(!plan.apply_normalized(&broken, &mut out, &mut scratch).is_finite());

        // And nothing of it is left in the scratch.
        let image: Vec<f32> = noise(8, 8).iter().map(|&value| value as f32).collect();
        plan.apply(&image, &mut out, &mut scratch);
        assert_eq!(out, transform::<f32, f32>(&image, 8, &grid));
    }
}

#[test]
fn the_norm_is_right_for_bright_and_faint_images() {
    for n_inplanes in [62, 64] {
        let grid = grid(32, 1.0, n_inplanes);
        let plan = PolarTransform::<f32>::plan(32, &grid).unwrap();
        let (mut scratch, mut out) = (plan.scratch(), vec![Complex::default(); plan.output_len()]);
        let plain = plan.apply_normalized(&noise(32, 10), &mut out, &mut scratch);
        // Their squares are out of single precision's range, 1e-38 to 3e38; they themselves are not.
        for brightness in [1e-30, 1e-15, 1e15, 1e30] {
            let image: Vec<f64> = noise(32, 10).iter().map(|value| value * brightness).collect();
            let norm = plan.apply_normalized(&image, &mut out, &mut scratch);
            assert!((norm / (plain * brightness) - 1.0).abs() < 1e-6, "{brightness:e}: {norm:e}");
            let square: f64 =
                out.iter().enumerate().map(|(k, v)| f64::from(v.norm_sqr()) * grid.point_weight(k / n_inplanes)).sum();
            assert!((square - 1.0).abs() < 1e-6, "{brightness:e}: {square}");
        }
    }
}

#[test]
#[should_panic(expected = "a scratch of this plan")]
fn a_scratch_of_another_plan_is_refused() {
    let larger = PolarTransform::<f32>::plan(16, &grid(16, 1.0, 32)).unwrap();
    let plan = PolarTransform::<f32>::plan(8, &grid(8, 1.0, 32)).unwrap();
    plan.apply(&[0.0_f32; 64], &mut vec![Complex::default(); plan.output_len()], &mut larger.scratch());
}

#[test]
fn the_same_image_gives_the_same_bytes() {
    for (n, n_inplanes) in [(31, 61), (32, 62), (48, 96)] {
        let grid = grid(n, 1.0, n_inplanes);
        let plan = PolarTransform::<f32>::plan(n, &grid).unwrap();
        let images: Vec<Vec<f64>> = (0..4).map(|seed| noise(n, 20 + seed)).collect();
        let fresh: Vec<Vec<Complex<f32>>> = images.iter().map(|image| transform(image, n, &grid)).collect();
        std::thread::scope(|scope| {
            for start in 0..4 {
                let (plan, images, fresh) = (&plan, &images, &fresh);
                scope.spawn(move || {
                    let mut scratch = plan.scratch();
                    let mut out = vec![Complex::default(); plan.output_len()];
                    for k in 0..8 {
                        let which = (start + k) % 4;
                        plan.apply(&images[which], &mut out, &mut scratch);
                        assert!(
                            out.iter()
                                .zip(&fresh[which])
                                .all(|(x, y)| x.re.to_bits() == y.re.to_bits() && x.im.to_bits() == y.im.to_bits())
                        );
                    }
                });
            }
        });
    }
}

#[test]
fn single_and_double_pixels_are_the_same_image() {
    let grid = grid(30, 1.0, 60);
    let double = noise(30, 9);
    let single: Vec<f32> = double.iter().map(|&value| value as f32).collect();
    assert_eq!(transform::<f32, f32>(&single, 30, &grid), transform::<f32, f64>(&double, 30, &grid));
    assert_eq!(transform::<f64, f32>(&single, 30, &grid), transform::<f64, f64>(&double, 30, &grid));
    // And single precision is double precision, rounded.
    assert!(
        relative_error(&transform::<f32, f32>(&single, 30, &grid), &widen(&transform::<f64, f32>(&single, 30, &grid)))
            < 1e-6
    );
}

#[test]
fn what_cannot_be_planned_is_an_error() {
    let grid = PolarGrid::new(8.0, 0.25, 64).unwrap();
    assert!(PolarTransform::<f32>::plan(32, &grid).is_ok());
    assert_eq!(
        PolarTransform::<f32>::plan(31, &grid).unwrap_err(),
        PlanError::Radius { radius_max: 8.0, n_pixels: 31 }
    );
    assert_eq!(PolarTransform::<f64>::plan(0, &grid).unwrap_err(), PlanError::Pixels(0));
    assert_eq!(PolarTransform::<f64>::plan(usize::MAX, &grid).unwrap_err(), PlanError::Pixels(usize::MAX));
    // A hair above N/4, as F·N/4 can come out of a file.
    let hair = PolarGrid::new(8.000_000_000_1, 0.25, 64).unwrap();
    assert!(PolarTransform::<f64>::plan(32, &hair).is_ok());
    assert!(matches!(CartesianGrid::new(0, [1.0, 1.0]), Err(GridError::Pixels(0))));
}

#[test]
fn sizes_are_known_before_and_after() {
    let grid = PolarGrid::new(32.0, 0.25, 256).unwrap();
    let plan = PolarTransform::<f32>::plan(128, &grid).unwrap();
    let bytes = PolarTransform::<f32>::estimate_bytes(128, &grid).unwrap();
    assert_eq!((plan.plan_bytes(), plan.scratch_bytes()), (bytes.plan, bytes.scratch));
    assert_eq!((plan.n_pixels(), plan.n_shells(), plan.n_inplanes()), (128, 129, 256));
    assert_eq!(plan.output_len(), 129 * 256);
    assert_eq!(plan.precision(), Precision::Single);
    // The result alone is 264 kB; the plan is made of 14 weights per point of half the circle, or less.
    assert!(bytes.plan < 4 << 20 && bytes.scratch < 4 << 20, "{bytes:?}");
}
