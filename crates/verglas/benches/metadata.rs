//! Reading the metadata of 2,000,000 particles into a table: a STAR file of 30 columns, a `.cs` file of 42 fields.
//!
//! `cargo bench -p verglas --bench metadata` writes the files to the temporary folder, reads each three times on one
//! thread from the page cache, and prints the best and the median time and the memory that reading took at its peak.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use verglas::Findings;
use verglas::metadata::{Input, ReadSettings, read_particles};
use verglas_formats::cs::{CsData, CsSource, write_cs};

const N_PARTICLES: usize = 2_000_000;
/// Particles of one image file.
const PER_FILE: usize = 200;
const N_RUNS: usize = 3;

/// Measures in a process of its own, so that the peak is that of reading alone.
fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    if let (Some(kind), Some(path)) = (arguments.next(), arguments.next()) {
        let path = Path::new(&path).to_owned();
        return match kind.as_str() {
            "star" => measure("STAR, 30 columns", &path, Input::IndexedStar(path.clone())),
            _ => measure(".cs, 42 fields", &path, Input::IndexedCs { particles: path.clone(), passthrough: None }),
        };
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (kind, write) in [("star", write_star as fn(&Path) -> std::io::Result<()>), ("cs", write_cs_file)] {
        let path = folder.path().join("particles").with_extension(kind);
        write(&path).expect("disk for the metadata");
        let this = std::env::current_exe().expect("this program");
        let status = std::process::Command::new(this).arg(kind).arg(&path).status().expect("this program again");
        assert!(status.success());
    }
}

fn measure(what: &str, path: &Path, input: Input) {
    let mut seconds: Vec<f64> = (0..N_RUNS)
        .map(|_| {
            let start = Instant::now();
            let table = read_particles(&input, &ReadSettings::default(), &mut Findings::new()).expect("a good file");
            assert_eq!(table.len(), N_PARTICLES);
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let megabytes = path.metadata().map_or(0, |metadata| metadata.len()) as f64 / 1e6;
    println!(
        "{what}, {N_PARTICLES} rows, {megabytes:.0} MB: best {:.2} s, median {:.2} s; peak memory {} MiB",
        seconds[0],
        seconds[N_RUNS / 2],
        peak_mib()
    );
}

/// The most memory that this process has had in use at once, MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}

fn write_star(path: &Path) -> std::io::Result<()> {
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
    for row in 0..N_PARTICLES {
        let (image, section) = (row / PER_FILE, row % PER_FILE + 1);
        write!(file, "{section:06}@Extract/job012/Movies/mic_{image:06}.mrcs Micrographs/mic_{image:06}.mrc 1")?;
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

fn write_cs_file(path: &Path) -> std::io::Result<()> {
    let n = N_PARTICLES;
    let paths: Vec<Vec<u8>> = (0..n.div_ceil(PER_FILE))
        .map(|image| format!(">J7/extract/mic_{image:06}_particles.mrc").into_bytes())
        .collect();
    let paths: Vec<&[u8]> = (0..n).map(|row| paths[row / PER_FILE].as_slice()).collect();
    let uids: Vec<u64> = (0..n as u64).map(|row| row.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    let sections: Vec<u32> = (0..n).map(|row| (row % PER_FILE) as u32).collect();
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
