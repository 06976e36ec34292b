//! The description of files of every kind, sound and broken.

use crate::shared::shared;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use verglas::descriptor::{BaseValues, ImageDescriptor, TemplateSettings};
use verglas::grid::Precision;
use verglas_formats::cs::{CsData, CsSource, write_cs};
use verglas_formats::npz::NpzWriter;
use verglas_formats::pt::write_pt;
use verglas_inspect::{
    Contents, CrcState, First, Inspection, Item, MOST_DISTINCT, Number, StarColumn, StarContents, StarDialect, inspect,
};

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn star(&self, text: &str) -> StarContents {
        match inspect(&self.write("a.star", text)).unwrap().contents {
            Contents::Star(star) => star,
            other => panic!("{other:?}"),
        }
    }
}

fn error(path: &Path) -> String {
    inspect(path).unwrap_err().to_string()
}

fn float(value: f64) -> Option<Number> {
    Some(Number::Float(value))
}

fn column<'a>(star: &'a StarContents, block: usize, name: &str) -> &'a StarColumn {
    star.blocks[block].columns.iter().find(|column| column.name == name).unwrap()
}

#[test]
fn a_star_file_with_optics_groups() {
    let star = Files::new().star(
        "data_optics\nloop_\n_rlnOpticsGroup\n_rlnOpticsGroupName\n1 one\n2 two\n\n\
         data_particles\nloop_\n_rlnImageName\n_rlnOpticsGroup\n_rlnDefocusU\n_rlnX\n\
         1@a.mrcs 2 100.5 nan\n2@a.mrcs 2 99.5 3\n1@b.mrcs 3 101 3\n2@a.mrcs 1 100 -inf\n",
    );
    assert_eq!((star.dialect, star.n_blocks), (StarDialect::Relion31, 2));
    assert_eq!((star.blocks[1].n_rows, star.blocks[1].line, star.blocks[1].layout), (4, 8, "loop"));
    let defocus = column(&star, 1, "rlnDefocusU");
    let range = defocus.values.range.unwrap();
    assert_eq!((range.min, range.max, range.mean), (float(99.5), float(101.0), Some(100.25)));
    assert_eq!(defocus.values.first, Some(First::One(Item::Number(Number::Float(100.5)))));
    let image = column(&star, 1, "rlnImageName");
    assert!(!image.is_number && image.values.range.is_none());
    assert_eq!(image.values.n_distinct, Some(3));
    assert_eq!(image.values.first, Some(First::One(Item::Text("1@a.mrcs".into()))));
    let odd = column(&star, 1, "rlnX").values.range.unwrap();
    assert_eq!((odd.min, odd.mean, odd.n_not_finite), (float(3.0), Some(3.0), 2));
    let groups: Vec<(&str, Option<&str>, bool, Option<u64>)> = star
        .optics_groups
        .iter()
        .map(|group| (group.group.as_str(), group.name.as_deref(), group.in_optics, group.n_particles))
        .collect();
    let expected = [("1", Some("one"), true, Some(1)), ("2", Some("two"), true, Some(2)), ("3", None, false, Some(1))];
    assert_eq!(groups, expected);
}

#[test]
fn dialects_and_layouts() {
    let files = Files::new();
    let old = files.star("data_\nloop_\n_rlnImageName\n_rlnVoltage\n1@a.mrcs 300\n");
    assert_eq!((old.dialect, old.optics_groups.len()), (StarDialect::Relion30, 0));
    let generic = files.star("data_general\n_key 'a value'\n_number 5\n\ndata_empty\n");
    assert_eq!(generic.dialect, StarDialect::Generic);
    assert_eq!([generic.blocks[0].layout, generic.blocks[1].layout], ["pairs", "empty"]);
    assert_eq!(generic.blocks[0].columns[0].values.first, Some(First::One(Item::Text("a value".into()))));
}

#[test]
fn particles_without_group_belong_to_the_only_one() {
    let files = Files::new();
    let particles = "data_particles\nloop_\n_rlnImageName\n_rlnDefocusU\n1@a 1\n2@a 2\n";
    let one = files.star(&format!("data_optics\nloop_\n_rlnOpticsGroup\n_rlnVoltage\n1 300\n\n{particles}"));
    assert_eq!(one.optics_groups[0].n_particles, Some(2));
    let two = files.star(&format!("data_optics\nloop_\n_rlnOpticsGroup\n_rlnVoltage\n1 300\n2 300\n\n{particles}"));
    assert_eq!(two.optics_groups[1].n_particles, None);
}

