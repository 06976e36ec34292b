//! The page about a folder of templates: each structure's numbers, pictures of some of its templates, and the views.

mod pictures;

use std::path::Path;

use maud::html;
use verglas_core::error::Result;
use verglas_core::findings::counted;
use verglas_plot::grouped;
use verglas_run::manifest::FolderRecord;
use verglas_structures::templates::{RecordedTemplates, TemplateFacts, TemplateNames};

use crate::page::{self, Cell, Page, Section, four_digits, table};
use crate::plots::ViewMap;
use crate::{ReportSettings, run_record};
use pictures::{N_SHOWN, evenly, pictures};

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
        sections = vec![structures(&made), shown(root, &made, settings.n_examples)?, views(&first.facts)];
    }
    sections.extend(run_record::sections(folder, &run_record::Words::TEMPLATES));
    let page = Page {
        title: title(&made),
        folder: root.display().to_string(),
        origin: run_record::origin(folder),
        facts: facts(&recorded, &made),
        warnings: run_record::warnings(folder),
        sections,
    };
    Ok((page, made.iter().map(|made| made.facts.views.len()).sum()))
}

/// Of how many structures, or of which.
fn title(made: &[Made]) -> String {
    match made {
        [] => "Templates".to_owned(),
        [one] => format!("Templates of {}", one.name),
        [one, other] => format!("Templates of {} and {}", one.name, other.name),
        several => format!("Templates of {}", counted(several.len(), "structure")),
    }
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

/// What each structure is and what was made from it.
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
            Cell::name(name.clone()),
            Cell::name(facts.source.clone()),
            if facts.model < 0 { Cell::None } else { Cell::Number(facts.model as f64, facts.model.to_string()) },
            Cell::text(of_what),
            Cell::text(facts.center_angstrom.map(four_digits).join(", ")),
            Cell::number(low),
            Cell::number(high),
        ]
    });
    let heads = ["name", "file", "model", "made of", "origin (Å)", "smallest norm", "largest norm"];
    let body = html! {
        p {
            "The origin is in the file's coordinates (x, y, z). The norm is what a template was divided by: if it \
             differs much between views, the structure is elongated or flat."
            @if made.len() > MOST_LISTED { " The first " (grouped(MOST_LISTED)) " are listed." }
        }
        (table("Structures", &heads, rows))
    };
    Section { id: "structures", title: "Structures", body }
}

/// Pictures of some structures' templates.
fn shown(root: &Path, made: &[Made], most: usize) -> Result<Section> {
    let n = made.len().min(most);
    let mut cards = Vec::new();
    for place in 0..n {
        // Evenly spread, the first among them.
        let Made { name, facts } = &made[place * made.len() / n];
        let pictures = pictures(&root.join(TemplateNames::of(name).fourier), name, facts)?;
        cards.push(html! {
            article.card { h3 { (page::name(name)) } div.faint { "from " (page::name(&facts.source)) } (pictures) }
        });
    }
    let body = html! {
        p {
            "Evenly spread templates of each structure, white where it is dense, with the azimuth and polar angle of \
             its view; some of them in Fourier space, blue below zero, red above; and the mean power by resolution. A \
             click enlarges a picture."
            @if n < made.len() { " " (grouped(n)) " of " (grouped(made.len())) " structures, evenly spread." }
        }
        @for card in &cards { (card) }
    };
    Ok(Section { id: "templates", title: "Templates", body })
}

/// Where templates look from; all structures share the views.
fn views(facts: &TemplateFacts) -> Section {
    let views = &facts.views;
    let angles = views.azimuth.iter().zip(&views.polar).map(|(&azimuth, &polar)| [azimuth, polar]).collect();
    let map = ViewMap { angles, weights: views.weight.clone() };
    let marked: Vec<usize> = evenly(views.len(), N_SHOWN).collect();
    let body = html! {
        p {
            (counted(views.len(), "view")) " for each structure"
            @if facts.symmetry != "C1" { ", in the part of the sphere that the symmetry " (facts.symmetry) " leaves" }
            ", one dot each; those shown above are numbered. The map is equal-area (Mollweide): azimuth from −180° on \
             the left to 180° on the right, polar angle from 0° at the top to 180° at the bottom."
        }
        (map.write_views(&marked))
    };
    Section { id: "views", title: "Views", body }
}
