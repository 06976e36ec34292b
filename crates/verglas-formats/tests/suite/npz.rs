//! Arrays that NumPy wrote are read, and what is written comes back; damaged ones are refused.

use crate::shared::shared;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use verglas_formats::FormatError;
use verglas_formats::npy::{NpyArray, NpyHeader, read_npy};
use verglas_formats::npz::{NpzReader, NpzWriter};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/npz").join(name)
}

const NUMBERS: [f64; 6] = [0.0, 1.0, 2.0, 100.0, 3.0, 7.0];

#[test]
fn reads_every_type_that_numpy_writes() {
    for file in ["stored.npz", "deflated.npz"] {
        let mut npz = NpzReader::open(fixture(file)).unwrap();
        npz.verify_crc().unwrap();
        let mut read = |name: &str| npz.read(name).unwrap_or_else(|error| panic!("{file}: {error}"));
        let types = "i1 u1 le_i2 be_i2 le_i4 be_i4 le_i8 be_i8 le_u2 be_u2 le_u4 be_u4 le_u8 be_u8";
        for name in types.split(' ') {
            let array = read(name);
            assert_eq!(array.shape(), [2, 3], "{name}");
            assert_eq!(array.to_f64().unwrap(), NUMBERS, "{name}");
            assert_eq!(array.to_i64().unwrap(), [0, 1, 2, 100, 3, 7], "{name}");
            assert_eq!(array.to_u64().unwrap(), [0, 1, 2, 100, 3, 7], "{name}");
        }
        for name in "le_f2 be_f2 le_f4 be_f4 le_f8 be_f8".split(' ') {
            assert_eq!(read(name).to_f64().unwrap(), NUMBERS, "{name}");
            assert!(read(name).to_i64().is_err(), "{name}");
        }
        assert_eq!(read("bool").to_bool().unwrap(), [true, false, true]);
        assert_eq!(read("bool").to_f64().unwrap(), [1.0, 0.0, 1.0]);
        assert_eq!(read("scalar_float").to_f64().unwrap(), [0.1]);
        assert_eq!(read("scalar_float").shape(), [0usize; 0]);
        assert_eq!(read("scalar_int").to_i64().unwrap(), [-5]);
        assert_eq!(read("scalar_text").to_text().unwrap(), [b"single"]);
        assert!(read("empty").is_none());
        assert!(!read("bool").is_none());
        let texts = ["a".as_bytes(), "Å/é.mrc".as_bytes(), b"", b"with space"];
        assert_eq!(read("text_le").to_text().unwrap(), texts);
        assert_eq!(read("text_be").to_text().unwrap(), texts);
        assert_eq!(read("text_bytes").to_text().unwrap(), [&b"a"[..], b"\xff\x00x", b""]);
        assert_eq!(read("text_surrogates").to_text().unwrap(), [b"caf\xe9.mrc"]);
        let in_order: Vec<f64> = (0..24).map(f64::from).collect();
        assert_eq!(read("fortran").to_f64().unwrap(), in_order);
        assert_eq!(read("big_u64").to_u64().unwrap(), [u64::MAX, 1 << 63]);
    }
}

#[test]
fn says_what_does_not_fit() {
    let mut npz = NpzReader::open(fixture("stored.npz")).unwrap();
    let mut message = |name: &str, convert: fn(&NpyArray) -> String| convert(&npz.read(name).unwrap());
    let to_i64 = |array: &NpyArray| array.to_i64().unwrap_err().to_string();
    let to_f64 = |array: &NpyArray| array.to_f64().unwrap_err().to_string();
    assert_eq!(message("big_u64", to_i64), "the value 18446744073709551615 does not fit int64");
    assert_eq!(message("scalar_int", |a| a.to_u64().unwrap_err().to_string()), "the value -5 does not fit uint64");
    assert_eq!(message("scalar_text", to_f64), "holds values of NumPy's type <U6, expected real numbers");
    assert_eq!(message("complex", to_f64), "holds values of NumPy's type <c16, expected real numbers");
    assert_eq!(message("longdouble", to_f64), "holds values of NumPy's type <f16, expected real numbers");
    assert_eq!(message("time", to_i64), "holds values of NumPy's type <M8[ns], expected integers");
    assert_eq!(message("record", to_f64), "holds records, expected real numbers");
    assert_eq!(
        message("bool", |a| a.to_text().unwrap_err().to_string()),
        "holds values of NumPy's type |b1, expected text"
    );
    let error = npz.read("nothing").unwrap_err().to_string();
    assert!(error.starts_with("`nothing`: no such array, the archive holds i1, le_i2"), "{error}");
}

