//! From inputs to structures: first all errors are reported, then the structures are loaded one by one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use verglas_core::findings::{counted, counted_do};
use verglas_core::hint::{Hint, Setting, Text};
use verglas_core::{Error, Findings, Result};
use verglas_formats::trajectory::Trajectory;
use verglas_formats::{AtomFile, mmcif, pdb};

use crate::beads::{BeadSettings, Beads, Center};
use crate::choice::{Frames, Models};
use crate::map::{Density, MapSettings, Voxels, read_mrc_density, read_npy_density};
use crate::selection::Selection;
use crate::source::{InputKind, Names, missing_files, name_of};
use crate::structure::Structure;

/// Where structures come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A file of any kind that [`InputKind`] knows.
    File(PathBuf),
    /// A density in memory, its last axis fastest.
    Array(Voxels, [usize; 3]),
}

/// How all inputs are read.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// Of atoms.
    pub beads: BeadSettings,
    /// Of maps and arrays.
    pub maps: MapSettings,
    /// Of files with several models.
    pub models: Models,
    /// Of trajectories.
    pub frames: Frames,
    /// The file, PDB or mmCIF, that says which atoms the trajectories' positions are of.
    pub topology: Option<PathBuf>,
}

impl LoadSettings {
    /// The usual ones: of atoms a bead for each selected residue, of maps what their headers say, of arrays voxels of
    /// `pixel_size_angstrom`; for images of a box of `box_angstrom`.
    pub fn with_selection(selection: Selection, box_angstrom: f64, pixel_size_angstrom: f64) -> Self {
        Self {
            beads: BeadSettings {
                selection,
                use_protein_residue_model: true,
                atom_radii_angstrom: None,
                center: Center::Mean,
                box_angstrom: Some(box_angstrom),
            },
            maps: MapSettings { array_voxel_angstrom: Some(pixel_size_angstrom), ..MapSettings::default() },
            models: Models::First,
            frames: Frames::default(),
            topology: None,
        }
    }
}

/// The part of an input that one structure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The model at this place in its file.
    Model {
        /// Its place, from 0.
        place: usize,
        /// Its number in the file.
        number: i64,
    },
    /// A frame of a trajectory, counted from 0.
    Frame(usize),
    /// The whole map or array.
    Density,
}

/// A structure that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its name, no other structure's: `NAME`, `NAME_modelK` where models were asked for, `NAME_frameK` of a trajectory,
    /// `tensor_I` of the I-th input (from 0) if that is an array in memory; then `_1`, `_2`, … where it was taken.
    pub name: String,
    /// The place of its input, from 0.
    pub input: usize,
    /// The part of it.
    pub part: Part,
}

/// The source of a structure.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Atoms.
    Beads(Beads),
    /// Voxels.
    Density(Density),
}

/// Structures that were checked, in the order of the inputs.
#[derive(Debug)]
pub struct Structures {
    inputs: Vec<Input>,
    settings: LoadSettings,
    planned: Vec<Planned>,
    /// The last coordinate file or trajectory, for its other models or frames.
    last: Mutex<Option<(usize, Arc<Opened>)>>,
}

/// What is done with each structure that is read while all are planned.
type Look<'a> = &'a mut dyn FnMut(&Planned, Content) -> Result<()>;

/// A file that several structures come from.
#[derive(Debug)]
enum Opened {
    Atoms(AtomFile),
    Trajectory(Trajectory, Box<Structure>),
}

impl Structures {
    /// Checks all inputs and reads each once, so that all errors are found now: they are in `findings`,
    /// of which there is at least one if a structure can't be loaded, and so are all warnings.
    pub fn plan(inputs: Vec<Input>, settings: LoadSettings, findings: &mut Findings) -> Self {
        Self::plan_and_look(inputs, settings, findings, &mut |_, _| Ok(()))
    }

