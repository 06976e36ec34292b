//! Writes chosen rows of a `.cs` file.

use std::io::{BufWriter, Write};
use std::path::Path;

use verglas_core::atomic::write_atomically;
use verglas_core::error::{Error, Result};
use verglas_formats::cs::{CsReader, CsSource, copy_rows};

use super::Written;
use super::column::{NewColumn, name_taken};
use super::folder::{Identities, ImageFolder};
use super::pose::CsPoseColumn;
use super::source::altered;
use crate::vector::Vector;

/// Writes the rows of the images `chosen`, with other values in the columns `poses`, and behind the others where the source
/// has none of that name.
pub(super) fn write_cs(
    folder: &ImageFolder,
    chosen: &[u32],
    poses: &[CsPoseColumn],
    columns: &[NewColumn],
    output: &Path,
) -> Result<Written> {
    let Some(source) = folder.sources().first() else { return Err(Error::value("no metadata file to export from")) };
    let source = source.path.as_path();
    let in_source = |error| Error::from_format(source, error);
    let mut cs = CsReader::open(source).map_err(in_source)?;
    for column in columns {
        if cs.has(&column.name) || poses.iter().any(|pose| pose.name == column.name) {
            return Err(name_taken(&column.name, &column.name, source));
        }
    }
    let typed: Result<Vec<(&CsPoseColumn, Vector)>> = poses
        .iter()
        .map(|pose| {
            let there = cs.fields().find(|field| field.name == pose.name);
            Ok((pose, pose.values_for(there, source)?))
        })
        .collect();
    let typed = typed?;
    check_rows(folder, &mut cs, source)?;
    let rows: Vec<u64> = chosen.iter().map(|&image| u64::from(folder.origins()[image as usize].row)).collect();
    let (mut replaced, mut appended) = (Vec::new(), Vec::new());
    for (pose, values) in &typed {
        let source = CsSource { name: pose.name, shape: pose.shape, values: values.as_cs() };
        if cs.has(pose.name) { replaced.push(source) } else { appended.push(source) }
    }
    appended.extend(columns.iter().map(|column| CsSource::new(&column.name, column.values.as_cs())));
    write_atomically(output, |file| {
        let writer = BufWriter::with_capacity(1 << 18, file);
        copy_rows(&mut cs, &rows, &replaced, &appended, writer)?.flush()?;
        Ok(())
    })?;
    Ok(Written { sources: vec![0], n_rows: cs.n_rows() as usize })
}

/// Whether each image's row is there and has its `uid`.
fn check_rows(folder: &ImageFolder, cs: &mut CsReader, source: &Path) -> Result<()> {
    let in_source = |error| Error::from_format(source, error);
    let n_rows = cs.n_rows();
    if let Some(origin) = folder.origins().iter().find(|origin| u64::from(origin.row) >= n_rows) {
        return Err(altered(
            source,
            format!("row {} (counted from 0) is the source of an image, but the file has {n_rows} rows", origin.row),
        ));
    }
    let Identities::Uid(uids) = folder.identities() else { return Ok(()) };
    if !cs.has("uid") {
        return Err(altered(source, "it has no field `uid`, which the stacks have".to_owned()));
    }
    let mut found = Vec::new();
    let field = cs.field("uid").map_err(in_source)?.clone();
    cs.for_each_block(|block| block.push_u64(&field, &mut found)).map_err(in_source)?;
    let differs = |&image: &usize| found.get(folder.origins()[image].row as usize) != uids.get(image);
    match (0..folder.n_images()).find(differs) {
        None => Ok(()),
        Some(image) => Err(altered(
            source,
            format!(
                "the uid in row {} (counted from 0) is not that of image {image}, which was made from it",
                folder.origins()[image].row
            ),
        )),
    }
}
