//! Promise: downsampling is NumPy's block mean and maximum or the cropped Fourier transform, keeps the centre as documented,
//! and hides no pixel that is not finite.

use std::path::Path;

use verglas::image::RawImage;
use verglas::preprocess::{Degenerate, DownsampledBox, Downsampler, apply_normalization};
use verglas::settings::DownsampleMethod::{self, Fourier, Max, Mean};
use verglas::settings::Downsampling;
use verglas_formats::npz::NpzReader;

const METHODS: [DownsampleMethod; 3] = [Mean, Max, Fourier];

fn plan(n_input: usize, factor: usize, method: DownsampleMethod) -> Downsampler {
    let downsampling = Downsampling { factor: factor.try_into().unwrap(), method };
    Downsampler::plan(DownsampledBox::new(n_input, downsampling).unwrap())
}

fn downsample(raw: &[f32], n_input: usize, factor: usize, method: DownsampleMethod) -> Vec<f64> {
    let downsampler = plan(n_input, factor, method);
    downsampler.apply(RawImage(raw), &mut downsampler.scratch()).pixels().collect()
}

/// The result of normalising the downsampled image.
fn normalize(raw: &[f32], n_input: usize, factor: usize, method: DownsampleMethod) -> Result<Vec<f32>, Degenerate> {
    let downsampler = plan(n_input, factor, method);
    let mut scratch = downsampler.scratch();
    let n = downsampler.sides().n_pixels();
    let mut physical = vec![0.0; n * n];
    apply_normalization(downsampler.apply(RawImage(raw), &mut scratch), &mut physical)?;
    Ok(physical)
}

/// Some pixels between −2 and 2 in no order.
fn noise(n_pixels: usize) -> Vec<f32> {
    (0..n_pixels * n_pixels).map(|at| ((at as f64 * 12.9898).sin() * 43_758.547).fract() as f32 * 2.0).collect()
}

fn mean_of(pixels: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = pixels.len() as f64;
    pixels.sum::<f64>() / n
}

#[test]
fn every_method_agrees_with_numpy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/downsample/numpy.npz");
    let mut numpy = NpzReader::open(path).unwrap();
    for n_input in [12, 13, 15, 16] {
        let raw = numpy.read(&format!("image_{n_input}")).unwrap().to_f64().unwrap();
        let raw: Vec<f32> = raw.into_iter().map(|pixel| pixel as f32).collect();
        for factor in 2..=5 {
            for method in METHODS {
                let name = format!("{}_{n_input}_{factor}", method.as_str());
                let expected = numpy.read(&name).unwrap().to_f64().unwrap();
                let found = downsample(&raw, n_input, factor, method);
                assert_eq!(found.len(), (n_input / factor).pow(2), "{name}");
                // Pixels are up to 40: sums of at most 25 of these in another order, and transforms of sums of 256.
                let tolerance = match method {
                    Mean => 1e-14,
                    Max => 0.0,
                    Fourier => 1e-13,
                };
                for (found, expected) in found.iter().zip(&expected) {
                    assert!((found - expected).abs() <= tolerance, "{name}: {found}, expected {expected}");
                }
            }
        }
    }
}

/// The crop of `raw`, `[N, N]`, to n × n pixels by its definition: a sum over all pixels for each frequency, and over all
/// frequencies for each pixel.
fn crop_directly(raw: &[f32], n_input: usize, n: usize) -> Vec<f64> {
    use num_complex::Complex;
    let wave = |frequency: i64, place: f64, side: usize| {
        Complex::from_polar(1.0, 2.0 * std::f64::consts::PI * frequency as f64 * place / side as f64)
    };
    let centred = |at: usize, side: usize| at as f64 - (side / 2) as f64;
    let transform = |ky: i64, kx: i64| -> Complex<f64> {
        let term = |at: usize| {
            let (y, x) = (centred(at / n_input, n_input), centred(at % n_input, n_input));
            f64::from(raw[at]) * (wave(ky, y, n_input) * wave(kx, x, n_input)).conj()
        };
        (0..raw.len()).map(term).sum()
    };
    let half = (n / 2) as i64;
    // Of an even side, both ends count half.
    let ends = |k: i64| if n.is_multiple_of(2) && k.abs() == half { 0.5 } else { 1.0 };
    let mut spectrum = Vec::new();
    for ky in -half..=half {
        for kx in -half..=half {
            spectrum.push((ky, kx, ends(ky) * ends(kx) * transform(ky, kx)));
        }
    }
    let pixel = |at: usize| -> f64 {
        let (y, x) = (centred(at / n, n), centred(at % n, n));
        let sum: Complex<f64> = spectrum.iter().map(|(ky, kx, value)| value * wave(*ky, y, n) * wave(*kx, x, n)).sum();
        sum.re / (n_input * n_input) as f64
    };
    (0..n * n).map(pixel).collect()
}

