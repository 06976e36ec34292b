//! What a unit wrote, read again.

use std::ops::Range;
use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_formats::pt::PtFile;
use verglas_likelihood::displacements::Displacements;

use crate::left_out::{self, LeftOut};
use crate::names::UnitNames;
use crate::number::Number;
use crate::prepare::LikelihoodJob;
use crate::refined::{FIELDS, RefinedNumbers};

/// The results of one structure against one stack, one for each image.
#[derive(Debug)]
pub(crate) struct UnitResults<T> {
    pub(crate) cross_correlation: Vec<T>,
    pub(crate) template: Vec<usize>,
    /// Displacements of templates in their own frame.
    pub(crate) displacement_angstrom: Vec<[f64; 2]>,
    /// Whether the pose is at the edge of what was searched.
    pub(crate) is_at_edge: Vec<bool>,
    /// w, the rotation being 2πw/P.
    pub(crate) rotation: Vec<usize>,
    pub(crate) optimal: Vec<f64>,
    pub(crate) integrated: Option<Vec<f64>>,
    /// What a right likelihood says beside.
    pub(crate) refined: Option<Vec<RefinedNumbers>>,
    /// Images that were left out: their other values mean nothing.
    pub(crate) left_out: LeftOut,
}

/// What the numbers in a unit's files are counted in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResultFrame<'a> {
    pub(crate) displacements: &'a Displacements,
    /// P, rotations that were tried.
    pub(crate) n_inplanes: usize,
    /// Whether likelihoods were integrated.
    pub(crate) integrated: bool,
    /// Whether they are right.
    pub(crate) right: bool,
}

impl LikelihoodJob {
    /// What its results are counted in.
    pub(crate) fn frame(&self) -> ResultFrame<'_> {
        ResultFrame {
            displacements: &self.displacements,
            n_inplanes: self.geometry.n_inplanes(),
            integrated: self.settings.integrated,
            right: self.right().is_some(),
        }
    }
}

impl<T: Number> UnitResults<T> {
    /// Reads the files below `root` that are called `names`: of `n` images, and a structure with so many views.
    ///
    /// # Errors
    /// When one can't be read, or holds what no such run writes.
    pub(crate) fn read(
        frame: ResultFrame<'_>,
        root: &Path,
        names: &UnitNames,
        n: usize,
        n_views: usize,
    ) -> Result<Self> {
        let left_out = left_out::read(&root.join(&names.left_out), n)?;
        let [template, x, y, rotation] = names.optimal_pose.each_ref().map(|name| root.join(name));
        let is_kept = |image: usize| !left_out.contains_key(&image);
        // What stands in the place of images that were left out is no number.
        let place = |(image, place): (usize, i64)| match is_kept(image) {
            true => usize::try_from(place).unwrap_or(usize::MAX),
            false => 0,
        };
        let places: Vec<usize> = read_whole(&template, n)?.into_iter().enumerate().map(place).collect();
        let refined = match frame.right {
            true => Some(read_refined(&root.join(&names.refined), n, 0..n)?),
            false => None,
        };
        let at_edge_of_prior =
            |image: usize| refined.as_ref().and_then(|refined: &Vec<RefinedNumbers>| refined[image].get("is_at_edge"));
        let set = frame.displacements.angstrom();
        let stored: Vec<[T; 2]> = set.iter().map(|d| d.map(T::from_f64)).collect();
        let (d_0, d_1) = (read_numbers::<T>(&x, n)?, read_numbers::<T>(&y, n)?);
        let found = d_0.into_iter().zip(d_1).enumerate().map(|(image, (d_0, d_1))| {
            if !is_kept(image) {
                return Some(([0.0; 2], false));
            }
            // From a known one it may be any.
            if let Some(is_at_edge) = at_edge_of_prior(image) {
                let displacement = [d_0.to_f64(), d_1.to_f64()];
                return displacement.iter().all(|d| d.is_finite()).then_some((displacement, is_at_edge != 0.0));
            }
            let place = stored.iter().position(|d| *d == [d_0, d_1])?;
            Some((set[place], frame.displacements.is_at_rim()[place]))
        });
        let displacements: Option<Vec<([f64; 2], bool)>> = found.collect();
        let turns = |angle: T| (angle.to_f64() / std::f64::consts::TAU * frame.n_inplanes as f64).round() as usize;
        let rotations: Vec<usize> = read_numbers::<T>(&rotation, n)?.into_iter().map(turns).collect();
        let altered =
            |path: &Path| Error::format(format!("`{}` holds a value that this run can't have written", path.display()));
        if places.iter().any(|&place| place >= n_views) {
            return Err(altered(&template));
        }
        if rotations.iter().any(|&rotation| rotation >= frame.n_inplanes) {
            return Err(altered(&rotation));
        }
        let (displacement_angstrom, is_at_edge) = displacements.ok_or_else(|| altered(&x))?.into_iter().unzip();
        Ok(Self {
            cross_correlation: read_numbers(&root.join(&names.cross_correlation), n)?,
            template: places,
            displacement_angstrom,
            is_at_edge,
            rotation: rotations,
            optimal: read_numbers(&root.join(&names.optimal), n)?,
            integrated: match frame.integrated {
                true => Some(read_numbers(&root.join(&names.integrated), n)?),
                false => None,
            },
            refined,
            left_out,
        })
    }

    /// What structures are compared by: the integrated log-likelihood of an image, else the optimal one.
    pub(crate) fn score(&self, image: usize) -> f64 {
        self.integrated.as_ref().unwrap_or(&self.optimal)[image]
    }
}

/// Which of several structures an image fits best by these scores: the first of equals.
pub(crate) fn best_of(scores: impl Iterator<Item = f64>) -> usize {
    let larger = |best: (usize, f64), (place, score)| if score > best.1 { (place, score) } else { best };
    scores.enumerate().fold((0, f64::NEG_INFINITY), larger).0
}

/// A tensor of one number for each image.
pub(crate) fn read_numbers<T: Number>(path: &Path, n: usize) -> Result<Vec<T>> {
    let mut file = open(path, &[n])?;
    if file.tensor().element_type() != T::DTYPE.element_type() {
        return Err(Error::format(format!(
            "`{}` holds values of type {}, expected {}",
            path.display(),
            file.tensor().element_type().name(),
            T::DTYPE.element_type().name()
        )));
    }
    let bytes = file.read_bytes(0..n as u64).map_err(|error| Error::from_format(path, error))?;
    Ok(bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect())
}

fn read_whole(path: &Path, n: usize) -> Result<Vec<i64>> {
    open(path, &[n])?.read_i64(0..n as u64).map_err(|error| Error::from_format(path, error))
}

/// Some rows of the file of a right likelihood's numbers, which is of `n` images.
pub(crate) fn read_refined(path: &Path, n: usize, images: Range<usize>) -> Result<Vec<RefinedNumbers>> {
    let mut file = open(path, &[n, FIELDS.len()])?;
    let rows = images.start as u64..images.end as u64;
    let numbers = file.read_f64(rows).map_err(|error| Error::from_format(path, error))?;
    Ok(numbers.chunks_exact(FIELDS.len()).map(RefinedNumbers::of_row).collect())
}

fn open(path: &Path, expected: &[usize]) -> Result<PtFile> {
    let file = PtFile::open(path).map_err(|error| Error::from_format(path, error))?;
    let shape = file.tensor().shape();
    if !shape.iter().copied().eq(expected.iter().map(|&n| n as u64)) {
        return Err(Error::format(format!("`{}` has the shape {shape:?}, expected {expected:?}", path.display())));
    }
    Ok(file)
}
