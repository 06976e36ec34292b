//! Promise: likelihoods depend only on settings and input, to the last bit; an interrupted job can be resumed; and
//! simulated particles find the structure, the view and the place that they were made with.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use verglas::pose::{Matrix3, Pose};
use verglas_formats::npz::NpzReader;
use verglas_formats::pt::{ElementType, PtFile};

use crate::data_set::DataSet;
use crate::likelihood_data::{Csv, assert_made, compared, likelihood, run, tensor};
use crate::templates_data::all_but_manifests;

#[test]
fn a_folder_holds_tensors_matrices_and_tables() {
    let set = compared();
    let ran = likelihood(&set, "out", "--table csv --table star --pairs -j 2");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("20 images against 2 structures"), "{}", ran.stdout);
    assert!(ran.stdout.contains("images that fit best: "), "{}", ran.stdout);
    let names: Vec<String> =
        all_but_manifests(&set.path("out")).iter().map(|(path, _)| path.display().to_string()).collect();
    let mut expected = vec!["displacements_set.pt".to_owned(), "results.csv".to_owned(), "results.star".to_owned()];
    for key in ["cross_correlation", "optimal_fourier_log_likelihood", "integrated_fourier_log_likelihood"] {
        expected.push(format!("likelihood_matrix/{key}_matrix.pt"));
    }
    for structure in 0..2 {
        for stack in 0..3 {
            for stem in [
                "cross_correlation/cross_correlation",
                "optimal_pose/optimal_template",
                "optimal_pose/optimal_displacement_x",
                "optimal_pose/optimal_displacement_y",
                "optimal_pose/optimal_inplane_rotation",
                "log_likelihood/log_likelihood_optimal_fourier",
                "log_likelihood/log_likelihood_integrated_fourier",
                "pairs/cross_correlation",
                "pairs/displacement_x",
                "pairs/displacement_y",
                "pairs/inplane_rotation",
                "pairs/log_likelihood",
            ] {
                expected.push(format!("template{structure}/{stem}_stack_00000{stack}.pt"));
            }
        }
    }
    expected.sort();
    assert_eq!(names, expected);

    let (shape, displacements) = tensor(&set.path("out/displacements_set.pt"));
    // 3 × 5, both odd, up to 2 px of 2 Å; axis 0 fastest.
    assert_eq!(shape, [2, 15]);
    assert_eq!(displacements[..4], [-4.0, 0.0, 4.0, -4.0]);
    assert_eq!(displacements[15..19], [-4.0, -4.0, -4.0, -2.0]);

    // Pairs, best poses, matrices and the table agree.
    let csv = Csv::read(&set.path("out/results.csv"));
    assert_eq!(csv.len(), 40);
    let (matrix_shape, matrix) = tensor(&set.path("out/likelihood_matrix/cross_correlation_matrix.pt"));
    assert_eq!(matrix_shape, [2, 20]);
    let integrated = tensor(&set.path("out/likelihood_matrix/integrated_fourier_log_likelihood_matrix.pt")).1;
    let optimal = tensor(&set.path("out/likelihood_matrix/optimal_fourier_log_likelihood_matrix.pt")).1;
    let mut row = 0;
    for (stack, n) in [8, 8, 4].into_iter().enumerate() {
        for index in 0..n {
            let mut best = Vec::new();
            for structure in 0..2 {
                let file =
                    |stem: &str| tensor(&set.path(&format!("out/template{structure}/{stem}_stack_00000{stack}.pt")));
                let value = |column: &str| csv.numbers(column)[row];
                let image = row / 2;
                assert_eq!(
                    (value("image"), value("stack"), value("index")),
                    (image as f64, stack as f64, index as f64)
                );
                assert_eq!((value("structure"), value("row")), (structure as f64, image as f64));
                let cc = file("cross_correlation/cross_correlation").1[index];
                assert!((value("cross_correlation") - cc).abs() < 1e-7);
                assert_eq!(matrix[20 * structure + image], cc);
                assert_eq!(value("log_likelihood_integrated"), integrated[20 * structure + image]);
                assert_eq!(value("log_likelihood_optimal"), optimal[20 * structure + image]);
                assert_eq!(value("template"), file("optimal_pose/optimal_template").1[index]);
                assert_eq!(value("displacement_y_angstrom"), file("optimal_pose/optimal_displacement_y").1[index]);
                let (shape, pairs) = file("pairs/cross_correlation");
                let n_views = shape[1] as usize;
                assert_eq!(shape[0], n as u64);
                let of_image = &pairs[index * n_views..(index + 1) * n_views];
                // The search's own value; the reported one is summed in full.
                let largest = of_image.iter().copied().fold(f64::MIN, f64::max);
                assert!((largest - cc).abs() < 2e-6, "{largest} {cc}");
                let at_edge =
                    value("displacement_x_angstrom").abs() == 4.0 || value("displacement_y_angstrom").abs() == 4.0;
                assert_eq!(value("at_edge"), f64::from(u8::from(at_edge)));
                best.push((value("best"), value("log_likelihood_integrated")));
                row += 1;
            }
            let first_is_best = best[0].1 >= best[1].1;
            assert_eq!(
                (best[0].0, best[1].0),
                (f64::from(u8::from(first_is_best)), f64::from(u8::from(!first_is_best)))
            );
        }
    }
    for (folder, element) in [
        ("log_likelihood/log_likelihood_optimal_fourier", ElementType::Float64),
        ("optimal_pose/optimal_template", ElementType::Int64),
        ("optimal_pose/optimal_displacement_x", ElementType::Float32),
    ] {
        let file = PtFile::open(set.path(&format!("out/template1/{folder}_stack_000001.pt"))).unwrap();
        assert_eq!(file.tensor().element_type(), element);
    }

    let verified = set.run(&["verify", "out"]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    assert!(verified.stdout.contains("6 of 6 units sound"), "{}", verified.stdout);
    let status = set.run(&["status", "out"]);
    let n = 20 * 15 * 2 * csv_views(&set);
    assert!(status.stdout.starts_with(&format!("out: 6 of 6 units, {n} of {n} comparisons")), "{}", status.stdout);
}

