//! New columns: one value per image.

use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;

use crate::vector::Vector;

/// A new column with the values of the chosen images, in their order.
#[derive(Debug)]
pub(super) struct NewColumn {
    pub(super) name: String,
    pub(super) values: Vector,
}

impl NewColumn {
    /// Reads the arrays of all new columns.
    ///
    /// # Errors
    /// A name that is given twice or can't be one; an array without exactly one number or truth value per image.
    pub(super) fn read_all(columns: &[(String, PathBuf)], n_images: usize, chosen: &[u32]) -> Result<Vec<Self>> {
        for (at, (name, _)) in columns.iter().enumerate() {
            check_name(name)?;
            if columns[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(Error::value(format!("the new column `{name}` is given twice")));
            }
        }
        columns.iter().map(|(name, path)| Self::read(name, path, n_images, chosen)).collect()
    }

    fn read(name: &str, path: &Path, n_images: usize, chosen: &[u32]) -> Result<Self> {
        let values = Vector::read(path, n_images)?;
        if values.len() != n_images {
            let error = Error::value(format!(
                "`{}`: {} for the new column `{name}`, the folder holds {}",
                path.display(),
                counted(values.len(), "value"),
                counted(n_images, "image")
            ));
            return Err(match values.len() == chosen.len() {
                true => error.with_hint("a new column has one value for each image of the folder, chosen or not"),
                false => error,
            });
        }
        Ok(Self { name: name.to_owned(), values: values.select(chosen) })
    }
}

/// Neither STAR nor people can do with white space or control characters in a column's name.
fn check_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::value("a new column has no name"));
    }
    if name.chars().any(|char| char.is_whitespace() || char.is_control()) {
        return Err(Error::value(format!(
            "`{}` can't be a column name: it contains white space or control characters",
            name.escape_debug()
        )));
    }
    Ok(())
}

/// The error for a new column whose name the source has already.
pub(super) fn name_taken(name: &str, existing: &str, source: &Path) -> Error {
    Error::value(format!("the new column `{name}` can't be added: `{}` has a column `{existing}`", source.display()))
        .with_hint("give it another name")
}
