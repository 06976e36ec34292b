//! From a structure that was loaded to its templates: the one place where the transform is called.

use std::sync::{Mutex, PoisonError};

use num_complex::Complex;
use verglas_core::threads::share_work;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::polar::Real;
use verglas_fourier::pose::Matrix3;
use verglas_fourier::slices::direct::{slice_beads_directly, slice_map_directly};
use verglas_fourier::slices::{self, constant_image, normalise, remove_mean};
use verglas_run::descriptor::{AtomShape, ImageDescriptor};

use super::settings::{AtomMass, TemplateJobSettings};
use crate::load::Content;
use crate::map::{AxisOrder, Voxels};

/// A structure as the transform takes it.
#[derive(Debug)]
pub(super) enum Sliceable {
    Beads(slices::Beads),
    Map(slices::Density),
}

/// What is told of a structure in its templates' metadata.
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

impl Sliceable {
    /// Brings what was loaded into the transform's terms.
    pub(super) fn new(
        content: Content,
        descriptor: &ImageDescriptor,
        settings: &TemplateJobSettings,
        box_angstrom: f64,
    ) -> (Self, Origin) {
        match content {
            Content::Beads(beads) => {
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
                let origin = Origin {
                    center_angstrom: beads.center_angstrom,
                    kind: OriginKind::Atoms { n_atoms: beads.radii_angstrom.len() },
                };
                let (positions_angstrom, radii_angstrom) = (beads.positions_angstrom, beads.radii_angstrom);
                (Self::Beads(slices::Beads { positions_angstrom, radii_angstrom, shape, mass }), origin)
            }
            Content::Density(density) => {
                let sides = [density.shape[2], density.shape[1], density.shape[0]];
                // CryoLike takes the images' box for the map's, along every axis.
                let voxel_angstrom = match settings.as_cryolike {
                    true => sides.map(|n| box_angstrom / n as f64),
                    false => density.voxel_angstrom,
                };
                let center_angstrom = match settings.as_cryolike {
                    true => std::array::from_fn(|axis| (sides[axis] / 2) as f64 * voxel_angstrom[axis]),
                    false => density.center_angstrom,
                };
                let kind = OriginKind::Map { voxel_angstrom, axis_order: density.axis_order };
                let values = match density.values {
                    Voxels::Single(values) => slices::Voxels::Single(values),
                    Voxels::Double(values) => slices::Voxels::Double(values),
                };
                let map = slices::Density {
                    values,
                    shape: density.shape,
                    voxel_angstrom,
                    centre_voxel: density.center_voxel,
                    // Reading has brought x to the fastest axis, whatever was taken for x.
                    axis_order: slices::AxisOrder::Zyx,
                    beyond_nyquist: settings.beyond_nyquist || settings.as_cryolike,
                };
                (Self::Map(map), Origin { center_angstrom, kind })
            }
        }
    }

    /// Whether the mean is taken out of each template.
    pub(super) fn removes_mean(&self, settings: &TemplateJobSettings) -> bool {
        settings.remove_mean
            || settings.as_cryolike
                && match self {
                    Self::Beads(beads) => beads.shape == slices::AtomShape::Gaussian,
                    Self::Map(_) => true,
                }
    }
}

/// A template that can't be normalised: which of the batch, and its norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NoNorm {
    pub(super) view: usize,
    pub(super) norm: f64,
}

/// A structure prepared for its templates.
#[derive(Debug)]
pub(super) struct Slicer {
    structure: Sliceable,
    grid: PolarGrid,
    box_angstrom: f64,
    point_weights: Vec<f64>,
    /// F(0), and the image that it is taken out with.
    mean: Option<(f64, Vec<f64>)>,
    n_threads: usize,
}

impl Slicer {
    pub(super) fn new(
        structure: Sliceable,
        grid: &PolarGrid,
        box_angstrom: f64,
        settings: &TemplateJobSettings,
    ) -> Result<Self, String> {
        let (checked, total) = match &structure {
            Sliceable::Beads(beads) => (beads.check(), beads.total()),
            Sliceable::Map(map) => (map.check(), map.total()),
        };
        checked.map_err(|error| error.to_string())?;
        Ok(Self {
            mean: structure.removes_mean(settings).then(|| (total, constant_image(grid))),
            structure,
            grid: grid.clone(),
            box_angstrom,
            point_weights: (0..grid.n_shells()).map(|shell| grid.point_weight(shell)).collect(),
            n_threads: settings.n_threads,
        })
    }

    /// The normalised templates of some views, `[rotations, n_shells, n_inplanes]`, and what each was divided by.
    pub(super) fn compute<T: Real>(
        &self,
        rotations: &[Matrix3],
        out: &mut [Complex<T>],
        norms: &mut [f64],
    ) -> Result<(), NoNorm> {
        self.compute_all(rotations, out, norms);
        match norms.iter().position(|norm| !(norm.is_finite() && *norm > 0.0)) {
            Some(view) => Err(NoNorm { view, norm: norms[view] }),
            None => Ok(()),
        }
    }
}

impl Slicer {
    fn compute_all<T: Real>(&self, rotations: &[Matrix3], out: &mut [Complex<T>], norms: &mut [f64]) {
        let work = Mutex::new(rotations.iter().zip(out.chunks_mut(self.grid.n_points())).zip(norms));
        share_work(self.n_threads, || {
            loop {
                let next = work.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(((rotation, slice), norm)) = next else { return };
                let mut values = match &self.structure {
                    Sliceable::Beads(beads) => slice_beads_directly(beads, &self.grid, self.box_angstrom, rotation),
                    Sliceable::Map(map) => slice_map_directly(map, &self.grid, self.box_angstrom, rotation),
                };
                // In double precision to the end: taking out the mean leaves a small part of what was there.
                if let Some((total, constant)) = &self.mean {
                    remove_mean(&mut values, *total, constant);
                }
                *norm = normalise(&mut values, &self.point_weights);
                for (out, value) in slice.iter_mut().zip(values) {
                    *out = Complex::new(T::rounded(value.re), T::rounded(value.im));
                }
            }
        });
    }
}
