//! The metadata of a file of templates: `templates_fourier_NAME.npz`.

use verglas_core::error::{Error, Result};
use verglas_formats::npz::NpzWriter;
use verglas_fourier::sphere::{PointGroup, Views};
use verglas_run::descriptor::ImageDescriptor;

use super::slicer::{Origin, OriginKind};
use super::stack::TemplateFacts;
use crate::load::Part;

/// All metadata of the templates of one structure.
pub(super) struct TemplateMetadata<'a> {
    pub(super) descriptor: &'a ImageDescriptor,
    pub(super) views: &'a Views,
    pub(super) symmetry: PointGroup,
    /// The norm that each template was divided by.
    pub(super) norms: &'a [f64],
    pub(super) origin: &'a Origin,
    /// The path of the input, as it was given.
    pub(super) source: &'a [u8],
    pub(super) source_sha256: &'a str,
    pub(super) part: Part,
    pub(super) as_cryolike: bool,
}

impl TemplateFacts {
    /// The bytes of the file of metadata that says this.
    ///
    /// # Errors
    /// When the symmetry's name is none, or something is too large for a file.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let kind = match (self.voxel_angstrom, self.n_atoms) {
            (Some(voxel_angstrom), _) => {
                OriginKind::Map { voxel_angstrom, axis_order: self.axis_order.unwrap_or_default() }
            }
            (None, n_atoms) => OriginKind::Atoms { n_atoms: n_atoms.and_then(|n| n.try_into().ok()).unwrap_or(0) },
        };
        let part = match self.model {
            NO_MODEL => Part::Density,
            number => Part::Model { place: 0, number },
        };
        let metadata = TemplateMetadata {
            descriptor: &self.descriptor,
            views: &self.views,
            symmetry: self.symmetry.parse().map_err(|error| Error::value(format!("{error}")))?,
            norms: &self.norms,
            origin: &Origin { center_angstrom: self.center_angstrom, kind },
            source: self.source.as_bytes(),
            source_sha256: &self.source_sha256,
            part,
            as_cryolike: self.as_cryolike,
        };
        metadata.to_bytes()
    }
}

impl TemplateMetadata<'_> {
    /// The bytes of the file.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut npz = NpzWriter::new(Vec::new());
        let written = self.write(&mut npz).and_then(|()| npz.finish());
        written.map_err(|error| Error::value(format!("cannot make the metadata of templates: {error}")))
    }

    fn write(&self, npz: &mut NpzWriter<Vec<u8>>) -> verglas_formats::Result<()> {
        self.descriptor.write(npz)?;
        let n = self.views.len();
        npz.add_i64("n_templates", &[], &[n as i64])?;
        npz.add_f64("viewing_azimuth", &[n], &self.views.azimuth)?;
        npz.add_f64("viewing_polar", &[n], &self.views.polar)?;
        npz.add_f64("viewing_gamma", &[n], &self.views.gamma)?;
        npz.add_f64("viewing_weight", &[n], &self.views.weight)?;
        npz.add_text("symmetry", &[], [self.symmetry.to_string().as_bytes()])?;
        npz.add_f64("template_norm", &[n], self.norms)?;
        npz.add_f64("center", &[3], &self.origin.center_angstrom)?;
        let axis_order = match &self.origin.kind {
            OriginKind::Atoms { n_atoms } => {
                npz.add_i64("n_atoms", &[], &[*n_atoms as i64])?;
                ""
            }
            OriginKind::Map { voxel_angstrom, axis_order } => {
                npz.add_f64("voxel_size", &[3], voxel_angstrom)?;
                axis_order.name()
            }
        };
        npz.add_text("axis_order", &[], [axis_order.as_bytes()])?;
        npz.add_text("source", &[], [self.source])?;
        npz.add_text("source_sha256", &[], [self.source_sha256.as_bytes()])?;
        let model = match self.part {
            Part::Model { number, .. } => number,
            Part::Frame(frame) => i64::try_from(frame).unwrap_or(i64::MAX),
            Part::Density => NO_MODEL,
        };
        npz.add_i64("model", &[], &[model])?;
        npz.add_bool("as_cryolike", &[], &[self.as_cryolike])
    }
}

/// `model` of maps and arrays.
pub(super) const NO_MODEL: i64 = -1;
