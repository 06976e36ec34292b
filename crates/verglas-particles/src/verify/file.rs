//! One file against its record.

use std::path::Path;

use verglas_run::manifest::FileRecord;
use verglas_run::whole::checksum_file;

use super::found::{Problem, Verification};

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

/// What differs between a file and its record, if anything does.
pub(super) fn compare_file(
    path: &Path,
    record: &FileRecord,
    n_bytes: &mut u64,
    go_on: impl Fn() -> bool,
) -> Option<Problem> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Some(Problem::new("file-missing", format!("`{shown}` is missing")));
        }
        Err(error) => return Some(Problem::new("file-unreadable", format!("cannot read `{shown}`: {error}"))),
        Ok(there) if !there.is_file() => {
            return Some(Problem::new("file-missing", format!("`{shown}` is no file any more")));
        }
        Ok(there) if there.len() != record.bytes => {
            let message = format!("`{shown}` has {} bytes, expected {}", there.len(), record.bytes);
            return Some(Problem::new("size-differs", message));
        }
        Ok(_) => {}
    }
    match checksum_file(path, go_on) {
        Err(error) => Some(Problem::new("file-unreadable", format!("cannot read `{shown}`: {error}"))),
        Ok(sum) => {
            *n_bytes += sum.bytes;
            let crc32 = format!("{:08x}", sum.crc32);
            (crc32 != record.crc32 || sum.bytes != record.bytes).then(|| {
                let message = format!(
                    "`{shown}` was altered, or is of another run: its checksum is {crc32}, expected {}",
                    record.crc32
                );
                Problem::new("checksum-differs", message)
            })
        }
    }
}
