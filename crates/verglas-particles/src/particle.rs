//! The particles of a data set and how each was imaged, as columns: after reading, only radians, ångströms and 0-based
//! sections exist.

use std::f64::consts::FRAC_PI_2;
use std::path::PathBuf;

use verglas_core::choice::choice;
use verglas_fourier::ctf::Ctf;
use verglas_fourier::pose::Pose;

/// One value per particle, or one that holds for all of them.
///
/// Data sets have millions of rows; a default or a value from the only optics group takes no memory per row.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// The same value for every particle.
    Constant(f64),
    /// One value per particle, in row order.
    PerParticle(Vec<f64>),
}

impl Column {
    /// The value of particle `index`.
    ///
    /// # Panics
    /// If the column has one value per particle and `index` is past the last.
    pub fn get(&self, index: usize) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::PerParticle(values) => values[index],
        }
    }

    /// Replaces every value by `convert` of it.
    pub fn map_in_place(&mut self, convert: impl Fn(f64) -> f64) {
        match self {
            Self::Constant(value) => *value = convert(*value),
            Self::PerParticle(values) => values.iter_mut().for_each(|value| *value = convert(*value)),
        }
    }

    /// Keeps only the particles at `kept`, in that order.
    pub fn select(&mut self, kept: &[u32]) {
        if let Self::PerParticle(values) = self {
            let selected: Vec<f64> = kept.iter().map(|&index| values[index as usize]).collect();
            *self = match selected.split_first() {
                Some((first, others)) if others.iter().all(|other| other.to_bits() == first.to_bits()) => {
                    Self::Constant(*first)
                }
                _ => Self::PerParticle(selected),
            };
        }
    }
}

/// The 0-based number of a section in an image stack.
///
/// RELION counts from 1 and CryoSPARC from 0; both become this type where metadata are read, and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectionIndex(pub u32);

/// The values that CryoLike keeps once per stack: no two particles of one stack may differ in them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LensConstants {
    /// Acceleration voltage, kV.
    pub voltage_kv: f64,
    /// Spherical aberration, mm.
    pub spherical_aberration_mm: f64,
    /// Amplitude contrast, as a fraction.
    pub amplitude_contrast: f64,
}

impl LensConstants {
    /// The bits of the three values: equal exactly when the constants are the same to the last digit.
    pub fn key(&self) -> [u64; 3] {
        [self.voltage_kv, self.spherical_aberration_mm, self.amplitude_contrast].map(f64::to_bits)
    }
}

choice! {
    /// From which axis the defocus angle is written.
    pub enum DefocusAngleAxis("defocus angle axis", default Columns) {
        /// From the columns' direction (x, the fast axis), as RELION and CryoSPARC count.
        Columns = "columns",
        /// From the rows' direction, as CryoLike draws the CTF; U is the larger defocus then.
        Rows = "rows",
    }
}

impl DefocusAngleAxis {
    /// Converts `angle_rad`, measured from this axis, to the angle from the columns' direction, radians.
    pub fn angle_from_columns(self, angle_rad: f64) -> f64 {
        match self {
            Self::Columns => angle_rad,
            Self::Rows => FRAC_PI_2 - angle_rad,
        }
    }
}

/// Orientations in RELION's convention, radians. Each angle may be there without the others: particles that were picked
/// with templates often have an in-plane angle only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PoseColumns {
    /// First rotation, about z (`rlnAngleRot`).
    pub rot: Option<Column>,
    /// Second rotation, about the new y (`rlnAngleTilt`).
    pub tilt: Option<Column>,
    /// Third rotation, about the new z (`rlnAnglePsi`).
    pub psi: Option<Column>,
}

impl PoseColumns {
    /// The orientation of particle `index`, where all three angles are known.
    ///
    /// # Panics
    /// If a column has one value per particle and `index` is past the last.
    pub fn get(&self, index: usize) -> Option<Pose> {
        match (&self.rot, &self.tilt, &self.psi) {
            (Some(rot), Some(tilt), Some(psi)) => {
                Some(Pose { rot: rot.get(index), tilt: tilt.get(index), psi: psi.get(index) })
            }
            _ => None,
        }
    }
}

/// In-plane origins, the shift that centres the particle. Each axis may be there without the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OriginColumns {
    /// Along the fast axis.
    pub x: Option<OriginColumn>,
    /// Along the slow axis.
    pub y: Option<OriginColumn>,
}

/// The origins along one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct OriginColumn {
    /// One value per particle, in `unit`.
    pub values: Column,
    /// The unit of the values.
    pub unit: OriginUnit,
}

impl OriginColumn {
    /// Turns pixels into ångströms, given the pixel size along this axis, Å; ångströms stay as they are.
    pub fn resolve(&mut self, pixel_size_angstrom: f64) {
        if self.unit == OriginUnit::Pixel {
            self.values.map_in_place(|pixels| pixels * pixel_size_angstrom);
            self.unit = OriginUnit::Angstrom;
        }
    }
}

