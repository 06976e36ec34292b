//! Open image files, a bounded number of them, shared by all threads.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use verglas_core::error::{Error, ErrorKind};
use verglas_formats::FormatError;
use verglas_formats::mrc::{Compression, MrcHeader, MrcOptions, MrcStack};

use crate::particle::SectionIndex;

/// Most plain files open at once. Unpacked ones stay open until their last image is read, so that each is unpacked
/// only once.
const MOST_OPEN: usize = 256;
/// Other files that are open: the standard ones, locks, the manifest.
const OTHER_FILES: usize = 10;
/// Other files that each thread may have open: two tensors of its stack and two of the one before, the metadata or a
/// folder that is synced, and an image file that is just being opened.
const FILES_PER_THREAD: usize = 6;

/// How many plain image files may be open at once, so that what is written finds room below the system's limit.
fn most_open(n_threads: usize) -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let others = n_threads.saturating_mul(FILES_PER_THREAD).saturating_add(OTHER_FILES);
    limit.saturating_sub(others).clamp(1, MOST_OPEN)
}

/// An image file that was found and whose header was read.
#[derive(Debug, Clone)]
pub(crate) struct ImageFile {
    pub(crate) path: PathBuf,
    pub(crate) header: MrcHeader,
    pub(crate) compression: Option<Compression>,
    /// Sections that are wholly there, as far as that is known before the file is unpacked.
    pub(crate) n_sections_present: u64,
    /// The file as it was when it was checked.
    pub(crate) stamp: FileStamp,
}

/// What identifies the version of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStamp {
    pub(crate) bytes: u64,
    pub(crate) modified: Option<SystemTime>,
}

impl FileStamp {
    /// The stamp of the file at `path`.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self { bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}

impl ImageFile {
    /// An error if the file is not what was checked any more: pixels of two files must not get into one data set.
    fn check_unchanged(&self) -> Result<(), Error> {
        let path = self.path.display();
        match FileStamp::of(&self.path) {
            Ok(stamp) if stamp == self.stamp => Ok(()),
            Ok(FileStamp { bytes, .. }) if bytes != self.stamp.bytes => Err(Error::format(format!(
                "`{path}` changed while it was read: it had {} bytes and has {bytes}",
                self.stamp.bytes
            ))),
            Ok(_) => Err(Error::format(format!("`{path}` changed while it was read: it was written to"))),
            Err(error) => Err(Error::io(format_args!("`{path}` changed while it was read"), &error)),
        }
    }
}

/// An image that is not available, for a reason that `--skip-unreadable` covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// Reads sections of the data set's image files.
#[derive(Debug)]
pub(crate) struct ImageStore {
    files: Vec<Result<ImageFile, Unreadable>>,
    options: MrcOptions,
    most_open: usize,
    /// Images still to be read from each file.
    remaining: Vec<AtomicU32>,
    open: Mutex<OpenFiles>,
}

#[derive(Debug, Default)]
struct OpenFiles {
    stacks: HashMap<u32, (Arc<MrcStack>, u64)>,
    clock: u64,
}

/// Why an image was not read.
#[derive(Debug)]
pub enum ReadFailure {
    /// It may be left out if the user says so.
    Unreadable(Unreadable),
    /// The run must stop.
    Fatal(Error),
}

impl ImageStore {
    /// A store of `files`, from which `n_images` images each will be read by `n_threads` threads.
    pub(crate) fn new(
        files: Vec<Result<ImageFile, Unreadable>>,
        n_images: &[u32],
        options: MrcOptions,
        n_threads: usize,
    ) -> Self {
        let remaining = n_images.iter().map(|&n| AtomicU32::new(n)).collect();
        Self { files, options, most_open: most_open(n_threads), remaining, open: Mutex::default() }
    }

    /// The files, in the order of the table's image names.
    pub(crate) fn files(&self) -> &[Result<ImageFile, Unreadable>] {
        &self.files
    }

    /// Says how many images will be read from each file from now on.
    pub(crate) fn expect(&self, n_images: &[u32]) {
        for (remaining, &n) in self.remaining.iter().zip(n_images) {
            remaining.store(n, Ordering::Release);
        }
    }

    /// Bytes that an image takes in a file, unpacked.
    pub(crate) fn section_bytes(&self, file: u32) -> u64 {
        match &self.files[file as usize] {
            Ok(file) => file.header.bytes_per_section().unwrap_or(0),
            Err(_) => 0,
        }
    }

    /// Reads `pixels.len() / pixels per section` sections from `first` on, row-major each.
    ///
    /// When this fails, some of the sections may be readable all the same; read them one by one to find out. With `stop`
    /// set, unpacking a file ends with an error of the kind [`ErrorKind::Interrupted`].
    pub(crate) fn read(
        &self,
        file: u32,
        first: SectionIndex,
        count: usize,
        pixels: &mut [f32],
        scratch: &mut Vec<u8>,
        stop: &AtomicBool,
    ) -> Result<(), ReadFailure> {
        let image_file = match &self.files[file as usize] {
            Ok(image_file) => image_file,
            Err(unreadable) => return Err(ReadFailure::Unreadable(unreadable.clone())),
        };
        let stack = self.stack(file, image_file, stop);
        let read = stack.and_then(|stack| read_from(&stack, image_file, first, count, pixels, scratch));
        read.map_err(|failure| match failure {
            // A file that was fine when it was checked can't be called unreadable.
            ReadFailure::Unreadable(_) => image_file.check_unchanged().err().map_or(failure, ReadFailure::Fatal),
            fatal => fatal,
        })
    }

