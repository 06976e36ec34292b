//! Converts cryo-EM particle stacks into the polar Fourier stacks that CryoLike scores.

pub use verglas_bench as bench;
pub use verglas_core::threads::default_threads;
pub use verglas_core::{
    Choice, Error, ErrorKind, Findings, Hint, Observer, Result, Setting, Silent, StopFlag, Text, Warning, error,
    findings, hint,
};
pub use verglas_fourier::{ctf, grid, polar, pose, slices, sphere};
pub use verglas_inspect as inspect;
pub use verglas_particles::{
    Conversion, PixelSizeSource, Summary, convert, export, image, metadata, particle, preprocess, settings, verify,
    verify::{Verification, verify},
};
pub use verglas_report as report;
pub use verglas_run::{Existing, Shard, descriptor, manifest, status};
pub use verglas_scoring as scoring;
pub use verglas_simulate as simulate;
pub use verglas_structures::{self as structures, templates};
pub use verglas_weights as weights;
