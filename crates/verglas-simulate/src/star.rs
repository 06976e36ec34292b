//! The truth as RELION's STAR files hold it: degrees, Å, six decimals.

use std::io::{BufWriter, Write};

use verglas_formats::Result;
use verglas_formats::star::StarWriter;

use super::whole_file::{WholeFile, in_file};
use super::{Place, SimulatedParticle, SimulationSettings};
use crate::Layout;

/// Writes one STAR file with these particles, in this order, with an optics and a particles block as RELION 3.1 and
/// later do.
///
/// In the layout of pairs the names of images are relative to the STAR file, otherwise to the data set's folder: both
/// are the data set's folder.
pub(super) fn write_star<'a>(
    file: WholeFile,
    settings: &SimulationSettings,
    particles: impl Iterator<Item = (&'a SimulatedParticle, &'a Place)>,
) -> verglas_core::Result<()> {
    let output = StarWriter::new(BufWriter::new(file.file()));
    write_blocks(output, settings, particles).map_err(in_file(file.path()))?;
    file.finish()
}

fn write_blocks<'a, W: Write>(
    mut star: StarWriter<W>,
    settings: &SimulationSettings,
    particles: impl Iterator<Item = (&'a SimulatedParticle, &'a Place)>,
) -> Result<()> {
    star.write_comment("version 50001")?;
    star.start_loop(
        "optics",
        &[
            "rlnOpticsGroupName",
            "rlnOpticsGroup",
            "rlnMicrographOriginalPixelSize",
            "rlnVoltage",
            "rlnSphericalAberration",
            "rlnAmplitudeContrast",
            "rlnImagePixelSize",
            "rlnImageSize",
            "rlnImageDimensionality",
            "rlnCtfDataAreCtfPremultiplied",
        ],
    )?;
    let pixel_size = decimal(settings.pixel_size_angstrom);
    for (index, optics) in settings.optics_groups.iter().enumerate() {
        star.write_row(&[
            format!("opticsGroup{}", index + 1),
            (index + 1).to_string(),
            pixel_size.clone(),
            decimal(optics.voltage_kv),
            decimal(optics.spherical_aberration_mm),
            decimal(optics.amplitude_contrast),
            pixel_size.clone(),
            settings.n_pixels.to_string(),
            "2".into(),
            "0".into(),
        ])?;
    }
    star.write_comment("version 50001")?;
    star.start_loop(
        "particles",
        &[
            "rlnImageName",
            "rlnMicrographName",
            "rlnOpticsGroup",
            "rlnDefocusU",
            "rlnDefocusV",
            "rlnDefocusAngle",
            "rlnCtfBfactor",
            "rlnCtfScalefactor",
            "rlnPhaseShift",
            "rlnAngleRot",
            "rlnAngleTilt",
            "rlnAnglePsi",
            "rlnOriginXAngst",
            "rlnOriginYAngst",
            "rlnRandomSubset",
        ],
    )?;
    for (particle, place) in particles {
        star.write_row(&row(settings.layout, particle, *place))?;
    }
    star.finish()?;
    Ok(())
}

fn row(layout: Layout, particle: &SimulatedParticle, place: Place) -> [String; 15] {
    let SimulatedParticle { pose, origin_angstrom: [origin_x, origin_y], ctf, .. } = particle;
    [
        format!("{:06}@{}", place.section + 1, layout.stack_path(place.stack).display()),
        format!("micrographs/micrograph_{:05}.mrc", particle.micrograph),
        (particle.optics_group + 1).to_string(),
        decimal(ctf.defocus_u_angstrom),
        decimal(ctf.defocus_v_angstrom),
        decimal(ctf.defocus_angle_rad.to_degrees()),
        decimal(ctf.b_factor_angstrom2),
        decimal(ctf.scale),
        decimal(ctf.phase_shift_rad.to_degrees()),
        decimal(pose.rot.to_degrees()),
        decimal(pose.tilt.to_degrees()),
        decimal(pose.psi.to_degrees()),
        decimal(*origin_x),
        decimal(*origin_y),
        (particle.half + 1).to_string(),
    ]
}

/// With the six decimals that RELION writes.
fn decimal(value: f64) -> String {
    format!("{value:.6}")
}
