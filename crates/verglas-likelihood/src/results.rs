//! What comes of a comparison.

use crate::pose::ContinuousPose;

/// One image against all templates of a structure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageResult {
    /// Largest correlation.
    pub cross_correlation: f64,
    /// Its view; of equals the lowest, then the lowest displacement, then rotation.
    pub template: usize,
    /// Its place among the displacements.
    pub displacement: usize,
    /// How far the template is moved in its own frame, Å.
    pub displacement_angstrom: [f64; 2],
    /// Whether the best pose is at the edge of what was searched: the displacement at the rim of all, or near known poses any part of it
    /// beyond nine tenths of the prior's reach.
    pub is_at_edge: bool,
    /// How far the best pose lies from the known one, radians and Å, if one is known: between the grid's poses where these were looked
    /// at.
    pub prior_distance: Option<(f64, f64)>,
    /// w, its rotation being 2πw/P.
    pub rotation: usize,
    /// ℓ at that pose.
    pub log_likelihood_optimal: f64,
    /// ℓ over all poses, the mean of exp ℓ; NaN where it was not asked for.
    pub log_likelihood_integrated: f64,
    /// The smallest correlation: larger in size than the best one where contrast is inverted.
    pub smallest_cross_correlation: f64,
    /// Whether 1 − cc² was too small to be anything but rounding.
    pub is_without_noise: bool,
    /// Scale of the template in the image at that pose, B/A.
    pub contrast: f64,
    /// Its standard deviation, √(E/(2pA)).
    pub contrast_sd: f64,
    /// How much larger ln L can be for the poses that were not looked at in full, in nats; 0 where all were.
    pub pruned_mass: f64,
    /// The share of the grid's poses that were looked at in full, of those that are possible.
    pub evaluated_share: f64,
    /// What lies between the grid's points, where that was asked for.
    pub refined: Option<Refined>,
}

/// One image against one template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairResult {
    /// Largest correlation over displacements and rotations.
    pub cross_correlation: f64,
    /// Its place among the displacements.
    pub displacement: u32,
    /// w, its rotation being 2πw/P.
    pub rotation: u32,
    /// ln of the mean of exp ℓ over displacements and rotations; NaN where it was not asked for.
    pub log_likelihood: f64,
}

/// Images against the templates of one structure.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Comparison<T> {
    /// One for each image.
    pub images: Vec<ImageResult>,
    /// `[images, views]`, where asked for; else empty.
    pub pairs: Vec<PairResult>,
    /// All correlations, `[images, views, displacements, rotations]`, where asked for; else empty.
    pub cross_correlations: Vec<T>,
    /// `[images, scales]`, ln of the odds that there is a particle, for each of the scales that were asked for.
    pub log_odds: Vec<f64>,
}

/// What is found of one image between the grid's points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refined {
    /// ln L.
    pub log_likelihood: f64,
    /// ℓ₊ at the best mode.
    pub log_likelihood_optimal: f64,
    /// Correlation there.
    pub cross_correlation: f64,
    /// The best mode's pose.
    pub pose: ContinuousPose,
    /// B/A there, and √(E/(2pA)).
    pub contrast: f64,
    /// The standard deviation of the contrast.
    pub contrast_sd: f64,
    /// How many modes were summed over lattices.
    pub n_modes: usize,
    /// The best mode's share of the posterior.
    pub mode_share: f64,
    /// The share of the posterior outside of all lattices.
    pub grid_share: f64,
    /// Standard deviation of the view, radians: the root of the mean of its two variances.
    pub view_sd_rad: f64,
    /// Of the rotation in the plane, radians.
    pub psi_sd_rad: f64,
    /// Of the displacement, Å; 0 where none is searched.
    pub shift_sd_angstrom: f64,
    /// Whether the posterior is neither the lattices' nor the grid's, though the grid is coarse for it.
    pub is_between: bool,
}
