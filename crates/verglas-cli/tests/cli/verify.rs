//! `verglas verify`: whatever is wrong with a folder is found and named.

use std::fs;

use crate::data_set::{DataSet, Ran};

/// [`DataSet::usual`] in three stacks of two images.
fn converted() -> DataSet {
    let set = DataSet::usual();
    let ran = set.convert(&["--batch-size", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    set
}

const FOURIER: &str = "out/fft/particles_fourier_stack_000001.pt";
const METADATA: &str = "out/fft/particles_fourier_stack_000001.npz";
const PHYSICAL: &str = "out/phys/particles_phys_stack_000001.pt";

fn verify(set: &DataSet) -> Ran {
    set.run(&["verify", "out"])
}

#[track_caller]
fn assert_wrong(set: &DataSet, parts: &[&str]) {
    let ran = verify(set);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    for part in parts {
        assert!(ran.stderr.contains(part), "`{part}` is not in:\n{}", ran.stderr);
    }
    assert!(ran.stdout.contains("problem"), "{}", ran.stdout);
}

#[test]
fn a_sound_folder() {
    let set = converted();
    let ran = verify(&set);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.starts_with("out is complete and unaltered: 3 of 3 stacks sound, 6 images"), "{}", ran.stdout);
    let ran = set.run(&["verify", "out", "-q", "--log-format", "json", "-j", "1"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
}

#[test]
fn a_missing_file_of_each_kind() {
    for name in [FOURIER, METADATA, PHYSICAL, "out/parameters.npz"] {
        let set = converted();
        fs::remove_file(set.path(name)).unwrap();
        assert_wrong(&set, &[&format!("`{name}` is missing")]);
    }
}

#[test]
fn a_bit_that_flipped_anywhere_and_a_file_that_was_cut() {
    let set = converted();
    for name in [FOURIER, METADATA, PHYSICAL, "out/parameters.npz"] {
        let good = fs::read(set.path(name)).unwrap();
        // Header, values, and the directory of the archive.
        for at in [0, 40, good.len() / 2, good.len() - 30, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(set.path(name), bad).unwrap();
            assert_wrong(&set, &[&format!("`{name}` was altered")]);
        }
        fs::write(set.path(name), &good[..good.len() - 1]).unwrap();
        assert_wrong(&set, &[&format!("`{name}` has {} bytes, expected {}", good.len() - 1, good.len())]);
        fs::write(set.path(name), &good).unwrap();
    }
    assert_eq!(verify(&set).code, 0);
}

#[test]
fn a_stack_of_another_run_and_one_too_many() {
    let set = converted();
    let ran = set.run(&["convert", "particles.star", "-o", "other", "--batch-size", "2", "--contrast", "invert"]);
    assert_eq!(ran.code, 0);
    fs::copy(set.path("other/fft/particles_fourier_stack_000001.pt"), set.path(FOURIER)).unwrap();
    assert_wrong(&set, &[&format!("`{FOURIER}` was altered, or comes from another run")]);

    let set = converted();
    fs::copy(set.path(FOURIER), set.path("out/fft/particles_fourier_stack_000003.pt")).unwrap();
    assert_wrong(&set, &["1 stack file that no manifest records: `fft/particles_fourier_stack_000003.pt`"]);
}

#[test]
fn an_unfinished_folder_says_how_to_go_on() {
    let set = converted();
    let path = set.path("out/manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["stacks"].as_array_mut().unwrap().truncate(1);
    manifest["is_complete"] = false.into();
    manifest["run"]["state"] = "running".into();
    manifest["is_sealed"] = false.into();
    fs::write(&path, manifest.to_string()).unwrap();
    fs::write(set.path("out/fft/.particles_fourier_stack_000002.pt.partial"), "half").unwrap();
    assert_wrong(
        &set,
        &["unfinished: 1 stack recorded of 3; it was killed, or is still running", "--resume", "000002.pt.partial`"],
    );
}

#[test]
fn changed_inputs_are_a_warning() {
    let set = converted();
    set.write_stack("stacks/a.mrcs", 4);
    fs::remove_file(set.path("stacks/b.mrcs")).unwrap();
    let ran = verify(&set);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("2 input files changed since the conversion"), "{}", ran.stderr);
    assert!(ran.stderr.contains("a.mrcs` had 1792 bytes and now has 2048"), "{}", ran.stderr);
    assert!(ran.stderr.contains("b.mrcs` is gone"), "{}", ran.stderr);
}

#[test]
fn no_output_folder_at_all() {
    let set = DataSet::usual();
    let ran = set.run(&["verify", "out"]);
    assert!(ran.code == 1 && ran.stderr.contains("cannot read the folder `out`"), "{}", ran.stderr);
    let ran = set.run(&["verify", "."]);
    assert!(ran.code == 1 && ran.stderr.contains("`.` has no manifest.json"), "{}", ran.stderr);
}

/// Every single value of a manifest replaced by others, and every piece of it cut away: never a panic, and never
/// silence where a stack's record is concerned.
#[test]
fn manifests_that_were_edited_by_hand() {
    fn places(value: &serde_json::Value, pointer: String, all: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| places(value, format!("{pointer}/{name}"), all));
            }
            serde_json::Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, value)| places(value, format!("{pointer}/{at}"), all));
            }
            _ => {}
        }
        all.push(pointer);
    }
    let set = converted();
    let path = set.path("out/manifest.json");
    let mut good: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    // Every edit is seen by the checksum; here is what is seen without one.
    good["is_sealed"] = false.into();
    let mut pointers = Vec::new();
    places(&good, String::new(), &mut pointers);
    let values = [
        serde_json::json!(null),
        serde_json::json!(18446744073709551615u64),
        serde_json::json!(-1),
        serde_json::json!("../../etc/passwd"),
        serde_json::json!([]),
        serde_json::json!({"number": 0, "of": 0}),
    ];
    let observer = verglas::Silent;
    for pointer in &pointers {
        for value in &values {
            let mut bad = good.clone();
            let place = bad.pointer_mut(pointer).unwrap();
            if place == value {
                continue;
            }
            *place = value.clone();
            fs::write(&path, bad.to_string()).unwrap();
            let verified = verglas::verify(&set.path("out"), &observer);
            let matters = pointer.starts_with("/stacks") || pointer.starts_with("/plan/n_") || pointer.is_empty();
            if matters && bad["shard"].is_null() && !pointer.starts_with("/plan") {
                let is_wrong = verified.map_or(true, |verified| !verified.is_sound());
                assert!(is_wrong, "{pointer} = {value}: nothing was found");
            }
        }
    }
    let text = serde_json::to_vec(&good).unwrap();
    for end in (0..text.len()).step_by(101) {
        fs::write(&path, &text[..end]).unwrap();
        let verified = verglas::verify(&set.path("out"), &observer);
        assert!(verified.is_ok_and(|verified| !verified.is_sound()), "cut after {end} bytes: nothing was found");
    }
}

