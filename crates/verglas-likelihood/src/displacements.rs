//! The displacements that are tried.

use crate::error::LikelihoodError;
use crate::prior::PosePrior;

/// Displacements d = (d_0, d_1) in Å along image axes 0 and 1, d_0 fastest.
///
/// With δ = max_displacement·p, d_0 runs over `n_0` and d_1 over `n_1` equal steps from −δ to δ (0 alone where a count is 1);
/// where one of the two is even, (0, 0) follows at the end.
///
/// ```
/// use verglas_likelihood::displacements::Displacements;
///
/// let set = Displacements::new(8.0, 1.5, 16, 16)?;
/// assert_eq!(set.len(), 257);
/// assert_eq!(set.angstrom()[0], [-12.0, -12.0]);
/// assert_eq!(set.angstrom()[256], [0.0, 0.0]);
/// # Ok::<(), verglas_likelihood::LikelihoodError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Displacements {
    angstrom: Vec<[f64; 2]>,
    is_at_rim: Vec<bool>,
    has_appended: bool,
    grid: Option<DisplacementGrid>,
}

/// Displacements that form a grid about (0, 0).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DisplacementGrid {
    /// How many along each axis.
    pub n: [usize; 2],
    /// Steps in Å; 0 along an axis without displacements.
    pub steps_angstrom: [f64; 2],
}

impl DisplacementGrid {
    /// ln of the area that one of them stands for, in Å²; of the length, where there are some along one axis only.
    pub(crate) fn ln_cell(&self) -> f64 {
        self.steps_angstrom.iter().filter(|step| **step > 0.0).map(|step| step.ln()).sum()
    }

    /// How far the cells of the outermost displacements reach along an axis, in Å: half a step beyond them.
    pub fn reach_angstrom(&self, axis: usize) -> f64 {
        0.5 * self.n[axis] as f64 * self.steps_angstrom[axis]
    }
}

/// The most that are tried along one axis.
pub const MAX_ALONG_AXIS: usize = 1 << 12;

impl Displacements {
    /// The set of `n_0` × `n_1` displacements up to `max_pixels` pixels of `pixel_size_angstrom`.
    ///
    /// # Errors
    /// When `max_pixels` is negative or not finite, the pixel size not above 0, or a count 0 or above [`MAX_ALONG_AXIS`].
    pub fn new(max_pixels: f64, pixel_size_angstrom: f64, n_0: usize, n_1: usize) -> Result<Self, LikelihoodError> {
        if !(max_pixels.is_finite() && max_pixels >= 0.0) {
            return Err(LikelihoodError::Value {
                what: "largest displacement in pixels".to_owned(),
                value: max_pixels,
                expected: "a finite number, 0 or more",
            });
        }
        LikelihoodError::check_positive("pixel size in Å", pixel_size_angstrom)?;
        for (axis, n) in [(0, n_0), (1, n_1)] {
            if n == 0 || n > MAX_ALONG_AXIS {
                return Err(LikelihoodError::Value {
                    what: format!("number of displacements along axis {axis}"),
                    value: n as f64,
                    expected: "1 to 4096",
                });
            }
        }
        let reach = max_pixels * pixel_size_angstrom;
        // Symmetric to the last bit, with 0 exactly in the middle.
        let along = |n: usize, i: usize| match n {
            1 => 0.0,
            _ => reach * ((2 * i) as f64 - (n - 1) as f64) / (n - 1) as f64,
        };
        let is_end = |n: usize, i: usize| reach > 0.0 && n > 1 && (i == 0 || i == n - 1);
        let (mut angstrom, mut is_at_rim) = (Vec::new(), Vec::new());
        for i_1 in 0..n_1 {
            for i_0 in 0..n_0 {
                angstrom.push([along(n_0, i_0), along(n_1, i_1)]);
                is_at_rim.push(is_end(n_0, i_0) || is_end(n_1, i_1));
            }
        }
        let has_appended = n_0.is_multiple_of(2) || n_1.is_multiple_of(2);
        if has_appended {
            angstrom.push([0.0, 0.0]);
            is_at_rim.push(false);
        }
        let step = |n: usize| if n > 1 { 2.0 * reach / (n - 1) as f64 } else { 0.0 };
        Ok(Self {
            angstrom,
            is_at_rim,
            has_appended,
            grid: Some(DisplacementGrid { n: [n_0, n_1], steps_angstrom: [step(n_0), step(n_1)] }),
        })
    }

