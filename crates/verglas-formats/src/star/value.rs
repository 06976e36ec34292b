//! Numbers out of a value's bytes.

/// Powers of ten that a float64 holds exactly.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Integers up to here are exact in float64.
const MAX_EXACT_INTEGER: u64 = 1 << 53;

/// The float64 nearest to a decimal number, ties to even, bit for bit what `str::parse` gives.
///
/// Accepts what Python's `float` and NumPy accept: an optional sign, digits with or without a point at any place, an
/// optional exponent; `inf`, `infinity` and `nan` in any case. No white space around it, no `_` between digits, no
/// `<NA>`. `None` for anything else.
///
/// ```
/// use verglas_formats::star::value::parse_f64;
///
/// assert_eq!(parse_f64(b"1.040890e+05"), Some(104089.0));
/// assert_eq!(parse_f64(b"None"), None);
/// ```
#[inline]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    parse_six_decimals(text).or_else(|| parse_short_decimal(text)).or_else(|| parse_any_float(text))
}

/// Up to eight digits, a point and six digits, as RELION (`%12.6f`) and most tools write: eight digits at a time, with no
/// branch that depends on how many there are. `None` for all others.
#[inline]
fn parse_six_decimals(text: &[u8]) -> Option<f64> {
    /// The point and six digits.
    const TAIL_BYTES: usize = 7;
    /// Eight times the digit 0.
    const ZEROS: u64 = 0x3030_3030_3030_3030;

    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (first, last) = (digits.first_chunk::<8>()?, digits.last_chunk::<8>()?);
    let n_leading = digits.len() - TAIL_BYTES;
    if n_leading > 8 || last[1] != b'.' {
        return None;
    }
    // The text's first byte is the lowest. Digits before the point move up to the last places, with zeros before them.
    let before = u64::from_le_bytes(*first) << (8 * (8 - n_leading)) | ZEROS >> (8 * (n_leading - 1)) >> 8;
    // The point and what is before it become zeros.
    let after = u64::from_le_bytes(*last) & !0xffff | ZEROS & 0xffff;
    let mantissa = eight_digits(before)? * 1_000_000 + eight_digits(after)?;
    // Below 10^14 and so exact; one division rounds once.
    let magnitude = mantissa as f64 / 1e6;
    Some(if is_negative { -magnitude } else { magnitude })
}

/// The number that eight decimal digits are, the first one in the lowest byte; `None` if they are not all digits.
#[inline]
fn eight_digits(word: u64) -> Option<u64> {
    const HIGH_HALVES: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    // Digits are 0x30 to 0x39: the high half of a byte is 3, and still 3 after adding 6. A carry into the next byte comes
    // only from a byte that fails by itself.
    let is_digits = word & HIGH_HALVES == 0x3030_3030_3030_3030
        && word.wrapping_add(0x0606_0606_0606_0606) & HIGH_HALVES == 0x3030_3030_3030_3030;
    if !is_digits {
        return None;
    }
    // Neighbours are joined: 8 digits, 4 numbers below 100, 2 below 10,000, 1.
    let digits = word & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (digits.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000 << 32 | 1) >> 32)
}

