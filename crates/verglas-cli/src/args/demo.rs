//! `verglas demo`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Folder to write to
    #[arg(value_name = "DIR", default_value = "verglas-demo")]
    pub output: PathBuf,
}
