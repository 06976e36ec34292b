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
        "mrc" | "mrc_map" => ("mrc", &["mrcs", "gz", "bz2"]),
        "pdb" => ("structures", &["pdb"]),
        "mmcif" => ("structures", &["cif"]),
        "trajectory" => ("structures", &["xtc", "dcd"]),
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

/// The files of a folder by their names; none if the folder does not exist.
fn files_in(folder: &Path, endings: &[&str]) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a folder that can be listed").path()).collect();
    paths.retain(|path| path.is_file() && endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)));
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a fixture")).collect()
}

/// The contents of an archive's entries whose names end like this.
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
        "mrc_map" => maps(),
        "pdb" => vec![PDB.into(), gzipped(PDB.as_bytes())],
        "mmcif" => vec![MMCIF.into(), gzipped(MMCIF.as_bytes())],
        "trajectory" => vec![xtc(false), xtc(true), dcd(false), dcd(true), gzipped(&xtc(true))],
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

/// Maps with other orders of axes, in both byte orders.
fn maps() -> Vec<Vec<u8>> {
    let mut map = mrc().swap_remove(0);
    for (offset, word) in [(64, 3), (68, 1), (72, 2), (88, 1), (16, -2), (28, 5), (32, 3), (36, 4i32)] {
        map[offset..offset + 4].copy_from_slice(&word.to_le_bytes());
    }
    for offset in [40, 44, 48, 52, 56, 60] {
        map[offset..offset + 4].copy_from_slice(&90f32.to_le_bytes());
    }
    let mut big = map.clone();
    big[..212].as_chunks_mut::<4>().0.iter_mut().for_each(|word| word.reverse());
    big[212..216].copy_from_slice(&[0x11, 0x11, 0, 0]);
    big[1024..].as_chunks_mut::<4>().0.iter_mut().for_each(|word| word.reverse());
    vec![gzipped(&map), map, big]
}

/// Models, alternates, a chain's end, assemblies.
const PDB: &str = "\
HEADER    TEST
REMARK 350 BIOMOLECULE: 1
REMARK 350 APPLY THE FOLLOWING TO CHAINS: A
REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000
MODEL        1
ATOM      1  N   GLY A   1      -8.901   4.127  -0.555  1.00  0.00      SEG  N
ATOM      2  CA AGLY A   1A     -8.608   3.135  -1.618  0.35  0.00           C
ATOM      3  CA BGLY A   1A     -8.508   3.035  -1.518  0.65  0.00           C1+
TER       4      GLY A   1
HETATM    5 CA    CA A 201      12.994   8.841   2.032  1.00 20.00          CA
ENDMDL
MODEL        2
ATOM  A0000  OH2 TIP3WA000       1.000   2.000   3.000
ENDMDL
END
";

/// A loop, pairs, quotes, a text field, alternates, an assembly.
const MMCIF: &str = "\
data_TEST
_entry.id 'a ''quoted'' \"name\"' # comment
_struct.title
;two
lines
;
loop_
_pdbx_struct_assembly_gen.assembly_id
_pdbx_struct_assembly_gen.oper_expression
1 '(1-60)(61,62)'
loop_
_atom_site.group_PDB
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.auth_asym_id
_atom_site.auth_seq_id
_atom_site.pdbx_PDB_ins_code
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.occupancy
_atom_site.pdbx_PDB_model_num
ATOM N N . GLY A 1 ? -8.901 4.127 -0.555 1.00 1
ATOM C CA A GLY A 1 A -8.608 3.135(2) -1.618 0.35 1
ATOM O \"O5'\" . DA B -2 ? 1 2 3 . 2
HETATM ? 'CA' . CA
;A
;
. ? 12.994 8.841 2.032 ? 2
#
_cell.length_a 10.0
data_OTHER
";

/// Three frames of four atoms, which are not packed, or of twelve, which are.
fn xtc(is_packed: bool) -> Vec<u8> {
    let header = |n_atoms: i32| {
        let words = [1995, n_atoms, 7].into_iter().flat_map(i32::to_be_bytes);
        words.chain([0; 40]).chain(n_atoms.to_be_bytes()).collect::<Vec<u8>>()
    };
    if !is_packed {
        let positions: Vec<u8> = (0..12).flat_map(|n| (n as f32).to_be_bytes()).collect();
        return [header(4), positions].concat().repeat(3);
    }
    // Precision, lowest, highest, small size, bytes.
    let words = [1000f32.to_bits().cast_signed(), -5, -5, -5, 2, 2, 2, 9, 17].map(i32::to_be_bytes).concat();
    // Ranges of eight numbers take ten bits an atom; an eleventh says that no run follows.
    [header(12), words, vec![0; 20]].concat().repeat(3)
}

/// Three frames of five atoms, two of them fixed or none, with a cell.
fn dcd(has_fixed: bool) -> Vec<u8> {
    let record = |bytes: &[u8]| {
        let length = (bytes.len() as u32).to_le_bytes();
        [&length[..], bytes, &length].concat()
    };
    let mut numbers = [0i32; 20];
    numbers[0] = 3;
    numbers[8] = if has_fixed { 2 } else { 0 };
    numbers[10] = 1;
    numbers[19] = 24;
    let header = [&b"CORD"[..], &numbers.map(i32::to_le_bytes).concat()].concat();
    let title = [&1i32.to_le_bytes()[..], &[b' '; 80]].concat();
    let mut file = [record(&header), record(&title), record(&5i32.to_le_bytes())].concat();
    if has_fixed {
        file.extend(record(&[1i32, 3, 5].map(i32::to_le_bytes).concat()));
    }
    for frame in 0..3 {
        file.extend(record(&[1.0f64; 6].map(f64::to_le_bytes).concat()));
        let n_atoms = if has_fixed && frame > 0 { 3 } else { 5 };
        for axis in 0..3 {
            let axis: Vec<u8> =
                (0..n_atoms).flat_map(|n| ((10 * frame + axis) as f32 + n as f32).to_le_bytes()).collect();
            file.extend(record(&axis));
        }
    }
    file
}

fn pt() -> Vec<u8> {
    let mut bytes = Vec::new();
    let values: Vec<Complex<f32>> = (0..24).map(|n| Complex::new(n as f32, -0.5)).collect();
    write_pt(&mut bytes, &[2, 3, 4], &values).expect("a file in memory");
    bytes
}
