//! What an earlier run left in the output folder, and how much of it stays.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use verglas_core::atomic::FinishedFile;
use verglas_core::error::{Error, Result};
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::{
    FileRecord, Manifest, SkippedImage, StackRecord, differing_inputs, differing_settings, manifest_name,
    manifest_paths,
};
use verglas_run::names::StackNames;
use verglas_run::shard::Shard;
use verglas_run::whole::{whole_png, whole_tensor};

use super::prepare::Conversion;
use super::stack_run::StackShape;
use crate::stack::whole_metadata;

/// Stacks that stay as they are.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    pub(super) stacks: Vec<StackRecord>,
    /// Images that are missing in them.
    pub(super) skipped: Vec<SkippedImage>,
    /// The lists of such images that were written.
    pub(super) skipped_list: Vec<FileRecord>,
}

impl Conversion {
    /// The stacks of this run that are in the folder already, made by a run that was asked the same of the same input.
    /// `new` is the manifest of this run.
    ///
    /// A stack that the earlier run's manifest records stays if its files have their sizes; one that it does not record,
    /// for the run was killed before, stays if every byte that does not stand for a pixel is what this run would write,
    /// and the checksums within its files are right.
    ///
    /// # Errors
    /// When stacks are there of a run that was asked something else, or of which nothing is known.
    pub(super) fn find_earlier(&self, output: &OutputFolder, new: &Manifest) -> Result<Earlier> {
        let own = self.own_stacks();
        let published: BTreeSet<usize> = output.published_stacks()?;
        let here: Vec<usize> = published.into_iter().filter(|number| own.contains(number)).collect();
        self.refuse_other_shards(output, new)?;
        let path = output.path(manifest_name(new.shard));
        if here.is_empty() {
            // Nothing was finished, so it does not matter what was asked. The list is every shard's, and stays.
            let skipped_list = match new.shard {
                Some(_) => Manifest::read(&path).map(|old| old.skipped_list).unwrap_or_default(),
                None => Vec::new(),
            };
            return Ok(Earlier { skipped_list, ..Earlier::default() });
        }
        if !path.exists() {
            return Err(Error::value(format!(
                "cannot go on in `{}`: it holds stacks, and no {} that says what they were made from",
                output.root().display(),
                new.file_name()
            ))
            .with_hint("choose another folder, or start anew with --overwrite"));
        }
        let old = Manifest::read(&path)
            .map_err(|error| error.with_hint("choose another folder, or start anew with --overwrite"))?;
        refuse_differences(output.root(), &old, new, true)?;
        let shape = StackShape::of(self);
        let recorded: HashMap<usize, &StackRecord> =
            old.stacks.iter().rev().map(|stack| (stack.number, stack)).collect();
        let mut earlier = Earlier::default();
        for number in here {
            let kept = match recorded.get(&number) {
                Some(&stack) if has_its_sizes(output, stack) => Some(stack.clone()),
                _ => self.take_over(output, number, &shape),
            };
            earlier.stacks.extend(kept);
        }
        let is_kept = |number: usize| earlier.stacks.binary_search_by_key(&number, |stack| stack.number).is_ok();
        earlier.skipped_list = old.skipped_list;
        earlier.skipped = old.skipped.into_iter().filter(|image| is_kept(image.stack)).collect();
        Ok(earlier)
    }

    /// Shards of one plan only may share a folder. One other is all there is to compare with: it was compared, too.
    fn refuse_other_shards(&self, output: &OutputFolder, new: &Manifest) -> Result<()> {
        if new.shard.is_none() {
            return Ok(());
        }
        let is_other = |shard: Option<Shard>| shard.is_some() && shard != new.shard;
        match manifest_paths(output.root())?.into_iter().find(|(shard, _)| is_other(*shard)) {
            Some((_, path)) => refuse_differences(output.root(), &Manifest::read(&path)?, new, false),
            None => Ok(()),
        }
    }

    /// The record of a stack whose files are whole, although no manifest says so.
    fn take_over(&self, output: &OutputFolder, number: usize, shape: &StackShape) -> Option<StackRecord> {
        let names = StackNames::of(number);
        let planned = self.plan.stacks().get(number)?;
        let n_images = planned.n_images();
        let record = |name: &Path, file: FinishedFile| FileRecord::new(name.to_string_lossy(), file.bytes, file.crc32);
        let fourier = whole_tensor(&output.path(&names.fourier), shape.dtype, n_images, shape.polar)?;
        let mut files = vec![record(&names.fourier, fourier)];
        if let Some(side) = shape.physical {
            let path = output.path(&names.physical);
            let physical = whole_tensor(&path, verglas_formats::pt::PtDtype::Float32, n_images, side)?;
            files.push(record(&names.physical, physical));
        }
        if self.settings.plots {
            for name in names.plots() {
                files.push(record(name, whole_png(&output.path(name))?));
            }
        }
        let particles = self.particles_of(planned);
        let metadata = whole_metadata(&output.path(&names.metadata), &self.stack_metadata(planned, &particles, &[]))?;
        files.push(record(&names.metadata, metadata));
        Some(StackRecord { number, n_images, files })
    }
}

fn has_its_sizes(output: &OutputFolder, stack: &StackRecord) -> bool {
    let has_its_size = |file: &FileRecord| {
        std::fs::metadata(output.path(&file.name)).is_ok_and(|found| found.is_file() && found.len() == file.bytes)
    };
    stack.files.iter().all(has_its_size)
}

fn refuse_differences(root: &Path, old: &Manifest, new: &Manifest, with_images: bool) -> Result<()> {
    let hint = match new.shard {
        None => "choose another folder, or start anew with --overwrite",
        Some(_) => "choose another folder, or remove this one and start all shards anew",
    };
    let what = match old.shard {
        Some(shard) if old.shard != new.shard => format!("shard {shard} there"),
        _ => "the run there".to_owned(),
    };
    let refuse = |why: String, differences: Vec<String>| {
        let error = Error::value(format!("cannot go on in `{}`: {why}", root.display()));
        Err(differences.into_iter().fold(error, Error::with_detail).with_hint(hint))
    };
    let settings = differing_settings(old, new);
    if !settings.is_empty() {
        return refuse(format!("{what} was asked for something else"), settings);
    }
    let inputs = differing_inputs(old, new, with_images);
    if !inputs.is_empty() {
        return refuse(format!("what {what} read has changed"), inputs);
    }
    Ok(())
}
