//! The quadrature rule of the shells against values computed with 50 digits (`fixtures/gauss_jacobi.py`).

use std::f64::consts::PI;

use verglas_fourier::grid::PolarGrid;

/// The nodes come out within two units in the last place.
const NODE_TOLERANCE: f64 = 4.5e-16;

/// The weights collect about one rounding error per step of the recurrence, which add up like a random walk: 1e-14 for
/// a thousand shells.
fn weight_tolerance(n_shells: usize) -> f64 {
    1e-14 * (n_shells as f64 / 1000.0).sqrt().max(1.0)
}

#[test]
fn nodes_and_weights_are_exact_to_rounding() {
    let mut grid = PolarGrid::new(2.0, 2.0, 1).unwrap();
    for line in include_str!("../fixtures/gauss_jacobi.txt").lines() {
        let mut fields = line.split(' ');
        let n: usize = fields.next().unwrap().parse().unwrap();
        let k: usize = fields.next().unwrap().parse().unwrap();
        let node: f64 = fields.next().unwrap().parse().unwrap();
        let weight: f64 = fields.next().unwrap().parse().unwrap();
        // R = 2 makes radii of the nodes themselves. One shell needs a distance so large that R over it rounds to no
        // interval at all, which no finite distance does: the rule of one node is checked where it is computed.
        if n == 1 {
            continue;
        }
        if grid.n_shells() != n {
            grid = PolarGrid::new(2.0, 2.0 / (n as f64 - 1.25), 1).unwrap();
            assert_eq!(grid.n_shells(), n);
        }
        let node_error = (grid.radii()[k] / node - 1.0).abs();
        let weight_error = (grid.shell_weights()[k] * 2.0 * PI / weight - 1.0).abs();
        assert!(node_error <= NODE_TOLERANCE, "node {k} of {n} is off by {node_error:e}");
        assert!(weight_error <= weight_tolerance(n), "weight {k} of {n} is off by {weight_error:e}");
    }
}

#[test]
fn every_order_has_as_many_increasing_nodes_and_integrates_a_constant() {
    for n in (2..200).chain([511, 1024, 2047]) {
        let grid = PolarGrid::new(2.0, 2.0 / (n as f64 - 1.25), 1).unwrap();
        assert_eq!(grid.n_shells(), n);
        assert!(grid.radii()[0] > 0.0 && grid.radii()[n - 1] < 2.0);
        assert!(grid.radii().windows(2).all(|pair| pair[0] < pair[1]), "order {n}");
        let sum: f64 = grid.shell_weights().iter().sum::<f64>() * 2.0 * PI;
        assert!((sum / 2.0 - 1.0).abs() < weight_tolerance(n), "order {n}: the weights sum to {sum}");
    }
}
