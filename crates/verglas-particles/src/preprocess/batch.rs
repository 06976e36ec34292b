//! Physical images one after the other, so that the transform gets many at once.

use std::ops::Range;

use super::downsample::DownsampledImage;
use super::normalize::{Degenerate, Normalization, PhysicalImage, apply_normalization};

/// Room for some images, each of which is physical or not there.
#[derive(Debug)]
pub struct PhysicalImages {
    /// `[room, n, n]`
    pixels: Vec<f32>,
    pixels_per_image: usize,
    /// `None` where no image is.
    normalizations: Vec<Option<Normalization>>,
}

/// Physical images that follow each other in memory: `[n_images, n, n]`, row-major.
#[derive(Debug, Clone, Copy)]
pub struct PhysicalBatch<'a> {
    pixels: &'a [f32],
    pixels_per_image: usize,
}

impl PhysicalImages {
    /// Room for `room` images of `n_pixels` × `n_pixels`, none of which is there.
    pub fn new(room: usize, n_pixels: usize) -> Self {
        let pixels_per_image = n_pixels * n_pixels;
        Self { pixels: vec![0.0; room * pixels_per_image], pixels_per_image, normalizations: vec![None; room] }
    }

    /// Drops all images; the memory is kept.
    pub fn clear(&mut self) {
        self.normalizations.fill(None);
    }

    /// Puts the physical image of `image` into place `index`, by [`apply_normalization`].
    ///
    /// # Errors
    /// When it can't be normalised; the place then stays empty.
    ///
    /// # Panics
    /// If the place does not exist, or the image has a different size.
    pub fn normalize(&mut self, index: usize, image: DownsampledImage<'_>) -> Result<(), Degenerate> {
        self.normalizations[index] = None;
        let (_, normalization) = apply_normalization(image, &mut self.pixels[place(index, self.pixels_per_image)])?;
        self.normalizations[index] = Some(normalization);
        Ok(())
    }

    /// The image in place `index` and what normalising it took away, if one is there.
    pub fn get(&self, index: usize) -> Option<(PhysicalImage<'_>, Normalization)> {
        let normalization = self.normalizations.get(index).copied().flatten()?;
        Some((PhysicalImage(&self.pixels[place(index, self.pixels_per_image)]), normalization))
    }

    /// The images that are there among `places`, as runs of neighbours, each with the place of its first.
    ///
    /// # Panics
    /// If `places` reach past the room.
    pub fn runs(&self, places: Range<usize>) -> impl Iterator<Item = (usize, PhysicalBatch<'_>)> {
        self.normalizations[places.clone()]
            .chunk_by(|one, next| one.is_some() == next.is_some())
            .scan(places.start, |first, run| {
                let run_places = *first..*first + run.len();
                *first = run_places.end;
                Some(run[0].is_some().then(|| (run_places.start, self.batch(run_places))))
            })
            .flatten()
    }

    /// The pixels of the first `n` places; places without an image may hold anything.
    pub fn pixels(&self, n: usize) -> &[f32] {
        &self.pixels[..n * self.pixels_per_image]
    }

    fn batch(&self, places: Range<usize>) -> PhysicalBatch<'_> {
        let pixels_per_image = self.pixels_per_image;
        let pixels = &self.pixels[places.start * pixels_per_image..places.end * pixels_per_image];
        PhysicalBatch { pixels, pixels_per_image }
    }
}

impl<'a> PhysicalBatch<'a> {
    /// How many images there are.
    pub fn n_images(self) -> usize {
        self.pixels.len() / self.pixels_per_image
    }

    /// All their pixels, `[n_images, n, n]`.
    pub fn pixels(self) -> &'a [f32] {
        self.pixels
    }

    /// One after the other.
    pub fn images(self) -> impl ExactSizeIterator<Item = PhysicalImage<'a>> {
        self.pixels.chunks_exact(self.pixels_per_image).map(PhysicalImage)
    }
}

impl<'a> From<PhysicalImage<'a>> for PhysicalBatch<'a> {
    fn from(image: PhysicalImage<'a>) -> Self {
        Self { pixels: image.0, pixels_per_image: image.0.len() }
    }
}

fn place(index: usize, pixels_per_image: usize) -> Range<usize> {
    index * pixels_per_image..(index + 1) * pixels_per_image
}

#[cfg(test)]
mod tests {
    use super::super::downsample::DownsampledPixels;
    use super::*;

    #[test]
    fn runs_leave_out_what_is_not_there() {
        let mut images = PhysicalImages::new(6, 2);
        let mut put = |index: usize, pixels: [f32; 4]| {
            images.normalize(index, DownsampledImage(DownsampledPixels::AsStored(&pixels))).is_ok()
        };
        assert!(put(0, [0.0, 0.0, 0.0, 8.0]) && put(1, [1.0, -1.0, 1.0, -1.0]));
        assert!(!put(2, [1.0; 4]));
        assert!(put(3, [2.0, -2.0, 2.0, -2.0]) && put(5, [0.0, 0.0, 0.0, 4.0]));
        let runs = |places| images.runs(places).map(|(first, batch)| (first, batch.n_images())).collect::<Vec<_>>();
        assert_eq!(runs(0..6), [(0, 2), (3, 1), (5, 1)]);
        assert_eq!(runs(1..5), [(1, 1), (3, 1)]);
        assert_eq!(runs(4..5), []);
        let first: Vec<&[f32]> = images.runs(0..6).next().unwrap().1.images().map(PhysicalImage::pixels).collect();
        let third = (-1.0_f64 / 3.0) as f32;
        assert_eq!(first, [[third, third, third, 1.0], [1.0, -1.0, 1.0, -1.0]]);
        assert!(images.get(2).is_none() && images.get(6).is_none());
        let (last, normalization) = images.get(5).unwrap();
        assert_eq!(last.pixels(), [third, third, third, 1.0]);
        assert_eq!(normalization, Normalization { mean: 1.0, max: 3.0 });
        // An image that can't be normalised leaves nothing of the one that was there.
        assert!(images.normalize(5, DownsampledImage(DownsampledPixels::AsStored(&[2.0; 4]))).is_err());
        assert!(images.get(5).is_none());
        images.clear();
        assert_eq!(images.runs(0..6).count(), 0);
    }
}
