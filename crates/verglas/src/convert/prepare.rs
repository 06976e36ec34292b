//! Everything that can be checked before the first byte is written.

use verglas_formats::mrc::{Mode0, MrcOptions};

use super::contrast::check_contrast;
use super::memory::{WorkerBuffers, plan_memory};
use crate::defocus_axis::turn_to_rows;
use crate::descriptor::{BaseValues, ImageDescriptor, TemplateSettings};
use crate::error::{Error, Result};
use crate::findings::Findings;
use crate::grid::CartesianGrid;
use crate::image::{BoxSize, ImageFile, ImageStore, Unreadable, check_images, locate_images};
use crate::metadata::{Input, ReadSettings, image_folder, read_particles};
use crate::particle::{OriginUnit, ParticleTable};
use crate::pixel_size::{PixelSizeSource, StatedPixelSizes, choose_pixel_size, show};
use crate::plan::{PlanSettings, StackPlan, plan_stacks};
use crate::preprocess::DownsampledBox;
use crate::settings::{ByteSign, ConvertSettings, DefocusAngleAxis, DescriptorSource, PixelSizeFrom};

/// A conversion that was checked and can start.
#[derive(Debug)]
pub struct Conversion {
    pub(crate) input: Input,
    pub(crate) settings: ConvertSettings,
    pub(crate) table: ParticleTable,
    pub(crate) plan: StackPlan,
    pub(crate) images: ImageStore,
    pub(crate) descriptor: ImageDescriptor,
    /// Whether the descriptor was made from the data and has to be written.
    pub(crate) descriptor_is_new: bool,
    /// The images' box before and after downsampling.
    pub(crate) sides: DownsampledBox,
    /// Of the input images, along both axes, Å.
    pub(crate) pixel_size_angstrom: [f64; 2],
    pub(crate) pixel_size_source: PixelSizeSource,
    pub(crate) buffers: WorkerBuffers,
}

impl Conversion {
    /// Reads the metadata and every image file's header, and checks all that can be checked without reading pixels.
    ///
    /// What must be told goes to `findings` as warnings. Nothing is written.
    ///
    /// # Errors
    /// When something is wrong; where several things are, [`Error::others`] has the rest.
    pub fn prepare(input: Input, settings: ConvertSettings, findings: &mut Findings) -> Result<Self> {
        let checked = Self::check(input, settings, findings);
        // What was found on the way is worth more than the error that ended it: the latter may follow from it.
        match (findings.take_error(), checked) {
            (None, Ok(conversion)) => Ok(conversion),
            (Some(found), Ok(_)) => Err(found),
            (None, Err(error)) => Err(error),
            (Some(found), Err(error)) => Err(found.with_other(error)),
        }
    }

    /// How many images will be converted.
    pub fn n_images(&self) -> usize {
        self.plan.n_images()
    }

    fn check(input: Input, settings: ConvertSettings, findings: &mut Findings) -> Result<Self> {
        check_settings(&settings)?;
        if let Input::CryosparcJob { .. } = input
            && settings.image_dir.is_some()
        {
            return Err(Error::value(
                "an image directory is given, and the images of a job are in the job's own folder",
            ));
        }
        let read_settings = ReadSettings {
            defocus_angle_unit: settings.defocus_angle_unit,
            phase_shift_unit: settings.phase_shift_unit,
            optics_groups: settings.optics_groups.clone(),
            ignore_metadata_pixel_size: settings.pixel_size_from == Some(PixelSizeFrom::Caller),
        };
        let given = match &settings.descriptor {
            DescriptorSource::File(path) => Some(ImageDescriptor::load(path)?),
            DescriptorSource::Given(descriptor) => Some((**descriptor).clone()),
            DescriptorSource::FromData { .. } => None,
        };
        let mut table = read_particles(&input, &read_settings, findings)?;
        if !findings.errors.is_empty() {
            return Err(findings.take_error().unwrap_or_else(|| Error::format("bad rows")));
        }
        let plan = plan_stacks(
            &table,
            PlanSettings {
                batch_size: settings.batch_size,
                keep_files_apart: settings.keep_files_apart,
                max_stacks: settings.max_stacks,
            },
        );
        report_plan(&table, &plan, findings);
        check_contrast(&table, &plan, settings.contrast, findings)?;

        let mode0 = match settings.byte_sign {
            ByteSign::Signed => Mode0::Signed,
            ByteSign::Unsigned => Mode0::Unsigned,
        };
        let (files, n_images, box_size) = find_images(&input, &settings, &table, &plan, mode0, findings);
        let Some(BoxSize(input_box)) = box_size else {
            return Err(findings.take_error().unwrap_or_else(|| Error::not_found("no image file can be read")));
        };
        let sides = DownsampledBox::new(input_box, settings.downsampling)?;
        if let Some(descriptor) = &given {
            check_box(sides, descriptor, findings);
        }
        let downsampled = given.as_ref().map(|descriptor| descriptor.cartesian_grid.pixel_size_angstrom());
        let stated = StatedPixelSizes {
            caller: settings.pixel_size_angstrom,
            metadata: table.pixel_size_angstrom,
            descriptor: downsampled.map(|size| sides.pixel_size_before(size)),
            downsampled: downsampled.filter(|_| !settings.downsampling.is_none()),
            detector: table.detector_pixel_size_angstrom,
            mrc_header: header_pixel_size(&files),
        };
        let (pixel_size_angstrom, pixel_size_source) = choose_pixel_size(&stated, settings.pixel_size_from, findings)?;
        if pixel_size_source == PixelSizeSource::MrcHeader {
            refuse_differing_headers(&files, pixel_size_angstrom)?;
        }
        findings.note(format!("pixel size {} Å, from {}", show(pixel_size_angstrom), pixel_size_source.as_str()));
        resolve_origins(&mut table, pixel_size_angstrom);
        let descriptor_is_new = given.is_none();
        let descriptor = match given {
            Some(descriptor) => descriptor,
            None => {
                let pixel_size_angstrom = sides.pixel_size_after(pixel_size_angstrom);
                descriptor_from_data(&settings.descriptor, sides.n_pixels(), pixel_size_angstrom)?
            }
        };
        if !settings.downsampling.is_none() {
            findings.note(format!(
                "downsampling by {} ({}): {input_box} px of {} Å become {} px of {} Å",
                settings.downsampling.factor,
                settings.downsampling.method.as_str(),
                show(pixel_size_angstrom),
                sides.n_pixels(),
                show(descriptor.cartesian_grid.pixel_size_angstrom())
            ));
        }
        match settings.defocus_angle_axis {
            DefocusAngleAxis::Rows => turn_to_rows(&mut table),
            DefocusAngleAxis::Columns => report_astigmatism(&table, &plan, &descriptor, findings),
        }
        let buffers = plan_memory(&descriptor, sides, &settings, findings)?;
        let options = MrcOptions { mode0, ..MrcOptions::default() };
        let images = ImageStore::new(files, &n_images, options);
        Ok(Self {
            input,
            settings,
            table,
            plan,
            images,
            descriptor,
            descriptor_is_new,
            sides,
            pixel_size_angstrom,
            pixel_size_source,
            buffers,
        })
    }
}

