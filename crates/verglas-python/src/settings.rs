//! The settings of a conversion.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use pyo3::prelude::*;
use verglas::metadata::Input;
use verglas::settings::{ConvertSettings, DescriptorSource, Downsampling, Shard};

use crate::choices::choose;
use crate::descriptor::Descriptor;
use crate::error::{bad_value, exception};

/// The input, as the Python modules describe it: exactly one kind, with the paths that belong to it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct InputValues {
    kind: String,
    paths: Vec<PathBuf>,
    images: Vec<PathBuf>,
    job: Option<u64>,
}

impl InputValues {
    /// The library's input.
    ///
    /// # Errors
    /// `ValueError` when the paths don't belong to the kind.
    pub fn into_input(self) -> PyResult<Input> {
        match (self.kind.as_str(), self.paths.as_slice(), self.job) {
            ("star", [star], None) => Ok(Input::IndexedStar(star.clone())),
            ("star-pairs", stars, None) => Input::from_pairs(stars, &self.images).map_err(bad_value),
            ("cs", [particles], None) => Ok(Input::IndexedCs { particles: particles.clone(), passthrough: None }),
            ("cs", [particles, passthrough], None) => {
                Ok(Input::IndexedCs { particles: particles.clone(), passthrough: Some(passthrough.clone()) })
            }
            ("job", [root], Some(job_number)) => Ok(Input::from_job(root, job_number)),
            ("folder", [folder], None) => Input::from_paths([folder]).map_err(bad_value),
            (kind, paths, _) => Err(bad_value(format!("{} paths as input of kind `{kind}`", paths.len()))),
        }
    }
}

/// The kind of input that the paths alone describe, as [`InputValues`] names it; `None` if they describe none.
#[pyfunction]
pub fn input_kind(paths: Vec<PathBuf>) -> Option<&'static str> {
    if let [folder] = paths.as_slice()
        && folder.is_dir()
    {
        return Input::from_folder(folder).map(|_| "folder");
    }
    match Input::from_paths(paths).ok()? {
        Input::IndexedStar(_) => Some("star"),
        Input::IndexedCs { .. } => Some("cs"),
        Input::StarPairs(_) | Input::CryosparcJob { .. } => None,
    }
}

/// Every setting, as the Python modules say it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct SettingsValues {
    descriptor: Option<DescriptorValue>,
    precision: String,
    resolution_factor: f64,
    n_inplanes: Option<usize>,
    image_dir: Option<PathBuf>,
    batch_size: usize,
    max_stacks: Option<usize>,
    pixel_size: Option<(f64, f64)>,
    pixel_size_from: Option<String>,
    defocus_angle_unit: String,
    phase_shift_unit: String,
    defocus_angle_axis: String,
    downsample: usize,
    downsample_method: String,
    downsample_to: Option<usize>,
    contrast: String,
    optics_group: Vec<String>,
    rows: Option<PathBuf>,
    mode0: String,
    pixel_type: Option<String>,
    keep_files_apart: bool,
    physical: bool,
    plots: bool,
    existing: String,
    shard: Option<(usize, usize)>,
    skip_unreadable: bool,
    verify_kept: bool,
    threads: Option<usize>,
    memory: Option<u64>,
}

/// A descriptor in a file or in memory.
#[derive(FromPyObject)]
pub enum DescriptorValue {
    /// In memory.
    Given(Py<Descriptor>),
    /// In a file.
    File(PathBuf),
}

impl SettingsValues {
    /// The library's settings.
    ///
    /// # Errors
    /// `ValueError` for an unknown word.
    pub fn into_settings(self) -> PyResult<ConvertSettings> {
        let defaults = ConvertSettings::default();
        let descriptor = match self.descriptor {
            Some(DescriptorValue::Given(descriptor)) => DescriptorSource::Given(Box::new(descriptor.get().0.clone())),
            Some(DescriptorValue::File(path)) => DescriptorSource::File(path),
            None => DescriptorSource::FromData {
                precision: choose("precision", &self.precision)?,
                resolution_factor: self.resolution_factor,
                n_inplanes: self.n_inplanes,
            },
        };
        let pixel_size_from = self.pixel_size_from.as_deref().map(|word| choose("pixel_size_from", word));
        let method = choose("downsample_type", &self.downsample_method)?;
        let factor = NonZeroUsize::new(self.downsample).unwrap_or(NonZeroUsize::MIN);
        let shard = self.shard.map(|(number, of)| Shard::new(number, of));
        Ok(ConvertSettings {
            descriptor,
            image_dir: self.image_dir,
            batch_size: self.batch_size,
            max_stacks: self.max_stacks,
            pixel_size_angstrom: self.pixel_size.map(Into::into),
            pixel_size_from: pixel_size_from.transpose()?,
            defocus_angle_unit: choose("defocus_angle_unit", &self.defocus_angle_unit)?,
            phase_shift_unit: choose("phase_shift_unit", &self.phase_shift_unit)?,
            defocus_angle_axis: choose("defocus_angle_axis", &self.defocus_angle_axis)?,
            downsampling: Downsampling { factor, method },
            downsample_to: self.downsample_to,
            contrast: choose("contrast", &self.contrast)?,
            optics_groups: self.optics_group,
            rows: self.rows,
            byte_sign: choose("mode0", &self.mode0)?,
            pixel_type: self.pixel_type.as_deref().map(|name| choose("pixel_type", name)).transpose()?,
            keep_files_apart: self.keep_files_apart,
            physical: self.physical,
            plots: self.plots,
            existing: choose("existing", &self.existing)?,
            shard: shard.transpose().map_err(|error| exception(&error))?,
            skip_unreadable: self.skip_unreadable,
            verify_kept: self.verify_kept,
            backend: defaults.backend,
            n_threads: self.threads.unwrap_or(defaults.n_threads),
            memory_bytes: self.memory.unwrap_or(defaults.memory_bytes),
        })
    }
}
