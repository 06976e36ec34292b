//! The settings of a job that makes templates.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use verglas_core::threads::default_threads;
use verglas_fourier::sphere::PointGroup;
use verglas_run::descriptor::{AtomShape, ImageDescriptor};
use verglas_run::{Existing, Shard};

use crate::beads::Center;
use crate::choice::{Frames, Models};
use crate::map::AxisOrder;

/// Where the grids come from.
#[derive(Debug, Clone, PartialEq)]
pub enum DescriptorSource {
    /// A descriptor's file, the metadata of a stack, or a folder of converted stacks, of which the first counts.
    File(PathBuf),
    /// This one.
    Given(Box<ImageDescriptor>),
}

/// Values that override the descriptor's; `None` uses the descriptor's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TemplateOverrides {
    /// Distance between viewing directions, radians.
    pub viewing_distance: Option<f64>,
    /// Radius of an atom, Å.
    pub atom_radii: Option<f64>,
    /// Which atoms count.
    pub atom_selection: Option<String>,
    /// Shape of an atom.
    pub atom_shape: Option<AtomShape>,
    /// Whether beads are residues instead of atoms.
    pub use_protein_residue_model: Option<bool>,
}

/// The weight of atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AtomMass {
    /// R³: by volume.
    #[default]
    Volume,
    /// All the same.
    Equal,
}

/// The settings of a job that makes templates.
#[derive(Debug, Clone)]
pub struct TemplateJobSettings {
    /// The grids, and what templates are made with.
    pub descriptor: DescriptorSource,
    /// In its place.
    pub overrides: TemplateOverrides,
    /// A file with further inputs, one path a line.
    pub list: Option<PathBuf>,
    /// Which models of a file with several.
    pub models: Models,
    /// Which frames of trajectories.
    pub frames: Frames,
    /// The file that says which atoms the trajectories' positions are of.
    pub topology: Option<PathBuf>,
    /// The weight of atoms.
    pub atom_mass: AtomMass,
    /// Whether to subtract the mean over the box from each template.
    pub remove_mean: bool,
    /// The origin.
    pub center: Center,
    /// The distance between a map's voxels along x, y, z in Å, in place of its header's.
    pub voxel_angstrom: Option<[f64; 3]>,
    /// Which of a map's axes is which.
    pub axis_order: AxisOrder,
    /// Whether maps are continued periodically beyond their Nyquist frequency; otherwise templates are 0 there.
    pub beyond_nyquist: bool,
    /// The structures' symmetry: views of one asymmetric unit only.
    pub symmetry: PointGroup,
    /// Whether plots are drawn.
    pub plots: bool,
    /// Whether everything is done as CryoLike does it, where that differs.
    pub as_cryolike: bool,
    /// What to do if the output folder is not empty.
    pub existing: Existing,
    /// The part of the structures that is made, if not all.
    pub shard: Option<Shard>,
    /// Threads that compute.
    pub n_threads: usize,
    /// Upper bound for what is held in memory, bytes.
    pub memory_bytes: u64,
}

/// 1 GiB.
pub const DEFAULT_MEMORY_BYTES: u64 = 1 << 30;

impl TemplateJobSettings {
    /// The defaults, with these grids.
    pub fn new(descriptor: DescriptorSource) -> Self {
        Self {
            descriptor,
            overrides: TemplateOverrides::default(),
            list: None,
            models: Models::First,
            frames: Frames::default(),
            topology: None,
            atom_mass: AtomMass::Volume,
            remove_mean: false,
            center: Center::Mean,
            voxel_angstrom: None,
            axis_order: AxisOrder::Zyx,
            beyond_nyquist: false,
            symmetry: PointGroup::Cyclic(1),
            plots: true,
            as_cryolike: false,
            existing: Existing::Refuse,
            shard: None,
            n_threads: default_threads(),
            memory_bytes: DEFAULT_MEMORY_BYTES,
        }
    }
}
