//! Real files from elsewhere, if available: below `VERGLAS_SHARED`, or in `../shared` next to the project.

use std::path::{Path, PathBuf};

/// The file or folder `name` among them, if it is there.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("VERGLAS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    Some(root.join(name)).filter(|path| path.exists())
}
