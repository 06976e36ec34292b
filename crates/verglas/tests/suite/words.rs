//! Promise: the library speaks no front end's words: what a user can do about something is data.

use std::path::{Path, PathBuf};

use verglas::export::Export;
use verglas::scoring::LikelihoodSettings;
use verglas::settings::ConvertSettings;
use verglas::structures::{BeadSettings, Center, LoadSettings, MapSettings, Models, Selection};
use verglas::{Error, ErrorKind, Hint, Setting};

/// All Rust sources below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = entries.flat_map(|path| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    });
    below.filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

/// Whether a line has `--name` in it, as only an option of the command is written.
fn has_option(line: &str) -> bool {
    line.match_indices("--").any(|(at, _)| {
        let after = line[at + 2..].chars().next();
        !line[..at].ends_with('-') && after.is_some_and(|char| char.is_ascii_lowercase())
    })
}

#[test]
fn no_message_of_the_library_names_an_option_of_the_command() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(crates).unwrap() {
        let folder = entry.unwrap().path();
        if folder.ends_with("verglas-cli") || !folder.join("src").is_dir() {
            continue;
        }
        for path in sources(&folder.join("src")) {
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
            for (number, line) in lines {
                if !line.trim_start().starts_with("//") && has_option(line) {
                    found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "say it with a `Hint`:\n{}", found.join("\n"));
}

#[test]
fn options_are_seen_in_strings_and_ranges_of_numbers_are_not() {
    assert!(has_option("with_hint(\"give it with --pixel-size\")"));
    assert!(has_option("`--contrast invert` inverts"));
    assert!(!has_option("a -- b, 1--2, ---x, format!(\"--{name}\")"));
}

#[test]
fn hints_name_the_field_for_a_rust_program() {
    let beads = BeadSettings {
        selection: Selection::parse("name CA").unwrap(),
        use_protein_residue_model: true,
        atom_radii_angstrom: None,
        center: Center::default(),
        box_angstrom: None,
    };
    let load = LoadSettings {
        beads,
        maps: MapSettings::default(),
        models: Models::First,
        frames: "0:1".parse().unwrap(),
        topology: None,
    };
    let scoring = LikelihoodSettings::default();
    let weights = verglas::weights::WeightsSettings::default();
    let fields = format!("{:?} {:?} {load:?} {scoring:?} {weights:?}", ConvertSettings::default(), Export::default());
    for &setting in Setting::ALL.iter().filter(|setting| **setting != Setting::Images) {
        assert!(fields.contains(&format!("{}: ", setting.field())), "{setting:?}");
    }
}

#[test]
fn an_error_is_matched_by_kind_and_hint_and_prints_as_text() {
    let error = Error::value("the pixel size is unknown")
        .with_detail("line 2")
        .with_hint("give it with " + Hint::Give(Setting::PixelSize));
    assert_eq!(error.kind(), ErrorKind::Value);
    assert!(error.hint().unwrap().hints().any(|hint| hint == Hint::Give(Setting::PixelSize)));
    // What a `main` that returns it prints.
    let both = error.with_other(Error::not_found("no `a.mrcs`"));
    let text = "the pixel size is unknown\n  line 2\nhint: give it with `pixel_size_angstrom`\nerror: no `a.mrcs`";
    assert_eq!(format!("{both:?}"), text);
}
