//! Reading MRC stacks: against files that `mrcfile` wrote, real files, and files that claim what is not so.

use crate::shared::shared;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use verglas_formats::mrc::{
    ByteOrder, Compression, HEADER_BYTES, Mode, Mode0, MrcHeader, MrcOptions, MrcStack, MrcWarning, PixelType,
    read_header,
};
use verglas_formats::{FormatError, Place, Result};

/// Every fixture is 5 columns × 4 rows × 3 sections.
const N_PIXELS: usize = 20;
const N_SECTIONS: u64 = 3;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mrc").join(name)
}

/// What the reference reads from the fixture of this name.
fn expected(name: &str) -> Vec<f32> {
    let bytes = fs::read(fixture(&format!("{name}.f32"))).unwrap();
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn open(path: impl AsRef<Path>) -> Result<MrcStack> {
    MrcStack::open(path, &MrcOptions::default())
}

fn read_all(stack: &MrcStack) -> Result<Vec<f32>> {
    let count = usize::try_from(stack.n_sections_present()).unwrap();
    let mut pixels = vec![f32::NAN; count * stack.pixels_per_section()];
    stack.read_sections(0, count, &mut pixels, &mut Vec::new())?;
    Ok(pixels)
}

fn bits(pixels: &[f32]) -> Vec<u32> {
    pixels.iter().map(|pixel| pixel.to_bits()).collect()
}

/// A little-endian header as MRC2014 wants it.
fn header(n_columns: i32, n_rows: i32, n_sections: i32, mode: i32) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    for (offset, value) in [(0, n_columns), (4, n_rows), (8, n_sections), (12, mode), (64, 1), (68, 2), (72, 3)] {
        put(&mut bytes, offset, value);
    }
    bytes[208..216].copy_from_slice(b"MAP DD\0\0");
    bytes
}

