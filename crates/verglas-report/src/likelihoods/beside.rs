//! Images that fit best and worst, each beside the template of its best pose.

use std::path::Path;

use maud::{Markup, html};
use num_complex::Complex;
use verglas_core::error::Result;
use verglas_fourier::grid::PolarGrid;
use verglas_plot::{Contrast, GREY, Shrinker, encode_png, grouped, nice_below};
use verglas_scoring::{PairOf, Pairs, pairs};
use verglas_structures::templates::PolarPicture;

use super::compared::Compared;
use super::survey::{Listed, N_BESIDE, Survey};
use crate::page::{Picture, Section, four_digits, scale_bar};

/// Pictures' side, pixels.
const SIDE: usize = 128;
/// Waves of this length count half in pictures, or of twice the shortest, where that is longer: there is little but noise beyond.
const HALF_AT_ANGSTROM: f64 = 20.0;

/// Two pictures, `[side, side]` each.
struct Shown {
    image: Vec<f32>,
    template: Vec<f32>,
}

/// Pictures of the images that fit best and of those that fit worst.
pub(super) struct Beside {
    side: usize,
    box_angstrom: f64,
    half_at_angstrom: f64,
    best: Vec<Shown>,
    worst: Vec<Shown>,
}

impl Beside {
    /// Reads the survey's images and templates again.
    ///
    /// # Errors
    /// When they are gone, or not what they were.
    pub(super) fn new(root: &Path, compared: &Compared, survey: &Survey) -> Result<Self> {
        let of = |image: &Listed| PairOf {
            stack: image.stack,
            image: image.index,
            structure: compared.structures[image.best],
        };
        let n_best = survey.best.len();
        let wanted: Vec<PairOf> = survey.best.iter().chain(survey.worst.iter().take(N_BESIDE)).map(of).collect();
        let Pairs { descriptor, pairs } = pairs(root, &wanted)?;
        let n_pixels = descriptor.cartesian_grid.n_pixels();
        let (grid, box_angstrom) = (&descriptor.polar_grid, descriptor.box_angstrom()?);
        let half_at_angstrom = HALF_AT_ANGSTROM.max(box_angstrom / grid.radius_max());
        let (picture, shrinker) = (PolarPicture::new(grid, n_pixels), Shrinker::new(n_pixels, SIDE));
        let draw = |values: &[Complex<f64>]| {
            let smooth = low_passed(grid, values, 2.0 * half_at_angstrom / box_angstrom);
            shrinker.apply(&picture.apply(&smooth))
        };
        let mut shown: Vec<Shown> =
            pairs.iter().map(|pair| Shown { image: draw(&pair.image), template: draw(&pair.template) }).collect();
        let worst = shown.split_off(n_best);
        Ok(Self { side: shrinker.side(), box_angstrom, half_at_angstrom, best: shown, worst })
    }

    /// The section; `number` is an image's among all, `names` are those of the structures that are compared.
    pub(super) fn section(&self, survey: &Survey, number: impl Fn(&Listed) -> usize, names: &[&str]) -> Section {
        let bar = nice_below(0.6 * self.box_angstrom);
        let row = |images: &[Listed], shown: &[Shown]| {
            html! {
                div.pairs {
                    @for (place, (image, shown)) in images.iter().zip(shown).enumerate() {
                        div.pair {
                            (self.tile(&shown.image, format!("image {}", number(image)), (place == 0).then_some(bar), html! {
                                "image " (grouped(number(image))) br; "correlation " (format!("{:.3}", image.cross_correlation))
                            }))
                            (self.tile(&shown.template, format!("{} at the best pose of image {}", names[image.best], number(image)), None, html! {
                                (names[image.best]) br; "at its best pose"
                            }))
                        }
                    }
                }
            }
        };
        let body = html! {
            p {
                "Each image, and beside it the template of its best pose on the grid, with the image's contrast transfer, turned and moved as it \
                 was found there. Both are low-passed: detail of " (four_digits(self.half_at_angstrom)) " Å is shown at half its strength, finer detail \
                 at less. A particle that was found looks like its template; where the template shows what the image doesn't, the \
                 image may be of something else."
            }
            h4 { "Fit best" }
            (row(&survey.best, &self.best))
            h4 { "Fit worst" }
            (row(&survey.worst, &self.worst))
        };
        Section { id: "beside", title: "Images beside their templates", body }
    }

    fn tile(&self, pixels: &[f32], description: String, bar: Option<f64>, caption: Markup) -> Markup {
        let contrast = Contrast::robust(std::iter::once(pixels));
        let grey: Vec<u8> = pixels.iter().map(|&value| GREY[contrast.step(value) as usize][0]).collect();
        let over = html! {
            @if let Some(bar) = bar {
                (scale_bar(bar, self.box_angstrom))
            }
        };
        let png = encode_png(self.side, self.side, png::ColorType::Grayscale, &grey);
        Picture { png: &png, description, is_wide: false, over, caption }.write()
    }
}

/// With waves weighted by a Gaussian that is a half at `half_turns` of a wave's length, 2 being the box over a grid's radius.
fn low_passed(grid: &PolarGrid, values: &[Complex<f64>], half_turns: f64) -> Vec<Complex<f64>> {
    let weight = |shell: usize| (-std::f64::consts::LN_2 * (grid.radii()[shell] * half_turns).powi(2)).exp();
    values.iter().enumerate().map(|(at, value)| value * weight(at / grid.n_inplanes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_of_the_stated_length_count_half() {
        let grid = PolarGrid::new(8.0, 0.5, 4).unwrap();
        let values = vec![Complex::new(1.0, 0.0); grid.n_shells() * 4];
        // A box of 100 Å: the wave of 25 Å has radius 2.
        let (box_angstrom, half_at) = (100.0, 25.0);
        let smooth = low_passed(&grid, &values, 2.0 * half_at / box_angstrom);
        for (radius, value) in grid.radii().iter().zip(smooth.iter().step_by(4)) {
            let expected = 0.5_f64.powf((radius / 2.0).powi(2));
            assert!((value.re - expected).abs() < 1e-12, "{radius}: {value} {expected}");
        }
    }
}
