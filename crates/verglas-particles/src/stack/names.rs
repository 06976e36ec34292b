//! The names of the files of a folder of stacks.

use std::path::{Path, PathBuf};

use verglas_run::folder::{DESCRIPTOR, JobFiles};

/// Folder of the Fourier stacks and their metadata.
pub const FOURIER_FOLDER: &str = "fft";
/// Folder of the physical stacks.
pub const PHYSICAL_FOLDER: &str = "phys";
/// Folder of the plots.
pub const PLOT_FOLDER: &str = "plots";

const FOURIER_STEM: &str = "particles_fourier_stack_";
const PHYSICAL_STEM: &str = "particles_phys_stack_";
const POWER_STEM: &str = "power_spectrum_stack_";

/// The files of one stack, relative to the output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackNames {
    /// The Fourier tensor.
    pub fourier: PathBuf,
    /// Its metadata.
    pub metadata: PathBuf,
    /// The tensor of physical images.
    pub physical: PathBuf,
    /// Picture of the first images.
    pub physical_plot: PathBuf,
    /// Picture of their Fourier transforms.
    pub fourier_plot: PathBuf,
    /// Picture of the mean power.
    pub power_plot: PathBuf,
}

impl StackNames {
    /// The names of stack `number`, from 0, written with at least six digits.
    pub fn of(number: usize) -> Self {
        let file =
            |folder: &str, stem: &str, ending: &str| Path::new(folder).join(format!("{stem}{number:06}.{ending}"));
        Self {
            fourier: file(FOURIER_FOLDER, FOURIER_STEM, "pt"),
            metadata: file(FOURIER_FOLDER, FOURIER_STEM, "npz"),
            physical: file(PHYSICAL_FOLDER, PHYSICAL_STEM, "pt"),
            physical_plot: file(PLOT_FOLDER, PHYSICAL_STEM, "png"),
            fourier_plot: file(PLOT_FOLDER, FOURIER_STEM, "png"),
            power_plot: file(PLOT_FOLDER, POWER_STEM, "png"),
        }
    }

    /// The three plots.
    pub fn plots(&self) -> [&Path; 3] {
        [&self.physical_plot, &self.fourier_plot, &self.power_plot]
    }
}

/// The list of the images that were left out, by all shards together.
pub const SKIPPED: &str = "skipped.star";

/// The names of a conversion's files; its units are stacks.
#[derive(Debug)]
pub struct ConversionFiles;

impl JobFiles for ConversionFiles {
    fn folders(&self) -> &[&'static str] {
        &[FOURIER_FOLDER, PHYSICAL_FOLDER, PLOT_FOLDER]
    }

    fn unit_of(&self, folder: &str, name: &str) -> Option<usize> {
        let kinds: &[(&str, &[&str])] = match folder {
            FOURIER_FOLDER => &[(FOURIER_STEM, &[".pt", ".npz"])],
            PHYSICAL_FOLDER => &[(PHYSICAL_STEM, &[".pt"])],
            PLOT_FOLDER => &[(FOURIER_STEM, &[".png"]), (PHYSICAL_STEM, &[".png"]), (POWER_STEM, &[".png"])],
            _ => return None,
        };
        kinds.iter().find_map(|(stem, endings)| {
            let rest = name.strip_prefix(stem)?;
            let digits = endings.iter().find_map(|ending| rest.strip_suffix(ending))?;
            let number = digits.parse().ok().filter(|_| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
            // `0000001` is not a name of ours.
            (format!("{number:06}") == digits).then_some(number)
        })
    }

    fn is_last_of_unit(&self, folder: &str, name: &str) -> bool {
        folder == FOURIER_FOLDER && name.ends_with(".npz")
    }

    fn shared_files(&self) -> &[&'static str] {
        &[DESCRIPTOR, SKIPPED]
    }

    fn unit_noun(&self) -> &'static str {
        "stack"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_six_digits_and_grow() {
        assert_eq!(StackNames::of(7).fourier, Path::new("fft/particles_fourier_stack_000007.pt"));
        assert_eq!(StackNames::of(7).metadata, Path::new("fft/particles_fourier_stack_000007.npz"));
        assert_eq!(StackNames::of(1_234_567).physical, Path::new("phys/particles_phys_stack_1234567.pt"));
    }

    #[test]
    fn only_our_own_names_are_ours() {
        for (folder, name) in [
            ("fft", "particles_fourier_stack_1234567.pt"),
            ("fft", "particles_fourier_stack_1234567.npz"),
            ("phys", "particles_phys_stack_1234567.pt"),
            ("plots", "power_spectrum_stack_1234567.png"),
        ] {
            assert_eq!(ConversionFiles.unit_of(folder, name), Some(1_234_567), "{name}");
        }
        assert_eq!(ConversionFiles.unit_of("fft", "particles_fourier_stack_000042.npz"), Some(42));
        for (folder, name) in [
            ("fft", "particles_fourier_stack_000000.txt"),
            ("fft", "particles_fourier_stack_best.pt"),
            ("fft", "particles_fourier_stack_0000001.pt"),
            ("fft", "particles_fourier_stack_00001.pt"),
            ("fft", "particles_fourier_stack_+00001.pt"),
            ("fft", "notes.npz"),
            ("phys", "particles_fourier_stack_000000.pt"),
            ("mine", "particles_phys_stack_000000.pt"),
        ] {
            assert_eq!(ConversionFiles.unit_of(folder, name), None, "{name}");
        }
    }
}
