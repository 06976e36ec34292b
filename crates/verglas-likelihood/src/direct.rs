//! The comparison as its definition stands, in double precision: what the fast one is tested against.
//!
//! ```text
//! T_d[n, j] = T[n, j]·exp(−2πi·(2/L)·(d_0·x + d_1·y))        T_dw[n, j] = T_d[n, (j + w) mod P]
//!
//! I_xy = Re ΣW conj(C·I)·T_dw      I_xx = ΣW C²|T_dw|²      I_yy = ΣW|I|²
//! I_sx = Re ΣW s·C·T               I_sy = Re ΣW s·I         I_ss = ΣW s²
//! A = I_xx I_ss − I_sx²            B = I_xy I_ss − I_sx I_sy       V = I_yy I_ss − I_sy²      cc = B/√(A·V)
//! ```

use std::f64::consts::TAU;

use num_complex::Complex;

use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::formula::{ContrastSign, DegreesOfFreedom, Formula, LogLikelihood, LogSum, integrate_views};
use crate::geometry::Geometry;
use crate::pose::Pose;
use crate::real::Real;
use crate::results::{Comparison, ImageResult, PairResult};
use crate::sets::{ImageSet, TemplateSet};
use crate::sums::{ImageSums, PairSums, displace, own_constant, sum_constant, sum_product, to_double};

/// Compares each image with each template, displaced and turned, by sums over the whole grid: O(images · views ·
/// displacements · P · points).
///
/// Everything is in the result: pairs, and all correlations.
///
/// # Errors
/// Values that are not finite, and images or templates that are 0 or constant, with their place.
pub fn compare<T: Real>(
    geometry: &Geometry,
    templates: &TemplateSet<T>,
    images: &ImageSet<T>,
    displacements: &Displacements,
    formula: Formula,
) -> Result<Comparison<f64>, LikelihoodError> {
    compare_signed(geometry, templates, images, displacements, formula, ContrastSign::Any)
}

/// The same where scales may have one sign or both: best poses are then those of the largest ℓ₊.
///
/// # Errors
/// As [`compare`].
pub fn compare_signed<T: Real>(
    geometry: &Geometry,
    templates: &TemplateSet<T>,
    images: &ImageSet<T>,
    displacements: &Displacements,
    formula: Formula,
    sign: ContrastSign,
) -> Result<Comparison<f64>, LikelihoodError> {
    let likelihood = LogLikelihood::of::<T>(geometry, formula, DegreesOfFreedom::Band, sign)?;
    let mut comparison = Comparison::default();
    let mut sums = ImageSums::new(geometry);
    let mut displaced = vec![Complex::default(); geometry.n_points()];
    for image in 0..images.n_images() {
        images.fill(geometry, image, &mut sums.values, &mut sums.contrast)?;
        sums.sum(geometry, formula, image)?;
        let (first, mut smallest) = (comparison.pairs.len(), f64::INFINITY);
        // Score, correlation, view.
        let mut best = (f64::NEG_INFINITY, f64::NEG_INFINITY, 0);
        for view in 0..templates.n_views() {
            let template = templates.template(view);
            let pair = pair_sums(geometry, &sums, template);
            pair.check(geometry, formula, image, view)?;
            let mut result = PairResult {
                cross_correlation: f64::NEG_INFINITY,
                displacement: 0,
                rotation: 0,
                log_likelihood: f64::NAN,
            };
            let (mut integral, mut highest) = (LogSum::new(), f64::NEG_INFINITY);
            for (index, &displacement) in displacements.angstrom().iter().enumerate() {
                displace(geometry, template, displacement, &mut displaced);
                let products = products(geometry, formula, &sums, &displaced);
                for (w, &i_xy) in products.iter().enumerate() {
                    let (i_ss, a) = (geometry.i_ss(), pair.a(geometry, formula, w));
                    let centred = (i_xy * i_ss - pair.product(&sums, formula)) / (a * sums.v).sqrt();
                    let cc = match formula {
                        Formula::Right => centred,
                        Formula::CryoLike { .. } => i_xy / (pair.i_xx[w] * sums.i_yy).sqrt(),
                    };
                    let value = likelihood.value(centred, a, sums.v);
                    let score = if sign == ContrastSign::Positive { value } else { cc };
                    if score > highest {
                        highest = score;
                        result.cross_correlation = cc;
                        (result.displacement, result.rotation) = (index as u32, w as u32);
                    }
                    smallest = smallest.min(cc);
                    integral.add(value, 1.0);
                    comparison.cross_correlations.push(cc);
                }
            }
            result.log_likelihood = integral.ln() - ((displacements.len() * geometry.n_inplanes()) as f64).ln();
            if highest > best.0 {
                best = (highest, result.cross_correlation, view);
            }
            comparison.pairs.push(result);
        }
        let pairs = &comparison.pairs[first..];
        let (_, cross_correlation, template) = best;
        let pose = Pose {
            template,
            displacement: pairs[template].displacement as usize,
            rotation: pairs[template].rotation as usize,
        };
        displace(geometry, templates.template(template), displacements.angstrom()[pose.displacement], &mut displaced);
        let exact = at_pose(geometry, &likelihood, formula, &sums, &displaced, templates.template(template), pose);
        comparison.images.push(ImageResult {
            cross_correlation,
            template,
            displacement: pose.displacement,
            displacement_angstrom: displacements.angstrom()[pose.displacement],
            is_at_edge: displacements.is_at_rim()[pose.displacement],
            prior_distance: None,
            rotation: pose.rotation,
            log_likelihood_optimal: exact.log_likelihood,
            log_likelihood_integrated: integrate_views(
                formula,
                templates.view_weights(),
                pairs.iter().map(|pair| pair.log_likelihood),
            ),
            smallest_cross_correlation: smallest,
            is_without_noise: likelihood.is_without_noise(cross_correlation),
            contrast: exact.contrast,
            contrast_sd: exact.contrast_sd,
            pruned_mass: 0.0,
            evaluated_share: 1.0,
            refined: None,
        });
    }
    Ok(comparison)
}

