//! Small symmetric matrices.

/// Of 5 × 5, of which the first `n` rows and columns count.
pub(super) type Matrix5 = [[f64; 5]; 5];

/// The lower triangle L with L·Lᵀ = `matrix`; `None` where that is not positive definite.
pub(super) fn cholesky(matrix: &Matrix5, n: usize) -> Option<Matrix5> {
    let mut lower = [[0.0; 5]; 5];
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            let rest = matrix[i][j] - sum;
            if i == j {
                // Not `<=`: NaN is no positive number, either.
                if !(rest > 0.0 && rest.is_finite()) {
                    return None;
                }
                lower[i][i] = rest.sqrt();
            } else {
                lower[i][j] = rest / lower[j][j];
            }
        }
    }
    Some(lower)
}

/// L·z = x
pub(super) fn solve_lower(lower: &Matrix5, x: &[f64; 5], n: usize) -> [f64; 5] {
    let mut z = [0.0; 5];
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| lower[i][k] * z[k]).sum();
        z[i] = (x[i] - sum) / lower[i][i];
    }
    z
}

/// Lᵀ·z = x
pub(super) fn solve_upper(lower: &Matrix5, x: &[f64; 5], n: usize) -> [f64; 5] {
    let mut z = [0.0; 5];
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| lower[k][i] * z[k]).sum();
        z[i] = (x[i] - sum) / lower[i][i];
    }
    z
}

/// The inverse of L·Lᵀ.
pub(super) fn inverse(lower: &Matrix5, n: usize) -> Matrix5 {
    let mut inverse = [[0.0; 5]; 5];
    for j in 0..n {
        let mut unit = [0.0; 5];
        unit[j] = 1.0;
        let column = solve_upper(lower, &solve_lower(lower, &unit, n), n);
        for i in 0..n {
            inverse[i][j] = column[i];
        }
    }
    inverse
}

/// ½ ln det(L·Lᵀ)
pub(super) fn half_ln_det(lower: &Matrix5, n: usize) -> f64 {
    (0..n).map(|i| lower[i][i].ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_of_a_matrix_is_its_inverse() {
        let root = [
            [2.0, 0.0, 0.0, 0.0, 0.0],
            [0.3, 1.0, 0.0, 0.0, 0.0],
            [-0.5, 0.2, 0.7, 0.0, 0.0],
            [1.0, 0.1, -0.3, 3.0, 0.0],
            [0.4, -0.6, 0.2, 0.9, 0.5],
        ];
        let matrix: Matrix5 =
            std::array::from_fn(|i| std::array::from_fn(|j| (0..5).map(|k| root[i][k] * root[j][k]).sum()));
        for n in [3, 5] {
            let lower = cholesky(&matrix, n).unwrap();
            let inverse = inverse(&lower, n);
            for i in 0..n {
                for j in 0..n {
                    let sum: f64 = (0..n).map(|k| matrix[i][k] * inverse[k][j]).sum();
                    assert!((sum - f64::from(u8::from(i == j))).abs() < 1e-12);
                }
            }
        }
        let mut other = matrix;
        other[2][2] = -1.0;
        assert!(cholesky(&other, 5).is_none());
    }
}