    /// Those within the reach of a prior, about (0, 0): what is searched near a known displacement.
    ///
    /// Steps are those of `grid`, or a standard deviation of the prior where that is less: sums over them are integrals then. None is at
    /// a rim. Along an axis without displacements there are none here, either.
    pub fn near(grid: &DisplacementGrid, prior: &PosePrior) -> Self {
        let reach = prior.shift_reach_angstrom();
        let steps = grid.steps_angstrom.map(|step| step.min(prior.shift_sigma_angstrom()));
        let most = steps.map(|step| if step > 0.0 { (reach / step * (1.0 + 1e-9)) as i64 } else { 0 });
        let mut angstrom = Vec::new();
        for i_1 in -most[1]..=most[1] {
            for i_0 in -most[0]..=most[0] {
                let d = [i_0 as f64 * steps[0], i_1 as f64 * steps[1]];
                if d[0].hypot(d[1]) <= reach * (1.0 + 1e-9) {
                    angstrom.push(d);
                }
            }
        }
        Self {
            is_at_rim: vec![false; angstrom.len()],
            angstrom,
            has_appended: false,
            grid: Some(DisplacementGrid { n: most.map(|most| 2 * most as usize + 1), steps_angstrom: steps }),
        }
    }

    /// These displacements in Å, in this order; if they are a set as [`Displacements::new`] makes it, the same in all. Of others none is at
    /// a rim.
    ///
    /// # Errors
    /// When there are none, or one is not finite.
    pub fn of(angstrom: Vec<[f64; 2]>) -> Result<Self, LikelihoodError> {
        if angstrom.is_empty() {
            return Err(LikelihoodError::Length { what: "displacements", expected: 1, found: 0 });
        }
        for &value in angstrom.iter().flatten() {
            if !value.is_finite() {
                let what = "displacement in Å".to_owned();
                return Err(LikelihoodError::Value { what, value, expected: "a finite number" });
            }
        }
        if let Some(known) = Self::recognised(&angstrom) {
            return Ok(Self { angstrom, ..known });
        }
        let is_at_rim = vec![false; angstrom.len()];
        Ok(Self { angstrom, is_at_rim, has_appended: false, grid: None })
    }

    /// The set of [`Displacements::new`] that these are, to rounding in single precision.
    fn recognised(angstrom: &[[f64; 2]]) -> Option<Self> {
        let (first, len) = (angstrom[0], angstrom.len());
        let row = angstrom.iter().take_while(|d| d[1] == first[1]).count();
        let reach = first[0].abs().max(first[1].abs());
        // The last may be the appended (0, 0), of the only row, too.
        let counts = [row, row - 1].into_iter().filter(|n_0| *n_0 > 0);
        let mut counts = counts.flat_map(|n_0| [(n_0, len / n_0), (n_0, (len - 1) / n_0)]).filter(|(_, n_1)| *n_1 > 0);
        counts.find_map(|(n_0, n_1)| {
            let set = Self::new(reach, 1.0, n_0, n_1).ok().filter(|set| set.len() == len)?;
            let is_same = |(a, b): (&[f64; 2], &[f64; 2])| (0..2).all(|axis| (a[axis] - b[axis]).abs() <= 1e-6 * reach);
            set.angstrom.iter().zip(angstrom).all(is_same).then_some(set)
        })
    }

    /// Whether (0, 0) was appended to a grid of an even number.
    pub fn has_appended(&self) -> bool {
        self.has_appended
    }

    /// The grid that they are of, if they are; the appended (0, 0) is not of it.
    pub fn grid(&self) -> Option<&DisplacementGrid> {
        self.grid.as_ref()
    }

    /// (d_0, d_1) of each, in Å.
    pub fn angstrom(&self) -> &[[f64; 2]] {
        &self.angstrom
    }

    /// Whether each lies on the rim of the square that is searched.
    pub fn is_at_rim(&self) -> &[bool] {
        &self.is_at_rim
    }

