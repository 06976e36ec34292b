//! The poses of the grid that lie in the cells of lattices.

use rustc_hash::FxHashMap;
use verglas_fourier::pose::Matrix3;

use super::chart::{Chart, Local};
use super::lattice::Lattice;
use super::mode::Mode;
use super::posterior::{Posterior, Template, Turned, step_rad};
use super::rotation::{about_z, product, turn};
use crate::displacements::Displacements;
use crate::formula::LogSum;
use crate::pose::{ContinuousPose, Pose};
use crate::prior::Known;
use crate::real::Real;
use crate::sets::TemplateSet;

/// All poses of the grid.
pub(super) struct GridPoses<'a, T: Real> {
    pub templates: &'a TemplateSet<'a, T>,
    pub views: &'a [Matrix3],
    pub displacements: &'a Displacements,
    pub known: Option<Known<'a>>,
    /// The rotations that the structure looks the same after.
    pub mates: &'a [Matrix3],
}

/// The grid's poses in the lattices' cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct SumInside {
    /// ln of the sum of exp ℓ₊ over them, with the grid's weights.
    pub ln: f64,
    /// How much higher the search's sum is: ln of the ratio over those of them whose scores are known.
    pub excess: f64,
}

/// A pose of the grid in a lattice's cell, of one view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Inside {
    rotation: u32,
    displacement: u32,
    /// Which lattice.
    place: u32,
}

impl<T: Real> GridPoses<'_, T> {
    /// Sums the grid's poses in the lattices' cells. `ln_found` has what the search says of some of them.
    pub fn sum_inside(
        &self,
        posterior: &mut Posterior,
        modes: &[Mode],
        lattices: &[(usize, Lattice)],
        ln_found: &FxHashMap<Pose, f64>,
    ) -> SumInside {
        let step = step_rad(posterior.geometry);
        let total: f64 = self.templates.view_weights().iter().sum();
        // With a prior, which is a density, a displacement stands for its cell.
        let ln_poses = match &self.known {
            None => ((self.n_weighted() * posterior.geometry.n_inplanes()) as f64).ln(),
            Some(_) => {
                let ln_cell = self.displacements.grid().map_or(0.0, |grid| grid.ln_cell());
                (posterior.geometry.n_inplanes() as f64).ln() - ln_cell
            }
        };
        // What the lattices reach, so that little is looked at in vain.
        let reaches: Vec<Local> = lattices.iter().map(|(_, lattice)| lattice.reach()).collect();
        let (mut template, mut turned) = (Template::default(), Turned::default());
        let mut found = Vec::new();
        let mut sum = LogSum::new();
        let (mut of_search, mut of_the_same) = (LogSum::new(), LogSum::new());
        for (view, weight) in self.templates.view_weights().iter().enumerate() {
            if *weight <= 0.0 {
                continue;
            }
            let ln_weight = (weight / total).ln() - ln_poses;
            found.clear();
            for (place, ((index, lattice), reach)) in lattices.iter().zip(&reaches).enumerate() {
                self.find(posterior, &modes[*index].chart, (lattice, place), reach, view, &mut found);
            }
            if found.is_empty() {
                continue;
            }
            // A pose that is in several counts once.
            found.sort_unstable();
            found.dedup_by_key(|pose| (pose.rotation, pose.displacement));
            found.sort_by_key(|pose| pose.place);
            posterior.prepare_grids(self.templates.template(view), &mut template);
            for of_lattice in found.chunk_by(|a, b| a.place == b.place) {
                let center = modes[lattices[of_lattice[0].place as usize].0].chart.center().shift_angstrom;
                let shift = |pose: &Inside| {
                    let displacement = self.displacements.angstrom()[pose.displacement as usize];
                    turn(displacement, -step * f64::from(pose.rotation))
                };
                posterior.center_for(center, of_lattice.iter().map(shift));
                for of_rotation in of_lattice.chunk_by(|a, b| a.rotation == b.rotation) {
                    let rotation = of_rotation[0].rotation;
                    posterior.turn(&template, i64::from(rotation), &mut turned);
                    let rotation = product(&self.views[view], &about_z(step * f64::from(rotation)));
                    for pose in of_rotation {
                        let at = ContinuousPose { rotation, shift_angstrom: shift(pose) };
                        let value = posterior.value(&turned, &at).total() + ln_weight;
                        sum.add(value, 1.0);
                        let place = Pose {
                            template: view,
                            displacement: pose.displacement as usize,
                            rotation: pose.rotation as usize,
                        };
                        if let Some(found) = ln_found.get(&place) {
                            of_search.add(found + ln_weight, 1.0);
                            of_the_same.add(value, 1.0);
                        }
                    }
                }
            }
        }
        let excess = of_search.ln() - of_the_same.ln();
        SumInside { ln: sum.ln(), excess: if excess.is_finite() { excess } else { 0.0 } }
    }

    /// Displacements that have a weight.
    fn n_weighted(&self) -> usize {
        self.displacements.len() - usize::from(self.displacements.has_appended())
    }

    /// The poses of one view in one lattice's cells, or mates of such.
    fn find(
        &self,
        posterior: &Posterior,
        chart: &Chart,
        (lattice, place): (&Lattice, usize),
        reach: &Local,
        view: usize,
        found: &mut Vec<Inside>,
    ) {
        let step = step_rad(posterior.geometry);
        let p = posterior.geometry.n_inplanes();
        for mate in self.mates {
            let rotation = &product(mate, &self.views[view]);
            let at_zero = chart.of_rotation(rotation);
            if at_zero[0].abs() > reach[0] || at_zero[1].abs() > reach[1] {
                continue;
            }
            for w in 0..p {
                let angle = step * w as f64;
                let omega = wrapped(at_zero[2] + angle);
                if omega.abs() > reach[2] {
                    continue;
                }
                let turned = product(rotation, &about_z(angle));
                for (index, displacement) in self.displacements.angstrom()[..self.n_weighted()].iter().enumerate() {
                    let shift_angstrom = turn(*displacement, -angle);
                    let pose = ContinuousPose { rotation: turned, shift_angstrom };
                    let local = chart.local_of([at_zero[0], at_zero[1], omega], &pose);
                    if local[3].abs() > reach[3] || local[4].abs() > reach[4] {
                        continue;
                    }
                    if !lattice.has(&local) {
                        continue;
                    }
                    if self.known.is_some_and(|known| !known.holds(&pose)) {
                        continue;
                    }
                    found.push(Inside { rotation: w as u32, displacement: index as u32, place: place as u32 });
                }
            }
        }
    }
}

/// An angle within (−π, π].
fn wrapped(angle: f64) -> f64 {
    angle - std::f64::consts::TAU * (angle / std::f64::consts::TAU).round()
}
