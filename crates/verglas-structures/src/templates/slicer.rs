//! From a structure that was loaded to its templates: the one place where the transform is called.

use num_complex::Complex;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::pose::Matrix3;
use verglas_fourier::slices::{self, SliceError, SlicePlan, SliceReal, SliceSettings, SomeShells, Structure};
use verglas_run::descriptor::{AtomShape, ImageDescriptor};

use super::settings::{AtomMass, TemplateJobSettings};
use crate::load::Content;
use crate::map::AxisOrder;

/// What the templates' metadata record about a structure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Origin {
    /// The origin in the file's coordinates, x, y, z in Å.
    pub(super) center_angstrom: [f64; 3],
    pub(super) kind: OriginKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum OriginKind {
    Atoms { n_atoms: usize },
    Map { voxel_angstrom: [f64; 3], axis_order: AxisOrder },
}

impl Origin {
    /// Brings what was loaded into the transform's terms.
    pub(super) fn of(
        mut content: Content,
        descriptor: &ImageDescriptor,
        settings: &TemplateJobSettings,
        box_angstrom: f64,
    ) -> (Structure, Self) {
        let shape = match descriptor.template.atom_shape {
            AtomShape::Gaussian => slices::AtomShape::Gaussian,
            AtomShape::HardSphere => slices::AtomShape::HardSphere,
        };
        let mass = match settings.atom_mass {
            AtomMass::Equal => slices::AtomMass::Equal,
            AtomMass::Volume if settings.as_cryolike && shape == slices::AtomShape::Gaussian => {
                slices::AtomMass::InverseVolume
            }
            AtomMass::Volume => slices::AtomMass::Volume,
        };
        let origin = match &mut content {
            Content::Beads(beads) => Self {
                center_angstrom: beads.center_angstrom,
                kind: OriginKind::Atoms { n_atoms: beads.radii_angstrom.len() },
            },
            Content::Density(density) => {
                if settings.as_cryolike {
                    // CryoLike takes the images' box for the map's, along every axis.
                    let sides = [density.shape[2], density.shape[1], density.shape[0]];
                    density.voxel_angstrom = sides.map(|n| box_angstrom / n as f64);
                    density.center_angstrom =
                        std::array::from_fn(|axis| (sides[axis] / 2) as f64 * density.voxel_angstrom[axis]);
                }
                let kind = OriginKind::Map { voxel_angstrom: density.voxel_angstrom, axis_order: density.axis_order };
                Self { center_angstrom: density.center_angstrom, kind }
            }
        };
        (content.into_sliceable(shape, mass, settings.beyond_nyquist || settings.as_cryolike), origin)
    }
}

/// Whether the mean is taken out of each template.
pub(super) fn removes_mean(structure: &Structure, settings: &TemplateJobSettings) -> bool {
    settings.remove_mean
        || settings.as_cryolike
            && match structure {
                Structure::Beads(beads) => beads.shape == slices::AtomShape::Gaussian,
                Structure::Map(_) => true,
            }
}

/// A structure prepared for its templates.
#[derive(Debug)]
pub(super) enum Slicer<T: SliceReal> {
    AsStored(SlicePlan<T>),
    /// In double precision to the end, for single: taking out the mean leaves a small part of what was there.
    InDouble(SlicePlan<f64>),
}

impl<T: SliceReal> Slicer<T> {
    pub(super) fn new(
        structure: Structure,
        grid: &PolarGrid,
        box_angstrom: f64,
        settings: &TemplateJobSettings,
        n_views: usize,
        memory_bytes: usize,
    ) -> Result<Self, SliceError> {
        let settings_of_slices = slice_settings(&structure, settings, n_views, memory_bytes);
        Self::with(structure, grid, box_angstrom, settings.remove_mean, &settings_of_slices)
    }

    /// The same with settings that are known.
    pub(super) fn with(
        structure: Structure,
        grid: &PolarGrid,
        box_angstrom: f64,
        in_double: bool,
        settings: &SliceSettings,
    ) -> Result<Self, SliceError> {
        Ok(match in_double {
            true => Self::InDouble(SlicePlan::new(structure, grid, box_angstrom, settings)?),
            false => Self::AsStored(SlicePlan::new(structure, grid, box_angstrom, settings)?),
        })
    }

    /// The normalised templates of some views, `[rotations, n_shells, n_inplanes]`, and what each was divided by.
    pub(super) fn compute(
        &self,
        rotations: &[Matrix3],
        out: &mut [Complex<T>],
        norms: &mut [f64],
    ) -> Result<(), SliceError> {
        match self {
            Self::AsStored(plan) => plan.compute(rotations, out, norms),
            Self::InDouble(plan) => {
                let mut values = vec![Complex::default(); out.len()];
                plan.compute(rotations, &mut values, norms)?;
                for (out, value) in out.iter_mut().zip(values) {
                    *out = Complex::new(T::rounded(value.re), T::rounded(value.im));
                }
                Ok(())
            }
        }
    }

    /// The same on some shells; false where they can't be had alone, and `out` is as it was.
    pub(super) fn compute_on(
        &self,
        shells: &SomeShells,
        rotations: &[Matrix3],
        out: &mut [Complex<T>],
    ) -> Result<bool, SliceError> {
        match self {
            Self::AsStored(plan) => {
                plan.compute_on(shells, rotations, out, &mut vec![0.0; rotations.len()]).map(|()| true)
            }
            // Without its mean, which is one over all.
            Self::InDouble(_) => Ok(false),
        }
    }
}

/// How the transform goes about a structure.
pub(super) fn slice_settings(
    structure: &Structure,
    settings: &TemplateJobSettings,
    n_views: usize,
    memory_bytes: usize,
) -> SliceSettings {
    let remove_mean = removes_mean(structure, settings);
    SliceSettings { memory_bytes, n_threads: settings.n_threads, n_views, remove_mean, coarse: false }
}
