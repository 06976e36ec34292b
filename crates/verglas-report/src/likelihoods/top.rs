//! The few of many that have the largest key.

/// Keeps those with the largest keys; of equals, those that came first.
#[derive(Debug)]
pub(super) struct Top<T> {
    most: usize,
    kept: Vec<(f64, T)>,
}

impl<T> Top<T> {
    /// Room for `most`.
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: Vec::new() }
    }

    /// Looks at one more; it is made only if it may be kept.
    pub(super) fn add(&mut self, key: f64, make: impl FnOnce() -> T) {
        if self.kept.len() >= 8 * self.most {
            self.shorten();
        }
        let is_full = self.kept.len() >= self.most;
        if !is_full || self.kept[..self.most].iter().any(|(kept, _)| key > *kept) {
            self.kept.push((key, make()));
        }
    }

    /// Those that are kept, the largest key first.
    pub(super) fn finish(mut self) -> Vec<T> {
        self.shorten();
        self.kept.into_iter().map(|(_, value)| value).collect()
    }

    fn shorten(&mut self) {
        // Sorting keeps the order of equals.
        self.kept.sort_by(|a, b| b.0.total_cmp(&a.0));
        self.kept.truncate(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_kept_and_the_first_of_equals() {
        let mut top = Top::new(3);
        for i in 0..1000 {
            // 500 comes twice, at 250 and at 750.
            let key = if i < 500 { 2 * i } else { 1000 - (i - 500) * 2 };
            top.add(f64::from(key), || i);
        }
        assert_eq!(top.finish(), [500, 499, 501]);
        let mut few = Top::new(3);
        few.add(1.0, || "a");
        few.add(2.0, || "b");
        assert_eq!(few.finish(), ["b", "a"]);
    }
}
