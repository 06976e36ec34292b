//! Sound files to begin with: small ones from this crate's own writers, and the fixtures from each format's own tools.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use num_complex::Complex;
use verglas_formats::cs::{CsData, CsSource, write_cs};
use verglas_formats::mrc::{Mode, MrcLayout, MrcWriter};
use verglas_formats::npz::NpzWriter;
use verglas_formats::pt::write_pt;
use verglas_formats::star::StarWriter;
use verglas_formats::zip::{ZipReader, ZipWriter};

/// Sound files for the reader of this name, the same ones in the same order everywhere; `fixtures` is this crate's folder
/// of them. Inputs that once failed come last.
pub fn seeds(reader: &str, fixtures: &Path) -> Vec<Vec<u8>> {
    let mut seeds = written(reader);
    let (folder, endings): (&str, &[&str]) = match reader {
        "star" => ("star", &["star"]),
        "cs" => ("cs", &["cs", "csg"]),
        "npy" => ("npz", &["npy"]),
        "npz" | "zip" => ("npz", &["npz"]),
        "mrc" => ("mrc", &["mrcs", "gz", "bz2"]),
        "pt" | "pt_pickle" => ("pt", &["pt"]),
        other => panic!("no seeds for {other}"),
    };
    let mut from_tools = files_in(&fixtures.join(folder), endings);
    if folder == "pt" {
        from_tools.extend(files_in(&fixtures.join("pt/refused"), endings));
    }
    if reader == "npy" {
        from_tools.extend(files_in(&fixtures.join("npz"), &["npz"]).iter().flat_map(|npz| entries(npz, ".npy")));
    }
    if reader == "pt_pickle" {
        let storage_bytes = 48u16.to_le_bytes();
        from_tools = from_tools.iter().flat_map(|pt| entries(pt, "data.pkl")).collect();
        from_tools.iter_mut().for_each(|pickle| pickle.extend(storage_bytes));
    }
    seeds.extend(from_tools);
    seeds.extend(crashes(reader, fixtures));
    seeds
}

/// Inputs that once made this reader fail.
pub fn crashes(reader: &str, fixtures: &Path) -> Vec<Vec<u8>> {
    files_in(&fixtures.join("crashes").join(reader), &[""])
}

/// The files of a folder by their names; none if there is no such folder.
fn files_in(folder: &Path, endings: &[&str]) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a folder that can be listed").path()).collect();
    paths.retain(|path| path.is_file() && endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)));
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a fixture")).collect()
}

/// What the entries of an archive hold whose names end so.
fn entries(archive: &[u8], ending: &str) -> Vec<Vec<u8>> {
    let Ok(mut archive) = ZipReader::new(std::io::Cursor::new(archive)) else { return Vec::new() };
    let names = archive.entries().iter().map(|entry| entry.name.clone());
    let names: Vec<String> = names.filter(|name| name.ends_with(ending)).collect();
    names.iter().filter_map(|name| archive.read(name, 1 << 20).ok()).collect()
}

fn written(reader: &str) -> Vec<Vec<u8>> {
    match reader {
        "star" => vec![star()],
        "cs" => vec![cs()],
        "npy" => entries(&npz(), ".npy"),
        "npz" => vec![npz()],
        "zip" => vec![zip(), deflated_zip(), npz(), pt()],
        "mrc" => mrc(),
        "pt" => vec![pt()],
        "pt_pickle" => Vec::new(),
        other => panic!("no seeds for {other}"),
    }
}

fn star() -> Vec<u8> {
    let mut star = StarWriter::new(Vec::new());
    star.write_pairs("general", &[("rlnFinalResolution", "3.2"), ("rlnComment", "two words")]).expect("pairs");
    star.start_loop("optics", &["rlnOpticsGroup", "rlnVoltage", "rlnImagePixelSize"]).expect("a loop");
    star.write_row(&["1", "300.000000", "1.5"]).expect("a row");
    star.start_loop("particles", &["rlnImageName", "rlnDefocusU", "rlnOpticsGroup"]).expect("a loop");
    for row in 1..=5 {
        star.write_row(&[format!("{row:06}@a b.mrcs"), format!("{}.25", 10_000 * row), "1".into()]).expect("a row");
    }
    star.finish().expect("a file in memory")
}

