//! Compares how the pixels of a file look with what its header says.

use std::collections::BTreeMap;

use verglas_formats::mrc::{Mode, MrcHeader};

use crate::image::{ImageFile, Unreadable};
use crate::settings::ByteSign;
use verglas_core::findings::{Findings, counted, shown};
use verglas_core::hint::{Hint, Setting, Text};

/// Statistics of each file that may be stored differently from what it says.
#[derive(Debug, Default)]
pub(super) struct StoredLooks {
    of_file: BTreeMap<u32, Look>,
}

/// Statistics of the images of one file.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    n_images: usize,
    /// Images of mode 2 whose pixels are all zero, denormal or NaN with the sign, and not all zero: small integers of 32
    /// bits are such floats.
    n_like_integers: usize,
    /// Least and greatest pixel of mode 0, read as signed and as unsigned.
    signed: Option<[f32; 2]>,
    unsigned: Option<[f32; 2]>,
}

impl StoredLooks {
    /// Looks at one image as it was read.
    pub(super) fn add(&mut self, file: u32, header: &MrcHeader, pixels: &[f32]) {
        if header.pixel_type.is_some() || !matches!(header.mode, Mode::Float32 | Mode::Int8) {
            return;
        }
        let look = self.of_file.entry(file).or_default();
        look.n_images += 1;
        if header.mode == Mode::Float32 {
            let is_integer = |pixel: &f32| pixel.is_subnormal() || *pixel == 0.0 || pixel.to_bits() >> 22 == 0x3ff;
            let has_any = pixels.iter().any(|pixel| pixel.to_bits() << 1 != 0);
            look.n_like_integers += usize::from(has_any && pixels.iter().all(is_integer));
        } else {
            let byte = |pixel: f32| if pixel < 0.0 { pixel + 256.0 } else { pixel };
            let sign = |pixel: f32| if pixel > 127.0 { pixel - 256.0 } else { pixel };
            let range = |of: &dyn Fn(f32) -> f32, before: Option<[f32; 2]>| {
                pixels.iter().map(|&pixel| of(pixel)).fold(before, |range, pixel| {
                    Some(range.map_or([pixel; 2], |[least, most]: [f32; 2]| [least.min(pixel), most.max(pixel)]))
                })
            };
            look.signed = range(&sign, look.signed);
            look.unsigned = range(&byte, look.unsigned);
        }
    }

    /// Takes over what another thread saw.
    pub(super) fn append(&mut self, other: Self) {
        let join = |a: Option<[f32; 2]>, b: Option<[f32; 2]>| match (a, b) {
            (Some(a), Some(b)) => Some([a[0].min(b[0]), a[1].max(b[1])]),
            (a, b) => a.or(b),
        };
        for (file, seen) in other.of_file {
            let look = self.of_file.entry(file).or_default();
            look.n_images += seen.n_images;
            look.n_like_integers += seen.n_like_integers;
            look.signed = join(look.signed, seen.signed);
            look.unsigned = join(look.unsigned, seen.unsigned);
        }
    }

    /// Warns of files whose pixels are not the numbers they are read as: names the first of each kind, and how many.
    pub(super) fn report(&self, files: &[Result<ImageFile, Unreadable>], byte_sign: ByteSign, findings: &mut Findings) {
        let seen = || self.of_file.iter().filter_map(|(file, look)| Some((files[*file as usize].as_ref().ok()?, look)));
        let more = |n: usize| if n > 1 { format!(" (and {})", counted(n - 1, "more file")) } else { String::new() };
        let integers = || seen().filter(|(_, look)| look.n_like_integers > 0);
        if let Some((file, look)) = integers().next() {
            findings.warn(
                "pixels-like-integers",
                Text::from(format!(
                    "`{}`{}: in {} of {} all pixels are denormal numbers or NaN, as small 32-bit integers look when they \
                     are read as floats: ",
                    file.path.display(),
                    more(integers().count()),
                    look.n_like_integers,
                    counted(look.n_images, "image")
                )) + Hint::Choose(Setting::PixelType, "int32")
                    + " reads them as such",
            );
        }
        let of_other_sign = || seen().filter(|(file, look)| contradicts_sign(file, look, byte_sign));
        if let Some((file, look)) = of_other_sign().next() {
            let (read, other) = match byte_sign {
                ByteSign::Signed => (("signed", look.signed), ("unsigned", look.unsigned)),
                ByteSign::Unsigned => (("unsigned", look.unsigned), ("signed", look.signed)),
            };
            let range = |range: Option<[f32; 2]>| {
                let [least, most] = range.unwrap_or_default().map(|pixel| shown(pixel.into()));
                format!("{least} to {most}")
            };
            findings.warn(
                "byte-sign-doubtful",
                Text::from(format!(
                    "`{}`{}: read as {}, its 8-bit pixels are {}; the header says {}, and read as {} they are {}: ",
                    file.path.display(),
                    more(of_other_sign().count()),
                    read.0,
                    range(read.1),
                    range(file.header.pixel_range),
                    other.0,
                    range(other.1),
                )) + Hint::Choose(Setting::Mode0, other.0),
            );
        }
    }
}

/// Whether the header's range speaks for the other sign: what was seen is out of it, and would not be.
fn contradicts_sign(file: &ImageFile, look: &Look, byte_sign: ByteSign) -> bool {
    let (Some([least, most]), Some(signed), Some(unsigned)) = (file.header.pixel_range, look.signed, look.unsigned)
    else {
        return false;
    };
    // Some programs round.
    let is_within = |range: [f32; 2]| range[0] >= least - 1.0 && range[1] <= most + 1.0;
    let [read, other] = match byte_sign {
        ByteSign::Signed => [signed, unsigned],
        ByteSign::Unsigned => [unsigned, signed],
    };
    !is_within(read) && is_within(other)
}