#[test]
fn many_blocks_are_counted() {
    let star = Files::new().star(&"data_x\n_a 1\n".repeat(1200));
    assert_eq!((star.n_blocks, star.blocks.len()), (1200, 1000));
}

#[test]
fn a_broken_star_file_is_an_error_with_its_line() {
    let files = Files::new();
    let path = files.write("a.star", "data_\nloop_\n_a\n_b\n1 2\n3\n");
    assert!(error(&path).starts_with("line 6 of"), "{}", error(&path));
}

#[test]
fn every_field_of_a_cs_file() {
    let files = Files::new();
    let n = 20 * MOST_DISTINCT as u64;
    let uids: Vec<u64> = (0..n).map(|row| u64::MAX - row).collect();
    let shifts: Vec<f32> = (0..2 * n).map(|value| value as f32 / 4.0).collect();
    let paths: Vec<&[u8]> =
        (0..n).map(|row| if row % 2 == 0 { b"J1/a.mrc".as_slice() } else { b"J1/bb.mrc" }).collect();
    let flags: Vec<bool> = (0..n).map(|row| row > 1).collect();
    let classes: Vec<i32> = (0..n).map(|row| row as i32 % 3 - 1).collect();
    let columns = [
        CsSource::new("uid", CsData::U64(&uids)),
        CsSource::new("blob/path", CsData::Text(&paths)),
        CsSource { name: "alignments3D/shift", shape: &[2], values: CsData::F32(&shifts) },
        CsSource::new("flag", CsData::Bool(&flags)),
        CsSource::new("class", CsData::I32(&classes)),
    ];
    let path = files.write("a.cs", write_cs(Vec::new(), &columns).unwrap());
    let Contents::Cs(cs) = inspect(&path).unwrap().contents else { panic!("no .cs") };
    assert_eq!((cs.n_rows, cs.fields.len()), (n, 5));
    let field = |index: usize| {
        let field = &cs.fields[index];
        (field.dtype.as_str(), field.shape.as_slice(), field.values.clone().unwrap())
    };
    let (dtype, shape, uid) = field(0);
    assert_eq!((dtype, shape, uid.n_distinct), ("<u8", [].as_slice(), None));
    let range = uid.range.unwrap();
    assert_eq!((range.min, range.max), (Some(Number::Uint(u64::MAX - n + 1)), Some(Number::Uint(u64::MAX))));
    let (dtype, _, paths) = field(1);
    assert_eq!((dtype, paths.n_distinct, paths.range), ("|S9", Some(2), None));
    assert_eq!(paths.first, Some(First::One(Item::Text("J1/a.mrc".into()))));
    let (_, shape, shift) = field(2);
    let range = shift.range.unwrap();
    assert_eq!((shape, range.max, range.mean), ([2].as_slice(), float(2559.75), Some(1279.875)));
    let pair = [0.0, 0.25].map(|value| Item::Number(Number::Float(value))).to_vec();
    assert_eq!(shift.first, Some(First::Several(pair)));
    assert_eq!((field(3).2.n_distinct, field(3).2.first), (Some(2), Some(First::One(Item::Bool(false)))));
    let class = field(4).2;
    assert_eq!((class.n_distinct, class.range.unwrap().min), (Some(3), Some(Number::Int(-1))));
}

#[test]
fn a_cut_cs_file_is_an_error_and_a_longer_one_a_warning() {
    let files = Files::new();
    let mut bytes = write_cs(Vec::new(), &[CsSource::new("uid", CsData::U64(&[1, 2, 3]))]).unwrap();
    bytes.push(0);
    let inspection = inspect(&files.write("a.cs", &bytes)).unwrap();
    assert_eq!(inspection.warnings, ["1 bytes follow the last row; they are ignored"]);
    let cut = files.write("cut.cs", &bytes[..bytes.len() - 5]);
    assert!(error(&cut).contains("the header claims 3 rows"), "{}", error(&cut));
    let csg = files.write("a.csg", "results:\n  x:\n    metafile: '>J1_particles.cs'\n");
    assert!(error(&csg).contains("J1_particles.cs"), "{}", error(&csg));
}

