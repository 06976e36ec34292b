//! Everything that can be checked before the first byte is written.

use std::ops::Range;
use std::path::Path;

use verglas_core::StopFlag;
use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, Warning, counted};
use verglas_core::hint::Text;
use verglas_formats::mrc::{Mode0, MrcOptions};
use verglas_run::descriptor::ImageDescriptor;

use super::contrast::check_contrast;
use super::grids::{Grids, check_stated_sizes, choose_grids, given_descriptor, resolve_origins};
use super::images::{find_images, refuse_empty_stacks};
use super::memory::{WorkerBuffers, plan_memory};
use super::order::order_by_weight;
use super::reports::{report_astigmatism, report_box_reach, report_envelopes, report_plan, report_stated_box};
use crate::defocus_axis::turn_to_rows;
use crate::image::{BoxSize, ImageStore, ReadFailure};
use crate::metadata::{Input, ReadSettings, RowSelection, read_particles};
use crate::particle::ParticleTable;
use crate::pixel_size::{PixelSizeSource, show};
use crate::plan::{PlanSettings, StackPlan, plan_stacks};
use crate::preprocess::{DownsampledBox, check_crop};
use crate::settings::{ByteSign, ConvertSettings, DefocusAngleAxis, PixelSizeFrom};

/// A conversion that was checked and can start.
#[derive(Debug)]
pub struct Conversion {
    pub(crate) input: Input,
    pub(crate) settings: ConvertSettings,
    pub(crate) table: ParticleTable,
    pub(crate) plan: StackPlan,
    pub(crate) images: ImageStore,
    /// How many images of this run each file holds, in the order of the table's image names.
    pub(crate) n_images_of_file: Vec<u32>,
    pub(crate) descriptor: ImageDescriptor,
    /// Whether the descriptor was made from the data and has to be written.
    pub(crate) descriptor_is_new: bool,
    /// The images' box before and after downsampling.
    pub(crate) sides: DownsampledBox,
    /// Of the input images, along both axes, Å.
    pub(crate) pixel_size_angstrom: [f64; 2],
    pub(crate) pixel_size_source: PixelSizeSource,
    pub(crate) buffers: WorkerBuffers,
    pub(crate) warnings: Vec<Warning>,
    notes: Vec<Text>,
}

impl Conversion {
    /// Reads the metadata and every image file's header, and checks all that can be checked without reading pixels.
    /// Nothing is written.
    ///
    /// # Errors
    /// When something is wrong; where several things are, [`Error::others`] has the rest.
    pub fn prepare(input: Input, settings: ConvertSettings) -> Result<Self> {
        Self::prepare_with(input, settings, &mut Findings::new())
    }

    /// [`Conversion::prepare`] for callers who show warnings and notes also where something is wrong: they are added to
    /// `findings`, whatever the end.
    ///
    /// # Errors
    /// As [`Conversion::prepare`].
    pub fn prepare_with(input: Input, settings: ConvertSettings, findings: &mut Findings) -> Result<Self> {
        Self::prepare_for(true, input, settings, findings)
    }

    /// The same, for stacks that are written or for images that are not.
    pub(super) fn prepare_for(
        are_written: bool,
        input: Input,
        settings: ConvertSettings,
        findings: &mut Findings,
    ) -> Result<Self> {
        let mut found = Findings::new();
        let input = input.in_order().resolved().map_err(|error| found.error(error)).ok();
        let checked = match input {
            Some(input) => Self::check(are_written, input, settings, &mut found),
            None => {
                check_settings(&settings, &mut found);
                None
            }
        };
        order_by_weight(&mut found.warnings);
        findings.warnings.extend_from_slice(&found.warnings);
        findings.notes.extend_from_slice(&found.notes);
        match (found.take_error(), checked) {
            (None, Some(conversion)) => Ok(Self { warnings: found.warnings, notes: found.notes, ..conversion }),
            (Some(error), _) => Err(error),
            (None, None) => Err(Error::not_found("no image file can be read")),
        }
    }

