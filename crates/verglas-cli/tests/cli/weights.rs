//! Promise: `verglas weights` finds the weights of the largest likelihood, says how sure they are, and refuses what it can't weigh.

use std::fs;
use std::path::Path;

use serde_json::Value;
use verglas_formats::npy::read_npy;
use verglas_formats::pt::write_pt;

use crate::data_set::{DataSet, Ran};
use crate::likelihood_data::{Csv, assert_made, compared, run, tensor};

/// Log-likelihoods `[images, structures]` that look like any: structures at 0, 1, 2, … with normal errors around them.
fn made_up(n_images: usize, n_structures: usize) -> Vec<f64> {
    let value = |at: usize| {
        let (image, structure) = (at / n_structures, at % n_structures);
        let x = (image * 7919 % n_images) as f64 / n_images as f64 * n_structures as f64 - 0.6;
        -1000.0 - 0.5 * ((x - structure as f64) / 0.7).powi(2)
    };
    (0..n_images * n_structures).map(value).collect()
}

fn write_tensor(set: &DataSet, name: &str, shape: [usize; 2], values: &[f64]) {
    let file = fs::File::create(set.path(name)).unwrap();
    write_pt(file, &shape.map(|n| n as u64), values).unwrap();
}

/// A matrix of 400 images and 3 structures, images × structures.
fn with_matrix() -> (DataSet, Vec<f64>) {
    let set = DataSet::empty();
    let values = made_up(400, 3);
    write_tensor(&set, "matrix.pt", [400, 3], &values);
    (set, values)
}

fn record(set: &DataSet, folder: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(set.path(&format!("{folder}/weights.json"))).unwrap()).unwrap()
}

fn array(path: &Path) -> (Vec<usize>, Vec<f64>) {
    let array = read_npy(path).unwrap();
    (array.shape().to_vec(), array.to_f64().unwrap())
}

