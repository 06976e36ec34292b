//! Densities: maps from MRC files, and arrays.

use std::path::Path;

use verglas_core::hint::{Hint, Setting};
use verglas_core::{Error, Findings, Result};
use verglas_formats::mrc::{MrcMap, MrcOptions, read_map};
use verglas_formats::npy::{Dtype, Kind, NpyArray, read_npy_from};
use verglas_formats::{FormatError, MAX_UNPACKED_BYTES, open_unpacked};

pub use verglas_fourier::slices::Voxels;

use crate::beads::Center;

/// Which axis of an array is which, once the file's header has been followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AxisOrder {
    /// Axis 0 is z, axis 2 is x: what the header means, and what `mrcfile` gives.
    #[default]
    Zyx,
    /// Axis 0 is x, axis 2 is z, as CryoLike takes maps.
    Xyz,
}

impl AxisOrder {
    /// `zyx` or `xyz`, as on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zyx => "zyx",
            Self::Xyz => "xyz",
        }
    }
}

impl std::str::FromStr for AxisOrder {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "zyx" => Ok(Self::Zyx),
            "xyz" => Ok(Self::Xyz),
            _ => Err(Error::value(format!("the order of axes is `{text}`, expected `zyx` or `xyz`"))),
        }
    }
}

/// How maps and arrays are read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MapSettings {
    /// The distance between voxels along x, y, z in Å, in place of the header's.
    pub voxel_angstrom: Option<[f64; 3]>,
    /// The same for arrays where the above is not given: the images' pixel size.
    pub array_voxel_angstrom: Option<f64>,
    /// Which axis is which.
    pub axis_order: AxisOrder,
    /// The origin.
    pub center: Center,
    /// Whether the axes of MRC files are taken as they are stored, sections first, whatever the header says, as
    /// CryoLike takes them.
    pub stored_axes: bool,
}

/// The voxels of [a, b, c] as those of [c, b, a].
fn with_axes_reversed(values: &Voxels, shape: [usize; 3]) -> Voxels {
    match values {
        Voxels::Single(values) => Voxels::Single(reversed(values, shape)),
        Voxels::Double(values) => Voxels::Double(reversed(values, shape)),
    }
}

fn reversed<T: Copy>(values: &[T], [n_a, n_b, n_c]: [usize; 3]) -> Vec<T> {
    let mut output = Vec::with_capacity(values.len());
    for c in 0..n_c {
        for b in 0..n_b {
            output.extend((0..n_a).map(|a| values[(a * n_b + b) * n_c + c]));
        }
    }
    output
}

/// A density ρ[z, y, x] with the place of its voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct Density {
    /// The voxels, x fastest.
    pub values: Voxels,
    /// The number of voxels along z, y, x.
    pub shape: [usize; 3],
    /// The distance between voxels along x, y, z in Å.
    pub voxel_angstrom: [f64; 3],
    /// The origin in voxels along x, y, z: voxel i is at (i − `center_voxel`)·voxel from it. Whole numbers unless a
    /// position was asked for.
    pub center_voxel: [f64; 3],
    /// The origin in the header's coordinates, x, y, z in Å; of an array with voxel i at i·voxel.
    pub center_angstrom: [f64; 3],
    /// Which axis was taken for which; the values are ρ[z, y, x] after that.
    pub axis_order: AxisOrder,
}

impl Density {
    /// The position of voxel `[x, y, z]` from the origin, in Å.
    pub fn position_angstrom(&self, voxel: [usize; 3]) -> [f64; 3] {
        std::array::from_fn(|axis| (voxel[axis] as f64 - self.center_voxel[axis]) * self.voxel_angstrom[axis])
    }

    /// The map's Nyquist frequency, 1/(2·largest voxel side), in 1/Å: the map has no information beyond it.
    pub fn nyquist_per_angstrom(&self) -> f64 {
        0.5 / self.voxel_angstrom.iter().copied().fold(0.0, f64::max)
    }

    /// Warns that a grid up to `frequency_per_angstrom` reaches beyond the map's Nyquist frequency, if it does.
    pub fn warn_beyond_nyquist(&self, frequency_per_angstrom: f64, file: &str, findings: &mut Findings) {
        let nyquist = self.nyquist_per_angstrom();
        // Equal up to rounding: a map of the images' own pixel size.
        if frequency_per_angstrom > nyquist * (1.0 + 1e-6) {
            findings.warn(
                "beyond-nyquist",
                format!(
                    "`{file}`: the grid reaches {:.2} Å, the map {:.2} Å (twice its largest voxel side): templates are 0 \
                     beyond that",
                    1.0 / frequency_per_angstrom,
                    1.0 / nyquist
                ),
            );
        }
    }

