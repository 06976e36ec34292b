//! Templates and images at half of the resolution.

use num_complex::Complex;

use super::super::plan::{ComparisonSettings, Plan};
use super::super::simd::Dispatch;
use super::super::templates::are_real;
use super::nodes::{Nodes, n_inner};
use super::steps::least_correlation;
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::geometry::Geometry;
use crate::real::Real;
use crate::sets::{Contrast, ImageSet, TemplateSet};

/// So many independent values the inner half must have, to say anything.
const LEAST_VALUES: f64 = 40.0;
/// Where the grid's best pose may go no better with the right one than this, it says too little of how strong a particle is.
const LEAST_CORRELATION: f64 = 0.8;
/// Correlations at half of the resolution may err by the root of it.
const ERROR_PER_NUMBER: f64 = 1e-8;

/// Templates at half of the resolution.
#[derive(Debug)]
pub struct CoarseTemplates<T> {
    geometry: Geometry,
    /// One of so many rotations is compared.
    every: usize,
    values: Vec<Complex<T>>,
    view_weights: Vec<f64>,
    nodes: Nodes,
    displacements: Displacements,
    /// The square of the least correlation of any pose with the grid's next.
    correlation2: f32,
    /// Σ|T|²/P of each shell, of those beyond the inner half, too: `[views, n_shells]`.
    power: Vec<f32>,
}

/// One of so many rotations is compared: half of them are enough for half of the resolution, where they are an even number, too.
fn every_of(geometry: &Geometry) -> usize {
    if geometry.n_inplanes().is_multiple_of(4) { 2 } else { 1 }
}

impl<T: Dispatch> CoarseTemplates<T> {
    /// Takes them from the templates; `None` where half of the resolution says too little: of grids that hold few values or whose
    /// poses are far apart, and of templates that are not real in space.
    pub(in super::super) fn make(
        geometry: &Geometry,
        templates: &TemplateSet<'_, T>,
        displacements: &Displacements,
    ) -> Option<Self> {
        let (n_shells, p) = (n_inner(geometry), geometry.n_inplanes());
        if n_shells < 2 || n_shells == geometry.n_shells() || !are_real(geometry, templates) {
            return None;
        }
        let every = every_of(geometry);
        let inner = geometry.inner(n_shells, every);
        if inner.degrees_of_freedom() < LEAST_VALUES {
            return None;
        }
        let n_views = templates.n_views();
        let mut values = vec![Complex::default(); n_views * inner.n_points()];
        let mut power = Vec::with_capacity(n_views * geometry.n_shells());
        for (view, values) in values.chunks_exact_mut(inner.n_points()).enumerate() {
            let template = templates.template(view);
            geometry.take_inner(n_shells, every, template, values);
            power.extend(template.chunks_exact(p).map(|shell| {
                let sum: f64 = shell.iter().map(|value| value.re.to_f64().powi(2) + value.im.to_f64().powi(2)).sum();
                (sum / p as f64) as f32
            }));
        }
        let view_weights = templates.view_weights().to_vec();
        let set = TemplateSet::new(&inner, &values, &view_weights).ok()?;
        let correlation = least_correlation(&inner, &set, displacements);
        if correlation.is_nan() || correlation < LEAST_CORRELATION {
            return None;
        }
        // Of all views together, without contrast transfer.
        let of_shell = |shell: usize| {
            let sum: f32 = power.iter().skip(shell).step_by(geometry.n_shells()).sum();
            sum * inner.point_weights()[shell] as f32
        };
        let nodes = Nodes::new(geometry, displacements, (0..n_shells).map(of_shell));
        let set = displacements.angstrom();
        let displacements = Displacements::of(nodes.places.iter().map(|&place| set[place]).collect()).ok()?;
        Some(Self {
            geometry: inner,
            every,
            values,
            view_weights,
            nodes,
            displacements,
            correlation2: (correlation * correlation) as f32,
            power,
        })
    }

    /// Bytes that those of `n_views` templates take.
    pub fn needed_bytes(geometry: &Geometry, n_views: usize) -> u64 {
        let inner = n_inner(geometry) * geometry.n_inplanes() / every_of(geometry);
        (n_views * (inner * size_of::<Complex<T>>() + geometry.n_shells() * size_of::<f32>())) as u64
    }

    /// What is prepared for them.
    pub(in super::super) fn plan(
        &self,
        settings: &ComparisonSettings,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Plan<'_, T>, LikelihoodError> {
        let templates = TemplateSet::new(&self.geometry, &self.values, &self.view_weights)?;
        let settings = ComparisonSettings { particle_scales: Vec::new(), pruning: None, ..settings.clone() };
        Plan::with_error(&self.geometry, templates, &self.displacements, settings, ERROR_PER_NUMBER, go_on)
    }

    pub(in super::super) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// How many rotations stand for each that is compared.
    pub(in super::super) fn every(&self) -> usize {
        self.every
    }

    /// The square of the least correlation of any pose with the grid's next.
    pub(in super::super) fn correlation2(&self) -> f32 {
        self.correlation2
    }

    pub(in super::super) fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// Σ|T|²/P of each shell of a view's template.
    pub(in super::super) fn power(&self, view: usize) -> &[f32] {
        let n = self.power.len() / self.view_weights.len();
        &self.power[view * n..(view + 1) * n]
    }

    /// The images of a range at half of the resolution.
    pub(in super::super) fn images(
        &self,
        full: &Geometry,
        images: &ImageSet<'_, T>,
        order: &[usize],
    ) -> CoarseImages<T> {
        let (n, n_shells) = (self.geometry.n_points(), self.geometry.n_shells());
        let mut values = vec![Complex::default(); order.len() * n];
        for (&image, values) in order.iter().zip(values.chunks_exact_mut(n)) {
            full.take_inner(n_shells, self.every, images.image(image), values);
        }
        let mut contrast = Vec::new();
        if let Contrast::Values(all) = images.contrast() {
            contrast.resize(values.len(), 0.0);
            for (&image, contrast) in order.iter().zip(contrast.chunks_exact_mut(n)) {
                let of_image = &all[image * full.n_points()..(image + 1) * full.n_points()];
                full.take_inner(n_shells, self.every, of_image, contrast);
            }
        }
        let transfers = match images.contrast() {
            Contrast::Parameters(all, _) => order.iter().map(|&image| all[image]).collect(),
            _ => Vec::new(),
        };
        CoarseImages { values, contrast, transfers }
    }
}

/// Images at half of the resolution.
pub(in super::super) struct CoarseImages<T> {
    values: Vec<Complex<T>>,
    contrast: Vec<f64>,
    transfers: Vec<crate::ctf::ContrastTransfer>,
}

impl<T: Real> CoarseImages<T> {
    /// As a set on the grid of the inner half; `of` says how their contrast transfers are given.
    pub fn set<'s>(&'s self, geometry: &Geometry, of: Contrast<'_>) -> Result<ImageSet<'s, T>, LikelihoodError> {
        let contrast = match of {
            Contrast::One => Contrast::One,
            Contrast::Values(_) => Contrast::Values(&self.contrast),
            Contrast::Parameters(_, formula) => Contrast::Parameters(&self.transfers, formula),
        };
        ImageSet::new(geometry, &self.values, contrast)
    }
}
