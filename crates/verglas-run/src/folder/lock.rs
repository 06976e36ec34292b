//! One run at a time: kernel locks, which are gone when the process that holds them dies, however it dies.
//!
//! A run that makes all stacks locks the folder for itself. Runs that make shards share the folder's lock, and each locks
//! its shard for itself. The locks are on files, because network file systems can't lock anything else; the last one
//! to let go removes the file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::Errno;
use verglas_core::StopFlag;
use verglas_core::error::{Error, ErrorKind, Result};

use crate::shard::Shard;

/// The lock of the folder.
const FOLDER_LOCK: &str = ".verglas.lock";
/// A shard that ends holds the folder for itself for a moment; so long does one that begins wait for it.
const SHARED_WAIT: Duration = Duration::from_millis(50);
const MOST_SHARED_WAITS: usize = 40;

/// The right to write to an output folder; let go of when dropped.
#[derive(Debug)]
pub struct FolderLock {
    /// Let go of in this order: a shard's own, then the folder's.
    held: Vec<HeldLock>,
}

/// Whether a run has locked the folder at `root`, or was killed before it could let go.
pub fn has_lock(root: &Path) -> bool {
    root.join(FOLDER_LOCK).exists()
}

/// The lock of the moment in which a shard decides whether it fits to those that have begun.
const START_LOCK: &str = ".verglas-start.lock";
/// So often it is asked for while another shard has it.
const START_WAIT: Duration = Duration::from_millis(10);

/// The right to decide whether a shard fits to the others and to say so with a manifest; let go of when dropped.
#[derive(Debug)]
pub(crate) struct StartLock {
    held: Option<HeldLock>,
    /// Whether the lock is exclusive; not so where the file system has no locks.
    pub(crate) is_exclusive: bool,
}

impl StartLock {
    /// Waits until no other shard has it. Each has it for the time of reading one manifest and writing another.
    ///
    /// # Errors
    /// When the folder can't be written, or when `stop` is set meanwhile.
    pub(super) fn acquire(root: &Path, stop: &StopFlag) -> Result<Self> {
        loop {
            let mut unsupported = None;
            match HeldLock::acquire(root, root.join(START_LOCK), Kind::Alone, None, &mut unsupported) {
                Ok(held) => return Ok(Self { is_exclusive: unsupported.is_none(), held: Some(held) }),
                Err(error) if error.kind() == ErrorKind::Busy => {}
                Err(error) => return Err(error),
            }
            if stop.load(Ordering::Relaxed) {
                return Err(Error::new(ErrorKind::Interrupted, "stopped while other shards were starting"));
            }
            std::thread::sleep(START_WAIT);
        }
    }
}

impl Drop for StartLock {
    fn drop(&mut self) {
        self.held.take().into_iter().for_each(HeldLock::release);
    }
}

/// The result of requesting a lock.
#[derive(Debug)]
pub struct Locked {
    pub lock: FolderLock,
    /// Why the file system could not lock, if it could not.
    pub unsupported: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Alone,
    Shared,
}

#[derive(Debug)]
struct HeldLock {
    file: File,
    path: PathBuf,
    kind: Kind,
}

/// The name of the lock of a shard.
fn shard_lock_name(shard: Shard) -> String {
    format!(".verglas-{}-of-{}.lock", shard.number(), shard.of())
}

impl FolderLock {
    /// Locks the folder at `root`, which must exist, for a run of all stacks or of a shard.
    ///
    /// # Errors
    /// When another run has it, or when the folder can't be written.
    pub fn acquire(root: &Path, shard: Option<Shard>) -> Result<Locked> {
        let mut held = Vec::new();
        let mut unsupported = None;
        let kind = if shard.is_some() { Kind::Shared } else { Kind::Alone };
        held.push(HeldLock::acquire(root, root.join(FOLDER_LOCK), kind, None, &mut unsupported)?);
        if let Some(shard) = shard {
            let path = root.join(shard_lock_name(shard));
            held.insert(0, HeldLock::acquire(root, path, Kind::Alone, Some(shard), &mut unsupported)?);
        }
        Ok(Locked { lock: Self { held }, unsupported })
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        self.held.drain(..).for_each(HeldLock::release);
    }
}

impl HeldLock {
    fn acquire(
        root: &Path,
        path: PathBuf,
        kind: Kind,
        shard: Option<Shard>,
        unsupported: &mut Option<String>,
    ) -> Result<Self> {
        let cannot_lock = |error: &std::io::Error| Error::io(format_args!("cannot write `{}`", path.display()), error);
        let mut n_waits = 0;
        loop {
            let mut file = open_lock_file(&path).map_err(|error| cannot_lock(&error))?;
            let locked = match kind {
                Kind::Alone => file.try_lock(),
                Kind::Shared => file.try_lock_shared(),
            };
            match locked {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if kind == Kind::Shared && n_waits < MOST_SHARED_WAITS => {
                    n_waits += 1;
                    std::thread::sleep(SHARED_WAIT);
                    continue;
                }
                Err(TryLockError::WouldBlock) => return Err(refuse(root, shard, &mut file)),
                Err(TryLockError::Error(error)) => {
                    *unsupported = Some(error.to_string());
                    // A file that locks nothing is harmless, and must not be taken for a lock.
                    let _ = fs::remove_file(&path);
                    return Ok(Self { file, path, kind });
                }
            }
            // The previous holder may have removed the file meanwhile: then this lock is on a file that is gone.
            if is_still_at(&file, &path) {
                if kind == Kind::Alone {
                    // Only for the message to the second process; nothing depends on it.
                    let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", this_process()));
                }
                return Ok(Self { file, path, kind });
            }
        }
    }