/// Templates of one structure.
fn csv_views(set: &DataSet) -> usize {
    tensor_rows(set, "templates/templates_fourier_a.pt")
}

fn tensor_rows(set: &DataSet, name: &str) -> usize {
    PtFile::open(set.path(name)).unwrap().tensor().n_rows() as usize
}

/// The angle of the rotation that leads from one matrix to the other, radians.
fn angle_between(a: &Matrix3, b: &Matrix3) -> f64 {
    let trace: f64 = a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| a * b).sum();
    (0.5 * (trace - 1.0)).clamp(-1.0, 1.0).acos()
}

#[test]
fn simulated_particles_find_their_structure_pose_and_place() {
    let set = compared();
    assert_made(&set, "out", "--max-displacement 5 --displacements 11 --table csv --table star");
    let csv = Csv::read(&set.path("out/results.csv"));
    let mut truth = NpzReader::open(set.path("data/truth.npz")).unwrap();
    let mut of = |name: &str| {
        let array = truth.read(name).unwrap();
        array.to_f64().unwrap()
    };
    let (structure, rot, tilt, psi) = (of("structure"), of("rot"), of("tilt"), of("psi"));
    let (x, y) = (of("origin_x_angstrom"), of("origin_y_angstrom"));
    let best: Vec<usize> = (0..csv.len()).filter(|&row| csv.texts("best")[row] == "1").collect();
    assert_eq!(best.len(), 20);
    let (mut n_structure, mut n_pose, mut n_place) = (0, 0, 0);
    for (image, &row) in best.iter().enumerate() {
        let value = |column: &str| csv.numbers(column)[row];
        n_structure += usize::from(value("structure") == structure[image]);
        let found = Pose::from_degrees(value("rot_deg"), value("tilt_deg"), value("psi_deg")).matrix();
        let expected = Pose { rot: rot[image], tilt: tilt[image], psi: psi[image] }.matrix();
        // Views are half a radian apart, and noise takes the neighbour now and then.
        n_pose += usize::from(angle_between(&found, &expected) < 0.7);
        let distance = (value("origin_x_angstrom") - x[image]).hypot(value("origin_y_angstrom") - y[image]);
        n_place += usize::from(distance < 3.0);
    }
    assert!(n_structure >= 18 && n_pose >= 17 && n_place >= 17, "{n_structure} {n_pose} {n_place} of 20");

    // The star has the best rows of the table, by RELION's names.
    let star = fs::read_to_string(set.path("out/results.star")).unwrap();
    let rows: Vec<&str> = star.lines().filter(|line| line.contains('@')).collect();
    assert_eq!(rows.len(), 20);
    for (line, &row) in rows.iter().zip(&best) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let section = csv.numbers("section")[row] as u64 + 1;
        assert_eq!(words[0], format!("{section:06}@{}", csv.texts("file")[row]));
        assert_eq!(words[1..3], [&csv.texts("rot_deg")[row], &csv.texts("tilt_deg")[row]]);
        assert_eq!(words[6], (csv.numbers("structure")[row] + 1.0).to_string());
        assert_eq!(words[7], csv.texts("log_likelihood_integrated")[row]);
    }
}