fn put(bytes: &mut [u8], offset: usize, value: i32) {
    bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

fn temporary(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn unpacking_is_given_up_when_it_is_no_longer_wanted() {
    let n_sections = 100_000;
    let mut bytes = header(5, 4, n_sections, 2).to_vec();
    bytes.resize(bytes.len() + n_sections as usize * N_PIXELS * 4, 1);
    let (file, folder) = (temporary(&gzip(&bytes)), tempfile::tempdir().unwrap());
    let options = MrcOptions { temp_dir: Some(folder.path().to_owned()), ..MrcOptions::default() };
    let asked = std::cell::Cell::new(0);
    let go_on = |most| {
        asked.set(asked.get() + 1);
        asked.get() <= most
    };
    match MrcStack::open_while(file.path(), &options, &|| go_on(3)) {
        Err(FormatError::Io(error)) => assert_eq!(error.kind(), std::io::ErrorKind::Interrupted),
        other => panic!("{other:?}"),
    }
    assert_eq!(asked.get(), 4, "it is asked as it goes on, not at the end");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(MrcStack::open_while(file.path(), &options, &|| true).unwrap().n_sections_present(), 100_000);
}

#[test]
fn every_mode_and_byte_order_reads_as_the_reference_reads_it() {
    for (name, mode) in [
        ("mode0", Mode::Int8),
        ("mode1", Mode::Int16),
        ("mode2", Mode::Float32),
        ("mode6", Mode::Uint16),
        ("mode12", Mode::Float16),
        ("mode101", Mode::Uint4),
    ] {
        for (name, order) in [(name.to_owned(), ByteOrder::Little), (format!("{name}_big"), ByteOrder::Big)] {
            let stack = open(fixture(&format!("{name}.mrcs"))).unwrap();
            let header = stack.header();
            assert_eq!((header.mode, header.byte_order), (mode, order), "{name}");
            assert_eq!((header.n_columns, header.n_rows, header.n_sections), (5, 4, N_SECTIONS), "{name}");
            assert_eq!(header.voxel_size_angstrom, Some([1.5, 1.25, 2.0]), "{name}");
            assert_eq!(header.pixel_size_angstrom, Some([1.5, 1.25]), "{name}");
            assert_eq!(header.labels, ["fixture"], "{name}");
            assert!(header.has_map_stamp && header.space_group == 0, "{name}");
            assert_eq!(stack.warnings(), [], "{name}");
            assert_eq!(stack.truncation(), None, "{name}");
            assert_eq!(bits(&read_all(&stack).unwrap()), bits(&expected(&name)), "{name}");
        }
    }
}

#[test]
fn sections_are_found_one_by_one_and_in_runs() {
    for name in ["mode2", "mode12_big", "mode101", "extended"] {
        let stack = open(fixture(&format!("{name}.mrcs"))).unwrap();
        let all = expected(name);
        let mut scratch = Vec::new();
        for first in 0..N_SECTIONS as usize {
            for count in 0..=N_SECTIONS as usize - first {
                let mut pixels = vec![f32::NAN; count * N_PIXELS];
                stack.read_sections(first as u64, count, &mut pixels, &mut scratch).unwrap();
                assert_eq!(pixels, all[first * N_PIXELS..(first + count) * N_PIXELS], "{name} {first} {count}");
            }
        }
    }
}

/// Pixels are converted in pieces of 256 KiB; these stacks have several, whose ends are not those of sections.
#[test]
fn large_sections_are_put_together_from_pieces() {
    let value = |n: usize| (n * 7 % 251) as u8;
    for (width, height, mode) in [(701, 311, 1), (300_001, 2, 0), (1001, 467, 101), (300_001, 3, 101), (640, 401, 101)]
    {
        let n = width * height * 3;
        let mut bytes = header(width as i32, height as i32, 3, mode).to_vec();
        let expected: Vec<f32> = match mode {
            0 => (0..n).map(|n| value(n).cast_signed().into()).collect(),
            1 => (0..n).map(|n| i16::from_le_bytes([value(n), value(n / 5)]).into()).collect(),
            _ => (0..n).map(|n| f32::from(value(n) % 16)).collect(),
        };
        match mode {
            0 => bytes.extend((0..n).map(value)),
            1 => bytes.extend((0..n).flat_map(|n| [value(n), value(n / 5)])),
            _ => {
                for row in expected.chunks(width) {
                    bytes.extend(row.chunks(2).map(|pair| pair.iter().rev().fold(0, |byte, v| byte << 4 | *v as u8)));
                }
            }
        }
        let stack = open(temporary(&bytes).path()).unwrap();
        assert_eq!((stack.truncation(), stack.warnings()), (None, &[][..]));
        assert!(read_all(&stack).unwrap() == expected, "{width} × {height}, mode {mode}");
        let mut last = vec![0.0; width * height];
        stack.read_section(2, &mut last, &mut Vec::new()).unwrap();
        assert!(last == expected[2 * width * height..], "{width} × {height}, mode {mode}");
    }
}

#[test]
fn eight_bit_data_are_unsigned_on_request() {
    let options = MrcOptions { mode0: Mode0::Unsigned, ..MrcOptions::default() };
    let stack = MrcStack::open(fixture("mode0.mrcs"), &options).unwrap();
    let as_unsigned: Vec<f32> = expected("mode0").iter().map(|v| if *v < 0.0 { v + 256.0 } else { *v }).collect();
    assert_eq!(read_all(&stack).unwrap(), as_unsigned);
}

#[test]
fn extended_headers_are_skipped() {
    for name in ["extended", "extended_big"] {
        let stack = open(fixture(&format!("{name}.mrcs"))).unwrap();
        assert_eq!(stack.header().extended_header_bytes, 160);
        assert_eq!(stack.header().data_offset, 1184);
        assert_eq!(stack.header().extended_header_type, "MRCO");
        assert_eq!(bits(&read_all(&stack).unwrap()), bits(&expected(name)));
    }
}

#[test]
fn one_section_is_one_particle_whatever_the_space_group_says() {
    for (name, space_group) in [("volume", 1), ("volume_stack", 401)] {
        let stack = open(fixture(&format!("{name}.mrcs"))).unwrap();
        assert_eq!(stack.n_sections(), N_SECTIONS);
        assert_eq!(stack.warnings(), [MrcWarning::MarkedAsVolume { space_group }]);
        assert_eq!(bits(&read_all(&stack).unwrap()), bits(&expected(name)));
    }
}

#[test]
fn one_image_is_a_stack_of_one() {
    let stack = open(fixture("single.mrcs")).unwrap();
    assert_eq!((stack.n_sections(), stack.warnings()), (1, &[][..]));
    assert_eq!(read_all(&stack).unwrap(), expected("single"));
}

#[test]
fn zero_sections_are_one_image_if_there_is_data_for_one() {
    let mut bytes = header(2, 1, 0, 0).to_vec();
    let error = open(temporary(&bytes).path()).unwrap_err();
    assert!(error.to_string().contains("0 sections"), "{error}");
    bytes.extend([7, 8]);
    let stack = open(temporary(&bytes).path()).unwrap();
    assert_eq!((stack.n_sections(), stack.warnings()), (1, &[MrcWarning::ZeroSections][..]));
    assert_eq!(read_all(&stack).unwrap(), [7.0, 8.0]);
}

#[test]
fn complex_and_unknown_modes_are_refused() {
    let error = open(fixture("mode4.mrcs")).unwrap_err();
    assert!(matches!(error, FormatError::Unsupported(_)));
    assert!(error.to_string().contains("complex 32-bit floats"), "{error}");
    for (mode, word) in [(3, "complex 16-bit"), (16, "RGB"), (5, "mode 5"), (-2, "mode -2")] {
        let error = open(temporary(&header(5, 4, 3, mode)).path()).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn files_that_are_no_mrc_files_are_asked_about() {
    let error = open(temporary(&[b'x'; 2000]).path()).unwrap_err();
    assert!(error.hint().unwrap().contains("is this an MRC file?"), "{error}");
}

#[test]
fn stamps_may_be_missing_or_wrong() {
    for name in ["mode1", "mode1_big", "mode0", "mode0_big"] {
        let used = if name.ends_with("_big") { ByteOrder::Big } else { ByteOrder::Little };
        let wrong = if used == ByteOrder::Big { [0x44, 0x44, 0, 0] } else { [0x11, 0x11, 0, 0] };
        let good = fs::read(fixture(&format!("{name}.mrcs"))).unwrap();
        let mut no_map = good.clone();
        no_map[208..216].fill(0);
        let mut no_stamp = good.clone();
        no_stamp[212..216].fill(0);
        let mut wrong_stamp = good.clone();
        wrong_stamp[212..216].copy_from_slice(&wrong);
        for (bytes, warning) in [
            (no_map, MrcWarning::NoMapStamp { used }),
            (no_stamp, MrcWarning::UnknownMachineStamp { found: [0; 4], used }),
            (wrong_stamp, MrcWarning::WrongMachineStamp { found: wrong, used }),
        ] {
            let stack = open(temporary(&bytes).path()).unwrap();
            assert_eq!(stack.warnings(), [warning]);
            assert_eq!(bits(&read_all(&stack).unwrap()), bits(&expected(name)));
        }
    }
}

#[test]
fn ccp4_stamps_and_three_letter_map_stamps_are_good() {
    let mut bytes = fs::read(fixture("mode2.mrcs")).unwrap();
    bytes[208..216].copy_from_slice(b"MAP\0DA\0\0");
    assert_eq!(open(temporary(&bytes).path()).unwrap().warnings(), []);
}

#[test]
fn impossible_dimensions_are_refused_with_their_place() {
    for (offset, what) in [(0, "NX"), (4, "NY"), (8, "NZ")] {
        for value in [0, -1, i32::MIN] {
            if (offset, value) == (8, 0) {
                continue;
            }
            let mut bytes = header(5, 4, 3, 2).to_vec();
            put(&mut bytes, offset, value);
            bytes.resize(2000, 0);
            let error = open(temporary(&bytes).path()).unwrap_err();
            let FormatError::Malformed(fault) = &error else { panic!("{error}") };
            assert_eq!(fault.place, Place::Byte(offset as u64));
            assert!(fault.message.contains(what) && fault.message.contains(&value.to_string()), "{error}");
        }
    }
}

#[test]
fn claims_that_overflow_are_refused() {
    for mode in [0, 1, 2, 101] {
        let error = open(temporary(&header(i32::MAX, i32::MAX, i32::MAX, mode)).path()).unwrap_err();
        assert!(error.to_string().contains("no file can hold"), "{error}");
    }
}

#[test]
fn claimed_terabytes_are_a_truncation_and_cost_nothing() {
    let mut bytes = header(1000, 1000, 1_000_000, 2).to_vec();
    bytes.resize(1024 + 4_000_000 + 17, 0);
    let stack = open(temporary(&bytes).path()).unwrap();
    let truncation = stack.truncation().unwrap();
    assert_eq!(truncation.expected_bytes, 1024 + 4_000_000_000_000);
    assert_eq!(truncation.found_bytes, 1024 + 4_000_000 + 17);
    assert_eq!((truncation.n_sections, truncation.n_sections_present), (1_000_000, 1));
    assert_eq!(read_all(&stack).unwrap(), vec![0.0; 1_000_000]);
    let text = truncation.to_error().to_string();
    assert!(text.contains("4000000001024") && text.contains("4001041") && text.contains("1 whole"), "{text}");
}

#[test]
fn extended_headers_beyond_the_file_are_refused() {
    for (value, word) in [(-1, "-1 bytes"), (1, "byte 1025"), (i32::MAX, "2147484671")] {
        let mut bytes = header(5, 4, 3, 2);
        put(&mut bytes, 92, value);
        let error = open(temporary(&bytes).path()).unwrap_err();
        let FormatError::Malformed(fault) = &error else { panic!("{error}") };
        assert_eq!(fault.place, Place::Byte(92));
        assert!(fault.message.contains(word), "{error}");
    }
}

#[test]
fn longer_files_are_a_warning() {
    let mut bytes = fs::read(fixture("mode2.mrcs")).unwrap();
    bytes.push(0);
    let stack = open(temporary(&bytes).path()).unwrap();
    assert_eq!(stack.warnings(), [MrcWarning::LongerThanClaimed { expected_bytes: 1264, found_bytes: 1265 }]);
    assert_eq!(stack.n_sections_present(), N_SECTIONS);
    assert_eq!(bits(&read_all(&stack).unwrap()), bits(&expected("mode2")));
}

#[test]
fn files_cut_anywhere_say_exactly_what_is_left() {
    for (name, data_offset, section_bytes) in [("extended", 1184, 80), ("mode101", 1024, 12), ("mode12_big", 1024, 40)]
    {
        let whole = fs::read(fixture(&format!("{name}.mrcs"))).unwrap();
        let all = expected(name);
        for n_bytes in 0..whole.len() {
            let file = temporary(&whole[..n_bytes]);
            if n_bytes < data_offset {
                assert!(matches!(open(file.path()), Err(FormatError::Malformed(_))), "{name} {n_bytes}");
                continue;
            }
            let stack = open(file.path()).unwrap();
            let n_left = (n_bytes - data_offset) / section_bytes;
            let truncation = stack.truncation().unwrap();
            assert_eq!(truncation.expected_bytes, whole.len() as u64);
            assert_eq!(truncation.found_bytes, n_bytes as u64);
            assert_eq!(truncation.n_sections_present, n_left as u64);
            assert_eq!(read_header(file.path()).unwrap().truncation, Some(truncation));
            assert_eq!(bits(&read_all(&stack).unwrap()), bits(&all[..n_left * N_PIXELS]));
            let error = stack.read_section(n_left as u64, &mut [0.0; N_PIXELS], &mut Vec::new()).unwrap_err();
            assert!(error.to_string().contains(&format!("section {n_left} ")), "{error}");
            assert!(error.to_string().contains(&format!("{n_left} of 3 sections")), "{error}");
        }
    }
}

#[test]
fn sections_past_the_end_are_named() {
    let stack = open(fixture("mode2.mrcs")).unwrap();
    for (first, count, named) in [(3, 1, 3), (2, 2, 3), (7, 1, 7), (u64::MAX, 1, u64::MAX)] {
        let mut pixels = vec![0.0; count * N_PIXELS];
        let error = stack.read_sections(first, count, &mut pixels, &mut Vec::new()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("section {named} ")) && text.contains("holds 3"), "{text}");
    }
}

#[test]
fn a_file_that_shrinks_while_open_is_an_error() {
    for name in ["mode2.mrcs", "mode1.mrcs"] {
        let file = temporary(&fs::read(fixture(name)).unwrap());
        let stack = open(file.path()).unwrap();
        file.as_file().set_len(1030).unwrap();
        let error = stack.read_section(2, &mut [0.0; N_PIXELS], &mut Vec::new()).unwrap_err();
        assert!(matches!(error, FormatError::Malformed(_)) && error.to_string().contains("sections 2 to 2"), "{error}");
    }
}

#[test]
fn threads_share_one_stack() {
    let stack = open(fixture("mode12.mrcs")).unwrap();
    let all = expected("mode12");
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let (stack, all) = (&stack, &all);
            scope.spawn(move || {
                let (mut pixels, mut scratch) = ([0.0; N_PIXELS], Vec::new());
                for step in 0..300 {
                    let section = (thread + step) % 3;
                    stack.read_section(section as u64, &mut pixels, &mut scratch).unwrap();
                    assert_eq!(pixels, all[section * N_PIXELS..][..N_PIXELS]);
                }
            });
        }
    });
}

