//! The page about a folder of templates: each structure's numbers, pictures of some of its templates, and the views.

use std::path::Path;

use maud::{Markup, html};
use verglas_core::error::Result;
use verglas_core::findings::counted;
use verglas_plot::{DrawnStack, PlotPlan, grouped};
use verglas_run::manifest::FolderRecord;
use verglas_structures::templates::{PolarPicture, RecordedTemplates, TemplateFacts, TemplateNames, TemplateStack};

use crate::page::{Cell, Page, Picture, Section, four_digits, table};
use crate::plots::ViewingDirections;
use crate::{ReportSettings, run_record};

/// Templates of a structure that are shown.
const N_SHOWN: usize = 16;
/// Most templates of a structure whose power is averaged.
const MOST_FOR_POWER: usize = 128;
/// Structures that are listed.
const MOST_LISTED: usize = 2000;

/// A structure whose templates are there.
struct Made {
    name: String,
    facts: TemplateFacts,
}

/// Makes the page about the folder at `root`; and counts all its templates.
///
/// # Errors
/// When templates that a manifest lists can't be read.
pub(crate) fn page(root: &Path, folder: &FolderRecord, settings: &ReportSettings) -> Result<(Page, usize)> {
    let recorded = RecordedTemplates::of(folder.first());
    let mut made = Vec::new();
    for unit in folder.stacks() {
        let Some(name) = recorded.structures.get(unit.number) else { continue };
        let facts = TemplateFacts::read(&root.join(TemplateNames::of(name).metadata))?;
        made.push(Made { name: name.clone(), facts });
    }
    let mut sections = Vec::new();
    if let Some(first) = made.first() {
        sections = vec![structures(&made), pictures(root, &made, settings.n_examples)?, views(&first.facts)];
    }
    sections.extend(run_record::sections(folder, &run_record::Words::TEMPLATES));
    let page = Page {
        title: run_record::title(folder),
        folder: root.display().to_string(),
        origin: run_record::origin(folder),
        facts: facts(&recorded, &made),
        warnings: run_record::warnings(folder),
        sections,
    };
    Ok((page, made.iter().map(|made| made.facts.views.len()).sum()))
}

fn facts(recorded: &RecordedTemplates, made: &[Made]) -> Vec<(&'static str, String)> {
    let mut facts = vec![("structures", grouped(made.len())), ("templates of each", grouped(recorded.n_templates))];
    let Some(Made { facts: first, .. }) = made.first() else { return facts };
    let (images, grid) = (&first.descriptor.cartesian_grid, &first.descriptor.polar_grid);
    let (n_pixels, pixel_size) = (images.n_pixels(), images.pixel_size_angstrom()[0]);
    let rim = n_pixels as f64 * pixel_size / (2.0 * grid.radii().last().copied().unwrap_or(f64::NAN));
    facts.extend([
        ("box", format!("{n_pixels} px")),
        ("pixel size", format!("{} Å", four_digits(pixel_size))),
        ("polar grid", format!("{} shells × {} angles", grid.n_shells(), grid.n_inplanes())),
        ("rim of the grid", format!("{} Å", four_digits(rim))),
        ("precision", first.descriptor.precision.as_str().to_owned()),
        ("symmetry", first.symmetry.clone()),
    ]);
    if let Some(distance) = first.descriptor.template.viewing_distance {
        facts.push(("distance of views", format!("{}°", four_digits(distance.to_degrees()))));
    }
    if first.as_cryolike {
        facts.push(("formulas", "CryoLike's".to_owned()));
    }
    facts
}

