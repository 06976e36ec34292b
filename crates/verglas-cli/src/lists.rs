//! Options that take a list would swallow the input that follows them; this finds it again.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The commands whose inputs may follow a list.
const COMMANDS: [&str; 3] = ["convert", "check", "likelihood"];
/// The options that take lists.
const LISTS: [&str; 2] = ["--optics-group", "--images"];

/// The words of a command line, with inputs that stand in a list moved to the front.
///
/// In `check --optics-group 6 run_data.star` the file is no optics group, and in `convert --images a.mrcs a.star` it is no
/// image stack. Words are taken for inputs by their endings, after `--optics-group` also where they are folders.
pub fn set_inputs_free(words: Vec<OsString>) -> Vec<OsString> {
    let is_command = |word: &OsString| COMMANDS.iter().any(|command| word == *command);
    let Some(command) = words.iter().position(is_command) else { return words };
    let (mut kept, mut inputs) = (Vec::with_capacity(words.len()), Vec::new());
    let mut list: Option<&str> = None;
    let mut words = words.into_iter();
    kept.extend(words.by_ref().take(command + 1));
    for word in words.by_ref() {
        if word == "--" {
            kept.push(word);
            break;
        }
        if word.as_encoded_bytes().starts_with(b"-") {
            let begins = |name: &&&str| word.to_str().and_then(|word| word.split('=').next()) == Some(**name);
            list = LISTS.iter().find(begins).copied();
        } else if list.is_some_and(|list| is_input(&word, list)) {
            inputs.push(word);
            continue;
        }
        kept.push(word);
    }
    kept.extend(words);
    drop(kept.splice(command + 1..command + 1, inputs));
    kept
}

fn is_input(word: &OsStr, list: &str) -> bool {
    let path = Path::new(word);
    let ends_with = |ending: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    if list == "--images" {
        return ends_with("star");
    }
    let is_number = word.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    ["star", "cs", "csg"].into_iter().any(ends_with) || !is_number && path.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_free(words: &str) -> String {
        let words = words.split(' ').map(OsString::from).collect();
        set_inputs_free(words).join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn inputs_are_found_in_lists_and_nothing_else_moves() {
        for (words, expected) in [
            ("verglas check --optics-group 6 a.star -q", "verglas check a.star --optics-group 6 -q"),
            ("verglas -q check --optics-group=6 a.cs b.cs", "verglas -q check a.cs b.cs --optics-group=6"),
            ("verglas convert --images a.mrcs a.star -o out", "verglas convert a.star --images a.mrcs -o out"),
            ("verglas convert --optics-group 1 2 . -o out", "verglas convert . --optics-group 1 2 -o out"),
            (
                "verglas convert a.star --optics-group 1 two -o b.star",
                "verglas convert a.star --optics-group 1 two -o b.star",
            ),
            ("verglas export out --rows a.star", "verglas export out --rows a.star"),
            ("verglas check --optics-group 6 -- a.star", "verglas check --optics-group 6 -- a.star"),
        ] {
            assert_eq!(set_free(words), expected);
        }
    }
}
