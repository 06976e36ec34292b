//! Writes chosen rows of STAR files.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use verglas_core::atomic::write_atomically;
use verglas_core::error::{Error, Result};
use verglas_core::hint::{Hint, Setting};
use verglas_formats::star::{MAX_COLUMNS, strip_rln};

use super::Written;
use super::column::{NewColumn, name_taken};
use super::folder::{Identities, ImageFolder};
use super::line_ends::UnixLines;
use super::pose::StarPoses;
use super::source::altered;
use super::star_row::StarColumns;
use super::star_source::{RowPlace, StarSource};

const BUFFER_BYTES: usize = 256 << 10;

/// Writes the rows of the images `chosen`, with the poses in place of the source's, and new columns behind the others.
pub(super) fn write_star(
    folder: &ImageFolder,
    chosen: &[u32],
    poses: Option<&StarPoses>,
    columns: &[NewColumn],
    output: &Path,
) -> Result<Written> {
    let mut is_used = vec![false; folder.sources().len()];
    for &image in chosen {
        is_used[folder.origins()[image as usize].source as usize] = true;
    }
    let with_identities = matches!(folder.identities(), Identities::Image(_));
    let mut sources: Vec<Option<StarSource>> = Vec::new();
    for (source, is_used) in folder.sources().iter().zip(is_used) {
        sources.push(is_used.then(|| StarSource::read(&source.path, with_identities)).transpose()?);
    }
    check_rows(folder, &sources)?;
    let used: Vec<&StarSource> = sources.iter().flatten().collect();
    let Some((&first, others)) = used.split_first() else {
        return Err(Error::value("no rows are chosen"));
    };
    check_joinable(first, others)?;
    let columns = StarColumns::new(&first.block, &first.path, poses, columns)?;
    check_names(first, &columns.appended)?;

    let mut failed_reading = None;
    let written = write_atomically(output, |file| {
        let mut writer = UnixLines::new(BufWriter::with_capacity(BUFFER_BYTES, file));
        let copied = copy_all(folder, chosen, &columns, &sources, first, &mut writer);
        let flushed = copied.and_then(|()| writer.finish().map_err(CopyFailure::Writing));
        flushed.map_err(|failure| match failure {
            CopyFailure::Writing(error) => error.into(),
            CopyFailure::Reading(source, error) => {
                failed_reading = Some(Error::io(format_args!("cannot read `{}`", source.display()), &error));
                io::Error::other("the source can't be read").into()
            }
        })
    });
    written.map_err(|error| failed_reading.unwrap_or(error))?;
    let n_rows = used.iter().map(|source| source.rows.len()).sum();
    let sources = sources.iter().enumerate().filter_map(|(place, source)| source.as_ref().map(|_| place)).collect();
    Ok(Written { sources, n_rows })
}

/// Which of the files a copy failed at.
enum CopyFailure<'a> {
    Reading(&'a Path, io::Error),
    Writing(io::Error),
}

/// Whether each image's row is there and still names that image.
fn check_rows(folder: &ImageFolder, sources: &[Option<StarSource>]) -> Result<()> {
    for (image, origin) in folder.origins().iter().enumerate() {
        let Some(source) = sources.get(origin.source as usize).and_then(Option::as_ref) else { continue };
        let row = origin.row as usize;
        if row >= source.rows.len() {
            let n_rows = source.rows.len();
            return Err(altered(
                &source.path,
                format!("row {row} (counted from 0) is the source of an image, but the file has {n_rows} rows"),
            ));
        }
        if let Identities::Image(identities) = folder.identities()
            && source.identities.get(row) != identities.get(image)
        {
            return Err(altered(
                &source.path,
                format!("row {row} (counted from 0) does not name image {image} any more, which was made from it"),
            ));
        }
    }
    Ok(())
}

