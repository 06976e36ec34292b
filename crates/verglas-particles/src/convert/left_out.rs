//! The images that were left out: when all stacks are done, they are reported, and listed for all shards in a STAR
//! file that RELION reads.
//!
//! For an indexed STAR file, the list has the original rows, with the optics groups before them and two new columns
//! at the end: the row's number, and why its image was left out. Other input has no such rows; then image, row and
//! reason are all that is listed.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use verglas_core::Observer;
use verglas_core::error::{Error, Result};
use verglas_core::findings::{Warning, counted};
use verglas_formats::star::{BlockKind, Row, StarReader, StarWriter};
use verglas_run::Shard;
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::{FileRecord, Manifest, SkippedImage, manifest_paths};
use verglas_run::recorder::Recorder;

use super::prepare::Conversion;
use crate::metadata::{Input, particle_block};
use crate::particle::Pairing;
use crate::stack::SKIPPED;

/// The row of the image in the metadata file, from 0.
pub(crate) const ROW: &str = "verglasRow";
/// Why the image was left out.
const REASON: &str = "verglasReason";
/// The metadata file, where there are several.
const SOURCE: &str = "verglasMetadataFile";

/// The format of RELION 3.1 and later.
const RELION_VERSION: &str = "version 30001";

impl Conversion {
    /// Lists and reports the images that were left out, if there are any.
    pub(super) fn list_left_out(
        &self,
        output: &OutputFolder,
        recorder: &Recorder<'_>,
        observer: &dyn Observer,
        warnings: &mut Vec<Warning>,
    ) -> Result<()> {
        let n_skipped = recorder.edit(|manifest| manifest.skipped.len());
        if n_skipped > 0 {
            let warning = Warning {
                code: "particles-left-out",
                message: format!(
                    "{n_skipped} of {} left out because their images can't be read or normalised; `{}` lists them",
                    counted(self.n_images(), "particle"),
                    output.path(SKIPPED).display()
                )
                .into(),
            };
            observer.warning(&warning);
            recorder.edit(|manifest| manifest.warnings.push((&warning).into()));
            warnings.push(warning);
        }
        self.write_list(output, recorder)
    }

    /// Writes the list of what this run left out, and of what other shards left out that have reached this point.
    ///
    /// The last one to write has seen all others: each records in its manifest what it left out, then writes the
    /// list, then checks whether others have arrived meanwhile.
    fn write_list(&self, output: &OutputFolder, recorder: &Recorder<'_>) -> Result<()> {
        let (shard, own, was_written) =
            recorder.edit(|manifest| (manifest.shard, manifest.skipped.clone(), !manifest.skipped_list.is_empty()));
        if own.is_empty() && !was_written {
            return Ok(());
        }
        let mut others = left_out_by_others(output, shard)?;
        loop {
            let mut all = [&own[..], &others[..]].concat();
            all.sort_by_key(SkippedImage::place);
            if all.is_empty() {
                // This shard now has the images that it once left out, and the others have all of theirs.
                output.remove_shared_file(SKIPPED)?;
                recorder.edit(|manifest| manifest.skipped_list.clear());
            } else {
                let list = self.list_skipped(&all)?;
                let record = FileRecord::of(SKIPPED, &list);
                recorder.edit(|manifest| {
                    if !manifest.skipped_list.contains(&record) {
                        manifest.skipped_list.push(record);
                    }
                });
                // The manifest first: a list that no manifest records would be taken for someone else's.
                recorder.write_now()?;
                output.write_shared_file(SKIPPED, &list)?;
            }
            let now = left_out_by_others(output, shard)?;
            if now == others {
                return Ok(());
            }
            others = now;
        }
    }
}

/// What other shards left out, of those that have reached this point; a run without shards has no others.
fn left_out_by_others(output: &OutputFolder, own: Option<Shard>) -> Result<Vec<SkippedImage>> {
    let mut left_out = Vec::new();
    for (shard, path) in manifest_paths(output.root())? {
        if shard != own {
            let other = Manifest::read(&path)?;
            if !other.skipped_list.is_empty() {
                left_out.extend(other.skipped);
            }
        }
    }
    Ok(left_out)
}

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

/// The original rows of the STAR file at `path`; `None` if the new columns' names are taken, or if the only particle
/// is written as keys and values.
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
pub fn plain_text(text: &str) -> String {
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
