//! Writes STAR files that RELION, `starfile` and [`StarReader`](super::StarReader) read in the same way.

use super::block::MAX_COLUMNS;
use super::fault;
use super::line::{Line, MAX_LINE_BYTES};
use super::tokens::{TokenFault, Tokens, is_white};
use crate::{FormatError, Place, Result};
use std::io::Write;

/// Words of the STAR language that a bare value must not start with, in any case.
const RESERVED: [&[u8]; 5] = [b"data_", b"loop_", b"save_", b"global_", b"stop_"];

/// Writes blocks, one after the other. [`StarWriter::finish`] completes the file.
///
/// Values are quoted where necessary: when empty, with white space or `#` in them, or starting like something
/// else. Two kinds of value are written although `starfile`, which takes every `'` in a loop for a `"`, misreads them: those
/// with `'`, and those with both `"` and white space.
///
/// ```
/// use verglas_formats::star::StarWriter;
///
/// let mut writer = StarWriter::new(Vec::new());
/// writer.start_loop("skipped", &["rlnImageName", "verglasReason"])?;
/// writer.write_row(&["000003@a.mrcs", "constant image"])?;
/// let text = writer.finish()?;
/// assert_eq!(
///     text,
///     b"data_skipped\n\nloop_\n_rlnImageName #1\n_verglasReason #2\n000003@a.mrcs \"constant image\"\n\n"
/// );
/// # Ok::<(), verglas_formats::FormatError>(())
/// ```
#[derive(Debug)]
pub struct StarWriter<W> {
    output: W,
    /// Columns of the loop that is open.
    n_columns: Option<usize>,
    /// The line being put together.
    text: Vec<u8>,
    /// A row that is copied, to be cut into its values.
    line: Line,
    values: Tokens,
}

impl<W: Write> StarWriter<W> {
    /// Writes to `output`, in pieces of one line: give it a buffer.
    pub fn new(output: W) -> Self {
        Self { output, n_columns: None, text: Vec::new(), line: Line::default(), values: Tokens::default() }
    }

    /// Writes a comment, each of its lines behind `# `. An open loop ends before it.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] if it holds a zero byte; [`FormatError::Io`].
    pub fn write_comment(&mut self, comment: &str) -> Result<()> {
        if comment.contains('\0') {
            return Err(FormatError::malformed(Place::File, "a comment holds a zero byte, which text can't"));
        }
        self.end_block()?;
        for line in comment.split(['\n', '\r']) {
            writeln!(self.output, "# {line}")?;
        }
        Ok(())
    }

    /// Starts a loop; rows follow. `columns` are names without the leading `_`.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] if the block's name or a column's is none that STAR can hold: white space or zero bytes
    /// in it, an empty column name, no columns at all; [`FormatError::Io`].
    pub fn start_loop<C: AsRef<str>>(&mut self, name: &str, columns: &[C]) -> Result<()> {
        check_block_name(name)?;
        if columns.is_empty() || columns.len() > MAX_COLUMNS {
            return Err(FormatError::malformed(
                Place::Entry(fault::shown(format!("data_{name}").as_bytes())),
                format!("expected 1 to {MAX_COLUMNS} columns, given {}", columns.len()),
            ));
        }
        for column in columns {
            check_column_name(column.as_ref())?;
        }
        check_head_size(columns.iter().map(|column| column.as_ref().len()).sum())?;
        self.end_block()?;
        write!(self.output, "data_{name}\n\nloop_\n")?;
        for (index, column) in columns.iter().enumerate() {
            writeln!(self.output, "_{} #{}", column.as_ref(), index + 1)?;
        }
        self.n_columns = Some(columns.len());
        Ok(())
    }

    /// Writes a row of the open loop, quoting values where needed.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] if no loop is open, the number of values is not that of the columns, or a value can't be
    /// written: it holds a line break or a zero byte, or needs quotes of a kind that it holds, followed by white space,
    /// of both kinds. Nothing of the row is written then. [`FormatError::Io`].
    pub fn write_row<V: AsRef<[u8]>>(&mut self, values: &[V]) -> Result<()> {
        self.check_count(values.len())?;
        self.text.clear();
        for (index, value) in values.iter().enumerate() {
            append_value(&mut self.text, index, value.as_ref(), Quotes::Loop)?;
        }
        self.write_line()
    }

