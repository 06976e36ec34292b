//! A row of the tables: one image against one structure.

use std::path::Path;

use verglas_core::error::Result;
use verglas_particles::stack::ImageSources;

use crate::column::ColumnType;
use crate::names::UnitNames;
use crate::number::Number;
use crate::pose::TemplatePose;
use crate::prepare::LikelihoodJob;
use crate::refined::{RefinedNumbers, column_types};
use crate::results::{UnitResults, best_of};
use crate::stacks::ImageStack;
use crate::structures::StructureTemplates;

/// The columns of the table of all images and structures, in order; those of a right likelihood stand before the last.
const COLUMNS: [(&str, ColumnType); 24] = [
    ("image", ColumnType::Whole),
    ("stack", ColumnType::Whole),
    ("index", ColumnType::Whole),
    ("row", ColumnType::Whole),
    ("uid", ColumnType::Identity),
    ("file", ColumnType::Text),
    ("section", ColumnType::Whole),
    ("structure", ColumnType::Whole),
    ("name", ColumnType::Text),
    ("cross_correlation", ColumnType::Real),
    ("template", ColumnType::Whole),
    ("displacement_x_angstrom", ColumnType::Double),
    ("displacement_y_angstrom", ColumnType::Double),
    ("inplane_rotation_deg", ColumnType::Double),
    ("log_likelihood_optimal", ColumnType::Double),
    ("log_likelihood_integrated", ColumnType::Double),
    ("rot_deg", ColumnType::Double),
    ("tilt_deg", ColumnType::Double),
    ("psi_deg", ColumnType::Double),
    ("origin_x_angstrom", ColumnType::Double),
    ("origin_y_angstrom", ColumnType::Double),
    ("at_edge", ColumnType::Truth),
    ("best", ColumnType::Truth),
    ("skipped", ColumnType::Text),
];

/// Columns that say which image and structure a row is about; the others but the last are what was found.
const N_OF_IMAGE: usize = 9;

/// ln L of an image if it showed nothing, the same in all its rows.
pub(crate) const NOISE: &str = "log_likelihood_noise";

/// The columns of a table, in order: more of them where the likelihood is right.
pub(crate) fn columns(right: bool) -> Vec<(&'static str, ColumnType)> {
    let (last, others) = COLUMNS.split_last().expect("there are columns");
    let of_right = right.then(column_types).into_iter().flatten();
    let of_right = of_right.chain(right.then_some((NOISE, ColumnType::Double)));
    others.iter().copied().chain(of_right).chain([*last]).collect()
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<T> {
    /// It is not known.
    Empty,
    Whole(i64),
    Identity(u64),
    Text(String),
    Real(T),
    Double(f64),
    Truth(bool),
}

/// A value of a table that is read again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Text(String),
}

/// The results of all structures against one stack.
pub(crate) struct StackResults<'a, T> {
    job: &'a LikelihoodJob,
    pub(crate) stack: &'a ImageStack,
    sources: ImageSources,
    units: Vec<UnitResults<T>>,
}

