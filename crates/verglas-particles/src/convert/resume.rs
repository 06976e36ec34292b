//! Which stacks of an earlier run are kept.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use verglas_core::StopFlag;
use verglas_core::atomic::FinishedFile;
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::{FileRecord, SkippedImage, StackRecord};
use verglas_run::resume::{Earlier, has_its_sizes};
use verglas_run::whole::{checksum_file, whole_png, whole_tensor};

use super::prepare::Conversion;
use super::stack_run::StackShape;
use crate::stack::{StackNames, whole_metadata};

/// Stacks that are kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) stacks: Vec<StackRecord>,
    /// Images that are missing in them.
    pub(super) skipped: Vec<SkippedImage>,
    /// The lists of such images that were written.
    pub(super) skipped_list: Vec<FileRecord>,
    /// Stacks that were whole but have been altered; they are made again.
    pub(super) altered: Vec<usize>,
}

impl Conversion {
    /// The stacks of this run that are already in the folder and are kept.
    ///
    /// A stack that the earlier run's manifest records is kept if its files have their sizes, and their checksums if
    /// the settings ask for that; one that it does not record, because the run was killed before, is kept if every byte
    /// outside the pixels' values is what this run would write, and the checksums within its files are right.
    pub(super) fn keep_earlier(&self, output: &OutputFolder, earlier: Earlier, stop: &StopFlag) -> Kept {
        let mut kept = Kept::default();
        let Some(old) = earlier.manifest else { return kept };
        let shape = StackShape::of(self);
        let recorded: HashMap<usize, &StackRecord> =
            old.stacks.iter().rev().map(|stack| (stack.number, stack)).collect();
        for number in earlier.units {
            let stack = match recorded.get(&number) {
                Some(&stack) if has_its_sizes(output, stack) => {
                    let is_unaltered = !self.settings.verify_kept || has_its_checksums(output, stack, stop);
                    if !is_unaltered {
                        kept.altered.push(number);
                    }
                    is_unaltered.then(|| stack.clone())
                }
                _ => self.take_over(output, number, &shape),
            };
            kept.stacks.extend(stack);
        }
        let is_kept = |number: usize| kept.stacks.binary_search_by_key(&number, |stack| stack.number).is_ok();
        kept.skipped_list = old.skipped_list;
        kept.skipped = old.skipped.into_iter().filter(|image| is_kept(image.stack)).collect();
        kept
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

/// Whether the files of a recorded stack hold what was written; true when it is stopped, for then nothing is decided by it.
fn has_its_checksums(output: &OutputFolder, stack: &StackRecord, stop: &StopFlag) -> bool {
    stack.files.iter().all(|file| {
        let sum = checksum_file(&output.path(&file.name), || !stop.load(Ordering::Relaxed));
        match sum {
            Ok(sum) => FileRecord::new(file.name.as_str(), sum.bytes, sum.crc32) == *file,
            Err(error) => error.kind() == io::ErrorKind::Interrupted,
        }
    })
}
