//! Which files structures come from: kinds by ending, names, lists of paths.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use verglas_core::{Error, Result};

/// The kind of a file, by its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InputKind {
    /// `.pdb`, `.ent`.
    Pdb,
    /// `.cif`, `.mmcif`.
    Mmcif,
    /// `.mrc`, `.map`, `.mrcs`, `.ccp4`.
    Map,
    /// `.npy`.
    Array,
    /// `.xtc`, `.dcd`: needs a topology.
    Trajectory,
}

const ENDINGS: [(&str, InputKind); 11] = [
    ("pdb", InputKind::Pdb),
    ("ent", InputKind::Pdb),
    ("cif", InputKind::Mmcif),
    ("mmcif", InputKind::Mmcif),
    ("mrc", InputKind::Map),
    ("map", InputKind::Map),
    ("mrcs", InputKind::Map),
    ("ccp4", InputKind::Map),
    ("npy", InputKind::Array),
    ("xtc", InputKind::Trajectory),
    ("dcd", InputKind::Trajectory),
];

impl InputKind {
    /// The kind for a path's ending, in any case of letters, also followed by `.gz` or `.bz2`.
    pub fn of(path: &Path) -> Option<Self> {
        let unpacked = without_packing(path.file_name()?);
        let (_, ending) = split_ending(unpacked)?;
        ENDINGS.iter().find(|(known, _)| ending.eq_ignore_ascii_case(known.as_bytes())).map(|(_, kind)| *kind)
    }

    /// The same, or an error that lists the endings there are.
    ///
    /// # Errors
    /// A value error for any other ending.
    pub fn expect(path: &Path) -> Result<Self> {
        Self::of(path).ok_or_else(|| {
            let endings: Vec<String> = ENDINGS.iter().map(|(ending, _)| format!(".{ending}")).collect();
            Error::value(format!(
                "`{}`: its ending is none of {}, also with .gz or .bz2",
                path.display(),
                endings.join(" ")
            ))
        })
    }
}

fn split_ending(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    Some((&name[..dot], &name[dot + 1..]))
}

fn without_packing(name: &OsStr) -> &[u8] {
    let name = name.as_bytes();
    match split_ending(name) {
        Some((rest, ending)) if ending.eq_ignore_ascii_case(b"gz") || ending.eq_ignore_ascii_case(b"bz2") => rest,
        _ => name,
    }
}

/// A structure's name: that of its file without its endings. What is not UTF-8 becomes U+FFFD.
pub fn name_of(path: &Path) -> String {
    let name = path.file_name().map_or(&b""[..], without_packing);
    let known = |ending: &[u8]| ENDINGS.iter().any(|(known, _)| ending.eq_ignore_ascii_case(known.as_bytes()));
    let stem = match split_ending(name) {
        Some((stem, ending)) if known(ending) && !stem.is_empty() => stem,
        _ => name,
    };
    String::from_utf8_lossy(stem).into_owned()
}

/// Names that are given out once.
#[derive(Debug, Default)]
pub struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// The name itself if it is free, otherwise followed by `_1`, `_2`, …
    pub fn take(&mut self, name: String) -> String {
        let free = if self.taken.contains(&name) {
            let mut numbered = (1u64..).map(|n| format!("{name}_{n}"));
            numbered.find(|name| !self.taken.contains(name)).unwrap_or(name)
        } else {
            name
        };
        self.taken.insert(free.clone());
        free
    }
}

/// The paths that a list has, one a line; empty lines are none.
///
/// # Errors
/// The list can't be read, or has no path.
pub fn read_list(list: &Path) -> Result<Vec<PathBuf>> {
    let bytes = fs::read(list).map_err(|error| Error::io(format_args!("cannot read `{}`", list.display()), &error))?;
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let paths: Vec<PathBuf> = lines.map(|line| PathBuf::from(OsStr::from_bytes(line))).collect();
    if paths.is_empty() {
        return Err(Error::format(format!("`{}`: no path in it, expected one per line", list.display())));
    }
    Ok(paths)
}

/// An error that names all files that are not there; `None` if all are.
pub fn missing_files<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Option<Error> {
    let mut n_files = 0;
    let missing: Vec<&Path> = paths.into_iter().inspect(|_| n_files += 1).filter(|path| !path.exists()).collect();
    match &missing[..] {
        [] => None,
        [one] => Some(Error::not_found(format!("`{}` does not exist", one.display()))),
        many => {
            let error = Error::not_found(format!("{} of {n_files} files do not exist", many.len()));
            Some(many.iter().fold(error, |error, path| error.with_detail(path.display())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_say_what_a_file_is() {
        let kind = |path: &str| InputKind::of(Path::new(path));
        assert_eq!(kind("a/b.c.PDB"), Some(InputKind::Pdb));
        assert_eq!(kind("x.cif.gz"), Some(InputKind::Mmcif));
        assert_eq!(kind("x.Map.BZ2"), Some(InputKind::Map));
        assert_eq!(kind("x.npy"), Some(InputKind::Array));
        assert_eq!(kind("x.xtc"), Some(InputKind::Trajectory));
        assert_eq!([kind("pdb"), kind("x.pdb.zip"), kind("x.gz"), kind("x.txt"), kind("")], [None; 5]);
        let error = InputKind::expect(Path::new("a/x.txt")).unwrap_err().to_string();
        assert!(
            error.starts_with("`a/x.txt`: its ending is none of .pdb .ent .cif .mmcif .mrc .map .mrcs .ccp4"),
            "{error}"
        );
    }

    #[test]
    fn names_are_files_names_without_endings_and_given_out_once() {
        let names = ["a/x.y.pdb.gz", "1l2y.cif", "x.mrcs", ".pdb", "x.txt"].map(|path| name_of(Path::new(path)));
        assert_eq!(names, ["x.y", "1l2y", "x", ".pdb", "x.txt"]);
        let mut given = Names::default();
        let taken = ["a", "a", "a_1", "a", "b"].map(|name| given.take(name.into()));
        assert_eq!(taken, ["a", "a_1", "a_1_1", "a_2", "b"]);
    }

    #[test]
    fn lists_have_a_path_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list.txt");
        fs::write(&list, "a.pdb\r\n\n  b c.mrc \n#d.cif").unwrap();
        assert_eq!(read_list(&list).unwrap(), ["a.pdb", "b c.mrc", "#d.cif"].map(PathBuf::from));
        fs::write(&list, "\n").unwrap();
        assert!(read_list(&list).unwrap_err().to_string().ends_with("no path in it, expected one per line"));
        assert!(read_list(&folder.path().join("none")).is_err());
    }

    #[test]
    fn all_missing_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a.pdb", "b.pdb", "c.pdb"].map(|name| folder.path().join(name));
        fs::write(&paths[1], "").unwrap();
        let error = missing_files(paths.iter().map(PathBuf::as_path)).unwrap().to_string();
        assert!(error.starts_with("2 of 3 files do not exist\n  "), "{error}");
        assert!(error.contains("a.pdb") && error.contains("c.pdb") && !error.contains("b.pdb"));
        assert_eq!(missing_files([paths[1].as_path()]), None);
    }
}
