//! From where the images are found to be seen, in RELION's angles.

use verglas_scoring::LikelihoodFolder;
use verglas_scoring::pose::TemplatePose;

use crate::plots::{ViewMap, ViewingDirections};

/// How often each direction is found.
#[derive(Debug)]
pub(super) enum Directions {
    /// All structures have the same views: how often each was found.
    Views { map: ViewMap, counts: Vec<u64> },
    /// They differ: counts in cells of the sphere.
    Cells {
        /// Of each structure its views' rotations and tilts.
        angles: Vec<Vec<[f64; 2]>>,
        cells: ViewingDirections,
    },
    /// Why the directions are not known.
    Unknown(String),
}

impl Directions {
    /// Nothing counted yet, for structures at these places.
    pub(super) fn new(folder: &LikelihoodFolder, structures: &[usize]) -> Self {
        let mut angles: Vec<Vec<[f64; 2]>> = Vec::new();
        let mut weights = Vec::new();
        for &structure in structures {
            match folder.views(structure) {
                Err(error) => return Self::Unknown(error.to_string()),
                Ok((views, axes)) => {
                    let angles_of = |view: usize| {
                        let pose = TemplatePose {
                            azimuth: views.azimuth[view],
                            polar: views.polar[view],
                            gamma: views.gamma[view],
                            rotation: 0.0,
                            displacement_angstrom: [0.0; 2],
                        };
                        let pose = pose.in_relions_convention(axes).0;
                        [pose.rot, pose.tilt]
                    };
                    angles.push((0..views.len()).map(angles_of).collect());
                    weights = views.weight;
                }
            }
        }
        match angles.split_first() {
            Some((first, others)) if others.iter().all(|other| other == first) => {
                let counts = vec![0; first.len()];
                Self::Views { map: ViewMap { angles: angles.swap_remove(0), weights }, counts }
            }
            _ => Self::Cells { angles, cells: ViewingDirections::new() },
        }
    }

    /// Counts a view of the structure at place `structure` among those that are compared.
    pub(super) fn add(&mut self, structure: usize, view: usize) {
        match self {
            Self::Views { counts, .. } => {
                if let Some(count) = counts.get_mut(view) {
                    *count += 1;
                }
            }
            Self::Cells { angles, cells } => {
                if let Some(&[rot, tilt]) = angles[structure].get(view) {
                    cells.add(rot, tilt);
                }
            }
            Self::Unknown(_) => {}
        }
    }
}
