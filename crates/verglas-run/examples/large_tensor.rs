//! Writes a tensor of more than 4 GiB, of which only the last image is not 0: the file is sparse, so that it takes no room. For
//! the test that real torch loads such a file.
//!
//! `large_tensor FILE.pt`

use std::path::Path;

use verglas_formats::pt::PtDtype;
use verglas_run::tensor::TensorFile;

const N_IMAGES: usize = 70;
const SHAPE: [u64; 2] = [65, 65_536];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("expected the name of the file")?;
    let tensor = TensorFile::create(Path::new(&path), PtDtype::Complex128, N_IMAGES, SHAPE)?;
    let zeros = vec![0; (SHAPE[0] * SHAPE[1] * 16) as usize];
    let last: Vec<u8> = (0..SHAPE[0] * SHAPE[1] * 2).flat_map(|place| (place as f64).to_le_bytes()).collect();
    tensor.write_images(N_IMAGES - 1, &last)?;
    let mut crcs = vec![crc32fast::hash(&zeros); N_IMAGES];
    crcs[N_IMAGES - 1] = crc32fast::hash(&last);
    tensor.finish(crcs.into_iter())?;
    Ok(())
}
