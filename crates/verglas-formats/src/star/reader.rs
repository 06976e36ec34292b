//! Reads a STAR file once, from start to end, one row at a time.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::block::{Block, BlockKind, Column, MAX_COLUMNS};
use super::fault;
use super::line::{Line, LineSource, MAX_LINE_BYTES, Skipped};
use super::row::Row;
use super::tokens::{Tokens, is_white, trim_start};
use crate::open::open_regular;
use crate::{FormatError, Place, Result};

/// Large enough that reading costs few system calls, small enough to stay in the processor's cache.
const BUFFER_BYTES: usize = 256 * 1024;

/// Reads the blocks of a STAR file and their rows in one pass; memory does not depend on the file's size.
///
/// After an error, the reader is after the line that the error is about; reading on is possible. After a line that
/// is too long, it finds the end of the file.
///
/// ```
/// use verglas_formats::star::{Row, StarReader, value::parse_f64};
///
/// let text = b"data_particles\nloop_\n_rlnImageName #1\n_rlnDefocusU #2\n1@a.mrcs 10500.5\n2@a.mrcs 9800\n";
/// let mut reader = StarReader::new(&text[..]);
/// let mut row = Row::new();
/// while let Some(block) = reader.next_block()? {
///     let defocus_u = block.position("DefocusU")?.expect("a column DefocusU");
///     let mut sum_angstrom = 0.0;
///     while reader.read_row(&mut row)? {
///         sum_angstrom += row.value(defocus_u).and_then(parse_f64).expect("a number");
///     }
///     assert_eq!(sum_angstrom, 20300.5);
/// }
/// # Ok::<(), verglas_formats::FormatError>(())
/// ```
#[derive(Debug)]
pub struct StarReader<R> {
    lines: LineSource<R>,
    /// The line that was read last.
    line: Line,
    /// Whether `line` has yet to be processed.
    is_held: bool,
    /// Of lines that are not rows.
    tokens: Tokens,
    stage: Stage,
    n_blocks: u64,
    text_before_blocks: Option<u64>,
}

/// What comes next in the file.
#[derive(Debug)]
enum Stage {
    /// A `data_` line, or the end.
    Block,
    /// Rows of a loop with this number of columns.
    Rows(usize),
    /// The only row of a key–value block, read already.
    Pairs(Box<Row>),
}

impl StarReader<BufReader<File>> {
    /// Opens a file, with a large buffer.
    ///
    /// # Errors
    /// [`FormatError::Io`] if it can't be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::new(BufReader::with_capacity(BUFFER_BYTES, open_regular(path)?)))
    }
}

impl<R: BufRead> StarReader<R> {
    /// Reads from any buffered source; a large buffer (256 KiB) makes it fastest.
    pub fn new(reader: R) -> Self {
        let mut tokens = Tokens::default();
        // Enough to distinguish a pair from a line with too many values.
        tokens.keep(2);
        Self {
            lines: LineSource::new(reader),
            line: Line::default(),
            is_held: false,
            tokens,
            stage: Stage::Block,
            n_blocks: 0,
            text_before_blocks: None,
        }
    }

