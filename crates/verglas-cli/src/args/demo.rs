//! `verglas demo`.

use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  verglas demo
  verglas demo /tmp/verglas-demo";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArguments {
    /// Folder to write to
    #[arg(value_name = "DIR", default_value = "verglas-demo")]
    pub output: PathBuf,
}
