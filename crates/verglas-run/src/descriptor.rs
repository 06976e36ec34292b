//! The image descriptor: the grids and scales that a data set's images are interpreted with.

use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use verglas_core::choice::choice;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::{Choice, UnknownName};
use verglas_formats::npy::NpyArray;
use verglas_formats::npz::{NpzReader, NpzWriter};
use verglas_formats::{FormatError, Place};
use verglas_fourier::grid::{CartesianGrid, PolarGrid, Precision, brief};

choice! {
    /// Shape of an atom in templates made from models; changes nothing in image conversion.
    pub enum AtomShape("atom shape", default Gaussian) {
        /// A Gaussian.
        Gaussian = "gaussian",
        /// A hard sphere.
        HardSphere = "hard-sphere",
    }
}

impl AtomShape {
    /// Reads the names that CryoLike reads.
    ///
    /// # Errors
    /// For any other name.
    pub fn from_cryolike(name: &str) -> std::result::Result<Self, UnknownName> {
        match name.to_lowercase().as_str() {
            "gauss" | "default" => Ok(Self::Gaussian),
            "hard_sphere" | "hard" => Ok(Self::HardSphere),
            lower => Self::from_name(lower).or_else(|_| Self::from_name(name)),
        }
    }
}

/// The values that only templates use: kept and written, so that one descriptor file serves the whole of CryoLike.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateSettings {
    /// Distance between viewing directions; `None` where a file has none.
    pub viewing_distance: Option<f64>,
    /// Radius of an atom, Å.
    pub atom_radii: Option<f64>,
    /// Which atoms of a model count, in MDAnalysis's words; `None` where a file has none.
    pub atom_selection: Option<String>,
    /// Whether beads are residues instead of atoms.
    pub use_protein_residue_model: bool,
    /// Shape of an atom.
    pub atom_shape: AtomShape,
}

impl TemplateSettings {
    /// The defaults at resolution factor `factor`: a viewing distance of 1/(4π · factor).
    pub fn at_resolution_factor(factor: f64) -> Self {
        Self {
            viewing_distance: Some(1.0 / (4.0 * std::f64::consts::PI) / factor),
            atom_radii: None,
            atom_selection: Some("name CA".to_owned()),
            use_protein_residue_model: true,
            atom_shape: AtomShape::Gaussian,
        }
    }
}

/// The base values that a descriptor is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseValues {
    /// Box side N, pixels.
    pub n_pixels: usize,
    /// Å per pixel, along both axes.
    pub pixel_size_angstrom: [f64; 2],
    /// Precision of the Fourier images.
    pub precision: Precision,
    /// Largest radius as a fraction F of Nyquist, in (0, 1].
    pub resolution_factor: f64,
    /// Angles per shell; 2N when `None`.
    pub n_inplanes: Option<usize>,
}

/// The grids and scales of a data set's images.
///
/// Two descriptors are compatible when their Cartesian and polar grids are equal to the last bit, as CryoLike compares
/// them; other values don't matter.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageDescriptor {
    /// Box and pixel size of the images, after downsampling.
    pub cartesian_grid: CartesianGrid,
    /// Where the Fourier transform is sampled.
    pub polar_grid: PolarGrid,
    /// Precision of the Fourier images.
    pub precision: Precision,
    /// Values for templates.
    pub template: TemplateSettings,
}

