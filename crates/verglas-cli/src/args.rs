//! The command line as a whole: the commands, and what all of them take. Each command has its own file.

use clap::{Parser, Subcommand};

use crate::bench::BenchArguments;
use crate::check::CheckArguments;
use crate::completions::{CompletionsArguments, ManArguments};
use crate::convert::ConvertArguments;
use crate::demo::DemoArguments;
use crate::descriptor::DescriptorArguments;
use crate::export::ExportArguments;
use crate::inspect::InspectArguments;
use crate::messages::Logging;
use crate::report::ReportArguments;
use crate::simulate::SimulateArguments;
use crate::status::StatusArguments;
use crate::verify::VerifyArguments;

const EXAMPLES: &str = "\
Examples:
  verglas demo
  verglas check run_data.star
  verglas convert run_data.star -o stacks
  verglas convert J24_particles.cs J24_passthrough_particles.cs -o stacks
  verglas report stacks

`verglas COMMAND --help` says more about each command; the guides are in docs/.";

/// Converts cryo-EM particle stacks into the polar Fourier stacks that CryoLike scores
#[derive(Debug, Parser)]
#[command(name = "verglas", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub logging: Logging,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an image descriptor: the grids that images are sampled on
    Descriptor(DescriptorArguments),
    /// Convert particle images into stacks that CryoLike loads
    Convert(Box<ConvertArguments>),
    /// Find everything that would stop a conversion, without writing anything
    Check(Box<CheckArguments>),
    /// Make templates of structures: PDB, mmCIF, maps, trajectories
    Templates(Box<crate::templates::TemplatesArguments>),
    /// Compare images with templates: best poses and log-likelihoods of each structure
    Likelihood(Box<crate::likelihood::LikelihoodArguments>),
    /// Weigh structures: how much of the data shows each of them, with intervals
    Weights(Box<crate::weights::WeightsArguments>),
    /// Show the progress of a running conversion: stacks done, rate, time left, over all shards
    Status(StatusArguments),
    /// Check that an output folder is complete and unaltered
    Verify(VerifyArguments),
    /// Show what is in a file: STAR, .cs, MRC, descriptor, stack (.npz, .pt), .npy
    Inspect(InspectArguments),
    /// Write one HTML page about an output folder: what was converted, examples, numbers, outliers
    Report(ReportArguments),
    /// Write chosen particles' original rows, with results as new columns
    Export(ExportArguments),
    /// Make a data set with known truth
    Simulate(SimulateArguments),
    /// Measure how fast this machine is: each step, and a whole run
    Bench(BenchArguments),
    /// Simulate, convert, verify and report, all in one go
    Demo(DemoArguments),
    /// Print completions for a shell
    Completions(CompletionsArguments),
    /// Write manual pages
    Man(ManArguments),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use verglas::hint::{CommandWords, Words};
    use verglas::{Hint, Setting};

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn whatever_a_hint_names_is_an_option() {
        let command = Arguments::command();
        let is_option = |name: &str| {
            command
                .get_subcommands()
                .flat_map(|command| command.get_arguments())
                .any(|option| option.get_long() == Some(name))
        };
        for hint in Setting::ALL.iter().map(|&setting| Hint::Give(setting)).chain([Hint::Resume, Hint::Overwrite]) {
            let said = CommandWords.hint(hint);
            let name = said.strip_prefix("--").unwrap().split(' ').next().unwrap();
            assert!(is_option(name), "{said}");
        }
    }

    #[test]
    fn the_default_batch_is_the_librarys() {
        let arguments = Arguments::try_parse_from(["verglas", "check", "a.star"]).unwrap();
        let Command::Check(check) = arguments.command else { panic!() };
        assert_eq!(check.input.images.batch_size.get(), verglas::settings::DEFAULT_BATCH_SIZE);
    }
}
