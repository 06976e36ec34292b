//! Promise: docs/checks.md is true, cell by cell. For each check and source a data set is made that is wrong in that way and
//! no other.

use std::fs;
use std::path::{Path, PathBuf};

use verglas::metadata::Input;
use verglas::settings::ConvertSettings;
use verglas::{Conversion, Findings, Silent};
use verglas_formats::mrc::{Mode, MrcLayout, MrcWriter};

use crate::cryosparc_common::{Cs, job, one, two};

/// The table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Star30,
    Star31,
    Sequence,
    Cs,
    TwoCs,
    Job,
    Mrc,
}

const SOURCES: [Source; 7] =
    [Source::Star30, Source::Star31, Source::Sequence, Source::Cs, Source::TwoCs, Source::Job, Source::Mrc];

/// A data set of two images, as text, columns and bytes that a case changes before they are written.
struct DataSet {
    source: Source,
    particles: Vec<(String, [String; 2])>,
    optics: Vec<(String, String)>,
    /// Blocks before the others.
    head: String,
    cs: Cs,
    /// Of two files and of a job, the other one.
    other: Option<Cs>,
    mrc: Vec<u8>,
    /// `b.mrcs`, if there is one.
    second_mrc: Option<Vec<u8>>,
    settings: ConvertSettings,
    is_deep: bool,
    /// Whether it counts that the box is small.
    is_box_looked_at: bool,
}

const SIDE: u64 = 8;

impl DataSet {
    /// One with nothing wrong: 1.5 Å per pixel, boxes of 8 px.
    fn right(source: Source) -> Self {
        let is_sequence = source == Source::Sequence;
        let named = |name: &str, values: [&str; 2]| (name.to_owned(), values.map(str::to_owned));
        let both = |name: &str, value: &str| named(name, [value, value]);
        let mut particles = vec![
            both("rlnDefocusU", "10000"),
            both("rlnDefocusV", "9990"),
            both("rlnDefocusAngle", "5"),
            both("rlnPhaseShift", "0"),
            both("rlnCtfBfactor", "0"),
            both("rlnCtfScalefactor", "1"),
        ];
        if !is_sequence {
            particles.push(named("rlnImageName", ["1@a.mrcs", "2@a.mrcs"]));
        }
        let lens = [("rlnVoltage", "300"), ("rlnSphericalAberration", "2.7"), ("rlnAmplitudeContrast", "0.1")];
        let mut optics: Vec<(String, String)> = Vec::new();
        if matches!(source, Source::Star30 | Source::Mrc) {
            particles.extend(lens.map(|(name, value)| both(name, value)));
            if source == Source::Star30 {
                particles.extend([both("rlnDetectorPixelSize", "6"), both("rlnMagnification", "40000")]);
            }
        } else {
            particles.push(both("rlnOpticsGroup", "1"));
            optics.extend(lens.map(|(name, value)| (name.to_owned(), value.to_owned())));
            optics.extend([("rlnOpticsGroup".to_owned(), "1".to_owned())]);
            optics.extend([("rlnOpticsGroupName".to_owned(), "one".to_owned())]);
            if !is_sequence {
                optics.extend([("rlnImagePixelSize".to_owned(), "1.5".to_owned())]);
            }
        }
        let images = [("J1/restack/batch_0_restacked.mrc", 0), ("J1/restack/batch_0_restacked.mrc", 1)];
        let cs = Cs::with_ctf(2).with_images(&images).f32("blob/psize_A", &[1.5, 1.5]).with_uids(&[7, 8]);
        let other = matches!(source, Source::TwoCs).then(|| Cs::default().with_uids(&[7, 8]));
        let needs_caller = is_sequence || source == Source::Mrc;
        Self {
            source,
            particles,
            optics,
            head: String::new(),
            cs,
            other,
            mrc: stack(Mode::Float32),
            second_mrc: None,
            settings: ConvertSettings {
                pixel_size_angstrom: needs_caller.then_some([1.5, 1.5]),
                n_threads: 1,
                ..ConvertSettings::default()
            },
            is_deep: false,
            is_box_looked_at: false,
        }
    }

    fn is_star(&self) -> bool {
        matches!(self.source, Source::Star30 | Source::Star31 | Source::Sequence)
    }

