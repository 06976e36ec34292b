//! Poses that images have already: angles and origins of the rows of their metadata.

use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted};
use verglas_core::hint::{Hint, Setting};
use verglas_fourier::pose::Pose;
use verglas_likelihood::PosePrior;
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::refine::ContinuousPose;
use verglas_particles::metadata::NOT_KNOWN_DEG;
use verglas_particles::particle::OriginColumn;
use verglas_particles::stack::StackColumns;
use verglas_structures::AxisOrder;

use crate::pose::from_relions_convention;
use crate::right::PosesFrom;
use crate::settings::LikelihoodSettings;
use crate::stacks::{ImageStack, StackOrigin};

/// How far poses may lie from the images' own.
#[derive(Debug)]
pub(crate) struct KnownPoses {
    pub(crate) prior: PosePrior,
    /// The displacements that are tried, from the known ones.
    pub(crate) displacements: Displacements,
    /// Whether images without a pose are searched everywhere.
    pub(crate) are_some_searched: bool,
}

impl KnownPoses {
    pub(crate) fn new(prior: PosePrior, grid: &Displacements, from: PosesFrom) -> Option<Self> {
        let displacements = Displacements::near(grid.grid()?, &prior);
        Some(Self { prior, displacements, are_some_searched: from == PosesFrom::SourceOrSearch })
    }
}

/// RELION's angles in radians and origin in Å of one image.
pub(crate) type KnownPose = (Pose, [f64; 2]);

impl ImageStack {
    /// The angles and origins that are known of each image; an origin that is not is 0.
    ///
    /// # Errors
    /// When the metadata can't be read.
    pub(crate) fn known_poses(&self) -> Result<Vec<Option<KnownPose>>> {
        if self.n_images == 0 {
            return Ok(Vec::new());
        }
        let read;
        let (poses, origins) = match &self.origin {
            StackOrigin::Files { metadata, .. } => {
                let mut columns = StackColumns::open(metadata)?;
                read = (columns.pose(self.n_images)?, columns.origin(self.n_images)?);
                (&read.0, &read.1)
            }
            StackOrigin::Particles(conversion) => (&conversion.table().pose, &conversion.table().origin),
            StackOrigin::Recorded => return Err(self.not_made_again()),
        };
        let at = |column: &Option<OriginColumn>, place: usize| {
            column.as_ref().map_or(0.0, |column| column.values.get(place))
        };
        let of = |image: usize| {
            let place = match &self.origin {
                StackOrigin::Files { .. } | StackOrigin::Recorded => image,
                StackOrigin::Particles(conversion) => conversion.particle_of(self.number, image),
            };
            let pose = poses.get(place)?;
            let origin = [at(&origins.x, place), at(&origins.y, place)];
            let degrees = [pose.rot, pose.tilt, pose.psi].map(f64::to_degrees);
            let is_known = degrees.iter().all(|angle| angle.is_finite() && (angle - NOT_KNOWN_DEG).abs() > 1e-6)
                && origin.iter().all(|origin| origin.is_finite());
            is_known.then_some((pose, origin))
        };
        Ok((0..self.n_images).map(of).collect())
    }
}

/// Poses on the axes of a structure's templates.
pub(crate) fn on_axes(known: &[Option<KnownPose>], axes: AxisOrder) -> Vec<Option<ContinuousPose>> {
    known.iter().map(|known| known.map(|(pose, origin)| from_relions_convention(&pose, origin, axes))).collect()
}

/// How far poses may lie from the images' own, where they are taken from these: whether every image has one.
pub(crate) fn check_known(
    stacks: &[ImageStack],
    settings: &LikelihoodSettings,
    findings: &mut Findings,
) -> Option<(PosePrior, PosesFrom)> {
    let right = settings.likelihood.right().filter(|right| right.poses_from != PosesFrom::Search)?;
    if settings.pairs || settings.full_cross_correlation {
        findings.error(Error::value("near known poses there are neither pairs nor all correlations"));
    }
    let prior = right.prior().map_err(|error| findings.error(error)).ok().map(|prior| (prior, right.poses_from));
    let (mut n, mut n_known, mut first) = (0, 0, None);
    for stack in stacks {
        match stack.known_poses() {
            Ok(known) => {
                n += known.len();
                n_known += known.iter().flatten().count();
                if let (None, Some(image)) = (&first, known.iter().position(Option::is_none)) {
                    first = Some(stack.label_of(image));
                }
            }
            Err(error) => findings.error(error),
        }
    }
    let Some(first) = first else { return prior };
    let images = counted(n, "image");
    if n_known == 0 {
        findings.error(
            Error::value(format!("none of {images} has known angles: rlnAngleRot, rlnAngleTilt and rlnAnglePsi, or alignments3D/pose, are wanted"))
                .with_hint("search all poses with " + Hint::Choose(Setting::PosesFrom, "search")),
        );
    } else if right.poses_from == PosesFrom::Source {
        findings.error(
            Error::value(format!("{} of {images} have no known angles, the first of them is {first}", n - n_known))
                .with_hint(
                    "search the poses of these images with " + Hint::Choose(Setting::PosesFrom, "source,search"),
                ),
        );
    } else {
        findings.note(format!("{} of {images} have no known angles: all their poses are searched", n - n_known));
    }
    prior
}
