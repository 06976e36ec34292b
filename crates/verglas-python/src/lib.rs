//! The native part of the Python package `verglas`: arguments become the library's types, its results become Python's.
//!
//! Nothing here is public: the Python modules in `python/verglas` check what a user gives and document it. What is
//! called from there may rely on it.

mod choices;
mod command;
mod compare;
mod compare_right;
mod contrast;
mod conversion;
mod cs;
mod descriptor;
mod ending;
mod error;
mod export;
mod found;
mod in_memory;
mod likelihood;
mod look;
mod memory;
mod mrc;
mod npz;
mod polar;
mod reduce;
mod right;
mod settings;
mod simulate;
mod star;
mod structures;
mod templates;
mod tensor;
mod text;
mod verify;
mod watch;
mod weights;
mod words;
mod write;

/// The module `verglas._native`.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::choices::choice_names;
    #[pymodule_export]
    use crate::command::run_command;
    #[pymodule_export]
    use crate::compare::compare;
    #[pymodule_export]
    use crate::compare_right::compare_right;
    #[pymodule_export]
    use crate::contrast::{contrast_transfer, displacement_set, poses_for_relion};
    #[pymodule_export]
    use crate::conversion::Preparation;
    #[pymodule_export]
    use crate::cs::CsFile;
    #[pymodule_export]
    use crate::descriptor::Descriptor;
    #[pymodule_export]
    use crate::error::FormatError;
    #[pymodule_export]
    use crate::export::export;
    #[pymodule_export]
    use crate::in_memory::{Facts, MemoryPreparation};
    #[pymodule_export]
    use crate::likelihood::LikelihoodPreparation;
    #[pymodule_export]
    use crate::look::{inspect, report, status};
    #[pymodule_export]
    use crate::mrc::MrcFile;
    #[pymodule_export]
    use crate::npz::read_npz;
    #[pymodule_export]
    use crate::polar::Transform;
    #[pymodule_export]
    use crate::right::check_right;
    #[pymodule_export]
    use crate::settings::input_kind;
    #[pymodule_export]
    use crate::simulate::simulate;
    #[pymodule_export]
    use crate::star::read_star;
    #[pymodule_export]
    use crate::structures::{read_map, read_structure, structure_name};
    #[pymodule_export]
    use crate::templates::TemplatePreparation;
    #[pymodule_export]
    use crate::tensor::{tensor_layout, write_tensor};
    #[pymodule_export]
    use crate::verify::{count_work, verify};
    #[pymodule_export]
    use crate::weights::weights;
    #[pymodule_export]
    use crate::words::setting_words;
    #[pymodule_export]
    use crate::write::{write_mrc, write_star};

    /// The package's version, which is defined only in Cargo's workspace.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        crate::ending::watch_for_the_end(module.py())
    }
}
