//! What is out of the ordinary of a spectrum that was found.

use verglas_core::findings::{Warning, counted};
use verglas_likelihood::noise::NoiseSpectrum;

/// Rounds of looking for a spectrum, at most.
pub(crate) const MOST_ROUNDS: usize = 6;
/// A spectrum that varies more is told.
const LARGE_RANGE: f64 = 100.0;
/// An image whose scale is off its group's median by more is told.
const LARGE_SCALE: f64 = 4.0;

/// What is odd of the spectrum of some images, which `whose` names, and of the images' own scales.
pub(crate) fn odd_noise(whose: &str, spectrum: &NoiseSpectrum, units: &[f64]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if spectrum.range() > LARGE_RANGE {
        let message = format!("the noise of {whose} varies {:.0}-fold over the frequencies", spectrum.range());
        warnings.push(Warning { code: "noise-range", message: message.into() });
    }
    let mut sorted = units.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(&median) = sorted.get(sorted.len() / 2) else { return warnings };
    let n_off = units.iter().filter(|&&unit| unit > LARGE_SCALE * median || unit * LARGE_SCALE < median).count();
    if n_off > 0 {
        let message = format!(
            "the noise of {n_off} of {} that the spectrum of {whose} is found from is off their median by more than {LARGE_SCALE}-fold",
            counted(units.len(), "image")
        );
        warnings.push(Warning { code: "noise-scale", message: message.into() });
    }
    warnings
}

/// That a spectrum still changes, if it does.
pub(crate) fn unsettled_noise(is_settled: bool) -> Option<Warning> {
    let message = format!("the noise's spectrum still changes by more than 1 % after {MOST_ROUNDS} rounds");
    (!is_settled).then(|| Warning { code: "noise-unsettled", message: message.into() })
}
