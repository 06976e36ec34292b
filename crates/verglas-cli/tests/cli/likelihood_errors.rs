//! Promise: whatever is wrong with stacks, templates or settings is reported together, by name, before anything is
//! written.

use std::fs;

use verglas_formats::npy::text_npy;
use verglas_formats::pt::{PtFile, PtLayout, write_pt};

use crate::data_set::DataSet;
use crate::likelihood_data::{compared, likelihood, run};

#[track_caller]
fn assert_refused(set: &DataSet, arguments: &str, parts: &[&str]) {
    let ran = likelihood(set, "out", arguments);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    for part in parts {
        assert!(ran.stderr.contains(part), "`{part}` is not in:\n{}", ran.stderr);
    }
    assert!(!set.path("out").exists(), "something was written");
    assert_eq!(ran.stdout, "");
}

#[test]
fn stacks_that_are_missing_or_half_there() {
    let set = compared();
    let stack =
        |number: usize, ending: &str| set.path(&format!("stacks/fft/particles_fourier_stack_00000{number}.{ending}"));
    fs::rename(stack(1, "npz"), set.path("kept.npz")).unwrap();
    assert_refused(&set, "", &["counted from 000000 without a gap", "stack_000001.npz`", "--max-stacks"]);
    assert_eq!(likelihood(&set, "before", "--max-stacks 1").code, 0);
    fs::rename(stack(1, "pt"), set.path("kept.pt")).unwrap();
    assert_refused(&set, "", &["stack_000001.pt`, ", "stack_000001.npz`"]);
    fs::rename(set.path("kept.npz"), stack(1, "npz")).unwrap();
    fs::rename(set.path("kept.pt"), stack(1, "pt")).unwrap();

    // A tensor that differs from its metadata.
    let good = fs::read(stack(1, "pt")).unwrap();
    fs::copy(stack(2, "pt"), stack(1, "pt")).unwrap();
    assert_refused(&set, "", &["stack_000001.pt` has the shape [4, ", "its metadata", "say [8, "]);
    fs::write(stack(1, "pt"), &good[..good.len() / 2]).unwrap();
    assert_refused(&set, "", &["stack_000001.pt"]);
    fs::write(stack(1, "pt"), &good).unwrap();

    // Everything at once.
    fs::remove_file(stack(0, "pt")).unwrap();
    fs::remove_file(set.path("templates/templates_fourier_b.pt")).unwrap();
    assert_refused(&set, "", &["stack_000000.pt`", "1 of 2 templates", "templates_fourier_b.pt"]);
    fs::remove_dir_all(set.path("stacks/fft")).unwrap();
    fs::remove_file(set.path("templates/template_file_list.npy")).unwrap();
    assert_refused(&set, "", &["`stacks` has no folder `fft`", "`templates` has no template_file_list.npy"]);
}

#[test]
fn templates_that_do_not_fit() {
    let set = compared();
    assert_refused(&set, "--structures 0,2", &["there is no structure 2: the list has 2"]);
    // Other grids.
    let other =
        run(&set, "descriptor --n-pixels 32 --pixel-size 2.5 --viewing-distance 0.5 --n-inplanes 60 -o other.npz");
    assert_eq!(other.code, 0, "{}", other.stderr);
    let made = run(&set, "templates a.pdb -d other.npz -o others --no-plots");
    assert_eq!(made.code, 0, "{}", made.stderr);
    let ran = run(&set, "likelihood stacks -t others -o out");
    assert_eq!(ran.code, 1);
    for part in ["pixel size along rows 2, not 2.5", "angles per shell 64, not 60", "and 2 more files"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    // Two precisions.
    let double =
        run(&set, "descriptor --n-pixels 32 --pixel-size 2 --precision double --viewing-distance 0.5 -o double.npz");
    assert_eq!(double.code, 0, "{}", double.stderr);
    let made = run(&set, "templates b.pdb -d double.npz -o doubles --no-plots");
    assert_eq!(made.code, 0, "{}", made.stderr);
    let paths = ["templates/templates_fourier_a.pt", "doubles/templates_fourier_b.pt"];
    let list = text_npy(&[2], paths.iter().map(|path| path.as_bytes())).unwrap();
    fs::create_dir(set.path("mixed")).unwrap();
    fs::write(set.path("mixed/template_file_list.npy"), list).unwrap();
    let ran = run(&set, "likelihood stacks -t mixed -o out");
    assert!(ran.code == 1 && ran.stderr.contains("templates are of two precisions"), "{}", ran.stderr);
    // As many templates as viewing angles, where they say none.
    fs::create_dir(set.path("bare")).unwrap();
    fs::copy(set.path("templates/templates_fourier_a.pt"), set.path("bare/templates_fourier_a.pt")).unwrap();
    fs::write(set.path("bare/template_file_list.npy"), text_npy(&[1], [&b"gone/templates_fourier_a.pt"[..]]).unwrap())
        .unwrap();
    let ran = run(&set, "likelihood stacks -t bare -d stacks -o out");
    assert_eq!(ran.code, 1);
    for part in ["templates, the viewing distance of", "--descriptor"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert!(!set.path("out").exists());
    let ran = run(
        &set,
        "likelihood stacks -t bare -d templates -o out --max-displacement 2 --displacements 3 --likelihood plain",
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("were not where it says"), "{}", ran.stderr);
}

#[test]
fn values_that_cannot_be_compared_are_reported_with_their_place() {
    let set = compared();
    let stack = set.path("stacks/fft/particles_fourier_stack_000001.pt");
    let good = fs::read(&stack).unwrap();
    let image_bytes = (good.len() - 1024) / 8 / 8 * 8;
    let n_points = { crate::conversion::fourier_images(&stack)[0].len() };
    assert!(n_points * 8 <= image_bytes);
    let at = |image: usize, point: usize| PtLayout::DATA_OFFSET as usize + (image * n_points + point) * 8;
    let mut bad = good.clone();
    bad[at(3, 70)..at(3, 70) + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&stack, &bad).unwrap();
    let ran = likelihood(&set, "out", "");
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("stack_000001.pt`: image 3: shell 1, in-plane 6 is not a finite number"),
        "{}",
        ran.stderr
    );
    // What was done by then is kept, and the job is resumed.
    let status = set.run(&["status", "out"]);
    assert!(status.stdout.starts_with("out: 1 of 6 units"), "{}", status.stdout);
    let mut bad = good.clone();
    bad[at(2, 0)..at(3, 0)].fill(0);
    fs::write(&stack, &bad).unwrap();
    let ran = likelihood(&set, "out", "--overwrite --memory 5M -j 1");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("stack_000001.pt`: image 2 has norm 0"), "{}", ran.stderr);
    fs::write(&stack, &good).unwrap();

    let templates = set.path("templates/templates_fourier_b.pt");
    // With the checksum of what it says.
    let mut file = PtFile::open(&templates).unwrap();
    let shape = file.tensor().shape().to_vec();
    let mut values = file.read_complex64(0..shape[0]).unwrap();
    values[n_points + 5].re = f32::INFINITY;
    let mut bad = Vec::new();
    write_pt(&mut bad, &shape, &values).unwrap();
    fs::write(&templates, &bad).unwrap();
    let ran = likelihood(&set, "out", "--overwrite");
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("templates_fourier_b.pt`: template 1 (azimuth")
            && ran.stderr.contains("is not a finite number"),
        "{}",
        ran.stderr
    );
}