/// Whether the rows of several files fit in one: same columns, same further blocks.
fn check_joinable(first: &StarSource, others: &[&StarSource]) -> Result<()> {
    for other in others {
        let cannot = |why: String| {
            Error::value(format!(
                "rows of `{}` and `{}` can't be written to one file: {why}",
                first.path.display(),
                other.path.display()
            ))
            .with_hint("export the images of each file on their own, with " + Hint::Give(Setting::Rows))
        };
        if first.is_pairs() || other.is_pairs() {
            return Err(cannot("one of them holds its only particle as keys and values, not as a table".to_owned()));
        }
        if !first.column_names().eq(other.column_names()) {
            return Err(cannot(difference_of_columns(first, other)));
        }
        let find = |source: &StarSource, name: &str| source.others.iter().find(|block| block.name == name).cloned();
        let names = first.others.iter().chain(&other.others).map(|block| block.name.as_str());
        if let Some(name) = names.into_iter().find(|name| find(first, name) != find(other, name)) {
            return Err(cannot(format!("their blocks `data_{name}` differ, and only one can be kept")));
        }
    }
    Ok(())
}

fn difference_of_columns(first: &StarSource, other: &StarSource) -> String {
    /// Columns that are named in a message.
    const MOST_NAMED: usize = 10;
    let only = |a: &StarSource, b: &StarSource| {
        let names: Vec<String> = a
            .column_names()
            .filter(|name| !b.column_names().any(|there| there == *name))
            .take(MOST_NAMED)
            .map(|name| format!("`_{name}`"))
            .collect();
        (!names.is_empty()).then(|| format!("only `{}` has the columns {}", a.path.display(), names.join(", ")))
    };
    let parts: Vec<String> = [only(first, other), only(other, first)].into_iter().flatten().collect();
    match parts.is_empty() {
        true => "they have the same columns in another order".to_owned(),
        false => parts.join("; "),
    }
}

/// Whether the new columns' names are free, and none too many.
fn check_names(source: &StarSource, columns: &[&NewColumn]) -> Result<()> {
    for (at, column) in columns.iter().enumerate() {
        if let Some(existing) = source.column_like(&column.name) {
            return Err(name_taken(&column.name, existing, &source.path));
        }
        let is_same = |earlier: &&&NewColumn| strip_rln(&earlier.name) == strip_rln(&column.name);
        if let Some(earlier) = columns[..at].iter().find(is_same) {
            return Err(Error::value(format!(
                "the new columns `{}` and `{}` are the same to RELION's readers, which leave out `rln`",
                earlier.name, column.name
            )));
        }
    }
    let n_columns = source.block.columns.len() + columns.len();
    if n_columns > MAX_COLUMNS {
        return Err(Error::value(format!("{n_columns} columns, a STAR file holds at most {MAX_COLUMNS}")));
    }
    Ok(())
}

fn copy_all<'a>(
    folder: &ImageFolder,
    chosen: &[u32],
    columns: &StarColumns<'_>,
    sources: &'a [Option<StarSource>],
    first: &'a StarSource,
    writer: &mut impl Write,
) -> std::result::Result<(), CopyFailure<'a>> {
    if first.is_pairs() {
        return copy_pairs(columns, first, writer);
    }
    copy_head(&columns.appended, first, writer)?;
    let mut readers: Vec<Option<RowReader>> =
        sources.iter().map(|source| source.as_ref().map(RowReader::new)).collect();
    let mut text = Vec::new();
    for (at, &image) in chosen.iter().enumerate() {
        let origin = folder.origins()[image as usize];
        let Some(reader) = &mut readers[origin.source as usize] else { continue };
        let source = reader.source;
        let place = source.rows[origin.row as usize];
        let row = reader.read(&place).map_err(|error| CopyFailure::Reading(&source.path, error))?;
        text.clear();
        columns
            .push_row(row, place.values_bytes(), at, &mut text)
            .map_err(|error| CopyFailure::Reading(&source.path, error))?;
        text.push(b'\n');
        writer.write_all(&text).map_err(CopyFailure::Writing)?;
    }
    copy_range(first, first.tail_offset..u64::MAX, writer)
}

/// Copies what comes before the rows, with the new columns' names after the others.
fn copy_head<'a>(
    columns: &[&NewColumn],
    source: &'a StarSource,
    writer: &mut impl Write,
) -> std::result::Result<(), CopyFailure<'a>> {
    let reading = |error| CopyFailure::Reading(&source.path, error);
    let block = &source.block;
    let names_end = match (columns.is_empty(), block.columns.last()) {
        (false, Some(last)) => {
            end_of_line(source, block.start_offset, last.line.saturating_sub(block.line)).map_err(reading)?
        }
        _ => block.rows_offset,
    };
    copy_range(source, 0..names_end, writer)?;
    for (column, number) in columns.iter().zip(block.columns.len() + 1..) {
        let mut line = format!("_{} #{number}", column.name).into_bytes();
        line.push(b'\n');
        writer.write_all(&line).map_err(CopyFailure::Writing)?;
    }
    copy_range(source, names_end..block.rows_offset, writer)
}

