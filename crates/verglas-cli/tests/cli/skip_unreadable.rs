//! `--skip-unreadable`: what can't be read or normalised is left out, listed with the reason, and never silently.

use std::fs;

use verglas_formats::star::{Row, StarReader};
use verglas_run::manifest::{FolderRecord, Manifest};

use crate::conversion::{all_files, fourier_images, metadata};
use crate::data_set::{DataSet, N_PIXELS, Ran, pixels, star};

/// Stacks `a` of eight images, the third of them constant and the sixth with a NaN, and `b`, of which two of five images
/// are there; `gone` is missing. Rows go through all three, and one asks for a section that no file ever had.
fn damaged() -> (DataSet, Vec<(String, &'static str)>) {
    let set = DataSet::empty();
    let mut images: Vec<Vec<f32>> = (0..8).map(|image| pixels("a", image)).collect();
    images[2] = vec![3.5; N_PIXELS * N_PIXELS];
    images[5][17] = f32::NAN;
    set.write_images("stacks/a.mrcs", N_PIXELS, N_PIXELS, &images);
    set.write_stack("stacks/b.mrcs", 5);
    let file = fs::File::options().write(true).open(set.path("stacks/b.mrcs")).unwrap();
    file.set_len(1024 + 2 * 256 + 100).unwrap();
    let mut names = Vec::new();
    for section in 1..=8 {
        let reason = match section {
            3 => "all pixels have the same value",
            6 => "NaN or infinite",
            _ => "",
        };
        names.push((format!("{section:06}@stacks/a.mrcs"), reason));
        if section <= 5 {
            names.push((format!("{section:06}@stacks/b.mrcs"), if section > 2 { "the stack holds 2" } else { "" }));
        }
        if section % 4 == 0 {
            names.push((format!("{section:06}@stacks/gone.mrcs"), "`stacks/gone.mrcs` not found"));
        }
    }
    names.push(("000009@stacks/a.mrcs".to_owned(), "the stack holds 8"));
    set.write_star("particles.star", &star(&names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()));
    (set, names)
}

/// Row numbers, image names and reasons in a list of images left out.
fn listed(set: &DataSet, list: &str) -> Vec<(usize, String, String)> {
    let mut reader = StarReader::open(set.path(list)).unwrap();
    while let Some(block) = reader.next_block().unwrap() {
        if block.name != "particles" {
            continue;
        }
        let [name, number, reason] =
            ["ImageName", "verglasRow", "verglasReason"].map(|name| block.position(name).unwrap().unwrap());
        let mut row = Row::new();
        let mut rows = Vec::new();
        while reader.read_row(&mut row).unwrap() {
            let text = |at: usize| String::from_utf8(row.value(at).unwrap().to_vec()).unwrap();
            rows.push((text(number).parse().unwrap(), text(name), text(reason)));
        }
        return rows;
    }
    panic!("no particles in {list}");
}

#[test]
fn what_is_left_out_is_listed_and_the_rest_is_what_it_would_be_alone() {
    let (set, names) = damaged();
    let arguments = ["--batch-size", "6", "--skip-unreadable"];
    let ran = set.convert(&arguments);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let n_left_out = names.iter().filter(|(_, reason)| !reason.is_empty()).count();
    let told = format!("{n_left_out} of {} particles left out", names.len());
    assert!(ran.stderr.contains(&told) && ran.stderr.contains("`out/skipped.star` lists them"), "{}", ran.stderr);

    let list = listed(&set, "out/skipped.star");
    let expected: Vec<_> = names.iter().enumerate().filter(|(_, (_, reason))| !reason.is_empty()).collect();
    assert_eq!(list.len(), expected.len());
    for ((row, name, why), (expected_row, (expected_name, reason))) in list.iter().zip(expected) {
        assert_eq!((*row, name), (expected_row, expected_name));
        assert!(why.contains(reason), "row {row}: {why}");
    }
    // RELION finds the optics groups there, and every column that the particles had.
    let text = fs::read_to_string(set.path("out/skipped.star")).unwrap();
    for part in ["# version 30001\n", "data_optics", "_rlnVoltage", "_rlnAnglePsi", "opticsGroup1 300.0 2.7 0.1 1.5"] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }

    // The plan stays: stack k holds what is left of rows 6 k to 6 k + 5, and each image is what a run of it alone makes.
    let mut n_images = 0;
    for stack in 0..names.len().div_ceil(6) {
        let rows: Vec<f64> = (6 * stack..(6 * stack + 6).min(names.len()))
            .filter(|&row| names[row].1.is_empty())
            .map(|row| row as f64)
            .collect();
        assert_eq!(metadata(&set, stack).numbers("row"), rows, "stack {stack}");
        n_images += rows.len();
    }
    assert_eq!(n_images + n_left_out, names.len());
    let good: Vec<&str> = names.iter().filter(|(_, reason)| reason.is_empty()).map(|(name, _)| name.as_str()).collect();
    set.write_star("good.star", &star(&good));
    // The file is cut all the same, so this takes the option too; nothing is left out.
    assert_eq!(set.run(&["convert", "good.star", "-o", "good", "--skip-unreadable"]).code, 0);
    assert!(!set.path("good/skipped.star").exists());
    let alone = fourier_images(&set.path("good/fft/particles_fourier_stack_000000.pt"));
    let together: Vec<_> = (0..names.len().div_ceil(6))
        .flat_map(|stack| fourier_images(&set.path(&format!("out/fft/particles_fourier_stack_{stack:06}.pt"))))
        .collect();
    assert!(alone == together, "images are not what they are alone");

    let verified = set.run(&["verify", "out"]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    assert!(verified.stdout.contains(&format!("{n_left_out} images left out as asked")), "{}", verified.stdout);
    fs::write(set.path("out/skipped.star"), "data_\n").unwrap();
    assert_eq!(set.run(&["verify", "out"]).code, 1);
}

#[test]
fn threads_shards_and_interruptions_leave_the_same_out() {
    let (set, _) = damaged();
    let arguments = ["--batch-size", "6", "--skip-unreadable"];
    assert_eq!(set.convert(&[&arguments[..], &["-j", "1"]].concat()).code, 3);
    let plain = all_files(&set.path("out"));
    assert_eq!(set.convert(&[&arguments[..], &["-j", "5", "--overwrite"]].concat()).code, 3);
    assert!(all_files(&set.path("out")) == plain);
    // Images missing from the kept stacks stay in the list.
    fs::remove_file(set.path("out/fft/particles_fourier_stack_000001.npz")).unwrap();
    assert_eq!(set.convert(&[&arguments[..], &["--resume"]].concat()).code, 3);
    assert!(all_files(&set.path("out")) == plain);
    assert_eq!(set.convert(&[&arguments[..], &["--resume"]].concat()).code, 3);
    // With another answer to what can't be read it is another run.
    let refused = set.convert(&["--batch-size", "6", "--resume"]);
    assert_eq!(refused.code, 1);

    for order in [["1/2", "2/2"], ["2/2", "1/2"]] {
        for shard in order {
            let ran = convert_shard(&set, shard);
            assert_eq!(ran.code, 3, "{}", ran.stderr);
            assert!(ran.stderr.contains("`sh/skipped.star` lists them"), "{}", ran.stderr);
            // Whatever has been left out so far is listed.
            let n_listed = listed(&set, "sh/skipped.star").len();
            let n_skipped = shards_of(&set).iter().map(|part| part.skipped.len()).sum::<usize>();
            assert_eq!(n_listed, n_skipped);
        }
        // Nothing but what a run without shards leaves, to the last byte of the list.
        assert!(all_files(&set.path("sh")) == plain);
        assert_eq!(set.run(&["verify", "sh"]).code, 0);
        fs::remove_dir_all(set.path("sh")).unwrap();
    }
    assert_eq!(set.convert(&[&arguments[..], &["--overwrite"]].concat()).code, 3);
    // A later run that leaves nothing out takes the list with it.
    set.write_star("particles.star", &star(&["000001@stacks/a.mrcs"]));
    assert_eq!(set.convert(&["--overwrite"]).code, 0);
    assert!(!set.path("out/skipped.star").exists());
}

fn convert_shard(set: &DataSet, shard: &str) -> Ran {
    let arguments = ["--batch-size", "6", "--skip-unreadable", "-j", "1", "--shard", shard];
    set.run(&[&["convert", "particles.star", "-o", "sh"], &arguments[..]].concat())
}

fn shards_of(set: &DataSet) -> Vec<Manifest> {
    FolderRecord::read(&set.path("sh")).unwrap().parts
}

#[test]
fn shards_that_end_at_once_and_start_again_keep_one_list_of_all() {
    let (set, _) = damaged();
    assert_eq!(set.convert(&["--batch-size", "6", "--skip-unreadable"]).code, 3);
    let plain = all_files(&set.path("out"));
    for _ in 0..5 {
        std::thread::scope(|scope| {
            let all = ["3/3", "1/3", "2/3"].map(|shard| scope.spawn(|| convert_shard(&set, shard)));
            for shard in all {
                let ran = shard.join().unwrap();
                assert_eq!(ran.code, 3, "{}", ran.stderr);
            }
        });
        assert!(all_files(&set.path("sh")) == plain);
        fs::remove_dir_all(set.path("sh")).unwrap();
    }
    for shard in ["1/3", "2/3", "3/3"] {
        assert_eq!(convert_shard(&set, shard).code, 3);
    }
    // A shard whose stacks are gone, and one that finds all of its own there.
    let first = verglas::settings::Shard::new(1, 3).unwrap().units(shards_of(&set)[0].plan.n_stacks);
    for number in first {
        fs::remove_file(set.path(&format!("sh/fft/particles_fourier_stack_{number:06}.npz"))).unwrap();
    }
    for shard in ["1/3", "3/3"] {
        let ran = convert_shard(&set, shard);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        assert!(all_files(&set.path("sh")) == plain);
    }
    // Another's list of another time: its rows are not all.
    let list = fs::read_to_string(set.path("sh/skipped.star")).unwrap();
    let line = list.trim_end().rfind('\n').unwrap() + 1;
    let shorter = &list[..line];
    fs::write(set.path("sh/skipped.star"), shorter).unwrap();
    let altered = set.run(&["verify", "sh"]);
    assert!(altered.code == 1 && altered.stderr.contains("skipped.star"), "{}", altered.stderr);
    let path = set.path("sh/manifest-2-of-3.json");
    let mut part = Manifest::read(&path).unwrap();
    part.skipped_list[0].bytes = shorter.len() as u64;
    part.skipped_list[0].crc32 = format!("{:08x}", crc32fast::hash(shorter.as_bytes()));
    part.is_sealed = false;
    fs::write(&path, serde_json::to_vec(&part).unwrap()).unwrap();
    let altered = set.run(&["verify", "sh"]);
    let n = shards_of(&set).iter().map(|part| part.skipped.len()).sum::<usize>();
    let expected = format!("`sh/skipped.star` lists {} images, and the manifests count {n} left out", n - 1);
    assert!(altered.code == 1 && altered.stderr.contains(&expected), "{}", altered.stderr);
    // Somebody else's file is not replaced.
    fs::write(set.path("sh/skipped.star"), "mine").unwrap();
    let refused = convert_shard(&set, "1/3");
    assert!(refused.code == 1 && refused.stderr.contains("skipped.star` already exists"), "{}", refused.stderr);
    assert_eq!(fs::read(set.path("sh/skipped.star")).unwrap(), b"mine");
}

#[test]
fn without_the_option_each_of_these_stops_the_run() {
    for (name, part) in [
        ("000003@stacks/a.mrcs", "all pixels have the same value"),
        ("000006@stacks/a.mrcs", "NaN or infinite"),
        ("000001@stacks/b.mrcs", "the header claims 5 sections"),
        ("000001@stacks/gone.mrcs", "not found"),
        ("000009@stacks/a.mrcs", "asked for, the stack holds 8"),
    ] {
        let (set, _) = damaged();
        set.write_star("particles.star", &star(&["000001@stacks/a.mrcs", name]));
        let ran = set.convert(&[]);
        assert!(ran.code == 1 && ran.stderr.contains(part), "{name}: {}", ran.stderr);
        assert!(!set.path("out/fft/particles_fourier_stack_000000.npz").exists());
    }
}

#[test]
fn a_stack_with_no_image_left_is_an_error() {
    let (set, _) = damaged();
    // Known from the headers: before anything is written.
    set.write_star(
        "particles.star",
        &star(&["1@stacks/a.mrcs", "3@stacks/b.mrcs", "4@stacks/b.mrcs", "1@stacks/gone.mrcs"]),
    );
    set.assert_refused(
        &["--batch-size", "1", "--skip-unreadable"],
        &["no image of stack 1 is left, and none of 2 more stacks", "row 1 of `particles.star`"],
    );
    // Known from the pixels only: when it comes to them.
    set.write_star("particles.star", &star(&["1@stacks/a.mrcs", "3@stacks/a.mrcs"]));
    let ran = set.convert(&["--batch-size", "1", "--skip-unreadable"]);
    assert!(ran.code == 1 && ran.stderr.contains("no image of stack 1 is left"), "{}", ran.stderr);
    assert!(ran.stderr.contains("row 1: all pixels have the same value"), "{}", ran.stderr);
}

#[test]
fn metadata_errors_and_unsupported_files_are_never_left_out() {
    let (set, names) = damaged();
    let good = star(&names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    set.write_star("particles.star", &good.replacen("000002@", "000000@", 1));
    set.assert_refused(&["--skip-unreadable"], &["000000@"]);
    set.write_star("particles.star", &good);
    // Other boxes, and modes that are not read.
    set.write_images("stacks/b.mrcs", 10, 10, &vec![vec![1.0; 100]; 5]);
    set.assert_refused(&["--skip-unreadable"], &["image files differ in box size"]);
    set.write_stack("stacks/b.mrcs", 5);
    let mut bytes = fs::read(set.path("stacks/b.mrcs")).unwrap();
    bytes[12..16].copy_from_slice(&4_i32.to_le_bytes());
    fs::write(set.path("stacks/b.mrcs"), bytes).unwrap();
    set.assert_refused(&["--skip-unreadable"], &["`stacks/b.mrcs`", "complex"]);
}

#[test]
fn check_tells_what_would_be_left_out() {
    let (set, _) = damaged();
    let ran = set.run(&["check", "particles.star", "--skip-unreadable", "--deep"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for part in ["gone.mrcs", "all pixels have the same value", "NaN or infinite", "it would be left out"] {
        assert!(ran.stderr.contains(part), "`{part}` is not in:\n{}", ran.stderr);
    }
    assert_eq!(set.run(&["check", "particles.star"]).code, 1);
}

#[test]
fn pairs_list_image_row_and_file() {
    let set = DataSet::empty();
    let mut images: Vec<Vec<f32>> = (0..3).map(|image| pixels("b", image)).collect();
    images[1] = vec![0.0; N_PIXELS * N_PIXELS];
    set.write_stack("a.mrcs", 3);
    set.write_images("b.mrcs", N_PIXELS, N_PIXELS, &images);
    for name in ["a.star", "b.star"] {
        set.write_star(name, &star(&["1@x", "2@x", "3@x"]));
    }
    let arguments = ["convert", "a.star", "b.star", "--images", "a.mrcs", "b.mrcs", "--pixel-size", "1.5", "-o", "out"];
    let ran = set.run(&[&arguments[..], &["--skip-unreadable"]].concat());
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let list = listed(&set, "out/skipped.star");
    assert_eq!((list[0].0, list[0].1.as_str(), list.len()), (1, "000002@b.mrcs", 1));
    assert!(fs::read_to_string(set.path("out/skipped.star")).unwrap().contains(" b.star "));
    assert_eq!(set.run(&["verify", "out"]).code, 0);
}

#[test]
fn a_header_whose_mode_means_nothing_is_damage_and_a_complex_one_is_not() {
    let set = DataSet::usual();
    let with_mode = |mode: i32| {
        use std::os::unix::fs::FileExt;
        let file = fs::File::options().write(true).open(set.path("stacks/b.mrcs")).unwrap();
        file.write_all_at(&mode.to_le_bytes(), 12).unwrap();
    };
    for mode in [-1, 7, 34, 0x5a5a_5a5a] {
        with_mode(mode);
        let ran = set.convert(&["--skip-unreadable", "--overwrite"]);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        let list = listed(&set, "out/skipped.star");
        assert_eq!(list.len(), 3);
        assert!(list.iter().all(|(_, name, why)| name.ends_with("b.mrcs") && why.contains(&format!("mode {mode}"))));
    }
    with_mode(4);
    let ran = set.convert(&["--skip-unreadable", "--overwrite"]);
    assert!(ran.code == 1 && ran.stderr.contains("mode 4 (complex 32-bit floats"), "{}", ran.stderr);
}
