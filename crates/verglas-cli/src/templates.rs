//! `verglas templates`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use verglas::Findings;
use verglas::descriptor::AtomShape;
use verglas::findings::counted;
use verglas::settings::{Existing, Shard};
use verglas::sphere::PointGroup;
use verglas::structures::{AxisOrder, Center, Frames, Input, InputKind, Models};
use verglas::templates::{
    AtomMass, DescriptorSource, TemplateJob, TemplateJobSettings, TemplateOverrides, TemplateSummary,
};

use crate::failure::{Failure, unless_refused};
use crate::messages::Messages;
use crate::signals::Signals;
use crate::values::{bytes, positive, shard};

const EXAMPLES: &str = "\
Examples:
  verglas templates 1abc.pdb 2xyz.cif map.mrc -o templates -d stacks
  verglas templates 1abc.cif -o templates -d parameters.npz --atom-selection 'protein and name CA'
  verglas templates ensemble.pdb --models all -o templates -d parameters.npz
  verglas templates run.xtc --topology run.pdb --frames 0:1000:10 -o templates -d parameters.npz
  verglas templates *.pdb -o templates -d parameters.npz --shard 3/8";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TemplatesArguments {
    /// Structures, in order: .pdb .ent .cif .mmcif; maps .mrc .map .mrcs .ccp4; arrays .npy; trajectories .xtc .dcd; all
    /// also with .gz or .bz2
    #[arg(required_unless_present = "list", value_name = "INPUT")]
    pub input: Vec<PathBuf>,
    /// File that lists more structures, one path per line
    #[arg(long, value_name = "FILE")]
    pub list: Option<PathBuf>,
    /// The grids: a descriptor, a stack's .npz, or a folder of converted stacks
    #[arg(short, long, value_name = "FILE", help_heading = "Grids")]
    pub descriptor: PathBuf,
    /// Distance between viewing directions, radians [default: the descriptor's]
    #[arg(long, value_name = "D", value_parser = positive, help_heading = "Grids")]
    pub viewing_distance: Option<f64>,
    /// Symmetry of all structures, with RELION's axes (Cn, Dn, T, O, I, I1 to I4): only views of one asymmetric unit
    #[arg(long, value_name = "GROUP", default_value = "C1", help_heading = "Grids")]
    pub symmetry: PointGroup,

    /// Which atoms to use, in mdtraj's selection language [default: the descriptor's]
    #[arg(long, value_name = "S", help_heading = "Atoms")]
    pub atom_selection: Option<String>,
    /// Radius of each atom, Å, without the protein residue model [default: the descriptor's]
    #[arg(long, value_name = "A", value_parser = positive, help_heading = "Atoms")]
    pub atom_radii: Option<f64>,
    /// Shape of an atom [default: the descriptor's]
    #[arg(long, value_name = "SHAPE", value_parser = ["gaussian", "hard-sphere"], help_heading = "Atoms")]
    pub atom_shape: Option<String>,
    /// Make one bead per residue, at CA, with the residue's radius [default: the descriptor's choice]
    #[arg(long, help_heading = "Atoms", conflicts_with = "no_protein_residue_model")]
    pub protein_residue_model: bool,
    /// Make every selected atom a bead
    #[arg(long, help_heading = "Atoms")]
    pub no_protein_residue_model: bool,
    /// Weight of atoms: their volume, or the same for all
    #[arg(long, value_name = "MASS", value_parser = ["volume", "equal"], default_value = "volume", help_heading = "Atoms")]
    pub atom_mass: String,
    /// Models of files with several: `first`, `all`, or numbers as in the file, such as 2,5-9
    #[arg(long, value_name = "LIST", default_value = "first", help_heading = "Atoms")]
    pub models: Models,
    /// PDB or mmCIF file that lists the atoms of the trajectories
    #[arg(long, value_name = "FILE", help_heading = "Atoms")]
    pub topology: Option<PathBuf>,
    /// Frames of trajectories, START:STOP:STEP from 0 [default: all]
    #[arg(long, value_name = "FRAMES", help_heading = "Atoms", requires = "topology")]
    pub frames: Option<Frames>,

    /// Voxel size, Å: A, or A,B,C along x, y, z [default: the header's]
    #[arg(long, value_name = "A[,B,C]", value_parser = voxel_size, help_heading = "Maps")]
    pub voxel_size: Option<Sides>,
    /// Order of a map's axes: zyx as `mrcfile` reads maps, xyz as CryoLike takes them
    #[arg(long, value_name = "ORDER", default_value = "zyx", help_heading = "Maps")]
    pub axis_order: AxisOrder,
    /// Continue maps periodically beyond their Nyquist frequency; otherwise templates are 0 there
    #[arg(long, help_heading = "Maps")]
    pub beyond_nyquist: bool,

    /// The origin: `mean` of the beads (of maps the middle voxel), `none` for the file's own, or X,Y,Z in Å
    #[arg(long, value_name = "CENTER", value_parser = center, allow_hyphen_values = true, help_heading = "Templates")]
    pub center: Option<Center>,
    /// Subtract the mean over the box from each template
    #[arg(long, help_heading = "Templates")]
    pub remove_mean: bool,
    /// Make templates as CryoLike does where that differs, to continue published work
    #[arg(long, help_heading = "Templates",
          conflicts_with_all = ["atom_mass", "remove_mean", "axis_order", "beyond_nyquist", "voxel_size"])]
    pub as_cryolike: bool,

    /// Folder to write to
    #[arg(short, long, value_name = "DIR", help_heading = "Output", required_unless_present = "check")]
    pub output: Option<PathBuf>,
    /// Only find everything that is wrong; write nothing
    #[arg(long, help_heading = "Output", conflicts_with_all = ["overwrite", "resume"])]
    pub check: bool,
    /// Don't write plots of the templates (plots/)
    #[arg(long, help_heading = "Output")]
    pub no_plots: bool,
    /// Replace what an earlier run wrote to the output folder
    #[arg(long, help_heading = "Output", conflicts_with_all = ["resume", "shard"])]
    pub overwrite: bool,
    /// Finish an earlier run: keep the structures that are done and make the others
    #[arg(long, help_heading = "Output")]
    pub resume: bool,
    /// Make only the K-th of N parts of the structures, K from 1; any number of shards may run at once
    #[arg(long, value_name = "K/N", value_parser = shard, help_heading = "Output")]
    pub shard: Option<Shard>,

    /// Threads [default: all processors allotted to the process, also by SLURM]
    #[arg(short = 'j', long, value_name = "N", help_heading = "Machine")]
    pub threads: Option<NonZeroUsize>,
    /// Upper bound for memory, such as 512M or 2G [default: 1G]
    #[arg(long, value_name = "SIZE", value_parser = bytes, help_heading = "Machine")]
    pub memory: Option<u64>,
}

