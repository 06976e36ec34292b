//! Small `.cs` files and image stacks whose images can be told apart.
#![allow(dead_code, reason = "each test file uses a part")]

use std::fs::File;
use std::path::{Path, PathBuf};

use verglas::metadata::{Input, ReadSettings, read_particles};
use verglas::particle::ParticleTable;
use verglas::settings::ConvertSettings;
use verglas::{Conversion, Error, Findings, Warning};
use verglas_formats::cs::{CsData, CsSource, write_cs};
use verglas_formats::mrc::{Mode, MrcLayout, MrcWriter};
use verglas_formats::npz::NpzReader;

/// Box side of the images.
pub const N_PIXELS: u64 = 8;

#[derive(Clone)]
enum Values {
    F32(Vec<f32>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    Text(Vec<Vec<u8>>),
}

/// The columns of a `.cs` file.
#[derive(Default)]
pub struct Cs {
    columns: Vec<(String, Vec<usize>, Values)>,
    repeated: Option<String>,
}

/// A name as long as `name` that no column has.
fn stand_in_of(name: &str) -> String {
    "#".repeat(name.len())
}

impl Cs {
    /// The required CTF columns for `n` particles; the defocus tells which: 10000 Å and 10 Å more from row to row.
    pub fn with_ctf(n: usize) -> Self {
        let of_row = |first: f32, step: f32| (0..n).map(|row| first + step * row as f32).collect::<Vec<f32>>();
        Self::default()
            .f32("ctf/df1_A", &of_row(10_000.0, 10.0))
            .f32("ctf/df2_A", &of_row(9_900.0, 10.0))
            .f32("ctf/df_angle_rad", &of_row(0.1, 0.01))
            .f32("ctf/cs_mm", &of_row(2.7, 0.0))
            .f32("ctf/accel_kv", &of_row(300.0, 0.0))
            .f32("ctf/amp_contrast", &of_row(0.1, 0.0))
    }

    /// Adds the columns that name images.
    pub fn with_images(self, images: &[(&str, u32)]) -> Self {
        let paths: Vec<&str> = images.iter().map(|(path, _)| *path).collect();
        let sections: Vec<u32> = images.iter().map(|(_, section)| *section).collect();
        self.text("blob/path", &paths).u32("blob/idx", &sections)
    }

    /// Adds uids.
    pub fn with_uids(self, uids: &[u64]) -> Self {
        self.add("uid", &[], Values::U64(uids.to_vec()))
    }

    pub fn f32(self, name: &str, values: &[f32]) -> Self {
        self.add(name, &[], Values::F32(values.to_vec()))
    }

    /// Several values per row.
    pub fn f32s<const N: usize>(self, name: &str, values: &[[f32; N]]) -> Self {
        self.add(name, &[N], Values::F32(values.concat()))
    }

    pub fn u32(self, name: &str, values: &[u32]) -> Self {
        self.add(name, &[], Values::U32(values.to_vec()))
    }

    /// Two whole numbers per row.
    pub fn u32s(self, name: &str, values: &[[u32; 2]]) -> Self {
        self.add(name, &[2], Values::U32(values.concat()))
    }

    pub fn text(self, name: &str, values: &[&str]) -> Self {
        self.add(name, &[], Values::Text(values.iter().map(|text| text.as_bytes().to_vec()).collect()))
    }

    /// The same columns and one of them a second time, which NumPy itself would not write.
    pub fn repeated(mut self, name: &str) -> Self {
        // As long a name that is in no other column, renamed in the bytes.
        self.repeated = Some(name.to_owned());
        let column = self.columns.iter().find(|(there, ..)| there == name).unwrap();
        let (shape, values) = (column.1.clone(), column.2.clone());
        self.columns.push((stand_in_of(name), shape, values));
        self
    }

    /// The same columns but one.
    pub fn without(mut self, name: &str) -> Self {
        self.columns.retain(|(there, ..)| there != name);
        self
    }

    fn add(self, name: &str, shape: &[usize], values: Values) -> Self {
        let mut columns = self.without(name);
        columns.columns.push((name.to_owned(), shape.to_vec(), values));
        columns
    }

