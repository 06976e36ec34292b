//! Eigenvalues and eigenvectors of a symmetric matrix: Householder's reduction to three diagonals, then implicit QL.
//!
//! Source: `tred2` and `tql2` of EISPACK (Bowdler, Martin, Reinsch, Wilkinson 1968), as the public-domain JAMA has them.

/// Eigenvalues of the symmetric `n` × `n` matrix `v`, rising; its eigenvectors replace it, `v[k·n + i]` being place k of the
/// i-th.
pub(crate) fn eigen(n: usize, v: &mut [f64]) -> Vec<f64> {
    assert_eq!(v.len(), n * n, "a square matrix");
    let (mut d, mut e) = (vec![0.0; n], vec![0.0; n]);
    if n > 0 {
        reduce(n, v, &mut d, &mut e);
        diagonalise(n, v, &mut d, &mut e);
    }
    d
}

fn reduce(n: usize, v: &mut [f64], d: &mut [f64], e: &mut [f64]) {
    d.copy_from_slice(&v[(n - 1) * n..]);
    for i in (1..n).rev() {
        let scale: f64 = d[..i].iter().map(|x| x.abs()).sum();
        let mut h = 0.0;
        if scale == 0.0 {
            e[i] = d[i - 1];
            for j in 0..i {
                d[j] = v[(i - 1) * n + j];
                v[i * n + j] = 0.0;
                v[j * n + i] = 0.0;
            }
        } else {
            for x in &mut d[..i] {
                *x /= scale;
                h += *x * *x;
            }
            let f = d[i - 1];
            let g = if f > 0.0 { -h.sqrt() } else { h.sqrt() };
            e[i] = scale * g;
            h -= f * g;
            d[i - 1] = f - g;
            e[..i].fill(0.0);
            for j in 0..i {
                let f = d[j];
                v[j * n + i] = f;
                let mut g = e[j] + v[j * n + j] * f;
                for k in j + 1..i {
                    g += v[k * n + j] * d[k];
                    e[k] += v[k * n + j] * f;
                }
                e[j] = g;
            }
            let mut f = 0.0;
            for j in 0..i {
                e[j] /= h;
                f += e[j] * d[j];
            }
            let hh = f / (h + h);
            for j in 0..i {
                e[j] -= hh * d[j];
            }
            for j in 0..i {
                let (f, g) = (d[j], e[j]);
                for k in j..i {
                    v[k * n + j] -= f * e[k] + g * d[k];
                }
                d[j] = v[(i - 1) * n + j];
                v[i * n + j] = 0.0;
            }
        }
        d[i] = h;
    }
    for i in 0..n - 1 {
        v[(n - 1) * n + i] = v[i * n + i];
        v[i * n + i] = 1.0;
        let h = d[i + 1];
        if h != 0.0 {
            for k in 0..=i {
                d[k] = v[k * n + i + 1] / h;
            }
            for j in 0..=i {
                let g: f64 = (0..=i).map(|k| v[k * n + i + 1] * v[k * n + j]).sum();
                for k in 0..=i {
                    v[k * n + j] -= g * d[k];
                }
            }
        }
        for k in 0..=i {
            v[k * n + i + 1] = 0.0;
        }
    }
    d.copy_from_slice(&v[(n - 1) * n..]);
    v[(n - 1) * n..].fill(0.0);
    v[n * n - 1] = 1.0;
    e[0] = 0.0;
}

fn diagonalise(n: usize, v: &mut [f64], d: &mut [f64], e: &mut [f64]) {
    e.copy_within(1.., 0);
    e[n - 1] = 0.0;
    let (mut f, mut largest) = (0.0, 0.0_f64);
    for l in 0..n {
        largest = largest.max(d[l].abs() + e[l].abs());
        let mut m = l;
        while m < n - 1 && e[m].abs() > f64::EPSILON * largest {
            m += 1;
        }
        if m > l {
            // Ends after two or three rounds; the bound only guards against a cycle.
            for _ in 0..64 {
                let g = d[l];
                let p = (d[l + 1] - g) / (2.0 * e[l]);
                let r = if p < 0.0 { -p.hypot(1.0) } else { p.hypot(1.0) };
                d[l] = e[l] / (p + r);
                d[l + 1] = e[l] * (p + r);
                let (dl1, h) = (d[l + 1], g - d[l]);
                for x in &mut d[l + 2..] {
                    *x -= h;
                }
                f += h;
                let mut p = d[m];
                let (mut c, mut c2, mut c3) = (1.0, 1.0, 1.0);
                let el1 = e[l + 1];
                let (mut s, mut s2) = (0.0, 0.0);
                for i in (l..m).rev() {
                    c3 = c2;
                    c2 = c;
                    s2 = s;
                    let g = c * e[i];
                    let h = c * p;
                    let r = p.hypot(e[i]);
                    e[i + 1] = s * r;
                    s = e[i] / r;
                    c = p / r;
                    p = c * d[i] - s * g;
                    d[i + 1] = h + s * (c * g + s * d[i]);
                    for row in v.chunks_exact_mut(n) {
                        let h = row[i + 1];
                        row[i + 1] = s * row[i] + c * h;
                        row[i] = c * row[i] - s * h;
                    }
                }
                p = -s * s2 * c3 * el1 * e[l] / dl1;
                e[l] = s * p;
                d[l] = c * p;
                if e[l].abs() <= f64::EPSILON * largest {
                    break;
                }
            }
        }
        d[l] += f;
        e[l] = 0.0;
    }
    // Rising.
    for i in 0..n {
        let least = (i..n).min_by(|&a, &b| d[a].total_cmp(&d[b])).unwrap_or(i);
        if least != i {
            d.swap(i, least);
            for row in v.chunks_exact_mut(n) {
                row.swap(i, least);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_orthonormal_and_give_the_matrix_back() {
        for n in [1, 2, 3, 8, 40] {
            let mut matrix = vec![0.0; n * n];
            for i in 0..n {
                for j in 0..n {
                    // Of rank 2 but for a small diagonal, as matrices of moments are.
                    let part = |k: usize| ((k * k) as f64 * 0.3).sin();
                    matrix[i * n + j] =
                        part(i) * part(j) + 0.01 * part(i + 7) * part(j + 7) + if i == j { 1e-9 } else { 0.0 };
                }
            }
            let mut vectors = matrix.clone();
            let values = eigen(n, &mut vectors);
            assert!(values.windows(2).all(|pair| pair[0] <= pair[1]));
            for i in 0..n {
                for j in 0..n {
                    let product: f64 = (0..n).map(|k| vectors[k * n + i] * vectors[k * n + j]).sum();
                    assert!((product - if i == j { 1.0 } else { 0.0 }).abs() < 1e-13);
                    let back: f64 = (0..n).map(|k| vectors[i * n + k] * values[k] * vectors[j * n + k]).sum();
                    assert!((back - matrix[i * n + j]).abs() < 1e-13 * n as f64);
                }
            }
        }
    }
}
