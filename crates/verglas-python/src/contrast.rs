//! Contrast transfer, displacements and poses, as arrays.

use numpy::{IntoPyArray, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray1, ndarray::Array2};
use pyo3::prelude::*;
use verglas::Error;
use verglas::scoring::pose::TemplatePose;
use verglas_likelihood::Geometry;
use verglas_likelihood::ctf::{ContrastFormula, ContrastTransfer, angle_from_other_axis};
use verglas_likelihood::displacements::Displacements;

use crate::descriptor::Descriptor;
use crate::error::{bad_value, exception};

/// The values that determine the contrast transfer of each image: arrays of the same length.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct ContrastValues<'py> {
    defocus_u: PyReadonlyArray1<'py, f64>,
    defocus_v: PyReadonlyArray1<'py, f64>,
    defocus_angle: PyReadonlyArray1<'py, f64>,
    voltage: PyReadonlyArray1<'py, f64>,
    spherical_aberration: PyReadonlyArray1<'py, f64>,
    amplitude_contrast: PyReadonlyArray1<'py, f64>,
    phase_shift: PyReadonlyArray1<'py, f64>,
    b_factor: PyReadonlyArray1<'py, f64>,
    /// Whether angles are from axis 0.
    is_from_rows: bool,
    as_cryolike: bool,
}

/// The contrast transfer of each image on the grid, `[n, n_shells, n_inplanes]`.
#[pyfunction]
pub fn contrast_transfer<'py>(
    py: Python<'py>,
    descriptor: &Bound<'py, Descriptor>,
    values: ContrastValues<'py>,
) -> PyResult<Bound<'py, PyArray3<f64>>> {
    let descriptor = &descriptor.get().0;
    let box_angstrom = descriptor.box_angstrom().map_err(|error| exception(&error))?;
    let geometry = Geometry::new(descriptor.polar_grid.clone(), box_angstrom).map_err(bad_value)?;
    let (u, v, angle) = (values.defocus_u.as_slice()?, values.defocus_v.as_slice()?, values.defocus_angle.as_slice()?);
    let (voltage, aberration) = (values.voltage.as_slice()?, values.spherical_aberration.as_slice()?);
    let (amplitude, phase) = (values.amplitude_contrast.as_slice()?, values.phase_shift.as_slice()?);
    let b_factor = values.b_factor.as_slice()?;
    let n = u.len();
    if [v, angle, voltage, aberration, amplitude, phase, b_factor].iter().any(|other| other.len() != n) {
        return Err(bad_value("columns of different lengths"));
    }
    let (is_from_rows, as_cryolike) = (values.is_from_rows, values.as_cryolike);
    let formula = if as_cryolike { ContrastFormula::CryoLike } else { ContrastFormula::Right };
    let filled = py.detach(|| {
        let mut filled = vec![0.0; n * geometry.n_points()];
        for (image, out) in filled.chunks_exact_mut(geometry.n_points()).enumerate() {
            let transfer = ContrastTransfer {
                defocus_u_angstrom: u[image],
                defocus_v_angstrom: v[image],
                defocus_angle_rad: if is_from_rows || as_cryolike {
                    angle[image]
                } else {
                    angle_from_other_axis(angle[image])
                },
                voltage_kv: voltage[image],
                spherical_aberration_mm: aberration[image],
                amplitude_contrast: amplitude[image],
                phase_shift_rad: phase[image],
                b_factor_angstrom2: b_factor[image],
            };
            transfer.fill(&geometry, formula, image, out)?;
        }
        Ok(filled)
    });
    let filled = filled.map_err(|error: verglas_likelihood::LikelihoodError| bad_value(error))?;
    filled.into_pyarray(py).reshape([n, geometry.n_shells(), geometry.n_inplanes()])
}

/// The displacements that are tried: `[2, D]`, Å, along image axes 0 and 1; and whether each is at the rim.
#[pyfunction]
pub fn displacement_set<'py>(
    py: Python<'py>,
    max_pixels: f64,
    pixel_size: f64,
    n_0: usize,
    n_1: usize,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let set = Displacements::new(max_pixels, pixel_size, n_0, n_1).map_err(bad_value)?;
    let along = |axis: usize| set.angstrom().iter().map(move |d| d[axis]);
    let values: Vec<f64> = along(0).chain(along(1)).collect();
    Ok(Array2::from_shape_vec((2, set.len()), values).map_err(bad_value)?.into_pyarray(py))
}

/// Poses in RELION's convention, from rows of azimuth, polar angle, γ, rotation (radians), d_0, d_1 (Å): rows of rot,
/// tilt, psi (radians), origin x, y (Å).
#[pyfunction]
pub fn poses_for_relion(poses: Vec<[f64; 6]>, axis_order: &str) -> PyResult<Vec<[f64; 5]>> {
    let axes = axis_order.parse().map_err(|error: Error| exception(&error))?;
    let convert = |[azimuth, polar, gamma, rotation, d_0, d_1]: [f64; 6]| {
        let pose = TemplatePose { azimuth, polar, gamma, rotation, displacement_angstrom: [d_0, d_1] };
        let (angles, [x, y]) = pose.in_relions_convention(axes);
        [angles.rot, angles.tilt, angles.psi, x, y]
    };
    Ok(poses.into_iter().map(convert).collect())
}
