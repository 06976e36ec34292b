//! One `.cs` file: only the columns that are asked for are decoded, block by block.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;
use verglas_formats::cs::{CsBlock, CsReader, CsTextBuilder};
use verglas_formats::npy;

use super::columns::{Columns, GroupColumn, PathColumn};
use super::fields::Field;
use crate::metadata::columns::ColumnBuilder;
use crate::metadata::problems::RowProblems;
use crate::particle::{Column, SectionIndex};

/// A `.cs` file whose header was read.
#[derive(Debug)]
pub(super) struct CsFile {
    pub(super) path: PathBuf,
    /// All its columns, as the file names them.
    pub(super) column_names: Vec<String>,
    reader: CsReader,
    pub(super) n_rows: usize,
}

impl CsFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// When it is not a readable `.cs` file (CSDAT and `.csg` files are recognised and refused), or has no rows, or
    /// more than 2³² − 1.
    pub(super) fn open(path: &Path, findings: &mut Findings) -> Result<Self> {
        let file = Self::open_any(path, findings)?;
        if file.n_rows == 0 {
            return Err(Error::format(format!("`{}`: no particles: it has no rows", path.display())));
        }
        Ok(file)
    }

    /// The same, of a file that may have no rows.
    pub(super) fn open_any(path: &Path, findings: &mut Findings) -> Result<Self> {
        let reader = CsReader::open(path).map_err(|error| Error::from_format(path, error))?;
        let n_rows = u32::try_from(reader.n_rows())
            .map_err(|_| Error::format(format!("`{}`: more than {} rows", path.display(), u32::MAX)))?;
        if reader.trailing_bytes() > 0 {
            findings.warn(
                "metadata-odd",
                format!("`{}`: {} bytes after the last row are not read", path.display(), reader.trailing_bytes()),
            );
        }
        let column_names: Vec<String> = reader.fields().map(|field| field.name.clone()).collect();
        for field in Field::ALL {
            let is_it = |name: &&String| **name == *field.name();
            if column_names.iter().filter(is_it).count() > 1 {
                let (path, name) = (path.display(), field.name());
                return Err(Error::format(format!("`{path}`: the column {name} appears twice"))
                    .with_hint("it is unclear which of the two counts: keep only one of them in the file"));
            }
        }
        Ok(Self { path: path.to_owned(), column_names, reader, n_rows: n_rows as usize })
    }

    /// Whether it has a column.
    pub(super) fn has(&self, field: Field) -> bool {
        self.reader.has(field.name())
    }

    /// Decodes columns of numbers by name, in one pass: for each, one column per value of a row.
    ///
    /// # Errors
    /// When a column is not there or holds no numbers; when the file can't be read. Numbers that are none go to
    /// `findings`, one error per column.
    pub(super) fn read_numbers(&mut self, names: &[String], findings: &mut Findings) -> Result<Vec<Vec<Column>>> {
        let path = self.path.as_path();
        let in_file = |error| Error::from_format(path, error);
        let mut decoders = Vec::with_capacity(names.len());
        for name in names {
            let at = self.reader.field(name).map_err(in_file)?.clone();
            decoders.push((Decoder::Numbers(vec![ColumnBuilder::default(); at.n_values()]), at));
        }
        let mut problems = RowProblems::default();
        self.reader
            .for_each_block(|block| {
                decoders.iter_mut().zip(names).try_for_each(|((decoder, at), name)| {
                    decoder.extend(block, at, |row, found: &dyn std::fmt::Display, expected| {
                        problems.add(name, || {
                            let path = path.display();
                            Error::format(format!("row {row} of `{path}`: {name} is {found}, expected {expected}"))
                        });
                    })
                })
            })
            .map_err(in_file)?;
        problems.report(findings);
        let columns = decoders.into_iter().map(|(decoder, _)| match decoder {
            Decoder::Numbers(builders) => builders.into_iter().map(ColumnBuilder::finish).collect(),
            _ => Vec::new(),
        });
        Ok(columns.collect())
    }

    /// Decodes the columns `fields`, in one pass.
    ///
    /// Values that can't be used go to `findings`, one error per column.
    ///
    /// # Errors
    /// When a column is missing, or has a type or shape that CryoSPARC doesn't give it; when the file can't be read.
    pub(super) fn read(&mut self, fields: &[Field], findings: &mut Findings) -> Result<Columns> {
        let path = self.path.as_path();
        let in_file = |error| Error::from_format(path, error);
        let mut decoders = Vec::with_capacity(fields.len());
        for &field in fields {
            let at = self.reader.field(field.name()).map_err(in_file)?.clone();
            if let Some(n_values) = field.n_values()
                && at.n_values() != n_values
            {
                return Err(Error::format(format!(
                    "`{}` of `{}`: {} values per row, expected {n_values}",
                    field.name(),
                    path.display(),
                    at.n_values()
                )));
            }
            decoders.push((field, Decoder::new(field, &at, self.n_rows), at));
        }
        let mut problems = RowProblems::default();
        self.reader
            .for_each_block(|block| {
                decoders.iter_mut().try_for_each(|(field, decoder, at)| {
                    decoder.extend(block, at, |row, found: &dyn std::fmt::Display, expected| {
                        problems.add(field.name(), || {
                            let (path, name) = (path.display(), field.name());
                            Error::format(format!("row {row} of `{path}`: {name} is {found}, expected {expected}"))
                        });
                    })
                })
            })
            .map_err(in_file)?;
        let mut columns = Columns { n_rows: self.n_rows, ..Columns::default() };
        for (field, decoder, _) in decoders {
            decoder.finish(field, &mut columns);
        }
        if let Some(paths) = &columns.paths
            && let Some(empty) = paths.distinct.iter().position(Vec::is_empty)
        {
            for (row, _) in paths.of_row.iter().enumerate().filter(|(_, of)| **of as usize == empty) {
                problems.add(Field::BlobPath.name(), || {
                    let (path, name) = (path.display(), Field::BlobPath.name());
                    Error::format(format!("row {row} of `{path}`: {name} is empty, expected an image file"))
                });
            }
        }
        problems.report(findings);
        Ok(columns)
    }
}