    /// Warnings: defaults used, values dropped, choices made. The manifest will hold them too.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Notes: what was decided and why, for a user who wants to know.
    pub fn notes(&self) -> &[Text] {
        &self.notes
    }

    /// All particles of the input, those included that make no stack of this run.
    pub fn table(&self) -> &ParticleTable {
        &self.table
    }

    /// Which particle of the table is at `position` of the output order; stacks are filled in this order.
    ///
    /// # Panics
    /// If the position does not exist.
    pub fn particle(&self, position: usize) -> usize {
        self.plan.particle(position)
    }

    /// The pixels of the image at `position` of the output order as they are in its file, `[N, N]`.
    ///
    /// # Errors
    /// When they can't be read.
    ///
    /// # Panics
    /// If the position does not exist.
    pub fn read_image(&self, position: usize) -> Result<Vec<f32>> {
        let side = self.sides.n_input_pixels();
        let mut pixels = vec![0.0; side * side];
        self.read_consecutive(position, 1, &mut pixels, &mut Vec::new(), &StopFlag::new(false))
            .map_err(|failure| self.needed_by(self.plan.particle(position), failure))?;
        Ok(pixels)
    }

    /// The grids of the output.
    pub fn descriptor(&self) -> &ImageDescriptor {
        &self.descriptor
    }

    /// The images' box before and after downsampling.
    pub fn sides(&self) -> DownsampledBox {
        self.sides
    }

    /// The most images that a thread holds at once.
    pub fn images_per_chunk(&self) -> usize {
        self.buffers.images_per_chunk
    }

    /// How many of the images from `position` of the output order on are consecutive in one file: from 1 to `most`.
    pub fn n_consecutive(&self, position: usize, most: usize) -> usize {
        let (plan, table) = (&self.plan, &self.table);
        let particle = plan.particle(position);
        let (file, first) = (table.image[particle], table.section[particle].0 as usize);
        let follows = |offset: usize| {
            let next = plan.particle(position + offset);
            table.image[next] == file && table.section[next].0 as usize == first + offset
        };
        1 + (1..most).take_while(|&offset| follows(offset)).count()
    }

    /// Reads the `count` consecutive images from `position` of the output order on into `pixels`, `[count, N, N]`.
    ///
    /// # Errors
    /// When they can't be read, or when it is stopped.
    pub fn read_consecutive(
        &self,
        position: usize,
        count: usize,
        pixels: &mut [f32],
        bytes: &mut Vec<u8>,
        stop: &StopFlag,
    ) -> std::result::Result<(), ReadFailure> {
        let particle = self.plan.particle(position);
        self.images.read(self.table.image[particle], self.table.section[particle], count, pixels, bytes, stop)
    }

    /// The error for the image of `particle`, which can't be read.
    pub(super) fn needed_by(&self, particle: usize, failure: ReadFailure) -> Error {
        let error = match failure {
            ReadFailure::Unreadable(unreadable) => Error::format(unreadable.0),
            ReadFailure::Fatal(error) => error,
        };
        error.with_detail(format_args!("needed by {}", self.table.place(particle)))
    }

    /// How many images will be converted: those of the shard, if one is asked for.
    pub fn n_images(&self) -> usize {
        self.own_positions().len()
    }

    /// How many stacks they will make.
    pub fn n_stacks(&self) -> usize {
        self.own_stacks().len()
    }

    /// How many image files they come from.
    pub fn n_image_files(&self) -> usize {
        self.images.files().iter().zip(&self.n_images_of_file).filter(|(file, n)| file.is_ok() && **n > 0).count()
    }

    /// The numbers of the stacks that this run makes.
    pub(crate) fn own_stacks(&self) -> Range<usize> {
        self.plan.own_stacks(self.settings.shard)
    }

    /// The positions of their images in the output order.
    pub(crate) fn own_positions(&self) -> Range<usize> {
        self.plan.own_positions(self.settings.shard)
    }