/// The unit of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginUnit {
    /// Ångströms.
    Angstrom,
    /// Pixels of the input images, as before RELION 3.1; they become ångströms once the pixel size is known.
    Pixel,
}

/// Which kind of input the particles come from; it decides how rows and images belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// Every row names its image file and section.
    Indexed,
    /// Row k of the table of an image file describes its section k; stacks never mix image files.
    Sequential,
}

/// A metadata file, and the lines of its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataSource {
    /// The file, as the command line named it.
    pub path: PathBuf,
    /// The lines of a text file's rows; `None` for binary files.
    pub lines: Option<RowLines>,
    /// Its rows, all of them.
    pub n_rows: usize,
}

/// The line of each row of a text file, kept as runs: nearly always the rows follow each other without a
/// gap, so that millions of rows take a few bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowLines {
    /// First row and its line, of each run of rows on consecutive lines.
    runs: Vec<(u32, u64)>,
    n_rows: u32,
}

impl RowLines {
    /// Appends the next row, which is on `line` (from 1).
    pub fn push(&mut self, line: u64) {
        let follows = self.runs.last().is_some_and(|&(row, start)| start + u64::from(self.n_rows - row) == line);
        if !follows {
            self.runs.push((self.n_rows, line));
        }
        self.n_rows += 1;
    }

    /// The number of rows.
    pub fn len(&self) -> u64 {
        u64::from(self.n_rows)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.n_rows == 0
    }

    /// The line of `row`, from 1.
    pub fn line(&self, row: u32) -> Option<u64> {
        if row >= self.n_rows {
            return None;
        }
        let run = self.runs.partition_point(|&(first, _)| first <= row).checked_sub(1)?;
        let (first, line) = *self.runs.get(run)?;
        Some(line + u64::from(row - first))
    }
}

/// A column that says something of the pixel size and does not count: RELION keeps those of other images or half of what
/// it takes, such as a magnification.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherPixelSize {
    /// The column.
    pub name: &'static str,
    /// Its least and its greatest value, in the column's own unit.
    pub range: [f64; 2],
    /// Whether it is the images' own pixel size, Å, which sequential input does not use.
    pub is_of_images: bool,
}

/// All particles of a data set, one row of metadata each, in the order of the rows.
///
/// Every per-particle vector has [`ParticleTable::len`] elements.
#[derive(Debug, Clone)]
pub struct ParticleTable {
    /// The files that the rows were read from: one, or one per image file for sequential pairs.
    pub sources: Vec<MetadataSource>,
    /// How rows and images belong together.
    pub pairing: Pairing,
    /// 0-based row in the metadata file; for sequential pairs, in the file of its own pair.
    pub row: Vec<u32>,
    /// Image files as the metadata or the command line wrote them (raw bytes), without CryoSPARC's `>`.
    pub image_names: Vec<Vec<u8>>,
    /// Per particle: index into `image_names`.
    pub image: Vec<u32>,
    /// Per particle: section within that file.
    pub section: Vec<SectionIndex>,
    /// Larger or smaller defocus, as written, Å.
    pub defocus_u_angstrom: Column,
    /// The other defocus, Å.
    pub defocus_v_angstrom: Column,
    /// Direction of `defocus_u_angstrom`, radians from `defocus_angle_axis`.
    pub defocus_angle_rad: Column,
    /// From which axis it is measured: the columns', as it is read, unless it was turned for CryoLike.
    pub defocus_angle_axis: DefocusAngleAxis,
    /// Phase shift of a phase plate, radians.
    pub phase_shift_rad: Column,
    /// B-factor of the CTF's envelope, Å²; kept for the record. `None` where the file had none.
    pub ctf_bfactor: Option<Column>,
    /// Scale of the CTF; kept for the record. `None` where the file had none.
    pub ctf_scale_factor: Option<Column>,
    /// The distinct sets of constants, in the order of their first row.
    pub constants: Vec<LensConstants>,
    /// Per particle: index into `constants`; empty when there is only one set.
    pub constants_of: Vec<u32>,
    /// Orientations, as far as the metadata have them.
    pub pose: PoseColumns,
    /// Origins, as far as the metadata have them.
    pub origin: OriginColumns,
    /// CryoSPARC's identifiers, if there are any.
    pub uid: Option<Vec<u64>>,
    /// CryoSPARC's `blob/sign`, if present: −1 where the image is stored with inverted contrast, otherwise 1.
    pub blob_sign: Option<Column>,
    /// CryoSPARC's `blob/shape`, or RELION's `rlnImageSize` twice, if present: rows and columns that the images are
    /// said to have, pixels; NaN where a row's file states none.
    pub stated_box: Option<[Column; 2]>,
    /// The metadata's own pixel size (`rlnImagePixelSize` or `blob/psize_A`), Å.
    pub pixel_size_angstrom: Option<f64>,
    /// 10⁴ · `rlnDetectorPixelSize` / `rlnMagnification`, Å, as before RELION 3.1.
    pub detector_pixel_size_angstrom: Option<f64>,
    /// Where the detector's pixel sizes differ by more than 0.1 %: the sizes and their numbers of rows, one line each.
    pub differing_detector_pixel_sizes: Option<String>,
    /// Other columns that hint at a pixel size but are not used.
    pub other_pixel_sizes: Vec<OtherPixelSize>,
}