impl ImageDescriptor {
    /// Makes a descriptor from base values: R = F·N/4, shells 0.25 apart, 2N angles unless given.
    ///
    /// # Errors
    /// When a value is out of its range.
    pub fn from_base_values(values: &BaseValues, template: TemplateSettings) -> Result<Self> {
        let BaseValues { n_pixels, pixel_size_angstrom, precision, resolution_factor, n_inplanes } = *values;
        if !(resolution_factor > 0.0 && resolution_factor <= 1.0) {
            let found = brief(resolution_factor);
            return Err(Error::value(format!("resolution factor is {found}, expected a number in (0, 1]")));
        }
        let cartesian_grid = CartesianGrid::new(n_pixels, pixel_size_angstrom)
            .map_err(|error| Error::caused_by(ErrorKind::Value, error))?;
        // The order of these factors is CryoLike's, so that the last bit is the same.
        let radius_max = resolution_factor * n_pixels as f64 * 0.25;
        let polar_grid = PolarGrid::new(radius_max, DIST_RADII, n_inplanes.unwrap_or(2 * n_pixels))
            .map_err(|error| Error::caused_by(ErrorKind::Value, error))?;
        Ok(Self { cartesian_grid, polar_grid, precision, template })
    }

    /// Whether both have the same Cartesian and polar grids, to the last bit.
    pub fn is_compatible_with(&self, other: &Self) -> bool {
        self.cartesian_grid == other.cartesian_grid
            && self.polar_grid.radius_max() == other.polar_grid.radius_max()
            && self.polar_grid.dist_radii() == other.polar_grid.dist_radii()
            && self.polar_grid.n_inplanes() == other.polar_grid.n_inplanes()
    }

    /// Reads a descriptor file, CryoLike's or ours. The keys of stack metadata are a superset, so these are read too.
    ///
    /// # Errors
    /// When the file can't be read, a key is missing, or a value is out of its range.
    pub fn load(path: &Path) -> Result<Self> {
        let mut npz = NpzReader::open(path).map_err(|error| match error {
            FormatError::Io(_) => Error::from_format(path, error),
            error => Error::format(format!("`{}` is not an image descriptor (.npz): {error}", path.display())),
        })?;
        Self::read(&mut npz).map_err(|error| Error::from_format(path, error))
    }

    /// Reads the descriptor at `path`: a descriptor file, a stack's metadata, or a folder, which means its first stack
    /// or else its `parameters.npz`. The returned path is that of the file that was read.
    ///
    /// # Errors
    /// When there is no such file, or as [`ImageDescriptor::load`].
    pub fn load_from(path: &Path) -> Result<(Self, PathBuf)> {
        if !path.exists() {
            return Err(Error::not_found(format!("`{}` does not exist", path.display())));
        }
        if !path.is_dir() {
            return Ok((Self::load(path)?, path.to_owned()));
        }
        let candidates = [path.join(FIRST_STACK), path.join(crate::folder::DESCRIPTOR)];
        match candidates.into_iter().find(|candidate| candidate.is_file()) {
            Some(file) => Ok((Self::load(&file)?, file)),
            None => Err(Error::not_found(format!(
                "`{}` holds neither {FIRST_STACK} nor {}, expected a folder of converted stacks or a descriptor",
                path.display(),
                crate::folder::DESCRIPTOR
            ))),
        }
    }

    /// The box, L = N·p, in Å.
    ///
    /// # Errors
    /// When the pixel size is not the same along both axes.
    pub fn box_angstrom(&self) -> Result<f64> {
        let [rows, columns] = self.cartesian_grid.pixel_size_angstrom();
        if rows != columns {
            return Err(Error::value(format!(
                "the descriptor's pixel size is {rows} Å along rows and {columns} Å along columns, expected one for both"
            )));
        }
        Ok(self.cartesian_grid.n_pixels() as f64 * rows)
    }