#[test]
fn a_flipped_bit_in_a_manifest_is_named() {
    let set = converted();
    let path = set.path("out/manifest.json");
    let good = fs::read(&path).unwrap();
    // A digit of the time, which nothing is compared with.
    let at = good.windows(10).position(|part| part == b"\"started\":").unwrap() + 12;
    let mut bad = good.clone();
    bad[at] ^= 1;
    fs::write(&path, bad).unwrap();
    assert_wrong(&set, &["`out/manifest.json` is damaged"]);
    let resumed = set.convert(&["--batch-size", "2", "--resume"]);
    assert!(resumed.code == 1 && resumed.stderr.contains("is damaged"), "{}", resumed.stderr);
}

#[test]
fn settings_that_the_stacks_contradict() {
    let set = converted();
    let path = set.path("out/manifest.json");
    let good: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (name, value, expected) in [
        ("precision", serde_json::json!("double"), "its precision is single, manifest.json says double"),
        ("n_pixels", 17.into(), "its box side is"),
        ("descriptor_pixel_size", serde_json::json!([3.5, 3.5]), "its pixel size is"),
        ("radius_max", 1.5.into(), "its radius_max is"),
        ("n_inplanes", 3.into(), "its n_inplanes is"),
        ("defocus_angle_axis", "rows".into(), "its defocusAngle_axis is columns, manifest.json says rows"),
        ("physical", false.into(), "its settings say that no such files are written"),
    ] {
        let mut bad = good.clone();
        bad["settings"][name] = value;
        bad["is_sealed"] = false.into();
        fs::write(&path, bad.to_string()).unwrap();
        assert_wrong(&set, &[expected]);
    }
}

#[test]
fn an_altered_stack_is_made_anew_when_asked() {
    let set = converted();
    let path = set.path("out/fft/particles_fourier_stack_000001.pt");
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 4;
    fs::write(&path, bad).unwrap();
    assert_wrong(&set, &["000001.pt` was altered", "--resume and --verify remakes this stack"]);
    let resumed = set.convert(&["--batch-size", "2", "--resume", "--verify"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert!(
        resumed.stderr.contains("1 stack was altered since the run that made them, and made again: 1"),
        "{}",
        resumed.stderr
    );
    assert_eq!(fs::read(&path).unwrap(), good);
    assert_eq!(verify(&set).code, 0);
}
