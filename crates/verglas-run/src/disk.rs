//! How much room there is where a job writes.

use std::path::Path;

/// Bytes that this user can still write to the disk of `output`, which need not be there yet; `None` where that can't be
/// known.
pub fn free_bytes(output: &Path) -> Option<u64> {
    let absolute = std::path::absolute(output).ok()?;
    let there = absolute.ancestors().find(|folder| folder.is_dir())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    // Some file systems count nothing.
    (disk.f_blocks > 0).then(|| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// A size for people: `12.3 GiB`.
pub fn in_words(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}
