//! Looks at every image and template without comparing any: what could not be compared is found before a run.

use std::sync::atomic::Ordering;

use num_complex::Complex;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::{Findings, counted};
use verglas_core::{Observer, StopFlag};
use verglas_fourier::grid::Precision;
use verglas_likelihood::{ImageCheck, LikelihoodError, TemplateSet};

use crate::failure::{leave_out, told};
use crate::images::ImageReader;
use crate::left_out::look;
use crate::number::Number;
use crate::prepare::LikelihoodJob;
use crate::structures::StructureTemplates;

/// How many images or templates of one kind are named.
const MOST_LISTED: usize = 10;
/// Bytes of images or templates that are held at once, where memory is not less.
const PIECE_BYTES: u64 = 16 << 20;

/// What is wrong, the first few in words.
#[derive(Default)]
struct Wrong {
    listed: Vec<String>,
    n: usize,
}

impl Wrong {
    fn add(&mut self, what: impl FnOnce() -> String) {
        if self.listed.len() < MOST_LISTED {
            self.listed.push(what());
        }
        self.n += 1;
    }

    /// One error of all.
    fn into_error(self) -> Option<Error> {
        let mut listed = self.listed.into_iter();
        let first = Error::format(listed.next()?);
        let error = listed.fold(first, |error, other| error.with_detail(format_args!("and {other}")));
        let n_more = self.n.saturating_sub(MOST_LISTED);
        Some(if n_more > 0 { error.with_detail(format_args!("and {n_more} more")) } else { error })
    }
}

impl LikelihoodJob {
    /// How many images and templates there are to look at.
    pub fn n_values(&self) -> usize {
        self.n_images() + self.structures.iter().map(|structure| structure.views.len()).sum::<usize>()
    }

    /// Reads every image and template; those that can't be compared go to `findings`.
    ///
    /// # Errors
    /// When a file can't be read, or the user asks to stop.
    pub fn check_values(&self, observer: &dyn Observer, stop: &StopFlag, findings: &mut Findings) -> Result<()> {
        match self.precision() {
            Precision::Single => self.check_values_in::<f32>(observer, stop, findings),
            Precision::Double => self.check_values_in::<f64>(observer, stop, findings),
        }
    }

    fn check_values_in<T: Number>(
        &self,
        observer: &dyn Observer,
        stop: &StopFlag,
        findings: &mut Findings,
    ) -> Result<()> {
        for structure in &self.structures {
            let wrong = self.look_at_templates::<T>(structure, observer, stop)?;
            findings.errors.extend(wrong.into_error());
        }
        let wrong = self.look_at_images::<T>(observer, stop)?;
        let n = wrong.n;
        let Some(error) = wrong.into_error() else { return Ok(()) };
        if self.settings.skip_unreadable {
            let of = counted(self.n_images(), "image");
            findings.warn(
                "image-unreadable",
                format!("{n} of {of} would be left out: ").as_str() + error.message().clone(),
            );
        } else {
            findings.error(error.with_hint(leave_out()));
        }
        Ok(())
    }

    /// How many images or templates are held at once.
    fn n_at_once<T>(&self) -> usize {
        let bytes = (self.geometry.n_points() * size_of::<Complex<T>>()) as u64;
        (PIECE_BYTES.min(self.settings.memory_bytes / 4) / bytes.max(1)).max(1) as usize
    }

    fn look_at_templates<T: Number>(
        &self,
        structure: &StructureTemplates,
        observer: &dyn Observer,
        stop: &StopFlag,
    ) -> Result<Wrong> {
        let n_points = self.geometry.n_points();
        let mut wrong = Wrong::default();
        structure.read_pieces(n_points, self.n_at_once::<T>(), |first, values: &[Complex<T>]| {
            go_on(stop)?;
            for (offset, template) in values.chunks_exact(n_points).enumerate() {
                let Err(error) = TemplateSet::new(&self.geometry, template, &[1.0]) else { continue };
                let view = first + offset;
                let error = match error {
                    LikelihoodError::TemplateNotFinite { shell, inplane, .. } => {
                        LikelihoodError::TemplateNotFinite { view, shell, inplane }
                    }
                    LikelihoodError::TemplateNorm { .. } => LikelihoodError::TemplateNorm { view },
                    other => other,
                };
                wrong.add(|| told(error, structure, None, 0).message().to_string());
            }
            observer.images_done((values.len() / n_points) as u64);
            Ok(())
        })?;
        Ok(wrong)
    }

    fn look_at_images<T: Number>(&self, observer: &dyn Observer, stop: &StopFlag) -> Result<Wrong> {
        let (n_points, n_at_once) = (self.geometry.n_points(), self.n_at_once::<T>());
        let reader = ImageReader::new(self.conversion.as_deref())?.leaving_out();
        reader.expect(&(0..self.stacks.len()).collect::<Vec<_>>());
        let mut check = ImageCheck::new(&self.geometry, self.formula());
        let mut values: Vec<Complex<T>> = Vec::new();
        let mut wrong = Wrong::default();
        for stack in &self.stacks {
            let mut open = reader.open(stack)?;
            for first in (0..stack.n_images).step_by(n_at_once) {
                go_on(stop)?;
                let last = stack.n_images.min(first + n_at_once);
                let mut left_out = open.read(first..last, n_points, &mut values, stop)?;
                look(&mut check, n_points, &values, &mut left_out)?;
                for (offset, reason) in left_out.into_iter().enumerate() {
                    if let Some(reason) = reason {
                        wrong.add(|| format!("{}: {reason}", stack.label_of(first + offset)));
                    }
                }
                observer.images_done((last - first) as u64);
            }
        }
        Ok(wrong)
    }
}

fn go_on(stop: &StopFlag) -> Result<()> {
    if stop.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Interrupted, "stopped before every image and template was looked at"));
    }
    Ok(())
}
