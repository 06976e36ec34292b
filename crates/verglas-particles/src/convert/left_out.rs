//! What becomes of the images that were left out when all stacks are there: they are told of, and listed for all shards.

use verglas_core::Observer;
use verglas_core::error::Result;
use verglas_core::findings::{Warning, counted};
use verglas_run::folder::{OutputFolder, SKIPPED};
use verglas_run::manifest::{FileRecord, Manifest, SkippedImage, manifest_paths};
use verglas_run::recorder::Recorder;
use verglas_run::shard::Shard;

use super::prepare::Conversion;

impl Conversion {
    /// Lists the images that were left out, and tells of them, if there are any.
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
                    "{n_skipped} of {} left out, for their images can't be read or normalised; `{}` lists them",
                    counted(self.n_images(), "particle"),
                    output.path(SKIPPED).display()
                ),
            };
            observer.warning(&warning);
            recorder.edit(|manifest| manifest.warnings.push((&warning).into()));
            warnings.push(warning);
        }
        self.write_list(output, recorder)
    }

    /// Writes the list of what this run left out, and of what other shards did that came to this point.
    ///
    /// Whoever writes last has seen all others that write one: each says in its manifest what it left out, then writes the
    /// list, then looks whether others have come meanwhile.
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
                // What this shard once left out it has now, and the others have all of theirs.
                output.remove_own_list()?;
                recorder.edit(|manifest| manifest.skipped_list.clear());
            } else {
                let list = self.list_skipped(&all)?;
                let record = FileRecord::of(SKIPPED, &list);
                recorder.edit(|manifest| {
                    if !manifest.skipped_list.contains(&record) {
                        manifest.skipped_list.push(record);
                    }
                });
                // The manifest first: a list that no manifest knows would be taken for someone else's.
                recorder.write_now()?;
                output.write_list(&list)?;
            }
            let now = left_out_by_others(output, shard)?;
            if now == others {
                return Ok(());
            }
            others = now;
        }
    }
}

/// What other shards left out, of those that have come to list it; a run without shards has no others.
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
