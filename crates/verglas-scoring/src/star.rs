//! `results.star`: a row for each image with its best structure, by RELION's names.

use std::io::Write;

use verglas_formats::Result;
use verglas_formats::star::StarWriter;

use crate::number::Number;
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

/// The columns of the table, in order.
pub(crate) fn columns(integrated: bool) -> impl Iterator<Item = &'static str> {
    COLUMNS.into_iter().chain(integrated.then_some(OPTIMAL))
}

/// Starts the loop.
///
/// # Errors
/// When it can't be written.
pub(crate) fn start(writer: &mut StarWriter<impl Write>, integrated: bool) -> Result<()> {
    let columns: Vec<&str> = columns(integrated).collect();
    writer.start_loop("particles", &columns)
}

/// Writes a row.
///
/// # Errors
/// When it can't be written, or a name is none that STAR can hold.
pub(crate) fn write_row<T: Number>(writer: &mut StarWriter<impl Write>, row: &Row<T>) -> Result<()> {
    // Without an image file, the place in its stack is all that is known of an image.
    let image_name = match (&row.file, row.section) {
        (Some(file), Some(section)) => format!("{:06}@{file}", section + 1),
        _ => format!("{:06}@fft/particles_fourier_stack_{:06}.pt", row.index + 1, row.stack),
    };
    let [rot, tilt, psi] = row.angles_deg;
    let [origin_x, origin_y] = row.origin_angstrom;
    let [x, y] = row.displacement_angstrom;
    let mut values = vec![
        image_name,
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
    writer.write_row(&values)
}
