//! Small data sets made by hand, and the command run on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use verglas_formats::mrc::{Mode, MrcLayout, MrcWriter};

/// Side of the images.
pub const N_PIXELS: usize = 8;

/// A folder with a data set in it, removed in the end.
pub struct DataSet {
    pub dir: tempfile::TempDir,
}

/// The outcome of a command.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl DataSet {
    /// An empty folder.
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// Two stacks of three images, and a STAR file whose rows alternate between them.
    pub fn usual() -> Self {
        let set = Self::empty();
        set.write_stack("stacks/a.mrcs", 3);
        set.write_stack("stacks/b.mrcs", 3);
        set.write_star("particles.star", &star(&USUAL_NAMES));
        set
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    /// A stack of `n` images with different pixels everywhere.
    pub fn write_stack(&self, name: &str, n: usize) {
        self.write_images(name, N_PIXELS, N_PIXELS, &(0..n).map(|image| pixels(name, image)).collect::<Vec<_>>());
    }

    /// A stack of the given images, row by row.
    pub fn write_images(&self, name: &str, n_columns: usize, n_rows: usize, images: &[Vec<f32>]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let layout = MrcLayout {
            n_columns: n_columns as u64,
            n_rows: n_rows as u64,
            n_sections: images.len() as u64,
            pixel_size_angstrom: None,
            mode: Mode::Float32,
        };
        let mut writer = MrcWriter::create(&path, layout).unwrap();
        for image in images {
            writer.write_section(image).unwrap();
        }
        writer.finish().unwrap();
    }

    pub fn write_star(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Runs the command in the data set's folder.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        run_in(self.dir.path(), arguments)
    }

    /// Converts `particles.star` into `out`.
    pub fn convert(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["convert", "particles.star", "-o", "out"], arguments].concat())
    }

    /// Asserts that a conversion was refused with exit code 1 before anything was written, and that the message
    /// has all of `parts`.
    #[track_caller]
    pub fn assert_refused(&self, arguments: &[&str], parts: &[&str]) {
        let ran = self.convert(arguments);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        for part in parts {
            assert!(ran.stderr.contains(part), "`{part}` is not in:\n{}", ran.stderr);
        }
        assert!(!self.path("out").exists(), "something was written");
        assert_eq!(ran.stdout, "");
    }
}

/// Runs the command in `dir`.
pub fn run_in(dir: &Path, arguments: &[&str]) -> Ran {
    let Output { status, stdout, stderr } =
        std::process::Command::new(env!("CARGO_BIN_EXE_verglas")).args(arguments).current_dir(dir).output().unwrap();
    Ran {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// Pixels that differ from image to image and file to file.
pub fn pixels(name: &str, image: usize) -> Vec<f32> {
    let mut state = name.bytes().fold(image as u32 + 1, |state, byte| state.wrapping_mul(31).wrapping_add(byte.into()));
    (0..N_PIXELS * N_PIXELS)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 1e6
        })
        .collect()
}

/// The image names of [`DataSet::usual`].
pub const USUAL_NAMES: [&str; 6] = [
    "000001@stacks/a.mrcs",
    "000001@stacks/b.mrcs",
    "000002@stacks/a.mrcs",
    "000002@stacks/b.mrcs",
    "000003@stacks/a.mrcs",
    "000003@stacks/b.mrcs",
];

/// A RELION 3.1 STAR file whose rows name the given images.
pub fn star(names: &[&str]) -> String {
    let mut text = optics("1 opticsGroup1 300.0 2.7 0.1 1.5\n");
    text.push_str(PARTICLES);
    for (row, name) in names.iter().enumerate() {
        text.push_str(&particle(row, name));
    }
    text
}

/// The optics block with the given rows.
pub fn optics(rows: &str) -> String {
    format!(
        "# version 30001\n\ndata_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnOpticsGroupName #2\n_rlnVoltage #3\n\
         _rlnSphericalAberration #4\n_rlnAmplitudeContrast #5\n_rlnImagePixelSize #6\n{rows}\n"
    )
}

/// The header of the particle block; in [`star`] its first row is on line 28.
pub const PARTICLES: &str = "data_particles\n\nloop_\n_rlnImageName #1\n_rlnDefocusU #2\n_rlnDefocusV #3\n\
    _rlnDefocusAngle #4\n_rlnPhaseShift #5\n_rlnCtfBfactor #6\n_rlnCtfScalefactor #7\n_rlnOpticsGroup #8\n\
    _rlnAngleRot #9\n_rlnAngleTilt #10\n_rlnAnglePsi #11\n";

/// A particle row.
pub fn particle(row: usize, name: &str) -> String {
    format!("{name} {}.5 {}.25 {row}.0 0.0 0.0 1.0 1 {row}.0 30.0 -45.0\n", 10_000 + row, 9_990 + row)
}
