//! Points on the sphere: which is nearest, which are near.

use std::f64::consts::TAU;

/// Directions by azimuth and polar angle, sorted by the latter.
#[derive(Debug, Clone)]
pub(super) struct SpherePoints {
    directions: Vec<[f64; 3]>,
    /// Polar angles, ascending, and whose they are.
    by_polar: Vec<(f64, usize)>,
}

impl SpherePoints {
    /// Of azimuths and polar angles, radians.
    pub(super) fn new(points: &[[f64; 2]]) -> Self {
        let directions: Vec<[f64; 3]> = points.iter().map(|&[azimuth, polar]| direction(azimuth, polar)).collect();
        let mut by_polar: Vec<(f64, usize)> =
            directions.iter().enumerate().map(|(index, [_, _, z])| (z.clamp(-1.0, 1.0).acos(), index)).collect();
        by_polar.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { directions, by_polar }
    }

    /// The point nearest to a direction, and how far it is, radians; not the point `but`.
    pub(super) fn nearest(&self, azimuth: f64, polar: f64, but: Option<usize>) -> Option<(usize, f64)> {
        let wanted = direction(azimuth, polar);
        let polar = wanted[2].clamp(-1.0, 1.0).acos();
        let start = self.by_polar.partition_point(|(other, _)| *other < polar);
        let (mut before, mut behind) = (start, start);
        let mut best: Option<(usize, f64)> = None;
        // Two points are at least as far apart as their polar angles.
        loop {
            let reach = best.map_or(f64::INFINITY, |(_, distance)| distance);
            let down = before.checked_sub(1).map(|place| (place, polar - self.by_polar[place].0));
            let up = self.by_polar.get(behind).map(|(other, _)| (behind, other - polar));
            let (place, is_down) = match (down.filter(|d| d.1 < reach), up.filter(|u| u.1 < reach)) {
                (Some(down), Some(up)) if down.1 <= up.1 => (down.0, true),
                (_, Some(up)) => (up.0, false),
                (Some(down), None) => (down.0, true),
                (None, None) => return best,
            };
            if is_down {
                before = place
            } else {
                behind = place + 1
            }
            let index = self.by_polar[place].1;
            let distance = angle(self.directions[index], wanted);
            if Some(index) != but && distance < reach {
                best = Some((index, distance));
            }
        }
    }

    /// All points within `reach` radians of one of them, itself included.
    pub(super) fn near(&self, point: usize, reach: f64) -> impl Iterator<Item = usize> {
        let wanted = self.directions[point];
        let polar = wanted[2].clamp(-1.0, 1.0).acos();
        let first = self.by_polar.partition_point(|(other, _)| *other < polar - reach - 1e-9);
        let around = self.by_polar[first..].iter().take_while(move |(other, _)| *other <= polar + reach + 1e-9);
        around
            .filter(move |(_, index)| *index == point || angle(self.directions[*index], wanted) <= reach)
            .map(|(_, index)| *index)
    }

    /// The largest distance of a point from its nearest neighbour; a half turn if there is no neighbour.
    pub(super) fn widest_gap(&self) -> f64 {
        let gap = |(index, &[x, y, z]): (usize, &[f64; 3])| {
            let (azimuth, polar) = (y.atan2(x), z.clamp(-1.0, 1.0).acos());
            self.nearest(azimuth, polar, Some(index)).map_or(TAU / 2.0, |(_, distance)| distance)
        };
        self.directions.iter().enumerate().map(gap).fold(0.0, f64::max)
    }
}

fn direction(azimuth: f64, polar: f64) -> [f64; 3] {
    let ((sa, ca), (sp, cp)) = (azimuth.sin_cos(), polar.sin_cos());
    [sp * ca, sp * sa, cp]
}

/// The angle between two directions, exact for small ones, too.
fn angle(a: [f64; 3], b: [f64; 3]) -> f64 {
    let chord = (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f64>().sqrt();
    2.0 * (0.5 * chord).min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points that are evenly spread along a spiral, and their directions.
    fn spiral(n: usize) -> Vec<[f64; 2]> {
        (0..n).map(|i| [2.399_963 * i as f64, (1.0 - (2 * i + 1) as f64 / n as f64).acos()]).collect()
    }

    #[test]
    fn the_nearest_and_the_near_are_those_that_looking_at_all_finds() {
        let list = spiral(300);
        let points = SpherePoints::new(&list);
        for [azimuth, polar] in spiral(97) {
            let wanted = direction(azimuth, polar);
            let by_distance = |i: &usize, j: &usize| {
                angle(points.directions[*i], wanted).total_cmp(&angle(points.directions[*j], wanted))
            };
            let expected = (0..300).min_by(by_distance).unwrap();
            assert_eq!(points.nearest(azimuth, polar, None).unwrap().0, expected);
        }
        for point in [0, 7, 150, 299] {
            let mut near: Vec<usize> = points.near(point, 0.3).collect();
            near.sort_unstable();
            let is_near = |i: &usize| angle(points.directions[*i], points.directions[point]) <= 0.3;
            assert_eq!(near, (0..300).filter(is_near).collect::<Vec<_>>());
            assert!(near.len() > 2 && near.contains(&point));
            assert_eq!(points.near(point, 0.0).collect::<Vec<_>>(), [point]);
        }
        // Evenly spread points lie about √(4π/n) apart.
        assert!((0.5..1.5).contains(&(points.widest_gap() / (4.0 * std::f64::consts::PI / 300.0).sqrt())));
        assert!(SpherePoints::new(&[]).nearest(0.0, 1.0, None).is_none());
    }
}
