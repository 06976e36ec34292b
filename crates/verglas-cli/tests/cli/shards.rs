//! Shards: together they make what one run makes, in any order and at once.

use std::fs;

use crate::conversion::all_files;
use crate::data_set::{DataSet, star};

/// 40 images in 14 stacks, with what a run without shards makes of them in `plain`.
fn data_set() -> DataSet {
    let set = DataSet::empty();
    set.write_stack("stacks/a.mrcs", 25);
    set.write_stack("stacks/b.mrcs", 15);
    let names: Vec<String> = (0..40)
        .map(|row| {
            if row % 8 < 5 {
                format!("{}@stacks/a.mrcs", 1 + row / 8 * 5 + row % 8)
            } else {
                format!("{}@stacks/b.mrcs", 1 + row / 8 * 3 + row % 8 - 5)
            }
        })
        .collect();
    set.write_star("particles.star", &star(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    let ran = set.run(&["convert", "particles.star", "-o", "plain", "--batch-size", "3"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    set
}

#[test]
fn the_bytes_are_those_of_one_run_whatever_the_threads_and_the_shards() {
    let set = data_set();
    let plain = all_files(&set.path("plain"));
    for threads in ["1", "2", "7"] {
        let output = format!("threads{threads}");
        let ran = set.run(&["convert", "particles.star", "-o", &output, "--batch-size", "3", "-j", threads]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(all_files(&set.path(&output)) == plain, "{threads} threads make other bytes");
    }
    for (nth, order) in [[3, 1, 4, 2], [2, 4, 1, 3]].into_iter().enumerate() {
        let output = format!("shards{nth}");
        std::thread::scope(|scope| {
            for number in order {
                let (set, output) = (&set, &output);
                scope.spawn(move || {
                    let shard = format!("{number}/4");
                    let threads = number.to_string();
                    let ran = set.run(&[
                        "convert",
                        "particles.star",
                        "-o",
                        output,
                        "--batch-size",
                        "3",
                        "--shard",
                        &shard,
                        "-j",
                        &threads,
                    ]);
                    assert_eq!(ran.code, 0, "{}", ran.stderr);
                });
            }
        });
        assert!(all_files(&set.path(&output)) == plain, "shards make other bytes");
        let verified = set.run(&["verify", &output]);
        assert_eq!(verified.code, 0, "{}", verified.stderr);
        assert!(verified.stdout.contains("14 of 14 stacks sound, 40 images, 4 shards"), "{}", verified.stdout);
        let mut there: Vec<String> = fs::read_dir(set.path(&output))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        let parts = ["manifest-1-of-4.json", "manifest-2-of-4.json", "manifest-3-of-4.json", "manifest-4-of-4.json"];
        assert_eq!(
            there,
            [&["fft"][..], &parts, &["parameters.npz", "phys", "plots"]].concat(),
            "something else is left"
        );
    }
}

#[test]
fn a_part_lists_only_what_its_own_stacks_read() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&["1@stacks/a.mrcs", "2@stacks/a.mrcs", "1@stacks/b.mrcs"]));
    assert_eq!(set.convert(&["--batch-size", "1", "--shard", "3/3"]).code, 0);
    let part = fs::read_to_string(set.path("out/manifest-3-of-3.json")).unwrap();
    assert!(part.contains("stacks/b.mrcs") && !part.contains("stacks/a.mrcs"), "{part}");
    // More shards than stacks: some have nothing to do, and do that.
    assert_eq!(set.run(&["convert", "particles.star", "-o", "more", "--shard", "1/5"]).code, 0);
}

#[test]
fn shards_of_other_plans_are_refused() {
    let set = DataSet::usual();
    assert_eq!(set.convert(&["--batch-size", "2", "--shard", "1/3"]).code, 0);
    let refused = |arguments: &[&str], part: &str| {
        let before = all_files(&set.path("out"));
        let ran = set.convert(arguments);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(part), "`{part}` is not in:\n{}", ran.stderr);
        assert!(before == all_files(&set.path("out")), "something was changed");
    };
    refused(&["--batch-size", "3", "--shard", "2/3"], "batch_size: 2 before, 3 now");
    refused(&["--batch-size", "2", "--shard", "2/4"], "holds a run in 3 shards, this one is in 4 shards");
    refused(&["--batch-size", "2", "--resume"], "holds a run in 3 shards, this one is without shards");
    refused(&["--batch-size", "2"], "is not empty");
    // The same shard again keeps what it made, with and without `--resume`.
    for arguments in [&["--shard", "1/3"][..], &["--shard", "1/3", "--resume"]] {
        let ran = set.convert(&[&["--batch-size", "2"], arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(
            ran.stdout.contains("shard 1/3") && ran.stdout.contains("1 stack of an earlier run kept"),
            "{}",
            ran.stdout
        );
    }
    let verified = set.run(&["verify", "out"]);
    assert_eq!(verified.code, 1);
    assert!(verified.stderr.contains("2 of 3 shards have not begun: 2, 3"), "{}", verified.stderr);

    // A run without shards is another plan's, too.
    assert_eq!(set.run(&["convert", "particles.star", "-o", "whole", "--batch-size", "2"]).code, 0);
    let ran = set.run(&["convert", "particles.star", "-o", "whole", "--batch-size", "2", "--shard", "1/3"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("holds a run without shards"), "{}", ran.stderr);
}

#[test]
fn a_shard_leaves_the_unfinished_files_of_others_alone() {
    let set = DataSet::usual();
    fs::create_dir_all(set.path("out/fft")).unwrap();
    let [own, others] =
        [0, 2].map(|number| set.path(&format!("out/fft/.particles_fourier_stack_{number:06}.pt.partial")));
    fs::write(&own, "half").unwrap();
    fs::write(&others, "half").unwrap();
    assert_eq!(set.convert(&["--batch-size", "2", "--shard", "1/3"]).code, 0);
    assert!(!own.exists() && others.exists());
}
