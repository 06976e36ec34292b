//! `verglas descriptor`.

use std::num::NonZeroUsize;

use verglas::descriptor::{AtomShape, BaseValues, ImageDescriptor, TemplateSettings};
use verglas::{Error, Result, Warning};

use crate::args::{AtomShapeName, DescriptorArguments};
use crate::messages::Messages;

/// What was asked for and has no effect in CryoLike's templates, or none but an error.
fn without_effect(arguments: &DescriptorArguments) -> Vec<Warning> {
    let mut told = Vec::new();
    let mut warn = |message: String| told.push(Warning { code: "option-without-effect", message });
    if arguments.no_protein_residue_model {
        if arguments.atom_radii.is_none() {
            warn(
                "--no-protein-residue-model without --atom-radii: CryoLike makes no templates of atoms whose radii it does \
                 not know"
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
        atom_shape: match arguments.atom_shape {
            AtomShapeName::Gaussian => AtomShape::Gaussian,
            AtomShapeName::HardSphere => AtomShape::HardSphere,
        },
    };
    let values = BaseValues {
        n_pixels: arguments.n_pixels.get(),
        pixel_size_angstrom: [arguments.pixel_size; 2],
        precision: arguments.grids.precision.map(Into::into).unwrap_or_default(),
        resolution_factor,
        n_inplanes: arguments.grids.n_inplanes.map(NonZeroUsize::get),
    };
    let descriptor = ImageDescriptor::from_base_values(&values, template)?;
    let path = &arguments.output;
    if path.exists() && !arguments.overwrite {
        return Err(Error::value(format!("`{}` is there already", path.display()))
            .with_hint("choose another name, or replace it with --overwrite"));
    }
    descriptor.save(path)?;
    let told = without_effect(arguments);
    told.iter().for_each(|warning| messages.warning(warning));
    let grid = &descriptor.polar_grid;
    let text = format!(
        "{}: box {} px, {} Å per pixel, {} shells to radius {}, {} angles, {} precision",
        path.display(),
        values.n_pixels,
        arguments.pixel_size,
        grid.n_shells(),
        grid.radius_max(),
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
