//! Whether the metadata file that an earlier run left is whole, to the last byte.

use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use verglas_core::atomic::FinishedFile;
use verglas_formats::npz::NpzReader;

use super::metadata::{ImageScales, StackMetadata};

/// The file at `path`, if it is byte by byte the metadata of `stack` with the scales that it holds itself.
pub fn whole_metadata(path: &Path, stack: &StackMetadata<'_>) -> Option<FinishedFile> {
    let scales = read_scales(path)?;
    if scales.len() != stack.particles.len() {
        return None;
    }
    let file = BufReader::with_capacity(1 << 16, verglas_formats::open_regular(path).ok()?);
    let (mut compared, finished) = StackMetadata { scales: &scales, ..*stack }.write_to(Comparing { file }).ok()?;
    let is_at_end = compared.file.read(&mut [0]).ok()? == 0;
    is_at_end.then_some(finished)
}

fn read_scales(path: &Path) -> Option<Vec<ImageScales>> {
    let mut npz = NpzReader::open(path).ok()?;
    let mut column = |name: &str| npz.read(name).and_then(|array| array.to_f64()).ok();
    let (means, maxima, norms) = (column("image_mean")?, column("image_max")?, column("fourier_norm")?);
    if means.len() != maxima.len() || means.len() != norms.len() {
        return None;
    }
    let scales = means.into_iter().zip(maxima).zip(norms).map(|((mean, max), norm)| ImageScales { mean, max, norm });
    // No image that was written has others.
    let scales: Vec<ImageScales> = scales.collect();
    let are_possible =
        scales.iter().all(|s| s.mean.is_finite() && [s.max, s.norm].iter().all(|x| x.is_finite() && *x > 0.0));
    are_possible.then_some(scales)
}

/// Takes what would be written and fails where the file holds something else.
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
