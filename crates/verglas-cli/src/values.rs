//! Values with a syntax of their own: choices, numbers within bounds, sizes, names with files.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use verglas::Choice;
use verglas::grid::MAX_INPLANES;
use verglas::metadata::Input;
use verglas::settings::Shard;

/// One of the library's choices, by its name; its help is the library's too.
pub fn choice<C: Choice>() -> impl TypedValueParser<Value = C> {
    let named = |choice: &C| PossibleValue::new(choice.name()).help(choice.help());
    PossibleValuesParser::new(C::ALL.iter().map(named)).try_map(|name| C::from_name(&name))
}

/// A positive finite number.
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a positive number".to_owned()),
    }
}

/// A factor that images are made smaller by.
pub fn factor(text: &str) -> Result<NonZeroUsize, String> {
    let whole = "expected a whole number, 1 or more";
    match text.parse::<NonZeroUsize>() {
        Ok(factor) => Ok(factor),
        Err(_) if text.parse::<f64>().is_ok_and(|number| number > 1.0 && number.fract() != 0.0) => {
            Err(format!("{whole}; --downsample-to crops to any even box, for factors between"))
        }
        Err(_) => Err(whole.to_owned()),
    }
}

/// A box that images are cropped to.
pub fn even_box(text: &str) -> Result<NonZeroUsize, String> {
    let found = text.parse::<NonZeroUsize>().ok().filter(|n_pixels| n_pixels.get().is_multiple_of(2));
    found.ok_or_else(|| "expected an even number of pixels, such as 128".to_owned())
}

/// A CryoSPARC job, `24` or `J24`.
pub fn job(text: &str) -> Result<u64, String> {
    Input::job_number(text).ok_or_else(|| "expected the number of a job, such as 24 or J24".to_owned())
}

/// A whole number, 1 or more.
pub fn count(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a whole number, 1 or more".to_owned())
}

/// A number in (0, 1].
pub fn fraction(text: &str) -> Result<f64, String> {
    positive(text).ok().filter(|&number| number <= 1.0).ok_or_else(|| "expected a number in (0, 1]".to_owned())
}

/// A number of angles on each shell.
pub fn inplanes(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse::<NonZeroUsize>().ok().filter(|number| number.get() <= MAX_INPLANES);
    number.ok_or_else(|| format!("expected a whole number of angles from 1 to {MAX_INPLANES}"))
}

/// A name and a file, as in `score=scores.npy`; the underscore before a STAR column's name is not part of it.
pub fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.strip_prefix('_').unwrap_or(text).split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.to_owned(), PathBuf::from(file))),
        _ => Err("expected NAME=FILE".to_owned()),
    }
}

/// A size in bytes, with one of the endings K, M, G, T (powers of 1024), as in `512M` or `2GiB`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let expected = || "expected a size such as 512M or 2G".to_owned();
    let upper = text.trim().to_ascii_uppercase();
    let digits = upper.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor: u64 = match &upper[digits.len()..] {
        "" | "B" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1 << 30,
        "T" | "TB" | "TIB" => 1 << 40,
        _ => return Err(expected()),
    };
    let number: f64 = digits.trim().parse().map_err(|_| expected())?;
    let size = number * factor as f64;
    if size.is_finite() && (1.0..=1e18).contains(&size) { Ok(size as u64) } else { Err(expected()) }
}

/// A part of the stacks, as in `3/8`.
pub fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
    let (number, of) = parts.ok_or_else(|| "expected K/N, such as 3/8".to_owned())?;
    Shard::new(number, of).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_a_name_and_a_file() {
        assert_eq!(named_file("score=a=b.npy"), Ok(("score".to_owned(), PathBuf::from("a=b.npy"))));
        assert_eq!(named_file("_rlnScore=a.npy"), Ok(("rlnScore".to_owned(), PathBuf::from("a.npy"))));
        for bad in ["score", "=a.npy", "score=", ""] {
            assert!(named_file(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_factor_or_box_gets_words_of_its_own() {
        assert_eq!(factor("3").map(NonZeroUsize::get), Ok(3));
        assert!(factor("1.5").unwrap_err().contains("--downsample-to"));
        for bad in ["0", "-2", "2.0", "x", "nan", "0.5"] {
            assert_eq!(factor(bad), Err("expected a whole number, 1 or more".to_owned()), "{bad}");
        }
        assert_eq!(even_box("128").map(NonZeroUsize::get), Ok(128));
        for bad in ["0", "127", "-2", "1.5", ""] {
            assert!(even_box(bad).unwrap_err().contains("even number of pixels"), "{bad}");
        }
        assert_eq!((job("24"), job("J24")), (Ok(24), Ok(24)));
        assert!(job("24a").is_err() && job("JJ24").is_err() && job("").is_err() && job("J").is_err());
    }

    #[test]
    fn sizes_have_binary_endings() {
        assert_eq!(bytes("512M"), Ok(512 << 20));
        assert_eq!(bytes("2GiB"), Ok(2 << 30));
        assert_eq!(bytes("1.5k"), Ok(1536));
        assert_eq!(bytes("1000"), Ok(1000));
        for bad in ["", "M", "-1G", "0", "1X", "nan", "1e99"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }
}
