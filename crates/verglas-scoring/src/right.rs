//! What can be asked of the likelihood itself.

use std::path::PathBuf;
use std::str::FromStr;

use verglas_core::choice::choice;
use verglas_core::error::{Error, Result};
use verglas_fourier::sphere::PointGroup;
use verglas_likelihood::compare::Pruning;
use verglas_likelihood::refine::DEFAULT_MODES;
use verglas_likelihood::{ContrastSign, DegreesOfFreedom, PosePrior};

choice! {
    /// How many independent values an image is taken to have.
    pub enum IndependentValues("degrees of freedom", default Band) {
        /// 4πr_max²: what the disc of the polar grid holds.
        Band = "band",
        /// N²: all pixels, as CryoLike has it.
        Pixels = "pixels",
    }
}

impl IndependentValues {
    /// Of images of N × N pixels.
    pub fn of_images(self, n_pixels: usize) -> DegreesOfFreedom {
        match self {
            Self::Band => DegreesOfFreedom::Band,
            Self::Pixels => DegreesOfFreedom::Pixels { n_pixels },
        }
    }
}

choice! {
    /// Which scales of a structure in an image are possible.
    pub enum ScaleSign("contrast", default Positive) {
        /// Above 0 only.
        Positive = "positive",
        /// Of both signs: an inverted particle fits as well.
        Any = "any",
    }
}

impl ScaleSign {
    pub(crate) fn contrast_sign(self) -> ContrastSign {
        match self {
            Self::Positive => ContrastSign::Positive,
            Self::Any => ContrastSign::Any,
        }
    }
}

choice! {
    /// Which images share one spectrum of their noise.
    pub enum NoiseGroups("noise groups", default Constants) {
        /// Those that were taken with the same voltage, spherical aberration and amplitude contrast.
        Constants = "constants",
        /// All.
        All = "all",
    }
}

choice! {
    /// What likelihoods are integrated over.
    pub enum Integral("integral", default Refined) {
        /// All poses: those between the grid's, too.
        Refined = "refined",
        /// The grid's poses.
        Grid = "grid",
    }
}

/// How the noise depends on the spatial frequency.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum NoiseModel {
    /// As it is found from the images themselves.
    #[default]
    Spectrum,
    /// Not at all.
    White,
    /// As a `noise_spectrum.csv` says.
    File(PathBuf),
}

impl FromStr for NoiseModel {
    type Err = Error;

    /// `spectrum`, `white`, or a file.
    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "spectrum" => Self::Spectrum,
            "white" => Self::White,
            "" => return Err(Error::value("noise ``, expected `spectrum`, `white` or a noise_spectrum.csv")),
            path => Self::File(PathBuf::from(path)),
        })
    }
}

/// What is known of poses beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PosesFrom {
    /// Nothing: all are searched.
    #[default]
    Search,
    /// The images' own angles and origins.
    Source,
    /// The same, and nothing of images without.
    SourceOrSearch,
}

impl PosesFrom {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Source => "source",
            Self::SourceOrSearch => "source,search",
        }
    }
}

impl FromStr for PosesFrom {
    type Err = Error;

    /// `search`, `source` or `source,search`.
    fn from_str(text: &str) -> Result<Self> {
        [Self::Search, Self::Source, Self::SourceOrSearch]
            .into_iter()
            .find(|from| from.name() == text)
            .ok_or_else(|| Error::value(format!("poses from `{text}`, expected `search`, `source` or `source,search`")))
    }
}

/// What makes the likelihood right: each part can be turned off by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct RightSettings {
    /// Which scales are possible.
    pub sign: ScaleSign,
    /// The noise.
    pub noise: NoiseModel,
    /// Which images share a spectrum.
    pub noise_groups: NoiseGroups,
    /// How many images of a group the spectrum is found from, at most.
    pub noise_images: usize,
    /// What is integrated over; `None` for all poses where templates between the views can be had, else the grid's.
    pub integral: Option<Integral>,
    /// Modes of an image's poses that are looked at.
    pub n_modes: usize,
    /// What is left out of the search over all poses; `None` for nothing.
    pub pruning: Option<Pruning>,
    /// The share of the images that are searched without leaving out anything, too, to see what that costs.
    pub audit_share: f64,
    /// What is known of poses.
    pub poses_from: PosesFrom,
    /// Standard deviation of known rotations, degrees.
    pub view_sigma_deg: f64,
    /// Standard deviation of known origins, Å.
    pub shift_sigma_angstrom: f64,
    /// The structures' point group; `None` for that of the templates.
    pub symmetry: Option<PointGroup>,
}

