//! What makes a likelihood right, as the Python modules say it: for jobs and for arrays.

use std::path::PathBuf;

use pyo3::prelude::*;
use verglas::Error;
use verglas::scoring::{IndependentValues, Likelihood, LikelihoodKind, NoiseModel, Pruning, RightSettings};

use crate::choices::choose;
use crate::error::{bad_value, exception};

/// Which likelihood, and what makes it right.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct RightValues {
    likelihood: Option<String>,
    degrees_of_freedom: Option<String>,
    contrast: Option<String>,
    noise: Option<PathBuf>,
    noise_groups: Option<String>,
    noise_images: Option<usize>,
    integral: Option<String>,
    modes: Option<usize>,
    prune: Option<f64>,
    prune_z: Option<f64>,
    exhaustive: bool,
    audit: Option<f64>,
    poses_from: Option<String>,
    view_sigma: Option<f64>,
    shift_sigma: Option<f64>,
    symmetry: Option<String>,
}

impl RightValues {
    /// How many independent values images are taken to have, if that is said.
    ///
    /// # Errors
    /// `ValueError` for an unknown word.
    pub fn independent_values(&self) -> PyResult<Option<IndependentValues>> {
        self.degrees_of_freedom.as_deref().map(|name| choose("degrees_of_freedom", name)).transpose()
    }

    /// Which likelihood is asked for.
    ///
    /// # Errors
    /// `ValueError` for a word that stands for nothing, and for parts of the right likelihood beside another.
    pub fn likelihood(&self, as_cryolike: bool) -> PyResult<Likelihood> {
        let kind: Option<LikelihoodKind> =
            self.likelihood.as_deref().map(|name| choose("likelihood", name)).transpose()?;
        if as_cryolike && kind == Some(LikelihoodKind::Right) {
            return Err(bad_value("as_cryolike and likelihood=\"right\" are given, expected one of the two"));
        }
        let given = [
            ("contrast", self.contrast.is_some()),
            ("noise", self.noise.is_some()),
            ("noise_groups", self.noise_groups.is_some()),
            ("noise_images", self.noise_images.is_some()),
            ("integral", self.integral.is_some()),
            ("modes", self.modes.is_some()),
            ("prune", self.prune.is_some()),
            ("prune_z", self.prune_z.is_some()),
            ("exhaustive", self.exhaustive),
            ("audit", self.audit.is_some()),
            ("poses_from", self.poses_from.is_some()),
            ("view_sigma", self.view_sigma.is_some()),
            ("shift_sigma", self.shift_sigma.is_some()),
            ("symmetry", self.symmetry.is_some()),
        ];
        if as_cryolike || kind == Some(LikelihoodKind::Plain) {
            let given: Vec<&str> = given.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name).collect();
            if given.is_empty() {
                return Ok(Likelihood::Plain);
            }
            return Err(bad_value(format!(
                "{} given: parts of likelihood=\"right\", which was not asked for",
                given.join(", ")
            )));
        }
        if self.exhaustive && (self.prune.is_some() || self.prune_z.is_some() || self.audit.is_some()) {
            return Err(bad_value("exhaustive is given with prune, prune_z or audit, expected one or the other"));
        }
        let defaults = RightSettings::default();
        let Pruning { loss, z } = defaults.pruning.unwrap_or_default();
        let pruning = Pruning { loss: self.prune.unwrap_or(loss), z: self.prune_z.unwrap_or(z) };
        let said = |error: Error| exception(&error);
        let noise = match &self.noise {
            None => NoiseModel::Spectrum,
            Some(path) => match path.to_str() {
                Some(text) => text.parse().map_err(said)?,
                None => NoiseModel::File(path.clone()),
            },
        };
        Ok(Likelihood::Right(RightSettings {
            sign: self.contrast.as_deref().map(|name| choose("contrast", name)).transpose()?.unwrap_or_default(),
            noise,
            noise_groups: self
                .noise_groups
                .as_deref()
                .map(|name| choose("noise_groups", name))
                .transpose()?
                .unwrap_or_default(),
            noise_images: self.noise_images.unwrap_or(defaults.noise_images),
            integral: self.integral.as_deref().map(|name| choose("integral", name)).transpose()?,
            n_modes: self.modes.unwrap_or(defaults.n_modes),
            pruning: (!self.exhaustive).then_some(pruning),
            audit_share: self.audit.unwrap_or(defaults.audit_share),
            poses_from: self.poses_from.as_deref().map(str::parse).transpose().map_err(said)?.unwrap_or_default(),
            view_sigma_deg: self.view_sigma.unwrap_or(defaults.view_sigma_deg),
            shift_sigma_angstrom: self.shift_sigma.unwrap_or(defaults.shift_sigma_angstrom),
            symmetry: self.symmetry.as_deref().map(str::parse).transpose().map_err(bad_value)?,
        }))
    }
}

/// Whether the words make sense together.
#[pyfunction]
pub fn check_right(words: RightValues, as_cryolike: bool) -> PyResult<()> {
    words.independent_values()?;
    words.likelihood(as_cryolike).map(drop)
}