#[track_caller]
fn assert_code(ran: &Ran, code: i32, parts: &[&str]) {
    assert_eq!(ran.code, code, "{}{}", ran.stderr, ran.stdout);
    for part in parts {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

/// f and g, summed directly.
fn slope(values: &[f64], weights: &[f64]) -> (f64, Vec<f64>) {
    let n = values.len() / weights.len();
    let (mut f, mut g) = (0.0, vec![0.0; weights.len()]);
    for row in values.chunks_exact(weights.len()) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let density: f64 = row.iter().zip(weights).map(|(l, w)| w * (l - largest).exp()).sum();
        f += (largest + density.ln()) / n as f64;
        row.iter().zip(&mut g).for_each(|(l, g)| *g += (l - largest).exp() / density / n as f64);
    }
    (f, g)
}

#[test]
fn weights_are_the_best_and_every_file_says_the_same() {
    let (set, values) = with_matrix();
    let ran = run(&set, "weights matrix.pt -o out --matrix-axes images-structures --bootstrap 60 --seed 4");
    assert_code(&ran, 0, &[]);
    let (shape, weights) = tensor(&set.path("out/weights.pt"));
    assert_eq!(shape, [3]);
    assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    // The proof, by sums of its own: the mean of w·g is 1, and no g is above 1 by more than was asked for.
    let (f, g) = slope(&values, &weights);
    assert!(g.iter().all(|g| *g <= 1.0 + 1e-6), "{g:?}");
    let record = record(&set, "out");
    assert!((record["mean_log_likelihood"].as_f64().unwrap() - f).abs() < 1e-9);
    assert!(record["gap"].as_f64().unwrap() <= 1e-6);
    assert_eq!((record["settings"]["seed"].as_u64(), record["n_images"].as_u64()), (Some(4), Some(400)));
    // Plain updates from equal weights, many of them.
    let mut plain = vec![1.0 / 3.0; 3];
    for _ in 0..20_000 {
        let (_, g) = slope(&values, &plain);
        plain.iter_mut().zip(&g).for_each(|(w, g)| *w *= g);
    }
    assert!(weights.iter().zip(&plain).all(|(a, b)| (a - b).abs() < 1e-6), "{weights:?} {plain:?}");

    let table = Csv::read(&set.path("out/weights.csv"));
    let columns =
        ["structure", "name", "weight", "lo95", "lo68", "median", "hi68", "hi95", "images_best", "responsibility"];
    assert_eq!(table.columns(), columns);
    assert_eq!(table.numbers("weight"), weights);
    assert_eq!(table.numbers("images_best").iter().sum::<f64>(), 400.0);
    for (share, weight) in table.numbers("responsibility").iter().zip(&weights) {
        // Σ_i r_ik = n·w_k·g_k, and g is 1 where w is not 0.
        assert!((share / 400.0 - weight).abs() < 1e-6);
    }
    let (shape, logs) = array(&set.path("out/log_likelihood.npy"));
    assert_eq!((shape, logs), (vec![400, 3], values));
    let (shape, resamples) = array(&set.path("out/bootstrap.npy"));
    assert_eq!(shape, [60, 3]);
    for (structure, (low, high)) in table.numbers("lo95").iter().zip(table.numbers("hi95")).enumerate() {
        let mut column: Vec<f64> = resamples.iter().skip(structure).step_by(3).copied().collect();
        column.sort_unstable_by(f64::total_cmp);
        // 2.5 % of 59 steps: 1.475.
        let expected = column[1] + 0.475 * (column[2] - column[1]);
        assert!((low - expected).abs() < 1e-12 && *low < weights[structure] && weights[structure] < high);
    }
    let entropy: f64 = weights.iter().map(|w| -w * w.ln()).sum();
    assert!((record["effective_number"].as_f64().unwrap() - entropy.exp()).abs() < 1e-12);
    assert_code(&run(&set, "verify out"), 0, &[]);
}

#[test]
fn log_likelihoods_are_written_for_other_programs() {
    let (set, mut values) = with_matrix();
    // Digits that are not short, and numbers that are large.
    values.iter_mut().enumerate().for_each(|(at, value)| *value = *value / 3.0 - 52_272.0 * (at % 7) as f64);
    write_tensor(&set, "large.pt", [400, 3], &values);
    let formats = "--log-likelihood txt --log-likelihood pt --log-likelihood cryoer --log-likelihood txt";
    let weigh = format!("weights large.pt -o out --matrix-axes images-structures --bootstrap 0 {formats}");
    assert_code(&run(&set, &weigh), 0, &[]);
    let text = fs::read_to_string(set.path("out/log_likelihood.txt")).unwrap();
    let rows: Vec<Vec<f64>> =
        text.lines().map(|line| line.split(' ').map(|word| word.parse().unwrap()).collect()).collect();
    assert!(rows.len() == 400 && rows.concat() == values);
    assert_eq!(tensor(&set.path("out/log_likelihood.pt")), (vec![400, 3], values.clone()));
    assert_eq!(array(&set.path("out/log_likelihood.npy")), (vec![400, 3], values.clone()));
    let turned = (0..3).flat_map(|structure| values.iter().skip(structure).step_by(3).copied()).collect();
    assert_eq!(array(&set.path("out/log_likelihood_cryoer.npy")), (vec![3, 400], turned));
    assert_code(&run(&set, "verify out"), 0, &[]);
    // They are of these images and structures, and go when they are not asked for any more.
    fs::write(set.path("out/log_likelihood.txt"), "0 0 0\n").unwrap();
    assert_code(&run(&set, "verify out"), 1, &["`out/log_likelihood.txt` has 6 bytes"]);
    let less = "weights large.pt -o out --matrix-axes images-structures --bootstrap 0 --overwrite --exclude 1 \
                --temperature 2 --log-likelihood cryoer";
    assert_code(&run(&set, less), 0, &[]);
    let halves = [0, 2].iter().flat_map(|at| values.iter().skip(*at).step_by(3).map(|value| value / 2.0)).collect();
    assert_eq!(array(&set.path("out/log_likelihood_cryoer.npy")), (vec![2, 400], halves));
    assert!(!set.path("out/log_likelihood.txt").exists() && !set.path("out/log_likelihood.pt").exists());
    assert_code(&run(&set, "verify out"), 0, &[]);
}

#[test]
fn results_depend_on_the_seed_and_on_nothing_else() {
    let (set, _) = with_matrix();
    let made = |folder: &str, more: &str| {
        let command = format!("weights matrix.pt -o {folder} --matrix-axes images-structures --bootstrap 20 {more}");
        assert_code(&run(&set, &command), 0, &[]);
        let file = |name: &str| fs::read(set.path(&format!("{folder}/{name}"))).unwrap();
        ["weights.csv", "weights.pt", "bootstrap.npy", "log_likelihood.npy"].map(file)
    };
    let one = made("one", "-j 1");
    assert_eq!(one, made("two", "-j 3"));
    let other = made("other", "-j 2 --seed 1");
    assert_ne!(one[2], other[2]);
    assert_eq!(one[1], other[1]);
    // No resamples: no intervals, and no file of them.
    let none = run(&set, "weights matrix.pt -o none --matrix-axes images-structures --bootstrap 0");
    assert_code(&none, 0, &[]);
    assert!(!set.path("none/bootstrap.npy").exists());
    assert_eq!(Csv::read(&set.path("none/weights.csv")).texts("lo95"), ["", "", ""]);
    assert_code(&run(&set, "verify none"), 0, &[]);
}

#[test]
fn either_way_round_and_either_kind_of_file() {
    let (set, values) = with_matrix();
    let turned: Vec<f64> = (0..3 * 400).map(|at| values[at % 400 * 3 + at / 400]).collect();
    write_tensor(&set, "turned.pt", [3, 400], &turned);
    let of = |command: &str, code: i32, parts: &[&str]| assert_code(&run(&set, command), code, parts);
    of("weights matrix.pt -o a --bootstrap 0", 0, &["taken for 400 images and 3 structures", "--matrix-axes"]);
    of("weights turned.pt -o b --bootstrap 0", 0, &["taken for 400 images and 3 structures"]);
    // A `.npy`: what the first run wrote.
    of("weights a/log_likelihood.npy -o c --bootstrap 0", 0, &[]);
    let file = |folder: &str| fs::read(set.path(&format!("{folder}/weights.pt"))).unwrap();
    assert!(file("a") == file("b") && file("a") == file("c"));
    // If both are possible, it must be stated.
    write_tensor(&set, "square.pt", [20, 15], &values[..300]);
    let square = run(&set, "weights square.pt -o d");
    assert_code(&square, 1, &["shape [20, 15]: which axis is of images", "hint: `--matrix-axes images-structures`"]);
    assert!(!set.path("d").exists());
    of("weights square.pt -o d --bootstrap 0 --matrix-axes structures-images", 0, &["15 images for 20 structures"]);
    assert_eq!(tensor(&set.path("d/weights.pt")).0, [20]);
}

#[test]
fn images_and_structures_are_chosen() {
    let (set, values) = with_matrix();
    let bytes = |numbers: &[i64]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    write_npy(&set, "some.npy", "<i8", 3, &bytes(&[7, 0, 399]));
    write_npy(&set, "mask.npy", "|b1", 400, &(0..400).map(|image| u8::from(image < 100)).collect::<Vec<_>>());
    let weigh = "weights matrix.pt --matrix-axes images-structures --bootstrap 0";
    assert_code(&run(&set, &format!("{weigh} -o some --images some.npy")), 0, &[]);
    let (shape, logs) = array(&set.path("some/log_likelihood.npy"));
    let expected: Vec<f64> = [7, 0, 399].iter().flat_map(|image| values[3 * image..3 * image + 3].to_vec()).collect();
    assert_eq!((shape, logs), (vec![3, 3], expected));
    assert_code(&run(&set, &format!("{weigh} -o mask --images mask.npy --exclude 1")), 0, &[]);
    assert_eq!(array(&set.path("mask/log_likelihood.npy")).0, [100, 2]);
    let table = Csv::read(&set.path("mask/weights.csv"));
    assert_eq!(
        (table.texts("structure"), table.texts("name")),
        (vec!["0".into(), "2".into()], vec!["structure_0".into(), "structure_2".into()])
    );

    write_npy(&set, "short.npy", "|b1", 3, &[1, 1, 1]);
    write_npy(&set, "twice.npy", "<i8", 2, &bytes(&[5, 5]));
    write_npy(&set, "far.npy", "<i8", 1, &bytes(&[400]));
    for (more, part) in [
        ("--images short.npy", "a mask of 3 values, there are 400 images"),
        ("--images twice.npy", "image 5 is chosen twice"),
        ("--images far.npy", "place 0 (from 0) is 400, expected 0 to 399"),
        ("--exclude 3", "there is no structure 3 to exclude: `matrix.pt` has 0, 1, 2"),
        ("--exclude 1-2", "leaves 1 structure, expected at least two"),
        ("--noise-column", "`matrix.pt` has no column of noise"),
    ] {
        let ran = run(&set, &format!("{weigh} -o wrong {more}"));
        assert_code(&ran, 1, &[part]);
        assert!(!set.path("wrong").exists(), "{more}");
    }
}

fn write_npy(set: &DataSet, name: &str, dtype: &str, n: usize, data: &[u8]) {
    let mut header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({n},), }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data);
    fs::write(set.path(name), bytes).unwrap();
}

