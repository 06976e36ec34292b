//! Whether files that an earlier run left are whole, to the last byte.

use std::io;
use std::io::Read;
use std::path::Path;

use crc32fast::Hasher;
use sha2::{Digest, Sha256};
use verglas_core::atomic::FinishedFile;
use verglas_formats::pt::{PtDtype, PtLayout};

use super::tensor::tensor_layout;

/// Bytes that are read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// A short description of a file's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksummed {
    /// Its size.
    pub bytes: u64,
    /// Its CRC-32.
    pub crc32: u32,
}

/// Reads the file at `path` from end to end, in pieces; `go_on` is asked before each.
///
/// # Errors
/// The system's error; [`io::ErrorKind::Interrupted`] when `go_on` returns false.
pub fn checksum_file(path: &Path, go_on: impl Fn() -> bool) -> io::Result<Checksummed> {
    let mut file = verglas_formats::open_regular(path)?;
    let mut hasher = Hasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut bytes = 0;
    loop {
        if !go_on() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match file.read(&mut piece) {
            Ok(0) => return Ok(Checksummed { bytes, crc32: hasher.finalize() }),
            Ok(n) => {
                hasher.update(&piece[..n]);
                bytes += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The SHA-256 of what is in the file at `path`, in hexadecimal.
///
/// # Errors
/// The system's error.
pub fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = verglas_formats::open_regular(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            Ok(n) => hasher.update(&piece[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The file at `path`, if it is byte for byte what [`crate::tensor::TensorFile`] makes of a tensor of `n_images`
/// images and the values in it; whether the values are right, only their checksum in the file can show.
pub fn whole_tensor(path: &Path, dtype: PtDtype, n_images: usize, image_shape: [u64; 2]) -> Option<FinishedFile> {
    let layout = tensor_layout(path, dtype, n_images, &image_shape).ok()?;
    let mut file = verglas_formats::open_regular(path).ok()?;
    if file.metadata().ok()?.len() != layout.file_bytes() {
        return None;
    }
    let mut prefix = vec![0; PtLayout::DATA_OFFSET as usize];
    file.read_exact(&mut prefix).ok()?;
    let mut data = Hasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut left = layout.data_bytes();
    while left > 0 {
        let n = left.min(PIECE_BYTES as u64) as usize;
        file.read_exact(&mut piece[..n]).ok()?;
        data.update(&piece[..n]);
        left -= n as u64;
    }
    let data_crc32 = data.clone().finalize();
    let mut suffix = Vec::new();
    file.read_to_end(&mut suffix).ok()?;
    if prefix != layout.prefix(data_crc32) || suffix != layout.suffix(data_crc32) {
        return None;
    }
    let mut whole = Hasher::new();
    whole.update(&prefix);
    whole.combine(&data);
    whole.update(&suffix);
    Some(FinishedFile { bytes: layout.file_bytes(), crc32: whole.finalize() })
}

/// The file at `path`, if it is a PNG file from its first to its last byte; each of its parts has a checksum.
pub fn whole_png(path: &Path) -> Option<FinishedFile> {
    // Plots are a few MiB at most.
    const MOST_BYTES: u64 = 64 << 20;
    if std::fs::metadata(path).ok()?.len() > MOST_BYTES {
        return None;
    }
    let bytes = verglas_formats::read_regular(path).ok()?;
    let mut reader = png::Decoder::new(io::Cursor::new(&bytes)).read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    reader.next_frame(&mut pixels).ok()?;
    reader.finish().ok()?;
    // The last part, which is always the same, and nothing behind it.
    let ends = bytes.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82");
    ends.then(|| FinishedFile { bytes: bytes.len() as u64, crc32: crc32fast::hash(&bytes) })
}

#[cfg(test)]
mod tests {
    /// A grey picture of 40 × 30 pixels.
    fn encode_png() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 40, 30);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(&[7; 1200]).unwrap();
        bytes
    }

    use super::*;
    use crate::tensor::TensorFile;

    #[test]
    fn a_picture_is_whole_only_if_no_byte_differs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        let good = encode_png();
        std::fs::write(&path, &good).unwrap();
        let expected = FinishedFile { bytes: good.len() as u64, crc32: crc32fast::hash(&good) };
        assert_eq!(whole_png(&path), Some(expected));
        for byte in 0..good.len() {
            let mut bad = good.clone();
            bad[byte] ^= 4;
            std::fs::write(&path, &bad).unwrap();
            assert_eq!(whole_png(&path), None, "byte {byte}");
            std::fs::write(&path, &good[..byte]).unwrap();
            assert_eq!(whole_png(&path), None, "cut at {byte}");
        }
        std::fs::write(&path, [good.as_slice(), b"more"].concat()).unwrap();
        assert_eq!(whole_png(&path), None);
    }

    #[test]
    fn a_checksum_is_that_of_the_standard() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256_of(&path).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(sha256_of(&dir.path().join("none")).is_err());
    }

    #[test]
    fn a_tensor_is_whole_only_if_no_byte_differs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.pt");
        let values: Vec<f32> = (0..12).map(|value| value as f32).collect();
        let bytes: &[u8] = bytemuck::cast_slice(&values);
        let file = TensorFile::create(&path, PtDtype::Float32, 3, [2, 2]).unwrap();
        file.write_images(0, bytes).unwrap();
        let written = file.finish(bytes.chunks(16).map(crc32fast::hash)).unwrap();
        let whole = |n_images, shape| whole_tensor(&path, PtDtype::Float32, n_images, shape);
        assert_eq!(whole(3, [2, 2]), Some(written.clone()));
        assert_eq!((whole(2, [2, 2]), whole(3, [4, 1])), (None, None));
        let there = checksum_file(&path, || true).unwrap();
        assert_eq!((there.bytes, there.crc32), (written.bytes, written.crc32));

        let good = std::fs::read(&path).unwrap();
        for byte in (0..good.len()).step_by(37).chain([good.len() - 1]) {
            let mut bad = good.clone();
            bad[byte] ^= 4;
            std::fs::write(&path, &bad).unwrap();
            assert_eq!(whole(3, [2, 2]), None, "byte {byte}");
        }
        std::fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert_eq!(whole(3, [2, 2]), None);
    }
}
