//! Which displacements the best poses have.

use verglas_scoring::RecordedLikelihood;

use crate::plots::Square;

/// Counts of the displacements that were tried.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DisplacementCounts {
    /// How far they reach along both axes, Å.
    pub(super) reach_angstrom: f64,
    /// How many along axes 0 and 1.
    n: [usize; 2],
    /// `[n[0], n[1]]`.
    counts: Vec<u64>,
    /// At (0, 0) where that is none of the cells' centres.
    pub(super) n_between: u64,
    /// Near known ones, and farther out than the square.
    pub(super) n_outside: u64,
    /// At the rim of the square, or the edge of what known poses allow.
    pub(super) n_at_rim: u64,
}

/// Where a displacement lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Cell([usize; 2]),
    /// (0, 0), which is also tried if a count is even.
    Between,
}

impl DisplacementCounts {
    /// Nothing counted yet of what was tried.
    pub(super) fn new(settings: &RecordedLikelihood) -> Self {
        let n = settings.displacements.map(|n| n.max(1));
        let reach_angstrom = settings.max_displacement * settings.pixel_size[0];
        // A damaged manifest makes no array that doesn't fit.
        let n_cells = n[0].saturating_mul(n[1]).min(1 << 24);
        Self { reach_angstrom, n, counts: vec![0; n_cells], n_between: 0, n_outside: 0, n_at_rim: 0 }
    }

    /// Counts a displacement (d_0, d_1), and says whether it is at the rim.
    pub(super) fn add(&mut self, displacement_angstrom: [f64; 2]) -> bool {
        match self.place(displacement_angstrom) {
            Place::Between => {
                self.n_between += 1;
                false
            }
            Place::Cell(place) => {
                self.count(place);
                let is_end = |axis: usize| self.n[axis] > 1 && (place[axis] == 0 || place[axis] == self.n[axis] - 1);
                let is_at_rim = self.reach_angstrom > 0.0 && (is_end(0) || is_end(1));
                self.n_at_rim += u64::from(is_at_rim);
                is_at_rim
            }
        }
    }

    /// Counts a displacement near a known one, which may be any.
    pub(super) fn add_known(&mut self, displacement_angstrom: [f64; 2], is_at_edge: bool) {
        self.n_at_rim += u64::from(is_at_edge);
        match [0, 1].map(|axis| self.nearest(axis, displacement_angstrom[axis])) {
            [Some((row, _)), Some((column, _))] => self.count([row, column]),
            _ => self.n_outside += 1,
        }
    }

    fn count(&mut self, [row, column]: [usize; 2]) {
        if let Some(count) = self.counts.get_mut(row * self.n[1] + column) {
            *count += 1;
        }
    }

    /// The cell that a displacement is nearest to along an axis, and how far from its centre it is in cells; `None` of one that is
    /// farther out.
    fn nearest(&self, axis: usize, displacement_angstrom: f64) -> Option<(usize, f64)> {
        let (n, reach) = (self.n[axis], self.reach_angstrom);
        if n == 1 || reach <= 0.0 {
            return Some((0, 0.0));
        }
        let place = (displacement_angstrom / reach + 1.0) / 2.0 * (n - 1) as f64;
        let nearest = place.round();
        (nearest >= 0.0 && nearest < n as f64).then_some((nearest as usize, (place - nearest).abs()))
    }

    fn place(&self, displacement_angstrom: [f64; 2]) -> Place {
        let along = |axis: usize| {
            // Stored in single precision, at worst.
            self.nearest(axis, displacement_angstrom[axis]).filter(|(_, off)| *off < 1e-3).map(|(place, _)| place)
        };
        match (along(0), along(1)) {
            (Some(row), Some(column)) => Place::Cell([row, column]),
            _ => Place::Between,
        }
    }

    /// How many displacements were tried, and how many of them are at the rim.
    pub(super) fn n_tried(&self) -> (usize, usize) {
        let [rows, columns] = self.n;
        let is_even = self.n.iter().any(|n| n.is_multiple_of(2));
        let inner = |n: usize| if n > 1 { n - 2 } else { n };
        let cells = rows.saturating_mul(columns);
        (cells.saturating_add(usize::from(is_even)), cells - inner(rows).saturating_mul(inner(columns)).min(cells))
    }

    /// Whether any but 0 was tried.
    pub(super) fn were_tried(&self) -> bool {
        self.reach_angstrom > 0.0 && self.n.iter().any(|&n| n > 1)
    }

    /// For a chart.
    pub(super) fn square(&self) -> Square {
        Square {
            n_rows: self.n[0],
            n_columns: self.n[1],
            counts: self.counts.clone(),
            reach_angstrom: self.reach_angstrom,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(displacements: [usize; 2]) -> DisplacementCounts {
        DisplacementCounts::new(&RecordedLikelihood {
            displacements,
            max_displacement: 2.0,
            pixel_size: [1.7, 1.7],
            ..RecordedLikelihood::default()
        })
    }

    #[test]
    fn displacements_as_they_are_stored_find_their_cells() {
        for n in [[5, 3], [4, 4], [1, 7], [17, 16], [1, 1], [2, 1]] {
            let set = verglas_likelihood::displacements::Displacements::new(2.0, 1.7, n[0], n[1]).unwrap();
            let mut found = counts(n);
            assert_eq!(found.n_tried(), (set.len(), set.is_at_rim().iter().filter(|&&is| is).count()), "{n:?}");
            for (&d, &is_at_rim) in set.angstrom().iter().zip(set.is_at_rim()) {
                // In single precision.
                assert_eq!(found.add(d.map(|d| f64::from(d as f32))), is_at_rim, "{n:?} {d:?}");
            }
            assert!(found.counts.iter().all(|&count| count == 1), "{found:?}");
            assert_eq!(found.n_between, u64::from(set.len() > n[0] * n[1]));
            assert_eq!(found.n_at_rim as usize, found.n_tried().1);
        }
        // Near known ones they may be any.
        let mut known = counts([5, 3]);
        known.add_known([-3.2, 0.4], false);
        known.add_known([-4.4, 0.0], true);
        assert_eq!(
            (known.counts.iter().position(|&count| count == 1), known.n_outside, known.n_at_rim),
            (Some(1), 1, 1)
        );
        // Rows are axis 0: d_0 is fastest in the set, columns in the picture.
        let mut one = counts([5, 3]);
        one.add([-3.4, 0.0]);
        assert_eq!(one.counts.iter().position(|&count| count == 1), Some(1));
    }
}
