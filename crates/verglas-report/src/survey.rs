//! Goes through the metadata of all stacks, and through pixels of some images, in bounded memory.

use std::path::PathBuf;

use verglas_core::error::{Error, Result};
use verglas_formats::pt::PtFile;
use verglas_particles::stack::StackNames;

use super::directions::DirectionMap;
use super::outliers::{Outlier, OutlierList, Reason};
use super::pixels::{PixelLook, RadialProfile};
use super::quantity::{N_QUANTITIES, QUANTITIES};
use super::stack_table::{LensConstants, StackTable};
use super::statistics::{Histogram, Typical};

/// A stack that the manifest lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StackEntry {
    pub(super) number: usize,
    pub(super) n_images: usize,
}

/// The stacks of an output folder.
#[derive(Debug, Clone)]
pub(super) struct Stacks {
    pub(super) root: PathBuf,
    pub(super) entries: Vec<StackEntry>,
    pub(super) n_pixels: usize,
}

/// What was found about all images.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) n_images: usize,
    pub(super) typical: [Typical; N_QUANTITIES],
    pub(super) histograms: Vec<Histogram>,
    pub(super) outliers: OutlierList,
    pub(super) sets: Vec<ConstantsSet>,
    pub(super) directions: Option<DirectionMap>,
    /// How many images' pixels were looked at; 0 when there are no physical stacks.
    pub(super) n_looked_at: usize,
    /// How well images go with the mean particle, of those that were looked at.
    pub(super) likeness: Option<(Typical, Histogram)>,
}

/// Images of one set of lens constants.
#[derive(Debug, Clone)]
pub(super) struct ConstantsSet {
    pub(super) constants: LensConstants,
    pub(super) n_stacks: usize,
    pub(super) n_images: usize,
    pub(super) defocus: MinMeanMax,
    pub(super) astigmatism: MinMeanMax,
    pub(super) contrast: MinMeanMax,
}

/// Smallest, mean and largest of some values.
#[derive(Debug, Clone, Copy)]
pub(super) struct MinMeanMax {
    pub(super) min: f64,
    sum: f64,
    n: usize,
    pub(super) max: f64,
}

impl Default for MinMeanMax {
    fn default() -> Self {
        Self { min: f64::INFINITY, sum: 0.0, n: 0, max: f64::NEG_INFINITY }
    }
}

impl MinMeanMax {
    fn add(&mut self, value: f64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
        self.n += 1;
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum / self.n.max(1) as f64
    }
}

/// From so many spreads on a number is told: among a million normally distributed numbers none is expected.
pub(super) const FAR: f64 = 6.0;
/// An image is told to be of the other contrast where it is unlike the median particle by more than so many standard
/// deviations of noise, and so many spreads from the median likeness.
pub(super) const REVERSED: f64 = 5.0;
/// From so many blank lines at an edge on an image is told.
pub(super) const LEAST_BLANK_LINES: usize = 2;
/// Values from which the typical ones are found.
const N_SAMPLES: usize = 50_000;
/// Images from which the mean particle is made.
const N_FOR_MEAN: usize = 1_000;

impl Stacks {
    pub(super) fn n_images(&self) -> usize {
        self.entries.iter().map(|entry| entry.n_images).sum()
    }

    pub(super) fn metadata(&self, stack: StackEntry) -> PathBuf {
        self.root.join(StackNames::of(stack.number).metadata)
    }

    pub(super) fn table(&self, stack: StackEntry) -> Result<StackTable> {
        StackTable::read(&self.metadata(stack), stack.n_images)
    }

    /// The physical stack, `None` where none was written.
    pub(super) fn physical(&self, stack: StackEntry) -> Result<Option<ImageFile>> {
        let path = self.root.join(StackNames::of(stack.number).physical);
        if !path.exists() {
            return Ok(None);
        }
        let file = PtFile::open(&path).map_err(|error| Error::from_format(&path, error))?;
        let side = self.n_pixels as u64;
        let expected = [stack.n_images as u64, side, side];
        if file.tensor().shape() != expected {
            return Err(Error::format(format!(
                "`{}` has the shape {:?}, expected {expected:?}",
                path.display(),
                file.tensor().shape()
            )));
        }
        Ok(Some(ImageFile { file, path }))
    }
}