#[cold]
#[inline(never)]
fn parse_any_float(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Decimal numbers of at most 19 digits that one correctly rounded operation gives exactly (W. D. Clinger, "How to read
/// floating point numbers accurately", 1990): digits that are an integer of at most 2^53, and a power of ten that is
/// exact too. `None` for all others.
#[inline]
fn parse_short_decimal(text: &[u8]) -> Option<f64> {
    let (is_negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    let (mantissa, rest) = take_digits(0, digits);
    let mut n_digits = digits.len() - rest.len();
    let (mut mantissa, mut rest) = (mantissa, rest);
    let mut exponent = 0_i32;
    if let Some((b'.', decimals)) = rest.split_first() {
        (mantissa, rest) = take_digits(mantissa, decimals);
        let n_decimals = decimals.len() - rest.len();
        n_digits += n_decimals;
        // Too many to be taken here: refused just below.
        exponent = -(n_decimals.min(100) as i32);
    }
    // Nineteen digits always fit a u64; of more, `mantissa` holds nonsense.
    if n_digits == 0 || n_digits > 19 || mantissa > MAX_EXACT_INTEGER {
        return None;
    }
    if let Some((b'e' | b'E', written)) = rest.split_first() {
        exponent += parse_small_exponent(written)?;
    } else if !rest.is_empty() {
        return None;
    }
    let power = *POWERS_OF_TEN.get(exponent.unsigned_abs() as usize)?;
    let magnitude = if exponent < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
    Some(if is_negative { -magnitude } else { magnitude })
}

/// Appends the leading digits of `text` to `mantissa`, modulo 2^64; returns the rest of the text too.
#[inline]
fn take_digits(mut mantissa: u64, mut text: &[u8]) -> (u64, &[u8]) {
    while let Some((&byte, rest)) = text.split_first() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        text = rest;
    }
    (mantissa, text)
}

/// An exponent of one to three digits.
fn parse_small_exponent(text: &[u8]) -> Option<i32> {
    let (is_negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    let (value, rest) = take_digits(0, digits);
    if digits.is_empty() || digits.len() > 3 || !rest.is_empty() {
        return None;
    }
    let value = value as i32;
    Some(if is_negative { -value } else { value })
}

/// A non-negative integer: digits, with an optional `+`. `None` for anything else, such as `1.0`, and past 2^64 − 1.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// An integer: digits with an optional sign. `None` for anything else, such as `1.0`, and out of the 64-bit range.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_as_relion_writes_them() {
        for (text, value) in [
            ("10500.123456", 10500.123456),
            ("  300.000000".trim(), 300.0),
            ("-0.000000", -0.0),
            ("1.040890e+05", 104089.0),
            ("7", 7.0),
            ("+1", 1.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("1E-3", 1e-3),
            ("9007199254740993", 9007199254740992.0),
            ("123456789012345678901234567890", 123456789012345678901234567890.0),
            ("1e400", f64::INFINITY),
            ("1e-400", 0.0),
        ] {
            assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), Some(f64::to_bits(value)), "{text}");
        }
    }

    #[test]
    fn words_for_numbers() {
        for text in ["inf", "+Inf", "INFINITY"] {
            assert_eq!(parse_f64(text.as_bytes()), Some(f64::INFINITY), "{text}");
        }
        assert_eq!(parse_f64(b"-inf"), Some(f64::NEG_INFINITY));
        for text in ["nan", "NaN", "-nan"] {
            assert!(parse_f64(text.as_bytes()).is_some_and(f64::is_nan), "{text}");
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            "", " ", "+", "-", ".", "-.", "e5", ".e5", "1e", "1e+", "1e5.", "1 ", " 1", "1_000", "0x10", "1,5", "--1",
            "1d5", "None", "<NA>", "1e5e5", "++1", "1-", "infi", "\u{661}",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_f64(b"1\xff"), None);
    }

    #[test]
    fn integers() {
        assert_eq!(parse_u64(b"+18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
        assert_eq!(parse_i64(b"-12"), Some(-12));
        for text in [&b""[..], b"1.0", b" 1", b"-1", b"1_0", b"\xff"] {
            assert_eq!(parse_u64(text), None);
        }
    }

    fn same_as_the_standard_library(text: &str) {
        let ours = parse_f64(text.as_bytes()).map(f64::to_bits);
        let standard = text.parse::<f64>().ok().map(f64::to_bits);
        assert_eq!(ours, standard, "{text:?}");
    }

    #[test]
    fn each_byte_at_each_place() {
        for text in ["12345678.123456", "1.123456", "-0.000001"] {
            for at in 0..text.len() {
                for byte in 0..=255 {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes[at] = byte;
                    let standard = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse::<f64>().ok());
                    assert_eq!(
                        parse_f64(&bytes).map(f64::to_bits),
                        standard.map(f64::to_bits),
                        "{}",
                        bytes.escape_ascii()
                    );
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn decimals_as_str_parse(text in "[+-]?[0-9]{0,12}(\\.[0-9]{0,12})?([eE][+-]?[0-9]{0,3})?") {
            same_as_the_standard_library(&text);
        }

        #[test]
        fn six_decimals_as_str_parse(text in "-?[0-9]{1,9}\\.[0-9]{6}") {
            same_as_the_standard_library(&text);
        }

        #[test]
        fn nearly_six_decimals_as_str_parse(text in "-?[0-9:/.+e-]{1,9}\\.[0-9:/.+e-]{6}") {
            same_as_the_standard_library(&text);
        }

        #[test]
        fn anything_as_str_parse(text in "[-+.eE0-9 _infaNIFA]{0,24}") {
            same_as_the_standard_library(&text);
        }

        #[test]
        fn every_float_comes_back(bits: u64) {
            let value = f64::from_bits(bits);
            for text in [format!("{value}"), format!("{value:e}"), format!("{value:.6}"), format!("{value:.17e}")] {
                same_as_the_standard_library(&text);
            }
        }

        #[test]
        fn integers_around_the_exact_range(offset in -2000_i64..2000, exponent in -25_i32..25) {
            let mantissa = (1_i64 << 53) + offset;
            same_as_the_standard_library(&format!("{mantissa}e{exponent}"));
            same_as_the_standard_library(&format!("-{mantissa}"));
        }
    }
}