/// A column while it is being decoded.
enum Decoder {
    Uid(Vec<u64>),
    Paths(CsTextBuilder),
    Sections(Vec<SectionIndex>),
    Groups(GroupColumn, HashMap<i64, u32>),
    /// One builder per value of a row.
    Numbers(Vec<ColumnBuilder>),
    /// 1 where a value of the row is not zero.
    NotZero(ColumnBuilder),
}

impl Decoder {
    fn new(field: Field, at: &npy::Field, n_rows: usize) -> Self {
        match field {
            Field::Uid => Self::Uid(Vec::with_capacity(n_rows)),
            Field::BlobPath => Self::Paths(CsTextBuilder::with_capacity(n_rows)),
            Field::BlobIndex => Self::Sections(Vec::with_capacity(n_rows)),
            Field::ExposureGroup => Self::Groups(GroupColumn::default(), HashMap::new()),
            dropped if Field::DROPPED.contains(&dropped) => Self::NotZero(ColumnBuilder::default()),
            _ => Self::Numbers(vec![ColumnBuilder::default(); at.n_values()]),
        }
    }

    /// Appends a block; `problem` is called for unusable values: row, what was found, what was expected.
    fn extend(
        &mut self,
        block: &CsBlock,
        at: &npy::Field,
        mut problem: impl FnMut(u64, &dyn std::fmt::Display, &str),
    ) -> verglas_formats::Result<()> {
        match self {
            Self::Uid(uids) => block.push_u64(at, uids)?,
            Self::Paths(texts) => block.push_text(at, texts)?,
            Self::Sections(sections) => {
                let mut values = Vec::with_capacity(block.n_rows());
                block.push_i64(at, &mut values)?;
                sections.extend((block.first_row()..).zip(values).map(|(row, value)| {
                    SectionIndex(u32::try_from(value).unwrap_or_else(|_| {
                        problem(row, &value, "a section number from 0");
                        0
                    }))
                }));
            }
            Self::Groups(groups, ids) => {
                let mut values = Vec::with_capacity(block.n_rows());
                block.push_i64(at, &mut values)?;
                for value in values {
                    let next = groups.distinct.len() as u32;
                    let id = *ids.entry(value).or_insert(next);
                    if id == next {
                        groups.distinct.push(value);
                    }
                    groups.of_row.push(id);
                }
            }
            Self::Numbers(builders) => {
                let n_values = builders.len().max(1);
                let mut values = Vec::with_capacity(block.n_rows() * n_values);
                block.push_f64(at, &mut values)?;
                for (row, of_row) in (block.first_row()..).zip(values.chunks_exact(n_values)) {
                    for (builder, &value) in builders.iter_mut().zip(of_row) {
                        if !value.is_finite() {
                            problem(row, &value, "a number");
                            builder.push_unread();
                            continue;
                        }
                        builder.push(value);
                    }
                }
            }
            Self::NotZero(builder) => {
                let n_values = at.n_values();
                let mut values = Vec::with_capacity(block.n_rows() * n_values);
                block.push_f64(at, &mut values)?;
                for row in 0..block.n_rows() {
                    let of_row = &values[row * n_values..][..n_values];
                    builder.push(f64::from(u8::from(of_row.iter().any(|&value| value != 0.0))));
                }
            }
        }
        Ok(())
    }

    fn finish(self, field: Field, columns: &mut Columns) {
        match self {
            Self::Uid(uids) => columns.uid = Some(uids),
            Self::Paths(texts) => columns.paths = Some(PathColumn::of(texts)),
            Self::Sections(sections) => columns.sections = Some(sections),
            Self::Groups(groups, _) => columns.groups = Some(groups),
            // No pixel size is better than an invented one.
            Self::Numbers(builders)
                if field == Field::BlobPixelSize && builders.iter().any(ColumnBuilder::is_unread) => {}
            Self::Numbers(builders) => {
                columns.numbers.push((field, builders.into_iter().map(ColumnBuilder::finish).collect()));
            }
            Self::NotZero(builder) => columns.numbers.push((field, vec![builder.finish()])),
        }
    }
}

impl PathColumn {
    /// Strips CryoSPARC's mark, which is not part of the path.
    fn of(texts: CsTextBuilder) -> Self {
        let texts = texts.finish();
        let mut column = Self::default();
        let mut ids: HashMap<&[u8], u32> = HashMap::new();
        let mut id_of_text = Vec::with_capacity(texts.n_texts());
        for text in texts.texts() {
            let path = text.strip_prefix(b">").unwrap_or(text);
            let next = column.distinct.len() as u32;
            let id = *ids.entry(path).or_insert(next);
            if id == next {
                column.distinct.push(path.to_vec());
            }
            id_of_text.push(id);
        }
        column.of_row = texts.ids.iter().map(|&text| id_of_text[text as usize]).collect();
        column
    }
}
