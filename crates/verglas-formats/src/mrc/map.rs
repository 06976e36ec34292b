//! An MRC file as one density map in three dimensions.

use std::path::Path;

use super::header::{MapGeometry, MrcHeader};
use super::stack::{MrcOptions, MrcStack, MrcSummary, read_header};
use super::warning::MrcWarning;
use crate::error::{FormatError, Place, Result};

/// Space groups from here on mean a stack of volumes (MRC2014: 401 to 630).
const FIRST_VOLUME_STACK: i32 = 401;
/// Cell angles are single precision numbers in degrees.
const ANGLE_TOLERANCE_DEG: f32 = 1e-3;

/// A density map ρ[z, y, x], whatever the order in which the file has its axes.
#[derive(Debug, Clone, PartialEq)]
pub struct MrcMap {
    /// The voxels, x fastest: `n_z · n_y · n_x` of them.
    pub values: Vec<f32>,
    /// The number of voxels along z, y, x.
    pub shape: [usize; 3],
    /// The distance between voxels along x, y, z in Å: cell over intervals; `None` where the header has none that is
    /// positive and finite.
    pub voxel_angstrom: [Option<f64>; 3],
    /// The position of the first voxel according to the file, in Å along x, y, z: ORIGIN, if that is not (0, 0, 0). It
    /// is not read in files without the `MAP ` stamp, in which those bytes mean something else.
    pub origin_angstrom: Option<[f64; 3]>,
    /// The number of the first voxel along x, y, z: NXSTART, NYSTART, NZSTART, brought from the file's order of axes.
    pub start: [i32; 3],
    /// Which axis the file's columns, rows and sections run along: 1 for x, 2 for y, 3 for z.
    pub axes: [i32; 3],
    /// Whether the header calls the file a stack of images: space group 0.
    pub is_marked_as_stack: bool,
    /// Oddities of the file.
    pub warnings: Vec<MrcWarning>,
}

/// Reads a map with any box and any order of its axes; a packed file is unpacked first.
///
/// # Errors
/// * As [`MrcStack::open`].
/// * [`FormatError::Malformed`]: a file that is cut; not three-dimensional; axes that are not a permutation of x, y, z;
///   cell angles other than 90°.
pub fn read_map(path: impl AsRef<Path>, options: &MrcOptions) -> Result<MrcMap> {
    let stack = MrcStack::open(path, options)?;
    check(stack.header(), stack.warnings())?;
    if let Some(truncation) = stack.truncation() {
        return Err(truncation.to_error());
    }
    let header = stack.header();
    let axes = axes(&header.geometry)?;
    // The file's columns, rows and sections are all there, so that their product is a number of voxels in memory.
    let stored =
        [stack.pixels_per_section() / header.n_rows as usize, header.n_rows as usize, stack.n_sections() as usize];
    let place = axes.map(|axis| usize::try_from(axis - 1).unwrap_or(0));
    let mut sides = [0; 3];
    let mut start = [0; 3];
    for stored_axis in 0..3 {
        sides[place[stored_axis]] = stored[stored_axis];
        start[place[stored_axis]] = header.geometry.start[stored_axis];
    }
    let [n_x, n_y, n_z] = sides;
    let values = read_values(&stack, stored, [1, n_x, n_x * n_y], place)?;
    let origin = header.geometry.origin_angstrom.map(f64::from);
    Ok(MrcMap {
        values,
        shape: [n_z, n_y, n_x],
        voxel_angstrom: header.geometry.voxel_angstrom(),
        origin_angstrom: (header.has_map_stamp && origin != [0.0; 3] && origin.iter().all(|x| x.is_finite()))
            .then_some(origin),
        start,
        axes,
        is_marked_as_stack: header.space_group == 0,
        warnings: map_warnings(stack.warnings()),
    })
}

/// Reads a map's header, and says what is wrong with it for a map without reading on.
///
/// # Errors
/// As [`read_map`], as far as header and length show.
pub fn read_map_header(path: impl AsRef<Path>) -> Result<MrcSummary> {
    let mut summary = read_header(path)?;
    check(&summary.header, &summary.warnings)?;
    if let Some(truncation) = summary.truncation {
        return Err(truncation.to_error());
    }
    summary.warnings = map_warnings(&summary.warnings);
    Ok(summary)
}