    /// Writes the file, folders included, and returns its path.
    pub fn write(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let texts: Vec<Vec<&[u8]>> = self
            .columns
            .iter()
            .map(|(.., values)| match values {
                Values::Text(texts) => texts.iter().map(Vec::as_slice).collect(),
                _ => Vec::new(),
            })
            .collect();
        let sources: Vec<CsSource> = self
            .columns
            .iter()
            .zip(&texts)
            .map(|((name, shape, values), texts)| {
                let values = match values {
                    Values::F32(values) => CsData::F32(values),
                    Values::U32(values) => CsData::U32(values),
                    Values::U64(values) => CsData::U64(values),
                    Values::Text(_) => CsData::Text(texts),
                };
                CsSource { name, shape, values }
            })
            .collect();
        write_cs(File::create(path).unwrap(), &sources).unwrap();
        if let Some(name) = &self.repeated {
            let mut bytes = std::fs::read(path).unwrap();
            let stand_in = stand_in_of(name);
            let at = bytes.windows(name.len()).position(|piece| piece == stand_in.as_bytes()).unwrap();
            bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
            std::fs::write(path, bytes).unwrap();
        }
        path.to_owned()
    }
}

/// Writes a stack of `n` images; image k has the mean `first_mean + k`.
pub fn write_stack(path: impl AsRef<Path>, n: u64, first_mean: f32) -> PathBuf {
    let path = path.as_ref();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let layout = MrcLayout {
        n_columns: N_PIXELS,
        n_rows: N_PIXELS,
        n_sections: n,
        pixel_size_angstrom: None,
        mode: Mode::Float32,
    };
    let mut writer = MrcWriter::create(path, layout).unwrap();
    for section in 0..n {
        let mean = first_mean + section as f32;
        // A checkerboard around the mean but for one pixel pair: not constant, and not symmetric.
        let mut pixels: Vec<f32> = (0..N_PIXELS * N_PIXELS)
            .map(|at| mean + if (at / N_PIXELS + at).is_multiple_of(2) { 0.25 } else { -0.25 })
            .collect();
        pixels[3] = mean + 0.5;
        pixels[4] = mean - 0.5;
        writer.write_section(&pixels).unwrap();
    }
    writer.finish().unwrap();
    path.to_owned()
}

/// One `.cs` file.
pub fn one(path: impl AsRef<Path>) -> Input {
    Input::IndexedCs { particles: path.as_ref().to_owned(), passthrough: None }
}

/// Two that are joined.
pub fn two(first: impl AsRef<Path>, second: impl AsRef<Path>) -> Input {
    Input::IndexedCs { particles: first.as_ref().to_owned(), passthrough: Some(second.as_ref().to_owned()) }
}

/// A job directory.
pub fn job(root: impl AsRef<Path>, job_number: u64) -> Input {
    Input::CryosparcJob { root: root.as_ref().to_owned(), job_number }
}

/// Reads metadata alone; all errors in one.
pub fn read_with(input: &Input, settings: &ReadSettings) -> (Result<ParticleTable, Error>, Vec<Warning>) {
    let mut findings = Findings::new();
    let table = read_particles(input, settings, &mut findings);
    let table = match findings.take_error() {
        Some(error) => Err(error),
        None => table,
    };
    (table, findings.warnings)
}

pub fn read(input: &Input) -> (Result<ParticleTable, Error>, Vec<Warning>) {
    read_with(input, &ReadSettings::default())
}

/// The messages of the warnings called `code`.
pub fn told(warnings: &[Warning], code: &str) -> Vec<String> {
    warnings.iter().filter(|warning| warning.code == code).map(|warning| warning.message.to_string()).collect()
}

/// The metadata of a conversion into one stack.
#[derive(Debug, PartialEq)]
pub struct Converted {
    /// Mean of each image, which identifies it; inverted images have a negative one.
    pub means: Vec<f64>,
    pub defocus_u: Vec<f64>,
    pub files: Vec<String>,
    pub sections: Vec<i64>,
    pub rows: Vec<i64>,
    pub uids: Vec<u64>,
}

/// Settings that need no pixel size from the data.
pub fn settings() -> ConvertSettings {
    ConvertSettings { pixel_size_angstrom: Some([1.5, 1.5]), n_threads: 1, ..ConvertSettings::default() }
}

/// Converts everything into one stack.
pub fn convert(input: Input, settings: ConvertSettings) -> (Result<Converted, Error>, Vec<Warning>) {
    let output = tempfile::tempdir().unwrap();
    let mut findings = Findings::new();
    let conversion = Conversion::prepare_with(input, settings, &mut findings);
    let converted = conversion.and_then(|conversion| {
        conversion.run(output.path())?;
        let mut npz = NpzReader::open(output.path().join("fft/particles_fourier_stack_000000.npz")).unwrap();
        let mut array = |name: &str| npz.read(name).unwrap();
        Ok(Converted {
            means: array("image_mean").to_f64().unwrap(),
            defocus_u: array("defocusU").to_f64().unwrap(),
            files: array("files").to_text().unwrap().into_iter().map(|text| String::from_utf8(text).unwrap()).collect(),
            sections: array("idxs").to_i64().unwrap(),
            rows: array("row").to_i64().unwrap(),
            uids: array("uid").to_u64().unwrap(),
        })
    });
    (converted, findings.warnings)
}
