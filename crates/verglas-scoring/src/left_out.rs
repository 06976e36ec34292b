//! The images that can't be had or compared, where they may be left out: found, listed beside a unit's results, and told.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use num_complex::Complex;
use serde::{Deserialize, Serialize};
use verglas_core::error::{Error, Result};
use verglas_core::findings::{Warning, counted};
use verglas_likelihood::{ImageCheck, LikelihoodError};
use verglas_run::manifest::{Manifest, RecordedPath, SkippedImage};

use crate::number::Number;
use crate::stacks::{ImageStack, StackOrigin};

/// Images of a stack that are left out, by their place in it, and why.
pub(crate) type LeftOut = BTreeMap<usize, String>;

/// One image in the list of a unit.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    index: usize,
    reason: String,
}

/// The list of a unit as its file holds it.
///
/// # Errors
/// When it can't be written.
pub(crate) fn to_bytes(left_out: &LeftOut) -> Result<Vec<u8>> {
    let entries = left_out.iter().map(|(&index, reason)| Entry { index, reason: reason.clone() });
    let mut bytes = serde_json::to_vec_pretty(&entries.collect::<Vec<_>>())
        .map_err(|error| Error::value(format!("no list of images can be written: {error}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The list at `path` of a stack of `n_images`; empty where there is none.
///
/// # Errors
/// When it can't be read, or is none that a unit of this stack writes.
pub(crate) fn read(path: &Path, n_images: usize) -> Result<LeftOut> {
    if !path.exists() {
        return Ok(LeftOut::new());
    }
    let bytes = verglas_formats::read_regular(path)
        .map_err(|error| Error::io(format_args!("cannot read `{}`", path.display()), &error))?;
    let entries: Vec<Entry> = serde_json::from_slice(&bytes)
        .map_err(|error| Error::format(format!("`{}` is no list of images: {error}", path.display())))?;
    let list: LeftOut = entries.into_iter().map(|entry| (entry.index, entry.reason)).collect();
    match list.last_key_value() {
        Some((&last, _)) if last >= n_images => {
            let n = counted(n_images, "image");
            Err(Error::format(format!("`{}` lists image {last} of a stack of {n}", path.display())))
        }
        _ => Ok(list),
    }
}

/// Why an image can't be compared; `None` of an error that is not of one image alone.
pub(crate) fn reason(error: &LikelihoodError) -> Option<String> {
    match error {
        LikelihoodError::ImageNotFinite { shell, inplane, .. } => {
            Some(format!("its value at shell {shell}, in-plane {inplane} is not a finite number"))
        }
        LikelihoodError::ImageNorm { .. } => Some("its norm is 0 once the constant is taken out".to_owned()),
        _ => None,
    }
}

/// Looks at each image of `values` that is not left out yet, and leaves out those that can't be compared.
///
/// # Errors
/// When images are of another size.
pub(crate) fn look<T: Number>(
    check: &mut ImageCheck<'_>,
    n_points: usize,
    values: &[Complex<T>],
    left_out: &mut [Option<String>],
) -> Result<()> {
    for (image, (values, left_out)) in values.chunks_exact(n_points).zip(left_out).enumerate() {
        if left_out.is_none()
            && let Err(error) = check.look(image, values)
        {
            *left_out = Some(reason(&error).ok_or_else(|| Error::value(error.to_string()))?);
        }
    }
    Ok(())
}

/// Moves the images that are not left out to the front of `values`, which loses the others; returns their places.
pub(crate) fn keep<T: Number>(
    n_points: usize,
    values: &mut Vec<Complex<T>>,
    left_out: &[Option<String>],
) -> Vec<usize> {
    let kept: Vec<usize> = (0..left_out.len()).filter(|&image| left_out[image].is_none()).collect();
    for (to, &from) in kept.iter().enumerate() {
        if to != from {
            values.copy_within(from * n_points..(from + 1) * n_points, to * n_points);
        }
    }
    values.truncate(kept.len() * n_points);
    kept
}

/// What the manifest says of images of `stack` that are left out.
///
/// # Errors
/// When the stack's metadata can't be read.
pub(crate) fn records(stack: &ImageStack, left_out: &LeftOut) -> Result<Vec<SkippedImage>> {
    if left_out.is_empty() {
        return Ok(Vec::new());
    }
    let sources = stack.sources()?;
    let record = |(&image, reason): (&usize, &String)| {
        let row = sources.rows.get(image).copied().unwrap_or((stack.first_image + image) as i64);
        let (file, section) = match &stack.origin {
            StackOrigin::Files { fourier, .. } => (RecordedPath::from(fourier.as_path()), image as i64),
            StackOrigin::Particles(_) | StackOrigin::Recorded => {
                let file = sources.files.get(image).map(Vec::as_slice).unwrap_or_default();
                let section = sources.sections.get(image).copied().unwrap_or(0);
                (RecordedPath::from(Path::new(OsStr::from_bytes(file))), section)
            }
        };
        SkippedImage {
            stack: stack.number,
            row: u32::try_from(row).unwrap_or(u32::MAX),
            file,
            section: u32::try_from(section).unwrap_or(u32::MAX),
            reason: reason.clone(),
        }
    };
    Ok(left_out.iter().map(record).collect())
}

/// Enters images into the manifest that it does not list yet: each structure leaves out the same ones.
pub(crate) fn enter(manifest: &mut Manifest, images: Vec<SkippedImage>) {
    if images.is_empty() {
        return;
    }
    let known: HashSet<(usize, u32)> = manifest.skipped.iter().map(SkippedImage::place).collect();
    manifest.skipped.extend(images.into_iter().filter(|image| !known.contains(&image.place())));
}

/// What is told of them at the end.
pub(crate) fn warning(n_left_out: usize, n_images: usize, is_in_tables: bool) -> Option<Warning> {
    if n_left_out == 0 {
        return None;
    }
    let place = if is_in_tables { "the tables say which, and why" } else { "the manifest says which, and why" };
    let message =
        format!("{n_left_out} of {} left out, for they can't be read or compared; {place}", counted(n_images, "image"));
    Some(Warning { code: "images-left-out", message: message.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_moves_to_the_front() {
        let mut values: Vec<Complex<f32>> = (0..8).map(|value| Complex::new(value as f32, 0.0)).collect();
        let left_out = [None, Some("a".to_owned()), None, Some("b".to_owned())];
        assert_eq!(keep(2, &mut values, &left_out), [0, 2]);
        assert_eq!(values.iter().map(|value| value.re).collect::<Vec<_>>(), [0.0, 1.0, 4.0, 5.0]);
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        assert_eq!(read(&path, 3).unwrap(), LeftOut::new());
        let list = LeftOut::from([(0, "its \"norm\" is 0".to_owned()), (2, "`a.mrcs` not found".to_owned())]);
        std::fs::write(&path, to_bytes(&list).unwrap()).unwrap();
        assert_eq!(read(&path, 3).unwrap(), list);
        let error = read(&path, 2).unwrap_err().to_string();
        assert!(error.contains("lists image 2 of a stack of 2 images"), "{error}");
        std::fs::write(&path, "{").unwrap();
        assert!(read(&path, 3).unwrap_err().to_string().contains("is no list of images"));
    }
}
