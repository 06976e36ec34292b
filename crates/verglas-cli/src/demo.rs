//! `verglas demo`: the whole workflow in one go, on data that it makes itself.

use std::path::{Path, PathBuf};

use clap::Args;
use verglas::convert::RecordedConversion;
use verglas::metadata::Input;
use verglas::report::{REPORT, ReportSettings, write_report};
use verglas::settings::{ConvertSettings, DefocusAngleAxis, Existing};
use verglas::simulate::SimulationSettings;
use verglas::{Error, ErrorKind};
use verglas_run::manifest::FolderRecord;

use crate::failure::Failure;
use crate::messages::Messages;
use crate::{convert, demo_truth, report, simulate, verify};

const EXAMPLES: &str = "\
Examples:
  verglas demo
  verglas demo /tmp/verglas-demo";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArguments {
    /// Folder to write to
    #[arg(value_name = "DIR", default_value = "verglas-demo")]
    pub output: PathBuf,
}

const N_PARTICLES: usize = 1000;
const N_PIXELS: usize = 64;
const BATCH_SIZE: usize = 400;

/// What is simulated: in a box of 166 Å, which is large enough for these defoci.
fn simulation() -> SimulationSettings {
    SimulationSettings {
        pixel_size_angstrom: 2.6,
        defocus_angstrom: 8_000.0..=18_000.0,
        ..SimulationSettings::new(N_PARTICLES, N_PIXELS)
    }
}

/// How many images a STAR file names; `None` without one.
fn n_images_named(star: &Path) -> Option<usize> {
    Some(std::fs::read(star).ok()?.iter().filter(|&&byte| byte == b'@').count())
}

/// Only an earlier demo's stacks are replaced.
fn refuse_other_runs(stacks: &Path) -> Result<(), Error> {
    let Ok(record) = FolderRecord::read(stacks) else { return Ok(()) };
    let first = record.first();
    let batch_size = RecordedConversion::of(first).batch_size;
    if first.shard.is_none() && first.plan.n_images == N_PARTICLES && batch_size == Some(BATCH_SIZE) {
        return Ok(());
    }
    Err(Error::value(format!("`{}` holds stacks that were not made by a demo", stacks.display()))
        .with_hint("choose another folder: `verglas demo FOLDER`"))
}

/// Simulates, converts, verifies and reports, and says which file is what.
pub fn run(arguments: &DemoArguments, messages: Messages) -> Result<(), Failure> {
    let (data, stacks) = (arguments.output.join("data"), arguments.output.join("stacks"));
    let simulation = simulation();
    refuse_other_runs(&stacks)?;
    let star = data.join("particles.star");
    match simulate::write(&simulation, &data, messages) {
        Ok(_) => {}
        // An earlier demo's data set: made from the same seed, so it is the same. The metadata come last.
        Err(Failure::Run(error)) if error.kind() == ErrorKind::Exists && n_images_named(&star) == Some(N_PARTICLES) => {
        }
        Err(failure) => return Err(failure),
    }
    let settings = ConvertSettings {
        batch_size: BATCH_SIZE,
        existing: Existing::Overwrite,
        image_dir: Some(data.clone()),
        // The particles are astigmatic.
        defocus_angle_axis: DefocusAngleAxis::Rows,
        ..ConvertSettings::default()
    };
    let summary = convert::convert(Input::IndexedStar(star.clone()), settings, &stacks, messages)?;
    let verified = verify::verify(&stacks, None, messages)?;
    let reported = write_report(&stacks, &stacks.join(REPORT), &ReportSettings::default())?;
    let agreement = demo_truth::compare(&stacks, &simulation)?;
    if !agreement.is_as_expected() {
        return Err(Error::value(format!(
            "`{}` does not hold what was simulated: its images correlate {:.3} with the truth, expected {:.3}",
            stacks.display(),
            agreement.correlation,
            agreement.expected
        ))
        .with_hint("if another version made the data, choose another folder: `verglas demo FOLDER`")
        .into());
    }
    let text = format!(
        "{}\n{}\n{}\n\n\
         {}   a simulated data set, as RELION would write it\n\
         {}   what CryoLike reads:\n\
         \x20 fft/particles_fourier_stack_000000.pt     Fourier images on the polar grid\n\
         \x20 fft/particles_fourier_stack_000000.npz    how each image was taken, and where it comes from\n\
         \x20 phys/particles_phys_stack_000000.pt       centred images\n\
         \x20 plots/particles_phys_stack_000000.png     the first of them, their Fourier images, mean power\n\
         \x20 parameters.npz                            the grids (CryoLike's image descriptor)\n\
         \x20 manifest.json                             what was asked, read, and written\n\
         \x20 report.html                               all of it on one page: open it in a browser\n\n\
         The same by hand:  verglas convert {} -o NEW_FOLDER --defocus-angle-axis rows\n\
         \x20                  verglas verify NEW_FOLDER\n\
         \x20                  verglas report NEW_FOLDER\n\
         In Python:         torch.load(\"{}\", weights_only=True)\n\
         In CryoLike:       ImageDescriptor.load(\"{}\"), then run its likelihood on the stacks\n\
         And back:          verglas export {} --rows chosen.npy -o chosen.star\n\n\
         Compared with the known truth: each image with itself without noise, at its pose and with its CTF, correlates {:.3} \
         ({:.3} is what this noise leaves)",
        convert::describe(&summary),
        verify::describe(&verified),
        report::describe(&reported),
        data.display(),
        stacks.display(),
        star.display(),
        stacks.join("fft/particles_fourier_stack_000000.pt").display(),
        stacks.join("parameters.npz").display(),
        stacks.display(),
        agreement.correlation,
        agreement.expected,
    );
    messages.summary(&text, || {
        serde_json::json!({
            "conversion": summary,
            "verification": verified,
            "report": reported,
            "truth": {"correlation": agreement.correlation, "expected": agreement.expected},
        })
    });
    if verified.is_sound() { Ok(()) } else { Err(Failure::AlreadySaid(1)) }
}
