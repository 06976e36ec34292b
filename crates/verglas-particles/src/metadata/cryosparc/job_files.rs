//! The `.cs` files of a CryoSPARC job's folder: which of them hold its particles, told by their columns and uids.
//!
//! A job writes what it computed to one file, for iterative jobs once an iteration, and what it passed on to another.
//! Which of the two has images and CTF depends on the job. Beside them lie files of micrographs, templates and volumes.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;
use verglas_core::hint::{Segment, Text};
use verglas_core::paths::folder_of;

use super::fields::Field;
use super::file::CsFile;

/// The file whose rows count, and the one that is joined to it.
pub(in crate::metadata) type Chosen = (PathBuf, Option<PathBuf>);

/// How many files a message lists by name.
const MOST_LISTED: usize = 10;

/// Finds the files that hold a job's particles.
///
/// Of a file that is written once an iteration the last one counts; particles that a job set aside (`…_excluded.cs`) do
/// not. A file alone, or one with another that has all its uids, must hold what particles need; of what is passed on
/// besides, poses above all, nothing is lost.
///
/// # Errors
/// When there are none, or several that are different particles: each is told with what it takes to convert it.
pub(in crate::metadata) fn find_particles(folder: &Path) -> Result<Chosen> {
    let mut found = list(folder)?;
    let newest: Vec<usize> = (0..found.files.len()).filter(|&at| found.is_newest_result(at)).collect();
    let mut whole: Vec<(usize, Option<usize>)> = Vec::new();
    for &at in &newest {
        if let Some(partner) = found.partner(at)? {
            whole.push((at, partner));
        }
    }
    // What is of all classes is what a class's file is a part of.
    if whole.iter().any(|(at, _)| found.files[*at].part.is_none()) {
        whole.retain(|(at, _)| found.files[*at].part.is_none());
    }
    if whole.is_empty() {
        // Some jobs compute nothing about particles and only pass them on.
        let passed_on =
            (0..found.files.len()).filter(|&at| found.files[at].is_passthrough && found.lacks(at).is_empty());
        whole = passed_on.map(|at| (at, None)).collect();
    }
    match whole.as_slice() {
        [(at, partner)] if found.is_one_of_several_parts(*at) => Err(found.one_part(folder, *at, *partner)),
        [(at, partner)] => Ok(found.paths(*at, *partner)),
        [] => Err(found.nothing_whole(folder, &newest)),
        several => Err(found.ambiguous(folder, several)),
    }
}

/// The file beside `path` that holds what it lacks, of the same particles.
pub(super) fn partner_of(path: &Path) -> Option<PathBuf> {
    let folder = folder_of(path);
    let mut found = list(folder).ok()?;
    let at = found.files.iter().position(|there| there.file.path.file_name() == path.file_name())?;
    let partner = found.partner(at).ok()??;
    // By the same folder as the file itself, however that was written.
    Some(path.with_file_name(found.files[partner?].file.path.file_name()?))
}

