//! Which images count.

use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_formats::npy::{Dtype, Kind, read_npy};

use crate::settings::ImageChoice;

/// The places of the images that are chosen, in the order of the choice.
///
/// # Errors
/// A file that can't be read or is neither mask nor places; a mask of another length; a place that does not exist, or
/// twice; no image at all.
pub(super) fn select_images(choice: &ImageChoice, n_images: usize) -> Result<Vec<usize>> {
    let said = choice.path().map_or_else(|| "the choice of images".to_owned(), |path| format!("`{}`", path.display()));
    let read;
    let choice = match choice {
        ImageChoice::File(path) => {
            read = read_choice(path)?;
            &read
        }
        choice => choice,
    };
    let chosen = match choice {
        ImageChoice::Mask(mask) if mask.len() != n_images => {
            return Err(Error::value(format!(
                "{said}: a mask of {}, there are {}",
                counted(mask.len(), "value"),
                counted(n_images, "image")
            )));
        }
        ImageChoice::Mask(mask) => (0..n_images).filter(|&image| mask[image]).collect(),
        ImageChoice::Places(indices) => {
            places(indices, n_images).map_err(|what| Error::value(format!("{said}: {what}")))?
        }
        // Not what `read_choice` gives.
        ImageChoice::File(_) => Vec::new(),
    };
    if chosen.is_empty() {
        return Err(Error::value(format!("{said} chooses none of the {}", counted(n_images, "image"))));
    }
    Ok(chosen)
}

fn read_choice(path: &Path) -> Result<ImageChoice> {
    let shown = path.display();
    let in_file = |error| Error::from_format(path, error);
    let array = read_npy(path).map_err(in_file)?;
    if array.shape().len() != 1 {
        return Err(Error::value(format!("`{shown}` has the shape {:?}, expected one axis", array.shape())));
    }
    let Dtype::Scalar(scalar) = array.dtype() else {
        return Err(Error::value(format!("`{shown}` holds records, expected truth values or places of images")));
    };
    match scalar.kind {
        Kind::Bool => array.to_bool().map(ImageChoice::Mask).map_err(in_file),
        Kind::Int | Kind::Uint => array.to_i64().map(ImageChoice::Places).map_err(in_file),
        _ => {
            Err(Error::value(format!("`{shown}` is of NumPy's type {scalar}, expected truth values or whole numbers")))
        }
    }
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
