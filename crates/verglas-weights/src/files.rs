//! The files of a folder of weights, and where they may be written.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crc32fast::Hasher;
use verglas_core::atomic::{FinishedFile, PartialFile, cannot_write};
use verglas_core::error::{Error, Result};
use verglas_core::hint::Hint;
use verglas_formats::npy::{ByteOrder, Dtype, Kind, NpyHeader, Scalar};
use verglas_formats::pt::write_pt;
use verglas_run::Existing;
use verglas_run::folder::{JobFiles, OutputFolder};
use verglas_run::manifest::{FileRecord, manifest_paths};

use crate::names::{ALL, RECORD, paths};
use crate::record::WeightsRecord;
use crate::settings::LogLikelihoodFormat;

/// The names of the files, for the code that all output folders share.
#[derive(Debug)]
struct WeightsFiles;

impl JobFiles for WeightsFiles {
    fn folders(&self) -> &[&'static str] {
        &[]
    }

    fn unit_of(&self, _: &str, _: &str) -> Option<usize> {
        None
    }

    fn is_last_of_unit(&self, _: &str, _: &str) -> bool {
        false
    }

    fn shared_files(&self) -> &[&'static str] {
        &[]
    }

    fn closing_files(&self) -> &[&'static str] {
        &ALL
    }

    fn unit_noun(&self) -> &'static str {
        "file"
    }
}

/// The folder at `root`.
pub(crate) fn output_folder(root: &Path) -> OutputFolder {
    OutputFolder::new(root, None, WeightsFiles)
}

/// Checks, without changing anything, that weights may be written to the folder at `root`.
///
/// # Errors
/// When another job's files are there, when weights are and shall not be replaced, when it can't be written.
pub(crate) fn check_output(root: &Path, overwrite: bool) -> Result<()> {
    // Whatever is there: who may replace what is seen below.
    output_folder(root).check(Existing::Overwrite)?;
    let shown = root.display();
    if root.is_dir() && !manifest_paths(root)?.is_empty() {
        return Err(Error::value(format!("`{shown}` is the output folder of another job"))
            .with_hint("weights have a folder of their own; choose another one"));
    }
    let there: Vec<String> =
        ALL.iter().filter(|name| root.join(name).symlink_metadata().is_ok()).map(|name| format!("`{name}`")).collect();
    if !overwrite && !there.is_empty() {
        return Err(Error::value(format!("output folder `{shown}` is not empty: it holds {}", there.join(", ")))
            .with_hint("choose another folder, or start over with " + Hint::Overwrite));
    }
    Ok(())
}

/// Checks that none of the files that are `read` would be replaced, whatever it is called.
///
/// # Errors
/// When one would.
pub(crate) fn check_read(root: &Path, read: &[PathBuf]) -> Result<()> {
    let identity = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    for path in read {
        let Some(own) = identity(path) else { continue };
        if paths(root).any(|there| identity(&there) == Some(own)) {
            return Err(Error::value(format!(
                "`{}` is read by this run, and would be replaced as a file of the earlier one",
                path.display()
            ))
            .with_hint("choose another output folder"));
        }
    }
    Ok(())
}

