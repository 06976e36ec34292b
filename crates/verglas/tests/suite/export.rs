//! The way back: what is exported, and what is refused. The output folders are made by hand, so that each may be wrong
//! in one way.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use verglas::export::{Export, Exported, export};
use verglas::{Error, Findings};
use verglas_formats::cs::{CsData, CsReader, CsRow, CsSource, write_cs};
use verglas_formats::npz::NpzWriter;
use verglas_formats::pt::write_pt;
use verglas_formats::star::{StarFile, StarTable};

const STAR: &str = "# version 30001\n\ndata_optics\n\nloop_ \n_rlnOpticsGroup #1 \n_rlnVoltage #2 \n1 300 \n \n\
    # version 30001\n\ndata_particles\n\nloop_ \n_rlnImageName #1 \n_rlnDefocusU #2 \n_rlnNote #3 \n\
    000001@a.mrcs  10500.5 \"first one\" \n000002@a.mrcs  9800 'it''s' # kept\n000001@b.mrcs  11000 plain\n\
    000003@a.mrcs  12000 x\t\n \n";

/// A row of [`STAR`] by number, as written.
fn star_row(row: usize) -> &'static str {
    STAR.lines().filter(|line| line.contains('@')).nth(row).unwrap()
}

/// File and section (from 0) that each row of [`STAR`] names.
const IMAGES: [(&str, i64); 4] = [("a.mrcs", 0), ("a.mrcs", 1), ("b.mrcs", 0), ("a.mrcs", 2)];

/// A folder with a source file, an output folder below it, and arrays.
pub struct Bench {
    dir: tempfile::TempDir,
}

/// The images of one stack: row, image file, section.
pub type Stack<'a> = Vec<(i64, &'a str, i64)>;

