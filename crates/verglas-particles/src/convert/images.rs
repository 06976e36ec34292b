//! The image files that a plan asks for.

use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted};
use verglas_core::hint::{Hint, Setting};
use verglas_formats::mrc::Mode0;

use crate::image::{BoxSize, ImageFile, StoredPixels, Unreadable, check_images, locate_images};
use crate::metadata::{Input, image_folder};
use crate::particle::ParticleTable;
use crate::pixel_size::{PixelSizeSource, differ, show, used};
use crate::plan::StackPlan;
use crate::settings::ConvertSettings;

/// The files of a data set's images, in the order of the table's image names.
#[derive(Debug)]
pub(super) struct FoundImages {
    pub(super) files: Vec<std::result::Result<ImageFile, Unreadable>>,
    /// How many images the run asks each file for: of a shard, those of its own stacks.
    pub(super) n_images: Vec<u32>,
    /// The box that all share.
    pub(super) box_size: Option<BoxSize>,
}

/// Finds and checks the files that the plan asks for; also counts the images of each.
pub(super) fn find_images(
    input: &Input,
    settings: &ConvertSettings,
    table: &ParticleTable,
    plan: &StackPlan,
    mode0: Mode0,
    findings: &mut Findings,
) -> FoundImages {
    let mut is_named = vec![false; table.image_names.len()];
    for particle in plan.particles() {
        is_named[table.image[particle] as usize] = true;
    }
    let mut n_images = vec![0_u32; table.image_names.len()];
    for position in plan.own_positions(settings.shard) {
        n_images[table.image[plan.particle(position)] as usize] += 1;
    }
    // A row whose image name is wrong has an empty one, and is an error already. Where files are looked for depends on
    // which are there, so a shard looks for all of them, as a run without shards does.
    let is_needed = |&image: &usize| is_named[image] && !table.image_names[image].is_empty();
    let needed: Vec<usize> = (0..n_images.len()).filter(is_needed).collect();
    let names: Vec<&[u8]> = needed.iter().map(|&image| table.image_names[image].as_slice()).collect();
    let (root_of, image_dir) = match input {
        Input::IndexedStar(path) | Input::IndexedCs { particles: path, .. } => {
            (Some(path.as_path()), settings.image_dir.clone())
        }
        // Image files that the command line names are where it says.
        Input::StarPairs(_) => (None, settings.image_dir.clone()),
        // A job's images are in its folder, wherever its metadata say that the project once was.
        Input::CryosparcJob { root, job_number } => (None, image_folder(root, *job_number)),
    };
    let located = locate_images(&names, root_of, image_dir.as_deref(), settings.skip_unreadable, findings);
    let mut paths = vec![None; n_images.len()];
    for (image, path) in needed.into_iter().zip(located) {
        paths[image] = path;
    }
    // The first file's header may decide the pixel size, for all shards alike.
    let first = plan.stacks().first().map(|_| table.image[plan.particle(0)] as usize);
    for (image, path) in paths.iter_mut().enumerate() {
        if n_images[image] == 0 && Some(image) != first {
            *path = None;
        }
    }
    let positions = plan.own_positions(settings.shard);
    let stored = StoredPixels { mode0, pixel_type: settings.pixel_type };
    let (files, box_size) = check_images(table, plan, positions, paths, stored, settings.skip_unreadable, findings);
    FoundImages { files, n_images, box_size }
}

/// Reports stacks that would have no image left.
pub(super) fn refuse_empty_stacks(
    table: &ParticleTable,
    plan: &StackPlan,
    settings: &ConvertSettings,
    files: &[std::result::Result<ImageFile, Unreadable>],
    findings: &mut Findings,
) {
    let is_there = |particle: usize| match &files[table.image[particle] as usize] {
        Ok(file) => u64::from(table.section[particle].0) < file.n_sections_present,
        Err(_) => false,
    };
    let is_empty =
        |&number: &usize| !plan.stacks()[number].positions.clone().any(|position| is_there(plan.particle(position)));
    let mut empty = plan.own_stacks(settings.shard).filter(is_empty);
    let Some(first) = empty.next() else { return };
    let first_particle = plan.particle(plan.stacks()[first].positions.start);
    let others = match empty.count() {
        0 => String::new(),
        n => format!(", and none of {}", counted(n, "more stack")),
    };
    findings.error(
        Error::value(format!(
            "no image of stack {first} is left{others}: its {} would all be left out, but CryoLike needs stacks \
             numbered without gaps",
            counted(plan.stacks()[first].n_images(), "image")
        ))
        .with_detail(format_args!("the first is that of {}", table.place(first_particle)))
        .with_hint("remove these rows from the metadata, or make larger stacks with " + Hint::Give(Setting::BatchSize)),
    );
}

/// The first header's pixel size, if it means anything: zero and one are written by programs that don't know it.
pub(super) fn header_pixel_size(files: &[std::result::Result<ImageFile, Unreadable>]) -> Option<[f64; 2]> {
    files.iter().flatten().find_map(meaningful_pixel_size)
}

fn meaningful_pixel_size(file: &ImageFile) -> Option<[f64; 2]> {
    // The header counts along x and y; pixel sizes here are along rows (y), then columns (x).
    let [x, y] = file.header.pixel_size_angstrom?;
    (x > 0.0 && y > 0.0 && x != 1.0 && y != 1.0).then_some([y, x])
}

/// Compares the chosen pixel size with the headers'. If they are the only source, they must
/// agree; otherwise those that differ give a warning.
///
/// # Errors
/// When headers are all there is, and they differ.
pub(super) fn compare_headers(
    files: &[std::result::Result<ImageFile, Unreadable>],
    chosen: [f64; 2],
    source: PixelSizeSource,
    findings: &mut Findings,
) -> Result<()> {
    let stated = || files.iter().flatten().filter_map(|file| Some((file, meaningful_pixel_size(file)?)));
    let mut others = stated().filter(|(_, size)| differ(chosen, *size));
    if let Some((file, size)) = others.next() {
        let (path, size) = (file.path.display(), show(size));
        if source == PixelSizeSource::MrcHeader {
            let first = stated().next().map_or(String::new(), |(first, _)| format!(" in `{}`", first.path.display()));
            return Err(Error::value(format!(
                "the MRC headers are the only source of a pixel size, and they differ: {} Å{first}, {size} Å in \
                 `{path}`",
                show(chosen),
            ))
            .with_hint("give the pixel size with " + Hint::Give(Setting::PixelSize)));
        }
        let more = match others.count() {
            0 => "",
            1 => " (another header differs, too)",
            _ => " (others differ, too)",
        };
        let used = used(chosen, source);
        findings.warn(
            "pixel-size-differs",
            format!("the MRC header of `{path}` says {size} Å per pixel{more}; ").as_str() + used,
        );
    }
    if source == PixelSizeSource::MrcHeader {
        let mut silent = files.iter().flatten().filter(|file| meaningful_pixel_size(file).is_none());
        if let Some(first) = silent.next() {
            let n_files = counted(1 + silent.count(), "image file");
            findings.warn(
                "pixel-size-not-stated",
                format!(
                    "the MRC headers of {n_files} state no pixel size (first: `{}`); {} Å, that of the others, is used",
                    first.path.display(),
                    show(chosen)
                ),
            );
        }
    }
    Ok(())
}
