//! Finds the image files that metadata name: in a given directory by the ends of their paths, or relative to one root for all rows.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted};
use verglas_core::hint::{Hint, Setting};

use super::presence::{Refusal, is_file, report_refusals};

/// How many missing files a message lists by name.
const MOST_LISTED: usize = 10;
/// If none of this many files is below a root, the rest need not be tried there.
const PROBED_FILES: usize = 200;
/// A folder is listed when at least this many of its files are needed,
const LEAST_LISTED: usize = 32;
/// unless it holds more than this many times as many entries.
const MOST_ENTRIES_PER_FILE: usize = 64;

/// Finds each of `names`; `None` means that a file is missing.
///
/// With `image_dir`, the longest end of the path that exists below it is used. Without, the path is used as written,
/// relative to one root for all: the working directory, otherwise the folder of `metadata_file`, otherwise the nearest
/// of its parents; the first that holds all files. A name in `.mrc` or `.mrcs` is also tried with the other ending.
///
/// Missing files, and names that can't be told apart, go to `findings` as errors; with `missing_is_allowed` the
/// missing ones go there as a warning. A place that the system refuses to search is an error either way: the file may
/// exist, and one found elsewhere may be a different file.
pub(crate) fn locate_images(
    names: &[&[u8]],
    metadata_file: Option<&Path>,
    image_dir: Option<&Path>,
    missing_is_allowed: bool,
    findings: &mut Findings,
) -> Vec<Option<PathBuf>> {
    let located = match image_dir {
        Some(dir) => find_in_dir(names, dir, findings),
        None => Ok(find_below_one_root(names, metadata_file, findings)),
    };
    let Located { found, looked_in, split, refused } = match located {
        Ok(located) => located,
        Err(error) => {
            findings.error(error);
            return vec![None; names.len()];
        }
    };
    report_other_endings(names, &found, findings);
    let is_named_by_metadata = metadata_file.is_some() && image_dir.is_none();
    // Files that exist but were not accepted are not also called missing.
    let is_refused: Vec<bool> = refused.iter().map(Option::is_some).collect();
    report_refusals(refused.into_iter().flatten().collect(), findings);
    if let Some(error) = missing_error(names, &found, &is_refused, &looked_in, image_dir.is_some(), split.as_ref()) {
        if missing_is_allowed {
            findings.warn("images-missing", error.message().clone());
        } else if is_named_by_metadata {
            findings.error(
                error.with_hint("name the folder that holds the image files with " + Hint::Give(Setting::ImageDir)),
            );
        } else {
            findings.error(error);
        }
    }
    found.into_iter().map(|found| found.map(|found| found.path)).collect()
}

/// The result of a search.
#[derive(Default)]
struct Located {
    /// In the order of the names.
    found: Vec<Option<Found>>,
    looked_in: Vec<PathBuf>,
    split: Option<Split>,
    /// Per name: why the existing file was not accepted.
    refused: Vec<Option<Refusal>>,
}

/// Files that are there, below different roots.
struct Split {
    /// The root that holds most of them, whose files are those that were found.
    root: PathBuf,
    /// Per name: a further root that holds a file which is not below `root`.
    other_root: Vec<Option<PathBuf>>,
}

/// A file that is there.
struct Found {
    path: PathBuf,
    has_other_ending: bool,
}

fn as_path(name: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(name))
}

/// The file at `path`, or next to it with the other of the endings `.mrc` and `.mrcs`; what RELION writes after a
/// colon, as in `a.mrc:mrcs`, says how a file is read and is not part of its name.
fn find(path: &Path, known: &KnownFiles) -> std::result::Result<Option<Found>, Refusal> {
    if known.contains(path) || is_file(path)? {
        return Ok(Some(Found { path: path.to_owned(), has_other_ending: false }));
    }
    if let Some(bare) = without_format(path) {
        return find(bare, known);
    }
    let other = match path.extension().map(OsStr::as_bytes) {
        Some(b"mrc") => path.with_extension("mrcs"),
        Some(b"mrcs") => path.with_extension("mrc"),
        _ => return Ok(None),
    };
    Ok(is_file(&other)?.then_some(Found { path: other, has_other_ending: true }))
}

