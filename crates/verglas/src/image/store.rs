//! Open image files, a bounded number of them, shared by all threads.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use verglas_formats::FormatError;
use verglas_formats::mrc::{Compression, MrcHeader, MrcOptions, MrcStack};

use crate::error::Error;
use crate::particle::SectionIndex;

/// Most plain files open at once. Unpacked ones stay open until their last image is read: unpacking is paid once.
const MOST_OPEN: usize = 256;

/// An image file that was found and whose header was read.
#[derive(Debug, Clone)]
pub(crate) struct ImageFile {
    pub(crate) path: PathBuf,
    pub(crate) header: MrcHeader,
    pub(crate) compression: Option<Compression>,
}

/// An image that can't be had, for a reason that `--skip-unreadable` covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) String);

/// Reads sections of the data set's image files.
#[derive(Debug)]
pub(crate) struct ImageStore {
    files: Vec<Result<ImageFile, Unreadable>>,
    options: MrcOptions,
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
pub(crate) enum ReadFailure {
    /// It may be left out if the user says so.
    Unreadable(Unreadable),
    /// The run must stop.
    Fatal(Error),
}

impl ImageStore {
    /// A store of `files`, from which `n_images` images each will be read.
    pub(crate) fn new(files: Vec<Result<ImageFile, Unreadable>>, n_images: &[u32], options: MrcOptions) -> Self {
        let remaining = n_images.iter().map(|&n| AtomicU32::new(n)).collect();
        Self { files, options, remaining, open: Mutex::default() }
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
    /// When this fails, some of the sections may be readable all the same; read them one by one to find out.
    pub(crate) fn read(
        &self,
        file: u32,
        first: SectionIndex,
        count: usize,
        pixels: &mut [f32],
        scratch: &mut Vec<u8>,
    ) -> Result<(), ReadFailure> {
        let image_file = match &self.files[file as usize] {
            Ok(image_file) => image_file,
            Err(unreadable) => return Err(ReadFailure::Unreadable(unreadable.clone())),
        };
        let stack = self.stack(file, image_file)?;
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
            FormatError::Io(ref io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
                ReadFailure::Unreadable(Unreadable(error.describe(&image_file.path.display().to_string())))
            }
            FormatError::Io(_) => ReadFailure::Fatal(Error::from_format(&image_file.path, error)),
            error => ReadFailure::Unreadable(Unreadable(error.describe(&image_file.path.display().to_string()))),
        })
    }

    /// Says that `count` images of a file are done with; the file is closed after its last.
    pub(crate) fn done_with(&self, file: u32, count: u32) {
        if self.remaining[file as usize].fetch_sub(count, Ordering::AcqRel) == count {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).stacks.remove(&file);
        }
    }

    fn stack(&self, file: u32, image_file: &ImageFile) -> Result<Arc<MrcStack>, ReadFailure> {
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.clock += 1;
            let now = open.clock;
            if let Some((stack, last_used)) = open.stacks.get_mut(&file) {
                *last_used = now;
                return Ok(Arc::clone(stack));
            }
            // Unpacking a file twice at once would waste more than waiting does; plain files open outside the lock.
            if image_file.compression.is_some() {
                let stack = Arc::new(self.open_checked(image_file)?);
                open.stacks.insert(file, (Arc::clone(&stack), now));
                return Ok(stack);
            }
        }
        let stack = Arc::new(self.open_checked(image_file)?);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let now = open.clock;
        open.stacks.insert(file, (Arc::clone(&stack), now));
        let plain = |stack: &MrcStack| stack.compression().is_none();
        if open.stacks.values().filter(|(stack, _)| plain(stack)).count() > MOST_OPEN {
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

    /// Opens a file and makes sure that it is still the one whose header was checked.
    fn open_checked(&self, image_file: &ImageFile) -> Result<MrcStack, ReadFailure> {
        let stack = MrcStack::open(&image_file.path, &self.options).map_err(|error| match error {
            FormatError::Io(ref io) if io.kind() != std::io::ErrorKind::NotFound => {
                ReadFailure::Fatal(Error::from_format(&image_file.path, error))
            }
            error => ReadFailure::Unreadable(Unreadable(error.describe(&image_file.path.display().to_string()))),
        })?;
        if *stack.header() != image_file.header {
            let path = image_file.path.display();
            return Err(ReadFailure::Fatal(Error::format(format!("`{path}` changed after it was checked"))));
        }
        Ok(stack)
    }
}
