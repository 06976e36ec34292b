//! Images that are listed, with where they come from and where the tables have them.

use std::path::Path;

use maud::Markup;
use verglas_plot::grouped;
use verglas_scoring::LikelihoodFolder;

use super::compared::Compared;
use super::sources::{Source, sources};
use super::survey::{Listed, Survey};
use crate::page::{Cell, table};

/// The table that images are looked up in.
const TABLE: &str = "results.csv";

/// What rows of the lists need.
#[derive(Debug)]
pub(super) struct Lists {
    /// Of the images that fit worst, and of those that decide most.
    worst: Vec<Source>,
    decisive: Vec<Source>,
    /// Places of each stack's first image among all.
    first_images: Vec<usize>,
    /// Whether the table of all results is there, and the page can link to it.
    has_table: bool,
    is_inside: bool,
    /// Structures that the table has for each image.
    n_structures: usize,
}

impl Lists {
    /// Looks up where the survey's images come from; and says why that is not known, where it is not.
    pub(super) fn new(
        root: &Path,
        folder: &LikelihoodFolder,
        compared: &Compared,
        survey: &Survey,
        is_inside: bool,
    ) -> (Self, Option<String>) {
        let mut missing = None;
        let mut of = |images: &[Listed]| {
            sources(folder, images).unwrap_or_else(|error| {
                missing.get_or_insert_with(|| format!("the origin of the listed images is unknown: {error}"));
                vec![Source::default(); images.len()]
            })
        };
        let worst = of(&survey.worst);
        let decisive = of(survey.second.as_ref().map_or(&[][..], |second| second.decisive.as_slice()));
        let mut first_images = vec![0];
        for (stack, &n) in folder.n_images().iter().enumerate() {
            first_images.push(first_images[stack] + n);
        }
        // The table is written when all is there.
        let is_whole =
            compared.structures.len() == folder.n_structures() && compared.stacks.len() == folder.n_images().len();
        let has_table =
            is_whole && folder.settings().table.iter().any(|table| table == "csv") && root.join(TABLE).is_file();
        let n_structures = folder.n_structures();
        (Self { worst, decisive, first_images, has_table, is_inside, n_structures }, missing)
    }

    /// An image's place among all.
    pub(super) fn number(&self, image: &Listed) -> usize {
        self.first_images[image.stack] + image.index
    }

    /// The images that fit worst; `names` are those of the structures that are compared.
    pub(super) fn worst(&self, survey: &Survey, names: &[&str]) -> Markup {
        self.write("Images that fit worst", &survey.worst, &self.worst, names, |image| image.best, None)
    }

    /// The images that decide most between the structures at places `leader` and `second`.
    pub(super) fn decisive(&self, images: &[Listed], names: &[&str], leader: usize, second: usize) -> Markup {
        let favoured = |image: &Listed| if image.lead.is_some_and(|lead| lead < 0.0) { second } else { leader };
        let caption = "Images that decide most between the two structures with the largest sums";
        self.write(caption, images, &self.decisive, names, favoured, Some("in favour of the first (nat)"))
    }

    /// A row for each image; the table's line is that of the image with the structure that `of` says.
    fn write(
        &self,
        caption: &str,
        images: &[Listed],
        sources: &[Source],
        names: &[&str],
        of: impl Fn(&Listed) -> usize,
        lead: Option<&str>,
    ) -> Markup {
        let mut heads = vec!["image (from\u{a0}0)"];
        heads.extend(lead);
        heads.extend(["best structure", "correlation with it", "at the rim"]);
        let knows = |is: fn(&Source) -> bool| sources.iter().any(is);
        let (has_file, has_row) = (knows(|s| s.file.is_some()), knows(|s| s.row.is_some()));
        if has_file {
            heads.extend(["file", "section (from\u{a0}1)"]);
        }
        if has_row {
            heads.push("row (from\u{a0}0)");
        }
        heads.extend(["stack", "place in it (from\u{a0}0)"]);
        if self.has_table {
            heads.push("line of results.csv");
        }
        let rows = images.iter().zip(sources).map(|(image, source)| {
            let place = self.number(image);
            let mut row = vec![Cell::count(place)];
            row.extend(lead.map(|_| Cell::optional(image.lead)));
            row.extend([
                Cell::name(names[image.best]),
                Cell::number(image.cross_correlation),
                Cell::text(if image.is_at_rim { "yes" } else { "no" }),
            ]);
            let number =
                |value: Option<i64>, from: i64| match value.and_then(|value| usize::try_from(value + from).ok()) {
                    Some(value) => Cell::count(value),
                    None => Cell::None,
                };
            if has_file {
                row.push(Cell::name(source.file.clone().unwrap_or_else(|| "–".to_owned())));
                row.push(number(source.section, 1));
            }
            if has_row {
                row.push(number(source.row, 0));
            }
            row.push(Cell::Number(image.stack as f64, format!("{:06}", image.stack)));
            row.push(Cell::count(image.index));
            if self.has_table {
                // The first line has the columns' names.
                let line = 2 + place * self.n_structures + of(image);
                row.push(match self.is_inside {
                    true => Cell::Link(line as f64, grouped(line), TABLE),
                    false => Cell::count(line),
                });
            }
            row
        });
        table(caption, &heads, rows)
    }
}
