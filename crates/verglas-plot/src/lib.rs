//! Pictures of a stack: the first images in each space, and the mean power against resolution.
//!
//! A [`PlotPlan`] is made once for a run and shared. Workers look at each image while its values are in the cache: its
//! power goes to the stack's [`StackPictures`], and of the first 16 images a small picture is kept. When the
//! stack is whole, [`StackPictures::draw`] makes the three PNG files.
//!
//! The bytes do not depend on the order in which images come: power is added in integers, and contrast is chosen when
//! all pictures are there.

mod canvas;
mod colour;
mod disc;
mod grid;
mod power;
mod power_plot;
mod scale;
mod shrink;

use std::collections::BTreeMap;

use bytemuck::Pod;
use num_complex::Complex;
use verglas_fourier::polar::Real;
use verglas_run::descriptor::ImageDescriptor;

pub use canvas::encode_png;
pub use colour::{Contrast, DIVERGING, GREY, Palette, SymmetricLog};
pub use disc::DiscTable;
pub use power::{PowerPlan, PowerSum};
pub use scale::{nice_below, power_of_ten, power_ticks, resolution_ticks};
pub use shrink::Shrinker;

/// How many images of a stack are shown.
const N_SHOWN: usize = 16;
/// Side of one shown image, pixels; the pictures of small boxes are a whole multiple of the box instead.
const TILE: usize = 160;

/// What the pictures of all stacks of a run have in common.
#[derive(Debug)]
pub struct PlotPlan {
    subject: Subject,
    data_set: String,
    n_pixels: usize,
    pixel_size_angstrom: f64,
    radius_max: f64,
    shrinker: Shrinker,
    disc: DiscTable,
    power: PowerPlan,
    /// Resolution of each shell, Å.
    resolutions_angstrom: Vec<f64>,
}

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// Images of particles, a stack of them.
    Images,
    /// Templates of a structure.
    Templates,
}

impl Subject {
    /// The noun for one of them.
    fn noun(self) -> &'static str {
        match self {
            Self::Images => "image",
            Self::Templates => "template",
        }
    }

    /// The words above the pictures of them in real and in Fourier space.
    fn headings(self) -> [&'static str; 2] {
        match self {
            Self::Images => ["images", "Fourier images, real part"],
            Self::Templates => ["in real space", "in Fourier space, real part"],
        }
    }
}

/// What is kept of one stack until it is drawn; a few MiB, whatever the number of its images.
#[derive(Debug)]
pub struct StackPictures {
    /// The first images, by their place in the plan, without those that are left out.
    shown: BTreeMap<usize, ShownImage>,
    power: PowerSum,
}

/// A small picture of one image in each space.
#[derive(Debug, Clone)]
pub struct ShownImage {
    /// `[side, side]`, of [`Shrinker::side`].
    physical: Vec<f32>,
    /// `[side, side]`, of [`DiscTable::side`]; NaN outside the disc.
    fourier: Vec<f32>,
}

/// The files of one stack's pictures, whole.
#[derive(Debug)]
pub struct DrawnStack {
    /// The first images.
    pub physical_png: Vec<u8>,
    /// Their Fourier transforms.
    pub fourier_png: Vec<u8>,
    /// The mean power.
    pub power_png: Vec<u8>,
}

impl PlotPlan {
    /// Plans the pictures of images that `descriptor` describes; `data_set` names them in titles.
    pub fn new(descriptor: &ImageDescriptor, data_set: &str) -> Self {
        Self::of(Subject::Images, descriptor, data_set)
    }

    /// The same for templates of one structure, which `name` names; their mean need not be 0.
    pub fn of_templates(descriptor: &ImageDescriptor, name: &str) -> Self {
        Self::of(Subject::Templates, descriptor, name)
    }

    fn of(subject: Subject, descriptor: &ImageDescriptor, data_set: &str) -> Self {
        let grid = &descriptor.polar_grid;
        let n_pixels = descriptor.cartesian_grid.n_pixels();
        let [rows, columns] = descriptor.cartesian_grid.pixel_size_angstrom();
        // The axes differ in no file that was seen; a picture needs one number.
        let pixel_size_angstrom = (rows * columns).sqrt();
        let box_angstrom = n_pixels as f64 * pixel_size_angstrom;
        let disc = DiscTable::new(grid, TILE);
        Self {
            subject,
            data_set: data_set.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
            n_pixels,
            pixel_size_angstrom,
            radius_max: grid.radius_max(),
            shrinker: Shrinker::new(n_pixels, TILE),
            disc: if subject == Subject::Templates { disc.with_mean() } else { disc },
            power: PowerPlan::new(grid),
            resolutions_angstrom: grid.radii().iter().map(|radius| box_angstrom / (2.0 * radius)).collect(),
        }
    }

