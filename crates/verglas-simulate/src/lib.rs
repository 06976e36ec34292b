//! Simulated data sets with known truth.
//!
//! A known density ([`Density::of_known_particle`]), or structures that are given, are projected at random poses, exactly; each projection gets its own
//! contrast transfer function ([`verglas_fourier::ctf`]) and white Gaussian noise, and is written in any of the layouts that a
//! conversion reads ([`Layout`]). An image depends on the settings and its index alone: it is the same, bit for bit, in
//! every layout and with any number of threads (on one machine; another one's vector units may round differently).
//!
//! [`simulate`] writes a data set, [`ImageSimulator`] makes images without files.

mod cs;
mod density;
mod image;
mod layout;
mod particle;
mod settings;
mod stacks;
mod star;
mod structure;
mod truth;
mod whole_file;

pub use density::{Density, Gaussian, ProjectionGeometry};
pub use image::{ImageScratch, ImageSimulator};
pub use layout::{Dealing, Layout, Place};
pub use particle::SimulatedParticle;
pub use settings::{SimulatedOptics, SimulationSettings};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::{Observer, StopFlag};
use whole_file::{WholeFile, cannot_write};

/// Name of the file with the truth, in the data set's folder.
const TRUTH_FILE: &str = "truth.npz";

/// A data set that has been written, and the truth about it.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedDataSet {
    /// The metadata files: one, or one per image file in [`Layout::StarPairs`], in the order of the image files.
    pub metadata_files: Vec<PathBuf>,
    /// The image files.
    pub stack_files: Vec<PathBuf>,
    /// The truth in full precision, as arrays.
    pub truth_file: PathBuf,
    /// The particles, in the order of the metadata's rows (of all files together).
    pub particles: Vec<SimulatedParticle>,
    /// Where each particle's image is.
    pub places: Vec<Place>,
}

/// Writes a data set into the folder `directory`, which is made where it is missing.
///
/// Besides images and metadata, `truth.npz` holds one array per quantity, `[n_particles]`, in the order of the
/// metadata's rows and in full precision: `rot`, `tilt`, `psi` (radians, RELION's convention), `origin_x_angstrom`,
/// `origin_y_angstrom`, `defocus_u_angstrom`, `defocus_v_angstrom`, `defocus_angle_rad`, `phase_shift_rad`,
/// `voltage_kv`, `spherical_aberration_mm`, `amplitude_contrast`, `structure` (which of those given), `optics_group` and `micrograph` (from 0), `half` (0
/// or 1), `uid`, `stack` and `section` (from 0).
///
/// `observer` is called for the images that are written, on this thread. Files get their names when they are whole, the
/// metadata last.
///
/// ```
/// use verglas_core::{Silent, StopFlag};
/// use verglas_simulate::{SimulationSettings, simulate};
///
/// let folder = tempfile::tempdir()?;
/// let data_set = simulate(&SimulationSettings::new(10, 32), folder.path(), &Silent, &StopFlag::new(false))?;
/// assert_eq!(data_set.metadata_files, [folder.path().join("particles.star")]);
/// assert_eq!(data_set.stack_files.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// * [`ErrorKind::Value`]: see [`SimulationSettings::check`].
/// * [`ErrorKind::Exists`]: a file of that name is in the folder already; nothing is written.
/// * [`ErrorKind::Io`]: a file can't be written.
/// * [`ErrorKind::Interrupted`]: `stop` was set.
///
/// In the last two cases the files that were written are removed again.
pub fn simulate(
    settings: &SimulationSettings,
    directory: &Path,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<SimulatedDataSet> {
    let simulator = ImageSimulator::new(settings)?;
    let was_there = directory.exists();
    let n_stacks = settings.n_stacks();
    let dealing = Dealing::new(settings.layout, settings.n_particles, n_stacks);
    let in_directory = |path: PathBuf| directory.join(path);
    let stack_files: Vec<_> = (0..n_stacks).map(|stack| settings.layout.stack_path(stack)).map(in_directory).collect();
    let metadata_files: Vec<_> = settings.layout.metadata_paths(n_stacks).into_iter().map(in_directory).collect();
    let truth_file = directory.join(TRUTH_FILE);
    for path in metadata_files.iter().chain([&truth_file]).chain(&stack_files) {
        if path.try_exists().map_err(cannot_write(path))? {
            let message = format!("`{}` exists already", path.display());
            return Err(Error::new(ErrorKind::Exists, message).with_hint("choose another folder"));
        }
    }

    let data_set = SimulatedDataSet {
        metadata_files,
        stack_files,
        truth_file,
        particles: (0..settings.n_particles).map(|index| simulator.particle(index)).collect(),
        places: (0..settings.n_particles).map(|index| dealing.place(index)).collect(),
    };
    let outcome = stacks::write_stacks(&simulator, &dealing, &data_set.stack_files, observer, stop)
        .and_then(|()| write_metadata(settings, &dealing, &data_set));
    if let Err(error) = outcome {
        for path in data_set.files() {
            // Most of them don't exist, and the first error is the one to report.
            let _ = fs::remove_file(path);
        }
        // And the folders, unless something else is in them.
        let folders: BTreeSet<&Path> = data_set.files().flat_map(|path| path.ancestors().skip(1)).collect();
        for folder in folders.into_iter().rev().filter(|folder| folder.starts_with(directory)) {
            if !(was_there && folder == directory) {
                let _ = fs::remove_dir(folder);
            }
        }
        return Err(match error.kind() {
            ErrorKind::Interrupted => {
                let message = format!("stopped: nothing of the data set is left in `{}`", directory.display());
                Error::new(ErrorKind::Interrupted, message)
            }
            _ => error,
        });
    }
    Ok(data_set)
}

/// Writes everything but the images.
fn write_metadata(settings: &SimulationSettings, dealing: &Dealing, data_set: &SimulatedDataSet) -> Result<()> {
    let SimulatedDataSet { metadata_files, truth_file, particles, places, .. } = data_set;
    truth::write_truth(WholeFile::create(truth_file.clone())?, particles, places)?;
    let mut rows = particles.iter().zip(places);
    for (index, path) in metadata_files.iter().enumerate() {
        let n_rows = if settings.layout == Layout::StarPairs { dealing.n_sections(index) } else { particles.len() };
        let file = WholeFile::create(path.clone())?;
        match settings.layout {
            Layout::Star | Layout::StarPairs => star::write_star(file, settings, rows.by_ref().take(n_rows))?,
            Layout::Cs | Layout::CsJob => cs::write_cs(file, settings, rows.by_ref().take(n_rows))?,
        }
    }
    Ok(())
}

impl SimulatedDataSet {
    /// All its files.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.metadata_files.iter().chain([&self.truth_file]).chain(&self.stack_files)
    }
}
