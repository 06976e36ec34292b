//! The command line: what its words mean, and their help texts. Each command has its file.

mod bench;
mod completions;
mod convert;
mod demo;
mod descriptor;
mod export;
mod inspect;
mod names;
mod numbers;
mod report;
mod simulate;
mod status;
mod verify;

pub use bench::BenchArguments;
pub use completions::{CompletionsArguments, ManArguments};
pub use convert::{CheckArguments, ConvertArguments, InputArguments};
pub use demo::DemoArguments;
pub use descriptor::{DescriptorArguments, GridArguments};
pub use export::ExportArguments;
pub use inspect::InspectArguments;
pub use names::{AngleUnitName, AtomShapeName, LayoutName, LogFormat, PixelSizeFromName};
pub use numbers::{bytes, positive, shard};
pub use report::ReportArguments;
pub use simulate::SimulateArguments;
pub use status::StatusArguments;
pub use verify::VerifyArguments;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  verglas demo
  verglas check run_data.star
  verglas convert run_data.star -o stacks
  verglas convert J24_particles.cs J24_passthrough_particles.cs -o stacks
  verglas report stacks

`verglas COMMAND --help` has more of each command; the guides are in docs/.";

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
    /// How far is a conversion, seen from outside: stacks done, rate, time left, of all shards together
    Status(StatusArguments),
    /// Is this output folder complete and unaltered?
    Verify(VerifyArguments),
    /// Tell what is in a file: STAR, .cs, MRC, descriptor, stack (.npz, .pt), .npy
    Inspect(InspectArguments),
    /// Write one HTML page about an output folder: what was converted, examples, numbers, outliers
    Report(ReportArguments),
    /// Write chosen particles' original rows, with results as new columns
    Export(ExportArguments),
    /// Make a data set with known truth
    Simulate(SimulateArguments),
    /// Measure how fast this machine is: each step, and a whole run
    Bench(BenchArguments),
    /// Simulate, convert, verify, report: the whole thing on one line
    Demo(DemoArguments),
    /// Print completions for a shell
    Completions(CompletionsArguments),
    /// Write manual pages
    Man(ManArguments),
}

/// What is told on the way.
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_default_batch_is_the_librarys() {
        let arguments = Arguments::try_parse_from(["verglas", "check", "a.star"]).unwrap();
        let Command::Check(check) = arguments.command else { panic!() };
        assert_eq!(check.input.batch_size.get(), verglas::settings::DEFAULT_BATCH_SIZE);
    }
}
