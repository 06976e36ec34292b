//! Do tables say what the units' files say?

use std::path::{Path, PathBuf};

use verglas_core::Choice;
use verglas_core::StopFlag;
use verglas_core::error::{Error, Result};
use verglas_core::findings::Warning;
use verglas_fourier::sphere::Views;
use verglas_likelihood::displacements::Displacements;
use verglas_run::manifest::{InputRole, Manifest, size_and_time};
use verglas_run::verify::Problem;
use verglas_structures::AxisOrder;
use verglas_structures::templates::TemplateStack;

use crate::manifest::RecordedLikelihood;
use crate::names::{CSV, PARQUET, STAR, UnitNames};
use crate::number::Number;
use crate::pose::TemplatePose;
use crate::results::{ResultFrame, UnitResults, best_of};
use crate::row::noise_of;
use crate::settings::TableFormat;
use crate::table_rows::{NUMBERS, TableRow, TableRows, numbers};

/// How far an angle or an origin may be off: what writing and reading decimals, and computing anew, may change.
const SAME: f64 = 1e-9;
/// The first of the columns of poses among [`NUMBERS`]: they follow from the units' files and from the templates' views.
const POSES: usize = 13;
/// The first of those that follow from the units' files alone.
const ORIGINS: usize = 16;
/// The first that an image which was left out has not.
const OF_IMAGE: usize = 4;
/// The log-likelihood that is not always there.
const INTEGRATED: usize = 10;

/// The name of a table's file.
pub(crate) fn file_of(format: TableFormat) -> &'static str {
    match format {
        TableFormat::Csv => CSV,
        TableFormat::Parquet => PARQUET,
        TableFormat::Star => STAR,
    }
}

/// The tables that a folder has.
pub(crate) fn tables_of(settings: &RecordedLikelihood) -> impl Iterator<Item = TableFormat> {
    TableFormat::ALL.iter().copied().filter(|format| settings.table.iter().any(|name| name == format.name()))
}

/// Compares every number of the tables in `folder` with the units' files.
pub(crate) fn check_tables(
    folder: &Path,
    settings: &RecordedLikelihood,
    parts: &[Manifest],
    stop: &StopFlag,
) -> (Vec<Problem>, Vec<Warning>) {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let views = views_of(settings, parts);
    if views.iter().any(Option::is_none) {
        let message = "the templates are not there as they were: angles in the tables are not compared";
        warnings.push(Warning { code: "angles-not-compared", message: message.into() });
    }
    for format in tables_of(settings) {
        if !format.is_built() {
            let why = TableFormat::without_parquet();
            let message = format!("`{}` is not compared with the units' files: {why}", file_of(format));
            warnings.push(Warning { code: "table-not-compared", message: message.into() });
            continue;
        }
        let compared = match settings.precision.as_str() {
            "double" => compare::<f64>(folder, settings, &views, format, stop),
            _ => compare::<f32>(folder, settings, &views, format, stop),
        };
        match compared {
            Ok(None) => {}
            Ok(Some(difference)) => problems.push(Problem::new("table-differs", difference)),
            Err(error) => problems.push(Problem::new("table-unreadable", error.to_string())),
        }
    }
    (problems, warnings)
}

/// The views of a structure's templates, and whether x and z are exchanged.
type StructureViews = Option<(Views, AxisOrder)>;

/// Those of all structures, as far as their templates are what they were.
fn views_of(settings: &RecordedLikelihood, parts: &[Manifest]) -> Vec<StructureViews> {
    let tensors = parts.first().map_or(Vec::new(), |part| {
        let of_templates = part.inputs.iter().filter(|input| {
            input.role == Some(InputRole::Structure) && input.path.extension().is_some_and(|ending| ending == "pt")
        });
        of_templates.map(|input| (part.locate(&input.path), input.bytes)).collect()
    });
    let of_tensor = |(path, bytes): &(PathBuf, Option<u64>)| {
        if size_and_time(path).0 != *bytes {
            return None;
        }
        let stack = TemplateStack::open(path).ok()?;
        let facts = stack.facts()?;
        Some((facts.views.clone(), facts.axis_order.unwrap_or_default()))
    };
    (0..settings.structures.len()).map(|place| tensors.get(place).and_then(of_tensor)).collect()
}