    /// Gives a column these values, in whichever block it is in, otherwise among the particles.
    fn put(&mut self, name: &str, values: [&str; 2]) {
        if let Some((_, value)) = self.optics.iter_mut().find(|(there, _)| there == name) {
            values[0].clone_into(value);
            return;
        }
        self.particles.retain(|(there, _)| there != name);
        self.particles.push((name.to_owned(), values.map(str::to_owned)));
    }

    /// The same value for both rows; in `.cs` files the other column, of numbers.
    fn put_both(&mut self, star: &str, cs: &str, value: f32) {
        let text = value.to_string();
        self.put(star, [&text, &text]);
        self.cs = std::mem::take(&mut self.cs).f32(cs, &[value, value]);
    }

    fn without(&mut self, name: &str) {
        self.particles.retain(|(there, _)| there != name);
        self.optics.retain(|(there, _)| there != name);
        self.cs = std::mem::take(&mut self.cs).without(name);
    }

    /// Puts a column there a second time.
    fn again(&mut self, name: &str) {
        if let Some(found) = self.optics.iter().find(|(there, _)| there == name).cloned() {
            self.optics.push(found);
        } else if let Some(found) = self.particles.iter().find(|(there, _)| there == name).cloned() {
            self.particles.push(found);
        }
    }

    /// All errors and warnings: whether it was an error, its code or text.
    fn told(self) -> Vec<(bool, String)> {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("J1/restack")).unwrap();
        fs::write(at("a.mrcs"), &self.mrc).unwrap();
        if let Some(second) = &self.second_mrc {
            fs::write(at("b.mrcs"), second).unwrap();
        }
        fs::write(at("J1/restack/batch_0_restacked.mrc"), &self.mrc).unwrap();
        let input = match self.source {
            Source::Star30 | Source::Star31 | Source::Mrc => Input::IndexedStar(self.write_star(&at("a.star"))),
            Source::Sequence => Input::StarPairs(vec![(self.write_star(&at("a.star")), at("a.mrcs"))]),
            Source::Cs => one(self.cs.write(at("a.cs"))),
            Source::TwoCs => two(self.cs.write(at("a.cs")), self.other.as_ref().unwrap().write(at("b.cs"))),
            Source::Job => {
                self.cs.write(at("J1/J1_passthrough_particles.cs"));
                if let Some(other) = &self.other {
                    other.write(at("J1/J1_particles.cs"));
                }
                job(dir.path(), 1)
            }
        };
        let mut findings = Findings::new();
        let prepared = Conversion::prepare_with(input, self.settings, &mut findings);
        let mut told = Vec::new();
        match prepared {
            Ok(conversion) if self.is_deep => {
                let looked = conversion.check_pixels(&Silent, &false.into()).unwrap();
                findings.errors.extend(looked.errors);
                findings.warnings.extend(looked.warnings);
            }
            Ok(_) => {}
            Err(error) => {
                let texts = std::iter::once(&error).chain(error.others()).map(|error| (true, error.to_string()));
                told.extend(texts);
            }
        }
        told.extend(findings.warnings.iter().map(|warning| (false, warning.code.to_owned())));
        // What the smallest of data sets, in a temporary folder and a little astigmatic, gets anyway.
        let anyway = ["default-used", "image-root", "defocus-angle-axis", "box-against-defocus"];
        let n_anyway = if self.is_box_looked_at { anyway.len() - 1 } else { anyway.len() };
        told.retain(|(is_error, text)| *is_error || !anyway[..n_anyway].contains(&text.as_str()));
        told
    }

    fn write_star(&self, path: &Path) -> PathBuf {
        let mut text = self.head.clone();
        if !self.optics.is_empty() {
            text.push_str("data_optics\n\nloop_\n");
            text.extend(self.optics.iter().map(|(name, _)| format!("_{name}\n")));
            text.push_str(&self.optics.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" "));
            text.push_str("\n\n");
        }
        if !self.particles.is_empty() {
            text.push_str("data_particles\n\nloop_\n");
            text.extend(self.particles.iter().map(|(name, _)| format!("_{name}\n")));
            for row in 0..2 {
                let values: Vec<&str> = self.particles.iter().map(|(_, values)| values[row].as_str()).collect();
                text.push_str(&format!("{}\n", values.join(" ")));
            }
        }
        fs::write(path, text).unwrap();
        path.to_owned()
    }
}

