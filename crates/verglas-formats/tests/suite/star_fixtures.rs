//! This reader reads the same from awkward files as the Python package `starfile`. `fixtures/star/make.py` made the
//! files and the expectations.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use verglas_formats::star::{BlockKind, StarFile};

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/star");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of fixtures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "star"))
        .collect();
    paths.sort();
    paths
}

fn strings(array: &Value) -> Vec<Option<&str>> {
    array.as_array().expect("an array").iter().map(Value::as_str).collect()
}

#[test]
fn files_read_as_starfile_reads_them() {
    let paths = fixtures();
    assert!(paths.len() >= 29, "only {} fixtures found", paths.len());
    for path in paths {
        let case = path.file_stem().expect("a name").to_string_lossy();
        let text = fs::read_to_string(path.with_extension("json")).expect("the expectation");
        let expected: Value = serde_json::from_str(&text).expect("JSON");
        let expected = expected.as_array().expect("a list of blocks");
        let file = StarFile::open(&path).unwrap_or_else(|error| panic!("{}", error.describe(&case)));

        assert_eq!(file.tables.len(), expected.len(), "{case}: number of blocks");
        for (table, expected) in file.tables.iter().zip(expected) {
            assert_eq!(Some(table.block.name.as_str()), expected["name"].as_str(), "{case}");
            let kind = if expected["kind"] == "loop" { BlockKind::Loop } else { BlockKind::Pairs };
            assert_eq!(table.block.kind, kind, "{case}");
            let columns: Vec<Option<&str>> =
                table.block.columns.iter().map(|column| Some(column.name.as_str())).collect();
            assert_eq!(columns, strings(&expected["columns"]), "{case}");
            let rows = expected["rows"].as_array().expect("rows");
            assert_eq!(table.n_rows(), rows.len(), "{case}: number of rows");
            for (index, expected) in rows.iter().enumerate() {
                let found: Vec<Option<&str>> = table
                    .row(index)
                    .map(|value| std::str::from_utf8(value).expect("UTF-8"))
                    // To starfile these words are NaN; to this reader, text like any other.
                    .map(|value| (!["nan", "NaN", "<NA>"].contains(&value)).then_some(value))
                    .collect();
                assert_eq!(found, strings(expected), "{case}, row {index}");
            }
        }
    }
}
