//! The list of a folder's templates: `template_file_list.npy`, a `<U` array of paths, which CryoLike reads.

use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_formats::npy::{read_npy, text_npy};

use super::names::{LIST, TemplateNames};

/// The templates of a folder, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateList {
    /// Where the tensors are.
    pub paths: Vec<PathBuf>,
    /// How many of them are not where the list says, but next to it.
    pub n_moved: usize,
}

/// The bytes of the list of structures of these `names` in the folder `root`, as it was given.
///
/// # Errors
/// When the paths are too long for an array.
pub(super) fn list_bytes<'a>(root: &Path, names: impl Iterator<Item = &'a str>) -> Result<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    let paths: Vec<Vec<u8>> =
        names.map(|name| root.join(TemplateNames::of(name).fourier).into_os_string().into_vec()).collect();
    text_npy(&[paths.len()], paths.iter().map(Vec::as_slice))
        .map_err(|error| Error::value(format!("cannot make a list of templates: {error}")))
}

/// The paths in the list in `folder`, as written.
///
/// # Errors
/// When there is no list, or it can't be read.
pub(super) fn read_paths(folder: &Path) -> Result<Vec<PathBuf>> {
    use std::os::unix::ffi::OsStringExt;
    let path = folder.join(LIST);
    if !path.exists() {
        return Err(Error::not_found(format!("`{}` has no {LIST}", folder.display())).with_hint(
            "expected a folder of templates; `verglas templates` writes the list when all structures are done",
        ));
    }
    let of_file = |error| Error::from_format(&path, error);
    let array = read_npy(&path).map_err(of_file)?;
    let [_] = array.shape() else {
        return Err(Error::format(format!(
            "`{}`: expected a list of paths, found an array of {} axes",
            path.display(),
            array.shape().len()
        )));
    };
    let texts = array.to_text().map_err(of_file)?;
    Ok(texts.into_iter().map(|text| std::ffi::OsString::from_vec(text).into()).collect())
}

impl TemplateList {
    /// Reads the list in `folder`. Paths are used as written; a file that does not exist is looked for next to the
    /// list.
    ///
    /// # Errors
    /// When there is no list, it can't be read, or templates are in neither place: all of these are named.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut list = Self { paths: Vec::new(), n_moved: 0 };
        let mut missing = Vec::new();
        for path in read_paths(folder)? {
            let beside = path.file_name().map(|name| folder.join(name));
            match beside {
                _ if path.is_file() => list.paths.push(path),
                Some(beside) if beside.is_file() => {
                    list.n_moved += 1;
                    list.paths.push(beside);
                }
                _ => missing.push(path),
            }
        }
        if missing.is_empty() {
            return Ok(list);
        }
        let n = missing.len() + list.paths.len();
        let error = Error::not_found(format!(
            "{} of {n} templates listed in `{}` are neither there nor next to it",
            missing.len(),
            folder.join(LIST).display()
        ));
        Err(missing.iter().fold(error, |error, path| error.with_detail(path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_where_its_templates_are_and_they_may_have_moved_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let there = dir.path().join("templates_fourier_a.pt");
        std::fs::write(&there, "").unwrap();
        let list = list_bytes(Path::new("./elsewhere/"), ["a"].into_iter()).unwrap();
        std::fs::write(dir.path().join(LIST), &list).unwrap();
        assert_eq!(read_paths(dir.path()).unwrap(), [Path::new("./elsewhere/templates_fourier_a.pt")]);
        let read = TemplateList::read(dir.path()).unwrap();
        assert_eq!(read, TemplateList { paths: vec![there.clone()], n_moved: 1 });

        let list = list_bytes(dir.path(), ["a", "µ b", "c"].into_iter()).unwrap();
        std::fs::write(dir.path().join(LIST), &list).unwrap();
        let error = TemplateList::read(dir.path()).unwrap_err().to_string();
        assert!(error.starts_with("2 of 3 templates") && error.contains("templates_fourier_µ b.pt"), "{error}");
        let error = TemplateList::read(&dir.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("has no template_file_list.npy"), "{error}");
    }
}
