//! From where the particles are seen: a density over the sphere, on a map that keeps areas.

use maud::{Markup, html};
use verglas_plot::encode_png;

use super::mollweide::{MAP_WIDTH, density_colours, from_mollweide, graticule, viridis};
use crate::page::{Picture, four_digits};

/// Counts in cells of equal area: equal steps in azimuth and in the cosine of the tilt.
#[derive(Debug, Clone)]
pub(crate) struct ViewingDirections {
    counts: Vec<u32>,
    n: u64,
}

const N_AZIMUTHS: usize = 72;
const N_HEIGHTS: usize = 36;

impl ViewingDirections {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; N_AZIMUTHS * N_HEIGHTS], n: 0 }
    }

    /// Adds a direction: rotation about z, then tilt from it, in radians.
    pub(crate) fn add(&mut self, rot_rad: f64, tilt_rad: f64) {
        // Tilts beyond a half turn or below 0 point to where another rotation does.
        let (sin, cos) = tilt_rad.sin_cos();
        let azimuth = if sin < 0.0 { rot_rad + std::f64::consts::PI } else { rot_rad };
        if let Some(count) = cell(azimuth, cos).and_then(|cell| self.counts.get_mut(cell)) {
            *count = count.saturating_add(1);
            self.n += 1;
        }
    }

    /// The same in cells large enough to hold a few particles each, so that few particles make no map of dots.
    fn coarsened(&self) -> Self {
        const FEW: u64 = 4;
        // All divide both numbers of cells.
        const FACTORS: [usize; 5] = [1, 2, 3, 4, 6];
        let n_cells = self.counts.len() as u64;
        let factor =
            FACTORS.into_iter().find(|&factor| self.n * (factor * factor) as u64 >= FEW * n_cells).unwrap_or(6);
        let block = |row: usize, column: usize| {
            let (first_row, first_column) = (row / factor * factor, column / factor * factor);
            let cells = (0..factor * factor)
                .map(|cell| (first_row + cell / factor) * N_AZIMUTHS + first_column + cell % factor);
            cells.fold(0_u32, |sum, cell| sum.saturating_add(self.counts[cell]))
        };
        let counts = (0..self.counts.len()).map(|cell| block(cell / N_AZIMUTHS, cell % N_AZIMUTHS)).collect();
        Self { counts, n: self.n * (factor * factor) as u64 }
    }

    /// The density of the densest cell, relative to an even distribution.
    fn highest(&self) -> f64 {
        let cells = self.coarsened();
        let mean = cells.n as f64 / cells.counts.len() as f64;
        cells.counts.iter().copied().max().unwrap_or(0) as f64 / mean.max(f64::MIN_POSITIVE)
    }

    /// The share of cells without a particle.
    fn empty(&self) -> f64 {
        let cells = self.coarsened();
        cells.counts.iter().filter(|&&count| count == 0).count() as f64 / cells.counts.len() as f64
    }

    /// The map with its lines of equal rotation and tilt, its colours, and what they say in words.
    pub(crate) fn write(&self) -> Markup {
        let highest = self.highest();
        let words = format!(
            "the most frequent direction is {} times as frequent as in an even distribution, {:.0} % of the sphere is \
             empty",
            four_digits(highest),
            100.0 * self.empty()
        );
        let map = Picture {
            png: &self.png(),
            description: format!("map of viewing directions: {words}"),
            is_wide: true,
            over: graticule(),
            caption: html! {},
        };
        html! {
            div.sphere { (map.write()) (density_colours(highest)) }
            p.faint { "Colours: how often, relative to an even distribution; " (words) "." }
        }
    }

    /// The map in Mollweide's projection as a PNG file, transparent outside.
    fn png(&self) -> Vec<u8> {
        let (width, height) = (MAP_WIDTH, MAP_WIDTH / 2);
        let cells = self.coarsened();
        let most = cells.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let mut pixels = vec![0; width * height * 4];
        for (index, pixel) in pixels.chunks_exact_mut(4).enumerate() {
            let x = (index % width) as f64 + 0.5 - width as f64 / 2.0;
            let y = height as f64 / 2.0 - (index / width) as f64 - 0.5;
            let Some((azimuth, cosine)) = from_mollweide(x / (width as f64 / 2.0), y / (height as f64 / 2.0)) else {
                continue;
            };
            let count = cell(azimuth, cosine).map_or(0, |cell| cells.counts[cell]);
            let [red, green, blue] = viridis((f64::from(count) / most).sqrt());
            pixel.copy_from_slice(&[red, green, blue, 255]);
        }
        encode_png(width, height, png::ColorType::Rgba, &pixels)
    }
}

fn cell(azimuth_rad: f64, cosine: f64) -> Option<usize> {
    if !(azimuth_rad.is_finite() && cosine.is_finite()) {
        return None;
    }
    let turn = (azimuth_rad / std::f64::consts::TAU + 0.5).rem_euclid(1.0);
    let column = ((turn * N_AZIMUTHS as f64) as usize).min(N_AZIMUTHS - 1);
    let row = (((cosine + 1.0) / 2.0 * N_HEIGHTS as f64) as usize).min(N_HEIGHTS - 1);
    Some(row * N_AZIMUTHS + column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_directions_fill_all_cells_alike_and_the_map_keeps_areas() {
        let mut map = ViewingDirections::new();
        for i in 0..720 {
            for j in 0..360 {
                let cosine = (f64::from(j) + 0.5) / 180.0 - 1.0;
                map.add((f64::from(i) + 0.5) / 720.0 * std::f64::consts::TAU, cosine.acos());
            }
        }
        assert!((map.highest() - 1.0).abs() < 1e-9, "{}", map.highest());
        assert_eq!(map.empty(), 0.0);
        // Pixels of the map per cell: the same number for each, up to the cells' ragged rims.
        let mut seen = vec![0_u32; N_AZIMUTHS * N_HEIGHTS];
        for index in 0..2000 * 1000 {
            let (x, y) = ((index % 2000) as f64 / 1000.0 - 0.9995, (index / 2000) as f64 / 500.0 - 0.999);
            if let Some((azimuth, cosine)) = from_mollweide(x, y) {
                seen[cell(azimuth, cosine).unwrap()] += 1;
            }
        }
        let mean = seen.iter().sum::<u32>() as f64 / seen.len() as f64;
        assert!(seen.iter().all(|&n| (f64::from(n) / mean - 1.0).abs() < 0.1), "{seen:?}");
    }

    #[test]
    fn tilts_past_the_pole_come_down_on_the_other_side() {
        let (mut one, mut other) = (ViewingDirections::new(), ViewingDirections::new());
        one.add(0.3, -0.4);
        other.add(0.3 + std::f64::consts::PI, 0.4);
        assert_eq!(one.counts, other.counts);
        one.add(f64::NAN, 0.0);
        assert_eq!(one.n, 1);
    }

    #[test]
    fn few_particles_share_large_cells() {
        let mut map = ViewingDirections::new();
        for i in 0..288 {
            map.add((f64::from(i) + 0.5) / 288.0 * std::f64::consts::TAU, std::f64::consts::FRAC_PI_2);
        }
        // 12 × 6 cells: all particles in the 12 of one row, which hold six times what they would if spread evenly.
        assert!((map.highest() - 6.0).abs() < 1e-9, "{}", map.highest());
        assert!((map.empty() - 5.0 / 6.0).abs() < 1e-9, "{}", map.empty());
    }
}