#[test]
fn a_pickled_none_is_absent_and_other_objects_are_refused() {
    let mut npz = NpzReader::open(fixture("objects.npz")).unwrap();
    let names: Vec<String> = npz.names().map(str::to_owned).collect();
    assert_eq!(names.len(), 21);
    for name in names {
        if name.starts_with("none") {
            let array = npz.read(&name).unwrap_or_else(|error| panic!("{error}"));
            assert!(array.is_none() && array.to_f64().is_err(), "{name}");
        } else {
            let error = npz.read(&name).unwrap_err();
            assert!(matches!(error, FormatError::Unsupported(_)), "{error}");
            assert!(error.to_string().contains("pickled Python objects"), "{error}");
        }
    }
}

#[test]
fn reads_single_arrays_of_every_version() {
    assert_eq!(read_npy(fixture("mask.npy")).unwrap().to_bool().unwrap(), [true, false, true, true]);
    for name in ["version2.npy", "version3.npy"] {
        assert_eq!(read_npy(fixture(name)).unwrap().len(), 3, "{name}");
    }
}

#[test]
fn reads_a_descriptor_that_cryolike_saved() {
    let Some(path) = shared("golden/cryolike_descriptor.npz") else { return };
    let mut npz = NpzReader::open(path).unwrap();
    assert_eq!(npz.read("n_pixels").unwrap().to_i64().unwrap(), [30, 30]);
    assert_eq!(npz.read("precision").unwrap().to_text().unwrap(), [b"single"]);
    assert!(npz.read("atom_radii").unwrap().is_none());
}

#[test]
fn what_is_written_comes_back() {
    let mut npz = NpzWriter::new(Vec::new());
    npz.add_f64("matrix", &[2, 2], &[1.0, -0.5, f64::INFINITY, 1e-300]).unwrap();
    npz.add_i64("scalar", &[], &[i64::MIN]).unwrap();
    npz.add_u64("uid", &[2], &[u64::MAX, 0]).unwrap();
    npz.add_bool("flag", &[], &[true]).unwrap();
    let texts: [&[u8]; 4] = [b"a/b.mrc", "Å😀".as_bytes(), b"caf\xe9\xff", b""];
    npz.add_text("files", &[4], texts).unwrap();
    npz.add_text("no_text", &[0], []).unwrap();
    npz.add_f64("absent", &[0], &[]).unwrap();
    let bytes = npz.finish().unwrap();
    let mut npz = NpzReader::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(npz.names().collect::<Vec<_>>(), ["matrix", "scalar", "uid", "flag", "files", "no_text", "absent"]);
    assert_eq!(npz.read("matrix").unwrap().to_f64().unwrap(), [1.0, -0.5, f64::INFINITY, 1e-300]);
    assert_eq!(npz.read("matrix").unwrap().shape(), [2, 2]);
    assert_eq!(npz.read("scalar").unwrap().to_i64().unwrap(), [i64::MIN]);
    assert_eq!(npz.read("uid").unwrap().to_u64().unwrap(), [u64::MAX, 0]);
    assert_eq!(npz.read("flag").unwrap().to_bool().unwrap(), [true]);
    assert_eq!(npz.read("files").unwrap().to_text().unwrap(), texts);
    assert_eq!(npz.read("files").unwrap().dtype().to_string(), "<U7");
    assert_eq!(npz.read("no_text").unwrap().dtype().to_string(), "<U1");
    assert!(npz.read("absent").unwrap().is_none());
}

#[test]
fn refuses_to_write_what_does_not_fit() {
    let mut npz = NpzWriter::new(Vec::new());
    let error = npz.add_f64("a", &[2, 2], &[1.0]).unwrap_err().to_string();
    assert_eq!(error, "`a`: the shape [2, 2] holds 4 values, 1 are given");
    npz.add_f64("a", &[1], &[1.0]).unwrap();
    assert!(npz.add_i64("a", &[1], &[1]).is_err());
    assert!(npz.add_f64("b", &[usize::MAX, usize::MAX], &[]).is_err());
}

