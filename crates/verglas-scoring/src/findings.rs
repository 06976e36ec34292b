//! What all images together say of a right likelihood, for the closing words: of each image its best structure.

use serde::Serialize;
use verglas_core::findings::{Warning, counted};
use verglas_core::hint::{Hint, Setting, Text};

use crate::refined::RefinedNumbers;
use crate::right::{PosesFrom, RightSettings};

/// Counts of a number within equal steps; what lies farther out counts as at the end.
#[derive(Debug, Clone)]
struct Histogram {
    least: f64,
    step: f64,
    counts: Vec<u64>,
}

impl Histogram {
    fn new(least: f64, most: f64, n: usize) -> Self {
        Self { least, step: (most - least) / n as f64, counts: vec![0; n] }
    }

    fn add(&mut self, value: f64) {
        let place = ((value - self.least) / self.step).clamp(0.0, (self.counts.len() - 1) as f64);
        self.counts[place as usize] += 1;
    }

    /// The value below which this share lies, to half a step.
    fn quantile(&self, share: f64) -> Option<f64> {
        let n: u64 = self.counts.iter().sum();
        let wanted = share * n as f64;
        let mut sum = 0;
        let place = self.counts.iter().position(|count| {
            sum += count;
            sum > 0 && sum as f64 >= wanted
        })?;
        Some(self.least + (place as f64 + 0.5) * self.step)
    }
}

/// Losses beyond so many times what is allowed are told.
const MOST_LOST: f64 = 10.0;
/// So many of their images are named.
const MOST_NAMED: usize = 10;

/// What all images together say of a right likelihood.
#[derive(Debug, Clone)]
pub(crate) struct RightFindings {
    n: usize,
    gain: Histogram,
    view_sd: Histogram,
    shift_sd: Histogram,
    n_modes: usize,
    n_between: usize,
    n_on_grid: usize,
    n_inverted: usize,
    view_off: Histogram,
    shift_off: Histogram,
    n_known: usize,
    n_beyond: usize,
    n_with_odds: usize,
    n_empty: usize,
    probability: f64,
    n_with_probability: usize,
    n_searched: usize,
    evaluated: f64,
    n_pruned: usize,
    n_audited: usize,
    lost: f64,
    most_lost: f64,
    /// Images of which more was lost than was allowed, the first few.
    lossy: Vec<usize>,
    n_lossy: usize,
}

/// The same in numbers, of the images' best structures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RightSummary {
    /// Images that were looked at between the grid's poses.
    pub n_refined: usize,
    /// The 5 %, 50 % and 95 % quantiles of ln L − that over the grid, nats.
    pub gain_quantiles: Option<[f64; 3]>,
    /// Modes of an image, the mean.
    pub mean_n_modes: f64,
    /// Images whose posterior is neither narrow nor broad against the grid's steps.
    pub n_between: usize,
    /// Images of which more than half of the posterior is the grid's.
    pub n_on_grid: usize,
    /// Median standard deviation of views, degrees.
    pub view_sd_deg: Option<f64>,
    /// Median standard deviation of displacements, Å.
    pub shift_sd_angstrom: Option<f64>,
    /// Images that fit better with the opposite sign.
    pub n_inverted: usize,
    /// Images whose pose was known beforehand.
    pub n_known: usize,
    /// Of these, how many have their best mode beyond two standard deviations of the prior.
    pub n_beyond: usize,
    /// Images that more likely show nothing than a particle, were as many without as with one.
    pub n_empty: usize,
    /// The share of images that show a particle: the mean of how likely each does; `None` where that is not known.
    pub particle_share: Option<f64>,
    /// The share of all poses that was looked at in full, the mean over images and structures.
    pub evaluated_share: Option<f64>,
    /// Images, times structures, some of whose poses were left out.
    pub n_pruned: usize,
    /// Of these, how many were searched without leaving out anything, too.
    pub n_audited: usize,
    /// What that added to ln L in nats: in the mean, and the most.
    pub audit: Option<[f64; 2]>,
}

