//! Warnings about particles that are converted anyway.

use std::collections::HashMap;
use std::path::PathBuf;

use verglas_core::findings::{Findings, counted, counted_do, shown};
use verglas_core::hint::{Hint, Setting, Text};
use verglas_core::paths::plain_path;
use verglas_run::descriptor::ImageDescriptor;

use super::images::FoundImages;
use crate::box_reach::BoxReach;
use crate::particle::{Column, ParticleTable};
use crate::plan::StackPlan;
use crate::settings::DefocusAngleAxis;

/// Warns of images that several rows name, and of several sets of lens constants.
pub(super) fn report_plan(table: &ParticleTable, plan: &StackPlan, images: &FoundImages, findings: &mut Findings) {
    let n_repeated = count_repeated(table, plan, images);
    if n_repeated > 0 {
        let rows = counted_do(n_repeated, "row", "names", "name");
        findings.warn("image-repeated", format!("{rows} an image that an earlier row names too; all are kept"));
    }
    let n_without_range = plan.n_stacks_without_range();
    if n_without_range > 0 {
        findings.warn(
            "no-stack-range",
            format!(
                "{} no stack_start and stack_end, because their images are not consecutive in their file: images of \
                 other optics groups or constants lie in between; idxs holds the place of each image",
                counted_do(n_without_range, "stack", "has", "have")
            ),
        );
    }
    if table.constants.len() > 1 {
        let mut text = format!(
            "{} sets of voltage, spherical aberration and amplitude contrast: stacks of one set each",
            table.constants.len()
        );
        let mut counts = vec![0_usize; table.constants.len()];
        for particle in 0..table.len() {
            counts[table.constants_index(particle) as usize] += 1;
        }
        const MOST: usize = 10;
        for (set, n) in table.constants.iter().zip(counts).take(MOST) {
            text.push_str(&format!(
                "\n  {} kV, {} mm, {}: {}",
                shown(set.voltage_kv),
                shown(set.spherical_aberration_mm),
                shown(set.amplitude_contrast),
                counted(n, "particle")
            ));
        }
        if table.constants.len() > MOST {
            text.push_str(&format!("\n  and {}", counted(table.constants.len() - MOST, "more set")));
        }
        findings.warn("constants-differ", text);
    }
}

/// Warns if the metadata state a different box from that of the images: then their pixel size may be that of other
/// images, too, as after a job that downsampled these.
pub(super) fn report_stated_box(table: &ParticleTable, n_pixels: usize, findings: &mut Findings) {
    let Some([rows, columns]) = &table.stated_box else { return };
    let n_pixels = n_pixels as f64;
    // NaN: nothing is stated.
    let differs_from = |side: f64| !side.is_nan() && side != n_pixels;
    let differs = |particle: &usize| differs_from(rows.get(*particle)) || differs_from(columns.get(*particle));
    let mut differing = (0..table.len()).filter(differs);
    let Some(first) = differing.next() else { return };
    let n_rows = counted(1 + differing.count(), "row");
    let (side, other_side, place) = (rows.get(first), columns.get(first), table.place(first));
    // Only text has lines.
    let is_star = table.sources.first().is_some_and(|source| source.lines.is_some());
    let (code, said) = match is_star {
        true => ("image-size-differs", format!("rlnImageSize says {} px", shown(side))),
        false => ("blob-shape-differs", format!("blob/shape says {} × {} px", shown(side), shown(other_side))),
    };
    let likely = match table.pixel_size_angstrom {
        Some(size) if side > 0.0 && side == other_side => format!(
            " If they were, and it was not changed with them, it is {} × {}/{n_pixels} = {} Å",
            shown(size),
            shown(side),
            shown(size * side / n_pixels)
        ),
        _ => String::new(),
    };
    findings.warn(
        code,
        format!(
            "{said} in {n_rows} (first: {place}), but the images are {n_pixels} px wide: were they resized since, and \
             is the pixel size in use theirs?{likely}"
        ),
    );
}

/// Tells of B-factors and scale factors that change the contrast transfer: they are kept for the record. `are_written`: then
/// CryoLike makes the CTF, which knows neither; likelihoods of images that are not written know the B-factor.
pub(super) fn report_envelopes(table: &ParticleTable, plan: &StackPlan, are_written: bool, findings: &mut Findings) {
    // Only text has lines.
    let is_star = table.sources.first().is_some_and(|source| source.lines.is_some());
    let [bfactor, scale] = if is_star { ["rlnCtfBfactor", "rlnCtfScalefactor"] } else { ["ctf/bfactor", "ctf/scale"] };
    let mut tell = |column: &Option<Column>, name: &str, neutral: f64, end: &str| {
        let Some(column) = column else { return };
        let n = plan.particles().filter(|&particle| column.get(particle) != neutral).count();
        if n > 0 {
            findings.warn(
                "ctf-envelope-dropped",
                format!(
                    "{name} is not {neutral} for {n} of {}, as where it holds dose weights of tilt series: it is kept for the \
                     record, and {end}",
                    counted(plan.n_images(), "particle")
                ),
            );
        }
    };
    if are_written {
        tell(&table.ctf_bfactor, bfactor, 0.0, "CryoLike's CTF is without it");
    }
    tell(&table.ctf_scale_factor, scale, 1.0, "no CTF is multiplied by it");
}