    /// D, how many there are; at least one.
    pub fn len(&self) -> usize {
        self.angstrom.len()
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        self.angstrom.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_0_is_fastest_and_zero_is_appended_where_a_count_is_even() {
        let set = Displacements::new(2.0, 1.5, 3, 2).unwrap();
        let expected = [[-3.0, -3.0], [0.0, -3.0], [3.0, -3.0], [-3.0, 3.0], [0.0, 3.0], [3.0, 3.0], [0.0, 0.0]];
        assert_eq!(set.angstrom(), expected);
        assert_eq!(set.is_at_rim(), [true, true, true, true, true, true, false]);
        let odd = Displacements::new(2.0, 1.0, 3, 3).unwrap();
        assert_eq!((odd.len(), odd.angstrom()[4], odd.is_at_rim()[4]), (9, [0.0, 0.0], false));
    }

    #[test]
    fn a_set_is_known_again() {
        for (reach, n_0, n_1) in
            [(8.0, 17, 17), (8.0, 16, 16), (2.0, 3, 2), (2.0, 1, 4), (2.0, 4, 1), (2.0, 1, 3), (0.0, 1, 1), (3.0, 2, 1)]
        {
            let set = Displacements::new(reach, 1.3, n_0, n_1).unwrap();
            let single = set.angstrom().iter().map(|d| d.map(|x| f64::from(x as f32))).collect();
            let again = Displacements::of(single).unwrap();
            let grid = again.grid().unwrap();
            assert_eq!((grid.n, again.has_appended()), ([n_0, n_1], set.has_appended()), "{reach} {n_0} {n_1}");
            assert_eq!(again.is_at_rim(), set.is_at_rim());
            for axis in 0..2 {
                assert!((grid.steps_angstrom[axis] - set.grid().unwrap().steps_angstrom[axis]).abs() < 1e-6);
            }
        }
        let set = Displacements::new(2.0, 1.0, 3, 3).unwrap();
        let mut moved = set.angstrom().to_vec();
        moved[4][0] = 0.1;
        for other in [moved, set.angstrom()[..8].to_vec(), vec![[1.0, 0.0]], vec![[0.0, 1.0], [0.0, 2.0]]] {
            let others = Displacements::of(other.clone()).unwrap();
            assert!(others.grid().is_none() && others.angstrom() == other, "{other:?}");
        }
    }

    #[test]
    fn a_count_of_one_stays_at_zero_and_has_no_rim() {
        let one = Displacements::new(8.0, 1.0, 1, 1).unwrap();
        assert_eq!((one.angstrom(), one.is_at_rim()), (&[[0.0, 0.0]][..], &[false][..]));
        let line = Displacements::new(1.0, 1.0, 3, 1).unwrap();
        assert_eq!(line.angstrom(), [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]);
        assert_eq!(line.is_at_rim(), [true, false, true]);
    }

    #[test]
    fn those_near_a_known_one_fill_the_priors_reach() {
        let grid = *Displacements::new(8.0, 1.5, 17, 17).unwrap().grid().unwrap();
        let near = |sigma| Displacements::near(&grid, &PosePrior::new(0.1, sigma).unwrap());
        // Three pixels, a pixel apart.
        let set = near(1.5);
        assert_eq!((set.len(), set.angstrom()[14], set.grid().unwrap().n), (29, [0.0, 0.0], [7, 7]));
        assert!(set.angstrom().iter().all(|d| d[0].hypot(d[1]) <= 4.5));
        // A narrow prior is summed in steps of its own.
        for sigma in [0.2, 0.9, 4.0] {
            let (set, prior) = (near(sigma), PosePrior::new(0.1, sigma).unwrap());
            let cell = set.grid().unwrap().ln_cell();
            let sum: f64 =
                set.angstrom().iter().map(|d| (prior.ln_of_distance2(d[0] * d[0] + d[1] * d[1]) + cell).exp()).sum();
            assert!((sum - 1.0).abs() < 0.02, "{sigma}: {sum}");
        }
        let none = *Displacements::new(0.0, 1.5, 1, 1).unwrap().grid().unwrap();
        assert_eq!(Displacements::near(&none, &PosePrior::new(0.1, 4.0).unwrap()).angstrom(), [[0.0, 0.0]]);
    }

    #[test]
    fn bad_values_are_errors() {
        assert!(Displacements::new(f64::NAN, 1.0, 3, 3).is_err());
        assert!(Displacements::new(8.0, 0.0, 3, 3).is_err());
        assert!(Displacements::new(8.0, 1.0, 0, 3).is_err());
        assert!(Displacements::of(Vec::new()).is_err());
        assert!(Displacements::of(vec![[0.0, f64::INFINITY]]).is_err());
    }
}
