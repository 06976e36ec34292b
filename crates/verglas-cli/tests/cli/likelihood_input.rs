//! Promise: likelihoods straight from particles are those of the stacks that they would be converted into, to the last byte, and
//! no stack is written; and the rows of the particles get the same poses.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use verglas_run::manifest::{FolderRecord, InputRecord, InputRole};

use crate::data_set::{DataSet, run_in};
use crate::likelihood_data::{Csv, compared, run, tensor};
use crate::templates_data::all_but_manifests;

/// The data of [`compared`], also in the layouts of both programs.
fn in_all_layouts() -> DataSet {
    let set = compared();
    for layout in ["cs", "star-pairs", "cs-job"] {
        let ran = run(
            &set,
            &format!(
                "simulate -o {layout} --layout {layout} --particles 20 --n-pixels 32 --pixel-size 2 --structure a.pdb \
                 --structure b.pdb --snr 2 --stacks 2 --seed 3"
            ),
        );
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    set
}

#[track_caller]
fn assert_ran(set: &DataSet, command: &str) {
    let ran = run(set, command);
    assert_eq!(ran.code, 0, "{command}: {}", ran.stderr);
}

/// Asserts that two folders hold the same files with the same bytes, but for manifests.
#[track_caller]
fn assert_same(set: &DataSet, one: &str, other: &str) {
    let (one, other) = (all_but_manifests(&set.path(one)), all_but_manifests(&set.path(other)));
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    for ((name, one), (_, other)) in one.iter().zip(&other) {
        assert!(one == other, "{}", name.display());
    }
}

const HOW: &str = "--max-displacement 2 --displacements 3,5 --pairs --table csv --table star --likelihood plain";

/// Compares `input` with templates, by way of stacks and directly, with `options` of the conversion.
#[track_caller]
fn assert_same_by_both_ways(set: &DataSet, (input, options): (&str, &str), descriptor: &str, templates: &str) {
    for folder in ["way", "stacked", "direct", "elsewhere"] {
        let _ = fs::remove_dir_all(set.path(folder));
    }
    assert_ran(set, &format!("convert {input} {options} -d {descriptor} -o way --no-plots --no-physical"));
    assert_ran(set, &format!("likelihood way -t {templates} -o stacked {HOW} -j 2"));
    // With little memory, stacks are taken in pieces, which makes no difference either.
    assert_ran(set, &format!("likelihood {input} {options} -t {templates} -o direct {HOW} -j 1 --memory 12M"));
    assert_same(set, "stacked", "direct");
    assert!(!set.path("direct/fft").exists());
    assert_ran(set, "verify direct");
    // From another folder, too, the metadata are found again.
    fs::create_dir(set.path("elsewhere")).unwrap();
    let ending = if input.starts_with("cs") { "cs" } else { "star" };
    let from =
        if input.contains("star-pairs") { "star-pairs/particles_000.star" } else { input.split(' ').next().unwrap() };
    let exported = |command: String| {
        let output = set.path(&format!("elsewhere/posed.{ending}"));
        let ran = run_in(&set.path("elsewhere"), &command.split_whitespace().collect::<Vec<_>>());
        assert_eq!(ran.code, 0, "{command}: {}", ran.stderr);
        let bytes = fs::read(&output).unwrap();
        fs::remove_file(output).unwrap();
        (bytes, ran.stdout, ran.stderr)
    };
    let by_stacks = exported(format!("export ../way --likelihood ../stacked -o posed.{ending}"));
    let direct = exported(format!("export ../{from} --likelihood ../direct -o posed.{ending}"));
    assert!(by_stacks.0 == direct.0, "{input} {options}");
    assert_eq!((by_stacks.1.replace("stacked", "direct"), by_stacks.2), (direct.1, direct.2), "{input} {options}");
}

#[test]
fn results_are_those_of_stacks_to_the_last_byte() {
    let set = in_all_layouts();
    let astigmatism = |text: &str| {
        let rows = text.lines().filter(|line| line.contains('@'));
        rows.map(|row| row.split_whitespace().map(|value| value.parse::<f64>().unwrap_or(0.0)).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    assert_eq!(astigmatism(&fs::read_to_string(set.path("data/particles.star")).unwrap()).len(), 20);
    let double = "descriptor --n-pixels 32 --pixel-size 2 --precision double --viewing-distance 0.5 -o double.npz";
    assert_ran(&set, double);
    assert_ran(&set, "templates a.pdb b.pdb -o doubles -d double.npz --no-plots");
    let single = ("templates/parameters.npz", "templates");
    let pairs = "star-pairs/particles_000.star star-pairs/particles_001.star --images star-pairs/particles_000.mrcs \
                 star-pairs/particles_001.mrcs";
    for (input, (descriptor, templates)) in [
        (("data/particles.star", "--batch-size 7"), single),
        (("data/particles.star", "--batch-size 7"), ("double.npz", "doubles")),
        (("cs/particles.cs", "--batch-size 8 --contrast invert"), single),
        (("cs/particles.cs", "--contrast blob-sign --keep-files-apart"), ("double.npz", "doubles")),
        ((pairs, "--batch-size 6"), single),
        (("cs-job --job 1", "--batch-size 9"), single),
    ] {
        assert_same_by_both_ways(&set, input, descriptor, templates);
    }
}

#[test]
fn astigmatism_and_its_axis_are_those_of_stacks() {
    let set = compared();
    let text = fs::read_to_string(set.path("data/particles.star")).unwrap();
    // A large one, and U the smaller now and then.
    let columns: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("_rln")).collect();
    let particles: Vec<&str> = columns.iter().copied().skip_while(|name| !name.starts_with("ImageName")).collect();
    let place = |name: &str| particles.iter().position(|column| column.starts_with(name)).unwrap();
    let (u, v) = (place("DefocusU"), place("DefocusV"));
    let mut row = 0;
    let changed: Vec<String> = text
        .lines()
        .map(|line| {
            let mut values: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            if !line.contains('@') {
                return line.to_owned();
            }
            let by = if row % 3 == 0 { -3000.0 } else { 3000.0 };
            row += 1;
            values[u] = (values[u].parse::<f64>().unwrap() + by).to_string();
            values[v] = (values[v].parse::<f64>().unwrap() - by).to_string();
            values.join(" ")
        })
        .collect();
    assert_eq!(row, 20);
    fs::write(set.path("data/astigmatic.star"), changed.join("\n") + "\n").unwrap();
    assert_ran(&set, "convert data/astigmatic.star -o way --batch-size 8 --no-plots --no-physical");
    for (name, options) in [("usual", ""), ("rows", "--defocus-angle-axis rows"), ("cryolike", "--as-cryolike")] {
        assert_ran(&set, &format!("likelihood way -t templates -o {name}-stacked {HOW} {options}"));
        let direct =
            format!("likelihood data/astigmatic.star --batch-size 8 -t templates -o {name}-direct {HOW} {options}");
        assert_ran(&set, &direct);
        assert_same(&set, &format!("{name}-stacked"), &format!("{name}-direct"));
    }
    let of = |name: &str| tensor(&set.path(&format!("{name}-direct/likelihood_matrix/cross_correlation_matrix.pt"))).1;
    assert_ne!(of("usual"), of("rows"));
    assert_ne!(of("usual"), of("cryolike"));
}

#[test]
fn images_are_made_smaller_and_chosen_as_for_stacks() {
    let set = compared();
    assert_ran(&set, "descriptor --n-pixels 16 --pixel-size 4 --viewing-distance 0.7 -o small.npz");
    assert_ran(&set, "templates a.pdb b.pdb -o small -d small.npz --no-plots");
    let options = "--downsample 2 --downsample-method fourier --max-stacks 2 --batch-size 5";
    assert_same_by_both_ways(&set, ("data/particles.star", options), "small.npz", "small");
    assert_eq!(Csv::read(&set.path("direct/results.csv")).len(), 20);
    // Grids made from the data are the same here; without downsampling they are not.
    assert_ran(&set, &format!("likelihood data/particles.star {options} --resolution-factor 1 -t small -o own {HOW}"));
    assert_same(&set, "direct", "own");
    let refused = run(&set, &format!("likelihood data/particles.star -t small -o refused {HOW}"));
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("images are 32 px wide, the descriptor says 16 px"), "{}", refused.stderr);
    let other = run(&set, &format!("likelihood data/particles.star --n-inplanes 60 -t templates -o refused {HOW}"));
    assert!(other.code == 1 && other.stderr.contains("angles per shell 60, not 64"), "{}", other.stderr);
    assert!(!set.path("refused").exists());
}

#[test]
fn shards_resume_and_records_are_those_of_any_run() {
    let set = compared();
    let command = |output: &str, more: &str| {
        format!("likelihood data/particles.star --batch-size 8 -t templates -o {output} {HOW} {more}")
    };
    assert_ran(&set, &command("whole", ""));
    for shard in ["2/3", "1/3", "3/3"] {
        assert!(!set.path("parts/results.csv").exists());
        assert_ran(&set, &command("parts", &format!("--shard {shard}")));
    }
    assert_same(&set, "whole", "parts");
    assert_ran(&set, "verify parts");
    let status = run(&set, "status whole");
    assert!(status.stdout.starts_with("whole: 6 of 6 units"), "{}", status.stdout);

    let record = FolderRecord::read(&set.path("whole")).unwrap();
    let InputRecord::Likelihood { images: Some(images), .. } = &record.first().settings.input else {
        panic!("{:?}", record.first().settings.input)
    };
    assert!(
        matches!(&**images, InputRecord::IndexedStar { star } if star.ends_with("data/particles.star")),
        "{images:?}"
    );
    let settings = &record.first().settings.others;
    assert_eq!((&settings["images_batch_size"], &settings["images_contrast"]), (&8.into(), &"as-stored".into()));
    let inputs = &record.first().inputs;
    let of = |role: InputRole| inputs.iter().filter(|input| input.role == Some(role)).count();
    assert_eq!((of(InputRole::Metadata), of(InputRole::Images)), (1, 2));
    assert!(inputs.iter().all(|input| input.bytes.is_some() && input.modified.is_some()));

    // Other metadata of the same size, or what has nothing to do with it, get no poses.
    let export = |particles: &str| run(&set, &format!("export {particles} --likelihood whole -o posed.star"));
    assert_eq!(export("data/particles.star").code, 0);
    fs::remove_file(set.path("posed.star")).unwrap();
    // The folder of the file, as that of a job.
    assert_eq!(export("data").code, 0);
    fs::remove_file(set.path("posed.star")).unwrap();
    let text = fs::read_to_string(set.path("data/particles.star")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let rows: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].contains('@')).collect();
    lines.swap(rows[0], rows[1]);
    fs::write(set.path("other.star"), lines.join("\n") + "\n").unwrap();
    fs::write(set.path("longer.star"), format!("{text}\n")).unwrap();
    for (particles, told) in [
        ("other.star", "the metadata give other images than `whole` was made from, or in another order"),
        ("longer.star", "`longer.star` is not the file that `whole` was made from"),
        ("templates", "it holds neither stacks nor the file that the images were made from"),
        ("nothing.star", "cannot read `nothing.star`"),
    ] {
        let refused = export(particles);
        assert!(refused.code == 1 && refused.stderr.contains(told), "{particles}: {}", refused.stderr);
        assert!(!set.path("posed.star").exists());
    }

    // What is missing is made again, and nothing else is mistaken for it.
    let before = all_but_manifests(&set.path("whole"));
    let last = "whole/template1/log_likelihood/log_likelihood_optimal_fourier_stack_000001.pt";
    fs::remove_file(set.path(last)).unwrap();
    let other = run(&set, &command("whole", "--resume --contrast invert"));
    assert_eq!(other.code, 1);
    assert!(other.stderr.contains("images_contrast: \"as-stored\" before, \"invert\" now"), "{}", other.stderr);
    let stacks = run(&set, &format!("likelihood stacks -t templates -o whole {HOW} --resume"));
    assert!(stacks.code == 1 && stacks.stderr.contains("input: "), "{}", stacks.stderr);
    let resumed = run(&set, &command("whole", "--resume"));
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert!(resumed.stdout.contains("5 units of an earlier run kept, 1 made"), "{}", resumed.stdout);
    assert!(all_but_manifests(&set.path("whole")) == before);
    // Images that changed since.
    fs::remove_file(set.path(last)).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    let stack = set.path("data/stacks/particles_001.mrcs");
    let bytes = fs::read(&stack).unwrap();
    fs::write(&stack, bytes).unwrap();
    let changed = run(&set, &command("whole", "--resume"));
    assert!(changed.code == 1 && changed.stderr.contains("particles_001.mrcs` was changed"), "{}", changed.stderr);
    let verified = run(&set, "verify parts");
    assert!(verified.stderr.contains("1 input file changed since the likelihoods were made"), "{}", verified.stderr);
}

