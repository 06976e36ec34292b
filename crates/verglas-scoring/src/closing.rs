//! What is written when all units are there: matrices of all structures and images, and tables.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;
use verglas_core::atomic::{FinishedFile, PartialFile, cannot_write, sync_folder};
use verglas_core::error::{Error, Result};
use verglas_core::findings::{Warning, counted};
use verglas_core::hint::{Hint, Setting, Text};
use verglas_formats::star::StarWriter;
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::FileRecord;
use verglas_run::tensor::TensorFile;

use crate::names::{CSV, MATRICES, MATRIX_FOLDER, STAR, UnitNames};
use crate::number::Number;
use crate::prepare::LikelihoodJob;
use crate::results::read_numbers;
use crate::row::{COLUMNS, StackResults};
use crate::settings::TableFormat;
use crate::star::{self, SkippedRow};

/// What was written at the end.
#[derive(Debug)]
pub(crate) struct Closing {
    /// All files.
    pub(crate) files: Vec<FileRecord>,
    /// The tables among them.
    pub(crate) tables: Vec<PathBuf>,
    /// For how many images each structure is the best.
    pub(crate) n_best: Vec<usize>,
    pub(crate) warnings: Vec<Warning>,
}

/// Writes matrices and tables from the units' files.
///
/// # Errors
/// When a unit's file can't be read, or the disk refuses.
pub(crate) fn close<T: Number>(job: &LikelihoodJob, output: &OutputFolder) -> Result<Closing> {
    output.make_folders(&[MATRIX_FOLDER])?;
    let [cross_correlation, optimal, integrated] = MATRICES;
    let mut files = vec![
        matrix::<T>(job, output, cross_correlation, |names| names.cross_correlation)?,
        matrix::<f64>(job, output, optimal, |names| names.optimal)?,
    ];
    if job.settings.integrated {
        files.push(matrix::<f64>(job, output, integrated, |names| names.integrated)?);
    }
    sync_folder(&output.path(MATRIX_FOLDER))?;
    let mut tables = Tables::start(job, output)?;
    let (mut n_best, mut n_at_edge, mut n) = (vec![0; job.structures.len()], 0, 0);
    for stack in 0..job.stacks.len() {
        let results = StackResults::<T>::read(job, output.root(), stack)?;
        for image in 0..results.stack.n_images {
            let best = results.best(image);
            if let Some(best) = best {
                n_best[best] += 1;
                n += 1;
                n_at_edge += usize::from(results.row(image, best, Some(best)).is_at_edge);
            }
            tables.write(&results, image, best)?;
        }
    }
    let paths = tables.finish(&mut files)?;
    sync_folder(output.root())?;
    let mut warnings = Vec::new();
    // More than a tenth.
    if 10 * n_at_edge > n {
        warnings.push(Warning {
            code: "at-edge",
            message: Text::from(format!(
                "the best poses of {n_at_edge} of {} are at the rim of the displacements that were tried: the particles may be \
                 farther off; try more with ",
                counted(n, "image")
            )) + Hint::Give(Setting::MaxDisplacement),
        });
    }
    Ok(Closing { files, tables: paths, n_best, warnings })
}

/// Writes one number of each structure and image: `[structures, images]`.
fn matrix<T: Number>(
    job: &LikelihoodJob,
    output: &OutputFolder,
    name: &str,
    file_of: impl Fn(UnitNames) -> String,
) -> Result<FileRecord> {
    let n_images = job.n_images();
    let tensor = TensorFile::create(&output.path(name), T::DTYPE, job.structures.len(), [n_images as u64])?;
    let mut crcs = Vec::with_capacity(job.structures.len());
    let mut row: Vec<T> = Vec::with_capacity(n_images);
    for (place, structure) in job.structures.iter().enumerate() {
        row.clear();
        for stack in &job.stacks {
            let path = output.path(file_of(UnitNames::of(structure.place, stack.number)));
            row.extend(read_numbers::<T>(&path, stack.n_images)?);
        }
        let bytes: &[u8] = bytemuck::cast_slice(&row);
        tensor.write_images(place, bytes)?;
        crcs.push(crc32fast::hash(bytes));
    }
    let finished = tensor.finish(crcs.into_iter())?;
    Ok(FileRecord::new(name, finished.bytes, finished.crc32))
}