/// One image against one structure.
#[derive(Debug, Clone)]
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
    /// What a right likelihood says beside.
    pub(crate) refined: Option<RefinedNumbers>,
    /// ln L if the image showed nothing, by its best structure.
    pub(crate) noise: Option<f64>,
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
        let stack = &job.stacks[stack];
        let of_structure = |structure: &StructureTemplates| {
            let names = UnitNames::of(structure.place, stack.number);
            UnitResults::read(job.frame(), root, &names, stack.n_images, structure.views.len())
        };
        let units: Result<Vec<_>> = job.structures.iter().map(of_structure).collect();
        Ok(Self { job, stack, sources: stack.sources()?, units: units? })
    }

    /// The structure of the largest log-likelihood, the first of equals: its place among those that are compared. `None` of an
    /// image that was left out.
    pub(crate) fn best(&self, image: usize) -> Option<usize> {
        if self.units.iter().any(|unit| unit.left_out.contains_key(&image)) {
            return None;
        }
        Some(best_of(self.units.iter().map(|unit| unit.score(image))))
    }

    /// What a right likelihood says of an image and a structure, by its place among those that are compared.
    pub(crate) fn refined(&self, structure: usize, image: usize) -> Option<&RefinedNumbers> {
        self.units[structure]
            .refined
            .as_ref()?
            .get(image)
            .filter(|_| !self.units[structure].left_out.contains_key(&image))
    }

    /// An image of the stack against a structure, by its place among those that are compared.
    pub(crate) fn row(&self, image: usize, structure: usize, best: Option<usize>) -> Row<T> {
        let (job, unit) = (self.job, &self.units[structure]);
        let templates = &job.structures[structure];
        let (template, rotation) = (unit.template[image], unit.rotation[image]);
        let displacement_angstrom = unit.displacement_angstrom[image];
        let views = &templates.views;
        let pose = TemplatePose {
            azimuth: views.azimuth[template],
            polar: views.polar[template],
            gamma: views.gamma[template],
            rotation: job.angle(rotation),
            displacement_angstrom,
        };
        let (angles, origin_angstrom) = pose.in_relions_convention(templates.axis_order);
        let of_grid = ([angles.rot, angles.tilt, angles.psi].map(f64::to_degrees), origin_angstrom);
        let refined = unit.refined.as_ref().map(|refined| refined[image]);
        let (angles_deg, origin_angstrom) = refined.and_then(|refined| refined.pose()).unwrap_or(of_grid);
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
            refined,
            noise: best.and_then(|best| noise_of(&self.units[best], image)),
            angles_deg,
            origin_angstrom,
            is_at_edge: unit.is_at_edge[image],
            is_best: Some(structure) == best,
            skipped: unit.left_out.get(&image).cloned(),
        }
    }
}

/// ln L of an image if it showed nothing, by what was found with its best structure.
pub(crate) fn noise_of<T: Number>(best: &UnitResults<T>, image: usize) -> Option<f64> {
    let odds = best.refined.as_ref()?[image].get("log_odds_particle")?;
    Some(best.integrated.as_ref()?[image] - odds)
}

/// A text as CSV has it: in quotes where it must be.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

impl<T: Number> Row<T> {
    /// The values of [`columns`].
    pub(crate) fn into_cells(self) -> Vec<Cell<T>> {
        let whole = |value: usize| Cell::Whole(value as i64);
        let known = |value: Option<i64>| value.map_or(Cell::Empty, Cell::Whole);
        let [x, y] = self.displacement_angstrom;
        let [rot, tilt, psi] = self.angles_deg;
        let [origin_x, origin_y] = self.origin_angstrom;
        let is_skipped = self.skipped.is_some();
        let mut cells = vec![
            whole(self.image),
            whole(self.stack),
            whole(self.index),
            known(self.row),
            self.uid.map_or(Cell::Empty, Cell::Identity),
            self.file.map_or(Cell::Empty, Cell::Text),
            known(self.section),
            whole(self.structure),
            Cell::Text(self.name),
            Cell::Real(self.cross_correlation),
            whole(self.template),
            Cell::Double(x),
            Cell::Double(y),
            Cell::Double(self.inplane_rotation_deg),
            Cell::Double(self.optimal),
            self.integrated.map_or(Cell::Empty, Cell::Double),
            Cell::Double(rot),
            Cell::Double(tilt),
            Cell::Double(psi),
            Cell::Double(origin_x),
            Cell::Double(origin_y),
            Cell::Truth(self.is_at_edge),
            Cell::Truth(self.is_best),
        ];
        for ((_, of), &number) in column_types().zip(self.refined.iter().flat_map(|refined| refined.in_tables())) {
            cells.push(match of {
                _ if number.is_nan() => Cell::Empty,
                ColumnType::Whole => Cell::Whole(number as i64),
                _ => Cell::Double(number),
            });
        }
        if self.refined.is_some() {
            cells.push(self.noise.map_or(Cell::Empty, Cell::Double));
        }
        if is_skipped {
            // What the comparison would have found.
            cells[N_OF_IMAGE..].fill(Cell::Empty);
        }
        cells.push(self.skipped.map_or(Cell::Empty, Cell::Text));
        cells
    }

