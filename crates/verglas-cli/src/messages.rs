//! Words for the user: results on stdout, everything else on stderr.

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal, Write};

use clap::{Args, ValueEnum};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde_json::json;
use verglas::hint::CommandWords;
use verglas::{Error, Findings, Observer, Result, Warning};

/// What is shown on the way.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Messages")]
pub struct Logging {
    /// No progress and no summary; warnings are always shown
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Explain what was decided, and why
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// How messages on stderr look
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// How messages look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// Where messages go and how they look.
#[derive(Debug, Clone, Copy)]
pub struct Messages {
    logging: Logging,
    has_colours: bool,
}

impl Messages {
    pub fn new(logging: Logging) -> Self {
        let has_colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self { logging, has_colours }
    }

    /// Prints an error and all that came with it.
    pub fn error(self, error: &Error) {
        for error in std::iter::once(error).chain(error.others()) {
            match self.logging.log_format {
                LogFormat::Text => {
                    self.line("error", "31", &error.message().said_in(&CommandWords));
                    if let Some(hint) = error.hint() {
                        self.line("hint", "36", &hint.said_in(&CommandWords));
                    }
                }
                LogFormat::Json => {
                    log(json!({"level": "error", "message": error.message(), "hint": error.hint()}));
                }
            }
        }
    }

    /// Prints a warning; nothing silences these.
    pub fn warning(self, warning: &Warning) {
        match self.logging.log_format {
            LogFormat::Text => self.line("warning", "33", &warning.message.said_in(&CommandWords)),
            LogFormat::Json => {
                log(json!({"level": "warning", "code": warning.code, "message": warning.message}));
            }
        }
    }

    /// Prints what was found besides errors.
    pub fn findings(self, findings: &Findings) {
        for warning in &findings.warnings {
            self.warning(warning);
        }
        if self.logging.verbose {
            for note in &findings.notes {
                match self.logging.log_format {
                    LogFormat::Text => self.line("note", "2", &note.said_in(&CommandWords)),
                    LogFormat::Json => log(json!({"level": "note", "message": note})),
                }
            }
        }
    }

    /// Prints closing words on stdout, unless silenced; the JSON form when logs are JSON.
    pub fn summary(self, text: &str, value: impl FnOnce() -> serde_json::Value) {
        if self.logging.quiet {
            return;
        }
        // What was asked for is done, whether or not this can be said.
        let _ = match self.logging.log_format {
            LogFormat::Text => write_result(text),
            LogFormat::Json => write_result(&value().to_string()),
        };
    }

    /// A progress bar on a terminal, and nothing elsewhere.
    pub fn progress(self, total: u64, unit: &str) -> Progress {
        let is_shown =
            !self.logging.quiet && self.logging.log_format == LogFormat::Text && std::io::stderr().is_terminal();
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = format!("{{bar:40}} {{human_pos}}/{{human_len}} {unit}  {{rate}}/s  {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            let rate = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
                let _ = write!(text, "{}", HumanCount(state.per_sec().round() as u64));
            };
            bar.set_style(style.with_key("rate", rate));
        }
        Progress { bar, messages: self }
    }

    fn line(self, label: &str, colour: &str, text: &str) {
        let text = printable_message(text);
        let mut stderr = std::io::stderr().lock();
        // There is nowhere left to complain if stderr is gone.
        let _ = if self.has_colours {
            writeln!(stderr, "\u{1b}[1;{colour}m{label}\u{1b}[0m: {text}")
        } else {
            writeln!(stderr, "{label}: {text}")
        };
    }
}

/// Tells what is wrong with the words on the command line, in the form that they ask for, and ends the process; or prints
/// the help that they ask for.
pub fn usage_error(error: &clap::Error) -> ! {
    let mut words = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .skip_while(|word| word != "--log-format" && !word.starts_with("--log-format="));
    let form = words.next().map(|word| word.strip_prefix("--log-format=").map(str::to_owned).or_else(|| words.next()));
    if error.use_stderr() && form.flatten().is_some_and(|form| form == "json") {
        let text = error.render().to_string();
        log(json!({"level": "error", "message": text.trim().trim_start_matches("error: "), "hint": null}));
        std::process::exit(error.exit_code());
    }
    error.exit()
}

fn log(value: serde_json::Value) {
    let _ = writeln!(std::io::stderr().lock(), "{value}");
}

/// Prints what was asked for on stdout.
///
/// # Errors
/// When it can't be written; a reader that has gone away is no error.
pub fn result(text: &str) -> Result<()> {
    match write_result(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::io("cannot write to standard output", &error))
        }
        _ => Ok(()),
    }
}

fn write_result(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", printable(text)).and_then(|()| stdout.flush())
}

/// The text with its control characters written out, as `\\u{1b}`: names in files and of files may hold any, and a terminal
/// would obey them. Lines and tabs are ours.
fn printable(text: &str) -> Cow<'_, str> {
    let is_obeyed = |char: char| char.is_control() && !matches!(char, '\n' | '\t');
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len()), |mut shown, char| {
        if is_obeyed(char) {
            shown.extend(char.escape_debug());
        } else {
            shown.push(char);
        }
        shown
    }))
}

/// A message's further lines are indented by two spaces; any other line break is part of a name, and would make the rest of
/// it look like a message of its own.
fn printable_message(text: &str) -> String {
    let mut lines = text.split('\n');
    let mut shown = printable(lines.next().unwrap_or_default()).into_owned();
    for line in lines {
        shown.push_str(if line.starts_with("  ") { "\n" } else { "\\n" });
        shown.push_str(&printable(line));
    }
    shown
}

/// A progress bar.
pub struct Progress {
    bar: ProgressBar,
    messages: Messages,
}

impl Progress {
    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Progress {
    fn images_done(&self, n: u64) {
        self.bar.inc(n);
    }

    fn images_kept(&self, n: u64) {
        // What is there already says nothing about how fast the rest will come.
        self.bar.set_position(n);
        self.bar.reset_eta();
    }

    fn warning(&self, warning: &Warning) {
        self.bar.suspend(|| self.messages.warning(warning));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_neither_command_the_terminal_nor_look_like_messages() {
        assert_eq!(printable("a\tµ\nb"), "a\tµ\nb");
        assert_eq!(printable("`\u{1b}[2J\r.mrc`"), "`\\u{1b}[2J\\r.mrc`");
        let message = "cannot read `a\nerror: b`\n  needed by row 1";
        assert_eq!(printable_message(message), "cannot read `a\\nerror: b`\n  needed by row 1");
    }
}
