//! The truth in full precision, for NumPy.

use std::io::{BufWriter, Write};

use verglas_formats::Result;
use verglas_formats::npz::NpzWriter;

use super::whole_file::{WholeFile, in_file};
use super::{Place, SimulatedParticle};

/// A quantity of a particle.
type Quantity<T> = fn(&SimulatedParticle) -> T;

/// Real numbers, by the names of their arrays.
const REAL: [(&str, Quantity<f64>); 12] = [
    ("rot", |particle| particle.pose.rot),
    ("tilt", |particle| particle.pose.tilt),
    ("psi", |particle| particle.pose.psi),
    ("origin_x_angstrom", |particle| particle.origin_angstrom[0]),
    ("origin_y_angstrom", |particle| particle.origin_angstrom[1]),
    ("defocus_u_angstrom", |particle| particle.ctf.defocus_u_angstrom),
    ("defocus_v_angstrom", |particle| particle.ctf.defocus_v_angstrom),
    ("defocus_angle_rad", |particle| particle.ctf.defocus_angle_rad),
    ("phase_shift_rad", |particle| particle.ctf.phase_shift_rad),
    ("voltage_kv", |particle| particle.ctf.voltage_kv),
    ("spherical_aberration_mm", |particle| particle.ctf.spherical_aberration_mm),
    ("amplitude_contrast", |particle| particle.ctf.amplitude_contrast),
];

/// Numbers of things.
const WHOLE: [(&str, Quantity<usize>); 4] = [
    ("structure", |particle| particle.structure),
    ("optics_group", |particle| particle.optics_group),
    ("micrograph", |particle| particle.micrograph),
    ("half", |particle| particle.half.into()),
];

/// Writes one array per quantity, `[n_particles]`.
pub(super) fn write_truth(
    file: WholeFile,
    particles: &[SimulatedParticle],
    places: &[Place],
) -> verglas_core::Result<()> {
    write_arrays(BufWriter::new(file.file()), particles, places).map_err(in_file(file.path()))?;
    file.finish()
}

fn write_arrays<W: Write>(output: W, particles: &[SimulatedParticle], places: &[Place]) -> Result<()> {
    let mut archive = NpzWriter::new(output);
    let shape = [particles.len()];
    for (name, quantity) in REAL {
        archive.add_f64(name, &shape, &particles.iter().map(quantity).collect::<Vec<_>>())?;
    }
    for (name, quantity) in WHOLE {
        archive.add_i64(
            name,
            &shape,
            &particles.iter().map(|particle| quantity(particle) as i64).collect::<Vec<_>>(),
        )?;
    }
    archive.add_u64("uid", &shape, &particles.iter().map(|particle| particle.uid).collect::<Vec<_>>())?;
    archive.add_i64("stack", &shape, &places.iter().map(|place| place.stack as i64).collect::<Vec<_>>())?;
    archive.add_i64("section", &shape, &places.iter().map(|place| place.section as i64).collect::<Vec<_>>())?;
    archive.finish()?.flush()?;
    Ok(())
}
