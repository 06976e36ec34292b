//! The numbers of each image that are surveyed.

use verglas_particles::stack::ImageScales;

use super::stack_metadata::StackMetadata;

/// In which scale a number spreads evenly to both sides of its median.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spread {
    Linear,
    /// Numbers that are factors of each other.
    Logarithmic,
    /// Differences without sign, which crowd at 0.
    Root,
}

/// From what a number is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// The metadata of the stack: every image has it.
    Metadata,
    /// All of the image's pixels: images have it whose pixels are read.
    Pixels,
    /// The norm of the Fourier image: every image has it, but it covers only waves within the polar grid. It replaces
    /// the pixels' statistics where pixels are not read.
    Band,
}

/// The values known of one image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) metadata: &'a StackMetadata,
    /// Its place in the stack.
    pub(crate) image: usize,
    /// Side of the box, pixels.
    pub(crate) n_pixels: usize,
    /// Root of the mean square of the stored pixels, whose mean is 0 and whose largest absolute value is 1; `None` where
    /// they are not read.
    pub(crate) pixel_rms: Option<f64>,
}

impl Known<'_> {
    fn scales(&self) -> ImageScales {
        self.metadata.scales[self.image]
    }

    /// The standard deviation of the image before it was normalised: of its pixels, where they are read.
    fn pixel_deviation(&self) -> f64 {
        self.pixel_rms.map_or(f64::NAN, |rms| (rms * self.scales().max).max(f64::MIN_POSITIVE))
    }

    /// The same for the part of the image within the polar grid.
    ///
    /// By Parseval's theorem the norm of the Fourier image of pixels I is 2π·sqrt(Σ I²), were all their waves within the
    /// grid; I were divided by `image_max`.
    fn band_deviation(&self) -> f64 {
        let norm = self.scales().norm * self.scales().max;
        (norm / (2.0 * std::f64::consts::PI * self.n_pixels as f64)).max(f64::MIN_POSITIVE)
    }

    fn mean(&self) -> f64 {
        self.scales().mean
    }

    fn max(&self) -> f64 {
        self.scales().max
    }
}

/// A number that images have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quantity {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// Its meaning, for the reader of the page.
    pub(crate) meaning: &'static str,
    pub(crate) basis: Basis,
    spread: Spread,
    /// Spreads below this are rounding, not difference, in the scale above.
    pub(crate) least_spread: f64,
    value: fn(&Known<'_>) -> f64,
}

impl Quantity {
    /// The number of one image; `None` where its pixels would be needed and are not read.
    pub(crate) fn value(&self, known: &Known<'_>) -> Option<f64> {
        (self.basis != Basis::Pixels || known.pixel_rms.is_some()).then(|| (self.value)(known))
    }

    /// The number in the scale in which it spreads evenly.
    pub(crate) fn scaled(&self, value: f64) -> f64 {
        match self.spread {
            Spread::Linear => value,
            Spread::Logarithmic => value.max(f64::MIN_POSITIVE).ln(),
            Spread::Root => value.max(0.0).sqrt(),
        }
    }

    /// Back from that scale.
    pub(crate) fn unscaled(&self, scaled: f64) -> f64 {
        match self.spread {
            Spread::Linear => scaled,
            Spread::Logarithmic => scaled.exp(),
            Spread::Root => scaled * scaled,
        }
    }
}

/// How many there are.
pub(crate) const N_QUANTITIES: usize = 10;
/// Which of them is the contrast, of the pixels and of the band.
pub(crate) const CONTRAST: usize = 5;
pub(crate) const BAND_CONTRAST: usize = 8;

/// All of them, in the order in which they are shown.
pub(crate) const QUANTITIES: [Quantity; N_QUANTITIES] = [
    Quantity {
        name: "defocus",
        unit: "Å",
        meaning: "mean of U and V",
        basis: Basis::Metadata,
        spread: Spread::Linear,
        least_spread: 10.0,
        value: |known| known.metadata.defocus_angstrom(known.image),
    },
    Quantity {
        name: "astigmatism",
        unit: "Å",
        meaning: "difference of U and V",
        basis: Basis::Metadata,
        spread: Spread::Root,
        least_spread: 1.0,
        value: |known| known.metadata.astigmatism_angstrom(known.image),
    },
    Quantity {
        name: "phase shift",
        unit: "°",
        meaning: "of a phase plate",
        basis: Basis::Metadata,
        spread: Spread::Linear,
        least_spread: 0.5,
        value: |known| known.metadata.capture.phase_shift_rad.get(known.image).to_degrees(),
    },
    Quantity {
        name: "mean",
        unit: "σ",
        meaning: "mean of the image before it was normalised, in standard deviations of its pixels",
        basis: Basis::Pixels,
        spread: Spread::Linear,
        least_spread: 0.002,
        value: |known| known.mean() / known.pixel_deviation(),
    },
    Quantity {
        name: "maximum",
        unit: "σ",
        meaning: "largest distance of a pixel from the mean, in standard deviations of the pixels: high where a pixel is hot",
        basis: Basis::Pixels,
        spread: Spread::Logarithmic,
        least_spread: 0.01,
        value: |known| known.max() / known.pixel_deviation(),
    },
    Quantity {
        name: "contrast",
        unit: "",
        meaning: "standard deviation of the image's pixels before it was normalised",
        basis: Basis::Pixels,
        spread: Spread::Logarithmic,
        least_spread: 0.002,
        value: |known| known.pixel_deviation(),
    },
    Quantity {
        name: "mean in the band",
        unit: "band σ",
        meaning: "mean of the image before it was normalised, in standard deviations of its waves within the polar grid",
        basis: Basis::Band,
        spread: Spread::Linear,
        least_spread: 0.002,
        value: |known| known.mean() / known.band_deviation(),
    },
    Quantity {
        name: "maximum in the band",
        unit: "band σ",
        meaning: "largest distance of a pixel from the mean, in standard deviations of the image's waves within the \
                  polar grid: larger than in standard deviations of its pixels, the more so the less the grid reaches",
        basis: Basis::Band,
        spread: Spread::Logarithmic,
        least_spread: 0.01,
        value: |known| known.max() / known.band_deviation(),
    },
    Quantity {
        name: "band contrast",
        unit: "",
        meaning: "standard deviation of the image's waves within the polar grid, before it was normalised",
        basis: Basis::Band,
        spread: Spread::Logarithmic,
        least_spread: 0.002,
        value: |known| known.band_deviation(),
    },
    Quantity {
        name: "norm",
        unit: "",
        meaning: "norm that the Fourier image was divided by",
        basis: Basis::Metadata,
        spread: Spread::Logarithmic,
        least_spread: 0.01,
        value: |known| known.scales().norm,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contrasts_are_where_they_are_said_to_be() {
        let found = [CONTRAST, BAND_CONTRAST].map(|index| (QUANTITIES[index].name, QUANTITIES[index].basis));
        assert_eq!(found, [("contrast", Basis::Pixels), ("band contrast", Basis::Band)]);
    }
}
