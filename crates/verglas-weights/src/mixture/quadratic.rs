//! The smallest value of a quadratic function where no coordinate is negative.

/// Steps until it is given up; ten are many.
const MOST_STEPS: usize = 60;
/// Products y·z below this, and residuals below the next, are rounding: H and b are of the size of 1.
const NO_PRODUCT: f64 = 1e-15;
const NO_RESIDUAL: f64 = 1e-12;

/// Minimises ½ yᵀHy − bᵀy over y ≥ 0, H symmetric (`n × n`) and positive definite; the mean of y is about `mean`.
/// `None` where H is not positive definite to rounding.
///
/// An interior-point method with Mehrotra's predictor and corrector: with z = Hy − b, the slope, y and z stay positive while all products
/// y·z are made small. H may be almost singular, as it is for similar structures: what is added to its diagonal, z/y,
/// keeps every system solvable where methods that guess which y are 0 go round in circles.
pub(super) fn minimise(h: &[f64], b: &[f64], mean: f64) -> Option<Vec<f64>> {
    let n = b.len();
    // The middle of the way, whatever is known: from points near to an edge it may stay there.
    let mut y = vec![mean.max(1e-2); n];
    let slope = |y: &[f64]| -> Vec<f64> {
        h.chunks_exact(n).zip(b).map(|(row, b)| row.iter().zip(y).map(|(h, y)| h * y).sum::<f64>() - b).collect()
    };
    let mut z = vec![1.0; n];
    for _ in 0..MOST_STEPS {
        let residual: Vec<f64> = slope(&y).iter().zip(&z).map(|(slope, z)| slope - z).collect();
        let product = dot(&y, &z) / n as f64;
        if product < NO_PRODUCT && residual.iter().all(|r| r.abs() < NO_RESIDUAL) {
            break;
        }
        let factor = Cholesky::new(h, n, |i| z[i] / y[i])?;
        // As if all products were to become 0 at once: how far that goes shows how much can be aimed for.
        let mut dy: Vec<f64> = residual.iter().zip(&z).map(|(r, z)| -r - z).collect();
        factor.solve(&mut dy);
        let dz: Vec<f64> = (0..n).map(|i| -z[i] - z[i] * dy[i] / y[i]).collect();
        let length = longest(&y, &dy).min(longest(&z, &dz));
        let after = (0..n).map(|i| (y[i] + length * dy[i]) * (z[i] + length * dz[i])).sum::<f64>() / n as f64;
        let wanted: Vec<f64> = (0..n).map(|i| (after / product).powi(3) * product - dy[i] * dz[i]).collect();
        dy = (0..n).map(|i| -residual[i] - z[i] + wanted[i] / y[i]).collect();
        factor.solve(&mut dy);
        let dz: Vec<f64> = (0..n).map(|i| (wanted[i] - y[i] * z[i] - z[i] * dy[i]) / y[i]).collect();
        let length = (longest(&y, &dy).min(longest(&z, &dz)) * (1.0 - product).max(0.99)).min(1.0);
        y.iter_mut().zip(dy).for_each(|(y, change)| *y += length * change);
        z.iter_mut().zip(dz).for_each(|(z, change)| *z += length * change);
        if !y.iter().chain(&z).all(|value| value.is_finite() && *value > 0.0) {
            return None;
        }
    }
    // Of each pair one is 0 at the end.
    Some(y.into_iter().zip(z).map(|(y, z)| if y < z { 0.0 } else { y }).collect())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The longest step, at most 1, that leaves all values above 0.
fn longest(values: &[f64], changes: &[f64]) -> f64 {
    let falling = values.iter().zip(changes).filter(|(_, change)| **change < 0.0);
    falling.map(|(value, change)| -value / change).fold(1.0, f64::min)
}

/// The lower triangle L of H + D = LLᵀ, row by row.
struct Cholesky {
    n: usize,
    l: Vec<f64>,
}

impl Cholesky {
    /// Decomposes H (`n × n`) with `added` on its diagonal; `None` if that is not positive definite.
    fn new(h: &[f64], n: usize, added: impl Fn(usize) -> f64) -> Option<Self> {
        let mut l = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let known = dot(&l[i * n..i * n + j], &l[j * n..j * n + j]);
                let rest = h[i * n + j] - known;
                if i != j {
                    l[i * n + j] = rest / l[j * n + j];
                    continue;
                }
                let rest = rest + added(i);
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                l[i * n + i] = rest.sqrt();
            }
        }
        Some(Self { n, l })
    }

    /// Solves for the right side `x`, in its place.
    fn solve(&self, x: &mut [f64]) {
        let (n, l) = (self.n, &self.l);
        for i in 0..n {
            x[i] = (x[i] - dot(&l[i * n..i * n + i], &x[..i])) / l[i * n + i];
        }
        for i in (0..n).rev() {
            x[i] /= l[i * n + i];
            let value = x[i];
            x[..i].iter_mut().zip(&l[i * n..i * n + i]).for_each(|(x, l)| *x -= l * value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best over all choices of positive coordinates.
    fn by_trying_all(h: &[f64], b: &[f64]) -> Vec<f64> {
        let n = b.len();
        let value = |y: &[f64]| {
            let hy = |i: usize| (0..n).map(|j| h[i * n + j] * y[j]).sum::<f64>();
            (0..n).map(|i| y[i] * (0.5 * hy(i) - b[i])).sum::<f64>()
        };
        let mut best = (0.0, vec![0.0; n]);
        for choice in 1_usize..1 << n {
            let free: Vec<usize> = (0..n).filter(|i| choice >> i & 1 == 1).collect();
            let part: Vec<f64> = free.iter().flat_map(|&i| free.iter().map(move |&j| h[i * n + j])).collect();
            let mut solved: Vec<f64> = free.iter().map(|&i| b[i]).collect();
            Cholesky::new(&part, free.len(), |_| 0.0).unwrap().solve(&mut solved);
            let mut y = vec![0.0; n];
            free.iter().zip(&solved).for_each(|(&i, value)| y[i] = *value);
            if solved.iter().all(|y| *y >= 0.0) && value(&y) < best.0 {
                best = (value(&y), y);
            }
        }
        best.1
    }

    #[test]
    fn it_is_the_best_of_all_choices() {
        let mut number = 1_u64;
        let mut random = || {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (number >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        };
        for n in [1, 2, 5, 8] {
            for _ in 0..20 {
                let a: Vec<f64> = (0..n * n).map(|_| random()).collect();
                let product = |i: usize, j: usize| (0..n).map(|k| a[i * n + k] * a[j * n + k]).sum::<f64>();
                let h: Vec<f64> =
                    (0..n * n).map(|at| product(at / n, at % n) + if at / n == at % n { 0.05 } else { 0.0 }).collect();
                let b: Vec<f64> = (0..n).map(|_| random()).collect();
                let expected = by_trying_all(&h, &b);
                for mean in [1.0, 0.0] {
                    let found = minimise(&h, &b, mean).unwrap();
                    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?} {expected:?}");
                }
            }
        }
    }

    #[test]
    fn coordinates_that_are_alike_share() {
        // As good as singular: y_0 + y_1 = 1 is all that is known, and both ends are the same.
        let ridge = 1e-10;
        let found = minimise(&[1.0 + ridge, 1.0, 1.0, 1.0 + ridge], &[1.0, 1.0], 0.5).unwrap();
        assert!((found[0] - 0.5).abs() < 1e-6 && (found[1] - 0.5).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn a_matrix_without_a_smallest_value_is_refused() {
        assert_eq!(minimise(&[1.0, 20.0, 20.0, 1.0], &[1.0, 1.0], 1.0), None);
    }
}
