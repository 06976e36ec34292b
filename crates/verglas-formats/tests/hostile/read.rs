//! Does with bytes what callers of each reader can do, and checks what holds whatever the bytes are.
//!
//! Errors are fine here; what readers promise is that there is nothing worse. What is read is dropped soon, so that the
//! memory that is counted is the readers'.

use std::fs;
use std::io::{BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use verglas_formats::AtomFile;
use verglas_formats::cs::{CsReader, CsTextBuilder, read_csg};
use verglas_formats::mmcif::{read_mmcif, read_mmcif_from};
use verglas_formats::mrc::{self, HEADER_BYTES, Mode0, MrcHeader, MrcOptions, MrcStack};
use verglas_formats::npy::{Dtype, Kind, NpyArray, NpyHeader, read_npy_from};
use verglas_formats::npz::NpzReader;
use verglas_formats::pdb::{read_pdb, read_pdb_from};
use verglas_formats::pt::PtFile;
use verglas_formats::star::value::{parse_f64, parse_i64, parse_u64};
use verglas_formats::star::{BlockKind, Row, StarFile, StarReader};
use verglas_formats::trajectory::Trajectory;
use verglas_formats::zip::{Method, ZipReader, ZipWriter};

/// Nothing that a test holds inflates to more than this, so that many inputs can be read in a short time.
const INFLATED_LIMIT_BYTES: u64 = 16 << 20;

/// Columns, entries and sections that are read one by one; the rest is like them.
const N_TRIED: usize = 24;

/// Reads a STAR file row by row in two ways, skips through it, and reads it as a whole.
pub fn star(input: &[u8]) -> u64 {
    let whole = star_rows(StarReader::new(input));
    // A buffer of a few bytes cuts lines at every place.
    let pieces = star_rows(StarReader::new(BufReader::with_capacity(7, input)));
    assert_eq!(whole, pieces, "what is read depends on the size of the buffer");

    let mut reader = StarReader::new(input);
    while let Ok(Some(block)) = reader.next_block() {
        for column in block.columns.iter().take(N_TRIED) {
            let _ = block.position(&column.name);
        }
    }
    if let Ok(file) = StarFile::read(input) {
        for table in &file.tables {
            assert_eq!(table.column(0).count(), if table.block.columns.is_empty() { 0 } else { table.n_rows() });
            (0..table.n_rows()).for_each(|row| assert_eq!(table.row(row).count(), table.block.columns.len()));
        }
    }
    0
}

/// The numbers of blocks, rows, values and bytes of values, and of errors; a caller may read on after an error.
fn star_rows<R: std::io::BufRead>(mut reader: StarReader<R>) -> [u64; 5] {
    let [mut n_blocks, mut n_rows, mut n_values, mut n_bytes, mut n_errors] = [0; 5];
    let mut row = Row::new();
    loop {
        match reader.next_block() {
            Ok(None) => break,
            Ok(Some(block)) => {
                n_blocks += 1;
                assert_ne!((block.kind, block.columns.is_empty()), (BlockKind::Pairs, true));
            }
            Err(_) => {
                n_errors += 1;
                // A reader that has read nothing reports this for ever.
                if n_errors > 1000 || (n_blocks == 0 && n_errors > 100) {
                    break;
                }
            }
        }
        loop {
            match reader.read_row(&mut row) {
                Ok(false) => break,
                Ok(true) => {
                    n_rows += 1;
                    let range = row.byte_range();
                    assert!(range.start <= range.end);
                    for value in row.values() {
                        n_values += 1;
                        n_bytes += value.len() as u64;
                        let _ = (parse_f64(value), parse_i64(value), parse_u64(value));
                    }
                    let _ = row.raw();
                }
                Err(_) => {
                    n_errors += 1;
                    if n_errors > 1000 {
                        break;
                    }
                }
            }
        }
    }
    [n_blocks, n_rows, n_values, n_bytes, n_errors]
}

/// Reads a `.cs`: its fields as columns, its rows in blocks and one by one.
pub fn cs(input: &[u8]) -> u64 {
    if !input.starts_with(b"\x93NUMPY") {
        let _ = read_csg(in_file("group.csg", input));
    }
    let Ok(mut cs) = CsReader::new(Cursor::new(input)) else { return 0 };
    let rows_bytes = cs.n_rows().checked_mul(cs.row_bytes() as u64).expect("rows that are in the file");
    assert!(rows_bytes <= input.len() as u64, "more rows than the file holds");

    let fields: Vec<_> = cs.fields().take(N_TRIED).cloned().collect();
    for field in &fields {
        if let Ok(mut columns) = cs.read_columns(&[&field.name]) {
            let column = columns.remove(0);
            let _ = column.clone().into_u64();
            let _ = column.clone().into_i64();
            let _ = column.clone().into_text();
            let _ = column.into_f64();
        }
    }
    for field in &fields {
        let mut texts = CsTextBuilder::default();
        let (mut reals, mut integers, mut unsigned, mut flags) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let _ = cs.for_each_block(|block| {
            let _ = block.push_f64(field, &mut reals);
            let _ = block.push_i64(field, &mut integers);
            let _ = block.push_u64(field, &mut unsigned);
            let _ = block.push_bool(field, &mut flags);
            let _ = block.push_text(field, &mut texts);
            // Memory from before is no longer needed, and would count.
            reals.clear();
            integers.clear();
            unsigned.clear();
            flags.clear();
            Ok(())
        });
    }
    let mut n_visited = 0;
    let last = cs.n_rows().saturating_sub(1);
    let _ = cs.for_each_row([0, 1, 2, last, 0, last.saturating_add(1)], |row| {
        n_visited += 1;
        for field in &fields {
            assert!(row.get(field).is_some(), "a field that is not in its row");
        }
        Ok(())
    });
    assert!(n_visited <= 5);
    0
}

/// Reads a `.npy`, and writes its header again.
pub fn npy(input: &[u8]) -> u64 {
    if let Ok(header) = NpyHeader::read(&mut &input[..], input.len() as u64) {
        // Objects have the size that the writing machine's pointers had, which is not kept.
        if !holds_objects(header.dtype()) && !header.fortran_order() {
            let written = header.to_bytes();
            let again =
                NpyHeader::read(&mut &written[..], written.len() as u64).expect("a header that was written here");
            assert_eq!(again.to_bytes(), written);
            assert_eq!((again.shape(), again.data_bytes()), (header.shape(), header.data_bytes()));
        }
    }
    read_npy_from(Cursor::new(input)).map_or(0, |array| convert(&array))
}

/// Takes the items in each type; returns how many items have no bytes in the file, which NumPy allows, up to a limit here.
fn convert(array: &NpyArray) -> u64 {
    let n_values: usize = array.shape().iter().product();
    assert_eq!(n_values, array.len());
    let lengths = [
        array.to_f64().map(|values| values.len()),
        array.to_i64().map(|values| values.len()),
        array.to_u64().map(|values| values.len()),
        array.to_bool().map(|values| values.len()),
        array.to_text().map(|values| values.len()),
    ];
    assert!(lengths.into_iter().flatten().all(|length| length == n_values));
    let _ = array.is_none();
    if array.dtype().item_bytes() > 0 || n_values == 0 {
        return 0;
    }
    assert!(n_values <= 1 << 16, "{n_values} items without bytes");
    n_values as u64
}

fn holds_objects(dtype: &Dtype) -> bool {
    match dtype {
        Dtype::Scalar(scalar) => scalar.kind == Kind::Object,
        Dtype::Record(record) => record.fields().iter().any(|field| holds_objects(&field.dtype)),
    }
}

/// Reads the arrays of an `.npz`.
pub fn npz(input: &[u8]) -> u64 {
    let Ok(npz) = NpzReader::new(Cursor::new(input)) else { return 0 };
    let mut npz = npz.with_limit(INFLATED_LIMIT_BYTES);
    let names: Vec<String> = npz.names().take(N_TRIED).map(str::to_owned).collect();
    let n_empty = names.iter().map(|name| npz.read(name).map_or(0, |array| convert(&array))).max().unwrap_or(0);
    assert!(npz.read("no array of this name").is_err());
    n_empty + largest_inflated(input)
}

/// Reads the entries of an archive.
pub fn zip(input: &[u8]) -> u64 {
    let Ok(mut archive) = ZipReader::new(Cursor::new(input)) else { return 0 };
    let names: Vec<String> = archive.entries().iter().take(N_TRIED).map(|entry| entry.name.clone()).collect();
    for name in &names {
        let size_bytes = archive.entry(name).expect("an entry that is listed").size_bytes;
        let _ = archive.data_offset(name);
        if let Ok(bytes) = archive.read(name, INFLATED_LIMIT_BYTES) {
            assert_eq!(bytes.len() as u64, size_bytes);
        }
        if let Ok(mut entry) = archive.open(name) {
            let _ = entry.read(&mut [0; 3]);
        }
    }
    if archive.entries().iter().map(|entry| entry.size_bytes).sum::<u64>() < 4 * INFLATED_LIMIT_BYTES {
        let _ = archive.verify();
    }
    largest_inflated(input)
}

/// Bytes of the largest compressed entry: no more than deflate can make of what the archive holds.
fn largest_inflated(input: &[u8]) -> u64 {
    let Ok(archive) = ZipReader::new(Cursor::new(input)) else { return 0 };
    for entry in archive.entries() {
        assert!(entry.compressed_bytes <= input.len() as u64);
        assert!(entry.size_bytes <= entry.compressed_bytes.saturating_mul(1032));
    }
    let inflated = archive.entries().iter().filter(|entry| entry.method == Method::Deflated);
    inflated.map(|entry| entry.size_bytes).max().unwrap_or(0).min(INFLATED_LIMIT_BYTES)
}

/// Reads an MRC file's header, and its sections, alone and together.
pub fn mrc(input: &[u8]) -> u64 {
    if let Some(header) = input.first_chunk::<HEADER_BYTES>() {
        let _ = MrcHeader::parse(header);
    }
    let path = in_file("stack.mrcs", input);
    if let Ok(summary) = mrc::read_header(&path) {
        let _ = summary.warnings.iter().map(|warning| warning.to_string()).collect::<String>();
    }
    // bzip2 puts blocks of 900 kB in order, whatever the input's size, with four bytes for each of theirs.
    let mut inflated_bytes = if input.starts_with(b"BZh") { 900_000 } else { 0 };
    for mode0 in [Mode0::Signed, Mode0::Unsigned] {
        let options = MrcOptions {
            mode0,
            pixel_type: None,
            max_decompressed_bytes: INFLATED_LIMIT_BYTES,
            temp_dir: Some(fast_dir().to_owned()),
        };
        let Ok(stack) = MrcStack::open(&path, &options) else { continue };
        let n_sections = stack.n_sections_present();
        let _ = stack.truncation().map(|truncation| truncation.to_error().to_string());
        if stack.compression().is_some() {
            inflated_bytes += stack.file_len();
        }
        if n_sections == 0 {
            continue;
        }
        let section_bytes = stack.header().bytes_per_section().expect("a size that was checked");
        assert!(section_bytes * n_sections <= stack.file_len(), "more sections than the file holds");
        let (mut pixels, mut scratch) = (vec![0.0; stack.pixels_per_section()], Vec::new());
        for section in (0..n_sections).take(N_TRIED).chain([n_sections - 1]) {
            stack.read_section(section, &mut pixels, &mut scratch).expect("a section that is in the file");
        }
        assert!(stack.read_section(n_sections, &mut pixels, &mut scratch).is_err());
        assert!(stack.read_section(u64::MAX, &mut pixels, &mut scratch).is_err());
        if n_sections > 1 {
            let mut two = vec![0.0; 2 * pixels.len()];
            stack.read_sections(n_sections - 2, 2, &mut two, &mut scratch).expect("sections that are in the file");
            stack.read_section(n_sections - 1, &mut pixels, &mut scratch).expect("a section that is in the file");
            assert_eq!(bits(&two[pixels.len()..]), bits(&pixels));
        }
    }
    inflated_bytes
}

/// NaNs compare by their bits.
fn bits(pixels: &[f32]) -> &[u32] {
    bytemuck::cast_slice(pixels)
}

/// Reads a tensor in every way that there is.
pub fn pt(input: &[u8]) -> u64 {
    read_tensor(PtFile::new(Cursor::new(input)), input.len() as u64);
    largest_inflated(input)
}

/// Reads a tensor whose description is `input`, in an archive that is sound: fuzzers seldom find a checksum.
pub fn pt_pickle(input: &[u8]) -> u64 {
    // Instructions first; the storage's length is for the last two bytes to say.
    let (pickle, storage_bytes) = match input {
        [pickle @ .., low, high] => (pickle, usize::from(u16::from_le_bytes([*low, *high])) % 4096),
        _ => (input, 0),
    };
    let mut archive = ZipWriter::new(Vec::new());
    archive.add("archive/data.pkl", pickle).expect("an entry that fits");
    archive.add("archive/data/0", &vec![0x5A; storage_bytes]).expect("an entry that fits");
    let bytes = archive.finish().expect("an archive that fits");
    read_tensor(PtFile::new(Cursor::new(&bytes)), bytes.len() as u64);
    // The archive that was made here, and was held twice when it last grew.
    4 * bytes.len() as u64
}

fn read_tensor<R: Read + std::io::Seek>(file: verglas_formats::Result<PtFile<R>>, file_bytes: u64) {
    let Ok(mut file) = file else { return };
    let tensor = file.tensor().clone();
    let n_rows = tensor.n_rows();
    assert!(file.data_bytes() <= file_bytes, "more values than the file holds");
    let _ = (file.data_offset(), tensor.is_contiguous(), tensor.values_per_row());
    if let Ok(all) = file.read_bytes(0..n_rows) {
        assert_eq!(all.len() as u64, file.data_bytes());
        let half = n_rows / 2;
        if let (Ok(first), Ok(second)) = (file.read_bytes(0..half), file.read_bytes(half..n_rows)) {
            assert!(all.starts_with(&first) && all.ends_with(&second) && all.len() == first.len() + second.len());
        }
    }
    let _ = file.read_f32(0..n_rows);
    let _ = file.read_f64(0..n_rows);
    let _ = file.read_i64(0..n_rows);
    let _ = file.read_complex64(0..n_rows);
    let _ = file.read_complex128(0..n_rows);
    assert!(file.read_bytes(0..n_rows.saturating_add(1)).is_err() || n_rows == u64::MAX);
    let _ = file.verify_crc();
}

/// Reads a PDB file, from memory and, where it is packed, from a file.
pub fn pdb(input: &[u8]) -> u64 {
    if is_packed(input) {
        // Unpacked data are in a file; there may be as many atoms in memory as there is room for in it.
        if let Ok(file) = read_pdb(in_file("structure.pdb.gz", input)) {
            check_atoms(&file);
        }
        return INFLATED_LIMIT_BYTES;
    }
    let whole = read_pdb_from(input);
    // A buffer of a few bytes cuts lines at every place.
    if let (Ok(whole), Ok(pieces)) = (&whole, read_pdb_from(BufReader::with_capacity(7, input))) {
        assert_eq!(whole.n_atoms(), pieces.n_atoms());
    }
    if let Ok(file) = whole {
        assert!(file.n_atoms() <= input.len() / 54, "more atoms than lines");
        check_atoms(&file);
    }
    0
}

/// Reads an mmCIF file, from memory and, where it is packed, from a file.
pub fn mmcif(input: &[u8]) -> u64 {
    if is_packed(input) {
        if let Ok(file) = read_mmcif(in_file("structure.cif.gz", input)) {
            check_atoms(&file);
        }
        return INFLATED_LIMIT_BYTES;
    }
    if let Ok(file) = read_mmcif_from(input) {
        assert!(file.n_atoms() <= input.len() / 7, "more atoms than rows");
        check_atoms(&file);
    }
    0
}

fn is_packed(input: &[u8]) -> bool {
    mrc::Compression::from_magic(input).is_some()
}

/// Properties of every coordinate file.
fn check_atoms(file: &AtomFile) {
    assert!(!file.models.is_empty());
    for model in &file.models {
        assert!(!model.atoms.is_empty());
        for atom in &model.atoms {
            assert!(!atom.name.is_empty() && atom.occupancy.is_finite());
            assert!(atom.position_angstrom.iter().all(|x| x.is_finite()));
        }
    }
}

/// Opens a trajectory and reads frames of it.
pub fn trajectory(input: &[u8]) -> u64 {
    // Unpacked data are in a file, and only a part of them is in memory at a time.
    let justified_bytes = if is_packed(input) { INFLATED_LIMIT_BYTES } else { 0 };
    let Ok(trajectory) = Trajectory::open(in_file("trajectory", input)) else { return justified_bytes };
    let n_frames = trajectory.n_frames();
    assert!(n_frames > 0 && trajectory.n_atoms() > 0);
    for frame in (0..n_frames.min(N_TRIED)).chain([n_frames - 1]) {
        if let Ok(positions) = trajectory.read_frame(frame) {
            assert_eq!(positions.len(), trajectory.n_atoms());
        }
    }
    assert!(trajectory.read_frame(n_frames).is_err());
    let _ = trajectory.warnings();
    justified_bytes
}

/// Reads an MRC file as a map.
pub fn mrc_map(input: &[u8]) -> u64 {
    let path = in_file("map.mrc", input);
    let _ = mrc::read_map_header(&path);
    let justified_bytes = if is_packed(input) { INFLATED_LIMIT_BYTES } else { 0 };
    let options = MrcOptions { max_decompressed_bytes: INFLATED_LIMIT_BYTES, ..MrcOptions::default() };
    if let Ok(map) = mrc::read_map(&path, &options) {
        assert_eq!(map.values.len(), map.shape.iter().product::<usize>());
        let mut axes = map.axes;
        axes.sort_unstable();
        assert!(axes == [1, 2, 3] || axes == [0; 3]);
    }
    justified_bytes
}

/// The input as a file, for readers that take a path; each thread has one file of each name.
fn in_file(name: &str, input: &[u8]) -> PathBuf {
    thread_local! {
        static DIR: tempfile::TempDir = tempfile::tempdir_in(fast_dir()).expect("a temporary folder");
    }
    let path = DIR.with(|dir| dir.path().join(name));
    let mut file = fs::File::create(&path).expect("a temporary file");
    file.write_all(input).expect("room for a temporary file");
    path
}

/// A folder in memory where there is one.
fn fast_dir() -> &'static Path {
    let shared_memory = Path::new("/dev/shm");
    if shared_memory.is_dir() { shared_memory } else { Path::new("/tmp") }
}
