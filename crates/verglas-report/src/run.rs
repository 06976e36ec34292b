//! What the manifest says about a run, as the page shows it.

use std::path::Path;

use serde_json::Value;
use verglas_core::error::{Error, Result};
use verglas_run::manifest::FolderRecord;

use super::survey::StackEntry;

/// A run, or the shards of one.
#[derive(Debug)]
pub(super) struct Run {
    parts: Vec<Value>,
    n_stacks_asked: usize,
    is_complete: bool,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct InputFile {
    pub(super) path: String,
    pub(super) bytes: Option<u64>,
    pub(super) modified: Option<f64>,
}

impl Run {
    /// Reads the manifests of the output folder `root`.
    ///
    /// # Errors
    /// When there is none, or they are none of verglas.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let folder = FolderRecord::read(root)?;
        let is_complete = folder.is_complete();
        let parts = folder.parts.iter().map(serde_json::to_value).collect::<std::result::Result<Vec<Value>, _>>();
        let parts = parts.map_err(|error| {
            Error::format(format!("the manifest of `{}` holds what no page can show: {error}", root.display()))
        })?;
        Ok(Self { parts, n_stacks_asked: folder.n_stacks(), is_complete })
    }

    /// The stacks that are whole, in the order of their numbers.
    pub(super) fn stacks(&self) -> Vec<StackEntry> {
        let of = |value: &Value, name: &str| value.get(name).and_then(Value::as_u64).map(|n| n as usize);
        let records = self.parts.iter().filter_map(|part| part.get("stacks")?.as_array()).flatten();
        let mut stacks: Vec<StackEntry> = records
            .filter_map(|record| Some(StackEntry { number: of(record, "number")?, n_images: of(record, "n_images")? }))
            .filter(|stack| stack.n_images > 0)
            .collect();
        stacks.sort_by_key(|stack| stack.number);
        stacks
    }

    /// How many stacks were asked for.
    pub(super) fn n_stacks_asked(&self) -> usize {
        self.n_stacks_asked
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    pub(super) fn version(&self) -> &str {
        self.first("/version").and_then(Value::as_str).unwrap_or("?")
    }

    /// Every warning once, in the order in which they were told.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut told = Vec::new();
        for warning in self.lists("warnings") {
            if let Some(message) = warning.get("message").and_then(Value::as_str)
                && !told.iter().any(|earlier| earlier == message)
            {
                told.push(message.to_owned());
            }
        }
        told
    }

    /// How many images were left out.
    pub(super) fn n_skipped(&self) -> usize {
        self.lists("skipped").count()
    }

    /// The metadata files' names, for a title.
    pub(super) fn data_set(&self) -> String {
        let Some(input) = self.first("/settings/input") else { return "particles".to_owned() };
        let mut names = Vec::new();
        for key in ["star", "cs", "pairs", "root"] {
            collect_text(input.get(key).unwrap_or(&Value::Null), &mut names);
        }
        let name = names.first().map_or("particles", String::as_str);
        let name = Path::new(name).file_name().map_or(name.into(), |name| name.to_string_lossy());
        match input.get("job").and_then(Value::as_u64) {
            Some(job) => format!("{name} J{job}"),
            None => name.into_owned(),
        }
    }

    /// Every setting and its value, the input first.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        let Some(settings) = self.first("/settings").and_then(Value::as_object) else { return Vec::new() };
        let mut rows = Vec::new();
        for (name, value) in settings {
            match value {
                Value::Object(inner) => {
                    rows.extend(inner.iter().map(|(key, value)| (format!("{name}: {key}"), show(value))));
                }
                value => rows.push((name.clone(), show(value))),
            }
        }
        rows.sort_by_key(|(name, _)| (!name.starts_with("input"), name.clone()));
        rows
    }

    /// A setting that is a number.
    pub(super) fn setting(&self, name: &str) -> Option<f64> {
        self.first(&format!("/settings/{name}")).and_then(Value::as_f64)
    }

    /// The files that were read; shards read the same.
    pub(super) fn inputs(&self) -> Vec<InputFile> {
        let records = self.parts.first().and_then(|part| part.get("inputs")?.as_array());
        records
            .into_iter()
            .flatten()
            .map(|record| InputFile {
                path: record.get("path").map_or(String::new(), show),
                bytes: record.get("bytes").and_then(Value::as_u64),
                modified: record.get("modified").and_then(Value::as_f64),
            })
            .collect()
    }

    /// How each part of the run went: machine, threads, and the time of each step.
    pub(super) fn speeds(&self) -> Vec<&serde_json::Map<String, Value>> {
        self.parts.iter().filter_map(|part| part.get("run")?.as_object()).collect()
    }

    fn first(&self, pointer: &str) -> Option<&Value> {
        self.parts.first()?.pointer(pointer)
    }

    fn lists(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.parts.iter().filter_map(move |part| part.get(name)?.as_array()).flatten()
    }
}

/// A value of the manifest for people.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "–".to_owned(),
        Value::Array(values) => values.iter().map(show).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn collect_text(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::String(text) => names.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect_text(value, names)),
        _ => {}
    }
}