/// Removes the files of an earlier run, its record first: without that the folder can't be taken for a whole one.
///
/// # Errors
/// When one can't be removed.
pub(crate) fn remove_earlier(root: &Path) -> Result<()> {
    let record_first = std::iter::once(root.join(RECORD)).chain(paths(root));
    for path in record_first {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io(format_args!("cannot remove `{}`", path.display()), &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Files that are whole and don't have their names yet.
#[derive(Debug, Default)]
pub(crate) struct Written {
    files: Vec<(&'static str, PartialFile, FinishedFile)>,
}

impl Written {
    /// Writes a file below `root` with `write`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn add(
        &mut self,
        root: &Path,
        name: &'static str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let path = root.join(name);
        let partial = PartialFile::create(&path)?;
        let file = partial.file().try_clone().map_err(|error| cannot_write(&path, &error))?;
        let mut writer = BufWriter::with_capacity(1 << 20, Checksummed { file, bytes: 0, hasher: Hasher::new() });
        write(&mut writer).map_err(|error| cannot_write(&path, &error))?;
        let done = writer.into_inner().map_err(|error| cannot_write(&path, error.error()))?;
        let finished = FinishedFile { bytes: done.bytes, crc32: done.hasher.finalize() };
        self.files.push((name, partial, finished));
        Ok(())
    }

    /// The contents of what was written.
    pub(crate) fn records(&self) -> Vec<FileRecord> {
        self.files.iter().map(|(name, _, file)| FileRecord::new(*name, file.bytes, file.crc32)).collect()
    }

    /// Gives the files their names.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn publish(self) -> Result<()> {
        self.files.iter().try_for_each(|(_, partial, _)| partial.publish())
    }
}

/// A file that is written from front to end, with its checksum.
struct Checksummed {
    file: File,
    bytes: u64,
    hasher: Hasher,
}

impl Write for Checksummed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A float64 `.npy` of two axes.
///
/// # Errors
/// The writer's errors.
pub(crate) fn write_matrix(
    writer: &mut dyn Write,
    shape: [usize; 2],
    values: impl Iterator<Item = f64>,
) -> io::Result<()> {
    let sides = shape.map(|n| n as u64);
    let float64 = Scalar { kind: Kind::Float, order: ByteOrder::Little, item_bytes: 8, unit: String::new() };
    let header = NpyHeader::new(Dtype::Scalar(float64), &sides).map_err(io::Error::other)?;
    writer.write_all(&header.to_bytes())?;
    for value in values {
        writer.write_all(&value.to_le_bytes())?;
    }
    Ok(())
}

/// Log-likelihoods, `[images, structures]` with the last axis fastest, in a format of their own.
///
/// # Errors
/// The writer's errors.
pub(crate) fn write_log_likelihood(
    writer: &mut dyn Write,
    format: LogLikelihoodFormat,
    [n_images, n_structures]: [usize; 2],
    values: &[f64],
) -> io::Result<()> {
    match format {
        LogLikelihoodFormat::Text => values.chunks_exact(n_structures.max(1)).try_for_each(|row| {
            // The shortest digits that give the same number back.
            let words: Vec<String> = row.iter().map(f64::to_string).collect();
            writeln!(writer, "{}", words.join(" "))
        }),
        LogLikelihoodFormat::Tensor => {
            write_pt(writer, &[n_images as u64, n_structures as u64], values).map_err(io::Error::other)
        }
        LogLikelihoodFormat::CryoEr => {
            let of_structure = |structure| values.iter().skip(structure).step_by(n_structures).copied();
            write_matrix(writer, [n_structures, n_images], (0..n_structures).flat_map(of_structure))
        }
    }
}

/// The weights as a tensor.
///
/// # Errors
/// The writer's errors.
pub(crate) fn write_weights(writer: &mut dyn Write, record: &WeightsRecord) -> io::Result<()> {
    let weights: Vec<f64> = record.structures.iter().map(|structure| structure.weight).collect();
    write_pt(writer, &[weights.len() as u64], &weights).map_err(io::Error::other)
}

/// `weights.csv`.
///
/// # Errors
/// The writer's errors.
pub(crate) fn write_table(writer: &mut dyn Write, record: &WeightsRecord) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(writer);
    table.write_record([
        "structure",
        "name",
        "weight",
        "lo95",
        "lo68",
        "median",
        "hi68",
        "hi95",
        "images_best",
        "responsibility",
    ])?;
    for row in &record.structures {
        let interval = |number: fn(&crate::mixture::Interval) -> f64| {
            row.interval.as_ref().map_or_else(String::new, |interval| number(interval).to_string())
        };
        table.write_record([
            row.structure.map_or_else(String::new, |place| place.to_string()),
            row.name.clone(),
            row.weight.to_string(),
            interval(|i| i.lo95),
            interval(|i| i.lo68),
            interval(|i| i.median),
            interval(|i| i.hi68),
            interval(|i| i.hi95),
            row.images_best.to_string(),
            row.responsibility.to_string(),
        ])?;
    }
    table.flush()
}
