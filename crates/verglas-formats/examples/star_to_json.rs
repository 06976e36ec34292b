//! Prints every block of a STAR file as JSON: `star_to_json FILE`. For comparing with other readers.

use std::process::ExitCode;

use serde_json::{Value, json};
use verglas_formats::star::{BlockKind, StarFile};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: star_to_json FILE");
        return ExitCode::from(2);
    };
    match StarFile::open(&path) {
        Ok(file) => {
            println!("{}", to_json(&file));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}", error.describe(&path.to_string_lossy()));
            ExitCode::FAILURE
        }
    }
}

fn to_json(file: &StarFile) -> Value {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let tables = file.tables.iter().map(|table| {
        json!({
            "name": table.block.name,
            "kind": match table.block.kind {
                BlockKind::Loop => "loop",
                BlockKind::Pairs => "pairs",
                BlockKind::Empty => "empty",
            },
            "columns": table.block.columns.iter().map(|column| &column.name).collect::<Vec<_>>(),
            "rows": (0..table.n_rows()).map(|row| table.row(row).map(text).collect()).collect::<Vec<Vec<String>>>(),
        })
    });
    tables.collect()
}