/// The first difference between a table and the units' files.
fn compare<T: Number>(
    folder: &Path,
    settings: &RecordedLikelihood,
    views: &[StructureViews],
    format: TableFormat,
    stop: &StopFlag,
) -> Result<Option<String>> {
    let name = file_of(format);
    let [n_0, n_1] = settings.displacements;
    let displacements = Displacements::new(settings.max_displacement, settings.pixel_size[0], n_0, n_1)
        .map_err(|error| Error::value(error.to_string()))?;
    let frame = ResultFrame {
        displacements: &displacements,
        n_inplanes: settings.n_inplanes,
        integrated: settings.integrated,
        right: settings.is_right(),
    };
    let mut rows = TableRows::open(&folder.join(name), format, settings.integrated, settings.is_right())?;
    let (mut n_rows, mut first_image) = (0_u64, 0);
    for (stack, &n_images) in settings.n_images.iter().enumerate() {
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Ok(None);
        }
        let units: Result<Vec<UnitResults<T>>> = settings
            .structure_places
            .iter()
            .zip(&settings.n_templates)
            .map(|(&structure, &n_views)| {
                UnitResults::read(frame, folder, &UnitNames::of(structure, stack), n_images, n_views)
            })
            .collect();
        let units = units?;
        for index in 0..n_images {
            let is_left_out = units.iter().any(|unit| unit.left_out.contains_key(&index));
            if is_left_out && format == TableFormat::Star {
                // They are listed in a block of their own.
                continue;
            }
            let best = best_of(units.iter().map(|unit| unit.score(index)));
            for (place, unit) in units.iter().enumerate() {
                if format == TableFormat::Star && place != best {
                    continue;
                }
                let at = Place { image: first_image + index, stack, index, structure: place };
                let Some(found) = rows.next_row()? else {
                    return Ok(Some(format!(
                        "`{name}` ends after {n_rows} rows: that of {} is missing",
                        at.said(settings)
                    )));
                };
                let mut expected = expected(settings, frame, unit, views.get(place).and_then(Option::as_ref), at, best);
                if unit.refined.is_some() {
                    expected.numbers.push(noise_of(&units[best], index));
                }
                if is_left_out {
                    expected.numbers[OF_IMAGE..].fill(None);
                    expected.skipped = unit.left_out.get(&index).cloned();
                }
                if let Some(difference) = difference::<T>(&found, &expected) {
                    return Ok(Some(format!(
                        "`{name}`, row {n_rows} (counted from 0), {}: {difference}",
                        at.said(settings)
                    )));
                }
                n_rows += 1;
            }
        }
        first_image += n_images;
    }
    Ok(rows.next_row()?.map(|_| format!("`{name}` has more than the {n_rows} rows of the units' files")))
}

/// An image and a structure.
#[derive(Debug, Clone, Copy)]
struct Place {
    image: usize,
    stack: usize,
    index: usize,
    /// Its place among those that were compared.
    structure: usize,
}

impl Place {
    fn said(self, settings: &RecordedLikelihood) -> String {
        let structure = settings.structure_places.get(self.structure).copied().unwrap_or(self.structure);
        format!("image {} and structure {structure}", self.image)
    }
}

/// What the table ought to say; what can't be told of a pose is left out.
fn expected<T: Number>(
    settings: &RecordedLikelihood,
    frame: ResultFrame<'_>,
    unit: &UnitResults<T>,
    views: Option<&(Views, AxisOrder)>,
    at: Place,
    best: usize,
) -> TableRow {
    let index = at.index;
    let (template, rotation) = (unit.template[index], unit.rotation[index]);
    let displacement_angstrom = unit.displacement_angstrom[index];
    let turn = std::f64::consts::TAU * rotation as f64 / frame.n_inplanes as f64;
    let angle = |angles: fn(&Views) -> &Vec<f64>| {
        views.and_then(|(views, _)| angles(views).get(template).copied()).unwrap_or_default()
    };
    let pose = TemplatePose {
        azimuth: angle(|views| &views.azimuth),
        polar: angle(|views| &views.polar),
        gamma: angle(|views| &views.gamma),
        rotation: turn,
        displacement_angstrom,
    };
    let axes = views.map_or(AxisOrder::default(), |(_, axes)| *axes);
    let (angles, [origin_x, origin_y]) = pose.in_relions_convention(axes);
    let integrated = unit.integrated.as_ref().map(|integrated| integrated[index]);
    let numbers = [
        at.image as f64,
        at.stack as f64,
        index as f64,
        settings.structure_places[at.structure] as f64,
        unit.cross_correlation[index].to_f64(),
        template as f64,
        displacement_angstrom[0],
        displacement_angstrom[1],
        360.0 * rotation as f64 / frame.n_inplanes as f64,
        unit.optimal[index],
        integrated.unwrap_or_default(),
        f64::from(u8::from(unit.is_at_edge[index])),
        f64::from(u8::from(at.structure == best)),
        angles.rot.to_degrees(),
        angles.tilt.to_degrees(),
        angles.psi.to_degrees(),
        origin_x,
        origin_y,
    ];
    let mut numbers = numbers.map(Some).to_vec();
    numbers[INTEGRATED] = integrated;
    if views.is_none() {
        numbers[POSES..ORIGINS].fill(None);
    }
    if let Some(refined) = unit.refined.as_ref().map(|refined| refined[index]) {
        if let Some(([rot, tilt, psi], [x, y])) = refined.pose() {
            numbers[POSES..].copy_from_slice(&[rot, tilt, psi, x, y].map(Some));
        }
        numbers.extend(refined.in_tables().iter().map(|number| Some(*number).filter(|number| !number.is_nan())));
    }
    TableRow { name: settings.structures[at.structure].clone(), skipped: None, numbers }
}

