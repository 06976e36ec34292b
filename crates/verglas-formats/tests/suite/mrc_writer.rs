//! Writing MRC stacks: what is written is what is read, and no unfinished file looks whole.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use verglas_formats::FormatError;
use verglas_formats::mrc::{ByteOrder, Mode, MrcLayout, MrcOptions, MrcStack, MrcWriter};

fn layout(mode: Mode, n_sections: u64) -> MrcLayout {
    MrcLayout { n_columns: 5, n_rows: 4, n_sections, pixel_size_angstrom: Some(1.0625), mode }
}

fn read_bits(path: &Path) -> Vec<u32> {
    let stack = MrcStack::open(path, &MrcOptions::default()).unwrap();
    assert_eq!((stack.warnings(), stack.truncation()), (&[][..], None));
    let mut pixels = vec![f32::NAN; stack.pixels_per_section() * stack.n_sections() as usize];
    stack.read_sections(0, stack.n_sections() as usize, &mut pixels, &mut Vec::new()).unwrap();
    pixels.iter().map(|pixel| pixel.to_bits()).collect()
}

fn write(path: &Path, mode: Mode, pixels: &[f32]) {
    let mut writer = MrcWriter::create(path, layout(mode, pixels.len() as u64 / 20)).unwrap();
    writer.write_sections(pixels).unwrap();
    writer.finish().unwrap();
}

fn bits(pixels: &[f32]) -> Vec<u32> {
    pixels.iter().map(|pixel| pixel.to_bits()).collect()
}

#[test]
fn the_header_says_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stack.mrcs");
    for mode in [Mode::Int8, Mode::Int16, Mode::Float32, Mode::Uint16, Mode::Float16] {
        write(&path, mode, &[1.0; 60]);
        let stack = MrcStack::open(&path, &MrcOptions::default()).unwrap();
        let header = stack.header();
        assert_eq!((header.n_columns, header.n_rows, header.n_sections), (5, 4, 3));
        assert_eq!((header.mode, header.byte_order), (mode, ByteOrder::Little));
        assert_eq!(header.voxel_size_angstrom, Some([1.0625; 3]));
        assert_eq!((header.has_map_stamp, header.space_group, header.version), (true, 0, 20140));
        assert_eq!((header.data_offset, header.labels.as_slice()), (1024, &["written by verglas".to_owned()][..]));
        assert_eq!(Some(stack.file_len()), header.expected_file_bytes());
    }
}

#[test]
fn the_bytes_are_those_that_the_reference_writes() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mrc");
    let bytes = fs::read(fixtures.join("mode12.f32")).unwrap();
    let pixels: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    write(file.path(), Mode::Float16, &pixels);
    assert_eq!(fs::read(file.path()).unwrap(), fs::read(fixtures.join("written.mrcs")).unwrap());
}

#[test]
fn pixel_sizes_that_are_not_known_stay_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stack.mrcs");
    let unknown = MrcLayout { pixel_size_angstrom: None, ..layout(Mode::Float32, 1) };
    let mut writer = MrcWriter::create(&path, unknown).unwrap();
    writer.write_section(&[0.5; 20]).unwrap();
    writer.finish().unwrap();
    let stack = MrcStack::open(&path, &MrcOptions::default()).unwrap();
    assert_eq!(stack.header().pixel_size_angstrom, None);
    assert_eq!(stack.warnings(), []);
}

#[test]
fn layouts_that_mrc_cannot_hold_are_refused_and_spare_an_older_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stack.mrcs");
    fs::write(&path, "older").unwrap();
    let good = layout(Mode::Float32, 3);
    for bad in [
        MrcLayout { n_columns: 0, ..good },
        MrcLayout { n_rows: 1 << 31, ..good },
        MrcLayout { n_sections: 0, ..good },
        MrcLayout { mode: Mode::Uint4, ..good },
        MrcLayout { pixel_size_angstrom: Some(0.0), ..good },
        MrcLayout { pixel_size_angstrom: Some(-1.0), ..good },
        MrcLayout { pixel_size_angstrom: Some(f64::NAN), ..good },
        MrcLayout { pixel_size_angstrom: Some(1e300), ..good },
        MrcLayout { pixel_size_angstrom: Some(1e-300), ..good },
        MrcLayout { n_columns: i32::MAX as u64, n_rows: i32::MAX as u64, n_sections: 3, ..good },
    ] {
        let error = MrcWriter::create(&path, bad).unwrap_err();
        assert!(matches!(error, FormatError::Unsupported(_)), "{bad:?}: {error}");
        assert_eq!(fs::read(&path).unwrap(), b"older", "{bad:?}");
    }
}

