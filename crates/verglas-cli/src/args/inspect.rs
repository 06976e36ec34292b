//! `verglas inspect`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub struct InspectArguments {
    /// Files, recognised by what they hold
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// One JSON document: an object for one file, an array of objects for several
    #[arg(long)]
    pub json: bool,
}
