//! What to do with a folder that is not empty.

use verglas_core::choice::choice;

choice! {
    /// What to do when the output folder already holds stacks.
    pub enum Existing("existing", default Refuse) {
        /// Refuse.
        Refuse = "refuse",
        /// Remove them and start over.
        Overwrite = "overwrite",
        /// Keep what is whole and make what is missing; refused if settings or inputs have changed.
        Resume = "resume",
    }
}
