//! In which order warnings are told: what a user has to decide comes first, what is usual and does no harm last.

use verglas_core::findings::Warning;

/// What may make results wrong unless someone says what is right; in the order in which it is told.
const TO_DECIDE: [&str; 20] = [
    "blob-sign",
    "defocus-angle-axis",
    "ctf-corrected",
    "ctf-envelope-dropped",
    "pixel-size-differs",
    "pixel-sizes-differ",
    "pixel-size-elsewhere",
    "pixel-size-ignored",
    "pixel-size-not-stated",
    "image-size-differs",
    "blob-shape-differs",
    "constants-differ",
    "differs-between-blocks",
    "differs-between-files",
    "pairing-contradicted",
    "rows-in-sequence",
    "poses-of-classes",
    "value-unlikely",
    "box-against-defocus",
    "angle-unknown",
];

/// What most data sets have.
const HARMLESS: [&str; 7] = [
    "optics-group-assumed",
    "passthrough-unmatched",
    "text-before-blocks",
    "metadata-odd",
    "other-ending",
    "default-used",
    "image-root",
];

/// Puts warnings into this order; those of one code stay as they are.
pub(super) fn order_by_weight(warnings: &mut [Warning]) {
    let place = |codes: &[&str], code: &str| codes.iter().position(|there| *there == code);
    warnings.sort_by_key(|warning| match (place(&TO_DECIDE, warning.code), place(&HARMLESS, warning.code)) {
        (Some(place), _) => (0, place),
        (None, None) => (1, 0),
        (None, Some(place)) => (2, place),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_come_first_and_defaults_last() {
        let codes =
            ["image-root", "value-dropped", "default-used", "defocus-angle-axis", "image-repeated", "blob-sign"];
        let mut warnings = codes.map(|code| Warning { code, message: code.into() });
        order_by_weight(&mut warnings);
        let expected =
            ["blob-sign", "defocus-angle-axis", "value-dropped", "image-repeated", "default-used", "image-root"];
        assert_eq!(warnings.map(|warning| warning.code), expected);
    }
}