/// Puts every stored voxel where it belongs; `strides` are those of x, y, z in what is returned.
fn read_values(stack: &MrcStack, stored: [usize; 3], strides: [usize; 3], place: [usize; 3]) -> Result<Vec<f32>> {
    let [n_columns, n_rows, n_sections] = stored;
    let too_large = || FormatError::unsupported(Place::File, "the map is too large for the memory of this machine");
    let n_voxels = stack.pixels_per_section().checked_mul(n_sections).ok_or_else(too_large)?;
    let mut values = Vec::new();
    values.try_reserve_exact(n_voxels).map_err(|_| too_large())?;
    values.resize(n_voxels, 0.0);
    let mut scratch = Vec::new();
    if place == [0, 1, 2] {
        stack.read_sections(0, n_sections, &mut values, &mut scratch)?;
        return Ok(values);
    }
    let [column_stride, row_stride, section_stride] = place.map(|axis| strides[axis]);
    let mut section_values = vec![0.0; stack.pixels_per_section()];
    for section in 0..n_sections {
        stack.read_section(section as u64, &mut section_values, &mut scratch)?;
        for row in 0..n_rows {
            let start = section * section_stride + row * row_stride;
            for (column, value) in section_values[row * n_columns..][..n_columns].iter().enumerate() {
                values[start + column * column_stride] = *value;
            }
        }
    }
    Ok(values)
}

/// The requirements for a map, as far as its header shows.
fn check(header: &MrcHeader, warnings: &[MrcWarning]) -> Result<()> {
    let (n_columns, n_rows, n_sections) = (header.n_columns, header.n_rows, header.n_sections);
    if n_sections == 1 || warnings.contains(&MrcWarning::ZeroSections) {
        return Err(FormatError::malformed(
            Place::Byte(8),
            format!("expected a map in three dimensions, found one image of {n_columns} × {n_rows} pixels"),
        ));
    }
    if header.space_group >= FIRST_VOLUME_STACK {
        return Err(FormatError::malformed(
            Place::Byte(88),
            format!(
                "expected a map in three dimensions, found a stack of maps (space group {}) of {n_sections} sections \
                 of {n_columns} × {n_rows} pixels",
                header.space_group
            ),
        )
        .with_hint("write each map to a file of its own"));
    }
    axes(&header.geometry)?;
    let angles = header.geometry.cell_angles_deg;
    // All zero: never written.
    let is_right = angles.iter().all(|angle| (angle - 90.0).abs() <= ANGLE_TOLERANCE_DEG);
    if !is_right && angles != [0.0; 3] {
        let [alpha, beta, gamma] = angles;
        return Err(FormatError::malformed(
            Place::Byte(52),
            format!("the cell's angles are {alpha}°, {beta}°, {gamma}°, expected 90°"),
        )
        .with_hint("a map on a grid that is not rectangular must be resampled first"));
    }
    Ok(())
}

/// The axes of columns, rows and sections; zeros mean that the file does not say, as those from before 2000 may.
fn axes(geometry: &MapGeometry) -> Result<[i32; 3]> {
    if geometry.axes == [0; 3] {
        return Ok([1, 2, 3]);
    }
    let mut sorted = geometry.axes;
    sorted.sort_unstable();
    if sorted == [1, 2, 3] {
        return Ok(geometry.axes);
    }
    let [c, r, s] = geometry.axes;
    Err(FormatError::malformed(
        Place::Byte(64),
        format!("columns, rows, sections (MAPC, MAPR, MAPS) are axes {c}, {r}, {s}, expected 1, 2, 3 in some order"),
    ))
}

/// The warnings that are true of a map, too: not those about sections that are read as images.
fn map_warnings(warnings: &[MrcWarning]) -> Vec<MrcWarning> {
    let about_images = |warning: &MrcWarning| {
        matches!(warning, MrcWarning::MarkedAsVolume { .. } | MrcWarning::AxisOrder { .. } | MrcWarning::ZeroSections)
    };
    warnings.iter().filter(|warning| !about_images(warning)).cloned().collect()
}