/// A `.cs` file of particles.
struct Particles {
    file: CsFile,
    is_passthrough: bool,
    /// The class or the split that it is of, if it is not of all particles: `("class", 0)`.
    part: Option<(&'static str, u64)>,
    /// Of an iterative job; the last one where the name has none.
    iteration: u64,
    /// The name without the iteration.
    family: String,
}

struct Found {
    files: Vec<Particles>,
    /// All `.cs` files.
    names: Vec<String>,
}

/// Opens the `.cs` files of a folder that hold particles, but those that the job set aside.
///
/// # Errors
/// When one can't be read: it might have been the one.
fn list(folder: &Path) -> Result<Found> {
    let unreadable = |error| Error::io(format_args!("cannot read `{}`", folder.display()), &error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let Ok(name) = entry.map_err(unreadable)?.file_name().into_string() else { continue };
        if name.ends_with(".cs") {
            names.push(name);
        }
    }
    names.sort();
    let mut files = Vec::new();
    for name in &names {
        let lower = name.to_ascii_lowercase();
        const SET_ASIDE: [&str; 6] = ["excluded", "incomplete", "remainder", "rejected", "uncategorized", "duplicate"];
        const OF_OTHERS: [&str; 4] = ["micrograph", "exposure", "template", "class_averages"];
        if SET_ASIDE.iter().chain(&OF_OTHERS).any(|word| lower.contains(word)) {
            continue;
        }
        // What is odd about a file is told when it turns out to be needed.
        match CsFile::open_any(&folder.join(name), &mut Findings::new()) {
            // Of a class that is empty.
            Ok(file) if file.n_rows == 0 => {}
            Ok(file) if is_of_particles(&file, &lower) => files.push(Particles::of(file, &lower)),
            Ok(_) => {}
            Err(error) if lower.contains("particle") => return Err(error),
            Err(_) => {}
        }
    }
    Ok(Found { files, names })
}

/// Whether the columns are those of particles.
fn is_of_particles(file: &CsFile, name: &str) -> bool {
    let has = |start: &str| file.column_names.iter().any(|column| column.starts_with(start));
    const OF_OTHERS: [&str; 8] =
        ["micrograph_", "movie_blob/", "mscope_params/", "ctf_stats/", "blob/res_A", "map/", "volume/", "mask/"];
    const OF_PARTICLES: [&str; 4] = ["blob/", "ctf/", "alignments", "location/"];
    let is_of_others = OF_OTHERS.iter().any(|start| has(start));
    file.has(Field::Uid) && !is_of_others && (name.contains("particle") || OF_PARTICLES.iter().any(|start| has(start)))
}

impl Particles {
    fn of(file: CsFile, name: &str) -> Self {
        let is_passthrough = name.contains("passthrough");
        let stem = name.strip_suffix(".cs").unwrap_or(name);
        let (mut part, mut iteration, mut family) = (None, None, Vec::new());
        let mut words = stem.split('_').peekable();
        while let Some(word) = words.next() {
            let kind = ["class", "split"].into_iter().find(|kind| *kind == word);
            let number = words.peek().and_then(|next| next.parse().ok());
            if let (Some(kind), Some(number)) = (kind, number) {
                part = Some((kind, number));
                family.extend([word, words.next().unwrap_or_default()]);
            } else if word == "final" {
                iteration = Some(u64::MAX);
            } else if let Ok(number) = word.parse() {
                iteration = Some(number);
            } else {
                family.push(word);
            }
        }
        Self { is_passthrough, part, iteration: iteration.unwrap_or(u64::MAX), family: family.join("_"), file }
    }