    /// Takes a density in memory, ρ[z, y, x] or, by the settings, ρ[x, y, z]; `name` is how messages name it.
    ///
    /// # Errors
    /// A number of values that is not that of the shape; a voxel that is NaN or infinite; a constant; no voxel size.
    pub fn from_array(values: Voxels, shape: [usize; 3], settings: &MapSettings, name: &str) -> Result<Self> {
        let voxel = check_array(&values, shape, settings, name)?;
        Ok(place(values, shape, voxel, [0.0; 3], settings))
    }
}

/// Checks a density in memory; returns the distance between its voxels.
///
/// # Errors
/// As [`Density::from_array`].
pub(crate) fn check_array(values: &Voxels, shape: [usize; 3], settings: &MapSettings, name: &str) -> Result<[f64; 3]> {
    let voxel = settings.voxel_angstrom.or(settings.array_voxel_angstrom.map(|side| [side; 3]));
    let voxel = voxel.ok_or_else(|| {
        Error::value(format!("`{name}`: an array has no voxel size"))
            .with_hint("give it in Å with " + Hint::Give(Setting::VoxelSize))
    })?;
    check(values, shape, voxel, name)?;
    Ok(voxel)
}

/// Reads a map from an MRC file.
///
/// # Errors
/// As [`read_map`]; no voxel size; and as [`Density::from_array`].
pub fn read_mrc_density(path: &Path, settings: &MapSettings, findings: &mut Findings) -> Result<Density> {
    let file = path.display().to_string();
    let options = MrcOptions { max_decompressed_bytes: MAX_UNPACKED_BYTES, ..MrcOptions::default() };
    let mut map = read_map(path, &options).map_err(|error| Error::from_format(path, error))?;
    if settings.stored_axes {
        as_stored(&mut map);
    }
    for warning in &map.warnings {
        findings.warn("mrc", format!("`{file}`: {warning}"));
    }
    let [n_z, n_y, n_x] = map.shape;
    if map.is_marked_as_stack && !(n_x == n_y && n_y == n_z) {
        findings.warn(
            "map-or-stack",
            format!(
                "`{file}`: marked as a stack of images (space group 0) but not a cube ({n_x} × {n_y} × {n_z} voxels \
                 in x, y, z): read as one map"
            ),
        );
    }
    // With the order changed, the sides of voxels and the place of the first one go with the axes that they belong to.
    let with_axes = |each: [f64; 3]| match settings.axis_order {
        AxisOrder::Zyx => each,
        AxisOrder::Xyz => [each[2], each[1], each[0]],
    };
    let voxel = match settings.voxel_angstrom {
        Some(voxel) => voxel,
        None => with_axes(header_voxel(&map, &file)?),
    };
    let first = match map.origin_angstrom {
        Some(origin) => with_axes(origin),
        None => {
            let start = with_axes(map.start.map(f64::from));
            std::array::from_fn(|axis| start[axis] * voxel[axis])
        }
    };
    let values = Voxels::Single(map.values);
    check(&values, map.shape, voxel, &file)?;
    Ok(place(values, map.shape, voxel, first, settings))
}

/// Brings a map's voxels back to the order in which the file has them: [section, row, column].
fn as_stored(map: &mut MrcMap) {
    // Columns, rows and sections run along these of x, y, z.
    let along = map.axes.map(|axis| usize::try_from(axis - 1).unwrap_or(0).min(2));
    if along == [0, 1, 2] {
        return;
    }
    let sides = [map.shape[2], map.shape[1], map.shape[0]];
    let strides = [1, sides[0], sides[0] * sides[1]];
    let [n_columns, n_rows, n_sections] = along.map(|axis| sides[axis]);
    let mut values = Vec::with_capacity(map.values.len());
    for section in 0..n_sections {
        for row in 0..n_rows {
            let start = section * strides[along[2]] + row * strides[along[1]];
            values.extend((0..n_columns).map(|column| map.values[start + column * strides[along[0]]]));
        }
    }
    map.values = values;
    map.shape = [n_sections, n_rows, n_columns];
}

fn header_voxel(map: &MrcMap, file: &str) -> Result<[f64; 3]> {
    match map.voxel_angstrom {
        [Some(x), Some(y), Some(z)] => Ok([x, y, z]),
        each => {
            let shown = each.map(|side| side.map_or_else(|| "none".to_owned(), |side| format!("{side} Å")));
            Err(Error::format(format!("`{file}`: the header gives no voxel size (x, y, z: {})", shown.join(", ")))
                .with_hint("give it in Å with " + Hint::Give(Setting::VoxelSize)))
        }
    }
}

