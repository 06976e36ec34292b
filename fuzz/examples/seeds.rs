//! Writes the fuzzers' first inputs, those of the crate's tests of damaged files, to `corpus/`.

use std::fs;
use std::io;
use std::path::Path;

use verglas_fuzz::hostile::READERS;
use verglas_fuzz::hostile::seeds::seeds;

fn main() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = here.join("../crates/verglas-formats/tests/fixtures");
    for reader in &READERS {
        let folder = here.join("corpus").join(reader.name);
        fs::create_dir_all(&folder)?;
        let seeds = seeds(reader.name, &fixtures);
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), seed)?;
        }
        println!("{}: {} seeds", reader.name, seeds.len());
    }
    Ok(())
}