#[test]
fn the_bytes_depend_neither_on_threads_nor_memory_nor_shards() {
    let set = compared();
    assert_made(&set, "plain", "-j 1 --pairs --table csv --table star");
    let plain = all_but_manifests(&set.path("plain"));
    let same = |output: &str| {
        let made = all_but_manifests(&set.path(output));
        let names =
            |files: &[(std::path::PathBuf, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&made), names(&plain), "{output}");
        for ((name, made), (_, plain)) in made.iter().zip(&plain) {
            assert!(made == plain, "{output}: {}", name.display());
        }
    };
    // The least memory that is enough makes pieces of a stack's images.
    for (output, arguments) in [("two", "-j 2"), ("many", "-j 5"), ("small", "-j 1 --memory 5M")] {
        assert_made(&set, output, &format!("{arguments} --pairs --table csv --table star"));
        same(output);
    }
    for number in ["2/4", "4/4", "3/4", "1/4"] {
        assert!(!set.path("parts/results.csv").exists() && !set.path("parts/likelihood_matrix").exists());
        assert_made(&set, "parts", &format!("--shard {number} --pairs --table csv --table star"));
    }
    same("parts");
    let verified = set.run(&["verify", "parts"]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    std::thread::scope(|scope| {
        for number in ["1/3", "2/3", "3/3"] {
            let set = &set;
            let arguments = format!("--shard {number} -j 1 --pairs --table csv --table star");
            scope.spawn(move || assert_made(set, "at-once", &arguments));
        }
    });
    same("at-once");
    assert_eq!(set.run(&["verify", "at-once"]).code, 0);
}

#[test]
fn a_folder_that_is_not_empty_is_refused_or_made_anew_or_finished() {
    let set = compared();
    assert_made(&set, "out", "");
    fs::write(set.path("out/mine.txt"), "mine").unwrap();
    fs::write(set.path("out/template0/mine.txt"), "mine").unwrap();
    let before = all_but_manifests(&set.path("out"));
    let refused = likelihood(&set, "out", "");
    assert_eq!(refused.code, 1);
    let holds = "is not empty: it holds `displacements_set.pt`, `likelihood_matrix`, `manifest.json`, `results.csv`, \
                 `template0`, `template1`";
    assert!(refused.stderr.contains(holds), "{}", refused.stderr);
    let again = likelihood(&set, "out", "--resume");
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stdout.contains("6 units of an earlier run kept, 0 made"), "{}", again.stdout);
    let other = likelihood(&set, "out", "--resume --ctf none");
    assert_eq!(other.code, 1);
    assert!(other.stderr.contains("ctf: \"stack\" before, \"none\" now"), "{}", other.stderr);
    assert!(all_but_manifests(&set.path("out")) == before, "refused, and yet changed");

    // Altered, and missing.
    let file = set.path("out/template1/optimal_pose/optimal_template_stack_000001.pt");
    let mut bytes = fs::read(&file).unwrap();
    bytes[1024] ^= 1;
    fs::write(&file, bytes).unwrap();
    fs::remove_file(set.path("out/template0/log_likelihood/log_likelihood_optimal_fourier_stack_000002.pt")).unwrap();
    fs::remove_file(set.path("out/results.csv")).unwrap();
    let broken = set.run(&["verify", "out"]);
    assert_eq!(broken.code, 1);
    for part in [
        "optimal_template_stack_000001.pt` was altered",
        "optimal_fourier_stack_000002.pt` is missing",
        "results.csv` is missing",
    ] {
        assert!(broken.stderr.contains(part), "{part}: {}", broken.stderr);
    }
    fs::remove_file(&file).unwrap();
    assert_made(&set, "out", "--resume");
    assert!(all_but_manifests(&set.path("out")) == before, "resumed, and not the same");
    assert_eq!(set.run(&["verify", "out"]).code, 0);

    // Stacks that changed since.
    let stack = set.path("stacks/fft/particles_fourier_stack_000001.npz");
    let bytes = fs::read(&stack).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    fs::write(&stack, bytes).unwrap();
    let changed = likelihood(&set, "out", "--resume");
    assert!(changed.code == 1 && changed.stderr.contains("stack_000001.npz` was changed"), "{}", changed.stderr);

    // Other structures: the earlier ones' files are removed, other people's stay.
    assert_made(&set, "out", "--overwrite --structures 1 --no-integrated");
    assert!(set.path("out/mine.txt").exists() && set.path("out/template0/mine.txt").exists());
    assert!(!set.path("out/template0/cross_correlation").exists());
    assert!(!set.path("out/likelihood_matrix/integrated_fourier_log_likelihood_matrix.pt").exists());
    let csv = Csv::read(&set.path("out/results.csv"));
    assert!(
        csv.texts("structure").iter().all(|place| place == "1") && csv.texts("name").iter().all(|name| name == "b")
    );
    assert!(csv.texts("log_likelihood_integrated").iter().all(String::is_empty));
    assert_eq!(set.run(&["verify", "out"]).code, 0);
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let set = compared();
    let slow = "--displacements 9 --max-displacement 5 -j 1";
    let start = Instant::now();
    assert_made(&set, "whole", slow);
    let took = start.elapsed();
    let whole = all_but_manifests(&set.path("whole"));
    let mut n_killed = 0;
    for part in 1..10 {
        let words = format!("likelihood stacks -t templates -o out --resume -q --likelihood plain {slow}");
        let mut run = Command::new(env!("CARGO_BIN_EXE_verglas"))
            .args(words.split_whitespace())
            .current_dir(set.dir.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(took.mul_f64(0.1 * f64::from(part)).min(Duration::from_secs(5)));
        run.kill().unwrap();
        n_killed += usize::from(!run.wait().unwrap().success());
        if set.path("out/manifest.json").exists() {
            let verified = set.run(&["verify", "out"]);
            assert!(verified.code == 1 || set.path("out/results.csv").exists(), "{}", verified.stdout);
        }
    }
    assert!(n_killed > 2, "{n_killed}");
    assert_made(&set, "out", &format!("--resume {slow}"));
    assert!(all_but_manifests(&set.path("out")) == whole);
    assert_eq!(set.run(&["verify", "out"]).code, 0);
}

#[test]
fn a_signal_stops_a_run_in_the_midst_of_a_stack_and_it_goes_on() {
    let set = compared();
    let words = "likelihood stacks -t templates -o out --displacements 201 -j 1 --likelihood plain";
    let run = Command::new(env!("CARGO_BIN_EXE_verglas"))
        .args(words.split_whitespace())
        .current_dir(set.dir.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !set.path("out/template0").exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = run.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{told}");
    assert!(told.contains("units in `out` are done") && told.contains("--resume"), "{told}");
    let status = set.run(&["status", "out", "--json"]);
    assert!(status.stdout.contains("\"stopped\""), "{}", status.stdout);
}

#[test]
fn double_precision_is_that_of_the_templates_and_images_follow() {
    let set = compared();
    let ran =
        run(&set, "descriptor --n-pixels 32 --pixel-size 2 --precision double --viewing-distance 0.5 -o double.npz");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = run(&set, "templates a.pdb b.pdb -o doubles -d double.npz --no-plots");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_made(&set, "single", "");
    let ran =
        run(&set, "likelihood stacks -t doubles -o double --max-displacement 2 --displacements 3,5 --likelihood plain");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let name = "template0/cross_correlation/cross_correlation_stack_000000.pt";
    let (single, double) =
        (tensor(&set.path(&format!("single/{name}"))).1, tensor(&set.path(&format!("double/{name}"))).1);
    assert_eq!(
        PtFile::open(set.path(&format!("double/{name}"))).unwrap().tensor().element_type(),
        ElementType::Float64
    );
    for (single, double) in single.iter().zip(&double) {
        assert!(single != double && (single - double).abs() < 3e-6, "{single} {double}");
    }
}

#[test]
fn all_correlations_are_kept_where_asked_for() {
    let set = compared();
    let ran = likelihood(&set, "out", "--full-cross-correlation --max-stacks 1 --structures 0");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("all correlations of this run will take"), "{}", ran.stderr);
    let (shape, all) = tensor(&set.path("out/template0/cross_correlation/cross_correlation_pose_msdw_stack_000000.pt"));
    let n_views = csv_views(&set) as u64;
    assert_eq!(shape, [8, n_views, 15, 64]);
    let best = tensor(&set.path("out/template0/cross_correlation/cross_correlation_stack_000000.pt")).1;
    for (image, best) in all.chunks_exact(all.len() / 8).zip(best) {
        let largest = image.iter().copied().fold(f64::MIN, f64::max);
        assert!((largest - best).abs() < 2e-6, "{largest} {best}");
    }
    let csv = Csv::read(&set.path("out/results.csv"));
    assert_eq!(csv.len(), 8);
    // In pieces, the same.
    let small = likelihood(&set, "small", "--full-cross-correlation --max-stacks 1 --structures 0 --memory 5M");
    assert_eq!(small.code, 0, "{}", small.stderr);
    assert!(all_but_manifests(&set.path("small")) == all_but_manifests(&set.path("out")));
}

#[test]
fn what_is_asked_of_the_ctf_makes_a_difference() {
    let set = compared();
    assert_made(&set, "stack", "--structures 0");
    let of = |output: &str| tensor(&set.path(&format!("{output}/likelihood_matrix/cross_correlation_matrix.pt"))).1;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let right = mean(&of("stack"));
    for (output, arguments) in [("none", "--ctf none"), ("rows", "--defocus-angle-axis rows")] {
        assert_made(&set, output, &format!("--structures 0 {arguments}"));
        let other = mean(&of(output));
        // Their astigmatism is small.
        assert!(other < right - 1e-5, "{output}: {other}, {right}");
    }
    assert_made(&set, "columns", "--structures 0 --defocus-angle-axis columns");
    assert_eq!(of("columns"), of("stack"));
    let inverted = run(&set, "convert data/particles.star -o inverted --contrast invert --no-plots --no-physical");
    assert_eq!(inverted.code, 0, "{}", inverted.stderr);
    let ran =
        run(&set, "likelihood inverted -t templates -o inv --max-displacement 5 --displacements 7 --likelihood plain");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("contrast may be inverted"), "{}", ran.stderr);
}
