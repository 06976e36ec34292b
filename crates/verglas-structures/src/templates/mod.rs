//! Templates of structures: a job that makes a folder of them, and readers of such folders.
//!
//! | file | what happens there |
//! |---|---|
//! | `settings` | what can be asked |
//! | `names` | what the files are called |
//! | `prepare`, `memory` | everything that can be checked beforehand |
//! | `run`, `unit` | the work: one structure after the other, its views by all threads |
//! | `metadata`, `list` | the metadata of a file of templates, and the list of all of them |
//! | `manifest` | the record |
//! | `in_memory` | templates of one structure, without folder and files |
//! | `picture` | templates as images |
//! | `stack` | templates read again, ours or CryoLike's |
//! | `between` | templates between a folder's views |
//! | `verify` | whether a folder is complete and unaltered |

mod between;
mod in_memory;
mod list;
mod manifest;
mod memory;
mod metadata;
mod names;
mod picture;
mod prepare;
mod run;
mod settings;
mod slicer;
mod stack;
mod summary;
mod unit;
mod verify;

pub use between::{StructureSlices, TemplateStructures};
pub use in_memory::{MadeTemplates, MemoryJob, Source, TemplateValues};
pub use list::TemplateList;
pub use manifest::RecordedTemplates;
pub use names::LIST;
pub use names::{TemplateFiles, TemplateNames};
pub use picture::PolarPicture;
pub use prepare::TemplateJob;
pub use settings::{AtomMass, DescriptorSource, TemplateJobSettings, TemplateOverrides};
pub use stack::{TemplateFacts, TemplateStack};
pub use summary::TemplateSummary;
pub use verify::{TemplateVerification, is_of_templates, verify_templates};
