//! Images and templates in memory, checked.

use num_complex::Complex;

use crate::ctf::{ContrastFormula, ContrastTransfer};
use crate::error::LikelihoodError;
use crate::geometry::Geometry;
use crate::real::Real;

/// Templates of one structure, one for each view.
#[derive(Debug, Clone, Copy)]
pub struct TemplateSet<'a, T: Real> {
    values: &'a [Complex<T>],
    view_weights: &'a [f64],
    n_points: usize,
}

impl<'a, T: Real> TemplateSet<'a, T> {
    /// Templates `values`, `[views, n_shells, n_inplanes]`, row-major, of any norm, and the weights of their views.
    ///
    /// # Errors
    /// When there are no views, arrays have other lengths, a value is not finite (view, shell, in-plane), a template is 0
    /// everywhere, or a weight is negative or not finite.
    pub fn new(
        geometry: &Geometry,
        values: &'a [Complex<T>],
        view_weights: &'a [f64],
    ) -> Result<Self, LikelihoodError> {
        let (n_points, n_inplanes) = (geometry.n_points(), geometry.n_inplanes());
        if view_weights.is_empty() {
            return Err(LikelihoodError::Length { what: "views", expected: 1, found: 0 });
        }
        LikelihoodError::check_length("templates", view_weights.len() * n_points, values.len())?;
        for (view, &value) in view_weights.iter().enumerate() {
            if !(value.is_finite() && value >= 0.0) {
                let what = format!("weight of view {view}");
                return Err(LikelihoodError::Value { what, value, expected: "a finite number, 0 or more" });
            }
        }
        LikelihoodError::check_positive("sum of the views' weights", view_weights.iter().sum())?;
        for (view, template) in values.chunks_exact(n_points).enumerate() {
            match first_not_finite(template) {
                Some(place) => {
                    let (shell, inplane) = (place / n_inplanes, place % n_inplanes);
                    return Err(LikelihoodError::TemplateNotFinite { view, shell, inplane });
                }
                None if is_zero(template) => return Err(LikelihoodError::TemplateNorm { view }),
                None => {}
            }
        }
        Ok(Self { values, view_weights, n_points })
    }

    /// Number of views.
    pub fn n_views(&self) -> usize {
        self.view_weights.len()
    }

    /// v_t of each view.
    pub fn view_weights(&self) -> &'a [f64] {
        self.view_weights
    }

    /// The template of a view, `[n_shells, n_inplanes]`.
    pub fn template(&self, view: usize) -> &'a [Complex<T>] {
        &self.values[view * self.n_points..(view + 1) * self.n_points]
    }
}

/// The contrast transfer of each image.
#[derive(Debug, Clone, Copy)]
pub enum Contrast<'a> {
    /// C = 1.
    One,
    /// C at each point: `[images, n_shells, n_inplanes]`.
    Values(&'a [f64]),
    /// What determines it, one for each image, and how it is computed.
    Parameters(&'a [ContrastTransfer], ContrastFormula),
}

/// Images, with what the microscope did to them.
#[derive(Debug, Clone, Copy)]
pub struct ImageSet<'a, T: Real> {
    values: &'a [Complex<T>],
    contrast: Contrast<'a>,
    n_points: usize,
    n_inplanes: usize,
}

impl<'a, T: Real> ImageSet<'a, T> {
    /// Images `values`, `[images, n_shells, n_inplanes]`, row-major, of any norm.
    ///
    /// # Errors
    /// When arrays have other lengths. Values are looked at when they are compared.
    pub fn new(geometry: &Geometry, values: &'a [Complex<T>], contrast: Contrast<'a>) -> Result<Self, LikelihoodError> {
        let (n_points, n_inplanes) = (geometry.n_points(), geometry.n_inplanes());
        let n_images = values.len() / n_points;
        LikelihoodError::check_length("images", n_images * n_points, values.len())?;
        match contrast {
            Contrast::One => {}
            Contrast::Values(contrast) => {
                LikelihoodError::check_length("contrast transfers", values.len(), contrast.len())?;
            }
            Contrast::Parameters(contrast, _) => {
                LikelihoodError::check_length("contrast transfers", n_images, contrast.len())?;
            }
        }
        Ok(Self { values, contrast, n_points, n_inplanes })
    }

    /// Number of images.
    pub fn n_images(&self) -> usize {
        self.values.len() / self.n_points
    }

    /// How their contrast transfers are given.
    pub(crate) fn contrast(&self) -> Contrast<'a> {
        self.contrast
    }

    /// The images of a range.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn range(&self, range: std::ops::Range<usize>) -> Self {
        let points = range.start * self.n_points..range.end * self.n_points;
        let contrast = match self.contrast {
            Contrast::One => Contrast::One,
            Contrast::Values(values) => Contrast::Values(&values[points.clone()]),
            Contrast::Parameters(all, formula) => Contrast::Parameters(&all[range], formula),
        };
        Self { values: &self.values[points], contrast, ..*self }
    }

    /// One image, `[n_shells, n_inplanes]`, unchecked.
    pub fn image(&self, image: usize) -> &'a [Complex<T>] {
        &self.values[image * self.n_points..(image + 1) * self.n_points]
    }

    /// The values of one image and its contrast transfer in double precision, into `values` and `contrast`.
    ///
    /// # Errors
    /// When one of them is not finite, or the contrast transfer is 0 everywhere.
    pub(crate) fn fill(
        &self,
        geometry: &Geometry,
        image: usize,
        values: &mut [Complex<f64>],
        contrast: &mut [f64],
    ) -> Result<(), LikelihoodError> {
        let stored = self.image(image);
        if let Some(place) = first_not_finite(stored) {
            let (shell, inplane) = (place / self.n_inplanes, place % self.n_inplanes);
            return Err(LikelihoodError::ImageNotFinite { image, shell, inplane });
        }
        for (value, stored) in values.iter_mut().zip(stored) {
            *value = Complex::new(stored.re.to_f64(), stored.im.to_f64());
        }
        match self.contrast {
            Contrast::One => contrast.fill(1.0),
            Contrast::Values(all) => {
                contrast.copy_from_slice(&all[image * self.n_points..(image + 1) * self.n_points]);
            }
            Contrast::Parameters(all, formula) => all[image].fill(geometry, formula, image, contrast)?,
        }
        let problem = if let Some(place) = contrast.iter().position(|value| !value.is_finite()) {
            let (shell, inplane) = (place / self.n_inplanes, place % self.n_inplanes);
            format!("contrast transfer at shell {shell}, in-plane {inplane} is not a finite number")
        } else if contrast.iter().all(|value| *value == 0.0) {
            "contrast transfer is 0 everywhere".to_owned()
        } else {
            return Ok(());
        };
        Err(LikelihoodError::Contrast { image, problem })
    }
}

pub(crate) fn first_not_finite<T: Real>(values: &[Complex<T>]) -> Option<usize> {
    values.iter().position(|value| !(value.re.to_f64().is_finite() && value.im.to_f64().is_finite()))
}

fn is_zero<T: Real>(values: &[Complex<T>]) -> bool {
    values.iter().all(|value| value.re.to_f64() == 0.0 && value.im.to_f64() == 0.0)
}
