//! Tables that were written, read again row by row, whatever their format.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_formats::star::{Row as StarRow, StarReader};

use crate::parquet_table::ParquetRows;
use crate::refined::{FIELDS, N_IN_TABLES};
use crate::row::{NOISE, Value, columns};
use crate::settings::TableFormat;

/// The columns whose numbers follow from the units' files.
pub(crate) const NUMBERS: [&str; 18] = [
    "image",
    "stack",
    "index",
    "structure",
    "cross_correlation",
    "template",
    "displacement_x_angstrom",
    "displacement_y_angstrom",
    "inplane_rotation_deg",
    "log_likelihood_optimal",
    "log_likelihood_integrated",
    "at_edge",
    "best",
    "rot_deg",
    "tilt_deg",
    "psi_deg",
    "origin_x_angstrom",
    "origin_y_angstrom",
];

/// A row: the name of the structure, and the values of [`numbers`] where there are any.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableRow {
    pub(crate) name: String,
    /// Why the image was left out, if it was.
    pub(crate) skipped: Option<String>,
    pub(crate) numbers: Vec<Option<f64>>,
}

/// The columns whose numbers are read: those of a right likelihood, too.
pub(crate) fn numbers(right: bool) -> impl Iterator<Item = &'static str> {
    let of_right = right.then(|| FIELDS[..N_IN_TABLES].iter().copied());
    NUMBERS.into_iter().chain(of_right.into_iter().flatten()).chain(right.then_some(NOISE))
}

/// A table, open at its next row.
pub(crate) struct TableRows {
    path: PathBuf,
    /// Rows that were read.
    n_rows: u64,
    right: bool,
    /// The names of the columns of a table that is no STAR file.
    columns: Vec<&'static str>,
    format: Format,
}

enum Format {
    Csv { reader: Box<csv::Reader<File>>, record: csv::StringRecord },
    Parquet(Box<ParquetRows>),
    Star { reader: Box<StarReader<BufReader<File>>>, row: Box<StarRow>, integrated: bool },
}

