//! The system refuses: every call that a conversion makes fails once, with the errors that disks, quotas and file systems
//! give. `strace` injects them, where it is there and allowed to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::conversion::all_files;
use crate::data_set::{DataSet, star};
use crate::small_disk::SmallDisk;

/// What the system refuses is never left out, so that option changes nothing.
const CONVERT: [&str; 9] =
    ["convert", "particles.star", "--batch-size", "3", "-j", "1", "--no-plots", "-q", "--skip-unreadable"];

/// Whether calls can be traced; a word where they can't.
pub fn can_trace() -> bool {
    let can = Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success());
    if !can {
        eprintln!("SKIPPED: this needs strace, and the right to trace");
    }
    can
}

/// The command with faults; `None`, and a word, where nothing can be traced.
pub fn run_with_faults(dir: &Path, faults: &[&str], arguments: &[&str]) -> Option<Output> {
    let strace = || {
        let mut strace = Command::new("strace");
        strace.args(["-f", "--seccomp-bpf", "-o", "trace", "-e", "signal=none"]).current_dir(dir);
        strace
    };
    if !can_trace() {
        return None;
    }
    Some(strace().args(faults).arg(env!("CARGO_BIN_EXE_verglas")).args(arguments).output().unwrap())
}

pub fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Six images of two files in two stacks, and what an undisturbed run makes of them.
fn undisturbed() -> (DataSet, BTreeMap<PathBuf, Vec<u8>>) {
    let set = DataSet::usual();
    let ran = set.run(&[&CONVERT[..], &["-o", "plain"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let files = all_files(&set.path("plain"));
    (set, files)
}

/// What is looked at after a call that failed; each gets a text that says which.
pub struct Looks<'a> {
    /// What has a final name is whole.
    pub nothing_broken: &'a dyn Fn(&str),
    /// The run that ended with 0 made everything.
    pub finished: &'a dyn Fn(&str),
    /// The one that did not is resumed, and then made everything.
    pub resumes: &'a dyn Fn(&str),
}

/// Lets calls of a command that makes `output` fail, of each kind one after the other: every `stride`-th from the one of number
/// `stride`/2 on, until no call of that number is made any more, and none beyond `most`. How many runs refused, and how many ended with 0
/// all the same; `None` where nothing can be traced.
pub fn let_calls_fail(
    set: &DataSet,
    output: &Path,
    words: &[&str],
    (stride, most): (usize, usize),
    looks: &Looks<'_>,
) -> Option<(usize, usize)> {
    let (mut n_refused, mut n_survived) = (0, 0);
    for (call, error) in [
        ("openat", "EIO"),
        ("read", "EIO"),
        ("pread64", "EIO"),
        ("write", "ENOSPC"),
        ("pwrite64", "EDQUOT"),
        ("ftruncate", "EFBIG"),
        ("fsync", "EIO"),
        ("rename", "EACCES"),
        ("mkdir", "EROFS"),
        ("unlink", "EPERM"),
        ("getdents64", "EIO"),
        ("statx", "ESTALE"),
        ("flock", "EIO"),
    ] {
        // Until no call of this number is made any more.
        for nth in (1..).map(|k| k * stride - stride / 2) {
            assert!(nth < most, "{call} is called without end");
            // The others are not even stopped at.
            let traced = format!("trace={call}");
            let injected = format!("inject={call}:error={error}:when={nth}");
            let ran = run_with_faults(set.dir.path(), &["-e", &traced, "-e", &injected], words)?;
            let told = told(&ran);
            let what = format!("{call} number {nth} fails with {error}, exit code {:?}: {told}", ran.status.code());
            (looks.nothing_broken)(&what);
            let is_injected = fs::read_to_string(set.path("trace")).unwrap().contains("(INJECTED)");
            if ran.status.success() {
                if ["unlink", "statx"].contains(&call) {
                    // A lock that nobody holds stays if it can't be checked or removed.
                    let _ = fs::remove_file(output.join(".verglas.lock"));
                }
                (looks.finished)(&what);
                // Nobody may believe to have on the disk what is not.
                let is_of_writing = ["pwrite64", "fsync", "rename", "mkdir"].contains(&call);
                assert!(!(is_injected && is_of_writing), "overlooked: {what}");
                n_survived += usize::from(is_injected);
            } else {
                n_refused += 1;
                // The loader, which can't open a library, says 127.
                assert!(matches!(ran.status.code(), Some(1 | 127)), "{what}");
                assert!(!told.is_empty() && !told.contains("panicked"), "{what}");
                (looks.resumes)(&what);
            }
            fs::remove_dir_all(output).unwrap();
            if !is_injected {
                break;
            }
        }
    }
    println!("{n_refused} refused, {n_survived} survived");
    Some((n_refused, n_survived))
}

/// What has a final name below `output` is what an undisturbed run made, byte by byte.
#[track_caller]
pub fn assert_nothing_broken(files: &BTreeMap<PathBuf, Vec<u8>>, output: &Path, what: &str) {
    let found = if output.exists() { all_files(output) } else { BTreeMap::new() };
    for (name, bytes) in found {
        if !name.file_name().unwrap().as_encoded_bytes().starts_with(b".") {
            assert!(files.get(&name) == Some(&bytes), "`{}` is broken: {what}", name.display());
        }
    }
}

#[test]
fn whichever_call_fails_nothing_is_broken_and_resuming_makes_the_rest() {
    let (set, files) = undisturbed();
    let output = set.path("out");
    let convert = [&CONVERT[..], &["-o", "out"]].concat();
    let looks = Looks {
        nothing_broken: &|what| assert_nothing_broken(&files, &output, what),
        finished: &|what| assert!(all_files(&output) == files, "something is missing: {what}"),
        resumes: &|what| {
            let resumed = set.run(&[&convert[..], &["--resume"]].concat());
            assert_eq!(resumed.code, 0, "{what}then: {}", resumed.stderr);
            assert!(all_files(&output) == files, "resumed, after {what}");
        },
    };
    let Some((n_refused, n_survived)) = let_calls_fail(&set, &output, &convert, (1, 1000), &looks) else { return };
    assert!(n_refused > 100 && n_survived > 0, "{n_refused} refused, {n_survived} survived");
}

#[test]
fn an_error_in_the_midst_of_a_stack_names_file_and_row_and_is_never_left_out() {
    let (set, files) = undisturbed();
    let stack = fs::canonicalize(set.path("stacks/b.mrcs")).unwrap();
    let path = stack.to_str().unwrap();
    // Two calls each read the beginning when it is checked and when it is opened; the images follow.
    let faults = ["-P", path, "-e", "inject=pread64:error=EIO:when=6"];
    for arguments in [&CONVERT[..], &CONVERT[..8]] {
        let arguments = [arguments, &["-o", "out"]].concat();
        let Some(ran) = run_with_faults(set.dir.path(), &faults, &arguments) else { return };
        let told = told(&ran);
        assert_eq!(ran.status.code(), Some(1), "{told}");
        assert!(told.contains("stacks/b.mrcs`: Input/output error"), "{told}");
        assert!(told.contains("needed by row 3 of `particles.star` (line "), "{told}");
        assert!(!set.path("out/skipped.star").exists());
        let resumed = set.run(&[&arguments[..], &["--resume"]].concat());
        assert_eq!(resumed.code, 0, "{}", resumed.stderr);
        assert!(all_files(&set.path("out")) == files);
        fs::remove_dir_all(set.path("out")).unwrap();
    }
}

#[test]
fn a_quota_that_is_used_up_is_called_so() {
    let (set, files) = undisturbed();
    let convert = [&CONVERT[..], &["-o", "out"]].concat();
    let faults = ["-e", "inject=pwrite64:error=EDQUOT:when=5+"];
    let Some(ran) = run_with_faults(set.dir.path(), &faults, &convert) else { return };
    let told = told(&ran);
    assert_eq!(ran.status.code(), Some(1), "{told}");
    assert!(told.contains("cannot write `out/") && told.contains("uota exceeded"), "{told}");
    assert!(
        told.contains("hint: the quota is used up; once there is room, a conversion continues with --resume"),
        "{told}"
    );
    let resumed = set.run(&[&convert[..], &["--resume"]].concat());
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert!(all_files(&set.path("out")) == files);
}

#[test]
fn a_file_system_without_locks_is_warned_of() {
    for error in ["ENOLCK", "EOPNOTSUPP"] {
        let (set, files) = undisturbed();
        let faults = ["-e", &format!("inject=flock:error={error}")];
        let convert = [&CONVERT[..], &["-o", "out"]].concat();
        let Some(ran) = run_with_faults(set.dir.path(), &faults, &convert) else { return };
        let plain_told = told(&ran);
        assert_eq!(ran.status.code(), Some(0), "{plain_told}");
        let expected = "warning: the file system of `out` can't lock files (";
        assert_eq!(plain_told.matches(expected).count(), 1, "{plain_told}");
        assert!(plain_told.contains("nothing stops a second run from writing there"), "{plain_told}");
        for shard in ["1/2", "2/2"] {
            let convert = [&CONVERT[..], &["-o", "shards", "--shard", shard]].concat();
            let ran = run_with_faults(set.dir.path(), &faults, &convert).unwrap();
            assert_eq!(ran.status.code(), Some(0), "{}", told(&ran));
            assert!(told(&ran).contains("can't lock files"), "{}", told(&ran));
        }
        // No lock file either.
        assert!(all_files(&set.path("out")) == files && all_files(&set.path("shards")) == files);
    }
}

#[test]
fn fewer_threads_than_asked_for_do_the_work_of_all() {
    let (set, files) = undisturbed();
    for (error, first) in [("EAGAIN", "1+"), ("ENOMEM", "2")] {
        let faults = ["-e", "trace=clone,clone3", "-e", &format!("inject=clone,clone3:error={error}:when={first}")];
        for arguments in [
            &[&CONVERT[..4], &["-j", "4"], &CONVERT[6..], &["-o", "out", "--overwrite"]].concat()[..],
            &["check", "particles.star", "--deep", "-j", "4", "-q"],
        ] {
            let Some(ran) = run_with_faults(set.dir.path(), &faults, arguments) else { return };
            assert_eq!(ran.status.code(), Some(0), "{arguments:?}: {}", told(&ran));
            assert!(fs::read_to_string(set.path("trace")).unwrap().contains("(INJECTED)"), "{arguments:?}");
        }
        assert!(all_files(&set.path("out")) == files);
    }
    let none = ["-e", "trace=clone,clone3", "-e", "inject=clone,clone3:error=EAGAIN"];
    let verify = ["verify", "out", "-j", "4", "-q"];
    let ran = run_with_faults(set.dir.path(), &none, &verify).unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", told(&ran));
    let simulate = ["simulate", "-o", "data", "--particles", "9", "--n-pixels", "16", "-j", "4", "-q"];
    let few = ["-e", "trace=clone,clone3", "-e", "inject=clone,clone3:error=EAGAIN:when=2+"];
    let ran = run_with_faults(set.dir.path(), &few, &simulate).unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", told(&ran));
    let ran = run_with_faults(set.dir.path(), &none, &[&simulate[..2], &["other"], &simulate[3..]].concat()).unwrap();
    assert!(
        ran.status.code() == Some(1)
            && told(&ran).starts_with("error: cannot start a thread: Resource temporarily unavailable"),
        "{}",
        told(&ran)
    );
}

#[test]
fn no_room_to_unpack_a_compressed_stack() {
    let set = DataSet::usual();
    set.write_stack("stacks/large.mrcs", 2000);
    let packed = fs::File::create(set.path("stacks/b.mrcs.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    std::io::copy(&mut fs::File::open(set.path("stacks/large.mrcs")).unwrap(), &mut packed).unwrap();
    packed.finish().unwrap();
    let names = ["1@stacks/a.mrcs", "7@stacks/b.mrcs.gz", "2@stacks/a.mrcs"];
    set.write_star("particles.star", &star(&names));
    let folder = set.path("small");
    let Some(disk) = SmallDisk::mount(&folder, "64k") else { return };
    let convert = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verglas"));
        command.args(CONVERT).args(["-o", "out"]).args(options);
        command.env("TMPDIR", &folder).current_dir(set.dir.path()).output().unwrap()
    };
    for options in [&[][..], &["--overwrite"]] {
        let ran = convert(options);
        let told = told(&ran);
        assert_eq!(ran.status.code(), Some(1), "{told}");
        for part in [
            // A write failed, so it doesn't say that the stack can't be read.
            "cannot unpack `stacks/b.mrcs.gz`: cannot write a temporary file in `",
            "No space left on device",
            "small`, which the environment variable TMPDIR",
            "hint: make room on that disk",
        ] {
            assert!(told.contains(part), "`{part}` is not in: {told}");
        }
        assert!(told.contains("needed by row 1 of `particles.star`"), "{told}");
        assert_eq!(fs::read_dir(set.path("out/fft")).unwrap().count(), 0);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "something is left in TMPDIR");
    }
    disk.enlarge("4m");
    let ran = convert(&["--resume"]);
    assert!(ran.status.success(), "{}", told(&ran));
    assert!(verglas::verify(&set.path("out"), &verglas::Silent).unwrap().is_sound());
}

#[test]
fn files_that_may_not_grow_beyond_a_limit() {
    let (set, files) = undisturbed();
    let total: usize = files.values().map(Vec::len).max().unwrap();
    let convert = |limit_blocks: usize, options: &str| {
        let script = format!("ulimit -f {limit_blocks}; exec \"$0\" {} -o out {options}", CONVERT.join(" "));
        Command::new("bash")
            .args(["-c", &script, env!("CARGO_BIN_EXE_verglas")])
            .current_dir(set.dir.path())
            .output()
            .unwrap()
    };
    // In bash a block is 1024 bytes.
    let ran = convert(total / 2048, "");
    let told = told(&ran);
    assert_eq!(ran.status.code(), Some(1), "{told}");
    assert!(told.contains("cannot write `out/fft/") && told.contains("File too large"), "{told}");
    assert!(told.contains("ulimit -f"), "{told}");
    assert!(convert(total.div_ceil(1024), "--resume").status.success());
    assert!(all_files(&set.path("out")) == files);
}
