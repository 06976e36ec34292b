//! Reads templates: the tensor of one structure with its metadata, ours or CryoLike's.

use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::{Path, PathBuf};

use num_complex::Complex;
use verglas_core::error::{Error, Result};
use verglas_formats::npz::NpzReader;
use verglas_formats::pt::{ElementType, PtFile};
use verglas_fourier::grid::Precision;
use verglas_fourier::sphere::Views;
use verglas_run::descriptor::ImageDescriptor;

use crate::map::AxisOrder;

/// The metadata next to a tensor of templates; CryoLike writes none.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateFacts {
    /// The descriptor that was used.
    pub descriptor: ImageDescriptor,
    /// The viewing angles, one of each per template.
    pub views: Views,
    /// The point group that restricted them.
    pub symmetry: String,
    /// The norm that each template was divided by.
    pub norms: Vec<f64>,
    /// The origin in the file's coordinates, x, y, z in Å.
    pub center_angstrom: [f64; 3],
    /// How many atoms the structure has; `None` for maps.
    pub n_atoms: Option<i64>,
    /// The voxel size that was used, x, y, z in Å; `None` for atoms.
    pub voxel_angstrom: Option<[f64; 3]>,
    /// Which of a map's axes was taken for which; `None` for atoms.
    pub axis_order: Option<AxisOrder>,
    /// The path of the input, as it was given.
    pub source: String,
    /// SHA-256 of the input, in hexadecimal.
    pub source_sha256: String,
    /// The number of the model, or of a trajectory's frame; below 0 for maps.
    pub model: i64,
    /// Whether all was done as CryoLike does it.
    pub as_cryolike: bool,
}

/// The templates of one structure.
#[derive(Debug)]
pub struct TemplateStack {
    path: PathBuf,
    tensor: PtFile<BufReader<File>>,
    precision: Precision,
    shape: [usize; 3],
    facts: Option<TemplateFacts>,
}

impl TemplateStack {
    /// Opens the tensor at `path`, `[templates, n_shells, n_inplanes]`, and the metadata next to it, if there are any.
    ///
    /// # Errors
    /// When the tensor can't be read, is not of three axes or not complex; when its metadata can't be read or contradict
    /// it.
    pub fn open(path: &Path) -> Result<Self> {
        let tensor = PtFile::open(path).map_err(|error| Error::from_format(path, error))?;
        let shown = path.display();
        let precision = match tensor.tensor().element_type() {
            ElementType::Complex64 => Precision::Single,
            ElementType::Complex128 => Precision::Double,
            other => {
                return Err(Error::format(format!(
                    "`{shown}` holds values of type {other:?}, expected complex64 or complex128"
                )));
            }
        };
        let sides: Vec<usize> = tensor.tensor().shape().iter().filter_map(|&n| usize::try_from(n).ok()).collect();
        let [n, n_shells, n_inplanes] = sides[..] else {
            return Err(Error::format(format!(
                "`{shown}` has the shape {:?}, expected templates, shells and angles",
                tensor.tensor().shape()
            )));
        };
        let metadata = path.with_extension("npz");
        let facts = if metadata.is_file() { Some(TemplateFacts::read(&metadata)?) } else { None };
        let stack = Self { path: path.to_owned(), tensor, precision, shape: [n, n_shells, n_inplanes], facts };
        if let Some(facts) = &stack.facts {
            let grid = &facts.descriptor.polar_grid;
            let expected = [facts.views.len(), grid.n_shells(), grid.n_inplanes()];
            if expected != stack.shape || facts.descriptor.precision != precision {
                return Err(Error::format(format!(
                    "`{shown}` has the shape {:?} in {} precision, its metadata `{}` say {expected:?} in {}",
                    stack.shape,
                    precision.as_str(),
                    metadata.display(),
                    facts.descriptor.precision.as_str()
                )));
            }
        }
        Ok(stack)
    }

    /// The tensor's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many templates there are.
    pub fn n_templates(&self) -> usize {
        self.shape[0]
    }

    /// Templates, shells, angles.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// complex64 or complex128.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The metadata; `None` for CryoLike's templates.
    pub fn facts(&self) -> Option<&TemplateFacts> {
        self.facts.as_ref()
    }

