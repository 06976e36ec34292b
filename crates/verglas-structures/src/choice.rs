//! Which models of a file, and which frames of a trajectory.

use std::ops::RangeInclusive;
use std::str::FromStr;

use verglas_core::{Error, Result};
use verglas_formats::AtomModel;

/// Numbers that a message lists before it counts the rest.
const MOST_NUMBERS: usize = 20;

/// Which models of a file become structures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Models {
    /// The first one.
    #[default]
    First,
    /// Each.
    All,
    /// Those with these numbers in the file.
    Numbers(Vec<RangeInclusive<i64>>),
}

impl FromStr for Models {
    type Err = Error;

    /// `first`, `all`, or numbers and ranges such as `2,5-9`.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::value(format!("models `{text}`, expected `first`, `all` or numbers such as `2,5-9`"));
        match text {
            "first" => Ok(Self::First),
            "all" => Ok(Self::All),
            _ => {
                let number = |text: &str| text.trim().parse::<i64>().ok().filter(|number| *number >= 0);
                let range = |item: &str| match item.split_once('-') {
                    Some((first, last)) => Some(number(first)?..=number(last)?),
                    None => number(item).map(|number| number..=number),
                };
                let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
                let ranges = ranges.filter(|ranges| ranges.iter().all(|range| !range.is_empty()));
                ranges.map(Self::Numbers).ok_or_else(wrong)
            }
        }
    }
}

impl Models {
    /// The places of the chosen models, each once, in the order of the choice.
    ///
    /// # Errors
    /// A value error for a number that no model has; it lists the existing ones.
    pub fn choose(&self, models: &[AtomModel], file: &str) -> Result<Vec<usize>> {
        let ranges = match self {
            Self::First => return Ok(vec![0]),
            Self::All => return Ok((0..models.len()).collect()),
            Self::Numbers(ranges) => ranges,
        };
        let mut chosen = Vec::new();
        for range in ranges {
            // Stops at the first one that does not exist, so the loop is never long.
            for number in range.clone() {
                let before = chosen.len();
                let is_there = models.iter().any(|model| model.number == number);
                let places = (0..models.len()).filter(|place| models[*place].number == number);
                let new: Vec<usize> = places.filter(|place| !chosen[..before].contains(place)).collect();
                chosen.extend(new);
                if !is_there {
                    let numbers: Vec<i64> = models.iter().map(|model| model.number).collect();
                    let there = shown_numbers(&numbers);
                    return Err(Error::value(format!("`{file}`: there is no model {number}; its models are {there}")));
                }
            }
        }
        Ok(chosen)
    }
}

/// `1, 2, 5`, or `1 to 38` where they are one range.
fn shown_numbers(numbers: &[i64]) -> String {
    if let [first, .., last] = numbers
        && numbers.len() > 2
        && numbers.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]))
    {
        return format!("{first} to {last}");
    }
    let shown: Vec<String> = numbers.iter().take(MOST_NUMBERS).map(i64::to_string).collect();
    match numbers.len().saturating_sub(MOST_NUMBERS) {
        0 => shown.join(", "),
        n_more => format!("{} and {n_more} more", shown.join(", ")),
    }
}

/// Which frames of a trajectory become structures, counted from 0: as Python's slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frames {
    /// The first one.
    pub start: usize,
    /// The one that is no longer taken; `None`: to the end.
    pub stop: Option<usize>,
    /// Every how manieth; at least 1.
    pub step: usize,
}

impl Default for Frames {
    /// All frames.
    fn default() -> Self {
        Self { start: 0, stop: None, step: 1 }
    }
}

impl FromStr for Frames {
    type Err = Error;

    /// `START:STOP:STEP`, each of which may be left out, or one number.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::value(format!("frames `{text}`, expected a number or START:STOP:STEP from 0, such as `0:1000:10`"))
        };
        let number = |part: &str, default: usize| match part.trim() {
            "" => Ok(default),
            part => part.parse::<usize>().map_err(|_| wrong()),
        };
        let parts: Vec<&str> = text.split(':').collect();
        let frames = match parts[..] {
            [frame] if !frame.trim().is_empty() => {
                let start = number(frame, 0)?;
                Self { start, stop: Some(start.saturating_add(1)), step: 1 }
            }
            [start, ref rest @ ..] if (1..=2).contains(&rest.len()) => Self {
                start: number(start, 0)?,
                stop: Some(number(rest[0], usize::MAX)?).filter(|stop| *stop < usize::MAX),
                step: rest.get(1).map_or(Ok(1), |step| number(step, 1))?,
            },
            _ => return Err(wrong()),
        };
        if frames.step == 0 || frames.stop.is_some_and(|stop| stop <= frames.start) {
            return Err(wrong());
        }
        Ok(frames)
    }
}

impl Frames {
    /// The chosen frames of `n_frames`.
    pub fn choose(&self, n_frames: usize) -> impl Iterator<Item = usize> + use<> {
        let stop = self.stop.map_or(n_frames, |stop| stop.min(n_frames));
        (self.start..stop).step_by(self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(numbers: &[i64]) -> Vec<AtomModel> {
        numbers.iter().map(|number| AtomModel { number: *number, atoms: Vec::new() }).collect()
    }

    #[test]
    fn models_are_chosen_by_their_numbers() {
        let models = numbered(&[1, 3, 4, 5]);
        let chosen = |text: &str| text.parse::<Models>().unwrap().choose(&models, "a.pdb");
        assert_eq!(chosen("first").unwrap(), [0]);
        assert_eq!(chosen("all").unwrap(), [0, 1, 2, 3]);
        assert_eq!(chosen("5,3-4,3").unwrap(), [3, 1, 2]);
        let error = chosen("1-9000000000").unwrap_err().to_string();
        assert_eq!(error, "`a.pdb`: there is no model 2; its models are 1, 3, 4, 5");
        let error = "40".parse::<Models>().unwrap().choose(&numbered(&(1..=38).collect::<Vec<_>>()), "b").unwrap_err();
        assert_eq!(error.to_string(), "`b`: there is no model 40; its models are 1 to 38");
        for text in ["", "a", "3-", "-1", "5-3", "1,,2", "1.5", "First"] {
            assert!(text.parse::<Models>().is_err(), "{text}");
        }
    }

    #[test]
    fn frames_are_slices() {
        let chosen = |text: &str| text.parse::<Frames>().unwrap().choose(10).collect::<Vec<_>>();
        assert_eq!(chosen("0:1000:4"), [0, 4, 8]);
        assert_eq!(chosen("7:"), [7, 8, 9]);
        assert_eq!(chosen(":3"), [0, 1, 2]);
        assert_eq!(chosen("::9"), [0, 9]);
        assert_eq!(chosen("2:5:2"), [2, 4]);
        assert_eq!(chosen("3"), [3]);
        assert!(chosen("10:20").is_empty());
        for text in ["", "a", "1:2:3:4", "5:2", "::0", "-1:", "1:2:x", "4:4"] {
            assert!(text.parse::<Frames>().is_err(), "{text}");
        }
    }
}
