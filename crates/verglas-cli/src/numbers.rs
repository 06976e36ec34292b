//! Numbers for people.

/// A number as it is, with an exponent where it would have too many digits to read.
pub fn short(number: f64) -> String {
    let is_plain = number == 0.0 || !number.is_finite() || (1e-9..1e16).contains(&number.abs());
    if is_plain { number.to_string() } else { format!("{number:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_and_small_numbers_have_exponents() {
        for (number, text) in [(0.0, "0"), (1.06, "1.06"), (1e300, "1e300"), (-2.5e-300, "-2.5e-300"), (64.0, "64")] {
            assert_eq!(short(number), text);
        }
    }
}
