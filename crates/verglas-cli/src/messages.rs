//! Output for the user: results on stdout, everything else on stderr.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use clap::{Args, ValueEnum};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde_json::json;
use verglas::hint::CommandWords;
use verglas::verify::Problem;
use verglas::{Error, Findings, Observer, Result, Warning};

/// What is shown along the way.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Messages")]
pub struct Logging {
    /// Show no progress and no summary; warnings are always shown
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Also show notes: what was decided, and why
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Format of messages on stderr
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// Format of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people
    Text,
    /// One JSON object per line
    Json,
}

/// Where messages go and how they look.
#[derive(Debug, Clone, Copy)]
pub struct Messages {
    logging: Logging,
    has_colours: bool,
    /// Codes of warnings that are not shown.
    expected: &'static [&'static str],
}

impl Messages {
    pub fn new(logging: Logging) -> Self {
        let has_colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self { logging, has_colours, expected: &[] }
    }

    /// The same, without warnings of these codes: what they warn of is meant.
    pub fn without(self, expected: &'static [&'static str]) -> Self {
        Self { expected, ..self }
    }

    /// Prints an error and everything that came with it.
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
                    log(&json!({"level": "error", "message": error.message(), "hint": error.hint()}));
                }
            }
        }
    }

    /// Prints a warning; a user can't silence it.
    pub fn warning(self, warning: &Warning) {
        if self.expected.contains(&warning.code) {
            return;
        }
        match self.logging.log_format {
            LogFormat::Text => self.line("warning", "33", &warning.message.said_in(&CommandWords)),
            LogFormat::Json => {
                log(&json!({"level": "warning", "code": warning.code, "message": warning.message}));
            }
        }
    }

    /// The problems of an output folder, each with what to do about it.
    pub fn problems(self, problems: &[Problem]) {
        for problem in problems {
            let error = Error::value(problem.message.clone());
            self.error(&match &problem.hint {
                Some(hint) => error.with_hint(hint.clone()),
                None => error,
            });
        }
    }

    /// Prints findings other than errors.
    pub fn findings(self, findings: &Findings) {
        for warning in &findings.warnings {
            self.warning(warning);
        }
        if self.logging.verbose {
            for note in &findings.notes {
                match self.logging.log_format {
                    LogFormat::Text => self.line("note", "2", &note.said_in(&CommandWords)),
                    LogFormat::Json => log(&json!({"level": "note", "message": note})),
                }
            }
        }
    }

    /// Prints the summary on stdout, unless silenced; as JSON when logs are JSON.
    pub fn summary(self, text: &str, value: impl FnOnce() -> serde_json::Value) {
        if self.logging.quiet {
            return;
        }
        // The work is done, whether or not this can be printed.
        let _ = match self.logging.log_format {
            LogFormat::Text => write_result(text),
            LogFormat::Json => write_result(&printable_json(value().to_string())),
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
        Progress { bar, stage: Mutex::new(None), messages: self }
    }

    fn line(self, label: &str, colour: &str, text: &str) {
        let text = printable_message(text);
        let mut stderr = std::io::stderr().lock();
        // If stderr is gone, there is nowhere left to report it.
        let _ = if self.has_colours {
            writeln!(stderr, "\u{1b}[1;{colour}m{label}\u{1b}[0m: {text}")
        } else {
            writeln!(stderr, "{label}: {text}")
        };
    }
}

/// Reports what is wrong with the command line, in the format that it asks for, or prints the help that it asks for;
/// returns the exit code.
pub fn usage_error(error: &clap::Error, words: &[OsString]) -> u8 {
    let mut words = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .skip_while(|word| word != "--log-format" && !word.starts_with("--log-format="));
    let form = words.next().map(|word| word.strip_prefix("--log-format=").map(str::to_owned).or_else(|| words.next()));
    if error.use_stderr() && form.flatten().is_some_and(|form| form == "json") {
        let text = error.render().to_string();
        log(&json!({"level": "error", "message": text.trim().trim_start_matches("error: "), "hint": null}));
    } else {
        // If this fails, there is nowhere left to report it.
        let _ = error.print();
    }
    u8::try_from(error.exit_code()).unwrap_or(2)
}

