//! Promise: in a project folder the command finds what is there, takes what is meant, and says all that is wrong at once.

use std::fs;

use crate::conversion::{all_files, assert_converted, metadata, physical_images};
use crate::data_set::{DataSet, N_PIXELS, PARTICLES, USUAL_NAMES, optics, particle, star};
use crate::small_disk::SmallDisk;

/// A `.npy` of one axis.
fn npy(descr: &str, n: usize, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({n},), }}");
    let mut bytes = b"\x93NUMPY\x01\0\x76\0".to_vec();
    bytes.extend(format!("{header:<117}\n").as_bytes());
    bytes.extend(values);
    bytes
}

fn indices(rows: &[i64]) -> Vec<u8> {
    npy("<i8", rows.len(), &rows.iter().flat_map(|row| row.to_le_bytes()).collect::<Vec<_>>())
}

#[test]
fn rows_are_chosen_by_mask_or_indices_and_keep_their_order() {
    let set = DataSet::usual();
    assert_converted(&set.run(&["convert", "particles.star", "-o", "all"]));
    let all = physical_images(&set.path("all/phys/particles_phys_stack_000000.pt"));
    fs::write(set.path("mask.npy"), npy("|b1", 6, &[0, 1, 0, 0, 1, 1])).unwrap();
    fs::write(set.path("rows.npy"), indices(&[5, 1, 4])).unwrap();
    for file in ["mask.npy", "rows.npy"] {
        let ran = set.convert(&["--rows", file, "--overwrite"]);
        assert_converted(&ran);
        let mut stack = metadata(&set, 0);
        assert_eq!(stack.numbers("row"), [1.0, 4.0, 5.0], "{file}");
        assert_eq!(stack.numbers("defocusU"), [10_001.5, 10_004.5, 10_005.5]);
        let chosen = physical_images(&set.path("out/phys/particles_phys_stack_000000.pt"));
        assert!(chosen == [all[1].clone(), all[4].clone(), all[5].clone()], "{file}");
    }
    // With the same rows it goes on; with others it does not.
    assert_converted(&set.convert(&["--rows", "rows.npy", "--resume"]));
    let refused = set.convert(&["--resume"]);
    assert!(refused.code == 1 && refused.stderr.contains("rows: `"), "{}", refused.stderr);
    let exported = set.run(&["export", "out", "-o", "chosen.star"]);
    assert!(exported.code == 0 && exported.stdout.contains("3 of 6 rows"), "{}", exported.stdout);
}

#[test]
fn rows_of_several_files_follow_each_other_and_go_with_groups() {
    let set = DataSet::usual();
    let rows = star(&["1@x"; 3]);
    set.write_star("a.star", &rows);
    set.write_star("b.star", &rows.replace("1 opticsGroup1", "2 opticsGroup2").replace(" 1.0 1 ", " 1.0 2 "));
    let pairs = ["a.star", "b.star", "--images", "stacks/a.mrcs", "stacks/b.mrcs", "--pixel-size", "1", "-o", "out"];
    fs::write(set.path("rows.npy"), indices(&[2, 3, 5])).unwrap();
    assert_converted(&set.run(&[&["convert", "--rows", "rows.npy"], &pairs[..]].concat()));
    assert_eq!(metadata(&set, 0).numbers("idxs"), [2.0]);
    assert_eq!(metadata(&set, 1).numbers("idxs"), [0.0, 2.0]);
    let of_group = ["convert", "--overwrite", "--rows", "rows.npy", "--optics-group", "2"];
    assert_converted(&set.run(&[&of_group, &pairs[..]].concat()));
    assert_eq!(metadata(&set, 0).texts("files"), ["stacks/b.mrcs"; 2]);
}

