//! Masses of atoms.

use verglas_formats::ELEMENTS;

/// Standard atomic weights in daltons, in the order of [`ELEMENTS`]: IUPAC's abridged values of 2021; of elements without
/// stable isotopes the longest-lived one's mass number. The last one is deuterium.
const MASSES_DALTON: [f64; 119] = [
    1.008, 4.0026, 6.94, 9.0122, 10.81, 12.011, 14.007, 15.999, 18.998, 20.180, 22.990, 24.305, 26.982, 28.085, 30.974,
    32.06, 35.45, 39.95, 39.098, 40.078, 44.956, 47.867, 50.942, 51.996, 54.938, 55.845, 58.933, 58.693, 63.546, 65.38,
    69.723, 72.630, 74.922, 78.971, 79.904, 83.798, 85.468, 87.62, 88.906, 91.224, 92.906, 95.95, 97.0, 101.07, 102.91,
    106.42, 107.87, 112.41, 114.82, 118.71, 121.76, 127.60, 126.90, 131.29, 132.91, 137.33, 138.91, 140.12, 140.91,
    144.24, 145.0, 150.36, 151.96, 157.25, 158.93, 162.50, 164.93, 167.26, 168.93, 173.05, 174.97, 178.49, 180.95,
    183.84, 186.21, 190.23, 192.22, 195.08, 196.97, 200.59, 204.38, 207.2, 208.98, 209.0, 210.0, 222.0, 223.0, 226.0,
    227.0, 232.04, 231.04, 238.03, 237.0, 244.0, 243.0, 247.0, 247.0, 251.0, 252.0, 257.0, 258.0, 259.0, 262.0, 267.0,
    270.0, 269.0, 270.0, 270.0, 278.0, 281.0, 281.0, 285.0, 286.0, 289.0, 289.0, 293.0, 293.0, 294.0, 2.014,
];

/// The mass of an atom in daltons; NaN if its element is not known, which is neither below nor above any number.
pub fn mass_dalton(element: &str) -> f64 {
    ELEMENTS.iter().position(|symbol| *symbol == element).map_or(f64::NAN, |place| MASSES_DALTON[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masses_stand_at_their_elements() {
        let expected = [("H", 1.008), ("C", 12.011), ("CA", 40.078), ("FE", 55.845), ("SE", 78.971), ("I", 126.90)];
        let heavy = [("W", 183.84), ("U", 238.03), ("OG", 294.0), ("D", 2.014)];
        for (element, mass) in expected.into_iter().chain(heavy) {
            assert_eq!(mass_dalton(element), mass, "{element}");
        }
        assert!(mass_dalton("").is_nan());
    }
}