fn mrc(n_columns: i32, n_sections: i32, mode: i32, has_stamp: bool) -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    let words = [(0, n_columns), (4, 4), (8, n_sections), (12, mode), (28, n_columns), (32, 4), (36, 1), (108, 20140)];
    for (at, word) in words {
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    bytes[40..44].copy_from_slice(&(1.5 * n_columns as f32).to_le_bytes());
    bytes[44..48].copy_from_slice(&6.0_f32.to_le_bytes());
    if has_stamp {
        bytes[208..212].copy_from_slice(b"MAP ");
        bytes[212..216].copy_from_slice(&[0x44, 0x44, 0, 0]);
    }
    bytes[220..224].copy_from_slice(&1_i32.to_le_bytes());
    bytes[224..229].copy_from_slice(b"hello");
    bytes.resize(1024 + 16 * n_columns as usize * n_sections as usize, 0);
    bytes
}

#[test]
fn an_mrc_stack_against_its_size() {
    let files = Files::new();
    let whole = inspect(&files.write("named_wrongly.txt", mrc(4, 3, 2, true))).unwrap();
    let Contents::Mrc(mrc_whole) = &whole.contents else { panic!("{whole:?}") };
    assert_eq!((mrc_whole.n_columns, mrc_whole.n_rows, mrc_whole.n_sections, mrc_whole.mode), (4, 4, 3, 2));
    assert_eq!((mrc_whole.byte_order, mrc_whole.has_map_stamp, mrc_whole.version), ("little", true, 20140));
    assert_eq!((mrc_whole.pixel_size_angstrom, mrc_whole.voxel_size_angstrom), (Some([1.5, 1.5]), None));
    assert_eq!(mrc_whole.labels, ["hello"]);
    assert_eq!((mrc_whole.claimed_bytes, mrc_whole.found_bytes), (Some(1216), Some(1216)));
    assert!(whole.problems.is_empty() && whole.warnings.is_empty());

    let mut bytes = mrc(4, 3, 2, false);
    bytes.truncate(1024 + 64 + 10);
    let cut = inspect(&files.write("cut.mrcs", &bytes)).unwrap();
    let Contents::Mrc(mrc_cut) = &cut.contents else { panic!("{cut:?}") };
    let shortfall = mrc_cut.shortfall.unwrap();
    assert_eq!((shortfall.missing_bytes, shortfall.n_sections_present), (118, 1));
    assert_eq!(cut.problems.len(), 1);
    assert!(cut.warnings[0].contains("no `MAP ` stamp"), "{:?}", cut.warnings);

    let complex = files.write("complex.mrc", mrc(4, 1, 4, true));
    assert!(error(&complex).contains("mode 4"), "{}", error(&complex));
}

fn descriptor() -> ImageDescriptor {
    let values = BaseValues {
        n_pixels: 16,
        pixel_size_angstrom: [2.0, 2.0],
        precision: Precision::Double,
        resolution_factor: 0.5,
        n_inplanes: Some(20),
    };
    ImageDescriptor::from_base_values(&values, TemplateSettings::at_resolution_factor(0.5)).unwrap()
}

#[test]
fn a_descriptor_and_what_follows_from_it() {
    let files = Files::new();
    let path = files.path("grids.npz");
    descriptor().save(&path).unwrap();
    let Contents::Descriptor(found) = inspect(&path).unwrap().contents else { panic!("no descriptor") };
    assert_eq!((found.n_pixels, found.box_angstrom, found.precision), (16, [32.0, 32.0], "double"));
    assert_eq!((found.radius_max, found.resolution_factor, found.resolution_angstrom), (2.0, 0.5, 8.0));
    // S = 1 + ⌈2 / 0.25⌉; 16 bytes a value.
    assert_eq!((found.n_shells, found.n_inplanes, found.bytes_per_image), (9, 20, 9 * 20 * 16));
    assert_eq!((found.atom_selection.as_deref(), found.atom_shape), (Some("name CA"), "gaussian"));
}