fn cs() -> Vec<u8> {
    let paths: [&[u8]; 3] = [b"J1/a.mrc", b"J1/a.mrc", b"J2/long name.mrc"];
    let columns = [
        CsSource::new("uid", CsData::U64(&[7, 1 << 60, 9])),
        CsSource::new("blob/path", CsData::Text(&paths)),
        CsSource { name: "alignments3D/pose", shape: &[3], values: CsData::F32(&[0.5; 9]) },
        CsSource::new("ctf/df1_A", CsData::F64(&[1e4, 1.5e4, f64::NAN])),
    ];
    write_cs(Vec::new(), &columns).expect("a file in memory")
}

fn npz() -> Vec<u8> {
    let mut npz = NpzWriter::new(Vec::new());
    npz.add_f64("reals", &[2, 3], &[0.0, -1.5, f64::INFINITY, 1e-300, 4.0, 5.0]).expect("an array");
    npz.add_i64("integers", &[2], &[i64::MIN, 7]).expect("an array");
    npz.add_u64("one", &[], &[u64::MAX]).expect("an array");
    npz.add_bool("flags", &[3], &[true, false, true]).expect("an array");
    npz.add_text("texts", &[2], [&b"plain"[..], b"not utf-8: \xff"]).expect("an array");
    npz.finish().expect("a file in memory")
}

fn zip() -> Vec<u8> {
    let mut zip = ZipWriter::new(Vec::new());
    zip.add("first", b"some bytes").expect("an entry");
    zip.add("folder/second", &[0; 300]).expect("an entry");
    zip.add("empty", b"").expect("an entry");
    zip.finish().expect("a file in memory")
}

/// One deflated entry of 100,000 zeros, by hand: the writer only stores.
fn deflated_zip() -> Vec<u8> {
    let bytes = vec![0; 100_000];
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes).expect("memory");
    let compressed = encoder.finish().expect("memory");
    // Version, flags, method 8, time and date; the checksum; both sizes; the length of the name, no extra field.
    let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
    common.extend(crc32fast::hash(&bytes).to_le_bytes());
    common.extend((compressed.len() as u32).to_le_bytes());
    common.extend((bytes.len() as u32).to_le_bytes());
    common.extend([4, 0, 0, 0]);
    let mut zip = [b"PK\x03\x04", &common[..], b"zero", &compressed].concat();
    let directory_offset = zip.len() as u32;
    // The record of the directory: version made by; no comment, disk, attributes; the entry's offset.
    zip.extend([b"PK\x01\x02\x14\0", &common[..], &[0; 14], b"zero"].concat());
    let directory_bytes = zip.len() as u32 - directory_offset;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend(directory_bytes.to_le_bytes());
    zip.extend(directory_offset.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

/// A stack of each mode that is written, and one of them compressed.
fn mrc() -> Vec<Vec<u8>> {
    let mut stacks: Vec<Vec<u8>> = Vec::new();
    for mode in [Mode::Float32, Mode::Float16] {
        let layout = MrcLayout { n_columns: 5, n_rows: 3, n_sections: 4, pixel_size_angstrom: Some(1.5), mode };
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut writer = MrcWriter::new(file.reopen().expect("a temporary file"), layout).expect("a stack");
        writer.write_sections(&(0..60).map(|n| n as f32 - 30.0).collect::<Vec<_>>()).expect("sections");
        writer.finish().expect("a stack");
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut bytes).expect("a temporary file");
        stacks.push(bytes);
    }
    stacks.push(gzipped(&stacks[0]));
    stacks
}

/// `bytes` as a gzip file.
pub fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn pt() -> Vec<u8> {
    let mut bytes = Vec::new();
    let values: Vec<Complex<f32>> = (0..24).map(|n| Complex::new(n as f32, -0.5)).collect();
    write_pt(&mut bytes, &[2, 3, 4], &values).expect("a file in memory");
    bytes
}