    /// Writes a row as it is in another file ([`Row::raw`](super::Row::raw)), byte for byte, with the values `extra`
    /// after its own, before its comment if it has one.
    ///
    /// Only if its first value would be taken for something else in the new file, or if it contains a carriage return,
    /// are all values rewritten.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] as for [`StarWriter::write_row`], counting the row's own values and `extra`, or if the
    /// row has an open quote; [`FormatError::Io`].
    pub fn write_raw_row<V: AsRef<[u8]>>(&mut self, raw: &[u8], extra: &[V]) -> Result<()> {
        let place = || Place::Entry(fault::shown(raw));
        if raw.len() > MAX_LINE_BYTES {
            return Err(FormatError::malformed(place(), format!("longer than {MAX_LINE_BYTES} bytes")));
        }
        if raw.contains(&b'\n') {
            return Err(FormatError::malformed(place(), "a row to be written holds a line break"));
        }
        self.line.clear();
        self.line.push(raw);
        self.line.pad();
        let n_own = self.n_columns.unwrap_or(0).saturating_sub(extra.len());
        if self.values.capacity() != n_own {
            self.values.keep(n_own);
        }
        self.values.split(&self.line).map_err(|error| match error {
            TokenFault::OpenQuote { .. } => FormatError::malformed(place(), "a quote in this row is not closed"),
            TokenFault::Nul { .. } => FormatError::malformed(place(), "a zero byte, which text can't hold"),
        })?;
        self.check_count(self.values.found() + extra.len())?;

        self.text.clear();
        let starts_plain = match self.values.bare(0, &self.line) {
            Some(first) => !starts_like_another(first),
            None => n_own > 0,
        };
        // A lone carriage return separates values here, and ends lines for `starfile`.
        if starts_plain && !raw.contains(&b'\r') {
            // The last value's end, closing quote included; behind it are white space and a comment only.
            let last = self.values.span(n_own - 1).map_or(0, |(_, end)| end);
            let quote = raw.get(last).is_some_and(|&byte| !is_white(byte));
            let end = last + usize::from(quote);
            self.text.extend_from_slice(&raw[..end]);
            for value in extra {
                append_value(&mut self.text, 1, value.as_ref(), Quotes::Loop)?;
            }
            self.text.extend_from_slice(&raw[end..]);
        } else {
            let own = (0..n_own).filter_map(|index| self.values.value(index, &self.line));
            for (index, value) in own.chain(extra.iter().map(AsRef::as_ref)).enumerate() {
                append_value(&mut self.text, index, value, Quotes::Loop)?;
            }
        }
        self.write_line()
    }

    /// Writes a whole key–value block. Keys are names without the leading `_`.
    ///
    /// # Errors
    /// As for [`StarWriter::start_loop`] and [`StarWriter::write_row`]; nothing is written then.
    pub fn write_pairs<K: AsRef<str>, V: AsRef<[u8]>>(&mut self, name: &str, pairs: &[(K, V)]) -> Result<()> {
        check_block_name(name)?;
        if pairs.len() > MAX_COLUMNS {
            return Err(FormatError::malformed(
                Place::Entry(fault::shown(format!("data_{name}").as_bytes())),
                format!("expected at most {MAX_COLUMNS} keys, given {}", pairs.len()),
            ));
        }
        let mut text = format!("data_{name}\n\n").into_bytes();
        for (key, value) in pairs {
            check_column_name(key.as_ref())?;
            text.push(b'_');
            text.extend_from_slice(key.as_ref().as_bytes());
            append_value(&mut text, 1, value.as_ref(), Quotes::Pair)?;
            text.push(b'\n');
        }
        text.push(b'\n');
        check_head_size(text.len())?;
        self.end_block()?;
        self.output.write_all(&text)?;
        Ok(())
    }

    /// Ends the open loop, flushes, and gives the output back.
    ///
    /// # Errors
    /// [`FormatError::Io`].
    pub fn finish(mut self) -> Result<W> {
        self.end_block()?;
        self.output.flush()?;
        Ok(self.output)
    }

    /// A blank line: RELION takes it for the end of a loop.
    fn end_block(&mut self) -> Result<()> {
        if self.n_columns.take().is_some() {
            self.output.write_all(b"\n")?;
        }
        Ok(())
    }

