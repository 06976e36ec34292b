//! `verglas descriptor`.

use std::num::NonZeroUsize;

use verglas::descriptor::{AtomShape, BaseValues, ImageDescriptor, TemplateSettings};
use verglas::{Error, Result};

use crate::args::{AtomShapeName, DescriptorArguments};
use crate::messages::Messages;
use crate::numbers::short;

/// Makes and writes a descriptor.
pub fn run(arguments: &DescriptorArguments, messages: Messages) -> Result<()> {
    let resolution_factor = arguments.grids.resolution_factor.unwrap_or(1.0);
    let defaults = TemplateSettings::at_resolution_factor(resolution_factor);
    let template = TemplateSettings {
        viewing_distance: arguments.viewing_distance.or(defaults.viewing_distance),
        atom_radii: arguments.atom_radii,
        atom_selection: Some(arguments.atom_selection.clone()),
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
