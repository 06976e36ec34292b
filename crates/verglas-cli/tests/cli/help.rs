//! Promise: the command explains itself, helps with what is misspelt, and decorates nothing that is not a terminal.

use crate::data_set::DataSet;

/// All commands that the help text lists, but `help` itself.
fn commands(set: &DataSet) -> Vec<String> {
    let help = set.run(&["--help"]).stdout;
    let list = help.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let names = list.lines().filter(is_name).map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

#[test]
fn every_command_has_examples_that_its_own_parser_takes() {
    let set = DataSet::empty();
    let commands = commands(&set);
    assert!(commands.len() >= 12, "{commands:?}");
    for command in commands {
        let help = set.run(&[&command, "--help"]);
        assert_eq!(help.code, 0, "{command}: {}", help.stderr);
        let examples = help.stdout.split("Examples:").nth(1).unwrap_or_default();
        let examples: Vec<&str> = examples.lines().map(str::trim).filter(|line| line.starts_with("verglas ")).collect();
        assert!(!examples.is_empty(), "{command}");
        for example in examples {
            let words: Vec<&str> = example.split_whitespace().skip(1).take_while(|word| *word != ">").collect();
            // Nothing is there to work on: what matters is that it is not refused as wrong usage. These would work.
            if !["demo", "bench", "simulate", "descriptor", "man"].contains(&words[0]) {
                let ran = set.run(&words);
                assert_ne!(ran.code, 2, "`{example}`: {}", ran.stderr);
            }
        }
    }
}

#[test]
fn what_is_misspelt_gets_a_suggestion() {
    let set = DataSet::usual();
    let option = set.run(&["convert", "particles.star", "-o", "out", "--batchsize", "3"]);
    assert_eq!(option.code, 2);
    assert!(option.stderr.contains("'--batch-size'"), "{}", option.stderr);
    let command = set.run(&["conver", "particles.star"]);
    assert_eq!(command.code, 2);
    assert!(command.stderr.contains("'convert'"), "{}", command.stderr);
    for arguments in
        [&["convert", "partcles.star", "-o", "out"][..], &["check", "Particles.star"], &["inspect", "particle.star"]]
    {
        let ran = set.run(arguments);
        assert_eq!(ran.code, 1, "{arguments:?}");
        assert!(ran.stderr.contains("hint: did you mean `particles.star`?"), "{arguments:?}: {}", ran.stderr);
    }
    // Nothing is similar: no guess.
    let far = set.run(&["inspect", "something_else.mrcs"]);
    assert!(!far.stderr.contains("did you mean"), "{}", far.stderr);
}

#[test]
fn completions_and_manual_know_every_command() {
    let set = DataSet::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = set.run(&["completions", shell]);
        assert_eq!(script.code, 0, "{}", script.stderr);
        for word in ["convert", "report", "defocus-angle-axis"] {
            assert!(script.stdout.contains(word), "{shell}: {word}");
        }
    }
    let ran = set.run(&["man", "-o", "manual/man1"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for command in commands(&set) {
        let page = std::fs::read_to_string(set.path(&format!("manual/man1/verglas-{command}.1"))).unwrap();
        assert!(page.contains(".SH"), "{command}");
    }
    assert!(set.path("manual/man1/verglas.1").exists());
    // Existing files are not replaced unless that is requested.
    std::fs::write(set.path("manual/man1/verglas-check.1"), "mine").unwrap();
    std::fs::remove_file(set.path("manual/man1/verglas.1")).unwrap();
    let refused = set.run(&["man", "-o", "manual/man1"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("already exists\nhint: ") && refused.stderr.contains("--overwrite"),
        "{}",
        refused.stderr
    );
    assert!(!set.path("manual/man1/verglas.1").exists());
    assert_eq!(std::fs::read(set.path("manual/man1/verglas-check.1")).unwrap(), b"mine");
    assert_eq!(set.run(&["man", "-o", "manual/man1", "--overwrite"]).code, 0);
    assert_ne!(std::fs::read(set.path("manual/man1/verglas-check.1")).unwrap(), b"mine");
}

#[test]
fn nothing_is_decorated_outside_of_terminals() {
    let set = DataSet::usual();
    for arguments in [&["--help"][..], &["convert", "gone.star", "-o", "out"], &["check", "particles.star"], &["x"]] {
        let ran = set.run(arguments);
        assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{arguments:?}");
    }
}

#[test]
fn decisions_are_explained_to_those_who_ask() {
    let set = DataSet::usual();
    let silent = set.convert(&["--pixel-size", "1.5"]);
    assert!(!silent.stderr.contains("note: "), "{}", silent.stderr);
    let told = set.convert(&["--pixel-size", "1.5", "--overwrite", "-v"]);
    for part in ["pixel size 1.5 Å", "image paths are relative to", "grids made from", "in 1 stack", "thread"] {
        let is_reported = told.stderr.lines().any(|line| line.starts_with("note: ") && line.contains(part));
        assert!(is_reported, "{part}: {}", told.stderr);
    }
}

#[test]
fn logs_for_programs_are_one_object_a_line() {
    let set = DataSet::usual();
    let ran = set.convert(&["--log-format", "json", "-v"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let levels: Vec<String> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["level"].as_str().unwrap().to_owned())
        .collect();
    assert!(levels.iter().any(|level| level == "note"), "{levels:?}");
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(summary["n_images"], 6);
    let failed = set.run(&["inspect", "partcles.star", "--log-format", "json"]);
    let error: serde_json::Value = serde_json::from_str(failed.stderr.lines().next().unwrap()).unwrap();
    assert_eq!(
        (error["level"].as_str(), error["hint"].as_str()),
        (Some("error"), Some("did you mean `particles.star`?"))
    );
}
