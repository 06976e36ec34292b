//! Reading `.cs` files: 2,000,000 rows of 42 fields, of which 14 are decoded; CryoSPARC's own names and types.
//!
//! `VERGLAS_BENCH_ROWS` sets another number of rows. The file is generated once, in the system's temporary folder.

use std::fs::File;
use std::io::{BufWriter, Write};

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use tempfile::NamedTempFile;
use verglas_formats::cs::{CsReader, CsWriter};
use verglas_formats::npy::{Field, Record, Scalar};

/// The columns that a conversion reads.
const NEEDED: [&str; 14] = [
    "uid",
    "blob/path",
    "blob/idx",
    "blob/psize_A",
    "blob/sign",
    "ctf/accel_kv",
    "ctf/cs_mm",
    "ctf/amp_contrast",
    "ctf/df1_A",
    "ctf/df2_A",
    "ctf/df_angle_rad",
    "ctf/phase_shift_rad",
    "alignments3D/pose",
    "alignments3D/shift",
];

fn main() {
    divan::main();
}

fn n_rows() -> u64 {
    std::env::var("VERGLAS_BENCH_ROWS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000_000)
}

/// A file of `n_rows` rows; the paths come in turn, 200 rows each, or with every row another.
fn generate(n_rows: u64, rows_per_path: u64) -> NamedTempFile {
    let scalar = |code: &str| Scalar::parse(code).expect("a type");
    let mut fields = vec![Field::new("uid", scalar("<u8"), &[]), Field::new("blob/path", scalar("|S89"), &[])];
    fields.push(Field::new("blob/idx", scalar("<u4"), &[]));
    fields.push(Field::new("blob/shape", scalar("<u4"), &[2]));
    fields.extend(NEEDED[3..12].iter().map(|name| Field::new(*name, scalar("<f4"), &[])));
    fields.push(Field::new("alignments3D/pose", scalar("<f4"), &[3]));
    fields.push(Field::new("alignments3D/shift", scalar("<f4"), &[2]));
    fields.extend((0..27).map(|k| Field::new(format!("alignments3D/other_{k}"), scalar("<f4"), &[])));
    assert_eq!(fields.len(), 42);

    let file = NamedTempFile::new().expect("a temporary file");
    let writer = BufWriter::with_capacity(1 << 20, file.reopen().expect("the temporary file"));
    let mut cs = CsWriter::new(writer, Record::new(fields).expect("a record"), n_rows).expect("a header");
    let mut row = Vec::new();
    for index in 0..n_rows {
        row.clear();
        row.extend((index.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_le_bytes());
        let path = index / rows_per_path;
        write!(row, "J19/extract/20150917_{path:09}_DNA-TET-25k-DE20_raw.region_000.sum_particles.mrc")
            .expect("memory");
        row.resize(8 + 89, b'\0');
        row.extend(((index % rows_per_path) as u32).to_le_bytes());
        (0..2 + 9 + 5 + 27).for_each(|k| row.extend((k as f32 + index as f32).to_le_bytes()));
        cs.write_row(&row).expect("disk space");
    }
    cs.finish().expect("all rows").flush().expect("disk space");
    file
}

/// Rows of one micrograph after another, as CryoSPARC writes them.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn decode_14_of_42_columns(bencher: Bencher) {
    decode(bencher, 200);
}

/// The worst case for the table of paths: no two rows share one.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn decode_with_a_path_for_every_row(bencher: Bencher) {
    decode(bencher, 1);
}

fn decode(bencher: Bencher, rows_per_path: u64) {
    let file = generate(n_rows(), rows_per_path);
    let n_bytes = file.as_file().metadata().expect("the temporary file").len();
    bencher.counter(BytesCount::new(n_bytes)).counter(ItemsCount::new(n_rows())).bench(|| {
        let mut cs = CsReader::new(File::open(file.path()).expect("the temporary file")).expect("a header");
        cs.read_columns(&NEEDED).expect("columns")
    });
}
