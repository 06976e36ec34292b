//! The names of the files of a folder of likelihoods.

use std::path::Path;

use verglas_run::folder::JobFiles;

/// The noise on each shell.
pub(crate) const NOISE_SPECTRUM: &str = "noise_spectrum.csv";
/// What was measured on each shell, which that is a fit to.
pub(crate) const NOISE_MEASURED: &str = "noise_measured.csv";
/// How strong particles are, and how many images show one.
pub(crate) const PARTICLE_SCALE: &str = "particle_scale.csv";
/// The displacements that were tried.
pub const DISPLACEMENTS: &str = "displacements_set.pt";
/// Folder of the matrices of all structures and images.
pub(crate) const MATRIX_FOLDER: &str = "likelihood_matrix";
/// Their files: correlations, optimal and integrated log-likelihoods.
pub(crate) const MATRICES: [&str; 3] = [
    "likelihood_matrix/cross_correlation_matrix.pt",
    "likelihood_matrix/optimal_fourier_log_likelihood_matrix.pt",
    "likelihood_matrix/integrated_fourier_log_likelihood_matrix.pt",
];
/// The table for programs.
pub(crate) const CSV: &str = "results.csv";
/// The same, smaller and with types.
pub(crate) const PARQUET: &str = "results.parquet";
/// The table for RELION.
pub(crate) const STAR: &str = "results.star";

const CLOSING: [&str; 10] = [
    DISPLACEMENTS,
    MATRICES[0],
    MATRICES[1],
    MATRICES[2],
    CSV,
    PARQUET,
    STAR,
    NOISE_SPECTRUM,
    NOISE_MEASURED,
    PARTICLE_SCALE,
];

const CORRELATIONS: &str = "cross_correlation";
const POSES: &str = "optimal_pose";
const LIKELIHOODS: &str = "log_likelihood";
const PAIRS: &str = "pairs";
const REFINED: &str = "refined";
const LEFT_OUT: &str = "skipped";
const FOLDERS: [&str; 6] = [CORRELATIONS, POSES, LIKELIHOODS, PAIRS, REFINED, LEFT_OUT];
const STRUCTURE_STEM: &str = "template";

/// Stems of the files in each folder.
fn stems(folder: &str) -> &'static [&'static str] {
    match folder {
        CORRELATIONS => &["cross_correlation_stack_", "cross_correlation_pose_msdw_stack_"],
        POSES => &[
            "optimal_template_stack_",
            "optimal_displacement_x_stack_",
            "optimal_displacement_y_stack_",
            "optimal_inplane_rotation_stack_",
        ],
        LIKELIHOODS => &["log_likelihood_optimal_fourier_stack_", "log_likelihood_integrated_fourier_stack_"],
        PAIRS => &[
            "cross_correlation_stack_",
            "displacement_x_stack_",
            "displacement_y_stack_",
            "inplane_rotation_stack_",
            "log_likelihood_stack_",
        ],
        REFINED => &["refined_stack_"],
        LEFT_OUT => &["skipped_stack_"],
        _ => &[],
    }
}

/// The files of one structure against one stack, relative to the output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitNames {
    /// Best correlation of each image.
    pub cross_correlation: String,
    /// All correlations.
    pub full_cross_correlation: String,
    /// The best pose: template, displacement along axes 0 and 1, rotation.
    pub optimal_pose: [String; 4],
    /// ℓ at the best pose; this file is published last.
    pub optimal: String,
    /// ℓ over all poses.
    pub integrated: String,
    /// With each template: correlation, displacement along axes 0 and 1, rotation, ℓ.
    pub pairs: [String; 5],
    /// What a right likelihood says beside: `[images, fields]`.
    pub refined: String,
    /// The images that were left out, and why; there only where some were.
    pub left_out: String,
}

impl UnitNames {
    /// The names of the structure at place `structure` of the list, against stack `stack`.
    pub fn of(structure: usize, stack: usize) -> Self {
        let name = |folder: &str, file: usize| {
            format!("{STRUCTURE_STEM}{structure}/{folder}/{}{stack:06}.{}", stems(folder)[file], ending(folder))
        };
        Self {
            cross_correlation: name(CORRELATIONS, 0),
            full_cross_correlation: name(CORRELATIONS, 1),
            optimal_pose: std::array::from_fn(|file| name(POSES, file)),
            optimal: name(LIKELIHOODS, 0),
            integrated: name(LIKELIHOODS, 1),
            pairs: std::array::from_fn(|file| name(PAIRS, file)),
            refined: name(REFINED, 0),
            left_out: name(LEFT_OUT, 0),
        }
    }

    /// The files that every unit has, the one that is published last at the end.
    pub(crate) fn expected(&self, kept: Kept) -> Vec<&str> {
        let Kept { integrated, pairs, full, right } = kept;
        let mut files: Vec<&str> = vec![&self.cross_correlation];
        files.extend(full.then_some(self.full_cross_correlation.as_str()));
        files.extend(self.optimal_pose.iter().map(String::as_str));
        files.extend(self.pairs.iter().map(String::as_str).filter(|_| pairs));
        files.extend(integrated.then_some(self.integrated.as_str()));
        files.extend(right.then_some(self.refined.as_str()));
        files.push(&self.optimal);
        files
    }
}

/// What is kept of every unit beside best poses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) integrated: bool,
    pub(crate) pairs: bool,
    pub(crate) full: bool,
    /// Whether the likelihood is right.
    pub(crate) right: bool,
}

/// Ending of the files in a folder.
fn ending(folder: &str) -> &'static str {
    if folder == LEFT_OUT { "json" } else { "pt" }
}

