//! Promise: the bytes of templates depend only on settings and input, a folder is never half of one run and half of
//! another, and interrupted jobs can be resumed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use verglas_formats::npz::NpzReader;

use crate::conversion::Metadata;
use crate::data_set::{DataSet, run_in};
use crate::templates_data::{all_but_manifests, structures, templates, write_descriptor, write_map, write_protein};

#[track_caller]
fn assert_made(set: &DataSet, output: &str, arguments: &[&str]) {
    let ran = templates(set, output, arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn a_folder_holds_tensors_metadata_plots_list_and_descriptor() {
    let set = structures();
    let ran = templates(&set, "out", &["-j", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("of 3 structures") && ran.stdout.contains("list of all"), "{}", ran.stdout);
    let names: Vec<String> =
        all_but_manifests(&set.path("out")).iter().map(|(path, _)| path.display().to_string()).collect();
    let mut expected = vec!["parameters.npz".to_owned(), "template_file_list.npy".to_owned()];
    for name in ["a", "b", "map"] {
        expected.extend(["pt", "npz"].map(|ending| format!("templates_fourier_{name}.{ending}")));
        for stem in ["templates_fourier", "templates_phys", "power_spectrum"] {
            expected.push(format!("plots/{stem}_{name}.png"));
        }
    }
    expected.sort();
    assert_eq!(names, expected);

    let mut metadata = Metadata::open(&set.path("out/templates_fourier_b.npz"));
    let n = metadata.numbers("viewing_weight").len();
    assert_eq!(metadata.numbers("n_templates"), [n as f64]);
    for key in ["viewing_azimuth", "viewing_polar", "viewing_gamma", "template_norm"] {
        assert_eq!(metadata.shape(key), [n], "{key}");
    }
    assert_eq!((metadata.numbers("n_atoms"), metadata.shape("n_atoms")), (vec![9.0], vec![]));
    assert_eq!(metadata.texts("source"), ["b.pdb"]);
    assert_eq!(metadata.texts("source_sha256")[0].len(), 64);
    assert_eq!((metadata.texts("axis_order"), metadata.numbers("model")), (vec![String::new()], vec![1.0]));
    assert_eq!(metadata.numbers("n_pixels"), [16.0, 16.0]);
    let mut of_map = Metadata::open(&set.path("out/templates_fourier_map.npz"));
    // Without a size of its own an array has the images' pixels.
    assert_eq!(of_map.numbers("voxel_size"), [3.0; 3]);
    assert_eq!((of_map.texts("axis_order"), of_map.numbers("center")), (vec!["zyx".to_owned()], vec![9.0, 12.0, 9.0]));

    let list = verglas_formats::npy::read_npy(set.path("out/template_file_list.npy")).unwrap().to_text().unwrap();
    let list: Vec<String> = list.into_iter().map(|path| String::from_utf8(path).unwrap()).collect();
    assert_eq!(list, ["a", "b", "map"].map(|name| format!("out/templates_fourier_{name}.pt")));

    let verified = set.run(&["verify", "out"]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    assert!(verified.stdout.contains("3 of 3 structures sound"), "{}", verified.stdout);
    let status = set.run(&["status", "out"]);
    assert!(status.stdout.starts_with("out: 3 of 3 structures"), "{}", status.stdout);
}

#[test]
fn the_bytes_depend_neither_on_threads_nor_memory_nor_shards() {
    let set = structures();
    assert_made(&set, "plain", &["-j", "1"]);
    let plain = all_but_manifests(&set.path("plain"));
    let same = |output: &str| {
        let made = all_but_manifests(&set.path(output));
        let names =
            |files: &[(std::path::PathBuf, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&made), names(&plain), "{output}");
        for ((name, made), (_, plain)) in made.iter().zip(&plain) {
            // The list has the folder's own name.
            assert!(made == plain || name == Path::new("template_file_list.npy"), "{output}: {}", name.display());
        }
    };
    for (output, arguments) in [("two", &["-j", "2"][..]), ("many", &["-j", "7"]), ("small", &["--memory", "64M"])] {
        assert_made(&set, output, arguments);
        same(output);
    }
    for number in ["2/2", "1/2"] {
        assert!(!set.path("parts/template_file_list.npy").exists());
        assert_made(&set, "parts", &["--shard", number]);
    }
    same("parts");
    assert_eq!(set.run(&["verify", "parts"]).code, 0);
    // At once.
    std::thread::scope(|scope| {
        for number in ["1/3", "2/3", "3/3"] {
            let set = &set;
            scope.spawn(move || assert_made(set, "at-once", &["--shard", number, "-j", "1"]));
        }
    });
    same("at-once");
    assert_eq!(set.run(&["verify", "at-once"]).code, 0);
}

#[test]
fn a_folder_that_is_not_empty_is_refused_or_made_anew_or_finished() {
    let set = structures();
    assert_made(&set, "out", &["--no-plots"]);
    fs::write(set.path("out/mine.txt"), "mine").unwrap();
    let before = all_but_manifests(&set.path("out"));
    let refused = templates(&set, "out", &["--no-plots"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("is not empty: it holds `manifest.json`, `template_file_list.npy`"),
        "{}",
        refused.stderr
    );
    assert!(all_but_manifests(&set.path("out")) == before, "refused, and yet changed");

    // Nothing to do.
    let again = templates(&set, "out", &["--no-plots", "--resume"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stdout.contains("3 structures of an earlier run kept, 0 made"), "{}", again.stdout);
    // Other settings.
    let other = templates(&set, "out", &["--no-plots", "--resume", "--remove-mean"]);
    assert_eq!(other.code, 1);
    assert!(other.stderr.contains("remove_mean: false before, true now"), "{}", other.stderr);
    assert!(all_but_manifests(&set.path("out")) == before, "refused, and yet changed");

    // One is missing, the list with it.
    fs::remove_file(set.path("out/templates_fourier_b.npz")).unwrap();
    fs::remove_file(set.path("out/template_file_list.npy")).unwrap();
    let broken = set.run(&["verify", "out"]);
    assert_eq!(broken.code, 1);
    assert!(broken.stderr.contains("templates_fourier_b.npz` is missing"), "{}", broken.stderr);
    assert!(broken.stderr.contains("has no template_file_list.npy"), "{}", broken.stderr);
    assert_made(&set, "out", &["--no-plots", "--resume"]);
    assert!(all_but_manifests(&set.path("out")) == before, "resumed, and not the same");

    // Other structures: the earlier ones' files are removed, other people's stay.
    write_protein(&set, "c.pdb", 5, 3);
    let ran = set.run(&["templates", "c.pdb", "-d", "d.npz", "-o", "out", "--no-plots", "--overwrite"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let names: Vec<String> =
        all_but_manifests(&set.path("out")).iter().map(|(path, _)| path.display().to_string()).collect();
    let expected =
        ["mine.txt", "parameters.npz", "template_file_list.npy", "templates_fourier_c.npz", "templates_fourier_c.pt"];
    assert_eq!(names, expected);
    assert_eq!(set.run(&["verify", "out"]).code, 0);
}

#[test]
fn inputs_that_changed_are_no_inputs_to_go_on_with() {
    let set = structures();
    assert_made(&set, "out", &["--no-plots"]);
    let time = fs::metadata(set.path("a.pdb")).unwrap().modified().unwrap();
    // The same size, and the same time: only the contents differ.
    let text = fs::read_to_string(set.path("a.pdb")).unwrap();
    fs::write(set.path("a.pdb"), text.replacen("GLY", "ALA", 3)).unwrap();
    fs::File::options().write(true).open(set.path("a.pdb")).unwrap().set_modified(time).unwrap();
    let ran = templates(&set, "out", &["--no-plots", "--resume"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("a.pdb` was changed: its checksum differs"), "{}", ran.stderr);
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let set = structures();
    write_descriptor(&set, &["--overwrite", "--viewing-distance", "0.6"]);
    let start = Instant::now();
    assert_made(&set, "whole", &[]);
    let took = start.elapsed();
    let whole = all_but_manifests(&set.path("whole"));
    let mut n_killed = 0;
    for part in 1..12 {
        let mut run = Command::new(env!("CARGO_BIN_EXE_verglas"))
            .args(["templates", "a.pdb", "b.pdb", "map.npy", "-d", "d.npz", "-o", "out", "--resume", "-q"])
            .current_dir(set.dir.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(took.mul_f64(0.09 * f64::from(part)).min(Duration::from_secs(5)));
        run.kill().unwrap();
        n_killed += usize::from(!run.wait().unwrap().success());
        if set.path("out").exists() && set.path("out/manifest.json").exists() {
            let verified = set.run(&["verify", "out"]);
            let is_whole = set.path("out/template_file_list.npy").exists();
            assert!(verified.code == 1 || is_whole, "{}", verified.stdout);
        }
    }
    assert!(n_killed > 2, "{n_killed}");
    assert_made(&set, "out", &["--resume"]);
    for ((name, made), (_, whole)) in all_but_manifests(&set.path("out")).iter().zip(&whole) {
        assert!(made == whole || name == Path::new("template_file_list.npy"), "{}", name.display());
    }
    assert_eq!(set.run(&["verify", "out"]).code, 0);
}

#[test]
fn a_signal_stops_a_run_between_templates_and_it_goes_on() {
    let set = structures();
    write_descriptor(&set, &["--overwrite", "--viewing-distance", "0.05", "--precision", "double"]);
    let run = Command::new(env!("CARGO_BIN_EXE_verglas"))
        .args(["templates", "a.pdb", "map.npy", "-d", "d.npz", "-o", "out", "-j", "1"])
        .current_dir(set.dir.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !set.path("out/manifest.json").exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = run.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{told}");
    assert!(told.contains("structures in `out` are done") && told.contains("--resume"), "{told}");
    let status = set.run(&["status", "out", "--json"]);
    assert!(status.stdout.contains("\"stopped\""), "{}", status.stdout);
}

#[test]
fn models_frames_and_lists_make_a_structure_each() {
    let set = structures();
    let model =
        |number: usize| format!("MODEL     {number:>4}\n{}ENDMDL\n", crate::templates_data::protein(4, number as u64));
    fs::write(set.path("many.pdb"), (1..=3).map(|number| model(2 * number)).collect::<String>() + "END\n").unwrap();
    fs::write(set.path("list.txt"), "a.pdb\n\nb.pdb\n").unwrap();
    let ran = set.run(&[
        "templates",
        "many.pdb",
        "--list",
        "list.txt",
        "--models",
        "all",
        "-d",
        "d.npz",
        "-o",
        "out",
        "--no-plots",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let list = verglas_formats::npy::read_npy(set.path("out/template_file_list.npy")).unwrap().to_text().unwrap();
    let list: Vec<String> = list.into_iter().map(|path| String::from_utf8(path).unwrap()).collect();
    let names = ["many_model2", "many_model4", "many_model6", "a_model1", "b_model1"];
    assert_eq!(list, names.map(|name| format!("out/templates_fourier_{name}.pt")));
    assert_eq!(Metadata::open(&set.path("out/templates_fourier_many_model4.npz")).numbers("model"), [4.0]);

    let first = set.run(&["templates", "many.pdb", "many.pdb", "-d", "d.npz", "-o", "first", "--no-plots"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(first.stderr.contains("has 3 models, of which the first (model 2) is taken"), "{}", first.stderr);
    assert!(set.path("first/templates_fourier_many_1.pt").exists(), "a taken name is numbered");
}

#[test]
fn the_grids_may_come_from_a_folder_of_stacks() {
    let set = DataSet::usual();
    assert_eq!(set.convert(&[]).code, 0);
    write_map(&set, "map.npy", [4, 4, 4]);
    let ran = set.run(&["templates", "map.npy", "-d", "out", "-o", "templates", "--viewing-distance", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let mut used = Metadata::open(&set.path("templates/parameters.npz"));
    assert_eq!((used.numbers("n_pixels"), used.numbers("viewing_distance")), (vec![8.0, 8.0], vec![2.0]));
}

#[test]
fn check_finds_what_is_wrong_and_writes_nothing() {
    let set = structures();
    let good = set.run(&["templates", "a.pdb", "map.npy", "-d", "d.npz", "--check"]);
    assert_eq!(good.code, 0, "{}", good.stderr);
    assert!(good.stdout.starts_with("nothing wrong: 2 structures would make 2 files"), "{}", good.stdout);
    let bad = set.run(&["templates", "a.pdb", "gone.pdb", "-d", "d.npz", "--check", "-o", "out"]);
    assert_eq!(bad.code, 1);
    assert!(!set.path("out").exists());
}

#[test]
fn symmetry_leaves_views_of_one_asymmetric_unit_with_all_the_weight() {
    let set = structures();
    let mut n = Vec::new();
    for group in ["C1", "C3", "D2", "O"] {
        let ran = set.run(&["templates", "a.pdb", "-d", "d.npz", "-o", group, "--no-plots", "--symmetry", group]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let mut metadata = Metadata::open(&set.path(&format!("{group}/templates_fourier_a.npz")));
        let weights = metadata.numbers("viewing_weight");
        assert!((weights.iter().sum::<f64>() / (4.0 * std::f64::consts::PI) - 1.0).abs() < 1e-12);
        assert_eq!(metadata.texts("symmetry"), [group]);
        n.push(weights.len());
    }
    assert!(n[1] < n[0] && n[2] < n[1] && n[3] < n[2], "{n:?}");
}

#[test]
fn cryolikes_folders_can_be_replaced_and_are_not_taken_for_ours() {
    let set = structures();
    fs::create_dir(set.path("theirs")).unwrap();
    fs::write(set.path("theirs/templates_fourier_x.pt"), "theirs").unwrap();
    fs::write(set.path("theirs/template_file_list.npy"), "theirs").unwrap();
    let refused = templates(&set, "theirs", &["--no-plots"]);
    assert!(refused.code == 1 && refused.stderr.contains("is not empty"), "{}", refused.stderr);
    let resumed = templates(&set, "theirs", &["--no-plots", "--resume"]);
    assert!(resumed.code == 1 && resumed.stderr.contains("cannot resume in `theirs`"), "{}", resumed.stderr);
    assert_made(&set, "theirs", &["--no-plots", "--overwrite"]);
    assert!(!set.path("theirs/templates_fourier_x.pt").exists());
    assert_eq!(run_in(set.dir.path(), &["verify", "theirs"]).code, 0);
}

#[test]
fn a_report_shows_each_structure_and_the_views() {
    let set = structures();
    assert_made(&set, "out", &["--no-plots"]);
    let ran = set.run(&["report", "out"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("3 structures, "), "{}", ran.stdout);
    let page = fs::read_to_string(set.path("out/report.html")).unwrap();
    for words in ["a.pdb", "9 beads", "map, voxels of 3", "Views", "templates/s", "distance of views"] {
        assert!(page.contains(words), "{words}");
    }
    assert!(page.contains("<h1>Templates of 3 structures</h1>"));
    // Sixteen templates of each structure, half of them in Fourier space, too, and the map of the views.
    assert_eq!(page.matches("data:image/png;base64,").count(), 3 * (16 + 8) + 1);
    // The templates that are shown are named and marked on the map, with the angles that their metadata have.
    let mut metadata = NpzReader::open(set.path("out/templates_fourier_a.npz")).unwrap();
    let mut angles = |key: &str| metadata.read(key).unwrap().to_f64().unwrap();
    let (azimuth, polar) = (angles("viewing_azimuth"), angles("viewing_polar"));
    for place in 0..16 {
        let view = place * azimuth.len() / 16;
        let [azimuth, polar] = [azimuth[view], polar[view]].map(|angle| format!("{:.0}°", angle.to_degrees()));
        assert!(page.contains(&format!("view {view}<br>{azimuth}, {polar}<")), "{view}");
        assert!(page.contains(&format!("%\">{view}</span>")), "{view}");
    }
    // The command that made them.
    assert!(page.contains("<pre class=\"command\"><code>verglas templates "));
    assert!(!page.contains("particles"), "these are no particles");
    let fewer = set.run(&["report", "out", "--examples", "1", "--log-format", "json"]);
    assert_eq!(fewer.code, 0, "{}", fewer.stderr);
    assert_eq!(fs::read_to_string(set.path("out/report.html")).unwrap().matches("data:image/png;base64,").count(), 25);

    // Files that can't be read are named.
    fs::write(set.path("out/templates_fourier_b.pt"), b"damaged").unwrap();
    let ran = set.run(&["report", "out"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("templates_fourier_b.pt"), "{}", ran.stderr);
}
