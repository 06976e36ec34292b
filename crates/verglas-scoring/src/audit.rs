//! Which images are searched without leaving out anything, to see what leaving out costs.

/// So many images, at least; those that stand beside each other are audited together, since few images take little less time than these.
const RUN: usize = 20;

/// Which runs of images are audited, of all images of a data set: fixed by their places, whatever shards and stacks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Audit {
    /// Rising.
    runs: Vec<usize>,
}

impl Audit {
    /// Of `n_images` images so large a share, and 20 at least; none where the share is 0.
    pub(crate) fn new(n_images: usize, share: f64) -> Self {
        if share <= 0.0 {
            return Self { runs: Vec::new() };
        }
        let n_runs = n_images.div_ceil(RUN);
        let wanted = ((share * n_images as f64 / RUN as f64).ceil() as usize).clamp(1, n_runs.max(1));
        let mut runs: Vec<usize> = (0..n_runs).collect();
        if wanted < n_runs {
            runs.select_nth_unstable_by_key(wanted, |&run| (mixed(run as u64), run));
            runs.truncate(wanted);
        }
        runs.sort_unstable();
        Self { runs }
    }

    /// Whether an image is audited, by its place among all.
    pub(crate) fn has(&self, image: usize) -> bool {
        self.runs.binary_search(&(image / RUN)).is_ok()
    }
}

/// Numbers in an order that looks like none (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_images_and_twenty_at_least() {
        let count = |n: usize, share: f64| {
            let audit = Audit::new(n, share);
            (0..n).filter(|&image| audit.has(image)).count()
        };
        assert_eq!((count(7, 0.001), count(1000, 0.001), count(1000, 0.0)), (7, 20, 0));
        assert_eq!((count(100_000, 0.001), count(1000, 1.0)), (100, 1000));
        // Not those that come first.
        assert!(Audit::new(100_000, 0.001).runs.last() > Some(&1000));
    }
}
