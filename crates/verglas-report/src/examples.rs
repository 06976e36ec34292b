//! Some images, evenly spread: small pictures, the power of their Fourier image, and the CTF that the metadata say.

use std::path::Path;

use bytemuck::Pod;
use num_complex::Complex;
use verglas_core::error::{Error, Result};
use verglas_formats::pt::PtFile;
use verglas_fourier::ctf::Ctf;
use verglas_fourier::grid::Precision;
use verglas_fourier::polar::Real;
use verglas_particles::stack::StackNames;
use verglas_plot::{
    Contrast, DIVERGING, DiscTable, GREY, Palette, PowerPlan, PowerSum, Shrinker, SymmetricLog, encode_png,
};
use verglas_run::descriptor::ImageDescriptor;

use super::rings::zero_rings;
use super::stack_table::{Source, read_sources};
use super::survey::{StackEntry, Stacks};

/// One image, ready to be shown.
#[derive(Debug)]
pub(super) struct Example {
    pub(super) stack: StackEntry,
    pub(super) image: usize,
    pub(super) source: Source,
    pub(super) ctf: Ctf,
    /// `None` where no physical stack was written.
    pub(super) physical_png: Option<Vec<u8>>,
    pub(super) fourier_png: Vec<u8>,
    /// The zeros of the CTF on the disc of the Fourier image, whose rim has the radius 1: closed lines of points (right,
    /// down) from the centre.
    pub(super) rings: Vec<Vec<[f64; 2]>>,
    /// By shell.
    pub(super) profile: Vec<ProfilePoint>,
}

/// What an image has on one shell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ProfilePoint {
    /// 1/Å
    pub(super) frequency: f64,
    /// Mean over the angles.
    pub(super) power: f64,
    /// Mean over the angles of the square of the CTF.
    pub(super) squared_ctf: f64,
}

/// Pictures' side, pixels.
pub(super) const SIDE: usize = 160;
/// Rings beyond these lie too close to each other to be seen.
const MOST_RINGS: usize = 5;

/// Fourier images of one data set.
pub(super) struct FourierImages<'a> {
    stacks: &'a Stacks,
    descriptor: &'a ImageDescriptor,
    power: PowerPlan,
}

impl<'a> FourierImages<'a> {
    pub(super) fn new(stacks: &'a Stacks, descriptor: &'a ImageDescriptor) -> Self {
        Self { stacks, descriptor, power: PowerPlan::new(&descriptor.polar_grid) }
    }

    /// The frequency of each shell, 1/Å.
    pub(super) fn frequencies(&self) -> Vec<f64> {
        let [rows, columns] = self.descriptor.cartesian_grid.pixel_size_angstrom();
        let box_angstrom = self.stacks.n_pixels as f64 * (rows * columns).sqrt();
        self.descriptor.polar_grid.radii().iter().map(|radius| 2.0 * radius / box_angstrom).collect()
    }

    /// Mean power on each shell over at most `n` images, evenly spread; and how many there were.
    pub(super) fn mean_power(&self, n: usize) -> Result<(Vec<f64>, usize)> {
        match self.descriptor.precision {
            Precision::Single => self.mean_power_in::<f32>(n, PtFile::read_complex64),
            Precision::Double => self.mean_power_in::<f64>(n, PtFile::read_complex128),
        }
    }

    fn mean_power_in<T: Real>(&self, n: usize, read: ReadImages<T>) -> Result<(Vec<f64>, usize)>
    where
        Complex<T>: Pod,
    {
        let mut sum: PowerSum = self.power.start();
        let chosen = chosen(self.stacks, n);
        for (entry, images) in &chosen {
            let (mut file, path) = self.open(*entry)?;
            for &image in images {
                self.power.add(&read_one(&mut file, &path, image, read)?, &mut sum);
            }
        }
        Ok((self.power.mean(&sum), chosen.iter().map(|(_, images)| images.len()).sum()))
    }

    /// At most `n` images, evenly spread.
    pub(super) fn examples(&self, n: usize) -> Result<Vec<Example>> {
        self.show(chosen(self.stacks, n))
    }

