//! `verglas descriptor`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use verglas::descriptor::{AtomShape, BaseValues, ImageDescriptor, TemplateSettings};
use verglas::grid::Precision;
use verglas::{Error, Hint, Result, Warning};

use crate::messages::Messages;
use crate::numbers::short;
use crate::values::{choice, fraction, inplanes, positive};

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
    /// Which atoms of a model templates are made from [default: name CA]
    #[arg(long, value_name = "S", help_heading = "Templates")]
    pub atom_selection: Option<String>,
    /// Make templates from atoms, not from residues
    #[arg(long, help_heading = "Templates")]
    pub no_protein_residue_model: bool,
    /// Shape of an atom in templates
    #[arg(long, value_parser = choice::<AtomShape>(), default_value_t, value_name = "SHAPE", help_heading = "Templates")]
    pub atom_shape: AtomShape,
    /// Replace the file if it exists
    #[arg(long)]
    pub overwrite: bool,
}

/// The grids, where no descriptor file gives them.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Grids")]
pub struct GridArguments {
    /// Precision of the Fourier images [default: single]
    #[arg(long, value_parser = choice::<Precision>(), value_name = "PRECISION")]
    pub precision: Option<Precision>,
    /// Largest radius as a fraction of Nyquist, in (0, 1] [default: 1]
    #[arg(long, value_name = "F", value_parser = fraction)]
    pub resolution_factor: Option<f64>,
    /// Angles per shell [default: twice the box]
    #[arg(long, value_name = "M", value_parser = inplanes)]
    pub n_inplanes: Option<NonZeroUsize>,
}

/// Options that have no effect on CryoLike's templates, or make CryoLike fail.
fn without_effect(arguments: &DescriptorArguments) -> Vec<Warning> {
    let mut told = Vec::new();
    let mut warn = |message: String| told.push(Warning { code: "option-without-effect", message: message.into() });
    if arguments.no_protein_residue_model {
        if arguments.atom_radii.is_none() {
            warn(
                "--no-protein-residue-model without --atom-radii: CryoLike can't make templates from atoms without \
                 radii"
                    .to_owned(),
            );
        }
    } else {
        let given = [
            ("--atom-selection", arguments.atom_selection.is_some()),
            ("--atom-radii", arguments.atom_radii.is_some()),
        ];
        for (option, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
            warn(format!(
                "{option} has no effect: templates are made of whole residues unless \
                 --no-protein-residue-model is given"
            ));
        }
    }
    told
}

/// Makes and writes a descriptor.
pub fn run(arguments: &DescriptorArguments, messages: Messages) -> Result<()> {
    let resolution_factor = arguments.grids.resolution_factor.unwrap_or(1.0);
    let defaults = TemplateSettings::at_resolution_factor(resolution_factor);
    let template = TemplateSettings {
        viewing_distance: arguments.viewing_distance.or(defaults.viewing_distance),
        atom_radii: arguments.atom_radii,
        atom_selection: arguments.atom_selection.clone().or(defaults.atom_selection),
        use_protein_residue_model: !arguments.no_protein_residue_model,
        atom_shape: arguments.atom_shape,
    };
    let values = BaseValues {
        n_pixels: arguments.n_pixels.get(),
        pixel_size_angstrom: [arguments.pixel_size; 2],
        precision: arguments.grids.precision.unwrap_or_default(),
        resolution_factor,
        n_inplanes: arguments.grids.n_inplanes.map(NonZeroUsize::get),
    };
    let descriptor = ImageDescriptor::from_base_values(&values, template)?;
    let path = &arguments.output;
    if path.exists() && !arguments.overwrite {
        return Err(Error::value(format!("`{}` already exists", path.display()))
            .with_hint("choose another name, or replace it with " + Hint::Overwrite));
    }
    descriptor.save(path)?;
    let told = without_effect(arguments);
    told.iter().for_each(|warning| messages.warning(warning));
    let grid = &descriptor.polar_grid;
    let text = format!(
        "{}: box {} px, {} Å per pixel, {} shells to radius {}, {} angles, {} precision",
        path.display(),
        values.n_pixels,
        short(arguments.pixel_size),
        grid.n_shells(),
        short(grid.radius_max()),
        grid.n_inplanes(),
        descriptor.precision.as_str()
    );
    messages.summary(&text, || {
        serde_json::json!({
            "descriptor": path.display().to_string(),
            "n_pixels": values.n_pixels,
            "pixel_size": arguments.pixel_size,
            "n_shells": grid.n_shells(),
            "radius_max": grid.radius_max(),
            "n_inplanes": grid.n_inplanes(),
            "precision": descriptor.precision.as_str(),
        })
    });
    Ok(())
}
