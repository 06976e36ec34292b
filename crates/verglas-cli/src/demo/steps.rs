//! The demo's steps, each as its own command would do it.

use std::path::Path;

use verglas::convert::RecordedConversion;
use verglas::metadata::Input;
use verglas::report::{REPORT, ReportSettings, ReportSummary, write_report};
use verglas::scoring::{LikelihoodSettings, LikelihoodSummary, Particles, RecordedLikelihood};
use verglas::settings::{ConvertSettings, DefocusAngleAxis, Existing};
use verglas::simulate::SimulationSettings;
use verglas::structures::Input as Structure;
use verglas::templates::{
    DescriptorSource, RecordedTemplates, TemplateJobSettings, TemplateOverrides, TemplateSummary,
};
use verglas::weights::{Weights, WeightsRecord, WeightsSettings};
use verglas::{Error, ErrorKind, Result, Summary};
use verglas_run::manifest::{FolderRecord, InputRecord};

use super::molecule::{CONFORMATIONS, is_there};
use super::{BATCH_SIZE, Folders, N_PARTICLES};
use crate::failure::Failure;
use crate::messages::Messages;

/// Distance between viewing directions, radians: the likelihood looks between them.
pub const VIEWING_DISTANCE: f64 = 0.3;
/// How far templates are displaced, pixels: somewhat farther than particles are.
pub const MAX_DISPLACEMENT_PIXELS: f64 = 3.5;
/// How many displacements are tried along each axis.
pub const N_DISPLACEMENTS: usize = 5;

/// The names of both structures.
fn names() -> Vec<&'static str> {
    CONFORMATIONS.iter().map(|conformation| conformation.name()).collect()
}

/// Only what an earlier demo wrote is used or replaced.
///
/// # Errors
/// When something else is in one of the folders.
pub fn refuse_other_runs(folders: &Folders) -> Result<()> {
    for conformation in &CONFORMATIONS {
        is_there(conformation, &folders.structures).map_err(with_hint)?;
    }
    let star = folders.star();
    if n_images_named(&star).is_some_and(|n| n != N_PARTICLES) {
        return Err(with_hint(Error::new(ErrorKind::Exists, format!("`{}` exists already", star.display()))));
    }
    let refused = |folder: &Path, what: &str| {
        let message = format!("`{}` holds {what} that were not made by a demo", folder.display());
        Err(with_hint(Error::value(message)))
    };
    if let Ok(record) = FolderRecord::read(&folders.stacks) {
        let first = record.first();
        let batch_size = RecordedConversion::of(first).batch_size;
        if first.shard.is_some() || first.plan.n_images != N_PARTICLES || batch_size != Some(BATCH_SIZE) {
            return refused(&folders.stacks, "stacks");
        }
    }
    if let Ok(record) = FolderRecord::read(&folders.templates) {
        let first = record.first();
        let is_ours = matches!(first.settings.input, InputRecord::Structures { .. })
            && RecordedTemplates::of(first).structures == names()
            && first.shard.is_none();
        if !is_ours {
            return refused(&folders.templates, "templates");
        }
    }
    if let Ok(record) = FolderRecord::read(&folders.likelihood) {
        let first = record.first();
        let settings = RecordedLikelihood::of(first);
        let is_ours = settings.structures == names()
            && settings.n_images.iter().sum::<usize>() == N_PARTICLES
            && first.shard.is_none();
        if !is_ours {
            return refused(&folders.likelihood, "likelihoods");
        }
    }
    if let Ok(record) = WeightsRecord::read(&folders.weights) {
        let of = record.structures.iter().map(|structure| structure.name.as_str());
        if !of.eq(names()) || record.n_images != N_PARTICLES {
            return refused(&folders.weights, "weights");
        }
    }
    Ok(())
}

fn with_hint(error: Error) -> Error {
    error.with_hint("choose another folder: `verglas demo FOLDER`")
}

/// How many images a STAR file names; `None` without one.
fn n_images_named(star: &Path) -> Option<usize> {
    Some(std::fs::read(star).ok()?.iter().filter(|&&byte| byte == b'@').count())
}

