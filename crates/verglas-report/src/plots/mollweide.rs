//! The sphere on a map that keeps areas, with its lines of equal angles, and the colours of maps.

use maud::{Markup, html};

use crate::page::{colour_bar, four_digits};

/// Width of the map's picture, pixels; it is half as high.
pub(super) const MAP_WIDTH: usize = 560;

/// Lines of equal rotation and tilt, drawn over the map, with their angles in degrees.
pub(super) fn graticule() -> Markup {
    const ROTATIONS: [i32; 5] = [-120, -60, 0, 60, 120];
    const TILTS: [i32; 5] = [30, 60, 90, 120, 150];
    let point = |rotation: f64, tilt: f64| {
        let (x, y) = to_mollweide(rotation.to_radians(), tilt.to_radians().cos());
        // Of the picture's width and height, from the left and from the top.
        (50.0 + 50.0 * x, 50.0 - 50.0 * y)
    };
    let path = |points: &mut dyn Iterator<Item = (f64, f64)>| {
        let places: Vec<String> =
            points.map(|(rot, tilt)| point(rot, tilt)).map(|(x, y)| format!("{x:.2} {y:.2}")).collect();
        format!("M{}", places.join("L"))
    };
    let label = |(x, y): (f64, f64), degrees: i32| {
        html! { span.angle style={ "left:" (format!("{x:.1}")) "%;top:" (format!("{y:.1}")) "%" } { (four_digits(f64::from(degrees))) "°" } }
    };
    html! {
        svg.graticule viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" {
            @for rotation in ROTATIONS {
                path d=(path(&mut (0..=36).map(|step| (f64::from(rotation), f64::from(step) * 5.0)))) {}
            }
            @for tilt in TILTS {
                path d=(path(&mut [-180.0, 180.0].into_iter().map(|rotation| (rotation, f64::from(tilt))))) {}
            }
        }
        @for rotation in ROTATIONS { (label(point(f64::from(rotation), 90.0), rotation)) }
        // Along a line where no rotation is written.
        @for tilt in TILTS.into_iter().filter(|tilt| *tilt != 90) { (label(point(-90.0, f64::from(tilt)), tilt)) }
    }
}

/// Where the map shows an azimuth, from −π to π, and a cosine of the tilt; its half axes are 1.
pub(super) fn to_mollweide(azimuth_rad: f64, cosine: f64) -> (f64, f64) {
    use std::f64::consts::PI;
    // The height on the map grows with the cosine: 2θ + sin 2θ = π cos(tilt), by halving.
    let (mut low, mut high) = (-0.5 * PI, 0.5 * PI);
    for _ in 0..52 {
        let middle = 0.5 * (low + high);
        if 2.0 * middle + (2.0 * middle).sin() < PI * cosine { low = middle } else { high = middle }
    }
    (azimuth_rad / PI * low.cos(), low.sin())
}

/// Azimuth and cosine of the tilt at a point of the map, whose half axes are 1; `None` outside.
pub(super) fn from_mollweide(x: f64, y: f64) -> Option<(f64, f64)> {
    use std::f64::consts::PI;
    if x * x + y * y > 1.0 {
        return None;
    }
    let theta = y.asin();
    let sine_of_latitude = (2.0 * theta + (2.0 * theta).sin()) / PI;
    let azimuth = PI * x / theta.cos().max(1e-9);
    Some((azimuth, sine_of_latitude.clamp(-1.0, 1.0)))
}

/// The colours of densities up to `highest`, which go with their root.
pub(super) fn density_colours(highest: f64) -> Markup {
    let mut ticks = vec![(0.0, "0".to_owned()), (1.0, four_digits((highest * 100.0).round() / 100.0))];
    let even = (1.0 / highest).sqrt();
    if (0.12..0.8).contains(&even) {
        ticks.insert(1, (even, "1 (even)".to_owned()));
    }
    colour_bar("viridis", &ticks, "colours: density against an even one")
}

/// Stops of the map "viridis" (Stéfan van der Walt and Nathaniel Smith, CC0), even to the eye and to colour-blind ones.
const STOPS: [[f64; 3]; 6] = [
    [68.0, 1.0, 84.0],
    [65.0, 68.0, 135.0],
    [42.0, 120.0, 142.0],
    [34.0, 168.0, 132.0],
    [122.0, 209.0, 81.0],
    [253.0, 231.0, 37.0],
];

pub(super) fn viridis(fraction: f64) -> [u8; 3] {
    let position = fraction.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let index = (position as usize).min(STOPS.len() - 2);
    let rest = position - index as f64;
    std::array::from_fn(|channel| {
        let [low, high] = [STOPS[index][channel], STOPS[index + 1][channel]];
        (low + (high - low) * rest).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lie_where_the_map_shows_their_angles() {
        for (azimuth, tilt) in [(0.0, 1.0), (-2.0, 0.3), (3.1, 2.9), (1.0, std::f64::consts::FRAC_PI_2)] {
            let (x, y) = to_mollweide(azimuth, f64::cos(tilt));
            let (found, cosine) = from_mollweide(x, y).unwrap();
            assert!((found - azimuth).abs() < 1e-6 && (cosine - f64::cos(tilt)).abs() < 1e-9, "{azimuth} {tilt}");
        }
    }
}
