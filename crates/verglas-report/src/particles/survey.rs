//! Goes through the metadata of all stacks, and through pixels of some images, in bounded memory.

use verglas_core::error::Result;
use verglas_particles::box_reach::BoxReach;
use verglas_particles::particle::LensConstants;
use verglas_particles::stack::ImageTensor;

use super::outliers::{Outlier, OutlierList, Reason};
use super::pixel_statistics::{PixelPlan, PixelStatistics, RadialProfile};
use super::quantities::{BAND_CONTRAST, Basis, CONTRAST, Known, N_QUANTITIES, QUANTITIES};
use super::stack_files::Stacks;
use super::stack_metadata::StackMetadata;
use crate::plots::ViewingDirections;
use crate::statistics::{Histogram, Typical, quantile};

/// The findings about all images.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) n_images: usize,
    /// Of each quantity; `None` where no image has it.
    pub(crate) quantities: Vec<Option<Distribution>>,
    pub(crate) outliers: OutlierList,
    pub(crate) sets: Vec<ConstantsSet>,
    pub(crate) directions: Option<ViewingDirections>,
    /// How many images' pixels were read; 0 when there are no physical stacks.
    pub(crate) n_looked_at: usize,
    /// Stacks without physical images, where others have them.
    pub(crate) n_without_physical: usize,
    /// How well images go with the median particle, of those whose pixels were read.
    pub(crate) likeness: Option<Distribution>,
    /// From which resolution on boxes are too small for the defocus.
    pub(crate) box_reach: BoxReach,
}

/// How a number is distributed.
#[derive(Debug, Clone)]
pub(crate) struct Distribution {
    /// In the scale of the quantity in which it spreads evenly.
    pub(crate) typical: Typical,
    pub(crate) histogram: Histogram,
}

/// Images of one set of lens constants.
#[derive(Debug, Clone)]
pub(crate) struct ConstantsSet {
    pub(crate) constants: LensConstants,
    pub(crate) n_stacks: usize,
    pub(crate) n_images: usize,
    pub(crate) defocus: MinMeanMax,
    pub(crate) astigmatism: MinMeanMax,
    /// Of the pixels if any are read, otherwise of the band.
    pub(crate) contrast: MinMeanMax,
}

/// Smallest, mean and largest of some values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MinMeanMax {
    pub(crate) min: f64,
    sum: f64,
    n: usize,
    pub(crate) max: f64,
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

    /// `None` if there are no values.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }
}

/// An image is listed if a value of it lies this many spreads from the median: among a million normally distributed
/// numbers none is expected.
pub(crate) const FAR: f64 = 6.0;
/// An image has inverted contrast if it differs from the median particle by more than this many standard deviations of
/// noise, and lies this many spreads from the median likeness.
const REVERSED: f64 = 5.0;
/// An image is listed if this many lines at an edge are blank.
const LEAST_BLANK_LINES: usize = 2;
/// Values from which the typical ones are found.
const N_SAMPLES: usize = 50_000;
/// Images from which the median particle is made.
const N_FOR_MEDIAN: usize = 1_000;

