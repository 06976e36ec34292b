//! What the comparison found, against the truth: which structure each image shows, at which pose, and how often.

use verglas::pose::{Matrix3, Pose};
use verglas::scoring::{LikelihoodFolder, RefinedNumbers};
use verglas::simulate::{ImageSimulator, SimulationSettings};
use verglas::weights::{Interval, WeightsRecord};
use verglas::{Error, Result};
use verglas_run::manifest::FolderRecord;

use super::{Folders, PIXEL_SIZE_ANGSTROM};

/// How structures and poses that were found compare with the true ones.
#[derive(Debug)]
pub struct Found {
    pub n_images: usize,
    /// Images whose best structure is the true one.
    pub n_right: usize,
    pub shares: Vec<Share>,
    /// Median angle between the viewing direction found with the true structure and the true one.
    pub view_deg: f64,
    /// The same of the whole rotation.
    pub rotation_deg: f64,
    /// Median distance of origins.
    pub origin_angstrom: f64,
}

/// A structure's share of the images.
#[derive(Debug)]
pub struct Share {
    pub name: String,
    pub truth: f64,
    pub weight: f64,
    pub interval: Interval,
}

impl Found {
    pub fn share_right(&self) -> f64 {
        self.n_right as f64 / self.n_images as f64
    }

    /// What is not as it should be, if anything.
    pub fn wrong(&self) -> Option<String> {
        /// Of the images, at least.
        const RIGHT: f64 = 0.97;
        const FAR_DEG: f64 = 5.0;
        const FAR_PIXELS: f64 = 0.5;
        if self.share_right() < RIGHT {
            return Some(format!("{} of {} images go with the structure that they show", self.n_right, self.n_images));
        }
        let is_outside = |share: &&Share| !(share.interval.lo95..=share.interval.hi95).contains(&share.truth);
        if let Some(share) = self.shares.iter().find(is_outside) {
            return Some(format!(
                "`{}` has a weight of {:.3} ({:.3} to {:.3}), in truth {:.3}",
                share.name, share.weight, share.interval.lo95, share.interval.hi95, share.truth
            ));
        }
        let is_near = self.view_deg < FAR_DEG && self.origin_angstrom < FAR_PIXELS * PIXEL_SIZE_ANGSTROM;
        (!is_near).then(|| {
            format!("poses are {:.1}° and {:.2} Å from the true ones (medians)", self.view_deg, self.origin_angstrom)
        })
    }
}

/// Compares likelihoods and weights with what `simulation` makes.
///
/// # Errors
/// When likelihoods can't be read, or are not of these images and structures.
pub fn compare(folders: &Folders, simulation: &SimulationSettings, weights: &WeightsRecord) -> Result<Found> {
    let root = &folders.likelihood;
    let other = |what: &str| Error::format(format!("`{}` {what}", root.display()));
    let likelihoods = LikelihoodFolder::new(root, &FolderRecord::read(root)?)?;
    let n_structures = simulation.structures.len();
    let n_images = simulation.n_particles;
    let stacks = likelihoods.n_images().to_vec();
    let is_of_these = likelihoods.n_structures() == n_structures
        && stacks.iter().sum::<usize>() == n_images
        && weights.structures.len() == n_structures;
    if !is_of_these {
        return Err(other("is not of the images and structures that were simulated"));
    }
    let simulator = ImageSimulator::new(simulation)?;
    let mut n_right = 0;
    let mut n_of_structures = vec![0; n_structures];
    let (mut views, mut rotations, mut origins) = (Vec::new(), Vec::new(), Vec::new());
    let mut image = 0;
    for (stack, &n) in stacks.iter().enumerate() {
        let scores = (0..n_structures)
            .map(|structure| likelihoods.scores(structure, stack, 0..n))
            .collect::<Result<Vec<_>>>()?;
        let refined = (0..n_structures)
            .map(|structure| Ok(likelihoods.refined(structure, stack, 0..n)?.unwrap_or_default()))
            .collect::<Result<Vec<_>>>()?;
        for place in 0..n {
            let truth = simulator.particle(image);
            image += 1;
            n_of_structures[truth.structure] += 1;
            let of_truth = scores[truth.structure].log_likelihood[place];
            n_right += usize::from(scores.iter().all(|scores| scores.log_likelihood[place] <= of_truth));
            let pose = refined[truth.structure].get(place).and_then(pose_of);
            let (pose, origin) = pose.ok_or_else(|| other("has no poses between the grid's"))?;
            let (rotation, true_rotation) = (pose.matrix(), truth.pose.matrix());
            views.push(angle_deg(rotation[2], true_rotation[2]));
            rotations.push(turn_deg(&rotation, &true_rotation));
            origins.push((origin[0] - truth.origin_angstrom[0]).hypot(origin[1] - truth.origin_angstrom[1]));
        }
    }
    let shares = weights.structures.iter().zip(n_of_structures).map(|(structure, n)| Share {
        name: structure.name.clone(),
        truth: n as f64 / n_images as f64,
        weight: structure.weight,
        interval: structure.interval.unwrap_or_default(),
    });
    Ok(Found {
        n_images,
        n_right,
        shares: shares.collect(),
        view_deg: median(views),
        rotation_deg: median(rotations),
        origin_angstrom: median(origins),
    })
}