    /// The same, and calls `look` on each structure that was read; for a trajectory, on its first frame only. Errors
    /// of `look` are reported with the others.
    pub fn plan_and_look(
        inputs: Vec<Input>,
        settings: LoadSettings,
        findings: &mut Findings,
        look: &mut dyn FnMut(&Planned, Content) -> Result<()>,
    ) -> Self {
        settings.beads.check(findings);
        let files = inputs.iter().filter_map(|input| match input {
            Input::File(path) => Some(path.as_path()),
            Input::Array(..) => None,
        });
        if let Some(error) = missing_files(files.chain(settings.topology.as_deref())) {
            findings.error(error);
        }
        if inputs.is_empty() {
            findings.error(Error::value("no structure: neither a file nor a list of files was given"));
        }
        let mut structures = Self { inputs, settings, planned: Vec::new(), last: Mutex::new(None) };
        let mut names = Names::default();
        let mut given = GivenWarnings::default();
        for input in 0..structures.inputs.len() {
            if let Err(error) = structures.plan_input(input, &mut names, &mut given, findings, look) {
                findings.error(error);
            }
        }
        structures
    }

    /// The structures that can be loaded.
    pub fn planned(&self) -> &[Planned] {
        &self.planned
    }

    /// The path that a planned structure's input was given by; `tensor_I` for an array in memory.
    pub fn source(&self, planned: &Planned) -> String {
        self.label(planned.input)
    }

    /// The inputs, in order.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Loads one of [`Structures::planned`]. [`Structures::plan`] has already given all warnings, except those that
    /// depend on a trajectory's frame.
    ///
    /// # Errors
    /// As found by [`Structures::plan`]; a file that has changed since.
    pub fn load(&self, planned: &Planned, findings: &mut Findings) -> Result<Content> {
        let label = self.label(planned.input);
        let mut already_given = Findings::new();
        match (planned.part, &self.inputs[planned.input]) {
            (Part::Model { place, number }, _) => {
                let opened = self.opened(planned.input)?;
                let Opened::Atoms(file) = &*opened else { return Err(changed(&label)) };
                let model = file.models.get(place).filter(|model| model.number == number);
                let structure = Structure::new(model.ok_or_else(|| changed(&label))?.atoms.clone());
                self.settings.beads.beads(&structure, &label, &mut already_given).map(Content::Beads)
            }
            (Part::Frame(frame), Input::File(path)) => {
                let opened = self.opened(planned.input)?;
                let Opened::Trajectory(trajectory, topology) = &*opened else { return Err(changed(&label)) };
                let positions = trajectory.read_frame(frame).map_err(|error| Error::from_format(path, error))?;
                let mut structure = Structure::clone(topology);
                if !structure.set_positions(&positions) {
                    return Err(changed(&label));
                }
                let beads = self.settings.beads.beads(&structure, &label, &mut already_given)?;
                let of_frame = already_given.warnings.iter().filter(|warning| warning.code == "beyond-box");
                for warning in of_frame {
                    findings.warn(warning.code, format!("frame {frame} of {}", warning.message));
                }
                Ok(Content::Beads(beads))
            }
            (Part::Density, Input::Array(values, shape)) => {
                let density = Density::from_array(values.clone(), *shape, &self.settings.maps, &label);
                density.map(Content::Density)
            }
            (Part::Density, Input::File(path)) => self.read_density(path, &mut already_given).map(Content::Density),
            (Part::Frame(_), Input::Array(..)) => Err(changed(&label)),
        }
    }

    fn label(&self, input: usize) -> String {
        match &self.inputs[input] {
            Input::File(path) => path.display().to_string(),
            Input::Array(..) => format!("tensor_{input}"),
        }
    }

    fn read_density(&self, path: &Path, findings: &mut Findings) -> Result<Density> {
        match InputKind::expect(path)? {
            InputKind::Array => read_npy_density(path, &self.settings.maps),
            _ => read_mrc_density(path, &self.settings.maps, findings),
        }
    }

    fn plan_input(
        &mut self,
        input: usize,
        names: &mut Names,
        given: &mut GivenWarnings,
        findings: &mut Findings,
        look: Look<'_>,
    ) -> Result<()> {
        let path = match &self.inputs[input] {
            Input::Array(..) => {
                self.push(input, format!("tensor_{input}"), Part::Density, names);
                return self.look_at_last(given, findings, look);
            }
            // Reported with the other missing ones.
            Input::File(path) if !path.exists() => return InputKind::expect(path).map(drop),
            Input::File(path) => path.clone(),
        };
        let name = name_of(&path);
        match InputKind::expect(&path)? {
            InputKind::Map | InputKind::Array => {
                self.push(input, name, Part::Density, names);
                self.look_at_last(given, findings, look)
            }
            InputKind::Pdb | InputKind::Mmcif => self.plan_models(input, &name, names, given, findings, look),
            InputKind::Trajectory => self.plan_frames(input, &name, names, given, findings, look),
        }
    }

