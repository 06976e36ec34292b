//! Recognises `.cs` files that lack what particles need, before their columns are reported as missing.

use std::path::Path;

use verglas_core::hint::{Segment, Text};
use verglas_core::paths::folder_of;

use super::file::CsFile;
use super::job_files::{find_particles, partner_of};

/// What the only file is, and what to give besides or in its place; `None` if that can't be said, or of two files.
pub(super) fn of_files(files: &[CsFile]) -> Option<(&'static str, Text)> {
    let [file] = files else { return None };
    let has = |start: &str| file.column_names.iter().any(|name| name.starts_with(start));
    let is_particles = has("alignments") || has("ctf/") && !has("micrograph_blob/");
    if has("micrograph_blob/") || has("movie_blob/") {
        return Some(("exposures, not particles", particles_beside(&file.path)));
    }
    if has("blob/res_A") {
        return Some(("2-D class averages, not particles", particles_beside(&file.path)));
    }
    if has("map/") || has("volume/") || has("mask/") {
        return Some(("volumes, not particles", particles_beside(&file.path)));
    }
    if is_particles && !has("blob/") && !has("ctf/") {
        let hint = with_partner(&file.path)
            .unwrap_or_else(|| "give that file, `…_passthrough_particles….cs`, as second input".into());
        return Some(("poses of particles, whose images and CTF CryoSPARC keeps in another file of the job", hint));
    }
    None
}

/// What to give in place of a file that holds no particles.
fn particles_beside(path: &Path) -> Text {
    let folder = folder_of(path);
    let Ok((particles, passthrough)) = find_particles(folder) else {
        return "give the job's `…_particles.cs`, and with it its `…_passthrough_particles.cs`".into();
    };
    // Named as the file that was given.
    let named = |path_beside: std::path::PathBuf| path.with_file_name(path_beside.file_name().unwrap_or_default());
    let files = std::iter::once(particles).chain(passthrough).map(named).collect();
    "the job's particles: " + Text::from(Segment::Inputs(files))
}

/// What to give together with a file, if a file beside it holds what it lacks.
pub(super) fn with_partner(path: &Path) -> Option<Text> {
    let partner = partner_of(path)?;
    let lead = format!("`{}` holds what is missing: ", partner.display());
    Some(Text::from(lead) + Segment::Inputs(vec![path.to_owned(), partner]))
}
