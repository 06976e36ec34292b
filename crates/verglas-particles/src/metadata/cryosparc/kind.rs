//! Recognises `.cs` files that lack what particles need, before their columns are reported as missing.

use super::file::CsFile;

/// What kind of file the only one is, and what to give with it or instead of it; `None` if unknown, or for two files.
pub(super) fn of_files(files: &[CsFile]) -> Option<(&'static str, String)> {
    let [file] = files else { return None };
    let has = |start: &str| file.column_names.iter().any(|name| name.starts_with(start));
    let particles = || "give the job's `…_particles.cs`, and with it its `…_passthrough_particles.cs`".to_owned();
    let is_particles = has("alignments") || has("ctf/") && !has("micrograph_blob/");
    if has("micrograph_blob/") || has("movie_blob/") {
        return Some(("exposures, not particles", particles()));
    }
    if has("blob/res_A") {
        return Some(("2-D class averages, not particles", particles()));
    }
    if has("map/") || has("volume/") || has("mask/") {
        return Some(("volumes, not particles", particles()));
    }
    if is_particles && !has("blob/") && !has("ctf/") {
        let partner = partner(file).unwrap_or_else(|| "`…_passthrough_particles….cs`".to_owned());
        return Some((
            "poses of particles, whose images and CTF CryoSPARC keeps in another file of the job",
            format!("give that file, {partner}, as second input"),
        ));
    }
    None
}

/// The passthrough files next to `file`, those of the same class first.
fn partner(file: &CsFile) -> Option<String> {
    /// Names that a hint lists.
    const MOST_LISTED: usize = 3;
    let folder = file.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(".".as_ref());
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.contains("passthrough") && name.contains("particles") && name.ends_with(".cs"))
        .collect();
    let class_of = |name: &str| -> Option<u32> {
        let (_, rest) = name.split_once("class_")?;
        rest.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
    };
    let own_class = file.path.file_name().and_then(|name| class_of(&name.to_string_lossy()));
    names.sort_by_key(|name| (own_class.is_none() || class_of(name) != own_class, name.clone()));
    names.truncate(MOST_LISTED);
    let listed: Vec<String> =
        names.iter().map(|name| format!("`{}`", file.path.with_file_name(name).display())).collect();
    (!listed.is_empty()).then(|| listed.join(" or "))
}