impl Bench {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("out/fft")).unwrap();
        Self { dir }
    }

    /// An output folder made from [`STAR`], whose images are its rows 2, 0, 3, 1, in two stacks.
    fn star() -> Self {
        let bench = Self::new();
        fs::write(bench.path("run.star"), STAR).unwrap();
        let image = |row: usize| (row as i64, IMAGES[row].0, IMAGES[row].1);
        bench.write_stack(0, &vec![image(2), image(0), image(3)], &[]);
        bench.write_stack(1, &vec![image(1)], &[]);
        bench.write_manifest(&bench.manifest(json!({"kind": "indexed-star"}), &["run.star"], &[3, 1]));
        bench
    }

    /// An output folder made from a `.cs` of four rows, whose images are its rows 3, 0, 1, 2.
    fn cs() -> Self {
        let bench = Self::new();
        bench.write_source_cs(&[70, 71, 72, 73]);
        let stack = vec![(3, "a.mrc", 3), (0, "a.mrc", 0), (1, "a.mrc", 1), (2, "a.mrc", 2)];
        bench.write_stack(0, &stack, &[73, 70, 71, 72]);
        bench.write_manifest(&bench.manifest(json!({"kind": "indexed-cs"}), &["run.cs"], &[4]));
        bench
    }

    /// An output folder made from two STAR files and their stacks, two rows each.
    fn pairs(first: &str, second: &str) -> Self {
        let bench = Self::new();
        fs::write(bench.path("1.star"), first).unwrap();
        fs::write(bench.path("2.star"), second).unwrap();
        bench.write_stack(0, &vec![(0, "1.mrcs", 0), (1, "1.mrcs", 1)], &[]);
        bench.write_stack(1, &vec![(0, "2.mrcs", 0), (1, "2.mrcs", 1)], &[]);
        let star = |name: &str| bench.path(name).to_str().unwrap().to_owned();
        let pairs = json!([[star("1.star"), "1.mrcs"], [star("2.star"), "2.mrcs"]]);
        let input = json!({"kind": "star-pairs", "pairs": pairs});
        bench.write_manifest(&bench.manifest(input, &["1.star", "2.star"], &[2, 2]));
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_source_cs(&self, uids: &[u64]) {
        let defocus: Vec<f32> = (0..uids.len()).map(|row| 10000.0 + row as f32).collect();
        let pose: Vec<f32> = (0..3 * uids.len()).map(|value| value as f32 / 8.0).collect();
        let columns = [
            CsSource::new("uid", CsData::U64(uids)),
            CsSource::new("ctf/df1_A", CsData::F32(&defocus)),
            CsSource { name: "alignments3D/pose", shape: &[3], values: CsData::F32(&pose) },
        ];
        fs::write(self.path("run.cs"), write_cs(Vec::new(), &columns).unwrap()).unwrap();
    }

    pub fn write_stack(&self, number: usize, images: &Stack, uids: &[u64]) {
        let path = self.path(&format!("out/fft/particles_fourier_stack_{number:06}.npz"));
        let mut npz = NpzWriter::new(BufWriter::new(File::create(path).unwrap()));
        let n = images.len();
        let rows: Vec<i64> = images.iter().map(|image| image.0).collect();
        let sections: Vec<i64> = images.iter().map(|image| image.2).collect();
        npz.add_text("files", &[n], images.iter().map(|image| image.1.as_bytes())).unwrap();
        npz.add_i64("idxs", &[n], &sections).unwrap();
        npz.add_i64("row", &[n], &rows).unwrap();
        npz.add_u64("uid", &[uids.len()], uids).unwrap();
        npz.finish().unwrap().into_inner().unwrap();
    }

    pub fn manifest(&self, input: Value, sources: &[&str], n_images: &[usize]) -> Value {
        let inputs: Vec<Value> = sources
            .iter()
            .map(|name| {
                let metadata = fs::metadata(self.path(name)).unwrap();
                let modified = metadata.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
                json!({"path": self.path(name), "bytes": metadata.len(), "modified": modified.as_secs_f64()})
            })
            .collect();
        let stacks: Vec<Value> = n_images
            .iter()
            .enumerate()
            .map(|(number, n)| json!({"number": number, "n_images": n, "files": []}))
            .collect();
        json!({
            "settings": {"input": input}, "inputs": inputs, "n_stacks": n_images.len(), "is_complete": true,
            "stacks": stacks,
        })
    }

    pub fn write_manifest(&self, manifest: &Value) {
        fs::write(self.path("out/manifest.json"), manifest.to_string()).unwrap();
    }

    fn read_manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("out/manifest.json")).unwrap()).unwrap()
    }

    fn npy(&self, name: &str, descr: &str, shape: &str, data: &[u8]) -> PathBuf {
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        while (10 + header.len()) % 64 != 0 {
            header.insert(header.len() - 1, ' ');
        }
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn f64s(&self, name: &str, values: &[f64]) -> PathBuf {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.npy(name, "<f8", &format!("({},)", values.len()), &data)
    }

    fn i32s(&self, name: &str, values: &[i32]) -> PathBuf {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.npy(name, "<i4", &format!("({},)", values.len()), &data)
    }

    pub fn mask(&self, name: &str, values: &[bool]) -> PathBuf {
        let data: Vec<u8> = values.iter().map(|&value| u8::from(value)).collect();
        self.npy(name, "|b1", &format!("({},)", values.len()), &data)
    }

    pub fn request(&self, output: &str) -> Export {
        Export { folder: self.path("out"), output: self.path(output), ..Export::default() }
    }

    fn export(&self, output: &str, rows: Option<PathBuf>, columns: &[(&str, PathBuf)]) -> Result<Exported, Error> {
        let columns = columns.iter().map(|(name, path)| ((*name).to_owned(), path.clone())).collect();
        export(&Export { rows, columns, ..self.request(output) }, &mut Findings::new())
    }

    fn error(&self, output: &str, rows: Option<PathBuf>, columns: &[(&str, PathBuf)]) -> String {
        let error = self.export(output, rows, columns).expect_err("an error");
        assert!(!self.path(output).exists(), "nothing is written: {error}");
        let left = fs::read_dir(self.dir.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".partial"));
        assert_eq!(left.count(), 0);
        error.to_string()
    }

    fn particles(&self, output: &str) -> StarTable {
        self.particles_of(output, "particles")
    }

    pub fn particles_of(&self, output: &str, block: &str) -> StarTable {
        StarFile::open(self.path(output)).unwrap().table(block).unwrap().clone()
    }
}