    /// The line of `results.csv`, without its end.
    pub(crate) fn into_csv(self) -> String {
        let text = |cell: Cell<T>| match cell {
            Cell::Empty => String::new(),
            Cell::Whole(value) => value.to_string(),
            Cell::Identity(value) => value.to_string(),
            Cell::Text(text) => quoted(&text),
            Cell::Real(value) => value.to_string(),
            Cell::Double(value) => value.to_string(),
            Cell::Truth(value) => u8::from(value).to_string(),
        };
        self.into_cells().into_iter().map(text).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_of_its_columns_type() {
        let row = Row {
            image: 9,
            stack: 1,
            index: 2,
            row: Some(3),
            uid: Some(u64::MAX),
            file: Some("a,b".to_owned()),
            section: Some(5),
            structure: 6,
            name: "c".to_owned(),
            cross_correlation: 0.1_f32,
            template: 7,
            displacement_angstrom: [-0.5, 1e-7],
            inplane_rotation_deg: 30.0,
            optimal: -1234.5,
            integrated: Some(-1230.25),
            refined: None,
            noise: Some(2.5),
            angles_deg: [1.0, 2.0, 3.0],
            origin_angstrom: [4.0, 5.0],
            is_at_edge: true,
            is_best: false,
            skipped: Some("why".to_owned()),
        };
        let is_skipped = row.clone().into_cells();
        assert!(
            is_skipped[N_OF_IMAGE..23].iter().all(|cell| *cell == Cell::Empty)
                && is_skipped[8] == Cell::Text("c".to_owned())
        );
        assert_eq!(is_skipped[23], Cell::Text("why".to_owned()));
        let row = Row { skipped: None, ..row };
        let right = Row { refined: Some(RefinedNumbers(std::array::from_fn(|at| at as f64))), ..row.clone() };
        let both = [(row.clone().into_cells(), columns(false)), (right.into_cells(), columns(true))];
        assert!(both.iter().all(|(cells, columns)| cells.len() == columns.len()));
        let all = both.iter().flat_map(|(cells, columns)| cells.iter().zip(columns.iter().copied()));
        for (cell, (name, of)) in all {
            let found = match cell {
                Cell::Empty if name == "skipped" => ColumnType::Text,
                Cell::Empty => panic!("{name} is empty"),
                Cell::Whole(_) => ColumnType::Whole,
                Cell::Identity(_) => ColumnType::Identity,
                Cell::Text(_) => ColumnType::Text,
                Cell::Real(_) => ColumnType::Real,
                Cell::Double(_) => ColumnType::Double,
                Cell::Truth(_) => ColumnType::Truth,
            };
            assert_eq!(found, of, "{name}");
        }
        let line = "9,1,2,3,18446744073709551615,\"a,b\",5,6,c,0.1,7,-0.5,0.0000001,30,-1234.5,-1230.25,1,2,3,4,5,1,0,";
        assert_eq!(row.clone().into_csv(), line);
        let unknown = Row { row: None, uid: None, file: None, section: None, integrated: None, ..row };
        assert!(unknown.into_csv().starts_with("9,1,2,,,,,6,c,0.1,7,"));
    }

    #[test]
    fn texts_are_quoted_where_csv_needs_it() {
        assert_eq!(quoted("a b.mrcs"), "a b.mrcs");
        assert_eq!(quoted("a,\"b\".mrcs"), "\"a,\"\"b\"\".mrcs\"");
    }
}
