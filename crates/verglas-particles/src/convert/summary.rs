//! The summary of a conversion.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use verglas_core::findings::Warning;
use verglas_run::Shard;
use verglas_run::folder::DESCRIPTOR;
use verglas_run::manifest::Manifest;

use super::prepare::Conversion;
use crate::pixel_size::PixelSizeSource;
use crate::settings::DownsampleMethod;

/// The summary of a conversion.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The output folder.
    pub output: PathBuf,
    /// Images on disk; with a shard, in its stacks.
    pub n_images: usize,
    /// Stacks on disk; with a shard, its own.
    pub n_stacks: usize,
    /// Of these, stacks that an earlier run had made.
    pub n_stacks_kept: usize,
    /// Images that were left out because they can't be read or normalised.
    pub n_images_skipped: usize,
    /// Images that this run computed.
    pub n_images_computed: usize,
    /// The part of the stacks that was asked for, if not all.
    pub shard: Option<Shard>,
    /// Rows of the metadata that were asked for.
    pub n_rows: usize,
    /// Image files that they name.
    pub n_image_files: usize,
    /// Side of the input images, pixels.
    pub n_input_pixels: usize,
    /// Side of the images after downsampling, pixels.
    pub n_pixels: usize,
    /// The factor that the images were downsampled by; 1 where they were not, or to a box that was asked for.
    pub downsample: NonZeroUsize,
    /// How they were downsampled, if they were.
    pub downsample_method: Option<DownsampleMethod>,
    /// Shells of the polar grid.
    pub n_shells: usize,
    /// Angles per shell.
    pub n_inplanes: usize,
    /// `single` or `double`.
    pub precision: &'static str,
    /// Pixel size of the input images along both axes, Å.
    pub pixel_size_angstrom: [f64; 2],
    /// Where the pixel size came from.
    pub pixel_size_source: PixelSizeSource,
    /// Pixel size after downsampling along both axes, Å: the descriptor's.
    pub descriptor_pixel_size_angstrom: [f64; 2],
    /// The descriptor that was made from the data, if one was.
    pub new_descriptor: Option<PathBuf>,
    /// All warnings: defaults used, values dropped, choices made.
    pub warnings: Vec<Warning>,
    /// Bytes that this run wrote.
    pub bytes_written: u64,
    /// Time from the first to the last byte, s.
    pub seconds: f64,
}

impl Summary {
    pub(super) fn new(
        conversion: &Conversion,
        output: &Path,
        manifest: &Manifest,
        n_stacks_kept: usize,
        warnings: Vec<Warning>,
        elapsed: Duration,
    ) -> Self {
        let (descriptor, sides) = (&conversion.descriptor, conversion.sides);
        Self {
            output: output.to_owned(),
            n_images: manifest.n_images_written(),
            n_stacks: manifest.stacks.len(),
            n_stacks_kept,
            n_images_skipped: manifest.skipped.len(),
            n_images_computed: manifest.run.n_images_done,
            shard: manifest.shard,
            n_rows: conversion.n_images(),
            n_image_files: conversion.n_image_files(),
            n_input_pixels: conversion.sides.n_input_pixels(),
            n_pixels: descriptor.cartesian_grid.n_pixels(),
            downsample: NonZeroUsize::new(sides.factor()).unwrap_or(NonZeroUsize::MIN),
            downsample_method: sides.method(),
            n_shells: descriptor.polar_grid.n_shells(),
            n_inplanes: descriptor.polar_grid.n_inplanes(),
            precision: descriptor.precision.as_str(),
            pixel_size_angstrom: conversion.pixel_size_angstrom,
            pixel_size_source: conversion.pixel_size_source,
            descriptor_pixel_size_angstrom: descriptor.cartesian_grid.pixel_size_angstrom(),
            new_descriptor: conversion.descriptor_is_new.then(|| output.join(DESCRIPTOR)),
            warnings,
            bytes_written: manifest.run.bytes_written,
            seconds: elapsed.as_secs_f64(),
        }
    }

    /// Images that this run computed per second.
    pub fn images_per_second(&self) -> f64 {
        self.n_images_computed as f64 / self.seconds.max(1e-9)
    }
}
