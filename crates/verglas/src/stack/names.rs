//! The names of the files of an output folder.

use std::path::{Path, PathBuf};

/// Folder of the Fourier stacks and their metadata.
pub(crate) const FOURIER_FOLDER: &str = "fft";
/// Folder of the physical stacks.
pub(crate) const PHYSICAL_FOLDER: &str = "phys";
/// Folder of the plots.
pub(crate) const PLOT_FOLDER: &str = "plots";

const FOURIER_STEM: &str = "particles_fourier_stack_";
const PHYSICAL_STEM: &str = "particles_phys_stack_";
const POWER_STEM: &str = "power_spectrum_stack_";

/// The files of one stack, relative to the output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StackNames {
    pub(crate) fourier: PathBuf,
    pub(crate) metadata: PathBuf,
    pub(crate) physical: PathBuf,
}

impl StackNames {
    /// The names of stack `number`, from 0, written with at least six digits.
    pub(crate) fn of(number: usize) -> Self {
        let file =
            |folder: &str, stem: &str, ending: &str| Path::new(folder).join(format!("{stem}{number:06}.{ending}"));
        Self {
            fourier: file(FOURIER_FOLDER, FOURIER_STEM, "pt"),
            metadata: file(FOURIER_FOLDER, FOURIER_STEM, "npz"),
            physical: file(PHYSICAL_FOLDER, PHYSICAL_STEM, "pt"),
        }
    }
}

/// Whether `name`, in the folder `folder` of an output folder, is a name that verglas gives: a stack's file, whole or
/// partial. Nothing else is ever removed.
pub(crate) fn is_stack_file_name(folder: &str, name: &str) -> bool {
    let whole = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".partial")).unwrap_or(name);
    let kinds: &[(&str, &[&str])] = match folder {
        FOURIER_FOLDER => &[(FOURIER_STEM, &[".pt", ".npz"])],
        PHYSICAL_FOLDER => &[(PHYSICAL_STEM, &[".pt"])],
        PLOT_FOLDER => &[(FOURIER_STEM, &[".png"]), (PHYSICAL_STEM, &[".png"]), (POWER_STEM, &[".png"])],
        _ => return false,
    };
    kinds.iter().any(|(stem, endings)| {
        whole.strip_prefix(stem).is_some_and(|rest| {
            endings.iter().any(|ending| {
                rest.strip_suffix(ending)
                    .is_some_and(|number| number.len() >= 6 && number.bytes().all(|digit| digit.is_ascii_digit()))
            })
        })
    })
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
            ("fft", "particles_fourier_stack_000000.pt"),
            ("fft", ".particles_fourier_stack_000000.npz.partial"),
            ("phys", "particles_phys_stack_1234567.pt"),
            ("plots", "power_spectrum_stack_000001.png"),
        ] {
            assert!(is_stack_file_name(folder, name), "{name}");
        }
        for (folder, name) in [
            ("fft", "particles_fourier_stack_000000.txt"),
            ("fft", "particles_fourier_stack_best.pt"),
            ("fft", "notes.npz"),
            ("phys", "particles_fourier_stack_000000.pt"),
            ("mine", "particles_phys_stack_000000.pt"),
        ] {
            assert!(!is_stack_file_name(folder, name), "{name}");
        }
    }
}
