//! Some images, evenly spread: small pictures, the power of their Fourier image, and the CTF that the metadata say.

use bytemuck::Pod;
use num_complex::Complex;
use verglas_core::error::Result;
use verglas_fourier::ctf::Ctf;
use verglas_fourier::grid::Precision;
use verglas_fourier::polar::Real;
use verglas_plot::{Contrast, DIVERGING, DiscTable, GREY, PowerPlan, PowerSum, Shrinker, SymmetricLog, encode_png};

use super::ctf_zeros::zero_rings;
use super::low_pass::LowPass;
use super::stack_files::{StackEntry, Stacks};
use super::stack_metadata::{Source, read_sources};

/// One image, ready to be shown.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) stack: StackEntry,
    pub(crate) image: usize,
    pub(crate) source: Source,
    pub(crate) ctf: Ctf,
    /// `None` where no physical stack was written.
    pub(crate) physical: Option<PhysicalPictures>,
    pub(crate) fourier_png: Vec<u8>,
    /// The value whose colour is the last of the scale.
    pub(crate) fourier_end: f32,
    /// The zeros of the CTF on the disc of the Fourier image, whose rim has the radius 1: closed lines of points (right,
    /// down) from the centre.
    pub(crate) rings: Vec<Vec<[f64; 2]>>,
    /// Of each shell its frequency, 1/Å, and the mean power over the angles.
    pub(crate) profile: Vec<(f64, f64)>,
}

/// A physical image as PNG files.
#[derive(Debug)]
pub(crate) struct PhysicalPictures {
    pub(crate) plain: Vec<u8>,
    /// Without fine waves.
    pub(crate) smooth: Vec<u8>,
}

/// Pictures' side, pixels.
pub(crate) const SIDE: usize = 160;
/// Rings beyond these are too close together to be seen.
const MOST_RINGS: usize = 5;

/// Fourier images of one data set.
pub(crate) struct FourierImages<'a> {
    stacks: &'a Stacks,
    power: PowerPlan,
    pub(crate) low_pass: LowPass,
}

impl<'a> FourierImages<'a> {
    pub(crate) fn new(stacks: &'a Stacks) -> Self {
        Self {
            stacks,
            power: PowerPlan::new(&stacks.descriptor.polar_grid),
            low_pass: LowPass::new(stacks.n_pixels(), stacks.pixel_size_angstrom()),
        }
    }

    /// Mean power on each shell over at most `n` images, evenly spread; and how many there were.
    pub(crate) fn mean_power(&self, n: usize) -> Result<(Vec<f64>, usize)> {
        match self.stacks.descriptor.precision {
            Precision::Single => self.mean_power_in::<f32>(n),
            Precision::Double => self.mean_power_in::<f64>(n),
        }
    }

    fn mean_power_in<T: Real>(&self, n: usize) -> Result<(Vec<f64>, usize)>
    where
        Complex<T>: Pod,
    {
        let mut sum: PowerSum = self.power.start();
        let chosen = chosen(self.stacks, n);
        let mut fourier = Vec::new();
        for (entry, images) in &chosen {
            let mut tensor = self.stacks.fourier(*entry)?;
            for &image in images {
                tensor.read_complex::<T>(image, 1, &mut fourier)?;
                self.power.add(&fourier, &mut sum);
            }
        }
        Ok((self.power.mean(&sum), chosen.iter().map(|(_, images)| images.len()).sum()))
    }

    /// At most `n` images, evenly spread.
    pub(crate) fn examples(&self, n: usize) -> Result<Vec<Example>> {
        self.show(chosen(self.stacks, n))
    }

    /// The images that are asked for, in their order.
    pub(crate) fn show_each(&self, images: impl Iterator<Item = (StackEntry, usize)>) -> Result<Vec<Example>> {
        self.show(images.map(|(entry, image)| (entry, vec![image])).collect())
    }

