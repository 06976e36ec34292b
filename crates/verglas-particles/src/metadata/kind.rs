//! Recognises STAR files that hold no particle images, before their columns are reported as missing.

use std::path::Path;

use verglas_core::error::Error;
use verglas_core::hint::{Segment, Text};
use verglas_core::paths::folder_of;
use verglas_formats::star::{StarReader, strip_rln};

use super::job_folder::relion_particles;

/// Blocks that show that a file does not hold particles: the start of a block's name, what the file is, and what
/// to give instead.
const BLOCKS: [(&str, &str, &str); 9] = [
    ("model_", "a RELION model (`…_model.star`)", PARTICLES),
    ("optimiser_general", "the settings of a RELION run (`…_optimiser.star`)", PARTICLES),
    ("sampling_", "the orientational sampling of a RELION run (`…_sampling.star`)", PARTICLES),
    ("job", "a RELION job's settings (`job.star`)", PARTICLES),
    ("pipeline_", "a RELION pipeline (`default_pipeline.star`, `job_pipeline.star`)", PARTICLES),
    ("fsc", "a RELION postprocess or resolution report", PARTICLES),
    ("micrographs", "a list of micrographs", EXTRACT),
    ("movies", "a list of movies", EXTRACT),
    ("coordinate_files", "a list of coordinate files", EXTRACT),
];
const PARTICLES: &str = "give the file with one row per particle: RELION calls it `run_data.star`, `run_it025_data.star` or `particles.star`";
const EXTRACT: &str =
    "give the file that the job which extracted the particles wrote: RELION calls it `particles.star`";

/// A kind of file, and what to give in its place.
pub(super) type Kind = (&'static str, &'static str);

/// The kind of file that the names of its blocks show; `None` if they could be anything.
pub(super) fn of_blocks<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Kind> {
    names.into_iter().find_map(|name| {
        let known = BLOCKS.iter().find(|(start, ..)| name.starts_with(start));
        known.map(|(_, what, hint)| (*what, *hint))
    })
}

/// The kind of file that the columns of a block without the required ones show.
pub(super) fn of_columns<'a>(columns: impl IntoIterator<Item = &'a str>) -> Option<Kind> {
    let columns: Vec<&str> = columns.into_iter().map(strip_rln).collect();
    let has = |name: &str| columns.contains(&name);
    if has("ImageName") {
        return None;
    }
    // Rows that have a CTF and what only particles have describe the sections of a stack, and need not name them.
    const OF_PARTICLES: [&str; 5] = ["CoordinateX", "AngleRot", "AnglePsi", "ClassNumber", "GroupNumber"];
    if has("DefocusU") && OF_PARTICLES.into_iter().any(has) {
        return None;
    }
    if has("ReferenceImage") {
        return Some(("classes of a RELION model", PARTICLES));
    }
    if has("CoordinateX") {
        return Some(("coordinates of picked particles, without their images", EXTRACT));
    }
    if has("DefocusU") && !has("MicrographName") {
        return None;
    }
    if has("MicrographName") {
        return Some(("a list of micrographs", EXTRACT));
    }
    if has("MicrographMovieName") {
        return Some(("a list of movies", EXTRACT));
    }
    if has("OpticsGroup") && (has("Voltage") || has("OpticsGroupName")) {
        return Some(("a table of optics groups without particles", PARTICLES));
    }
    None
}

/// What to give in place of a file that holds no particles, if a file beside it does.
pub(super) fn particles_beside(path: &Path) -> Option<Text> {
    /// Folders may hold thousands of files.
    const MOST_OPENED: usize = 100;
    let folder = folder_of(path);
    let is_star = |name: &String| name.to_ascii_lowercase().ends_with(".star");
    let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(is_star).collect();
    // What RELION itself would go on with comes first, then the others by name.
    let newest = relion_particles(folder);
    let is_newest =
        |name: &String| newest.as_deref().and_then(Path::file_name).is_some_and(|there| there == name.as_str());
    names.sort_by_key(|name| (!is_newest(name), name.clone()));
    let beside = names.iter().map(|name| path.with_file_name(name)).filter(|other| other != path);
    let found = beside.take(MOST_OPENED).find(|other| has_particles(other).unwrap_or(false))?;
    Some("the particles are in another file of this folder: " + Text::from(Segment::Inputs(vec![found])))
}

/// Whether a STAR file's first block, or the one after the optics, has the columns that particles need.
fn has_particles(path: &Path) -> verglas_formats::Result<bool> {
    let mut reader = StarReader::open(path)?;
    for _ in 0..2 {
        let Some(block) = reader.next_block()? else { break };
        let has = |name: &str| block.columns.iter().any(|column| strip_rln(&column.name) == name);
        if ["ImageName", "DefocusU", "DefocusV", "DefocusAngle"].into_iter().all(has) {
            return Ok(true);
        }
        // What follows many rows is not looked for.
        if block.name != "optics" {
            break;
        }
    }
    Ok(false)
}

/// The columns by which subtomograms are known, as written.
pub(super) fn subtomogram_columns<'a>(columns: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let tells = |column: &str| {
        matches!(strip_rln(column), "CtfImage" | "CoordinateZ" | "OriginZAngst" | "OriginZ")
            || column.starts_with("wrp")
    };
    columns.into_iter().filter(|column| tells(column)).map(str::to_owned).collect()
}

/// The error for files of subtomograms, recognised by `tells`.
pub(super) fn subtomograms(path: &Path, tells: &str) -> Error {
    Error::format(format!(
        "`{}`: its particles are subtomograms, volumes and not images: {tells}",
        path.display()
    ))
    .with_hint(
        "stacks of 2-D images are converted: extract the particles in 2-D, from the micrographs or from single tilt images",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_columns_tell_what_a_file_is() {
        assert!(of_blocks(["model_general", "model_classes"]).unwrap().0.contains("model"));
        assert!(of_blocks(["job", "joboptions_values"]).unwrap().0.contains("job"));
        assert_eq!(of_blocks(["optics", "particles", "images", ""]), None);
        assert!(of_columns(["rlnMicrographName", "rlnCtfImage", "rlnDefocusU"]).unwrap().0.contains("micrographs"));
        assert!(of_columns(["rlnCoordinateX", "rlnCoordinateY"]).unwrap().0.contains("coordinates"));
        assert!(of_columns(["rlnOpticsGroup", "rlnVoltage"]).unwrap().0.contains("optics groups"));
        assert_eq!(of_columns(["rlnImageName", "rlnCoordinateX"]), None);
        assert_eq!(of_columns(["rlnDefocusU", "rlnVoltage"]), None);
        // As CryoLike's generic STAR files are, which go with --images.
        assert_eq!(of_columns(["rlnMicrographName", "rlnCoordinateX", "rlnDefocusU"]), None);
    }

    #[test]
    fn subtomograms_are_known_by_their_columns() {
        assert_eq!(
            subtomogram_columns(["rlnImageName", "rlnCtfImage", "wrpRandomSubset"]),
            ["rlnCtfImage", "wrpRandomSubset"]
        );
        assert!(subtomogram_columns(["rlnCoordinateX", "rlnOriginXAngst"]).is_empty());
    }
}