#[test]
fn voxel_sizes_that_make_no_sense_are_not_known() {
    let with = |cell: f32, n: i32| {
        let mut bytes = header(5, 4, 3, 2);
        for offset in [40, 44, 48] {
            put(&mut bytes, offset, 10f32.to_bits().cast_signed());
        }
        for offset in [28, 32, 36] {
            put(&mut bytes, offset, 5);
        }
        put(&mut bytes, 48, cell.to_bits().cast_signed());
        put(&mut bytes, 36, n);
        let both_ways = MrcHeader::parse(&bytes).unwrap().0;
        (both_ways.voxel_size_angstrom, both_ways.pixel_size_angstrom)
    };
    assert_eq!(with(10.0, 4), (Some([2.0, 2.0, 2.5]), Some([2.0, 2.0])));
    for (cell, n) in [(0.0, 4), (-1.0, 4), (-1.0, -4), (f32::NAN, 4), (f32::INFINITY, 4), (10.0, 0), (10.0, -4)] {
        assert_eq!(with(cell, n), (None, Some([2.0, 2.0])), "{cell} / {n}");
    }
    assert_eq!(MrcHeader::parse(&header(5, 4, 3, 2)).unwrap().0.pixel_size_angstrom, None);
}

#[test]
fn imods_flags_warn_and_change_nothing() {
    let mut bytes = fs::read(fixture("mode0.mrcs")).unwrap();
    put(&mut bytes, 152, 1_146_047_817);
    let unsigned = MrcOptions { mode0: Mode0::Unsigned, ..MrcOptions::default() };
    for (flags, as_signed, as_unsigned) in [
        (0, vec![MrcWarning::ImodByteSign { used: Mode0::Signed }], vec![]),
        (1, vec![], vec![MrcWarning::ImodByteSign { used: Mode0::Unsigned }]),
        (
            17,
            vec![MrcWarning::ImodPackedBytes],
            vec![MrcWarning::ImodPackedBytes, MrcWarning::ImodByteSign { used: Mode0::Unsigned }],
        ),
    ] {
        put(&mut bytes, 156, flags);
        let file = temporary(&bytes);
        let stack = open(file.path()).unwrap();
        assert_eq!(stack.warnings(), as_signed);
        assert_eq!(read_header(file.path()).unwrap().warnings, as_signed);
        assert_eq!(read_all(&stack).unwrap(), expected("mode0"));
        assert_eq!(MrcStack::open(file.path(), &unsigned).unwrap().warnings(), as_unsigned);
    }
    // Without the stamp the flags are whatever an older program left there.
    put(&mut bytes, 152, 0);
    assert_eq!(open(temporary(&bytes).path()).unwrap().warnings(), []);
}

