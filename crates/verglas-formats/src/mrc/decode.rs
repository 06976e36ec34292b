//! Stored pixels to `f32`; every mode's values fit, so nothing is rounded.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::mode::{ByteOrder, Mode, Mode0};
use super::pixel_type::PixelType;

/// Half floats that are brought into the machine's byte order at a time: few enough to stay in the first cache.
const HALF_BLOCK: usize = 1024;

/// Converts whole rows of `width` pixels; `bytes` holds as many rows as `pixels`.
///
/// Mode 2 in the machine's own byte order needs none of this: such pixels are read in place.
pub(super) fn decode_rows(mode: Mode, order: ByteOrder, mode0: Mode0, width: usize, bytes: &[u8], pixels: &mut [f32]) {
    use ByteOrder::{Big, Little};
    match (mode, order) {
        (Mode::Int8, _) if mode0 == Mode0::Signed => convert(bytes, pixels, |[b]: [u8; 1]| b.cast_signed().into()),
        (Mode::Int8, _) => convert(bytes, pixels, |[b]: [u8; 1]| b.into()),
        (Mode::Int16, Little) => convert(bytes, pixels, |b| i16::from_le_bytes(b).into()),
        (Mode::Int16, Big) => convert(bytes, pixels, |b| i16::from_be_bytes(b).into()),
        (Mode::Uint16, Little) => convert(bytes, pixels, |b| u16::from_le_bytes(b).into()),
        (Mode::Uint16, Big) => convert(bytes, pixels, |b| u16::from_be_bytes(b).into()),
        (Mode::Float16, Little) => convert_halves(bytes, pixels, u16::from_le_bytes),
        (Mode::Float16, Big) => convert_halves(bytes, pixels, u16::from_be_bytes),
        (Mode::Float32, Little) => convert(bytes, pixels, f32::from_le_bytes),
        (Mode::Float32, Big) => convert(bytes, pixels, f32::from_be_bytes),
        (Mode::Uint4, _) => {
            for (bytes, pixels) in bytes.chunks_exact(width.div_ceil(2)).zip(pixels.chunks_exact_mut(width)) {
                unpack_row(bytes, pixels);
            }
        }
    }
}

/// Converts pixels that are stored as `pixel_type`; what single precision can't hold is rounded to it.
pub(super) fn decode_as(pixel_type: PixelType, order: ByteOrder, bytes: &[u8], pixels: &mut [f32]) {
    use ByteOrder::{Big, Little};
    match (pixel_type, order) {
        (PixelType::Int8, _) => convert(bytes, pixels, |[b]: [u8; 1]| b.cast_signed().into()),
        (PixelType::Uint8, _) => convert(bytes, pixels, |[b]: [u8; 1]| b.into()),
        (PixelType::Int16, Little) => convert(bytes, pixels, |b| i16::from_le_bytes(b).into()),
        (PixelType::Int16, Big) => convert(bytes, pixels, |b| i16::from_be_bytes(b).into()),
        (PixelType::Uint16, Little) => convert(bytes, pixels, |b| u16::from_le_bytes(b).into()),
        (PixelType::Uint16, Big) => convert(bytes, pixels, |b| u16::from_be_bytes(b).into()),
        (PixelType::Int32, Little) => convert(bytes, pixels, |b| i32::from_le_bytes(b) as f32),
        (PixelType::Int32, Big) => convert(bytes, pixels, |b| i32::from_be_bytes(b) as f32),
        (PixelType::Uint32, Little) => convert(bytes, pixels, |b| u32::from_le_bytes(b) as f32),
        (PixelType::Uint32, Big) => convert(bytes, pixels, |b| u32::from_be_bytes(b) as f32),
        (PixelType::Float16, Little) => convert_halves(bytes, pixels, u16::from_le_bytes),
        (PixelType::Float16, Big) => convert_halves(bytes, pixels, u16::from_be_bytes),
        (PixelType::Float32, Little) => convert(bytes, pixels, f32::from_le_bytes),
        (PixelType::Float32, Big) => convert(bytes, pixels, f32::from_be_bytes),
        (PixelType::Float64, Little) => convert(bytes, pixels, |b| f64::from_le_bytes(b) as f32),
        (PixelType::Float64, Big) => convert(bytes, pixels, |b| f64::from_be_bytes(b) as f32),
    }
}

fn convert<const N: usize>(bytes: &[u8], pixels: &mut [f32], value: impl Fn([u8; N]) -> f32) {
    for (pixel, bytes) in pixels.iter_mut().zip(bytes.as_chunks().0) {
        *pixel = value(*bytes);
    }
}