#[test]
fn threads_in_any_order_write_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let pixels: Vec<f32> = (0..20 * 101).map(|n| (n as f32).sin() * 100.0).collect();
    for mode in [Mode::Float32, Mode::Float16, Mode::Int16] {
        let (one, many) = (folder.path().join("one.mrcs"), folder.path().join("many.mrcs"));
        write(&one, mode, &pixels);
        let writer = MrcWriter::create(&many, layout(mode, 101)).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (writer, pixels) = (&writer, &pixels);
                scope.spawn(move || {
                    for section in (0..101).rev().filter(|section| section % 4 == thread) {
                        writer.write_section_at(section as u64, &pixels[section * 20..][..20]).unwrap();
                    }
                });
            }
        });
        writer.finish().unwrap();
        assert!(fs::read(&one).unwrap() == fs::read(&many).unwrap(), "{mode}");
    }
}

#[test]
fn unfinished_stacks_do_not_look_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stack.mrcs");
    let mut writer = MrcWriter::create(&path, layout(Mode::Float32, 70)).unwrap();
    for _ in 0..69 {
        writer.write_section(&[1.0; 20]).unwrap();
    }
    // The same one twice is no substitute for the last.
    writer.write_section_at(0, &[2.0; 20]).unwrap();
    let error = writer.finish().unwrap_err();
    assert!(error.to_string().contains("69 sections were written") && error.to_string().contains("70"), "{error}");
    assert!(MrcStack::open(&path, &MrcOptions::default()).is_err());

    let writer = MrcWriter::create(&path, layout(Mode::Float32, 2)).unwrap();
    writer.write_section_at(1, &[1.0; 20]).unwrap();
    drop(writer);
    assert!(MrcStack::open(&path, &MrcOptions::default()).is_err());
}

#[test]
fn sections_past_the_last_and_values_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = MrcWriter::create(folder.path().join("stack.mrcs"), layout(Mode::Int16, 2)).unwrap();
    let error = writer.write_section(&[40_000.0; 20]).unwrap_err();
    assert!(error.to_string().contains("pixel 0 of section 0") && error.to_string().contains("40000"), "{error}");
    // The refused section is still to come.
    writer.write_sections(&[1.0; 40]).unwrap();
    let error = writer.write_section(&[1.0; 20]).unwrap_err();
    assert!(error.to_string().contains("section 2 ") && error.to_string().contains("hold 2"), "{error}");
    writer.finish().unwrap();
}

proptest! {
    #[test]
    fn floats_come_back_bit_for_bit(pixels in prop::collection::vec(any::<u32>(), 20 * 3)) {
        let pixels: Vec<f32> = pixels.into_iter().map(f32::from_bits).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        write(file.path(), Mode::Float32, &pixels);
        prop_assert_eq!(read_bits(file.path()), bits(&pixels));
    }

    #[test]
    fn integers_come_back_as_they_are(
        bytes in prop::collection::vec(any::<i8>(), 20),
        signed in prop::collection::vec(any::<i16>(), 40),
        unsigned in prop::collection::vec(any::<u16>(), 40),
    ) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<f32> = bytes.into_iter().map(f32::from).collect();
        let signed: Vec<f32> = signed.into_iter().map(f32::from).collect();
        let unsigned: Vec<f32> = unsigned.into_iter().map(f32::from).collect();
        for (mode, pixels) in [(Mode::Int8, bytes), (Mode::Int16, signed), (Mode::Uint16, unsigned)] {
            write(file.path(), mode, &pixels);
            prop_assert_eq!(read_bits(file.path()), bits(&pixels));
        }
    }

    #[test]
    fn half_floats_come_back_bit_for_bit(halves in prop::collection::vec(any::<u16>(), 40)) {
        let halves = halves.into_iter().map(half::f16::from_bits).filter(|half| !half.is_nan());
        let mut pixels: Vec<f32> = halves.map(f32::from).collect();
        pixels.resize(40, 1.0);
        let file = tempfile::NamedTempFile::new().unwrap();
        write(file.path(), Mode::Float16, &pixels);
        prop_assert_eq!(read_bits(file.path()), bits(&pixels));
    }
}
