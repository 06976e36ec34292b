//! The image files of a CryoSPARC job: `restack/batch_0_restacked.mrc` or `downsample/batch_000000_downsample.mrc`, …

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted};

/// The two kinds of folders, in order of preference, and the last word of their files' names.
const KINDS: [(&str, &str); 2] = [("restack", "restacked"), ("downsample", "downsample")];
/// Numbers are written with this many digits, or without leading zeros.
const PADDED_DIGITS: usize = 6;
/// How many files a message lists by name.
const MOST_LISTED: usize = 5;

/// The consecutive image files of a job.
#[derive(Debug)]
pub(super) struct Batches {
    /// `J15`.
    job: String,
    kind: (&'static str, &'static str),
    /// Where they are.
    pub(super) folder: PathBuf,
    /// File names; number i is at position i.
    pub(super) file_names: Vec<String>,
}

/// How a row's `blob/path` relates to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// The job's image file of this number.
    Batch(usize),
    /// An image file of the job that is not there, or past the first that is not.
    PastGap,
    /// No image file of the job.
    Other,
}

/// The folder of job `J<number>` below `root`.
pub(in crate::metadata) fn job_folder(root: &Path, job_number: u64) -> PathBuf {
    root.join(format!("J{job_number}"))
}

/// The folder that holds the image files of job `J<number>` below `root`.
pub(crate) fn image_folder(root: &Path, job_number: u64) -> Option<PathBuf> {
    let job = job_folder(root, job_number);
    KINDS.iter().map(|(folder, _)| job.join(folder)).find(|folder| folder.is_dir())
}

impl Batches {
    /// Lists the image files up to the first number that is missing; those past it are reported.
    ///
    /// # Errors
    /// When there is no folder with images, no file number 0, or a file with both forms of its number.
    pub(super) fn list(root: &Path, job_number: u64, findings: &mut Findings) -> Result<Self> {
        let job = job_folder(root, job_number);
        let Some((folder, kind)) = KINDS.into_iter().map(|kind| (job.join(kind.0), kind)).find(|(dir, _)| dir.is_dir())
        else {
            return Err(Error::not_found(format!(
                "`{}` has neither a folder `restack` nor a folder `downsample`",
                job.display()
            )));
        };
        let unreadable = |error| Error::io(format_args!("cannot read `{}`", folder.display()), &error);
        let mut by_number: BTreeMap<u64, String> = BTreeMap::new();
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let Ok(name) = entry.map_err(unreadable)?.file_name().into_string() else { continue };
            let Some(number) = batch_number(&name, kind.1) else { continue };
            if let Some(other) = by_number.insert(number, name.clone()) {
                return Err(Error::format(format!(
                    "`{}`: batch {number} is there twice, as `{}` and as `{}`",
                    folder.display(),
                    name.clone().min(other.clone()),
                    name.max(other)
                )));
            }
        }
        let n_files = (0..).zip(by_number.keys()).take_while(|(expected, number)| expected == *number).count();
        let mut names = by_number.into_values();
        let file_names: Vec<String> = names.by_ref().take(n_files).collect();
        let past_gap: Vec<String> = names.collect();
        let batches = Self { job: format!("J{job_number}"), kind, folder, file_names };
        if batches.file_names.is_empty() {
            return Err(batches.no_first_file(&past_gap));
        }
        batches.report_gap(&past_gap, findings);
        Ok(batches)
    }

    /// The path of file `number`, relative to the root, as one would write it.
    pub(super) fn relative_path(&self, number: usize) -> String {
        format!("{}/{}/{}", self.job, self.kind.0, self.file_names[number])
    }

    /// How a path in the metadata relates to this job. For a path as short as `batch_0_restacked.mrc`, the folders are
    /// assumed to be the job's.
    pub(super) fn find(&self, path: &[u8]) -> Named {
        let mut parts = path.rsplit(|&byte| byte == b'/');
        let name = parts.next().and_then(|name| std::str::from_utf8(name).ok());
        // With either ending, as everywhere.
        let name = name.map(|name| name.strip_suffix(".mrcs").map_or(name.to_owned(), |stem| format!("{stem}.mrc")));
        let Some(number) = name.and_then(|name| batch_number(&name, self.kind.1)) else { return Named::Other };
        for expected in [self.kind.0, self.job.as_str()] {
            if parts.next().is_some_and(|part| part != expected.as_bytes()) {
                return Named::Other;
            }
        }
        match usize::try_from(number) {
            Ok(number) if number < self.file_names.len() => Named::Batch(number),
            _ => Named::PastGap,
        }
    }

    fn no_first_file(&self, past_gap: &[String]) -> Error {
        let word = self.kind.1;
        let mut error = Error::not_found(format!(
            "neither `batch_0_{word}.mrc` nor `batch_{:0PADDED_DIGITS$}_{word}.mrc` is in `{}`",
            0,
            self.folder.display()
        ));
        for name in past_gap.iter().take(MOST_LISTED) {
            error = error.with_detail(format_args!("there is `{name}`"));
        }
        error
    }

    fn report_gap(&self, past_gap: &[String], findings: &mut Findings) {
        if past_gap.is_empty() {
            return;
        }
        let mut listed: Vec<String> = past_gap.iter().take(MOST_LISTED).map(|name| format!("`{name}`")).collect();
        if past_gap.len() > MOST_LISTED {
            listed.push(format!("and {} more", past_gap.len() - MOST_LISTED));
        }
        findings.warn(
            "batch-missing",
            format!(
                "`{}`: batch {} is missing; {} past it {} not converted: {}",
                self.folder.display(),
                self.file_names.len(),
                counted(past_gap.len(), "image file"),
                if past_gap.len() == 1 { "is" } else { "are" },
                listed.join(", ")
            ),
        );
    }
}