fn convert_halves(bytes: &[u8], pixels: &mut [f32], bits: impl Fn([u8; 2]) -> u16) {
    let mut halves = [f16::ZERO; HALF_BLOCK];
    for (bytes, pixels) in bytes.chunks(2 * HALF_BLOCK).zip(pixels.chunks_mut(HALF_BLOCK)) {
        let halves = &mut halves[..pixels.len()];
        for (half, bytes) in halves.iter_mut().zip(bytes.as_chunks().0) {
            *half = f16::from_bits(bits(*bytes));
        }
        halves.convert_to_f32_slice(pixels);
    }
}

/// One row of 4-bit pixels: the left one of each pair in the low bits; an odd last one alone in its byte.
fn unpack_row(bytes: &[u8], pixels: &mut [f32]) {
    let (pairs, last) = pixels.as_chunks_mut();
    for ([left, right], byte) in pairs.iter_mut().zip(bytes) {
        *left = (byte & 0x0f).into();
        *right = (byte >> 4).into();
    }
    if let ([last], [.., byte]) = (last, bytes) {
        *last = (byte & 0x0f).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(mode: Mode, order: ByteOrder, mode0: Mode0, width: usize, n: usize, bytes: &[u8]) -> Vec<f32> {
        let mut pixels = vec![f32::NAN; n];
        decode_rows(mode, order, mode0, width, bytes, &mut pixels);
        pixels
    }

    #[test]
    fn bytes_are_signed_unless_asked() {
        let bytes = [0, 1, 127, 128, 255];
        let signed = decoded(Mode::Int8, ByteOrder::Little, Mode0::Signed, 5, 5, &bytes);
        assert_eq!(signed, [0.0, 1.0, 127.0, -128.0, -1.0]);
        let unsigned = decoded(Mode::Int8, ByteOrder::Big, Mode0::Unsigned, 5, 5, &bytes);
        assert_eq!(unsigned, [0.0, 1.0, 127.0, 128.0, 255.0]);
    }

    #[test]
    fn four_bit_pixels_start_low_and_rows_start_a_byte() {
        // Two rows of three: 1 2 | 3 pad, 4 5 | 6 pad; the padding is not zero on purpose.
        let bytes = [0x21, 0xf3, 0x54, 0xe6];
        let odd = decoded(Mode::Uint4, ByteOrder::Little, Mode0::Signed, 3, 6, &bytes);
        assert_eq!(odd, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let even = decoded(Mode::Uint4, ByteOrder::Big, Mode0::Signed, 4, 8, &bytes);
        assert_eq!(even, [1.0, 2.0, 3.0, 15.0, 4.0, 5.0, 6.0, 14.0]);
    }

    #[test]
    fn every_half_float_is_exact_in_both_orders() {
        let bits: Vec<u16> = (0..=u16::MAX).collect();
        let little: Vec<u8> = bits.iter().flat_map(|b| b.to_le_bytes()).collect();
        let big: Vec<u8> = bits.iter().flat_map(|b| b.to_be_bytes()).collect();
        let n = bits.len();
        let from_little = decoded(Mode::Float16, ByteOrder::Little, Mode0::Signed, n, n, &little);
        let from_big = decoded(Mode::Float16, ByteOrder::Big, Mode0::Signed, n, n, &big);
        for (bits, (little, big)) in bits.iter().zip(from_little.iter().zip(&from_big)) {
            // IEEE 754 binary16: 5 exponent bits with bias 15, 10 mantissa bits.
            let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
            let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
            let expected = match exponent {
                0x1f if mantissa == 0.0 => sign * f64::INFINITY,
                0x1f => f64::NAN,
                0 => sign * mantissa * 2f64.powi(-24),
                _ => sign * (1024.0 + mantissa) * 2f64.powi(exponent - 25),
            };
            assert_eq!(little.to_bits(), big.to_bits());
            if expected.is_nan() {
                assert!(little.is_nan());
            } else {
                assert_eq!(f64::from(*little).to_bits(), expected.to_bits(), "{bits:04x}");
            }
        }
    }

    #[test]
    fn integers_at_their_limits() {
        let bytes = [0x00, 0x80, 0xff, 0x7f, 0xff, 0xff];
        let signed = decoded(Mode::Int16, ByteOrder::Little, Mode0::Signed, 3, 3, &bytes);
        assert_eq!(signed, [-32768.0, 32767.0, -1.0]);
        let unsigned = decoded(Mode::Uint16, ByteOrder::Little, Mode0::Signed, 3, 3, &bytes);
        assert_eq!(unsigned, [32768.0, 32767.0, 65535.0]);
        let big = decoded(Mode::Uint16, ByteOrder::Big, Mode0::Signed, 3, 3, &bytes);
        assert_eq!(big, [128.0, 65407.0, 65535.0]);
    }
}
