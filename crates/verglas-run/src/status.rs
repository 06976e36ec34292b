//! The progress of a running job: the manifests of its output folder, summarised.

use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;
use verglas_core::error::{Error, ErrorKind, Result};

use crate::folder::has_lock;
use crate::manifest::{FolderRecord, InputRecord, Manifest, RunState, unix_seconds};
use crate::shard::Shard;

/// A running job writes its manifest every few seconds; one that has not written for this long is probably dead.
const SILENT_AFTER_S: f64 = 120.0;

/// How far the conversion into a folder is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FolderStatus {
    /// Images of the data set.
    pub n_images: usize,
    /// Of these, those that are done; for a running job, also those in stacks that are not whole yet.
    pub n_images_done: usize,
    /// Stacks of the data set.
    pub n_stacks: usize,
    /// Stacks that the manifests record as whole.
    pub n_stacks_done: usize,
    /// Whether every stack is there, as the manifests say.
    pub is_complete: bool,
    /// The rate of all running jobs together.
    pub images_per_second: f64,
    /// Time until everything is done if as many runs keep running as now, at the same speed; `None` when none is
    /// running.
    pub seconds_left: Option<f64>,
    /// Into how many shards the run was divided; `None` if it was not.
    pub n_shards: Option<usize>,
    /// Shards that have not begun, in order.
    pub shards_not_begun: Vec<usize>,
    /// The runs that have begun: one per shard, in order, or the only one.
    pub runs: Vec<RunStatus>,
}

/// How far the run of one shard is, or that of all stacks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunStatus {
    /// The shard, from 1; `None` for a run of all stacks.
    pub shard: Option<usize>,
    /// Its state.
    pub state: State,
    /// Images that it was asked for.
    pub n_images: usize,
    /// Of these, those that are done.
    pub n_images_done: usize,
    /// Stacks that it was asked for.
    pub n_stacks: usize,
    /// Of these, those that are recorded as whole.
    pub n_stacks_done: usize,
    /// Its rate, now or while it ran.
    pub images_per_second: f64,
    /// Since it last wrote its manifest.
    pub seconds_since_word: f64,
    /// The computer that it runs on.
    pub host: String,
    /// The process.
    pub process: u32,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// All its stacks are there.
    Complete,
    /// It is running.
    Running,
    /// It did not end, and has not written its manifest for two minutes: most likely it was killed.
    Silent,
    /// It was stopped by a signal.
    Stopped,
    /// An error stopped it.
    Failed,
}

impl State {
    /// Every state, those first that call for nothing to be done.
    pub const ALL: [Self; 5] = [Self::Complete, Self::Running, Self::Silent, Self::Stopped, Self::Failed];

    /// The name for people and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Running => "running",
            Self::Silent => "silent",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// The progress of the job in `folder`.
///
/// # Errors
/// When no run has begun there, or its record can't be read.
pub fn status(folder: &Path) -> Result<FolderStatus> {
    record_of(folder).map(|record| FolderStatus::of(&record))
}

/// What the job in `folder` has recorded.
///
/// # Errors
/// As [`FolderRecord::read`]; a run that has begun and recorded nothing yet is named as such.
pub fn record_of(folder: &Path) -> Result<FolderRecord> {
    match FolderRecord::read(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound && has_lock(folder) => Err(Error::not_found(format!(
            "a run has begun in `{}` and recorded nothing yet: it is preparing, or looks for the noise of the images",
            folder.display()
        ))
        .with_hint("ask again in a while; if none is running, it was killed before its first record")),
        record => record,
    }
}

impl FolderStatus {
    /// How far the conversion is whose manifests are `record`.
    pub fn of(record: &FolderRecord) -> Self {
        Self::at(record, unix_seconds(SystemTime::now()).unwrap_or(0.0))
    }

    /// The same at `now`, seconds since 1970.
    fn at(record: &FolderRecord, now: f64) -> Self {
        let runs: Vec<RunStatus> = record.parts.iter().map(|part| RunStatus::at(part, now)).collect();
        let (n_images, n_stacks) = (record.n_images(), record.n_stacks());
        let n_images_done = runs.iter().map(|run| run.n_images_done).sum();
        let going_on = || runs.iter().filter(|run| run.state == State::Running && run.images_per_second > 0.0);
        let images_per_second: f64 = going_on().map(|run| run.images_per_second).sum();
        let seconds = |n_left: usize, rate: f64| n_left as f64 / rate;
        // Runs that have ended make way for the next shards, so all share the rest; but none ends before its own shard.
        let of_all = seconds(n_images.saturating_sub(n_images_done), images_per_second);
        let of_run = |run: &RunStatus| seconds(run.n_images.saturating_sub(run.n_images_done), run.images_per_second);
        let seconds_left = going_on().map(of_run).reduce(f64::max).map(|longest| longest.max(of_all));
        Self {
            n_images,
            n_images_done,
            n_stacks,
            n_stacks_done: runs.iter().map(|run| run.n_stacks_done).sum(),
            is_complete: record.is_complete(),
            images_per_second,
            seconds_left,
            n_shards: record.n_shards(),
            shards_not_begun: record.missing_shards(),
            runs,
        }
    }

