//! One structure against one stack: compared piece by piece, and published when all of it is there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use num_complex::Complex;
use verglas_core::error::{ErrorKind, Result};
use verglas_core::findings::{Warning, counted};
use verglas_core::hint::{Hint, Setting, Text};
use verglas_core::{Observer, StopFlag};
use verglas_likelihood::ctf::ContrastTransfer;
use verglas_likelihood::refine::ContinuousPose;
use verglas_likelihood::{Comparison, Contrast, ImageCheck, ImageResult, ImageSet, LikelihoodError};
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::{SkippedImage, StackRecord};
use verglas_run::recorder::{ChunkTimes, Recorder};

use crate::failure::{Compared, told};
use crate::images::ImageReader;
use crate::left_out::{self, LeftOut};
use crate::names::{UnitNames, folders_of};
use crate::noise::Noise;
use crate::number::Number;
use crate::prepare::LikelihoodJob;
use crate::publish::UnitOutcome;
use crate::refined::RefinedNumbers;
use crate::searches::Searches;
use crate::settings::ContrastSource;
use crate::stacks::ImageStack;

/// What all units of a run share.
pub(crate) struct Surroundings<'a> {
    pub(crate) output: &'a OutputFolder,
    pub(crate) recorder: &'a Recorder<'a>,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) stop: &'a StopFlag,
    pub(crate) told: &'a Told,
    pub(crate) images: &'a ImageReader<'a>,
    pub(crate) noise: &'a Noise,
}

/// What was told of stacks, each of them once.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<Vec<(usize, Warning)>>);

impl Told {
    pub(crate) fn into_warnings(self) -> Vec<Warning> {
        let told = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        told.into_iter().map(|(_, warning)| warning).collect()
    }
}

/// A unit that is done.
pub(crate) struct MadeUnit {
    pub(crate) record: StackRecord,
    pub(crate) left_out: Vec<SkippedImage>,
}

/// Images of a unit that are compared together.
struct Piece<'a> {
    unit: usize,
    /// The contrast transfers of the stack's images, if there are any.
    transfers: Option<&'a [ContrastTransfer]>,
    /// Places in the stack.
    places: Vec<usize>,
    /// Their poses, where these are known beforehand.
    known: Vec<Option<ContinuousPose>>,
}