/// A path without the format that RELION lets a name end with: `a.mrc:mrcs` is `a.mrc`, read as a stack. Source: RELION's
/// `FileName::removeFileFormat`.
fn without_format(path: &Path) -> Option<&Path> {
    let bytes = path.as_os_str().as_bytes();
    let colon = bytes.iter().rposition(|&byte| byte == b':')?;
    let is_format = matches!(&bytes[colon + 1..], b"mrc" | b"mrcs" | b"st" | b"map");
    is_format.then(|| as_path(&bytes[..colon]))
}

/// Whether an error means that the path does not exist, or that no file can have this name.
fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename | InvalidInput)
}

fn find_in_dir(names: &[&[u8]], dir: &Path, findings: &mut Findings) -> Result<Located> {
    match std::fs::metadata(dir) {
        Ok(there) if there.is_dir() => {}
        Ok(_) => return Err(Error::not_found(format!("the image directory `{}` is not a folder", dir.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::not_found(format!("the image directory `{}` does not exist", dir.display())));
        }
        Err(error) => {
            return Err(Error::io(format_args!("cannot use the image directory `{}`", dir.display()), &error));
        }
    }
    findings.note(format!(
        "image files are looked up in `{}`, as requested, by the longest end of their paths that exists there",
        dir.display()
    ));
    let known = KnownFiles::below(dir, names.iter().flat_map(|name| suffixes(as_path(name))));
    let mut folders: HashMap<PathBuf, bool> = HashMap::new();
    let (mut found, mut refused) = (Vec::with_capacity(names.len()), Vec::with_capacity(names.len()));
    for name in names {
        match find_longest_suffix(as_path(name), dir, &known, &mut folders) {
            Ok(there) => (found.push(there), refused.push(None)),
            Err(refusal) => (found.push(None), refused.push(Some(refusal))),
        };
    }
    refuse_equal_files(names, &found, findings);
    Ok(Located { found, looked_in: vec![dir.to_owned()], split: None, refused })
}

/// The ends of a path, the longest first: `a/b/c.mrcs`, `b/c.mrcs`, `c.mrcs`. Parts that lead upwards start a new path.
fn suffixes(path: &Path) -> impl Iterator<Item = &Path> {
    let is_name = |part: &Component| matches!(part, Component::Normal(_));
    let n_parts = path.components().count();
    let n_names = path.components().rev().take_while(is_name).count();
    (n_parts - n_names..n_parts).filter_map(move |n_left_out| {
        let mut parts = path.components();
        parts.by_ref().take(n_left_out).for_each(drop);
        Some(parts.as_path()).filter(|rest| !rest.as_os_str().is_empty())
    })
}

/// The file below `dir` that the longest end of `path` leads to: moved projects keep their lower folders.
fn find_longest_suffix(
    path: &Path,
    dir: &Path,
    known: &KnownFiles,
    folders: &mut HashMap<PathBuf, bool>,
) -> std::result::Result<Option<Found>, Refusal> {
    for suffix in suffixes(path) {
        let candidate = dir.join(suffix);
        // Of many files with one prefix that is not there, only the first is looked for.
        if let Some(folder) = candidate.parent().filter(|folder| *folder != dir) {
            let is_there = match folders.get(folder) {
                Some(is_there) => *is_there,
                None => {
                    let is_there = folder.is_dir() || std::fs::metadata(folder).is_err_and(|error| !is_absent(&error));
                    folders.insert(folder.to_owned(), is_there);
                    is_there
                }
            };
            if !is_there {
                continue;
            }
        }
        if let Some(found) = find(&candidate, known)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Files that are known to be there because their folder was listed.
///
/// A data set has thousands of files in few folders. Listing a folder takes a call per some hundred files, asking for
/// each file takes one per file: on a shared file system, and with as many processes as there are shards, that is what
/// its metadata server feels.
#[derive(Debug, Default)]
struct KnownFiles {
    of_folder: HashMap<PathBuf, HashSet<OsString>>,
}

impl KnownFiles {
    /// Lists the folders below `root` that many of `names` are in.
    fn below<'a>(root: &Path, names: impl Iterator<Item = &'a Path>) -> Self {
        let mut n_wanted: HashMap<&Path, usize> = HashMap::new();
        for folder in names.filter_map(Path::parent) {
            *n_wanted.entry(folder).or_default() += 1;
        }
        let worth_listing = n_wanted.into_iter().filter(|(_, n_wanted)| *n_wanted >= LEAST_LISTED);
        let listed = worth_listing.filter_map(|(folder, n_wanted)| {
            let folder = root.join(folder);
            let files = list_files(&folder, n_wanted.saturating_mul(MOST_ENTRIES_PER_FILE))?;
            Some((folder, files))
        });
        Self { of_folder: listed.collect() }
    }

    /// Whether `path` is certainly a file; otherwise only asking the system shows it.
    fn contains(&self, path: &Path) -> bool {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
        self.of_folder.get(folder).is_some_and(|files| files.contains(name))
    }
}

/// The plain files of a folder; `None` if it can't be listed or has more than `most` entries.
fn list_files(folder: &Path, most: usize) -> Option<HashSet<OsString>> {
    // The empty path is the working directory for files below it, but no folder that can be opened.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut files = HashSet::new();
    for (nth, entry) in std::fs::read_dir(folder).ok()?.enumerate() {
        let entry = entry.ok().filter(|_| nth < most)?;
        // Where a link leads is another question.
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            files.insert(entry.file_name());
        }
    }
    Some(files)
}

fn find_below_one_root(names: &[&[u8]], metadata_file: Option<&Path>, findings: &mut Findings) -> Located {
    let mut roots = vec![PathBuf::new()];
    // A relative metadata path must be made absolute before its parents can be walked.
    if let Some(file) = metadata_file.and_then(|file| std::path::absolute(file).ok()) {
        roots.extend(file.ancestors().skip(1).map(Path::to_owned));
        // Behind a symbolic link the project may be elsewhere.
        if let Some(real) = file.canonicalize().ok().filter(|real| *real != file) {
            roots.extend(real.ancestors().skip(1).map(Path::to_owned));
        }
    }
    let working_dir = std::env::current_dir().ok();
    let shown = |root: &Path| match &working_dir {
        _ if !root.as_os_str().is_empty() => root.to_owned(),
        Some(working_dir) => working_dir.clone(),
        None => PathBuf::from("."),
    };
    let mut best: Option<(usize, Vec<Option<Found>>)> = None;
    // Per name: the first root below which it is.
    let mut root_of: Vec<Option<usize>> = vec![None; names.len()];
    // Per name: the first thing that was not taken.
    let mut refused: Vec<Option<Refusal>> = vec![None; names.len()];
    for (nth, root) in roots.iter().enumerate() {
        if nth > 0 && working_dir.as_ref() == Some(root) {
            continue;
        }
        // Nothing is listed for a root that holds none of the files: most roots do.
        let mut known = KnownFiles::default();
        let mut found = Vec::with_capacity(names.len());
        for (name, refused) in names.iter().zip(&mut refused) {
            if found.len() == PROBED_FILES {
                known = KnownFiles::below(root, names.iter().map(|name| as_path(name)));
            }
            found.push(find(&root.join(as_path(name)), &known).unwrap_or_else(|refusal| {
                refused.get_or_insert(refusal);
                None
            }));
            if found.len() == PROBED_FILES && found.iter().all(Option::is_none) {
                found.resize_with(names.len(), || None);
                break;
            }
        }
        let n_found = count(&found);
        if n_found == names.len() {
            let is_relative = names.iter().any(|name| as_path(name).is_relative());
            if nth > 0 && is_relative {
                findings.warn(
                    "image-root",
                    format!("image paths are relative to `{}`, not to the working directory", root.display()),
                );
            } else if is_relative {
                findings.note("image paths are relative to the working directory, the first place tried");
            } else {
                findings.note("image paths are absolute");
            }
            forget_replaced(&mut refused, &found);
            return Located { found, looked_in: vec![root.clone()], split: None, refused };
        }
        for (root_of, _) in root_of.iter_mut().zip(&found).filter(|(_, found)| found.is_some()) {
            root_of.get_or_insert(nth);
        }
        if best.as_ref().is_none_or(|(_, best)| n_found > count(best)) {
            best = Some((nth, found));
        }
    }
    let mut looked_in: Vec<PathBuf> = Vec::new();
    for root in &roots {
        let root = shown(root);
        if !looked_in.contains(&root) {
            looked_in.push(root);
        }
    }
    let Some((best, found)) = best else { return Located { looked_in, refused, ..Located::default() } };
    forget_replaced(&mut refused, &found);
    let other_root: Vec<Option<PathBuf>> = root_of
        .into_iter()
        .zip(&found)
        .map(|(root, found)| root.filter(|_| found.is_none()).map(|root| shown(&roots[root])))
        .collect();
    let is_split = other_root.iter().any(Option::is_some);
    let split = is_split.then(|| Split { root: shown(&roots[best]), other_root });
    Located { found, looked_in, split, refused }
}

/// A folder or a pipe is not in the way of a file that is found below another root. Where the system refused to look that
/// file may be another.
fn forget_replaced(refused: &mut [Option<Refusal>], found: &[Option<Found>]) {
    for (refusal, found) in refused.iter_mut().zip(found) {
        if found.is_some() && matches!(refusal, Some(Refusal::NoFile(_))) {
            *refusal = None;
        }
    }
}

fn count(found: &[Option<Found>]) -> usize {
    found.iter().flatten().count()
}

/// With only the ends of paths looked up, two stacks would silently become one.
fn refuse_equal_files(names: &[&[u8]], found: &[Option<Found>], findings: &mut Findings) {
    let mut first_with: HashMap<&Path, &[u8]> = HashMap::new();
    for (name, found) in names.iter().zip(found) {
        let Some(found) = found else { continue };
        let Some(other) = first_with.insert(&found.path, name) else { continue };
        if without_format(as_path(other)).unwrap_or(as_path(other))
            == without_format(as_path(name)).unwrap_or(as_path(name))
        {
            continue;
        }
        findings.error(
            Error::value(format!("two image files would both be looked up as `{}`", found.path.display()))
                .with_detail(format_args!("`{}`", as_path(other).display()))
                .with_detail(format_args!("`{}`", as_path(name).display()))
                .with_hint(
                    "name a folder that holds them in separate folders, as in their paths; without an image \
                     directory, paths are used as written",
                ),
        );
    }
}

fn report_other_endings(names: &[&[u8]], found: &[Option<Found>], findings: &mut Findings) {
    let mut others = names.iter().zip(found).filter_map(|(name, found)| {
        found.as_ref().filter(|found| found.has_other_ending).map(|found| (name, &found.path))
    });
    if let Some((name, path)) = others.next() {
        let n_files = 1 + others.count();
        findings.warn(
            "other-ending",
            format!(
                "{} with the other of the endings .mrc and .mrcs than written (`{}` is `{}`)",
                counted(n_files, "image file"),
                as_path(name).display(),
                path.display()
            ),
        );
    }
}

/// Reports the files that were not found, if any, and where they were searched.
fn missing_error(
    names: &[&[u8]],
    found: &[Option<Found>],
    is_refused: &[bool],
    looked_in: &[PathBuf],
    is_by_ends: bool,
    split: Option<&Split>,
) -> Option<Error> {
    let missing: Vec<usize> = (0..names.len()).filter(|&nth| found[nth].is_none() && !is_refused[nth]).collect();
    if missing.is_empty() {
        return None;
    }
    let n_files = counted(names.len(), "image file");
    let mut error = Error::not_found(match split {
        None => format!("{} of {n_files} not found", missing.len()),
        Some(Split { root, .. }) => format!(
            "{} of {n_files} not found below `{}`, which holds {}; one folder must hold all of them",
            missing.len(),
            root.display(),
            count(found)
        ),
    });
    for &nth in missing.iter().take(MOST_LISTED) {
        let name = as_path(names[nth]).display();
        if let Some((link, target)) = looked_in.iter().find_map(|root| broken_link(root, as_path(names[nth]))) {
            error = error.with_detail(format_args!(
                "`{name}`: `{}` is a link to `{}`, which does not exist",
                link.display(),
                target.display()
            ));
            continue;
        }
        error = match split.map(|split| &split.other_root[nth]) {
            None => error.with_detail(format_args!("`{name}`")),
            Some(None) => error.with_detail(format_args!("`{name}`, not found elsewhere")),
            Some(Some(other)) => error.with_detail(format_args!("`{name}`, which is below `{}`", other.display())),
        };
    }
    if missing.len() > MOST_LISTED {
        error = error.with_detail(format_args!("and {} more", missing.len() - MOST_LISTED));
    }
    // Where an absolute path leads is no question of where it was looked for, unless its ends were.
    let mut tried = missing.iter().map(|&nth| as_path(names[nth])).filter(|name| name.is_relative() || is_by_ends);
    if let Some(name) = tried.next() {
        for root in looked_in {
            let why = if is_by_ends { no_end_of(root, name) } else { not_below(root, name) };
            error = error.with_detail(format_args!("looked below `{}`: {why}", root.display()));
        }
    }
    Some(error)
}

/// How far a path leads from `root`: `no folder Extract`, or what is there of it.
fn not_below(root: &Path, name: &Path) -> String {
    let mut there = PathBuf::new();
    for part in name.components() {
        if std::fs::metadata(root.join(&there).join(part)).is_err() {
            let part = Path::new(part.as_os_str()).display();
            return match there.as_os_str().is_empty() {
                true => format!("it holds no `{part}`"),
                false => format!("`{}` is there, and holds no `{part}`", there.display()),
            };
        }
        there.push(part);
    }
    format!("`{}` is there, others are not", there.display())
}

/// Which ends of a path were looked for in a folder: none is there.
fn no_end_of(folder: &Path, name: &Path) -> String {
    let ends: Vec<&Path> = suffixes(name).collect();
    match ends.as_slice() {
        [] => "it has no end that names a file".to_owned(),
        [only] => format!("it holds no `{}`", only.display()),
        [longest, .., shortest] => {
            let how_far = suffixes(name).find(|end| {
                end.parent().is_some_and(|parent| !parent.as_os_str().is_empty() && folder.join(parent).is_dir())
            });
            match how_far.and_then(Path::parent) {
                Some(parent) => format!("`{}` is there, and holds no `{}`", parent.display(), shortest.display()),
                None => format!("neither `{}` nor any end of it is there", longest.display()),
            }
        }
    }
}

/// The link on the way from `root` to `name`, or to one of its ends, whose target is not there; and that target.
fn broken_link(root: &Path, name: &Path) -> Option<(PathBuf, PathBuf)> {
    let name = without_format(name).unwrap_or(name);
    let written = std::iter::once(name).chain(suffixes(name));
    let other_ending = |path: &Path| match path.extension().map(OsStr::as_bytes) {
        Some(b"mrc") => Some(path.with_extension("mrcs")),
        Some(b"mrcs") => Some(path.with_extension("mrc")),
        _ => None,
    };
    let candidates = written.map(|end| root.join(end)).flat_map(|path| [other_ending(&path), Some(path)]).flatten();
    candidates.into_iter().find_map(|path| {
        // Behind the first part that is there, all parts are.
        let there = path.ancestors().find(|part| std::fs::symlink_metadata(part).is_ok())?;
        let target = std::fs::read_link(there).ok()?;
        std::fs::metadata(there).is_err_and(|error| is_absent(&error)).then(|| (there.to_owned(), target))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn touch(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"x").unwrap();
    }

    fn names<'a>(names: &[&'a str]) -> Vec<&'a [u8]> {
        names.iter().map(|name| name.as_bytes()).collect()
    }

    #[test]
    fn the_nearest_parent_that_holds_all_files_is_the_root() {
        let dir = tempfile::tempdir().unwrap();
        let star = dir.path().join("Refine3D/job010/run_data.star");
        touch(&star);
        touch(&dir.path().join("Extract/a.mrcs"));
        touch(&dir.path().join("Extract/b.mrcs"));
        // The nearer folder holds only one of the two.
        touch(&dir.path().join("Refine3D/Extract/a.mrcs"));
        let mut findings = Findings::new();
        let found =
            locate_images(&names(&["Extract/a.mrcs", "Extract/b.mrcs"]), Some(&star), None, false, &mut findings);
        assert_eq!(found[0].as_deref(), Some(dir.path().join("Extract/a.mrcs").as_path()));
        assert!(findings.errors.is_empty());
        assert_eq!(findings.warnings[0].code, "image-root");
    }

    #[test]
    fn where_the_system_refuses_to_look_is_an_error_whether_or_not_files_may_be_missing() {
        let dir = tempfile::tempdir().unwrap();
        touch(&dir.path().join("job/run_data.star"));
        touch(&dir.path().join("stacks/a.mrcs"));
        touch(&dir.path().join("stacks/b.mrcs"));
        // A link to itself leads nowhere for any user.
        std::os::unix::fs::symlink("stacks", dir.path().join("job/stacks")).unwrap();
        let star = dir.path().join("job/run_data.star");
        let asked = names(&["stacks/a.mrcs", "stacks/b.mrcs"]);
        for image_dir in [None, Some(dir.path().join("job/stacks"))] {
            for missing_is_allowed in [false, true] {
                let mut findings = Findings::new();
                locate_images(&asked, Some(&star), image_dir.as_deref(), missing_is_allowed, &mut findings);
                // Those in `stacks` may differ from the ones that can't be searched.
                assert_eq!(findings.errors.len(), 1);
                let text = findings.errors[0].to_string();
                assert!(text.contains("job/stacks") && text.contains("Too many levels of symbolic links"), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_file_is_named_by_its_kind_and_a_loop_of_links_once() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let star = path("job/run_data.star");
        touch(&star);
        touch(&path("job/good.mrcs"));
        fs::create_dir(path("job/folder.mrcs")).unwrap();
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, path("job/pipe.mrcs"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        symlink("/dev/null", path("job/device.mrcs")).unwrap();
        symlink("loop", path("job/loop")).unwrap();
        let asked = names(&["good.mrcs", "folder.mrcs", "pipe.mrcs", "device.mrcs", "loop/a.mrcs", "loop/b.mrcs"]);
        for image_dir in [None, Some(path("job"))] {
            for missing_is_allowed in [false, true] {
                let mut findings = Findings::new();
                let mut asked = asked.clone();
                if image_dir.is_some() {
                    asked.truncate(4);
                }
                locate_images(&asked, Some(&star), image_dir.as_deref(), missing_is_allowed, &mut findings);
                let texts: Vec<String> = findings.errors.iter().map(Error::to_string).collect();
                let mut expected: Vec<String> = [("folder", "a folder"), ("pipe", "a pipe"), ("device", "a device")]
                    .iter()
                    .map(|(name, kind)| {
                        let path = path("job").join(name).display().to_string();
                        format!("`{path}.mrcs` is {kind}, expected an image file")
                    })
                    .collect();
                if image_dir.is_none() {
                    let path = path("job/loop/a.mrcs").display().to_string();
                    expected.insert(0, format!(
                        "cannot look for the image file `{path}`: a loop of links (Too many levels of symbolic links \
                         (os error 40))\n  nor for 1 other"
                    ));
                }
                assert_eq!(texts, expected);
                assert!(
                    findings.warnings.iter().all(|warning| warning.code == "image-root"),
                    "{:?}",
                    findings.warnings
                );
            }
        }
        // A folder is not in the way of a file elsewhere.
        touch(&path("folder.mrcs"));
        let mut findings = Findings::new();
        let found = locate_images(&names(&["folder.mrcs"]), Some(&star), None, false, &mut findings);
        assert_eq!(found[0].as_deref(), Some(path("folder.mrcs").as_path()));
        assert!(findings.errors.is_empty());
    }

    #[test]
    fn the_other_ending_is_tried_and_reported() {
        let dir = tempfile::tempdir().unwrap();
        touch(&dir.path().join("a.mrc"));
        let mut findings = Findings::new();
        let found = locate_images(&names(&["x/a.mrcs"]), None, Some(dir.path()), false, &mut findings);
        assert_eq!(found[0].as_deref(), Some(dir.path().join("a.mrc").as_path()));
        assert_eq!(findings.warnings[0].code, "other-ending");
    }

    #[test]
    fn two_paths_with_one_file_name_are_refused_under_an_image_directory() {
        let dir = tempfile::tempdir().unwrap();
        touch(&dir.path().join("a.mrcs"));
        let mut findings = Findings::new();
        locate_images(&names(&["x/a.mrcs", "y/a.mrcs"]), None, Some(dir.path()), false, &mut findings);
        let text = findings.errors[0].to_string();
        assert!(text.contains("`x/a.mrcs`") && text.contains("`y/a.mrcs`"), "{text}");
    }

    #[test]
    fn two_endings_that_lead_to_one_file_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        touch(&dir.path().join("a.mrc"));
        let mut findings = Findings::new();
        locate_images(&names(&["a.mrc", "a.mrcs"]), None, Some(dir.path()), false, &mut findings);
        assert_eq!(findings.errors.len(), 1);
        touch(&dir.path().join("a.mrcs"));
        let mut findings = Findings::new();
        locate_images(&names(&["a.mrc", "a.mrcs"]), None, Some(dir.path()), false, &mut findings);
        assert!(findings.errors.is_empty());
    }

    #[test]
    fn missing_files_are_listed_with_the_places_that_were_tried() {
        let dir = tempfile::tempdir().unwrap();
        let star = dir.path().join("a.star");
        let mut findings = Findings::new();
        locate_images(&names(&["gone/a.mrcs"]), Some(&star), None, false, &mut findings);
        let text = findings.errors[0].to_string();
        assert!(text.starts_with("1 of 1 image file not found\n  `gone/a.mrcs`"), "{text}");
        let said = |text: &str, why: &str| {
            let line = format!("\n  looked below `{}`: {why}", dir.path().display());
            assert!(text.lines().any(|found| found == line.trim_start_matches('\n')), "{why}: {text}");
        };
        said(&text, "it holds no `gone`");
        assert!(findings.errors[0].hint().is_some());
        // How far the path leads is told for each place.
        touch(&dir.path().join("gone/b.mrcs"));
        let mut findings = Findings::new();
        locate_images(&names(&["gone/a.mrcs"]), Some(&star), None, false, &mut findings);
        said(&findings.errors[0].to_string(), "`gone` is there, and holds no `a.mrcs`");
        for (name, why) in [
            ("proj/gone/a.mrcs", "`gone` is there, and holds no `a.mrcs`"),
            ("/proj/other/a.mrcs", "neither `proj/other/a.mrcs` nor any end of it is there"),
            ("a.mrcs", "it holds no `a.mrcs`"),
        ] {
            let mut findings = Findings::new();
            locate_images(&names(&[name]), Some(&star), Some(dir.path()), false, &mut findings);
            said(&findings.errors[0].to_string(), why);
        }
    }

    #[test]
    fn files_below_different_roots_are_reported_with_their_roots() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let star = path("proj/job/run_data.star");
        touch(&path("proj/job/flat/a.mrcs"));
        touch(&path("proj/job/flat/b.mrcs"));
        touch(&path("proj/Extract/c.mrcs"));
        for missing_is_allowed in [false, true] {
            let mut findings = Findings::new();
            let asked = names(&["flat/a.mrcs", "Extract/c.mrcs", "gone.mrcs", "flat/b.mrcs"]);
            let found = locate_images(&asked, Some(&star), None, missing_is_allowed, &mut findings);
            assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false, true]);
            let text = match missing_is_allowed {
                false => findings.errors[0].to_string(),
                true => findings.warnings[0].message.to_string(),
            };
            let expected = format!(
                "2 of 4 image files not found below `{}`, which holds 2; one folder must hold all of them\n  \
                 `Extract/c.mrcs`, which is below `{}`\n  `gone.mrcs`, not found elsewhere\n  looked below `",
                path("proj/job").display(),
                path("proj").display()
            );
            assert!(text.starts_with(&expected), "{text}");
        }
    }

    #[test]
    fn an_absolute_path_needs_no_root() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("a.mrcs");
        touch(&image);
        let mut findings = Findings::new();
        let found = locate_images(&names(&[image.to_str().unwrap()]), None, None, false, &mut findings);
        assert_eq!(found[0].as_deref(), Some(image.as_path()));
        assert!(findings.warnings.is_empty());
    }

    #[test]
    fn listed_folders_tell_of_files_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let written: Vec<String> = (0..300).map(|n| format!("Extract/{n}.mrcs")).collect();
        for name in &written[..295] {
            touch(&path(name));
        }
        fs::create_dir(path("Extract/295.mrcs")).unwrap();
        std::os::unix::fs::symlink(path("Extract/0.mrcs"), path("Extract/296.mrcs")).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("Extract/297.mrcs")).unwrap();
        touch(&path("Extract/298.mrc"));
        let known = KnownFiles::below(dir.path(), written.iter().map(Path::new));
        assert!((0..300).all(|n| known.contains(&path(&written[n])) == (n < 295)));

        // What a listing can't show is looked up: the link that leads somewhere and the other ending are found.
        let star = path("a.star");
        let found = locate_images(
            &names(&written.iter().map(String::as_str).collect::<Vec<_>>()),
            Some(&star),
            None,
            false,
            &mut Findings::new(),
        );
        let is_missing = |n: usize| [295, 297, 299].contains(&n);
        assert!((0..300).all(|n| found[n].is_none() == is_missing(n)));
        assert_eq!(found[298].as_deref(), Some(path("Extract/298.mrc").as_path()));
    }

    #[test]
    fn folders_of_which_little_is_asked_are_not_listed() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..200 {
            touch(&dir.path().join(format!("{n}.mrcs")));
        }
        let few: Vec<String> = (0..LEAST_LISTED - 1).map(|n| format!("{n}.mrcs")).collect();
        assert!(KnownFiles::below(dir.path(), few.iter().map(Path::new)).of_folder.is_empty());
        assert!(list_files(dir.path(), 199).is_none());
        assert_eq!(list_files(dir.path(), 200).map(|files| files.len()), Some(200));
    }
}
