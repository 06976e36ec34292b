//! The `verglas` command: arguments become settings, the library does the work, messages and exit codes live here.
//!
//! Two programs are this: `verglas` of this crate, and the one that comes with the Python package.

mod args;
mod bench;
mod check;
mod completions;
mod convert;
mod demo;
mod descriptor;
mod export;
mod failure;
mod given;
mod inspect;
mod inspect_structures;
mod inspect_text;
mod likelihood;
mod lists;
mod messages;
mod numbers;
mod report;
mod signals;
mod simulate;
mod status;
mod suggest;
mod templates;
mod values;
mod verify;
mod weights;

use std::ffi::OsString;
use std::io::Write;

use clap::{CommandFactory, Parser};
use verglas::{Error, ErrorKind};

use args::{Arguments, Command};
use failure::Failure;
use messages::Messages;

pub use inspect::describe as describe_file;
pub use report::describe as describe_report;
pub use status::look as look_at_job;

/// Runs the command line and returns the process's exit code; the first word is the program's name.
///
/// Installs signal handlers once something is being written, which changes how the process reacts to signals; so this is
/// for processes that do nothing else.
#[must_use]
pub fn run(words: Vec<OsString>) -> u8 {
    signals::survive_file_limits();
    let words = lists::set_inputs_free(words);
    let code = match Arguments::try_parse_from(&words) {
        Ok(arguments) => carry_out(&arguments),
        Err(error) => messages::usage_error(&error, &words),
    };
    // Rust's own programs flush at their end; others don't. If it fails, there is nowhere left to report it.
    let _ = std::io::stdout().flush();
    code
}

/// Runs one command; says how it failed, if it did.
fn carry_out(arguments: &Arguments) -> u8 {
    let messages = Messages::new(arguments.logging);
    let result = match &arguments.command {
        Command::Bench(arguments) => bench::run(arguments),
        Command::Check(arguments) => check::run(arguments, messages),
        Command::Convert(arguments) => convert::run(arguments, messages),
        Command::Descriptor(arguments) => descriptor::run(arguments, messages).map_err(Failure::Run),
        Command::Templates(arguments) => templates::run(arguments, messages),
        Command::Likelihood(arguments) => likelihood::run(arguments, messages),
        Command::Weights(arguments) => weights::run(arguments, messages),
        Command::Simulate(arguments) => simulate::run(arguments, messages),
        Command::Demo(arguments) => demo::run(arguments, messages),
        Command::Inspect(arguments) => inspect::run(arguments, messages),
        Command::Status(arguments) => status::run(arguments),
        Command::Verify(arguments) => verify::run(arguments, messages),
        Command::Report(arguments) => report::run(arguments, messages).map_err(Failure::Run),
        Command::Completions(arguments) => {
            completions::print_completions(arguments, Arguments::command()).map_err(Failure::Run)
        }
        Command::Man(arguments) => {
            completions::write_manual(arguments, Arguments::command(), messages).map_err(Failure::Run)
        }
        Command::Export(arguments) => export::run(arguments, messages).map_err(Failure::Run),
    };
    match result {
        Ok(()) => 0,
        Err(Failure::AlreadySaid(code)) => code,
        Err(Failure::Run(error)) => {
            let hint = if error.kind() == ErrorKind::NotFound { suggest::misspelt(&arguments.command) } else { None };
            match hint {
                Some(hint) => messages.error(&error.with_hint(hint)),
                None => messages.error(&error),
            }
            1
        }
        Err(Failure::Stopped(error, code)) => {
            messages.error(&error);
            code
        }
        Err(Failure::UsageWithHint(message, hint)) => {
            messages.error(&Error::value(message).with_hint(hint));
            2
        }
        Err(Failure::Usage(message)) => {
            let hint = "`verglas --help` lists commands, `verglas COMMAND --help` options";
            messages.error(&Error::value(message).with_hint(hint));
            2
        }
    }
}
