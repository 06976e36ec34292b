//! Tensors that PyTorch wrote are read, and what is written is what PyTorch has loaded; anything else is refused by name.

use crate::shared::shared;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use num_complex::Complex;
use proptest::prelude::*;
use verglas_formats::FormatError;
use verglas_formats::pt::{ElementType, PtDtype, PtFile, PtLayout, write_pt};
use verglas_formats::zip::{ZipReader, ZipWriter};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pt").join(name)
}

#[test]
fn reads_every_type_that_torch_writes() {
    let integers = [ElementType::Int64, ElementType::Int32, ElementType::Int16, ElementType::Int8, ElementType::Uint8];
    let floats = [ElementType::Float32, ElementType::Float64, ElementType::Float16, ElementType::BFloat16];
    let all: Vec<i64> = (0..24).collect();
    for element in integers.iter().chain(&floats) {
        let mut file = PtFile::open(fixture(&format!("{}.pt", element.name()))).unwrap();
        file.verify_crc().unwrap();
        let tensor = file.tensor().clone();
        assert_eq!((tensor.element_type(), tensor.shape()), (*element, &[2, 3, 4][..]));
        assert_eq!((tensor.strides(), tensor.is_contiguous()), (&[12, 4, 1][..], true));
        assert_eq!((file.data_offset() % 64, file.data_bytes()), (0, 24 * element.bytes()));
        assert_eq!(file.read_f64(0..2).unwrap(), all.iter().map(|&v| v as f64).collect::<Vec<_>>());
        assert_eq!(file.read_f64(1..2).unwrap()[0], 12.0);
        assert_eq!(file.read_i64(0..2).ok(), integers.contains(element).then(|| all.clone()));
        assert_eq!(file.read_f32(0..2).is_ok(), *element == ElementType::Float32);
        assert!(file.read_complex64(0..2).is_err() && file.read_complex128(0..2).is_err());
    }
    let mut file = PtFile::open(fixture("bool.pt")).unwrap();
    assert_eq!(file.read_i64(0..1).unwrap(), [0, 1].repeat(6));
    let mut file = PtFile::open(fixture("complex64.pt")).unwrap();
    assert_eq!(file.read_complex64(1..2).unwrap()[1], Complex::new(13.0, -13.0));
    assert!(file.read_f64(0..1).is_err());
    let mut file = PtFile::open(fixture("complex128.pt")).unwrap();
    assert_eq!(file.read_complex128(0..2).unwrap()[23], Complex::new(23.0, -23.0));
}

#[test]
fn reads_views_whose_storage_is_larger() {
    let mut file = PtFile::open(fixture("slice.pt")).unwrap();
    assert_eq!(file.tensor().shape(), [3, 3, 2]);
    assert_eq!((file.tensor().storage_offset(), file.tensor().storage_len()), (12, 60));
    assert!(!file.tensor().is_contiguous());
    let expected: Vec<f32> = (12..48).step_by(2).map(|v| v as f32).collect();
    assert_eq!(file.read_f32(0..3).unwrap(), expected);
    assert_eq!(file.read_f32(2..3).unwrap(), expected[12..]);

    let mut file = PtFile::open(fixture("permuted.pt")).unwrap();
    assert_eq!(file.tensor().shape(), [4, 2, 3]);
    assert_eq!(file.read_f32(1..3).unwrap(), [1., 5., 9., 13., 17., 21., 2., 6., 10., 14., 18., 22.]);

    let mut file = PtFile::open(fixture("long_storage.pt")).unwrap();
    assert_eq!(file.read_i64(0..1).unwrap(), (290..300).collect::<Vec<_>>());
}

