//! `verglas completions` and `verglas man`: both from the definitions that the command line itself is read by.

use std::io::{ErrorKind, Write};

use clap::CommandFactory;
use verglas::{Error, Result};

use crate::args::{Arguments, CompletionsArguments, ManArguments};
use crate::messages::Messages;

/// Prints the completions of a shell.
pub fn print_completions(arguments: &CompletionsArguments) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "verglas", &mut script);
    match std::io::stdout().lock().write_all(&script) {
        // A reader that has gone away is no error.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("cannot write the completions", &error)),
        _ => Ok(()),
    }
}

/// The names of the manual pages.
fn pages() -> impl Iterator<Item = String> {
    let command = Arguments::command();
    let of_commands: Vec<String> =
        command.get_subcommands().map(|each| format!("verglas-{}.1", each.get_name())).collect();
    std::iter::once("verglas.1".to_owned()).chain(of_commands)
}

/// Writes a manual page for the command and one for each of its commands.
pub fn write_manual(arguments: &ManArguments, messages: Messages) -> Result<()> {
    let folder = &arguments.output;
    if !arguments.overwrite
        && let Some(page) = pages().map(|name| folder.join(name)).find(|page| page.symlink_metadata().is_ok())
    {
        return Err(Error::value(format!("`{}` is there already", page.display()))
            .with_hint("choose another folder, or replace the pages with --overwrite"));
    }
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Arguments::command().disable_help_subcommand(true), folder))
        .map_err(|error| Error::io(format_args!("cannot write manual pages to `{}`", folder.display()), &error))?;
    let text = format!("manual pages in {}", folder.display());
    messages.summary(&text, || serde_json::json!({"folder": folder}));
    Ok(())
}