    fn name(&self) -> String {
        self.file.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Found {
    /// Whether it is what the job computed, of its last iteration.
    fn is_newest_result(&self, at: usize) -> bool {
        let this = &self.files[at];
        let is_later = |(other_at, other): (usize, &Particles)| {
            other.family == this.family && (other.iteration, other_at) > (this.iteration, at)
        };
        !this.is_passthrough && !self.files.iter().enumerate().any(is_later)
    }

    /// What a file lacks of what particles need.
    fn lacks(&self, at: usize) -> Vec<Field> {
        let required = Field::IMAGE.iter().chain(&Field::REQUIRED_CTF).copied();
        required.filter(|field| !self.files[at].file.has(*field)).collect()
    }

    /// The file that is to be joined to a result: `Some(None)` if it needs none and none adds to it, `None` if none holds
    /// what it lacks.
    ///
    /// # Errors
    /// When uids can't be read.
    fn partner(&mut self, at: usize) -> Result<Option<Option<usize>>> {
        let lacks = self.lacks(at);
        let this = &self.files[at];
        let adds = |other: &Particles| match lacks.is_empty() {
            // Poses, groups, signs: what a conversion knows to use.
            true => {
                other.is_passthrough && Field::ALL.iter().any(|&field| other.file.has(field) && !this.file.has(field))
            }
            false => lacks.iter().all(|field| other.file.has(*field)),
        };
        let mut others: Vec<usize> =
            (0..self.files.len()).filter(|&other| other != at && adds(&self.files[other])).collect();
        let last_word = |file: &Particles| file.family.rsplit('_').next().map(str::to_owned);
        others.sort_by_key(|&other| {
            let file = &self.files[other];
            let is_of_all = file.part.is_none();
            (
                (!file.is_passthrough, file.part != this.part, !is_of_all, last_word(file) != last_word(this)),
                Reverse(file.iteration),
                other,
            )
        });
        let first = others.first().copied();
        for other in others {
            if self.holds_all_uids(other, at)? {
                return Ok(Some(Some(other)));
            }
        }
        Ok(match (lacks.is_empty(), first) {
            (true, _) => Some(None),
            // That they can't be joined is told when they are.
            (false, Some(first)) => Some(Some(first)),
            (false, None) => None,
        })
    }

    /// Whether each uid of file `of` is in file `within`.
    fn holds_all_uids(&mut self, within: usize, of: usize) -> Result<bool> {
        let mut uids = |at: usize| -> Result<Vec<u64>> {
            let columns = self.files[at].file.read(&[Field::Uid], &mut Findings::new())?;
            Ok(columns.uid.unwrap_or_default())
        };
        let (mut within, mut of) = (uids(within)?, uids(of)?);
        if within == of {
            return Ok(true);
        }
        within.sort_unstable();
        of.sort_unstable();
        let mut there = within.into_iter().peekable();
        Ok(of.into_iter().all(|uid| {
            while there.next_if(|other| *other < uid).is_some() {}
            there.peek() == Some(&uid)
        }))
    }

    /// Whether it is of one class or split, and others are seen: their particles would be left out unseen.
    fn is_one_of_several_parts(&self, at: usize) -> bool {
        let part = self.files[at].part;
        part.is_some() && self.files.iter().any(|other| other.part.is_some() && other.part != part)
    }

    fn one_part(&self, folder: &Path, at: usize, partner: Option<usize>) -> Error {
        let (first, partner) = self.paths(at, partner);
        let (kind, number) = self.files[at].part.unwrap_or_default();
        let files = std::iter::once(first).chain(partner).collect();
        Error::value(format!(
            "`{}` holds a file with the particles of {kind} {number} alone, `{}`, and others are passed on beside it",
            folder.display(),
            self.files[at].name()
        ))
        .with_hint("if that is what is meant: " + Text::from(Segment::Inputs(files)))
    }

    fn paths(&self, at: usize, partner: Option<usize>) -> Chosen {
        let path = |at: usize| self.files[at].file.path.clone();
        (path(at), partner.map(path))
    }

    fn ambiguous(&self, folder: &Path, several: &[(usize, Option<usize>)]) -> Error {
        let mut error =
            Error::value(format!("`{}` holds {} sets of particles, expected one", folder.display(), several.len()));
        for (at, _) in several.iter().take(MOST_LISTED) {
            error = error.with_detail(format_args!("`{}`", self.files[*at].name()));
        }
        if several.len() > MOST_LISTED {
            error = error.with_detail(format_args!("and {} more", several.len() - MOST_LISTED));
        }
        let (first, partner) = self.paths(several[0].0, several[0].1);
        let files = std::iter::once(first).chain(partner).collect();
        error.with_hint(Text::from("give the files of one of them, such as ") + Segment::Inputs(files))
    }

    fn nothing_whole(&self, folder: &Path, newest: &[usize]) -> Error {
        if self.files.is_empty() {
            let names: Vec<String> = self.names.iter().take(MOST_LISTED).map(|name| format!("`{name}`")).collect();
            let error = Error::not_found(format!("`{}` holds no .cs file of particles", folder.display()));
            return match names.as_slice() {
                [] => error,
                names => error.with_detail(format_args!("there: {}", names.join(", "))),
            };
        }
        let mut error = Error::format(format!(
            "`{}`: none of its .cs files has all that particles need, alone or with another",
            folder.display()
        ));
        // A job may compute nothing and only pass on.
        let all: Vec<usize> = (0..self.files.len()).collect();
        for &at in if newest.is_empty() { &all } else { newest }.iter().take(MOST_LISTED) {
            let lacks: Vec<&str> = self.lacks(at).into_iter().map(Field::name).collect();
            error = error.with_detail(format_args!("`{}` lacks {}", self.files[at].name(), lacks.join(", ")));
        }
        error.with_hint("picks and coordinates become particles in an extraction job: give that job")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use verglas_formats::cs::{CsData, CsSource, write_cs};

    use super::*;

    /// A file with uids 1 to `n` and columns of zeros.
    fn write(folder: &Path, name: &str, uids: &[u64], columns: &[&str]) {
        let zeros = vec![0.0_f32; uids.len()];
        let mut sources = vec![CsSource { name: "uid", shape: &[], values: CsData::U64(uids) }];
        sources.extend(columns.iter().map(|name| CsSource { name, shape: &[], values: CsData::F32(&zeros) }));
        write_cs(File::create(folder.join(name)).unwrap(), &sources).unwrap();
    }

    const IMAGE: [&str; 2] = ["blob/path", "blob/idx"];
    const CTF: [&str; 6] =
        ["ctf/df1_A", "ctf/df2_A", "ctf/df_angle_rad", "ctf/cs_mm", "ctf/accel_kv", "ctf/amp_contrast"];

    fn found(folder: &Path) -> std::result::Result<(String, Option<String>), String> {
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        find_particles(folder).map(|(first, second)| (name(first), second.map(name))).map_err(|error| error.to_string())
    }

    #[test]
    fn names_tell_iteration_and_class() {
        let folder = tempfile::tempdir().unwrap();
        for (name, part, iteration) in [
            ("J24_004_particles.cs", None, 4),
            ("cryosparc_P1_J14_class_00_00062_particles.cs", Some(("class", 0)), 62),
            ("J14_class_01_final_particles.cs", Some(("class", 1)), u64::MAX),
            ("J31_passthrough_particles_split_1.cs", Some(("split", 1)), u64::MAX),
            ("extracted_particles.cs", None, u64::MAX),
        ] {
            write(folder.path(), name, &[1], &[]);
            let file = CsFile::open(&folder.path().join(name), &mut Findings::new()).unwrap();
            let particles = Particles::of(file, &name.to_ascii_lowercase());
            assert_eq!((particles.part, particles.iteration), (part, iteration), "{name}");
        }
    }

    #[test]
    fn the_last_iteration_counts_with_what_the_job_passed_on() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "J24_009_particles.cs", &[1, 2], &["alignments3D/pose"]);
        write(folder, "J24_010_particles.cs", &[1, 2], &["alignments3D/pose"]);
        write(folder, "J24_passthrough_micrographs.cs", &[1, 2], &[IMAGE.as_slice(), &CTF].concat());
        assert!(found(folder).unwrap_err().contains("`J24_010_particles.cs` lacks blob/path, blob/idx, ctf/df1_A"));
        write(folder, "J24_passthrough_particles.cs", &[2, 1, 3], &[IMAGE.as_slice(), &CTF].concat());
        let expected = ("J24_010_particles.cs".to_owned(), Some("J24_passthrough_particles.cs".to_owned()));
        assert_eq!(found(folder), Ok(expected));
    }

    #[test]
    fn a_partner_holds_all_uids_where_one_does() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let all = [IMAGE.as_slice(), &CTF].concat();
        write(folder, "particles_selected.cs", &[1, 2], &["alignments2D/pose"]);
        write(folder, "particles_excluded.cs", &[3], &["alignments2D/pose"]);
        write(folder, "J20_passthrough_particles_excluded.cs", &[3], &all);
        write(folder, "J20_passthrough_particles_other.cs", &[3, 4], &all);
        write(folder, "J20_passthrough_particles_selected.cs", &[2, 1], &all);
        let partner = Some("J20_passthrough_particles_selected.cs".to_owned());
        assert_eq!(found(folder), Ok(("particles_selected.cs".to_owned(), partner)));
    }

