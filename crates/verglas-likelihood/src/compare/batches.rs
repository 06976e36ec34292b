//! How threads share out a block of images and the templates of a structure.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::product::GROUP;
use super::products::GROUPS;

/// Templates in batches of a vector, each with some of the images, handed out one after the other.
pub(crate) struct Batches {
    n_views: usize,
    lanes: usize,
    n_images: usize,
    /// Where templates are few, images are shared out, too.
    n_parts: usize,
    next: AtomicUsize,
}

impl Batches {
    pub fn new(n_views: usize, lanes: usize, n_images: usize, n_threads: usize) -> Self {
        let (n_batches, n_groups) = (n_views.div_ceil(lanes), n_images.div_ceil(GROUP));
        let n_parts = (4 * n_threads.max(1)).div_ceil(n_batches).min(n_groups.div_ceil(GROUPS)).max(1);
        Self { n_views, lanes, n_images, n_parts, next: AtomicUsize::new(0) }
    }

    /// The next views, and the images that they are compared with, whole groups of them; `None` where none are left.
    pub fn take(&self) -> Option<(Range<usize>, Range<usize>)> {
        let item = self.next.fetch_add(1, Ordering::Relaxed);
        let (batch, part) = (item / self.n_parts, item % self.n_parts);
        let first = batch * self.lanes;
        let n_groups = self.n_images.div_ceil(GROUP);
        let share = |part: usize| (n_groups * part / self.n_parts * GROUP).min(self.n_images);
        (first < self.n_views).then(|| (first..self.n_views.min(first + self.lanes), share(part)..share(part + 1)))
    }
}