#[test]
fn a_crop_to_any_even_box_is_the_sum_that_defines_it() {
    for (n_input, n) in [(16, 10), (16, 14), (15, 10), (13, 12), (9, 2), (12, 6)] {
        let raw = noise(n_input);
        let downsampler = Downsampler::plan(DownsampledBox::cropped(n_input, n).unwrap());
        let found: Vec<f64> = downsampler.apply(RawImage(&raw), &mut downsampler.scratch()).pixels().collect();
        for (found, expected) in found.iter().zip(crop_directly(&raw, n_input, n)) {
            // Rounding of sums of 256 numbers up to 2.
            assert!((found - expected).abs() < 1e-13, "{n_input} to {n}: {found}, expected {expected}");
        }
    }
}

#[test]
fn a_fourier_crop_keeps_centre_and_mean() {
    // Narrow enough to vanish at the edges and wide enough to have no waves past the crop, both below 1e-14 for f = 2, 3.
    let sigma = 8.0_f64;
    for n_input in [130_usize, 131, 132, 133, 135] {
        let height = |x: f64| (-x * x / (2.0 * sigma * sigma)).exp();
        let before = |a: usize| a as f64 - (n_input / 2) as f64;
        let raw: Vec<f32> = (0..n_input * n_input)
            .map(|at| (7.0 + height(before(at / n_input)) * height(before(at % n_input))) as f32)
            .collect();
        for factor in [2, 3] {
            let n = n_input / factor;
            let found = downsample(&raw, n_input, factor, Fourier);
            let mean = mean_of(raw.iter().copied().map(f64::from));
            // Rounding of a sum of 17 000 numbers of about 7.
            assert!((mean_of(found.iter().copied()) - mean).abs() < 1e-12);
            let after = |b: usize| (b as f64 - (n / 2) as f64) * n_input as f64 / n as f64;
            let (mut sum, mut moment) = (0.0, [0.0; 2]);
            for (at, value) in found.iter().enumerate() {
                let (y, x) = (after(at / n), after(at % n));
                // Float32 rounding of numbers of about 7.
                let expected = 7.0 + height(y) * height(x);
                assert!((value - expected).abs() < 1e-6, "{n_input} to {n} at {at}: {value}, expected {expected}");
                // An even side has no partner for its first row and column.
                if n % 2 == 1 || (at / n > 0 && at % n > 0) {
                    sum += value - 7.0;
                    moment[0] += (value - 7.0) * y;
                    moment[1] += (value - 7.0) * x;
                }
            }
            // Rounding makes the same error on both sides of the centre.
            for moment in moment {
                assert!((moment / sum).abs() < 1e-12, "{n_input} to {n}: centre at {}", moment / sum);
            }
        }
    }
}

#[test]
fn block_means_move_the_centre_as_documented() {
    let sigma = 8.0_f64;
    // The shift in input pixels: (f − 1)/2 where 2f divides N, and none where f and the number of blocks are odd.
    for (n_input, factor, shift) in [(144_usize, 2, 0.5), (144, 3, 1.0), (144, 4, 1.5), (160, 5, 2.0), (135, 3, 0.0)] {
        let height = |a: usize| {
            let x = a as f64 - (n_input / 2) as f64;
            (-x * x / (2.0 * sigma * sigma)).exp()
        };
        let raw: Vec<f32> =
            (0..n_input * n_input).map(|at| (height(at / n_input) * height(at % n_input)) as f32).collect();
        let found = downsample(&raw, n_input, factor, Mean);
        let n = n_input / factor;
        let (mut sum, mut moment) = (0.0, [0.0; 2]);
        for (at, value) in found.iter().enumerate() {
            sum += value;
            moment[0] += value * factor as f64 * ((at / n) as f64 - (n / 2) as f64);
            moment[1] += value * factor as f64 * ((at % n) as f64 - (n / 2) as f64);
        }
        for moment in moment {
            // The centre of the block that counts as 0 lies past the particle's, so the particle lies before it.
            // Float32 rounding of the pixels, 6e-8, is the largest error.
            assert!((moment / sum + shift).abs() < 1e-6, "{n_input} by {factor}: {}", moment / sum);
        }
    }
}