/// The pose between the grid's poses, and its origin.
fn pose_of(numbers: &RefinedNumbers) -> Option<(Pose, [f64; 2])> {
    let get = |name| numbers.get(name);
    let pose = Pose::from_degrees(get("rot_deg")?, get("tilt_deg")?, get("psi_deg")?);
    Some((pose, [get("origin_x_angstrom")?, get("origin_y_angstrom")?]))
}

/// The angle between two directions.
fn angle_deg(a: [f64; 3], b: [f64; 3]) -> f64 {
    product(&[a], &[b]).clamp(-1.0, 1.0).acos().to_degrees()
}

/// The angle by which one rotation must be turned to be the other.
fn turn_deg(a: &Matrix3, b: &Matrix3) -> f64 {
    (0.5 * (product(a, b) - 1.0)).clamp(-1.0, 1.0).acos().to_degrees()
}

fn product(a: &[[f64; 3]], b: &[[f64; 3]]) -> f64 {
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| a * b).sum()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let n = numbers.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => numbers[n / 2],
        _ => 0.5 * (numbers[n / 2 - 1] + numbers[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        let share = |name: &str, truth: f64, weight: f64| Share {
            name: name.to_owned(),
            truth,
            weight,
            interval: Interval { lo95: weight - 0.1, hi95: weight + 0.1, ..Interval::default() },
        };
        Found {
            n_images: 100,
            n_right: 99,
            shares: vec![share("open", 0.35, 0.3), share("closed", 0.65, 0.7)],
            view_deg: 2.0,
            rotation_deg: 3.0,
            origin_angstrom: 0.5,
        }
    }

    #[test]
    fn what_is_not_as_it_should_be_is_said() {
        assert_eq!(found().wrong(), None);
        let mut doubtful = found();
        doubtful.shares[1].truth = 0.85;
        for (found, told) in [
            (Found { n_right: 90, ..found() }, "90 of 100 images go with the structure"),
            (doubtful, "`closed` has a weight of 0.700 (0.600 to 0.800), in truth 0.850"),
            (Found { view_deg: 20.0, ..found() }, "poses are 20.0° and 0.50 Å"),
            (Found { origin_angstrom: f64::NAN, ..found() }, "poses are 2.0° and NaN Å"),
        ] {
            assert!(found.wrong().is_some_and(|wrong| wrong.contains(told)), "{told}");
        }
    }

    #[test]
    fn angles_and_medians() {
        assert!((angle_deg([1.0, 0.0, 0.0], [0.0, 0.0, -1.0]) - 90.0).abs() < 1e-9);
        let [a, b] = [0.2, 0.7].map(|psi| Pose { rot: 0.4, tilt: 1.0, psi }.matrix());
        assert!((turn_deg(&a, &b) - 0.5_f64.to_degrees()).abs() < 1e-9);
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0])), (2.0, 2.5));
    }
}