    fn show(&self, images: Vec<(StackEntry, Vec<usize>)>) -> Result<Vec<Example>> {
        match self.stacks.descriptor.precision {
            Precision::Single => self.show_in::<f32>(images),
            Precision::Double => self.show_in::<f64>(images),
        }
    }

    fn show_in<T: Real>(&self, images: Vec<(StackEntry, Vec<usize>)>) -> Result<Vec<Example>>
    where
        Complex<T>: Pod,
    {
        let disc = DiscTable::new(&self.stacks.descriptor.polar_grid, SIDE);
        let shrinker = Shrinker::new(self.stacks.n_pixels(), SIDE);
        let frequencies = self.stacks.frequencies();
        let rim = self.stacks.rim();
        let (mut fourier, mut pixels) = (Vec::new(), Vec::new());
        let mut examples = Vec::new();
        for (entry, images) in images {
            let metadata = self.stacks.metadata(entry)?;
            let sources = read_sources(&self.stacks.metadata_path(entry), &images)?;
            let mut physical = self.stacks.physical(entry)?;
            let mut tensor = self.stacks.fourier(entry)?;
            for (image, source) in images.into_iter().zip(sources) {
                tensor.read_complex::<T>(image, 1, &mut fourier)?;
                let ctf = metadata.ctf(image);
                let powers = self.power.profile(&fourier);
                let profile = frequencies.iter().copied().zip(powers).collect();
                let physical = match &mut physical {
                    None => None,
                    Some(tensor) => {
                        tensor.read_f32(image, 1, &mut pixels)?;
                        let smooth = grey_png(&shrinker, &self.low_pass.apply(&pixels));
                        Some(PhysicalPictures { plain: grey_png(&shrinker, &pixels), smooth })
                    }
                };
                let (fourier_png, fourier_end) = disc_png(&disc, &fourier);
                examples.push(Example {
                    stack: entry,
                    image,
                    source,
                    ctf,
                    physical,
                    fourier_png,
                    fourier_end,
                    rings: zero_rings(&ctf, rim, MOST_RINGS),
                    profile,
                });
            }
        }
        Ok(examples)
    }
}

/// At most `n` images, evenly spread over all, by stack.
fn chosen(stacks: &Stacks, n: usize) -> Vec<(StackEntry, Vec<usize>)> {
    let n_images = stacks.n_images();
    let n = n.min(n_images);
    let mut next = 0;
    let mut first = 0;
    let mut chosen = Vec::new();
    for &entry in &stacks.entries {
        let mut images = Vec::new();
        // The middle of each of n equal parts.
        while next < n && (2 * next + 1) * n_images / (2 * n) < first + entry.n_images {
            images.push((2 * next + 1) * n_images / (2 * n) - first);
            next += 1;
        }
        first += entry.n_images;
        if !images.is_empty() {
            chosen.push((entry, images));
        }
    }
    chosen
}

fn grey_png(shrinker: &Shrinker, image: &[f32]) -> Vec<u8> {
    let picture = shrinker.apply(image);
    let contrast = Contrast::robust([picture.as_slice()].into_iter());
    let pixels: Vec<u8> = picture.iter().map(|&value| GREY[contrast.step(value) as usize][0]).collect();
    encode_png(shrinker.side(), shrinker.side(), png::ColorType::Grayscale, &pixels)
}

/// The disc's real part, transparent outside, and the value whose colour is the last.
fn disc_png<T: Real>(disc: &DiscTable, fourier: &[Complex<T>]) -> (Vec<u8>, f32) {
    let picture = disc.real_part(fourier);
    let scale = SymmetricLog::robust([picture.as_slice()].into_iter());
    let colour = |value: f32| {
        let [red, green, blue] = DIVERGING[scale.step(value) as usize];
        if value.is_nan() { [0; 4] } else { [red, green, blue, 255] }
    };
    let pixels: Vec<u8> = picture.iter().flat_map(|&value| colour(value)).collect();
    (encode_png(disc.side(), disc.side(), png::ColorType::Rgba, &pixels), scale.end)
}
