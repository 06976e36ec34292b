//! The sign of the images: as stored, as `blob/sign` says, or inverted.

use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted};
use verglas_core::hint::{Hint, Setting, Text};

use crate::particle::ParticleTable;
use crate::plan::StackPlan;
use crate::settings::Contrast;

/// Warns how many particles of the plan are stored with inverted contrast, and what is done about it.
///
/// # Errors
/// When the sign is to be applied but the metadata have none, or one that is neither 1 nor −1.
pub(super) fn check_contrast(
    table: &ParticleTable,
    plan: &StackPlan,
    contrast: Contrast,
    findings: &mut Findings,
) -> Result<()> {
    let choose = |contrast: Contrast| Hint::Choose(Setting::Contrast, contrast.as_str());
    let Some(sign) = &table.blob_sign else {
        return match contrast {
            Contrast::BlobSign => Err(Error::value("contrast is set to follow blob/sign, which the metadata lack")
                .with_hint(choose(Contrast::Invert) + " inverts every image")),
            Contrast::AsStored | Contrast::Invert => Ok(()),
        };
    };
    if contrast == Contrast::BlobSign
        && let Some(odd) = plan.particles().find(|&particle| sign.get(particle).abs() != 1.0)
    {
        return Err(Error::format(format!("{}: blob/sign is {}, expected 1 or -1", table.place(odd), sign.get(odd))));
    }
    let n_negative = plan.particles().filter(|&particle| sign.get(particle) < 0.0).count();
    if n_negative > 0 {
        let what: Text = match contrast {
            Contrast::AsStored => {
                "all images are converted as stored; "
                    + choose(Contrast::BlobSign)
                    + " applies the sign, "
                    + choose(Contrast::Invert)
                    + " inverts every image"
            }
            Contrast::BlobSign => "these images are inverted".into(),
            Contrast::Invert => "every image is inverted, whatever its sign".into(),
        };
        findings.warn(
            "blob-sign",
            Text::from(format!(
                "blob/sign is -1 for {n_negative} of {}, which are stored with inverted contrast: ",
                counted(plan.n_images(), "particle")
            )) + what,
        );
    }
    Ok(())
}

/// Whether the image of `particle` is multiplied by −1.
pub(super) fn is_inverted(table: &ParticleTable, contrast: Contrast, particle: usize) -> bool {
    match contrast {
        Contrast::AsStored => false,
        Contrast::BlobSign => table.blob_sign.as_ref().is_some_and(|sign| sign.get(particle) < 0.0),
        Contrast::Invert => true,
    }
}
