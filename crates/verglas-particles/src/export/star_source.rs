//! Finds the particles' rows in a STAR file, so that they can be copied unchanged.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufReader;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_formats::star::value::parse_u64;
use verglas_formats::star::{Block, BlockKind, Row, StarReader, strip_rln};

use super::folder::image_identity;
use crate::metadata::particle_block;

/// A STAR file and the places in it that an export copies.
#[derive(Debug)]
pub(super) struct StarSource {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// The head of the block with one row per particle.
    pub(super) block: Block,
    /// One per row; a key–value block has one row over many lines.
    pub(super) rows: Vec<RowPlace>,
    /// The parsed `rlnImageName` of the rows; empty unless requested.
    pub(super) identities: Vec<u64>,
    /// The text after the last row's line.
    pub(super) tail_offset: u64,
    /// The other blocks.
    pub(super) others: Vec<OtherBlock>,
}

/// A row's bytes, without the line end.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowPlace {
    start: u64,
    /// Bytes to the end of the last value, closing quote included; what follows are white space and a comment.
    values_bytes: u32,
    n_bytes: u32,
}

impl RowPlace {
    pub(super) fn range(&self) -> Range<u64> {
        self.start..self.start + u64::from(self.n_bytes)
    }

    pub(super) fn values_bytes(&self) -> usize {
        self.values_bytes as usize
    }
}

/// A summary of a block other than the particles'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OtherBlock {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    /// Of all its values.
    hash: u64,
}

impl StarSource {
    /// Reads the file at `path` once, and finds the rows.
    ///
    /// # Errors
    /// When the file can't be read, breaks the rules of STAR, or has several blocks of which none is `particles`; when
    /// rows that ought to name images don't.
    pub(super) fn read(path: &Path, with_identities: bool) -> Result<Self> {
        let in_file = |error| Error::from_format(path, error);
        let wanted = particle_block(path)?;
        let file = verglas_formats::open_regular(path)
            .map_err(|error| Error::io(format_args!("cannot read `{}`", path.display()), &error))?;
        let mut reader = StarReader::open(path).map_err(in_file)?;
        let (mut found, mut others) = (None, Vec::new());
        let mut number = 0;
        while let Some(block) = reader.next_block().map_err(in_file)? {
            if number == wanted {
                found = Some(read_rows(&mut reader, block, path, with_identities)?);
            } else {
                others.push(summarize(&mut reader, &block).map_err(in_file)?);
            }
            number += 1;
        }
        let Some(RowsRead { block, rows, identities }) = found else {
            return Err(Error::format(format!("`{}` changed while it was read", path.display())));
        };
        let cannot_read = |error| Error::io(format_args!("cannot read `{}`", path.display()), &error);
        let rows_end = rows.last().map_or(block.rows_offset, |row| row.range().end);
        let tail_offset = rows_end + line_end_bytes(&file, rows_end).map_err(cannot_read)?;
        Ok(Self { path: path.to_owned(), file, block, rows, identities, tail_offset, others })
    }

    /// Whether the particles are written as a key–value block: a single one.
    pub(super) fn is_pairs(&self) -> bool {
        self.block.kind == BlockKind::Pairs
    }

    /// The name of the column that a new one called `name` would be mistaken for: of the particles, or of the optics
    /// groups, whose values a particle's own overrule.
    pub(super) fn column_like(&self, name: &str) -> Option<&str> {
        let optics = self.others.iter().filter(|block| block.name == "optics").flat_map(|block| &block.columns);
        self.column_names().chain(optics.map(String::as_str)).find(|there| strip_rln(there) == strip_rln(name))
    }

    /// The names of the particles' columns, as written.
    pub(super) fn column_names(&self) -> impl Iterator<Item = &str> {
        self.block.columns.iter().map(|column| column.name.as_str())
    }
}

struct RowsRead {
    block: Block,
    rows: Vec<RowPlace>,
    identities: Vec<u64>,
}

fn read_rows(
    reader: &mut StarReader<BufReader<File>>,
    block: Block,
    path: &Path,
    with_identities: bool,
) -> Result<RowsRead> {
    let in_file = |error| Error::from_format(path, error);
    let image_at = match with_identities {
        true => Some(block.position("ImageName").map_err(in_file)?.ok_or_else(|| {
            Error::format(format!("`{}`: its particles have no rlnImageName any more", path.display()))
        })?),
        false => None,
    };
    let mut places = Vec::new();
    let mut identities = Vec::new();
    let mut row = Row::new();
    while reader.read_row(&mut row).map_err(in_file)? {
        let range = row.byte_range();
        let too_long = || Error::format(format!("line {} of `{}`: a row of 4 GiB", row.line(), path.display()));
        let n_bytes = u32::try_from(range.end - range.start).map_err(|_| too_long())?;
        // The lines of a key–value block are copied as they are, nothing goes between its values.
        let values_bytes = if block.kind == BlockKind::Pairs { n_bytes } else { values_bytes(&row) as u32 };
        places.push(RowPlace { start: range.start, values_bytes, n_bytes });
        if let Some(image_at) = image_at {
            identities.push(row.value(image_at).and_then(named_image).unwrap_or(0));
        }
    }
    Ok(RowsRead { block, rows: places, identities })
}

/// Where the last value of a row ends, closing quote included.
fn values_bytes(row: &Row) -> usize {
    let raw = row.raw();
    let Some(last) = row.len().checked_sub(1).and_then(|last| row.value(last)) else { return 0 };
    // The value is a piece of the line: the distance of their ends is what follows it.
    let after = (raw.as_ptr_range().end as usize).saturating_sub(last.as_ptr_range().end as usize);
    let end = raw.len().saturating_sub(after);
    // Only a closing quote can follow a value without white space between.
    match raw.get(end) {
        Some(b'"' | b'\'') => end + 1,
        _ => end,
    }
}

/// The parsed form of `000012@a.mrcs`.
fn named_image(name: &[u8]) -> Option<u64> {
    let at = name.iter().position(|&byte| byte == b'@')?;
    let section = parse_u64(&name[..at])?.checked_sub(1)?;
    Some(image_identity(&name[at + 1..], section))
}

fn summarize(reader: &mut StarReader<BufReader<File>>, block: &Block) -> verglas_formats::Result<OtherBlock> {
    let mut hasher = DefaultHasher::new();
    let mut row = Row::new();
    while reader.read_row(&mut row)? {
        row.values().for_each(|value| value.hash(&mut hasher));
    }
    let columns = block.columns.iter().map(|column| column.name.clone()).collect();
    Ok(OtherBlock { name: block.name.clone(), columns, hash: hasher.finish() })
}

/// How many bytes end the line whose text ends at `offset`: none at the end of the file.
fn line_end_bytes(file: &File, offset: u64) -> std::io::Result<u64> {
    let mut bytes = [0; 2];
    let n = file.read_at(&mut bytes, offset)?;
    Ok(match bytes.get(..n) {
        Some([b'\r', b'\n']) => 2,
        Some([b'\n', ..]) => 1,
        _ => 0,
    })
}
