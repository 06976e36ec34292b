//! The record in a folder's manifests, as shown on every kind of page: settings, inputs, speed.

use std::path::Path;

use maud::html;
use serde_json::Value;
use verglas_core::findings::counted_do;
use verglas_plot::grouped;
use verglas_run::manifest::{FolderRecord, InputRecord, RecordedPath};

use crate::page::{Cell, Origin, Section, bytes_in_words, date_and_time, table};

/// Input files that are listed.
const MOST_INPUTS: usize = 200;
/// Values of one setting that are listed.
const MOST_VALUES: usize = 24;

/// The input's name, for a title.
pub(crate) fn title(folder: &FolderRecord) -> String {
    let name = |path: &Path| {
        path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned()
    };
    let named = match &folder.first().settings.input {
        InputRecord::IndexedStar { star } => Some(name(star)),
        InputRecord::StarPairs { pairs } => pairs.first().map(|[star, _]| name(star)),
        InputRecord::IndexedCs { cs } => cs.first().map(|cs| name(cs)),
        // Their pages have titles of their own.
        InputRecord::Structures { .. } | InputRecord::Likelihood { .. } => None,
        InputRecord::CryosparcJob { root, job } => Some(format!("{} J{job}", name(root))),
    };
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "particles".to_owned())
}

/// When and how the folder was made: from the first shard's beginning to the last one's end.
pub(crate) fn origin(folder: &FolderRecord) -> Origin {
    let runs = || folder.parts.iter().map(|part| &part.run).filter(|run| run.started > 0.0);
    let started = runs().map(|run| run.started).reduce(f64::min);
    let updated = runs().map(|run| run.updated).reduce(f64::max);
    Origin {
        version: if folder.first().version.is_empty() { "?".to_owned() } else { folder.first().version.clone() },
        time: started.zip(updated).map(|(started, updated)| [started, updated]),
        command: command(&folder.first().run.command),
    }
}

/// A command as a shell takes it; of one that is not recorded, none.
fn command(words: &[RecordedPath]) -> Option<String> {
    let is_plain =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./,:=+@%^".contains(c));
    let quoted = |word: &RecordedPath| {
        let word = word.to_string_lossy().into_owned();
        if is_plain(&word) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
    };
    (!words.is_empty()).then(|| words.iter().map(quoted).collect::<Vec<_>>().join(" "))
}

/// What is not as it should be, then every warning of the run once, in order.
pub(crate) fn warnings(folder: &FolderRecord) -> Vec<String> {
    let mut warnings = Vec::new();
    if !folder.is_complete() {
        warnings.push(format!(
            "not complete: {} of {} there; this page is about those",
            grouped(folder.stacks().len()),
            counted_do(folder.n_stacks(), folder.first().settings.input.nouns()[1], "is", "are")
        ));
    }
    match folder.parts.iter().map(|part| part.skipped.len()).sum::<usize>() {
        0 => {}
        1 => warnings.push("1 image was left out; `skipped.star` lists it".to_owned()),
        n => warnings.push(format!("{} images were left out; `skipped.star` lists them", grouped(n))),
    }
    for warning in folder.parts.iter().flat_map(|part| &part.warnings) {
        if !warnings.contains(&warning.message) {
            warnings.push(warning.message.clone());
        }
    }
    warnings
}

/// A setting that is a number.
pub(crate) fn number_setting(folder: &FolderRecord, name: &str) -> Option<f64> {
    folder.first().settings.others.get(name).and_then(Value::as_f64)
}

/// The nouns for a folder's images and for the job that made them.
pub(crate) struct Words {
    images: &'static str,
    rate: &'static str,
    settings: &'static str,
}

impl Words {
    pub(crate) const PARTICLES: Self =
        Self { images: "particles", rate: "particles/s", settings: "Settings of the conversion" };
    pub(crate) const TEMPLATES: Self =
        Self { images: "templates", rate: "templates/s", settings: "Settings of the templates" };
    pub(crate) const LIKELIHOODS: Self =
        Self { images: "comparisons", rate: "comparisons/s", settings: "Settings of the comparison" };
}

/// Speed, settings and files that were read.
pub(crate) fn sections(folder: &FolderRecord, words: &Words) -> Vec<Section> {
    vec![speed(folder, words), settings(folder, words), inputs(folder)]
}