#[test]
fn rows_that_are_not_there_are_told_with_all_else() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&["1@stacks/a.mrcs", "9@stacks/a.mrcs"]));
    for (file, bytes, told) in [
        (
            "a.npy",
            indices(&[0, 2]),
            "`a.npy`: index 1 (counted from 0) is 2, expected 0 to 1: `particles.star` has 2 rows",
        ),
        ("b.npy", npy("|b1", 3, &[1; 3]), "`b.npy`: a mask of 3 values, `particles.star` has 2 rows"),
        ("c.npy", npy("|b1", 2, &[0; 2]), "`c.npy` chooses none of the rows of `particles.star`"),
        ("d.npy", indices(&[1, 1]), "`d.npy`: row 1 is chosen twice, by index 0 and 1"),
    ] {
        fs::write(set.path(file), bytes).unwrap();
        set.assert_refused(&["--rows", file], &[told]);
    }
    set.assert_refused(&["--rows", "c.npy"], &["section 9 of `stacks/a.mrcs`"]);
    set.assert_refused(&["--rows", "gone.npy"], &["gone.npy", "section 9 of `stacks/a.mrcs`"]);
}

#[test]
fn lists_leave_the_input_alone_and_take_commas() {
    let set = DataSet::usual();
    let mut text = optics("1 one 300.0 2.7 0.1 1.5\n2 two 300.0 2.7 0.1 1.5\n3 three 300.0 2.7 0.1 1.5\n");
    text.push_str(PARTICLES);
    for (row, name) in USUAL_NAMES.iter().enumerate() {
        text.push_str(&particle(row, name).replace(" 1.0 1 ", &format!(" 1.0 {} ", row / 2 + 1)));
    }
    set.write_star("particles.star", &text);
    for (list, rows) in [
        (&["--optics-group", "2"][..], &[2.0, 3.0][..]),
        (&["--optics-group", "3,1"], &[0.0, 1.0, 4.0, 5.0]),
        (&["--optics-group", "1", "three"], &[0.0, 1.0, 4.0, 5.0]),
        (&["--optics-group=one,two"], &[0.0, 1.0, 2.0, 3.0]),
    ] {
        let ran = set.run(&[&["convert", "-o", "out", "--overwrite"], list, &["particles.star"]].concat());
        assert_converted(&ran);
        assert_eq!(metadata(&set, 0).numbers("row"), rows, "{list:?}");
    }
    set.write_star("a.star", &star(&["1@x"; 3]));
    let ran =
        set.run(&["convert", "--images", "stacks/a.mrcs", "a.star", "-o", "out", "--overwrite", "--pixel-size", "1"]);
    assert_converted(&ran);
}

