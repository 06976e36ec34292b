//! Options that only one kind of input takes, so that it matters whether they were given.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches, parser::ValueSource};

/// Arguments, and which of them were given.
#[derive(Debug, Clone)]
pub struct Given<T> {
    pub values: T,
    /// The options, with their dashes, in the order of the help.
    pub options: Vec<String>,
}

impl<T: Args> FromArgMatches for Given<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
        // Values are taken out of the matches, so this comes first.
        let options = options::<T>(matches);
        Ok(Self { values: T::from_arg_matches_mut(matches)?, options })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.update_from_arg_matches_mut(&mut matches.clone())
    }

    fn update_from_arg_matches_mut(&mut self, matches: &mut ArgMatches) -> Result<(), Error> {
        self.options = options::<T>(matches);
        self.values.update_from_arg_matches_mut(matches)
    }
}

fn options<T: Args>(matches: &ArgMatches) -> Vec<String> {
    let command = T::augment_args(Command::new("options"));
    let is_given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let given = command.get_arguments().filter(|argument| is_given(argument.get_id().as_str()));
    given.filter_map(|argument| Some(format!("--{}", argument.get_long()?))).collect()
}

impl<T: Args> Args for Given<T> {
    fn augment_args(command: Command) -> Command {
        T::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        T::augment_args_for_update(command)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Args)]
    struct Options {
        #[arg(long, default_value = "1")]
        factor: u32,
        #[arg(long)]
        apart: bool,
        #[arg(long)]
        size: Option<f64>,
    }

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Given<Options>,
        #[arg(long)]
        other: bool,
    }

    #[test]
    fn options_that_were_given_are_known() {
        let parsed = |words: &[&str]| Line::try_parse_from([&["verglas"], words].concat()).unwrap();
        assert!(parsed(&["--other"]).options.options.is_empty());
        let line = parsed(&["--size", "2.5", "--other", "--factor", "1"]);
        assert_eq!(line.options.options, ["--factor", "--size"]);
        assert_eq!((line.options.values.factor, line.options.values.size), (1, Some(2.5)));
        assert_eq!(parsed(&["--apart"]).options.options, ["--apart"]);
    }
}
