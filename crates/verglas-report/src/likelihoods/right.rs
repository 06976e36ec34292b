//! What a right likelihood says beside: noise, poses between the grid's, particles.

use std::collections::BTreeMap;

use maud::{Markup, html};
use verglas_core::error::Result;
use verglas_plot::grouped;
use verglas_scoring::{LikelihoodFolder, RefinedNumbers};

use super::compared::{Chunk, Compared};
use super::counted::Counted;
use crate::page::{Cell, Section, four_digits, table};
use crate::plots::{histogram, noise_spectra};
use crate::statistics::Histogram;

/// A number of each image with its best structure.
struct Quantity {
    title: &'static str,
    name: &'static str,
    unit: &'static str,
    is_signed: bool,
    /// From the numbers and ln L.
    of: fn(&RefinedNumbers, f64) -> Option<f64>,
}

const QUANTITIES: [Quantity; 7] = [
    Quantity {
        title: "ln L minus the mean over the grid's poses",
        name: "difference",
        unit: "nat",
        is_signed: true,
        of: |numbers, ln_l| numbers.get("view_sd_deg").and(numbers.get("log_likelihood_grid")).map(|grid| ln_l - grid),
    },
    Quantity {
        title: "How well the view is known",
        name: "standard deviation",
        unit: "°",
        is_signed: false,
        of: |numbers, _| numbers.get("view_sd_deg"),
    },
    Quantity {
        title: "How well the rotation in the plane is known",
        name: "standard deviation",
        unit: "°",
        is_signed: false,
        of: |numbers, _| numbers.get("psi_sd_deg"),
    },
    Quantity {
        title: "How well the displacement is known",
        name: "standard deviation",
        unit: "Å",
        is_signed: false,
        of: |numbers, _| numbers.get("shift_sd_angstrom"),
    },
    Quantity {
        title: "Scale of the particle over its standard deviation",
        name: "scale / standard deviation",
        unit: "",
        is_signed: true,
        of: |numbers, _| Some(numbers.get("contrast")? / numbers.get("contrast_sd")?),
    },
    Quantity {
        title: "Log-odds that there is a particle",
        name: "log-odds",
        unit: "nat",
        is_signed: true,
        of: |numbers, _| numbers.get("log_odds_particle"),
    },
    Quantity {
        title: "How far poses lie from those known beforehand",
        name: "angle",
        unit: "°",
        is_signed: false,
        of: |numbers, _| numbers.get("prior_view_deg"),
    },
];

/// The numbers of sampled images, from which charts get their range.
#[derive(Default)]
pub(super) struct RightSample([Vec<f64>; QUANTITIES.len()]);

/// The findings.
#[derive(Debug)]
pub(super) struct RightSurvey {
    /// As [`QUANTITIES`]; `None` where no image has the number.
    quantities: Vec<Option<Counted>>,
    /// Images by how many modes they have.
    n_modes: BTreeMap<usize, usize>,
    n_between: usize,
    n_inverted: usize,
    n_images: usize,
    search: Looked,
    noise: Vec<Vec<(f64, f64)>>,
    measured_noise: Vec<Vec<(f64, f64)>>,
}

/// How much of the search was left out.
#[derive(Debug, Default)]
struct Looked {
    /// Images some of whose poses were.
    n_pruned: usize,
    /// The sum of the shares that were looked at, of all images.
    evaluated: f64,
    /// The largest bound of what that may cost, nats.
    most: f64,
    /// What it cost where all poses were looked at, too: images, their sum and the most.
    n_audited: usize,
    lost: f64,
    most_lost: f64,
}

impl Looked {
    fn add(&mut self, numbers: &RefinedNumbers) {
        let share = numbers.get("evaluated_share").unwrap_or(1.0);
        self.n_pruned += usize::from(share < 1.0);
        self.evaluated += share;
        self.most = self.most.max(numbers.get("pruned_mass").unwrap_or(0.0));
        if let Some(lost) = numbers.get("audit_difference") {
            self.most_lost = if self.n_audited == 0 { lost } else { self.most_lost.max(lost) };
            self.n_audited += 1;
            self.lost += lost;
        }
    }

    /// In words, of `n` images.
    fn text(&self, n: usize) -> Markup {
        html! {
            @if self.n_pruned > 0 {
                "Of " (images(self.n_pruned)) " poses that half of the resolution rules out were not looked at in full: "
                (four_digits(100.0 * self.evaluated / n.max(1) as f64)) " % of all were, and ln L is too low by at most "
                (four_digits(self.most)) " nats, as far as chance allows. "
                @if self.n_audited > 0 {
                    "Looking at all of them for " (images(self.n_audited)) " added " (four_digits(self.lost / self.n_audited as f64))
                    " nats in the mean and " (four_digits(self.most_lost)) " at most. "
                }
            }
        }
    }
}

/// Shows the numbers, and ln L, of images with the structures that they go best with, each a place among those compared; none where
/// likelihoods are plain.
pub(super) fn for_each(
    (folder, compared): (&LikelihoodFolder, &Compared),
    chunk: &Chunk,
    best: &[Option<usize>],
    mut look: impl FnMut(&RefinedNumbers, f64),
) -> Result<()> {
    for (place, &structure) in compared.structures.iter().enumerate() {
        if !best.contains(&Some(place)) {
            continue;
        }
        let Some(numbers) = folder.refined(structure, chunk.stack, chunk.images.clone())? else { return Ok(()) };
        for image in (0..best.len()).filter(|&image| best[image] == Some(place)) {
            look(&numbers[image], chunk.scores[place].log_likelihood[image]);
        }
    }
    Ok(())
}

