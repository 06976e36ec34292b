//! Looks at every pixel without writing anything: images that could not be normalised are found before a conversion.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::Findings;
use verglas_core::threads::share_work;
use verglas_core::{Observer, StopFlag};

use super::prepare::Conversion;
use super::stored_looks::StoredLooks;
use crate::image::{RawImage, ReadFailure};
use crate::preprocess::{Degenerate, Downsampler, apply_normalization};

/// How many images of one kind are named.
const MOST_LISTED: usize = 10;

/// What is wrong with the pixels of images, as positions in the output order.
#[derive(Debug, Default)]
struct Degenerates {
    constant: Vec<usize>,
    not_finite: Vec<usize>,
    unreadable: Vec<(usize, Error)>,
    /// Errors that no option allows to skip.
    fatal: Vec<(usize, Error)>,
    /// How the pixels of each file look.
    stored: StoredLooks,
}

impl Conversion {
    /// Reads every image that would be converted and returns those that can't be normalised or read: as errors or, where
    /// the settings say to leave them out, as warnings.
    ///
    /// # Errors
    /// When the user asks to stop.
    pub fn check_pixels(&self, observer: &dyn Observer, stop: &StopFlag) -> Result<Findings> {
        let mut findings = Findings::new();
        let next = AtomicUsize::new(0);
        let all = Mutex::new(Degenerates::default());
        share_work(self.buffers.n_threads, || self.look(&next, &all, observer, stop));
        if stop.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Interrupted, "stopped before every image was checked"));
        }
        let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.stored.report(self.images.files(), self.settings.byte_sign, &mut findings);
        self.report(&mut all.constant, Degenerate::Constant, &mut findings);
        self.report(&mut all.not_finite, Degenerate::NotFinite, &mut findings);
        for (mut errors, may_be_left_out) in [(all.unreadable, true), (all.fatal, false)] {
            errors.sort_by_key(|(position, _)| *position);
            let n_more = errors.len().saturating_sub(MOST_LISTED);
            let more = (n_more > 0).then(|| Error::format(format!("{n_more} more images can't be read")));
            for error in errors.into_iter().take(MOST_LISTED).map(|(_, error)| error).chain(more) {
                self.report_error(error, may_be_left_out, &mut findings);
            }
        }
        Ok(findings)
    }

    /// Takes one image after the other until there are none left.
    fn look(&self, next: &AtomicUsize, all: &Mutex<Degenerates>, observer: &dyn Observer, stop: &StopFlag) {
        let downsampler = Downsampler::plan(self.sides);
        let mut scratch = downsampler.scratch();
        let mut bytes = Vec::new();
        let mut raw = vec![0.0; self.sides.n_input_pixels() * self.sides.n_input_pixels()];
        let mut physical = vec![0.0; self.sides.n_pixels() * self.sides.n_pixels()];
        let mut mine = Degenerates::default();
        while !stop.load(Ordering::Relaxed) {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            let Some(position) = self.own_positions().nth(nth) else { break };
            let particle = self.plan.particle(position);
            let (file, section) = (self.table.image[particle], self.table.section[particle]);
            match self.images.read(file, section, 1, &mut raw, &mut bytes, stop) {
                Ok(()) => {
                    if let Ok(image_file) = &self.images.files()[file as usize] {
                        mine.stored.add(file, &image_file.header, &raw);
                    }
                    let image = downsampler.apply(RawImage(&raw), &mut scratch);
                    match apply_normalization(image, &mut physical) {
                        Ok(_) => {}
                        Err(Degenerate::Constant) => mine.constant.push(position),
                        Err(Degenerate::NotFinite) => mine.not_finite.push(position),
                    }
                }
                Err(ReadFailure::Unreadable(unreadable)) => {
                    let error = Error::format(unreadable.0)
                        .with_detail(format_args!("needed by {}", self.table.place(particle)));
                    mine.unreadable.push((position, error));
                }
                Err(ReadFailure::Fatal(error)) => mine.fatal.push((position, error)),
            }
            if let Err(error) = self.images.done_with(file, 1) {
                mine.fatal.push((position, error));
            }
            observer.images_done(1);
        }
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        all.constant.append(&mut mine.constant);
        all.not_finite.append(&mut mine.not_finite);
        all.unreadable.append(&mut mine.unreadable);
        all.fatal.append(&mut mine.fatal);
        all.stored.append(mine.stored);
    }

    /// One error for all images of a kind.
    fn report(&self, positions: &mut [usize], kind: Degenerate, findings: &mut Findings) {
        positions.sort_unstable();
        let Some(&first) = positions.first() else { return };
        let mut error = self.name_image(self.plan.particle(first), kind.as_str());
        for &position in positions.iter().skip(1).take(MOST_LISTED - 1) {
            let particle = self.plan.particle(position);
            error = error.with_detail(format_args!(
                "and section {} of `{}`, {}",
                u64::from(self.table.section[particle].0) + 1,
                self.table.image_name(particle),
                self.table.place(particle)
            ));
        }
        if positions.len() > MOST_LISTED {
            error = error.with_detail(format_args!("and {} more", positions.len() - MOST_LISTED));
        }
        self.report_error(error, true, findings);
    }

    /// What the user allows to leave out is then a warning.
    fn report_error(&self, error: Error, may_be_left_out: bool, findings: &mut Findings) {
        if may_be_left_out && self.settings.skip_unreadable {
            findings.warn("image-unreadable", error.message().clone() + "\n  it would be left out");
        } else {
            findings.error(error);
        }
    }

    /// An error about one image, naming file, section and row.
    pub(super) fn name_image(&self, particle: usize, what: &str) -> Error {
        let table = &self.table;
        let downsampled = self.sides.said().map_or(String::new(), |said| format!("after {said}, "));
        Error::value(format!(
            "section {} of `{}`: {downsampled}{what}",
            u64::from(table.section[particle].0) + 1,
            table.image_name(particle)
        ))
        .with_detail(format_args!("named by {}", table.place(particle)))
    }
}