    fn check_count(&self, given: usize) -> Result<()> {
        match self.n_columns {
            Some(n_columns) if n_columns == given => Ok(()),
            Some(n_columns) => Err(FormatError::malformed(
                Place::File,
                format!("a row to be written: expected {n_columns} values, given {given}"),
            )),
            None => Err(FormatError::malformed(Place::File, "a row to be written: no loop has been started for it")),
        }
    }

    fn write_line(&mut self) -> Result<()> {
        if self.text.len() > MAX_LINE_BYTES {
            return Err(FormatError::malformed(
                Place::File,
                format!("a row to be written has {} bytes, the limit is {MAX_LINE_BYTES}", self.text.len()),
            ));
        }
        self.text.push(b'\n');
        self.output.write_all(&self.text)?;
        Ok(())
    }
}

/// Which quotes are preferred.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    /// Double ones, which `starfile` understands in loops.
    Loop,
    /// Single ones where the value holds what a shell would expand within double ones: `starfile` cuts pairs as a shell.
    Pair,
}

/// Appends a value, with a blank before it unless it is the first, and quotes if needed.
fn append_value(text: &mut Vec<u8>, index: usize, value: &[u8], quotes: Quotes) -> Result<()> {
    check_bytes(value)?;
    if index > 0 {
        text.push(b' ');
    }
    let for_shell = quotes == Quotes::Pair && value.iter().any(|byte| b"\\\"'".contains(byte));
    if !needs_quotes(value) && !for_shell {
        text.extend_from_slice(value);
        return Ok(());
    }
    let preferred = if for_shell && !value.contains(&b'\'') { *b"'\"" } else { *b"\"'" };
    // Rather one that is not in the value at all.
    let absent = preferred.into_iter().find(|quote| !value.contains(quote));
    let Some(quote) = absent.or_else(|| preferred.into_iter().find(|&quote| !closes_early(value, quote))) else {
        return Err(FormatError::malformed(
            Place::Entry(fault::shown(value)),
            "can't be written: it needs quotes, and holds both kinds followed by white space",
        ));
    };
    text.push(quote);
    text.extend_from_slice(value);
    text.push(quote);
    Ok(())
}

fn needs_quotes(value: &[u8]) -> bool {
    value.is_empty() || starts_like_another(value) || value.iter().any(|&byte| is_white(byte) || byte == b'#')
}

/// Whether a bare value that starts like this is or may be taken for something else.
fn starts_like_another(value: &[u8]) -> bool {
    matches!(value.first(), Some(b'_' | b'#' | b';' | b'"' | b'\''))
        || RESERVED.iter().any(|word| value.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)))
}

/// Whether a reader would see the end of the value within it.
fn closes_early(value: &[u8], quote: u8) -> bool {
    value.windows(2).any(|pair| pair[0] == quote && is_white(pair[1]))
}

/// Characters that no value and no line can hold. A carriage return is a line break to `starfile`, alone or not.
fn check_bytes(value: &[u8]) -> Result<()> {
    let what = match value.iter().find(|byte| b"\n\r\0".contains(byte)) {
        None => return Ok(()),
        Some(0) => "a zero byte",
        Some(_) => "a line break",
    };
    Err(FormatError::malformed(
        Place::Entry(fault::shown(value)),
        format!("can't be written: it holds {what}, which a STAR value can't"),
    ))
}

/// Keeps what is written within the reader's limit.
fn check_head_size(n_bytes: usize) -> Result<()> {
    if n_bytes > MAX_LINE_BYTES {
        return Err(FormatError::malformed(
            Place::File,
            format!(
                "the names and values of a block to be written have {n_bytes} bytes, the limit is {MAX_LINE_BYTES}"
            ),
        ));
    }
    Ok(())
}

fn check_block_name(name: &str) -> Result<()> {
    check_name(name, &format!("data_{name}"))
}

fn check_column_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(FormatError::malformed(Place::File, "a column to be written has no name"));
    }
    check_name(name, &format!("_{name}"))
}

fn check_name(name: &str, shown: &str) -> Result<()> {
    if name.bytes().any(|byte| is_white(byte) || byte == 0) {
        return Err(FormatError::malformed(
            Place::Entry(fault::shown(shown.as_bytes())),
            "can't be written: a name can't hold white space or zero bytes",
        ));
    }
    Ok(())
}