impl RightSample {
    /// Takes an image.
    pub(super) fn add(&mut self, numbers: &RefinedNumbers, ln_l: f64) {
        for (values, quantity) in self.0.iter_mut().zip(&QUANTITIES) {
            values.extend((quantity.of)(numbers, ln_l).filter(|value| value.is_finite()));
        }
    }
}

impl RightSurvey {
    /// Ready to count; `None` where likelihoods are plain.
    pub(super) fn new(folder: &LikelihoodFolder, sample: RightSample) -> Result<Option<Self>> {
        if !folder.settings().is_right() {
            return Ok(None);
        }
        let counted = |values: Vec<f64>| (!values.is_empty()).then(|| Counted::for_sample(values));
        Ok(Some(Self {
            quantities: sample.0.into_iter().map(counted).collect(),
            n_modes: BTreeMap::new(),
            n_between: 0,
            n_inverted: 0,
            n_images: 0,
            search: Looked::default(),
            noise: folder.noise()?,
            measured_noise: folder.measured_noise()?,
        }))
    }

    /// Counts an image.
    pub(super) fn add(&mut self, numbers: &RefinedNumbers, ln_l: f64) {
        self.n_images += 1;
        self.search.add(numbers);
        for (counted, quantity) in self.quantities.iter_mut().zip(&QUANTITIES) {
            if let (Some(counted), Some(value)) = (counted, (quantity.of)(numbers, ln_l)) {
                counted.histogram.add(value);
            }
        }
        if let Some(n) = numbers.get("n_modes") {
            *self.n_modes.entry(n as usize).or_default() += 1;
        }
        self.n_between += usize::from(numbers.get("is_between") == Some(1.0));
        self.n_inverted += usize::from(numbers.get("is_inverted") == Some(1.0));
    }

    /// How many images have how many modes.
    fn modes(&self) -> Markup {
        let most = self.n_modes.keys().next_back().copied().unwrap_or(0);
        let counts = (0..=most).map(|n| self.n_modes.get(&n).copied().unwrap_or(0) as u64).collect();
        let bars = Histogram { low: -0.5, high: most as f64 + 0.5, counts, below: 0, above: 0 };
        let mut so_far = 0;
        let median = self.n_modes.iter().find(|(_, n)| {
            so_far += **n;
            2 * so_far >= self.n_images
        });
        histogram(&bars, "poses of an image", "", "images", median.map_or(0.0, |(n, _)| *n as f64))
    }

    /// The section, with the grid's steps of views and rotations in degrees.
    pub(super) fn section(&self, [view_step, rotation_step]: [f64; 2], box_angstrom: f64) -> Section {
        let n = self.n_images;
        let body = html! {
            p {
                "Of each image with its best structure. "
                @if !self.n_modes.is_empty() {
                    "Poses were looked at between the grid's, whose steps are " (four_digits(view_step)) "° between views and "
                    (four_digits(rotation_step)) "° in the plane: where a pose is known better than that, the mean over \
                     the grid's poses is far from the integral. "
                    @if self.n_between > 0 {
                        (images(self.n_between)) " of " (grouped(n)) @if self.n_between == 1 { " lies" } @else { " lie" } " in between, neither narrow nor broad against these steps: their \
                         ln L is less sure. "
                    }
                }
                (self.search.text(n))
                @if self.n_inverted > 0 {
                    (images(self.n_inverted)) " of " (grouped(n)) @if self.n_inverted == 1 { " fits" } @else { " fit" } " better with inverted contrast: if that is most of them, \
                     the images' sign is wrong. "
                }
                "A particle's scale is in units of its standard deviation: near 0, nothing is seen of it. Log-odds above 0 say \
                 that there is a particle rather than noise alone."
            }
            div.charts {
                @if !self.noise.is_empty() {
                    figure.card {
                        h3 { "The noise" }
                        (noise_spectra(&self.noise, &self.measured_noise, box_angstrom))
                        figcaption {
                            "variance on each shell, "
                            @match self.noise.len() { 1 => "of all images", n => { "of " (n) " groups of images" } }
                            "; the lower it is, the more a shell counts"
                            @if !self.measured_noise.is_empty() {
                                ". Neighbouring shells are fitted together; what is measured of the coarsest is let be, for the offset of \
                                 images takes part of it"
                            }
                        }
                    }
                }
                @if !self.n_modes.is_empty() {
                    figure.card {
                        h3 { "Poses apart from each other that count" }
                        (self.modes())
                        @if self.n_modes.contains_key(&0) { figcaption { "0: so many that the grid sums them" } }
                    }
                }
                @for (counted, quantity) in self.quantities.iter().zip(&QUANTITIES) {
                    @if let Some(counted) = counted {
                        figure.card {
                            h3 { (quantity.title) }
                            (counted.chart(quantity.name, quantity.unit, quantity.is_signed))
                        }
                    }
                }
            }
            @if !self.n_modes.is_empty() {
                (table("Images by their modes", &["poses apart from each other that count", "images", "share of all"], self.n_modes.iter().map(|(n_modes, n_images)| {
                    let share = 100.0 * *n_images as f64 / n.max(1) as f64;
                    vec![Cell::count(*n_modes), Cell::count(*n_images), Cell::Number(share, format!("{share:.1} %"))]
                })))
            }
        };
        Section { id: "right", title: "Noise, poses and particles", body }
    }
}

fn images(n: usize) -> String {
    format!("{} {}", grouped(n), if n == 1 { "image" } else { "images" })
}
