//! Arrays of one axis, as NumPy or PyTorch wrote them.

use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_formats::FormatError;
use verglas_formats::cs::CsData;
use verglas_formats::npy::{Dtype, Kind, NPY_MAGIC, NpyArray, read_npy};
use verglas_formats::pt::{ElementType, PtFile};

/// The values of an array, in the narrowest of these types that holds all of its type's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Vector {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    Bool(Vec<bool>),
}

impl Vector {
    /// Reads the `.npy` or `.pt` at `path`, of one axis and at most `most` values.
    ///
    /// # Errors
    /// When the file can't be read, holds another kind of values than numbers and truth values, has another number of
    /// axes than one, or more values.
    pub(crate) fn read(path: &Path, most: usize) -> Result<Self> {
        let in_file = |error| Error::from_format(path, error);
        let cannot_read = |error| Error::io(format_args!("cannot read `{}`", path.display()), &error);
        let mut start = Vec::new();
        let file = verglas_formats::open_regular(path).map_err(cannot_read)?;
        std::io::Read::read_to_end(&mut std::io::Read::take(file, NPY_MAGIC.len() as u64), &mut start)
            .map_err(cannot_read)?;
        if start.starts_with(b"PK") {
            let mut file = PtFile::open(path).map_err(in_file)?;
            check_shape(path, file.tensor().shape(), most)?;
            return Self::of_tensor(&mut file, path)?.map_err(in_file);
        }
        let array = read_npy(path).map_err(in_file)?;
        let shape: Vec<u64> = array.shape().iter().map(|&n| n as u64).collect();
        check_shape(path, &shape, most)?;
        Self::of_array(&array, path)?.map_err(in_file)
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    /// The values at `chosen`, in that order.
    pub(crate) fn select(&self, chosen: &[u32]) -> Self {
        fn at<T: Copy>(values: &[T], chosen: &[u32]) -> Vec<T> {
            chosen.iter().map(|&index| values[index as usize]).collect()
        }
        match self {
            Self::F32(values) => Self::F32(at(values, chosen)),
            Self::F64(values) => Self::F64(at(values, chosen)),
            Self::I32(values) => Self::I32(at(values, chosen)),
            Self::I64(values) => Self::I64(at(values, chosen)),
            Self::U32(values) => Self::U32(at(values, chosen)),
            Self::U64(values) => Self::U64(at(values, chosen)),
            Self::Bool(values) => Self::Bool(at(values, chosen)),
        }
    }

    /// The values as a column of a `.cs`.
    pub(crate) fn as_cs(&self) -> CsData<'_> {
        match self {
            Self::F32(values) => CsData::F32(values),
            Self::F64(values) => CsData::F64(values),
            Self::I32(values) => CsData::I32(values),
            Self::I64(values) => CsData::I64(values),
            Self::U32(values) => CsData::U32(values),
            Self::U64(values) => CsData::U64(values),
            Self::Bool(values) => CsData::Bool(values),
        }
    }

    /// Appends value `index` as text: the shortest decimal that reads back as the same value; truth values are 0 and 1.
    pub(crate) fn push_text(&self, index: usize, text: &mut Vec<u8>) {
        let decimal = match self {
            // `Debug` writes an exponent where `Display` would write hundreds of zeros.
            Self::F32(values) if values[index].is_finite() => format!("{:?}", values[index]),
            Self::F64(values) if values[index].is_finite() => format!("{:?}", values[index]),
            Self::F32(values) => not_finite(f64::from(values[index])).to_owned(),
            Self::F64(values) => not_finite(values[index]).to_owned(),
            Self::I32(values) => values[index].to_string(),
            Self::I64(values) => values[index].to_string(),
            Self::U32(values) => values[index].to_string(),
            Self::U64(values) => values[index].to_string(),
            Self::Bool(values) => u8::from(values[index]).to_string(),
        };
        text.extend_from_slice(decimal.as_bytes());
    }

