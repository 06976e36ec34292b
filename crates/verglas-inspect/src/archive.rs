//! `.npz` archives: a descriptor, a stack's metadata, or any arrays.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Serialize;
use verglas_core::error::{Error, Result};
use verglas_formats::npy::NpyHeader;
use verglas_formats::npz::NpzReader;
use verglas_formats::zip::{Method, ZipReader};
use verglas_particles::stack::{StackColumns, keys};
use verglas_run::descriptor::ImageDescriptor;

use super::descriptor::DescriptorContents;
use super::found::Found;
use super::stack::StackContents;
use super::stack::inspect_stack;
use super::structure::TemplateContents;
use super::structure::inspect_templates;

/// The contents of an archive that is neither descriptor nor stack metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArchiveContents {
    /// Its arrays, in their order.
    pub arrays: Vec<ArrayEntry>,
    /// Entries that are not arrays.
    pub others: Vec<String>,
}

/// One array of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArrayEntry {
    /// Its name, without `.npy`.
    pub name: String,
    /// NumPy's type, such as `<f8`.
    pub dtype: String,
    /// Its shape, empty for a single value.
    pub shape: Vec<u64>,
    /// Bytes of its values and header.
    pub bytes: u64,
    /// Whether it is compressed.
    pub is_compressed: bool,
}

/// The kind of an archive.
pub(super) enum OfArchive {
    /// The keys of an image descriptor.
    Descriptor(DescriptorContents),
    /// The metadata of an output stack.
    Stack(Box<StackContents>),
    /// The metadata of templates.
    Templates(Box<TemplateContents>),
    /// Anything else.
    Other(ArchiveContents),
}

pub(super) fn inspect_archive(path: &Path) -> Result<Found<OfArchive>> {
    let in_file = |error| Error::from_format(path, error);
    let mut npz = NpzReader::open(path).map_err(in_file)?;
    let has_all = |npz: &NpzReader<BufReader<File>>, names: &[&str]| names.iter().all(|name| npz.has(name));
    if !has_all(&npz, &["n_pixels", "pixel_size", "radius_max", "n_inplanes"]) {
        return Ok(Found::plain(OfArchive::Other(list_arrays(path)?)));
    }
    if has_all(&npz, &[keys::DEFOCUS_U, keys::DEFOCUS_V, keys::N_IMAGES]) {
        return Ok(inspect_stack(StackColumns::new(path, npz))?.map(|stack| OfArchive::Stack(Box::new(stack))));
    }
    if has_all(&npz, &["n_templates", "viewing_azimuth"]) {
        return Ok(inspect_templates(path)?.map(|templates| OfArchive::Templates(Box::new(templates))));
    }
    let descriptor = ImageDescriptor::read(&mut npz).map_err(in_file)?;
    Ok(Found::plain(OfArchive::Descriptor(DescriptorContents::of(&descriptor))))
}

/// Reads the header of every array; their values are left where they are.
fn list_arrays(path: &Path) -> Result<ArchiveContents> {
    let in_file = |error| Error::from_format(path, error);
    let file = verglas_formats::open_regular(path)
        .map_err(|error| Error::io(format_args!("cannot read `{}`", path.display()), &error))?;
    let mut archive = ZipReader::new(BufReader::new(file)).map_err(in_file)?;
    let entries = archive.entries().to_vec();
    let mut contents = ArchiveContents { arrays: Vec::new(), others: Vec::new() };
    for entry in entries {
        let Some(name) = entry.name.strip_suffix(".npy") else {
            contents.others.push(entry.name);
            continue;
        };
        let mut reader = archive.open(&entry.name).map_err(in_file)?;
        let header = NpyHeader::read(&mut reader, entry.size_bytes)
            .map_err(|error| Error::from_format(path, error).with_detail(format_args!("in its array `{name}`")))?;
        contents.arrays.push(ArrayEntry {
            name: name.to_owned(),
            dtype: header.dtype().to_string(),
            shape: header.shape().to_vec(),
            bytes: entry.size_bytes,
            is_compressed: entry.method == Method::Deflated,
        });
    }
    Ok(contents)
}
