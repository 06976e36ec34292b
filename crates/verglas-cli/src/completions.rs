//! `verglas completions` and `verglas man`: both made from the definitions that parse the command line.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;
use verglas::{Error, Result};

use crate::messages::Messages;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  verglas completions bash > ~/.local/share/bash-completion/completions/verglas
  verglas completions zsh > ~/.zfunc/_verglas
  verglas completions fish > ~/.config/fish/completions/verglas.fish";

#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct CompletionsArguments {
    /// Shell to print completions for
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
    /// Folder to write to; made if it does not exist
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Replace existing pages
    #[arg(long)]
    pub overwrite: bool,
}

/// Prints the completions of a shell.
pub fn print_completions(arguments: &CompletionsArguments, mut command: Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "verglas", &mut script);
    match std::io::stdout().lock().write_all(&script) {
        // A reader that has gone away is not an error.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("cannot write the completions", &error)),
        _ => Ok(()),
    }
}

/// The names of the manual pages.
fn pages(command: &Command) -> impl Iterator<Item = String> {
    let of_commands: Vec<String> =
        command.get_subcommands().map(|each| format!("verglas-{}.1", each.get_name())).collect();
    std::iter::once("verglas.1".to_owned()).chain(of_commands)
}

/// Writes a manual page for the command and one for each of its commands.
pub fn write_manual(arguments: &ManArguments, command: Command, messages: Messages) -> Result<()> {
    let folder = &arguments.output;
    if !arguments.overwrite
        && let Some(page) = pages(&command).map(|name| folder.join(name)).find(|page| page.symlink_metadata().is_ok())
    {
        return Err(Error::value(format!("`{}` already exists", page.display()))
            .with_hint("choose another folder, or replace the pages with --overwrite"));
    }
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command.disable_help_subcommand(true), folder))
        .map_err(|error| Error::io(format_args!("cannot write manual pages to `{}`", folder.display()), &error))?;
    let text = format!("manual pages in {}", folder.display());
    messages.summary(&text, || serde_json::json!({"folder": folder}));
    Ok(())
}
