//! Metadata files of any size, for benches: as RELION and CryoSPARC write them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use verglas_formats::cs::{CsData, CsSource, write_cs};

/// The image file number `image` of the STAR file.
pub fn star_image(image: usize) -> String {
    format!("Extract/job012/Movies/mic_{image:06}.mrcs")
}

/// The image file number `image` of the `.cs` file.
pub fn cs_image(image: usize) -> String {
    format!("J7/extract/mic_{image:06}_particles.mrc")
}

/// The most memory that this process has had in use at once, MiB.
pub fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}

/// Writes a STAR file of 30 columns, `per_file` particles of each image file, in the order of the image files.
pub fn write_star(path: &Path, n_particles: usize, per_file: usize) -> std::io::Result<()> {
    write_star_in_order(path, n_particles, per_file, |row| row)
}

/// The same with particle `order(row)` in each row.
pub fn write_star_in_order(
    path: &Path,
    n_particles: usize,
    per_file: usize,
    order: impl Fn(usize) -> usize,
) -> std::io::Result<()> {
    const NUMBERS: [&str; 14] = [
        "DefocusU",
        "DefocusV",
        "DefocusAngle",
        "PhaseShift",
        "CtfBfactor",
        "CtfScalefactor",
        "AngleRot",
        "AngleTilt",
        "AnglePsi",
        "OriginXAngst",
        "OriginYAngst",
        "CoordinateX",
        "CoordinateY",
        "NormCorrection",
    ];
    const OTHERS: [&str; 13] = [
        "CtfMaxResolution",
        "CtfFigureOfMerit",
        "AutopickFigureOfMerit",
        "LogLikeliContribution",
        "MaxValueProbDistribution",
        "ClassNumber",
        "GroupNumber",
        "RandomSubset",
        "NrOfSignificantSamples",
        "BeamTiltClass",
        "HelicalTubeID",
        "AverageNrOfFrames",
        "MicrographId",
    ];
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    write!(file, "data_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnVoltage #2\n_rlnSphericalAberration #3\n")?;
    write!(file, "_rlnAmplitudeContrast #4\n_rlnImagePixelSize #5\n1 300.0 2.7 0.1 1.06\n\ndata_particles\n\nloop_\n")?;
    write!(file, "_rlnImageName #1\n_rlnMicrographName #2\n_rlnOpticsGroup #3\n")?;
    for (at, name) in NUMBERS.iter().chain(&OTHERS).enumerate() {
        writeln!(file, "_rln{name} #{}", at + 4)?;
    }
    for row in 0..n_particles {
        let (image, section) = (order(row) / per_file, order(row) % per_file + 1);
        let image_file = star_image(image);
        write!(file, "{section:06}@{image_file} Micrographs/mic_{image:06}.mrc 1")?;
        for at in 0..NUMBERS.len() {
            write!(file, " {:12.6}", ((row * 7919 + at * 104_729) % 20_011_001) as f64 * 1e-3)?;
        }
        for at in 0..OTHERS.len() {
            write!(file, " {}", (row + at) % 997)?;
        }
        writeln!(file)?;
    }
    file.flush()
}

/// Writes a `.cs` file of 42 fields, `per_file` particles of each image file.
pub fn write_cs_file(path: &Path, n_particles: usize, per_file: usize) -> std::io::Result<()> {
    let n = n_particles;
    let paths: Vec<Vec<u8>> =
        (0..n.div_ceil(per_file)).map(|image| format!(">{}", cs_image(image)).into_bytes()).collect();
    let paths: Vec<&[u8]> = (0..n).map(|row| paths[row / per_file].as_slice()).collect();
    let uids: Vec<u64> = (0..n as u64).map(|row| row.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    let sections: Vec<u32> = (0..n).map(|row| (row % per_file) as u32).collect();
    let numbers: Vec<f32> = (0..3 * n).map(|at| (at * 31 % 100_003) as f32).collect();
    let [size, voltage, aberration, contrast, none] = [1.06, 300.0, 2.7, 0.1, 0.0].map(|value| vec![value; n]);
    let mut columns = vec![
        CsSource::new("uid", CsData::U64(&uids)),
        CsSource::new("blob/path", CsData::Text(&paths)),
        CsSource::new("blob/idx", CsData::U32(&sections)),
        CsSource::new("blob/psize_A", CsData::F32(&size)),
        CsSource::new("ctf/accel_kv", CsData::F32(&voltage)),
        CsSource::new("ctf/cs_mm", CsData::F32(&aberration)),
        CsSource::new("ctf/amp_contrast", CsData::F32(&contrast)),
        CsSource::new("ctf/df1_A", CsData::F32(&numbers[..n])),
        CsSource::new("ctf/df2_A", CsData::F32(&numbers[n..2 * n])),
        CsSource::new("ctf/df_angle_rad", CsData::F32(&numbers[2 * n..])),
        CsSource::new("ctf/phase_shift_rad", CsData::F32(&none)),
        CsSource { name: "alignments3D/pose", shape: &[3], values: CsData::F32(&numbers) },
        CsSource { name: "alignments3D/shift", shape: &[2], values: CsData::F32(&numbers[..2 * n]) },
        CsSource::new("alignments3D/psize_A", CsData::F32(&size)),
    ];
    let others: Vec<String> = (0..28).map(|other| format!("other/{other}")).collect();
    columns.extend(others.iter().map(|name| CsSource::new(name, CsData::F32(&numbers[..n]))));
    write_cs(BufWriter::with_capacity(1 << 20, File::create(path)?), &columns).map(drop).map_err(std::io::Error::other)
}
