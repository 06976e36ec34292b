//! The `verglas` command, for those who have the Python package and no other.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Does what the command line says and returns the process's exit code; the first word is the program's name.
#[pyfunction]
pub fn run_command(py: Python<'_>, words: Vec<OsString>) -> u8 {
    py.detach(|| verglas_cli::run(words))
}