fn stack_metadata(n_values: usize) -> Vec<u8> {
    let mut npz = NpzWriter::new(Vec::new());
    descriptor().write(&mut npz).unwrap();
    let defocus: Vec<f64> = (0..n_values).map(|image| 1000.0 + image as f64).collect();
    npz.add_f64("defocusU", &[n_values], &defocus).unwrap();
    npz.add_f64("defocusV", &[3], &[1.0, 2.0, 3.0]).unwrap();
    npz.add_f64("angleTilt", &[0], &[]).unwrap();
    npz.add_f64("voltage", &[], &[300.0]).unwrap();
    npz.add_f64("ctfBfactor", &[], &[0.0]).unwrap();
    npz.add_f64("ref_pixel_size", &[2], &[1.0, 1.0]).unwrap();
    npz.add_text("files", &[3], [b"b.mrcs".as_slice(), b"a.mrcs", b"b.mrcs"]).unwrap();
    npz.add_i64("idxs", &[3], &[7, 5, 6]).unwrap();
    npz.add_i64("n_images", &[], &[3]).unwrap();
    npz.add_i64("row", &[3], &[0, 2, 1]).unwrap();
    npz.add_u64("uid", &[3], &[1, 2, u64::MAX]).unwrap();
    npz.add_i64("stack_start", &[], &[10]).unwrap();
    npz.add_i64("stack_end", &[], &[13]).unwrap();
    npz.add_text("defocusAngle_axis", &[], [b"rows".as_slice()]).unwrap();
    npz.finish().unwrap()
}

#[test]
fn the_metadata_of_a_stack() {
    let files = Files::new();
    let inspection = inspect(&files.write("s.npz", stack_metadata(3))).unwrap();
    assert_eq!(inspection.warnings, [""; 0]);
    let Contents::StackMetadata(stack) = inspection.contents else { panic!("no stack") };
    assert_eq!((stack.n_images, stack.voltage_kv, stack.amplitude_contrast), (3, Some(300.0), None));
    assert_eq!((stack.range_in_file, stack.has_uid), (Some([10, 13]), true));
    assert_eq!((stack.defocus_angle_axis.as_deref(), stack.ref_pixel_size_angstrom), (Some("rows"), Some(1.0)));
    let names: Vec<&str> = stack.per_image.iter().map(|values| values.name).collect();
    assert_eq!(names, ["defocusU", "defocusV", "ctfBfactor", "idxs", "row"]);
    assert_eq!((stack.per_image[0].range.max, stack.per_image[0].unit), (float(1002.0), "Å"));
    let counts: Vec<(&str, u64)> = stack.files.iter().map(|file| (file.file.as_str(), file.n_images)).collect();
    assert_eq!((stack.n_files, counts), (2, vec![("b.mrcs", 2), ("a.mrcs", 1)]));
    assert_eq!(stack.descriptor.n_shells, 9);

    let odd = inspect(&files.write("odd.npz", stack_metadata(4))).unwrap();
    assert_eq!(odd.warnings, ["`defocusU` has 4 values for 3 images"]);
}

#[test]
fn any_other_archive_is_listed() {
    let mut npz = NpzWriter::new(Vec::new());
    npz.add_f64("a", &[2, 3], &[0.0; 6]).unwrap();
    npz.add_text("names", &[1], [b"abc".as_slice()]).unwrap();
    let files = Files::new();
    let path = files.write("x.npz", npz.finish().unwrap());
    let Contents::Archive(archive) = inspect(&path).unwrap().contents else { panic!("no archive") };
    let listed: Vec<(&str, &str, &[u64])> = archive
        .arrays
        .iter()
        .map(|array| (array.name.as_str(), array.dtype.as_str(), array.shape.as_slice()))
        .collect();
    assert_eq!(listed, [("a", "<f8", [2, 3].as_slice()), ("names", "<U3", [1].as_slice())]);
    let bytes = fs::read(&path).unwrap();
    let cut = files.write("cut.npz", &bytes[..bytes.len() - 30]);
    assert!(error(&cut).contains("end record"), "{}", error(&cut));
}