/// Two images, as bytes of an MRC file that states no pixel size.
fn stack(mode: Mode) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mrcs");
    let layout =
        MrcLayout { n_columns: SIDE, n_rows: SIDE, n_sections: 2, pixel_size_angstrom: None, mode: Mode::Float32 };
    let mut writer = MrcWriter::create(&path, layout).unwrap();
    for section in 0..2 {
        writer.write_section(&(0..SIDE * SIDE).map(|at| (at * 7 % 31 + section) as f32).collect::<Vec<_>>()).unwrap();
    }
    writer.finish().unwrap();
    let mut bytes = fs::read(path).unwrap();
    if mode == Mode::Int8 {
        put_int(&mut bytes, 12, 0);
        bytes.truncate(1024);
        bytes.extend((0..2 * SIDE * SIDE).map(|at| (at * 7 % 251) as u8));
    }
    bytes
}

fn put_int(bytes: &mut [u8], offset: usize, value: i32) {
    bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

fn put_float(bytes: &mut [u8], offset: usize, value: f32) {
    bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

/// Writes a pixel size into a header.
fn put_pixel_size(bytes: &mut [u8], size: f32) {
    for axis in 0..3 {
        put_int(bytes, 28 + 4 * axis, SIDE as i32);
        put_float(bytes, 40 + 4 * axis, size * SIDE as f32);
    }
}

/// A data set that is wrong in the way of `check`, and a piece of the error's text if it is one; `None` where the source
/// can't be wrong so.
fn case(check: &str, source: Source) -> Option<(DataSet, &'static str)> {
    let mut set = DataSet::right(source);
    let is_star = set.is_star();
    let is_cs = matches!(source, Source::Cs | Source::TwoCs | Source::Job);
    let is_mrc = source == Source::Mrc;
    let has_optics = matches!(source, Source::Star31 | Source::Sequence);
    let has_metadata = is_star || is_cs;
    let mut text = "";
    match check {
        "a column that is a key appears twice" if is_star => {
            set.again(match source {
                Source::Star30 => "rlnImageName",
                _ => "rlnOpticsGroup",
            });
            text = "appears twice in block";
        }
        "a column that is a key appears twice" if is_cs => {
            set.cs = set.cs.repeated("uid");
            text = "two fields are called";
        }
        "a column that is a flag appears twice" if is_star => {
            set.put("rlnCtfDataArePhaseFlipped", ["0", "0"]);
            set.again("rlnCtfDataArePhaseFlipped");
            text = "rlnCtfDataArePhaseFlipped appears twice in block";
        }
        "a column that is a name appears twice" if has_optics => {
            set.again("rlnOpticsGroupName");
            text = "rlnOpticsGroupName appears twice in block `data_optics`";
        }
        "a stated box that differs from the images'" if is_star => set.put("rlnImageSize", ["16", "8"]),
        "a stated box that differs from the images'" if is_cs => {
            set.cs = set.cs.u32s("blob/shape", &[[8, 8], [16, 16]])
        }
        "a stated pixel size that differs from the caller's" if has_metadata => {
            set.settings.pixel_size_angstrom = Some([1.7, 1.7]);
            if source == Source::Sequence {
                set.put("rlnImagePixelSize", ["1.5", "1.5"]);
            }
            text = "pixel sizes contradict each other";
        }
        "a stated pixel size that differs from the caller's" => put_pixel_size(&mut set.mrc, 1.7),
        "pixel sizes that differ between rows or files" => {
            text = "differ";
            match source {
                Source::Star30 => set.put("rlnMagnification", ["40000", "50000"]),
                Source::Star31 => {
                    set.without("rlnImagePixelSize");
                    set.put("rlnImagePixelSize", ["1.5", "1.6"]);
                }
                Source::Sequence => set.put("rlnImagePixelSize", ["1.5", "1.6"]),
                Source::Mrc => {
                    set.settings.pixel_size_angstrom = None;
                    put_pixel_size(&mut set.mrc, 1.5);
                    let mut second = set.mrc.clone();
                    put_pixel_size(&mut second, 1.6);
                    set.second_mrc = Some(second);
                    set.put("rlnImageName", ["1@a.mrcs", "1@b.mrcs"]);
                }
                _ => set.cs = set.cs.f32("blob/psize_A", &[1.5, 1.6]),
            }
        }
        "columns that give half of a pixel size, or that of other images" if is_star => {
            set.without("rlnImagePixelSize");
            set.without("rlnMagnification");
            set.put("rlnMicrographPixelSize", ["1.5", "1.5"]);
            set.settings.pixel_size_angstrom = None;
            put_pixel_size(&mut set.mrc, 1.6);
        }
        "columns that give half of a pixel size, or that of other images" if is_cs => {
            set.cs = set.cs.without("blob/psize_A").f32("location/micrograph_psize_A", &[0.75, 0.75]);
            put_pixel_size(&mut set.mrc, 1.6);
        }
        "columns that give half of a pixel size, or that of other images" if is_mrc => {
            set.settings.pixel_size_angstrom = None;
            put_pixel_size(&mut set.mrc, 1.6);
            (0..3).for_each(|axis| put_int(&mut set.mrc, 28 + 4 * axis, 0));
            text = "has a cell of 12.8 Å and a grid of 0";
        }
        "a pixel size that is not positive" if has_metadata && source != Source::Sequence => {
            match source {
                Source::Star30 => {
                    set.put("rlnMagnification", ["40000", "0"]);
                    put_pixel_size(&mut set.mrc, 1.5);
                }
                _ => set.put_both("rlnImagePixelSize", "blob/psize_A", 0.0),
            }
            text = "expected a positive number of Å";
        }
        "a value that differs between two blocks or files" if has_optics => {
            set.particles.push(("rlnVoltage".to_owned(), ["300".to_owned(), "200".to_owned()]));
        }
        "a value that differs between two blocks or files" if source == Source::TwoCs => {
            set.other = set.other.map(|other| other.f32("ctf/df1_A", &[10_000.0, 11_000.0]));
        }
        "a value that differs between two blocks or files" if source == Source::Job => {
            let images = [("J1/restack/batch_0_restacked.mrc", 0), ("J1/restack/batch_0_restacked.mrc", 1)];
            set.cs = set.cs.without("blob/path").without("blob/idx");
            let other = Cs::default().with_uids(&[7, 8]).with_images(&images);
            set.other = Some(other.f32("ctf/df1_A", &[10_000.0, 11_000.0]));
        }
        "rows that name different images than they are paired with" if source == Source::Sequence => {
            set.put("rlnImageName", ["2@a.mrcs", "1@a.mrcs"]);
        }
        "rows that name different images than they are paired with" if source == Source::Job => {
            set.cs = set.cs.with_images(&[("J9/extract/b.mrc", 1), ("J9/extract/b.mrc", 0)]);
        }
        "images multiplied by their CTF" if is_star => set.put("rlnCtfDataAreCtfPremultiplied", ["1", "0"]),
        "images corrected for their CTF" if is_star => set.put("rlnCtfDataAreCtfCorrected", ["1", "0"]),
        "images with phases flipped" if is_star => set.put("rlnCtfDataArePhaseFlipped", ["0", "1"]),
        "a B-factor or a scale factor that changes the CTF" if has_metadata => {
            set.put_both("rlnCtfScalefactor", "ctf/scale", 0.5);
        }
        "volumes in place of images" if is_star => {
            set.put("rlnImageDimensionality", ["3", "3"]);
            text = "subtomograms, volumes and not images";
        }
        "volumes in place of images" if is_cs => {
            set.cs = set.cs.f32s("blob/shape", &[[8.0, 8.0, 8.0], [8.0, 8.0, 8.0]]);
            text = "volumes and not images";
        }
        "volumes in place of images" => put_int(&mut set.mrc, 88, 401),
        "−999, RELION's mark for unknown, as an angle" if is_star && source != Source::Sequence => {
            set.put("rlnAnglePsi", ["-999.0", "30"]);
        }
        "a voltage of 0 or less" if has_metadata => {
            set.put_both("rlnVoltage", "ctf/accel_kv", 0.0);
            text = "is 0, expected more than 0 kV";
        }
        "an amplitude contrast outside 0 … 1" if has_metadata => {
            set.put_both("rlnAmplitudeContrast", "ctf/amp_contrast", 10.0);
            text = "is 10, expected a fraction from 0 to 1";
        }
        "no CTF at all: voltage, aberration and defocus 0" if has_metadata => {
            for (star, cs) in [
                ("rlnVoltage", "ctf/accel_kv"),
                ("rlnSphericalAberration", "ctf/cs_mm"),
                ("rlnDefocusU", "ctf/df1_A"),
                ("rlnDefocusV", "ctf/df2_A"),
            ] {
                set.put_both(star, cs, 0.0);
            }
            text = "are all 0: no CTF was estimated";
        }
        "a voltage outside 40 … 1300 kV" if has_metadata => set.put_both("rlnVoltage", "ctf/accel_kv", 300_000.0),
        "a spherical aberration outside 0 … 20 mm" if has_metadata => {
            set.put_both("rlnSphericalAberration", "ctf/cs_mm", 2.7e7);
        }
        "a defocus beyond 0.1 … 100 µm" if has_metadata => set.put_both("rlnDefocusV", "ctf/df2_A", 1.2),
        "a box too small for the defocus over most of the band" if has_metadata => set.is_box_looked_at = true,
        "a phase shift or defocus angle beyond a whole turn" if has_metadata => {
            set.put_both("rlnPhaseShift", "ctf/phase_shift_rad", 400.0);
        }
        "poses of several classes, or of 2-D classification" if is_cs => {
            for class in 0..2 {
                set.cs = set
                    .cs
                    .f32s(&format!("alignments_class_{class}/pose"), &[[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]])
                    .f32(&format!("alignments_class_{class}/class_posterior"), &[0.5, 0.5]);
            }
        }
        "the wrong kind of file" => {
            match source {
                Source::Star30 => {
                    set.without("rlnImageName");
                    set.put("rlnMicrographName", ["a.mrc", "b.mrc"]);
                }
                Source::Star31 => {
                    set.head = "data_model_general\n\n_rlnReferenceDimensionality 2\n\n".to_owned();
                    set.particles.clear();
                }
                Source::Sequence => {
                    set.head = "data_model_general\n\n_rlnReferenceDimensionality 2\n\n".to_owned();
                    set.particles.clear();
                }
                Source::Cs => set.cs = Cs::default().with_uids(&[7, 8]).text("micrograph_blob/path", &["a", "b"]),
                Source::Mrc => set.mrc = b"<!DOCTYPE html><html>404</html>".to_vec(),
                Source::TwoCs | Source::Job => return None,
            }
            text = match source {
                Source::Star30 => "a list of micrographs, no particles: missing",
                Source::Star31 | Source::Sequence => "a RELION model",
                Source::Cs => "exposures, not particles: missing",
                _ => "is an HTML page",
            };
        }
        "pixels of another size than the mode's" if is_mrc => {
            set.mrc.resize(1024 + 2 * 8 * (SIDE * SIDE) as usize, 0);
            text = "exactly 8 bytes per pixel";
        }
        "8-bit pixels out of the header's range (`--deep`)" if is_mrc => {
            set.mrc = stack(Mode::Int8);
            put_float(&mut set.mrc, 76, 0.0);
            put_float(&mut set.mrc, 80, 250.0);
            set.is_deep = true;
        }
        "32-bit integers behind mode 2 (`--deep`)" if is_mrc => {
            for (at, pixel) in set.mrc[1024..].chunks_exact_mut(4).enumerate() {
                pixel.copy_from_slice(&(at as i32 % 31).to_le_bytes());
            }
            set.is_deep = true;
        }
        _ => return None,
    }
    Some((set, text))
}

/// The table of docs/checks.md: each check with what its cells say.
fn table() -> Vec<(String, Vec<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/checks.md");
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("| check |")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
            (cells.next().unwrap(), cells.collect())
        })
        .collect()
}

