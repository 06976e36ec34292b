//! `verglas completions` and `verglas man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  verglas completions bash > ~/.local/share/bash-completion/completions/verglas
  verglas completions zsh > ~/.zfunc/_verglas
  verglas completions fish > ~/.config/fish/completions/verglas.fish";

#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

const MAN_EXAMPLES: &str = "\
Examples:
  verglas man -o ~/.local/share/man/man1
  man verglas-convert";

#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLES)]
pub struct ManArguments {
    /// Folder to write to; it is made if it is not there
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Replace the pages that are there
    #[arg(long)]
    pub overwrite: bool,
}
