//! `particle_scale.csv`: how strong the particles of each group of images are, and how many images show one.

use std::fmt::Write;
use std::path::Path;

use verglas_core::error::{Error, Result};

use crate::particle_scale::GroupScale;

const HEADER: &str = "group,scale,share,images";

/// The text of the file.
pub(crate) fn to_text(scales: &[GroupScale]) -> String {
    let mut text = format!("{HEADER}\n");
    for (group, GroupScale { scale, share, n_images }) in scales.iter().enumerate() {
        let share = share.map_or_else(String::new, |share| share.to_string());
        // Writing to a string can't fail.
        let _ = writeln!(text, "{group},{scale},{share},{n_images}");
    }
    text
}

/// Reads what [`to_text`] wrote.
///
/// # Errors
/// When it is something else, or of another number of groups.
pub(crate) fn read(text: &str, path: &Path, n_groups: usize) -> Result<Vec<GroupScale>> {
    let damaged = |what: String| Error::format(format!("`{}`: {what}", path.display()));
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(damaged(format!("its first line is not `{HEADER}`")));
    }
    let of = |(line, text): (usize, &str)| {
        let values: Vec<&str> = text.split(',').collect();
        let wrong = || damaged(format!("line {} is `{text}`", line + 2));
        let [group, scale, share, n_images] = values[..] else { return Err(wrong()) };
        let share = if share.is_empty() { None } else { Some(share.parse().map_err(|_| wrong())?) };
        match (group.parse::<usize>(), scale.parse(), n_images.parse()) {
            (Ok(group), Ok(scale), Ok(n_images)) if group == line => Ok(GroupScale { scale, share, n_images }),
            _ => Err(wrong()),
        }
    };
    let scales: Vec<GroupScale> = lines.enumerate().map(of).collect::<Result<_>>()?;
    match scales.len() == n_groups {
        true => Ok(scales),
        false => Err(damaged(format!("it is of {} groups, expected {n_groups}", scales.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_read_as_they_were_written() {
        let scales = [
            GroupScale { scale: 1.25, share: Some(0.8), n_images: 200 },
            GroupScale { scale: 0.1, share: None, n_images: 7 },
        ];
        let (text, path) = (to_text(&scales), Path::new("particle_scale.csv"));
        assert_eq!(read(&text, path, 2).unwrap(), scales);
        for text in [text.replace("0.8", "x"), text.replace("\n1,", "\n2,"), text.replace("scale,", "")] {
            assert!(read(&text, path, 2).is_err(), "{text}");
        }
        assert!(read(&text, path, 3).is_err());
    }

    #[test]
    fn odds_and_shares_make_probabilities() {
        let half = GroupScale { scale: 1.0, share: Some(0.5), n_images: 100 };
        assert!((half.probability(0.0) - 0.5).abs() < 1e-15 && half.probability(800.0) == 1.0);
        assert!((half.probability(3_f64.ln()) - 0.75).abs() < 1e-15 && half.probability(-800.0) == 0.0);
        assert!(GroupScale { share: None, ..half }.probability(1.0).is_nan());
    }
}