#[test]
fn a_tensor_and_its_checksum() {
    let files = Files::new();
    let mut bytes = Vec::new();
    write_pt(&mut bytes, &[2, 3], &[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let Inspection { contents: Contents::Tensor(tensor), problems, .. } =
        inspect(&files.write("t.pt", &bytes)).unwrap()
    else {
        panic!("no tensor")
    };
    assert_eq!((tensor.dtype, tensor.shape.as_slice(), tensor.data_bytes), ("float32", [2, 3].as_slice(), 24));
    assert_eq!((tensor.crc, problems.len(), tensor.is_contiguous), (CrcState::Right, 0, true));

    let at = bytes.windows(4).position(|window| window == 3.0_f32.to_le_bytes()).unwrap();
    bytes[at] ^= 1;
    let damaged = inspect(&files.write("t.pt", &bytes)).unwrap();
    let Contents::Tensor(tensor) = damaged.contents else { panic!("no tensor") };
    assert_eq!((tensor.crc, damaged.problems.len()), (CrcState::Wrong, 1));
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while (11 + header.len()) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn plain_arrays() {
    let files = Files::new();
    // More than one block of items.
    let numbers: Vec<u8> = (0..200_000_i32).flat_map(i32::to_be_bytes).collect();
    let path = files.write("a.npy", npy(">i4", "(2, 100000)", &numbers));
    let Contents::Array(array) = inspect(&path).unwrap().contents else { panic!("no array") };
    let range = array.range.unwrap();
    assert_eq!((array.dtype.as_str(), array.shape.as_slice()), (">i4", [2, 100_000].as_slice()));
    assert_eq!((range.min, range.max, range.mean), (Some(Number::Int(0)), Some(Number::Int(199_999)), Some(99_999.5)));
    let path = files.write("b.npy", npy("|b1", "(3,)", &[1, 0, 1]));
    let Contents::Array(array) = inspect(&path).unwrap().contents else { panic!("no array") };
    assert_eq!((array.n_true, array.range), (Some(2), None));
    let path = files.write("c.npy", npy("<c16", "()", &[0; 16]));
    let Contents::Array(array) = inspect(&path).unwrap().contents else { panic!("no array") };
    assert_eq!((array.shape.len(), array.range), (0, None));
    let cut = files.write("cut.npy", npy("<f8", "(3,)", &[0; 20]));
    assert!(error(&cut).contains("takes 24 bytes, found 20"), "{}", error(&cut));
}

#[test]
fn what_is_none_of_them() {
    let files = Files::new();
    for (name, bytes, expected) in [
        ("notes.txt", b"just text\n".as_slice(), "neither its first bytes nor its name"),
        ("empty", b"", "the file is empty"),
        ("a.h5", b"\x89HDF\r\n\x1a\n\0\0\0\0", "an HDF5 file"),
        ("empty.star", b"", "expected a data block"),
        ("short.mrc", b"abc", "expected a header of 1024 bytes"),
        ("a.cs", b"\x95CSDAT123", "CSDAT"),
    ] {
        let path = files.write(name, bytes);
        assert!(error(&path).contains(expected), "{name}: {}", error(&path));
    }
    assert!(error(&files.path("gone.star")).contains("cannot read"));
    assert!(error(files.0.path()).contains("a folder, expected a file"));
}

/// Every file cut at many lengths, and with single bytes changed: an answer or an error, never a panic.
#[test]
fn no_damage_makes_it_panic() {
    let files = Files::new();
    let mut pt = Vec::new();
    write_pt(&mut pt, &[2, 3], &[1.0_f32; 6]).unwrap();
    let cs = write_cs(Vec::new(), &[CsSource::new("uid", CsData::U64(&[1, 2, 3]))]).unwrap();
    let star =
        b"data_optics\nloop_\n_rlnOpticsGroup\n_rlnA\n1 2\n\ndata_particles\n_rlnOpticsGroup 1\n_b 'x y'\n".to_vec();
    let array = npy("<f4", "(2, 2)", &[0; 16]);
    for whole in [pt, cs, star, array, mrc(4, 2, 2, true), stack_metadata(3)] {
        let step = (whole.len() / 200).max(1);
        for at in (0..whole.len()).step_by(step) {
            let _ = inspect(&files.write("damaged", &whole[..at]));
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            let _ = inspect(&files.write("damaged", &changed));
        }
    }
}

/// The real particle file, if it is at hand: all 34 fields of all 2,019 rows.
#[test]
fn a_real_cs_file() {
    let Some(path) = shared("data/cryosparc/cryosparc_P12_J24_001_particles.cs") else {
        let _ = writeln!(std::io::stderr(), "skipped: the file is not at hand");
        return;
    };
    let Contents::Cs(cs) = inspect(&path).unwrap().contents else { panic!("no .cs") };
    assert_eq!((cs.n_rows, cs.fields.len()), (2019, 34));
    assert!(cs.fields.iter().all(|field| field.values.as_ref().is_some_and(|values| values.first.is_some())));
    let kv = cs.fields.iter().find(|field| field.name == "ctf/accel_kv").unwrap().values.clone().unwrap();
    assert_eq!((kv.n_distinct, kv.range.unwrap().max), (Some(1), float(200.0)));
}