impl RightFindings {
    pub(crate) fn new() -> Self {
        Self {
            n: 0,
            gain: Histogram::new(-50.0, 50.0, 10_000),
            view_sd: Histogram::new(0.0, 180.0, 18_000),
            shift_sd: Histogram::new(0.0, 100.0, 10_000),
            n_modes: 0,
            n_between: 0,
            n_on_grid: 0,
            n_inverted: 0,
            view_off: Histogram::new(0.0, 180.0, 18_000),
            shift_off: Histogram::new(0.0, 1000.0, 10_000),
            n_known: 0,
            n_beyond: 0,
            n_with_odds: 0,
            n_empty: 0,
            probability: 0.0,
            n_with_probability: 0,
            n_searched: 0,
            evaluated: 0.0,
            n_pruned: 0,
            n_audited: 0,
            lost: 0.0,
            most_lost: f64::NEG_INFINITY,
            lossy: Vec::new(),
            n_lossy: 0,
        }
    }

    /// Adds an image: what was found with its best structure, and its ln L.
    pub(crate) fn add(&mut self, numbers: &RefinedNumbers, log_likelihood: f64, right: &RightSettings) {
        self.n_inverted += usize::from(numbers.get("is_inverted") == Some(1.0));
        if let Some(odds) = numbers.get("log_odds_particle") {
            self.n_with_odds += 1;
            self.n_empty += usize::from(odds < 0.0);
        }
        if let Some(probability) = numbers.get("p_particle") {
            self.n_with_probability += 1;
            self.probability += probability;
        }
        let Some(n_modes) = numbers.get("n_modes") else { return };
        self.n += 1;
        self.n_modes += n_modes as usize;
        self.n_between += usize::from(numbers.get("is_between") == Some(1.0));
        self.n_on_grid += usize::from(numbers.get("grid_share").is_some_and(|share| share > 0.5));
        if let Some(grid) = numbers.get("log_likelihood_grid") {
            self.gain.add(log_likelihood - grid);
        }
        for (histogram, name) in [(&mut self.view_sd, "view_sd_deg"), (&mut self.shift_sd, "shift_sd_angstrom")] {
            if let Some(value) = numbers.get(name) {
                histogram.add(value);
            }
        }
        if let (Some(view), Some(shift)) = (numbers.get("prior_view_deg"), numbers.get("prior_shift_angstrom")) {
            self.n_known += 1;
            let is_beyond = view > 2.0 * right.view_sigma_deg || shift > 2.0 * right.shift_sigma_angstrom;
            self.n_beyond += usize::from(is_beyond);
            self.view_off.add(view);
            self.shift_off.add(shift);
        }
    }

    /// Adds what was left out of an image, by its place among all, with any structure.
    pub(crate) fn add_search(&mut self, numbers: &RefinedNumbers, image: usize, right: &RightSettings) {
        let Some(share) = numbers.get("evaluated_share") else { return };
        self.n_searched += 1;
        self.evaluated += share;
        self.n_pruned += usize::from(share < 1.0);
        let Some(lost) = numbers.get("audit_difference") else { return };
        self.n_audited += 1;
        self.lost += lost;
        self.most_lost = self.most_lost.max(lost);
        if right.pruning.is_some_and(|pruning| lost > MOST_LOST * pruning.loss) && self.lossy.last() != Some(&image) {
            self.n_lossy += 1;
            if self.lossy.len() < MOST_NAMED {
                self.lossy.push(image);
            }
        }
    }

    pub(crate) fn summary(&self) -> RightSummary {
        let quantile = |share| self.gain.quantile(share);
        RightSummary {
            n_refined: self.n,
            gain_quantiles: quantile(0.05).zip(quantile(0.5)).zip(quantile(0.95)).map(|((a, b), c)| [a, b, c]),
            mean_n_modes: self.n_modes as f64 / self.n.max(1) as f64,
            n_between: self.n_between,
            n_on_grid: self.n_on_grid,
            view_sd_deg: self.view_sd.quantile(0.5),
            shift_sd_angstrom: self.shift_sd.quantile(0.5),
            n_inverted: self.n_inverted,
            n_known: self.n_known,
            n_beyond: self.n_beyond,
            n_empty: self.n_empty,
            particle_share: (self.n_with_probability > 0).then(|| self.probability / self.n_with_probability as f64),
            evaluated_share: (self.n_searched > 0).then(|| self.evaluated / self.n_searched as f64),
            n_pruned: self.n_pruned,
            n_audited: self.n_audited,
            audit: (self.n_audited > 0).then(|| [self.lost / self.n_audited as f64, self.most_lost]),
        }
    }

