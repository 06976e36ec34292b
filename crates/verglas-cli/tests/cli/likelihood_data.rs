//! Small stacks and templates for the tests of likelihoods.

use std::fs;
use std::path::Path;

use verglas_formats::pt::{ElementType, PtFile};

use crate::data_set::{DataSet, Ran};
use crate::templates_data::write_protein;

/// A folder with 20 particles of two proteins (32 px of 2 Å, much signal) as three stacks in `stacks`, and the proteins'
/// templates in `templates`.
pub fn compared() -> DataSet {
    let set = DataSet::empty();
    write_protein(&set, "a.pdb", 14, 1);
    write_protein(&set, "b.pdb", 11, 2);
    let simulate = "simulate -o data --particles 20 --n-pixels 32 --pixel-size 2 --structure a.pdb --structure b.pdb \
                    --snr 2 --stacks 2 --seed 3";
    for command in [
        simulate,
        "convert data/particles.star -o stacks --batch-size 8 --no-plots --no-physical",
        "templates a.pdb b.pdb -o templates -d stacks --viewing-distance 0.5 --no-plots",
    ] {
        let ran = run(&set, command);
        assert_eq!(ran.code, 0, "{command}: {}", ran.stderr);
    }
    set
}

/// Runs a command without quotes in it.
pub fn run(set: &DataSet, command: &str) -> Ran {
    set.run(&command.split_whitespace().collect::<Vec<_>>())
}

/// Compares `stacks` with `templates`, by default at few displacements.
pub fn likelihood(set: &DataSet, output: &str, arguments: &str) -> Ran {
    let reach = if arguments.contains("--max-displacement") { "" } else { "--max-displacement 2" };
    let counts = if arguments.contains("--displacements") { "" } else { "--displacements 3,5" };
    run(set, &format!("likelihood stacks -t templates -o {output} {reach} {counts} {arguments}"))
}

#[track_caller]
pub fn assert_made(set: &DataSet, output: &str, arguments: &str) {
    let ran = likelihood(set, output, arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// The values of a line, some of them in quotes.
fn values(line: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut is_quoted = false;
    for char in line.chars() {
        match char {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => values.push(String::new()),
            _ => values.last_mut().unwrap().push(char),
        }
    }
    values
}

/// A `.csv` without line ends or quotes in its values: the values of its columns.
pub struct Csv {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Csv {
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let mut lines = text.lines().map(values);
        let columns = lines.next().unwrap();
        let rows: Vec<_> = lines.collect();
        assert!(rows.iter().all(|row| row.len() == columns.len()), "{}", path.display());
        Self { columns, rows }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    pub fn texts(&self, name: &str) -> Vec<String> {
        let column = self.columns.iter().position(|column| column == name).unwrap_or_else(|| panic!("no {name}"));
        self.rows.iter().map(|row| row[column].clone()).collect()
    }

    /// As [`Csv::numbers`], with NaN for what is none.
    pub fn numbers_or_nan(&self, name: &str) -> Vec<f64> {
        self.texts(name).iter().map(|text| text.parse().unwrap_or(f64::NAN)).collect()
    }

    pub fn numbers(&self, name: &str) -> Vec<f64> {
        self.texts(name).iter().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}"))).collect()
    }
}

/// Shape and values of a tensor of real numbers.
pub fn tensor(path: &Path) -> (Vec<u64>, Vec<f64>) {
    let mut file = PtFile::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (shape, n) = (file.tensor().shape().to_vec(), file.tensor().n_rows());
    let values = match file.tensor().element_type() {
        ElementType::Float32 => file.read_f32(0..n).unwrap().into_iter().map(f64::from).collect(),
        ElementType::Int64 => file.read_i64(0..n).unwrap().into_iter().map(|value| value as f64).collect(),
        _ => file.read_f64(0..n).unwrap(),
    };
    (shape, values)
}
