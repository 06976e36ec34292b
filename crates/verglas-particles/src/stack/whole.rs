//! Whether the metadata file that an earlier run left is whole, to the last byte.

use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use verglas_core::atomic::FinishedFile;

use super::columns::StackColumns;
use super::metadata::MetadataWriter;
use super::read::ImageScales;

/// The file at `path`, if it is byte by byte the metadata of `stack` with the scales that it holds itself.
pub fn whole_metadata(path: &Path, stack: &MetadataWriter<'_>) -> Option<FinishedFile> {
    let scales = StackColumns::open(path).and_then(|mut columns| columns.scales(stack.particles.len())).ok()?;
    // No image that was written has others.
    let are_possible = |scales: &ImageScales| {
        scales.mean.is_finite() && [scales.max, scales.norm].iter().all(|scale| scale.is_finite() && *scale > 0.0)
    };
    if !scales.iter().all(are_possible) {
        return None;
    }
    let file = BufReader::with_capacity(1 << 16, verglas_formats::open_regular(path).ok()?);
    let (mut compared, finished) = MetadataWriter { scales: &scales, ..*stack }.write_to(Comparing { file }).ok()?;
    let is_at_end = compared.file.read(&mut [0]).ok()? == 0;
    is_at_end.then_some(finished)
}

/// Compares what would be written with the file, and fails if they differ.
struct Comparing<R> {
    file: R,
}

impl<R: Read> Write for Comparing<R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut there = [0; 4096];
        let n = bytes.len().min(there.len());
        self.file.read_exact(&mut there[..n])?;
        if there[..n] == bytes[..n] { Ok(n) } else { Err(io::Error::other("the file holds something else")) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