/// Reads an array of three dimensions from a `.npy` file, which may be packed.
///
/// # Errors
/// As [`read_npy_from`]; not three dimensions; complex or other values that are not real; as [`Density::from_array`].
pub fn read_npy_density(path: &Path, settings: &MapSettings) -> Result<Density> {
    let of_file = |error: FormatError| Error::from_format(path, error);
    let (file, _) = open_unpacked(path, MAX_UNPACKED_BYTES).map_err(of_file)?;
    let array = read_npy_from(std::io::BufReader::new(file)).map_err(of_file)?;
    let name = path.display().to_string();
    let [n_0, n_1, n_2] = array.shape() else {
        return Err(Error::format(format!(
            "`{name}`: expected a map in three dimensions, found an array of {} axes: {:?}",
            array.shape().len(),
            array.shape()
        )));
    };
    let shape = [*n_0, *n_1, *n_2];
    Density::from_array(real_values(&array, &name)?, shape, settings, &name)
}

/// Real values, in single precision where that holds them.
fn real_values(array: &NpyArray, name: &str) -> Result<Voxels> {
    let scalar = match array.dtype() {
        Dtype::Scalar(scalar) if matches!(scalar.kind, Kind::Float | Kind::Int | Kind::Uint | Kind::Bool) => scalar,
        Dtype::Scalar(scalar) if scalar.kind == Kind::Complex => {
            return Err(Error::format(format!("`{name}`: the values are complex ({scalar}), expected real numbers")));
        }
        Dtype::Scalar(scalar) => {
            return Err(Error::format(format!("`{name}`: the values are of type {scalar}, expected real numbers")));
        }
        Dtype::Record(_) => return Err(Error::format(format!("`{name}`: holds records, expected real numbers"))),
    };
    let fits_single = match scalar.kind {
        Kind::Float => scalar.item_bytes <= 4,
        _ => scalar.item_bytes <= 2,
    };
    let values = array.to_f64().map_err(|error| Error::from_format(Path::new(name), error))?;
    Ok(match fits_single {
        true => Voxels::Single(values.into_iter().map(|value| value as f32).collect()),
        false => Voxels::Double(values),
    })
}

/// Checks voxels and their sides.
fn check(values: &Voxels, shape: [usize; 3], voxel: [f64; 3], name: &str) -> Result<()> {
    if shape.iter().try_fold(1usize, |all, n| all.checked_mul(*n)) != Some(values.len()) || values.is_empty() {
        let n = values.len();
        return Err(Error::value(format!("`{name}`: {n} values for the shape {shape:?}, expected one for each voxel")));
    }
    if voxel.iter().any(|side| !(side.is_finite() && *side > 0.0)) {
        let [x, y, z] = voxel;
        return Err(Error::value(format!("`{name}`: the voxel's sides are {x}, {y}, {z} Å, expected numbers above 0"))
            .with_hint("give them in Å with " + Hint::Give(Setting::VoxelSize)));
    }
    check_values(values, shape, name)
}

/// Finds the origin, and brings the axes in order. `voxel`, and `first`, where voxel 0 is, are along x, y, z of what
/// results.
fn place(
    values: Voxels,
    stored_shape: [usize; 3],
    voxel: [f64; 3],
    first: [f64; 3],
    settings: &MapSettings,
) -> Density {
    let (values, shape) = match settings.axis_order {
        AxisOrder::Zyx => (values, stored_shape),
        AxisOrder::Xyz => {
            (with_axes_reversed(&values, stored_shape), [stored_shape[2], stored_shape[1], stored_shape[0]])
        }
    };
    let sides = [shape[2], shape[1], shape[0]];
    // Without a centre of its own a map has the origin of its coordinates, as a model fitted into it has then.
    let asked_for = match settings.center {
        Center::Mean => None,
        Center::None => Some([0.0; 3]),
        Center::Position(position) => Some(position),
    };
    let center_voxel = match asked_for {
        None => sides.map(|n| (n / 2) as f64),
        Some(position) => std::array::from_fn(|axis| (position[axis] - first[axis]) / voxel[axis]),
    };
    let from_voxel = || std::array::from_fn(|axis| first[axis] + center_voxel[axis] * voxel[axis]);
    let center_angstrom = asked_for.unwrap_or_else(from_voxel);
    let axis_order = settings.axis_order;
    Density { values, shape, voxel_angstrom: voxel, center_voxel, center_angstrom, axis_order }
}

