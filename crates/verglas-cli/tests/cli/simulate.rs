//! `verglas simulate` and `verglas demo`.

use std::fs;

use crate::conversion::{Metadata, physical_images};
use crate::data_set::DataSet;

#[test]
fn a_simulated_data_set_converts() {
    let set = DataSet::empty();
    let ran = set.run(&["simulate", "-o", "data", "--particles", "40", "--n-pixels", "32", "--stacks", "3"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("40 particles of 32 px"), "{}", ran.stdout);
    let ran = set.run(&["convert", "data/particles.star", "-o", "out", "--batch-size", "16"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("40 particles of 3 image files in 3 stacks"), "{}", ran.stdout);
    assert!(ran.stderr.contains("image paths are relative to"), "{}", ran.stderr);
}

#[test]
fn nothing_is_overwritten() {
    let set = DataSet::empty();
    let arguments = ["simulate", "-o", "data", "--particles", "4", "--n-pixels", "16"];
    assert_eq!(set.run(&arguments).code, 0);
    let before = fs::read(set.path("data/particles.star")).unwrap();
    let refused = set.run(&arguments);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("data/"), "{}", refused.stderr);
    assert_eq!(fs::read(set.path("data/particles.star")).unwrap(), before);
}

#[test]
fn the_demo_runs_twice_and_says_where_things_are() {
    let set = DataSet::empty();
    for _ in 0..2 {
        let ran = set.run(&["demo", "here"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        for named in ["here/data", "here/stacks", "torch.load", "complete and unaltered", "verglas export"] {
            assert!(ran.stdout.contains(named), "{}", ran.stdout);
        }
        // A demonstration has nothing to warn of, and ends with how right it is.
        assert_eq!(ran.stderr, "");
        let last = ran.stdout.trim_end().lines().next_back().unwrap();
        let numbers: Vec<f64> = last
            .split(|char: char| !(char.is_ascii_digit() || char == '.'))
            .filter_map(|text| text.parse().ok())
            .collect();
        assert!(
            last.starts_with("Compared with the known truth: ") && (numbers[0] - numbers[1]).abs() < 0.005,
            "{last}"
        );
    }
    assert!(set.path("here/stacks/fft/particles_fourier_stack_000002.npz").exists());
    assert!(set.path("here/stacks/report.html").exists());
}

/// Metadata keys and the values of all images.
type Values = Vec<(&'static str, Vec<f64>)>;

/// Everything that a conversion of 30 particles in `out` says, image after image.
fn images_and_values(set: &DataSet) -> (Vec<Vec<f32>>, Values) {
    let keys = [
        "defocusU",
        "defocusV",
        "defocusAngle",
        "phaseShift",
        "angleRotation",
        "angleTilt",
        "anglePsi",
        "originX",
        "originY",
        "voltage",
        "sphericalAberration",
        "amplitudeContrast",
    ];
    let mut images = Vec::new();
    let mut values: Values = keys.map(|key| (key, Vec::new())).to_vec();
    let mut stack = 0;
    while images.len() < 30 {
        images.extend(physical_images(&set.path(&format!("out/phys/particles_phys_stack_{stack:06}.pt"))));
        let mut metadata = Metadata::open(&set.path(&format!("out/fft/particles_fourier_stack_{stack:06}.npz")));
        for (key, all) in &mut values {
            all.extend(metadata.numbers(key));
        }
        stack += 1;
    }
    (images, values)
}

#[test]
fn every_layout_gives_the_same_images_and_metadata() {
    let set = DataSet::empty();
    let simulate = |layout: &str| {
        let arguments = ["simulate", "--particles", "30", "--n-pixels", "16", "--stacks", "2", "--layout", layout];
        let ran = set.run(&[&arguments[..], &["-o", layout]].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    };
    let convert = |inputs: &[&str]| {
        let ran = set.run(&[&["convert"], inputs, &["-o", "out", "--overwrite", "--batch-size", "15"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        images_and_values(&set)
    };
    simulate("star");
    let (images, values) = convert(&["star/particles.star"]);
    for (layout, inputs) in [
        (
            "star-pairs",
            &[
                "star-pairs/particles_000.star",
                "star-pairs/particles_001.star",
                "--pixel-size",
                "1.3",
                "--images",
                "star-pairs/particles_000.mrcs",
                "star-pairs/particles_001.mrcs",
            ][..],
        ),
        ("cs", &["cs/particles.cs"]),
        ("cs-job", &["cs-job", "--job", "1"]),
    ] {
        simulate(layout);
        let (other_images, other_values) = convert(inputs);
        assert!(images == other_images, "{layout}: images differ");
        for ((key, star), (_, other)) in values.iter().zip(other_values) {
            let is_left_out = layout == "star-pairs" && key.starts_with("angle");
            assert_eq!(other.is_empty(), is_left_out, "{layout}: {key}");
            for (a, b) in star.iter().zip(other) {
                // STAR files keep six decimals, of degrees for angles; .cs files keep float32.
                let turn = if key.ends_with("Angle") || key.starts_with("angle") { std::f64::consts::TAU } else { 0.0 };
                let difference = (a - b).abs();
                let difference = if turn > 0.0 { difference.min((difference - turn).abs()) } else { difference };
                assert!(difference <= 1e-6 + 1e-7 * a.abs().max(1.0) * 4.0, "{layout}: {key}: {a} {b}");
            }
        }
    }
}

#[test]
fn given_structures_are_projected_and_the_truth_says_which() {
    let set = crate::templates_data::structures();
    let run = |output: &str, structures: &[&str]| {
        let mut arguments =
            vec!["simulate", "-o", output, "--particles", "30", "--n-pixels", "24", "--pixel-size", "3"];
        structures.iter().for_each(|structure| arguments.extend(["--structure", structure]));
        set.run(&arguments)
    };
    let ran = run("both", &["a.pdb", "map.npy"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("24 px, 3 Å per pixel"), "{}", ran.stdout);
    let of = |output: &str| Metadata::open(&set.path(&format!("{output}/truth.npz"))).numbers("structure");
    let drawn = of("both");
    assert!((5..25).contains(&drawn.iter().filter(|&&structure| structure == 1.0).count()), "{drawn:?}");
    // One of them alone gives the same images where it is the one, and others elsewhere.
    assert_eq!(run("first", &["a.pdb"]).code, 0);
    assert_eq!(of("first"), [0.0; 30]);
    let images = |output: &str| {
        let mut files: Vec<_> =
            fs::read_dir(set.path(&format!("{output}/stacks"))).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|ending| ending == "mrcs"));
        files.sort();
        let pixels: Vec<u8> = files.iter().flat_map(|path| fs::read(path).unwrap()[1024..].to_vec()).collect();
        pixels.chunks_exact(24 * 24 * 4).map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let (both, first) = (images("both"), images("first"));
    assert_eq!(both.len(), 30);
    let mut order = Metadata::open(&set.path("both/truth.npz"));
    let (stacks, sections) = (order.numbers("stack"), order.numbers("section"));
    for ((structure, stack), section) in drawn.iter().zip(stacks).zip(sections) {
        let place = stack as usize * 15 + section as usize;
        assert_eq!(both[place] == first[place], *structure == 0.0, "stack {stack}, section {section}");
    }

    for (structures, words) in [(&["none.pdb"][..], "none.pdb"), (&["a.pdb", "a.txt"][..], "a.txt")] {
        let ran = run("bad", structures);
        assert_eq!(ran.code, 1, "{}", ran.stdout);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
        assert!(!set.path("bad").exists());
    }
}
