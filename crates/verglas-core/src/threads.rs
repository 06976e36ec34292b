//! How many threads this process may keep busy, and starting them.

use std::num::NonZeroUsize;
use std::thread::{self, Builder};

/// The stack of a thread that computes. The transform holds its vectors on it: a tenth of this where it is compiled with
/// optimisation, and more than the usual 2 MiB where it is not.
const STACK_BYTES: usize = 8 << 20;

/// Runs `work` on this thread and on others, `n_threads` in all, until each has returned.
///
/// If the system allows fewer, these do all the work, so each call must take whatever is left to do.
pub fn share_work(n_threads: usize, work: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 1..n_threads {
            if Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, &work).is_err() {
                break;
            }
        }
        work();
    });
}

/// How many threads compute by default: as many as processors were allotted to this process, which may be
/// fewer than the machine has.
///
/// The smallest of what the operating system allows (the processors that the process may run on, and the quota of its
/// control group, of version 1 or 2) and, within a SLURM job, what SLURM says that the task was given:
/// `SLURM_CPUS_PER_TASK`, or `SLURM_CPUS_ON_NODE` where the job did not ask for processors per task. The variables matter
/// on clusters that keep jobs apart by neither affinity nor control groups: there a job on one processor would otherwise
/// start a thread for each one of the node.
pub fn default_threads() -> usize {
    let of_system = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    allotted(of_system, |name| std::env::var(name).ok())
}

fn allotted(of_system: usize, variable: impl Fn(&str) -> Option<String>) -> usize {
    let number = |name: &str| variable(name)?.trim().parse::<NonZeroUsize>().ok().map(NonZeroUsize::get);
    // Left in the environment by hand, the other variables mean nothing.
    let of_job =
        variable("SLURM_JOB_ID").and_then(|_| number("SLURM_CPUS_PER_TASK").or_else(|| number("SLURM_CPUS_ON_NODE")));
    of_job.map_or(of_system, |of_job| of_job.min(of_system)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(of_system: usize, variables: &[(&str, &str)]) -> usize {
        allotted(of_system, |wanted| {
            variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn outside_a_job_the_system_decides() {
        assert_eq!(with(64, &[]), 64);
        assert_eq!(with(64, &[("SLURM_CPUS_PER_TASK", "4")]), 64);
    }

    #[test]
    fn a_task_keeps_to_its_share_of_the_node() {
        let job = ("SLURM_JOB_ID", "17");
        assert_eq!(with(64, &[job, ("SLURM_CPUS_PER_TASK", "4"), ("SLURM_CPUS_ON_NODE", "16")]), 4);
        assert_eq!(with(64, &[job, ("SLURM_CPUS_ON_NODE", "16")]), 16);
        assert_eq!(with(64, &[job]), 64);
    }

    #[test]
    fn the_system_bounds_what_the_job_claims() {
        let job = ("SLURM_JOB_ID", "17");
        assert_eq!(with(2, &[job, ("SLURM_CPUS_PER_TASK", "32")]), 2);
    }

    #[test]
    fn nonsense_counts_as_absent() {
        let job = ("SLURM_JOB_ID", "17");
        for nonsense in ["", "0", "-1", "four"] {
            assert_eq!(
                with(8, &[job, ("SLURM_CPUS_PER_TASK", nonsense), ("SLURM_CPUS_ON_NODE", "2")]),
                2,
                "{nonsense}"
            );
        }
    }
}
