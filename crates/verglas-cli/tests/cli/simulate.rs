//! `verglas simulate` and `verglas demo`.

use std::fs;

use serde_json::json;
use verglas_formats::npz::NpzReader;

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
fn particles_show_given_structures_in_proportion() {
    let set = DataSet::empty();
    for (name, apart) in [("near.pdb", 6.0), ("far.pdb", 9.0)] {
        let atom = |n: i32| {
            let z = f64::from(n) * apart;
            format!("ATOM  {n:>5}  CA  ALA A{n:>4}    {:>8.3}{:>8.3}{z:>8.3}  1.00 20.00           C  \n", 0.0, 0.0)
        };
        fs::write(set.path(name), (1..=4).map(atom).collect::<String>()).unwrap();
    }
    let simulate = "simulate --particles 200 --n-pixels 16 --pixel-size 4 --structure near.pdb --structure far.pdb";
    let words = |more: &str| simulate.split(' ').chain(more.split(' ')).map(str::to_owned).collect::<Vec<_>>();
    let run = |more: &str| set.run(&words(more).iter().map(String::as_str).collect::<Vec<_>>());
    let ran = run("-o data --shares 1,4");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let far: f64 = structures_shown(&set, "data/truth.npz").iter().sum();
    // Four standard deviations of 200 draws.
    assert!((far - 160.0).abs() < 23.0, "{far}");
    let wrong = run("-o other --shares 1,2,3");
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("a share of each of 2 structures, found 3"), "{}", wrong.stderr);
}

/// The structure that each particle shows.
fn structures_shown(set: &DataSet, path: &str) -> Vec<f64> {
    NpzReader::open(set.path(path)).unwrap().read("structure").unwrap().to_f64().unwrap()
}

/// The one test of the whole demo: it is run once, and once more on what is there.
#[test]
fn the_demo_goes_the_whole_way_and_keeps_what_is_done() {
    let set = DataSet::empty();
    let ran = set.run(&["demo", "here"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    // A demonstration has nothing to warn of.
    assert_eq!(ran.stderr, "");
    for named in [
        "104 particles of 2 image files in 3 stacks",
        "here/stacks is complete and unaltered",
        "against 2 structures",
        "verglas convert here/data/particles.star",
        "verglas templates here/structures/open.pdb here/structures/closed.pdb",
        "verglas likelihood stacks",
        "verglas weights likelihood",
        "verglas export here/stacks",
        "torch.load",
    ] {
        assert!(ran.stdout.contains(named), "{named}: {}", ran.stdout);
    }
    // It ends with how right it is.
    let end = ran.stdout.split("Compared with the truth, which the demo knows").nth(1).unwrap();
    let starts = ["images ", "structures ", "weights ", "closed ", "poses "];
    let lines: Vec<&str> = end.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert!(
        lines.len() == starts.len() && lines.iter().zip(starts).all(|(line, start)| line.starts_with(start)),
        "{end}"
    );

    let again = set.run(&["demo", "here", "--log-format", "json"]);
    assert_eq!((again.code, again.stderr.as_str()), (0, ""), "{}", again.stdout);
    let told: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!([&told["likelihood"]["n_units"], &told["likelihood"]["n_units_kept"]], [&json!(6), &json!(6)]);
    let truth = &told["truth"];
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    assert!((number(&truth["correlation"]) - number(&truth["expected"])).abs() < 0.005, "{truth}");
    // 103 of 104 are more than 99 %.
    assert!(number(&truth["n_right"]) >= 103.0 && truth["n_images"] == 104, "{truth}");
    assert!(number(&truth["view_deg"]) < 3.0 && number(&truth["origin_angstrom"]) < 1.0, "{truth}");
    let closed = structures_shown(&set, "here/data/truth.npz").iter().sum::<f64>() / 104.0;
    for (share, expected) in truth["shares"].as_array().unwrap().iter().zip([1.0 - closed, closed]) {
        assert!((number(&share["truth"]) - expected).abs() < 1e-9, "{share}");
        assert!((number(&share["weight"]) - expected).abs() < 0.02, "{share}");
        assert!(number(&share["lo95"]) < expected && expected < number(&share["hi95"]), "{share}");
    }
    assert_eq!(told["weights"]["not_told_apart"], json!([]));
    for folder in ["stacks", "templates", "likelihood", "weights"] {
        assert!(set.path(&format!("here/{folder}/report.html")).is_file(), "{folder}");
        let verified = set.run(&["verify", &format!("here/{folder}")]);
        assert_eq!(verified.code, 0, "{folder}: {}", verified.stderr);
    }
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
