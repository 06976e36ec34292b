//! The pixel size that counts, and the grids that follow from it.

use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;
use verglas_core::hint::{Hint, Setting};
use verglas_run::descriptor::{BaseValues, ImageDescriptor, TemplateSettings};

use super::images::{FoundImages, compare_headers, header_pixel_size};
use crate::particle::ParticleTable;
use crate::pixel_size::{PixelSizeSource, StatedPixelSizes, choose_pixel_size, not_known, report_others, show, used};
use crate::preprocess::DownsampledBox;
use crate::settings::{ConvertSettings, DescriptorSource};

/// The grids of the output and the scale of the input.
#[derive(Debug)]
pub(super) struct Grids {
    pub(super) descriptor: ImageDescriptor,
    /// The images' box before and after downsampling.
    pub(super) sides: DownsampledBox,
    /// Of the input images, along both axes, Å.
    pub(super) pixel_size_angstrom: [f64; 2],
    pub(super) pixel_size_source: PixelSizeSource,
}

/// The descriptor that the settings name, if they name one.
///
/// # Errors
/// When its file can't be read.
pub(super) fn given_descriptor(settings: &ConvertSettings) -> Result<Option<ImageDescriptor>> {
    match &settings.descriptor {
        DescriptorSource::File(path) => ImageDescriptor::load(path).map(Some),
        DescriptorSource::Given(descriptor) => Ok(Some((**descriptor).clone())),
        DescriptorSource::FromData { .. } => Ok(None),
    }
}

/// Chooses the pixel size, and makes the descriptor if none is given.
///
/// # Errors
/// When pixel sizes contradict each other or there is none, or a descriptor can't be made. A box that differs from the
/// descriptor's goes to `findings`.
pub(super) fn choose_grids(
    table: &ParticleTable,
    found: &FoundImages,
    input_box: usize,
    given: Option<ImageDescriptor>,
    settings: &ConvertSettings,
    findings: &mut Findings,
) -> Result<Grids> {
    let sides = DownsampledBox::of(input_box, settings)?;
    if let Some(descriptor) = &given {
        check_box(sides, descriptor, findings);
    }
    let downsampled = given.as_ref().map(|descriptor| descriptor.cartesian_grid.pixel_size_angstrom());
    let stated = StatedPixelSizes {
        caller: settings.pixel_size_angstrom,
        metadata: table.pixel_size_angstrom,
        descriptor: downsampled.map(|size| sides.pixel_size_before(size)),
        downsampled: downsampled.filter(|_| sides.method().is_some()),
        detector: table.detector_pixel_size_angstrom,
        mrc_header: header_pixel_size(&found.files),
    };
    if stated.is_empty() && settings.pixel_size_from.is_none() {
        let error = not_known(&table.other_pixel_sizes);
        let cell = found.files.iter().flatten().find_map(|file| Some((file, file.header.cell_without_grid_angstrom?)));
        return Err(match cell {
            Some((file, cell)) => error.with_detail(format_args!(
                "the MRC header of `{}` has a cell of {} Å and a grid of 0, which gives no pixel size",
                file.path.display(),
                show(cell)
            )),
            None => error,
        });
    }
    let (pixel_size_angstrom, pixel_size_source) = choose_pixel_size(&stated, settings.pixel_size_from, findings)?;
    report_others(&table.other_pixel_sizes, pixel_size_angstrom, pixel_size_source, findings);
    if let Some(sizes) = &table.differing_detector_pixel_sizes {
        if pixel_size_source == PixelSizeSource::Detector {
            return Err(Error::value(format!(
                "rlnDetectorPixelSize and rlnMagnification, the only source of a pixel size, differ between rows, but \
                 a descriptor holds only one pixel size\n{sizes}"
            ))
            .with_hint("if one size is right for all, give it with " + Hint::Give(Setting::PixelSize)));
        }
        let used = used(pixel_size_angstrom, pixel_size_source);
        findings.warn(
            "pixel-size-differs",
            "rlnDetectorPixelSize and rlnMagnification differ between rows; " + used + format!("\n{sizes}"),
        );
    }
    compare_headers(&found.files, pixel_size_angstrom, pixel_size_source, findings)?;
    findings.note(format!("pixel size {} Å, from ", show(pixel_size_angstrom)).as_str() + pixel_size_source.said());
    let descriptor = match given {
        Some(descriptor) => descriptor,
        None => {
            descriptor_from_data(&settings.descriptor, sides.n_pixels(), sides.pixel_size_after(pixel_size_angstrom))?
        }
    };
    if let (Some(said), Some(method)) = (sides.said(), sides.method()) {
        findings.note(format!(
            "{said} ({}): {input_box} px of {} Å become {} px of {} Å",
            method.as_str(),
            show(pixel_size_angstrom),
            sides.n_pixels(),
            show(descriptor.cartesian_grid.pixel_size_angstrom())
        ));
    }
    Ok(Grids { descriptor, sides, pixel_size_angstrom, pixel_size_source })
}

/// Compares the pixel sizes that are stated, where the images' box is not known: a conflict is an error then, too.
pub(super) fn check_stated_sizes(
    table: &ParticleTable,
    given: Option<&ImageDescriptor>,
    settings: &ConvertSettings,
    findings: &mut Findings,
) {
    // What a descriptor says is of images as they are after downsampling.
    let is_as_stored = settings.downsampling.is_none() && settings.downsample_to.is_none();
    let stated = StatedPixelSizes {
        caller: settings.pixel_size_angstrom,
        metadata: table.pixel_size_angstrom,
        descriptor: given.filter(|_| is_as_stored).map(|given| given.cartesian_grid.pixel_size_angstrom()),
        detector: table.detector_pixel_size_angstrom,
        ..StatedPixelSizes::default()
    };
    if !stated.is_empty()
        && let Err(error) = choose_pixel_size(&stated, settings.pixel_size_from, findings)
    {
        findings.error(error);
    }
}

/// The descriptor describes the images after downsampling.
fn check_box(sides: DownsampledBox, descriptor: &ImageDescriptor, findings: &mut Findings) {
    let expected = descriptor.cartesian_grid.n_pixels();
    if sides.n_pixels() == expected {
        return;
    }
    let downsampled = sides.said().map_or(String::new(), |said| format!(", {} px after {said}", sides.n_pixels()));
    findings.error(
        Error::value(format!(
            "images are {} px wide{downsampled}, the descriptor says {expected} px",
            sides.n_input_pixels()
        ))
        .with_hint("make a descriptor for these images, or leave it out to have one made from the data"),
    );
}

/// Origins in pixels become ångströms.
pub(super) fn resolve_origins(table: &mut ParticleTable, pixel_size_angstrom: [f64; 2]) {
    let [along_rows, along_columns] = pixel_size_angstrom;
    for (origin, size) in [(&mut table.origin.x, along_columns), (&mut table.origin.y, along_rows)] {
        if let Some(origin) = origin {
            origin.resolve(size);
        }
    }
}

fn descriptor_from_data(
    source: &DescriptorSource,
    n_pixels: usize,
    pixel_size_angstrom: [f64; 2],
) -> Result<ImageDescriptor> {
    let DescriptorSource::FromData { precision, resolution_factor, n_inplanes } = *source else {
        return Err(Error::value("no descriptor can be made from a given one"));
    };
    ImageDescriptor::from_base_values(
        &BaseValues { n_pixels, pixel_size_angstrom, precision, resolution_factor, n_inplanes },
        TemplateSettings::at_resolution_factor(resolution_factor),
    )
}