/// A physical stack that is open.
pub(super) struct ImageFile {
    file: PtFile,
    path: PathBuf,
}

impl ImageFile {
    /// The pixels of one image.
    pub(super) fn read(&mut self, image: usize) -> Result<Vec<f32>> {
        let image = image as u64;
        self.file.read_f32(image..image + 1).map_err(|error| Error::from_format(&self.path, error))
    }
}

/// Surveys all images; the pixels of at most `most_looked_at` of them, evenly spread.
pub(super) fn survey(stacks: &Stacks, most_looked_at: usize) -> Result<Survey> {
    let n_images = stacks.n_images();
    let (samples, mean_profile) = take_samples(stacks, n_images)?;
    let typical: [Typical; N_QUANTITIES] = std::array::from_fn(|quantity| {
        let scaled: Vec<f64> = samples[quantity].iter().map(|&v| QUANTITIES[quantity].scaled(v)).collect();
        Typical::of(&scaled, QUANTITIES[quantity].least_spread)
    });
    let look = PixelLook::new(stacks.n_pixels);
    let likeness = match &mean_profile {
        None => None,
        Some(profile) => Some(sample_likeness(stacks, n_images, &look, profile)?),
    };
    let mut survey = Survey {
        n_images,
        typical,
        histograms: samples.iter().map(|sample| Histogram::for_sample(sample)).collect(),
        outliers: OutlierList::default(),
        sets: Vec::new(),
        directions: None,
        n_looked_at: 0,
        likeness,
    };
    let step = n_images.div_ceil(most_looked_at.max(1)).max(1);
    let mut index = 0_usize;
    for &entry in &stacks.entries {
        let table = stacks.table(entry)?;
        let mut physical = if mean_profile.is_some() { stacks.physical(entry)? } else { None };
        survey.add_set(&table, stacks.n_pixels);
        for image in 0..table.n_images {
            let mut reasons = survey.add_numbers(&table, image, stacks.n_pixels as f64);
            if index.is_multiple_of(step)
                && let (Some(file), Some(profile)) = (&mut physical, &mean_profile)
            {
                reasons.extend(survey.add_pixels(&look, &file.read(image)?, profile));
            }
            if !reasons.is_empty() {
                survey.outliers.add(Outlier { stack: entry, image, reasons });
            }
            index += 1;
        }
    }
    survey.outliers.finish();
    Ok(survey)
}

impl Survey {
    fn add_set(&mut self, table: &StackTable, n_pixels: usize) {
        let known = self.sets.iter().position(|set| set.constants == table.constants);
        let at = known.unwrap_or_else(|| {
            self.sets.push(ConstantsSet {
                constants: table.constants,
                n_stacks: 0,
                n_images: 0,
                defocus: MinMeanMax::default(),
                astigmatism: MinMeanMax::default(),
                contrast: MinMeanMax::default(),
            });
            self.sets.len() - 1
        });
        let set = &mut self.sets[at];
        set.n_stacks += 1;
        set.n_images += table.n_images;
        for image in 0..table.n_images {
            set.defocus.add(table.defocus_angstrom(image));
            set.astigmatism.add(table.astigmatism_angstrom(image));
            set.contrast.add(QUANTITIES[CONTRAST].value(table, image, n_pixels as f64));
        }
        if let Some((rot, tilt)) = &table.direction {
            let map = self.directions.get_or_insert_with(DirectionMap::new);
            rot.iter().zip(tilt).for_each(|(&rot, &tilt)| map.add(rot, tilt));
        }
    }