    /// Says that `count` images of a file are done with; the file is closed after its last.
    ///
    /// # Errors
    /// When the file changed between its check and its last image.
    pub(crate) fn done_with(&self, file: u32, count: u32) -> Result<(), Error> {
        if self.remaining[file as usize].fetch_sub(count, Ordering::AcqRel) != count {
            return Ok(());
        }
        self.lock().stacks.remove(&file);
        self.files[file as usize].as_ref().map_or(Ok(()), ImageFile::check_unchanged)
    }

    fn lock(&self) -> MutexGuard<'_, OpenFiles> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stack(&self, file: u32, image_file: &ImageFile, stop: &AtomicBool) -> Result<Arc<MrcStack>, ReadFailure> {
        {
            let mut open = self.lock();
            open.clock += 1;
            let now = open.clock;
            if let Some((stack, last_used)) = open.stacks.get_mut(&file) {
                *last_used = now;
                return Ok(Arc::clone(stack));
            }
            // Unpacking a file twice at once would waste more than waiting does; plain files open outside the lock.
            if image_file.compression.is_some() {
                let stack = match self.open_checked(image_file, stop) {
                    Err(ReadFailure::Fatal(error)) if error.is_of_too_many_files() => {
                        open.stacks.clear();
                        self.open_checked(image_file, stop)
                    }
                    opened => opened,
                };
                let stack = Arc::new(stack?);
                open.stacks.insert(file, (Arc::clone(&stack), now));
                return Ok(stack);
            }
        }
        let opened = match self.open_checked(image_file, stop) {
            // The system's limit is lower than ours, or others need files too: close all that are not being read.
            Err(ReadFailure::Fatal(error)) if error.is_of_too_many_files() => {
                self.lock().stacks.clear();
                self.open_checked(image_file, stop)
            }
            opened => opened,
        };
        let stack = Arc::new(opened?);
        let mut open = self.lock();
        let now = open.clock;
        open.stacks.insert(file, (Arc::clone(&stack), now));
        let plain = |stack: &MrcStack| stack.compression().is_none();
        if open.stacks.values().filter(|(stack, _)| plain(stack)).count() > self.most_open {
            let oldest = open
                .stacks
                .iter()
                .filter(|(id, (stack, _))| plain(stack) && **id != file)
                .min_by_key(|(_, (_, last_used))| *last_used)
                .map(|(id, _)| *id);
            if let Some(oldest) = oldest {
                open.stacks.remove(&oldest);
            }
        }
        Ok(stack)
    }

    /// Opens a file and makes sure that it is still the one that was checked.
    fn open_checked(&self, image_file: &ImageFile, stop: &AtomicBool) -> Result<MrcStack, ReadFailure> {
        image_file.check_unchanged().map_err(ReadFailure::Fatal)?;
        let go_on = || !stop.load(Ordering::Relaxed);
        let stack = MrcStack::open_while(&image_file.path, &self.options, &go_on).map_err(|error| match error {
            FormatError::Io(io) if io.kind() == io::ErrorKind::Interrupted => {
                ReadFailure::Fatal(Error::new(ErrorKind::Interrupted, "stopped"))
            }
            FormatError::Io(_) => ReadFailure::Fatal(Error::from_format(&image_file.path, error)),
            error => ReadFailure::Unreadable(Unreadable(error.describe(&image_file.path.display().to_string()))),
        })?;
        if *stack.header() != image_file.header {
            let path = image_file.path.display();
            return Err(ReadFailure::Fatal(Error::format(format!("`{path}` changed after it was checked"))));
        }
        Ok(stack)
    }
}

fn read_from(
    stack: &MrcStack,
    image_file: &ImageFile,
    first: SectionIndex,
    count: usize,
    pixels: &mut [f32],
    scratch: &mut Vec<u8>,
) -> Result<(), ReadFailure> {
    let first = u64::from(first.0);
    let present = stack.n_sections_present();
    if first + count as u64 > present {
        return Err(ReadFailure::Unreadable(Unreadable(format!(
            "section {} of `{}` asked for, the stack holds {present}",
            (first + 1).max(present + 1),
            image_file.path.display()
        ))));
    }
    stack.read_sections(first, count, pixels, scratch).map_err(|error| match error {
        FormatError::Io(ref io) if io.kind() == io::ErrorKind::UnexpectedEof => {
            ReadFailure::Unreadable(Unreadable(error.describe(&image_file.path.display().to_string())))
        }
        FormatError::Io(_) => ReadFailure::Fatal(Error::from_format(&image_file.path, error)),
        error => ReadFailure::Unreadable(Unreadable(error.describe(&image_file.path.display().to_string()))),
    })
}