/// The first thing that two rows differ in.
fn difference<T: Number>(found: &TableRow, expected: &TableRow) -> Option<String> {
    if found.name != expected.name {
        return Some(format!("the structure is called `{}`, expected `{}`", found.name, expected.name));
    }
    if found.skipped != expected.skipped {
        let said = |why: &Option<String>| why.as_ref().map_or("nothing".to_owned(), |why| format!("`{why}`"));
        let (found, expected) = (said(&found.skipped), said(&expected.skipped));
        return Some(format!("its skipped is {found}, the units' files say {expected}"));
    }
    let is_pose = |at: usize| (POSES..NUMBERS.len()).contains(&at);
    let said = |number: Option<f64>| number.map_or("nothing".to_owned(), |number| number.to_string());
    for (at, column) in numbers(true).enumerate().take(found.numbers.len().max(expected.numbers.len())) {
        let known = |row: &TableRow| row.numbers.get(at).copied().flatten().filter(|number| !number.is_nan());
        let (found, expected) = (known(found), known(expected));
        let is_same = match (found, expected) {
            (_, None) if is_pose(at) => true,
            (Some(found), Some(expected)) if is_pose(at) => {
                // A turn more is the same angle.
                let off = (found - expected).abs();
                let off = if column.ends_with("_deg") { off.min((off - 360.0).abs()) } else { off };
                off <= SAME
            }
            // Decimals of single precision are those of the nearest number of that.
            (Some(found), Some(expected)) if column == "cross_correlation" => {
                T::from_f64(found) == T::from_f64(expected)
            }
            (found, expected) => found == expected,
        };
        if !is_same {
            return Some(format!("its {column} is {}, the units' files say {}", said(found), said(expected)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_where_they_are_looked_for() {
        assert_eq!((NUMBERS[INTEGRATED], NUMBERS[OF_IMAGE]), ("log_likelihood_integrated", "cross_correlation"));
        assert_eq!((NUMBERS[POSES], NUMBERS[ORIGINS]), ("rot_deg", "origin_x_angstrom"));
    }

    #[test]
    fn rows_are_the_same_to_what_decimals_keep() {
        let row = |at: usize, number: f64| {
            let mut numbers = vec![Some(1.0); NUMBERS.len()];
            numbers[at] = Some(number);
            TableRow { name: "a".to_owned(), skipped: None, numbers }
        };
        let (correlation, optimal) = (4, 9);
        assert_eq!(difference::<f32>(&row(correlation, 0.1), &row(correlation, f64::from(0.1_f32))), None);
        assert!(difference::<f64>(&row(correlation, 0.1), &row(correlation, f64::from(0.1_f32))).is_some());
        assert_eq!(difference::<f32>(&row(POSES, 180.0), &row(POSES, -180.0)), None);
        assert!(difference::<f32>(&row(ORIGINS, 1.0), &row(ORIGINS, 1.0 + 1e-8)).is_some());
        let found = difference::<f32>(&row(optimal, -3.0), &row(optimal, -2.0)).unwrap();
        assert_eq!(found, "its log_likelihood_optimal is -3, the units' files say -2");
    }
}