/// A voxel's sides along x, y, z, Å. (A bare array would be taken for a list of values.)
#[derive(Debug, Clone, Copy)]
pub struct Sides([f64; 3]);

fn voxel_size(text: &str) -> Result<Sides, String> {
    let sides: Result<Vec<f64>, String> = text.split(',').map(|side| positive(side.trim())).collect();
    match sides?.as_slice() {
        [side] => Ok(Sides([*side; 3])),
        [x, y, z] => Ok(Sides([*x, *y, *z])),
        _ => Err("expected one number, or three with commas".to_owned()),
    }
}

fn center(text: &str) -> Result<Center, String> {
    let expected = || "expected `mean`, `none`, or X,Y,Z in Å".to_owned();
    match text {
        "mean" => return Ok(Center::Mean),
        "none" => return Ok(Center::None),
        _ => {}
    }
    let numbers: Option<Vec<f64>> =
        text.split(',').map(|number| number.trim().parse().ok().filter(|x: &f64| x.is_finite())).collect();
    let position = numbers.and_then(|numbers| <[f64; 3]>::try_from(numbers).ok());
    position.map(Center::Position).ok_or_else(expected)
}

/// Runs the command.
pub fn run(arguments: &TemplatesArguments, messages: Messages) -> Result<(), Failure> {
    let is_map = |path: &PathBuf| matches!(InputKind::of(path), Some(InputKind::Map | InputKind::Array));
    if arguments.as_cryolike && arguments.center.is_some() && arguments.input.iter().any(is_map) {
        let message = "--as-cryolike with --center: CryoLike always takes the middle voxel of a map";
        return Err(Failure::Usage(message.to_owned()));
    }
    let settings = settings(arguments);
    let inputs: Vec<Input> = arguments.input.iter().cloned().map(Input::File).collect();
    let Some(output) = arguments.output.as_deref().filter(|_| !arguments.check) else {
        let (job, findings) = prepare(inputs, settings, None, messages)?;
        report_checked(&job, findings.warnings.len(), messages);
        return Ok(());
    };
    let summary = make(inputs, settings, output, messages)?;
    messages.summary(&describe(&summary), || serde_json::to_value(&summary).unwrap_or_default());
    Ok(())
}

