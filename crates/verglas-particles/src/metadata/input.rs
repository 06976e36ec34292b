//! The input of a conversion, and the kind of input that paths describe.

use std::path::{Path, PathBuf};

use thiserror::Error;
use verglas_core::ErrorKind;
use verglas_core::error::Result as CoreResult;

use super::{cryosparc, job_folder};

/// The input of a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A STAR file whose rows name their images (`rlnImageName`).
    IndexedStar(PathBuf),
    /// STAR files and image stacks in pairs: row k of a STAR file describes section k of its stack.
    StarPairs(Vec<(PathBuf, PathBuf)>),
    /// A CryoSPARC file whose rows name their images (`blob/path`, `blob/idx`).
    IndexedCs {
        /// The file whose rows count.
        particles: PathBuf,
        /// A second file (`…_passthrough_particles.cs`), joined to the first on `uid`; where both hold a column, the
        /// first counts. See [`Input::in_order`].
        passthrough: Option<PathBuf>,
    },
    /// A CryoSPARC job directory: `J<N>/J<N>_passthrough_particles.cs` describes the images in `J<N>/restack` or
    /// `J<N>/downsample`; of jobs of other types, the `.cs` files that hold their particles (see [`Input::resolved`]).
    CryosparcJob {
        /// The folder that holds `J<N>`.
        root: PathBuf,
        /// N.
        job_number: u64,
    },
}

impl Input {
    /// The input that `paths` amount to: one `.star` file, or one `.cs` file, or two that belong together, by their endings;
    /// or the folder of a job ([`Input::from_folder`]).
    ///
    /// # Errors
    /// When they are none of these. Whether the files exist is not checked.
    ///
    /// ```
    /// use verglas_particles::metadata::Input;
    ///
    /// let input = Input::from_paths(["J24_particles.cs", "J24_passthrough_particles.cs"])?;
    /// assert!(matches!(input, Input::IndexedCs { passthrough: Some(_), .. }));
    /// assert!(Input::from_paths(["particles.star", "more.star"]).is_err());
    /// # Ok::<(), verglas_core::Error>(())
    /// ```
    pub fn from_paths<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Result<Self, InputError> {
        let paths: Vec<PathBuf> = paths.into_iter().map(Into::into).collect();
        // A .csg is not an input, but the reader's error says which .cs files it names.
        if !paths.is_empty() && paths.iter().all(|path| has_ending(path, "cs") || has_ending(path, "csg")) {
            let n_files = paths.len();
            let mut paths = paths.into_iter();
            return match (paths.next(), paths.next(), paths.next()) {
                (Some(particles), passthrough, None) => Ok(Self::IndexedCs { particles, passthrough }),
                _ => Err(InputError::CsFiles(n_files)),
            };
        }
        if let Some(other) = paths.iter().find(|path| !has_ending(path, "star")) {
            return Err(match paths.as_slice() {
                [only] if only.is_dir() || job_folder::cryosparc_job(only).is_some() => {
                    return Self::from_folder(only).ok_or_else(|| InputError::Folder(only.clone()));
                }
                [only] => InputError::NotMetadata(only.clone()),
                _ => InputError::NotStar(other.clone()),
            });
        }
        match <[PathBuf; 1]>::try_from(paths) {
            Ok([star]) => Ok(Self::IndexedStar(star)),
            Err(several) => Err(InputError::StarFiles(several.len())),
        }
    }

    /// STAR files whose rows describe the sections of as many image stacks, in sequence; whatever their endings.
    ///
    /// # Errors
    /// When there are more of one than of the other, or none.
    pub fn from_pairs(stars: &[PathBuf], images: &[PathBuf]) -> Result<Self, InputError> {
        if stars.len() != images.len() || stars.is_empty() {
            return Err(InputError::PairsDiffer { n_stars: stars.len(), n_images: images.len() });
        }
        Ok(Self::StarPairs(stars.iter().cloned().zip(images.iter().cloned()).collect()))
    }

    /// What a job's folder stands for: the CryoSPARC job by whose name it goes (`J24`), or the newest particles of a RELION
    /// job (`run_data.star`, `run_it025_data.star`, `particles.star`); `None` if it is neither.
    pub fn from_folder(folder: &Path) -> Option<Self> {
        match job_folder::cryosparc_job(folder) {
            Some((root, job_number)) => Some(Self::CryosparcJob { root, job_number }),
            None => job_folder::relion_particles(folder).map(Self::IndexedStar),
        }
    }

    /// The CryoSPARC job whose folder `J<job_number>` is in `root`, or is `root` itself.
    pub fn from_job(root: impl Into<PathBuf>, job_number: u64) -> Self {
        let root = root.into();
        match job_folder::cryosparc_job(&root) {
            Some((parent, number)) if number == job_number && !cryosparc::job_folder(&root, number).is_dir() => {
                Self::CryosparcJob { root: parent, job_number }
            }
            _ => Self::CryosparcJob { root, job_number },
        }
    }

    /// The number of a job by its name, `24` or `J24`.
    pub fn job_number(name: &str) -> Option<u64> {
        let digits = name.strip_prefix('J').unwrap_or(name);
        job_folder::job_number(&format!("J{digits}"))
    }

