//! The numbers of each image that are surveyed.

use super::stack_table::StackTable;

/// In which scale a number spreads evenly to both sides of its median.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spread {
    Linear,
    /// Numbers that are factors of each other.
    Logarithmic,
    /// Differences without sign, which crowd at 0.
    Root,
}

/// A number that every image has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quantity {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    /// What it means, for the reader of the page.
    pub(super) meaning: &'static str,
    spread: Spread,
    /// Spreads below this are rounding, not difference, in the scale above.
    pub(super) least_spread: f64,
    value: fn(&StackTable, usize, f64) -> f64,
}

impl Quantity {
    /// The number of one image of a box of `n_pixels`.
    pub(super) fn value(&self, table: &StackTable, image: usize, n_pixels: f64) -> f64 {
        (self.value)(table, image, n_pixels)
    }

    /// The number in the scale in which it spreads evenly.
    pub(super) fn scaled(&self, value: f64) -> f64 {
        match self.spread {
            Spread::Linear => value,
            Spread::Logarithmic => value.max(f64::MIN_POSITIVE).ln(),
            Spread::Root => value.max(0.0).sqrt(),
        }
    }

    /// Back from that scale.
    pub(super) fn unscaled(&self, scaled: f64) -> f64 {
        match self.spread {
            Spread::Linear => scaled,
            Spread::Logarithmic => scaled.exp(),
            Spread::Root => scaled * scaled,
        }
    }
}

/// How many there are.
pub(super) const N_QUANTITIES: usize = 7;

/// All of them, in the order in which they are shown.
pub(super) const QUANTITIES: [Quantity; N_QUANTITIES] = [
    Quantity {
        name: "defocus",
        unit: "Å",
        meaning: "mean of U and V",
        spread: Spread::Linear,
        least_spread: 10.0,
        value: |table, image, _| table.defocus_angstrom(image),
    },
    Quantity {
        name: "astigmatism",
        unit: "Å",
        meaning: "difference of U and V",
        spread: Spread::Root,
        least_spread: 1.0,
        value: |table, image, _| table.astigmatism_angstrom(image),
    },
    Quantity {
        name: "phase shift",
        unit: "°",
        meaning: "of a phase plate",
        spread: Spread::Linear,
        least_spread: 0.5,
        value: |table, image, _| table.phase_shift_rad[image].to_degrees(),
    },
    Quantity {
        name: "mean",
        unit: "σ",
        meaning: "mean of the image as it was read, in its own standard deviations",
        spread: Spread::Linear,
        least_spread: 0.002,
        value: |table, image, n_pixels| table.image_mean[image] / deviation(table, image, n_pixels),
    },
    Quantity {
        name: "maximum",
        unit: "σ",
        meaning: "largest distance of a pixel from the mean, in standard deviations: high where a pixel is hot",
        spread: Spread::Logarithmic,
        least_spread: 0.01,
        value: |table, image, n_pixels| table.image_max[image] / deviation(table, image, n_pixels),
    },
    Quantity {
        name: "contrast",
        unit: "",
        meaning: "standard deviation of the image as it was read",
        spread: Spread::Logarithmic,
        least_spread: 0.002,
        value: deviation,
    },
    Quantity {
        name: "norm",
        unit: "",
        meaning: "norm of the Fourier image before it was divided by it",
        spread: Spread::Logarithmic,
        least_spread: 0.01,
        value: |table, image, _| table.fourier_norm[image],
    },
];

/// The standard deviation of an image as it was read, of what lies within the polar grid.
///
/// By Parseval's theorem the norm of the Fourier image of pixels I is 2π·sqrt(Σ I²); I were divided by `image_max`.
fn deviation(table: &StackTable, image: usize, n_pixels: f64) -> f64 {
    let deviation = table.fourier_norm[image] * table.image_max[image] / (2.0 * std::f64::consts::PI * n_pixels);
    deviation.max(f64::MIN_POSITIVE)
}
