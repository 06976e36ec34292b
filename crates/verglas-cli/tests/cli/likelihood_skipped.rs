//! Promise: one bad image never stops a run silently or loudly: with `--skip-unreadable` its row stays in the tables with the
//! reason, and all others are what they would be without it.

use std::fs;
use std::path::Path;

use verglas_formats::mrc::{Mode, MrcLayout, MrcOptions, MrcStack, MrcWriter};
use verglas_formats::pt::{PtFile, PtLayout, write_pt};
use verglas_run::manifest::Manifest;

use crate::data_set::{DataSet, Ran};
use crate::likelihood_data::{Csv, compared, run, tensor};
use crate::templates_data::all_but_manifests;

const HOW: &str = "--max-displacement 2 --displacements 3,5 --pairs --full-cross-correlation --table csv --table star --likelihood plain";

fn star(set: &DataSet, output: &str, more: &str) -> Ran {
    run(set, &format!("likelihood data/particles.star --batch-size 8 -t templates -o {output} {HOW} {more}"))
}

fn stacks(set: &DataSet, output: &str, more: &str) -> Ran {
    run(set, &format!("likelihood stacks -t templates -o {output} {HOW} {more}"))
}

/// Rewrites the images of an MRC file, changed.
fn change_images(path: &Path, change: impl Fn(usize, &mut [f32])) {
    let stack = MrcStack::open(path, &MrcOptions::default()).unwrap();
    let header = stack.header();
    let (n, side) = (header.n_sections, header.n_columns as usize);
    let mut pixels = vec![0.0; n as usize * side * side];
    stack.read_sections(0, n as usize, &mut pixels, &mut Vec::new()).unwrap();
    let size = header.pixel_size_angstrom;
    drop(stack);
    let layout = MrcLayout {
        n_columns: side as u64,
        n_rows: side as u64,
        n_sections: n,
        pixel_size_angstrom: size.map(|size| size[0]),
        mode: Mode::Float32,
    };
    let mut writer = MrcWriter::create(path, layout).unwrap();
    for (image, pixels) in pixels.chunks_exact_mut(side * side).enumerate() {
        change(image, pixels);
        writer.write_section(pixels).unwrap();
    }
    writer.finish().unwrap();
}

/// Asserts that images `left_out` are nowhere but in the rows that say why, and the others are as in the folder `good`.
#[track_caller]
fn assert_left_out(set: &DataSet, output: &str, good: &str, left_out: &[(usize, &str)]) {
    let (csv, good_csv) =
        (Csv::read(&set.path(&format!("{output}/results.csv"))), Csv::read(&set.path(&format!("{good}/results.csv"))));
    assert_eq!(csv.columns(), good_csv.columns());
    assert_eq!(csv.columns().last().unwrap(), "skipped");
    assert_eq!(csv.len(), 40);
    let reason_of = |image: usize| left_out.iter().find(|(other, _)| *other == image).map(|(_, reason)| *reason);
    let known = ["image", "stack", "index", "row", "uid", "file", "section", "structure", "name"];
    for column in csv.columns() {
        let (found, expected) = (csv.texts(column), good_csv.texts(column));
        for (row, (found, expected)) in found.iter().zip(&expected).enumerate() {
            match reason_of(row / 2) {
                Some(reason) if column == "skipped" => assert!(found.contains(reason), "{row}: {found}"),
                Some(_) if !known.contains(&column.as_str()) => assert_eq!(found, "", "{column} {row}"),
                _ => assert_eq!(found, expected, "{column} {row}"),
            }
        }
    }
    // Tensors: NaN in their place, and −1 for the template.
    for (path, _) in all_but_manifests(&set.path(good)) {
        let name = path.display().to_string();
        if !name.ends_with(".pt") || name == "displacements_set.pt" {
            continue;
        }
        let (found, expected) = (tensor(&set.path(output).join(&path)), tensor(&set.path(good).join(&path)));
        assert_eq!(found.0, expected.0, "{name}");
        let is_matrix = name.starts_with("likelihood_matrix");
        let per_image = if is_matrix { 1 } else { found.1.len() / found.0[0] as usize };
        let first = match name.rsplit_once("_stack_00000") {
            Some((_, rest)) => 8 * rest[..1].parse::<usize>().unwrap(),
            None => 0,
        };
        for (at, (found, expected)) in found.1.iter().zip(&expected.1).enumerate() {
            let image = if is_matrix { at % 20 } else { first + at / per_image };
            match reason_of(image) {
                None => assert_eq!(found, expected, "{name} {at}"),
                Some(_) if name.contains("optimal_template") => assert_eq!(*found, -1.0, "{name}"),
                Some(_) => assert!(found.is_nan(), "{name} {at}"),
            }
        }
    }
    // RELION's table has the others, and a block that it does not read these.
    let text = fs::read_to_string(set.path(&format!("{output}/results.star"))).unwrap();
    let (particles, skipped) = text.split_once("data_skipped").unwrap();
    let rows = |text: &str| text.lines().filter(|line| line.contains('@')).map(str::to_owned).collect::<Vec<_>>();
    let good_star = fs::read_to_string(set.path(&format!("{good}/results.star"))).unwrap();
    assert!(!good_star.contains("data_skipped"));
    let all = rows(&good_star);
    let expected: Vec<String> =
        (0..20).filter(|&image| reason_of(image).is_none()).map(|image| all[image].clone()).collect();
    assert_eq!(rows(particles), expected);
    let skipped = rows(skipped);
    assert_eq!(skipped.len(), left_out.len());
    for (row, (image, _)) in skipped.iter().zip(left_out) {
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!((words[0], words[1]), (all[*image].split_whitespace().next().unwrap(), image.to_string().as_str()));
    }
}

