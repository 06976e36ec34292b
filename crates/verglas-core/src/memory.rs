//! How much memory this process may take.

use std::path::{Path, PathBuf};

use crate::threads::default_threads;

/// Bytes that a job takes by default: a quarter of the free memory, or 2 GiB if that is unknown.
///
/// Free memory is the smallest of what the operating system can give without swapping, what is left to the process's
/// control groups (version 1 or 2), and, within a SLURM job, of what the job was allotted on a node.
pub fn default_memory_bytes() -> u64 {
    free_bytes(Path::new("/"), |name| std::env::var(name).ok()).map_or(UNKNOWN_BYTES, |free| free / SHARE)
}

/// The share of the free memory that is taken is one in this many.
const SHARE: u64 = 4;
/// Where nothing is known.
const UNKNOWN_BYTES: u64 = 2 << 30;

/// The free memory, from the system's files below `root` and the environment.
fn free_bytes(root: &Path, variable: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let of_system = available(&read(&root.join("proc/meminfo"))?)?;
    left_to_groups(root).into_iter().chain(of_job(variable)).chain([of_system]).min()
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// `MemAvailable` of /proc/meminfo.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// What is left of the limit of each control group that the process is in, and of the groups above it.
fn left_to_groups(root: &Path) -> Vec<u64> {
    let mut left = Vec::new();
    for line in read(&root.join("proc/self/cgroup")).unwrap_or_default().lines() {
        // ID:CONTROLLERS:PATH; version 2 has no controllers there.
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (mount, limit, used) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max", "memory.current"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
            }
            _ => continue,
        };
        let mount = root.join(mount);
        // In a container, the path may be the host's, and the mount the container's own group: then the directory that
        // exists is used.
        let own = mount.join(path.trim_start_matches('/'));
        let groups: Vec<PathBuf> =
            own.ancestors().take_while(|group| group.starts_with(&mount)).map(Into::into).collect();
        left.extend(groups.iter().filter_map(|group| {
            let number = |name: &str| read(&group.join(name))?.trim().parse::<u64>().ok();
            // The files in the page cache count as used, and are given up when memory runs short.
            let cached = cached(&read(&group.join("memory.stat")).unwrap_or_default());
            Some(number(limit)?.saturating_sub(number(used)?.saturating_sub(cached)))
        }));
    }
    left
}

/// Bytes of files in the cache that have not been used lately, as `memory.stat` says.
fn cached(stat: &str) -> u64 {
    let names = ["total_inactive_file ", "inactive_file "];
    let value = |name: &str| stat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    names.into_iter().find_map(value).unwrap_or(0)
}

/// The memory that SLURM gives a job on each node.
fn of_job(variable: impl Fn(&str) -> Option<String>) -> Option<u64> {
    variable("SLURM_JOB_ID")?;
    let mebibytes = |name: &str| variable(name)?.trim().parse::<u64>().ok().filter(|&number| number > 0);
    let of_node = mebibytes("SLURM_MEM_PER_NODE");
    let of_all = || mebibytes("SLURM_MEM_PER_CPU").map(|of_one| of_one.saturating_mul(default_threads() as u64));
    of_node.or_else(of_all).and_then(|number| number.checked_mul(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system's files below a folder of their own, and a job's variables.
    fn free(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Option<u64> {
        let root = std::env::temp_dir().join(format!(
            "verglas-memory-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let _ = std::fs::remove_dir_all(&root);
        for (name, text) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let variable =
            |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        let free = free_bytes(&root, variable);
        let _ = std::fs::remove_dir_all(&root);
        free
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:       32000000 kB\nMemFree:   100 kB\nMemAvailable:   16000000 kB\n");

    #[test]
    fn the_least_of_all_bounds_counts() {
        const AVAILABLE: u64 = 16_000_000 << 10;
        assert_eq!(free(&[], &[]), None);
        assert_eq!(free(&[MEMINFO], &[]), Some(AVAILABLE));
        // Version 2: the job's own group has no limit, the one above it has.
        let group = [
            MEMINFO,
            ("proc/self/cgroup", "0::/job/step\n"),
            ("sys/fs/cgroup/job/step/memory.max", "max\n"),
            ("sys/fs/cgroup/job/step/memory.current", "5\n"),
            ("sys/fs/cgroup/job/memory.max", "8000000\n"),
            ("sys/fs/cgroup/job/memory.current", "3000000\n"),
            ("sys/fs/cgroup/job/memory.stat", "anon 1000\nactive_file 7\ninactive_file 500000\n"),
        ];
        assert_eq!(free(&group, &[]), Some(5_500_000));
        // Version 1, without a limit: a number beyond all memory.
        let old = [
            MEMINFO,
            ("proc/self/cgroup", "3:cpu:/a\n2:memory,hugetlb:/a\n"),
            ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712"),
            ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "1000"),
        ];
        assert_eq!(free(&old, &[]), Some(AVAILABLE));
        // Inside a container the path of the host's group leads nowhere, and the mount is the container's.
        let inside = [
            MEMINFO,
            ("proc/self/cgroup", "0::/docker/abc\n"),
            ("sys/fs/cgroup/memory.max", "4096\n"),
            ("sys/fs/cgroup/memory.current", "96\n"),
        ];
        assert_eq!(free(&inside, &[]), Some(4000));
        let job = ("SLURM_JOB_ID", "17");
        assert_eq!(free(&[MEMINFO], &[job, ("SLURM_MEM_PER_NODE", "2048")]), Some(2 << 30));
        assert_eq!(free(&[MEMINFO], &[("SLURM_MEM_PER_NODE", "2048")]), Some(AVAILABLE));
        assert_eq!(free(&[MEMINFO], &[job, ("SLURM_MEM_PER_NODE", "0")]), Some(AVAILABLE));
        let of_one = free(&[MEMINFO], &[job, ("SLURM_MEM_PER_CPU", "1")]);
        assert_eq!(of_one, Some(default_threads() as u64 * (1 << 20)));
    }
}