#[test]
fn other_axis_orders_are_a_warning() {
    let mut bytes = header(5, 4, 3, 0);
    put(&mut bytes, 64, 2);
    put(&mut bytes, 68, 1);
    assert_eq!(MrcHeader::parse(&bytes).unwrap().1, [MrcWarning::AxisOrder { axes: [2, 1, 3] }]);
}

#[test]
fn compressed_files_read_as_plain_ones() {
    let plain = open(fixture("mode2.mrcs")).unwrap();
    for (name, compression) in [
        ("mode2.mrcs.gz", Compression::Gzip),
        ("members.mrcs.gz", Compression::Gzip),
        ("mode2.mrcs.bz2", Compression::Bzip2),
        ("members.mrcs.bz2", Compression::Bzip2),
    ] {
        let stack = open(fixture(name)).unwrap();
        assert_eq!(stack.compression(), Some(compression));
        assert_eq!((stack.header(), stack.file_len()), (plain.header(), plain.file_len()), "{name}");
        assert_eq!(stack.warnings(), []);
        assert_eq!(bits(&read_all(&stack).unwrap()), bits(&expected("mode2")), "{name}");

        let summary = read_header(fixture(name)).unwrap();
        assert_eq!((&summary.header, summary.compression), (plain.header(), Some(compression)));
        assert_eq!((summary.file_bytes, summary.truncation), (None, None));
    }
}