/// What each structure is and what was made of it.
fn structures(made: &[Made]) -> Section {
    let rows = made.iter().take(MOST_LISTED).map(|Made { name, facts }| {
        let of_what = match (facts.n_atoms, facts.voxel_angstrom) {
            (Some(n), _) => counted(usize::try_from(n).unwrap_or(0), "bead"),
            (None, Some(voxel)) => format!("map, voxels of {} Å", voxel.map(four_digits).join(" × ")),
            (None, None) => "–".to_owned(),
        };
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for &norm in &facts.norms {
            (low, high) = (low.min(norm), high.max(norm));
        }
        vec![
            Cell::text(name.clone()),
            Cell::text(facts.source.clone()),
            if facts.model < 0 { Cell::text("–") } else { Cell::Number(facts.model as f64, facts.model.to_string()) },
            Cell::text(of_what),
            Cell::text(facts.center_angstrom.map(four_digits).join(", ")),
            Cell::number(low),
            Cell::number(high),
        ]
    });
    let heads = ["name", "file", "model", "made of", "origin (Å)", "smallest norm", "largest norm"];
    let body = html! {
        p {
            "The origin is in the file's coordinates (x, y, z). The norm is what a template was divided by: where it differs \
             much between views, the structure is long or flat."
            @if made.len() > MOST_LISTED { " The first " (grouped(MOST_LISTED)) " are listed." }
        }
        (table("Structures", &heads, rows))
    };
    Section { id: "structures", title: "Structures", body }
}

/// Pictures of some structures' templates.
fn pictures(root: &Path, made: &[Made], most: usize) -> Result<Section> {
    let n = made.len().min(most);
    let mut cards = Vec::new();
    for place in 0..n {
        // Evenly spread, the first among them.
        let Made { name, facts } = &made[place * made.len() / n];
        let drawn = draw(&root.join(TemplateNames::of(name).fourier), name, facts)?;
        cards.push(card(name, facts, &drawn));
    }
    let body = html! {
        p {
            "Evenly spread templates of each structure, as images and in Fourier space (real part, blue below zero, red \
             above), and the mean power of its templates by resolution."
            @if n < made.len() { " " (grouped(n)) " of " (grouped(made.len())) " structures, evenly spread." }
        }
        @for card in &cards { (card) }
    };
    Ok(Section { id: "templates", title: "Templates", body })
}

/// Draws some templates of one structure, of the tensor at `path`.
fn draw(path: &Path, name: &str, facts: &TemplateFacts) -> Result<DrawnStack> {
    let mut stack = TemplateStack::open(path)?;
    let descriptor = &facts.descriptor;
    let plan = PlotPlan::of_templates(descriptor, name);
    let picture = PolarPicture::new(&descriptor.polar_grid, descriptor.cartesian_grid.n_pixels());
    let (mut pictures, mut power) = (plan.start(), plan.start_power());
    let n = stack.n_templates();
    for (places, is_shown) in [(evenly(n, N_SHOWN), true), (evenly(n, MOST_FOR_POWER), false)] {
        for view in places {
            let template = stack.read_double(view..view + 1)?;
            match is_shown {
                true => pictures.keep(view, plan.show(&picture.apply(&template), &template)),
                false => plan.add_power(&template, &mut power),
            }
        }
    }
    pictures.add_power(&power);
    Ok(pictures.draw(&plan, 0, n))
}

/// At most `most` of `n` places, evenly spread.
fn evenly(n: usize, most: usize) -> impl Iterator<Item = usize> {
    let shown = n.min(most);
    (0..shown).map(move |place| place * n / shown)
}

fn card(name: &str, facts: &TemplateFacts, drawn: &DrawnStack) -> Markup {
    let picture = |png, what: &str| {
        let description = format!("{what}: {name}");
        Picture { png, description, is_wide: false, over: html! {}, caption: html! { (what) } }.write()
    };
    html! {
        article.card {
            h3 { (name) }
            div.faint { "from " (facts.source) }
            div.pictures {
                (picture(&drawn.physical_png, "templates"))
                (picture(&drawn.fourier_png, "their Fourier transforms"))
                (picture(&drawn.power_png, "mean power"))
            }
        }
    }
}

/// Where templates look from; all structures share the views.
fn views(facts: &TemplateFacts) -> Section {
    let mut directions = ViewingDirections::new();
    for (azimuth, polar) in facts.views.azimuth.iter().zip(&facts.views.polar) {
        directions.add(*azimuth, *polar);
    }
    let body = html! {
        p {
            (counted(facts.views.len(), "view")) " for each structure"
            @if facts.symmetry != "C1" { ", of the part of the sphere that the symmetry " (facts.symmetry) " leaves" }
            ", on a map that keeps areas (Mollweide): azimuth from −180° on the left to 180° on the right, polar angle from 0° at \
             the top to 180° at the bottom."
        }
        (directions.write())
    };
    Section { id: "views", title: "Views", body }
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
