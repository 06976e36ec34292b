//! Keeps the manifest up to date while threads finish stacks.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use verglas_core::error::Result;

use crate::folder::{OutputFolder, host_name};
use crate::manifest::{Manifest, RecordedPath, RunRecord, RunState, SkippedImage, StackRecord, unix_seconds};

/// The manifest is written no more often than this during a run.
const LEAST_PAUSE: Duration = Duration::from_secs(5);
/// And the pause is at least this many times the time that writing took: a run spends less than 5 % on its record,
/// however many stacks the record lists. Stacks that a killed run did not record are read again when it is resumed.
const PAUSE_PER_WRITE: u32 = 20;

/// The manifest of a running conversion.
#[derive(Debug)]
pub struct Recorder<'a> {
    output: &'a OutputFolder,
    start: Instant,
    record: Mutex<Record>,
    /// What has been done so far.
    pub steps: StepTimes,
}

#[derive(Debug)]
struct Record {
    manifest: Manifest,
    written: Instant,
    pause: Duration,
}

/// How much was done so far, by all threads.
#[derive(Debug, Default)]
pub struct StepTimes {
    n_images: AtomicU64,
    read_ns: AtomicU64,
    compute_ns: AtomicU64,
    write_ns: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
}

/// The time that one thread spent on a chunk.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChunkTimes {
    /// In reading.
    pub read: Duration,
    /// In computing.
    pub compute: Duration,
    /// In writing.
    pub write: Duration,
    /// Bytes of pixels that it read.
    pub bytes_read: u64,
    /// Bytes that it wrote.
    pub bytes_written: u64,
}

/// Enters that this process runs from now on.
pub(crate) fn say_who_runs(run: &mut RunRecord) {
    run.state = RunState::Running;
    run.started = unix_seconds(SystemTime::now()).unwrap_or(0.0);
    run.command = own_command(std::env::args_os());
    run.host = host_name();
    run.process = std::process::id();
}

/// The arguments of a `verglas` command, without the folder of the program or what runs it; nothing for other programs.
fn own_command(words: impl Iterator<Item = std::ffi::OsString>) -> Vec<RecordedPath> {
    const PROGRAM: &str = "verglas";
    let words: Vec<PathBuf> = words.map(PathBuf::from).collect();
    // A script that Python runs is its second word.
    let start = words.iter().take(2).position(|word| word.file_stem().is_some_and(|stem| stem == PROGRAM));
    let Some(start) = start else { return Vec::new() };
    let rest = words[start + 1..].iter().map(|word| word.as_path().into());
    std::iter::once(Path::new(PROGRAM).into()).chain(rest).collect()
}

impl<'a> Recorder<'a> {
    /// Starts the record: writes the manifest for the first time.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn begin(mut manifest: Manifest, output: &'a OutputFolder, start: Instant) -> Result<Self> {
        let n_images_kept = manifest.n_images_written();
        say_who_runs(&mut manifest.run);
        manifest.run.n_images_kept = n_images_kept;
        let record = Record { manifest, written: start, pause: LEAST_PAUSE };
        let recorder = Self { output, start, record: Mutex::new(record), steps: StepTimes::default() };
        recorder.write(&mut recorder.lock())?;
        Ok(recorder)
    }

    /// Adds a stack that is whole.
    pub fn add(&self, stack: StackRecord, skipped: Vec<SkippedImage>) {
        let mut record = self.lock();
        record.manifest.stacks.push(stack);
        record.manifest.skipped.extend(skipped);
    }

    /// Counts a chunk, and writes the manifest if that is due.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn note(&self, n_images: usize, times: ChunkTimes) -> Result<()> {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let steps = &self.steps;
        steps.n_images.fetch_add(n_images as u64, Ordering::Relaxed);
        steps.read_ns.fetch_add(nanoseconds(times.read), Ordering::Relaxed);
        steps.compute_ns.fetch_add(nanoseconds(times.compute), Ordering::Relaxed);
        steps.write_ns.fetch_add(nanoseconds(times.write), Ordering::Relaxed);
        steps.bytes_read.fetch_add(times.bytes_read, Ordering::Relaxed);
        steps.bytes_written.fetch_add(times.bytes_written, Ordering::Relaxed);
        // A thread that finds the record in use leaves it to the other, or to the next chunk.
        let Ok(mut record) = self.record.try_lock() else { return Ok(()) };
        if record.written.elapsed() < record.pause { Ok(()) } else { self.write(&mut record) }
    }

    /// Writes the manifest as it is.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write_now(&self) -> Result<()> {
        self.write(&mut self.lock())
    }

    /// Writes the manifest for the last time, with how the run ended, and gives it back.
    ///
    /// # Errors
    /// When it can't be written; the manifest comes back all the same.
    pub fn finish(self, state: RunState) -> (Manifest, Result<()>) {
        let mut record = self.lock();
        record.manifest.run.state = state;
        record.manifest.is_complete = state == RunState::Complete;
        let written = self.write(&mut record);
        drop(record);
        (self.record.into_inner().unwrap_or_else(PoisonError::into_inner).manifest, written)
    }

    /// Lets `edit` change the manifest.
    pub fn edit<T>(&self, edit: impl FnOnce(&mut Manifest) -> T) -> T {
        edit(&mut self.lock().manifest)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, record: &mut Record) -> Result<()> {
        let before = Instant::now();
        let seconds = |nanoseconds: &AtomicU64| nanoseconds.load(Ordering::Relaxed) as f64 / 1e9;
        let (steps, run) = (&self.steps, &mut record.manifest.run);
        run.updated = unix_seconds(SystemTime::now()).unwrap_or(0.0);
        run.seconds = self.start.elapsed().as_secs_f64();
        run.n_images_done = steps.n_images.load(Ordering::Relaxed) as usize;
        run.read_seconds = seconds(&steps.read_ns);
        run.compute_seconds = seconds(&steps.compute_ns);
        run.write_seconds = seconds(&steps.write_ns);
        run.bytes_read = steps.bytes_read.load(Ordering::Relaxed);
        run.bytes_written = steps.bytes_written.load(Ordering::Relaxed);
        record.manifest.stacks.sort_by_key(|stack| stack.number);
        record.manifest.skipped.sort_by_key(SkippedImage::place);
        self.output.check_is_same()?;
        record.manifest.write(self.output.root())?;
        record.written = Instant::now();
        record.pause = LEAST_PAUSE.max(before.elapsed() * PAUSE_PER_WRITE);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_recorded_if_it_is_our_own() {
        let of = |words: &[&str]| -> Vec<String> {
            let found = own_command(words.iter().map(Into::into));
            found.iter().map(|word| word.display().to_string()).collect()
        };
        assert_eq!(of(&["/usr/bin/verglas", "convert", "/a b.star"]), ["verglas", "convert", "/a b.star"]);
        assert_eq!(of(&["/usr/bin/python3", "/env/bin/verglas", "demo"]), ["verglas", "demo"]);
        assert!(of(&["/usr/bin/python3", "mine.py", "verglas"]).is_empty());
        assert!(of(&[]).is_empty());
    }
}
