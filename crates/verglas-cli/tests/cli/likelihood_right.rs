//! The default likelihood: what it says beside, what it depends on, and what its parts change.

use std::fs;

use verglas_formats::npz::NpzReader;

use crate::data_set::DataSet;
use crate::likelihood_data::{Csv, compared, likelihood, run, tensor};
use crate::templates_data::{all_but_manifests, write_protein};

/// The other columns of the table.
const COLUMNS: [&str; 16] = [
    "log_likelihood_grid",
    "contrast",
    "contrast_sd",
    "n_modes",
    "mode_share",
    "grid_share",
    "view_sd_deg",
    "psi_sd_deg",
    "shift_sd_angstrom",
    "prior_view_deg",
    "prior_shift_angstrom",
    "log_odds_particle",
    "p_particle",
    "pruned_mass",
    "evaluated_share",
    "log_likelihood_noise",
];

#[track_caller]
fn made(set: &DataSet, output: &str, arguments: &str) -> String {
    let ran = likelihood(set, output, &format!("--likelihood right {arguments}"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stderr
}

fn csv(set: &DataSet, output: &str) -> Csv {
    Csv::read(&set.path(&format!("{output}/results.csv")))
}

fn settings(set: &DataSet, output: &str) -> serde_json::Value {
    let text = fs::read(set.path(&format!("{output}/manifest.json"))).unwrap();
    serde_json::from_slice::<serde_json::Value>(&text).unwrap()["settings"].clone()
}

#[test]
fn the_default_is_right_and_says_what_it_found() {
    let set = compared();
    let ran = run(
        &set,
        "likelihood stacks -t templates -o out --max-displacement 2 --displacements 3 --table csv --table parquet --table star",
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("between the grid's poses: ln L is"), "{}", ran.stdout);
    let table = csv(&set, "out");
    assert_eq!(table.columns()[23..39], COLUMNS);
    assert_eq!(table.columns()[39], "skipped");
    // In numbers that mean something.
    let [share, rest, sd, contrast] =
        ["mode_share", "grid_share", "view_sd_deg", "contrast"].map(|name| table.numbers(name));
    for row in 0..table.len() {
        assert!((0.0..=1.0).contains(&share[row]) && (0.0..=1.0).contains(&rest[row]), "row {row}");
        assert!(sd[row] > 0.0 && contrast[row].is_finite(), "row {row}");
    }
    assert!(table.texts("prior_view_deg").iter().all(String::is_empty));
    // ln L of the table is that of the matrix and of the unit.
    let (_, matrix) = tensor(&set.path("out/likelihood_matrix/integrated_fourier_log_likelihood_matrix.pt"));
    let integrated = table.numbers("log_likelihood_integrated");
    for image in 0..20 {
        for structure in 0..2 {
            assert_eq!(matrix[structure * 20 + image], integrated[2 * image + structure]);
        }
    }
    // Both structures see the same noise, whose spectrum is kept; few images.
    let noise = Csv::read(&set.path("out/noise_spectrum.csv"));
    assert_eq!(noise.columns(), ["group", "shell", "resolution_angstrom", "sigma2", "independent_values"]);
    assert!(noise.numbers("sigma2").iter().all(|&sigma2| sigma2 > 0.0));
    let settings = settings(&set, "out");
    assert_eq!(settings["likelihood"], "right");
    assert_eq!((&settings["integral"], &settings["noise"]), (&"refined".into(), &"spectrum".into()));
    let verified = run(&set, "verify out");
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    // The page counts the same modes, of each image with its best structure.
    assert_eq!(run(&set, "report out").code, 0);
    let page = fs::read_to_string(set.path("out/report.html")).unwrap();
    for chart in ["The noise", "How well the view is known", "Log-odds that there is a particle"] {
        assert!(page.contains(chart), "{chart}");
    }
    assert!(!page.contains("poses lie from those known beforehand"));
    let modes = crate::likelihood_report::page_table(&page, "Images by their modes");
    let (n_modes, best) = (table.numbers("n_modes"), table.texts("best"));
    let mut expected = std::collections::BTreeMap::new();
    for row in (0..table.len()).filter(|&row| best[row] == "1") {
        *expected.entry(n_modes[row] as u64).or_insert(0.0) += 1.0;
    }
    let found = crate::likelihood_report::numbers(&modes, "poses").into_iter().map(|n| n as u64);
    let found: std::collections::BTreeMap<u64, f64> =
        found.zip(crate::likelihood_report::numbers(&modes, "images")).collect();
    assert_eq!(found, expected);
    assert_eq!(expected.values().sum::<f64>(), 20.0);
    // Poses between the grid's find the truth at least as well: both proteins are told apart.
    let truth =
        run(&set, "likelihood stacks -t templates -o plain --max-displacement 2 --displacements 3 --likelihood plain");
    assert_eq!(truth.code, 0);
    assert_eq!(csv(&set, "plain").columns().len(), 24);
}

#[test]
fn poses_that_half_of_the_resolution_rules_out_are_left_out_and_audited() {
    let set = DataSet::empty();
    write_protein(&set, "a.pdb", 40, 1);
    for command in [
        "simulate -o faint --particles 20 --n-pixels 32 --pixel-size 3 --structure a.pdb --snr 3 --seed 3",
        "convert faint/particles.star -o seen --no-plots --no-physical",
        "templates a.pdb -o fine -d seen --viewing-distance 0.2 --no-plots",
    ] {
        assert_eq!(run(&set, command).code, 0, "{command}");
    }
    let grid = "seen -t fine --noise white --integral grid --max-displacement 4 --displacements 9";
    assert_eq!(run(&set, &format!("likelihood {grid} -o all --exhaustive")).code, 0);
    let ran = run(&set, &format!("likelihood {grid} -o few --prune 0.02 --audit 1"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("% of all poses were looked at in full; in an audit of"), "{}", ran.stdout);
    let (all, few) = (csv(&set, "all"), csv(&set, "few"));
    let [share, mass, found] =
        ["evaluated_share", "pruned_mass", "log_likelihood_grid"].map(|column| few.numbers(column));
    let expected = all.numbers("log_likelihood_grid");
    for row in 0..few.len() {
        assert!((0.0..=0.02).contains(&mass[row]) && share[row] > 0.0 && share[row] <= 1.0, "row {row}");
        let lost = expected[row] - found[row];
        assert!((-1e-4..=mass[row] + 1e-4).contains(&lost), "row {row}: {lost} of {}", mass[row]);
    }
    // Of some images; most views of so round a protein look much alike.
    assert!(share.iter().filter(|&&share| share < 0.25).count() >= 5, "{share:?}");
    assert!(all.numbers("evaluated_share").iter().all(|&share| share == 1.0));
    let (all, few) = (settings(&set, "all"), settings(&set, "few"));
    assert_eq!((&few["prune"], &few["prune_z"], &few["audit"]), (&0.02.into(), &3.0.into(), &1.0.into()));
    assert!(all.get("prune").is_none());
    assert_eq!(run(&set, "report few").code, 0);
    let page = fs::read_to_string(set.path("few/report.html")).unwrap();
    assert!(page.contains("poses that half of the resolution rules out were not looked at in full"));
    // Another bound is another job.
    let refused = run(&set, &format!("likelihood {grid} -o few --prune 0.01 --audit 1 --resume"));
    assert!(refused.code == 1 && refused.stderr.contains("prune"), "{}", refused.stderr);
    for (words, said) in
        [("--exhaustive --audit 0.5", "--exhaustive"), ("--audit 2", "0 to 1"), ("--prune 0", "a positive number")]
    {
        let refused = run(&set, &format!("likelihood {grid} -o none {words}"));
        assert!(refused.code == 2 && refused.stderr.contains(said), "{words}: {}", refused.stderr);
    }
}

#[test]
fn the_bytes_of_the_right_one_depend_neither_on_threads_nor_memory_nor_shards() {
    let set = compared();
    made(&set, "one", "--structures 0 --noise-images 12 -j 1 --table csv --table star");
    made(&set, "two", "--structures 0 --noise-images 12 -j 2 --memory 64M --table csv --table star");
    for shard in ["3/3", "1/3", "2/3"] {
        let words = format!("--structures 0 --noise-images 12 -j 2 --table csv --table star --shard {shard}");
        made(&set, "parts", &words);
    }
    let one = all_but_manifests(&set.path("one"));
    assert!(one.iter().any(|(name, _)| name.ends_with("noise_spectrum.csv")));
    for output in ["two", "parts"] {
        for ((name, bytes), (other, found)) in one.iter().zip(&all_but_manifests(&set.path(output))) {
            assert!(name == other && bytes == found, "{output}: {}", name.display());
        }
    }
    // What is there already is kept, and with it the spectrum.
    made(&set, "one", "--structures 0 --noise-images 12 --resume --table csv --table star");
    assert!(one == all_but_manifests(&set.path("one")));
    let refused = likelihood(
        &set,
        "one",
        "--likelihood right --structures 0 --noise-images 12 --resume --noise white --table csv --table star",
    );
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("noise"), "{}", refused.stderr);
}

/// A STAR file whose particles lie 9 Å farther out.
fn moved_far(text: &str) -> String {
    let names: Vec<&str> = text.lines().filter(|line| line.starts_with("_rln")).collect();
    let in_particles = names.iter().rposition(|name| name.starts_with("_rlnOriginXAngst")).expect("an origin");
    let first = names.iter().rposition(|name| name.ends_with(" #1")).expect("a first column");
    let column = in_particles - first;
    let lines = text.lines().map(|line| {
        let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if line.contains(".mrcs") {
            let origin: f64 = words[column].parse().expect("a number");
            words[column] = (origin + 9.0).to_string();
        }
        words.join(" ")
    });
    lines.collect::<Vec<String>>().join("\n") + "\n"
}

#[test]
fn known_poses_are_looked_near_to() {
    let set = compared();
    // The simulated particles' own angles are the true ones; views so near to each other that some are near them.
    assert_eq!(run(&set, "templates a.pdb -o fine -d stacks --viewing-distance 0.2 --no-plots").code, 0);
    let known = |output: &str, more: &str| {
        let words = format!(
            "likelihood stacks -t fine -o {output} --noise white --max-displacement 4 --displacements 9 {more}"
        );
        let ran = run(&set, &words);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    };
    known("near", "--poses-from source --integral grid");
    known("all", "--integral grid");
    let (near, all) = (csv(&set, "near"), csv(&set, "all"));
    let structures = NpzReader::open(set.path("data/truth.npz")).unwrap().read("structure").unwrap().to_f64().unwrap();
    let (mut n_off, mut n) = (0, 0);
    assert_eq!(near.len(), structures.len());
    for (image, _) in structures.iter().enumerate().filter(|(_, structure)| **structure == 0.0) {
        n += 1;
        let gain = near.numbers("log_likelihood_integrated")[image] - all.numbers("log_likelihood_integrated")[image];
        // Knowing poses to 10° and 5 Å is worth ln of the room that is left out, some 8 nats at most; and the displacements that
        // are tried are now those about the true one, which a grid elsewhere is some nats off.
        let is_near = (-1.0..14.0).contains(&gain);
        n_off += usize::from(!is_near);
    }
    assert!(n > 5 && n_off <= n / 4, "{n_off} of {n}");
    assert_eq!(settings(&set, "near")["poses_from"], "source");
    // Particles that lie farther out than what is tried elsewhere are no matter: they are searched about their origins.
    let text = fs::read_to_string(set.path("data/particles.star")).unwrap();
    let moved = moved_far(&text);
    fs::write(set.path("data/far.star"), moved).unwrap();
    let words = "likelihood data/far.star -t fine -o far --batch-size 8 --noise white --max-displacement 1 --displacements 3 \
                 --structures 0 --poses-from source --shift-sigma 1 --integral grid";
    let ran = run(&set, words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let far = csv(&set, "far");
    let off: Vec<f64> = far.numbers("prior_shift_angstrom");
    assert!(off.len() == 20 && off.iter().all(|off| *off <= 3.0), "{off:?}");
    // Nothing is there, so that the best pose is as likely at the edge as elsewhere.
    for (image, off) in off.iter().enumerate() {
        let is_beyond = *off > 2.7 || far.numbers("prior_view_deg")[image] > 27.0;
        assert_eq!(far.numbers("at_edge")[image], f64::from(u8::from(is_beyond)), "image {image}");
    }
    assert_eq!(run(&set, "verify far").code, 0);
    // Without angles there is nothing to start from.
    let text = fs::read_to_string(set.path("data/particles.star")).unwrap();
    let without = text.replace("rlnAnglePsi", "rlnOtherAngle");
    fs::write(set.path("data/without.star"), without).unwrap();
    let refused = run(&set, "likelihood data/without.star -t templates -o no --poses-from source");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("none of 20 images has known angles"), "{}", refused.stderr);
    assert!(!set.path("no").exists());
}

#[test]
fn inverted_images_are_no_particles() {
    let set = compared();
    assert_eq!(
        run(&set, "convert data/particles.star -o inverted --batch-size 8 --no-plots --no-physical --contrast invert")
            .code,
        0
    );
    let of = |stacks: &str, output: &str, more: &str| {
        let words = format!(
            "likelihood {stacks} -t templates -o {output} --max-displacement 2 --displacements 3 --noise white --integral grid --structures 0 {more}"
        );
        let ran = run(&set, &words);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        (ran.stderr, csv(&set, output).numbers("log_likelihood_integrated"))
    };
    let ((quiet, own), (told, inverted)) = (of("stacks", "own", ""), of("inverted", "other", ""));
    assert!(!quiet.contains("contrast") && told.contains("--contrast invert"), "{told}");
    assert!(own.iter().zip(&inverted).all(|(own, inverted)| own > inverted), "an inverted image fits");
    // Where both signs are possible, they are alike.
    let ((_, own), (_, inverted)) =
        (of("stacks", "any", "--contrast any"), of("inverted", "any-inverted", "--contrast any"));
    assert!(own.iter().zip(&inverted).all(|(own, inverted)| (own - inverted).abs() < 0.05), "{own:?} {inverted:?}");
    // The same option says what is done to images that are made on the way.
    let words = "likelihood data/particles.star --batch-size 8 -t templates -o straight --max-displacement 2 --displacements 3 \
                 --noise white --integral grid --structures 0 --contrast invert --contrast any";
    assert_eq!(run(&set, words).code, 0);
    assert_eq!(csv(&set, "straight").numbers("log_likelihood_integrated"), inverted);
}

#[test]
fn parts_of_it_are_refused_where_they_mean_nothing() {
    let set = compared();
    for (arguments, wanted) in [
        ("--likelihood plain --noise white", "--noise with --likelihood plain"),
        ("--as-cryolike --modes 3", "--modes with --as-cryolike"),
        ("--likelihood plain --contrast any", "--contrast any with --likelihood plain"),
        ("--likelihood right --as-cryolike", "--likelihood right with --as-cryolike"),
        ("--degrees-of-freedom pixels --as-cryolike", "cannot be used with"),
        ("--noise-images 0", "expected a whole number, 1 or more"),
        ("--poses-from star", "expected `search`, `source` or `source,search`"),
        ("--view-sigma 0", "expected a positive number"),
    ] {
        let ran = run(&set, &format!("likelihood stacks -t templates -o out {arguments}"));
        assert_eq!(ran.code, 2, "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(wanted), "{arguments}: {}", ran.stderr);
    }
    fs::write(set.path("noise.csv"), "group,shell,sigma2\n0,0,1\n").unwrap();
    for (arguments, wanted) in [
        ("--poses-from source --pairs", "near known poses there are neither pairs nor all correlations"),
        ("--noise noise.csv", "its last group has 1 shell"),
        ("--noise none.csv", "cannot read `none.csv`"),
    ] {
        let ran = run(&set, &format!("likelihood stacks -t templates -o out {arguments}"));
        assert_eq!(ran.code, 1, "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(wanted), "{arguments}: {}", ran.stderr);
        assert!(!set.path("out").exists());
    }
}

#[test]
fn without_the_structures_the_grid_is_what_there_is() {
    let set = compared();
    fs::rename(set.path("a.pdb"), set.path("c.pdb")).unwrap();
    let told = made(&set, "out", "--noise white --structures 0");
    assert!(told.contains("integrated over the grid's poses alone") && told.contains("--integral grid"), "{told}");
    let table = csv(&set, "out");
    assert_eq!(table.numbers("log_likelihood_grid"), table.numbers("log_likelihood_integrated"));
    assert!(table.texts("n_modes").iter().all(String::is_empty));
    assert_eq!(settings(&set, "out")["integral"], "grid");
    assert_eq!(run(&set, "verify out").code, 0);
    let refused = likelihood(&set, "no", "--likelihood right --integral refined");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("does without them"), "{}", refused.stderr);
}

#[test]
fn a_spectrum_that_was_found_is_taken_back() {
    let set = compared();
    made(&set, "found", "--integral grid --structures 0");
    made(&set, "given", "--integral grid --structures 0 --noise found/noise_spectrum.csv");
    // Where it is found, the particles' scale comes of poses that were searched without it: odds may differ a little.
    for name in ["log_likelihood_integrated", "template", "contrast"] {
        assert_eq!(csv(&set, "found").texts(name), csv(&set, "given").texts(name), "{name}");
    }
}

#[test]
fn a_band_that_holds_too_little_is_refused() {
    let set = compared();
    assert_eq!(
        run(&set, "convert data/particles.star -o coarse --resolution-factor 0.2 --no-plots --no-physical").code,
        0
    );
    assert_eq!(run(&set, "templates a.pdb -o few -d coarse --viewing-distance 0.5 --no-plots").code, 0);
    let ran = run(&set, "likelihood coarse -t few -o out --max-displacement 2 --displacements 3");
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("independent values of an image"), "{}", ran.stderr);
    assert_eq!(
        run(&set, "likelihood coarse -t few -o out --as-cryolike --max-displacement 2 --displacements 3").code,
        0
    );
}