/// Images of a group that its spectrum is found from.
pub const DEFAULT_NOISE_IMAGES: usize = 2000;
/// The share of images that are audited.
pub const DEFAULT_AUDIT_SHARE: f64 = 1e-3;
/// Standard deviation of known rotations, degrees.
pub const DEFAULT_VIEW_SIGMA_DEG: f64 = 10.0;
/// Standard deviation of known origins, Å.
pub const DEFAULT_SHIFT_SIGMA_ANGSTROM: f64 = 5.0;

impl Default for RightSettings {
    fn default() -> Self {
        Self {
            sign: ScaleSign::Positive,
            noise: NoiseModel::Spectrum,
            noise_groups: NoiseGroups::Constants,
            noise_images: DEFAULT_NOISE_IMAGES,
            integral: None,
            n_modes: DEFAULT_MODES,
            pruning: Some(Pruning::default()),
            audit_share: DEFAULT_AUDIT_SHARE,
            poses_from: PosesFrom::Search,
            view_sigma_deg: DEFAULT_VIEW_SIGMA_DEG,
            shift_sigma_angstrom: DEFAULT_SHIFT_SIGMA_ANGSTROM,
            symmetry: None,
        }
    }
}

impl RightSettings {
    /// Whether what may be left out of the search makes sense.
    ///
    /// # Errors
    /// When a number is not within its range.
    pub(crate) fn check_pruning(&self) -> Result<()> {
        if let Some(Pruning { loss, z }) = self.pruning {
            for (what, value) in
                [("ln L may be too low, in nats,", loss), ("standard deviations that poses may gain by chance", z)]
            {
                if !(value.is_finite() && value > 0.0) {
                    return Err(Error::value(format!(
                        "what is left out of the search: {what} is {value}, expected a finite number above 0"
                    )));
                }
            }
        }
        if !(0.0..=1.0).contains(&self.audit_share) {
            return Err(Error::value(format!(
                "share of the images that are audited is {}, expected 0 to 1",
                self.audit_share
            )));
        }
        Ok(())
    }

    /// How far poses may lie from known ones.
    ///
    /// # Errors
    /// When one of the standard deviations is not a finite number above 0.
    pub(crate) fn prior(&self) -> Result<PosePrior> {
        for (what, value) in
            [("rotations in degrees", self.view_sigma_deg), ("origins in Å", self.shift_sigma_angstrom)]
        {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::value(format!(
                    "standard deviation of known {what} is {value}, expected a finite number above 0"
                )));
            }
        }
        PosePrior::new(self.view_sigma_deg.to_radians(), self.shift_sigma_angstrom)
            .map_err(|error| Error::value(error.to_string()))
    }
}

choice! {
    /// Which log-likelihood.
    pub enum LikelihoodKind("likelihood", default Right) {
        /// A difference of one nat is one: the noise's colour, scales above 0, poses between the grid's.
        Right = "right",
        /// White noise, scales of both signs, poses of the grid alone.
        Plain = "plain",
    }
}

/// Which likelihood is computed.
#[derive(Debug, Clone, PartialEq)]
pub enum Likelihood {
    /// Differences of one nat are of one nat.
    Right(RightSettings),
    /// White noise, scales of any sign, poses of the grid.
    Plain,
}

impl Default for Likelihood {
    fn default() -> Self {
        Self::Right(RightSettings::default())
    }
}

impl Likelihood {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Right(_) => "right",
            Self::Plain => "plain",
        }
    }

    /// What makes it right, if that is asked for.
    pub fn right(&self) -> Option<&RightSettings> {
        match self {
            Self::Right(settings) => Some(settings),
            Self::Plain => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_choices() {
        assert_eq!("white".parse::<NoiseModel>().unwrap(), NoiseModel::White);
        assert_eq!("a/b.csv".parse::<NoiseModel>().unwrap(), NoiseModel::File("a/b.csv".into()));
        assert!("".parse::<NoiseModel>().is_err());
        assert_eq!("source,search".parse::<PosesFrom>().unwrap(), PosesFrom::SourceOrSearch);
        let error = "star".parse::<PosesFrom>().unwrap_err().to_string();
        assert!(error.contains("expected `search`, `source` or `source,search`"), "{error}");
    }

    #[test]
    fn a_prior_has_a_width() {
        assert!(RightSettings::default().prior().is_ok());
        let error = RightSettings { view_sigma_deg: 0.0, ..RightSettings::default() }.prior().unwrap_err().to_string();
        assert!(error.contains("rotations in degrees is 0, expected a finite number above 0"), "{error}");
    }
}
