//! One STAR file: its particle block as columns, its optics block as text, not yet joined.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;
use verglas_formats::star::{Block, BlockKind, Row, StarReader, strip_rln, value};

use super::columns::ColumnBuilder;
use super::fields::{Field, IMAGE_NAME, OPTICS_GROUP, OPTICS_GROUP_NAME, TOMOGRAPHY, ZERNIKES};
use super::image_name::parse_image_name;
use super::kind;
use super::problems::RowProblems;
use crate::particle::{Column, Pairing, RowLines, SectionIndex};

/// What stands in for an image name that names nothing.
pub(super) const UNNAMED: SectionIndex = SectionIndex(u32::MAX);

/// The form of an image name.
const NAME_HINT: &str =
    "an image is named NUMBER@FILE, its section counted from 1, like `000012@Extract/job007/mic_0042.mrcs`";

/// A STAR file's particles and, apart from them, its optics groups.
#[derive(Debug)]
pub(super) struct StarFile {
    pub(super) path: PathBuf,
    pub(super) particles: ParticleBlock,
    /// `None` when the file has one block only.
    pub(super) optics: Option<OpticsBlock>,
}

/// The block with one row per particle.
#[derive(Debug)]
pub(super) struct ParticleBlock {
    pub(super) block_name: String,
    /// The names of all its columns as written.
    pub(super) column_names: Vec<String>,
    pub(super) lines: RowLines,
    pub(super) n_rows: usize,
    pub(super) numbers: Vec<(Field, Column)>,
    /// Image files and sections that the rows name; `None` when the column is missing. In sequence they decide nothing,
    /// and what can't be read is [`UNNAMED`].
    pub(super) images: Option<ImageColumns>,
    /// The distinct optics groups as written, in the order of their first row, and which each row names.
    pub(super) groups: Option<TextColumn>,
    /// Whether one of the Zernike columns has a number that is not zero.
    pub(super) has_zernikes: bool,
}

/// The parsed `rlnImageName`, as columns.
#[derive(Debug, Default)]
pub(super) struct ImageColumns {
    pub(super) files: TextColumn,
    pub(super) section: Vec<SectionIndex>,
}

/// A column of text with few distinct values.
#[derive(Debug, Default)]
pub(super) struct TextColumn {
    /// The distinct values, in the order of their first row.
    pub(super) distinct: Vec<Vec<u8>>,
    /// Per row: index into `distinct`.
    pub(super) of_row: Vec<u32>,
    ids: HashMap<Vec<u8>, u32>,
}

impl TextColumn {
    fn push(&mut self, text: &[u8]) {
        // Neighbouring rows nearly always name the same thing: no hashing then.
        if let Some(&last) = self.of_row.last()
            && self.distinct[last as usize] == text
        {
            self.of_row.push(last);
            return;
        }
        let id = match self.ids.get(text) {
            Some(&id) => id,
            None => {
                let id = self.distinct.len() as u32;
                self.distinct.push(text.to_vec());
                self.ids.insert(text.to_vec(), id);
                id
            }
        };
        self.of_row.push(id);
    }

    /// As if it had been read.
    #[cfg(test)]
    pub(super) fn of(distinct: &[&str], of_row: &[u32]) -> Self {
        let distinct = distinct.iter().map(|text| text.as_bytes().to_vec()).collect();
        Self { distinct, of_row: of_row.to_vec(), ids: HashMap::new() }
    }

    /// Frees what only reading needs.
    fn finish(&mut self) {
        self.ids = HashMap::new();
    }
}

/// The optics block: a handful of rows, kept as text.
#[derive(Debug)]
pub(super) struct OpticsBlock {
    /// Bare column names.
    pub(super) columns: Vec<String>,
    /// The same as written.
    pub(super) written_columns: Vec<String>,
    /// Line and values of each row.
    pub(super) rows: Vec<(u64, Vec<Vec<u8>>)>,
}