/// Surveys all images; the pixels of at most `most_looked_at` of them, evenly spread.
pub(crate) fn survey(stacks: &Stacks, most_looked_at: usize) -> Result<Survey> {
    let pixels = Pixels::read(stacks, most_looked_at)?;
    let n_images = stacks.n_images();
    let samples = take_samples(stacks, &pixels)?;
    let quantities = samples.iter().zip(&QUANTITIES).map(|(sample, quantity)| {
        // The replacement for pixels is not needed if the pixels of all images are known.
        let is_wanted = !sample.is_empty() && (quantity.basis != Basis::Band || pixels.n_read < n_images);
        is_wanted.then(|| {
            let scaled: Vec<f64> = sample.iter().map(|&value| quantity.scaled(value)).collect();
            Distribution {
                typical: Typical::of(&scaled, quantity.least_spread),
                histogram: Histogram::for_sample(sample),
            }
        })
    });
    let mut survey = Survey {
        n_images,
        quantities: quantities.collect(),
        outliers: OutlierList::default(),
        sets: Vec::new(),
        directions: None,
        n_looked_at: pixels.n_read,
        n_without_physical: if pixels.n_read > 0 { pixels.n_stacks_without } else { 0 },
        likeness: pixels.likeness(),
        box_reach: BoxReach::new(stacks.box_angstrom(), stacks.rim()),
    };
    let mut index = 0_usize;
    for &entry in &stacks.entries {
        let metadata = stacks.metadata(entry)?;
        survey.add_set(&metadata);
        let set = survey.set_of(&metadata);
        for image in 0..metadata.n_images {
            let statistics = pixels.of(index);
            let pixel_rms = statistics.map(|statistics| statistics.rms);
            let known = Known { metadata: &metadata, image, n_pixels: stacks.n_pixels(), pixel_rms };
            let contrast = if pixels.n_read > 0 { CONTRAST } else { BAND_CONTRAST };
            if let Some(contrast) = QUANTITIES[contrast].value(&known) {
                survey.sets[set].contrast.add(contrast);
            }
            let mut reasons = survey.add_numbers(&known);
            if let Some(statistics) = statistics {
                reasons.extend(survey.add_pixels(statistics));
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
    /// Index of the set whose constants these are.
    fn set_of(&mut self, metadata: &StackMetadata) -> usize {
        let known = self.sets.iter().position(|set| set.constants == metadata.constants);
        known.unwrap_or_else(|| {
            self.sets.push(ConstantsSet {
                constants: metadata.constants,
                n_stacks: 0,
                n_images: 0,
                defocus: MinMeanMax::default(),
                astigmatism: MinMeanMax::default(),
                contrast: MinMeanMax::default(),
            });
            self.sets.len() - 1
        })
    }

    fn add_set(&mut self, metadata: &StackMetadata) {
        let at = self.set_of(metadata);
        let set = &mut self.sets[at];
        set.n_stacks += 1;
        set.n_images += metadata.n_images;
        for image in 0..metadata.n_images {
            set.defocus.add(metadata.defocus_angstrom(image));
            set.astigmatism.add(metadata.astigmatism_angstrom(image));
            let defocus = [metadata.capture.defocus_u_angstrom[image], metadata.capture.defocus_v_angstrom[image]];
            self.box_reach.add(metadata.constants.voltage_kv, defocus);
        }
        if let Some((rot, tilt)) = &metadata.direction {
            let map = self.directions.get_or_insert_with(ViewingDirections::new);
            rot.iter().zip(tilt).for_each(|(&rot, &tilt)| map.add(rot, tilt));
        }
    }

    fn add_numbers(&mut self, known: &Known<'_>) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for (index, (quantity, found)) in QUANTITIES.iter().zip(&mut self.quantities).enumerate() {
            let (Some(found), Some(value)) = (found, quantity.value(known)) else { continue };
            found.histogram.add(value);
            // An image whose pixels are known is judged by them.
            if quantity.basis == Basis::Band && known.pixel_rms.is_some() {
                continue;
            }
            let distance = found.typical.distance(quantity.scaled(value));
            // A number that is none is as odd as can be.
            if distance.is_nan() || distance.abs() > FAR {
                reasons.push(Reason::Number { quantity: index, value, distance });
            }
        }
        reasons
    }

    fn add_pixels(&mut self, statistics: &PixelStatistics) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if statistics.blank_lines >= LEAST_BLANK_LINES {
            reasons.push(Reason::BlankEdge { lines: statistics.blank_lines });
        }
        if let Some(found) = &mut self.likeness {
            found.histogram.add(statistics.likeness);
            let distance = found.typical.distance(statistics.likeness);
            if statistics.likeness < -REVERSED && distance < -REVERSED {
                reasons.push(Reason::OtherContrast { likeness: statistics.likeness, distance });
            }
        }
        reasons
    }
}

/// The pixel statistics of evenly spread images: every `step`-th, if its stack has physical images.
struct Pixels {
    step: usize,
    statistics: Vec<Option<PixelStatistics>>,
    n_read: usize,
    n_stacks_without: usize,
}

impl Pixels {
    fn read(stacks: &Stacks, most: usize) -> Result<Self> {
        let n_images = stacks.n_images();
        let step = n_images.div_ceil(most.max(1)).max(1);
        let plan = PixelPlan::new(stacks.n_pixels());
        let median = median_profile(stacks, &plan)?;
        let mut pixels = Self { step, statistics: Vec::new(), n_read: 0, n_stacks_without: 0 };
        let mut values = Vec::new();
        for_each_stack(stacks, step, |physical, images| {
            pixels.n_stacks_without += usize::from(physical.is_none());
            for image in images {
                let statistics = match (&mut *physical, &median) {
                    (Some(physical), Some(median)) => {
                        physical.read_f32(image, 1, &mut values)?;
                        Some(plan.statistics(&values, median))
                    }
                    _ => None,
                };
                pixels.n_read += usize::from(statistics.is_some());
                pixels.statistics.push(statistics);
            }
            Ok(())
        })?;
        Ok(pixels)
    }

    /// Of image `index` of all.
    fn of(&self, index: usize) -> Option<&PixelStatistics> {
        if index.is_multiple_of(self.step) { self.statistics.get(index / self.step)?.as_ref() } else { None }
    }

    fn likeness(&self) -> Option<Distribution> {
        let values: Vec<f64> = self.statistics.iter().flatten().map(|statistics| statistics.likeness).collect();
        // In units of noise: less than a hundredth of it doesn't matter.
        let distribution =
            || Distribution { typical: Typical::of(&values, 0.01), histogram: Histogram::for_sample(&values) };
        (!values.is_empty()).then(distribution)
    }
}

/// The median on each ring: images of the other contrast would pull a mean towards nothing. `None` without pixels.
fn median_profile(stacks: &Stacks, plan: &PixelPlan) -> Result<Option<RadialProfile>> {
    let mut profiles: Vec<RadialProfile> = Vec::new();
    let step = stacks.n_images().div_ceil(N_FOR_MEDIAN).max(1);
    let mut values = Vec::new();
    for_each_stack(stacks, step, |physical, images| {
        if let Some(physical) = physical {
            for image in images {
                physical.read_f32(image, 1, &mut values)?;
                profiles.push(plan.radial_profile(&values));
            }
        }
        Ok(())
    })?;
    let median = |ring: usize| quantile(&mut profiles.iter().map(|profile| profile[ring]).collect::<Vec<_>>(), 0.5);
    Ok(profiles.first().map(|first| (0..first.len()).map(median).collect()))
}

/// Values of each quantity: of all images whose pixels are read, and of others, evenly spread.
fn take_samples(stacks: &Stacks, pixels: &Pixels) -> Result<[Vec<f64>; N_QUANTITIES]> {
    let mut samples: [Vec<f64>; N_QUANTITIES] = std::array::from_fn(|_| Vec::new());
    let step = stacks.n_images().div_ceil(N_SAMPLES).max(1);
    let mut index = 0_usize;
    for &entry in &stacks.entries {
        let of_stack = index..index + entry.n_images;
        index = of_stack.end;
        let is_wanted = |index: &usize| index.is_multiple_of(step) || pixels.of(*index).is_some();
        if !of_stack.clone().any(|index| is_wanted(&index)) {
            continue;
        }
        let metadata = stacks.metadata(entry)?;
        for index in of_stack.clone().filter(is_wanted) {
            let pixel_rms = pixels.of(index).map(|statistics| statistics.rms);
            let image = index - of_stack.start;
            let known = Known { metadata: &metadata, image, n_pixels: stacks.n_pixels(), pixel_rms };
            for (sample, quantity) in samples.iter_mut().zip(&QUANTITIES) {
                let is_sampled = quantity.basis == Basis::Pixels || index.is_multiple_of(step);
                if let Some(value) = quantity.value(&known).filter(|_| is_sampled) {
                    sample.push(value);
                }
            }
        }
    }
    Ok(samples)
}

/// Calls `f` for each stack that holds some of every `step`-th image of all: with its physical images if there are any, and
/// the places of these images in it.
fn for_each_stack(
    stacks: &Stacks,
    step: usize,
    mut f: impl FnMut(&mut Option<ImageTensor>, std::iter::StepBy<std::ops::Range<usize>>) -> Result<()>,
) -> Result<()> {
    let mut index = 0_usize;
    for &entry in &stacks.entries {
        let first = index.next_multiple_of(step) - index;
        if first < entry.n_images {
            f(&mut stacks.physical(entry)?, (first..entry.n_images).step_by(step))?;
        }
        index += entry.n_images;
    }
    Ok(())
}
