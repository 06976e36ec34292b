//! `verglas status`: the progress of a running job.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::HumanDuration;
use verglas::Result;
use verglas::findings::counted;
use verglas::status::{FolderStatus, RunStatus, State, record_of, show_ranges};

use crate::failure::Failure;
use crate::messages::{printable_json, result};

const EXAMPLES: &str = "\
Examples:
  verglas status stacks
  verglas status stacks --json
  verglas status stacks --unfinished";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArguments {
    /// Output folder of `verglas convert`, `templates` or `likelihood`, finished or not
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Print one JSON document, with every shard that has started
    #[arg(long)]
    pub json: bool,
    /// Print only the shards that are not complete, as `sbatch --array` takes them: 3,7-9; nothing if all are complete
    #[arg(long, conflicts_with = "json")]
    pub unfinished: bool,
}

/// How many runs in one state are listed one by one.
const MOST_LISTED: usize = 20;

/// Reads the folder's manifests and summarises them.
pub fn run(arguments: &StatusArguments) -> std::result::Result<(), Failure> {
    let (status, text) = look(&arguments.folder)?;
    if arguments.unfinished {
        if status.n_shards.is_none() {
            let folder = arguments.folder.display();
            return Err(Failure::Usage(format!("`{folder}` was not made in shards, so there are no unfinished ones")));
        }
        let unfinished = status.unfinished_shards();
        if !unfinished.is_empty() {
            result(&show_ranges(&unfinished))?;
        }
    } else if arguments.json {
        result(&printable_json(serde_json::to_string_pretty(&status).unwrap_or_default()))?;
    } else {
        result(&text)?;
    }
    Ok(())
}

/// The progress of the job in `folder`, and the same for people.
///
/// # Errors
/// When no run has begun there, or its record can't be read.
pub fn look(folder: &Path) -> Result<(FolderStatus, String)> {
    let record = record_of(folder)?;
    let status = FolderStatus::of(&record);
    let nouns = Nouns::of(record.first().settings.input.nouns());
    let text = describe(&status, &folder.display().to_string(), nouns);
    Ok((status, text))
}

/// What is counted: particles in stacks, or templates of structures.
#[derive(Clone, Copy)]
struct Nouns {
    one: &'static str,
    unit: &'static str,
}

impl Nouns {
    fn of([one, unit]: [&'static str; 2]) -> Self {
        Self { one: if one == "image" { "particle" } else { one }, unit }
    }
}

fn describe(status: &FolderStatus, folder: &str, nouns: Nouns) -> String {
    let percent = 100.0 * status.n_images_done as f64 / status.n_images.max(1) as f64;
    let mut text = format!(
        "{folder}: {} of {}, {} of {} ({:.1} %)",
        status.n_stacks_done,
        counted(status.n_stacks, nouns.unit),
        status.n_images_done,
        counted(status.n_images, nouns.one),
        // Never rounded up to 100 %.
        (percent * 10.0).floor() / 10.0,
    );
    if let Some(n_shards) = status.n_shards {
        text.push_str(&format!("\n{}: {}", counted(n_shards, "shard"), count_states(status)));
    }
    if let Some(seconds_left) = status.seconds_left {
        let left = std::time::Duration::try_from_secs_f64(seconds_left).unwrap_or(std::time::Duration::MAX);
        text.push_str(&format!(
            "\n{:.0} {}s/s, {} left at this rate",
            status.images_per_second,
            nouns.one,
            HumanDuration(left)
        ));
    }
    for state in State::ALL.into_iter().filter(|state| *state != State::Complete) {
        let runs: Vec<&RunStatus> = status.runs.iter().filter(|run| run.state == state).collect();
        for run in runs.iter().take(MOST_LISTED) {
            text.push_str(&format!("\n{}", describe_run(run, nouns)));
        }
        if runs.len() > MOST_LISTED {
            text.push_str(&format!("\nand {} more that are {}", runs.len() - MOST_LISTED, state.as_str()));
        }
    }
    if !status.shards_not_begun.is_empty() {
        text.push_str(&format!("\nnot begun: {}", show_ranges(&status.shards_not_begun)));
    }
    text
}

/// How many shards are in each state, without empty states.
fn count_states(status: &FolderStatus) -> String {
    let of_state = |state: State| status.runs.iter().filter(|run| run.state == state).count();
    let begun = State::ALL.into_iter().map(|state| (of_state(state), state.as_str()));
    let all = begun.chain([(status.shards_not_begun.len(), "not begun")]);
    all.filter(|(n, _)| *n > 0).map(|(n, name)| format!("{n} {name}")).collect::<Vec<_>>().join(", ")
}

fn describe_run(run: &RunStatus, nouns: Nouns) -> String {
    let name = run.shard.map_or("the run".to_owned(), |shard| format!("shard {shard}"));
    let place = match run.host.as_str() {
        "" => format!("process {}", run.process),
        host => format!("process {} on {host}", run.process),
    };
    let how = match run.state {
        State::Running => format!("{:.0} {}s/s", run.images_per_second, nouns.one),
        State::Silent => {
            let silence = std::time::Duration::try_from_secs_f64(run.seconds_since_word).unwrap_or_default();
            format!("no update for {}; most likely killed", HumanDuration(silence))
        }
        State::Complete | State::Stopped | State::Failed => "its log says why".to_owned(),
    };
    format!(
        "{} {name}: {} of {}, {how}; {place}",
        run.state.as_str(),
        run.n_stacks_done,
        counted(run.n_stacks, nouns.unit)
    )
}
