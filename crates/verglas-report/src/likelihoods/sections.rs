//! The sections of the page about likelihoods.

use maud::{Markup, html};
use verglas_plot::grouped;
use verglas_scoring::LikelihoodFolder;

use super::beside::Beside;
use super::compared::Compared;
use super::directions::Directions;
use super::lists::Lists;
use super::survey::{Second, StructureNumbers, Survey};
use crate::page::{Cell, Section, four_digits, name, table, two_digits, with_code};
use crate::plots::{Strip, strips};

/// Structures that charts show; the table has all.
const MOST_STRIPS: usize = 60;

/// Everything that the sections show.
pub(super) struct Contents<'a> {
    pub(super) folder: &'a LikelihoodFolder,
    pub(super) compared: &'a Compared,
    pub(super) survey: &'a Survey,
    pub(super) lists: &'a Lists,
    /// Pictures, where they can be made.
    pub(super) beside: Option<&'a Beside>,
}

impl Contents<'_> {
    /// All of them, in their order.
    pub(super) fn sections(&self) -> Vec<Section> {
        let mut sections = vec![self.structures()];
        if let Some(second) = &self.survey.second {
            sections.extend([self.differences(second), self.decisive(second)]);
        }
        if let Some(right) = &self.survey.right {
            let settings = self.folder.settings();
            let n_views = settings.n_templates[self.compared.structures[self.survey.leader]];
            let view_step = (4.0 * std::f64::consts::PI / n_views as f64).sqrt().to_degrees();
            let box_angstrom = settings.n_pixels as f64 * settings.pixel_size[0];
            sections.push(right.section([view_step, 360.0 / settings.n_inplanes as f64], box_angstrom));
        }
        sections.push(self.fit());
        if let Some(beside) = self.beside {
            sections.push(beside.section(self.survey, |image| self.lists.number(image), &self.names()));
        }
        sections.push(self.directions());
        if self.survey.displacements.were_tried() {
            sections.push(self.displacements());
        }
        sections
    }

    /// The name of the structure at a place among those that are compared.
    fn name(&self, place: usize) -> &str {
        &self.folder.settings().structures[self.compared.structures[place]]
    }

    fn names(&self) -> Vec<&str> {
        (0..self.compared.structures.len()).map(|place| self.name(place)).collect()
    }

    fn log_likelihood(&self) -> &'static str {
        if self.folder.settings().integrated { "integrated log-likelihood" } else { "log-likelihood of the best pose" }
    }

    /// Places of the structures, the largest sum of log-likelihoods first.
    fn by_sum(&self) -> Vec<usize> {
        let numbers = &self.survey.structures;
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_by(|&a, &b| numbers[b].sum.total_cmp(&numbers[a].sum).then(a.cmp(&b)));
        order
    }

    /// Of how many images medians and quantiles are, where not of all.
    fn of_sample(&self) -> String {
        match self.survey.n_sampled {
            n if n == self.survey.n_images => String::new(),
            n => format!(" Quantiles are of {} images, evenly spread; sums, counts and bars are of all.", grouped(n)),
        }
    }

    fn structures(&self) -> Section {
        let order = self.by_sum();
        let leader = self.name(self.survey.leader);
        let shown = &order[..order.len().min(MOST_STRIPS)];
        let strip = |quantiles: fn(&StructureNumbers) -> [f64; 5]| {
            let of = |&place: &usize| Strip {
                name: self.name(place).to_owned(),
                quantiles: quantiles(&self.survey.structures[place]),
            };
            shown.iter().map(of).collect::<Vec<_>>()
        };
        let is_one = order.len() == 1;
        let body = html! {
            p {
                "Each image is counted for the structure with its largest " (self.log_likelihood()) " (of equals, the \
                    first in the list). "
                @if !is_one {
                    "Differences are relative to the structure with the largest sum over all images, " strong { (name(leader)) }
                    ": below 0, that one fits better. It need not be the one that most images show. The error of a mean is \
                        the standard deviation over images divided by the square root of their number."
                }
            }
            (table("Numbers of each structure", &self.heads(), order.iter().map(|&place| self.row(place))))
            div.charts {
                figure.card {
                    h3 { "Correlation of each image with its best pose" }
                    (strips(&strip(|numbers| numbers.cross_correlation), "correlation", false))
                }
                @if !is_one {
                    figure.card {
                        h3 { "Log-likelihood minus that with " (name(leader)) }
                        (strips(&strip(|numbers| numbers.difference), "difference of an image (nat)", true))
                    }
                }
            }
            @if shown.len() < order.len() {
                p.faint { "The charts show the " (MOST_STRIPS) " structures with the largest sums." }
            }
            @if !self.of_sample().is_empty() { p.faint { (self.of_sample().trim_start()) } }
        };
        Section { id: "structures", title: "Structures", body }
    }

    fn heads(&self) -> Vec<&'static str> {
        let mut heads =
            vec!["structure", "place (from\u{a0}0)", "images it fits best", "share of all", "median correlation"];
        if self.survey.second.is_some() {
            heads.extend(["sum of differences (nat)", "mean difference (nat)", "error of the mean (nat)"]);
        }
        if self.survey.displacements.were_tried() {
            heads.push("of these at the rim");
        }
        heads
    }

    fn row(&self, place: usize) -> Vec<Cell> {
        let numbers = &self.survey.structures[place];
        let known = |value: f64| Cell::optional(Some(value).filter(|value| value.is_finite()));
        let mut row = vec![
            Cell::name(self.name(place)),
            Cell::count(self.folder.settings().structure_places[self.compared.structures[place]]),
            Cell::count(numbers.n_best),
            share(numbers.n_best, self.survey.n_images),
            known(numbers.cross_correlation[2]),
        ];
        if self.survey.second.is_some() {
            row.push(known(numbers.sum));
            row.push(known(numbers.mean));
            row.push(known(numbers.deviation / (self.survey.n_images as f64).sqrt()));
        }
        if self.survey.displacements.were_tried() {
            row.push(share(numbers.n_at_rim, numbers.n_best));
        }
        row
    }

    fn differences(&self, second: &Second) -> Section {
        let (leader, other) = (self.name(self.survey.leader), self.name(second.place));
        let n = self.survey.n_images;
        let against = n - second.n_for_leader;
        let deviation = self.survey.structures[second.place].deviation;
        let sum = second.running.sum();
        let body = html! {
            p {
                "Between the two structures with the largest sums: " strong { (name(leader)) } " and " strong { (name(other)) } ". "
                (grouped(second.n_for_leader)) " of " (grouped(n)) " images "
                @if second.n_for_leader == 1 { "fits" } @else { "fit" } " the first better, " (grouped(against)) " the second or both equally. The sum of the logarithms of their likelihood ratios is "
                strong { (four_digits(sum)) " nat" }
                @if deviation.is_finite() { " ± " (two_digits(deviation * (n as f64).sqrt())) " (standard error)" }
                ": by this much, all images together fit " (name(leader)) " better, if all of them show one structure. If \
                    the line climbs evenly, many images agree; if it climbs in steps, a few decide."
            }
            div.charts {
                figure.card {
                    h3 { (name(leader)) " against " (name(other)) ", image by image" }
                    (second.lead.chart("log-likelihood ratio", "nat", true))
                }
                figure.card {
                    h3 { "Running sum over the images" }
                    (second.running.write("sum of log-likelihood ratios (nat)"))
                }
                @if self.compared.structures.len() > 2 {
                    figure.card {
                        h3 { "The best structure of each image against its second best" }
                        (second.gap.chart("log-likelihood ratio", "nat", false))
                    }
                }
            }
        };
        Section { id: "differences", title: "Differences", body }
    }

    fn decisive(&self, second: &Second) -> Section {
        let (leader, other) = (self.name(self.survey.leader), self.name(second.place));
        let listed: f64 = second.decisive.iter().filter_map(|image| image.lead).sum();
        let n = second.decisive.len();
        let body = html! {
            p {
                "The images with the largest log-likelihood ratio of " strong { (name(leader)) } " to " strong { (name(other)) }
                ", whichever structure it favours; negative: the second. "
                @if n == 1 { "It contributes " } @else { "These " (n) " contribute " }
                (four_digits(listed)) " nat to the sum of " (four_digits(second.running.sum())) " nat."
            }
            (self.lists.decisive(&second.decisive, &self.names(), self.survey.leader, second.place))
        };
        Section { id: "decisive", title: "Images that decide most", body }
    }

    fn fit(&self) -> Section {
        let body = html! {
            p {
                "The correlation of each image with the best pose of its best structure, and the images for which it \
                 is smallest: look at these first to find pictures of something other than the particle."
            }
            figure.card.single { (self.survey.cross_correlation.chart("correlation", "", false)) }
            (self.lists.worst(self.survey, &self.names()))
        };
        Section { id: "fit", title: "Images that fit worst", body }
    }

    fn directions(&self) -> Section {
        let body = html! {
            @match &self.survey.directions {
                Directions::Unknown(why) => p { "The viewing directions are unknown: " (with_code(why)) "." },
                Directions::Views { map, counts } => { (directions_in_words()) (map.write_found(counts)) },
                Directions::Cells { cells, .. } => { (directions_in_words()) (cells.write()) },
            }
        };
        Section { id: "directions", title: "Viewing directions", body }
    }

    fn displacements(&self) -> Section {
        let found = &self.survey.displacements;
        let (n_tried, n_rim) = found.n_tried();
        let percent = |n: u64, of: usize| format!("{:.1} %", 100.0 * n as f64 / of.max(1) as f64);
        let n_at_rim = percent(found.n_at_rim, self.survey.n_images);
        let are_known = self.folder.settings().has_known_poses();
        let words = match are_known {
            true => format!("{n_at_rim} of the best poses are at the edge of what known poses allow"),
            false => format!(
                "{n_at_rim} of the best poses are at the rim, as are {} of the displacements tried",
                percent(n_rim as u64, n_tried)
            ),
        };
        let body = html! {
            p {
                "How far the template was moved to match the image, before it was turned, up to "
                (four_digits(found.reach_angstrom)) " Å along each axis: " (words) ". Particles "
                (if are_known { "there" } else { "at the rim" }) " may be farther off."
                @if found.n_outside > 0 {
                    " Farther out than is shown: " (grouped(found.n_outside as usize)) "."
                }
                @if found.n_between > 0 {
                    " At (0, 0), between the cells: " (grouped(found.n_between as usize)) "."
                }
            }
            figure.card.single.square-card { (found.square().write(format!("displacements: {words}"))) }
        };
        Section { id: "displacements", title: "Displacements", body }
    }
}

fn directions_in_words() -> Markup {
    html! {
        p {
            "How often the best structure is seen from each direction, in RELION's angles, on an equal-area map \
             (Mollweide): rotation from −180° on the left to 180° on the right, tilt from 0° at the top to 180° at \
             the bottom."
        }
    }
}

/// A share of a number, in percent.
fn share(n: usize, of: usize) -> Cell {
    if of == 0 {
        return Cell::None;
    }
    let percent = 100.0 * n as f64 / of as f64;
    Cell::Number(percent, format!("{percent:.1} %"))
}