    /// How many images of the stacks `numbers` each image file holds.
    pub(crate) fn count_images_of_files(&self, numbers: &[usize]) -> Vec<u32> {
        let mut n_images = vec![0; self.table.image_names.len()];
        for &number in numbers {
            for position in self.plan.stacks()[number].positions.clone() {
                n_images[self.table.image[self.plan.particle(position)] as usize] += 1;
            }
        }
        n_images
    }

    /// The data set's name for people: that of the metadata file, or of the job.
    pub(crate) fn data_set_name(&self) -> String {
        let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        match &self.input {
            Input::IndexedStar(path) | Input::IndexedCs { particles: path, .. } => name(path),
            Input::StarPairs(pairs) => match pairs.as_slice() {
                [] => String::new(),
                [(star, _)] => name(star),
                [(first, _), rest @ ..] => format!("{} and {} more", name(first), rest.len()),
            },
            Input::CryosparcJob { root, job_number } => {
                let root = std::path::absolute(root).unwrap_or_else(|_| root.clone());
                format!("{} J{job_number}", name(&root))
            }
        }
    }

    /// Checks what can be checked, as much of it as possible: one thing that is wrong hides no other unless it must.
    fn check(are_written: bool, input: Input, settings: ConvertSettings, findings: &mut Findings) -> Option<Self> {
        check_settings(&settings, findings);
        refuse_image_dir_of_job(&input, &settings, findings);
        let given = found(given_descriptor(&settings), findings);
        let read_settings = ReadSettings {
            defocus_angle_unit: settings.defocus_angle_unit,
            phase_shift_unit: settings.phase_shift_unit,
            optics_groups: settings.optics_groups.clone(),
            ignore_metadata_pixel_size: settings.pixel_size_from == Some(PixelSizeFrom::Caller),
            rows: found(settings.rows.as_deref().map(RowSelection::read).transpose(), findings).flatten(),
        };
        let n_errors = findings.errors.len();
        let mut table = found(read_particles(&input, &read_settings, findings), findings)?;
        let has_unread_rows = findings.errors.len() > n_errors;
        let plan_settings = PlanSettings {
            batch_size: settings.batch_size,
            keep_files_apart: settings.keep_files_apart,
            max_stacks: settings.max_stacks,
        };
        let plan = plan_stacks(&table, plan_settings);
        found(check_contrast(&table, &plan, settings.contrast, findings), findings);

        let mode0 = match settings.byte_sign {
            ByteSign::Signed => Mode0::Signed,
            ByteSign::Unsigned => Mode0::Unsigned,
        };
        let images = find_images(&input, &settings, &table, &plan, mode0, findings);
        // Every stack that is written needs an image: a number can't be left out.
        if are_written && settings.skip_unreadable {
            refuse_empty_stacks(&table, &plan, &settings, &images.files, findings);
        }
        report_plan(&table, &plan, &images, findings);
        report_envelopes(&table, &plan, are_written, findings);
        // Without one box for all images, or with settings that can't be, only what is said can be compared.
        let can_be_made = settings.downsample_to.is_none_or(|n_pixels| check_crop(n_pixels).is_ok());
        let (Some(BoxSize(input_box)), Some(given), true) = (images.box_size, given.clone(), can_be_made) else {
            check_stated_sizes(&table, given.flatten().as_ref(), &settings, findings);
            return None;
        };
        let descriptor_is_new = given.is_none();
        // The file that can't be read may have stated the pixel size: that nothing else states it is not an error of
        // its own.
        let size_is_stated = table.pixel_size_angstrom.is_some() || table.detector_pixel_size_angstrom.is_some();
        if has_unread_rows && !size_is_stated && descriptor_is_new && settings.pixel_size_angstrom.is_none() {
            return None;
        }
        report_stated_box(&table, input_box, findings);
        let grids = choose_grids(&table, &images, input_box, given, &settings, findings);
        let Grids { descriptor, sides, pixel_size_angstrom, pixel_size_source } = found(grids, findings)?;
        resolve_origins(&mut table, pixel_size_angstrom);
        match settings.defocus_angle_axis {
            DefocusAngleAxis::Rows => turn_to_rows(&mut table),
            // Of what CryoLike makes of the stacks.
            DefocusAngleAxis::Columns if are_written => report_astigmatism(&table, &plan, &descriptor, findings),
            DefocusAngleAxis::Columns => {}
        }
        // Of numbers that are right, as far as is known.
        if findings.errors.is_empty() {
            report_box_reach(&table, &plan, &descriptor, findings);
        }
        let buffers = found(plan_memory(&descriptor, sides, &settings, findings), findings)?;
        note_decisions(&descriptor, descriptor_is_new, &plan, &settings, buffers, findings);
        let options = MrcOptions { mode0, pixel_type: settings.pixel_type, ..MrcOptions::default() };
        let n_images_of_file = images.n_images;
        let images = ImageStore::new(images.files, &n_images_of_file, options, buffers.n_threads);
        Some(Self {
            input,
            settings,
            table,
            plan,
            images,
            n_images_of_file,
            descriptor,
            descriptor_is_new,
            sides,
            pixel_size_angstrom,
            pixel_size_source,
            buffers,
            warnings: Vec::new(),
            notes: Vec::new(),
        })
    }
}

