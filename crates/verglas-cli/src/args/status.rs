//! Arguments of `verglas status`.

use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  verglas status stacks
  verglas status stacks --json
  verglas status stacks --unfinished";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArguments {
    /// Output folder of a conversion, finished or not
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// One JSON document, with every shard that has begun
    #[arg(long)]
    pub json: bool,
    /// Only the shards that are not complete, as `sbatch --array` takes them: 3,7-9; nothing when all are
    #[arg(long, conflicts_with = "json")]
    pub unfinished: bool,
}
