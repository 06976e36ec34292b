//! The smallest value of a quadratic function where no coordinate is negative.

/// Minimises ½ yᵀHy − bᵀy over y ≥ 0, H symmetric (`n × n`) and positive definite; `is_free` is a guess at which y are positive.
/// `None` where H is not positive definite to rounding.
///
/// Block principal pivoting (Portugal, Júdice and Vicente 1994; Kim and Park 2011): the guess is solved for as it is, and what
/// came out on the wrong side changes it; all at once while that helps, else the last one alone, which ends by Murty's rule.
pub(super) fn minimise(h: &[f64], b: &[f64], is_free: &[bool]) -> Option<Vec<f64>> {
    /// So often all may change without fewer being wrong.
    const PATIENCE: usize = 3;
    let n = b.len();
    let (mut is_free, mut fewest, mut patience) = (is_free.to_vec(), n + 1, PATIENCE);
    let mut y = vec![0.0; n];
    for _ in 0..100 + 10 * n {
        let free: Vec<usize> = (0..n).filter(|&i| is_free[i]).collect();
        let solved = solve(h, b, &free)?;
        y.fill(0.0);
        free.iter().zip(solved).for_each(|(&i, value)| y[i] = value);
        let slope = |i: usize| free.iter().map(|&j| h[i * n + j] * y[j]).sum::<f64>() - b[i];
        let is_wrong = |i: usize| if is_free[i] { y[i] < 0.0 } else { slope(i) < -ROUNDING };
        let wrong: Vec<usize> = (0..n).filter(|&i| is_wrong(i)).collect();
        let Some(&last) = wrong.last() else { return Some(y) };
        if wrong.len() < fewest {
            (fewest, patience) = (wrong.len(), PATIENCE);
        } else if patience > 0 {
            patience -= 1;
        } else {
            is_free[last] = !is_free[last];
            continue;
        }
        wrong.into_iter().for_each(|i| is_free[i] = !is_free[i]);
    }
    // Not reached but for ties within rounding: near enough for a direction.
    y.iter_mut().for_each(|value| *value = value.max(0.0));
    Some(y)
}

/// A slope of this size is 0: H and b are of the size of 1.
const ROUNDING: f64 = 1e-13;

/// Solves H_FF y = b_F for the rows and columns `free` by Cholesky's decomposition.
fn solve(h: &[f64], b: &[f64], free: &[usize]) -> Option<Vec<f64>> {
    let (n, all) = (free.len(), b.len());
    // Lower triangle, row by row.
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let (row, other) = (&l[i * n..i * n + j], &l[j * n..j * n + j]);
            let rest = h[free[i] * all + free[j]] - row.iter().zip(other).map(|(a, b)| a * b).sum::<f64>();
            if i != j {
                l[i * n + j] = rest / l[j * n + j];
            } else if rest > 0.0 {
                l[i * n + i] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    let mut y: Vec<f64> = free.iter().map(|&i| b[i]).collect();
    for i in 0..n {
        let known: f64 = l[i * n..i * n + i].iter().zip(&y).map(|(a, y)| a * y).sum();
        y[i] = (y[i] - known) / l[i * n + i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| l[j * n + i] * y[j]).sum();
        y[i] = (y[i] - known) / l[i * n + i];
    }
    Some(y)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best over all choices of positive coordinates.
    fn by_trying_all(h: &[f64], b: &[f64]) -> (f64, Vec<f64>) {
        let n = b.len();
        let value = |y: &[f64]| {
            let hy = |i: usize| (0..n).map(|j| h[i * n + j] * y[j]).sum::<f64>();
            (0..n).map(|i| y[i] * (0.5 * hy(i) - b[i])).sum::<f64>()
        };
        let mut best = (0.0, vec![0.0; n]);
        for choice in 1_usize..1 << n {
            let free: Vec<usize> = (0..n).filter(|i| choice >> i & 1 == 1).collect();
            let mut y = vec![0.0; n];
            free.iter().zip(solve(h, b, &free).unwrap()).for_each(|(&i, value)| y[i] = value);
            if y.iter().all(|&y| y >= 0.0) && value(&y) < best.0 {
                best = (value(&y), y);
            }
        }
        best
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
                    (0..n * n).map(|at| product(at / n, at % n) + if at / n == at % n { 0.01 } else { 0.0 }).collect();
                let b: Vec<f64> = (0..n).map(|_| random()).collect();
                let (_, expected) = by_trying_all(&h, &b);
                for guess in [vec![true; n], vec![false; n]] {
                    let found = minimise(&h, &b, &guess).unwrap();
                    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?} {expected:?}");
                }
            }
        }
    }

    #[test]
    fn a_matrix_without_a_smallest_value_is_refused() {
        assert_eq!(minimise(&[1.0, 2.0, 2.0, 1.0], &[1.0, 1.0], &[true, true]), None);
    }
}