#[test]
fn what_is_no_number_is_named_with_its_place() {
    let (set, mut values) = with_matrix();
    (values[3 * 17 + 2], values[3 * 20]) = (f64::NAN, f64::NEG_INFINITY);
    write_tensor(&set, "bad.pt", [400, 3], &values);
    let ran = run(&set, "weights bad.pt -o out");
    let place = "`bad.pt`: row 17, column 2 (from 0) is NaN, expected a number: image 17, structure 2 (`structure_2`), and so are 1 more";
    assert_code(&ran, 1, &[place]);
    write_tensor(&set, "one.pt", [400, 1], &values[..400]);
    assert_code(&run(&set, "weights one.pt -o out"), 1, &["`one.pt` has 1 structure, expected at least two"]);
    fs::write(set.path("deep.pt"), b"PK").unwrap();
    assert_code(&run(&set, "weights deep.pt -o out"), 1, &["deep.pt"]);
    for (more, part) in
        [("--temperature 0", "positive number"), ("--tolerance x", "positive number"), ("--matrix-axes ab", "ab")]
    {
        assert_code(&run(&set, &format!("weights matrix.pt -o out {more}")), 2, &[part]);
    }
    assert_code(
        &run(&set, "weights matrix.pt -o out --tolerance 1e-20"),
        1,
        &["the tolerance is", "expected 1e-12 to 0.1"],
    );
    assert!(!set.path("out").exists());
}

