//! Trajectories, and the metadata of templates.

use std::path::Path;

use serde::Serialize;
use verglas_core::error::{Error, Result};
use verglas_formats::trajectory::Trajectory;
use verglas_structures::templates::TemplateFacts;

use super::descriptor::DescriptorContents;
use super::found::Found;

/// The contents of a trajectory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrajectoryContents {
    /// Frames, counted from 0.
    pub n_frames: usize,
    /// Atoms of each.
    pub n_atoms: usize,
}

pub(super) fn inspect_trajectory(path: &Path) -> Result<Found<TrajectoryContents>> {
    let trajectory = Trajectory::open(path).map_err(|error| Error::from_format(path, error))?;
    let (n_frames, n_atoms) = (trajectory.n_frames(), trajectory.n_atoms());
    Ok(Found {
        warnings: trajectory.warnings().iter().map(ToString::to_string).collect(),
        ..Found::plain(TrajectoryContents { n_frames, n_atoms })
    })
}

/// The metadata of one structure's templates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TemplateContents {
    /// How many templates there are.
    pub n_templates: usize,
    /// The point group that restricted the views.
    pub symmetry: String,
    /// The file that they were made from.
    pub source: String,
    /// Its SHA-256.
    pub source_sha256: String,
    /// The model's number, or a frame's; below 0 for maps.
    pub model: i64,
    /// How many atoms; `None` for maps.
    pub n_atoms: Option<i64>,
    /// The voxel size that was used, x, y, z in Å; `None` for atoms.
    pub voxel_size_angstrom: Option<[f64; 3]>,
    /// `zyx` or `xyz`; `None` for atoms.
    pub axis_order: Option<&'static str>,
    /// The origin in the file's coordinates, x, y, z in Å.
    pub center_angstrom: [f64; 3],
    /// Whether all was done as CryoLike does it.
    pub as_cryolike: bool,
    /// The grids.
    pub descriptor: DescriptorContents,
}

pub(super) fn inspect_templates(path: &Path) -> Result<Found<TemplateContents>> {
    let facts = TemplateFacts::read(path)?;
    let contents = TemplateContents {
        n_templates: facts.views.len(),
        symmetry: facts.symmetry,
        source: facts.source,
        source_sha256: facts.source_sha256,
        model: facts.model,
        n_atoms: facts.n_atoms,
        voxel_size_angstrom: facts.voxel_angstrom,
        axis_order: facts.axis_order.map(|order| order.name()),
        center_angstrom: facts.center_angstrom,
        as_cryolike: facts.as_cryolike,
        descriptor: DescriptorContents::of(&facts.descriptor),
    };
    Ok(Found::plain(contents))
}