    /// The files that are read: of a CryoSPARC job that holds no images of its own in `restack` or `downsample`, the `.cs`
    /// files with its particles.
    ///
    /// Of files that are written once an iteration the last one counts, joined with what the job passed on.
    ///
    /// # Errors
    /// When the job is not there, or its folder holds no particles, or several sets of them.
    pub fn resolved(self) -> CoreResult<Self> {
        let Self::CryosparcJob { root, job_number } = &self else { return Ok(self) };
        match cryosparc::find_files(root, *job_number)? {
            Some((particles, passthrough)) => Ok(Self::IndexedCs { particles, passthrough }),
            None => Ok(self),
        }
    }

    /// The metadata files that it names, those of a job by what their names are.
    pub fn metadata_files(&self) -> Vec<PathBuf> {
        match self {
            Self::IndexedStar(path) => vec![path.clone()],
            Self::StarPairs(pairs) => pairs.iter().map(|(star, _)| star.clone()).collect(),
            Self::IndexedCs { particles, passthrough } => {
                std::iter::once(particles).chain(passthrough).cloned().collect()
            }
            Self::CryosparcJob { root, job_number } => vec![cryosparc::passthrough_file(root, *job_number)],
        }
    }

    /// The same input with CryoSPARC's two files in the order that counts, whichever was given first: CryoSPARC calls one of
    /// them the passthrough, and in a shell's list that one comes first.
    #[must_use]
    pub fn in_order(self) -> Self {
        let is_passthrough = |path: &Path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().to_ascii_lowercase().contains("passthrough"))
        };
        match self {
            Self::IndexedCs { particles: first, passthrough: Some(second) }
                if is_passthrough(&first) && !is_passthrough(&second) =>
            {
                Self::IndexedCs { particles: second, passthrough: Some(first) }
            }
            as_given => as_given,
        }
    }

    /// The metadata file that relative image paths may be relative to.
    pub fn metadata_file(&self) -> Option<&PathBuf> {
        match self {
            Self::IndexedStar(path) => Some(path),
            Self::StarPairs(pairs) => pairs.first().map(|(star, _)| star),
            Self::IndexedCs { particles, .. } => Some(particles),
            Self::CryosparcJob { .. } => None,
        }
    }
}

/// Why some paths amount to no input.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InputError {
    /// This many `.cs` files, neither one nor two.
    #[error("{0} .cs files, expected one, or two that belong together")]
    CsFiles(usize),
    /// This many `.star` files, not one.
    #[error("{0} .star files, expected one, or several with the image stack of each")]
    StarFiles(usize),
    /// A folder that is no job's: a job's number says what in it.
    #[error("`{}` is a folder, expected a file, the folder of a job, or the number of a CryoSPARC job in it", .0.display())]
    Folder(PathBuf),
    /// A single file of another kind.
    #[error("`{}` is neither a .star nor a .cs file", .0.display())]
    NotMetadata(PathBuf),
    /// One of several files.
    #[error("`{}` is not a .star file", .0.display())]
    NotStar(PathBuf),
    /// More of one than of the other.
    #[error("{n_stars} .star files and {n_images} image files, expected equal numbers")]
    PairsDiffer {
        /// STAR files.
        n_stars: usize,
        /// Image stacks.
        n_images: usize,
    },
}

impl From<InputError> for verglas_core::Error {
    fn from(error: InputError) -> Self {
        Self::caused_by(ErrorKind::Value, error)
    }
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_say_which_kind_it_is() {
        let star = PathBuf::from("a.STAR");
        assert_eq!(Input::from_paths([&star]), Ok(Input::IndexedStar(star)));
        let two = Input::from_paths(["a.cs", "b.csg"]).unwrap();
        let expected = Input::IndexedCs { particles: "a.cs".into(), passthrough: Some("b.csg".into()) };
        assert_eq!(two, expected);
        let refused = |paths: &[&str]| Input::from_paths(paths.iter().copied()).unwrap_err();
        assert_eq!(refused(&[]), InputError::StarFiles(0));
        assert_eq!(refused(&["a.cs", "b.cs", "c.cs"]), InputError::CsFiles(3));
        assert_eq!(refused(&["a.star", "b.star"]), InputError::StarFiles(2));
        assert_eq!(refused(&["a.star", "b.cs"]), InputError::NotStar("b.cs".into()));
        assert_eq!(refused(&["a.mrcs"]), InputError::NotMetadata("a.mrcs".into()));
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Input::from_paths([folder.path()]), Err(InputError::Folder(folder.path().into())));
    }

    #[test]
    fn pairs_are_as_many_of_both() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let pairs = Input::from_pairs(&paths(&["a.txt"]), &paths(&["a.mrcs"]));
        assert_eq!(pairs, Ok(Input::StarPairs(vec![("a.txt".into(), "a.mrcs".into())])));
        let error = Input::from_pairs(&paths(&["a.star"]), &[]).unwrap_err();
        assert_eq!(error.to_string(), "1 .star files and 0 image files, expected equal numbers");
        assert!(Input::from_pairs(&[], &[]).is_err());
    }
}
