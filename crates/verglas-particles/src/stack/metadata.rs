//! Writes the metadata file of a stack: what CryoLike reads, and where each image comes from.

use std::io::{BufWriter, Write};
use std::path::Path;

use crc32fast::Hasher;
use verglas_core::atomic::FinishedFile;
use verglas_core::atomic::write_atomically;
use verglas_core::error::Result;
use verglas_formats::npz::NpzWriter;
use verglas_run::descriptor::ImageDescriptor;

use super::keys;
use super::read::ImageScales;
use crate::particle::{Column, OriginUnit, ParticleTable};

/// Everything that a stack's metadata file says.
#[derive(Clone, Copy)]
pub(crate) struct MetadataWriter<'a> {
    pub(crate) descriptor: &'a ImageDescriptor,
    pub(crate) table: &'a ParticleTable,
    /// The stack's images, as particles of the table, in order.
    pub(crate) particles: &'a [u32],
    /// One per image.
    pub(crate) scales: &'a [ImageScales],
    /// Index into the table's constants.
    pub(crate) constants: u32,
    /// `stack_start` and `stack_end`, for stacks that never mix image files.
    pub(crate) range_in_file: Option<(usize, usize)>,
}

impl MetadataWriter<'_> {
    /// Writes the file; it appears under its name only when it is whole.
    ///
    /// # Errors
    /// When writing fails.
    pub(crate) fn write(&self, path: &Path) -> Result<FinishedFile> {
        let mut finished = FinishedFile { bytes: 0, crc32: 0 };
        write_atomically(path, |file| {
            finished = self.write_to(BufWriter::with_capacity(1 << 16, file))?.1;
            Ok(())
        })?;
        Ok(finished)
    }

    /// Writes the file's bytes to `inner`, and flushes it.
    pub(super) fn write_to<W: Write>(&self, inner: W) -> verglas_formats::Result<(W, FinishedFile)> {
        let mut npz = NpzWriter::new(Counted { inner, bytes: 0, hasher: Hasher::new() });
        self.add_all(&mut npz)?;
        let mut counted = npz.finish()?;
        counted.flush()?;
        Ok((counted.inner, FinishedFile { bytes: counted.bytes, crc32: counted.hasher.finalize() }))
    }

    fn add_all<W: Write>(&self, npz: &mut NpzWriter<W>) -> verglas_formats::Result<()> {
        let (table, particles) = (self.table, self.particles);
        let n = particles.len();
        let values = |column: &Column| -> Vec<f64> { particles.iter().map(|&p| column.get(p as usize)).collect() };
        self.descriptor.write(npz)?;

        npz.add_f64(keys::DEFOCUS_U, &[n], &values(&table.defocus_u_angstrom))?;
        npz.add_f64(keys::DEFOCUS_V, &[n], &values(&table.defocus_v_angstrom))?;
        npz.add_f64(keys::DEFOCUS_ANGLE, &[n], &values(&table.defocus_angle_rad))?;
        npz.add_f64(keys::PHASE_SHIFT, &[n], &values(&table.phase_shift_rad))?;
        let constants = table.constants[self.constants as usize];
        npz.add_f64(keys::SPHERICAL_ABERRATION, &[], &[constants.spherical_aberration_mm])?;
        npz.add_f64(keys::VOLTAGE, &[], &[constants.voltage_kv])?;
        npz.add_f64(keys::AMPLITUDE_CONTRAST, &[], &[constants.amplitude_contrast])?;

        let optional = |column: Option<&Column>| column.map(values).unwrap_or_default();
        let pose = &table.pose;
        for (name, column) in
            [(keys::ANGLE_ROTATION, &pose.rot), (keys::ANGLE_TILT, &pose.tilt), (keys::ANGLE_PSI, &pose.psi)]
        {
            let angles = optional(column.as_ref());
            npz.add_f64(name, &[angles.len()], &angles)?;
        }
        let ref_pixel_size = table.pixel_size_angstrom.map_or(vec![], |size| vec![size, size]);
        npz.add_f64(keys::REF_PIXEL_SIZE, &[ref_pixel_size.len()], &ref_pixel_size)?;
        let name_of = |&p: &u32| table.image_names[table.image[p as usize] as usize].as_slice();
        npz.add_text(keys::FILES, &[n], particles.iter().map(name_of))?;
        let sections: Vec<i64> = particles.iter().map(|&p| i64::from(table.section[p as usize].0)).collect();
        npz.add_i64(keys::SECTIONS, &[n], &sections)?;
        for (name, column, default) in
            [(keys::CTF_BFACTOR, &table.ctf_bfactor, 0.0), (keys::CTF_SCALE_FACTOR, &table.ctf_scale_factor, 1.0)]
        {
            match column {
                Some(column) => npz.add_f64(name, &[n], &values(column))?,
                None => npz.add_f64(name, &[], &[default])?,
            }
        }
        npz.add_i64(keys::N_IMAGES, &[], &[n as i64])?;
        if let Some((start, end)) = self.range_in_file {
            npz.add_i64(keys::STACK_START, &[], &[start as i64])?;
            npz.add_i64(keys::STACK_END, &[], &[end as i64])?;
        }

        // From here on what CryoLike ignores: where each image comes from, and how to undo what was done to it.
        let rows: Vec<i64> = particles.iter().map(|&p| i64::from(table.row[p as usize])).collect();
        npz.add_i64(keys::ROW, &[n], &rows)?;
        let uids: Vec<u64> =
            table.uid.as_ref().map_or(vec![], |uids| particles.iter().map(|&p| uids[p as usize]).collect());
        npz.add_u64(keys::UID, &[uids.len()], &uids)?;
        for (name, origin) in [(keys::ORIGIN_X, &table.origin.x), (keys::ORIGIN_Y, &table.origin.y)] {
            debug_assert!(origin.as_ref().is_none_or(|origin| origin.unit == OriginUnit::Angstrom));
            let origins = optional(origin.as_ref().map(|origin| &origin.values));
            npz.add_f64(name, &[origins.len()], &origins)?;
        }
        let scale = |of: fn(&ImageScales) -> f64| -> Vec<f64> { self.scales.iter().map(of).collect() };
        npz.add_f64(keys::IMAGE_MEAN, &[n], &scale(|scales| scales.mean))?;
        npz.add_f64(keys::IMAGE_MAX, &[n], &scale(|scales| scales.max))?;
        npz.add_f64(keys::FOURIER_NORM, &[n], &scale(|scales| scales.norm))?;
        npz.add_text(keys::DEFOCUS_ANGLE_AXIS, &[], [table.defocus_angle_axis.as_str().as_bytes()])
    }
}

/// Counts and checksums what passes through.
struct Counted<W> {
    inner: W,
    bytes: u64,
    hasher: Hasher,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
