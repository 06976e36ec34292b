//! STAR files: blocks, columns, optics groups.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Serialize;
use verglas_core::error::{Error, Result};
use verglas_formats::star::value::parse_f64;
use verglas_formats::star::{Block, BlockKind, MAX_COLUMNS, Row, StarReader, strip_rln};

use super::values::{DistinctCounter, First, Item, Number, RangeBuilder, Values};

/// Blocks past this many are counted, not listed; so are those whose columns would exceed [`MAX_COLUMNS`] in all.
const MOST_BLOCKS: usize = 1000;
/// Optics groups past this many are not listed.
const MOST_GROUPS: usize = 4096;
/// Longer names of groups are cut, so that the list stays small.
const MOST_GROUP_BYTES: usize = 256;

/// The contents of a STAR file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StarContents {
    /// Who writes such files.
    pub dialect: StarDialect,
    /// Blocks in the file.
    pub n_blocks: u64,
    /// The first 1000 of them, or fewer where they have more than 65,536 columns together.
    pub blocks: Vec<StarBlock>,
    /// The optics groups, those of the optics block first; at most 4096.
    pub optics_groups: Vec<OpticsGroupCount>,
}

/// Who writes such STAR files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum StarDialect {
    /// RELION 3.1 and later: blocks `optics` and `particles`.
    #[serde(rename = "relion-3.1")]
    Relion31,
    /// RELION up to 3.0: one block whose rows name their images, without an optics block.
    #[serde(rename = "relion-3.0")]
    Relion30,
    /// Anything else.
    #[serde(rename = "generic")]
    Generic,
}

/// One data block.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StarBlock {
    /// The text after `data_`.
    pub name: String,
    /// The line of `data_`, from 1.
    pub line: u64,
    /// `loop`, `pairs` (keys with one value each) or `empty`.
    pub layout: &'static str,
    /// Rows; 1 for keys with values.
    pub n_rows: u64,
    /// The columns in their order.
    pub columns: Vec<StarColumn>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StarColumn {
    /// Its name without the leading `_`.
    pub name: String,
    /// Whether all its values are numbers.
    pub is_number: bool,
    /// A summary of the values.
    #[serde(flatten)]
    pub values: Values,
}

/// An optics group and its particles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpticsGroupCount {
    /// `rlnOpticsGroup`, as written.
    pub group: String,
    /// `rlnOpticsGroupName`, if the optics block has it.
    pub name: Option<String>,
    /// Whether the optics block has this group.
    pub in_optics: bool,
    /// Particles that name it; `None` where particles name no group, and there are several.
    pub n_particles: Option<u64>,
}

pub(super) fn inspect_star(path: &Path) -> Result<StarContents> {
    let in_file = |error| Error::from_format(path, error);
    let mut reader = StarReader::open(path).map_err(in_file)?;
    let mut groups = Groups::default();
    let (mut blocks, mut n_blocks, mut n_columns) = (Vec::new(), 0, 0_usize);
    while let Some(block) = reader.next_block().map_err(in_file)? {
        n_blocks += 1;
        if blocks.len() < MOST_BLOCKS && n_columns + block.columns.len() <= MAX_COLUMNS {
            n_columns += block.columns.len();
            blocks.push(inspect_block(&mut reader, &block, &mut groups).map_err(in_file)?);
        }
    }
    let n_particles = blocks.iter().find(|block| block.name == "particles").map_or(0, |block| block.n_rows);
    Ok(StarContents { dialect: dialect(&blocks), n_blocks, optics_groups: groups.finish(n_particles), blocks })
}

fn dialect(blocks: &[StarBlock]) -> StarDialect {
    let has_block = |name: &str| blocks.iter().any(|block| block.name == name);
    let names_images = |block: &StarBlock| block.columns.iter().any(|column| column.name == "rlnImageName");
    if has_block("optics") && has_block("particles") {
        StarDialect::Relion31
    } else if !has_block("optics") && blocks.iter().any(names_images) {
        StarDialect::Relion30
    } else {
        StarDialect::Generic
    }
}

fn inspect_block(
    reader: &mut StarReader<BufReader<File>>,
    block: &Block,
    groups: &mut Groups,
) -> verglas_formats::Result<StarBlock> {
    let mut columns: Vec<ColumnBuilder> = block.columns.iter().map(|_| ColumnBuilder::default()).collect();
    let position = |name: &str| block.columns.iter().position(|column| strip_rln(&column.name) == name);
    let group_at = position("OpticsGroup");
    let name_at = position("OpticsGroupName");
    let is_optics = block.name == "optics";
    if !is_optics && group_at.is_some() && (block.name == "particles" || position("ImageName").is_some()) {
        groups.start_particles(&block.name);
    }
    let mut row = Row::new();
    let mut n_rows = 0;
    while reader.read_row(&mut row)? {
        n_rows += 1;
        for (column, value) in columns.iter_mut().zip(row.values()) {
            column.add(value);
        }
        let Some(group) = group_at.and_then(|at| row.value(at)) else { continue };
        if is_optics {
            groups.add_optics(group, name_at.and_then(|at| row.value(at)));
        } else {
            groups.add_particle(&block.name, group);
        }
    }
    let columns = block.columns.iter().zip(columns).map(|(column, builder)| builder.finish(&column.name)).collect();
    let layout = match block.kind {
        BlockKind::Loop => "loop",
        BlockKind::Pairs => "pairs",
        BlockKind::Empty => "empty",
    };
    Ok(StarBlock { name: block.name.clone(), line: block.line, layout, n_rows, columns })
}

