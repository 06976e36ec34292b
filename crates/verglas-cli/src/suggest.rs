//! Suggestions for files that don't exist: files next to them with a similar name.

use std::path::{Path, PathBuf};

use crate::args::Command;

/// The file or folder next to `path` with the most similar name, if `path` does not exist and one is similar enough.
pub fn similar(path: &Path) -> Option<PathBuf> {
    if path.exists() {
        return None;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let name = path.file_name()?.to_str()?.to_lowercase();
    let mut best: Option<(f64, String)> = None;
    for entry in std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?.flatten() {
        let Ok(other) = entry.file_name().into_string() else { continue };
        let likeness = likeness(&name, &other.to_lowercase());
        if likeness >= LEAST_LIKENESS
            // Equally similar names in alphabetical order, whatever order the folder gives.
            && best.as_ref().is_none_or(|(most, first)| likeness > *most || (likeness == *most && other < *first))
        {
            best = Some((likeness, other));
        }
    }
    let (_, name) = best?;
    Some(folder.map_or_else(|| PathBuf::from(&name), |folder| folder.join(&name)))
}

/// How much two names have in common, from 0 to 1: as a whole and without their endings, which are often the same.
fn likeness(name: &str, other: &str) -> f64 {
    let stem = |name: &str| Path::new(name).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
    let alike = strsim::normalized_damerau_levenshtein;
    alike(name, other).min(alike(&stem(name), &stem(other)))
}

/// A third of the letters may differ.
const LEAST_LIKENESS: f64 = 0.66;

/// A hint about the first file on the command line that does not exist but has one with a similar name next to it.
pub fn misspelt(command: &Command) -> Option<String> {
    let found = read_paths(command).into_iter().find_map(similar)?;
    Some(format!("did you mean `{}`?", found.display()))
}

/// The files and folders that a command reads.
fn read_paths(command: &Command) -> Vec<&Path> {
    let paths: Vec<&PathBuf> = match command {
        Command::Convert(arguments) => inputs(&arguments.input),
        Command::Check(arguments) => inputs(&arguments.input),
        Command::Templates(arguments) => arguments.read_paths(),
        Command::Likelihood(arguments) => arguments.read_paths(),
        Command::Weights(arguments) => std::iter::once(&arguments.likelihoods).chain(&arguments.images).collect(),
        Command::Inspect(arguments) => arguments.files.iter().collect(),
        Command::Status(arguments) => vec![&arguments.folder],
        Command::Report(arguments) => vec![&arguments.folder],
        Command::Verify(arguments) => vec![&arguments.folder],
        Command::Export(arguments) => std::iter::once(&arguments.particles)
            .chain(&arguments.likelihood)
            .chain(&arguments.rows)
            .chain(arguments.add.iter().map(|(_, path)| path))
            .collect(),
        Command::Descriptor(_)
        | Command::Simulate(_)
        | Command::Bench(_)
        | Command::Demo(_)
        | Command::Completions(_)
        | Command::Man(_) => Vec::new(),
    };
    paths.into_iter().map(PathBuf::as_path).collect()
}

fn inputs(arguments: &crate::convert::InputArguments) -> Vec<&PathBuf> {
    arguments.input.iter().chain(arguments.images.read_paths()).chain(&arguments.descriptor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_name_is_suggested() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["run_data.star", "run_model.star", "notes.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let of = |name: &str| similar(&folder.path().join(name));
        assert_eq!(of("run_dta.star"), Some(folder.path().join("run_data.star")));
        assert_eq!(of("Run_Data.star"), Some(folder.path().join("run_data.star")));
        assert_eq!(of("something_else.mrcs"), None);
        assert_eq!(of("run_data.star"), None);
        // A common ending is not a similarity.
        std::fs::write(folder.path().join("e.star"), "").unwrap();
        assert_eq!(of("none.star"), None);
        assert_eq!(of("gone/run_data.star"), None);
    }
}