    /// Reads the descriptor's keys from an open archive.
    ///
    /// # Errors
    /// When a key is missing or a value is out of its range; the place names the key.
    pub fn read<R: Read + Seek>(npz: &mut NpzReader<R>) -> verglas_formats::Result<Self> {
        let mut keys = Keys(npz);
        let n_pixels = keys.same_along_axes_i64("n_pixels")?;
        let n_pixels = usize::try_from(n_pixels).map_err(|_| bad("n_pixels", n_pixels, "a positive number"))?;
        let pixel_size = keys.one_or_two("pixel_size")?;
        let cartesian_grid = CartesianGrid::new(n_pixels, pixel_size)
            .map_err(|error| FormatError::malformed(Place::File, error.to_string()))?;
        let n_inplanes = keys.scalar("n_inplanes")?;
        if n_inplanes.fract() != 0.0 || !(1.0..=1e9).contains(&n_inplanes) {
            return Err(bad("n_inplanes", brief(n_inplanes), "a whole number of angles"));
        }
        let polar_grid = PolarGrid::new(keys.scalar("radius_max")?, keys.scalar("dist_radii")?, n_inplanes as usize)
            .map_err(|error| FormatError::malformed(Place::File, error.to_string()))?;
        let precision = match keys.text("precision")?.unwrap_or_default().to_lowercase().as_str() {
            // CryoLike's third value leaves the choice to the reader; for images it then uses single.
            "single" | "default" | "" => Precision::Single,
            "double" => Precision::Double,
            other => return Err(bad("precision", format!("`{other}`"), "`single` or `double`")),
        };
        let atom_shape = match keys.text("atom_shape")? {
            None => AtomShape::default(),
            Some(name) => AtomShape::from_cryolike(&name)
                .map_err(|error| FormatError::malformed(Place::Entry("atom_shape".to_owned()), error.to_string()))?,
        };
        let template = TemplateSettings {
            viewing_distance: keys.optional_scalar("viewing_distance")?,
            atom_radii: keys.optional_scalar("atom_radii")?,
            atom_selection: keys.text("atom_selection")?,
            use_protein_residue_model: keys
                .optional_scalar("use_protein_residue_model")?
                .is_none_or(|flag| flag != 0.0),
            atom_shape,
        };
        Ok(Self { cartesian_grid, polar_grid, precision, template })
    }

    /// Writes a descriptor file that CryoLike reads; absent values become empty float64 arrays.
    ///
    /// # Errors
    /// When the file can't be written. The file appears under its name only when it is whole.
    pub fn save(&self, path: &Path) -> Result<()> {
        let bytes = self.to_bytes()?;
        verglas_core::atomic::write_atomically(path, |file| Ok(file.write_all(&bytes)?))
    }

    /// The bytes of a descriptor file.
    ///
    /// # Errors
    /// When a text is too long for an array.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut npz = NpzWriter::new(Vec::new());
        let written = self.write(&mut npz).and_then(|()| npz.finish());
        written.map_err(|error| Error::value(format!("cannot make a descriptor file: {error}")))
    }

    /// Writes the descriptor's keys into an open archive.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write<W: Write>(&self, npz: &mut NpzWriter<W>) -> verglas_formats::Result<()> {
        let n_pixels = self.cartesian_grid.n_pixels() as i64;
        npz.add_i64("n_pixels", &[2], &[n_pixels, n_pixels])?;
        npz.add_f64("pixel_size", &[2], &self.cartesian_grid.pixel_size_angstrom())?;
        npz.add_f64("radius_max", &[], &[self.polar_grid.radius_max()])?;
        npz.add_f64("dist_radii", &[], &[self.polar_grid.dist_radii()])?;
        npz.add_i64("n_inplanes", &[], &[self.polar_grid.n_inplanes() as i64])?;
        npz.add_text("precision", &[], [self.precision.as_str().as_bytes()])?;
        let optional = |value: Option<f64>| value.map_or((vec![0], vec![]), |value| (vec![], vec![value]));
        let template = &self.template;
        let (shape, values) = optional(template.viewing_distance);
        npz.add_f64("viewing_distance", &shape, &values)?;
        let (shape, values) = optional(template.atom_radii);
        npz.add_f64("atom_radii", &shape, &values)?;
        match &template.atom_selection {
            Some(selection) => npz.add_text("atom_selection", &[], [selection.as_bytes()])?,
            None => npz.add_f64("atom_selection", &[0], &[])?,
        }
        npz.add_bool("use_protein_residue_model", &[], &[template.use_protein_residue_model])?;
        npz.add_text("atom_shape", &[], [template.atom_shape.as_str().as_bytes()])
    }
}

