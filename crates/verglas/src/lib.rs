//! Converts cryo-EM particle stacks into the polar Fourier stacks that CryoLike scores, makes templates of structures on the
//! same grids, and compares both.
//!
//! The main job (`examples/convert.rs`):
//!
//! ```no_run
#![doc = include_str!("../examples/convert.rs")]
//! ```
//!
//! [`Input::from_paths`] recognises the kind of input files by their endings. [`Conversion::prepare`] reads the
//! metadata,
//! finds the images and checks everything that can be checked without reading pixels; nothing is written yet.
//! [`Conversion::run`]
//! does the work, in threads and bounded memory, always with the same bytes. [`Conversion::run_with`] reports progress
//! to an [`Observer`], and stops when a [`StopFlag`] is set. The other settings are in [`ConvertSettings`].
//!
//! An [`Error`] has a kind to match on ([`ErrorKind`]), says what to do if that is known, and keeps its cause as
//! [`source`](std::error::Error::source); a `main` that returns [`Result`] prints it as text, hint included.
//!
//! # The modules, in the order in which a particle meets them
//!
//! | module | what it does |
//! |---|---|
//! | [`metadata`] | rows of a STAR or `.cs` file become a table: radians, ångströms, sections from 0 |
//! | [`particle`] | how each particle was imaged: [`ctf`], [`pose`], lens constants |
//! | [`image`] | image files are found and checked, pixels are read |
//! | [`preprocess`] | pixels as stored become the physical image: downsampled, mean 0, largest absolute value 1 |
//! | [`transform`], [`polar`] | its Fourier transform on the shells and angles of a [`grid`] |
//! | [`convert`] | all of this for all particles, into stacks in an output folder |
//! | [`stack`] | the stacks read again, ours or CryoLike's: [`stack::FourierStack`] |
//! | [`verify()`], [`status()`], [`report::write_report`], [`export()`] | check a folder of stacks, watch its progress, show it, and lead back to the rows that it came from |
//!
//! `examples/look_inside.rs` takes one image through these steps by hand, and compares it with the stored one.
//!
//! Structures take another road: [`structures`] are read, and become [`templates`] by [`slices`] of their transform in
//! the directions of a [`sphere`]. Both meet in [`scoring`]. In addition, [`descriptor`] holds the grids of a data set
//! as CryoLike does, [`simulate`] makes data with known truth, and [`mod@bench`] measures the machine.

pub use verglas_bench as bench;
pub use verglas_core::threads::default_threads;
pub use verglas_core::{
    Choice, Error, ErrorKind, Findings, Hint, Observer, Result, Setting, Silent, StopFlag, Text, Warning, error,
    findings, hint,
};
pub use verglas_fourier::{ctf, grid, polar, pose, slices, sphere};
pub use verglas_particles::{
    Conversion, ConvertSettings, PixelSizeSource, Summary, convert, export,
    export::export,
    image, metadata,
    metadata::{Input, InputError},
    particle, preprocess, settings, stack, transform, verify,
    verify::{Verification, verify},
};
pub use verglas_report as report;
pub use verglas_run::{Existing, Shard, descriptor, status, status::status};
pub use verglas_scoring as scoring;
pub use verglas_simulate as simulate;
pub use verglas_structures::{self as structures, templates};
pub use verglas_weights as weights;