fn log(value: &serde_json::Value) {
    let _ = writeln!(std::io::stderr().lock(), "{}", printable_json(value.to_string()));
}

/// JSON text with all characters that a terminal would obey or hide escaped.
pub fn printable_json(text: String) -> String {
    if !text.contains(is_unprintable) {
        return text;
    }
    // Such characters occur only within strings: JSON's own are ASCII, and its line breaks stay.
    text.chars().fold(String::with_capacity(text.len()), |mut shown, char| {
        match is_unprintable(char) {
            true => char.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = std::fmt::Write::write_fmt(&mut shown, format_args!("\\u{unit:04x}"));
            }),
            false => shown.push(char),
        }
        shown
    })
}

/// Prints what was asked for on stdout.
///
/// # Errors
/// When it can't be written; a reader that has gone away is not an error.
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

/// Whether a terminal would obey a character, or show nothing for it: names in and of files may hold any character, and
/// could look like other names. Line breaks and tabs are ours.
fn is_unprintable(char: char) -> bool {
    match char {
        '\n' | '\t' => false,
        // Writing directions: what follows is shown in another order.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        // Line and paragraph breaks.
        '\u{2028}' | '\u{2029}' => true,
        // Without width or shape: joiners, fillers, variation selectors, annotation marks, tags.
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' => true,
        '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => true,
        '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        // U+0000 … U+001F and U+007F … U+009F.
        char => char.is_control(),
    }
}

/// The text with unprintable characters escaped, as `\\u{1b}`.
fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len()), |mut shown, char| {
        if is_unprintable(char) {
            match char {
                '\r' => shown.push_str("\\r"),
                char => shown.extend(char.escape_unicode()),
            }
        } else {
            shown.push(char);
        }
        shown
    }))
}

/// A message's further lines are indented by two spaces; any other line break is part of a name, and would make the rest
/// look like a separate message.
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
    /// What is shown in the bar's place before the first image.
    stage: Mutex<Option<ProgressBar>>,
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
        // What was done earlier says nothing about the speed of the rest.
        self.bar.set_position(n);
        self.bar.reset_eta();
    }

    fn stage(&self, what: &str) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = stage.take() {
            before.finish_and_clear();
        }
        if what.is_empty() {
            self.bar.reset();
            return;
        }
        if !self.bar.is_hidden() {
            let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(std::time::Duration::from_millis(200));
            *stage = Some(spinner);
        }
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
        // Right-to-left overrides, blanks without width, control characters of the second set.
        assert_eq!(printable("`a\u{202e}scrm.b`"), "`a\\u{202e}scrm.b`");
        assert_eq!(printable("a\u{200b}\u{2066}b\u{9b}2J\u{85}"), "a\\u{200b}\\u{2066}b\\u{9b}2J\\u{85}");
        assert_eq!(printable("Å × · – é 粒子"), "Å × · – é 粒子");
        let message = "cannot read `a\nerror: b`\n  needed by row 1";
        assert_eq!(printable_message(message), "cannot read `a\\nerror: b`\n  needed by row 1");
    }

    #[test]
    fn json_holds_nothing_that_a_terminal_would_obey_or_hide() {
        let name = "a\u{202e}b\u{9b}c\u{7f}d\u{e0041}e\u{1b}";
        let value = json!({"message": name, "more": [1, "Å"]});
        for text in [value.to_string(), format!("{value:#}")] {
            let text = printable_json(text);
            assert!(!text.contains(is_unprintable), "{text}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        }
        assert_eq!(printable_json(json!("\u{9b}\u{e0041}").to_string()), "\"\\u009b\\udb40\\udc41\"");
    }
}