    /// The shards that are not complete, whether they have begun or not, in order.
    pub fn unfinished_shards(&self) -> Vec<usize> {
        let begun = self.runs.iter().filter(|run| run.state != State::Complete).filter_map(|run| run.shard);
        let mut unfinished: Vec<usize> = begun.chain(self.shards_not_begun.iter().copied()).collect();
        unfinished.sort_unstable();
        unfinished
    }
}

impl RunStatus {
    fn at(part: &Manifest, now: f64) -> Self {
        let run = &part.run;
        let seconds_since_word = (now - run.updated).max(0.0);
        let state = match run.state {
            RunState::Complete => State::Complete,
            RunState::Failed => State::Failed,
            RunState::Stopped => State::Stopped,
            RunState::Running if seconds_since_word > SILENT_AFTER_S => State::Silent,
            RunState::Running => State::Running,
        };
        // Images that were left out are done with too; of comparisons, units count theirs.
        let counts_images = !matches!(part.settings.input, InputRecord::Likelihood { .. });
        let n_left_out = if counts_images { part.skipped.len() } else { 0 };
        let in_whole_stacks = part.n_images_written().saturating_add(n_left_out);
        let n_images_done = match state {
            // What is not in a whole stack is lost with its run.
            State::Complete | State::Silent | State::Stopped | State::Failed => in_whole_stacks,
            State::Running => in_whole_stacks.max(run.n_images_kept + run.n_images_done),
        };
        Self {
            shard: part.shard.map(Shard::number),
            state,
            n_images: part.n_images,
            n_images_done: n_images_done.min(part.n_images),
            n_stacks: part.n_stacks,
            n_stacks_done: part.stacks.len(),
            images_per_second: if run.seconds > 0.0 { run.n_images_done as f64 / run.seconds } else { 0.0 },
            seconds_since_word,
            host: run.host.clone(),
            process: run.process,
        }
    }
}

/// Numbers in order as `3,7-9`: what SLURM takes for an array.
pub fn show_ranges(numbers: &[usize]) -> String {
    let mut text = String::new();
    let mut rest = numbers;
    while let Some(&first) = rest.first() {
        let n = rest.iter().zip(first..).take_while(|(number, expected)| **number == *expected).count();
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&first.to_string());
        if let (2.., Some(last)) = (n, rest.get(n - 1)) {
            text.push_str(&format!("-{last}"));
        }
        rest = rest.get(n..).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: f64 = 1000.0;

    /// Shard `number` of 4, of 100 images in 10 stacks, with `n_whole` of them whole.
    fn part(number: usize, state: &str, n_whole: usize, updated: f64, n_images_done: usize) -> Manifest {
        let stacks: Vec<_> =
            (0..n_whole).map(|number| json!({"number": number, "n_images": 10, "files": []})).collect();
        serde_json::from_value(json!({
            "program": "verglas", "version": "0", "settings": {"input": {"kind": "indexed-star"}}, "inputs": [],
            "shard": {"number": number, "of": 4},
            "plan": {"n_images": 400, "n_stacks": 40, "crc32": ""},
            "n_images": 100, "n_stacks": 10, "is_complete": state == "complete", "stacks": stacks,
            "run": {"state": state, "updated": updated, "seconds": 10.0, "n_images_done": n_images_done,
                    "host": "node7", "process": 12},
        }))
        .unwrap()
    }

    fn status(parts: Vec<Manifest>) -> FolderStatus {
        FolderStatus::at(&FolderRecord { parts }, NOW)
    }

    #[test]
    fn parts_are_summed() {
        let status = status(vec![
            part(1, "complete", 10, 500.0, 100),
            part(2, "running", 3, NOW - 3.0, 35),
            part(3, "failed", 2, 900.0, 27),
        ]);
        assert_eq!((status.n_images, status.n_images_done), (400, 100 + 35 + 20));
        assert_eq!((status.n_stacks, status.n_stacks_done), (40, 15));
        assert!(!status.is_complete);
        assert_eq!(status.images_per_second, 3.5);
        // 245 images are left, which is more than the running shard's own 65.
        assert_eq!(status.seconds_left, Some(70.0));
        assert_eq!(status.shards_not_begun, [4]);
        assert_eq!(status.unfinished_shards(), [2, 3, 4]);
    }

    #[test]
    fn no_time_is_shorter_than_what_the_slowest_run_needs() {
        let status = status(vec![
            part(1, "running", 9, NOW, 99),
            part(2, "running", 0, NOW, 1),
            part(3, "complete", 10, NOW, 100),
            part(4, "complete", 10, NOW, 100),
        ]);
        assert_eq!(status.seconds_left, Some(990.0));
    }

    #[test]
    fn a_run_without_a_word_for_two_minutes_is_silent_and_its_unfinished_stack_lost() {
        let status = status(vec![part(2, "running", 3, NOW - 121.0, 35)]);
        assert_eq!(status.runs[0].state, State::Silent);
        assert_eq!((status.n_images_done, status.images_per_second, status.seconds_left), (30, 0.0, None));
    }

    #[test]
    fn ranges_are_what_slurm_takes() {
        assert_eq!(show_ranges(&[]), "");
        assert_eq!(show_ranges(&[3]), "3");
        assert_eq!(show_ranges(&[1, 2, 4, 6, 7, 8]), "1-2,4,6-8");
    }
}