#[test]
fn reads_into_memory_that_is_there() {
    for name in ["float32.pt", "complex128.pt", "int16.pt", "slice.pt", "permuted.pt", "long_storage.pt", "scalar.pt"] {
        let mut file = PtFile::open(fixture(name)).unwrap();
        let n_rows = file.tensor().n_rows();
        for rows in [0..n_rows, 0..0, n_rows - 1..n_rows] {
            let expected = file.read_bytes(rows.clone()).unwrap();
            let mut found = vec![0xff; expected.len()];
            file.read_bytes_into(rows.clone(), &mut found).unwrap();
            assert_eq!(found, expected, "{name} {rows:?}");
        }
        assert!(file.read_bytes_into(0..n_rows + 1, &mut []).is_err());
    }
    let mut file = PtFile::open(fixture("empty.pt")).unwrap();
    file.read_bytes_into(0..0, &mut []).unwrap();
}

#[test]
fn reads_other_shapes_and_protocols() {
    let mut file = PtFile::open(fixture("scalar.pt")).unwrap();
    assert_eq!((file.tensor().shape().len(), file.read_f32(0..1).unwrap()), (0, vec![2.5]));
    let mut file = PtFile::open(fixture("empty.pt")).unwrap();
    assert_eq!((file.tensor().shape(), file.tensor().n_values()), (&[0, 3][..], 0));
    assert!(file.read_f32(0..0).unwrap().is_empty());
    let error = file.read_f32(0..1).unwrap_err().to_string();
    assert_eq!(error, "rows 0 to 1 asked for, the tensor has 0");
    for name in ["protocol4.pt", "requires_grad.pt"] {
        let mut file = PtFile::open(fixture(name)).unwrap();
        assert_eq!(file.read_f32(0..1).unwrap(), (0..12).map(|v| v as f32).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn refuses_everything_else_by_name() {
    for (name, expected) in [
        ("dict", "the file holds a dict"),
        ("list", "the file holds a list"),
        ("parameter", "torch._utils._rebuild_parameter"),
        ("conjugate", "conjugated or negated view"),
        ("expanded", "an expanded tensor: 1000 values from a storage of 1"),
        ("two", "the file holds a tuple"),
        ("uint16", "torch._utils._rebuild_tensor_v3"),
        ("sparse", "torch._utils._rebuild_sparse_tensor"),
        ("legacy", "PyTorch before 1.6"),
        ("pickle", "a bare pickle"),
        ("program", "__builtin__.print"),
        ("torchscript", "TorchScript"),
    ] {
        let error = PtFile::open(fixture(&format!("refused/{name}.pt"))).unwrap_err();
        assert!(matches!(error, FormatError::Unsupported(_)), "{name}: {error:?}");
        assert!(error.to_string().contains(expected), "{name}: {error}");
    }
    for (bytes, expected) in [(&b""[..], "not a PyTorch file"), (b"PK\x03\x04", "no ZIP end record")] {
        let error = PtFile::new(Cursor::new(bytes)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn reads_what_cryolike_wrote() {
    let (Some(fft), Some(phys)) = (
        shared("golden/cryolike_relion5/fft/particles_fourier_stack_000001.pt"),
        shared("golden/cryolike_relion5/phys/particles_phys_stack_000001.pt"),
    ) else {
        return;
    };
    let mut file = PtFile::open(phys).unwrap();
    file.verify_crc().unwrap();
    assert_eq!(file.tensor().shape()[1..], [30, 30]);
    let n_images = file.tensor().n_rows();
    assert_eq!(file.read_f32(0..n_images).unwrap().len() as u64, n_images * 900);
    let mut file = PtFile::open(fft).unwrap();
    file.verify_crc().unwrap();
    assert_eq!(file.tensor().n_rows(), n_images);
    assert_eq!(file.read_complex64(0..n_images).unwrap().len() as u64, file.tensor().n_values());
}

/// Writes a file as workers do: length first, values in pieces, headers last.
fn written_by_layout(layout: &PtLayout, data: &[u8]) -> Vec<u8> {
    let mut file = vec![0; layout.file_bytes() as usize];
    let start = PtLayout::DATA_OFFSET as usize;
    let end = start + layout.data_bytes() as usize;
    file[start..end].copy_from_slice(data);
    let crc = crc32fast::hash(data);
    file[..start].copy_from_slice(&layout.prefix(crc));
    file[end..].copy_from_slice(&layout.suffix(crc));
    file
}

#[test]
fn written_bytes_are_those_that_torch_has_loaded() {
    let values: Vec<Complex<f32>> = (0..6).map(|v| Complex::new(v as f32, -0.5 * v as f32)).collect();
    let mut bytes = Vec::new();
    write_pt(&mut bytes, &[1, 2, 3], &values).unwrap();
    assert!(bytes == std::fs::read(fixture("written_complex64.pt")).unwrap());
    let layout = PtLayout::new(PtDtype::Complex64, &[1, 2, 3]).unwrap();
    assert!(bytes == written_by_layout(&layout, bytemuck::cast_slice(&values)));
}

#[test]
fn a_file_past_4_gib_has_the_headers_that_torch_has_loaded() {
    let layout = PtLayout::new(PtDtype::Float32, &[1200, 1000, 1000]).unwrap();
    assert_eq!(layout.data_bytes(), 4_800_000_000);
    let ends = [layout.prefix(0x1234_5678), layout.suffix(0x1234_5678)].concat();
    assert!(ends == std::fs::read(fixture("written_4800000000_bytes_ends.bin")).unwrap());
    assert_eq!(layout.file_bytes(), 4_800_000_000 + ends.len() as u64);
}

/// A file whose values are all zero but for its ends, without the room that they would take.
struct Sparse {
    prefix: Vec<u8>,
    n_zeros: u64,
    suffix: Vec<u8>,
    position: u64,
}

impl Sparse {
    fn len(&self) -> u64 {
        self.prefix.len() as u64 + self.n_zeros + self.suffix.len() as u64
    }
}

impl Read for Sparse {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = (self.len().saturating_sub(self.position) as usize).min(buffer.len());
        let suffix_offset = self.prefix.len() as u64 + self.n_zeros;
        for (at, byte) in (self.position..).zip(&mut buffer[..n]) {
            *byte = match at.checked_sub(suffix_offset) {
                Some(at) => self.suffix[at as usize],
                None => self.prefix.get(at as usize).copied().unwrap_or(0),
            };
        }
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::End(offset) => self.len().checked_add_signed(offset).expect("within the file"),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset).expect("within the file"),
        };
        Ok(self.position)
    }
}

#[test]
fn a_file_past_4_gib_is_read() {
    let layout = PtLayout::new(PtDtype::Float32, &[1200, 1000, 1000]).unwrap();
    // The last value is 2.5.
    let mut suffix = 2.5f32.to_le_bytes().to_vec();
    suffix.extend(layout.suffix(0));
    let prefix = layout.prefix(0);
    let mut file = PtFile::new(Sparse { prefix, n_zeros: layout.data_bytes() - 4, suffix, position: 0 }).unwrap();
    assert_eq!((file.tensor().shape(), file.data_offset()), (layout.shape(), PtLayout::DATA_OFFSET));
    let last = file.read_f32(1199..1200).unwrap();
    assert_eq!((last.len(), last[999_998], last[999_999]), (1_000_000, 0.0, 2.5));
}

#[test]
fn finds_changed_bytes() {
    let mut bytes = Vec::new();
    write_pt(&mut bytes, &[4], &[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    bytes[PtLayout::DATA_OFFSET as usize + 5] ^= 1;
    let mut file = PtFile::new(Cursor::new(bytes)).unwrap();
    let error = file.verify_crc().unwrap_err().to_string();
    assert!(error.starts_with("`archive/data/0`: its bytes have the CRC"), "{error}");
}

/// The entries of `float32.pt`, changed by `change`, stored again.
fn repacked(change: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> Result<PtFile<Cursor<Vec<u8>>>, FormatError> {
    let mut zip = ZipReader::new(Cursor::new(std::fs::read(fixture("float32.pt")).unwrap())).unwrap();
    let names: Vec<String> = zip.entries().iter().map(|entry| entry.name.clone()).collect();
    let read = |name: String| (name.clone(), zip.read(&name, 1 << 20).unwrap());
    let mut entries: Vec<(String, Vec<u8>)> = names.into_iter().map(read).collect();
    change(&mut entries);
    let mut output = ZipWriter::new(Vec::new());
    entries.iter().for_each(|(name, bytes)| output.add(name, bytes).unwrap());
    PtFile::new(Cursor::new(output.finish().unwrap()))
}

fn entry<'a>(entries: &'a mut [(String, Vec<u8>)], name: &str) -> &'a mut Vec<u8> {
    &mut entries.iter_mut().find(|entry| entry.0 == format!("float32/{name}")).unwrap().1
}

#[test]
fn reads_big_endian_files() {
    let mut file = repacked(|entries| {
        *entry(entries, "byteorder") = b"big".to_vec();
        entry(entries, "data/0").chunks_exact_mut(4).for_each(<[u8]>::reverse);
    })
    .unwrap();
    assert!(file.is_big_endian());
    assert_eq!(file.read_f32(0..2).unwrap(), (0..24).map(|v| v as f32).collect::<Vec<_>>());
    // Files from before the entry was introduced are little-endian.
    let mut file = repacked(|entries| entries.retain(|entry| !entry.0.ends_with("byteorder"))).unwrap();
    assert_eq!(file.read_f32(0..1).unwrap()[1], 1.0);
}

#[test]
fn refuses_archives_that_contradict_their_description() {
    let message = |result: Result<PtFile<_>, FormatError>| result.unwrap_err().to_string();
    let error = message(repacked(|entries| entry(entries, "data/0").truncate(95)));
    assert_eq!(error, "`float32/data/0`: a storage of 24 values of type float32, found 95 bytes");
    let error = message(repacked(|entries| entries.push(("float32/data/1".into(), vec![]))));
    assert_eq!(error, "`float32/data/1`: a second storage; the tensor's is `float32/data/0`");
    let error = message(repacked(|entries| entries.retain(|entry| entry.0 != "float32/data/0")));
    assert_eq!(error, "`float32/data/0`: the archive has no such entry");
    let error = message(repacked(|entries| *entry(entries, "byteorder") = b"middle".to_vec()));
    assert_eq!(error, "`float32/byteorder`: expected `little` or `big`, found `middle`");
    let error = message(repacked(|entries| entry(entries, "data.pkl").resize(70_000, 0)));
    assert_eq!(error, "`float32/data.pkl`: holds 70000 bytes, more than the limit of 65536");
    let error = message(repacked(|entries| entries.retain(|entry| !entry.0.ends_with("data.pkl"))));
    assert_eq!(error, "another ZIP archive, expected a tensor as `torch.save` writes it");
}

proptest! {
    #[test]
    fn tensors_of_any_shape_come_back(shape in prop::collection::vec(0..5u64, 0..6), seed in any::<f32>()) {
        let n: u64 = shape.iter().product();
        let rows = shape.first().copied().unwrap_or(1);
        let values: Vec<Complex<f64>> = (0..n).map(|k| Complex::new(k as f64, f64::from(seed))).collect();
        let mut bytes = Vec::new();
        write_pt(&mut bytes, &shape, &values).unwrap();
        let mut file = PtFile::new(Cursor::new(bytes)).unwrap();
        file.verify_crc().unwrap();
        prop_assert_eq!(file.tensor().shape(), &shape[..]);
        prop_assert!(file.tensor().is_contiguous());
        prop_assert_eq!(file.data_offset(), PtLayout::DATA_OFFSET);
        let read = file.read_complex128(0..rows).unwrap();
        prop_assert_eq!(bytemuck::cast_slice::<_, u8>(&read), bytemuck::cast_slice::<_, u8>(&values));
    }

    #[test]
    fn damaged_files_do_not_panic(
        name in prop::sample::select(vec!["float32.pt", "slice.pt", "protocol4.pt", "complex128.pt", "refused/two.pt"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(mut file) = PtFile::new(Cursor::new(bytes)) {
            let rows = file.tensor().n_rows();
            let _ = (file.verify_crc(), file.read_f64(0..rows), file.read_complex128(0..rows));
        }
    }
}