/// How many rows name an image that another row named before.
fn count_repeated(table: &ParticleTable, plan: &StackPlan, images: &FoundImages) -> usize {
    // Two names may lead to one file.
    let mut first_with: HashMap<PathBuf, u32> = HashMap::new();
    let mut file_of = Vec::with_capacity(images.files.len());
    for (image, file) in images.files.iter().enumerate() {
        let image = image as u32;
        file_of.push(match file {
            Ok(file) => *first_with.entry(plain_path(&file.path)).or_insert(image),
            Err(_) => image,
        });
    }
    let key = |particle: usize| {
        let file = file_of[table.image[particle] as usize];
        (u64::from(file) << 32) | u64::from(table.section[particle].0)
    };
    // A row whose image name is wrong has an empty one, and is an error already.
    let is_named = |&particle: &usize| !table.image_names[table.image[particle] as usize].is_empty();
    // Most data sets go through their files in order, and then nothing needs to be sorted.
    let mut keys = plan.particles().filter(is_named).map(key);
    let mut last = keys.next();
    let in_order = keys.all(|key| last.replace(key).is_some_and(|before| before < key));
    if in_order {
        return 0;
    }
    let mut keys: Vec<u64> = plan.particles().filter(is_named).map(key).collect();
    keys.sort_unstable();
    keys.windows(2).filter(|pair| pair[0] == pair[1]).count()
}

/// Reports the resolution beyond which the box is too small for the defocus: as a warning if that is most of the band,
/// otherwise as a note.
pub(super) fn report_box_reach(
    table: &ParticleTable,
    plan: &StackPlan,
    descriptor: &ImageDescriptor,
    findings: &mut Findings,
) {
    let [size, _] = descriptor.cartesian_grid.pixel_size_angstrom();
    let box_angstrom = descriptor.cartesian_grid.n_pixels() as f64 * size;
    let mut reach = BoxReach::new(box_angstrom, 2.0 * descriptor.polar_grid.radius_max() / box_angstrom);
    for particle in plan.particles() {
        let voltage_kv = table.constants[table.constants_index(particle) as usize].voltage_kv;
        reach.add(voltage_kv, [table.defocus_u_angstrom.get(particle), table.defocus_v_angstrom.get(particle)]);
    }
    match reach.message() {
        Some(text) if reach.is_much() => findings.warn(
            "box-against-defocus",
            format!("{text}; extract them in a larger box, or don't rely on finer detail"),
        ),
        Some(text) => findings.note(text),
        None => {}
    }
}

/// Warns of the defocus angle's axis where it matters: where the CTF's phase at the largest radius differs by more
/// than half a radian between the two directions of an image.
pub(super) fn report_astigmatism(
    table: &ParticleTable,
    plan: &StackPlan,
    descriptor: &ImageDescriptor,
    findings: &mut Findings,
) {
    const PHASE_THAT_MATTERS: f64 = 0.5;
    let [size, _] = descriptor.cartesian_grid.pixel_size_angstrom();
    let box_angstrom = descriptor.cartesian_grid.n_pixels() as f64 * size;
    let frequency = 2.0 * descriptor.polar_grid.radius_max() / box_angstrom;
    let n_astigmatic = plan
        .particles()
        .filter(|&particle| {
            let constants = table.constants[table.constants_index(particle) as usize];
            let wavelength = verglas_fourier::ctf::wavelength_angstrom(constants.voltage_kv);
            let difference = (table.defocus_u_angstrom.get(particle) - table.defocus_v_angstrom.get(particle)).abs();
            std::f64::consts::PI * wavelength * frequency * frequency * difference > PHASE_THAT_MATTERS
        })
        .count();
    if n_astigmatic > 0 {
        findings.warn(
            "defocus-angle-axis",
            Text::from(format!(
                "{} astigmatic; the defocus angle is written as read, from the columns' direction, but CryoLike \
                 measures it from the rows': ",
                counted_do(n_astigmatic, "particle", "is", "are")
            )) + Hint::Choose(Setting::DefocusAngleAxis, DefocusAngleAxis::Rows.as_str())
                + " makes its CTF right",
        );
    }
}
