//! The page about a folder of weights: how much of the data shows which structure, how certain that is, and what can't
//! be told apart.

use std::path::Path;

use maud::html;
use verglas_core::error::Result;
use verglas_core::findings::counted;
use verglas_plot::grouped;
use verglas_weights::{StructureWeight, WeightsRecord};

use crate::page::{Cell, Origin, Page, Section, four_digits, table};
use crate::plots::{WithIntervals, intervals};

/// Structures that are drawn.
const MOST_DRAWN: usize = 60;
/// Structures and pairs that are listed.
const MOST_LISTED: usize = 2000;

/// Makes the page about the folder at `root`; and counts structures and images.
///
/// # Errors
/// When its record can't be read.
pub(crate) fn page(root: &Path) -> Result<(Page, [usize; 2])> {
    let record = WeightsRecord::read(root)?;
    let mut heaviest: Vec<&StructureWeight> = record.structures.iter().collect();
    heaviest.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let page = Page {
        title: "Weights of structures".to_owned(),
        folder: root.display().to_string(),
        origin: Origin {
            version: record.version.clone(),
            time: Some([record.made - record.seconds, record.made]),
            command: None,
        },
        facts: facts(&record),
        warnings: record.warnings.iter().map(|warning| warning.message.clone()).collect(),
        sections: vec![weights(&heaviest), not_told_apart(&record), how(&record)],
    };
    Ok((page, [record.structures.len(), record.n_images]))
}

fn facts(record: &WeightsRecord) -> Vec<(&'static str, String)> {
    let mut effective = four_digits(record.effective_number);
    if let Some(interval) = record.effective_number_interval {
        effective.push_str(&format!(" ({} to {})", four_digits(interval.lo95), four_digits(interval.hi95)));
    }
    let mut facts = vec![
        ("structures", grouped(record.structures.len())),
        ("images", grouped(record.n_images)),
        ("effective number of structures", effective),
        ("images of one structure alone", grouped(record.n_one_hot)),
        ("resamples", grouped(record.settings.bootstrap)),
    ];
    if record.settings.temperature != 1.0 {
        facts.push(("temperature", four_digits(record.settings.temperature)));
    }
    facts
}

/// The weights, the heaviest first.
fn weights(heaviest: &[&StructureWeight]) -> Section {
    let drawn: Vec<WithIntervals> = heaviest
        .iter()
        .take(MOST_DRAWN)
        .map(|structure| WithIntervals {
            value: structure.weight,
            intervals: structure.interval.map(|i| [[i.lo68, i.hi68], [i.lo95, i.hi95]]),
        })
        .collect();
    let rows = heaviest.iter().take(MOST_LISTED).enumerate().map(|(rank, structure)| {
        let range = |low: f64, high: f64| Cell::Number(low, format!("{} to {}", four_digits(low), four_digits(high)));
        let interval = |of: fn(&verglas_weights::mixture::Interval) -> [f64; 2]| match &structure.interval {
            Some(interval) => range(of(interval)[0], of(interval)[1]),
            None => Cell::None,
        };
        vec![
            Cell::count(rank + 1),
            structure.structure.map_or(Cell::None, Cell::count),
            Cell::name(structure.name.clone()),
            Cell::number(structure.weight),
            interval(|i| [i.lo95, i.hi95]),
            interval(|i| [i.lo68, i.hi68]),
            Cell::count(structure.images_best),
            Cell::number(structure.responsibility),
        ]
    });
    let heads = [
        "rank",
        "structure (from\u{a0}0)",
        "name",
        "weight",
        "95 % interval",
        "68 % interval",
        "images it fits best",
        "images it explains",
    ];
    let body = html! {
        p {
            "A weight is the share of the images that show the structure, according to the log-likelihoods. Intervals \
             hold the weight in 95 % and 68 % of the resamples of the images. They account for chance, not for errors \
             in the log-likelihoods or for structures that were not tried."
        }
        div.card { (intervals(&drawn, "weight", "structure, by weight")) }
        @if drawn.len() < heaviest.len() { p { "The " (drawn.len()) " heaviest of " (grouped(heaviest.len())) " are drawn." } }
        (table("Weights of structures", &heads, rows))
    };
    Section { id: "weights", title: "Weights", body }
}

fn not_told_apart(record: &WeightsRecord) -> Section {
    let name = |place: usize| record.structures.get(place).map_or("?", |structure| structure.name.as_str());
    let pairs = &record.not_told_apart;
    let rows = pairs.iter().take(MOST_LISTED).map(|pair| {
        let [a, b] = pair.structures.map(name);
        vec![Cell::name(a), Cell::name(b), Cell::number(pair.correlation)]
    });
    let body = html! {
        @if record.settings.bootstrap == 0 {
            p { "Images were not resampled, so this is unknown." }
        } @else if pairs.is_empty() {
            p {
                "No two structures' weights go against each other over the resamples more than counts of images do."
            }
        } @else {
            p {
                "Where one of these has more, the other has less (correlation of their weights over the resamples \
                 below −0.5, and more than if images were simply counted): they determine their sum, but hardly the share of each. An interval that ends at \
                 0 is no proof that such a structure is absent: maximum-likelihood weights leave out structures that \
                 are not needed."
            }
            (table("Pairs that are not told apart", &["structure", "and", "correlation"], rows))
            @if pairs.len() > MOST_LISTED { p { "The first " (grouped(MOST_LISTED)) " of " (grouped(pairs.len())) " are listed." } }
        }
    };
    Section { id: "pairs", title: "Not told apart", body }
}

/// The input of the weights, and how they were found.
fn how(record: &WeightsRecord) -> Section {
    let (settings, matrix) = (&record.settings, &record.matrix);
    let path = matrix.path.as_ref().map_or_else(|| "in memory".to_owned(), |path| path.to_string_lossy().into_owned());
    let excluded: Vec<String> = settings.exclude.iter().map(ToString::to_string).collect();
    let or_dash = |text: String| if text.is_empty() { "–".to_owned() } else { text };
    let rows = [
        ("log-likelihoods", path),
        ("their checksum (CRC-32)", matrix.crc32.clone()),
        ("images and structures in them", format!("{} × {}", grouped(matrix.n_images), grouped(matrix.n_structures))),
        ("likelihood", or_dash(matrix.likelihood.clone().unwrap_or_default())),
        ("structures left out", or_dash(excluded.join(", "))),
        (
            "file of chosen images",
            or_dash(settings.images.as_ref().map_or_else(String::new, |path| path.to_string_lossy().into_owned())),
        ),
        ("images may show nothing", if settings.noise_column { "yes" } else { "no" }.to_owned()),
        ("temperature", four_digits(settings.temperature)),
        ("mean log-likelihood", four_digits(record.mean_log_likelihood)),
        ("at most below the best", format!("{:.1e}", record.gap)),
        ("passes over the images", grouped(record.iterations)),
        ("seed of the resamples", settings.seed.to_string()),
    ];
    let rows = rows.into_iter().map(|(name, value)| vec![Cell::text(name), Cell::text(value)]);
    let body = html! {
        p { "The weights are those under which the " (counted(record.n_images, "image")) " are most likely." }
        (table("How the weights were found", &["what", "value"], rows))
    };
    Section { id: "how", title: "How they were found", body }
}
