//! Paths without detours.

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