#[test]
fn particles_that_cannot_be_read_are_left_out_and_the_rest_is_what_it_was() {
    let set = compared();
    assert_eq!(star(&set, "good", "").code, 0);
    // Rows 3 and 12 ask for sections that are not there; files of ten images, rows in their order.
    let path = set.path("data/particles.star");
    let text = fs::read_to_string(&path).unwrap();
    let names: Vec<String> = text
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.contains('@')).map(str::to_owned))
        .collect();
    assert_eq!(names.len(), 20);
    let section = |row: usize| names[row].split('@').next().unwrap().parse::<usize>().unwrap() - 1;
    let file = |row: usize| names[row].split('@').nth(1).unwrap().to_owned();
    let find =
        |name: &str| [set.path(name), set.path("data").join(name)].into_iter().find(|path| path.exists()).unwrap();
    for row in [5, 14] {
        change_images(&find(&file(row)), |image, pixels| {
            if image == section(row) {
                match row {
                    5 => pixels.fill(2.5),
                    _ => pixels[100] = f32::NAN,
                }
            }
        });
    }
    // Sections beyond the end, in row 17, whose place in the tables is another's then.
    let ran = star(&set, "refused", "");
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("all pixels have the same value")
            && ran.stderr.contains("named by row 5 of")
            && ran.stderr.contains("--skip-unreadable"),
        "{}",
        ran.stderr
    );
    // All errors are found beforehand.
    let check = run(&set, "likelihood data/particles.star --batch-size 8 -t templates --check");
    assert_eq!(check.code, 1);
    for part in ["all pixels have the same value", "row 5 of", "row 14 of", "NaN or infinite"] {
        assert!(check.stderr.contains(part), "{part}: {}", check.stderr);
    }
    let check = run(&set, "likelihood data/particles.star --batch-size 8 -t templates --check --skip-unreadable");
    assert_eq!(check.code, 0, "{}", check.stderr);
    assert!(check.stderr.contains("2 of 20 images would be left out"), "{}", check.stderr);

    let ran = star(&set, "out", "--skip-unreadable");
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("2 of 20 images left out") && ran.stderr.contains("the tables say which"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("2 images left out"), "{}", ran.stdout);
    let left_out = [(5, "all pixels have the same value"), (14, "NaN or infinite")];
    assert_left_out(&set, "out", "good", &left_out);
    let manifest = Manifest::read(&set.path("out/manifest.json")).unwrap();
    let rows: Vec<u32> = manifest.skipped.iter().map(|image| image.row).collect();
    assert_eq!(rows, [5, 14]);
    assert_eq!(manifest.skipped[1].stack, 1);
    let verified = run(&set, "verify out");
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    let status = run(&set, "status out");
    assert!(status.stdout.starts_with("out: 6 of 6 units"), "{}", status.stdout);

    // Shards and resumed runs leave out the same, and the exit code still says so.
    for shard in ["1/2", "2/2"] {
        let ran = star(&set, "parts", &format!("--skip-unreadable --shard {shard}"));
        assert_eq!(ran.code, 3, "{}", ran.stderr);
    }
    let all = all_but_manifests(&set.path("out"));
    assert!(all == all_but_manifests(&set.path("parts")));
    let small = star(&set, "small", "--skip-unreadable --memory 6M -j 1");
    assert_eq!(small.code, 3, "{}", small.stderr);
    assert!(all == all_but_manifests(&set.path("small")));
    fs::remove_file(set.path("out/template0/log_likelihood/log_likelihood_optimal_fourier_stack_000000.pt")).unwrap();
    let resumed = star(&set, "out", "--skip-unreadable --resume");
    assert_eq!(resumed.code, 3, "{}", resumed.stderr);
    assert!(all == all_but_manifests(&set.path("out")));
    assert_eq!(Manifest::read(&set.path("out/manifest.json")).unwrap().skipped, manifest.skipped);
    let other = star(&set, "out", "--resume");
    assert!(other.stderr.contains("skip_unreadable: true before, false now"), "{}", other.stderr);

    // A list that was altered is found.
    let list = set.path("out/template1/skipped/skipped_stack_000001.json");
    fs::write(&list, fs::read_to_string(&list).unwrap().replace("NaN", "nan")).unwrap();
    let verified = run(&set, "verify out");
    assert!(verified.code == 1 && verified.stderr.contains("skipped_stack_000001.json"), "{}", verified.stderr);
}