impl ParticleTable {
    /// The number of particles.
    pub fn len(&self) -> usize {
        self.row.len()
    }

    /// Whether there are no particles.
    pub fn is_empty(&self) -> bool {
        self.row.is_empty()
    }

    /// The contrast transfer function of particle `index`, whichever axis its angle is measured from.
    ///
    /// # Panics
    /// If there is no such particle.
    pub fn ctf(&self, index: usize) -> Ctf {
        let LensConstants { voltage_kv, spherical_aberration_mm, amplitude_contrast } = self.optics(index);
        Ctf {
            defocus_u_angstrom: self.defocus_u_angstrom.get(index),
            defocus_v_angstrom: self.defocus_v_angstrom.get(index),
            defocus_angle_rad: self.defocus_angle_axis.angle_from_columns(self.defocus_angle_rad.get(index)),
            voltage_kv,
            spherical_aberration_mm,
            amplitude_contrast,
            phase_shift_rad: self.phase_shift_rad.get(index),
            b_factor_angstrom2: self.ctf_bfactor.as_ref().map_or(0.0, |column| column.get(index)),
            scale: self.ctf_scale_factor.as_ref().map_or(1.0, |column| column.get(index)),
        }
    }

    /// The orientation of particle `index`, where the metadata have all three angles.
    ///
    /// # Panics
    /// If there is no such particle.
    pub fn pose(&self, index: usize) -> Option<Pose> {
        self.pose.get(index)
    }

    /// The lens constants of particle `index`.
    ///
    /// # Panics
    /// If there is no such particle.
    pub fn optics(&self, index: usize) -> LensConstants {
        self.constants[self.constants_index(index) as usize]
    }

    /// Which of the constants are those of particle `index`.
    pub fn constants_index(&self, index: usize) -> u32 {
        self.constants_of.get(index).copied().unwrap_or(0)
    }

    /// Where particle `index` is, for messages: ``row 96104 of `run_data.star` (line 96131)``. Rows count from 0.
    pub fn place(&self, index: usize) -> String {
        let source = match self.pairing {
            Pairing::Indexed => self.sources.first(),
            Pairing::Sequential => self.sources.get(self.image[index] as usize),
        };
        let row = self.row[index];
        let Some(source) = source else { return format!("row {row}") };
        let path = source.path.display();
        match source.lines.as_ref().and_then(|lines| lines.line(row)) {
            Some(line) => format!("row {row} of `{path}` (line {line})"),
            None => format!("row {row} of `{path}`"),
        }
    }

    /// The name of the image file of particle `index`, for messages.
    pub fn image_name(&self, index: usize) -> String {
        String::from_utf8_lossy(&self.image_names[self.image[index] as usize]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_lines_skip_blank_lines() {
        let mut lines = RowLines::default();
        for line in [27, 28, 31, 32] {
            lines.push(line);
        }
        assert_eq!([0, 1, 2, 3].map(|row| lines.line(row).unwrap()), [27, 28, 31, 32]);
        assert_eq!(lines.line(4), None);
        assert_eq!(lines.runs.len(), 2);
    }

    #[test]
    fn only_origins_in_pixels_are_multiplied_by_the_pixel_size() {
        let values = Column::PerParticle(vec![2.0, -3.0]);
        let mut pixels = OriginColumn { values: values.clone(), unit: OriginUnit::Pixel };
        let mut angstrom = OriginColumn { values, unit: OriginUnit::Angstrom };
        let expected = OriginColumn { values: Column::PerParticle(vec![3.0, -4.5]), unit: OriginUnit::Angstrom };
        pixels.resolve(1.5);
        assert_eq!(pixels, expected);
        pixels.resolve(1.5);
        assert_eq!(pixels, expected);
        angstrom.resolve(1.5);
        assert_eq!(angstrom.values, Column::PerParticle(vec![2.0, -3.0]));
    }

    #[test]
    fn a_column_keeps_what_is_selected() {
        let mut column = Column::PerParticle(vec![1.0, 2.0, 3.0]);
        column.select(&[2, 0]);
        assert_eq!(column, Column::PerParticle(vec![3.0, 1.0]));
        column.select(&[1]);
        assert_eq!(column, Column::Constant(1.0));
        let mut constant = Column::Constant(4.0);
        constant.select(&[1]);
        constant.map_in_place(|value| value * 2.0);
        assert_eq!(constant.get(7), 8.0);
    }
}