impl LikelihoodJob {
    /// Compares the images of a unit; `None` when it is time to stop. `n_at_once` images are held at a time.
    ///
    /// # Errors
    /// When images can't be had or compared, or the disk refuses.
    pub(crate) fn make<T: Number>(
        &self,
        unit: usize,
        searches: &Searches<'_, T>,
        n_at_once: usize,
        around: &Surroundings<'_>,
    ) -> Result<Option<MadeUnit>> {
        let (structure, stack) = self.parts_of(unit);
        let names = UnitNames::of(structure.place, stack.number);
        around.output.check_is_same()?;
        let folders = folders_of(structure.place, self.kept());
        around.output.make_folders(&folders.iter().map(String::as_str).collect::<Vec<_>>())?;

        let transfers = match self.settings.contrast {
            ContrastSource::None => None,
            ContrastSource::Stack => Some(stack.contrast(self.angle_rule())?),
        };
        let mut open = around.images.open(stack)?;
        let mut tensors = self.start_tensors::<T>(&names, structure.views.len(), stack.n_images, around.output)?;
        let mut check = ImageCheck::new(&self.geometry, self.formula());
        let known = self.known_poses(stack, structure.axis_order)?;
        let mut outcome =
            UnitOutcome { results: Vec::with_capacity(stack.n_images), refined: Vec::new(), left_out: LeftOut::new() };
        let mut values: Vec<Complex<T>> = Vec::new();
        let n_points = self.geometry.n_points();
        for first in (0..stack.n_images).step_by(n_at_once.max(1)) {
            let last = stack.n_images.min(first + n_at_once.max(1));
            let before = Instant::now();
            let mut left_out = match open.read(first..last, n_points, &mut values, around.stop) {
                Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(None),
                read => read?,
            };
            if self.settings.skip_unreadable {
                left_out::look(&mut check, n_points, &values, &mut left_out)?;
            }
            let kept = left_out::keep(n_points, &mut values, &left_out);
            let bytes_read = open.bytes_of::<T>(first..last, n_points);
            around.recorder.note(0, ChunkTimes { read: before.elapsed(), bytes_read, ..ChunkTimes::default() })?;

            let before = Instant::now();
            let places: Vec<usize> = kept.iter().map(|place| first + place).collect();
            let known_of_piece = places.iter().map(|&place| known[place]).collect();
            let piece = Piece { unit, transfers: transfers.as_deref(), places, known: known_of_piece };
            let Some(comparison) = self.compare(&piece, searches, &values, around)? else { return Ok(None) };
            let Some(audited) = self.audit(&piece, searches, &values, &comparison, around)? else { return Ok(None) };
            let mut audited = audited.into_iter();
            let n_left_out = last - first - kept.len();
            // What is left out is done with, too.
            let n = n_left_out.saturating_mul(structure.views.len()).saturating_mul(self.displacements.len());
            around.observer.images_done(n as u64);
            around.recorder.note(n, ChunkTimes { compute: before.elapsed(), ..ChunkTimes::default() })?;

            let before = Instant::now();
            tensors.write::<T>(self, (first, last - first), &kept, &comparison)?;
            let mut log_odds = comparison.log_odds.iter().copied().fuse();
            let scale = around.noise.scale(unit % self.stacks.len());
            let mut results = comparison.images.into_iter();
            outcome.results.extend(left_out.iter().map(|reason| if reason.is_none() { results.next() } else { None }));
            if self.right().is_some() {
                let of = |result: &Option<ImageResult>| {
                    result.as_ref().map_or(RefinedNumbers::NONE, |result| {
                        let numbers = RefinedNumbers::of(result, structure.axis_order);
                        let numbers = numbers.with_audit(audited.next().unwrap_or(f64::NAN));
                        match (scale, log_odds.next()) {
                            (Some(scale), Some(odds)) => numbers.with_odds(odds, scale.probability(odds)),
                            _ => numbers,
                        }
                    })
                };
                outcome.refined.extend(outcome.results[first..].iter().map(of));
            }
            let reasons = left_out.into_iter().enumerate();
            // On one line, as tables have it.
            let one_line = |reason: String| reason.replace("\n  ", "; ");
            outcome.left_out.extend(reasons.filter_map(|(image, reason)| Some((first + image, one_line(reason?)))));
            around.recorder.note(0, ChunkTimes { write: before.elapsed(), ..ChunkTimes::default() })?;
        }
        if around.stop.load(Ordering::Relaxed) && stack.n_images == 0 {
            return Ok(None);
        }
        drop(values);
        self.tell_of(stack, &outcome.results, around);
        let before = Instant::now();
        around.output.check_is_same()?;
        let files = self.publish::<T>((structure.place, &names), &folders, &outcome, tensors, around.output)?;
        let bytes_written = files.iter().map(|file| file.bytes).sum();
        around.recorder.note(0, ChunkTimes { write: before.elapsed(), bytes_written, ..ChunkTimes::default() })?;
        Ok(Some(MadeUnit {
            record: StackRecord { number: unit, n_images: self.comparisons_of(unit), files },
            left_out: left_out::records(stack, &outcome.left_out)?,
        }))
    }

    /// Compares the images of a piece, `values`; `None` when it is time to stop.
    fn compare<T: Number>(
        &self,
        piece: &Piece<'_>,
        searches: &Searches<'_, T>,
        values: &[Complex<T>],
        around: &Surroundings<'_>,
    ) -> Result<Option<Comparison<T>>> {
        if piece.places.is_empty() {
            return Ok(Some(Comparison::default()));
        }
        let (structure, stack) = self.parts_of(piece.unit);
        let transfers = self.transfers_of(piece);
        let contrast = self.contrast_of(transfers.as_deref());
        let compared = Compared { stack, places: &piece.places };
        let tell = |error| told(error, structure, Some(compared), 0);
        let geometry = around.noise.geometry(piece.unit % self.stacks.len());
        let images = ImageSet::new(geometry, values, contrast).map_err(tell)?;
        let refused = Mutex::new(None);
        let n_told = AtomicU64::new(0);
        let go_on = |n_pairs: u64| {
            let n = n_pairs.saturating_mul(self.displacements.len() as u64);
            n_told.fetch_add(n, Ordering::Relaxed);
            around.observer.images_done(n);
            if let Err(error) = around.recorder.note(n as usize, ChunkTimes::default()) {
                refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                return false;
            }
            !around.stop.load(Ordering::Relaxed)
        };
        let comparison = searches.compare(&images, &piece.known, &go_on);
        if let Some(error) = refused.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        // What is not near a known pose is done with, too.
        let n =
            piece.places.len().saturating_mul(structure.views.len()).saturating_mul(self.displacements.len()) as u64;
        let n_rest = n.saturating_sub(n_told.into_inner());
        if n_rest > 0 && comparison.is_ok() {
            around.observer.images_done(n_rest);
            around.recorder.note(n_rest as usize, ChunkTimes::default())?;
        }
        match comparison {
            Err(LikelihoodError::Stopped) => Ok(None),
            other => other.map(Some).map_err(tell),
        }
    }

