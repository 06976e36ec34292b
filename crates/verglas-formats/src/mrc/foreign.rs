//! Formats that get mistaken for MRC files, by their first bytes or by their names.

use std::path::Path;

use crate::error::{FormatError, Place};

/// What to do with stacks from other programs.
const CONVERT: &str = "convert it to `.mrcs` first, for example with `relion_image_handler` or `e2proc2d.py`";

/// The error for a file that starts like this, if it is one of those formats. Fewer bytes than a header has will do.
///
/// As the start of an MRC header, each of the signatures would mean images that are negative or more than half a million
/// pixels wide.
pub(super) fn foreign_format(start: &[u8]) -> Option<FormatError> {
    const SIGNATURES: [(&[u8], &str); 10] = [
        (b"\x89PNG", "a PNG file"),
        (b"II*\0", "a TIFF file"),
        (b"MM\0*", "a TIFF file"),
        (b"II+\0", "a BigTIFF file, as EER movies are"),
        (b"MM\0+", "a BigTIFF file"),
        (b"\xff\xd8\xff", "a JPEG file"),
        (b"\x89HDF", "an HDF5 file"),
        (b"\x93NUM", "a NumPy array"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"%PDF", "a PDF file"),
    ];
    let refused = |what: &str| FormatError::unsupported(Place::File, format!("is {what}, not an MRC file"));
    if let Some((what, hint)) = stand_in(start) {
        return Some(refused(what).with_hint(hint));
    }
    if let Some((_, format)) = SIGNATURES.iter().find(|(signature, _)| start.starts_with(signature)) {
        return Some(refused(format));
    }
    if is_spider(start) {
        return Some(refused("a SPIDER file").with_hint(CONVERT));
    }
    is_imagic_header(start).then(|| refused("the header of an IMAGIC stack").with_hint(CONVERT))
}

/// What is found in place of a file that was not downloaded, and what to do.
pub(crate) fn stand_in(start: &[u8]) -> Option<(&'static str, &'static str)> {
    if start.starts_with(b"version https://git-lfs") {
        return Some(("a Git LFS pointer, which stands for the file itself", "`git lfs pull` fetches the file"));
    }
    let text: Vec<u8> = start.iter().take(64).map(u8::to_ascii_lowercase).collect();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text).trim_ascii_start();
    let is_page = text.starts_with(b"<!doctype html") || text.starts_with(b"<html");
    is_page
        .then_some(("an HTML page, as servers send in place of a file", "fetch the file again, and look at the page"))
}

/// What a file that could not be read as MRC most likely is, by its name: IMAGIC's pixels have no header of their own.
pub(super) fn imagic_by_name(path: &Path, error: FormatError) -> FormatError {
    let is_pixels = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("img"));
    if !is_pixels || matches!(error, FormatError::Io(_)) {
        return error;
    }
    let header = path.with_extension("hed");
    let name = header.file_name().unwrap_or_default().to_string_lossy().into_owned();
    FormatError::unsupported(
        Place::File,
        format!("is not an MRC file; by its name, it holds the pixels of an IMAGIC stack, whose header is `{name}`"),
    )
    .with_hint(CONVERT)
}

/// SPIDER's headers are floats: slices, rows, the kind of file, columns, records and bytes of the header agree.
///
/// Source: SPIDER's `image_doc`, words 1, 2, 5, 12, 13, 22 and 23.
fn is_spider(start: &[u8]) -> bool {
    const WORDS: usize = 23;
    let words = |from: fn([u8; 4]) -> f32| -> Option<Vec<f32>> {
        let words = start.get(..4 * WORDS)?.as_chunks().0;
        Some(words.iter().map(|word| from(*word)).collect())
    };
    [f32::from_le_bytes, f32::from_be_bytes].into_iter().any(|from| {
        let Some(words) = words(from) else { return false };
        let word = |number: usize| words[number - 1];
        let is_count = |value: f32| value >= 1.0 && value.fract() == 0.0 && value < 1e7;
        let is_kind = [1.0, 3.0, -11.0, -12.0, -21.0, -22.0].contains(&word(5));
        let counts = [1, 2, 12, 13, 22, 23].map(word);
        is_kind && counts.into_iter().all(is_count) && word(13) * word(23) == word(22) && word(23) == 4.0 * word(12)
    })
}

/// IMAGIC's headers name the kind of number in their fifteenth word.
fn is_imagic_header(start: &[u8]) -> bool {
    const KINDS: [&[u8]; 5] = [b"REAL", b"INTG", b"PACK", b"COMP", b"RECO"];
    start.get(56..60).is_some_and(|kind| KINDS.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(start: &[u8]) -> String {
        foreign_format(start).map_or(String::new(), |error| error.to_string())
    }

    #[test]
    fn other_formats_are_known_by_their_first_bytes() {
        assert!(what(b"version https://git-lfs.github.com/spec/v1\noid").contains("Git LFS pointer"));
        assert!(what(b"\n <!DOCTYPE html><html>").contains("HTML page"));
        assert!(what(b"<HTML>").contains("HTML page"));
        let mut spider = [0.0_f32; 32];
        for (number, value) in [(1, 1.0), (2, 32.0), (5, 1.0), (12, 32.0), (13, 8.0), (22, 1024.0), (23, 128.0)] {
            spider[number - 1] = value;
        }
        for bytes in [spider.map(f32::to_le_bytes).concat(), spider.map(f32::to_be_bytes).concat()] {
            assert!(what(&bytes).contains("SPIDER"));
        }
        let mut imagic = vec![0; 1024];
        imagic[56..60].copy_from_slice(b"REAL");
        assert!(what(&imagic).contains("IMAGIC"));
        assert_eq!(what(&[0; 1024]), "");
        assert_eq!(what(b"<xml"), "");
    }

    #[test]
    fn the_pixels_of_imagic_are_known_by_their_name() {
        let error = || FormatError::malformed(Place::File, "odd");
        let told = imagic_by_name(Path::new("a/i.IMG"), error()).to_string();
        assert!(told.contains("IMAGIC") && told.contains("`i.hed`"), "{told}");
        assert_eq!(imagic_by_name(Path::new("a.mrcs"), error()).to_string(), error().to_string());
    }
}