    fn of_array(array: &NpyArray, path: &Path) -> Result<std::result::Result<Self, FormatError>> {
        let Dtype::Scalar(scalar) = array.dtype() else {
            return Err(wrong_type(path, "records"));
        };
        Ok(match (scalar.kind, scalar.item_bytes) {
            // Exact: float16 and float32 went through float64.
            (Kind::Float, 2 | 4) => array.to_f64().map(|values| Self::F32(values.iter().map(|&v| v as f32).collect())),
            (Kind::Float, 8) => array.to_f64().map(Self::F64),
            (Kind::Int, 1 | 2 | 4) => {
                array.to_i64().map(|values| Self::I32(values.iter().map(|&v| v as i32).collect()))
            }
            (Kind::Int, _) => array.to_i64().map(Self::I64),
            (Kind::Uint, 1 | 2 | 4) => {
                array.to_u64().map(|values| Self::U32(values.iter().map(|&v| v as u32).collect()))
            }
            (Kind::Uint, _) => array.to_u64().map(Self::U64),
            (Kind::Bool, _) => array.to_bool().map(Self::Bool),
            _ => return Err(wrong_type(path, &format!("NumPy's type {scalar}"))),
        })
    }

    fn of_tensor(file: &mut PtFile, path: &Path) -> Result<std::result::Result<Self, FormatError>> {
        let rows = 0..file.tensor().n_rows();
        Ok(match file.tensor().element_type() {
            ElementType::Float16 | ElementType::BFloat16 | ElementType::Float32 => {
                file.read_f64(rows).map(|values| Self::F32(values.iter().map(|&v| v as f32).collect()))
            }
            ElementType::Float64 => file.read_f64(rows).map(Self::F64),
            ElementType::Int8 | ElementType::Int16 | ElementType::Int32 => {
                file.read_i64(rows).map(|values| Self::I32(values.iter().map(|&v| v as i32).collect()))
            }
            ElementType::Int64 => file.read_i64(rows).map(Self::I64),
            ElementType::Uint8 => {
                file.read_i64(rows).map(|values| Self::U32(values.iter().map(|&v| v as u32).collect()))
            }
            ElementType::Bool => file.read_i64(rows).map(|values| Self::Bool(values.iter().map(|&v| v != 0).collect())),
            other @ (ElementType::Complex64 | ElementType::Complex128) => {
                return Err(wrong_type(path, &format!("PyTorch's type {}", other.name())));
            }
        })
    }
}

fn check_shape(path: &Path, shape: &[u64], most: usize) -> Result<()> {
    match shape {
        &[n] if n <= most as u64 => Ok(()),
        &[n] => Err(Error::value(format!(
            "`{}` holds {}, the folder {}",
            path.display(),
            counted(n as usize, "value"),
            counted(most, "image")
        ))),
        shape => Err(Error::value(format!("`{}` has the shape {shape:?}, expected one axis", path.display()))
            .with_hint("flatten the array before it is saved")),
    }
}

fn wrong_type(path: &Path, found: &str) -> Error {
    Error::value(format!("`{}` holds {found}, expected integers, floats or truth values", path.display()))
}

fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "nan"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_back_as_the_same_values() {
        let text = |vector: Vector| {
            let mut text = Vec::new();
            vector.push_text(0, &mut text);
            String::from_utf8(text).unwrap()
        };
        assert_eq!(text(Vector::F32(vec![0.1])), "0.1");
        assert_eq!(text(Vector::F64(vec![2.0])), "2.0");
        assert_eq!(text(Vector::F64(vec![1e-300])), "1e-300");
        assert_eq!(text(Vector::F32(vec![f32::NAN])), "nan");
        assert_eq!(text(Vector::F64(vec![f64::NEG_INFINITY])), "-inf");
        assert_eq!(text(Vector::I64(vec![i64::MIN])), i64::MIN.to_string());
        assert_eq!(text(Vector::Bool(vec![true])), "1");
    }
}
