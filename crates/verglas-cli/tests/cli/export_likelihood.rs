//! Promise: `export --likelihood` gives the source's rows the best poses of the very images that they name, and refuses what the
//! likelihoods were not made from; and `verify` compares every number of a table with the units' files.

use std::fs;

use verglas_formats::pt::write_pt;
use verglas_formats::star::{StarFile, StarTable};
use verglas_run::manifest::{FileRecord, Manifest};

use crate::data_set::{DataSet, Ran};
use crate::likelihood_data::{Csv, assert_made, compared, run};

fn particles(set: &DataSet, name: &str) -> StarTable {
    StarFile::open(set.path(name)).unwrap().table("particles").unwrap().clone()
}

fn numbers(table: &StarTable, column: &str) -> Vec<f64> {
    let at = table.block.position(column).unwrap().unwrap_or_else(|| panic!("no {column}"));
    table.column(at).map(|value| std::str::from_utf8(value).unwrap().parse().unwrap()).collect()
}

fn texts(table: &StarTable, column: &str) -> Vec<String> {
    let at = table.block.position(column).unwrap().unwrap_or_else(|| panic!("no {column}"));
    table.column(at).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

#[track_caller]
fn assert_refused(ran: &Ran, parts: &[&str]) {
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    for part in parts {
        assert!(ran.stderr.contains(part), "`{part}` is not in:\n{}", ran.stderr);
    }
}

/// Where the command was built with it.
const PARQUET_TOO: &str = if cfg!(feature = "parquet") { "--table parquet" } else { "" };

/// The names of the exported columns in `results.csv`.
const COLUMNS: [(&str, &str); 6] = [
    ("AngleRot", "rot_deg"),
    ("AngleTilt", "tilt_deg"),
    ("AnglePsi", "psi_deg"),
    ("OriginXAngst", "origin_x_angstrom"),
    ("OriginYAngst", "origin_y_angstrom"),
    ("LogLikeliContribution", "log_likelihood_integrated"),
];

#[test]
fn rows_get_the_poses_of_their_images() {
    let set = compared();
    assert_made(&set, "out", "--table csv --table star");
    let csv = Csv::read(&set.path("out/results.csv"));
    let ran = run(&set, "export stacks --likelihood out -o best.star");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(ran.stdout, "best.star: 20 of 20 rows of data/particles.star, with the poses of out\n");
    // The file itself names the folder as well.
    let by_file = run(&set, "export data/particles.star --likelihood out -o by-file.star");
    assert_eq!((by_file.code, by_file.stderr.as_str()), (0, ""));
    assert_eq!(fs::read(set.path("by-file.star")).unwrap(), fs::read(set.path("best.star")).unwrap());

    let (source, best) = (particles(&set, "data/particles.star"), particles(&set, "best.star"));
    let is_best: Vec<bool> = csv.texts("best").iter().map(|best| best == "1").collect();
    let of_best = |column: &str| -> Vec<f64> {
        csv.numbers(column).into_iter().zip(&is_best).filter(|(_, is_best)| **is_best).map(|(value, _)| value).collect()
    };
    for (star, column) in COLUMNS {
        assert_eq!(numbers(&best, star), of_best(column), "{star}");
    }
    let classes: Vec<f64> = of_best("structure").into_iter().map(|structure| structure + 1.0).collect();
    assert_eq!(numbers(&best, "ClassNumber"), classes);
    for column in ["ImageName", "DefocusU", "DefocusV", "DefocusAngle", "OpticsGroup"] {
        assert_eq!(texts(&best, column), texts(&source, column), "{column}");
    }
    // The same as the table for RELION says.
    let table = particles(&set, "out/results.star");
    for (star, _) in COLUMNS {
        assert_eq!(numbers(&best, star), numbers(&table, star), "{star}");
    }

    // One structure's poses, of some images, with an additional column.
    let values: Vec<f32> = (0..20).map(|value| value as f32).collect();
    let mut bytes = Vec::new();
    write_pt(&mut bytes, &[20], &values).unwrap();
    fs::write(set.path("score.pt"), &bytes).unwrap();
    let mut bytes = Vec::new();
    write_pt(&mut bytes, &[2], &[17_i64, 3]).unwrap();
    fs::write(set.path("rows.pt"), &bytes).unwrap();
    let words = "export stacks --likelihood out --structure 1 --rows rows.pt --add score=score.pt -o one.star";
    let ran = run(&set, words);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let one = particles(&set, "one.star");
    let of_one = |column: &str| [17, 3].map(|image| csv.numbers(column)[2 * image + 1]);
    for (star, column) in COLUMNS {
        assert_eq!(numbers(&one, star), of_one(column), "{star}");
    }
    assert_eq!((numbers(&one, "ClassNumber"), numbers(&one, "score")), (vec![2.0, 2.0], vec![17.0, 3.0]));
    let names = texts(&source, "ImageName");
    assert_eq!(texts(&one, "ImageName"), [names[17].clone(), names[3].clone()]);

    // What was exported can be converted, and has its poses.
    let again = run(&set, "convert best.star -o again --image-dir data --no-plots --no-physical");
    assert_eq!(again.code, 0, "{}", again.stderr);
}

#[test]
fn rows_that_were_not_compared_are_left_out_and_reported() {
    let set = compared();
    assert_made(&set, "out", "--max-stacks 2 --no-integrated");
    let ran = run(&set, "export stacks --likelihood out -o part.star");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.starts_with("warning: 4 rows of `data/particles.star` are left out of `part.star`"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("4 not compared: of later stacks"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "part.star: 16 of 20 rows of data/particles.star, with the poses of out\n");
    // Without integrated likelihoods, those of the best poses.
    let csv = Csv::read(&set.path("out/results.csv"));
    let best = csv.texts("best").into_iter().zip(csv.numbers("log_likelihood_optimal"));
    let best: Vec<f64> = best.filter(|(best, _)| best == "1").map(|(_, value)| value).collect();
    assert_eq!(numbers(&particles(&set, "part.star"), "LogLikeliContribution"), best);
}

#[test]
fn other_particles_and_other_templates_are_refused() {
    let set = compared();
    assert_made(&set, "out", "--structures 1");
    let export = |words: &str| run(&set, &format!("export {words} -o o.star"));
    assert_refused(&export("stacks --likelihood out --structure 0"), &["`out` has no structure 0; it has 1 (`b`)"]);
    assert_refused(&export("stacks --likelihood stacks"), &["`stacks` is no folder of likelihoods"]);
    assert_refused(&export("stacks --likelihood none"), &["none"]);
    assert_refused(&export("nothing --likelihood out"), &["cannot read `nothing`"]);
    for usage in
        ["stacks --structure 0", "stacks --likelihood out --structure first", "stacks --likelihood out --structure -1"]
    {
        assert_eq!(export(usage).code, 2, "{usage}");
    }
    // Other rows in stacks of the same sizes: images in another order.
    let text = fs::read_to_string(set.path("data/particles.star")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let rows: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].contains('@')).collect();
    lines.swap(rows[0], rows[1]);
    fs::write(set.path("data/other.star"), lines.join("\n") + "\n").unwrap();
    let converted = run(&set, "convert data/other.star -o others --batch-size 8 --no-plots --no-physical");
    assert_eq!(converted.code, 0, "{}", converted.stderr);
    assert_refused(
        &export("others --likelihood out"),
        &[
            "`out` was not made from what is in `others`: `others/fft/particles_fourier_stack_000000.npz`",
            "hint: it was made from `stacks`",
        ],
    );
    assert_refused(&export("data/other.star --likelihood out"), &["does not name image 0 any more"]);
    // The folder, somewhere else, is the same.
    fs::rename(set.path("stacks"), set.path("moved")).unwrap();
    let moved = export("moved --likelihood out");
    assert_eq!((moved.code, moved.stderr.as_str()), (0, ""));
    fs::remove_file(set.path("o.star")).unwrap();
    assert_refused(
        &export("data/particles.star --likelihood out"),
        &["`stacks/fft/particles_fourier_stack_000000.npz` is not there"],
    );
    fs::rename(set.path("moved"), set.path("stacks")).unwrap();
    // Templates that are not what they were.
    let made = run(&set, "templates a.pdb b.pdb -o templates -d stacks --viewing-distance 0.6 --no-plots --overwrite");
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert_refused(
        &export("stacks --likelihood out"),
        &["is not what `out` was made with", "poses are counted in the views"],
    );
    fs::rename(set.path("templates"), set.path("gone")).unwrap();
    assert_refused(&export("stacks --likelihood out"), &["`templates` has no template_file_list.npy"]);
    fs::rename(set.path("gone"), set.path("templates")).unwrap();
    assert!(!set.path("o.star").exists());
    // Not whole.
    let part = run(&set, "likelihood stacks -t templates -o part --max-displacement 1 --displacements 1 --shard 1/2");
    assert_eq!(part.code, 0, "{}", part.stderr);
    assert_refused(&export("stacks --likelihood part"), &["`part` is not whole: 3 of 6 units are there", "--resume"]);
    assert!(!set.path("o.star").exists());
}

/// Replaces the first `from` behind `line` in a table, and says so in the manifest: as if it had been written like this.
fn forge(set: &DataSet, name: &str, line: usize, from: &str, to: &str) {
    let path = set.path(&format!("out/{name}"));
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert!(lines[line].contains(from), "{from} is not in {}", lines[line]);
    lines[line] = lines[line].replacen(from, to, 1);
    record(set, name, &(lines.join("\n") + "\n"));
}

fn record(set: &DataSet, name: &str, text: &str) {
    fs::write(set.path(&format!("out/{name}")), text).unwrap();
    let mut manifest = Manifest::read(&set.path("out/manifest.json")).unwrap();
    let at = manifest.closing.iter().position(|file| file.name == name).unwrap();
    manifest.closing[at] = FileRecord::of(name, text.as_bytes());
    manifest.write(&set.path("out")).unwrap();
}

#[test]
fn a_table_that_says_something_else_than_the_units_is_found() {
    let set = compared();
    assert_made(&set, "out", &format!("--table csv --table star {PARQUET_TOO}"));
    let verify = || set.run(&["verify", "out"]);
    let sound = verify();
    assert_eq!((sound.code, sound.stderr.as_str()), (0, ""));
    let (csv, star) = ("results.csv", "results.star");
    let good = [csv, star].map(|name| fs::read_to_string(set.path(&format!("out/{name}"))).unwrap());
    let table = Csv::read(&set.path("out/results.csv"));
    // Row 5 is line 6: image 2, structure 1.
    for column in table.columns() {
        if ["row", "uid", "file", "section"].contains(&column.as_str()) {
            continue;
        }
        let at = table.columns().iter().position(|name| name == column).unwrap();
        let mut lines: Vec<String> = good[0].lines().map(str::to_owned).collect();
        let mut values: Vec<&str> = lines[6].split(',').collect();
        let value = match values[at] {
            "0" => "1".to_owned(),
            "b" => "c".to_owned(),
            value => format!("{value}1").replace(".1", ".5"),
        };
        let value = if value.parse::<f64>().is_ok_and(|new| (new - table.numbers_or_nan(column)[5]).abs() < 1e-7) {
            "7".to_owned()
        } else {
            value
        };
        values[at] = &value;
        lines[6] = values.join(",");
        record(&set, csv, &(lines.join("\n") + "\n"));
        let ran = verify();
        assert_eq!(ran.code, 1, "{column}: {}", ran.stdout);
        let place = "`results.csv`, row 5 (counted from 0), image 2 and structure 1: ";
        assert!(ran.stderr.contains(place), "{column}: {}", ran.stderr);
        let named =
            if column == "name" { "the structure is called `c`".to_owned() } else { format!("its {column} is ") };
        assert!(ran.stderr.contains(&named), "{column}: {}", ran.stderr);
    }
    // Rows that are missing, or too many; and text where numbers belong.
    let lines: Vec<&str> = good[0].lines().collect();
    record(&set, csv, &(lines[..40].join("\n") + "\n"));
    assert_refused(&verify(), &["`results.csv` ends after 39 rows: that of image 19 and structure 1 is missing"]);
    record(&set, csv, &format!("{}{}\n", good[0], lines[40]));
    assert_refused(&verify(), &["`results.csv` has more than the 40 rows of the units' files"]);
    record(&set, csv, &good[0].replacen("image,", "picture,", 1));
    assert_refused(&verify(), &["`out/results.csv` has other columns than it was written with"]);
    record(&set, csv, &good[0]);
    assert_eq!(verify().code, 0);

    let first = good[1].lines().position(|line| line.contains('@')).unwrap();
    let angle = good[1].lines().nth(first).unwrap().split_whitespace().nth(1).unwrap().to_owned();
    forge(&set, star, first, &format!(" {angle} "), " 12.5 ");
    assert_refused(
        &verify(),
        &["`results.star`, row 0 (counted from 0), image 0 and structure ", "its rot_deg is 12.5"],
    );
    record(&set, star, &good[1]);
    // Without the templates, angles can't be compared, which is reported; everything else is.
    fs::rename(set.path("templates"), set.path("elsewhere")).unwrap();
    forge(&set, star, first, &format!(" {angle} "), " 12.5 ");
    let ran = verify();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("angles in the tables are not compared"), "{}", ran.stderr);
}

#[cfg(feature = "parquet")]
#[test]
fn what_parquet_says_is_compared_too() {
    let set = compared();
    assert_made(&set, "out", "--table parquet");
    // The table of another run, with a record of its own.
    assert_made(&set, "other", "--table parquet --displacements 1");
    let bytes = fs::read(set.path("other/results.parquet")).unwrap();
    fs::write(set.path("out/results.parquet"), &bytes).unwrap();
    let mut manifest = Manifest::read(&set.path("out/manifest.json")).unwrap();
    let at = manifest.closing.iter().position(|file| file.name == "results.parquet").unwrap();
    manifest.closing[at] = FileRecord::of("results.parquet", &bytes);
    manifest.write(&set.path("out")).unwrap();
    assert_refused(
        &set.run(&["verify", "out"]),
        &["`results.parquet`, row 0 (counted from 0), image 0 and structure 0: its "],
    );
    assert_eq!(set.run(&["verify", "other"]).code, 0);
}
