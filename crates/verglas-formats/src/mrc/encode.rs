//! `f32` pixels to stored ones; what a mode can't hold is refused, never clipped.

use half::f16;

use super::mode::Mode;
use crate::error::{FormatError, Place, Result};

/// Appends one section's pixels to `bytes`, little-endian; `section` is for the error message.
///
/// # Errors
/// [`FormatError::Unsupported`] for a value that the mode can't hold: beyond its range, or NaN or infinite in an integer
/// mode. Integers are rounded to the nearest, halves to even; floats of mode 12 likewise.
pub(super) fn encode(mode: Mode, section: u64, pixels: &[f32], bytes: &mut Vec<u8>) -> Result<()> {
    let refused = |pixel: usize| {
        FormatError::unsupported(
            Place::File,
            format!(
                "pixel {pixel} of section {section} (counted from 0) is {}, which {mode} can't hold",
                pixels[pixel]
            ),
        )
    };
    match mode {
        Mode::Int8 => integers(pixels, bytes, i8::MIN.into(), i8::MAX.into(), |v| (v as i8).to_le_bytes()),
        Mode::Int16 => integers(pixels, bytes, i16::MIN.into(), i16::MAX.into(), |v| (v as i16).to_le_bytes()),
        Mode::Uint16 => integers(pixels, bytes, 0.0, u16::MAX.into(), |v| (v as u16).to_le_bytes()),
        Mode::Float16 => halves(pixels, bytes),
        Mode::Float32 => {
            bytes.extend(pixels.iter().flat_map(|pixel| pixel.to_le_bytes()));
            Ok(())
        }
        Mode::Uint4 => {
            return Err(FormatError::unsupported(Place::File, format!("{mode} is read, not written")));
        }
    }
    .map_err(refused)
}

/// `Err` holds the first pixel that does not fit.
fn integers<const N: usize>(
    pixels: &[f32],
    bytes: &mut Vec<u8>,
    lowest: f32,
    highest: f32,
    stored: impl Fn(f32) -> [u8; N],
) -> std::result::Result<(), usize> {
    let fits = |pixel: &f32| (lowest..=highest).contains(&pixel.round_ties_even());
    if let Some(misfit) = pixels.iter().position(|pixel| !fits(pixel)) {
        return Err(misfit);
    }
    bytes.extend(pixels.iter().flat_map(|pixel| stored(pixel.round_ties_even())));
    Ok(())
}

fn halves(pixels: &[f32], bytes: &mut Vec<u8>) -> std::result::Result<(), usize> {
    let fits = |pixel: &f32| !pixel.is_finite() || f16::from_f32(*pixel).is_finite();
    if let Some(misfit) = pixels.iter().position(|pixel| !fits(pixel)) {
        return Err(misfit);
    }
    bytes.extend(pixels.iter().flat_map(|pixel| f16::from_f32(*pixel).to_le_bytes()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(mode: Mode, pixels: &[f32]) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        encode(mode, 3, pixels, &mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn integers_are_rounded_to_the_nearest_and_halves_to_even() {
        assert_eq!(encoded(Mode::Int8, &[-128.4, -0.5, 0.5, 1.5, 127.4]).unwrap(), [0x80, 0, 0, 2, 0x7f]);
        assert_eq!(encoded(Mode::Int16, &[-32768.0, 258.0]).unwrap(), [0x00, 0x80, 0x02, 0x01]);
        assert_eq!(encoded(Mode::Uint16, &[-0.25, 65535.0]).unwrap(), [0, 0, 0xff, 0xff]);
    }

    #[test]
    fn values_that_do_not_fit_are_refused_with_their_place() {
        for (mode, value) in [
            (Mode::Int8, 128.0),
            (Mode::Int8, -129.0),
            (Mode::Int16, 32767.5),
            (Mode::Uint16, -1.0),
            (Mode::Uint16, f32::NAN),
            (Mode::Int16, f32::INFINITY),
            (Mode::Float16, 65520.0),
        ] {
            let error = encoded(mode, &[0.0, value]).unwrap_err();
            assert!(matches!(error, FormatError::Unsupported(_)));
            assert!(error.to_string().starts_with("pixel 1 of section 3 "), "{mode} {value}: {error}");
        }
        assert!(encoded(Mode::Uint4, &[1.0]).is_err());
    }

    #[test]
    fn floats_keep_what_is_not_finite() {
        let stored = encoded(Mode::Float16, &[f32::INFINITY, 65504.0, 1.0]).unwrap();
        assert_eq!(stored, [0x00, 0x7c, 0xff, 0x7b, 0x00, 0x3c]);
        assert_eq!(encoded(Mode::Float32, &[f32::NEG_INFINITY]).unwrap(), [0, 0, 0x80, 0xff]);
    }
}
