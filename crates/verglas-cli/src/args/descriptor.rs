//! `verglas descriptor`, and the grids that `convert` makes without one.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::names::{AtomShapeName, PrecisionName};
use super::numbers::{fraction, inplanes, positive};

const EXAMPLES: &str = "\
Examples:
  verglas descriptor --n-pixels 256 --pixel-size 1.06 -o parameters.npz
  verglas descriptor --n-pixels 128 --pixel-size 2.12 --precision double --resolution-factor 0.5 -o parameters.npz";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DescriptorArguments {
    /// Box side of the images, pixels
    #[arg(long, value_name = "N")]
    pub n_pixels: NonZeroUsize,
    /// Å per pixel
    #[arg(long, value_name = "A", value_parser = positive)]
    pub pixel_size: f64,
    /// File to write
    #[arg(short, long, value_name = "FILE.npz")]
    pub output: PathBuf,
    #[command(flatten)]
    pub grids: GridArguments,
    /// Distance between viewing directions of templates [default: 1/(4π · resolution factor)]
    #[arg(long, value_name = "D", value_parser = positive, help_heading = "Templates")]
    pub viewing_distance: Option<f64>,
    /// Radius of an atom in templates, Å
    #[arg(long, value_name = "A", value_parser = positive, help_heading = "Templates")]
    pub atom_radii: Option<f64>,
    /// Which atoms of a model count in templates
    #[arg(long, value_name = "S", default_value = "name CA", help_heading = "Templates")]
    pub atom_selection: String,
    /// Atoms, not residues, stand in templates
    #[arg(long, help_heading = "Templates")]
    pub no_protein_residue_model: bool,
    /// Shape of an atom in templates
    #[arg(long, value_enum, default_value_t = AtomShapeName::Gaussian, value_name = "SHAPE", help_heading = "Templates")]
    pub atom_shape: AtomShapeName,
    /// Replace the file if it is there
    #[arg(long)]
    pub overwrite: bool,
}

/// The grids, where no descriptor file gives them.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Grids")]
pub struct GridArguments {
    /// Precision of the Fourier images [default: single]
    #[arg(long, value_enum, value_name = "PRECISION")]
    pub precision: Option<PrecisionName>,
    /// Largest radius as a fraction of Nyquist, in (0, 1] [default: 1]
    #[arg(long, value_name = "F", value_parser = fraction)]
    pub resolution_factor: Option<f64>,
    /// Angles per shell [default: twice the box]
    #[arg(long, value_name = "M", value_parser = inplanes)]
    pub n_inplanes: Option<NonZeroUsize>,
}