/// Correlation and log-likelihood of one pose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AtPose {
    pub cross_correlation: f64,
    pub log_likelihood: f64,
    /// B/A, and √(E/(2pA)).
    pub contrast: f64,
    pub contrast_sd: f64,
    pub a: f64,
}

/// One pose, summed in full. `displaced` is the template at the pose's displacement, `template` the unmoved one.
pub(crate) fn at_pose<T: Real>(
    geometry: &Geometry,
    likelihood: &LogLikelihood,
    formula: Formula,
    image: &ImageSums,
    displaced: &[Complex<f64>],
    template: &[Complex<T>],
    pose: Pose,
) -> AtPose {
    let i_ss = geometry.i_ss();
    let i_xx = sum_power(geometry, &image.contrast, template, pose.rotation);
    match formula {
        Formula::Right => {
            let i_xy = sum_product(geometry, &image.weighted, displaced, pose.rotation);
            let i_sx = sum_constant(geometry, &image.contrast, template).re;
            let a = i_xx * i_ss - i_sx * i_sx;
            let b = i_xy * i_ss - i_sx * image.i_sy.re;
            let cross_correlation = b / (a * image.v).sqrt();
            let (contrast, contrast_sd) = likelihood.contrast(a, b, image.v);
            let log_likelihood = likelihood.value(cross_correlation, a, image.v);
            AtPose { cross_correlation, log_likelihood, contrast, contrast_sd, a }
        }
        Formula::CryoLike { .. } => {
            let i_xy = sum_product(geometry, &image.weighted, displaced, pose.rotation);
            let i_sx = own_constant(geometry, &image.contrast, displaced, pose.rotation);
            let a = i_xx * i_ss - i_sx.norm_sqr();
            let b = i_xy * i_ss - i_sx.re * image.i_sy.re - i_sx.im * image.i_sy.im;
            let log_likelihood = likelihood.value(b / (a * image.v).sqrt(), a, image.v);
            // Where the optimum is looked for, odd P has half of the spectrum.
            let found = if geometry.n_inplanes() % 2 == 1 {
                half_spectrum(geometry, image, displaced)[pose.rotation]
            } else {
                i_xy
            };
            let (contrast, contrast_sd) = likelihood.contrast(a, b, image.v);
            let cross_correlation = found / (i_xx * image.i_yy).sqrt();
            AtPose { cross_correlation, log_likelihood, contrast, contrast_sd, a }
        }
    }
}

/// I_xx of one rotation.
fn sum_power<T: Real>(geometry: &Geometry, contrast: &[f64], template: &[Complex<T>], w: usize) -> f64 {
    let p = geometry.n_inplanes();
    let mut sum = 0.0;
    for (shell, &weight) in geometry.point_weights().iter().enumerate() {
        let (contrast, template) = (&contrast[shell * p..(shell + 1) * p], &template[shell * p..(shell + 1) * p]);
        for (inplane, c) in contrast.iter().enumerate() {
            sum += weight * c * c * to_double(template[(inplane + w) % p]).norm_sqr();
        }
    }
    sum
}

fn pair_sums<T: Real>(geometry: &Geometry, image: &ImageSums, template: &[Complex<T>]) -> PairSums {
    let i_xx = (0..geometry.n_inplanes()).map(|w| sum_power(geometry, &image.contrast, template, w)).collect();
    PairSums { i_xx, i_sx: sum_constant(geometry, &image.contrast, template) }
}

/// I_xy of all rotations.
fn products(geometry: &Geometry, formula: Formula, image: &ImageSums, displaced: &[Complex<f64>]) -> Vec<f64> {
    if formula.is_cryolike() && geometry.n_inplanes() % 2 == 1 {
        return half_spectrum(geometry, image, displaced);
    }
    (0..geometry.n_inplanes()).map(|w| sum_product(geometry, &image.weighted, displaced, w)).collect()
}

/// I_xy of all rotations as CryoLike has it where P is odd: frequencies 0 to P/2 alone, as if of a real signal.
fn half_spectrum(geometry: &Geometry, image: &ImageSums, displaced: &[Complex<f64>]) -> Vec<f64> {
    let p = geometry.n_inplanes();
    let wave = |turns: usize| Complex::cis(TAU * (turns % p) as f64 / p as f64);
    let spectrum: Vec<Complex<f64>> = (0..=p / 2)
        .map(|q| {
            let mut sum = Complex::default();
            for (image, template) in image.weighted.chunks_exact(p).zip(displaced.chunks_exact(p)) {
                let of = |values: &[Complex<f64>], sign: usize| -> Complex<f64> {
                    values.iter().enumerate().map(|(j, value)| value * wave(j * q * sign)).sum()
                };
                // `image` is conjugated already; P − 1 counts backwards.
                sum += of(image, 1) * of(template, p - 1);
            }
            sum / p as f64
        })
        .collect();
    (0..p).map(|w| spectrum[0].re + 2.0 * (1..=p / 2).map(|q| (spectrum[q] * wave(q * w)).re).sum::<f64>()).collect()
}