#[test]
fn a_temperature_flattens_and_is_reported() {
    let (set, values) = with_matrix();
    let ran = run(&set, "weights matrix.pt -o out --matrix-axes images-structures --temperature 3 --bootstrap 0");
    assert_code(&ran, 0, &["log-likelihoods are divided by 3"]);
    let halves: Vec<f64> = values.iter().map(|value| value / 3.0).collect();
    assert_eq!(array(&set.path("out/log_likelihood.npy")).1, halves);
    let weights = tensor(&set.path("out/weights.pt")).1;
    assert!(slope(&halves, &weights).1.iter().all(|g| *g <= 1.0 + 1e-6));
    assert_eq!(record(&set, "out")["settings"]["temperature"].as_f64(), Some(3.0));
}

#[test]
fn images_that_belong_to_one_structure_each_are_counted_and_reported() {
    let set = DataSet::empty();
    let values: Vec<f64> = (0..120).map(|at| if (at / 3) % 4 % 3 == at % 3 { 0.0 } else { -40.0 }).collect();
    write_tensor(&set, "sharp.pt", [40, 3], &values);
    let ran = run(&set, "weights sharp.pt -o out");
    assert_code(&ran, 0, &["40 of 40 images belong to one structure alone"]);
    let weights = tensor(&set.path("out/weights.pt")).1;
    assert!(weights.iter().zip([0.5, 0.25, 0.25]).all(|(a, b)| (a - b).abs() < 1e-9), "{weights:?}");
    assert_eq!(Csv::read(&set.path("out/weights.csv")).numbers("images_best"), [20.0, 10.0, 10.0]);
}

#[test]
fn a_matrix_that_says_nothing_is_told() {
    let set = DataSet::empty();
    // What CryoLike's own scripts write as integrated likelihood.
    write_tensor(&set, "constant.pt", [30, 2], &[-123.5; 60]);
    let ran = set.run(&["weights", "constant.pt", "-o", "out"]);
    assert_code(&ran, 0, &["30 of 30 images are exactly as likely with every structure"]);
    let codes = record(&set, "out")["warnings"].as_array().unwrap().clone();
    assert!(codes.iter().any(|warning| warning["code"] == "all-alike"), "{codes:?}");
}