/// The number in `batch_12_restacked.mrc` or `batch_000012_restacked.mrc`, `word` being `restacked`.
fn batch_number(name: &str, word: &str) -> Option<u64> {
    let digits = name.strip_prefix("batch_")?.strip_suffix(".mrc")?.strip_suffix(word)?.strip_suffix('_')?;
    let is_padded = digits.starts_with('0') && digits != "0";
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if is_padded && digits.len() != PADDED_DIGITS {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_known_by_their_ends_and_with_either_ending() {
        let batches = Batches {
            job: "J7".to_owned(),
            kind: ("restack", "restacked"),
            folder: PathBuf::new(),
            file_names: vec!["batch_0_restacked.mrc".to_owned()],
        };
        for path in
            ["J7/restack/batch_000000_restacked.mrc", "J7/restack/batch_0_restacked.mrcs", "batch_0_restacked.mrc"]
        {
            assert_eq!(batches.find(path.as_bytes()), Named::Batch(0), "{path}");
        }
        assert_eq!(batches.find(b"J7/restack/batch_1_restacked.mrcs"), Named::PastGap);
        for path in ["J8/restack/batch_0_restacked.mrcs", "J7/restack/batch_0_restacked.mrcss", "J7/restack/a.mrcs"] {
            assert_eq!(batches.find(path.as_bytes()), Named::Other, "{path}");
        }
    }

    #[test]
    fn numbers_have_six_digits_or_no_padding() {
        for (name, number) in [
            ("batch_0_restacked.mrc", Some(0)),
            ("batch_000000_restacked.mrc", Some(0)),
            ("batch_12_restacked.mrc", Some(12)),
            ("batch_000012_restacked.mrc", Some(12)),
            ("batch_1234567_restacked.mrc", Some(1_234_567)),
            ("batch_00_restacked.mrc", None),
            ("batch_0000000_restacked.mrc", None),
            ("batch_+1_restacked.mrc", None),
            ("batch__restacked.mrc", None),
            ("batch_0_downsample.mrc", None),
            ("batch_0_restacked.mrcs", None),
            ("batch_99999999999999999999_restacked.mrc", None),
        ] {
            assert_eq!(batch_number(name, "restacked"), number, "{name}");
        }
    }

    #[test]
    fn paths_belong_to_the_job_when_their_folders_do() {
        let batches = Batches {
            job: "J15".into(),
            kind: KINDS[0],
            folder: PathBuf::new(),
            file_names: vec!["batch_0_restacked.mrc".into(), "batch_1_restacked.mrc".into()],
        };
        for (path, named) in [
            ("J15/restack/batch_1_restacked.mrc", Named::Batch(1)),
            ("/project/J15/restack/batch_0_restacked.mrc", Named::Batch(0)),
            ("J15/restack/batch_000001_restacked.mrc", Named::Batch(1)),
            ("batch_1_restacked.mrc", Named::Batch(1)),
            ("J15/restack/batch_2_restacked.mrc", Named::PastGap),
            ("J14/restack/batch_1_restacked.mrc", Named::Other),
            ("J15/downsample/batch_1_restacked.mrc", Named::Other),
            ("J3/extract/mic_particles.mrc", Named::Other),
        ] {
            assert_eq!(batches.find(path.as_bytes()), named, "{path}");
        }
    }
}
