//! The image descriptor.

use std::path::PathBuf;

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use verglas::descriptor::{AtomShape, BaseValues, ImageDescriptor, TemplateSettings};
use verglas::grid::{CartesianGrid, PolarGrid, Precision};
use verglas::sphere::Views;

use crate::error::{bad_value, exception};

/// An image descriptor that can't be changed.
#[pyclass(frozen, eq, module = "verglas._native")]
#[derive(PartialEq)]
pub struct Descriptor(pub ImageDescriptor);

/// The values that only templates use, as they come from Python.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Template {
    viewing_distance: Option<f64>,
    atom_radii: Option<f64>,
    atom_selection: Option<String>,
    use_protein_residue_model: bool,
    atom_shape: String,
}

impl Template {
    fn settings(self) -> PyResult<TemplateSettings> {
        Ok(TemplateSettings {
            viewing_distance: self.viewing_distance,
            atom_radii: self.atom_radii,
            atom_selection: self.atom_selection,
            use_protein_residue_model: self.use_protein_residue_model,
            atom_shape: AtomShape::from_cryolike(&self.atom_shape).map_err(bad_value)?,
        })
    }
}

#[pymethods]
impl Descriptor {
    #[staticmethod]
    fn from_base_values(
        n_pixels: usize,
        pixel_size: (f64, f64),
        precision: &str,
        resolution_factor: f64,
        n_inplanes: Option<usize>,
        template: Template,
    ) -> PyResult<Self> {
        let mut template = template.settings()?;
        let defaults = TemplateSettings::at_resolution_factor(resolution_factor);
        template.viewing_distance = template.viewing_distance.or(defaults.viewing_distance);
        let values = BaseValues {
            n_pixels,
            pixel_size_angstrom: pixel_size.into(),
            precision: precision.parse().map_err(bad_value)?,
            resolution_factor,
            n_inplanes,
        };
        ImageDescriptor::from_base_values(&values, template).map(Self).map_err(|error| exception(&error))
    }

    #[staticmethod]
    fn from_grids(
        n_pixels: usize,
        pixel_size: (f64, f64),
        radius_max: f64,
        dist_radii: f64,
        n_inplanes: usize,
        precision: &str,
        template: Template,
    ) -> PyResult<Self> {
        Ok(Self(ImageDescriptor {
            cartesian_grid: CartesianGrid::new(n_pixels, pixel_size.into()).map_err(bad_value)?,
            polar_grid: PolarGrid::new(radius_max, dist_radii, n_inplanes).map_err(bad_value)?,
            precision: precision.parse().map_err(bad_value)?,
            template: template.settings()?,
        }))
    }

    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<Self> {
        ImageDescriptor::load(&path).map(Self).map_err(|error| exception(&error))
    }

    fn save(&self, path: PathBuf) -> PyResult<()> {
        self.0.save(&path).map_err(|error| exception(&error))
    }

    fn is_compatible_with(&self, other: &Self) -> bool {
        self.0.is_compatible_with(&other.0)
    }

    #[getter]
    fn n_pixels(&self) -> usize {
        self.0.cartesian_grid.n_pixels()
    }

    #[getter]
    fn pixel_size(&self) -> (f64, f64) {
        self.0.cartesian_grid.pixel_size_angstrom().into()
    }

    #[getter]
    fn radius_max(&self) -> f64 {
        self.0.polar_grid.radius_max()
    }

    #[getter]
    fn dist_radii(&self) -> f64 {
        self.0.polar_grid.dist_radii()
    }

    #[getter]
    fn n_shells(&self) -> usize {
        self.0.polar_grid.n_shells()
    }

    #[getter]
    fn n_inplanes(&self) -> usize {
        self.0.polar_grid.n_inplanes()
    }

    #[getter]
    fn radii<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, self.0.polar_grid.radii())
    }

    #[getter]
    fn shell_weights<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, self.0.polar_grid.shell_weights())
    }

    /// The views about `viewing_distance` apart: azimuths, polar angles, angles in the image's plane, weights; `None`
    /// without a distance.
    fn views<'py>(&self, py: Python<'py>) -> PyResult<Option<[Bound<'py, PyArray1<f64>>; 4]>> {
        let Some(distance) = self.0.template.viewing_distance else { return Ok(None) };
        let Views { azimuth, polar, gamma, weight } = Views::new(distance).map_err(bad_value)?;
        Ok(Some([azimuth, polar, gamma, weight].map(|values| values.into_pyarray(py))))
    }

    #[getter]
    fn precision(&self) -> &'static str {
        self.0.precision.as_str()
    }

    #[getter]
    fn is_double(&self) -> bool {
        self.0.precision == Precision::Double
    }

    #[getter]
    fn viewing_distance(&self) -> Option<f64> {
        self.0.template.viewing_distance
    }

    #[getter]
    fn atom_radii(&self) -> Option<f64> {
        self.0.template.atom_radii
    }

    #[getter]
    fn atom_selection(&self) -> Option<&str> {
        self.0.template.atom_selection.as_deref()
    }

    #[getter]
    fn use_protein_residue_model(&self) -> bool {
        self.0.template.use_protein_residue_model
    }

    #[getter]
    fn atom_shape(&self) -> &'static str {
        AtomShape::as_str(self.0.template.atom_shape)
    }
}