#[test]
fn images_are_cropped_to_any_even_box() {
    let set = DataSet::usual();
    assert_converted(&set.convert(&["--downsample", "2", "--downsample-method", "fourier"]));
    assert_converted(&set.run(&["convert", "particles.star", "-o", "to", "--downsample-to", "4"]));
    let stacks = |folder: &str| all_files(&set.path(folder).join("fft"));
    // Four of eight pixels is a factor of two: nothing differs.
    assert!(stacks("out") == stacks("to"));
    let ran = set.run(&["convert", "particles.star", "-o", "to", "--downsample-to", "6", "--overwrite"]);
    assert_converted(&ran);
    assert!(ran.stdout.contains("downsampled (fourier): box 6 px, pixel size 2 Å"), "{}", ran.stdout);
    let resumed = set.run(&["convert", "particles.star", "-o", "to", "--downsample-to", "4", "--resume"]);
    assert!(resumed.code == 1 && resumed.stderr.contains("downsample_to: 6 before, 4 now"), "{}", resumed.stderr);
    let ran = set.run(&["check", "particles.star", "--downsample-to", "10"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("a box of 10 px is asked for, and images are 8 px wide"),
        "{}",
        ran.stderr
    );
}

#[test]
fn all_that_is_wrong_is_told_in_one_go() {
    let set = DataSet::usual();
    let names = ["1@stacks/a.mrcs", "9@stacks/a.mrcs", "1@gone.mrcs"];
    // No voltage, an image file that is gone, a section past the end, an optics group that nobody has, two pixel sizes.
    set.write_star("particles.star", &star(&names).replace("_rlnVoltage", "_rlnOther"));
    let ran = set.run(&["check", "particles.star", "--pixel-size", "7", "--optics-group", "5"]);
    assert_eq!(ran.code, 1);
    for part in [
        "missing rlnVoltage",
        "no particle of `particles.star` is in optics group 5",
        "1 of 2 image files not found",
        "section 9 of `stacks/a.mrcs`",
        "the command line says 7 Å, the metadata says 1.5 Å",
    ] {
        assert!(ran.stderr.contains(part), "`{part}` is not in:\n{}", ran.stderr);
    }
    // What follows from one of these is not told besides.
    assert_eq!(ran.stderr.matches("error: ").count(), 5, "{}", ran.stderr);
    // Optics groups that differ, in particles that name a group which is not there, and a descriptor that is none.
    let text = star(&names).replace("0.0 1.0 1 1.0", "0.0 1.0 4 1.0");
    set.write_star("particles.star", &text);
    set.write_star("grids.npz", "no descriptor");
    let ran = set.run(&["check", "particles.star", "-d", "grids.npz", "--pixel-size", "7"]);
    for part in ["optics group 4 is not in the optics block", "`gone.mrcs`", "section 9 of", "grids.npz"] {
        assert!(ran.stderr.contains(part), "`{part}` is not in:\n{}", ran.stderr);
    }
}

#[test]
fn decisions_are_told_first_and_defaults_last() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES).replace("_rlnPhaseShift", "_rlnOther");
    // Strong astigmatism, and a dose weight for two.
    let text = text.replace("9990.25", "2000").replacen(" 0.0 0.0 1.0 1 ", " 0.0 -12.0 0.5 1 ", 2);
    fs::create_dir_all(set.path("relion/job")).unwrap();
    fs::rename(set.path("stacks"), set.path("relion/stacks")).unwrap();
    set.write_star("relion/job/particles.star", &text);
    let ran = set.run(&["convert", "relion/job/particles.star", "-o", "out"]);
    assert_converted(&ran);
    let told: Vec<&str> = ran.stderr.lines().filter_map(|line| line.strip_prefix("warning: ")).collect();
    let place = |part: &str| {
        let at = told.iter().position(|line| line.contains(part));
        at.unwrap_or_else(|| panic!("`{part}` is not in:\n{}", ran.stderr))
    };
    let decisions = [
        place("`--defocus-angle-axis rows` makes its CTF right"),
        place("rlnCtfBfactor is not 0 for 2 of 6 particles"),
        place("rlnCtfScalefactor is not 1 for 2 of 6 particles"),
    ];
    let harmless = [place("rlnPhaseShift is missing: 0 used"), place("image paths are relative to")];
    assert!(decisions.iter().max() < harmless.iter().min(), "{told:#?}");
    let mut once = told.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), told.len(), "{told:#?}");
}

#[test]
fn room_is_looked_for_before_the_first_byte() {
    let set = DataSet::empty();
    // 40 images of 1.4 KiB.
    set.write_stack("stacks/a.mrcs", 40);
    let names: Vec<String> = (1..=40).map(|section| format!("{section}@stacks/a.mrcs")).collect();
    set.write_star("particles.star", &star(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    let folder = set.path("small");
    let Some(_disk) = SmallDisk::mount(&folder, "48k") else { return };
    assert_eq!(N_PIXELS, 8);
    let ran = set.run(&["convert", "particles.star", "-o", "small/out"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let told = "error: the stacks take 55.0 KiB, and the disk of `small/out` has room for ";
    assert!(ran.stderr.contains(told) && ran.stderr.contains("(--no-physical) they take 45.0 KiB"), "{}", ran.stderr);
    assert!(!set.path("small/out").exists());
    let checked = set.run(&["check", "particles.star", "--log-format", "json"]);
    let summary: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!((summary["bytes_fourier"].as_u64(), summary["bytes_physical"].as_u64()), (Some(46_080), Some(10_240)));
}
