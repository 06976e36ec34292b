//! Which images count.

use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_formats::npy::{Dtype, Kind, read_npy};

/// Reads a mask over all images, or places of some, each at most once; the places, in the order of the file.
///
/// # Errors
/// A file that can't be read or is neither; a mask of another length; a place that there is not, or twice; no image at all.
pub(super) fn select_images(path: &Path, n_images: usize) -> Result<Vec<usize>> {
    let shown = path.display();
    let in_file = |error| Error::from_format(path, error);
    let array = read_npy(path).map_err(in_file)?;
    if array.shape().len() != 1 {
        return Err(Error::value(format!("`{shown}` has the shape {:?}, expected one axis", array.shape())));
    }
    let Dtype::Scalar(scalar) = array.dtype() else {
        return Err(Error::value(format!("`{shown}` holds records, expected truth values or places of images")));
    };
    let chosen: Vec<usize> = match scalar.kind {
        Kind::Bool => {
            let mask = array.to_bool().map_err(in_file)?;
            if mask.len() != n_images {
                return Err(Error::value(format!(
                    "`{shown}`: a mask of {}, there are {}",
                    counted(mask.len(), "value"),
                    counted(n_images, "image")
                )));
            }
            (0..n_images).filter(|&image| mask[image]).collect()
        }
        Kind::Int | Kind::Uint => places(&array.to_i64().map_err(in_file)?, n_images)
            .map_err(|what| Error::value(format!("`{shown}`: {what}")))?,
        _ => {
            return Err(Error::value(format!(
                "`{shown}` is of NumPy's type {scalar}, expected truth values or whole numbers"
            )));
        }
    };
    if chosen.is_empty() {
        return Err(Error::value(format!("`{shown}` chooses none of the {}", counted(n_images, "image"))));
    }
    Ok(chosen)
}

fn places(indices: &[i64], n_images: usize) -> std::result::Result<Vec<usize>, String> {
    let mut is_chosen = vec![false; n_images];
    let mut chosen = Vec::with_capacity(indices.len());
    for (at, &index) in indices.iter().enumerate() {
        let place = usize::try_from(index).ok().filter(|&place| place < n_images);
        let place = place
            .ok_or_else(|| format!("place {at} (from 0) is {index}, expected 0 to {}", n_images.saturating_sub(1)))?;
        if std::mem::replace(&mut is_chosen[place], true) {
            return Err(format!("image {place} is chosen twice; a mask has to be of type bool"));
        }
        chosen.push(place);
    }
    Ok(chosen)
}