#[test]
fn options_that_have_nothing_to_act_on_are_wrong_usage() {
    let set = compared();
    for (words, parts) in [
        ("likelihood stacks -t templates --check --contrast invert", &["--contrast", "`stacks`"][..]),
        ("likelihood stacks -t templates --check --batch-size 1024 --downsample 1", &["--downsample, --batch-size"]),
        ("likelihood stacks -t templates --check --precision single", &["--precision"]),
        ("likelihood stacks data -t templates --check", &["is not a .star file"]),
        ("likelihood stacks --job 1 stacks -t templates --check", &["2 inputs with --job"]),
        ("likelihood a.star -d d.npz --precision single -t templates --check", &["cannot be used with"]),
        (
            "likelihood a.star --defocus-angle-unit radians -t templates --check",
            &["only for .star files with --images"],
        ),
        ("likelihood -t templates --check", &["<PARTICLES>"]),
    ] {
        let ran = run(&set, words);
        assert_eq!(ran.code, 2, "{words}: {}", ran.stderr);
        for part in parts {
            assert!(ran.stderr.contains(part), "{words}: {}", ran.stderr);
        }
    }
    // Errors of images and of templates are reported together, and nothing is written.
    fs::remove_file(set.path("data/stacks/particles_000.mrcs")).unwrap();
    fs::remove_file(set.path("templates/templates_fourier_b.pt")).unwrap();
    let ran = run(&set, "likelihood data/particles.star -t templates -o out");
    assert_eq!(ran.code, 1);
    for part in ["particles_000.mrcs", "1 of 2 templates"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert!(!set.path("out").exists());
    let misspelt = run(&set, "likelihood data/particle.star -t templates -o out");
    assert!(misspelt.stderr.contains("did you mean `data/particles.star`?"), "{}", misspelt.stderr);
}

#[test]
fn what_each_structure_takes_is_known_before_the_first_unit() {
    let set = compared();
    // The second structure has many more views than the first.
    assert_ran(&set, "templates b.pdb -o fine -d stacks --viewing-distance 0.08 --no-plots");
    let list = ["templates/templates_fourier_a.pt", "fine/templates_fourier_b.pt"];
    fs::create_dir(set.path("both")).unwrap();
    let list = verglas_formats::npy::text_npy(&[2], list.iter().map(|path| path.as_bytes())).unwrap();
    fs::write(set.path("both/template_file_list.npy"), list).unwrap();
    fs::copy(set.path("templates/parameters.npz"), set.path("both/parameters.npz")).unwrap();
    let command = format!("likelihood stacks -t both -o out {HOW} -j 1 --max-stacks 1");
    let allowed = |memory: &str| run(&set, &format!("{command} --memory {memory}"));
    for memory in ["4M", "38.4M"] {
        let refused = allowed(memory);
        assert_eq!(refused.code, 1, "{}", refused.stdout);
        let told = "comparing one image with `fine/templates_fourier_b.pt` takes";
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
        assert!(!set.path("out").exists(), "a unit was made");
    }
    // If the templates alone would fit, the memory that they take is known to the byte: this much is enough, and less
    // is not.
    let refused = allowed("38.4M").stderr;
    let needed = refused.split(" takes ").nth(1).unwrap().split(" MiB").next().unwrap().parse::<f64>().unwrap();
    let less = allowed(&format!("{}M", needed - 0.1));
    assert!(less.code == 1 && !set.path("out").exists(), "{}", less.stderr);
    let enough = allowed(&format!("{}M", needed + 0.1));
    assert_eq!(enough.code, 0, "{}", enough.stderr);
}