    fn push(&mut self, input: usize, name: String, part: Part, names: &mut Names) {
        self.planned.push(Planned { name: names.take(name), input, part });
    }

    /// Loads what was planned last, for its errors and warnings.
    fn look_at_last(&self, given: &mut GivenWarnings, findings: &mut Findings, look: Look<'_>) -> Result<()> {
        let Some(planned) = self.planned.last() else { return Ok(()) };
        let mut own = Findings::new();
        let result = match &self.inputs[planned.input] {
            Input::File(path) => self.read_density(path, &mut own).map(Content::Density),
            Input::Array(..) => self.load(planned, &mut own),
        };
        given.pass_on(own, findings);
        look(planned, result?)
    }

    fn plan_models(
        &mut self,
        input: usize,
        name: &str,
        names: &mut Names,
        given: &mut GivenWarnings,
        findings: &mut Findings,
        look: Look<'_>,
    ) -> Result<()> {
        let opened = self.opened(input)?;
        let Opened::Atoms(file) = &*opened else { return Err(changed(name)) };
        let label = self.label(input);
        warn_about_file(file, &label, findings);
        if file.models.len() > 1 && self.settings.models == Models::First {
            findings.warn(
                "models",
                Text::from(format!(
                    "`{label}` has {} models, of which the first (model {}) is taken; ",
                    file.models.len(),
                    file.models[0].number
                )) + Hint::Choose(Setting::Models, "all")
                    + " takes each",
            );
        }
        for place in self.settings.models.choose(&file.models, &label)? {
            let model = &file.models[place];
            let mut own = Findings::new();
            let result = self.settings.beads.beads(&Structure::new(model.atoms.clone()), &label, &mut own);
            given.pass_on(own, findings);
            let beads = match result {
                Err(error) if file.models.len() > 1 => {
                    return Err(error.with_detail(format_args!("in its model {}", model.number)));
                }
                result => result?,
            };
            let name = match self.settings.models {
                Models::First => name.to_owned(),
                Models::All | Models::Numbers(_) => format!("{name}_model{}", model.number),
            };
            self.push(input, name, Part::Model { place, number: model.number }, names);
            if let Some(planned) = self.planned.last() {
                look(planned, Content::Beads(beads))?;
            }
        }
        Ok(())
    }

    fn plan_frames(
        &mut self,
        input: usize,
        name: &str,
        names: &mut Names,
        given: &mut GivenWarnings,
        findings: &mut Findings,
        look: Look<'_>,
    ) -> Result<()> {
        let Input::File(path) = self.inputs[input].clone() else { return Err(changed(name)) };
        let Some(topology_path) = self.settings.topology.clone() else {
            return Err(Error::value(format!(
                "`{}`: a trajectory says where its atoms are, but not what they are",
                path.display()
            ))
            .with_hint("give a PDB or mmCIF file of the same atoms with " + Hint::Give(Setting::Topology)));
        };
        if !topology_path.exists() {
            return Ok(());
        }
        let opened = self.opened(input)?;
        let Opened::Trajectory(trajectory, topology) = &*opened else { return Err(changed(name)) };
        let label = self.label(input);
        for warning in trajectory.warnings() {
            findings.warn("trajectory", format!("`{label}`: {warning}"));
        }
        let n_frames = trajectory.n_frames();
        let frames: Vec<usize> = self.settings.frames.choose(n_frames).collect();
        let (Some(first), n_asked) = (frames.first(), self.settings.frames.stop) else {
            return Err(Error::value(format!(
                "`{label}`: no frame from {} on; the trajectory has {}, counted from 0",
                self.settings.frames.start,
                counted(n_frames, "frame")
            )));
        };
        if n_asked.is_some_and(|stop| stop > n_frames) {
            findings.warn(
                "frames",
                format!("`{label}`: the trajectory has {}, fewer than requested", counted(n_frames, "frame")),
            );
        }
        let positions = trajectory.read_frame(*first).map_err(|error| Error::from_format(&path, error))?;
        let mut structure = Structure::clone(topology);
        if !structure.set_positions(&positions) {
            let n_stored = structure.n_stored_atoms();
            let without = match structure.atoms().len() {
                n if n == n_stored => String::new(),
                n => format!(" ({n} without the alternates that don't count)"),
            };
            return Err(Error::value(format!(
                "`{label}`: frames of {}, the topology `{}` has {n_stored}{without}",
                counted(positions.len(), "atom"),
                topology_path.display()
            ))
            .with_hint("a topology lists the atoms that were simulated, in the same order"));
        }
        let mut own = Findings::new();
        let result = self.settings.beads.beads(&structure, &label, &mut own);
        // Warnings that depend on the frame are given when the frame is loaded.
        own.warnings.retain(|warning| warning.code != "beyond-box");
        given.pass_on(own, findings);
        let beads = Content::Beads(result?);
        let n_planned = self.planned.len();
        for frame in frames {
            self.push(input, format!("{name}_frame{frame}"), Part::Frame(frame), names);
        }
        self.planned.get(n_planned).map_or(Ok(()), |planned| look(planned, beads))
    }

