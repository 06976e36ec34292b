//! What an earlier run left in the output folder, and whether this one may continue from there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use verglas_core::StopFlag;
use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_core::hint::Hint;

use crate::folder::{OutputFolder, UnitFile, unit_files};
use crate::manifest::{
    FileRecord, Manifest, StackRecord, differing_inputs, differing_settings, manifest_name, manifest_paths,
};
use crate::recorder::say_who_runs;
use crate::{Existing, Shard};

/// How many files are listed.
const MOST_LISTED: usize = 10;

/// The state that a run may continue from.
#[derive(Debug, Default)]
pub struct Earlier {
    /// The manifest of an earlier run that was asked the same of the same input, or that finished nothing.
    pub manifest: Option<Manifest>,
    /// The units of this run of which the file that is published last is there, in order.
    pub units: Vec<usize>,
}

/// Decides whether a run may continue with what is in the folder, and claims the folder, or a shard's part of it, by
/// writing its manifest if there is none. `new` is that manifest, before the first unit; `own` are the units of this
/// run.
///
/// Shards that start at the same moment do this one after the other, so two with different settings never both
/// continue.
///
/// # Errors
/// When there are units of a run with other settings, or units of unknown origin; when another shard has other
/// settings; when it is stopped.
pub fn claim(output: &OutputFolder, new: &mut Manifest, own: Range<usize>, stop: &StopFlag) -> Result<Earlier> {
    let alone = output.lock_start(stop)?;
    if alone.is_some() {
        // What other shards wrote while this one waited.
        output.check(Existing::Resume)?;
    }
    let files: Vec<UnitFile> =
        unit_files(output.root(), output.files())?.into_iter().filter(|file| !file.is_partial).collect();
    refuse_other_shards(output, new, alone.as_ref().is_some_and(|alone| !alone.is_exclusive))?;
    let path = output.path(manifest_name(new.shard));
    let is_mine = |file: &&UnitFile| own.contains(&file.unit);
    let there = files.iter().filter(is_mine).map(|file| file.unit).collect::<BTreeSet<usize>>();
    let units: Vec<usize> = files
        .iter()
        .filter(is_mine)
        .filter(|file| file.is_last)
        .map(|file| file.unit)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let new_folder_hint = || "choose another folder, or start over with " + Hint::Overwrite;
    let is_of_unknown_run = if new.shard.is_some() { !there.is_empty() } else { !files.is_empty() };
    if !path.exists() && is_of_unknown_run {
        return Err(Error::value(format!(
            "cannot resume in `{}`: it holds {}s, and no {} that says what they were made from",
            output.root().display(),
            output.files().unit_noun(),
            new.file_name()
        ))
        .with_hint(new_folder_hint()));
    }
    let old = match path.exists() {
        false => None,
        // Nothing was finished, so it does not matter what was asked.
        true if units.is_empty() => Manifest::read(&path).ok(),
        true => {
            let old = Manifest::read(&path).map_err(|error| error.with_hint(new_folder_hint()))?;
            refuse_differences(output.root(), &old, new, true)?;
            Some(old)
        }
    };
    refuse_strays(output, &files, new.plan.n_stacks)?;
    if new.shard.is_some() && units.is_empty() {
        // The list belongs to all shards, and is kept.
        new.skipped_list = old.as_ref().map(|old| old.skipped_list.clone()).unwrap_or_default();
        say_who_runs(&mut new.run);
        new.write(output.root())?;
        // Without locks, another run may have reached this point at the same moment; then neither continues.
        if alone.as_ref().is_some_and(|alone| !alone.is_exclusive)
            && let Err(error) = refuse_other_shards(output, new, true)
        {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
    }
    Ok(Earlier { manifest: old, units })
}

/// Removes what must be removed before a run of the units `own`, and finds the units that are kept, by their numbers.
/// `manifest` is the run's, before the first unit.
///
/// # Errors
/// As [`claim`]; when a file that the run reads would go, or one can't be removed.
pub fn make_way(
    output: &OutputFolder,
    manifest: &mut Manifest,
    existing: Existing,
    own: Range<usize>,
    stop: &StopFlag,
) -> Result<BTreeMap<usize, StackRecord>> {
    let read: Vec<PathBuf> = manifest.inputs.iter().map(|input| manifest.resolve(&input.path)).collect();
    match (existing, manifest.shard) {
        (Existing::Overwrite, _) => {
            output.remove_earlier_run(&read)?;
            Ok(BTreeMap::new())
        }
        // The folder is empty but for what a run left that was killed right at its start.
        (Existing::Refuse, None) => {
            output.remove_unfinished(own)?;
            Ok(BTreeMap::new())
        }
        // Units of the same plan are not in a shard's way, and need not be made twice.
        (Existing::Resume, _) | (Existing::Refuse, Some(_)) => {
            let earlier = claim(output, manifest, own.clone(), stop)?;
            let recorded = earlier.manifest.map(|old| old.stacks).unwrap_or_default();
            // What was published but not recorded, because the run was killed just then, is made again.
            let kept = recorded
                .into_iter()
                .filter(|unit| earlier.units.contains(&unit.number) && has_its_sizes(output, unit))
                .map(|unit| (unit.number, unit))
                .collect();
            output.remove_unfinished(own)?;
            Ok(kept)
        }
    }
}

/// Whether the files of a recorded unit are there with their sizes.
pub fn has_its_sizes(output: &OutputFolder, unit: &StackRecord) -> bool {
    let has_its_size = |file: &FileRecord| {
        std::fs::metadata(output.path(&file.name)).is_ok_and(|found| found.is_file() && found.len() == file.bytes)
    };
    unit.files.iter().all(has_its_size)
}

/// Files of units that are not in this plan: nothing would check them, but anything that reads all units would read
/// them.
fn refuse_strays(output: &OutputFolder, files: &[UnitFile], n_units: usize) -> Result<()> {
    let strays: Vec<&UnitFile> = files.iter().filter(|file| file.unit >= n_units).collect();
    if strays.is_empty() {
        return Ok(());
    }
    let noun = output.files().unit_noun();
    let mut error = Error::value(format!(
        "cannot resume in `{}`: this run makes {}, and the folder holds {} of others",
        output.root().display(),
        counted(n_units, noun),
        counted(strays.len(), "file")
    ));
    for file in strays.iter().take(MOST_LISTED) {
        error = error.with_detail(format_args!("`{}`", file.name));
    }
    if strays.len() > MOST_LISTED {
        error = error.with_detail(format_args!("and {} more", strays.len() - MOST_LISTED));
    }
    Err(error.with_hint("choose another folder, or start over with " + Hint::Overwrite))
}

/// Shards of one plan only may share a folder. One other is all there is to compare with, since it was compared, too;
/// unless nothing kept shards from beginning at the same moment.
fn refuse_other_shards(output: &OutputFolder, new: &Manifest, with_all: bool) -> Result<()> {
    if new.shard.is_none() {
        return Ok(());
    }
    let is_other = |shard: Option<Shard>| shard.is_some() && shard != new.shard;
    let others = manifest_paths(output.root())?.into_iter().filter(|(shard, _)| is_other(*shard));
    for (_, path) in others.take(if with_all { usize::MAX } else { 1 }) {
        refuse_differences(output.root(), &Manifest::read(&path)?, new, false)?;
    }
    Ok(())
}

fn refuse_differences(root: &Path, old: &Manifest, new: &Manifest, with_images: bool) -> Result<()> {
    let hint = match new.shard {
        None => "choose another folder, or start over with " + Hint::Overwrite,
        Some(_) => "choose another folder, or remove this one and start all shards again".into(),
    };
    let what = match old.shard {
        Some(shard) if old.shard != new.shard => format!("shard {shard} there"),
        _ => "the run there".to_owned(),
    };
    let refuse = |why: String, differences: Vec<String>| {
        let error = Error::value(format!("cannot resume in `{}`: {why}", root.display()));
        Err(differences.into_iter().fold(error, Error::with_detail).with_hint(hint.clone()))
    };
    let settings = differing_settings(old, new);
    if !settings.is_empty() {
        return refuse(format!("{what} was run with other settings"), settings);
    }
    let inputs = differing_inputs(old, new, with_images);
    if !inputs.is_empty() {
        return refuse(format!("what {what} read has changed"), inputs);
    }
    Ok(())
}