#[test]
fn structures_that_are_hardly_told_apart_are_named() {
    let set = DataSet::empty();
    // The second is the first, but for a little.
    let made = made_up(300, 2);
    let values: Vec<f64> = made
        .chunks_exact(2)
        .enumerate()
        .flat_map(|(image, row)| [row[0], row[0] + 0.2 * ((image % 7) as f64 - 3.0), row[1]])
        .collect();
    write_tensor(&set, "alike.pt", [300, 3], &values);
    let ran = run(&set, "weights alike.pt -o out");
    assert_code(&ran, 0, &[]);
    assert!(
        ran.stdout.contains("not told apart (correlation of their weights): structure_0 and structure_1 (-"),
        "{}",
        ran.stdout
    );
    let pair = &record(&set, "out")["not_told_apart"][0];
    assert_eq!(pair["structures"], serde_json::json!([0, 1]));
    assert!(pair["correlation"].as_f64().unwrap() < -0.5);
}

#[test]
fn structures_that_no_image_tells_apart_are_named() {
    let set = DataSet::empty();
    let (first, second) = (|image: usize| (image % 5) as f64, |image: usize| (image % 3) as f64);
    let mut values: Vec<f64> = (0..60).flat_map(|i| [first(i), second(i), first(i), 1.0, second(i)]).collect();
    write_tensor(&set, "twins.pt", [60, 5], &values);
    let ran = run(&set, "weights twins.pt -o out --bootstrap 20");
    for pair in ["`structure_0`, `structure_2`", "`structure_1`, `structure_4`"] {
        assert_code(&ran, 0, &[&format!("{pair} are exactly as likely as each other by every image")]);
    }
    assert_eq!(ran.stderr.matches("are exactly as likely as each other").count(), 2, "{}", ran.stderr);
    // One image that tells them apart is enough.
    let last = values.len() - 5;
    (values[last], values[last + 1]) = (-1.0, -2.0);
    write_tensor(&set, "apart.pt", [60, 5], &values);
    let ran = run(&set, "weights apart.pt -o apart --bootstrap 20");
    assert_code(&ran, 0, &[]);
    assert!(!ran.stderr.contains("exactly as likely"), "{}", ran.stderr);
}

#[test]
fn nothing_of_others_is_replaced() {
    let (set, _) = with_matrix();
    let weigh = "weights matrix.pt -o out --matrix-axes images-structures --bootstrap 0";
    fs::create_dir(set.path("out")).unwrap();
    fs::write(set.path("out/mine.txt"), "mine").unwrap();
    assert_code(&run(&set, weigh), 0, &[]);
    let refused = run(&set, weigh);
    assert_code(&refused, 1, &["output folder `out` is not empty: it holds `weights.csv`", "--overwrite"]);
    assert!(!refused.stderr.contains("--resume"), "{}", refused.stderr);
    assert_code(&run(&set, &format!("{weigh} --overwrite --exclude 0")), 0, &[]);
    assert_eq!(tensor(&set.path("out/weights.pt")).0, [2]);
    assert_eq!(fs::read_to_string(set.path("out/mine.txt")).unwrap(), "mine");
    // The input is not replaced either.
    let own = run(&set, "weights out/log_likelihood.npy -o out --overwrite --bootstrap 0");
    assert_code(&own, 1, &["`out/log_likelihood.npy` is read by this run, and would be replaced"]);
    assert_eq!(array(&set.path("out/log_likelihood.npy")).0, [400, 2]);
    // Altered files are found.
    fs::write(set.path("out/weights.csv"), "structure\n").unwrap();
    assert_code(&run(&set, "verify out"), 1, &["`out/weights.csv` has 10 bytes"]);
    assert_code(&run(&set, "weights matrix.pt --check"), 0, &[]);
}

