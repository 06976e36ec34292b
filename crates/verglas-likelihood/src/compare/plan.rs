//! What is prepared once for the templates of a structure.

use super::basis::{Basis, Spectrum};
use super::few_shells::FewShells;
use super::positive::Negative;
use super::samples::bytes_of_samples;
use super::simd::Dispatch;
use super::templates::{Transform, are_real, n_phases, phases};
use super::watch::GoOn;
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::formula::{ContrastSign, DegreesOfFreedom, Formula, LogLikelihood};
use crate::geometry::Geometry;
use crate::odds::InverseGain;
use crate::real::Real;
use crate::sets::TemplateSet;

/// What is computed, and with what.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonSettings {
    /// Whose formulas count.
    pub formula: Formula,
    /// Which scales are possible.
    pub sign: ContrastSign,
    /// How many independent values an image has.
    pub degrees_of_freedom: DegreesOfFreedom,
    /// Whether the displacement (0, 0) that is appended to even numbers of them weighs in the integral.
    pub weighs_appended: bool,
    /// Whether likelihoods are integrated over poses.
    pub integrated: bool,
    /// Whether the best pose of each image with each template is kept.
    pub pairs: bool,
    /// Whether all correlations are kept: images · views · displacements · rotations numbers.
    pub full: bool,
    /// What is left out of the search over all poses, if anything; not with `pairs` or `full`, nor with CryoLike's formulas.
    pub pruning: Option<Pruning>,
    /// Scales of particles against the noise's standard deviation, for which the odds that there is one are computed; not where
    /// likelihoods aren't integrated.
    pub particle_scales: Vec<f64>,
    /// Number of threads; decides nothing about the results.
    pub n_threads: usize,
    /// What buffers may take, in bytes, results and inputs not counted; decides nothing about the results.
    pub memory_bytes: u64,
}

/// Fewer views and displacements are all looked at.
const FEW_POSES: usize = 20_000;

/// Which poses are not looked at in full, by what half of the resolution says of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pruning {
    /// How much ln L may be too low, in nats.
    pub loss: f64,
    /// How many standard deviations of the noise a pose may gain beyond what is expected of the right one.
    pub z: f64,
}

impl Default for Pruning {
    fn default() -> Self {
        Self { loss: 1e-2, z: 3.0 }
    }
}

impl Default for ComparisonSettings {
    fn default() -> Self {
        Self {
            formula: Formula::Right,
            sign: ContrastSign::Any,
            degrees_of_freedom: DegreesOfFreedom::Band,
            weighs_appended: true,
            integrated: true,
            pairs: false,
            full: false,
            pruning: None,
            particle_scales: Vec::new(),
            n_threads: 1,
            memory_bytes: 2 << 30,
        }
    }
}

impl ComparisonSettings {
    /// What is left out, where that can be.
    pub fn pruning(&self) -> Option<Pruning> {
        let can_be = self.integrated && !self.pairs && !self.full && !self.formula.is_cryolike();
        self.pruning.filter(|_| can_be)
    }

    /// Whether half of the resolution is looked at first: not where there are so few poses that little could be saved.
    pub fn looks_coarsely(&self, n_views: usize, n_displacements: usize) -> bool {
        self.pruning().is_some() && n_views.saturating_mul(n_displacements) >= FEW_POSES
    }

    /// The scales of particles for which odds are computed.
    pub(crate) fn scales(&self) -> &[f64] {
        if self.integrated { &self.particle_scales } else { &[] }
    }
}

/// Poses so many nats below the best one may be modes of their own.
pub(crate) const CANDIDATE_NATS: f64 = 12.0;

/// Displacements of a grid in bands of few rows, so that those of one vector are near to each other.
fn in_bands(displacements: &Displacements, lanes: usize) -> Vec<usize> {
    let n_all = displacements.len();
    let Some(grid) = displacements.grid() else { return (0..n_all).collect() };
    let [n_0, n_1] = grid.n;
    if n_0 * n_1 > n_all {
        // Those near a known one are not all of it.
        return (0..n_all).collect();
    }
    let height = if lanes >= 16 { 4 } else { 2 };
    let mut order = Vec::with_capacity(n_all);
    for (band, first) in (0..n_1).step_by(height).enumerate() {
        for column in 0..n_0 {
            // Back and forth.
            let column = if band % 2 == 0 { column } else { n_0 - 1 - column };
            order.extend((first..n_1.min(first + height)).map(|row| row * n_0 + column));
        }
    }
    order.extend(n_0 * n_1..n_all);
    order
}