/// Reads a STAR file in one pass, decoding only the columns that a conversion needs.
///
/// Of several blocks, `optics` and `particles` must both be there, in any order; further blocks are passed over. A
/// single block may have any name. A block that is nothing but its name is none of several.
pub(super) fn read_star_file(path: &Path, pairing: Pairing, findings: &mut Findings) -> Result<StarFile> {
    let in_file = |error| Error::from_format(path, error);
    let mut reader = StarReader::open(path).map_err(in_file)?;
    let (mut names, mut empty): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut particles, mut only_block, mut optics) = (None, None, None);
    while let Some(block) = reader.next_block().map_err(in_file)? {
        if block.kind == BlockKind::Empty {
            empty.push(block.name);
            continue;
        }
        if matches!(block.name.as_str(), "particles" | "optics") && names.contains(&block.name) {
            let (line, path, name) = (block.line, path.display(), block.name);
            return Err(Error::format(format!("line {line} of `{path}`: a second block `data_{name}`")));
        }
        match block.name.as_str() {
            "particles" => particles = Some(read_particles(&mut reader, &block, path, pairing, findings)?),
            "optics" => optics = Some(read_optics(&mut reader, &block, path)?),
            // The first block may turn out to be the only one, whatever its name.
            // It may not be a model's, a job's or the like either: then nothing can be said about its rows.
            name if kind::of_blocks([name]).is_some() && !may_be_particles(&block, pairing) => {}
            _ if names.is_empty() => only_block = Some(read_particles(&mut reader, &block, path, pairing, findings)?),
            _ => {}
        }
        names.push(block.name);
    }
    if let Some(line) = reader.text_before_blocks() {
        let path = path.display();
        findings.warn(
            "text-before-blocks",
            format!("line {line} of `{path}`: text before the first line that starts with `data_`; it is ignored"),
        );
    }
    if names.is_empty() || (names == ["optics"] && empty.iter().any(|name| name == "particles")) {
        let empty: Vec<String> = empty.iter().map(|name| format!("`data_{name}`")).collect();
        let message = format!("`{}`: no particles: nothing follows {}", path.display(), empty.join(", "));
        return Err(Error::format(message));
    }
    let kind = kind::of_blocks(names.iter().map(String::as_str));
    let star = |particles, optics| StarFile { path: path.to_owned(), particles, optics };
    match (names.len(), particles, optics, only_block) {
        (1, Some(particles), None, None) | (1, None, None, Some(particles)) => Ok(star(particles, None)),
        (2.., Some(particles), Some(optics), _) => Ok(star(particles, Some(optics))),
        (1, None, Some(_), _) => {
            // A single block is one of particles, even by this name.
            let mut reader = StarReader::open(path).map_err(in_file)?;
            let block = first_with_content(&mut reader).map_err(in_file)?;
            let block =
                block.ok_or_else(|| Error::format(format!("`{}` changed while it was read", path.display())))?;
            Ok(star(read_particles(&mut reader, &block, path, pairing, findings)?, None))
        }
        _ => {
            let found = names.iter().map(|name| format!("`data_{name}`")).collect::<Vec<_>>().join(", ");
            let expected = "expected `data_optics` and `data_particles`";
            let (error, hint) = match kind {
                Some((what, hint)) => (format!("{what}, no particles: {expected}, found {found}"), hint),
                None => (
                    format!("of several blocks, {expected}, found {found}"),
                    "give the file with one row per particle: RELION calls it `run_data.star` or `particles.star`",
                ),
            };
            let error = Error::format(format!("`{}`: {error}", path.display()));
            Err(error.with_hint(kind::particles_beside(path).unwrap_or_else(|| hint.into())))
        }
    }
}

/// Whether a block whose name is another's may hold particles all the same: a single block may have any name.
fn may_be_particles(block: &Block, pairing: Pairing) -> bool {
    let names_images = || block.columns.iter().any(|column| strip_rln(&column.name) == IMAGE_NAME);
    pairing == Pairing::Sequential || names_images()
}

/// Goes to the first block that is more than its name.
fn first_with_content(reader: &mut StarReader<BufReader<File>>) -> verglas_formats::Result<Option<Block>> {
    loop {
        match reader.next_block()? {
            Some(block) if block.kind == BlockKind::Empty => {}
            found => return Ok(found),
        }
    }
}

