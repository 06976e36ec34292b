//! Reductions of all correlations of images with templates.

use numpy::{Element, IntoPyArray, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use verglas_likelihood::{Comparison, Real};

use crate::error::bad_value;

/// The axes over which the largest correlation is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Displacements and rotations; and also views.
    Pairs,
    /// Displacements.
    Displacements,
    /// Rotations.
    Rotations,
    /// Nothing: all are kept.
    Complete,
}

impl Reduction {
    /// By its name.
    ///
    /// # Errors
    /// `ValueError` for an unknown word.
    pub fn of(name: &str) -> PyResult<Self> {
        match name {
            "pairs" => Ok(Self::Pairs),
            "displacements" => Ok(Self::Displacements),
            "rotations" => Ok(Self::Rotations),
            "complete" => Ok(Self::Complete),
            _ => Err(bad_value(format!("reduction is `{name}`"))),
        }
    }

    /// Bytes of the results for this many pairs.
    pub fn bytes(self, n_pairs: usize, n_displacements: usize, n_inplanes: usize, number_bytes: usize) -> usize {
        let each = match self {
            Self::Pairs => 64,
            Self::Displacements => n_inplanes.saturating_mul(number_bytes + 4),
            Self::Rotations => n_displacements.saturating_mul(number_bytes + 4),
            Self::Complete => n_displacements.saturating_mul(n_inplanes).saturating_mul(number_bytes),
        };
        n_pairs.saturating_mul(each)
    }
}

/// The results so far.
pub struct Reduced<T> {
    reduction: Reduction,
    comparison: Comparison<T>,
    /// Whether what each template says was asked for.
    has_pairs: bool,
    /// Largest correlations, and which displacement or rotation they are of.
    values: Vec<T>,
    places: Vec<u32>,
}

impl<T: Real> Reduced<T> {
    /// Nothing yet.
    pub fn new(reduction: Reduction) -> Self {
        Self { reduction, comparison: Comparison::default(), has_pairs: true, values: Vec::new(), places: Vec::new() }
    }

    /// Of images alone: nothing of pairs.
    pub fn of_images() -> Self {
        Self { has_pairs: false, ..Self::new(Reduction::Pairs) }
    }

    /// Takes the next images.
    pub fn take(&mut self, mut comparison: Comparison<T>, n_displacements: usize, n_inplanes: usize) {
        let all = std::mem::take(&mut comparison.cross_correlations);
        for pair in all.chunks_exact(n_displacements * n_inplanes) {
            match self.reduction {
                Reduction::Pairs => {}
                Reduction::Complete => self.values.extend_from_slice(pair),
                Reduction::Displacements => {
                    for w in 0..n_inplanes {
                        self.keep_largest(pair.iter().skip(w).step_by(n_inplanes));
                    }
                }
                Reduction::Rotations => {
                    pair.chunks_exact(n_inplanes).for_each(|rotations| self.keep_largest(rotations.iter()));
                }
            }
        }
        self.comparison.images.append(&mut comparison.images);
        self.comparison.pairs.append(&mut comparison.pairs);
    }

    /// The first of equals.
    fn keep_largest<'a>(&mut self, values: impl Iterator<Item = &'a T>) {
        let mut best: Option<(u32, T)> = None;
        for (place, &value) in values.enumerate() {
            if best.is_none_or(|(_, best)| value > best) {
                best = Some((place as u32, value));
            }
        }
        if let Some((place, value)) = best {
            self.values.push(value);
            self.places.push(place);
        }
    }
}

impl<T: Element> Reduced<T> {
    /// As arrays by name; `sides` are images, views, displacements, rotations.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn into_arrays<'py>(self, py: Python<'py>, sides: [usize; 4]) -> PyResult<Bound<'py, PyDict>> {
        let arrays = PyDict::new(py);
        let [n, n_views, n_displacements, n_inplanes] = sides;
        if self.reduction != Reduction::Pairs {
            let shape = match self.reduction {
                Reduction::Displacements => vec![n, n_views, n_inplanes],
                Reduction::Rotations => vec![n, n_views, n_displacements],
                _ => sides.to_vec(),
            };
            arrays.set_item("values", self.values.into_pyarray(py).reshape(shape.clone())?)?;
            if self.reduction != Reduction::Complete {
                arrays.set_item("places", self.places.into_pyarray(py).reshape(shape)?)?;
            }
            return Ok(arrays);
        }
        let images = &self.comparison.images;
        macro_rules! column {
            ($name:literal, $of:expr) => {{
                let values: Vec<_> = images.iter().map($of).collect();
                arrays.set_item($name, values.into_pyarray(py))?;
            }};
        }
        column!("cross_correlation", |image| image.cross_correlation);
        column!("template", |image| image.template as i64);
        column!("displacement", |image| image.displacement as i64);
        column!("rotation", |image| image.rotation as i64);
        column!("optimal", |image| image.log_likelihood_optimal);
        column!("integrated", |image| image.log_likelihood_integrated);
        column!("smallest_cross_correlation", |image| image.smallest_cross_correlation);
        column!("is_without_noise", |image| image.is_without_noise);
        let pairs = &self.comparison.pairs;
        if !self.has_pairs {
            return Ok(arrays);
        }
        macro_rules! table {
            ($name:literal, $of:expr) => {{
                let values: Vec<_> = pairs.iter().map($of).collect();
                arrays.set_item($name, values.into_pyarray(py).reshape([n, n_views])?)?;
            }};
        }
        table!("pair_cross_correlation", |pair| pair.cross_correlation);
        table!("pair_displacement", |pair| i64::from(pair.displacement));
        table!("pair_rotation", |pair| i64::from(pair.rotation));
        table!("pair_log_likelihood", |pair| pair.log_likelihood);
        Ok(arrays)
    }
}
