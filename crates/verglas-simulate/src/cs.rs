//! The truth as CryoSPARC's `.cs` files hold it: records in single precision, radians, shifts in pixels.

use std::io::{BufWriter, Write};

use verglas_formats::Result;
use verglas_formats::npy::{Dtype, Field, NpyHeader, Record, Scalar};

use super::whole_file::{WholeFile, in_file};
use super::{Layout, Place, SimulatedParticle, SimulationSettings};

/// The fields of a row.
struct Row<'a> {
    settings: &'a SimulationSettings,
    particle: &'a SimulatedParticle,
    place: Place,
}

/// A field of the records: its name, NumPy's code of its type and its shape, as CryoSPARC has them, and what its bytes
/// are.
type Column = (&'static str, &'static str, &'static [usize], fn(&Row, &mut Vec<u8>));

/// Which particle it is.
const UID: [Column; 1] = [("uid", "<u8", &[], |row, bytes| bytes.extend(row.particle.uid.to_le_bytes()))];

/// Where its image is, after the path.
const BLOB: [Column; 4] = [
    ("blob/idx", "<u4", &[], |row, bytes| put_u32(bytes, &[row.place.section])),
    ("blob/shape", "<u4", &[2], |row, bytes| put_u32(bytes, &[row.settings.n_pixels; 2])),
    ("blob/psize_A", "<f4", &[], |row, bytes| put_f32(bytes, &[row.settings.pixel_size_angstrom])),
    // Stored as it is: light on dark.
    ("blob/sign", "<f4", &[], |_, bytes| put_f32(bytes, &[1.0])),
];

/// Its contrast transfer function.
const CTF: [Column; 10] = [
    ("ctf/exp_group_id", "<u4", &[], |row, bytes| put_u32(bytes, &[row.particle.optics_group])),
    ("ctf/accel_kv", "<f4", &[], |row, bytes| put_f32(bytes, &[row.particle.ctf.voltage_kv])),
    ("ctf/cs_mm", "<f4", &[], |row, bytes| put_f32(bytes, &[row.particle.ctf.spherical_aberration_mm])),
    ("ctf/amp_contrast", "<f4", &[], |row, bytes| put_f32(bytes, &[row.particle.ctf.amplitude_contrast])),
    ("ctf/df1_A", "<f4", &[], |row, bytes| put_f32(bytes, &[row.particle.ctf.defocus_u_angstrom])),
    ("ctf/df2_A", "<f4", &[], |row, bytes| put_f32(bytes, &[row.particle.ctf.defocus_v_angstrom])),
    ("ctf/df_angle_rad", "<f4", &[], |row, bytes| put_f32(bytes, &[row.particle.ctf.defocus_angle_rad])),
    ("ctf/phase_shift_rad", "<f4", &[], |row, bytes| put_f32(bytes, &[row.particle.ctf.phase_shift_rad])),
    ("ctf/scale", "<f4", &[], |row, bytes| put_f32(bytes, &[row.particle.ctf.scale])),
    ("ctf/scale_const", "<f4", &[], |row, bytes| put_f32(bytes, &[row.particle.ctf.scale])),
];

/// Its pose: a rotation vector, and the origin in pixels of `psize_A`.
const ALIGNMENT: [Column; 6] = [
    ("alignments3D/split", "<u4", &[], |row, bytes| put_u32(bytes, &[row.particle.half.into()])),
    ("alignments3D/shift", "<f4", &[2], |row, bytes| {
        put_f32(bytes, &row.particle.origin_angstrom.map(|origin| origin / row.settings.pixel_size_angstrom));
    }),
    ("alignments3D/pose", "<f4", &[3], |row, bytes| put_f32(bytes, &row.particle.pose.rotation_vector())),
    ("alignments3D/psize_A", "<f4", &[], |row, bytes| put_f32(bytes, &[row.settings.pixel_size_angstrom])),
    ("alignments3D/class", "<u4", &[], |_, bytes| put_u32(bytes, &[0])),
    // pyem recognises by this field that there are poses.
    ("alignments3D/class_posterior", "<f4", &[], |_, bytes| put_f32(bytes, &[1.0])),
];

/// Writes a `.cs` file with these particles, in this order.
///
/// In the layout of a job it says nothing about images, which are described in sequence then; otherwise `blob/path` is
/// relative to the data set's folder.
pub(super) fn write_cs<'a>(
    file: WholeFile,
    settings: &SimulationSettings,
    particles: impl Iterator<Item = (&'a SimulatedParticle, &'a Place)>,
) -> verglas_core::Result<()> {
    let rows = particles.map(|(particle, &place)| Row { settings, particle, place });
    write_records(BufWriter::new(file.file()), settings, rows).map_err(in_file(file.path()))?;
    file.finish()
}

fn write_records<'a, W: Write>(
    mut output: W,
    settings: &SimulationSettings,
    rows: impl Iterator<Item = Row<'a>>,
) -> Result<()> {
    let with_blob = settings.layout != Layout::CsJob;
    // The last file has the highest number, so none has a longer path.
    let path_of = |stack| settings.layout.stack_path(stack).to_string_lossy().into_owned();
    let path_bytes = path_of(settings.n_stacks() - 1).len();

    let mut fields = Vec::new();
    let mut add = |name: &str, code: &str, shape: &[usize]| -> Result<()> {
        fields.push(Field::new(name, Scalar::parse(code)?, shape));
        Ok(())
    };
    UID.iter().try_for_each(|(name, code, shape, _)| add(name, code, shape))?;
    if with_blob {
        add("blob/path", &format!("|S{path_bytes}"), &[])?;
        BLOB.iter().try_for_each(|(name, code, shape, _)| add(name, code, shape))?;
    }
    CTF.iter().chain(&ALIGNMENT).try_for_each(|(name, code, shape, _)| add(name, code, shape))?;
    let dtype = Dtype::Record(Record::new(fields)?);
    output.write_all(&NpyHeader::new(dtype, &[settings.n_particles as u64])?.to_bytes())?;

    let mut record = Vec::new();
    for row in rows {
        record.clear();
        let put = |(_, _, _, put): &Column, record: &mut Vec<u8>| put(&row, record);
        UID.iter().for_each(|column| put(column, &mut record));
        if with_blob {
            let end = record.len() + path_bytes;
            record.extend_from_slice(path_of(row.place.stack).as_bytes());
            record.resize(end, 0);
            BLOB.iter().for_each(|column| put(column, &mut record));
        }
        CTF.iter().chain(&ALIGNMENT).for_each(|column| put(column, &mut record));
        output.write_all(&record)?;
    }
    output.flush()?;
    Ok(())
}

/// Settings and layouts keep whole numbers within 32 bits.
fn put_u32(bytes: &mut Vec<u8>, values: &[usize]) {
    bytes.extend(values.iter().flat_map(|&value| (value as u32).to_le_bytes()));
}

fn put_f32(bytes: &mut Vec<u8>, values: &[f64]) {
    bytes.extend(values.iter().flat_map(|&value| (value as f32).to_le_bytes()));
}
