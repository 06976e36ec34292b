//! What every part of verglas builds on: errors and hints, findings, files that are whole or absent, threads, and how
//! a long job reports progress and is stopped.

pub mod atomic;
pub mod error;
pub mod findings;
pub mod hint;
pub mod memory;
pub mod paths;
pub mod progress;
pub mod threads;

pub use verglas_choice::{self as choice, Choice, UnknownName};

pub use error::{Error, ErrorKind, Result};
pub use findings::{Findings, Warning};
pub use hint::{Hint, Setting, Text};
pub use progress::{Observer, Silent, StopFlag};