    /// The images that are asked for, in their order.
    pub(super) fn show_each(&self, images: impl Iterator<Item = (StackEntry, usize)>) -> Result<Vec<Example>> {
        self.show(images.map(|(entry, image)| (entry, vec![image])).collect())
    }

    fn show(&self, images: Vec<(StackEntry, Vec<usize>)>) -> Result<Vec<Example>> {
        match self.descriptor.precision {
            Precision::Single => self.show_in::<f32>(images, PtFile::read_complex64),
            Precision::Double => self.show_in::<f64>(images, PtFile::read_complex128),
        }
    }

    fn show_in<T: Real>(&self, images: Vec<(StackEntry, Vec<usize>)>, read: ReadImages<T>) -> Result<Vec<Example>>
    where
        Complex<T>: Pod,
    {
        let disc = DiscTable::new(&self.descriptor.polar_grid, SIDE);
        let shrinker = Shrinker::new(self.stacks.n_pixels, SIDE);
        let frequencies = self.frequencies();
        let rim = frequencies.last().copied().unwrap_or(0.0) * self.descriptor.polar_grid.radius_max()
            / self.descriptor.polar_grid.radii().last().copied().unwrap_or(1.0);
        let mut examples = Vec::new();
        for (entry, images) in images {
            let table = self.stacks.table(entry)?;
            let sources = read_sources(&self.stacks.metadata(entry), &images)?;
            let mut physical = self.stacks.physical(entry)?;
            let (mut file, path) = self.open(entry)?;
            for (image, source) in images.into_iter().zip(sources) {
                let fourier = read_one(&mut file, &path, image, read)?;
                let ctf = table.ctf(image);
                let powers = self.power.profile(&fourier);
                let profile = frequencies
                    .iter()
                    .zip(powers)
                    .map(|(&frequency, power)| ProfilePoint {
                        frequency,
                        power,
                        squared_ctf: ctf.rotational_mean_power(frequency),
                    })
                    .collect();
                let physical_png = match &mut physical {
                    None => None,
                    Some(file) => Some(grey_png(&shrinker, &file.read(image)?)),
                };
                examples.push(Example {
                    stack: entry,
                    image,
                    source,
                    ctf,
                    physical_png,
                    fourier_png: disc_png(&disc, &fourier),
                    rings: zero_rings(&ctf, rim, MOST_RINGS),
                    profile,
                });
            }
        }
        Ok(examples)
    }

    fn open(&self, entry: StackEntry) -> Result<(PtFile, std::path::PathBuf)> {
        let path = self.stacks.root.join(StackNames::of(entry.number).fourier);
        let file = PtFile::open(&path).map_err(|error| Error::from_format(&path, error))?;
        let grid = &self.descriptor.polar_grid;
        let expected = [entry.n_images as u64, grid.n_shells() as u64, grid.n_inplanes() as u64];
        if file.tensor().shape() != expected {
            return Err(Error::format(format!(
                "`{}` has the shape {:?}, expected {expected:?}",
                path.display(),
                file.tensor().shape()
            )));
        }
        Ok((file, path))
    }
}

type ReadImages<T> = fn(&mut PtFile, std::ops::Range<u64>) -> verglas_formats::Result<Vec<Complex<T>>>;

fn read_one<T>(file: &mut PtFile, path: &Path, image: usize, read: ReadImages<T>) -> Result<Vec<Complex<T>>> {
    let image = image as u64;
    read(file, image..image + 1).map_err(|error| Error::from_format(path, error))
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

/// The disc's real part; transparent outside.
fn disc_png<T: Real>(disc: &DiscTable, fourier: &[Complex<T>]) -> Vec<u8> {
    let picture = disc.real_part(fourier);
    let scale = SymmetricLog::robust([picture.as_slice()].into_iter());
    let colour = |value: f32, palette: &Palette| {
        let [red, green, blue] = palette[scale.step(value) as usize];
        if value.is_nan() { [0; 4] } else { [red, green, blue, 255] }
    };
    let pixels: Vec<u8> = picture.iter().flat_map(|&value| colour(value, &DIVERGING)).collect();
    encode_png(disc.side(), disc.side(), png::ColorType::Rgba, &pixels)
}