    #[test]
    fn classes_are_told_unless_a_file_holds_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let all = [IMAGE.as_slice(), &CTF].concat();
        write(folder, "J14_passthrough_particles_all_classes.cs", &[1, 2, 3], &all);
        write(folder, "J14_class_00_00062_particles.cs", &[1, 2], &["alignments3D/pose"]);
        write(folder, "J14_class_01_00062_particles.cs", &[3], &["alignments3D/pose"]);
        let error = found(folder).unwrap_err();
        let expected =
            "holds 2 sets of particles, expected one\n  `J14_class_00_00062_particles.cs`\n  `J14_class_01_00062";
        assert!(error.contains(expected), "{error}");
        // Nor is one of them taken alone where others are passed on.
        std::fs::remove_file(folder.join("J14_class_01_00062_particles.cs")).unwrap();
        write(folder, "J14_passthrough_particles_class_1.cs", &[3], &all);
        let error = found(folder).unwrap_err();
        assert!(error.contains("the particles of class 0 alone, `J14_class_00_00062_particles.cs`"), "{error}");
        write(folder, "J14_00062_particles.cs", &[1, 2, 3], &["alignments3D/pose"]);
        let partner = Some("J14_passthrough_particles_all_classes.cs".to_owned());
        assert_eq!(found(folder), Ok(("J14_00062_particles.cs".to_owned(), partner)));
    }

    #[test]
    fn a_job_that_only_passes_particles_on_and_one_without_any() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "J3_passthrough_exposures.cs", &[1], &CTF);
        let error = found(folder).unwrap_err();
        let expected = "holds no .cs file of particles\n  there: `J3_passthrough_exposures.cs`";
        assert!(error.ends_with(expected), "{error}");
        write(folder, "J3_passthrough_particles.cs", &[1], &[IMAGE.as_slice(), &CTF].concat());
        assert_eq!(found(folder), Ok(("J3_passthrough_particles.cs".to_owned(), None)));
    }
}