fn check_settings(settings: &ConvertSettings) -> Result<()> {
    if settings.batch_size == 0 || settings.batch_size > MOST_PER_STACK {
        return Err(Error::value(format!(
            "batch size is {}, expected 1 to {MOST_PER_STACK} images per stack",
            settings.batch_size
        )));
    }
    if settings.max_stacks == Some(0) {
        return Err(Error::value("at most 0 stacks asked for, expected at least 1"));
    }
    if let Some(size) = settings.pixel_size_angstrom
        && !size.iter().all(|size| size.is_finite() && *size > 0.0)
    {
        return Err(Error::value(format!("pixel size is {}, expected a positive number of Å", show(size))));
    }
    Ok(())
}

/// Most images per stack; a stack is one tensor, and its per-image values are held until it is whole.
const MOST_PER_STACK: usize = 1 << 24;

/// Finds and checks the files that the plan asks for; also counts the images of each.
fn find_images(
    input: &Input,
    settings: &ConvertSettings,
    table: &ParticleTable,
    plan: &StackPlan,
    mode0: Mode0,
    findings: &mut Findings,
) -> (Vec<std::result::Result<ImageFile, Unreadable>>, Vec<u32>, Option<BoxSize>) {
    let mut n_images = vec![0_u32; table.image_names.len()];
    for particle in plan.particles() {
        n_images[table.image[particle] as usize] += 1;
    }
    let needed: Vec<usize> = (0..n_images.len()).filter(|&image| n_images[image] > 0).collect();
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
    let located = locate_images(&names, root_of, image_dir.as_deref(), false, findings);
    let mut paths = vec![None; n_images.len()];
    for (image, path) in needed.into_iter().zip(located) {
        paths[image] = path;
    }
    let (files, box_size) = check_images(table, plan, paths, mode0, false, findings);
    (files, n_images, box_size)
}

/// The first header's pixel size, if it means anything: zero and one are what programs write that know none.
fn header_pixel_size(files: &[std::result::Result<ImageFile, Unreadable>]) -> Option<[f64; 2]> {
    files.iter().flatten().find_map(meaningful_pixel_size)
}

fn meaningful_pixel_size(file: &ImageFile) -> Option<[f64; 2]> {
    // The header counts along x and y; pixel sizes here are along rows (y), then columns (x).
    let [x, y] = file.header.pixel_size_angstrom?;
    (x > 0.0 && y > 0.0 && x != 1.0 && y != 1.0).then_some([y, x])
}