#[test]
fn a_folder_of_likelihoods_is_weighed_with_its_names() {
    let set = compared();
    assert_made(&set, "likelihood", "");
    let ran = run(&set, "weights likelihood -o weights --bootstrap 30");
    assert_code(&ran, 0, &["assume white noise", "intervals of 30 resamples are rough"]);
    let table = Csv::read(&set.path("weights/weights.csv"));
    assert_eq!(table.texts("name"), ["a", "b"]);
    // Each image shows much of one of two proteins: weights are near to counts.
    let results = Csv::read(&set.path("likelihood/results.csv"));
    let n_best = |structure: &str| {
        let of_structure = results.texts("structure").into_iter().zip(results.texts("best"));
        of_structure.filter(|(of, best)| of == structure && best == "1").count() as f64
    };
    assert_eq!(table.numbers("images_best"), [n_best("0"), n_best("1")]);
    for (weight, n) in table.numbers("weight").iter().zip(table.numbers("images_best")) {
        assert!((weight - n / 20.0).abs() < 0.15, "{weight} {n}");
    }
    let (shape, logs) = array(&set.path("weights/log_likelihood.npy"));
    let (of_folder, matrix) =
        tensor(&set.path("likelihood/likelihood_matrix/integrated_fourier_log_likelihood_matrix.pt"));
    assert_eq!((shape, of_folder), (vec![20, 2], vec![2, 20]));
    assert!((0..40).all(|at| logs[at] == matrix[at % 2 * 20 + at / 2]));
    let told = record(&set, "weights");
    assert_eq!(
        (told["matrix"]["kind"].as_str(), told["matrix"]["likelihood"].as_str()),
        (Some("integrated"), Some("plain"))
    );

    let check = run(&set, "weights likelihood --check");
    assert_code(&check, 0, &[]);
    assert!(check.stdout.contains("2 structures would be weighed by 20 images, in about"), "{}", check.stdout);
    for (command, parts) in [
        ("weights likelihood -o likelihood", &["`likelihood` is the output folder of another job"][..]),
        ("weights likelihood -o w --noise-column", &["results.csv` has no column `log_likelihood_noise`"]),
        ("weights stacks -o w", &["`stacks` holds no likelihoods"]),
        ("weights data -o w", &["`data` has neither `likelihood_matrix/"]),
        ("weights likelihod -o w", &["hint: did you mean `likelihood`?"]),
        ("weights likelihood -o w --matrix-axes images-structures", &["matrices of a folder are structures × images"]),
    ] {
        assert_code(&run(&set, command), 1, parts);
        assert!(!set.path("w").exists(), "{command}");
    }
    // The column of noise, as a later version writes it.
    let path = set.path("likelihood/results.csv");
    let text = fs::read_to_string(&path).unwrap();
    let with_noise: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(row, line)| match row {
            0 => format!("{line},log_likelihood_noise"),
            row => format!("{line},{}", if (row - 1) / 2 % 4 == 0 { 1e6 } else { -1e6 }),
        })
        .collect();
    fs::write(&path, with_noise.join("\n")).unwrap();
    assert_code(&run(&set, "weights likelihood -o noise --noise-column --bootstrap 0"), 0, &[]);
    let table = Csv::read(&set.path("noise/weights.csv"));
    assert_eq!(
        (table.texts("name"), table.texts("structure")),
        (vec!["a".into(), "b".into(), "noise".into()], vec!["0".into(), "1".into(), String::new()])
    );
    assert!((table.numbers("weight")[2] - 0.25).abs() < 1e-9);
    assert_eq!(array(&set.path("noise/log_likelihood.npy")).0, [20, 3]);

    // Altered, incomplete, of best poses only.
    let matrix = set.path("likelihood/likelihood_matrix/integrated_fourier_log_likelihood_matrix.pt");
    let mut bytes = fs::read(&matrix).unwrap();
    bytes[1030] ^= 1;
    fs::write(&matrix, bytes).unwrap();
    assert_code(&run(&set, "weights likelihood -o w"), 1, &["was altered, or comes from another run"]);
    assert_made(&set, "part", "--shard 1/3");
    assert_code(&run(&set, "weights part -o w"), 1, &["are not complete: 2 of 6 units are there", "--resume"]);
    assert_made(&set, "best", "--no-integrated");
    assert_code(&run(&set, "weights best -o best-weights"), 0, &["log-likelihoods of the best poses only"]);
    assert_eq!(record(&set, "best-weights")["matrix"]["kind"].as_str(), Some("optimal"));
}