    /// What is out of the ordinary: known poses that most images contradict.
    pub(crate) fn warnings(&self, right: &RightSettings) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if 2 * self.n_empty > self.n_with_odds {
            let images = counted(self.n_with_odds, "image");
            let message = format!("{} of {images} more likely show nothing than a particle", self.n_empty);
            warnings.push(Warning { code: "few-particles", message: message.into() });
        }
        if self.n_lossy > 0 {
            let named: Vec<String> = self.lossy.iter().map(usize::to_string).collect();
            let more = if self.n_lossy > named.len() { ", …" } else { "" };
            warnings.push(Warning {
                code: "audit",
                message: Text::from(format!(
                    "leaving out poses cost up to {:.2} nats of ln L, more than {MOST_LOST:.0} times what it may, in {} of the audited                      (images {}{more}); search all poses with ",
                    self.most_lost,
                    counted(self.n_lossy, "image"),
                    named.join(", ")
                )) + Hint::Give(Setting::Exhaustive),
            });
        }
        if right.poses_from == PosesFrom::Search || self.n_known == 0 {
            return warnings;
        }
        let medians = [&self.view_off, &self.shift_off].map(|histogram| histogram.quantile(0.5).unwrap_or(0.0));
        let [view, shift] = medians;
        let is_off = view > right.view_sigma_deg || shift > right.shift_sigma_angstrom;
        if 5 * self.n_beyond <= self.n_known && !is_off {
            return warnings;
        }
        warnings.push(Warning {
            code: "prior-contradicted",
            message: Text::from(format!(
                "the best poses of {} of {} lie farther than two standard deviations from the known ones, in the median {view:.1}° and \
                 {shift:.1} Å off: the structures may stand in another frame (centre, hand or axes) than the one that the poses were \
                 found with; then search all poses with ",
                self.n_beyond,
                counted(self.n_known, "image")
            )) + Hint::Choose(Setting::PosesFrom, "search"),
        });
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_added() {
        let mut histogram = Histogram::new(0.0, 10.0, 1000);
        (0..101).for_each(|i| histogram.add(0.1 * f64::from(i)));
        assert!((histogram.quantile(0.5).unwrap() - 5.0).abs() < 0.02);
        assert!(histogram.quantile(1.0).unwrap() > 9.9 && histogram.quantile(0.0).unwrap() < 0.01);
        assert_eq!(Histogram::new(0.0, 1.0, 2).quantile(0.5), None);
    }

    #[test]
    fn poses_that_contradict_are_told() {
        let right = RightSettings { poses_from: PosesFrom::Source, ..RightSettings::default() };
        let image = |view: f64| {
            let mut numbers = [0.0; crate::refined::FIELDS.len()];
            let at = crate::refined::FIELDS.iter().position(|name| *name == "prior_view_deg").unwrap();
            numbers[at] = view;
            // An image that shows a particle.
            numbers[crate::refined::FIELDS.iter().position(|name| *name == "log_odds_particle").unwrap()] = 3.0;
            RefinedNumbers(numbers)
        };
        let mut findings = RightFindings::new();
        (0..79).for_each(|_| findings.add(&image(3.0), 0.0, &right));
        (0..21).for_each(|_| findings.add(&image(21.0), 0.0, &right));
        let warnings = findings.warnings(&right);
        assert!(warnings[0].message.to_string().contains("21 of 100 images"), "{warnings:?}");
        findings.add(&image(3.0), 0.0, &right);
        (0..10).for_each(|_| findings.add(&image(3.0), 0.0, &right));
        assert!(findings.warnings(&right).is_empty());
        assert_eq!((findings.summary().n_known, findings.summary().n_beyond), (111, 21));
    }
}
