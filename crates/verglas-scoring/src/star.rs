//! `results.star`: a row for each image with its best structure, by RELION's names; images that were left out stand in a block
//! of their own, which RELION does not read.

use std::io::Write;

use verglas_formats::Result;
use verglas_formats::star::StarWriter;
use verglas_particles::convert::plain_text;

use crate::number::Number;
use crate::refined::N_IN_TABLES;
use crate::row::Row;

const COLUMNS: [&str; 20] = [
    "rlnImageName",
    "rlnAngleRot",
    "rlnAngleTilt",
    "rlnAnglePsi",
    "rlnOriginXAngst",
    "rlnOriginYAngst",
    "rlnClassNumber",
    "rlnLogLikeliContribution",
    "verglasImage",
    "verglasStack",
    "verglasIndex",
    "verglasRow",
    "verglasUid",
    "verglasStructureName",
    "verglasCrossCorrelation",
    "verglasTemplate",
    "verglasDisplacementXAngst",
    "verglasDisplacementYAngst",
    "verglasInplaneRotation",
    "verglasAtEdge",
];
/// Where likelihoods are integrated: what `rlnLogLikeliContribution` is not.
pub(crate) const OPTIMAL: &str = "verglasLogLikelihoodOptimal";

/// What a right likelihood says beside, in the order of its fields.
pub(crate) const OF_RIGHT: [&str; N_IN_TABLES] = [
    "verglasLogLikelihoodGrid",
    "verglasContrast",
    "verglasContrastSd",
    "verglasNrOfModes",
    "verglasModeShare",
    "verglasGridShare",
    "verglasViewSd",
    "verglasPsiSd",
    "verglasShiftSdAngst",
    "verglasPriorView",
    "verglasPriorShiftAngst",
    "verglasLogOddsParticle",
    "verglasParticleProbability",
    "verglasPrunedMass",
    "verglasEvaluatedShare",
];
/// And after those.
pub(crate) const NOISE: &str = "verglasLogLikelihoodNoise";

/// The columns of the table, in order.
pub(crate) fn columns(integrated: bool, right: bool) -> impl Iterator<Item = &'static str> {
    let of_right = right.then_some(OF_RIGHT).into_iter().flatten();
    COLUMNS.into_iter().chain(integrated.then_some(OPTIMAL)).chain(of_right).chain(right.then_some(NOISE))
}

/// Starts the loop.
///
/// # Errors
/// When it can't be written.
pub(crate) fn start(writer: &mut StarWriter<impl Write>, integrated: bool, right: bool) -> Result<()> {
    let columns: Vec<&str> = columns(integrated, right).collect();
    writer.start_loop("particles", &columns)
}

/// RELION's name of an image. Without an image file, the place in its stack is all that is known of it.
fn image_name<T>(row: &Row<T>) -> String {
    match (&row.file, row.section) {
        (Some(file), Some(section)) => format!("{:06}@{file}", section + 1),
        _ => format!("{:06}@fft/particles_fourier_stack_{:06}.pt", row.index + 1, row.stack),
    }
}

/// An image that was left out, for the block of these.
pub(crate) struct SkippedRow([String; 7]);

impl SkippedRow {
    const COLUMNS: [&str; 7] =
        ["rlnImageName", "verglasImage", "verglasStack", "verglasIndex", "verglasRow", "verglasUid", "verglasReason"];

    /// What is known of an image that was left out for this reason.
    pub(crate) fn new<T>(row: &Row<T>, reason: &str) -> Self {
        Self([
            image_name(row),
            row.image.to_string(),
            row.stack.to_string(),
            row.index.to_string(),
            row.row.map_or_else(String::new, |row| row.to_string()),
            row.uid.map_or_else(String::new, |uid| uid.to_string()),
            plain_text(reason),
        ])
    }
}

/// Writes the block of images that were left out, if there are any.
///
/// # Errors
/// As [`write_row`].
pub(crate) fn write_skipped(writer: &mut StarWriter<impl Write>, rows: &[SkippedRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    writer.start_loop("skipped", &SkippedRow::COLUMNS)?;
    rows.iter().try_for_each(|row| writer.write_row(&row.0))
}

/// Writes a row.
///
/// # Errors
/// When it can't be written, or a name is none that STAR can hold.
pub(crate) fn write_row<T: Number>(writer: &mut StarWriter<impl Write>, row: &Row<T>) -> Result<()> {
    let [rot, tilt, psi] = row.angles_deg;
    let [origin_x, origin_y] = row.origin_angstrom;
    let [x, y] = row.displacement_angstrom;
    let mut values = vec![
        image_name(row),
        rot.to_string(),
        tilt.to_string(),
        psi.to_string(),
        origin_x.to_string(),
        origin_y.to_string(),
        (row.structure + 1).to_string(),
        row.integrated.unwrap_or(row.optimal).to_string(),
        row.image.to_string(),
        row.stack.to_string(),
        row.index.to_string(),
        row.row.map_or_else(String::new, |row| row.to_string()),
        row.uid.map_or_else(String::new, |uid| uid.to_string()),
        row.name.clone(),
        row.cross_correlation.to_string(),
        row.template.to_string(),
        x.to_string(),
        y.to_string(),
        row.inplane_rotation_deg.to_string(),
        u8::from(row.is_at_edge).to_string(),
    ];
    values.extend(row.integrated.map(|_| row.optimal.to_string()));
    let numbers = row.refined.iter().flat_map(|refined| refined.in_tables());
    values.extend(numbers.map(|number| if number.is_nan() { String::new() } else { number.to_string() }));
    values.extend(row.refined.map(|_| row.noise.map_or_else(String::new, |noise| noise.to_string())));
    writer.write_row(&values)
}
