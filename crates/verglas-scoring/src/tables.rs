//! The tables of all results: row by row into each that is asked for, so that none is held as a whole.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use verglas_core::atomic::cannot_write;
use verglas_core::error::{Error, Result};
use verglas_formats::star::StarWriter;
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::FileRecord;

use crate::checksummed::Checksummed;
use crate::names::{CSV, PARQUET, STAR};
use crate::number::Number;
use crate::parquet_table::ParquetTable;
use crate::prepare::LikelihoodJob;
use crate::row::{StackResults, columns};
use crate::settings::TableFormat;
use crate::star::{self, SkippedRow};

/// The tables that are asked for, being written.
pub(crate) struct Tables<T: Number> {
    integrated: bool,
    n_structures: usize,
    csv: Option<BufWriter<Checksummed>>,
    parquet: Option<ParquetTable<T>>,
    star: Option<StarWriter<BufWriter<Checksummed>>>,
    /// Images that were left out, for the end of the STAR file.
    skipped: Vec<SkippedRow>,
}

impl<T: Number> Tables<T> {
    /// Starts them in the folder of the job.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub(crate) fn start(job: &LikelihoodJob, output: &OutputFolder) -> Result<Self> {
        let is_asked_for = |format: TableFormat| job.settings.tables.contains(&format);
        let right = job.right().is_some();
        let create = |name: &str| Checksummed::create(output.path(name)).map(BufWriter::new);
        let mut csv = match is_asked_for(TableFormat::Csv) {
            true => Some(create(CSV)?),
            false => None,
        };
        if let Some(csv) = &mut csv {
            let columns: Vec<&str> = columns(right).into_iter().map(|(name, _)| name).collect();
            writeln!(csv, "{}", columns.join(",")).map_err(|error| cannot_write(&output.path(CSV), &error))?;
        }
        let parquet = match is_asked_for(TableFormat::Parquet) {
            true => Some(ParquetTable::start(Checksummed::create(output.path(PARQUET))?, right)?),
            false => None,
        };
        let mut star = match is_asked_for(TableFormat::Star) {
            true => Some(StarWriter::new(create(STAR)?)),
            false => None,
        };
        let integrated = job.settings.integrated;
        if let Some(writer) = &mut star {
            star::start(writer, integrated, right).map_err(|error| Error::from_format(&output.path(STAR), error))?;
        }
        Ok(Self { integrated, n_structures: job.structures.len(), csv, parquet, star, skipped: Vec::new() })
    }

    /// Writes what an image has: a row for each structure, or one for the best.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write(&mut self, results: &StackResults<'_, T>, image: usize, best: Option<usize>) -> Result<()> {
        if let Some(csv) = &mut self.csv {
            for structure in 0..self.n_structures {
                let line = results.row(image, structure, best).into_csv();
                writeln!(csv, "{line}").map_err(|error| cannot_write(csv.get_ref().path(), &error))?;
            }
        }
        if let Some(parquet) = &mut self.parquet {
            for structure in 0..self.n_structures {
                parquet.write(results.row(image, structure, best))?;
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
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn finish(self, files: &mut Vec<FileRecord>) -> Result<Vec<PathBuf>> {
        let unbuffered = |name: &str, file: BufWriter<Checksummed>| {
            file.into_inner().map_err(|error| cannot_write(Path::new(name), error.error()))
        };
        let csv = self.csv.map(|file| unbuffered(CSV, file)).transpose()?;
        let parquet = self.parquet.map(ParquetTable::finish).transpose()?;
        let star = self.star.map(|mut writer| {
            let written = star::write_skipped(&mut writer, &self.skipped).and_then(|()| writer.finish());
            let file = written.map_err(|error| Error::from_format(Path::new(STAR), error))?;
            unbuffered(STAR, file)
        });
        let mut paths = Vec::new();
        for (name, file) in [(CSV, csv), (PARQUET, parquet), (STAR, star.transpose()?)] {
            let Some(file) = file else { continue };
            paths.push(file.path().to_owned());
            let finished = file.finish()?;
            files.push(FileRecord::new(name, finished.bytes, finished.crc32));
        }
        Ok(paths)
    }
}
