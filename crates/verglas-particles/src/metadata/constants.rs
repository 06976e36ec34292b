//! The distinct sets of voltage, spherical aberration and amplitude contrast.

use std::collections::HashMap;

use crate::particle::{Column, LensConstants};

/// Finds the distinct sets, in the order of their first row, and which one each particle has; the second vector is
/// empty when there is only one set.
pub(super) fn distinct(
    voltage_kv: &Column,
    spherical_aberration_mm: &Column,
    amplitude_contrast: &Column,
    n_rows: usize,
) -> (Vec<LensConstants>, Vec<u32>) {
    let of_row = |row: usize| LensConstants {
        voltage_kv: voltage_kv.get(row),
        spherical_aberration_mm: spherical_aberration_mm.get(row),
        amplitude_contrast: amplitude_contrast.get(row),
    };
    let all_constant = [voltage_kv, spherical_aberration_mm, amplitude_contrast]
        .iter()
        .all(|column| matches!(column, Column::Constant(_)));
    if all_constant {
        return (vec![of_row(0)], Vec::new());
    }
    let mut sets = Vec::new();
    let mut ids: HashMap<[u64; 3], u32> = HashMap::new();
    let mut of = Vec::with_capacity(n_rows);
    for row in 0..n_rows {
        let set = of_row(row);
        let id = *ids.entry(set.key()).or_insert_with(|| {
            sets.push(set);
            (sets.len() - 1) as u32
        });
        of.push(id);
    }
    if sets.len() == 1 {
        of = Vec::new();
    }
    (sets, of)
}

/// The index of `set` among `sets`, where it is put if it is new.
pub(super) fn intern(sets: &mut Vec<LensConstants>, set: LensConstants) -> u32 {
    let at = sets.iter().position(|there| there.key() == set.key()).unwrap_or_else(|| {
        sets.push(set);
        sets.len() - 1
    });
    at as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_come_in_the_order_of_their_first_row() {
        let voltage = Column::PerParticle(vec![200.0, 300.0, 200.0]);
        let (sets, of) = distinct(&voltage, &Column::Constant(2.7), &Column::Constant(0.1), 3);
        assert_eq!(sets.iter().map(|set| set.voltage_kv).collect::<Vec<_>>(), [200.0, 300.0]);
        assert_eq!(of, [0, 1, 0]);
    }

    #[test]
    fn one_set_takes_no_memory_per_row() {
        let (sets, of) = distinct(&Column::Constant(300.0), &Column::Constant(2.7), &Column::Constant(0.1), 3);
        assert_eq!((sets.len(), of.len()), (1, 0));
    }
}