    /// Reads all values, and compares them with their checksum.
    ///
    /// # Errors
    /// When they can't be read, or are not those that were written.
    pub fn verify(&mut self) -> Result<()> {
        self.tensor.verify_crc().map_err(|error| Error::from_format(&self.path, error))
    }

    /// Reads some templates, `[templates, n_shells, n_inplanes]`, in single precision.
    ///
    /// # Errors
    /// When they can't be read, or are in double precision.
    pub fn read_single(&mut self, templates: Range<usize>) -> Result<Vec<Complex<f32>>> {
        let rows = templates.start as u64..templates.end as u64;
        self.tensor.read_complex64(rows).map_err(|error| Error::from_format(&self.path, error))
    }

    /// Reads some templates in double precision, whatever they are stored in.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn read_double(&mut self, templates: Range<usize>) -> Result<Vec<Complex<f64>>> {
        let rows = templates.start as u64..templates.end as u64;
        let read = match self.precision {
            Precision::Double => self.tensor.read_complex128(rows),
            Precision::Single => self.tensor.read_complex64(rows).map(|values| {
                values.into_iter().map(|value| Complex::new(f64::from(value.re), f64::from(value.im))).collect()
            }),
        };
        read.map_err(|error| Error::from_format(&self.path, error))
    }
}

impl TemplateFacts {
    /// Reads the metadata at `path`.
    ///
    /// # Errors
    /// When they can't be read, or lack something.
    pub fn read(path: &Path) -> Result<Self> {
        let of_file = |error| Error::from_format(path, error);
        let mut npz = NpzReader::open(path).map_err(of_file)?;
        let descriptor = ImageDescriptor::read(&mut npz).map_err(of_file)?;
        let mut numbers = |name: &str| npz.read(name).and_then(|array| array.to_f64()).map_err(of_file);
        let views = Views {
            azimuth: numbers("viewing_azimuth")?,
            polar: numbers("viewing_polar")?,
            gamma: numbers("viewing_gamma")?,
            weight: numbers("viewing_weight")?,
        };
        let norms = numbers("template_norm")?;
        let n = views.weight.len();
        if [&views.azimuth, &views.polar, &views.gamma, &norms].iter().any(|values| values.len() != n) {
            return Err(Error::format(format!("`{}`: numbers of viewing angles that differ", path.display())));
        }
        let three = |name: &str, values: Vec<f64>| {
            <[f64; 3]>::try_from(values).map_err(|values| {
                Error::format(format!("`{}`: `{name}` has {} numbers, expected 3", path.display(), values.len()))
            })
        };
        let center_angstrom = three("center", numbers("center")?)?;
        let voxel_angstrom = match npz.has("voxel_size") {
            true => {
                let values = npz.read("voxel_size").and_then(|array| array.to_f64()).map_err(of_file)?;
                Some(three("voxel_size", values)?)
            }
            false => None,
        };
        let one = |values: Vec<i64>| values.first().copied().unwrap_or_default();
        let n_atoms = match npz.has("n_atoms") {
            true => Some(one(npz.read("n_atoms").and_then(|array| array.to_i64()).map_err(of_file)?)),
            false => None,
        };
        let model = one(npz.read("model").and_then(|array| array.to_i64()).map_err(of_file)?);
        let as_cryolike = npz.read("as_cryolike").and_then(|array| array.to_bool()).map_err(of_file)?;
        let mut text = |name: &str| {
            let texts = npz.read(name).and_then(|array| array.to_text()).map_err(of_file)?;
            Ok::<_, Error>(texts.first().map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default())
        };
        let axis_order = match text("axis_order")?.as_str() {
            "" => None,
            order => Some(order.parse()?),
        };
        Ok(Self {
            descriptor,
            views,
            norms,
            center_angstrom,
            n_atoms,
            voxel_angstrom,
            axis_order,
            symmetry: text("symmetry").unwrap_or_else(|_| "C1".to_owned()),
            source: text("source")?,
            source_sha256: text("source_sha256")?,
            model,
            as_cryolike: as_cryolike.first().copied().unwrap_or(false),
        })
    }
}