/// Makes the images.
///
/// # Errors
/// When they can't be written, or another data set is there.
pub fn simulate(
    simulation: &SimulationSettings,
    folders: &Folders,
    messages: Messages,
) -> std::result::Result<(), Failure> {
    match crate::simulate::write(simulation, &folders.data, messages) {
        Ok(_) => Ok(()),
        // An earlier demo's data set: made from the same seed, so it is the same. The metadata come last.
        Err(Failure::Run(error))
            if error.kind() == ErrorKind::Exists && n_images_named(&folders.star()) == Some(N_PARTICLES) =>
        {
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

/// Keeps what an earlier demo finished, or starts over where that can't be.
fn kept_or_new<T>(run: impl Fn(Existing) -> std::result::Result<T, Failure>) -> std::result::Result<T, Failure> {
    match run(Existing::Resume) {
        // Another version's, or of files that have changed since; what is really wrong is wrong again.
        Err(Failure::Run(_)) => run(Existing::Overwrite),
        other => other,
    }
}

/// Particles become stacks.
///
/// # Errors
/// When the conversion fails.
pub fn convert(folders: &Folders, messages: Messages) -> std::result::Result<Summary, Failure> {
    kept_or_new(|existing| {
        let settings = ConvertSettings {
            batch_size: BATCH_SIZE,
            existing,
            image_dir: Some(folders.data.clone()),
            // The particles are astigmatic.
            defocus_angle_axis: DefocusAngleAxis::Rows,
            ..ConvertSettings::default()
        };
        crate::convert::convert(Input::IndexedStar(folders.star()), settings, &folders.stacks, messages)
    })
}

/// Structures become templates.
///
/// # Errors
/// When they can't be made.
pub fn templates(folders: &Folders, messages: Messages) -> std::result::Result<TemplateSummary, Failure> {
    kept_or_new(|existing| {
        let settings = TemplateJobSettings {
            overrides: TemplateOverrides { viewing_distance: Some(VIEWING_DISTANCE), ..TemplateOverrides::default() },
            existing,
            ..TemplateJobSettings::new(DescriptorSource::File(folders.stacks.clone()))
        };
        let structures = folders.structure_files().into_iter().map(Structure::File).collect();
        crate::templates::make(structures, settings, &folders.templates, messages)
    })
}

/// Images are compared with templates.
///
/// # Errors
/// When the comparison fails.
pub fn likelihood(folders: &Folders, messages: Messages) -> std::result::Result<LikelihoodSummary, Failure> {
    // Every image shows a particle, so there is nothing to learn from of images that show none.
    let messages = messages.without(&["particle-share-unknown"]);
    kept_or_new(|existing| {
        let settings = LikelihoodSettings {
            max_displacement_pixels: MAX_DISPLACEMENT_PIXELS,
            n_displacements: [N_DISPLACEMENTS; 2],
            existing,
            ..LikelihoodSettings::default()
        };
        let (stacks, templates) = (Particles::Stacks(folders.stacks.clone()), &folders.templates);
        crate::likelihood::compare(stacks, templates, settings, &folders.likelihood, messages)
    })
}

/// Likelihoods become weights.
///
/// # Errors
/// When they can't be found.
pub fn weights(folders: &Folders, messages: Messages) -> std::result::Result<Weights, Failure> {
    // That images tell these structures apart is what the demo shows.
    let messages = messages.without(&["one-hot"]);
    let settings = WeightsSettings { overwrite: true, ..WeightsSettings::default() };
    crate::weights::weigh(&folders.likelihood, settings, &folders.weights, messages)
}

/// A page about each folder.
///
/// # Errors
/// When one can't be written.
pub fn reports(folders: &Folders) -> Result<Vec<ReportSummary>> {
    let folders = [&folders.stacks, &folders.templates, &folders.likelihood, &folders.weights];
    folders.iter().map(|folder| write_report(folder, &folder.join(REPORT), &ReportSettings::default())).collect()
}
