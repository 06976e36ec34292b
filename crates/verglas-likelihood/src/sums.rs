//! The sums over the grid that correlations are made of, in double precision.

use num_complex::Complex;

use crate::error::LikelihoodError;
use crate::formula::Formula;
use crate::geometry::Geometry;
use crate::real::Real;
use crate::waves::Waves;

/// An image or template of which less than this share is left, once the constant is taken out, is a constant.
const LEAST_SHARE: f64 = 1e-12;

/// An image in double precision, with its contrast transfer and what it contributes alone.
#[derive(Debug, Clone)]
pub(crate) struct ImageSums {
    /// I.
    pub values: Vec<Complex<f64>>,
    /// C.
    pub contrast: Vec<f64>,
    /// W·conj(C·I).
    pub weighted: Vec<Complex<f64>>,
    /// I_yy = ΣW|I|².
    pub i_yy: f64,
    /// ΣW s·I; I_sy is its real part.
    pub i_sy: Complex<f64>,
    /// V = I_yy I_ss − I_sy².
    pub v: f64,
}

impl ImageSums {
    /// Room for one image.
    pub fn new(geometry: &Geometry) -> Self {
        let n = geometry.n_points();
        Self {
            values: vec![Complex::default(); n],
            contrast: vec![0.0; n],
            weighted: vec![Complex::default(); n],
            i_yy: 0.0,
            i_sy: Complex::default(),
            v: 0.0,
        }
    }

    /// Sums over what stands in `values` and `contrast`; an error where the image is 0 or constant.
    pub fn sum(&mut self, geometry: &Geometry, formula: Formula, image: usize) -> Result<(), LikelihoodError> {
        let (p, weights, constant) = (geometry.n_inplanes(), geometry.point_weights(), geometry.constant());
        (self.i_yy, self.i_sy) = (0.0, Complex::default());
        for (at, value) in self.values.iter().enumerate() {
            let weight = weights[at / p];
            self.weighted[at] = value.conj() * (weight * self.contrast[at]);
            self.i_yy += weight * value.norm_sqr();
            self.i_sy += value * (weight * constant[at]);
        }
        let i_sy2 = if formula.is_cryolike() { self.i_sy.norm_sqr() } else { self.i_sy.re.powi(2) };
        let i_ss = geometry.i_ss();
        self.v = self.i_yy * i_ss - i_sy2;
        // Not `<=`: NaN is an error, too.
        if self.v > LEAST_SHARE * self.i_yy * i_ss { Ok(()) } else { Err(LikelihoodError::ImageNorm { image }) }
    }
}

impl ImageSums {
    /// Moves the image back by a displacement in Å: its products with templates are those that templates have that are moved so much
    /// further. What is summed of it alone stays.
    pub fn move_back(&mut self, geometry: &Geometry, displacement: [f64; 2]) {
        let p = geometry.n_inplanes();
        let mut waves = Waves::of_displacement(geometry, displacement);
        let shells = self.values.chunks_exact_mut(p).zip(self.weighted.chunks_exact_mut(p));
        for (shell, (values, weighted)) in shells.enumerate() {
            for ((value, weighted), (cos, sin)) in values.iter_mut().zip(weighted).zip(waves.of_shell(geometry, shell))
            {
                let phase = Complex::new(cos, sin);
                *value *= phase;
                *weighted *= phase.conj();
            }
        }
    }
}

/// What a template contributes under an image's contrast transfer, of all rotations.
#[derive(Debug, Clone, Default)]
pub(crate) struct PairSums {
    /// I_xx of each rotation.
    pub i_xx: Vec<f64>,
    /// ΣW s·C·T of the unmoved template; I_sx is its real part.
    pub i_sx: Complex<f64>,
}

impl PairSums {
    /// A = I_xx I_ss − I_sx² of a rotation, I_sx that of the unmoved template.
    pub fn a(&self, geometry: &Geometry, formula: Formula, rotation: usize) -> f64 {
        let i_sx2 = if formula.is_cryolike() { self.i_sx.norm_sqr() } else { self.i_sx.re.powi(2) };
        self.i_xx[rotation] * geometry.i_ss() - i_sx2
    }

