//! Takes one image all the way by hand, and compares it with the stored one:
//! `cargo run --release --example look_inside -- OUTPUT run_data.star`, after the example `convert` with the same words.

use verglas::preprocess::{Downsampler, apply_normalization};
use verglas::{Conversion, ConvertSettings, Error, Input, Result};
use verglas::{image::RawImage, settings::Backend, stack::FourierStack, transform::PolarImages};

fn main() -> Result<()> {
    let mut paths = std::env::args().skip(1);
    let output = paths.next().unwrap_or_else(|| "stacks".to_owned());
    let conversion = Conversion::prepare(Input::from_paths(paths)?, ConvertSettings::default())?;
    let (table, particle) = (conversion.table(), conversion.particle(0));
    let ctf = table.ctf(particle);
    println!("{} particles; {}: CTF at 10 Å {:.4}", table.len(), table.place(particle), ctf.value_along(0.1, 0.0));

    let (pixels, downsampler) = (conversion.read_image(0)?, Downsampler::plan(conversion.sides()));
    let mut scratch = downsampler.scratch();
    let mut physical = vec![0.0; conversion.sides().n_pixels().pow(2)];
    let (physical, _) = apply_normalization(downsampler.apply(RawImage(&pixels), &mut scratch), &mut physical)?;
    let backend = Backend::default().plan::<f32>(conversion.descriptor())?;
    let mut polar = PolarImages::new(1, backend.output_len());
    polar.transform(0, physical.into(), backend.worker().as_mut())?;
    let image = polar.get(0).ok_or_else(|| Error::value("no image"))??;

    let (mut stack, mut stored) = (FourierStack::open_in(&output, 0)?, Vec::new());
    stack.read_images(0, 1, &mut stored)?;
    let found = if stored == image.values() { "as stored" } else { "not as stored" };
    println!("{} values, norm {:.4}: {found}", stored.len(), image.norm());
    println!("CTF as stored: {}", stack.metadata().ctf(0) == ctf);
    Ok(())
}