#[test]
fn compression_is_recognised_by_the_first_bytes_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in [("mode2.mrcs.gz", "packed.mrcs"), ("mode2.mrcs.bz2", "packed.gz"), ("mode2.mrcs", "plain.bz2")] {
        let path = folder.path().join(to);
        fs::copy(fixture(from), &path).unwrap();
        assert_eq!(bits(&read_all(&open(&path).unwrap()).unwrap()), bits(&expected("mode2")), "{to}");
    }
}

#[test]
fn compressed_files_that_unpack_to_too_little_are_cut_short() {
    let plain = fs::read(fixture("mode2.mrcs")).unwrap();
    let stack = open(temporary(&gzip(&plain[..1200])).path()).unwrap();
    let truncation = stack.truncation().unwrap();
    assert_eq!((truncation.expected_bytes, truncation.found_bytes), (1264, 1200));
    assert_eq!(stack.n_sections_present(), 2);
    let error = open(temporary(&gzip(&plain[..1000])).path()).unwrap_err();
    assert!(error.to_string().contains("found 1000 bytes"), "{error}");
}

#[test]
fn compressed_files_cut_anywhere_are_errors() {
    for name in ["mode2.mrcs.gz", "members.mrcs.gz", "mode2.mrcs.bz2", "members.mrcs.bz2"] {
        let whole = fs::read(fixture(name)).unwrap();
        for n_bytes in 4..whole.len() {
            let result = open(temporary(&whole[..n_bytes]).path());
            // Cut between two members, the rest is a whole compressed file: of too few bytes.
            if let Ok(stack) = result {
                assert!(name.starts_with("members") && stack.truncation().is_some(), "{name} {n_bytes}");
                continue;
            }
            let error = result.unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, FormatError::Malformed(_)), "{name} {n_bytes} {text}");
            assert!(text.contains("end too early") || text.contains("expected a header"), "{name} {n_bytes} {text}");
        }
    }
}

#[test]
fn damaged_compressed_files_never_read_as_something_else() {
    for name in ["mode2.mrcs.gz", "mode2.mrcs.bz2"] {
        let whole = fs::read(fixture(name)).unwrap();
        let mut n_refused = 0;
        for position in 4..whole.len() {
            let mut bytes = whole.clone();
            bytes[position] ^= 0x10;
            match open(temporary(&bytes).path()) {
                Ok(stack) => {
                    assert_eq!(bits(&read_all(&stack).unwrap()), bits(&expected("mode2")), "{name} {position}")
                }
                Err(FormatError::Io(error)) => panic!("{name} {position}: {error}"),
                Err(_) => n_refused += 1,
            }
        }
        assert!(n_refused > whole.len() * 9 / 10, "{name}: {n_refused} of {} refused", whole.len());
    }
}

#[test]
fn checksums_are_compared_at_the_limit_too() {
    let plain = fs::read(fixture("mode2.mrcs")).unwrap();
    let options = MrcOptions { max_decompressed_bytes: plain.len() as u64, ..MrcOptions::default() };
    let mut packed = gzip(&plain);
    assert_eq!(MrcStack::open(temporary(&packed).path(), &options).unwrap().file_len(), plain.len() as u64);
    // The checksum is the last 8 bytes' first half.
    let position = packed.len() - 8;
    packed[position] ^= 1;
    let error = MrcStack::open(temporary(&packed).path(), &options).unwrap_err();
    assert!(error.to_string().contains("are damaged"), "{error}");
}