pub fn texts(table: &StarTable, column: &str) -> Vec<String> {
    let at = table.block.position(column).unwrap().unwrap();
    table.column(at).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

#[test]
fn all_images_in_the_order_of_the_stacks() {
    let bench = Bench::star();
    let exported = bench.export("o.star", None, &[]).unwrap();
    assert_eq!((exported.n_rows, exported.n_images), (4, 4));
    let (head, _) = STAR.split_once("000001@a").unwrap();
    let rows = [2, 0, 3, 1].map(star_row).join("\n");
    assert_eq!(fs::read_to_string(bench.path("o.star")).unwrap(), format!("{head}{rows}\n \n"));
}

#[test]
fn a_mask_keeps_order_and_everything_else() {
    let bench = Bench::star();
    let mask = bench.mask("m.npy", &[true, false, false, true]);
    bench.export("o.star", Some(mask), &[]).unwrap();
    let (head, _) = STAR.split_once("000001@a").unwrap();
    let rows = [2, 1].map(star_row).join("\n");
    assert_eq!(fs::read_to_string(bench.path("o.star")).unwrap(), format!("{head}{rows}\n \n"));
}

#[test]
fn indices_give_the_order_and_columns_follow() {
    let bench = Bench::star();
    let rows = bench.i32s("rows.npy", &[3, 0]);
    let score = bench.f64s("score.npy", &[0.1, 0.2, f64::NAN, 1e-12]);
    let class = bench.i32s("class.npy", &[5, 6, 7, -8]);
    let good = bench.mask("good.npy", &[true, false, false, false]);
    let columns = [("score", score), ("rlnMyClass", class), ("good", good)];
    let exported = bench.export("o.star", Some(rows), &columns).unwrap();
    assert_eq!((exported.n_rows, exported.columns), (2, vec!["score".into(), "rlnMyClass".into(), "good".into()]));
    let text = fs::read_to_string(bench.path("o.star")).unwrap();
    // New values come after the others, closing quotes included, and before a comment.
    assert!(text.contains("\n_rlnNote #3 \n_score #4\n_rlnMyClass #5\n_good #6\n000002@a.mrcs"), "{text}");
    assert!(text.contains("\n000002@a.mrcs  9800 'it''s' 1e-12 -8 0 # kept\n"), "{text}");
    let particles = bench.particles("o.star");
    assert_eq!(texts(&particles, "ImageName"), ["000002@a.mrcs", "000001@b.mrcs"]);
    assert_eq!(texts(&particles, "score"), ["1e-12", "0.1"]);
    assert_eq!(texts(&particles, "rlnMyClass"), ["-8", "5"]);
    assert_eq!(texts(&particles, "good"), ["0", "1"]);
    let rows = bench.f64s("rows.npy", &[1.0]);
    bench.export("whole.star", Some(rows), &[]).unwrap();
    assert_eq!(texts(&bench.particles("whole.star"), "Note"), ["first one"]);
}

#[test]
fn a_quoted_last_value_stays_in_its_quotes() {
    let bench = Bench::star();
    let score = bench.f64s("score.npy", &[1.0, 2.0, 3.0, 4.0]);
    bench.export("o.star", None, &[("score", score)]).unwrap();
    let text = fs::read_to_string(bench.path("o.star")).unwrap();
    assert!(text.contains("000001@a.mrcs  10500.5 \"first one\" 2.0 \n"), "{text}");
    assert!(text.contains("000003@a.mrcs  12000 x 3.0\t\n"), "{text}");
}

#[test]
fn tensors_are_read_too() {
    let bench = Bench::star();
    let mut bytes = Vec::new();
    write_pt(&mut bytes, &[4], &[0.5_f32, 0.25, 0.125, 0.1]).unwrap();
    fs::write(bench.path("score.pt"), &bytes).unwrap();
    bench.export("o.star", None, &[("score", bench.path("score.pt"))]).unwrap();
    assert_eq!(texts(&bench.particles("o.star"), "score"), ["0.5", "0.25", "0.125", "0.1"]);
}

#[test]
fn windows_lines_and_a_missing_last_line_end() {
    let bench = Bench::new();
    let text = "data_\r\nloop_\r\n_rlnImageName\r\n1@a.mrcs\r\n\r\n# between\r\n2@a.mrcs";
    fs::write(bench.path("run.star"), text).unwrap();
    bench.write_stack(0, &vec![(0, "a.mrcs", 0), (1, "a.mrcs", 1)], &[]);
    bench.write_manifest(&bench.manifest(json!({"kind": "indexed-star"}), &["run.star"], &[2]));
    let class = bench.i32s("class.npy", &[1, 2]);
    bench.export("o.star", None, &[("class", class)]).unwrap();
    // RELION stops at `\r`.
    let expected = "data_\nloop_\n_rlnImageName\n_class #2\n1@a.mrcs 1\n2@a.mrcs 2\n";
    assert_eq!(fs::read_to_string(bench.path("o.star")).unwrap(), expected);
}

#[test]
fn a_single_particle_as_keys_and_values() {
    let bench = Bench::new();
    let text = "data_particles\n\n_rlnImageName 1@a.mrcs\n_rlnDefocusU 9000 # Å\n\ndata_optics\n_rlnOpticsGroup 1\n";
    fs::write(bench.path("run.star"), text).unwrap();
    bench.write_stack(0, &vec![(0, "a.mrcs", 0)], &[]);
    bench.write_manifest(&bench.manifest(json!({"kind": "indexed-star"}), &["run.star"], &[1]));
    let class = bench.i32s("class.npy", &[4]);
    bench.export("o.star", None, &[("class", class)]).unwrap();
    let expected = text.replace("# Å\n", "# Å\n_class 4\n");
    assert_eq!(fs::read_to_string(bench.path("o.star")).unwrap(), expected);
}

#[test]
fn rows_of_a_cs_file_with_new_columns() {
    let bench = Bench::cs();
    let rows = bench.i32s("rows.npy", &[2, 0]);
    let score = bench.f64s("score.npy", &[0.5, 1.5, 2.5, 3.5]);
    let good = bench.mask("good.npy", &[true, false, false, true]);
    let class = bench.i32s("class.npy", &[9, 8, 7, 6]);
    let columns = [("cryolike/score", score), ("good", good), ("class", class)];
    bench.export("o.cs", Some(rows), &columns).unwrap();
    let mut source = CsReader::open(bench.path("run.cs")).unwrap();
    let mut cs = CsReader::open(bench.path("o.cs")).unwrap();
    let types: Vec<String> = cs.fields().map(|field| format!("{} {}", field.name, field.dtype)).collect();
    let expected = ["uid <u8", "ctf/df1_A <f4", "alignments3D/pose <f4", "cryolike/score <f8", "good |b1", "class <i4"];
    assert_eq!(types, expected);
    let mut source_rows = Vec::new();
    let keep = |rows: &mut Vec<Vec<u8>>, row: CsRow| {
        rows.push(row.bytes().to_vec());
        Ok(())
    };
    source.for_each_row([1, 3], |row| keep(&mut source_rows, row)).unwrap();
    let mut rows = Vec::new();
    cs.for_each_row([0, 1], |row| keep(&mut rows, row)).unwrap();
    for ((row, source), new) in rows.iter().zip(&source_rows).zip([(2.5_f64, 0_u8, 7_i32), (0.5, 1, 9)]) {
        let (old, added) = row.split_at(source.len());
        assert_eq!(old, source);
        assert_eq!(added[..8], new.0.to_le_bytes());
        assert_eq!(added[8], new.1);
        assert_eq!(added[9..], new.2.to_le_bytes());
    }
}

const PAIR: &str = "data_optics\nloop_\n_rlnOpticsGroup\n_rlnVoltage\n1 300\n\ndata_particles\nloop_\n_rlnDefocusU\n\
    _rlnOpticsGroup\n1000 1\n1001 1\n";

#[test]
fn pairs_with_the_same_columns_become_one_file() {
    let second = PAIR.replace("100", "200");
    let bench = Bench::pairs(PAIR, &second);
    let rows = bench.i32s("rows.npy", &[3, 0]);
    let score = bench.i32s("score.npy", &[10, 11, 12, 13]);
    let exported = bench.export("o.star", Some(rows), &[("score", score.clone())]).unwrap();
    assert_eq!(exported.sources.len(), 2);
    let particles = bench.particles("o.star");
    assert_eq!(texts(&particles, "DefocusU"), ["2001", "1000"]);
    assert_eq!(texts(&particles, "score"), ["13", "10"]);
    // Images of one file only: the other does not matter.
    let mask = bench.mask("m.npy", &[false, false, true, false]);
    let exported = bench.export("one.star", Some(mask), &[("score", score)]).unwrap();
    assert_eq!(exported.sources, [bench.path("2.star").to_str().unwrap()]);
    assert_eq!(texts(&bench.particles("one.star"), "DefocusU"), ["2000"]);
}

#[test]
fn pairs_that_differ_are_refused() {
    let columns = PAIR.replace("_rlnDefocusU", "_rlnDefocusV");
    let error = Bench::pairs(PAIR, &columns).error("o.star", None, &[]);
    assert!(error.contains("1.star` has the columns `_rlnDefocusU`"), "{error}");
    assert!(error.contains("2.star` has the columns `_rlnDefocusV`"), "{error}");
    let order =
        PAIR.replace("_rlnDefocusU\n_rlnOpticsGroup\n1000 1\n1001 1", "_rlnOpticsGroup\n_rlnDefocusU\n1 1\n1 2");
    let error = Bench::pairs(PAIR, &order).error("o.star", None, &[]);
    assert!(error.contains("in another order"), "{error}");
    let error = Bench::pairs(PAIR, &PAIR.replace("300", "200")).error("o.star", None, &[]);
    assert!(error.contains("`data_optics` differ"), "{error}");
    let keys = "data_particles\n_rlnDefocusU 1000\n_rlnOpticsGroup 1\n";
    let bench = Bench::pairs(PAIR, keys);
    bench.write_stack(1, &vec![(0, "2.mrcs", 0)], &[]);
    let mut manifest = bench.read_manifest();
    manifest["stacks"][1]["n_images"] = json!(1);
    bench.write_manifest(&manifest);
    let error = bench.error("o.star", None, &[]);
    assert!(error.contains("keys and values"), "{error}");
}

#[test]
fn an_image_file_of_two_star_files_can_not_be_led_back() {
    let bench = Bench::pairs(PAIR, PAIR);
    let mut manifest = bench.read_manifest();
    manifest["settings"]["input"]["pairs"][1][1] = json!("1.mrcs");
    bench.write_manifest(&manifest);
    assert!(bench.error("o.star", None, &[]).contains("the stacks don't say"));
}

#[test]
fn a_stack_of_an_unknown_image_file_is_refused() {
    let bench = Bench::pairs(PAIR, PAIR);
    bench.write_stack(1, &vec![(0, "other.mrcs", 0), (1, "other.mrcs", 1)], &[]);
    assert!(bench.error("o.star", None, &[]).contains("from `other.mrcs`"));
}

#[test]
fn masks_and_indices_that_do_not_fit() {
    let bench = Bench::star();
    let cases: [(PathBuf, &str); 13] = [
        (bench.mask("0.npy", &[true, false, true]), "a mask of 3 values, the folder holds 4 images"),
        (bench.mask("1.npy", &[true; 5]), "holds 5 values, the folder 4 images"),
        (bench.mask("2.npy", &[false; 4]), "chooses none of the 4 images"),
        (bench.i32s("3.npy", &[]), "chooses none of the 4 images"),
        (bench.i32s("4.npy", &[0, 4]), "index 1 (counted from 0) is 4, expected 0 to 3"),
        (bench.i32s("5.npy", &[-1]), "index 0 (counted from 0) is -1, expected 0 to 3"),
        (bench.f64s("6.npy", &[0.0, f64::NAN]), "index 1 (counted from 0) is NaN"),
        (bench.f64s("7.npy", &[0.5]), "index 0 (counted from 0) is 0.5, expected a whole number"),
        (bench.f64s("8.npy", &[1e300]), "index 0 (counted from 0) is 1e300, expected 0 to 3"),
        (bench.i32s("9.npy", &[2, 1, 2]), "image 2 is chosen twice, by index 0 and 2"),
        (bench.npy("10.npy", "<i4", "(2, 1)", &[0; 8]), "has the shape [2, 1], expected one axis"),
        (bench.npy("11.npy", "<c8", "(1,)", &[0; 8]), "holds NumPy's type <c8"),
        (bench.path("gone.npy"), "cannot read"),
    ];
    for (rows, expected) in cases {
        let error = bench.error("o.star", Some(rows), &[]);
        assert!(error.contains(expected), "{error}");
    }
    // Zeros and ones are not a mask unless their type says so.
    let error = bench.export("o.star", Some(bench.i32s("m.npy", &[0, 1, 1, 0])), &[]).unwrap_err();
    assert_eq!(error.hint().unwrap(), &"a mask has to be of type bool");
}

#[test]
fn columns_that_do_not_fit() {
    let bench = Bench::star();
    let fits = bench.f64s("fits.npy", &[0.0; 4]);
    let cases: [(&str, PathBuf, &str); 9] = [
        ("s", bench.f64s("0.npy", &[0.0; 3]), "3 values for the new column `s`, the folder holds 4 images"),
        ("s", bench.f64s("1.npy", &[0.0; 5]), "holds 5 values, the folder 4 images"),
        ("s", bench.npy("2.npy", "<c8", "(4,)", &[0; 32]), "expected integers, floats or truth values"),
        ("s", bench.npy("3.npy", "<f8", "(2, 2)", &[0; 32]), "expected one axis"),
        ("a b", fits.clone(), "contains white space"),
        ("", fits.clone(), "has no name"),
        ("rlnDefocusU", fits.clone(), "has a column `rlnDefocusU`"),
        ("DefocusU", fits.clone(), "has a column `rlnDefocusU`"),
        ("Voltage", fits.clone(), "has a column `rlnVoltage`"),
    ];
    for (name, path, expected) in cases {
        let error = bench.error("o.star", None, &[(name, path)]);
        assert!(error.contains(expected), "{error}");
    }
    let error = bench.error("o.star", None, &[("s", fits.clone()), ("s", fits.clone())]);
    assert!(error.contains("`s` is given twice"), "{error}");
    let error = bench.error("o.star", None, &[("s", fits.clone()), ("rlns", fits.clone())]);
    assert!(error.contains("the same to RELION's readers"), "{error}");
    let error = Bench::cs().error("o.cs", None, &[("uid", fits)]);
    assert!(error.contains("has a column `uid`"), "{error}");
    let rows = bench.i32s("rows.npy", &[1, 0]);
    let short = bench.f64s("short.npy", &[0.0; 2]);
    let error = bench.export("o.star", Some(rows), &[("s", short)]).unwrap_err();
    assert_eq!(error.hint().unwrap(), &"a new column has one value for each image of the folder, chosen or not");
}

#[test]
fn outputs_of_another_kind_or_in_the_way() {
    let bench = Bench::star();
    let error = bench.error("o.cs", None, &[]);
    assert!(
        error.contains("run.star`, a STAR file, whose rows have other columns than a CryoSPARC .cs file"),
        "{error}"
    );
    assert!(Bench::cs().error("o.star", None, &[]).contains("a CryoSPARC .cs file, whose rows"));
    assert!(bench.error("o.txt", None, &[]).contains("ends in `.star` or `.cs`"));
    assert!(bench.error("gone/o.star", None, &[]).contains("cannot write"));

    fs::write(bench.path("there.star"), "mine").unwrap();
    let error = bench.export("there.star", None, &[]).unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
    assert_eq!(fs::read(bench.path("there.star")).unwrap(), b"mine");
    export(&Export { overwrite: true, ..bench.request("there.star") }, &mut Findings::new()).unwrap();
    assert_eq!(bench.particles("there.star").n_rows(), 4);

    let onto_source = Export { overwrite: true, ..bench.request("run.star") };
    let error = export(&onto_source, &mut Findings::new()).unwrap_err();
    assert!(error.to_string().contains("is not replaced"), "{error}");
    assert_eq!(fs::read_to_string(bench.path("run.star")).unwrap(), STAR);
    fs::create_dir(bench.path("folder.star")).unwrap();
    let onto_folder = Export { overwrite: true, ..bench.request("folder.star") };
    assert!(export(&onto_folder, &mut Findings::new()).unwrap_err().to_string().contains("is a folder"));
}

#[test]
fn folders_that_are_not_whole() {
    let bench = Bench::star();
    fs::remove_file(bench.path("out/fft/particles_fourier_stack_000001.npz")).unwrap();
    assert!(bench.error("o.star", None, &[]).contains("particles_fourier_stack_000001.npz"));

    let bench = Bench::star();
    let mut manifest = bench.read_manifest();
    manifest["is_complete"] = json!(false);
    bench.write_manifest(&manifest);
    assert!(bench.error("o.star", None, &[]).contains("is not whole"));
    manifest["is_complete"] = json!(true);
    manifest["stacks"].as_array_mut().unwrap().remove(0);
    bench.write_manifest(&manifest);
    assert!(bench.error("o.star", None, &[]).contains("is not whole: 1 of 2 stacks are there"));

    let bench = Bench::star();
    let mut manifest = bench.read_manifest();
    manifest["stacks"][0]["n_images"] = json!(4);
    bench.write_manifest(&manifest);
    assert!(bench.error("o.star", None, &[]).contains("its `row` has 3 values, the manifest counts 4 images"));

    fs::write(bench.path("out/manifest.json"), "{}").unwrap();
    assert!(bench.error("o.star", None, &[]).contains("is not a verglas manifest"));
    fs::remove_file(bench.path("out/manifest.json")).unwrap();
    assert!(bench.error("o.star", None, &[]).contains("has no manifest.json"));

    let bench = Bench::star();
    let path = bench.path("out/fft/particles_fourier_stack_000001.npz");
    let mut npz = NpzWriter::new(File::create(path).unwrap());
    npz.add_i64("n_images", &[], &[1]).unwrap();
    npz.finish().unwrap();
    assert!(bench.error("o.star", None, &[]).contains("has no `row`"));
}

#[test]
fn sources_that_changed() {
    let bench = Bench::star();
    fs::write(bench.path("run.star"), format!("{STAR}# more\n")).unwrap();
    assert!(bench.error("o.star", None, &[]).contains("bytes, it had"));
    // The same size, other rows.
    fs::write(bench.path("run.star"), STAR.replace("000003@a", "000004@a")).unwrap();
    assert!(bench.error("o.star", None, &[]).contains("row 3 (counted from 0) does not name image 2"));
    let shorter = STAR.replace(star_row(3), &" ".repeat(star_row(3).len()));
    fs::write(bench.path("run.star"), shorter).unwrap();
    let error = bench.error("o.star", None, &[]);
    assert!(error.contains("row 3 (counted from 0) is the source of an image, but the file has 3 rows"), "{error}");
    fs::write(bench.path("run.star"), STAR.replace("_rlnImageName", "_rlnImageNamX")).unwrap();
    assert!(bench.error("o.star", None, &[]).contains("no rlnImageName any more"));
    fs::remove_file(bench.path("run.star")).unwrap();
    assert!(bench.error("o.star", None, &[]).contains("cannot read"));

    let bench = Bench::cs();
    bench.write_source_cs(&[70, 71, 73, 72]);
    assert!(bench.error("o.cs", None, &[]).contains("the uid in row 3 (counted from 0) is not that of image 0"));
    bench.write_stack(0, &vec![(9, "a.mrc", 3), (0, "a.mrc", 0), (1, "a.mrc", 1), (2, "a.mrc", 2)], &[73, 70, 71, 72]);
    let error = bench.error("o.cs", None, &[]);
    assert!(error.contains("row 9 (counted from 0) is the source of an image, but the file has 4 rows"), "{error}");
}

#[test]
fn a_touched_source_is_reported() {
    let bench = Bench::star();
    let mut manifest = bench.read_manifest();
    manifest["inputs"][0]["modified"] = json!(1000.5);
    bench.write_manifest(&manifest);
    let mut findings = Findings::new();
    export(&bench.request("o.star"), &mut findings).unwrap();
    assert_eq!(findings.warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), ["source-touched"]);
    let mut findings = Findings::new();
    let untouched = Bench::star();
    export(&untouched.request("o.star"), &mut findings).unwrap();
    assert_eq!(findings.warnings, []);
}

