//! Promise: every command in the guides runs as it is written there.
//!
//! Each guide gets a folder of its own with simulated data under the names that the guide uses, and its `sh` blocks run in it,
//! in order.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::data_set::DataSet;

/// The lines of all `sh` blocks of a guide.
fn commands(guide: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(guide);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        match line {
            "```sh" => is_inside = true,
            "```" => is_inside = false,
            line if is_inside => lines.push(line.to_owned()),
            _ => {}
        }
    }
    lines
}

/// Runs the commands of a guide in the data set's folder.
fn follow(guide: &str, data: &DataSet) {
    let bin = Path::new(env!("CARGO_BIN_EXE_verglas")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let commands = commands(guide);
    assert!(!commands.is_empty(), "{guide} has no commands");
    for command in commands {
        assert!(command.starts_with("verglas "), "{guide}: `{command}` is none of ours");
        let mut shell = Command::new("sh");
        let ran = shell.args(["-e", "-c", &command]).env("PATH", &path).current_dir(data.path("")).output().unwrap();
        assert!(ran.status.success(), "{guide}: `{command}`\n{}", String::from_utf8_lossy(&ran.stderr));
    }
}

fn simulate(data: &DataSet, folder: &str, layout: &str) {
    let arguments = ["simulate", "-o", folder, "--particles", "60", "--n-pixels", "32", "--layout", layout];
    let ran = data.run(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

fn move_to(data: &DataSet, from: &str, to: &str) {
    let to = data.path(to);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::rename(data.path(from), to).unwrap();
}

#[test]
fn from_relion() {
    let data = DataSet::empty();
    simulate(&data, ".", "star");
    move_to(&data, "particles.star", "Refine3D/job019/run_data.star");
    simulate(&data, "pairs", "star-pairs");
    for (from, to) in [("particles_000", "a"), ("particles_001", "b")] {
        for ending in ["star", "mrcs"] {
            move_to(&data, &format!("pairs/{from}.{ending}"), &format!("{to}.{ending}"));
        }
    }
    fs::create_dir(data.path("stacks-on-scratch")).unwrap();
    for entry in fs::read_dir(data.path("stacks")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), data.path("stacks-on-scratch").join(entry.file_name())).unwrap();
    }
    follow("from-relion.md", &data);
}

#[test]
fn from_cryosparc() {
    let data = DataSet::empty();
    simulate(&data, "simulated", "cs");
    move_to(&data, "simulated/stacks", "stacks");
    move_to(&data, "simulated/particles.cs", "J24/J24_particles.cs");
    // The passthrough file has the same rows; here it adds nothing.
    fs::copy(data.path("J24/J24_particles.cs"), data.path("J24/J24_passthrough_particles.cs")).unwrap();
    simulate(&data, "project", "cs-job");
    follow("from-cryosparc.md", &data);
}

#[test]
fn from_cryolike_output_and_troubleshooting() {
    for guide in ["from-cryolike.md", "output.md", "troubleshooting.md"] {
        let data = DataSet::empty();
        simulate(&data, ".", "star");
        follow(guide, &data);
    }
}

#[test]
fn templates() {
    let Some(shared) = crate::shared_data::shared() else { return };
    let data = DataSet::empty();
    for file in ["structures/1l2y.cif", "structures/1l2y.pdb", "structures/1l2y.xtc", "mrc/EMD-3197.map"] {
        let from = shared.join("data").join(file);
        fs::copy(&from, data.path(from.file_name().unwrap().to_str().unwrap())).unwrap();
    }
    follow("templates.md", &data);
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/templates.md");
    let text = fs::read_to_string(guide).unwrap();
    let listed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(listed.len(), 8, "{listed:?}");
    for name in listed {
        assert!(data.path("templates").join(name).is_file(), "{name}");
    }
}

#[test]
fn likelihood() {
    let Some(shared) = crate::shared_data::shared() else { return };
    let data = DataSet::empty();
    fs::copy(shared.join("data/structures/1l2y.pdb"), data.path("1l2y.pdb")).unwrap();
    follow("likelihood.md", &data);
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/likelihood.md");
    let text = fs::read_to_string(guide).unwrap();
    let listed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let files: Vec<&&str> = listed.iter().filter(|name| name.contains('.')).collect();
    assert_eq!(files.len(), 18, "{files:?}");
    // The guide writes the others.
    for name in files.into_iter().filter(|name| **name != "results.parquet") {
        assert!(data.path("likelihood").join(name).is_file(), "{name}");
    }
    let csv = crate::likelihood_data::Csv::read(&data.path("likelihood/results.csv"));
    for column in csv.columns() {
        assert!(text.contains(&format!("`{column}`")), "{column} is not told of");
    }
}

#[test]
fn weights() {
    let Some(shared) = crate::shared_data::shared() else { return };
    let data = DataSet::empty();
    fs::copy(shared.join("data/structures/1l2y.pdb"), data.path("1l2y.pdb")).unwrap();
    follow("weights.md", &data);
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/weights.md");
    let text = fs::read_to_string(guide).unwrap();
    let listed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    // Below those that are always there stand the formats of others, each by its name.
    let (files, formats): (Vec<&str>, Vec<&str>) = listed.iter().partition(|name| name.contains('.'));
    assert_eq!((files.len(), formats), (6, vec!["txt", "pt", "cryoer"]), "{listed:?}");
    // Those for other programs are written if requested.
    for name in files.into_iter().filter(|name| *name != "log_likelihood.txt") {
        assert!(data.path("weights").join(name).is_file(), "{name}");
    }
    let csv = crate::likelihood_data::Csv::read(&data.path("weights/weights.csv"));
    for column in csv.columns() {
        assert!(text.contains(column.as_str()), "{column} is not told of");
    }
    let page = fs::read_to_string(data.path("weights/report.html")).unwrap();
    for part in ["Not told apart", "1l2y_model1", "95 % interval"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn the_output_that_the_guide_lists_is_all_there() {
    let data = DataSet::empty();
    simulate(&data, ".", "star");
    follow("output.md", &data);
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/output.md");
    let listed: Vec<String> = fs::read_to_string(guide)
        .unwrap()
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned()))
        .collect();
    assert_eq!(listed.len(), 9, "{listed:?}");
    for name in listed {
        assert!(data.path("converted").join(&name).is_file(), "{name}");
    }
}