#[test]
fn too_little_memory_or_room_is_reported_with_how_much_it_takes() {
    let set = compared();
    assert_refused(
        &set,
        "--memory 100K",
        &["comparing one image with `templates/templates_fourier_a.pt` takes", "--memory"],
    );
    let vast = "--full-cross-correlation --displacements 2048 --memory 1000G";
    assert_refused(&set, vast, &["all correlations of this run will take", "has room for", "--structures"]);
}

#[test]
fn folders_that_are_read_are_not_written_to() {
    let set = compared();
    for (output, what) in [("stacks", "the stacks"), ("templates", "the templates")] {
        for more in ["", "--overwrite", "--resume"] {
            let ran = likelihood(&set, output, more);
            assert_eq!(ran.code, 1, "{}", ran.stderr);
            assert!(ran.stderr.contains(&format!("`{output}` is the folder of {what}")), "{}", ran.stderr);
        }
        assert_eq!(set.run(&["verify", output]).code, 0);
    }
}

#[test]
fn wrong_words_are_wrong_usage() {
    let set = compared();
    for arguments in [
        "--as-cryolike --defocus-angle-axis rows",
        "--overwrite --resume",
        "--table xlsx",
        "--displacements 0",
        "--displacements 3,4,5",
        "--max-displacement -1",
        "--structures 3-1",
        "--likelihood best",
        "--ctf some",
        "--max-stacks 0",
        "--check --resume",
    ] {
        let words = format!("likelihood stacks -t templates -o out {arguments}");
        let ran = run(&set, &words);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(!set.path("out").exists(), "{arguments:?}");
    }
    assert_eq!(run(&set, "likelihood stacks -t templates").code, 2);
    if !cfg!(feature = "parquet") {
        assert_refused(&set, "--table parquet", &["built without Parquet", "hint: ", "--features parquet"]);
    }
    let check = run(&set, "likelihood stacks -t templates --check");
    assert_eq!(check.code, 0, "{}", check.stderr);
    assert!(
        check.stdout.starts_with("nothing wrong, all images and templates were read: 20 images in 3 stacks"),
        "{}",
        check.stdout
    );
}

#[test]
fn metadata_that_cannot_be_right_are_reported_before_anything_is_compared() {
    let set = compared();
    // A stack without images is nothing wrong.
    let mut empty = Vec::new();
    write_pt(&mut empty, &[0, 1, 1], &[0.0_f32; 0]).unwrap();
    fs::write(set.path("stacks/fft/particles_fourier_stack_000002.pt"), &empty).unwrap();
    assert_refused(&set, "", &["stack_000002.pt` holds values of type float32, expected complex64 or complex128"]);
    fs::write(set.path("stacks/fft/particles_fourier_stack_000002.npz"), b"none").unwrap();
    assert_refused(&set, "", &["stack_000002.npz"]);
}
