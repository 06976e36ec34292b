//! What is wrong with images and templates, with the files that they are in.

use std::sync::atomic::Ordering;

use verglas_core::StopFlag;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::hint::{Hint, Setting, Text};
use verglas_likelihood::LikelihoodError;
use verglas_run::disk::in_words;

use crate::stacks::ImageStack;
use crate::structures::StructureTemplates;

/// That more memory is needed than is allowed, for `what`.
pub(crate) fn too_little_memory(what: &str, needed: u64, allowed: u64) -> Error {
    Error::value(format!("{what} takes {} of memory, {} are allowed", in_words(needed), in_words(allowed)))
        .with_hint("allow more with " + Hint::Give(Setting::Memory))
}

/// Goes on with what is prepared before anything is written.
///
/// # Errors
/// When it is stopped.
pub(crate) fn unless_stopped(stop: &StopFlag) -> Result<()> {
    if stop.load(Ordering::Relaxed) { Err(stopped_at_first()) } else { Ok(()) }
}

fn stopped_at_first() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped before anything was written")
}

/// What can be done about images that can't be compared.
pub(crate) fn leave_out() -> Text {
    Hint::Give(Setting::SkipUnreadable) + " leaves such images out, and the tables say which"
}

/// Which images of which stack were compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compared<'a> {
    pub(crate) stack: &'a ImageStack,
    /// The places in it of the images that were handed in.
    pub(crate) places: &'a [usize],
}

/// The error with its places in files; `held` bytes are taken beside what the comparison takes.
pub(crate) fn told(
    error: LikelihoodError,
    structure: &StructureTemplates,
    compared: Option<Compared<'_>>,
    held: u64,
) -> Error {
    let templates = structure.path.display();
    let image_of = |image: usize| match compared {
        Some(Compared { stack, places }) => stack.label_of(places.get(image).copied().unwrap_or(image)),
        None => format!("image {image}"),
    };
    let view_of = |view: usize| {
        let views = &structure.views;
        let angles = match (views.azimuth.get(view), views.polar.get(view)) {
            (Some(azimuth), Some(polar)) => format!(" (azimuth {azimuth}, polar angle {polar})"),
            _ => String::new(),
        };
        format!("template {view}{angles}")
    };
    let place = |shell: usize, inplane: usize| format!("shell {shell}, in-plane {inplane} is not a finite number");
    match error {
        LikelihoodError::TemplateNotFinite { view, shell, inplane } => {
            Error::format(format!("`{templates}`: {}: {}", view_of(view), place(shell, inplane)))
        }
        LikelihoodError::TemplateNorm { view } => Error::format(format!("`{templates}`: {} has norm 0", view_of(view))),
        LikelihoodError::ImageNotFinite { image, shell, inplane } => {
            Error::format(format!("{}: {}", image_of(image), place(shell, inplane))).with_hint(leave_out())
        }
        LikelihoodError::ImageNorm { image } => {
            Error::format(format!("{} has norm 0 once the constant is taken out", image_of(image)))
                .with_hint(leave_out())
        }
        LikelihoodError::Contrast { image, problem } => Error::format(format!("{}: {problem}", image_of(image))),
        LikelihoodError::PairNorm { image, view } => Error::format(format!(
            "{} and `{templates}`: {} has norm 0 under the contrast transfer",
            image_of(image),
            view_of(view)
        )),
        LikelihoodError::Memory { needed, given } => {
            let what = format!("comparing images with `{templates}`");
            too_little_memory(&what, needed.saturating_add(held), given.saturating_add(held))
        }
        LikelihoodError::NothingNear { image } => {
            Error::value(format!("{}: no view and rotation of the grid is near its known pose", image_of(image)))
                .with_hint(
                    "allow more distance with " + Hint::Give(Setting::ViewSigma) + ", or make templates of more views",
                )
        }
        LikelihoodError::Stopped => stopped_at_first(),
        other => Error::value(format!("`{templates}`: {other}")),
    }
}
