//! Interrupted runs are resumed, and end with the bytes of an undisturbed one; what does not belong together is
//! refused.

use std::fs;
use std::path::Path;

use crate::conversion::all_files;
use crate::data_set::{DataSet, USUAL_NAMES, particle, star};

/// [`DataSet::usual`] in three stacks of two images, and what an undisturbed run makes of it in `plain`.
fn converted() -> DataSet {
    let set = DataSet::usual();
    let ran = set.run(&["convert", "particles.star", "-o", "plain", "--batch-size", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(set.convert(&["--batch-size", "2"]).code, 0);
    set
}

fn stack_file(number: usize, ending: &str) -> String {
    format!("out/fft/particles_fourier_stack_{number:06}.{ending}")
}

#[track_caller]
fn assert_resumed(set: &DataSet, n_kept: usize) {
    let ran = set.convert(&["--batch-size", "2", "--resume"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    if n_kept > 0 {
        assert!(ran.stdout.contains(&format!("{n_kept} stack")), "{}", ran.stdout);
    } else {
        assert!(!ran.stdout.contains("kept"), "{}", ran.stdout);
    }
    assert_same(set);
}

/// `out` holds what `plain` holds, and nothing else.
#[track_caller]
fn assert_same(set: &DataSet) {
    assert!(all_files(&set.path("plain")) == all_files(&set.path("out")), "the bytes differ from a plain run's");
    let verified = set.run(&["verify", "out"]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
}

#[track_caller]
fn assert_not_resumed(set: &DataSet, arguments: &[&str], parts: &[&str]) {
    let before = all_files(&set.path("out"));
    let ran = set.convert(&[&["--resume"], arguments].concat());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    for part in parts {
        assert!(ran.stderr.contains(part), "`{part}` is not in:\n{}", ran.stderr);
    }
    assert!(before == all_files(&set.path("out")), "something was changed");
}

fn edit_manifest(path: &Path, edit: impl FnOnce(&mut serde_json::Value)) {
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    edit(&mut manifest);
    // As of an early version, which wrote no checksum.
    manifest["is_sealed"] = false.into();
    fs::write(path, manifest.to_string()).unwrap();
}

#[test]
fn what_is_missing_is_made_and_the_rest_is_kept() {
    let set = converted();
    assert_resumed(&set, 3);
    for ending in ["pt", "npz"] {
        fs::remove_file(set.path(&stack_file(1, ending))).unwrap();
        assert_resumed(&set, 2);
    }
    fs::write(set.path("out/phys/particles_phys_stack_000002.pt"), "cut").unwrap();
    assert_resumed(&set, 2);
}

#[test]
fn nothing_finished_means_starting_from_the_beginning() {
    let set = DataSet::usual();
    assert_eq!(set.run(&["convert", "particles.star", "-o", "plain", "--batch-size", "2"]).code, 0);
    // Absent, then empty, then with a manifest of another run that came to nothing and what it left.
    assert_resumed(&set, 0);
    fs::remove_dir_all(set.path("out")).unwrap();
    fs::create_dir(set.path("out")).unwrap();
    assert_resumed(&set, 0);
    for number in 0..3 {
        fs::remove_file(set.path(&stack_file(number, "npz"))).unwrap();
    }
    fs::write(set.path("out/fft/.particles_fourier_stack_000007.pt.partial"), "half").unwrap();
    fs::write(set.path("out/.manifest.json.partial"), "half").unwrap();
    edit_manifest(&set.path("out/manifest.json"), |manifest| manifest["settings"]["batch_size"] = 77.into());
    assert_resumed(&set, 0);
}

#[test]
fn stacks_that_no_manifest_records_are_kept_if_every_byte_is_right() {
    let forget = |set: &DataSet| {
        edit_manifest(&set.path("out/manifest.json"), |manifest| {
            manifest["stacks"].as_array_mut().unwrap().clear();
            manifest["is_complete"] = false.into();
        });
    };
    let set = converted();
    forget(&set);
    assert_resumed(&set, 3);
    // A bit that flipped in each kind of file, which only reading can find; the sizes stay as they are.
    let files = [stack_file(0, "pt"), stack_file(1, "npz"), "out/phys/particles_phys_stack_000002.pt".to_owned()];
    for (nth, name) in files.iter().enumerate() {
        forget(&set);
        let mut bytes = fs::read(set.path(name)).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(set.path(name), bytes).unwrap();
        assert_resumed(&set, 2);
        assert!(nth < 3);
    }
    // Whole stacks, each in the other's place.
    forget(&set);
    for ending in ["pt", "npz"] {
        let (first, second) = (set.path(&stack_file(0, ending)), set.path(&stack_file(1, ending)));
        let kept = fs::read(&first).unwrap();
        fs::copy(&second, &first).unwrap();
        fs::write(&second, kept).unwrap();
    }
    assert_resumed(&set, 1);
}

#[test]
fn other_settings_are_refused_and_named() {
    let set = converted();
    assert_not_resumed(
        &set,
        &["--batch-size", "3", "--no-physical", "--contrast", "invert"],
        &[
            "cannot resume in `out`",
            "batch_size: 2 before, 3 now",
            "physical: true before, false now",
            "contrast: \"as-stored\" before, \"invert\" now",
            "--overwrite",
        ],
    );
    fs::copy(set.path("particles.star"), set.path("other.star")).unwrap();
    let ran = set.run(&["convert", "other.star", "-o", "out", "--batch-size", "2", "--resume"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("input: `") && ran.stderr.contains("other.star` now"), "{}", ran.stderr);
    // What does not change a byte may differ, and so may the way of writing a file's name.
    let star = set.path("particles.star");
    let star = star.to_str().unwrap();
    let ran = set.run(&["convert", star, "-o", "out", "--batch-size", "2", "--resume", "-j", "3", "--memory", "64M"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_same(&set);
}

#[test]
fn changed_inputs_are_refused_and_named() {
    let set = converted();
    let usual = fs::read(set.path("particles.star")).unwrap();
    let times = fs::metadata(set.path("particles.star")).unwrap().modified().unwrap();
    let mut names = USUAL_NAMES.to_vec();
    names.swap(0, 1);
    set.write_star("particles.star", &star(&names));
    // Other rows, and even the time of change is the same.
    let file = fs::File::options().write(true).open(set.path("particles.star")).unwrap();
    file.set_modified(times).unwrap();
    assert_not_resumed(&set, &["--batch-size", "2"], &["rows of the metadata: other images"]);
    set.write_star("particles.star", &(star(&USUAL_NAMES) + &particle(9, USUAL_NAMES[0])));
    assert_not_resumed(&set, &["--batch-size", "2"], &["6 images in 3 stacks before, 7 images in 4 stacks now"]);

    fs::write(set.path("particles.star"), usual).unwrap();
    file.set_modified(times).unwrap();
    set.write_stack("stacks/b.mrcs", 4);
    assert_not_resumed(&set, &["--batch-size", "2"], &["what the run there read has changed", "b.mrcs`: 1792 bytes"]);
    set.write_stack("stacks/b.mrcs", 3);
    assert_not_resumed(&set, &["--batch-size", "2"], &["stacks/b.mrcs` was changed: its modification time"]);
}

#[test]
fn stacks_without_a_manifest_or_with_a_damaged_one_are_not_touched() {
    let set = converted();
    fs::write(set.path("out/manifest.json"), "{\"stacks\": 7}").unwrap();
    assert_not_resumed(&set, &["--batch-size", "2"], &["`out/manifest.json` is not a verglas manifest", "--overwrite"]);
    fs::remove_file(set.path("out/manifest.json")).unwrap();
    assert_not_resumed(&set, &["--batch-size", "2"], &["holds stacks, and no manifest.json"]);
    assert_eq!(set.convert(&["--batch-size", "2", "--overwrite"]).code, 0);
    assert_same(&set);
}

#[test]
fn a_descriptor_of_someone_elses_is_never_replaced() {
    let set = DataSet::usual();
    fs::create_dir(set.path("out")).unwrap();
    fs::write(set.path("out/parameters.npz"), "mine").unwrap();
    for arguments in [&[][..], &["--overwrite"], &["--resume"]] {
        let ran = set.convert(arguments);
        assert_eq!(ran.code, 1, "{arguments:?}");
        assert!(ran.stderr.contains("`out/parameters.npz` already exists"), "{}", ran.stderr);
        assert_eq!(fs::read(set.path("out/parameters.npz")).unwrap(), b"mine");
    }
    fs::remove_dir_all(set.path("out")).unwrap();
    // One that a run made is replaced, and goes with the run if the next one makes none.
    assert_eq!(set.convert(&[]).code, 0);
    assert_eq!(set.convert(&["--overwrite", "--precision", "double"]).code, 0);
    assert_eq!(set.run(&["verify", "out"]).code, 0);
    fs::copy(set.path("out/parameters.npz"), set.path("grids.npz")).unwrap();
    assert_eq!(set.convert(&["--overwrite", "-d", "grids.npz"]).code, 0);
    assert!(!set.path("out/parameters.npz").exists());
}

#[test]
fn words_that_exclude_each_other() {
    let set = DataSet::usual();
    for arguments in [
        &["--overwrite", "--resume"][..],
        &["--overwrite", "--shard", "1/2"],
        &["--shard", "0/2"],
        &["--shard", "3/2"],
        &["--shard", "2"],
        &["--shard", "1/0"],
    ] {
        assert_eq!(set.convert(arguments).code, 2, "{arguments:?}");
    }
    assert!(!set.path("out").exists());
}

#[test]
fn descriptors_are_the_same_when_what_they_say_is() {
    let set = DataSet::usual();
    let make = |name: &str, pixel_size: &str| {
        let ran = set.run(&["descriptor", "--n-pixels", "8", "--pixel-size", pixel_size, "-o", name]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    };
    make("a.npz", "1.5");
    make("other.npz", "1.6");
    for output in ["plain", "out"] {
        let ran = set.run(&["convert", "particles.star", "-o", output, "--batch-size", "2", "-d", "a.npz"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    fs::copy(set.path("a.npz"), set.path("copy.npz")).unwrap();
    fs::remove_file(set.path(&stack_file(1, "npz"))).unwrap();
    let ran = set.convert(&["--batch-size", "2", "--resume", "-d", "copy.npz"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_same(&set);
    let given_now = ["--batch-size", "2", "--pixel-size", "1.6", "--pixel-size-from", "caller", "-d", "other.npz"];
    assert_not_resumed(
        &set,
        &given_now,
        &["descriptor: `", "copy.npz` before, `", "other.npz` now", "descriptor_crc32"],
    );
}

#[test]
fn what_the_command_reads_is_never_removed_to_make_way() {
    let set = DataSet::usual();
    assert_eq!(set.convert(&[]).code, 0);
    fs::copy(set.path("out/manifest.json"), set.path("out/manifest_of_my_samples.json")).unwrap();
    // The descriptor that the earlier run made, by its name and by another.
    std::os::unix::fs::symlink("out/parameters.npz", set.path("grids.npz")).unwrap();
    let before = all_files(&set.path("out"));
    for name in ["out/parameters.npz", "grids.npz"] {
        let ran = set.convert(&["--overwrite", "-d", name]);
        assert_eq!(ran.code, 1, "{name}");
        assert!(
            ran.stderr.contains(&format!("{name}`")) && ran.stderr.contains("is read by this run"),
            "{}",
            ran.stderr
        );
        assert!(all_files(&set.path("out")) == before, "something was removed");
    }
    assert_eq!(set.convert(&["--overwrite"]).code, 0);
    assert!(set.path("out/manifest_of_my_samples.json").is_file());
}

#[test]
fn nothing_is_written_through_a_link() {
    let set = DataSet::usual();
    fs::create_dir(set.path("out")).unwrap();
    let mine = set.path("mine.txt");
    fs::write(&mine, "mine").unwrap();
    for name in ["out/.verglas.lock", "out/.manifest.json.partial", "out/.parameters.npz.partial"] {
        std::os::unix::fs::symlink(&mine, set.path(name)).unwrap();
        let ran = set.convert(&[]);
        assert_eq!(fs::read(&mine).unwrap(), b"mine", "{name}");
        if name.ends_with("lock") {
            assert!(ran.code == 1 && ran.stderr.contains("it is a link"), "{}", ran.stderr);
            fs::remove_file(set.path(name)).unwrap();
        } else {
            assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
            fs::remove_dir_all(set.path("out")).unwrap();
            fs::create_dir(set.path("out")).unwrap();
        }
    }
}