#[test]
fn changed_bytes_are_found_on_reading() {
    let mut npz = NpzWriter::new(Vec::new());
    npz.add_u64("uid", &[1], &[0x1122_3344_5566_7788]).unwrap();
    let mut bytes = npz.finish().unwrap();
    let at = bytes.windows(2).position(|pair| pair == [0x88, 0x77]).unwrap();
    bytes[at] ^= 1;
    let error = NpzReader::new(Cursor::new(bytes)).unwrap().read("uid").unwrap_err().to_string();
    assert!(error.starts_with("`uid`: its bytes have the CRC"), "{error}");
}

#[test]
fn arrays_over_the_limit_are_refused() {
    let mut npz = NpzReader::open(fixture("stored.npz")).unwrap().with_limit(100);
    let error = npz.read("i1").unwrap_err().to_string();
    assert_eq!(error, "`i1`: an array of 134 bytes, the limit is 100");
    assert_eq!(npz.size_bytes("i1"), Some(134));
}

/// A small file can claim a thousand times its size: what is not believed is not read.
#[test]
fn a_small_file_is_not_unpacked_to_any_size() {
    const ITEMS: usize = 65 << 20;
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({ITEMS},), }}");
    let mut array = npy(&header, &[]);
    array.resize(array.len() + ITEMS, 0);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), deflated_archive("zeros.npy", &array)).unwrap();
    assert!(file.as_file().metadata().unwrap().len() < 100_000);
    let error = NpzReader::open(file.path()).unwrap().read("zeros").unwrap_err().to_string();
    assert_eq!(error, format!("`zeros`: an array of {} bytes, the limit is {}", array.len(), 64 << 20));
}

/// An archive of one deflated entry.
fn deflated_archive(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    let packed = encoder.finish().unwrap();
    // What both headers state: version, flags, method, time, date, CRC, sizes, lengths of name and extra field.
    let mut common = Vec::new();
    common.extend([20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0]);
    common.extend(crc32fast::hash(bytes).to_le_bytes());
    common.extend((packed.len() as u32).to_le_bytes());
    common.extend((bytes.len() as u32).to_le_bytes());
    common.extend((name.len() as u16).to_le_bytes());
    common.extend([0, 0]);
    let mut archive = b"PK\x03\x04".to_vec();
    archive.extend(&common);
    archive.extend(name.as_bytes());
    archive.extend(&packed);
    let directory_offset = archive.len() as u32;
    archive.extend(b"PK\x01\x02\x14\0");
    archive.extend(&common);
    archive.extend([0; 14]);
    archive.extend(name.as_bytes());
    let directory_bytes = archive.len() as u32 - directory_offset;
    archive.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    archive.extend(directory_bytes.to_le_bytes());
    archive.extend(directory_offset.to_le_bytes());
    archive.extend([0, 0]);
    archive
}

/// A `.npy` with this header text and data.
fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn read_bytes(bytes: &[u8]) -> Result<NpyArray, FormatError> {
    NpyArray::read(&mut &bytes[..], bytes.len() as u64)
}

