//! Columns that hint at a pixel size but are not used: reported if there is nothing better.

use crate::particle::{Column, OtherPixelSize};

/// The columns that are there, each with its values.
pub(super) fn others(columns: &[(&'static str, Option<Column>)], n_rows: usize) -> Vec<OtherPixelSize> {
    let said = columns.iter().filter_map(|(name, column)| Some((*name, column.as_ref()?)));
    said.map(|(name, column)| OtherPixelSize { name, range: range(column, n_rows), is_of_images: false }).collect()
}

/// The images' own pixel size, as input in sequence has it without going by it.
pub(super) fn of_images(name: &'static str, column: &Column, n_rows: usize) -> Option<OtherPixelSize> {
    let range = range(column, n_rows);
    (range[0] > 0.0).then_some(OtherPixelSize { name, range, is_of_images: true })
}

fn range(column: &Column, n_rows: usize) -> [f64; 2] {
    match column {
        Column::Constant(value) => [*value, *value],
        Column::PerParticle(values) => values[..n_rows]
            .iter()
            .fold([f64::INFINITY, f64::NEG_INFINITY], |[min, max], value| [min.min(*value), max.max(*value)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_columns_that_are_there_are_reported() {
        let columns = [
            ("rlnPixelSize", Some(Column::Constant(1.6))),
            ("rlnMagnification", None),
            ("rlnMicrographPixelSize", Some(Column::PerParticle(vec![1.6, 0.8]))),
        ];
        let told: Vec<_> = others(&columns, 2).into_iter().map(|other| (other.name, other.range)).collect();
        assert_eq!(told, [("rlnPixelSize", [1.6, 1.6]), ("rlnMicrographPixelSize", [0.8, 1.6])]);
        assert_eq!(of_images("a", &Column::Constant(0.0), 2), None);
    }
}
