//! Everything that can be checked before the first byte is written.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::{Findings, counted};
use verglas_fourier::grid::{PolarGrid, Precision};
use verglas_fourier::sphere::Views;
use verglas_run::Shard;
use verglas_run::descriptor::ImageDescriptor;
use verglas_run::folder::OutputFolder;

use super::memory::plan_memory;
use super::names::TemplateFiles;
use super::settings::{AtomMass, DescriptorSource, TemplateJobSettings};
use super::slicer::Origin;
use crate::beads::{BeadSettings, Center};
use crate::load::{Content, Input, LoadSettings, Structures};
use crate::map::{AxisOrder, MapSettings, Voxels};
use crate::selection::Selection;
use crate::source::{InputKind, missing_files, read_list};

/// A job that was checked and can start.
#[derive(Debug)]
pub struct TemplateJob {
    pub(super) settings: TemplateJobSettings,
    /// The descriptor as used, overrides included.
    pub(super) descriptor: ImageDescriptor,
    /// The file that it was read from.
    pub(super) descriptor_file: Option<PathBuf>,
    pub(super) structures: Structures,
    /// SHA-256 of each input, in hexadecimal.
    pub(super) checksums: Vec<String>,
    /// The same of the topology.
    pub(super) topology_checksum: Option<String>,
    pub(super) views: Views,
    /// L = N·p, Å.
    pub(super) box_angstrom: f64,
}

impl TemplateJob {
    /// Reads every input once and checks everything that can be checked. Warnings go to `findings`; nothing is
    /// written.
    ///
    /// # Errors
    /// When something is wrong; where several things are, [`Error::others`] has the rest.
    pub fn prepare(inputs: Vec<Input>, settings: TemplateJobSettings, findings: &mut Findings) -> Result<Self> {
        let checked = Self::check(inputs, settings, findings);
        match (findings.take_error(), checked) {
            (None, Some(job)) => Ok(job),
            (Some(error), _) => Err(error),
            (None, None) => Err(Error::value("no structure can be used")),
        }
    }

    /// Checks, without changing anything, that `output` can be written to.
    ///
    /// # Errors
    /// When it is not empty and the settings say to refuse that, or when it can't be written.
    pub fn check_output(output: &Path, settings: &TemplateJobSettings) -> Result<()> {
        OutputFolder::new(output, settings.shard, TemplateFiles::default()).check(settings.existing)
    }

    /// The grids, and what templates are made with.
    pub fn descriptor(&self) -> &ImageDescriptor {
        &self.descriptor
    }

    /// The viewing angles.
    pub fn views(&self) -> &Views {
        &self.views
    }

    /// The names of all structures, in the order of the inputs.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.structures.planned().iter().map(|planned| planned.name.as_str())
    }

    /// How many structures this run makes templates of: those of its shard, if one is asked for.
    pub fn n_structures(&self) -> usize {
        self.own_units().len()
    }

    /// How many templates these have together.
    pub fn n_templates(&self) -> usize {
        self.n_structures() * self.views.len()
    }

    /// The places of the structures that this run makes.
    pub(super) fn own_units(&self) -> Range<usize> {
        Shard::units_of(self.settings.shard, self.structures.planned().len())
    }

    /// Checks what can be checked, as much of it as possible: one thing that is wrong hides no other unless it must.
    fn check(mut inputs: Vec<Input>, settings: TemplateJobSettings, findings: &mut Findings) -> Option<Self> {
        if let Some(list) = &settings.list {
            let listed = found(read_list(list), findings).unwrap_or_default();
            inputs.extend(listed.into_iter().map(Input::File));
        }
        check_settings(&inputs, &settings, findings);
        let read = found(read_descriptor(&settings.descriptor), findings);
        let Some((descriptor, descriptor_file)) = read else {
            look_for_files(&inputs, &settings, findings);
            return None;
        };
        let descriptor = with_overrides(descriptor, &settings, findings);
        let box_angstrom = found(descriptor.box_angstrom(), findings);
        let distance = descriptor.template.viewing_distance.unwrap_or_default();
        let views = Views::for_symmetry(distance, settings.symmetry);
        let views = found(views.map_err(|error| Error::caused_by(ErrorKind::Value, error)), findings);
        let selection = descriptor.template.atom_selection.as_deref().unwrap_or(DEFAULT_SELECTION);
        let selection = found(Selection::parse(selection), findings);
        let (Some(box_angstrom), Some(selection)) = (box_angstrom, selection) else {
            look_for_files(&inputs, &settings, findings);
            return None;
        };
        let load = load_settings(&settings, &descriptor, selection, box_angstrom);
        let checksums = checksums(&inputs, findings);
        let topology_checksum = settings.topology.as_deref().and_then(|path| sha256_of(path).ok());
        // Errors that are the same for every structure are reported by `plan`.
        let reach = 2.0 * descriptor.polar_grid.radius_max() / box_angstrom;
        let n_views = views.as_ref().map_or(1, Views::len);
        let mut warnings = Findings::new();
        let structures = {
            let mut labels: HashMap<usize, String> = HashMap::new();
            for (place, input) in inputs.iter().enumerate() {
                labels.insert(place, label(input, place));
            }
            Structures::plan_and_look(inputs, load, findings, &mut |planned, content| {
                let name = &labels[&planned.input];
                if let Content::Density(density) = &content
                    && !(settings.beyond_nyquist || settings.as_cryolike)
                {
                    density.warn_beyond_nyquist(reach, name, &mut warnings);
                }
                let (structure, _) = Origin::of(content, &descriptor, &settings, box_angstrom);
                plan_memory((&structure, name), &descriptor, box_angstrom, &settings, n_views).map(drop)
            })
        };
        findings.warnings.append(&mut warnings.warnings);
        let views = views?;
        note_decisions(&descriptor, &structures, &views, &settings, findings);
        Some(Self {
            settings,
            descriptor,
            descriptor_file,
            structures,
            checksums,
            topology_checksum,
            views,
            box_angstrom,
        })
    }
}