/// Everything about the templates that images are compared with.
#[derive(Debug)]
pub(crate) struct Plan<'a, T: Real> {
    pub geometry: &'a Geometry,
    pub templates: TemplateSet<'a, T>,
    pub displacements: &'a Displacements,
    pub settings: ComparisonSettings,
    pub likelihood: LogLikelihood,
    /// Back from ℓ₊ to correlations, where odds are computed.
    pub inverse_gain: Option<InverseGain>,
    /// What is summed of correlations below 0, where scales must be above 0.
    pub negative: Option<Negative<T>>,
    pub basis: Basis<T>,
    pub transform: Transform<T>,
    /// The displacements, in the order in which they stand in strips of one vector.
    pub order: Vec<usize>,
    /// Empty until [`Plan::make_phases`].
    pub phases: Vec<T>,
    pub lanes: usize,
    /// Whether the best pose of each image with each view is kept.
    pub keeps_views: bool,
    /// The shells that do for templates between the views, where not all are needed.
    pub few_shells: Option<FewShells>,
}

impl<'a, T: Dispatch> Plan<'a, T> {
    pub fn new(
        geometry: &'a Geometry,
        templates: TemplateSet<'a, T>,
        displacements: &'a Displacements,
        settings: ComparisonSettings,
        go_on: GoOn<'_>,
    ) -> Result<Self, LikelihoodError> {
        // Correlations with noise err by √(share/M), M numbers being independent: by 6e-8, or 2e-8 where CryoLike's are
        // to be met.
        let per_number = if settings.formula.is_cryolike() { 4e-16 } else { 4e-15 };
        Self::with_error(geometry, templates, displacements, settings, per_number, go_on)
    }

    /// The same, whose correlations with noise may err by √`per_number`.
    pub fn with_error(
        geometry: &'a Geometry,
        templates: TemplateSet<'a, T>,
        displacements: &'a Displacements,
        settings: ComparisonSettings,
        per_number: f64,
        go_on: GoOn<'_>,
    ) -> Result<Self, LikelihoodError> {
        let likelihood =
            LogLikelihood::of::<T>(geometry, settings.formula, settings.degrees_of_freedom, settings.sign)?;
        let are_real = are_real(geometry, &templates);
        let is_odd = geometry.n_inplanes() % 2 == 1;
        let spectrum =
            if are_real || (settings.formula.is_cryolike() && is_odd) { Spectrum::Half } else { Spectrum::Full };
        let n_threads = settings.n_threads.max(1);
        let basis = if T::IS_SINGLE && are_real {
            let (needed, given) = (bytes_of_samples(geometry, n_threads), settings.memory_bytes);
            if needed > given {
                return Err(LikelihoodError::Memory { needed, given });
            }
            let share = per_number * geometry.degrees_of_freedom();
            Basis::of_templates(geometry, &templates, displacements, share, (n_threads, go_on))?
        } else {
            Basis::whole(geometry, spectrum)
        };
        let transform = Transform::new(geometry, are_real);
        let keeps_views = !settings.scales().is_empty();
        let inverse_gain = keeps_views.then(|| InverseGain::new(&likelihood));
        let negative = (settings.sign == ContrastSign::Positive).then(|| Negative::new(likelihood.mu()));
        let (phases, lanes) = (Vec::new(), T::lanes());
        let order = match settings.looks_coarsely(templates.n_views(), displacements.len()) {
            true => in_bands(displacements, lanes),
            false => (0..displacements.len()).collect(),
        };
        Ok(Self {
            geometry,
            templates,
            displacements,
            settings,
            likelihood,
            inverse_gain,
            negative,
            basis,
            transform,
            order,
            phases,
            lanes,
            keeps_views,
            few_shells: None,
        })
    }

    /// How far below the best a pose's score may lie to be one of the candidates.
    pub fn window(&self) -> f64 {
        match self.settings.sign {
            ContrastSign::Any => 2.0 * T::SEARCH_ERROR,
            ContrastSign::Positive => CANDIDATE_NATS,
        }
    }

    /// How many of the displacements weigh in the integral: all, or all but the one that is appended.
    pub fn n_weighted(&self) -> usize {
        self.displacements.len() - usize::from(!self.settings.weighs_appended && self.displacements.has_appended())
    }

    /// Makes the table of phases: what takes most memory that is not the images'.
    pub fn make_phases(&mut self) {
        let (shells, n_angles) = (&self.basis.shells, self.transform.n_angles);
        self.phases = phases(self.geometry, shells, self.displacements, &self.order, n_angles, self.lanes);
    }

    /// Bytes of that table at most: noise, which is not known when memory is planned, weighs in which shells are read.
    pub fn bytes_of_phases(&self) -> u64 {
        let n = n_phases(self.geometry.n_shells(), self.displacements, self.transform.n_angles, self.lanes);
        (n * size_of::<T>()) as u64
    }

    /// Bytes that making it took beside what stays.
    pub fn bytes_to_prepare(&self) -> u64 {
        if self.basis.is_whole() { 0 } else { bytes_of_samples(self.geometry, self.settings.n_threads.max(1)) }
    }
}