#[test]
fn what_follows_sound_packed_data_is_told_apart_from_damage() {
    let plain = fs::read(fixture("mode2.mrcs")).unwrap();
    for (name, compression) in [("mode2.mrcs.gz", "gzip"), ("mode2.mrcs.bz2", "bzip2")] {
        let packed = fs::read(fixture(name)).unwrap();
        for junk in [&b"junk"[..], b"x", b"\0\0\0\0\0\0\0\0\0\0\0\0", b"a longer piece of junk, past any header"] {
            let error = open(temporary(&[&packed, junk].concat()).path()).unwrap_err();
            let n_bytes = plain.len();
            assert_eq!(
                error.to_string(),
                format!(
                    "what follows the {compression} data is not {compression} data, after {n_bytes} bytes were unpacked"
                )
            );
            assert!(error.hint().unwrap().starts_with("all that the header claims is there"), "{error}");
        }
    }
    // Less than the header claims, then something else; another member that is cut; a bad checksum before junk.
    let error = open(temporary(&[gzip(&plain[..1100]), b"junk".to_vec()].concat()).path()).unwrap_err();
    assert!(error.to_string().ends_with("not gzip data, after 1100 bytes were unpacked"), "{error}");
    assert_eq!(error.hint(), Some("was the file damaged while copying?"));
    let error = open(temporary(&[gzip(&plain), gzip(&plain)[..12].to_vec()].concat()).path()).unwrap_err();
    assert!(error.to_string().contains("end too early"), "{error}");
    let mut packed = gzip(&plain);
    let position = packed.len() - 8;
    packed[position] ^= 1;
    packed.extend(b"junk");
    let error = open(temporary(&packed).path()).unwrap_err();
    assert!(error.to_string().contains("are damaged"), "{error}");
}

#[test]
fn other_formats_under_an_mrc_name_are_refused_by_name() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10";
    for (start, text) in [
        (&png[..], "is a PNG file, not an MRC file"),
        (b"II*\0\x08\0\0\0", "is a TIFF file, not an MRC file"),
        (b"MM\0*\0\0\0\x08", "is a TIFF file, not an MRC file"),
        (b"II+\0\x08\0\0\0", "is a BigTIFF file, as EER movies are, not an MRC file"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "is a JPEG file, not an MRC file"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, not an MRC file"),
    ] {
        let mut bytes = vec![0; 2000];
        bytes[..start.len()].copy_from_slice(start);
        let error = open(temporary(&bytes).path()).unwrap_err();
        assert!(matches!(error, FormatError::Unsupported(_)), "{error}");
        assert_eq!(error.to_string(), text);
        assert_eq!(read_header(temporary(&bytes).path()).unwrap_err().to_string(), text);
        // The stamp of MRC2014 outweighs what the width looks like.
        bytes[208..212].copy_from_slice(b"MAP ");
        assert!(open(temporary(&bytes).path()).map_or_else(|error| error.to_string() != text, |_| true));
    }
}

#[test]
fn bombs_are_not_unpacked() {
    // 64 MiB of zeros behind one section of 80 bytes: 64 KiB and one byte past the claim are looked at.
    let mut bytes = header(5, 4, 1, 2).to_vec();
    bytes.resize(64 << 20, 0);
    let stack = open(temporary(&gzip(&bytes)).path()).unwrap();
    let found_bytes = 1104 + (64 << 10) + 1;
    assert_eq!(stack.warnings(), [MrcWarning::LongerThanClaimed { expected_bytes: 1104, found_bytes }]);
    assert_eq!(stack.file_len(), found_bytes);

    // The same bytes, claimed: beyond the limit, refused before the first is written.
    let mut bytes = header(4096, 4096, 1, 2).to_vec();
    bytes.resize(1024 + (64 << 20), 0);
    let file = temporary(&gzip(&bytes));
    let mut options = MrcOptions { max_decompressed_bytes: 1024 + (64 << 20) - 1, ..MrcOptions::default() };
    let error = MrcStack::open(file.path(), &options).unwrap_err();
    assert!(matches!(error, FormatError::Unsupported(_)));
    assert!(error.to_string().contains("67109888") && error.to_string().contains("67109887"), "{error}");
    options.max_decompressed_bytes += 1;
    assert_eq!(MrcStack::open(file.path(), &options).unwrap().truncation(), None);

    let error = open(temporary(&gzip(&header(30_000, 30_000, 100_000, 2))).path()).unwrap_err();
    assert!(error.to_string().contains("limit"), "{error}");
}

#[test]
fn temporary_files_vanish_and_a_missing_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = MrcOptions { temp_dir: Some(folder.path().to_owned()), ..MrcOptions::default() };
    let stack = MrcStack::open(fixture("mode2.mrcs.gz"), &options).unwrap();
    assert_eq!(bits(&read_all(&stack).unwrap()), bits(&expected("mode2")));
    drop(stack);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    options.temp_dir = Some(folder.path().join("missing"));
    let error = MrcStack::open(fixture("mode2.mrcs.gz"), &options).unwrap_err();
    assert!(matches!(&error, FormatError::Io(_)) && error.to_string().contains("temporary file"), "{error}");
}