/// Copies a file whose only particle is written as keys and values, with the new ones after the others.
fn copy_pairs<'a>(
    columns: &StarColumns<'_>,
    source: &'a StarSource,
    writer: &mut impl Write,
) -> std::result::Result<(), CopyFailure<'a>> {
    let rows_offset = source.block.rows_offset;
    copy_range(source, 0..rows_offset, writer)?;
    let end = source.rows.last().map_or(rows_offset, |row| row.range().end);
    let mut pairs = Vec::new();
    copy_range(source, rows_offset..end, &mut pairs)?;
    let mut text = Vec::new();
    columns.push_pairs(&pairs, &source.block, &mut text);
    writer.write_all(&text).map_err(CopyFailure::Writing)?;
    copy_range(source, source.tail_offset..u64::MAX, writer)
}

/// Copies a piece of a source; it may end before the piece does.
fn copy_range<'a>(
    source: &'a StarSource,
    range: Range<u64>,
    writer: &mut impl Write,
) -> std::result::Result<(), CopyFailure<'a>> {
    let reading = |error| CopyFailure::Reading(&source.path, error);
    let mut file = &source.file;
    file.seek(SeekFrom::Start(range.start)).map_err(reading)?;
    let mut piece = file.take(range.end.saturating_sub(range.start));
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match piece.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => writer.write_all(&buffer[..n]).map_err(CopyFailure::Writing)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(reading(error)),
        }
    }
}

/// The offset behind the line that comes `n_lines` after the one at `offset`.
fn end_of_line(source: &StarSource, offset: u64, n_lines: u64) -> io::Result<u64> {
    let mut file = &source.file;
    file.seek(SeekFrom::Start(offset))?;
    let mut reader = BufReader::new(file);
    let mut end = offset;
    let mut n_left = n_lines.saturating_add(1);
    while n_left > 0 {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let (n_bytes, is_whole) = match buffer.iter().position(|&byte| byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        reader.consume(n_bytes);
        end += n_bytes as u64;
        n_left -= u64::from(is_whole);
    }
    Ok(end)
}

/// Reads rows in any order; those that follow each other in the file with few calls.
struct RowReader<'a> {
    source: &'a StarSource,
    buffer: Vec<u8>,
    /// Where the buffer's bytes are from.
    start: u64,
}

impl<'a> RowReader<'a> {
    /// How much is read at once when scattered rows are needed.
    const SMALL_BYTES: usize = 4 << 10;

    fn new(source: &'a StarSource) -> Self {
        Self { source, buffer: Vec::new(), start: 0 }
    }

    fn read(&mut self, place: &RowPlace) -> io::Result<&[u8]> {
        let range = place.range();
        let n_bytes = (range.end - range.start) as usize;
        let held = self.start..self.start + self.buffer.len() as u64;
        if range.start < held.start || range.end > held.end {
            let goes_on = range.start >= held.start && range.start <= held.end + BUFFER_BYTES as u64;
            let wanted = if goes_on { BUFFER_BYTES } else { Self::SMALL_BYTES };
            self.fill(range.start, n_bytes, wanted.max(n_bytes))?;
        }
        let at = (range.start - self.start) as usize;
        self.buffer
            .get(at..at + n_bytes)
            .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"))
    }

    /// Reads at least `n_least` bytes from `start` on, and up to `n_most` if they are there.
    fn fill(&mut self, start: u64, n_least: usize, n_most: usize) -> io::Result<()> {
        let file: &File = &self.source.file;
        self.buffer.resize(n_most, 0);
        self.start = start;
        let mut n_read = 0;
        while n_read < n_least.max(1) {
            match file.read_at(&mut self.buffer[n_read..], start + n_read as u64) {
                Ok(0) => break,
                Ok(n) => n_read += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buffer.truncate(n_read);
        Ok(())
    }
}
