//! Paths without detours, and the folders that files are in.

use std::path::{Component, Path, PathBuf};

/// The path without `.` and `..`, absolute; links are not followed, because that would cost a call for each part of it.
pub fn plain_path(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            component => plain.push(component),
        }
    }
    plain
}

/// The folder that the file at `path` is in; of a bare name the working directory, `.`.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_in_the_working_directory() {
        assert_eq!(folder_of(Path::new("a.star")), Path::new("."));
        assert_eq!(folder_of(Path::new("b/a.star")), Path::new("b"));
        assert_eq!(folder_of(Path::new("/a.star")), Path::new("/"));
    }
}