    /// Goes to the next block, whatever is left of the current one, and reads its head; `None` after the last block.
    ///
    /// Rows that are passed over are not checked. A key–value block is read whole, as its keys are its columns.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] for text where none is allowed, for a head that is out of order, and for a file
    /// without any data block, with the first line of what is there instead; [`FormatError::Unsupported`] for parts of
    /// the STAR language that are not supported (see the module) and for other formats; [`FormatError::Io`].
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        if let Stage::Rows(_) = std::mem::replace(&mut self.stage, Stage::Block) {
            self.skip_rows()?;
        }
        if !self.find_block()? {
            return Ok(None);
        }
        let word = self.tokens.bare(0, &self.line).unwrap_or_default();
        let mut block = Block {
            name: String::from_utf8_lossy(word.strip_prefix(b"data_").unwrap_or(word)).into_owned(),
            line: self.line.number,
            kind: BlockKind::Empty,
            columns: Vec::new(),
            start_offset: self.line.start,
            rows_offset: 0,
        };
        self.n_blocks += 1;
        self.read_head(&mut block)?;
        Ok(Some(block))
    }

    /// The first line before the first block that is neither blank nor a comment; such lines are passed over.
    pub fn text_before_blocks(&self) -> Option<u64> {
        self.text_before_blocks
    }

    /// Goes to the next `data_` line; `false` at the end.
    ///
    /// Text before the first block is ignored, unless no block follows: then the error says what is there.
    fn find_block(&mut self) -> Result<bool> {
        let mut misplaced = None;
        while self.next_line()? {
            if self.line.number == 1
                && let Some(error) = fault::foreign_format(self.line.text())
            {
                return Err(error);
            }
            match self.is_block_line() {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) if self.n_blocks == 0 && self.may_be_passed_over() => {
                    misplaced.get_or_insert(error);
                    self.text_before_blocks.get_or_insert(self.line.number);
                }
                Err(error) => return Err(error),
            }
        }
        if self.n_blocks > 0 {
            return Ok(false);
        }
        Err(misplaced
            .unwrap_or_else(|| FormatError::malformed(Place::File, "expected a data block (`data_`), found none")))
    }

    /// Whether the current line starts a block; `false` for a blank line or a comment, anything else is an error.
    fn is_block_line(&mut self) -> Result<bool> {
        self.cut()?;
        if self.tokens.found() == 0 {
            return Ok(false);
        }
        if let Some(error) = self.refused() {
            return Err(error);
        }
        if !self.tokens.bare(0, &self.line).is_some_and(|word| word.starts_with(b"data_")) {
            return Err(self.misplaced("expected a line that starts with `data_`"));
        }
        if self.tokens.found() > 1 {
            return Err(self
                .misplaced("expected nothing after the block's name")
                .with_hint("a block's name can't hold white space; a value that starts with `data_` needs quotes"));
        }
        Ok(true)
    }

    /// Whether the current line is text, and not meant to start a block or to be in one: with a head whose `data_`
    /// line is lost, rows would be lost with it.
    fn may_be_passed_over(&self) -> bool {
        let text = self.line.text();
        let is_of_block = [&b"data_"[..], b"loop_", b"_"].iter().any(|start| trim_start(text).starts_with(start));
        !is_of_block && memchr::memchr(0, text).is_none()
    }

    /// Reads the next row of the current block; `false` at the block's end, and before the first block.
    ///
    /// # Errors
    /// [`FormatError::Malformed`], with the line, for a row with too few or too many values and for an open quote;
    /// [`FormatError::Unsupported`] for parts of the STAR language that are not supported; [`FormatError::Io`].
    #[inline]
    pub fn read_row(&mut self, row: &mut Row) -> Result<bool> {
        match &mut self.stage {
            Stage::Rows(n_columns) => {
                let n_columns = *n_columns;
                self.read_loop_row(n_columns, row)
            }
            Stage::Pairs(only) => {
                std::mem::swap(row, only);
                self.stage = Stage::Block;
                Ok(true)
            }
            Stage::Block => {
                row.values.keep(0);
                Ok(false)
            }
        }
    }

    fn read_loop_row(&mut self, n_columns: usize, row: &mut Row) -> Result<bool> {
        if row.values.capacity() != n_columns {
            row.values.keep(n_columns);
        }
        loop {
            if self.is_held {
                std::mem::swap(&mut self.line, &mut row.line);
                self.is_held = false;
            } else if !self.lines.read_line(&mut row.line).map_err(|error| fault::unreadable(error, &row.line))? {
                break;
            }
            row.values.split(&row.line).map_err(|error| fault::uncut(error, &row.line))?;
            let found = row.values.found();
            // A line of several values is a row even if it starts with a word of the language: RELION reads it so, and
            // paths do start with `data_`.
            if found == n_columns && found > 1 && row.line.text().first() != Some(&b';') {
                return Ok(true);
            }
            if found == 0 {
                continue;
            }
            if let Some(error) = fault::refused(&row.line, &row.values) {
                return Err(error);
            }
            if found == 1 {
                let word = first_bare(&row.line);
                if word.starts_with(b"data_") {
                    std::mem::swap(&mut self.line, &mut row.line);
                    self.is_held = true;
                    break;
                }
                if word == b"loop_" {
                    return Err(FormatError::malformed(
                        Place::Line(row.line.number),
                        "found a second `loop_` in one data block, after the rows of the first",
                    )
                    .with_hint("each table needs a line `data_NAME` before it"));
                }
            }
            if found != n_columns {
                return Err(fault::wrong_count(n_columns, found, &row.line));
            }
            return Ok(true);
        }
        self.stage = Stage::Block;
        row.values.keep(0);
        Ok(false)
    }

    /// Reads what follows a `data_` line, up to the first row or the block's end.
    fn read_head(&mut self, block: &mut Block) -> Result<()> {
        loop {
            block.rows_offset = self.lines.offset();
            if !self.next_line()? {
                return Ok(());
            }
            self.cut()?;
            if self.tokens.found() == 0 {
                continue;
            }
            if let Some(error) = self.refused() {
                return Err(error);
            }
            let first = self.tokens.bare(0, &self.line).unwrap_or_default();
            if first.starts_with(b"data_") {
                self.is_held = true;
                return Ok(());
            }
            if first.starts_with(b"_") {
                self.is_held = true;
                block.kind = BlockKind::Pairs;
                return self.read_pairs(block);
            }
            if first != b"loop_" {
                return Err(self.misplaced("expected `loop_`, `_KEY VALUE` or the next `data_`"));
            }
            self.check_loop_line()?;
            block.kind = BlockKind::Loop;
            self.read_columns(block)?;
            self.stage = Stage::Rows(block.columns.len());
            return Ok(());
        }
    }

    /// Reads the column names of a loop, up to its first row.
    fn read_columns(&mut self, block: &mut Block) -> Result<()> {
        // Whether blank lines or comments separate the next line from the names.
        let mut is_apart = false;
        let mut names_bytes = 0;
        loop {
            block.rows_offset = self.lines.offset();
            if !self.next_line()? {
                return Ok(());
            }
            self.cut()?;
            if self.tokens.found() == 0 {
                is_apart = !block.columns.is_empty();
                continue;
            }
            let first = self.tokens.bare(0, &self.line).unwrap_or_default();
            if first == b"loop_" {
                // A loop that has no rows; a further one takes its place.
                self.check_loop_line()?;
                block.columns.clear();
                is_apart = false;
                continue;
            }
            // RELION takes every line that starts with `_` here for a name, `starfile` only those before a gap.
            let is_name = first.starts_with(b"_") && (self.tokens.found() == 1 || !is_apart);
            if !is_name {
                if block.columns.is_empty() && !first.starts_with(b"data_") {
                    return Err(self.misplaced("expected a column's name (`_NAME`) after `loop_`"));
                }
                self.is_held = true;
                return Ok(());
            }
            self.push_column(block, &mut names_bytes)?;
        }
    }

    /// Reads the keys and values of a block without a loop.
    fn read_pairs(&mut self, block: &mut Block) -> Result<()> {
        let mut row = Box::<Row>::default();
        let mut spans = Vec::new();
        let mut names_bytes = 0;
        row.line.number = self.line.number;
        row.line.start = self.line.start;
        row.line.terminated = true;
        while self.next_line()? {
            self.cut()?;
            if self.tokens.found() == 0 {
                continue;
            }
            if let Some(error) = self.refused() {
                return Err(error);
            }
            let first = self.tokens.bare(0, &self.line).unwrap_or_default();
            if first.starts_with(b"data_") && self.tokens.found() == 1 {
                self.is_held = true;
                break;
            }
            if first == b"loop_" {
                return Err(FormatError::malformed(
                    Place::Line(self.line.number),
                    "found `loop_` in a data block that has keys with values already",
                )
                .with_hint("each table needs a line `data_NAME` before it"));
            }
            if !first.starts_with(b"_") {
                return Err(self.misplaced("expected `_KEY VALUE` or the next `data_`"));
            }
            let (Some(value), 2) = (self.tokens.written(1, &self.line), self.tokens.found()) else {
                return Err(self.not_a_pair());
            };
            if row.line.text().len() + value.len() >= MAX_LINE_BYTES {
                return Err(FormatError::malformed(
                    Place::Line(self.line.number),
                    format!("expected at most {MAX_LINE_BYTES} bytes of values in one data block, found more"),
                ));
            }
            if !block.columns.is_empty() {
                row.line.push(b"\t");
            }
            let quote = usize::from(self.tokens.bare(1, &self.line).is_none());
            let start = row.line.text().len();
            row.line.push(value);
            spans.push((start + quote, start + value.len() - quote));
            row.line.end = self.line.end;
            self.push_column(block, &mut names_bytes)?;
        }
        row.line.pad();
        row.values.set(&spans);
        self.stage = Stage::Pairs(row);
        Ok(())
    }

    /// Adds the column that the current line names.
    fn push_column(&self, block: &mut Block, names_bytes: &mut usize) -> Result<()> {
        let place = Place::Line(self.line.number);
        let written = self.tokens.bare(0, &self.line).unwrap_or_default();
        let name = written.strip_prefix(b"_").unwrap_or(written);
        if name.is_empty() {
            return Err(FormatError::malformed(place, "expected a name after `_`, found none"));
        }
        if block.columns.len() >= MAX_COLUMNS {
            return Err(FormatError::malformed(place, format!("expected at most {MAX_COLUMNS} columns, found more")));
        }
        *names_bytes += name.len();
        if *names_bytes > MAX_LINE_BYTES {
            return Err(FormatError::malformed(
                place,
                format!("expected at most {MAX_LINE_BYTES} bytes of column names, found more"),
            ));
        }
        block.columns.push(Column { name: String::from_utf8_lossy(name).into_owned(), line: self.line.number });
        Ok(())
    }

    /// Passes over the rest of a loop. Only a line that holds nothing but `data_NAME` ends it.
    fn skip_rows(&mut self) -> Result<()> {
        let may_start_block = |text: &[u8]| trim_start(text).starts_with(b"data_");
        let mut is_read = self.is_held;
        loop {
            if !is_read {
                match self.lines.skip_lines(&mut self.line, may_start_block) {
                    Ok(Skipped::End) => return Ok(()),
                    Ok(Skipped::ReadLine) => {}
                    Ok(Skipped::NextLine) => {
                        self.lines.read_line(&mut self.line).map_err(|error| fault::unreadable(error, &self.line))?;
                    }
                    Err(error) => return Err(fault::unreadable(error, &self.line)),
                }
            }
            is_read = false;
            self.is_held = false;
            if self.tokens.split(&self.line).is_ok()
                && self.tokens.found() == 1
                && self.tokens.bare(0, &self.line).is_some_and(|word| word.starts_with(b"data_"))
            {
                self.is_held = true;
                return Ok(());
            }
        }
    }

    /// Makes the next line the current one, which may be the one that was held back; `false` at the end.
    fn next_line(&mut self) -> Result<bool> {
        if self.is_held {
            self.is_held = false;
            return Ok(true);
        }
        self.lines.read_line(&mut self.line).map_err(|error| fault::unreadable(error, &self.line))
    }

    fn cut(&mut self) -> Result<()> {
        self.tokens.split(&self.line).map_err(|error| fault::uncut(error, &self.line))
    }

    fn refused(&self) -> Option<FormatError> {
        fault::refused(&self.line, &self.tokens)
    }

    fn check_loop_line(&self) -> Result<()> {
        if self.tokens.found() == 1 {
            return Ok(());
        }
        Err(self.misplaced("expected nothing after `loop_`").with_hint("each column name has a line of its own"))
    }

    fn not_a_pair(&self) -> FormatError {
        let place = Place::Line(self.line.number);
        let key = fault::excerpt(self.tokens.bare(0, &self.line).unwrap_or_default());
        match self.tokens.found() {
            1 => FormatError::malformed(place, format!("expected a value after {key}, found none"))
                .with_hint("is the line `loop_` missing? An empty value is written as \"\""),
            found => FormatError::malformed(place, format!("expected one value after {key}, found {}", found - 1))
                .with_hint("a value that contains white space must be in quotes"),
        }
    }

    /// Text that does not belong where the current line is.
    fn misplaced(&self, expected: &str) -> FormatError {
        let text = self.line.text().trim_ascii();
        FormatError::malformed(Place::Line(self.line.number), format!("{expected}, found {}", fault::excerpt(text)))
    }
}

/// The first word of a line without quotes; empty if it is quoted.
fn first_bare(line: &Line) -> &[u8] {
    let text = trim_start(line.text());
    let end = text.iter().position(|&byte| is_white(byte)).unwrap_or(text.len());
    &text[..end]
}