fn refuse_differing_headers(files: &[std::result::Result<ImageFile, Unreadable>], chosen: [f64; 2]) -> Result<()> {
    use crate::metadata::pixel_sizes::conflict;
    for file in files.iter().flatten() {
        let size = file.header.pixel_size_angstrom.map_or([0.0; 2], |[x, y]| [y, x]);
        if conflict(size[0], chosen[0]) || conflict(size[1], chosen[1]) {
            return Err(Error::value(format!(
                "the MRC headers are all that states a pixel size, and they differ: {} Å in others, {} Å in `{}`",
                show(chosen),
                show(size),
                file.path.display()
            ))
            .with_hint("give the pixel size with --pixel-size"));
        }
    }
    Ok(())
}

/// The descriptor describes the images after downsampling.
fn check_box(sides: DownsampledBox, descriptor: &ImageDescriptor, findings: &mut Findings) {
    let expected = descriptor.cartesian_grid.n_pixels();
    if sides.n_pixels() == expected {
        return;
    }
    let downsampled = match sides.downsampling() {
        downsampling if downsampling.is_none() => String::new(),
        downsampling => format!(", {} px after downsampling by {}", sides.n_pixels(), downsampling.factor),
    };
    findings.error(
        Error::value(format!(
            "images are {} px wide{downsampled}, the descriptor says {expected} px",
            sides.n_input_pixels()
        ))
        .with_hint("make a descriptor for these images, or leave it out and let one be made from the data"),
    );
}

/// Origins in pixels become ångströms.
fn resolve_origins(table: &mut ParticleTable, pixel_size_angstrom: [f64; 2]) {
    if let Some(origin) = &mut table.origin
        && origin.unit == OriginUnit::Pixel
    {
        let [along_rows, along_columns] = pixel_size_angstrom;
        origin.x.map_in_place(|x| x * along_columns);
        origin.y.map_in_place(|y| y * along_rows);
        origin.unit = OriginUnit::Angstrom;
    }
}

fn descriptor_from_data(
    source: &DescriptorSource,
    n_pixels: usize,
    pixel_size_angstrom: [f64; 2],
) -> Result<ImageDescriptor> {
    let DescriptorSource::FromData { precision, resolution_factor, n_inplanes } = *source else {
        return Err(Error::value("no descriptor can be made from a given one"));
    };
    ImageDescriptor::from_base_values(
        &BaseValues { n_pixels, pixel_size_angstrom, precision, resolution_factor, n_inplanes },
        TemplateSettings::at_resolution_factor(resolution_factor),
    )
}

fn report_plan(table: &ParticleTable, plan: &StackPlan, findings: &mut Findings) {
    let n_repeated = count_repeated(table, plan);
    if n_repeated > 0 {
        findings.warn(
            "image-repeated",
            format!("{n_repeated} rows name an image that an earlier row names too; all are kept"),
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
                "\n  {} kV, {} mm, {}: {n} particles",
                set.voltage_kv, set.spherical_aberration_mm, set.amplitude_contrast
            ));
        }
        if table.constants.len() > MOST {
            text.push_str(&format!("\n  and {} more sets", table.constants.len() - MOST));
        }
        findings.warn("constants-differ", text);
    }
}

/// How many rows name an image that another row named before.
fn count_repeated(table: &ParticleTable, plan: &StackPlan) -> usize {
    let key = |particle: usize| (u64::from(table.image[particle]) << 32) | u64::from(table.section[particle].0);
    // Most data sets go through their files in order, and then nothing needs to be sorted.
    let mut keys = plan.particles().map(key);
    let mut last = keys.next();
    let in_order = keys.all(|key| last.replace(key).is_some_and(|before| before < key));
    if in_order {
        return 0;
    }
    let mut keys: Vec<u64> = plan.particles().map(key).collect();
    keys.sort_unstable();
    keys.windows(2).filter(|pair| pair[0] == pair[1]).count()
}

/// Tells about the defocus angle's axis where it matters: where the CTF's phase at the largest radius differs by more
/// than half a radian between the two directions of an image.
fn report_astigmatism(table: &ParticleTable, plan: &StackPlan, descriptor: &ImageDescriptor, findings: &mut Findings) {
    const PHASE_THAT_MATTERS: f64 = 0.5;
    let [size, _] = descriptor.cartesian_grid.pixel_size_angstrom();
    let box_angstrom = CartesianGrid::n_pixels(&descriptor.cartesian_grid) as f64 * size;
    let frequency = 2.0 * descriptor.polar_grid.radius_max() / box_angstrom;
    let n_astigmatic = plan
        .particles()
        .filter(|&particle| {
            let constants = table.constants[table.constants_index(particle) as usize];
            let wavelength = crate::ctf::wavelength_angstrom(constants.voltage_kv);
            let difference = (table.defocus_u_angstrom.get(particle) - table.defocus_v_angstrom.get(particle)).abs();
            std::f64::consts::PI * wavelength * frequency * frequency * difference > PHASE_THAT_MATTERS
        })
        .count();
    if n_astigmatic > 0 {
        findings.warn(
            "defocus-angle-axis",
            format!(
                "{n_astigmatic} particles are astigmatic; the defocus angle is written as read, from the columns' \
                 direction, and CryoLike measures it from the rows': `--defocus-angle-axis rows` writes what makes \
                 its CTF right"
            ),
        );
    }
}
