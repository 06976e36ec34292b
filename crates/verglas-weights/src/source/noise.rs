//! The column of a folder's table that says how likely images are if they show nothing.

use std::io::BufReader;
use std::path::Path;

use csv::StringRecord;
use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_core::hint::{Hint, Setting};

use super::matrix::cannot_read;

/// The column.
const COLUMN: &str = "log_likelihood_noise";
/// Which image a row is of.
const IMAGE: &str = "image";

/// Reads the column of the table at `path`: one number for each image, in their order. A table has a row for each image and
/// structure; those of one image say the same.
///
/// # Errors
/// When the table can't be read or has no such column; a row whose image or number is none; images without a row; rows of one
/// image that differ.
pub(super) fn read(path: &Path, n_images: usize) -> Result<Vec<f64>> {
    let shown = path.display();
    let file = verglas_formats::open_regular(path).map_err(|error| cannot_read(path, &error))?;
    let mut table = csv::Reader::from_reader(BufReader::new(file));
    let in_table = |error: csv::Error| Error::format(format!("`{shown}`: {error}"));
    let heads = table.headers().map_err(in_table)?.clone();
    let place = |name: &str| heads.iter().position(|head| head == name);
    let Some(noise) = place(COLUMN) else {
        return Err(Error::value(format!("`{shown}` has no column `{COLUMN}`")).with_hint(
            "it is there where likelihoods were made with odds of a particle; leave out "
                + Hint::Give(Setting::NoiseColumn),
        ));
    };
    let image = place(IMAGE).ok_or_else(|| Error::format(format!("`{shown}` has no column `{IMAGE}`")))?;
    let mut values: Vec<Option<f64>> = vec![None; n_images];
    let mut row = StringRecord::new();
    while table.read_record(&mut row).map_err(in_table)? {
        let line = row.position().map_or(0, csv::Position::line);
        let wrong = |name: &str, at: usize, expected: &str| {
            let found = row.get(at).unwrap_or_default();
            Error::format(format!("line {line} of `{shown}`: {name} is `{found}`, expected {expected}"))
        };
        let place = row.get(image).and_then(|text| text.parse().ok()).filter(|&place: &usize| place < n_images);
        let place = place.ok_or_else(|| wrong(IMAGE, image, &format!("0 to {}", n_images.saturating_sub(1))))?;
        let value = row.get(noise).and_then(|text| text.parse::<f64>().ok()).filter(|value| value.is_finite());
        let value = value.ok_or_else(|| wrong(COLUMN, noise, "a number"))?;
        match values[place].replace(value) {
            Some(before) if before.to_bits() != value.to_bits() => {
                return Err(wrong(COLUMN, noise, &format!("{before} as in other rows of image {place}")));
            }
            _ => {}
        }
    }
    let n_missing = values.iter().filter(|value| value.is_none()).count();
    if n_missing > 0 {
        let first = values.iter().position(Option::is_none).unwrap_or_default();
        return Err(Error::format(format!(
            "`{shown}` has no row of {} (first: image {first})",
            counted(n_missing, "image")
        )));
    }
    Ok(values.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, n_images: usize) -> std::result::Result<Vec<f64>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path(), n_images).map_err(|error| error.to_string())
    }

    #[test]
    fn each_image_has_one_number_whatever_its_name() {
        let text = "image,name,log_likelihood_noise\n1,\"a,\nb\"\"\",-2.5\n0,a,-1e3\n1,c,-2.5\n";
        assert_eq!(read_text(text, 2), Ok(vec![-1e3, -2.5]));
    }

    #[test]
    fn what_is_wrong_is_reported_with_its_line() {
        for (text, expected) in [
            ("image,name\n0,a\n", "no column `log_likelihood_noise`"),
            ("name,log_likelihood_noise\na,1\n", "no column `image`"),
            ("image,log_likelihood_noise\n0,nan\n", "line 2 of"),
            ("image,log_likelihood_noise\n2,1\n", "image is `2`, expected 0 to 1"),
            ("image,log_likelihood_noise\n0,1\n0,2\n", "is `2`, expected 1 as in other rows of image 0"),
            ("image,log_likelihood_noise\n0,1\n", "no row of 1 image (first: image 1)"),
            ("image,log_likelihood_noise\n0,1,4\n", "line: 2"),
        ] {
            let error = read_text(text, 2).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