#[test]
fn headers_of_compressed_files_are_read_without_the_rest() {
    let plain = fs::read(fixture("mode2.mrcs")).unwrap();
    // Two members, so that the header is whole where the second is damaged.
    let mut bytes = gzip(&plain[..1024]);
    bytes.extend(b"\x1f\x8b damaged");
    let file = temporary(&bytes);
    assert_eq!(read_header(file.path()).unwrap().header.n_sections, N_SECTIONS);
    assert!(open(file.path()).is_err());
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(open(folder.path()).unwrap_err().to_string(), "a folder, expected a file");
    assert!(matches!(open(folder.path().join("missing")), Err(FormatError::Io(_))));
    assert_eq!(open("/dev/zero").unwrap_err().to_string(), "a device, expected a file");
    assert!(open(temporary(b"").path()).unwrap_err().to_string().contains("found 0 bytes"));
}

#[test]
fn a_real_volume_reads_the_same_from_bzip2() {
    let Some(data) = shared("data") else { return };
    let plain = open(data.join("mrc/EMD-3197.map")).unwrap();
    let packed = open(data.join("mrc/EMD-3197.map.bz2")).unwrap();
    assert_eq!(plain.header(), packed.header());
    assert_eq!((plain.n_sections(), plain.truncation()), (20, None));
    assert_eq!(plain.header().voxel_size_angstrom, Some([11.4; 3]));
    assert_eq!(plain.warnings(), [MrcWarning::MarkedAsVolume { space_group: 1 }]);
    let pixels = read_all(&plain).unwrap();
    assert_eq!(bits(&pixels), bits(&read_all(&packed).unwrap()));
    // DMIN and DMAX in the header are the true limits.
    let header = fs::read(data.join("mrc/EMD-3197.map")).unwrap();
    let float = |offset: usize| f32::from_le_bytes(header[offset..offset + 4].try_into().unwrap());
    assert_eq!(pixels.iter().copied().fold(f32::INFINITY, f32::min), float(76));
    assert_eq!(pixels.iter().copied().fold(f32::NEG_INFINITY, f32::max), float(80));
}

#[test]
fn real_particle_stacks_are_read_whole() {
    let Some(data) = shared("data") else { return };
    for (name, side, n_sections, has_map_stamp) in [
        ("relion31.mrcs", 256, 5, false),
        ("toy_images_a.mrcs", 30, 100, true),
        ("toy_images_b.mrcs", 30, 900, true),
        ("toy_projections.mrcs", 30, 1000, false),
    ] {
        let path = data.join("relion").join(name);
        let stack = open(&path).unwrap();
        let header = stack.header();
        assert_eq!((header.n_columns, header.n_rows, header.n_sections), (side, side, n_sections), "{name}");
        assert_eq!((header.has_map_stamp, stack.truncation()), (has_map_stamp, None), "{name}");
        assert_eq!(stack.warnings().contains(&MrcWarning::NoMapStamp { used: ByteOrder::Little }), !has_map_stamp);
        let bytes = fs::read(&path).unwrap();
        let pixels: Vec<u32> = bytes[1024..].as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        assert_eq!(bits(&read_all(&stack).unwrap()), pixels, "{name}");
    }
}

/// A header of which some words make sense, so that the checks behind the first are reached too.
fn half_sensible_header() -> impl Strategy<Value = Vec<u8>> {
    let word = || {
        prop_oneof![
            4 => 0..40_i32,
            1 => any::<i32>(),
            1 => prop::sample::select(vec![-1, i32::MAX, i32::MIN, 65_536, 1 << 24])
        ]
    };
    let mode = prop_oneof![6 => prop::sample::select(vec![0, 1, 2, 6, 12, 101]), 1 => any::<i32>()];
    let words = (word(), word(), word(), mode, word());
    let junk = prop::collection::vec(any::<u8>(), HEADER_BYTES);
    (junk, words, any::<bool>(), any::<bool>()).prop_map(|(mut bytes, words, big, stamped)| {
        for (offset, value) in [(0, words.0), (4, words.1), (8, words.2), (12, words.3), (92, words.4)] {
            put(&mut bytes, offset, if big { value.swap_bytes() } else { value });
        }
        if stamped {
            bytes[208..216].copy_from_slice(if big { b"MAP \x11\x11\0\0" } else { b"MAP DD\0\0" });
        }
        bytes
    })
}