/// CryoLike's default.
pub(super) const DEFAULT_SELECTION: &str = "name CA";

/// The value, or an error kept with the other findings.
fn found<T>(result: Result<T>, findings: &mut Findings) -> Option<T> {
    result.map_err(|error| findings.error(error)).ok()
}

/// Errors of the inputs' names, if nothing more can be checked.
fn look_for_files(inputs: &[Input], settings: &TemplateJobSettings, findings: &mut Findings) {
    let files =
        || inputs.iter().filter_map(|input| if let Input::File(path) = input { Some(path.as_path()) } else { None });
    findings.errors.extend(missing_files(files().chain(settings.topology.as_deref())));
    findings.errors.extend(files().filter_map(|path| InputKind::expect(path).err()));
}

fn label(input: &Input, place: usize) -> String {
    match input {
        Input::File(path) => path.display().to_string(),
        Input::Array(..) => format!("tensor_{place}"),
    }
}

fn check_settings(inputs: &[Input], settings: &TemplateJobSettings, findings: &mut Findings) {
    if let Some(shard) = settings.shard
        && !shard.is_valid()
    {
        findings.error(Error::value(format!("there is no shard {shard}")));
    }
    if settings.as_cryolike {
        let is_map = |input: &Input| match input {
            Input::File(path) => matches!(InputKind::of(path), Some(InputKind::Map | InputKind::Array)),
            Input::Array(..) => true,
        };
        let others = [
            ("the atoms' mass", settings.atom_mass != AtomMass::Volume),
            ("taking the mean out", settings.remove_mean),
            ("the order of axes", settings.axis_order != AxisOrder::Zyx),
            ("what is beyond Nyquist", settings.beyond_nyquist),
            ("the voxel size", settings.voxel_angstrom.is_some()),
            ("the maps' centre", settings.center != Center::Mean && inputs.iter().any(is_map)),
        ];
        for (what, is_chosen) in others {
            if is_chosen {
                findings.error(Error::value(format!("{what} can't be chosen when everything is done as in CryoLike")));
            }
        }
    }
}

/// Reads the descriptor; the path is that of the file that was read.
pub(super) fn read_descriptor(source: &DescriptorSource) -> Result<(ImageDescriptor, Option<PathBuf>)> {
    match source {
        DescriptorSource::Given(descriptor) => Ok(((**descriptor).clone(), None)),
        DescriptorSource::File(path) => {
            let (descriptor, file) = ImageDescriptor::load_from(path)?;
            Ok((descriptor, Some(file)))
        }
    }
}

