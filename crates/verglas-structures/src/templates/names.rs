//! The names of the files of a folder of templates.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use verglas_run::folder::{DESCRIPTOR, JobFiles};

/// The name of the list of a folder's templates.
pub const LIST: &str = "template_file_list.npy";

/// Folder of the plots.
pub(super) const PLOT_FOLDER: &str = "plots";

const FOURIER_STEM: &str = "templates_fourier_";
const PHYSICAL_STEM: &str = "templates_phys_";
const POWER_STEM: &str = "power_spectrum_";

/// The files of one structure's templates, relative to the output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateNames {
    /// The tensor.
    pub fourier: PathBuf,
    /// Its metadata.
    pub metadata: PathBuf,
    /// Picture of the first templates.
    pub physical_plot: PathBuf,
    /// Picture of them in Fourier space.
    pub fourier_plot: PathBuf,
    /// Picture of the mean power.
    pub power_plot: PathBuf,
}

impl TemplateNames {
    /// The names of the structure `name`.
    pub fn of(name: &str) -> Self {
        let plot = |stem: &str| Path::new(PLOT_FOLDER).join(format!("{stem}{name}.png"));
        Self {
            fourier: format!("{FOURIER_STEM}{name}.pt").into(),
            metadata: format!("{FOURIER_STEM}{name}.npz").into(),
            physical_plot: plot(PHYSICAL_STEM),
            fourier_plot: plot(FOURIER_STEM),
            power_plot: plot(POWER_STEM),
        }
    }

    /// The three plots.
    pub fn plots(&self) -> [&Path; 3] {
        [&self.physical_plot, &self.fourier_plot, &self.power_plot]
    }
}

/// The names of the files of a job of templates; its units are structures.
#[derive(Debug, Default)]
pub struct TemplateFiles {
    places: HashMap<String, usize>,
}

/// The unit of template files that the job does not know.
const UNKNOWN_UNIT: usize = usize::MAX;

impl TemplateFiles {
    /// For structures of these names.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { places: names.into_iter().enumerate().map(|(place, name)| (name.into(), place)).collect() }
    }
}

impl JobFiles for TemplateFiles {
    fn folders(&self) -> &[&'static str] {
        &["", PLOT_FOLDER]
    }

    fn unit_of(&self, folder: &str, name: &str) -> Option<usize> {
        let kinds: &[(&str, &[&str])] = match folder {
            "" => &[(FOURIER_STEM, &[".pt", ".npz"])],
            PLOT_FOLDER => &[(FOURIER_STEM, &[".png"]), (PHYSICAL_STEM, &[".png"]), (POWER_STEM, &[".png"])],
            _ => return None,
        };
        kinds.iter().find_map(|(stem, endings)| {
            let rest = name.strip_prefix(stem)?;
            let name = endings.iter().find_map(|ending| rest.strip_suffix(ending))?;
            // Other names are templates of other structures: of this kind of job, and of none of its units.
            Some(self.places.get(name).copied().unwrap_or(UNKNOWN_UNIT))
        })
    }

    fn is_last_of_unit(&self, folder: &str, name: &str) -> bool {
        folder.is_empty() && name.ends_with(".npz")
    }

    fn shared_files(&self) -> &[&'static str] {
        &[DESCRIPTOR]
    }

    fn closing_files(&self) -> &[&'static str] {
        &[LIST]
    }

    fn unit_noun(&self) -> &'static str {
        "structure"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_those_of_cryolike_and_ours() {
        let names = TemplateNames::of("a.b c");
        assert_eq!(names.fourier, Path::new("templates_fourier_a.b c.pt"));
        assert_eq!(names.metadata, Path::new("templates_fourier_a.b c.npz"));
        assert_eq!(names.power_plot, Path::new("plots/power_spectrum_a.b c.png"));
    }

    #[test]
    fn names_tell_the_structure_and_unknown_ones_are_still_templates() {
        let files = TemplateFiles::new(["a", "b.c"]);
        for (folder, name, unit) in [
            ("", "templates_fourier_a.pt", Some(0)),
            ("", "templates_fourier_b.c.npz", Some(1)),
            ("plots", "templates_phys_b.c.png", Some(1)),
            ("plots", "power_spectrum_a.png", Some(0)),
            ("", "templates_fourier_other.pt", Some(UNKNOWN_UNIT)),
            ("", "templates_fourier_a.png", None),
            ("", "parameters.npz", None),
            ("plots", "power_spectrum_a.pt", None),
            ("fft", "templates_fourier_a.pt", None),
        ] {
            assert_eq!(files.unit_of(folder, name), unit, "{folder}/{name}");
        }
        assert!(files.is_last_of_unit("", "templates_fourier_a.npz"));
        assert!(!files.is_last_of_unit("", "templates_fourier_a.pt"));
    }
}
