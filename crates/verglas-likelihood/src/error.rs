//! What can be wrong with what is compared.

use thiserror::Error;

/// Why images and templates can't be compared. Views and images are counted from 0.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LikelihoodError {
    /// An array of another length than its shape asks for.
    #[error("{what}: {found} values, expected {expected}")]
    Length {
        /// The array.
        what: &'static str,
        /// How many values it should have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// A number that is not finite, negative or 0 where it must not be.
    #[error("{what} is {value}, expected {expected}")]
    Value {
        /// The quantity.
        what: String,
        /// What it is.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// No pose of the grid is near the known one.
    #[error("image {image}: no view, rotation and displacement of the grid is near the known pose")]
    NothingNear {
        /// The image.
        image: usize,
    },
    /// Displacements between which nothing can be integrated.
    #[error(
        "the displacements are no set of equal steps about (0, 0), axis 0 fastest: nothing between them can be integrated over"
    )]
    NoGrid,
    /// Templates between the views that can't be taken.
    #[error("templates between the views can't be taken: {0}")]
    Slices(String),
    /// A value of a template that is no number.
    #[error("template of view {view}: shell {shell}, in-plane {inplane} is not a finite number")]
    TemplateNotFinite {
        /// The view.
        view: usize,
        /// The shell.
        shell: usize,
        /// The angle on it.
        inplane: usize,
    },
    /// A template that is 0 everywhere.
    #[error("template of view {view}: norm is 0")]
    TemplateNorm {
        /// The view.
        view: usize,
    },
    /// A value of an image that is no number.
    #[error("image {image}: shell {shell}, in-plane {inplane} is not a finite number")]
    ImageNotFinite {
        /// The image.
        image: usize,
        /// The shell.
        shell: usize,
        /// The angle on it.
        inplane: usize,
    },
    /// An image that is 0 or constant.
    #[error("image {image}: norm is 0 once the constant is taken out")]
    ImageNorm {
        /// The image.
        image: usize,
    },
    /// A contrast transfer that is no number or 0 everywhere.
    #[error("image {image}: {problem}")]
    Contrast {
        /// The image.
        image: usize,
        /// What is wrong.
        problem: String,
    },
    /// A template that vanishes or is constant under an image's contrast transfer.
    #[error("image {image}, template of view {view}: norm is 0 under the contrast transfer")]
    PairNorm {
        /// The image.
        image: usize,
        /// The view.
        view: usize,
    },
    /// Whoever watched said that it is to stop.
    #[error("stopped before all images were compared")]
    Stopped,
    /// Less memory than the least that is needed.
    #[error("comparing takes at least {needed} bytes of memory, {given} are allowed")]
    Memory {
        /// The least.
        needed: u64,
        /// What was allowed.
        given: u64,
    },
}

impl LikelihoodError {
    /// The same error of images of which the first was image `first` of all.
    #[must_use]
    pub fn of_image_from(self, first: usize) -> Self {
        self.of_image(|image| image + first)
    }

    /// The same error of the images at other places: `place` says where each of them is.
    #[must_use]
    pub fn of_image(self, place: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::NothingNear { image } => Self::NothingNear { image: place(image) },
            Self::ImageNotFinite { image, shell, inplane } => {
                Self::ImageNotFinite { image: place(image), shell, inplane }
            }
            Self::ImageNorm { image } => Self::ImageNorm { image: place(image) },
            Self::Contrast { image, problem } => Self::Contrast { image: place(image), problem },
            Self::PairNorm { image, view } => Self::PairNorm { image: place(image), view },
            other => other,
        }
    }

    /// An error unless `found` is `expected`.
    ///
    /// # Errors
    /// [`LikelihoodError::Length`].
    pub fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self::Length { what, expected, found }) }
    }

    /// An error unless `value` is finite and above 0.
    pub(crate) fn check_positive(what: impl Into<String>, value: f64) -> Result<(), Self> {
        if value.is_finite() && value > 0.0 {
            Ok(())
        } else {
            Err(Self::Value { what: what.into(), value, expected: "a finite number above 0" })
        }
    }
}
