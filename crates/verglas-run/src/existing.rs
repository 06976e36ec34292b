//! What a job does with a folder that is not empty.

use verglas_core::choice::choice;

choice! {
    /// What happens when the output folder holds stacks already.
    pub enum Existing("existing", default Refuse) {
        /// Refuse.
        Refuse = "refuse",
        /// Remove them and start anew.
        Overwrite = "overwrite",
        /// Keep what is whole and make what is missing; refused where settings or inputs are others now.
        Resume = "resume",
    }
}