    /// The coordinate file or trajectory of an input, kept for its further models or frames.
    fn opened(&self, input: usize) -> Result<Arc<Opened>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, opened)) = &*last
            && *of == input
        {
            return Ok(Arc::clone(opened));
        }
        // The file before is of no more use, and two may be too large.
        *last = None;
        let Input::File(path) = &self.inputs[input] else { return Err(changed(&self.label(input))) };
        let opened = Arc::new(match InputKind::expect(path)? {
            InputKind::Trajectory => {
                let topology = self.settings.topology.as_deref().ok_or_else(|| changed(&self.label(input)))?;
                let mut file = read_atoms(topology)?;
                let trajectory = Trajectory::open(path).map_err(|error| Error::from_format(path, error))?;
                Opened::Trajectory(trajectory, Box::new(Structure::new(file.models.swap_remove(0).atoms)))
            }
            _ => Opened::Atoms(read_atoms(path)?),
        });
        *last = Some((input, Arc::clone(&opened)));
        Ok(opened)
    }
}

/// Reads a PDB or mmCIF file, by its ending.
///
/// # Errors
/// As [`pdb::read_pdb`] and [`mmcif::read_mmcif`]; a file that is neither.
pub fn read_atoms(path: &Path) -> Result<AtomFile> {
    let read = match InputKind::expect(path)? {
        InputKind::Pdb => pdb::read_pdb(path),
        InputKind::Mmcif => mmcif::read_mmcif(path),
        _ => {
            return Err(Error::value(format!("`{}`: expected a PDB or mmCIF file, by its ending", path.display())));
        }
    };
    read.map_err(|error| Error::from_format(path, error))
}

/// The warnings about a coordinate file as a whole.
fn warn_about_file(file: &AtomFile, label: &str, findings: &mut Findings) {
    if let Some(n_copies) = file.n_assembly_copies.filter(|n_copies| *n_copies > 1) {
        findings.warn(
            "assembly",
            format!(
                "`{label}` lists a biological assembly of {n_copies} copies of its atoms: it is not built, the atoms of \
                 the file are taken"
            ),
        );
    }
    if file.n_without_residue_number > 0 {
        let n = usize::try_from(file.n_without_residue_number).unwrap_or(usize::MAX);
        findings.warn(
            "residue-numbers",
            format!(
                "`{label}`: {} no residue number that can be read: {} apart by chain and residue name only",
                counted_do(n, "atom", "has", "have"),
                if n == 1 { "it is told" } else { "they are told" }
            ),
        );
    }
}

fn changed(label: &str) -> Error {
    Error::format(format!("`{label}` has changed since it was checked"))
}

/// The warnings already given, so that none is repeated for each model.
#[derive(Default)]
struct GivenWarnings {
    messages: HashSet<String>,
}

impl GivenWarnings {
    fn pass_on(&mut self, own: Findings, findings: &mut Findings) {
        for warning in own.warnings {
            if self.messages.insert(warning.message.to_string()) {
                findings.warn(warning.code, warning.message);
            }
        }
        for note in own.notes {
            if self.messages.insert(note.to_string()) {
                findings.note(note);
            }
        }
    }
}
