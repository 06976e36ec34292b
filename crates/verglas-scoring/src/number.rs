//! The number types that images and templates are compared in, with what reading and writing them takes.

use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::Path;

use bytemuck::Pod;
use num_complex::Complex;
use verglas_core::error::{Error, Result};
use verglas_formats::pt::{ElementType, PtElement, PtFile};
use verglas_likelihood::compare::SearchReal;
use verglas_structures::templates::TemplateStack;

/// `f32` or `f64`.
pub(crate) trait Number: SearchReal + Pod + PtElement + std::fmt::Display {
    /// Some templates, `[templates, n_shells, n_inplanes]`, of a stack of this precision.
    fn read_templates(stack: &mut TemplateStack, range: Range<usize>) -> Result<Vec<Complex<Self>>>;
}

impl Number for f32 {
    fn read_templates(stack: &mut TemplateStack, range: Range<usize>) -> Result<Vec<Complex<Self>>> {
        stack.read_single(range)
    }
}

impl Number for f64 {
    fn read_templates(stack: &mut TemplateStack, range: Range<usize>) -> Result<Vec<Complex<Self>>> {
        stack.read_double(range)
    }
}

/// Adds some images to `out`, converted where they are stored in the other precision.
///
/// # Errors
/// When they can't be read, or are not complex.
pub(crate) fn read_images<T: Number>(
    file: &mut PtFile<BufReader<File>>,
    path: &Path,
    range: Range<usize>,
    out: &mut Vec<Complex<T>>,
) -> Result<()> {
    let rows = range.start as u64..range.end as u64;
    let of_file = |error| Error::from_format(path, error);
    match file.tensor().element_type() {
        ElementType::Complex64 => {
            let values = file.read_complex64(rows).map_err(of_file)?;
            let convert = |value: f32| T::from_f64(f64::from(value));
            out.extend(values.into_iter().map(|value| Complex::new(convert(value.re), convert(value.im))));
        }
        _ => {
            let values = file.read_complex128(rows).map_err(of_file)?;
            out.extend(values.into_iter().map(|value| Complex::new(T::from_f64(value.re), T::from_f64(value.im))));
        }
    }
    Ok(())
}