#[test]
fn nothing_is_reported_for_data_sets_with_nothing_wrong() {
    for source in SOURCES {
        let told = DataSet::right(source).told();
        assert!(told.is_empty(), "{source:?}: {told:?}");
    }
}

#[test]
fn every_cell_of_the_table_is_true() {
    let table = table();
    assert!(table.len() > 20, "{}", table.len());
    let mut wrong = Vec::new();
    for (check, cells) in &table {
        assert_eq!(cells.len(), SOURCES.len(), "{check}");
        for (cell, source) in cells.iter().zip(SOURCES) {
            let case = case(check, source);
            let is_right = match (cell.split_once(' '), &case) {
                (Some(("–", why)), None) => !why.is_empty(),
                _ => case.is_some_and(|(set, text)| {
                    let told = set.told();
                    let is_right = match cell.strip_prefix("warning [").and_then(|cell| cell.strip_suffix(']')) {
                        Some(code) => {
                            told.iter().all(|(is_error, _)| !is_error) && told.iter().any(|(_, of)| of == code)
                        }
                        None => cell == "error" && told.iter().any(|(is_error, of)| *is_error && of.contains(text)),
                    };
                    if !is_right {
                        wrong.push(format!("  told: {told:?}"));
                    }
                    is_right
                }),
            };
            if !is_right {
                wrong.push(format!("{check}, {source:?}: {cell}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