impl TableRows {
    /// Opens the table at `path`; where likelihoods were not integrated, a STAR file has one likelihood only.
    ///
    /// # Errors
    /// When it can't be read, or has other columns than such a table.
    pub(crate) fn open(path: &Path, format: TableFormat, integrated: bool, right: bool) -> Result<Self> {
        let names: Vec<&'static str> = columns(right).into_iter().map(|(name, _)| name).collect();
        let format = match format {
            TableFormat::Csv => {
                let file = verglas_formats::open_regular(path)
                    .map_err(|error| Error::io(format_args!("cannot read `{}`", path.display()), &error))?;
                let mut reader = csv::Reader::from_reader(file);
                let headers = reader.headers().map_err(|error| not_csv(path, &error))?;
                if !headers.iter().eq(names.iter().copied()) {
                    return Err(other_columns(path));
                }
                Format::Csv { reader: Box::new(reader), record: csv::StringRecord::new() }
            }
            TableFormat::Parquet => Format::Parquet(Box::new(ParquetRows::open(path, right)?)),
            TableFormat::Star => {
                let in_file = |error| Error::from_format(path, error);
                let mut reader = StarReader::open(path).map_err(in_file)?;
                let block = reader.next_block().map_err(in_file)?.ok_or_else(|| other_columns(path))?;
                let columns = block.columns.iter().map(|column| column.name.as_str());
                if !columns.eq(crate::star::columns(integrated, right)) {
                    return Err(other_columns(path));
                }
                Format::Star { reader: Box::new(reader), row: Box::new(StarRow::new()), integrated }
            }
        };
        Ok(Self { path: path.to_owned(), n_rows: 0, right, columns: names, format })
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// When it can't be read, or holds something else than numbers.
    pub(crate) fn next_row(&mut self) -> Result<Option<TableRow>> {
        let (columns, right) = (&self.columns, self.right);
        let at = |name: &str| columns.iter().position(|column| *column == name);
        let row = match &mut self.format {
            Format::Csv { reader, record } => {
                if !reader.read_record(record).map_err(|error| not_csv(&self.path, &error))? {
                    return Ok(None);
                }
                of_columns(right, |name| {
                    let text = at(name).and_then(|at| record.get(at));
                    value_of(text.unwrap_or_default().as_bytes(), name)
                })
            }
            Format::Parquet(rows) => {
                let Some(mut values) = rows.next_row()? else { return Ok(None) };
                of_columns(right, |name| Ok(at(name).and_then(|at| values.get_mut(at)).and_then(Option::take)))
            }
            Format::Star { reader, row, integrated } => {
                if !reader.read_row(row).map_err(|error| Error::from_format(&self.path, error))? {
                    return Ok(None);
                }
                let columns: Vec<&str> = crate::star::columns(*integrated, right).collect();
                of_columns(right, |name| star_value(row, &columns, name, *integrated))
            }
        };
        self.n_rows += 1;
        row.map(Some).map_err(|what| {
            Error::format(format!("row {} (counted from 0) of `{}`: {what}", self.n_rows - 1, self.path.display()))
        })
    }
}

/// Puts a row together; `value` has what the column of a name holds.
fn of_columns(
    right: bool,
    mut value: impl FnMut(&str) -> std::result::Result<Option<Value>, String>,
) -> std::result::Result<TableRow, String> {
    let name = match value("name")? {
        Some(Value::Text(name)) => name,
        _ => String::new(),
    };
    let skipped = match value("skipped")? {
        Some(Value::Text(why)) if !why.is_empty() => Some(why),
        _ => None,
    };
    let number = |column: &str| match value(column)? {
        Some(Value::Number(value)) => Ok(Some(value)),
        Some(Value::Text(text)) => Err(format!("its {column} is `{text}`, expected a number")),
        None => Ok(None),
    };
    let numbers: std::result::Result<_, String> = numbers(right).map(number).collect();
    Ok(TableRow { name, skipped, numbers: numbers? })
}

/// A field of a text, of which only `name` and `skipped` are none of numbers.
fn value_of(text: &[u8], column: &str) -> std::result::Result<Option<Value>, String> {
    let text = std::str::from_utf8(text).map_err(|_| format!("its {column} is no text"))?;
    if column == "name" || column == "skipped" {
        return Ok(Some(Value::Text(text.to_owned())));
    }
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(|number| Some(Value::Number(number)))
        .map_err(|_| format!("its {column} is `{text}`, expected a number"))
}

/// What a row of `results.star` says of a column of `results.csv`.
fn star_value(
    row: &StarRow,
    columns: &[&str],
    name: &str,
    integrated: bool,
) -> std::result::Result<Option<Value>, String> {
    let star_name = match name {
        "image" => "verglasImage",
        "stack" => "verglasStack",
        "index" => "verglasIndex",
        "structure" => "rlnClassNumber",
        "name" => "verglasStructureName",
        "cross_correlation" => "verglasCrossCorrelation",
        "template" => "verglasTemplate",
        "displacement_x_angstrom" => "verglasDisplacementXAngst",
        "displacement_y_angstrom" => "verglasDisplacementYAngst",
        "inplane_rotation_deg" => "verglasInplaneRotation",
        "log_likelihood_optimal" if integrated => crate::star::OPTIMAL,
        "log_likelihood_integrated" if !integrated => return Ok(None),
        "log_likelihood_optimal" | "log_likelihood_integrated" => "rlnLogLikeliContribution",
        "at_edge" => "verglasAtEdge",
        // It has no other rows.
        "best" => return Ok(Some(Value::Number(1.0))),
        "rot_deg" => "rlnAngleRot",
        "tilt_deg" => "rlnAngleTilt",
        "psi_deg" => "rlnAnglePsi",
        "origin_x_angstrom" => "rlnOriginXAngst",
        "origin_y_angstrom" => "rlnOriginYAngst",
        _ => match FIELDS[..N_IN_TABLES].iter().position(|field| *field == name) {
            Some(at) => crate::star::OF_RIGHT[at],
            None if name == NOISE => crate::star::NOISE,
            None => return Ok(None),
        },
    };
    let at = columns.iter().position(|column| *column == star_name);
    let text = at.and_then(|at| row.value(at)).unwrap_or_default();
    match value_of(text, name)? {
        // Classes are counted from 1.
        Some(Value::Number(class)) if name == "structure" => Ok(Some(Value::Number(class - 1.0))),
        value => Ok(value),
    }
}

fn other_columns(path: &Path) -> Error {
    Error::format(format!("`{}` has other columns than it was written with", path.display()))
}

fn not_csv(path: &Path, error: &csv::Error) -> Error {
    Error::format(format!("cannot read `{}`: {error}", path.display()))
}
