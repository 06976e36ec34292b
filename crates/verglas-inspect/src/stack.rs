//! The metadata of one output stack: CryoLike's or ours.

use std::collections::HashMap;

use serde::Serialize;
use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_formats::FormatError;
use verglas_particles::stack::{StackColumns, keys};

use super::descriptor::DescriptorContents;
use super::found::Found;
use super::values::{NumberRange, RangeBuilder};

/// Image files past this many are counted, not listed.
const MOST_FILES: usize = 1000;

/// The per-image arrays of numbers, in the order in which they are shown, with their units.
const PER_IMAGE: [(&str, &str); 16] = [
    (keys::DEFOCUS_U, "Å"),
    (keys::DEFOCUS_V, "Å"),
    (keys::DEFOCUS_ANGLE, "rad"),
    (keys::PHASE_SHIFT, "rad"),
    (keys::ANGLE_ROTATION, "rad"),
    (keys::ANGLE_TILT, "rad"),
    (keys::ANGLE_PSI, "rad"),
    (keys::ORIGIN_X, "Å"),
    (keys::ORIGIN_Y, "Å"),
    (keys::CTF_BFACTOR, "Å²"),
    (keys::CTF_SCALE_FACTOR, ""),
    (keys::SECTIONS, ""),
    (keys::ROW, ""),
    (keys::IMAGE_MEAN, ""),
    (keys::IMAGE_MAX, ""),
    (keys::FOURIER_NORM, ""),
];

/// The contents of a stack's metadata file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StackContents {
    /// Images of the stack.
    pub n_images: u64,
    /// The grids.
    pub descriptor: DescriptorContents,
    /// Acceleration voltage, kV.
    pub voltage_kv: Option<f64>,
    /// Spherical aberration, mm.
    pub spherical_aberration_mm: Option<f64>,
    /// Amplitude contrast, as a fraction.
    pub amplitude_contrast: Option<f64>,
    /// The metadata's own pixel size, Å.
    pub ref_pixel_size_angstrom: Option<f64>,
    /// From which axis the defocus angle is written: `columns` or `rows`; CryoLike's own files don't say.
    pub defocus_angle_axis: Option<String>,
    /// The range of the stack's images among those of their file, for stacks that never mix files.
    pub range_in_file: Option<[i64; 2]>,
    /// Whether each image has CryoSPARC's `uid`.
    pub has_uid: bool,
    /// The per-image values that are there.
    pub per_image: Vec<PerImageValues>,
    /// Image files.
    pub n_files: usize,
    /// The first 1000 of them, in the order of the images.
    pub files: Vec<ImageFileCount>,
}

/// The values of one per-image array.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PerImageValues {
    /// The array's name.
    pub name: &'static str,
    /// Unit of the values; empty where they have none.
    pub unit: &'static str,
    /// How many there are.
    pub n_values: usize,
    /// Their extent.
    #[serde(flatten)]
    pub range: NumberRange,
}

/// An image file and how many of the stack's images are from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageFileCount {
    /// The file as the metadata name it.
    pub file: String,
    /// Images from it.
    pub n_images: u64,
}

pub(super) fn inspect_stack(mut columns: StackColumns) -> Result<Found<StackContents>> {
    let descriptor = columns.descriptor()?;
    let mut arrays = Arrays(columns);
    let n_images = arrays.single(keys::N_IMAGES)?.unwrap_or(0.0).max(0.0) as u64;
    let mut warnings = Vec::new();
    let mut per_image = Vec::new();
    for (name, unit) in PER_IMAGE {
        let Some(values) = arrays.numbers(name)? else { continue };
        // CTF values that hold for all images are single numbers.
        let may_be_single = [keys::CTF_BFACTOR, keys::CTF_SCALE_FACTOR].contains(&name) && values.len() == 1;
        if values.len() as u64 != n_images && !may_be_single {
            warnings.push(format!(
                "`{name}` has {} for {}",
                counted(values.len(), "value"),
                counted(n_images as usize, "image")
            ));
        }
        let mut range = RangeBuilder::default();
        values.iter().for_each(|&value| range.add_float(value));
        per_image.push(PerImageValues { name, unit, n_values: values.len(), range: range.finish() });
    }
    let names = arrays.texts(keys::FILES)?;
    if names.len() as u64 != n_images && !names.is_empty() {
        warnings.push(format!(
            "`{}` has {} for {}",
            keys::FILES,
            counted(names.len(), "value"),
            counted(n_images as usize, "image")
        ));
    }
    let (n_files, files) = count_files(&names);
    let range_in_file = match (arrays.single(keys::STACK_START)?, arrays.single(keys::STACK_END)?) {
        (Some(start), Some(end)) => Some([start as i64, end as i64]),
        _ => None,
    };
    let axis = arrays.texts(keys::DEFOCUS_ANGLE_AXIS)?.first().map(|axis| String::from_utf8_lossy(axis).into_owned());
    let contents = StackContents {
        n_images,
        descriptor: DescriptorContents::of(&descriptor),
        voltage_kv: arrays.single(keys::VOLTAGE)?,
        spherical_aberration_mm: arrays.single(keys::SPHERICAL_ABERRATION)?,
        amplitude_contrast: arrays.single(keys::AMPLITUDE_CONTRAST)?,
        ref_pixel_size_angstrom: arrays.single(keys::REF_PIXEL_SIZE)?,
        defocus_angle_axis: axis,
        range_in_file,
        has_uid: arrays.numbers(keys::UID)?.is_some(),
        per_image,
        n_files,
        files,
    };
    Ok(Found { contents, warnings, problems: Vec::new() })
}

fn count_files(names: &[Vec<u8>]) -> (usize, Vec<ImageFileCount>) {
    let mut ids: HashMap<&[u8], usize> = HashMap::new();
    let mut counts: Vec<(&[u8], u64)> = Vec::new();
    for name in names {
        let id = *ids.entry(name).or_insert(counts.len());
        if id == counts.len() {
            counts.push((name, 0));
        }
        counts[id].1 += 1;
    }
    let files = counts
        .iter()
        .take(MOST_FILES)
        .map(|&(name, n_images)| ImageFileCount { file: String::from_utf8_lossy(name).into_owned(), n_images });
    (counts.len(), files.collect())
}

/// Arrays of the file, any of which may be missing or empty; an error names the array.
struct Arrays(StackColumns);

impl Arrays {
    /// The values of an array of numbers; `None` where it is missing or Python's None.
    fn numbers(&mut self, name: &str) -> Result<Option<Vec<f64>>> {
        let array = self.0.array(name)?;
        array.map(|array| array.to_f64().map_err(|error| self.in_array(name, error))).transpose()
    }

    /// The first value of an array that holds one, or one for each axis.
    fn single(&mut self, name: &str) -> Result<Option<f64>> {
        Ok(self.numbers(name)?.and_then(|values| values.first().copied()))
    }

    fn texts(&mut self, name: &str) -> Result<Vec<Vec<u8>>> {
        let array = self.0.array(name)?;
        array.map_or(Ok(Vec::new()), |array| array.to_text().map_err(|error| self.in_array(name, error)))
    }

    fn in_array(&self, name: &str, error: FormatError) -> Error {
        Error::from_format(self.0.path(), error).with_detail(format_args!("in its array `{name}`"))
    }
}
