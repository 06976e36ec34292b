//! The command `verglas`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(verglas_cli::run(std::env::args_os().collect()))
}
