//! What is in a file: every kind that verglas reads or writes, described without changing anything.
//!
//! Files are recognised by their first bytes, and by their name only if these are not conclusive. All but the arrays
//! of one `.npz` at a time is streamed, so that memory does not depend on the size of the file.

mod archive;
mod array;
mod cs;
mod descriptor;
mod found;
mod mrc;
mod recognize;
mod stack;
mod star;
mod structure;
mod tensor;
mod values;

use std::path::Path;

use archive::OfArchive;
use found::Found;
use recognize::{FileKind, recognize};
use serde::Serialize;
use verglas_core::error::{Error, Result};
use verglas_structures::inspect::inspect_structure;

pub use archive::{ArchiveContents, ArrayEntry};
pub use array::ArrayContents;
pub use cs::{CsContents, CsField};
pub use descriptor::DescriptorContents;
pub use mrc::{MrcContents, Shortfall};
pub use stack::{ImageFileCount, PerImageValues, StackContents};
pub use star::{OpticsGroupCount, StarBlock, StarColumn, StarContents, StarDialect};
pub use structure::{TemplateContents, TrajectoryContents};
pub use tensor::{CrcState, TensorContents};
pub use verglas_structures::inspect::{ChainSummary, MapSummary, StructureSummary};

pub use values::{First, Item, MOST_DISTINCT, Number, NumberRange, Values};

/// The description of one file. Serialised, this is one object of `verglas inspect --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The file as it was named; bytes that are not UTF-8 are replaced by U+FFFD.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its contents; `kind` names them.
    #[serde(flatten)]
    pub contents: Contents,
    /// Oddities of a file that can be read.
    pub warnings: Vec<String>,
    /// Faults of a file whose contents could be described: missing sections, wrong checksums.
    pub problems: Vec<String>,
}

/// The contents of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
// There is one of them for each file that is shown.
#[allow(clippy::large_enum_variant)]
pub enum Contents {
    /// STAR text.
    Star(StarContents),
    /// A CryoSPARC `.cs`: an array of records.
    Cs(CsContents),
    /// An MRC image stack or map.
    Mrc(MrcContents),
    /// An image descriptor.
    Descriptor(DescriptorContents),
    /// The metadata of one output stack.
    StackMetadata(Box<StackContents>),
    /// A PDB or mmCIF file.
    Structure(Box<StructureSummary>),
    /// A trajectory.
    Trajectory(TrajectoryContents),
    /// The metadata of the templates of one structure.
    TemplateMetadata(Box<TemplateContents>),
    /// One PyTorch tensor.
    Tensor(TensorContents),
    /// One NumPy array.
    Array(ArrayContents),
    /// Any other archive of NumPy arrays.
    Archive(ArchiveContents),
}

/// Describes what is in the file at `path`.
///
/// # Errors
/// When the file does not exist, when it is of an unknown kind, and when it breaks its format in a way
/// that leaves nothing to describe. Other damage is in [`Inspection::problems`].
pub fn inspect(path: &Path) -> Result<Inspection> {
    let cannot_read = |error| Error::io(format_args!("cannot read `{}`", path.display()), &error);
    let metadata = verglas_formats::open_regular(path).and_then(|file| file.metadata()).map_err(cannot_read)?;
    let found = match recognize(path)? {
        FileKind::Star => Found::plain(Contents::Star(star::inspect_star(path)?)),
        FileKind::Cs => cs::inspect_cs(path)?.map(Contents::Cs),
        FileKind::Mrc => mrc::inspect_mrc(path)?.map(Contents::Mrc),
        FileKind::Npy => Found::plain(Contents::Array(array::inspect_array(path)?)),
        FileKind::Npz => archive::inspect_archive(path)?.map(|contents| match contents {
            OfArchive::Descriptor(descriptor) => Contents::Descriptor(descriptor),
            OfArchive::Stack(stack) => Contents::StackMetadata(stack),
            OfArchive::Templates(templates) => Contents::TemplateMetadata(templates),
            OfArchive::Other(archive) => Contents::Archive(archive),
        }),
        FileKind::Structure => Found::plain(Contents::Structure(Box::new(inspect_structure(path)?))),
        FileKind::Trajectory => structure::inspect_trajectory(path)?.map(Contents::Trajectory),
        FileKind::Pt => tensor::inspect_tensor(path)?.map(Contents::Tensor),
    };
    Ok(Inspection {
        path: path.to_string_lossy().into_owned(),
        bytes: metadata.len(),
        contents: found.contents,
        warnings: found.warnings,
        problems: found.problems,
    })
}
