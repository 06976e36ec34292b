//! Writes the image files of a data set, on several threads.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::{Observer, StopFlag};
use verglas_formats::mrc::{Mode, MrcLayout, MrcWriter};

use super::whole_file::{WholeFile, cannot_write, in_file};
use super::{Dealing, ImageSimulator, Place};

/// Pixels that a thread makes between two reports, about: 2 MiB.
const PIXELS_PER_TASK: usize = 1 << 19;

/// Sections of one stack that a thread makes in one go.
struct Task {
    stack: usize,
    sections: Range<usize>,
}

/// One image file: opened by the first thread that needs it, finished by the last. Tasks come in the files' order, so
/// that only about as many are open as there are threads.
struct Stack {
    path: PathBuf,
    open: Mutex<Option<Arc<OpenStack>>>,
    n_tasks_left: AtomicUsize,
}

struct OpenStack {
    writer: MrcWriter,
    file: WholeFile,
}

/// Makes all images and writes them to `paths`, the stacks in order.
///
/// `observer` is called on this thread.
pub(super) fn write_stacks(
    simulator: &ImageSimulator,
    dealing: &Dealing,
    paths: &[PathBuf],
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<()> {
    let settings = simulator.settings();
    let sections_per_task = (PIXELS_PER_TASK / settings.n_pixels.pow(2)).max(1);
    let mut tasks = Vec::new();
    let stacks: Vec<Stack> = paths
        .iter()
        .enumerate()
        .map(|(stack, path)| {
            let n_sections = dealing.n_sections(stack);
            for first in (0..n_sections).step_by(sections_per_task) {
                tasks.push(Task { stack, sections: first..(first + sections_per_task).min(n_sections) });
            }
            let n_tasks_left = AtomicUsize::new(n_sections.div_ceil(sections_per_task));
            Stack { path: path.clone(), open: Mutex::new(None), n_tasks_left }
        })
        .collect();

    let next_task = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel::<Result<usize>>();
    thread::scope(|scope| {
        for nth in 0..settings.n_threads.min(tasks.len()) {
            let sender = sender.clone();
            let (tasks, stacks, next_task, stopped) = (&tasks, &stacks, &next_task, &stopped);
            let thread = thread::Builder::new().spawn_scoped(scope, move || {
                let mut scratch = simulator.scratch();
                let mut image = vec![0.0; settings.n_pixels.pow(2)];
                while !stopped.load(Ordering::Relaxed) {
                    let Some(task) = tasks.get(next_task.fetch_add(1, Ordering::Relaxed)) else { break };
                    let written = stacks[task.stack].write(task, simulator, dealing, |index, write| {
                        simulator.write_image(index, &mut scratch, &mut image);
                        write(&image)
                    });
                    // When the run has failed elsewhere, nobody listens, and the next turn finds that it has stopped.
                    let _ = sender.send(written);
                }
            });
            match thread {
                Err(error) if nth == 0 => return Err(Error::io("cannot start a thread", &error)),
                // The others do its share.
                Err(_) => break,
                Ok(_) => {}
            }
        }
        drop(sender);
        let mut n_written = 0;
        while n_written < settings.n_particles {
            // A channel that closes before all is written means that a thread has panicked; the scope passes it on.
            let Ok(message) = receiver.recv() else { break };
            let outcome = message.and_then(|n| {
                n_written += n;
                observer.images_done(n as u64);
                match stop.load(Ordering::Relaxed) {
                    true => Err(Error::new(ErrorKind::Interrupted, "stopped")),
                    false => Ok(()),
                }
            });
            if outcome.is_err() {
                stopped.store(true, Ordering::Relaxed);
                return outcome;
            }
        }
        Ok(())
    })
}

impl Stack {
    /// Does one task, and finishes the file if it was the last one; returns the number of images.
    fn write(
        &self,
        task: &Task,
        simulator: &ImageSimulator,
        dealing: &Dealing,
        mut make: impl FnMut(usize, &dyn Fn(&[f32]) -> Result<()>) -> Result<()>,
    ) -> Result<usize> {
        let open = self.open(simulator, dealing.n_sections(task.stack))?;
        for section in task.sections.clone() {
            let index = dealing.particle_at(Place { stack: task.stack, section });
            make(index, &|image| open.writer.write_section_at(section as u64, image).map_err(in_file(&self.path)))?;
        }
        // Before the count: who brings it to zero then holds the only reference.
        drop(open);
        if self.n_tasks_left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let last = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(OpenStack { writer, file }) = last.and_then(Arc::into_inner) {
                writer.finish().map_err(in_file(&self.path))?;
                file.finish()?;
            }
        }
        Ok(task.sections.len())
    }

    fn open(&self, simulator: &ImageSimulator, n_sections: usize) -> Result<Arc<OpenStack>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = &*open {
            return Ok(Arc::clone(open));
        }
        let settings = simulator.settings();
        let file = WholeFile::create(self.path.clone())?;
        let layout = MrcLayout {
            n_columns: settings.n_pixels as u64,
            n_rows: settings.n_pixels as u64,
            n_sections: n_sections as u64,
            pixel_size_angstrom: Some(settings.pixel_size_angstrom),
            mode: Mode::Float32,
        };
        let writer = file.file().try_clone().map_err(cannot_write(&self.path))?;
        let writer = MrcWriter::new(writer, layout).map_err(in_file(&self.path))?;
        Ok(Arc::clone(open.insert(Arc::new(OpenStack { writer, file }))))
    }
}
