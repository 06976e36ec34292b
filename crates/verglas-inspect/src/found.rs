//! Contents and what was noticed on the way.

/// Contents of one kind, and what was noticed on the way.
pub(crate) struct Found<C> {
    pub(crate) contents: C,
    pub(crate) warnings: Vec<String>,
    pub(crate) problems: Vec<String>,
}

impl<C> Found<C> {
    /// Nothing was noticed.
    pub(crate) fn plain(contents: C) -> Self {
        Self { contents, warnings: Vec::new(), problems: Vec::new() }
    }

    /// The same for contents that are part of something else.
    pub(crate) fn map<D>(self, into: impl FnOnce(C) -> D) -> Found<D> {
        Found { contents: into(self.contents), warnings: self.warnings, problems: self.problems }
    }
}