#[test]
fn refuses_headers_that_lie() {
    let good = npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", &[0; 8]);
    assert_eq!(read_bytes(&good).unwrap().to_i64().unwrap(), [0, 0]);
    for (header, n_bytes, expected) in [
        ("{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }", 8, "takes 12 bytes, found 8"),
        ("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }", 8, "takes 4 bytes, found 8"),
        ("{'descr': '<i4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", 8, "larger than a file"),
        ("{'descr': '<i4', 'fortran_order': False, 'shape': (0, 4611686018427387904, 4), }", 0, "larger than a file"),
        ("{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999,), }", 8, "takes 399999999996 bytes"),
        ("{'descr': '<U0', 'fortran_order': False, 'shape': (99999999999,), }", 0, "99999999999 items of 0 bytes"),
        ("{'descr': '<i4', 'fortran_order': False, }", 8, "expected 'descr', 'fortran_order' and 'shape'"),
        ("{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (2,)}", 8, "twice"),
        ("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), 'more': 1}", 8, "unexpected"),
        ("{'descr': '<i4', 'fortran_order': 1, 'shape': (2,)}", 8, "unexpected"),
        ("{'descr': '<i4', 'fortran_order': False, 'shape': 2}", 8, "unexpected"),
        ("[1, 2]", 8, "not a dict"),
        ("__import__('os')", 8, "expected a Python literal"),
    ] {
        let error = read_bytes(&npy(header, &vec![0; n_bytes])).unwrap_err().to_string();
        assert!(error.contains(expected), "{header}: {error}");
    }
    // As many as NumPy has at most, and one more.
    let many_axes = |n| npy(&format!("{{'descr': '|u1', 'fortran_order': True, 'shape': ({})}}", "1,".repeat(n)), &[7]);
    assert_eq!(read_bytes(&many_axes(64)).unwrap().to_u64().unwrap(), [7]);
    assert!(read_bytes(&many_axes(65)).unwrap_err().to_string().contains("65 axes, the limit is 64"));
    for n_bytes in 0..good.len() {
        assert!(read_bytes(&good[..n_bytes]).is_err(), "cut after {n_bytes} bytes");
    }
    let mut other_version = good.clone();
    other_version[6] = 9;
    assert!(matches!(read_bytes(&other_version).unwrap_err(), FormatError::Unsupported(_)));
    let mut huge = b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec();
    huge.extend([b' '; 100]);
    assert!(read_bytes(&huge).unwrap_err().to_string().contains("the limit is"));
}

#[test]
fn long_headers_take_a_later_version() {
    use verglas_formats::npy::{Dtype, Field, Record, Scalar};
    let float = Scalar::parse("<f4").unwrap();
    for (name, version) in [("a", 2), ("Å", 3)] {
        let fields = (0..4000).map(|k| Field::new(format!("{name}{k:020}"), float.clone(), &[])).collect();
        let dtype = Dtype::Record(Record::new(fields).unwrap());
        let header = NpyHeader::new(dtype.clone(), &[0]).unwrap().to_bytes();
        assert_eq!((header[6], header.len() % 64), (version, 0));
        assert_eq!(NpyHeader::read(&mut &header[..], header.len() as u64).unwrap().dtype(), &dtype);
    }
}

proptest! {
    #[test]
    fn texts_of_any_bytes_come_back(texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20)) {
        let mut npz = NpzWriter::new(Vec::new());
        npz.add_text("t", &[texts.len()], texts.iter().map(Vec::as_slice)).unwrap();
        let mut npz = NpzReader::new(Cursor::new(npz.finish().unwrap())).unwrap();
        let without_trailing_nul: Vec<Vec<u8>> = texts.iter().map(|text| {
            let end = text.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            text[..end].to_vec()
        }).collect();
        prop_assert_eq!(npz.read("t").unwrap().to_text().unwrap(), without_trailing_nul);
    }

    #[test]
    fn numbers_come_back(values in prop::collection::vec(any::<i64>(), 0..200)) {
        let mut npz = NpzWriter::new(Vec::new());
        npz.add_i64("v", &[values.len()], &values).unwrap();
        let mut npz = NpzReader::new(Cursor::new(npz.finish().unwrap())).unwrap();
        prop_assert_eq!(npz.read("v").unwrap().to_i64().unwrap(), values);
    }

    #[test]
    fn damaged_archives_do_not_panic(
        file in prop::sample::select(vec!["stored.npz", "deflated.npz", "objects.npz"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = std::fs::read(fixture(file)).unwrap();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            let at = cut.index(bytes.len());
            bytes.truncate(at);
        }
        if let Ok(mut npz) = NpzReader::new(Cursor::new(bytes)) {
            let names: Vec<String> = npz.names().map(str::to_owned).collect();
            for name in names {
                if let Ok(array) = npz.read(&name) {
                    let _ = (array.to_f64(), array.to_i64(), array.to_u64(), array.to_bool(), array.to_text());
                }
            }
        }
    }

    #[test]
    fn arbitrary_headers_do_not_panic(header in r"\{'descr': (\[[\[\]()',<>|a-zA-Z0-9 \\]{0,60}|'[<>|=]?[a-zA-Z][0-9]{0,3}'), 'fortran_order': (True|False), 'shape': \([0-9, ]{0,20}\)\}", data in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(array) = read_bytes(&npy(&header, &data)) {
            let _ = (array.to_f64(), array.to_i64(), array.to_u64(), array.to_bool(), array.to_text());
        }
    }
}