/// The position of the column with the bare name `name`; two such columns are an error.
fn position(block: &Block, name: &str, path: &Path) -> Result<Option<usize>> {
    let mut places =
        block.columns.iter().enumerate().filter(|(_, column)| strip_rln(&column.name) == name).map(|(at, _)| at);
    let first = places.next();
    if let Some(second) = places.next() {
        let [written, again] = [first.unwrap_or(0), second].map(|at| &block.columns[at]);
        return Err(Error::format(format!(
            "line {} of `{}`: rln{name} appears twice in block `data_{}`: as column {} (`_{}`, line {}) and as column \
             {} (`_{}`)",
            again.line,
            path.display(),
            block.name,
            first.unwrap_or(0) + 1,
            written.name,
            written.line,
            second + 1,
            again.name
        ))
        .with_hint("it is unclear which of the two counts: keep only one of them in the file"));
    }
    Ok(first)
}

fn read_optics(reader: &mut StarReader<BufReader<File>>, block: &Block, path: &Path) -> Result<OpticsBlock> {
    let mut rows = Vec::new();
    let mut row = Row::default();
    while reader.read_row(&mut row).map_err(|error| Error::from_format(path, error))? {
        let values = (0..row.len()).filter_map(|at| row.value(at)).map(<[u8]>::to_vec).collect();
        rows.push((row.line(), values));
    }
    let others = [OPTICS_GROUP, OPTICS_GROUP_NAME].into_iter().chain(ZERNIKES);
    for name in Field::ALL.map(Field::name).into_iter().chain(others) {
        position(block, name, path)?;
    }
    let columns = block.columns.iter().map(|column| strip_rln(&column.name).to_owned()).collect();
    let written_columns = block.columns.iter().map(|column| column.name.clone()).collect();
    Ok(OpticsBlock { columns, written_columns, rows })
}

fn read_particles(
    reader: &mut StarReader<BufReader<File>>,
    block: &Block,
    path: &Path,
    pairing: Pairing,
    findings: &mut Findings,
) -> Result<ParticleBlock> {
    refuse_other_kinds(block, path)?;
    let ignored: &[Field] = match pairing {
        Pairing::Indexed => &[],
        Pairing::Sequential => &Field::IGNORED_IN_SEQUENCE,
    };
    let mut numbers: Vec<(Field, usize, ColumnBuilder)> = Vec::new();
    for field in Field::ALL.into_iter().filter(|field| !ignored.contains(field)) {
        if let Some(at) = position(block, field.name(), path)? {
            numbers.push((field, at, ColumnBuilder::default()));
        }
    }
    let image_at = match pairing {
        Pairing::Indexed => position(block, IMAGE_NAME, path)?,
        // Only compared with the image that it is paired with; if there are two such columns, neither is reliable.
        Pairing::Sequential => position(block, IMAGE_NAME, path).ok().flatten(),
    };
    let subtomogram_columns = kind::subtomogram_columns(block.columns.iter().map(|column| column.name.as_str()));
    let group_at = position(block, OPTICS_GROUP, path)?;
    let mut zernikes = Vec::new();
    for name in ZERNIKES {
        zernikes.extend(position(block, name, path)?);
    }

    let mut lines = RowLines::default();
    let mut images = image_at.map(|_| ImageColumns::default());
    let mut groups = group_at.map(|_| TextColumn::default());
    let mut has_zernikes = false;
    let mut problems = RowProblems::default();
    let mut n_rows: u32 = 0;
    let mut row = Row::default();
    while reader.read_row(&mut row).map_err(|error| Error::from_format(path, error))? {
        let line = row.line();
        let here = || format!("row {n_rows} of `{}` (line {line})", path.display());
        let text = |at: usize| row.value(at).unwrap_or_default();
        for (field, at, builder) in &mut numbers {
            let text = text(*at);
            match value::parse_f64(text).filter(|number| number.is_finite()) {
                Some(number) => builder.push(number),
                None if field.is_lenient(pairing) => builder.push(0.0),
                None => {
                    let name = field.name();
                    problems.add(name, || {
                        let found = String::from_utf8_lossy(text);
                        Error::format(format!("{}: rln{name} is `{found}`, expected a number", here()))
                    });
                    builder.push_unread();
                }
            }
        }
        if let (Some(images), Some(at)) = (&mut images, image_at) {
            let name = text(at);
            // Such files have columns of their own, and images without a section.
            if n_rows == 0 && !subtomogram_columns.is_empty() && !name.contains(&b'@') {
                let tell = if subtomogram_columns.len() == 1 { "tells it" } else { "tell it" };
                return Err(kind::subtomograms(path, &format!("{} {tell}", subtomogram_columns.join(", "))));
            }
            let (section, file) = parse_image_name(name).unwrap_or_else(|expected| {
                if pairing == Pairing::Sequential {
                    return (UNNAMED, b"");
                }
                problems.add(IMAGE_NAME, || {
                    let found = String::from_utf8_lossy(name);
                    Error::format(format!("{}: rlnImageName is `{found}`, {expected}", here())).with_hint(NAME_HINT)
                });
                (SectionIndex(0), b"")
            });
            images.files.push(file);
            images.section.push(section);
        }
        if let (Some(groups), Some(at)) = (&mut groups, group_at) {
            groups.push(text(at));
        }
        has_zernikes = has_zernikes || zernikes.iter().any(|&at| has_nonzero_number(text(at)));
        lines.push(line);
        n_rows = n_rows
            .checked_add(1)
            .ok_or_else(|| Error::format(format!("`{}`: more than {} rows in one block", path.display(), u32::MAX)))?;
    }
    problems.report(findings);
    if let Some(images) = &mut images {
        images.files.finish();
    }
    if let Some(groups) = &mut groups {
        groups.finish();
    }
    Ok(ParticleBlock {
        block_name: block.name.clone(),
        column_names: block.columns.iter().map(|column| column.name.clone()).collect(),
        lines,
        n_rows: n_rows as usize,
        numbers: numbers
            .into_iter()
            // No pixel size is better than an invented one.
            .filter(|(field, _, builder)| !(field.is_pixel_size() && builder.is_unread()))
            .map(|(field, _, builder)| (field, builder.finish()))
            .collect(),
        images,
        groups,
        has_zernikes,
    })
}