#[test]
fn pixels_past_the_last_whole_block_do_not_count() {
    for (n_input, factor) in [(7, 2), (8, 3), (16, 5), (15, 4)] {
        let used = n_input / factor * factor;
        let raw = noise(n_input);
        let mut spoiled = raw.clone();
        for (at, pixel) in spoiled.iter_mut().enumerate() {
            if at / n_input >= used || at % n_input >= used {
                *pixel = if at % 2 == 0 { f32::NAN } else { 1e30 };
            }
        }
        for method in [Mean, Max] {
            let expected = normalize(&raw, n_input, factor, method);
            assert!(expected.is_ok());
            assert_eq!(normalize(&spoiled, n_input, factor, method), expected);
        }
        // All pixels count in a Fourier transform.
        assert_eq!(normalize(&spoiled, n_input, factor, Fourier), Err(Degenerate::NotFinite));
    }
}

#[test]
fn no_method_hides_a_pixel_that_is_not_finite() {
    let (n_input, factor) = (9, 2);
    for method in METHODS {
        for at in 0..n_input * n_input {
            let is_used = method == Fourier || (at / n_input < 8 && at % n_input < 8);
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut raw = noise(n_input);
                raw[at] = bad;
                let result = normalize(&raw, n_input, factor, method);
                if is_used {
                    assert_eq!(result, Err(Degenerate::NotFinite), "{method:?}: {bad} at {at}");
                } else {
                    assert!(result.is_ok(), "{method:?}: {bad} at {at}");
                }
            }
        }
    }
}

#[test]
fn constant_images_stay_constant() {
    for method in METHODS {
        for (n_input, factor) in [(12, 2), (13, 2), (16, 3), (97, 4), (128, 7)] {
            // 1/3 and its like: neither sums nor transforms of them are exact.
            for height in [0.0, 0.1, -1.0 / 3.0, 1e30, 1e-30] {
                let raw = vec![height; n_input * n_input];
                assert_eq!(
                    downsample(&raw, n_input, factor, method),
                    vec![f64::from(height); (n_input / factor).pow(2)]
                );
                assert_eq!(normalize(&raw, n_input, factor, method), Err(Degenerate::Constant));
            }
        }
    }
    // Constant only after downsampling.
    let chequered: Vec<f32> = (0..64).map(|at| if (at / 8 + at) % 2 == 0 { 0.3 } else { 0.9 }).collect();
    for method in METHODS {
        assert_eq!(normalize(&chequered, 8, 2, method), Err(Degenerate::Constant), "{method:?}");
    }
}

#[test]
fn huge_and_tiny_pixels_are_no_trouble() {
    for method in METHODS {
        for scale in [f32::MAX / 2.0, 1e-36] {
            let raw: Vec<f32> = noise(16).into_iter().map(|pixel| pixel * scale).collect();
            let physical = normalize(&raw, 16, 3, method).unwrap();
            assert!(physical.iter().all(|pixel| pixel.abs() <= 1.0));
            assert!(physical.iter().any(|pixel| pixel.abs() == 1.0));
        }
    }
}

#[test]
fn a_factor_of_one_changes_nothing() {
    let raw = noise(13);
    for method in METHODS {
        assert_eq!(downsample(&raw, 13, 1, method), raw.iter().copied().map(f64::from).collect::<Vec<_>>());
        let sides = plan(13, 1, method).sides();
        assert_eq!((sides.n_pixels(), sides.pixel_size_factor()), (13, 1.0));
    }
}

#[test]
fn a_used_scratch_leaves_no_trace() {
    for method in METHODS {
        for (n_input, factor) in [(16, 3), (31, 2), (30, 4)] {
            let downsampler = plan(n_input, factor, method);
            let mut scratch = downsampler.scratch();
            let raw = noise(n_input);
            let other: Vec<f32> = raw.iter().map(|pixel| 5.0 - pixel * pixel).collect();
            let spoiled = vec![f32::NAN; n_input * n_input];
            let first: Vec<f64> = downsampler.apply(RawImage(&raw), &mut scratch).pixels().collect();
            for between in [&other, &spoiled] {
                let _ = downsampler.apply(RawImage(between), &mut scratch);
                let again: Vec<f64> = downsampler.apply(RawImage(&raw), &mut scratch).pixels().collect();
                assert_eq!(again, first, "{method:?}");
            }
        }
    }
}