    /// The product of I_sx and I_sy that is taken off I_xy I_ss.
    pub fn product(&self, image: &ImageSums, formula: Formula) -> f64 {
        let (x, y) = (self.i_sx, image.i_sy);
        // CryoLike's kernel has the real part of the product without conjugation.
        if formula.is_cryolike() { x.re * y.re - x.im * y.im } else { x.re * y.re }
    }

    /// An error where the template vanishes or is constant under the contrast transfer.
    pub fn check(
        &self,
        geometry: &Geometry,
        formula: Formula,
        image: usize,
        view: usize,
    ) -> Result<(), LikelihoodError> {
        for rotation in 0..self.i_xx.len() {
            let least = LEAST_SHARE * self.i_xx[rotation] * geometry.i_ss();
            let a = self.a(geometry, formula, rotation);
            // NaN is an error, too.
            if a.is_nan() || a <= least {
                return Err(LikelihoodError::PairNorm { image, view });
            }
        }
        Ok(())
    }
}

/// ΣW s·C·T of the unmoved template.
pub(crate) fn sum_constant<T: Real>(geometry: &Geometry, contrast: &[f64], template: &[Complex<T>]) -> Complex<f64> {
    let (p, weights, constant) = (geometry.n_inplanes(), geometry.point_weights(), geometry.constant());
    let mut sum = Complex::default();
    for (at, value) in template.iter().enumerate() {
        sum += to_double(*value) * (weights[at / p] * constant[at] * contrast[at]);
    }
    sum
}

/// T_d = T·exp(−2πi·(2/L)·(d_0 x + d_1 y)), into `out`.
pub(crate) fn displace<T: Real>(
    geometry: &Geometry,
    template: &[Complex<T>],
    displacement: [f64; 2],
    out: &mut [Complex<f64>],
) {
    let p = geometry.n_inplanes();
    let mut waves = Waves::of_displacement(geometry, displacement);
    for (shell, (out, template)) in out.chunks_exact_mut(p).zip(template.chunks_exact(p)).enumerate() {
        for ((out, value), (cos, sin)) in out.iter_mut().zip(template).zip(waves.of_shell(geometry, shell)) {
            *out = to_double(*value) * Complex::new(cos, -sin);
        }
    }
}

/// I_xy = Re ΣW conj(C·I)·T_dw of one rotation.
pub(crate) fn sum_product(geometry: &Geometry, weighted: &[Complex<f64>], displaced: &[Complex<f64>], w: usize) -> f64 {
    let p = geometry.n_inplanes();
    let mut sum = 0.0;
    for (image, template) in weighted.chunks_exact(p).zip(displaced.chunks_exact(p)) {
        let (first, last) = template.split_at(w);
        for (image, template) in image.iter().zip(last.iter().chain(first)) {
            sum += image.re * template.re - image.im * template.im;
        }
    }
    sum
}

/// ℓ of one pose as CryoLike's optimal likelihood has it: with the pose's own I_sx.
pub(crate) fn own_constant(
    geometry: &Geometry,
    contrast: &[f64],
    displaced: &[Complex<f64>],
    w: usize,
) -> Complex<f64> {
    let (p, weights, constant) = (geometry.n_inplanes(), geometry.point_weights(), geometry.constant());
    let mut sum = Complex::default();
    for (at, (constant, contrast)) in constant.iter().zip(contrast).enumerate() {
        let (shell, inplane) = (at / p, at % p);
        sum += displaced[shell * p + (inplane + w) % p] * (weights[shell] * constant * contrast);
    }
    sum
}

#[inline(always)]
pub(crate) fn to_double<T: Real>(value: Complex<T>) -> Complex<f64> {
    Complex::new(value.re.to_f64(), value.im.to_f64())
}
