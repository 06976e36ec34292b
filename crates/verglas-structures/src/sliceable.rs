//! Loaded structures in the types of the transform that makes slices.

use std::sync::Arc;

use verglas_fourier::slices::{self, AtomMass, AtomShape, Structure};

use crate::load::Content;

impl Content {
    /// The structure whose slices are taken: of beads with this shape and mass; of a map within its Nyquist frequency, or
    /// `beyond_nyquist` as its periodic continuation.
    pub fn into_sliceable(self, shape: AtomShape, mass: AtomMass, beyond_nyquist: bool) -> Structure {
        match self {
            Self::Beads(beads) => {
                let (positions_angstrom, radii_angstrom) = (beads.positions_angstrom, beads.radii_angstrom);
                Structure::Beads(Arc::new(slices::Beads { positions_angstrom, radii_angstrom, shape, mass }))
            }
            Self::Density(density) => Structure::Map(Arc::new(slices::Density {
                values: density.values,
                shape: density.shape,
                voxel_angstrom: density.voxel_angstrom,
                centre_voxel: density.center_voxel,
                // Reading has brought x to the fastest axis, whatever was taken for x.
                axis_order: slices::AxisOrder::Zyx,
                beyond_nyquist,
            })),
        }
    }
}