/// Voxels that are not numbers, or all equal.
fn check_values(values: &Voxels, [_, n_1, n_2]: [usize; 3], name: &str) -> Result<()> {
    let (not_finite, is_constant) = match values {
        Voxels::Single(values) => (values.iter().position(|x| !x.is_finite()), values.iter().all(|x| *x == values[0])),
        Voxels::Double(values) => (values.iter().position(|x| !x.is_finite()), values.iter().all(|x| *x == values[0])),
    };
    if let Some(place) = not_finite {
        let [a, b, c] = [place / (n_1 * n_2), place / n_2 % n_1, place % n_2];
        return Err(Error::format(format!(
            "`{name}`: voxel [{a}, {b}, {c}] (counted from 0, first axis first) is {}, expected a number",
            values.get(place)
        )));
    }
    if is_constant {
        return Err(Error::format(format!("`{name}`: all voxels are {}: there is nothing to see", values.get(0))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> MapSettings {
        MapSettings { array_voxel_angstrom: Some(2.0), ..MapSettings::default() }
    }

    /// 2 × 3 × 4 voxels, each of its own number.
    fn numbered() -> Voxels {
        Voxels::Single((0..24).map(|n| n as f32).collect())
    }

    #[test]
    fn the_origin_is_the_middle_voxel() {
        let density = Density::from_array(numbered(), [2, 3, 4], &settings(), "a").unwrap();
        assert_eq!((density.center_voxel, density.center_angstrom), ([2.0, 1.0, 1.0], [4.0, 2.0, 2.0]));
        assert_eq!(density.position_angstrom([0, 2, 1]), [-4.0, 2.0, 0.0]);
        let centered = MapSettings { center: Center::Position([1.0, 2.0, 3.0]), ..settings() };
        let density = Density::from_array(numbered(), [2, 3, 4], &centered, "a").unwrap();
        assert_eq!((density.center_voxel, density.center_angstrom), ([0.5, 1.0, 1.5], [1.0, 2.0, 3.0]));
    }

    #[test]
    fn the_order_of_axes_may_be_the_other() {
        let order = MapSettings { axis_order: AxisOrder::Xyz, voxel_angstrom: Some([1.0, 2.0, 3.0]), ..settings() };
        let density = Density::from_array(numbered(), [2, 3, 4], &order, "a").unwrap();
        assert_eq!((density.shape, density.voxel_angstrom), ([4, 3, 2], [1.0, 2.0, 3.0]));
        // Stored [1, 2, 3], number 23, is x 1, y 2, z 3; stored [1, 0, 2], number 14, is x 1, y 0, z 2.
        assert_eq!(density.values.get((3 * 3 + 2) * 2 + 1), 23.0);
        assert_eq!(density.values.get((2 * 3) * 2 + 1), 14.0);
    }

    #[test]
    fn nyquist_is_that_of_the_largest_side() {
        let order = MapSettings { voxel_angstrom: Some([1.0, 2.5, 2.0]), ..settings() };
        let density = Density::from_array(numbered(), [2, 3, 4], &order, "a").unwrap();
        assert_eq!(density.nyquist_per_angstrom(), 0.2);
        let mut findings = Findings::new();
        density.warn_beyond_nyquist(0.2, "a.mrc", &mut findings);
        assert!(findings.warnings.is_empty());
        density.warn_beyond_nyquist(0.25, "a.mrc", &mut findings);
        assert!(findings.warnings[0].message.to_string().contains("reaches 4.00 Å, the map 5.00 Å"));
    }

    #[test]
    fn what_is_no_density_is_an_error() {
        let error = |values: Vec<f64>, shape: [usize; 3], settings: &MapSettings| {
            Density::from_array(Voxels::Double(values), shape, settings, "a.npy").unwrap_err().to_string()
        };
        let mut damaged = vec![1.0; 24];
        damaged[23] = f64::NAN;
        assert!(error(damaged.clone(), [2, 3, 4], &settings()).contains("voxel [1, 2, 3] (counted from 0, first axis"));
        damaged[23] = f64::INFINITY;
        assert!(error(damaged, [2, 3, 4], &settings()).contains("is inf, expected a number"));
        assert!(error(vec![1.5; 24], [2, 3, 4], &settings()).contains("all voxels are 1.5"));
        assert!(error(vec![1.0; 23], [2, 3, 4], &settings()).contains("23 values for the shape"));
        assert!(error(vec![], [0, 3, 4], &settings()).contains("0 values"));
        assert!(error(vec![1.0; 24], [2, 3, 4], &MapSettings::default()).contains("no voxel size"));
        let zero = MapSettings { voxel_angstrom: Some([1.0, 0.0, 1.0]), ..settings() };
        assert!(error(vec![1.0; 24], [2, 3, 4], &zero).contains("sides are 1, 0, 1 Å"));
    }
}