/// Collects what the values of one column amount to.
#[derive(Debug, Default)]
struct ColumnBuilder {
    first: Option<Item>,
    distinct: DistinctCounter,
    range: RangeBuilder,
    has_text: bool,
}

impl ColumnBuilder {
    #[inline]
    fn add(&mut self, value: &[u8]) {
        if self.first.is_none() {
            self.first = Some(Item::text(value));
        }
        self.distinct.add(value);
        if !self.has_text {
            match parse_f64(value) {
                Some(number) => self.range.add_float(number),
                None => self.has_text = true,
            }
        }
    }

    fn finish(self, name: &str) -> StarColumn {
        // A column without rows is no more a number than a text.
        let is_number = !self.has_text && self.first.is_some();
        let first = self.first.map(|first| match first {
            Item::Text(text) if is_number => {
                parse_f64(text.as_bytes()).map_or(Item::Text(text), |number| Item::Number(Number::Float(number)))
            }
            first => first,
        });
        let values = Values {
            n_distinct: self.distinct.count(),
            first: first.map(First::One),
            range: is_number.then(|| self.range.finish()),
        };
        StarColumn { name: name.to_owned(), is_number, values }
    }
}

/// Counts the particles of each optics group.
#[derive(Debug, Default)]
struct Groups {
    /// In the order of the optics block: number and name.
    optics: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// In the order of their first particle.
    particles: Vec<(Vec<u8>, u64)>,
    of_group: HashMap<Vec<u8>, usize>,
    /// The group of the row before; neighbours mostly are of one group.
    last: Option<usize>,
    /// The block that is counted: `particles`, or else the first one that names groups.
    counted_block: Option<String>,
}

impl Groups {
    fn start_particles(&mut self, block: &str) {
        let counts_now = self.counted_block.is_none() || block == "particles";
        if counts_now && self.counted_block.as_deref() != Some(block) {
            self.particles.clear();
            self.of_group.clear();
            self.last = None;
            self.counted_block = Some(block.to_owned());
        }
    }

    fn add_optics(&mut self, group: &[u8], name: Option<&[u8]>) {
        if self.optics.len() < MOST_GROUPS {
            self.optics.push((cut(group).to_vec(), name.map(|name| cut(name).to_vec())));
        }
    }

    fn add_particle(&mut self, block: &str, group: &[u8]) {
        if self.counted_block.as_deref() != Some(block) {
            return;
        }
        let group = cut(group);
        if let Some((name, n)) = self.last.and_then(|last| self.particles.get_mut(last))
            && name == group
        {
            *n += 1;
            return;
        }
        let at = match self.of_group.get(group) {
            Some(&at) => at,
            None if self.particles.len() < MOST_GROUPS => {
                self.of_group.insert(group.to_vec(), self.particles.len());
                self.particles.push((group.to_vec(), 0));
                self.particles.len() - 1
            }
            None => return,
        };
        self.particles[at].1 += 1;
        self.last = Some(at);
    }

    /// The counts; `n_rows` particles name no group where none was counted, and belong to the only one.
    fn finish(self, n_rows: u64) -> Vec<OpticsGroupCount> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let n_particles = |group: &[u8]| match (&self.counted_block, self.optics.len()) {
            (None, 1) => Some(n_rows),
            (None, _) => None,
            (Some(_), _) => Some(self.of_group.get(group).map_or(0, |&at| self.particles[at].1)),
        };
        let mut counts: Vec<OpticsGroupCount> = self
            .optics
            .iter()
            .map(|(group, name)| OpticsGroupCount {
                group: text(group),
                name: name.as_deref().map(text),
                in_optics: true,
                n_particles: n_particles(group),
            })
            .collect();
        let known: std::collections::HashSet<&[u8]> = self.optics.iter().map(|(group, _)| group.as_slice()).collect();
        let others = self.particles.iter().filter(|(group, _)| !known.contains(group.as_slice()));
        counts.extend(others.map(|(group, n)| OpticsGroupCount {
            group: text(group),
            name: None,
            in_optics: false,
            n_particles: Some(*n),
        }));
        counts
    }
}

fn cut(bytes: &[u8]) -> &[u8] {
    bytes.get(..MOST_GROUP_BYTES).unwrap_or(bytes)
}
