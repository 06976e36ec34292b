//! The views of templates on the sphere: where they are, and how often each was found.

use maud::{Markup, html};
use verglas_plot::encode_png;

use super::mollweide::{MAP_WIDTH, density_colours, from_mollweide, graticule, to_mollweide, viridis};
use super::sphere_points::SpherePoints;
use crate::page::{Picture, four_digits};

/// Views, and how often each was found.
#[derive(Debug, Clone)]
pub(crate) struct ViewMap {
    /// Azimuth (rotation) and polar angle (tilt) of each, radians.
    pub(crate) angles: Vec<[f64; 2]>,
    /// The part of the sphere that each view stands for.
    pub(crate) weights: Vec<f64>,
}

/// How often each view's direction was found.
#[derive(Debug, Clone, PartialEq)]
struct Densities {
    /// Relative to an even distribution.
    of_views: Vec<f64>,
    /// Directions within this many radians are combined.
    reach: f64,
}

/// A direction must be expected to be found so often for its density to mean something.
const FEW: f64 = 9.0;

impl ViewMap {
    /// Densities by how often each view was found; where this is seldom, neighbours are taken together.
    fn densities(&self, points: &SpherePoints, counts: &[u64]) -> Densities {
        let total = counts.iter().sum::<u64>() as f64;
        let all = self.weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let per_view = total / counts.len().max(1) as f64;
        // A cap of this radius is expected to hold that many.
        let reach = if per_view >= FEW { 0.0 } else { (1.0 - 2.0 * FEW / total.max(FEW)).acos() };
        let density = |view: usize| {
            let sum =
                |(count, weight): (f64, f64), view: usize| (count + counts[view] as f64, weight + self.weights[view]);
            let (count, weight) = points.near(view, reach).fold((0.0, 0.0), sum);
            count / total.max(1.0) / (weight / all).max(f64::MIN_POSITIVE)
        };
        Densities { of_views: (0..counts.len()).map(density).collect(), reach }
    }

