//! Templates as images: the way back from the polar grid, good enough to look at.

use std::f64::consts::TAU;
use std::sync::Arc;

use num_complex::Complex;
use verglas_fft::Fft;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::polar::Real;

/// How many times finer the angles are made before values between them are interpolated.
const FINER: usize = 4;

/// Makes images of what is sampled on a polar grid.
///
/// Each shell is interpolated exactly to four times as many angles, from there linearly in angle and radius to the grid of
/// a discrete Fourier transform, and that is transformed back. Beyond the largest shell there is nothing.
pub struct PolarPicture {
    n_pixels: usize,
    n_inplanes: usize,
    n_fine: usize,
    to_waves: Arc<dyn Fft<f32>>,
    from_waves: Arc<dyn Fft<f32>>,
    along_axis: Arc<dyn Fft<f32>>,
    /// For each point of the transform, `[N, N]` in the order of its frequencies, its position; `None` outside the
    /// disc.
    points: Vec<Option<Point>>,
}

impl std::fmt::Debug for PolarPicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolarPicture").field("n_pixels", &self.n_pixels).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy)]
struct Point {
    /// The shells inside and outside of it; the same within the first shell.
    shells: [u32; 2],
    outwards: f32,
    /// The fine angles around it.
    angles: [u32; 2],
    onwards: f32,
}

impl PolarPicture {
    /// For images of `n_pixels` × `n_pixels`.
    pub fn new(grid: &PolarGrid, n_pixels: usize) -> Self {
        let n_inplanes = grid.n_inplanes();
        let n_fine = FINER * n_inplanes;
        // Of a frequency in the order of the transform, its number.
        let signed = |k: usize| if 2 * k < n_pixels { k as f64 } else { k as f64 - n_pixels as f64 };
        let radii = grid.radii();
        let points = (0..n_pixels * n_pixels)
            .map(|place| {
                let (k0, k1) = (signed(place / n_pixels), signed(place % n_pixels));
                // A radius of 1 is two waves per box.
                let radius = k0.hypot(k1) / 2.0;
                let outer = radii.partition_point(|shell| *shell < radius);
                if outer == radii.len() && radius > grid.radius_max() {
                    return None;
                }
                let (outer, inner) = (outer.min(radii.len() - 1), outer.saturating_sub(1));
                let gap = radii[outer] - radii[inner];
                let outwards = if gap > 0.0 { ((radius - radii[inner]) / gap).clamp(0.0, 1.0) } else { 0.0 };
                let turns = (k1.atan2(k0) / TAU).rem_euclid(1.0) * n_fine as f64;
                let angle = turns.floor() as usize % n_fine;
                Some(Point {
                    shells: [inner as u32, outer as u32],
                    outwards: outwards as f32,
                    angles: [angle as u32, ((angle + 1) % n_fine) as u32],
                    onwards: (turns - turns.floor()) as f32,
                })
            })
            .collect();
        Self {
            n_pixels,
            n_inplanes,
            n_fine,
            to_waves: verglas_fft::plan_complex_forward_f32(n_inplanes),
            from_waves: verglas_fft::plan_complex_inverse_f32(n_fine),
            along_axis: verglas_fft::plan_complex_inverse_f32(n_pixels),
            points,
        }
    }

    /// Bytes that this takes for such images, with what one call of [`PolarPicture::apply`] needs.
    pub fn estimate_bytes(grid: &PolarGrid, n_pixels: usize) -> u64 {
        let pixels = (n_pixels * n_pixels) as u64;
        pixels * (size_of::<Option<Point>>() as u64 + 2 * 8 + 4) + (grid.n_points() * FINER * 8) as u64
    }

    /// The image, `[N, N]`, of values on the grid, `[n_shells, n_inplanes]`; its centre is pixel ⌊N/2⌋.
    pub fn apply<T: Real>(&self, fourier: &[Complex<T>]) -> Vec<f32> {
        let fine: Vec<Complex<f32>> =
            fourier.chunks_exact(self.n_inplanes).flat_map(|shell| self.finer(shell)).collect();
        let value = |shell: u32, point: &Point| {
            let [before, behind] = point.angles.map(|angle| fine[shell as usize * self.n_fine + angle as usize]);
            before + (behind - before) * point.onwards
        };
        let at = |point: &Option<Point>| {
            point.as_ref().map_or(Complex::new(0.0, 0.0), |point| {
                let [inner, outer] = point.shells.map(|shell| value(shell, point));
                inner + (outer - inner) * point.outwards
            })
        };
        let n = self.n_pixels;
        let mut transform: Vec<Complex<f32>> = self.points.iter().map(at).collect();
        self.along_axis.process(&mut transform);
        let mut turned: Vec<Complex<f32>> = (0..n * n).map(|place| transform[place % n * n + place / n]).collect();
        self.along_axis.process(&mut turned);
        // `turned` is [column, row]; the origin goes to pixel ⌊N/2⌋.
        let from_origin = |pixel: usize| (pixel + n - n / 2) % n;
        (0..n * n).map(|place| turned[from_origin(place % n) * n + from_origin(place / n)].re).collect()
    }

    /// A shell at [`FINER`] times as many angles, by its waves.
    fn finer<T: Real>(&self, shell: &[Complex<T>]) -> Vec<Complex<f32>> {
        let n = self.n_inplanes;
        let scale = 1.0 / n as f32;
        let mut waves: Vec<Complex<f32>> =
            shell.iter().map(|v| Complex::new(v.re.widened() as f32, v.im.widened() as f32) * scale).collect();
        self.to_waves.process(&mut waves);
        let mut fine = vec![Complex::new(0.0, 0.0); self.n_fine];
        let n_rising = n.div_ceil(2);
        fine[..n_rising].copy_from_slice(&waves[..n_rising]);
        for falling in n_rising..n {
            fine[self.n_fine - n + falling] = waves[falling];
        }
        self.from_waves.process(&mut fine);
        fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gaussian_comes_back_where_it_was() {
        for n_pixels in [32, 33] {
            // F(k) = exp(−2πi k·x) exp(−2π²σ²k²), k = 2r/N per pixel.
            let grid = PolarGrid::new(8.0, 0.25, 96).unwrap();
            let (sigma, x, y) = (1.5, 4.0, -3.0);
            let mut fourier = Vec::new();
            for &radius in grid.radii() {
                let k = 2.0 * radius / n_pixels as f64;
                for j in 0..96 {
                    let (cos, sin) = grid.direction(j);
                    let size = (-2.0 * (std::f64::consts::PI * sigma * k).powi(2)).exp();
                    fourier.push(Complex::from_polar(size, -TAU * k * (cos * x + sin * y)));
                }
            }
            let image = PolarPicture::new(&grid, n_pixels).apply(&fourier);
            let peak = (n_pixels * n_pixels) as f64 / (TAU * sigma * sigma);
            let centre = (n_pixels / 2) as f64;
            for (place, &found) in image.iter().enumerate() {
                let (row, column) = ((place / n_pixels) as f64 - centre, (place % n_pixels) as f64 - centre);
                let square = (row - x).powi(2) + (column - y).powi(2);
                let expected = peak * (-square / (2.0 * sigma * sigma)).exp();
                // Linear interpolation between shells fades what is off the centre by some percent.
                assert!((f64::from(found) - expected).abs() < 0.06 * peak, "{row} {column}: {found} {expected}");
            }
        }
    }
}