fn speed(folder: &FolderRecord, words: &Words) -> Section {
    let rows = folder.parts.iter().map(|part| {
        let run = &part.run;
        let seconds = |value: f64| Cell::Number(value, format!("{value:.2}"));
        let rate = run.n_images_done as f64 / run.seconds.max(1e-9);
        vec![
            Cell::text(run.host.clone()),
            Cell::count(run.n_threads),
            Cell::count(run.n_images_done),
            seconds(run.seconds),
            Cell::Number(rate, format!("{rate:.0}")),
            seconds(run.read_seconds),
            seconds(run.compute_seconds),
            seconds(run.write_seconds),
            Cell::Number(run.bytes_written as f64, bytes_in_words(run.bytes_written as f64)),
        ]
    });
    let heads = [
        "computer",
        "threads",
        words.images,
        "seconds",
        words.rate,
        "reading (s)",
        "computing (s)",
        "writing (s)",
        "written",
    ];
    let body = html! {
        p { "Wall time of the run; times for reading, computing and writing are summed over threads." }
        (table("Speed of each step", &heads, rows))
    };
    Section { id: "speed", title: "Speed", body }
}

fn settings(folder: &FolderRecord, words: &Words) -> Section {
    let settings = serde_json::to_value(&folder.first().settings).unwrap_or_default();
    let mut rows = Vec::new();
    for (name, value) in settings.as_object().into_iter().flatten() {
        match value {
            Value::Object(inner) => {
                rows.extend(inner.iter().map(|(key, value)| (format!("{name}: {key}"), value_in_words(value))));
            }
            value => rows.push((name.clone(), value_in_words(value))),
        }
    }
    rows.sort_by_key(|(name, _)| (!name.starts_with("input"), name.clone()));
    let rows = rows.into_iter().map(|(name, value)| vec![Cell::text(name), Cell::text(value)]);
    let body = html! {
        p { "All settings, defaults included." }
        (table(words.settings, &["setting", "value"], rows))
    };
    Section { id: "settings", title: "Settings", body }
}

/// The files that were read; shards read the same.
fn inputs(folder: &FolderRecord) -> Section {
    let inputs = &folder.first().inputs;
    let bytes: u64 = inputs.iter().filter_map(|input| input.bytes).fold(0, u64::saturating_add);
    let rows = inputs.iter().take(MOST_INPUTS).map(|input| {
        vec![
            Cell::name(input.path.to_string_lossy()),
            input.bytes.map_or(Cell::None, |bytes| Cell::Number(bytes as f64, bytes_in_words(bytes as f64))),
            input.modified.map_or(Cell::None, |seconds| Cell::Number(seconds, date_and_time(seconds))),
        ]
    });
    let body = html! {
        p {
            (grouped(inputs.len())) " file" @if inputs.len() != 1 { "s" } ", " (bytes_in_words(bytes as f64))
            @if inputs.len() > MOST_INPUTS { "; the first " (MOST_INPUTS) " are listed" }
            "."
        }
        (table("Files that were read", &["file", "size", "changed (UTC)"], rows))
    };
    Section { id: "inputs", title: "Files that were read", body }
}

/// A value of the manifest for people.
fn value_in_words(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "–".to_owned(),
        Value::Array(values) => {
            let shown: Vec<String> = values.iter().take(MOST_VALUES).map(value_in_words).collect();
            let more = values.len().saturating_sub(MOST_VALUES);
            let more = if more > 0 { format!(", … and {} more", grouped(more)) } else { String::new() };
            format!("{}{more}", shown.join(", "))
        }
        // A path that is not UTF-8 is stored as bytes and as text.
        Value::Object(path) if path.contains_key("hex") => path.get("text").map_or("?".to_owned(), value_in_words),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_what_a_shell_takes() {
        let words = |words: &[&str]| -> Vec<RecordedPath> { words.iter().map(|word| Path::new(word).into()).collect() };
        assert_eq!(command(&[]), None);
        let found = command(&words(&["verglas", "likelihood", "my stacks", "-t", "it's", "--memory=2G", ""])).unwrap();
        assert_eq!(found, "verglas likelihood 'my stacks' -t 'it'\\''s' --memory=2G ''");
    }

    #[test]
    fn long_lists_of_values_are_cut() {
        let values: Vec<Value> = (0..30).map(Value::from).collect();
        assert!(value_in_words(&Value::Array(values)).ends_with("22, 23, … and 6 more"));
    }
}
