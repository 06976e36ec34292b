//! One file against its record.

use std::path::Path;

use verglas_run::manifest::FileRecord;
use verglas_run::verify::{Problem, compare_file};

use super::found::Verification;

/// A file of the folder itself: there, of its size, and what it was.
pub(super) fn check_file(folder: &Path, record: &FileRecord, found: &mut Verification) {
    let name = Path::new(&record.name);
    let is_plain = name.components().count() == 1 && name.file_name().is_some();
    let problem = if is_plain {
        compare_file(&folder.join(name), record, &mut found.n_bytes, || true)
    } else {
        Some(Problem::new("manifest-damaged", format!("the manifest names the file `{}`", record.name)))
    };
    found.problems.extend(problem);
}