/// Checks, and tells what was found.
fn prepare(
    inputs: Vec<Input>,
    settings: TemplateJobSettings,
    output: Option<&Path>,
    messages: Messages,
) -> Result<(TemplateJob, Findings), Failure> {
    let mut findings = Findings::new();
    let refused = output.and_then(|output| TemplateJob::check_output(output, &settings).err());
    let prepared = TemplateJob::prepare(inputs, settings, &mut findings);
    messages.findings(&findings);
    Ok((unless_refused(refused, prepared)?, findings))
}

/// Checks and makes templates, and reports along the way.
///
/// # Errors
/// When something is wrong with structures, settings or the output folder; also when a signal stops it.
pub fn make(
    inputs: Vec<Input>,
    settings: TemplateJobSettings,
    output: &Path,
    messages: Messages,
) -> Result<TemplateSummary, Failure> {
    let (job, findings) = prepare(inputs, settings, Some(output), messages)?;
    let signals = Signals::listen()?;
    let progress = messages.progress(job.n_templates() as u64, "templates");
    let summary = job.run(output, &findings.warnings, &progress, &signals.stop);
    progress.finish();
    summary.map_err(|error| signals.failure(error))
}

fn report_checked(job: &TemplateJob, n_warnings: usize, messages: Messages) {
    let mut text = format!(
        "nothing wrong: {} would make {} of {} each",
        counted(job.n_structures(), "structure"),
        counted(job.n_structures(), "file"),
        counted(job.views().len(), "template")
    );
    if n_warnings > 0 {
        text.push_str(&format!("; {}", counted(n_warnings, "warning")));
    }
    messages.summary(&text, || {
        json!({
            "structures": job.names().collect::<Vec<_>>(),
            "n_structures": job.n_structures(),
            "n_templates_each": job.views().len(),
            "n_warnings": n_warnings,
        })
    });
}

/// The settings, from the command line.
fn settings(arguments: &TemplatesArguments) -> TemplateJobSettings {
    let defaults = TemplateJobSettings::new(DescriptorSource::File(arguments.descriptor.clone()));
    TemplateJobSettings {
        overrides: TemplateOverrides {
            viewing_distance: arguments.viewing_distance,
            atom_radii: arguments.atom_radii,
            atom_selection: arguments.atom_selection.clone(),
            atom_shape: arguments.atom_shape.as_deref().map(|shape| match shape {
                "hard-sphere" => AtomShape::HardSphere,
                _ => AtomShape::Gaussian,
            }),
            use_protein_residue_model: match (arguments.protein_residue_model, arguments.no_protein_residue_model) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
        },
        list: arguments.list.clone(),
        models: arguments.models.clone(),
        frames: arguments.frames.unwrap_or_default(),
        topology: arguments.topology.clone(),
        atom_mass: if arguments.atom_mass == "equal" { AtomMass::Equal } else { AtomMass::Volume },
        remove_mean: arguments.remove_mean,
        center: arguments.center.unwrap_or_default(),
        voxel_angstrom: arguments.voxel_size.map(|Sides(sides)| sides),
        axis_order: arguments.axis_order,
        beyond_nyquist: arguments.beyond_nyquist,
        symmetry: arguments.symmetry,
        plots: !arguments.no_plots,
        as_cryolike: arguments.as_cryolike,
        existing: match (arguments.overwrite, arguments.resume) {
            (true, _) => Existing::Overwrite,
            (_, true) => Existing::Resume,
            _ => Existing::Refuse,
        },
        shard: arguments.shard,
        n_threads: arguments.threads.map_or(defaults.n_threads, usize::from),
        memory_bytes: arguments.memory.unwrap_or(defaults.memory_bytes),
        ..defaults
    }
}

