//! Reading a STAR file as large as those of big data sets: 2,000,000 particles × 30 columns, some 0.87 GB, as RELION
//! writes them. The file is written to the temporary folder first, read from the page cache, and removed.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use verglas_formats::star::value::parse_f64;
use verglas_formats::star::{Row, StarReader};

const N_PARTICLES: u64 = 2_000_000;

/// How a column is written, and whether a converter needs its number.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// `%12.6f`, needed.
    Needed,
    /// `%12.6f`, passed over.
    Number,
    /// `%12d`.
    Integer,
    /// `000001@path`.
    Image,
    /// A path.
    Path,
}

use Kind::{Image, Integer, Needed, Number, Path as PathKind};

const COLUMNS: [(&str, Kind, f64); 30] = [
    ("CoordinateX", Number, 5000.0),
    ("CoordinateY", Number, 4000.0),
    ("AutopickFigureOfMerit", Number, 10.0),
    ("ClassNumber", Integer, 4.0),
    ("AnglePsi", Needed, 180.0),
    ("ImageName", Image, 0.0),
    ("MicrographName", PathKind, 0.0),
    ("OpticsGroup", Integer, 9.0),
    ("CtfMaxResolution", Number, 9.0),
    ("CtfFigureOfMerit", Number, 1.0),
    ("DefocusU", Needed, 25000.0),
    ("DefocusV", Needed, 25000.0),
    ("DefocusAngle", Needed, 180.0),
    ("CtfBfactor", Number, 100.0),
    ("CtfScalefactor", Needed, 1.0),
    ("PhaseShift", Needed, 180.0),
    ("Voltage", Needed, 300.0),
    ("SphericalAberration", Needed, 2.7),
    ("AmplitudeContrast", Needed, 0.1),
    ("AngleRot", Needed, 360.0),
    ("AngleTilt", Needed, 180.0),
    ("OriginXAngst", Needed, 20.0),
    ("OriginYAngst", Needed, 20.0),
    ("ImagePixelSize", Needed, 1.5),
    ("GroupNumber", Integer, 2000.0),
    ("NormCorrection", Number, 1.0),
    ("LogLikeliContribution", Number, 90000.0),
    ("MaxValueProbDistribution", Number, 1.0),
    ("NrOfSignificantSamples", Integer, 500.0),
    ("RandomSubset", Integer, 2.0),
];

static FILE: OnceLock<(PathBuf, u64)> = OnceLock::new();

fn main() {
    let file = tempfile::Builder::new().suffix(".star").tempfile().expect("a temporary file");
    let n_bytes = write_particles(file.as_file()).expect("space for the file");
    FILE.set((file.path().to_path_buf(), n_bytes)).expect("set once");
    divan::main();
}

fn file() -> (&'static Path, u64) {
    let (path, n_bytes) = FILE.get().expect("main writes it");
    (path, *n_bytes)
}

fn write_particles(file: &File) -> io::Result<u64> {
    let mut output = BufWriter::with_capacity(1 << 20, file);
    write!(output, "\n# version 30001\n\ndata_particles\n\nloop_ \n")?;
    for (index, (name, _, _)) in COLUMNS.iter().enumerate() {
        writeln!(output, "_rln{name} #{} ", index + 1)?;
    }
    // A linear congruential generator (Knuth's MMIX constants): the same file every time.
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    for particle in 0..N_PARTICLES {
        let micrograph = particle / 200;
        for (_, kind, largest) in COLUMNS {
            match kind {
                Needed | Number => write!(output, "{:12.6} ", uniform() * largest)?,
                Integer => write!(output, "{:12} ", (uniform() * largest) as u64 + 1)?,
                Image => write!(output, "{:06}@Extract/job012/mic_{micrograph:05}.mrcs ", particle % 200 + 1)?,
                PathKind => write!(output, "MotionCorr/job002/mic_{micrograph:05}.mrc ")?,
            }
        }
        writeln!(output)?;
    }
    output.flush()?;
    file.metadata().map(|metadata| metadata.len())
}

/// All a converter does: every row cut, 14 numbers decoded, the image name looked at.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn read_rows_and_14_numbers(bencher: Bencher) {
    let (path, n_bytes) = file();
    let needed: Vec<usize> = (0..COLUMNS.len()).filter(|&column| COLUMNS[column].1 == Needed).collect();
    assert_eq!(needed.len(), 14);
    bencher.counter(BytesCount::new(n_bytes)).counter(ItemsCount::new(N_PARTICLES)).bench(|| {
        let mut reader = StarReader::open(path).expect("the file");
        let block = reader.next_block().expect("a head").expect("a block");
        let image_name = block.position("ImageName").expect("one").expect("one");
        let mut row = Row::new();
        let (mut n_rows, mut sum, mut n_name_bytes) = (0, 0.0, 0);
        while reader.read_row(&mut row).expect("a row") {
            for &column in &needed {
                sum += row.value(column).and_then(parse_f64).expect("a number");
            }
            n_name_bytes += row.value(image_name).expect("a name").len();
            n_rows += 1;
        }
        assert_eq!(n_rows, N_PARTICLES);
        black_box((sum, n_name_bytes))
    });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn read_rows(bencher: Bencher) {
    let (path, n_bytes) = file();
    bencher.counter(BytesCount::new(n_bytes)).counter(ItemsCount::new(N_PARTICLES)).bench(|| {
        let mut reader = StarReader::open(path).expect("the file");
        reader.next_block().expect("a head").expect("a block");
        let mut row = Row::new();
        let mut n_rows = 0;
        while reader.read_row(&mut row).expect("a row") {
            n_rows += 1;
        }
        assert_eq!(n_rows, N_PARTICLES);
    });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn skip_rows(bencher: Bencher) {
    let (path, n_bytes) = file();
    bencher.counter(BytesCount::new(n_bytes)).bench(|| {
        let mut reader = StarReader::open(path).expect("the file");
        reader.next_block().expect("a head").expect("a block");
        assert!(reader.next_block().expect("the end").is_none());
    });
}

/// The slow way through the tokenizer: every row has a quote.
#[divan::bench]
fn read_10000_quoted_rows(bencher: Bencher) {
    let mut text = b"data_\nloop_\n_a\n_b\n_c\n_d\n".to_vec();
    text.extend(b"\"000001@two words/mic_00001.mrcs\" 10500.123456 9800.000000 'a b'\n".repeat(10_000));
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        let mut reader = StarReader::new(black_box(&text[..]));
        reader.next_block().expect("a head").expect("a block");
        let mut row = Row::new();
        while reader.read_row(&mut row).expect("a row") {}
    });
}

#[divan::bench(args = ["0.100000", "10500.123456", "-123.456789", "1.040890e+05", "12345678901234567.5"])]
fn parse(bencher: Bencher, text: &str) {
    bencher.bench(|| parse_f64(black_box(text.as_bytes())));
}