/// The tables that are asked for, being written.
struct Tables {
    integrated: bool,
    n_structures: usize,
    csv: Option<BufWriter<Checksummed>>,
    star: Option<StarWriter<BufWriter<Checksummed>>>,
    /// Images that were left out, for the end of the STAR file.
    skipped: Vec<SkippedRow>,
}

impl Tables {
    fn start(job: &LikelihoodJob, output: &OutputFolder) -> Result<Self> {
        let is_asked_for = |format: TableFormat| job.settings.tables.contains(&format);
        let create = |name: &str| Checksummed::create(output.path(name)).map(BufWriter::new);
        let mut csv = match is_asked_for(TableFormat::Csv) {
            true => Some(create(CSV)?),
            false => None,
        };
        if let Some(csv) = &mut csv {
            writeln!(csv, "{}", COLUMNS.join(",")).map_err(|error| cannot_write(&output.path(CSV), &error))?;
        }
        let mut star = match is_asked_for(TableFormat::Star) {
            true => Some(StarWriter::new(create(STAR)?)),
            false => None,
        };
        let integrated = job.settings.integrated;
        if let Some(writer) = &mut star {
            star::start(writer, integrated).map_err(|error| Error::from_format(&output.path(STAR), error))?;
        }
        Ok(Self { integrated, n_structures: job.structures.len(), csv, star, skipped: Vec::new() })
    }

    fn write<T: Number>(&mut self, results: &StackResults<'_, T>, image: usize, best: Option<usize>) -> Result<()> {
        if let Some(csv) = &mut self.csv {
            for structure in 0..self.n_structures {
                let line = results.row(image, structure, best).to_csv();
                writeln!(csv, "{line}").map_err(|error| cannot_write(csv.get_ref().partial.path(), &error))?;
            }
        }
        if let Some(writer) = &mut self.star {
            let row = results.row(image, best.unwrap_or(0), best);
            debug_assert_eq!(row.integrated.is_some(), self.integrated);
            match best {
                Some(_) => star::write_row(writer, &row).map_err(|error| Error::from_format(Path::new(STAR), error))?,
                None => self.skipped.push(SkippedRow::new(&row, row.skipped.as_deref().unwrap_or_default())),
            }
        }
        Ok(())
    }

    /// Gives the tables their names, and adds them to `files`.
    fn finish(self, files: &mut Vec<FileRecord>) -> Result<Vec<PathBuf>> {
        let star = self.star.map(|mut writer| {
            let written = star::write_skipped(&mut writer, &self.skipped).and_then(|()| writer.finish());
            written.map_err(|error| Error::from_format(Path::new(STAR), error))
        });
        let mut paths = Vec::new();
        for (name, file) in [(CSV, self.csv), (STAR, star.transpose()?)] {
            let Some(file) = file else { continue };
            let file = file.into_inner().map_err(|error| cannot_write(Path::new(name), error.error()))?;
            paths.push(file.partial.path().to_owned());
            let finished = file.finish()?;
            files.push(FileRecord::new(name, finished.bytes, finished.crc32));
        }
        Ok(paths)
    }
}

/// A file that is written from front to end, with its checksum.
struct Checksummed {
    partial: PartialFile,
    file: File,
    bytes: u64,
    hasher: Hasher,
}

impl Checksummed {
    fn create(path: PathBuf) -> Result<Self> {
        let partial = PartialFile::create(&path)?;
        let file = partial.file().try_clone().map_err(|error| cannot_write(&path, &error))?;
        Ok(Self { partial, file, bytes: 0, hasher: Hasher::new() })
    }

    fn finish(self) -> Result<FinishedFile> {
        self.partial.publish()?;
        Ok(FinishedFile { bytes: self.bytes, crc32: self.hasher.finalize() })
    }
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