#[test]
fn missing_files_and_sections_are_left_out_even_where_a_stack_loses_all() {
    let set = compared();
    assert_eq!(star(&set, "good", "").code, 0);
    let path = set.path("data/particles.star");
    let text = fs::read_to_string(&path).unwrap();
    let names: Vec<String> = text
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.contains('@')).map(str::to_owned))
        .collect();
    // All of the last stack are in a file that is not there, and one asks for a section that no file has.
    let mut changed = text.clone();
    for name in &names[16..20] {
        let gone = format!("{}@gone.mrcs", name.split('@').next().unwrap());
        changed = changed.replace(name, &gone);
    }
    changed = changed.replace(&names[2], &format!("000099@{}", names[2].split('@').nth(1).unwrap()));
    fs::write(&path, changed).unwrap();
    let refused = star(&set, "refused", "");
    assert!(refused.code == 1 && !set.path("refused").exists(), "{}", refused.stderr);
    let ran = star(&set, "out", "--skip-unreadable");
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let csv = Csv::read(&set.path("out/results.csv"));
    let good = Csv::read(&set.path("good/results.csv"));
    let scores = csv.texts("cross_correlation").into_iter().zip(good.texts("cross_correlation"));
    for (row, (reason, (score, good))) in csv.texts("skipped").iter().zip(scores).enumerate() {
        let expected = match row / 2 {
            2 => "asked for, the stack holds 10",
            16.. => "`gone.mrcs` not found",
            _ => "",
        };
        assert!(reason.contains(expected) && reason.is_empty() == expected.is_empty(), "{row}: {reason}");
        assert_eq!(score, if expected.is_empty() { good } else { String::new() }, "{row}");
    }
    assert_eq!(run(&set, "verify out").code, 0);
}

#[test]
fn images_of_stacks_that_cannot_be_compared_are_left_out_too() {
    let set = compared();
    assert_eq!(stacks(&set, "good", "").code, 0);
    let stack = set.path("stacks/fft/particles_fourier_stack_000001.pt");
    let n_points = crate::conversion::fourier_images(&stack)[0].len();
    let at = |image: usize, point: usize| PtLayout::DATA_OFFSET as usize + (image * n_points + point) * 8;
    let mut bytes = fs::read(&stack).unwrap();
    bytes[at(3, 70)..at(3, 70) + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    bytes[at(6, 0)..at(7, 0)].fill(0);
    fs::write(&stack, &bytes).unwrap();
    let refused = stacks(&set, "refused", "");
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("stack_000001.pt`: image 3: shell 1, in-plane 6")
            && refused.stderr.contains("--skip-unreadable"),
        "{}",
        refused.stderr
    );
    let check = run(&set, "likelihood stacks -t templates --check");
    assert_eq!(check.code, 1);
    for part in ["stack_000001.pt`: image 3: ", "stack_000001.pt`: image 6: its norm is 0", "not a finite number"] {
        assert!(check.stderr.contains(part), "{part}: {}", check.stderr);
    }
    let ran = stacks(&set, "out", "--skip-unreadable");
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_left_out(&set, "out", "good", &[(11, "not a finite number"), (14, "its norm is 0")]);
    assert_eq!(run(&set, "verify out").code, 0);

    // Templates that are wrong are found beforehand, too, and never left out.
    let templates = set.path("templates/templates_fourier_b.pt");
    // With the checksum of what they say.
    let mut file = PtFile::open(&templates).unwrap();
    let shape = file.tensor().shape().to_vec();
    let mut values = file.read_complex64(0..shape[0]).unwrap();
    values[n_points + 5].re = f32::INFINITY;
    values[4 * n_points..5 * n_points].fill(Default::default());
    let mut bytes = Vec::new();
    write_pt(&mut bytes, &shape, &values).unwrap();
    fs::write(&templates, &bytes).unwrap();
    let check = run(&set, "likelihood stacks -t templates --check --skip-unreadable");
    assert_eq!(check.code, 1);
    for part in ["templates_fourier_b.pt`: template 1 (azimuth", "template 4 (azimuth", "has norm 0"] {
        assert!(check.stderr.contains(part), "{part}: {}", check.stderr);
    }
}
