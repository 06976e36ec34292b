//! Images that differ from the rest, and why.

use std::collections::BTreeMap;

use verglas_core::error::Result;

use super::quantities::QUANTITIES;
use super::stack_files::{StackEntry, Stacks};
use super::stack_metadata::{Source, read_sources};
use crate::page::four_digits;

/// One way in which an image differs from the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reason {
    /// A number far from the median.
    Number {
        /// Index into [`QUANTITIES`].
        quantity: usize,
        value: f64,
        /// In robust standard deviations.
        distance: f64,
    },
    /// Lines at an edge that hold nothing.
    BlankEdge { lines: usize },
    /// The particle is dark where others are light.
    OtherContrast {
        likeness: f64,
        /// In robust standard deviations.
        distance: f64,
    },
}

impl Reason {
    /// How odd it is, for the order of the list.
    fn weight(&self) -> f64 {
        match self {
            Self::Number { distance, .. } | Self::OtherContrast { distance, .. } => {
                if distance.is_nan() {
                    f64::INFINITY
                } else {
                    distance.abs()
                }
            }
            // No chance makes equal lines; before anything but what is far beyond measure.
            Self::BlankEdge { lines } => 1e3 + *lines as f64,
        }
    }

    /// In words.
    fn describe(&self) -> String {
        match self {
            Self::Number { quantity, value, distance } => {
                let quantity = &QUANTITIES[*quantity];
                let side = if *distance < 0.0 { "low" } else { "high" };
                let unit = if quantity.unit.is_empty() { String::new() } else { format!(" {}", quantity.unit) };
                format!("{} {side}: {}{unit} ({:.0} spreads)", quantity.name, four_digits(*value), distance.abs())
            }
            Self::BlankEdge { lines } => format!("blank edge: {lines} lines of pixels"),
            Self::OtherContrast { distance, .. } => {
                format!("inverted contrast: the particle's sign is reversed ({:.0} spreads)", distance.abs())
            }
        }
    }
}

/// An image with all that is odd about it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outlier {
    pub(crate) stack: StackEntry,
    pub(crate) image: usize,
    pub(crate) reasons: Vec<Reason>,
}

impl Outlier {
    /// All reasons in words, a line each.
    pub(crate) fn describe(&self) -> String {
        self.reasons.iter().map(Reason::describe).collect::<Vec<_>>().join("\n")
    }

    fn weight(&self) -> f64 {
        self.reasons.iter().map(Reason::weight).fold(0.0, f64::max)
    }
}

/// The oddest images, and how many there are.
#[derive(Debug, Default)]
pub(crate) struct OutlierList {
    /// The oddest first.
    pub(crate) listed: Vec<Outlier>,
    pub(crate) n_found: usize,
}

/// Most images that are listed.
const MOST_LISTED: usize = 300;

impl OutlierList {
    pub(crate) fn add(&mut self, outlier: Outlier) {
        self.n_found += 1;
        self.listed.push(outlier);
        if self.listed.len() >= 8 * MOST_LISTED {
            self.finish();
        }
    }

    /// Where each listed image comes from, in the order of the list; each stack's metadata are read once.
    ///
    /// # Errors
    /// When a stack's metadata can't be read.
    pub(crate) fn sources(&self, stacks: &Stacks) -> Result<Vec<Source>> {
        let mut by_stack: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (position, outlier) in self.listed.iter().enumerate() {
            by_stack.entry(outlier.stack.number).or_default().push(position);
        }
        let mut sources = vec![Source { file: String::new(), section: 0, row: 0 }; self.listed.len()];
        for positions in by_stack.values() {
            let images: Vec<usize> = positions.iter().map(|&position| self.listed[position].image).collect();
            let path = stacks.metadata_path(self.listed[positions[0]].stack);
            for (&position, source) in positions.iter().zip(read_sources(&path, &images)?) {
                sources[position] = source;
            }
        }
        Ok(sources)
    }

    /// Keeps the oddest, in order; equally odd ones in the order of the output.
    pub(crate) fn finish(&mut self) {
        self.listed.sort_by(|a, b| {
            b.weight().total_cmp(&a.weight()).then((a.stack.number, a.image).cmp(&(b.stack.number, b.image)))
        });
        self.listed.truncate(MOST_LISTED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_keeps_the_oddest_and_counts_all() {
        let mut list = OutlierList::default();
        for image in 0..10_000 {
            let reasons = vec![Reason::Number { quantity: 0, value: 1.0, distance: -6.0 - image as f64 }];
            list.add(Outlier { stack: StackEntry { number: 0, n_images: 10_000 }, image, reasons });
        }
        list.finish();
        assert_eq!((list.n_found, list.listed.len()), (10_000, MOST_LISTED));
        assert!(list.listed.iter().map(|outlier| outlier.image).eq((9_700..10_000).rev()));
    }
}