fn check_hostile(bytes: &[u8]) {
    let file = temporary(bytes);
    let Ok(stack) = open(file.path()) else { return };
    let n_present = stack.n_sections_present();
    let header = stack.header();
    assert!(n_present <= header.n_sections);
    if n_present == 0 {
        return;
    }
    // Allocations are in proportion to the file: 4-bit pixels become 8 times as large.
    let n_pixels = stack.pixels_per_section() * usize::try_from(n_present).unwrap();
    assert!(n_pixels <= bytes.len() * 2, "{n_pixels} pixels from {} bytes", bytes.len());
    let (mut pixels, mut scratch) = (vec![0.0; n_pixels], Vec::new());
    stack.read_sections(0, usize::try_from(n_present).unwrap(), &mut pixels, &mut scratch).unwrap();
    assert!(scratch.len() <= bytes.len());
    let mut section = vec![0.0; stack.pixels_per_section()];
    assert!(stack.read_section(n_present, &mut section, &mut scratch).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_headers_never_panic(header in half_sensible_header(), n_more in 0..3000_usize) {
        let mut bytes = header;
        bytes.resize(HEADER_BYTES + n_more, 0x5a);
        check_hostile(&bytes);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        check_hostile(&bytes);
    }

    #[test]
    fn arbitrary_compressed_bytes_never_panic(
        magic in prop::sample::select(vec![&b"\x1f\x8b\x08\0"[..], b"BZh9", b"BZh11AY&SY"]),
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        check_hostile(&[magic, &rest].concat());
    }

    #[test]
    fn arbitrary_headers_in_gzip_never_panic(header in half_sensible_header(), n_more in 0..3000_usize) {
        let mut bytes = header;
        bytes.resize(HEADER_BYTES + n_more, 0x5a);
        let file = temporary(&gzip(&bytes));
        let options = MrcOptions { max_decompressed_bytes: 100_000, ..MrcOptions::default() };
        if let Ok(stack) = MrcStack::open(file.path(), &options) {
            prop_assert_eq!(stack.file_len(), bytes.len() as u64);
        }
    }
}

#[test]
fn pixels_of_every_type_are_read_behind_any_mode() {
    let values = [-3.0_f64, 0.0, 7.0, 100.0];
    let bytes_of = |kind: PixelType| -> Vec<u8> {
        let one = |value: f64| match kind {
            PixelType::Int8 => (value as i8).to_le_bytes().to_vec(),
            PixelType::Uint8 => (value as u8).to_le_bytes().to_vec(),
            PixelType::Int16 => (value as i16).to_le_bytes().to_vec(),
            PixelType::Uint16 => (value as u16).to_le_bytes().to_vec(),
            PixelType::Int32 => (value as i32).to_le_bytes().to_vec(),
            PixelType::Uint32 => (value as u32).to_le_bytes().to_vec(),
            PixelType::Float16 => half::f16::from_f64(value).to_le_bytes().to_vec(),
            PixelType::Float32 => (value as f32).to_le_bytes().to_vec(),
            PixelType::Float64 => value.to_le_bytes().to_vec(),
        };
        values.into_iter().flat_map(one).collect()
    };
    for &kind in <PixelType as verglas_choice::Choice>::ALL {
        let is_unsigned = kind.as_str().starts_with('u');
        let expected: Vec<f32> = values.iter().map(|&v| if is_unsigned { v.max(0.0) } else { v } as f32).collect();
        let pixels = bytes_of(kind);
        let bytes = [&header(2, 2, 1, 2)[..], &pixels].concat();
        for (bytes, is_packed) in [(bytes.clone(), false), (gzip(&bytes), true)] {
            let file = temporary(&bytes);
            let options = MrcOptions { pixel_type: Some(kind), ..MrcOptions::default() };
            let stack = MrcStack::open(file.path(), &options).unwrap();
            assert_eq!(read_all(&stack).unwrap(), expected, "{kind}");
            assert!(stack.warnings().iter().all(|warning| !matches!(warning, MrcWarning::LongerThanClaimed { .. })));
            // Only more bytes than the mode's are a misfit; fewer are a cut file.
            let misfit = verglas_formats::mrc::read_header(file.path()).unwrap().misfit;
            assert_eq!(misfit.is_some(), kind.bytes() > 4 && !is_packed, "{kind}");
            assert_eq!(MrcStack::open(file.path(), &MrcOptions::default()).is_err(), kind.bytes() > 4, "{kind}");
        }
    }
}

#[test]
fn a_misfit_is_an_error_that_says_both_sizes_and_the_way_out() {
    for (mode, n, fits) in [(2, 8, "8"), (1, 4, "4"), (12, 4, "4"), (6, 8, "8"), (0, 2, "2"), (101, 1, "1")] {
        let bytes = [&header(4, 4, 3, mode)[..], &vec![1; 48 * n]].concat();
        let error = MrcStack::open(temporary(&bytes).path(), &MrcOptions::default()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&format!("exactly {fits} bytes per pixel")) && text.contains("3 sections of 4 × 4"),
            "{text}"
        );
        assert!(error.hint().unwrap().contains("pixel type `"), "{error}");
        // A byte more fits nothing.
        let longer = [&bytes[..], &[0]].concat();
        assert!(MrcStack::open(temporary(&longer).path(), &MrcOptions::default()).is_ok(), "mode {mode}");
    }
}