    /// The map of how often each view was found.
    pub(crate) fn write_found(&self, counts: &[u64]) -> Markup {
        let points = SpherePoints::new(&self.angles);
        let found = self.densities(&points, counts);
        let highest = found.of_views.iter().copied().fold(0.0, f64::max);
        let n_never = counts.iter().filter(|&&count| count == 0).count();
        let together = match found.reach {
            0.0 => String::new(),
            reach => format!(", views within {}° combined", four_digits(reach.to_degrees().round())),
        };
        let words = format!(
            "the most frequent direction is {} times as frequent as in an even distribution{together}; {} of {} views \
             do not occur",
            four_digits((highest * 100.0).round() / 100.0),
            verglas_plot::grouped(n_never),
            verglas_plot::grouped(counts.len())
        );
        let gap = 1.5 * points.widest_gap();
        let colour = |azimuth: f64, polar: f64| {
            let (view, distance) = points.nearest(azimuth, polar, None)?;
            (distance <= gap).then(|| viridis((found.of_views[view] / highest.max(f64::MIN_POSITIVE)).sqrt()))
        };
        let map = Picture {
            png: &painted(MAP_WIDTH, |azimuth, polar, _| colour(azimuth, polar)),
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

    /// The map of where the views are, some of them marked by their number.
    pub(crate) fn write_views(&self, marked: &[usize]) -> Markup {
        const WIDTH: usize = 2 * MAP_WIDTH;
        const SEA: [u8; 3] = [52, 40, 92];
        const DOT: [u8; 3] = [253, 231, 37];
        let points = SpherePoints::new(&self.angles);
        // Pixels of the map are of equal area; a dot is at most a fifth of the area around a view.
        let pixels_per_view =
            std::f64::consts::PI * (WIDTH as f64 / 2.0) * (WIDTH as f64 / 4.0) / self.angles.len().max(1) as f64;
        let radius = (0.2 * pixels_per_view / std::f64::consts::PI).sqrt().clamp(0.8, 6.0);
        let places: Vec<(f64, f64)> = self.angles.iter().map(|&angles| place(angles)).collect();
        let colour = |azimuth: f64, polar: f64, (x, y): (f64, f64)| {
            let near = points.nearest(azimuth, polar, None).map(|(view, _)| places[view]);
            let is_dot = near.is_some_and(|(right, down)| {
                let (dx, dy) = ((right / 100.0 * WIDTH as f64) - x, (down / 100.0 * WIDTH as f64 / 2.0) - y);
                dx.hypot(dy) <= radius
            });
            Some(if is_dot { DOT } else { SEA })
        };
        let crowded = crowded(&marked.iter().map(|&view| places[view]).collect::<Vec<_>>());
        let over = html! {
            (graticule())
            @for (&view, is_crowded) in marked.iter().zip(crowded) {
                @let (right, down) = places[view];
                span.mark.crowded[is_crowded] style={ "left:" (format!("{right:.1}")) "%;top:" (format!("{down:.1}")) "%" } { (view) }
            }
        };
        let map = Picture {
            png: &painted(WIDTH, colour),
            description: format!("map of {} views", self.angles.len()),
            is_wide: true,
            over,
            caption: html! {},
        };
        html! { div.sphere.large { (map.write()) } }
    }
}

/// Where the map shows a direction, in percent of its width and height, from the left and from the top.
fn place([azimuth, polar]: [f64; 2]) -> (f64, f64) {
    let azimuth = (azimuth + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU) - std::f64::consts::PI;
    let (x, y) = to_mollweide(azimuth, polar.cos());
    (50.0 + 50.0 * x, 50.0 - 50.0 * y)
}

/// Of marks at these places, in percent of a map's width and height, those that would cover an earlier one where the map is small.
fn crowded(places: &[(f64, f64)]) -> Vec<bool> {
    // Numbers of up to four digits beside each other on a map of 340 pixels, the least that a page has.
    const APART: [f64; 2] = [100.0 * 36.0 / 340.0, 100.0 * 22.0 / 170.0];
    let mut shown: Vec<(f64, f64)> = Vec::new();
    let is_crowded = |&(right, down): &(f64, f64)| {
        let covers = |&(x, y): &(f64, f64)| (right - x).abs() < APART[0] && (down - y).abs() < APART[1];
        let is_crowded = shown.iter().any(covers);
        if !is_crowded {
            shown.push((right, down));
        }
        is_crowded
    };
    places.iter().map(is_crowded).collect()
}

/// A map of `width` pixels as a PNG file: `colour` is called with azimuth, polar angle, and the pixel; transparent
/// where it returns none.
fn painted(width: usize, colour: impl Fn(f64, f64, (f64, f64)) -> Option<[u8; 3]>) -> Vec<u8> {
    let height = width / 2;
    let (half_width, half_height) = (width as f64 / 2.0, height as f64 / 2.0);
    let mut pixels = vec![0; width * height * 4];
    for (index, pixel) in pixels.chunks_exact_mut(4).enumerate() {
        let (column, row) = ((index % width) as f64 + 0.5, (index / width) as f64 + 0.5);
        let (x, y) = ((column - half_width) / half_width, (half_height - row) / half_height);
        let found = from_mollweide(x, y).and_then(|(azimuth, cosine)| colour(azimuth, cosine.acos(), (column, row)));
        if let Some([red, green, blue]) = found {
            pixel.copy_from_slice(&[red, green, blue, 255]);
        }
    }
    encode_png(width, height, png::ColorType::Rgba, &pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> ViewMap {
        let views = verglas_fourier::sphere::Views::new(0.3).unwrap();
        let angles = views.azimuth.iter().zip(&views.polar).map(|(&azimuth, &polar)| [azimuth, polar]).collect();
        ViewMap { angles, weights: views.weight }
    }

    #[test]
    fn densities_are_against_the_part_of_the_sphere_that_a_view_stands_for() {
        let map = map();
        let n = map.weights.len();
        let points = SpherePoints::new(&map.angles);
        // In proportion to their weights: even.
        let counts: Vec<u64> = map.weights.iter().map(|weight| (weight * 1e6).round() as u64).collect();
        let even = map.densities(&points, &counts);
        assert_eq!(even.reach, 0.0);
        assert!(even.of_views.iter().all(|density| (density - 1.0).abs() < 1e-3));
        // All at one view: its share of the sphere is its weight's.
        let mut counts = vec![0; n];
        counts[n / 2] = 100 * n as u64;
        let one = map.densities(&points, &counts);
        let expected = map.weights.iter().sum::<f64>() / map.weights[n / 2];
        assert!((one.of_views[n / 2] / expected - 1.0).abs() < 1e-9);
        assert_eq!(one.of_views.iter().filter(|&&density| density > 0.0).count(), 1);
    }

    #[test]
    fn marks_that_would_cover_an_earlier_one_are_crowded() {
        // The second lies beside the first, the third below it, the fourth on the second, which is not shown.
        let places = [(50.0, 50.0), (55.0, 52.0), (50.0, 64.0), (61.0, 52.0)];
        assert_eq!(crowded(&places), [false, true, false, false]);
    }

    #[test]
    fn where_views_are_seldom_found_neighbours_count_together() {
        let map = map();
        let points = SpherePoints::new(&map.angles);
        let counts: Vec<u64> = (0..map.weights.len()).map(|view| u64::from(view % 2 == 0)).collect();
        let total = counts.iter().sum::<u64>() as f64;
        let found = map.densities(&points, &counts);
        // The cap's share of the sphere is (1 − cos reach)/2.
        assert!((total * (1.0 - found.reach.cos()) / 2.0 - FEW).abs() < 1e-9);
        assert!(found.of_views.iter().all(|density| (0.4..1.8).contains(density)), "{found:?}");
    }
}
