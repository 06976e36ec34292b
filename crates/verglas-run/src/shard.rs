//! Parts of a job, each for a process of its own.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use verglas_core::error::{Error, Result};

/// One of the parts that the stacks of a plan are divided into, each for a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    number: usize,
    of: usize,
}

/// Most shards that a plan can be divided into.
const MOST_SHARDS: usize = 1_000_000;

impl Shard {
    /// Shard `number`, from 1, of `of`.
    ///
    /// # Errors
    /// When the shard does not exist.
    pub fn new(number: usize, of: usize) -> Result<Self> {
        let shard = Self { number, of };
        if shard.is_valid() {
            Ok(shard)
        } else {
            Err(Error::value(format!("shard {shard}, expected K/N with K from 1 to N and N at most {MOST_SHARDS}")))
        }
    }

    /// Whether there is such a shard; one that was read from a file may be any two numbers.
    pub fn is_valid(self) -> bool {
        (1..=MOST_SHARDS).contains(&self.of) && (1..=self.of).contains(&self.number)
    }

    /// The numbers of the units that a run makes of `n_units`: those of its shard, or all.
    pub fn units_of(shard: Option<Self>, n_units: usize) -> Range<usize> {
        shard.map_or(0..n_units, |shard| shard.units(n_units))
    }

    /// Which one it is, from 1.
    pub fn number(self) -> usize {
        self.number
    }

    /// How many there are.
    pub fn of(self) -> usize {
        self.of
    }

    /// The numbers of its units, of `n_units` in the plan: a block of consecutive ones, so that a shard reads as few
    /// files as can be. There may be none.
    pub fn units(self, n_units: usize) -> Range<usize> {
        let of = self.of.max(1) as u128;
        let start_of = |number: usize| ((number as u128).min(of) * n_units as u128 / of) as usize;
        start_of(self.number.saturating_sub(1))..start_of(self.number)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_all_stacks_once_and_in_order() {
        for (n_stacks, of) in [(10, 4), (3, 7), (0, 2), (1, 1), (1_000_003, 1000)] {
            let all: Vec<usize> = (1..=of).flat_map(|number| Shard::new(number, of).unwrap().units(n_stacks)).collect();
            assert!(all.iter().copied().eq(0..n_stacks), "{n_stacks} stacks in {of} shards");
        }
        assert_eq!(Shard::new(2, 4).unwrap().units(10), 2..5);
    }

    #[test]
    fn only_shards_that_exist_can_be_asked_for() {
        for (number, of) in [(0, 4), (5, 4), (1, 0), (1, MOST_SHARDS + 1)] {
            let error = Shard::new(number, of).unwrap_err().to_string();
            assert!(error.contains(&format!("shard {number}/{of}")), "{error}");
        }
        // As a damaged manifest may have it.
        assert_eq!((Shard { number: 0, of: 0 }).units(5), 0..0);
    }
}