    /// How much larger ln L over the grid of each image is where no pose is left out; NaN of those that are not audited. `None` when it is
    /// time to stop.
    fn audit<T: Number>(
        &self,
        piece: &Piece<'_>,
        searches: &Searches<'_, T>,
        values: &[Complex<T>],
        comparison: &Comparison<T>,
        around: &Surroundings<'_>,
    ) -> Result<Option<Vec<f64>>> {
        let (structure, stack) = self.parts_of(piece.unit);
        let first = self.first_image_of(piece.unit % self.stacks.len());
        let is_audited =
            |(place, result): (&usize, &ImageResult)| result.evaluated_share < 1.0 && self.audit.has(first + place);
        let chosen = piece.places.iter().zip(&comparison.images).enumerate();
        let chosen: Vec<usize> = chosen.filter(|(_, image)| is_audited(*image)).map(|(index, _)| index).collect();
        let mut differences = vec![f64::NAN; comparison.images.len()];
        if !chosen.is_empty() {
            let compared = Compared { stack, places: &piece.places };
            let tell = |error| told(error, structure, Some(compared), 0);
            let geometry = around.noise.geometry(piece.unit % self.stacks.len());
            let transfers = self.transfers_of(piece);
            let images = ImageSet::new(geometry, values, self.contrast_of(transfers.as_deref())).map_err(tell)?;
            let go_on = |_| !around.stop.load(Ordering::Relaxed);
            match searches.audit(&images, &chosen, &go_on) {
                Err(LikelihoodError::Stopped) => return Ok(None),
                found => {
                    for (&index, found) in chosen.iter().zip(found.map_err(tell)?) {
                        differences[index] = found - comparison.images[index].log_likelihood_integrated;
                    }
                }
            }
        }
        Ok(Some(differences))
    }

    /// The contrast transfers of a piece's images, if there are any.
    fn transfers_of(&self, piece: &Piece<'_>) -> Option<Vec<ContrastTransfer>> {
        piece.transfers.map(|all| piece.places.iter().map(|&image| all[image]).collect())
    }

    /// How the contrast transfer of images is computed.
    fn contrast_of<'t>(&self, transfers: Option<&'t [ContrastTransfer]>) -> Contrast<'t> {
        transfers.map_or(Contrast::One, |transfers| Contrast::Parameters(transfers, self.contrast_formula()))
    }

    /// Tells of a stack whose contrast is the other one, or that has no noise.
    fn tell_of(&self, stack: &ImageStack, results: &[Option<ImageResult>], around: &Surroundings<'_>) {
        let label = stack.label();
        let n = results.iter().flatten().count();
        let count = |is: fn(&ImageResult) -> bool| results.iter().flatten().filter(|result| is(result)).count();
        let n_inverted = count(|result| -result.smallest_cross_correlation > result.cross_correlation);
        let tell = |code: &'static str, message: Text| {
            let mut told = around.told.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !told.iter().any(|(number, warning)| *number == stack.number && warning.code == code) {
                let warning = Warning { code, message };
                around.observer.warning(&warning);
                around.recorder.edit(|manifest| manifest.warnings.push((&warning).into()));
                told.push((stack.number, warning));
            }
        };
        if 2 * n_inverted > n {
            tell(
                "contrast-inverted",
                Text::from(format!(
                    "{label}: {n_inverted} of {} fit better with the opposite sign: their contrast may be inverted; then convert \
                     them with ",
                    counted(n, "image")
                )) + Hint::Choose(Setting::Contrast, "invert"),
            );
        }
        let n_without_noise = count(|result| result.is_without_noise);
        if n_without_noise > 0 {
            let images = counted(n, "image");
            tell(
                "no-noise",
                Text::from(format!(
                    "{label}: {n_without_noise} of {images} fit without any noise: their log-likelihoods are bounded by rounding"
                )),
            );
        }
    }
}