/// The folders that every structure's files are in.
pub(crate) fn folders_of(structure: usize, kept: Kept) -> Vec<String> {
    let all = all_folders_of(structure);
    all.into_iter()
        .zip(FOLDERS)
        .filter(|(_, kind)| *kind != LEFT_OUT && (kept.pairs || *kind != PAIRS) && (kept.right || *kind != REFINED))
        .map(|f| f.0)
        .collect()
}

/// The folder of the lists of what was left out.
pub(crate) fn left_out_folder(structure: usize) -> String {
    format!("{STRUCTURE_STEM}{structure}/{LEFT_OUT}")
}

fn all_folders_of(structure: usize) -> Vec<String> {
    FOLDERS.iter().map(|folder| format!("{STRUCTURE_STEM}{structure}/{folder}")).collect()
}

/// What a job of likelihoods calls its files; its units are structures against stacks, by structure, then stack.
#[derive(Debug, Default)]
pub struct LikelihoodFiles {
    /// The structures' places in the list, ascending.
    structures: Vec<usize>,
    n_stacks: usize,
}

/// The unit that files belong to of which a job knows nothing.
const UNKNOWN_UNIT: usize = usize::MAX;

impl LikelihoodFiles {
    /// For the structures at these places of the list, ascending, and so many stacks.
    pub fn new(structures: Vec<usize>, n_stacks: usize) -> Self {
        Self { structures, n_stacks }
    }
}

/// A number as it is written without zeros in front.
fn number(digits: &str) -> Option<usize> {
    let number: usize = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// A counter of at least six digits.
fn counter(digits: &str) -> Option<usize> {
    let number: usize = digits.parse().ok()?;
    (format!("{number:06}") == digits).then_some(number)
}

impl JobFiles for LikelihoodFiles {
    fn folders(&self) -> &[&'static str] {
        &[MATRIX_FOLDER]
    }

    fn numbered_folders(&self, root: &Path) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut structures: Vec<usize> =
            names.filter_map(|name| name.strip_prefix(STRUCTURE_STEM).and_then(number)).collect();
        structures.sort_unstable();
        let of = |structure: usize| {
            let own = format!("{STRUCTURE_STEM}{structure}");
            all_folders_of(structure).into_iter().chain([own])
        };
        structures.into_iter().flat_map(of).collect()
    }

    fn unit_of(&self, folder: &str, name: &str) -> Option<usize> {
        let (structure, kind) = folder.strip_prefix(STRUCTURE_STEM)?.split_once('/')?;
        let structure = number(structure)?;
        let name = name.strip_suffix(ending(kind))?.strip_suffix('.')?;
        let stack = stems(kind).iter().find_map(|stem| name.strip_prefix(stem).and_then(counter))?;
        let place = self.structures.binary_search(&structure).ok().filter(|_| stack < self.n_stacks);
        // Others are results of other structures or stacks: of this kind of job, and of none of its units.
        Some(place.map_or(UNKNOWN_UNIT, |place| place * self.n_stacks + stack))
    }

    fn is_last_of_unit(&self, folder: &str, name: &str) -> bool {
        folder.ends_with(LIKELIHOODS) && name.starts_with(stems(LIKELIHOODS)[0])
    }

    fn shared_files(&self) -> &[&'static str] {
        &[]
    }

    fn closing_files(&self) -> &[&'static str] {
        &CLOSING
    }

    fn unit_noun(&self) -> &'static str {
        "unit"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_cryolikes_names() {
        let names = UnitNames::of(12, 3);
        assert_eq!(names.cross_correlation, "template12/cross_correlation/cross_correlation_stack_000003.pt");
        assert_eq!(names.optimal_pose[1], "template12/optimal_pose/optimal_displacement_x_stack_000003.pt");
        assert_eq!(names.integrated, "template12/log_likelihood/log_likelihood_integrated_fourier_stack_000003.pt");
        assert_eq!(names.pairs[3], "template12/pairs/inplane_rotation_stack_000003.pt");
        assert_eq!(names.left_out, "template12/skipped/skipped_stack_000003.json");
        assert_eq!(names.expected(Kept { integrated: true, pairs: false, full: false, right: false }).len(), 7);
        assert_eq!(
            names.expected(Kept { integrated: false, pairs: true, full: true, right: false }).last(),
            Some(&names.optimal.as_str())
        );
    }

    #[test]
    fn names_tell_the_unit() {
        let files = LikelihoodFiles::new(vec![0, 12], 4);
        for (place, structure) in [0, 12].into_iter().enumerate() {
            for stack in 0..4 {
                let names = UnitNames::of(structure, stack);
                for name in names
                    .expected(Kept { integrated: true, pairs: true, full: true, right: true })
                    .into_iter()
                    .chain([names.left_out.as_str()])
                {
                    let (folder, name) = name.rsplit_once('/').unwrap();
                    assert_eq!(files.unit_of(folder, name), Some(4 * place + stack), "{folder}/{name}");
                }
            }
        }
        let unit = |name: &str| name.rsplit_once('/').and_then(|(folder, name)| files.unit_of(folder, name));
        assert_eq!(unit("template1/cross_correlation/cross_correlation_stack_000003.pt"), Some(UNKNOWN_UNIT));
        assert_eq!(unit("template0/cross_correlation/cross_correlation_stack_000004.pt"), Some(UNKNOWN_UNIT));
        for other in [
            "template00/cross_correlation/cross_correlation_stack_000003.pt",
            "template0/cross_correlation/cross_correlation_stack_3.pt",
            "template0/cross_correlation/cross_correlation_stack_000003.npz",
            "template0/cross_correlation/cross_correlation_stack_000003.json",
            "template0/skipped/skipped_stack_000003.pt",
            "template0/cross_correlation/optimal_template_stack_000003.pt",
            "likelihood_matrix/cross_correlation_matrix.pt",
        ] {
            assert_eq!(unit(other), None, "{other}");
        }
    }
}
