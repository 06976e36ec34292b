//! Converts a data set: `cargo run --release --example convert -- OUTPUT run_data.star`, or .cs files in place of it.

use verglas::{Conversion, ConvertSettings, Input, Result};

fn main() -> Result<()> {
    let mut paths = std::env::args().skip(1);
    let output = paths.next().unwrap_or_else(|| "stacks".to_owned());
    let conversion = Conversion::prepare(Input::from_paths(paths)?, ConvertSettings::default())?;
    for warning in conversion.warnings() {
        eprintln!("warning: {}", warning.message);
    }
    let summary = conversion.run(&output)?;
    println!("{} particles in {} stacks below {output}", summary.n_images, summary.n_stacks);
    Ok(())
}
