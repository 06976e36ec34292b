//! From likelihoods back to the rows of the metadata, with best poses in them.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;
use verglas_fourier::grid::Precision;
use verglas_particles::export::{Export, Exported, FoundPose, export_poses, export_recorded_poses};
use verglas_particles::stack::FOURIER_FOLDER;

use crate::number::Number;
use crate::prepare::LikelihoodJob;
use crate::reopen::{FinishedFolder, place_among};
use crate::row::StackResults;

/// Whose pose each image gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PoseOf {
    /// That of the image's best structure.
    #[default]
    Best,
    /// That of the structure at this place in the list of templates, from 0.
    Structure(usize),
}

impl FromStr for PoseOf {
    type Err = Error;

    /// `best`, or a structure's place.
    fn from_str(text: &str) -> Result<Self> {
        match text.parse() {
            _ if text == "best" => Ok(Self::Best),
            Ok(place) => Ok(Self::Structure(place)),
            Err(_) => Err(Error::value(format!(
                "structure `{text}`, expected `best` or a place in the list of templates, from 0, such as 2"
            ))),
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoseExport {
    /// The folder of stacks that was compared, or the STAR or `.cs` file that it was made from; of likelihoods that were made
    /// straight from particles, what they were made from, or a folder of the same images' stacks.
    pub particles: PathBuf,
    /// The folder of likelihoods.
    pub likelihood: PathBuf,
    /// Whose poses.
    pub pose_of: PoseOf,
    /// A `.npy` or `.pt` with a mask over all images of the likelihoods or with indices into them; `None` for all images.
    pub rows: Option<PathBuf>,
    /// Names of new columns, and the `.npy` or `.pt` with one value for each image of the likelihoods.
    pub columns: Vec<(String, PathBuf)>,
    /// The file to write: `.star` or `.cs`, as the source is.
    pub output: PathBuf,
    /// Whether `output` may be replaced.
    pub overwrite: bool,
}

/// Writes the rows of the metadata that the images of a folder of likelihoods came from, with the best poses, structures and
/// log-likelihoods ([`export_poses`]). Of likelihoods, the integrated one counts, else the optimal one.
///
/// # Errors
/// When the folder is not whole, or the particles or templates are not what it was made from; as
/// [`verglas_particles::export::export`].
pub fn export_likelihood(export: &PoseExport, findings: &mut Findings) -> Result<Exported> {
    let folder = FinishedFolder::read(&export.likelihood)?;
    let is_folder = std::fs::metadata(&export.particles)
        .map_err(|error| Error::io(format_args!("cannot read `{}`", export.particles.display()), &error))?
        .is_dir();
    let has_stacks = export.particles.join(FOURIER_FOLDER).is_dir();
    let recorded = folder.recorded_images().filter(|_| !has_stacks);
    let stacks = if is_folder { export.particles.clone() } else { folder.particles() };
    let source = match &recorded {
        Some(_) => folder.other_source(&export.particles)?,
        None => (!is_folder).then(|| export.particles.clone()),
    };
    let job = folder.reopen(recorded.is_none().then_some(stacks.as_path()), findings)?;
    let poses = match job.precision() {
        Precision::Single => poses::<f32>(&job, &folder.root, export.pose_of)?,
        Precision::Double => poses::<f64>(&job, &folder.root, export.pose_of)?,
    };
    let rows = Export {
        folder: stacks,
        source,
        rows: export.rows.clone(),
        columns: export.columns.clone(),
        output: export.output.clone(),
        overwrite: export.overwrite,
    };
    match recorded {
        Some(images) => export_recorded_poses(&rows, &images, &poses, findings),
        None => export_poses(&rows, &poses, findings),
    }
}

/// The poses of all images, in order; `None` for one whose likelihood is not known.
fn poses<T: Number>(job: &LikelihoodJob, root: &Path, pose_of: PoseOf) -> Result<Vec<Option<FoundPose>>> {
    let given = match pose_of {
        PoseOf::Best => None,
        PoseOf::Structure(place) => Some(place_among(job, place, root)?),
    };
    let mut poses = Vec::with_capacity(job.n_images());
    for stack in 0..job.n_stacks() {
        let results = StackResults::<T>::read(job, root, stack)?;
        for image in 0..results.stack.n_images {
            let Some(best) = results.best(image) else {
                poses.push(None);
                continue;
            };
            let row = results.row(image, given.unwrap_or(best), Some(best));
            let log_likelihood = row.integrated.unwrap_or(row.optimal);
            poses.push((!log_likelihood.is_nan()).then_some(FoundPose {
                angles_deg: row.angles_deg,
                origin_angstrom: row.origin_angstrom,
                structure: u32::try_from(row.structure).unwrap_or(u32::MAX),
                log_likelihood,
            }));
        }
    }
    Ok(poses)
}
