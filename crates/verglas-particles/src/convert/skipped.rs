//! The list of the images that were left out: a STAR file that RELION reads.
//!
//! Of an indexed STAR file the rows stand there as they were, with the optics groups before them and two new columns
//! behind: the row's number, and why its image was left out. Other input has no such rows; then image, row and reason
//! are all that is listed.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_formats::star::{BlockKind, Row, StarReader, StarWriter};
use verglas_run::manifest::SkippedImage;

use super::prepare::Conversion;
use crate::export::particle_block;
use crate::metadata::Input;
use crate::particle::Pairing;

/// The row of the image in the metadata file, from 0.
pub(crate) const ROW: &str = "verglasRow";
/// Why the image was left out.
const REASON: &str = "verglasReason";
/// The metadata file, where there are several.
const SOURCE: &str = "verglasMetadataFile";

/// The format of RELION 3.1 and later.
const RELION_VERSION: &str = "version 30001";

impl Conversion {
    /// The text of the list.
    ///
    /// # Errors
    /// When the metadata can't be read again, or are not what they were.
    pub(super) fn list_skipped(&self, skipped: &[SkippedImage]) -> Result<Vec<u8>> {
        if let Input::IndexedStar(path) = &self.input
            && let Some(list) = with_own_rows(path, skipped)?
        {
            return Ok(list);
        }
        self.list_plainly(skipped).map_err(|error| Error::value(format!("the list of images left out: {error}")))
    }

    /// Image, row and reason.
    fn list_plainly(&self, skipped: &[SkippedImage]) -> verglas_formats::Result<Vec<u8>> {
        let mut writer = StarWriter::new(Vec::new());
        writer.start_loop("particles", &["rlnImageName", ROW, SOURCE, REASON])?;
        let source_of = self.sources_by_image_name();
        for image in skipped {
            let name = image_name(image);
            let source = match source_of.get(image.file.as_os_str().as_bytes()) {
                Some(source) => source.as_os_str().as_bytes().to_vec(),
                None => Vec::new(),
            };
            let (row, reason) = (image.row.to_string(), plain_text(&image.reason));
            writer.write_row(&[plain_bytes(&name), row.into_bytes(), plain_bytes(&source), reason.into_bytes()])?;
        }
        writer.finish()
    }

    /// The metadata file whose rows describe an image file.
    fn sources_by_image_name(&self) -> HashMap<&[u8], &Path> {
        let table = &self.table;
        let source = |image: usize| match table.pairing {
            Pairing::Indexed => table.sources.first(),
            Pairing::Sequential => table.sources.get(image),
        };
        let names = table.image_names.iter().enumerate();
        names.filter_map(|(image, name)| Some((name.as_slice(), source(image)?.path.as_path()))).collect()
    }
}

/// The rows as they stand in the STAR file at `path`; `None` where the new columns' names are taken, or the only particle
/// stands as keys and values.
fn with_own_rows(path: &Path, skipped: &[SkippedImage]) -> Result<Option<Vec<u8>>> {
    let in_file = |error| Error::from_format(path, error);
    let by_row: BTreeMap<u64, &SkippedImage> = skipped.iter().map(|image| (u64::from(image.row), image)).collect();
    let particles = particle_block(path)?;
    let mut writer = StarWriter::new(Vec::new());
    // RELION takes files for older ones that don't say this, though they have optics groups.
    let has_optics = has_block(path, "optics").map_err(in_file)?;
    let mut reader = StarReader::open(path).map_err(in_file)?;
    let (mut number, mut n_found) = (0, 0);
    while let Some(block) = reader.next_block().map_err(in_file)? {
        let names: Vec<&str> = block.columns.iter().map(|column| column.name.as_str()).collect();
        if number == particles {
            let is_taken = |name: &&str| [ROW, REASON].contains(name);
            if names.iter().any(is_taken) || block.kind == BlockKind::Pairs {
                return Ok(None);
            }
            if has_optics {
                writer.write_comment(RELION_VERSION).map_err(in_file)?;
            }
            writer.start_loop(&block.name, &[&names[..], &[ROW, REASON]].concat()).map_err(in_file)?;
            let copied = copy_rows(&mut reader, &mut writer, |row| {
                let image = by_row.get(&row)?;
                n_found += 1;
                Some(vec![image.row.to_string(), plain_text(&image.reason)])
            });
            copied.map_err(in_file)?;
        } else if block.name == "optics" && block.kind != BlockKind::Empty {
            writer.write_comment(RELION_VERSION).map_err(in_file)?;
            writer.start_loop("optics", &names).map_err(in_file)?;
            copy_rows(&mut reader, &mut writer, |_| Some(Vec::new())).map_err(in_file)?;
        }
        number += 1;
    }
    if n_found != by_row.len() {
        return Err(Error::value(format!(
            "`{}` was altered while its images were converted: {n_found} of {} rows that were left out are there",
            path.display(),
            by_row.len()
        )));
    }
    writer.finish().map(Some).map_err(in_file)
}

fn has_block(path: &Path, name: &str) -> verglas_formats::Result<bool> {
    let mut reader = StarReader::open(path)?;
    while let Some(block) = reader.next_block()? {
        if block.name == name && block.kind != BlockKind::Empty {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Copies the rows for which `extra` has values to put behind.
fn copy_rows<R: std::io::BufRead>(
    reader: &mut StarReader<R>,
    writer: &mut StarWriter<Vec<u8>>,
    mut extra: impl FnMut(u64) -> Option<Vec<String>>,
) -> verglas_formats::Result<()> {
    let mut row = Row::new();
    let mut number = 0;
    while reader.read_row(&mut row)? {
        if let Some(extra) = extra(number) {
            writer.write_raw_row(row.raw(), &extra)?;
        }
        number += 1;
    }
    Ok(())
}

/// RELION's name of an image: its section counts from 1.
fn image_name(image: &SkippedImage) -> Vec<u8> {
    let mut name = format!("{:06}@", u64::from(image.section) + 1).into_bytes();
    name.extend_from_slice(image.file.as_os_str().as_bytes());
    name
}

/// A reason on one line and without quotes, which every reader of STAR files takes for one value between quotes.
fn plain_text(text: &str) -> String {
    let text = text.replace("\n  ", "; ").replace("can't", "cannot");
    text.chars()
        .map(|char| {
            if char.is_control() {
                ' '
            } else if matches!(char, '"' | '\'') {
                '`'
            } else {
                char
            }
        })
        .collect()
}

/// A name without what no STAR file can hold.
fn plain_bytes(name: &[u8]) -> Vec<u8> {
    name.iter().map(|&byte| if matches!(byte, b'\n' | b'\r' | 0) { b'?' } else { byte }).collect()
}