/// Refuses, by name, files whose rows are not single-particle images.
fn refuse_other_kinds(block: &Block, path: &Path) -> Result<()> {
    if let Some(column) = block.columns.iter().find(|column| TOMOGRAPHY.contains(&strip_rln(&column.name))) {
        return Err(Error::format(format!(
            "line {} of `{}`: the column {} belongs to RELION's tomography, whose particles are not single images",
            column.line,
            path.display(),
            column.name
        ))
        .with_hint("single-particle stacks are converted; for tomography, extract 2-D particles first"));
    }
    if let Some(column) = block.columns.iter().find(|column| column.name.starts_with("cisTEM")) {
        return Err(Error::format(format!(
            "line {} of `{}`: the column {} is cisTEM's, whose STAR files use other column names than RELION's",
            column.line,
            path.display(),
            column.name
        ))
        .with_hint("export the particles from cisTEM in RELION's format"));
    }
    Ok(())
}

/// Whether a list such as `[0,0.12,-3]` contains a number other than zero.
pub(super) fn has_nonzero_number(list: &[u8]) -> bool {
    list.split(|byte| matches!(byte, b'[' | b']' | b','))
        .filter_map(|text| value::parse_f64(text.trim_ascii()))
        .any(|number| number != 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zernike_lists_are_zero_or_not() {
        assert!(!has_nonzero_number(b"[0,0.0,-0]"));
        assert!(!has_nonzero_number(b"None"));
        assert!(has_nonzero_number(b"[0, 0.1]"));
    }

    #[test]
    fn text_columns_keep_the_order_of_first_rows() {
        let mut column = TextColumn::default();
        for text in [b"b", b"a", b"b", b"b", b"a"] {
            column.push(text);
        }
        assert_eq!(column.distinct, [b"b", b"a"]);
        assert_eq!(column.of_row, [0, 1, 0, 0, 1]);
    }
}
