//! The folder of a job, in place of the files in it.

use std::path::{Path, PathBuf};

use verglas_core::paths::folder_of;

/// The root and the number of the CryoSPARC job whose folder this is, by its name, `J24`; whether it is there is looked at when
/// it is read.
pub(super) fn cryosparc_job(folder: &Path) -> Option<(PathBuf, u64)> {
    // `.` and `..` have no name of their own.
    let named = match folder.file_name() {
        Some(_) => folder.to_owned(),
        None => folder.canonicalize().ok()?,
    };
    let number = job_number(named.file_name()?.to_str()?)?;
    let root = folder_of(&named);
    Some((root.to_owned(), number))
}

/// N of `J<N>`.
pub(super) fn job_number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix('J')?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The file with the particles that a RELION job left in its folder: of refinements and classifications that of the last
/// iteration, `run_data.star` when they ended; of others `particles.star` or what they call it.
pub(super) fn relion_particles(folder: &Path) -> Option<PathBuf> {
    let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let newest = names.filter_map(|name| Some((run_data(&name)?, name))).max();
    const OTHERS: [&str; 5] = [
        "particles.star",
        "shiny.star",
        "particles_ctf_refine.star",
        "particles_subtracted.star",
        "join_particles.star",
    ];
    let others = || OTHERS.into_iter().map(str::to_owned).find(|name| folder.join(name).is_file());
    newest.map(|(_, name)| name).or_else(others).map(|name| folder.join(name))
}

/// How late a run wrote a file, if it is one of its particles: `run_data.star` at its end, `run_it025_data.star` before, and
/// `run_ct25_it026_data.star` when it was continued from iteration 25.
fn run_data(name: &str) -> Option<(u64, u64)> {
    let mut rest = name.strip_prefix("run_")?.strip_suffix("data.star")?;
    let mut number_after = |mark: &str| -> Option<Option<u64>> {
        let Some(after) = rest.strip_prefix(mark) else { return Some(None) };
        let (digits, more) = after.split_once('_')?;
        rest = more;
        digits.parse().ok().map(Some)
    };
    let (continued, iteration) = (number_after("ct")?, number_after("it")?);
    rest.is_empty().then(|| (continued.unwrap_or(0), iteration.unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_known_by_its_folders_name() {
        let project = tempfile::tempdir().unwrap();
        let folder = project.path().join("J24");
        assert_eq!(cryosparc_job(&folder), Some((project.path().to_owned(), 24)));
        assert_eq!(cryosparc_job(&folder.join(".")), Some((project.path().to_owned(), 24)));
        assert_eq!(cryosparc_job(project.path()), None);
        for name in ["J", "J24a", "24", "j24", "J-1", "J+1", "Job24"] {
            assert_eq!(job_number(name), None, "{name}");
        }
    }

    #[test]
    fn the_newest_particles_of_a_relion_job() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| std::fs::write(folder.path().join(name), "").unwrap();
        let newest = || {
            let path = relion_particles(folder.path())?;
            Some(path.file_name().unwrap().to_str().unwrap().to_owned())
        };
        assert_eq!(newest(), None);
        // Each is newer than all before.
        for name in [
            "shiny.star",
            "particles.star",
            "run_it009_data.star",
            "run_it010_data.star",
            "run_data.star",
            "run_ct10_it011_data.star",
            "run_ct10_data.star",
        ] {
            write(name);
            write(&name.replace("data.star", "model.star"));
            write("run_itX_data.star");
            write("run_unmasked_data.star");
            assert_eq!(newest().as_deref(), Some(name));
        }
    }
}