/// The metadata of the first stack of a folder of them.
const FIRST_STACK: &str = "fft/particles_fourier_stack_000000.npz";

/// Distance of neighbouring shells that descriptors from base values have.
pub const DIST_RADII: f64 = 0.25;

/// The largest array that is read for a value. A value is one number or one text, whatever holds it; a compressed array of
/// a few kilobytes may claim gigabytes.
const MOST_BYTES: u64 = 1 << 20;

fn bad(key: &str, found: impl std::fmt::Display, expected: &str) -> FormatError {
    FormatError::malformed(Place::Entry(key.to_owned()), format!("is {found}, expected {expected}"))
}

/// Reads keys of an archive in the forms that CryoLike writes and accepts.
struct Keys<'a, R: Read + Seek>(&'a mut NpzReader<R>);

impl<R: Read + Seek> Keys<'_, R> {
    /// The values of a key, or `None` where it is missing, empty, or Python's None.
    fn optional(&mut self, key: &str) -> verglas_formats::Result<Option<Vec<f64>>> {
        if !self.0.has(key) {
            return Ok(None);
        }
        let array = self.read(key)?;
        if array.is_none() { Ok(None) } else { array.to_f64().map(Some) }
    }

    /// The array of a key that is there, if it is of a size that a descriptor's value can have.
    fn read(&mut self, key: &str) -> verglas_formats::Result<NpyArray> {
        match self.0.size_bytes(key) {
            Some(n_bytes) if n_bytes > MOST_BYTES => Err(bad(
                key,
                format!("an array of {n_bytes} bytes"),
                &format!("one value, in at most {MOST_BYTES} bytes"),
            )),
            _ => self.0.read(key),
        }
    }

    fn optional_scalar(&mut self, key: &str) -> verglas_formats::Result<Option<f64>> {
        match self.optional(key)?.as_deref() {
            None => Ok(None),
            // CryoLike accepts an array of equal values in place of that value.
            Some([first, others @ ..]) if others.iter().all(|other| other == first) => Ok(Some(*first)),
            Some(values) => Err(bad(key, format!("{} differing numbers", values.len()), "one number")),
        }
    }

    fn scalar(&mut self, key: &str) -> verglas_formats::Result<f64> {
        self.optional_scalar(key)?.ok_or_else(|| missing(key))
    }

    /// One value for both axes, or one per axis.
    fn one_or_two(&mut self, key: &str) -> verglas_formats::Result<[f64; 2]> {
        match self.optional(key)?.ok_or_else(|| missing(key))?.as_slice() {
            [both] => Ok([*both, *both]),
            [first, second] => Ok([*first, *second]),
            values => Err(bad(key, format!("{} numbers", values.len()), "one or two")),
        }
    }

    fn same_along_axes_i64(&mut self, key: &str) -> verglas_formats::Result<i64> {
        let [first, second] = self.one_or_two(key)?;
        if first != second {
            return Err(bad(
                key,
                format!("{} and {}", brief(first), brief(second)),
                "the same for both axes: images are square",
            ));
        }
        if first.fract() != 0.0 || !(1.0..=1e6).contains(&first) {
            return Err(bad(key, brief(first), "a positive whole number"));
        }
        Ok(first as i64)
    }

    /// A key's text, or `None` where it is missing or Python's None.
    fn text(&mut self, key: &str) -> verglas_formats::Result<Option<String>> {
        if !self.0.has(key) {
            return Ok(None);
        }
        let array = self.read(key)?;
        if array.is_none() {
            return Ok(None);
        }
        let mut texts = array.to_text()?.into_iter();
        match (texts.next(), texts.next()) {
            (Some(text), None) => Ok(Some(String::from_utf8_lossy(&text).into_owned())),
            _ => Err(bad(key, "a list", "one text")),
        }
    }
}

fn missing(key: &str) -> FormatError {
    FormatError::malformed(Place::File, format!("has no `{key}`; is it an image descriptor?"))
}