/// The summary.
pub fn describe(summary: &TemplateSummary) -> String {
    let shard = summary.shard.map_or(String::new(), |shard| format!("shard {shard}: "));
    let kept = match summary.n_structures_kept {
        0 => String::new(),
        n => format!("\n{} of an earlier run kept, {} made", counted(n, "structure"), summary.n_structures - n),
    };
    let mut text = format!(
        "{shard}{} of {} ({} each) below {}{kept}\n\
         box {} px, pixel size {} Å, {} precision, {} shells × {} angles{}\n\
         {:.1} s, {:.0} templates/s, {} written",
        counted(summary.n_templates, "template"),
        counted(summary.n_structures, "structure"),
        summary.n_templates_each,
        summary.output.display(),
        summary.n_pixels,
        summary.pixel_size_angstrom,
        summary.precision,
        summary.n_shells,
        summary.n_inplanes,
        if summary.as_cryolike { ", as CryoLike makes them" } else { "" },
        summary.seconds,
        summary.templates_per_second(),
        indicatif::HumanBytes(summary.bytes_written),
    );
    match &summary.list {
        Some(list) => text.push_str(&format!("\nlist of all: {}", list.display())),
        None => text.push_str("\nthe list of all is written when all structures are done"),
    }
    text
}

impl TemplatesArguments {
    /// The files and folders that are read.
    pub fn read_paths(&self) -> Vec<&PathBuf> {
        let others = self.list.iter().chain(&self.topology).chain(std::iter::once(&self.descriptor));
        self.input.iter().chain(others).collect()
    }
}

/// `verify` of a folder of templates.
pub mod verify {
    use std::path::Path;

    use verglas::Findings;
    use verglas::findings::counted;
    use verglas::templates::{TemplateVerification, verify_templates};
    use verglas_run::manifest::FolderRecord;

    use crate::failure::Failure;
    use crate::messages::Messages;
    use crate::signals::Signals;

    /// Checks and reports; fails when something is wrong.
    pub fn run(folder: &Path, n_threads: usize, messages: Messages) -> Result<(), Failure> {
        let n = FolderRecord::read(folder).map_or(0, |record| record.stacks().iter().map(|s| s.n_images as u64).sum());
        let progress = messages.progress(n, "templates");
        let signals = Signals::listen()?;
        let verified = verify_templates(folder, n_threads, &progress, &signals.stop);
        progress.finish();
        let verified = verified.map_err(|error| signals.failure(error))?;
        messages.findings(&Findings { warnings: verified.warnings.clone(), ..Findings::new() });
        messages.problems(&verified.problems);
        messages.summary(&describe(&verified), || serde_json::to_value(&verified).unwrap_or_default());
        if verified.is_sound() { Ok(()) } else { Err(Failure::AlreadySaid(1)) }
    }

    fn describe(verified: &TemplateVerification) -> String {
        let folder = verified.folder.display();
        let verdict = match verified.problems.len() {
            0 => format!("{folder} is complete and unaltered"),
            n => format!("{folder}: {}", counted(n, "problem")),
        };
        let shards = verified.n_shards.map_or(String::new(), |n| format!(", {}", counted(n, "shard")));
        format!(
            "{verdict}: {} of {} sound, {}{shards}; {} read in {:.1} s",
            verified.n_structures_sound,
            counted(verified.n_structures, "structure"),
            counted(verified.n_templates, "template"),
            indicatif::HumanBytes(verified.n_bytes),
            verified.seconds
        )
    }
}
