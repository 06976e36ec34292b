//! Names of settings for a Python program.

use std::path::PathBuf;

use serde_json::json;
use verglas::hint::Words;
use verglas::{Hint, Setting, Warning};

/// Arguments of the package's functions, as they are called with them.
pub struct PythonWords;

impl Words for PythonWords {
    fn hint(&self, hint: Hint) -> String {
        match hint {
            Hint::Resume => "`skip_exist=True`".to_owned(),
            Hint::Overwrite => "`overwrite=True`".to_owned(),
            Hint::Give(setting) => {
                let arguments = arguments(setting);
                let quoted: Vec<String> =
                    arguments.names.iter().map(|name| format!("`{name}{}`", arguments.value)).collect();
                quoted.join(" or ")
            }
            Hint::Choose(setting, value) => {
                format!("`{}=\"{value}\"`", arguments(setting).names.first().copied().unwrap_or_default())
            }
        }
    }

    fn caller(&self) -> &'static str {
        "the caller"
    }

    fn inputs(&self, paths: &[PathBuf]) -> String {
        let is_cs = |path: &PathBuf| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("cs"));
        match paths {
            [only] if !is_cs(only) => format!("`star_file={only:?}`"),
            [only] => format!("`file_cs={only:?}`"),
            [first, second] => format!("`file_cs={first:?}`, `passthrough={second:?}`"),
            paths => format!("{paths:?}"),
        }
    }
}

/// The arguments that a setting is given with: one of several, where functions call it differently.
struct Arguments {
    names: &'static [&'static str],
    /// What follows each name.
    value: &'static str,
}

fn arguments(setting: Setting) -> Arguments {
    let (names, value): (&'static [&'static str], _) = match setting {
        Setting::Descriptor => (&["params_input"], ""),
        Setting::Images => (&["particle_file_list", "images"], ""),
        Setting::ImageDir => (&["folder_mrc", "folder_cryosparc", "image_dir"], ""),
        Setting::PixelSize => (&["pixel_size"], ""),
        Setting::PixelSizeFrom => (&["pixel_size_from"], ""),
        Setting::Downsample => (&["downsample_factor"], ""),
        Setting::DownsampleTo => (&["downsample_to"], ""),
        Setting::Contrast => (&["contrast"], ""),
        Setting::OpticsGroup => (&["optics_group"], ""),
        Setting::DefocusAngleAxis => (&["defocus_angle_axis"], ""),
        Setting::BatchSize => (&["batch_size"], ""),
        Setting::SkipUnreadable => (&["skip_unreadable"], "=True"),
        Setting::VerifyKept => (&["verify_kept"], "=True"),
        Setting::Mode0 => (&["mode0"], ""),
        Setting::PixelType => (&["pixel_type"], ""),
        Setting::NoPhysical => (&["physical"], "=False"),
        Setting::Shard => (&["shard"], "=(k, n)"),
        Setting::Memory => (&["memory"], ""),
        Setting::MatrixAxes => (&["matrix_axes"], ""),
        Setting::Temperature => (&["temperature"], ""),
        Setting::Tolerance => (&["tolerance"], ""),
        Setting::Bootstrap => (&["bootstrap"], ""),
        Setting::NoiseColumn => (&["noise_column"], "=True"),
        Setting::AtomRadii => (&["atom_radii"], ""),
        Setting::AtomSelection => (&["atom_selection"], ""),
        Setting::ProteinResidueModel => (&["protein_residue_model"], "=True"),
        Setting::NoProteinResidueModel => (&["protein_residue_model"], "=False"),
        Setting::VoxelSize => (&["voxel_size"], ""),
        Setting::Models => (&["models"], ""),
        Setting::Topology => (&["topology"], ""),
        Setting::MaxDisplacement => (&["max_displacement", "max_displacement_pixels"], ""),
        Setting::MaxStacks => (&["max_stacks", "n_stacks"], ""),
        Setting::Structures => (&["structures"], ""),
        Setting::Integral => (&["integral"], ""),
        Setting::PosesFrom => (&["poses_from"], ""),
        Setting::ViewSigma => (&["view_sigma"], ""),
        Setting::ShiftSigma => (&["shift_sigma"], ""),
        Setting::Exhaustive => (&["exhaustive"], "=True"),
        Setting::Rows => (&["rows"], ""),
    };
    Arguments { names, value }
}

/// The names of all arguments that messages speak of: each is an argument of a function.
#[pyo3::pyfunction]
pub fn setting_words() -> Vec<&'static str> {
    let settings = Setting::ALL.iter().flat_map(|&setting| arguments(setting).names);
    settings.copied().chain(["skip_exist", "overwrite"]).collect()
}

/// Warnings as the summary of a conversion holds them.
pub fn warnings_as_json(warnings: &[Warning]) -> serde_json::Value {
    let one = |warning: &Warning| json!({"code": warning.code, "message": warning.message.said_in(&PythonWords)});
    warnings.iter().map(one).collect()
}