pub(super) fn with_overrides(
    mut descriptor: ImageDescriptor,
    settings: &TemplateJobSettings,
    findings: &mut Findings,
) -> ImageDescriptor {
    let (template, overrides) = (&mut descriptor.template, &settings.overrides);
    template.viewing_distance = overrides.viewing_distance.or(template.viewing_distance);
    template.atom_radii = overrides.atom_radii.or(template.atom_radii);
    template.atom_selection = overrides.atom_selection.clone().or(template.atom_selection.take());
    template.atom_shape = overrides.atom_shape.unwrap_or(template.atom_shape);
    template.use_protein_residue_model =
        overrides.use_protein_residue_model.unwrap_or(template.use_protein_residue_model);
    let mut default = |what: &str, value: &str| {
        findings.warn("default-used", format!("the descriptor has no {what}: {value} is used"));
    };
    if template.viewing_distance.is_none() {
        // As CryoLike: 1/(4πF), F = 4·r_max/N.
        let factor = 4.0 * descriptor.polar_grid.radius_max() / descriptor.cartesian_grid.n_pixels() as f64;
        let distance = 1.0 / (4.0 * std::f64::consts::PI) / factor;
        default("viewing distance", &format!("{distance}"));
        template.viewing_distance = Some(distance);
    }
    if template.atom_selection.is_none() {
        default("atom selection", &format!("`{DEFAULT_SELECTION}`"));
        template.atom_selection = Some(DEFAULT_SELECTION.to_owned());
    }
    descriptor
}

pub(super) fn load_settings(
    settings: &TemplateJobSettings,
    descriptor: &ImageDescriptor,
    selection: Selection,
    box_angstrom: f64,
) -> LoadSettings {
    let template = &descriptor.template;
    let maps = if settings.as_cryolike {
        // The voxels' place follows from the images' box, whatever the header says.
        MapSettings {
            voxel_angstrom: Some([1.0; 3]),
            array_voxel_angstrom: None,
            axis_order: AxisOrder::Xyz,
            center: Center::Mean,
            stored_axes: true,
        }
    } else {
        MapSettings {
            voxel_angstrom: settings.voxel_angstrom,
            array_voxel_angstrom: Some(descriptor.cartesian_grid.pixel_size_angstrom()[0]),
            axis_order: settings.axis_order,
            center: settings.center,
            stored_axes: false,
        }
    };
    LoadSettings {
        beads: BeadSettings {
            selection,
            use_protein_residue_model: template.use_protein_residue_model,
            atom_radii_angstrom: template.atom_radii,
            center: settings.center,
            box_angstrom: Some(box_angstrom),
        },
        maps,
        models: settings.models.clone(),
        frames: settings.frames,
        topology: settings.topology.clone(),
    }
}

/// The checksum of each input; files that can't be read are reported elsewhere.
fn checksums(inputs: &[Input], findings: &mut Findings) -> Vec<String> {
    let checksum = |input: &Input| match input {
        Input::File(path) if !path.exists() => Ok(String::new()),
        Input::File(path) => sha256_of(path),
        Input::Array(values, shape) => Ok(sha256_of_array(values, *shape)),
    };
    inputs.iter().map(|input| found(checksum(input), findings).unwrap_or_default()).collect()
}

pub(super) fn sha256_of(path: &Path) -> Result<String> {
    verglas_run::whole::sha256_of(path)
        .map_err(|error| Error::io(format_args!("cannot read `{}`", path.display()), &error))
}

fn sha256_of_array(values: &Voxels, shape: [usize; 3]) -> String {
    let mut hasher = Sha256::new();
    shape.iter().for_each(|side| hasher.update((*side as u64).to_le_bytes()));
    match values {
        Voxels::Single(values) => values.iter().for_each(|value| hasher.update(value.to_le_bytes())),
        Voxels::Double(values) => values.iter().for_each(|value| hasher.update(value.to_le_bytes())),
    }
    hexadecimal(&hasher.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Notes what will be made, and from what.
fn note_decisions(
    descriptor: &ImageDescriptor,
    structures: &Structures,
    views: &Views,
    settings: &TemplateJobSettings,
    findings: &mut Findings,
) {
    let grid: &PolarGrid = &descriptor.polar_grid;
    findings.note(format!(
        "{} shells out to radius {}, {} angles, {} precision",
        grid.n_shells(),
        grid.radius_max(),
        grid.n_inplanes(),
        descriptor.precision.as_str()
    ));
    let bytes = match descriptor.precision {
        Precision::Single => 8,
        Precision::Double => 16,
    };
    findings.note(format!(
        "{} of {} each, {} MiB a structure{}",
        counted(structures.planned().len(), "structure"),
        counted(views.len(), "template"),
        (views.len() * grid.n_points() * bytes) >> 20,
        if settings.as_cryolike { ", as CryoLike makes them" } else { "" }
    ));
    findings.note(format!("{}, within {} MiB", counted(settings.n_threads, "thread"), settings.memory_bytes >> 20));
}
