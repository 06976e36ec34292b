//! How settings and inputs differ between an earlier run and this one.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use serde_json::Value;
use verglas_core::findings::counted;
use verglas_core::paths::plain_path;

use super::path::RecordedPath;
use super::record::{InputFile, InputRecord, InputRole, Manifest};

/// Where the grids were read from, if they were read; they are the same when what was read is, which its checksum says.
const DESCRIPTOR: &str = "descriptor";
const DESCRIPTOR_CHECKSUM: &str = "descriptor_crc32";
/// Settings that are paths: they are the same when they lead to the same place, however they are written.
const PATH_SETTINGS: [&str; 6] = [DESCRIPTOR, "image_dir", "images_image_dir", "rows", "images_rows", "topology"];
/// Times of change that differ by less are the same: they are kept as seconds in double precision.
const SAME_TIME_S: f64 = 1e-6;
/// How many inputs of one kind are listed.
const MOST_LISTED: usize = 10;

/// Differences of the settings, one line each with the old and the new value; the program's version counts too.
pub fn differing_settings(old: &Manifest, new: &Manifest) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |name: &str, old: String, new: String| {
        if old != new {
            differences.push(format!("{name}: {old} before, {new} now"));
        }
    };
    compare("version of verglas", old.version.clone(), new.version.clone());
    let input = |manifest: &Manifest| show_input(manifest, &manifest.settings.input);
    compare("input", input(old), input(new));
    let names: BTreeSet<&String> = old.settings.others.keys().chain(new.settings.others.keys()).collect();
    let checksum = |manifest: &Manifest| manifest.settings.others.get(DESCRIPTOR_CHECKSUM).cloned();
    let has_same_grids = checksum(old).is_some() && checksum(old) == checksum(new);
    for name in names.into_iter().filter(|name| !(has_same_grids && *name == DESCRIPTOR)) {
        let value = |manifest: &Manifest| match manifest.settings.others.get(name) {
            None => "not given".to_owned(),
            Some(Value::Null) => "none".to_owned(),
            Some(value) if PATH_SETTINGS.contains(&name.as_str()) => {
                match serde_json::from_value::<RecordedPath>(value.clone()) {
                    Ok(path) => format!("`{}`", plain_path(&manifest.resolve(&path)).display()),
                    Err(_) => value.to_string(),
                }
            }
            Some(value) => value.to_string(),
        };
        compare(name, value(old), value(new));
    }
    if differences.is_empty() && old.plan != new.plan {
        let show = |manifest: &Manifest| {
            let [images, stacks] = manifest.settings.input.nouns();
            format!("{} in {}", counted(manifest.plan.n_images, images), counted(manifest.plan.n_stacks, stacks))
        };
        match (show(old), show(new)) {
            (old, now) if old != now => {
                let of_files =
                    matches!(new.settings.input, InputRecord::Structures { .. } | InputRecord::Likelihood { .. });
                let what = if of_files { "what the files hold" } else { "rows of the metadata" };
                differences.push(format!("{what}: {old} before, {now} now"));
            }
            _ => differences.push("rows of the metadata: other images, or in another order, than before".to_owned()),
        }
    }
    differences
}

/// The input in words. Image files of pairs are compared as written, because the stacks name them so.
fn show_input(manifest: &Manifest, input: &InputRecord) -> String {
    let at = |path: &RecordedPath| format!("`{}`", plain_path(&manifest.resolve(path)).display());
    match input {
        InputRecord::IndexedStar { star } => at(star),
        InputRecord::StarPairs { pairs } => {
            let pairs: Vec<String> =
                pairs.iter().map(|[star, images]| format!("{} with `{}`", at(star), images.display())).collect();
            pairs.join(", ")
        }
        InputRecord::IndexedCs { cs } => cs.iter().map(at).collect::<Vec<_>>().join(" and "),
        InputRecord::Structures { files } => files.iter().map(at).collect::<Vec<_>>().join(", "),
        InputRecord::Likelihood { particles, templates, images } => {
            let particles = images.as_ref().map_or_else(|| at(particles), |images| show_input(manifest, images));
            format!("{particles} against {}", at(templates))
        }
        InputRecord::CryosparcJob { root, job } => format!("job {job} in {}", at(root)),
    }
}

/// The files that were read before and have changed, one line each; `with_images` says whether image files are
/// compared.
/// A descriptor counts among the settings.
pub fn differing_inputs(old: &Manifest, new: &Manifest, with_images: bool) -> Vec<String> {
    let counts = |input: &&InputFile| match input.role {
        Some(InputRole::Images) => with_images,
        Some(InputRole::Descriptor) => false,
        Some(InputRole::Metadata | InputRole::Structure) | None => true,
    };
    let mut differences = Vec::new();
    let mut now: HashMap<PathBuf, &InputFile> =
        new.inputs.iter().filter(counts).map(|input| (plain_path(&new.resolve(&input.path)), input)).collect();
    for before in old.inputs.iter().filter(counts) {
        let path = plain_path(&old.resolve(&before.path));
        // Files that are listed twice are compared once.
        let Some(now) = now.get_mut(&path) else {
            differences.push(format!("`{}` was read before, but is not now", path.display()));
            continue;
        };
        if before.bytes != now.bytes {
            let size = |bytes: Option<u64>| bytes.map_or("is gone".to_owned(), |bytes| format!("{bytes} bytes"));
            differences.push(format!("`{}`: {} before, {} now", path.display(), size(before.bytes), size(now.bytes)));
        } else if let (Some(then), Some(time)) = (before.modified, now.modified)
            && (then - time).abs() > SAME_TIME_S
        {
            let difference = time - then;
            let (by, direction) = (difference.abs(), if difference > 0.0 { "later" } else { "earlier" });
            differences
                .push(format!("`{}` was changed: its modification time is {by:.3} s {direction}", path.display()));
        } else if let (Some(then), Some(now)) = (&before.sha256, &now.sha256)
            && then != now
        {
            differences.push(format!("`{}` was changed: its checksum differs", path.display()));
        }
    }
    let before: BTreeSet<PathBuf> = old.inputs.iter().map(|input| plain_path(&old.resolve(&input.path))).collect();
    let mut added: Vec<&PathBuf> = now.keys().filter(|path| !before.contains(*path)).collect();
    added.sort();
    differences.extend(added.into_iter().map(|path| format!("`{}` was not read before, but is now", path.display())));
    if differences.len() > MOST_LISTED {
        let n_more = differences.len() - MOST_LISTED;
        differences.truncate(MOST_LISTED);
        differences.push(format!("and {n_more} more files"));
    }
    differences
}
