//! Pictures of some templates of a structure, and the mean power of many.

use std::path::Path;

use maud::{Markup, html};
use num_complex::Complex;
use verglas_core::error::Result;
use verglas_plot::{Contrast, DIVERGING, DiscTable, GREY, PowerPlan, Shrinker, SymmetricLog, encode_png, nice_below};
use verglas_structures::templates::{PolarPicture, TemplateFacts, TemplateStack};

use crate::page::{Picture, colour_bar, four_digits, scale_bar, two_digits};
use crate::plots::mean_power;

/// Templates of a structure that are shown; in Fourier space every second of them.
pub(super) const N_SHOWN: usize = 16;
/// Most templates of a structure whose power is averaged.
const MOST_FOR_POWER: usize = 128;
/// Pictures' side, pixels.
const SIDE: usize = 160;

/// At most `most` of `n` places, evenly spread.
pub(super) fn evenly(n: usize, most: usize) -> impl Iterator<Item = usize> {
    let shown = n.min(most);
    (0..shown).map(move |place| place * n / shown)
}

/// One template, ready to be shown.
struct Shown {
    view: usize,
    /// `[side, side]` in real space.
    physical: Vec<f32>,
    /// `[SIDE, SIDE]` in Fourier space; NaN outside the disc.
    fourier: Vec<f32>,
}

/// Pictures of one structure's templates, of the tensor at `path`.
///
/// # Errors
/// When they can't be read.
pub(super) fn pictures(path: &Path, name: &str, facts: &TemplateFacts) -> Result<Markup> {
    let mut stack = TemplateStack::open(path)?;
    let (images, grid) = (&facts.descriptor.cartesian_grid, &facts.descriptor.polar_grid);
    let n_pixels = images.n_pixels();
    let [rows, columns] = images.pixel_size_angstrom();
    let pixel_angstrom = (rows * columns).sqrt();
    let (picture, shrinker) = (PolarPicture::new(grid, n_pixels), Shrinker::new(n_pixels, SIDE));
    let (disc, power) = (DiscTable::new(grid, SIDE).with_mean(), PowerPlan::new(grid));
    let n = stack.n_templates();
    let mut shown = Vec::new();
    for view in evenly(n, N_SHOWN) {
        let template: Vec<Complex<f64>> = stack.read_double(view..view + 1)?;
        let physical = shrinker.apply(&picture.apply(&template));
        shown.push(Shown { view, physical, fourier: disc.real_part(&template) });
    }
    let mut sum = power.start();
    for view in evenly(n, MOST_FOR_POWER) {
        power.add(&stack.read_double(view..view + 1)?, &mut sum);
    }
    let box_angstrom = n_pixels as f64 * pixel_angstrom;
    let frequencies = grid.radii().iter().map(|radius| 2.0 * radius / box_angstrom);
    let points = frequencies.zip(power.mean(&sum));
    Ok(html! {
        h4 { "In real space, view by view" }
        (in_real_space(&shown, name, facts, shrinker.side(), box_angstrom))
        h4 { "In Fourier space, real part" }
        (in_fourier_space(&shown, name, facts, box_angstrom / (2.0 * grid.radius_max())))
        h4 { "Mean power of " (n.min(MOST_FOR_POWER)) " templates" }
        div.narrow { (mean_power(points, 2.0 * box_angstrom, 2.0 * pixel_angstrom)) }
    })
}

/// The caption of a view's picture.
fn caption(view: usize, facts: &TemplateFacts) -> Markup {
    let degrees = |radians: f64| format!("{:.0}°", radians.to_degrees());
    html! { "view " (view) br; (degrees(facts.views.azimuth[view])) ", " (degrees(facts.views.polar[view])) }
}

fn in_real_space(shown: &[Shown], name: &str, facts: &TemplateFacts, side: usize, box_angstrom: f64) -> Markup {
    // One contrast for all.
    let contrast = Contrast::robust(shown.iter().map(|shown| shown.physical.as_slice()));
    let bar = nice_below(0.6 * box_angstrom);
    let scale = scale_bar(bar, box_angstrom);
    let tile = |place: usize, shown: &Shown| {
        let pixels: Vec<u8> = shown.physical.iter().map(|&value| GREY[contrast.step(value) as usize][0]).collect();
        Picture {
            png: &encode_png(side, side, png::ColorType::Grayscale, &pixels),
            description: format!("template {} of {name}", shown.view),
            is_wide: false,
            over: if place == 0 {
                scale.clone()
            } else {
                html! {}
            },
            caption: caption(shown.view, facts),
        }
        .write()
    };
    html! { div.tiles { @for (place, shown) in shown.iter().enumerate() { (tile(place, shown)) } } }
}

fn in_fourier_space(shown: &[Shown], name: &str, facts: &TemplateFacts, rim_angstrom: f64) -> Markup {
    let some = || shown.iter().step_by(2);
    let scale = SymmetricLog::robust(some().map(|shown| shown.fourier.as_slice()));
    let colour = |value: f32| {
        let [red, green, blue] = DIVERGING[scale.step(value) as usize];
        if value.is_nan() { [0; 4] } else { [red, green, blue, 255] }
    };
    let tile = |shown: &Shown| {
        let pixels: Vec<u8> = shown.fourier.iter().flat_map(|&value| colour(value)).collect();
        Picture {
            png: &encode_png(SIDE, SIDE, png::ColorType::Rgba, &pixels),
            description: format!("Fourier transform of template {} of {name}", shown.view),
            is_wide: false,
            over: html! {},
            caption: caption(shown.view, facts),
        }
        .write()
    };
    let end = f64::from(scale.end);
    let ends = [(0.0, two_digits(-end)), (0.5, "0".to_owned()), (1.0, two_digits(end))];
    html! {
        div.tiles { @for shown in some() { (tile(shown)) } }
        div.narrow {
            (colour_bar("diverging", &ends, "colours: real part of a template of norm 1"))
            p.faint { "Symmetric logarithmic scale; out to " (four_digits(rim_angstrom)) " Å at the rim." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_evenly_and_none_twice() {
        assert_eq!(evenly(5, 16).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(evenly(100, 4).collect::<Vec<_>>(), [0, 25, 50, 75]);
        assert_eq!(evenly(0, 4).count(), 0);
    }
}