/// Many rows, so that reading goes through several buffers, in and out of order.
#[test]
fn many_rows_in_any_order() {
    const N: usize = 20_000;
    let bench = Bench::new();
    let line = |row: usize| format!("{}@a.mrcs {}", row + 1, "x".repeat(row % 97 + 1));
    let rows: Vec<String> = (0..N).map(line).collect();
    let text = format!("data_particles\nloop_\n_rlnImageName\n_note\n{}\n", rows.join("\n"));
    fs::write(bench.path("run.star"), text).unwrap();
    let stack: Stack = (0..N as i64).map(|row| (row, "a.mrcs", row)).collect();
    bench.write_stack(0, &stack, &[]);
    bench.write_manifest(&bench.manifest(json!({"kind": "indexed-star"}), &["run.star"], &[N]));
    // A walk through all rows with a step that has no divisor in common with their number.
    let order: Vec<i32> = (0..N).map(|at| (at * 7919 % N) as i32).collect();
    bench.export("o.star", Some(bench.i32s("rows.npy", &order)), &[]).unwrap();
    let exported = fs::read_to_string(bench.path("o.star")).unwrap();
    let expected: Vec<String> = order.iter().map(|&row| line(row as usize)).collect();
    assert_eq!(exported.lines().skip(4).collect::<Vec<_>>(), expected);
    bench.export("all.star", None, &[]).unwrap();
    assert!(same_files(&bench.path("all.star"), &bench.path("run.star")));
}

fn same_files(a: &Path, b: &Path) -> bool {
    fs::read(a).unwrap() == fs::read(b).unwrap()
}
