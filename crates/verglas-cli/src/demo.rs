//! `verglas demo`: the whole way on one line, on data that it makes itself.

use verglas::Result;
use verglas::metadata::Input;
use verglas::settings::{ConvertSettings, Existing};
use verglas::simulate::{SimulateError, SimulationSettings};

use crate::args::DemoArguments;
use crate::messages::Messages;
use crate::{convert, simulate};

const N_PARTICLES: usize = 1000;
const N_PIXELS: usize = 64;
const BATCH_SIZE: usize = 400;

/// Simulates and converts, and says what lies where.
pub fn run(arguments: &DemoArguments, messages: Messages) -> Result<()> {
    let (data, stacks) = (arguments.output.join("data"), arguments.output.join("stacks"));
    let simulation = SimulationSettings::new(N_PARTICLES, N_PIXELS);
    match simulate::write(&simulation, &data, messages) {
        Ok(_) => {}
        // An earlier demo's data set: made from the same seed, so it is the same.
        Err(SimulateError::Exists(_)) => {}
        Err(error) => return Err(simulate::into_error(error)),
    }
    let star = data.join("particles.star");
    let settings =
        ConvertSettings { batch_size: BATCH_SIZE, existing: Existing::Overwrite, ..ConvertSettings::default() };
    let summary = convert::convert(Input::IndexedStar(star.clone()), settings, &stacks, messages)?;
    let text = format!(
        "{}\n\n\
         {}   a simulated data set, as RELION would write it\n\
         {}   what CryoLike reads:\n\
         \x20 fft/particles_fourier_stack_000000.pt    Fourier images on the polar grid\n\
         \x20 fft/particles_fourier_stack_000000.npz   how each image was taken, and where it comes from\n\
         \x20 phys/particles_phys_stack_000000.pt      centred images\n\
         \x20 parameters.npz                           the grids (CryoLike's image descriptor)\n\
         \x20 manifest.json                            what was asked, read, and written\n\n\
         The same by hand:  verglas convert {} -o NEW_FOLDER\n\
         In Python:         torch.load(\"{}\", weights_only=True)\n\
         In CryoLike:       ImageDescriptor.load(\"{}\"), then run its likelihood on the stacks",
        convert::describe(&summary),
        data.display(),
        stacks.display(),
        star.display(),
        stacks.join("fft/particles_fourier_stack_000000.pt").display(),
        stacks.join("parameters.npz").display(),
    );
    messages.summary(&text, || serde_json::to_value(&summary).unwrap_or_default());
    Ok(())
}
