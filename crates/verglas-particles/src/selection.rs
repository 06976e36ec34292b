//! Which images are chosen.

use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;

use crate::vector::Vector;

/// Reads a mask over all images, or indices of images, and returns the chosen ones in the order of the output.
///
/// Indices may be floats if they are whole numbers, as some programs save them.
///
/// # Errors
/// A mask of another length; an index that is negative, past the last image, no whole number, or there twice; nothing
/// chosen at all.
pub(crate) fn select_images(path: &Path, n_images: usize) -> Result<Vec<u32>> {
    let vector = Vector::read(path, n_images)?;
    let chosen = match vector {
        Vector::Bool(mask) if mask.len() == n_images => {
            mask.iter().zip(0..).filter(|(is_chosen, _)| **is_chosen).map(|(_, index)| index).collect()
        }
        Vector::Bool(mask) => {
            return Err(Error::value(format!(
                "`{}`: a mask of {}, the folder holds {}",
                path.display(),
                counted(mask.len(), "value"),
                counted(n_images, "image")
            ))
            .with_hint("a mask has one value for each image of the folder, in its order"));
        }
        indices => chosen_indices(path, &indices, n_images)?,
    };
    if chosen.is_empty() {
        return Err(Error::value(format!("`{}` chooses none of the {}", path.display(), counted(n_images, "image"))));
    }
    Ok(chosen)
}

fn chosen_indices(path: &Path, indices: &Vector, n_images: usize) -> Result<Vec<u32>> {
    let mut chosen = Vec::with_capacity(indices.len());
    // Where each image is chosen, from 1; 0 for not yet.
    let mut chosen_at = vec![0_u32; n_images];
    for at in 0..indices.len() {
        let index = index_at(path, indices, at, n_images)?;
        let earlier = std::mem::replace(&mut chosen_at[index as usize], at as u32 + 1);
        if earlier > 0 {
            let error = Error::value(format!(
                "`{}`: image {index} is chosen twice, by index {} and {at} (counted from 0)",
                path.display(),
                earlier - 1
            ));
            let looks_like_mask = indices.len() == n_images;
            return Err(match looks_like_mask {
                true => error.with_hint("a mask has to be of type bool"),
                false => error.with_hint("each particle is exported once; leave the repeated indices out"),
            });
        }
        chosen.push(index);
    }
    Ok(chosen)
}

/// Index `at` of `indices`, one of `n` things.
///
/// # Errors
/// When it is no whole number, or none of them.
pub(crate) fn index_at(path: &Path, indices: &Vector, at: usize, n: usize) -> Result<u32> {
    let index = || -> std::result::Result<u32, String> {
        let in_range = |index: Option<u32>| index.filter(|&index| (index as usize) < n);
        let index = match indices {
            Vector::F32(values) => in_range(whole(f64::from(values[at]))?),
            Vector::F64(values) => in_range(whole(values[at])?),
            Vector::I32(values) => in_range(u32::try_from(values[at]).ok()),
            Vector::I64(values) => in_range(u32::try_from(values[at]).ok()),
            Vector::U32(values) => in_range(Some(values[at])),
            Vector::U64(values) => in_range(u32::try_from(values[at]).ok()),
            Vector::Bool(_) => None,
        };
        index.ok_or_else(|| {
            let mut found = Vec::new();
            indices.push_text(at, &mut found);
            format!("is {}, expected 0 to {}", String::from_utf8_lossy(&found), n.saturating_sub(1))
        })
    };
    index().map_err(|what| Error::value(format!("`{}`: index {at} (counted from 0) {what}", path.display())))
}

/// A float that is a whole number; `None` if it is one that no index can be.
fn whole(value: f64) -> std::result::Result<Option<u32>, String> {
    if value.is_nan() {
        return Err("is NaN, expected a whole number".to_owned());
    }
    if value.fract() != 0.0 {
        return Err(format!("is {value}, expected a whole number"));
    }
    Ok((0.0..=f64::from(u32::MAX)).contains(&value).then_some(value as u32))
}
