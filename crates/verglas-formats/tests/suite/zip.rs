//! Archives: what is written comes back, and no claim of an archive is believed.

use std::io::{Cursor, Read, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;
use verglas_formats::FormatError;
use verglas_formats::zip::{DATA_ALIGNMENT, Method, ZipReader, ZipWriter};

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Vec::new());
    for (name, bytes) in entries {
        zip.add(name, bytes).unwrap();
    }
    zip.finish().unwrap()
}

fn open(bytes: Vec<u8>) -> Result<ZipReader<Cursor<Vec<u8>>>, FormatError> {
    ZipReader::new(Cursor::new(bytes))
}

fn refusal(bytes: Vec<u8>) -> FormatError {
    match open(bytes).and_then(|mut zip| zip.verify()) {
        Ok(()) => panic!("the archive was accepted"),
        Err(error) => error,
    }
}

/// An archive of one entry, with every field that a test may want to be wrong.
struct Forged {
    name: &'static str,
    flags: u16,
    method: u16,
    data: Vec<u8>,
    claimed_bytes: u32,
    crc32: u32,
}

impl Forged {
    fn deflated(content: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        let data = encoder.finish().unwrap();
        let claimed_bytes = content.len() as u32;
        Self { name: "entry", flags: 0, method: 8, data, claimed_bytes, crc32: crc32fast::hash(content) }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut common = Vec::new();
        common.extend(20u16.to_le_bytes());
        common.extend(self.flags.to_le_bytes());
        common.extend(self.method.to_le_bytes());
        common.extend([0; 4]);
        common.extend(self.crc32.to_le_bytes());
        common.extend((self.data.len() as u32).to_le_bytes());
        common.extend(self.claimed_bytes.to_le_bytes());
        common.extend((self.name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        let local = [b"PK\x03\x04", common.as_slice(), self.name.as_bytes(), &self.data].concat();
        let central = [b"PK\x01\x02\x14\x00", common.as_slice(), &[0; 14], self.name.as_bytes()].concat();
        let mut end = b"PK\x05\x06\0\0\0\0\x01\0\x01\0".to_vec();
        end.extend((central.len() as u32).to_le_bytes());
        end.extend((local.len() as u32).to_le_bytes());
        end.extend([0; 2]);
        [local, central, end].concat()
    }
}

#[test]
fn entries_come_back_aligned() {
    let long = vec![7u8; 100_000];
    let bytes = archive(&[("a", b""), ("folder/b", b"hello"), ("Å", &long)]);
    // Equal contents give equal bytes.
    assert!(bytes == archive(&[("a", b""), ("folder/b", b"hello"), ("Å", &long)]));
    let mut zip = open(bytes.clone()).unwrap();
    zip.verify().unwrap();
    assert_eq!(zip.entries().iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["a", "folder/b", "Å"]);
    assert_eq!(zip.read("folder/b", 5).unwrap(), b"hello");
    assert_eq!(zip.read("Å", u64::MAX).unwrap(), long);
    for name in ["a", "folder/b", "Å"] {
        let offset = zip.data_offset(name).unwrap();
        assert_eq!(offset % DATA_ALIGNMENT, 0, "{name}");
        assert_eq!(zip.entry(name).unwrap().method, Method::Stored);
    }
    let at = zip.data_offset("folder/b").unwrap() as usize;
    assert_eq!(&bytes[at..at + 5], b"hello");
    assert_eq!(zip.read("folder/b", 4).unwrap_err().to_string(), "`folder/b`: holds 5 bytes, more than the limit of 4");
    assert!(zip.read("c", 10).unwrap_err().to_string().contains("no such entry"));
}

#[test]
fn an_empty_archive_holds_nothing() {
    assert!(open(archive(&[])).unwrap().entries().is_empty());
}

#[test]
fn more_than_65535_entries_take_zip64() {
    for n in [65_534, 65_535, 65_536] {
        let mut zip = ZipWriter::new(Vec::new());
        (0..n).for_each(|k| zip.add(&k.to_string(), b"").unwrap());
        let mut zip = open(zip.finish().unwrap()).unwrap();
        assert_eq!(zip.entries().len(), n);
        assert!(zip.read(&(n - 1).to_string(), 0).unwrap().is_empty());
    }
}

#[test]
fn the_writer_refuses_names_that_cannot_be() {
    let mut zip = ZipWriter::new(Vec::new());
    zip.add("a", b"").unwrap();
    assert!(zip.add("a", b"").unwrap_err().to_string().contains("written already"));
    assert!(zip.add(&"x".repeat(70_000), b"").is_err());
    let mut calls = 0;
    let changing = zip.add_with("b", |output| {
        calls += 1;
        output.write_all(&[calls])
    });
    assert!(changing.unwrap_err().to_string().contains("changed while they were written"));
}

#[test]
fn deflated_entries_are_read() {
    let content = b"abcabcabc".repeat(1000);
    let mut zip = open(Forged::deflated(&content).bytes()).unwrap();
    assert_eq!(zip.entries()[0].method, Method::Deflated);
    assert_eq!(zip.read("entry", 9000).unwrap(), content);
    // In pieces, too.
    let mut entry = zip.open("entry").unwrap();
    let mut piece = [0; 7];
    entry.read_exact(&mut piece).unwrap();
    assert_eq!(&piece, b"abcabca");
    entry.finish().unwrap();
}

#[test]
fn claims_about_contents_are_not_believed() {
    let content = b"abcabcabc".repeat(1000);
    let good = || Forged::deflated(&content);
    let stored = |claimed_bytes| Forged {
        method: 0,
        data: content.clone(),
        claimed_bytes,
        crc32: crc32fast::hash(&content),
        ..good()
    };
    let cut = || Forged { data: good().data[..20].to_vec(), ..good() };
    for (forged, expected) in [
        (Forged { claimed_bytes: 8999, ..good() }, "`entry`: holds more than the 8999 bytes it claims"),
        (Forged { claimed_bytes: 9001, ..good() }, "`entry`: holds 9000 bytes, claims 9001"),
        (Forged { claimed_bytes: 1 << 30, ..good() }, "which cannot be"),
        (Forged { crc32: 1, ..good() }, "expected 00000001"),
        (stored(8999), "claims to hold 8999 bytes in 9000, which cannot be"),
        (Forged { crc32: 1, ..stored(9000) }, "expected 00000001"),
        (cut(), "`entry`: "),
        (Forged { data: vec![0xFF; 100], ..good() }, "`entry`: "),
    ] {
        let error = refusal(forged.bytes());
        assert!(matches!(error, FormatError::Malformed(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    for (forged, expected) in [
        (Forged { method: 12, ..good() }, "compressed with method 12 (bzip2), expected stored or deflated"),
        (Forged { method: 77, ..good() }, "compressed with method 77, expected"),
        (Forged { flags: 1, ..good() }, "the entry is encrypted"),
    ] {
        let error = refusal(forged.bytes());
        assert!(matches!(error, FormatError::Unsupported(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn directories_that_lie_are_refused() {
    let good = archive(&[("a", b"first"), ("b", b"second")]);
    let directory = good.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let second = directory + 47;
    let end = good.len() - 22;
    let changed = |at: usize, bytes: &[u8]| {
        let mut archive = good.clone();
        archive[at..at + bytes.len()].copy_from_slice(bytes);
        refusal(archive).to_string()
    };
    assert!(changed(second + 46, b"a").contains("`a`: the archive holds two entries of this name"));
    // Both records point to the first entry's header.
    assert!(changed(second + 42, &[0; 4]).contains("run into what begins at byte 0"));
    assert!(changed(second + 42, &[1; 4]).contains("run into what begins"));
    assert!(changed(0, b"XX").contains("no local header at byte 0"));
    assert!(changed(30, b"z").contains("its local header has the name `z`"));
    assert!(changed(28, &[0xFF; 2]).contains("run into the central directory"));
    assert!(changed(directory, b"XX").contains("expected a record of the central directory"));
    assert!(changed(directory + 46, &[0xFF]).contains("not UTF-8"));
    assert!(changed(end + 8, &[3, 0, 3, 0]).contains("cannot hold 3 entries"));
    assert!(changed(end + 8, &[1, 0, 1, 0]).contains("goes on past its 1 entries"));
    assert!(changed(end + 4, &[1]).contains("split over several files"));
    assert!(changed(end + 16, &[0xFF; 3]).contains("the end record claims a central directory of"));
    assert!(changed(end, b"XX").contains("no ZIP end record"));
    // A number that is said to be in a missing zip64 record.
    assert!(changed(directory + 42, &[0xFF; 4]).contains("zip64 extra field is missing"));
    for n_bytes in 0..good.len() {
        assert!(open(good[..n_bytes].to_vec()).is_err(), "cut after {n_bytes} bytes");
    }
    let mut with_comment = good.clone();
    with_comment[end + 20] = 4;
    with_comment.extend(b"PK\x05\x06");
    open(with_comment).unwrap().verify().unwrap();
}

proptest! {
    #[test]
    fn any_contents_come_back(entries in prop::collection::btree_map("[a-zÅ/]{1,70}", prop::collection::vec(any::<u8>(), 0..300), 0..10)) {
        let list: Vec<(&str, &[u8])> = entries.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let mut zip = open(archive(&list)).unwrap();
        zip.verify().unwrap();
        for (name, bytes) in list {
            prop_assert_eq!(&zip.read(name, u64::MAX).unwrap(), bytes);
            prop_assert_eq!(zip.data_offset(name).unwrap() % DATA_ALIGNMENT, 0);
        }
    }

    #[test]
    fn damaged_archives_do_not_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        for mut bytes in [archive(&[("a", b"first"), ("b", b"second")]), Forged::deflated(&[5; 5000]).bytes()] {
            for (index, value) in &changes {
                let at = index.index(bytes.len());
                bytes[at] = *value;
            }
            if let Ok(mut zip) = open(bytes) {
                let names: Vec<String> = zip.entries().iter().map(|entry| entry.name.clone()).collect();
                let _ = zip.verify();
                for name in names {
                    let _ = (zip.data_offset(&name), zip.read(&name, 1 << 20));
                }
            }
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = open([bytes, b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2e\0\0\0\0\0\0\0\0\0".to_vec()].concat());
    }
}
