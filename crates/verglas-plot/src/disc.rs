//! A small picture of a Fourier image: the disc of its polar grid.

use num_complex::Complex;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::polar::Real;

/// For each pixel of a picture, the points of the polar grid around it.
///
/// The picture is turned as that of the physical image: θ = 0 lies along axis 0 (rows, downwards), θ = 90° along axis 1
/// (columns, to the right).
#[derive(Debug, Clone)]
pub struct DiscTable {
    side: usize,
    /// Whether the centre is 0, as in the transform of an image without its mean.
    has_no_mean: bool,
    /// `None` outside the disc.
    points: Vec<Option<Point>>,
}

/// Bilinear in radius and angle.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// Value of the inner shell at the angle before; `None` within the innermost shell.
    inner: Option<u32>,
    /// Value of the outer shell at the angle before.
    outer: u32,
    /// How far towards the outer shell, 0 to 1.
    outwards: f32,
    /// Step from the angle before to the one behind: 1, or back to the shell's first.
    to_next_angle: i32,
    /// How far towards it.
    onwards: f32,
}

impl DiscTable {
    /// Pictures of `side` × `side` pixels; the grid's largest radius touches the rim.
    pub fn new(grid: &PolarGrid, side: usize) -> Self {
        let centre = (side as f64 - 1.0) / 2.0;
        let radius_of_pixel = grid.radius_max() / (side as f64 / 2.0);
        let points = (0..side * side)
            .map(|pixel| {
                let along_rows = ((pixel / side) as f64 - centre) * radius_of_pixel;
                let along_columns = ((pixel % side) as f64 - centre) * radius_of_pixel;
                let radius = along_rows.hypot(along_columns);
                (radius <= grid.radius_max()).then(|| point(grid, radius, along_columns.atan2(along_rows)))
            })
            .collect();
        Self { side, has_no_mean: true, points }
    }

    /// The same for transforms of what keeps its mean: within the first shell they stay as they are there.
    #[must_use]
    pub fn with_mean(self) -> Self {
        Self { has_no_mean: false, ..self }
    }

    /// Side of the picture, pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// The picture, `[side, side]`, of the real part of `fourier`, `[n_shells, n_inplanes]`; NaN outside the disc.
    pub fn real_part<T: Real>(&self, fourier: &[Complex<T>]) -> Vec<f32> {
        self.apply(|index| fourier[index].re.widened() as f32)
    }

    /// The picture of any values on the grid.
    pub fn apply(&self, value: impl Fn(usize) -> f32) -> Vec<f32> {
        let at_angle = |first: u32, point: &Point| {
            let before = value(first as usize);
            let behind = value((first as i32 + point.to_next_angle) as usize);
            before + (behind - before) * point.onwards
        };
        self.points
            .iter()
            .map(|point| match point {
                None => f32::NAN,
                Some(point) => {
                    let outer = at_angle(point.outer, point);
                    // The mean of a physical image is 0, and so is its transform in the centre.
                    let centre = if self.has_no_mean { 0.0 } else { outer };
                    let inner = point.inner.map_or(centre, |inner| at_angle(inner, point));
                    inner + (outer - inner) * point.outwards
                }
            })
            .collect()
    }
}

fn point(grid: &PolarGrid, radius: f64, theta: f64) -> Point {
    let n_inplanes = grid.n_inplanes();
    let turns = (theta / std::f64::consts::TAU).rem_euclid(1.0) * n_inplanes as f64;
    let angle = (turns.floor() as usize).min(n_inplanes - 1);
    let radii = grid.radii();
    // Beyond the last shell its values stand for the rest of the disc.
    let shell = radii.partition_point(|&shell| shell < radius).min(radii.len() - 1);
    let inner_radius = if shell == 0 { 0.0 } else { radii[shell - 1] };
    let index = |shell: usize| (shell * n_inplanes + angle) as u32;
    Point {
        inner: (shell > 0).then(|| index(shell - 1)),
        outer: index(shell),
        outwards: ((radius - inner_radius) / (radii[shell] - inner_radius)).clamp(0.0, 1.0) as f32,
        to_next_angle: if angle + 1 < n_inplanes { 1 } else { -(angle as i32) },
        onwards: (turns - angle as f64) as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The disc of a function of radius and angle.
    fn picture(n_inplanes: usize, f: impl Fn(f64, f64) -> f64) -> Vec<f32> {
        let grid = PolarGrid::new(16.0, 0.25, n_inplanes).unwrap();
        let values: Vec<Complex<f64>> = (0..grid.n_points())
            .map(|index| {
                let (shell, j) = (index / n_inplanes, index % n_inplanes);
                Complex::new(f(grid.radii()[shell], grid.angle(j)), 0.0)
            })
            .collect();
        DiscTable::new(&grid, 160).real_part(&values)
    }

    #[test]
    fn a_plane_wave_has_no_seam_and_no_hole() {
        // Smooth everywhere, 0 in the centre, different on both sides of θ = 0.
        let f = |r: f64, theta: f64| (0.3 * r * (theta - 0.4).cos()).sin();
        for n_inplanes in [128, 127] {
            let picture = picture(n_inplanes, f);
            for (pixel, &found) in picture.iter().enumerate() {
                let (y, x) = ((pixel / 160) as f64 - 79.5, (pixel % 160) as f64 - 79.5);
                let radius = y.hypot(x) * 0.2;
                assert_eq!(found.is_nan(), radius > 16.0, "{y} {x}");
                if radius <= 15.9 {
                    // Second derivatives are below 0.1 per radius and 25 per angle: linear interpolation is this good.
                    let expected = f(radius, x.atan2(y));
                    assert!((f64::from(found) - expected).abs() < 0.012, "{y} {x}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn theta_zero_points_down_and_a_quarter_turn_to_the_right() {
        let down = picture(128, |r, theta| r * theta.cos());
        let right = picture(128, |r, theta| r * theta.sin());
        for y in 10..150 {
            for x in 10..150 {
                let pixel = y * 160 + x;
                if !down[pixel].is_nan() {
                    assert!((f64::from(down[pixel]) - (y as f64 - 79.5) * 0.2).abs() < 0.02);
                    assert!((f64::from(right[pixel]) - (x as f64 - 79.5) * 0.2).abs() < 0.02);
                }
            }
        }
    }
}