    fn add_numbers(&mut self, table: &StackTable, image: usize, n_pixels: f64) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for (index, quantity) in QUANTITIES.iter().enumerate() {
            let value = quantity.value(table, image, n_pixels);
            self.histograms[index].add(value);
            let distance = self.typical[index].distance(quantity.scaled(value));
            // A number that is none is as odd as can be.
            if distance.is_nan() || distance.abs() > FAR {
                reasons.push(Reason::Number { quantity: index, value, distance });
            }
        }
        reasons
    }

    fn add_pixels(&mut self, look: &PixelLook, image: &[f32], mean: &RadialProfile) -> Vec<Reason> {
        self.n_looked_at += 1;
        let mut reasons = Vec::new();
        let lines = look.blank_lines(image);
        if lines >= LEAST_BLANK_LINES {
            reasons.push(Reason::BlankEdge { lines });
        }
        if let Some((typical, histogram)) = &mut self.likeness {
            let likeness = look.likeness(&look.radial_profile(image), mean);
            histogram.add(likeness);
            let distance = typical.distance(likeness);
            if likeness < -REVERSED && distance < -REVERSED {
                reasons.push(Reason::OtherContrast { likeness, distance });
            }
        }
        reasons
    }
}

/// Which of the quantities is the contrast.
const CONTRAST: usize = 5;

/// Values of some images, evenly spread, of each quantity; and the mean particle's profile where pixels are there.
fn take_samples(stacks: &Stacks, n_images: usize) -> Result<([Vec<f64>; N_QUANTITIES], Option<RadialProfile>)> {
    let mut samples: [Vec<f64>; N_QUANTITIES] = std::array::from_fn(|_| Vec::new());
    let step = n_images.div_ceil(N_SAMPLES).max(1);
    for_each_sampled(stacks, step, |table, image| {
        for (sample, quantity) in samples.iter_mut().zip(&QUANTITIES) {
            sample.push(quantity.value(table, image, stacks.n_pixels as f64));
        }
    })?;
    let look = PixelLook::new(stacks.n_pixels);
    let mut profiles: Vec<RadialProfile> = Vec::new();
    for_each_image(stacks, n_images.div_ceil(N_FOR_MEAN).max(1), |pixels| {
        profiles.push(look.radial_profile(pixels));
    })?;
    // The median on each ring: images of the other contrast pull a mean towards nothing.
    let median = |ring: usize| {
        super::statistics::quantile(&mut profiles.iter().map(|profile| profile[ring]).collect::<Vec<_>>(), 0.5)
    };
    let profile = profiles.first().map(|first| (0..first.len()).map(median).collect());
    Ok((samples, profile))
}

fn sample_likeness(
    stacks: &Stacks,
    n_images: usize,
    look: &PixelLook,
    mean: &RadialProfile,
) -> Result<(Typical, Histogram)> {
    let mut values = Vec::new();
    for_each_image(stacks, n_images.div_ceil(N_FOR_MEAN).max(1), |pixels| {
        values.push(look.likeness(&look.radial_profile(pixels), mean));
    })?;
    // In units of noise: less than a hundredth of it is no difference.
    Ok((Typical::of(&values, 0.01), Histogram::for_sample(&values)))
}

fn for_each_sampled(stacks: &Stacks, step: usize, mut f: impl FnMut(&StackTable, usize)) -> Result<()> {
    let mut index = 0_usize;
    for &entry in &stacks.entries {
        let last = index + entry.n_images;
        if index.next_multiple_of(step) < last {
            let table = stacks.table(entry)?;
            let first = index.next_multiple_of(step) - index;
            (first..entry.n_images).step_by(step).for_each(|image| f(&table, image));
        }
        index = last;
    }
    Ok(())
}

fn for_each_image(stacks: &Stacks, step: usize, mut f: impl FnMut(&[f32])) -> Result<()> {
    let mut index = 0_usize;
    for &entry in &stacks.entries {
        let first = index.next_multiple_of(step) - index;
        if first < entry.n_images
            && let Some(mut file) = stacks.physical(entry)?
        {
            for image in (first..entry.n_images).step_by(step) {
                f(&file.read(image)?);
            }
        }
        index += entry.n_images;
    }
    Ok(())
}