    /// How many bytes the plan and the pictures of `n_stacks` stacks of `n_images` take.
    pub fn estimate_bytes(n_stacks: usize, n_images: usize) -> u64 {
        // A point of the disc's table takes 24 bytes; two pictures are kept of each image that is shown.
        let tile = (TILE * TILE) as u64;
        tile * 24 + n_stacks as u64 * n_images.min(N_SHOWN) as u64 * 2 * tile * 4
    }

    /// Nothing seen yet of a stack.
    pub fn start(&self) -> StackPictures {
        StackPictures { shown: BTreeMap::new(), power: self.power.start() }
    }

    /// Nothing added up yet.
    pub fn start_power(&self) -> PowerSum {
        self.power.start()
    }

    /// Adds the power of one normalised Fourier image, `[n_shells, n_inplanes]`.
    pub fn add_power<T: Real>(&self, fourier: &[Complex<T>], sum: &mut PowerSum)
    where
        Complex<T>: Pod,
    {
        self.power.add(fourier, sum);
    }

    /// Small pictures of one image: `physical` is `[N, N]`, `fourier` is `[n_shells, n_inplanes]`.
    pub fn show<T: Real>(&self, physical: &[f32], fourier: &[Complex<T>]) -> ShownImage {
        ShownImage { physical: self.shrinker.apply(physical), fourier: self.disc.real_part(fourier) }
    }
}

impl StackPictures {
    /// Adds the power of some images.
    pub fn add_power(&mut self, sum: &PowerSum) {
        self.power.merge(sum);
    }

    /// Whether image `index` of the plan is among the first 16, as far as is known.
    pub fn wants(&self, index: usize) -> bool {
        self.shown.len() < N_SHOWN || self.shown.last_key_value().is_some_and(|(&last, _)| index < last)
    }

    /// Keeps the picture of image `index` of the plan, if it is wanted: the same ones in whatever order they come.
    pub fn keep(&mut self, index: usize, image: ShownImage) {
        self.shown.insert(index, image);
        if self.shown.len() > N_SHOWN {
            self.shown.pop_last();
        }
    }

    /// Draws the pictures of stack `number`, which has `n_images`.
    pub fn draw(&self, plan: &PlotPlan, number: usize, n_images: usize) -> DrawnStack {
        // Numbers are places in the stack as it is written.
        let shown: Vec<(usize, &ShownImage)> = self.shown.values().enumerate().collect();
        let title = Title::new(plan, number, n_images);
        DrawnStack {
            physical_png: grid::draw_physical(&title, plan, &shown),
            fourier_png: grid::draw_fourier(&title, plan, &shown),
            power_png: power_plot::draw(&title, plan, &self.power),
        }
    }
}

/// The words above a picture.
#[derive(Debug)]
struct Title {
    data_set: String,
    stack: String,
}

impl Title {
    fn new(plan: &PlotPlan, number: usize, n_images: usize) -> Self {
        let noun = plan.subject.noun();
        let images = if n_images == 1 { format!("1 {noun}") } else { format!("{} {noun}s", grouped(n_images)) };
        let stack = match plan.subject {
            Subject::Images => format!("stack {number:06}  ·  "),
            Subject::Templates => String::new(),
        };
        Self {
            data_set: plan.data_set.clone(),
            stack: format!(
                "{stack}{images}  ·  {} px  ·  {} Å per pixel",
                plan.n_pixels,
                short(plan.pixel_size_angstrom)
            ),
        }
    }
}

/// A count with its thousands apart.
pub fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with at most four digits after the point, and none too many.
pub fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_images_are_kept_in_whatever_order_they_come() {
        let grid = verglas_fourier::grid::PolarGrid::new(2.0, 0.25, 8).unwrap();
        let kept = |order: &mut dyn Iterator<Item = usize>| {
            let mut pictures = StackPictures { shown: BTreeMap::new(), power: PowerPlan::new(&grid).start() };
            for index in order {
                if pictures.wants(index) {
                    pictures.keep(index, ShownImage { physical: vec![index as f32], fourier: vec![] });
                }
            }
            pictures.shown.into_keys().collect::<Vec<_>>()
        };
        // Image 3 is left out.
        let expected: Vec<usize> = (0..17).filter(|&index| index != 3).collect();
        let images = || (0..101).filter(|&index| index != 3);
        assert_eq!(kept(&mut images()), expected);
        assert_eq!(kept(&mut images().rev()), expected);
        // A permutation of the same, as 101 is a prime.
        assert_eq!(kept(&mut (0..101).map(|index| index * 37 % 101).filter(|&index| index != 3)), expected);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([grouped(7), grouped(1024), grouped(1_234_567)], ["7", "1,024", "1,234,567"]);
        assert_eq!([short(1.06), short(2.0), short(1.7399)], ["1.06", "2", "1.7399"]);
    }
}