/// The value, or an error kept with the other findings.
fn found<T>(result: Result<T>, findings: &mut Findings) -> Option<T> {
    result.map_err(|error| findings.error(error)).ok()
}

/// Notes what will be made, and from what.
fn note_decisions(
    descriptor: &ImageDescriptor,
    descriptor_is_new: bool,
    plan: &StackPlan,
    settings: &ConvertSettings,
    buffers: WorkerBuffers,
    findings: &mut Findings,
) {
    let grid = &descriptor.polar_grid;
    findings.note(format!(
        "grids {}: {} shells out to radius {}, {} angles, {} precision",
        if descriptor_is_new { "made from the images' box and pixel size" } else { "of the descriptor that was given" },
        grid.n_shells(),
        grid.radius_max(),
        grid.n_inplanes(),
        descriptor.precision.as_str()
    ));
    findings.note(format!(
        "{} in {}, at most {} each",
        counted(plan.n_images(), "image"),
        counted(plan.stacks().len(), "stack"),
        settings.batch_size
    ));
    findings.note(format!(
        "{}, each with {} at a time, within {} MiB",
        counted(buffers.n_threads, "thread"),
        counted(buffers.images_per_chunk, "image"),
        settings.memory_bytes >> 20
    ));
}

fn refuse_image_dir_of_job(input: &Input, settings: &ConvertSettings, findings: &mut Findings) {
    if matches!(input, Input::CryosparcJob { .. }) && settings.image_dir.is_some() {
        findings
            .error(Error::value("an image directory is given, but the images of a job are in the job's own folder"));
    }
}

fn check_settings(settings: &ConvertSettings, findings: &mut Findings) {
    if settings.batch_size == 0 || settings.batch_size > MOST_PER_STACK {
        findings.error(Error::value(format!(
            "batch size is {}, expected 1 to {MOST_PER_STACK} images per stack",
            settings.batch_size
        )));
    }
    if let Some(shard) = settings.shard
        && !shard.is_valid()
    {
        findings.error(Error::value(format!("there is no shard {shard}")));
    }
    if settings.max_stacks == Some(0) {
        findings.error(Error::value("at most 0 stacks requested, expected at least 1"));
    }
    if let Some(size) = settings.pixel_size_angstrom
        && !size.iter().all(|size| size.is_finite() && *size > 0.0)
    {
        findings.error(Error::value(format!("pixel size is {}, expected a positive number of Å", show(size))));
    }
    if let Some(error) = settings.downsample_to.and_then(|n_pixels| check_crop(n_pixels).err()) {
        findings.error(error);
    }
    if settings.downsample_to.is_some() && !settings.downsampling.is_none() {
        findings
            .error(Error::value("both a factor and a box are given to make images smaller, expected one of the two"));
    }
}

/// Most images per stack; a stack is one tensor, and its per-image values are held until it is whole.
const MOST_PER_STACK: usize = 1 << 24;
