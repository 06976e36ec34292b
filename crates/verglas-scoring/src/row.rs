//! A row of the tables: one image against one structure.

use std::path::Path;

use verglas_core::error::Result;
use verglas_particles::stack::ImageSources;

use crate::number::Number;
use crate::pose::TemplatePose;
use crate::prepare::LikelihoodJob;
use crate::results::UnitResults;
use crate::stacks::ImageStack;

/// The columns of `results.csv`.
pub(crate) const COLUMNS: [&str; 24] = [
    "image",
    "stack",
    "index",
    "row",
    "uid",
    "file",
    "section",
    "structure",
    "name",
    "cross_correlation",
    "template",
    "displacement_x_angstrom",
    "displacement_y_angstrom",
    "inplane_rotation_deg",
    "log_likelihood_optimal",
    "log_likelihood_integrated",
    "rot_deg",
    "tilt_deg",
    "psi_deg",
    "origin_x_angstrom",
    "origin_y_angstrom",
    "at_edge",
    "best",
    "skipped",
];

/// The results of all structures against one stack.
pub(crate) struct StackResults<'a, T> {
    job: &'a LikelihoodJob,
    pub(crate) stack: &'a ImageStack,
    sources: ImageSources,
    units: Vec<UnitResults<T>>,
}

/// One image against one structure.
pub(crate) struct Row<T> {
    /// The image's place among all.
    pub(crate) image: usize,
    pub(crate) stack: usize,
    /// The image's place in the stack.
    pub(crate) index: usize,
    pub(crate) row: Option<i64>,
    pub(crate) uid: Option<u64>,
    pub(crate) file: Option<String>,
    /// From 0.
    pub(crate) section: Option<i64>,
    /// The structure's place in the list.
    pub(crate) structure: usize,
    pub(crate) name: String,
    pub(crate) cross_correlation: T,
    pub(crate) template: usize,
    pub(crate) displacement_angstrom: [f64; 2],
    pub(crate) inplane_rotation_deg: f64,
    pub(crate) optimal: f64,
    pub(crate) integrated: Option<f64>,
    /// rot, tilt, psi.
    pub(crate) angles_deg: [f64; 3],
    pub(crate) origin_angstrom: [f64; 2],
    pub(crate) is_at_edge: bool,
    pub(crate) is_best: bool,
    /// Why the image was left out, if it was: then only what says where it comes from means anything, and the structure.
    pub(crate) skipped: Option<String>,
}

impl<'a, T: Number> StackResults<'a, T> {
    /// Reads what all structures' units below `root` say of the stack at place `stack`.
    ///
    /// # Errors
    /// When a file can't be read, or is not what the job writes.
    pub(crate) fn read(job: &'a LikelihoodJob, root: &Path, stack: usize) -> Result<Self> {
        let units: Result<Vec<_>> = (0..job.structures.len())
            .map(|structure| UnitResults::read(job, root, structure * job.stacks.len() + stack))
            .collect();
        let stack = &job.stacks[stack];
        Ok(Self { job, stack, sources: stack.sources()?, units: units? })
    }

    /// The structure of the largest log-likelihood, the first of equals: its place among those that are compared. `None` of an
    /// image that was left out.
    pub(crate) fn best(&self, image: usize) -> Option<usize> {
        if self.units.iter().any(|unit| unit.left_out.contains_key(&image)) {
            return None;
        }
        let scores = self.units.iter().map(|unit| unit.score(image));
        let larger = |best: (usize, f64), (place, score)| if score > best.1 { (place, score) } else { best };
        Some(scores.enumerate().fold((0, f64::NEG_INFINITY), larger).0)
    }

    /// An image of the stack against a structure, by its place among those that are compared.
    pub(crate) fn row(&self, image: usize, structure: usize, best: Option<usize>) -> Row<T> {
        let (job, unit) = (self.job, &self.units[structure]);
        let templates = &job.structures[structure];
        let (template, rotation) = (unit.template[image], unit.rotation[image]);
        let place = unit.displacement[image];
        let displacement_angstrom = job.displacements.angstrom()[place];
        let views = &templates.views;
        let pose = TemplatePose {
            azimuth: views.azimuth[template],
            polar: views.polar[template],
            gamma: views.gamma[template],
            rotation: job.angle(rotation),
            displacement_angstrom,
        };
        let (angles, origin_angstrom) = pose.in_relions_convention(templates.axis_order);
        let file = self.sources.files.get(image).map(|file| String::from_utf8_lossy(file).into_owned());
        Row {
            image: self.stack.first_image + image,
            stack: self.stack.number,
            index: image,
            row: self.sources.rows.get(image).copied(),
            uid: self.sources.uids.get(image).copied(),
            file,
            section: self.sources.sections.get(image).copied(),
            structure: templates.place,
            name: templates.name.clone(),
            cross_correlation: unit.cross_correlation[image],
            template,
            displacement_angstrom,
            inplane_rotation_deg: 360.0 * rotation as f64 / job.geometry.n_inplanes() as f64,
            optimal: unit.optimal[image],
            integrated: unit.integrated.as_ref().map(|integrated| integrated[image]),
            angles_deg: [angles.rot, angles.tilt, angles.psi].map(f64::to_degrees),
            origin_angstrom,
            is_at_edge: job.is_at_edge(place),
            is_best: Some(structure) == best,
            skipped: unit.left_out.get(&image).cloned(),
        }
    }
}

impl LikelihoodJob {
    /// Whether a displacement is on the rim of the square that is searched, if one is.
    fn is_at_edge(&self, displacement: usize) -> bool {
        self.settings.max_displacement_pixels > 0.0 && self.displacements.is_at_rim()[displacement]
    }
}

/// A value that may be absent.
fn optional(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A text as CSV has it: in quotes where it must be.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

impl<T: Number> Row<T> {
    /// The line of `results.csv`, without its end.
    pub(crate) fn to_csv(&self) -> String {
        let [x, y] = self.displacement_angstrom;
        let [rot, tilt, psi] = self.angles_deg;
        let [origin_x, origin_y] = self.origin_angstrom;
        let of_image = |value: String| if self.skipped.is_none() { value } else { String::new() };
        [
            self.image.to_string(),
            self.stack.to_string(),
            self.index.to_string(),
            optional(self.row),
            optional(self.uid),
            quoted(self.file.as_deref().unwrap_or_default()),
            optional(self.section),
            self.structure.to_string(),
            quoted(&self.name),
            of_image(self.cross_correlation.to_string()),
            of_image(self.template.to_string()),
            of_image(x.to_string()),
            of_image(y.to_string()),
            of_image(self.inplane_rotation_deg.to_string()),
            of_image(self.optimal.to_string()),
            of_image(optional(self.integrated)),
            of_image(rot.to_string()),
            of_image(tilt.to_string()),
            of_image(psi.to_string()),
            of_image(origin_x.to_string()),
            of_image(origin_y.to_string()),
            of_image(u8::from(self.is_at_edge).to_string()),
            of_image(u8::from(self.is_best).to_string()),
            quoted(self.skipped.as_deref().unwrap_or_default()),
        ]
        .join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_csv_needs_it() {
        assert_eq!(quoted("a b.mrcs"), "a b.mrcs");
        assert_eq!(quoted("a,\"b\".mrcs"), "\"a,\"\"b\"\".mrcs\"");
    }
}