    /// Lets go, and removes the file unless another run shares the lock.
    fn release(self) {
        let is_alone = self.kind == Kind::Alone || self.file.try_lock().is_ok();
        if is_alone && is_still_at(&self.file, &self.path) {
            // A file that can't be removed is harmless: the lock itself is gone with this process.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens a lock file, creating it if necessary. A link is not followed, because this file is written to.
fn open_lock_file(path: &Path) -> std::io::Result<File> {
    let no_follow = OFlags::NOFOLLOW.bits() as i32;
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).custom_flags(no_follow).open(path);
    file.map_err(|error| match error.raw_os_error() {
        Some(code) if code == Errno::LOOP.raw_os_error() => std::io::Error::other("it is a link, expected a file"),
        _ => error,
    })
}

fn is_still_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(there)) => (held.dev(), held.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

fn this_process() -> String {
    format!("process {} on {}", std::process::id(), host_name())
}

/// The computer's name; empty if it has none.
pub fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()).unwrap_or_default()
}

fn refuse(root: &Path, shard: Option<Shard>, file: &mut File) -> Error {
    let mut holder = Vec::new();
    let read = file.rewind().and_then(|()| file.take(200).read_to_end(&mut holder));
    let holder = String::from_utf8_lossy(&holder);
    let who = match (read, holder.trim()) {
        (Ok(_), holder) if holder.starts_with("process ") => format!(": {holder}"),
        _ => String::new(),
    };
    let what = shard.map_or(String::new(), |shard| format!("shard {shard} in "));
    Error::new(ErrorKind::Busy, format!("another run is writing {what}`{}`{who}", root.display()))
        .with_hint("wait for it, or choose another folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(number: usize) -> Option<Shard> {
        Some(Shard::new(number, 4).unwrap())
    }

    fn acquire(root: &Path, shard: Option<Shard>) -> Result<FolderLock> {
        let locked = FolderLock::acquire(root, shard)?;
        assert_eq!(locked.unsupported, None, "the folder for temporary files has no locks");
        Ok(locked.lock)
    }

    fn n_files(root: &Path) -> usize {
        fs::read_dir(root).unwrap().count()
    }

    #[test]
    fn a_second_run_is_refused_and_says_who_holds_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let first = acquire(dir.path(), None).unwrap();
        let refused = acquire(dir.path(), None).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        assert!(acquire(dir.path(), shard(1)).is_err());
        drop(first);
        assert_eq!(n_files(dir.path()), 0, "a lock file is left");
        drop(acquire(dir.path(), None).unwrap());
    }

    #[test]
    fn shards_run_beside_each_other_but_not_beside_themselves_or_a_whole_run() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (acquire(dir.path(), shard(1)).unwrap(), acquire(dir.path(), shard(2)).unwrap());
        let refused = acquire(dir.path(), shard(2)).unwrap_err().to_string();
        assert!(refused.contains("shard 2/4"), "{refused}");
        assert!(acquire(dir.path(), None).is_err());
        drop(first);
        assert!(acquire(dir.path(), None).is_err(), "a shard is still running");
        drop(second);
        assert_eq!(n_files(dir.path()), 0, "a lock file is left");
    }

    #[test]
    fn many_shards_that_begin_and_end_at_once_never_refuse_each_other() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for number in 1..=4 {
                let root = dir.path();
                scope.spawn(move || (0..200).for_each(|_| drop(acquire(root, shard(number)).unwrap())));
            }
        });
        assert_eq!(n_files(dir.path()), 0, "a lock file is left");
    }

    #[test]
    fn a_link_is_no_lock_file_and_what_it_points_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        let mine = dir.path().join("mine.txt");
        fs::write(&mine, "mine").unwrap();
        std::os::unix::fs::symlink(&mine, dir.path().join(FOLDER_LOCK)).unwrap();
        let error = acquire(dir.path(), None).unwrap_err().to_string();
        assert!(error.contains("it is a link"), "{error}");
        assert_eq!(fs::read(&mine).unwrap(), b"mine");
    }

    #[test]
    fn one_shard_at_a_time_decides_whether_it_may_begin() {
        let dir = tempfile::tempdir().unwrap();
        let stop = StopFlag::new(false);
        let first = StartLock::acquire(dir.path(), &stop).unwrap();
        assert!(first.is_exclusive);
        let waiting = std::thread::scope(|scope| {
            let second = scope.spawn(|| StartLock::acquire(dir.path(), &stop).map(drop));
            std::thread::sleep(START_WAIT * 3);
            stop.store(true, Ordering::Relaxed);
            second.join().unwrap()
        });
        assert_eq!(waiting.unwrap_err().kind(), ErrorKind::Interrupted);
        drop(first);
        drop(StartLock::acquire(dir.path(), &stop).unwrap());
        assert_eq!(n_files(dir.path()), 0, "a lock file is left");
    }

    #[test]
    fn a_lock_file_that_a_killed_run_left_is_no_lock() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FOLDER_LOCK), "process 1 on elsewhere\n").unwrap();
        drop(acquire(dir.path(), None).unwrap());
        assert_eq!(n_files(dir.path()), 0);
    }
}
