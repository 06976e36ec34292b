//! Whole files, a promise each. One program holds all of them: building it takes longer than running it.

mod between;
mod errors;
mod golden;
mod inputs;
mod maps;
mod real;
mod shared;
