//! The `verglas` command: arguments become settings, the library does the work, messages and exit codes live here.

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

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use verglas::{Error, ErrorKind};

use args::{Arguments, Command};
use failure::Failure;
use messages::Messages;

fn main() -> ExitCode {
    signals::survive_file_limits();
    let arguments = Arguments::try_parse().unwrap_or_else(|error| messages::usage_error(&error));
    let messages = Messages::new(arguments.logging);
    let result = match &arguments.command {
        Command::Bench(arguments) => bench::run(arguments),
        Command::Check(arguments) => check::run(arguments, messages),
        Command::Convert(arguments) => convert::run(arguments, messages),
        Command::Descriptor(arguments) => descriptor::run(arguments, messages).map_err(Failure::Run),
        Command::Templates(arguments) => templates::run(arguments, messages),
        Command::Likelihood(arguments) => likelihood::run(arguments, messages),
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
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::AlreadySaid(code)) => ExitCode::from(code),
        Err(Failure::Run(error)) => {
            let hint = if error.kind() == ErrorKind::NotFound { suggest::misspelt(&arguments.command) } else { None };
            match hint {
                Some(hint) => messages.error(&error.with_hint(hint)),
                None => messages.error(&error),
            }
            ExitCode::from(1)
        }
        Err(Failure::Stopped(error, code)) => {
            messages.error(&error);
            ExitCode::from(code)
        }
        Err(Failure::UsageWithHint(message, hint)) => {
            messages.error(&Error::value(message).with_hint(hint));
            ExitCode::from(2)
        }
        Err(Failure::Usage(message)) => {
            messages.error(&Error::value(message).with_hint("`verglas --help` lists what can be said"));
            ExitCode::from(2)
        }
    }
}
