//! Which pixel size counts, where several sources state one.

use serde::Serialize;
use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, shown};
use verglas_core::hint::{Hint, Segment, Setting, Text};

use crate::metadata::pixel_sizes::conflict;
use crate::particle::OtherPixelSize;
use crate::settings::PixelSizeFrom;

/// Where the pixel size came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PixelSizeSource {
    /// The caller.
    Caller,
    /// `rlnImagePixelSize` or `blob/psize_A`.
    Metadata,
    /// The descriptor.
    Descriptor,
    /// `rlnDetectorPixelSize` and `rlnMagnification`, as before RELION 3.1.
    Detector,
    /// The MRC header.
    MrcHeader,
}

impl PixelSizeSource {
    /// Its name in a message.
    pub fn said(self) -> Text {
        match self {
            Self::Caller => Segment::Caller.into(),
            Self::Metadata => "the metadata".into(),
            Self::Descriptor => "the descriptor".into(),
            Self::Detector => "rlnDetectorPixelSize/rlnMagnification".into(),
            Self::MrcHeader => "the MRC header".into(),
        }
    }
}

/// Everything that states a pixel size of the input images, Å.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct StatedPixelSizes {
    pub(crate) caller: Option<[f64; 2]>,
    pub(crate) metadata: Option<f64>,
    /// The descriptor's, divided by the downsampling factor.
    pub(crate) descriptor: Option<[f64; 2]>,
    /// The descriptor's own, if downsampling changes it: to be shown next to the other.
    pub(crate) downsampled: Option<[f64; 2]>,
    pub(crate) detector: Option<f64>,
    /// Of the first image file, if positive and not 1.
    pub(crate) mrc_header: Option<[f64; 2]>,
}

impl StatedPixelSizes {
    /// Whether nothing states any.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { caller, metadata, descriptor, detector, mrc_header, .. } = self;
        let both = [caller, descriptor, mrc_header].iter().all(|size| size.is_none());
        both && metadata.is_none() && detector.is_none()
    }
}

/// The value of a column that is not used, in words: `rlnPixelSize 1.6`.
fn said(other: &OtherPixelSize) -> String {
    let [least, greatest] = other.range;
    if least == greatest {
        format!("{} {}", other.name, shown(least))
    } else {
        format!("{} from {} to {}", other.name, shown(least), shown(greatest))
    }
}

/// The error for a size that is not known, with all that was seen and says something of it.
pub(crate) fn not_known(others: &[OtherPixelSize]) -> Error {
    let mut error = Error::value("the pixel size is unknown: neither the metadata nor the MRC header states it");
    if !others.is_empty() {
        let seen: Vec<String> = others.iter().map(said).collect();
        error = error.with_detail(format_args!("found, but not enough to go by: {}", seen.join(", ")));
    }
    error.with_hint("give it with " + Hint::Give(Setting::PixelSize))
}

/// Warns of columns that hint at a pixel size but are not used, where that may matter: if the MRC header was
/// the only source, and if the images' own size differs from the one used.
pub(crate) fn report_others(
    others: &[OtherPixelSize],
    chosen: [f64; 2],
    source: PixelSizeSource,
    findings: &mut Findings,
) {
    let is_other = |size: f64| differ(chosen, [size, size]);
    for other in others {
        if other.is_of_images {
            if other.range.into_iter().any(is_other) {
                findings.warn(
                    "pixel-size-differs",
                    format!("{}, which is not used for rows in sequence; {}", said(other), used(chosen, source)),
                );
            }
        } else if source == PixelSizeSource::MrcHeader {
            findings.warn(
                "pixel-size-elsewhere",
                format!(
                    "{}, which on its own says nothing certain about these images; {}",
                    said(other),
                    used(chosen, source)
                ),
            );
        }
    }
}

/// Chooses the pixel size of the input images, along rows and columns.
///
/// In this order: caller, metadata, descriptor, RELION 3.0's pair, MRC header. The first three are compared pairwise,
/// and a difference beyond 0.1 % is an error; `prefer` drops the other of caller and metadata. RELION 3.0's pair only
/// warns, and so do MRC headers, which are compared elsewhere, all of them.
///
/// # Errors
/// When sizes contradict each other, or there is none.
pub(crate) fn choose_pixel_size(
    stated: &StatedPixelSizes,
    prefer: Option<PixelSizeFrom>,
    findings: &mut Findings,
) -> Result<([f64; 2], PixelSizeSource)> {
    let both = |size: f64| [size, size];
    let (mut caller, mut metadata) = (stated.caller, stated.metadata.map(both));
    match prefer {
        Some(PixelSizeFrom::Caller) if caller.is_some() => metadata = None,
        Some(PixelSizeFrom::Metadata) if metadata.is_some() => caller = None,
        Some(PixelSizeFrom::Caller) => {
            return Err(Error::value("the caller's pixel size is to be used, but none is given")
                .with_hint("give " + Hint::Give(Setting::PixelSize)));
        }
        Some(PixelSizeFrom::Metadata) => {
            return Err(Error::value("the metadata's pixel size is to be used, but they state none").with_hint(
                "leave " + Hint::Give(Setting::PixelSizeFrom) + " out, or give " + Hint::Give(Setting::PixelSize),
            ));
        }
        None => {}
    }
    let strict = [
        (caller, PixelSizeSource::Caller),
        (metadata, PixelSizeSource::Metadata),
        (stated.descriptor, PixelSizeSource::Descriptor),
    ];
    let detector = stated.detector.map(both);
    let lenient = [(detector, PixelSizeSource::Detector), (stated.mrc_header, PixelSizeSource::MrcHeader)];
    for (nth, (first, first_source)) in strict.iter().enumerate() {
        for (second, second_source) in &strict[nth + 1..] {
            if let (Some(a), Some(b)) = (first, second)
                && differ(*a, *b)
            {
                let of_downsampled = match stated.downsampled {
                    Some(size) if *second_source == PixelSizeSource::Descriptor => {
                        format!(" ({} Å after downsampling)", show(size))
                    }
                    _ => String::new(),
                };
                let error = Error::value(
                    "pixel sizes contradict each other: "
                        + first_source.said()
                        + format!(" says {} Å, ", show(*a))
                        + second_source.said()
                        + format!(" says {} Å{of_downsampled}", show(*b)),
                );
                return Err(if *second_source == PixelSizeSource::Descriptor {
                    error
                        .with_hint("make a descriptor for these images, or leave it out to have one made from the data")
                } else {
                    error.with_hint("choose one with " + Hint::Give(Setting::PixelSizeFrom))
                });
            }
        }
    }
    let chosen = strict.into_iter().chain(lenient).find_map(|(size, source)| size.map(|size| (size, source)));
    let Some((size, source)) = chosen else {
        return Err(not_known(&[]));
    };
    if let Some(detector) = detector
        && source != PixelSizeSource::Detector
        && differ(size, detector)
    {
        let says = format!(" says {} Å per pixel; ", show(detector));
        findings.warn("pixel-size-differs", PixelSizeSource::Detector.said() + says + used(size, source));
    }
    Ok((size, source))
}

/// The end of a warning about another size.
pub(crate) fn used(size: [f64; 2], source: PixelSizeSource) -> Text {
    format!("{} Å from ", show(size)).as_str() + source.said() + " is used"
}

pub(crate) fn differ(a: [f64; 2], b: [f64; 2]) -> bool {
    conflict(a[0], b[0]) || conflict(a[1], b[1])
}

/// A pixel size for messages: one number where both axes have the same.
pub(crate) fn show(size: [f64; 2]) -> String {
    if size[0] == size[1] { shown(size[0]) } else { format!("{} × {}", shown(size[0]), shown(size[1])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(
        stated: StatedPixelSizes,
        prefer: Option<PixelSizeFrom>,
    ) -> (Result<([f64; 2], PixelSizeSource)>, Findings) {
        let mut findings = Findings::new();
        (choose_pixel_size(&stated, prefer, &mut findings), findings)
    }

    #[test]
    fn the_order_is_caller_metadata_descriptor_detector_header() {
        let mut stated = StatedPixelSizes {
            caller: Some([1.0, 1.0]),
            metadata: Some(1.0005),
            descriptor: Some([0.9995, 0.9995]),
            downsampled: None,
            detector: Some(1.0001),
            mrc_header: Some([1.0002, 1.0002]),
        };
        let source = |stated| choose(stated, None).0.unwrap().1;
        assert_eq!(source(stated), PixelSizeSource::Caller);
        stated.caller = None;
        assert_eq!(source(stated), PixelSizeSource::Metadata);
        stated.metadata = None;
        assert_eq!(source(stated), PixelSizeSource::Descriptor);
        stated.descriptor = None;
        assert_eq!(source(stated), PixelSizeSource::Detector);
        stated.detector = None;
        assert_eq!(source(stated), PixelSizeSource::MrcHeader);
        stated.mrc_header = None;
        assert!(choose(stated, None).0.is_err());
    }

    #[test]
    fn contradictions_show_both_sizes() {
        for (stated, numbers) in [
            (
                StatedPixelSizes { caller: Some([1.0, 1.0]), metadata: Some(1.002), ..Default::default() },
                ["1 Å", "1.002 Å"],
            ),
            (
                StatedPixelSizes { metadata: Some(1.3), descriptor: Some([2.0, 2.0]), ..Default::default() },
                ["1.3 Å", "2 Å"],
            ),
            (
                StatedPixelSizes {
                    metadata: Some(2.0),
                    descriptor: Some([1.0, 1.0]),
                    downsampled: Some([2.0, 2.0]),
                    ..Default::default()
                },
                ["metadata says 2 Å", "descriptor says 1 Å (2 Å after downsampling)"],
            ),
            (
                StatedPixelSizes { caller: Some([1.0, 1.1]), descriptor: Some([1.0, 1.0]), ..Default::default() },
                ["1 × 1.1 Å", "1 Å"],
            ),
        ] {
            let text = choose(stated, None).0.unwrap_err().to_string();
            assert!(numbers.iter().all(|number| text.contains(number)), "{text}");
        }
    }

    #[test]
    fn preferring_one_drops_the_other_but_never_the_descriptor() {
        let stated = StatedPixelSizes { caller: Some([1.0, 1.0]), metadata: Some(1.5), ..Default::default() };
        assert_eq!(choose(stated, Some(PixelSizeFrom::Caller)).0.unwrap().0, [1.0, 1.0]);
        assert_eq!(choose(stated, Some(PixelSizeFrom::Metadata)).0.unwrap().0, [1.5, 1.5]);
        let stated = StatedPixelSizes { descriptor: Some([1.5, 1.5]), ..stated };
        assert!(choose(stated, Some(PixelSizeFrom::Caller)).0.is_err());
        assert!(choose(stated, Some(PixelSizeFrom::Metadata)).0.is_ok());
    }

    #[test]
    fn the_detector_only_warns() {
        let stated = StatedPixelSizes { metadata: Some(1.0), detector: Some(1.3), ..Default::default() };
        let (chosen, findings) = choose(stated, None);
        assert_eq!(chosen.unwrap().1, PixelSizeSource::Metadata);
        assert_eq!(findings.warnings.len(), 1);
        let text = "rlnDetectorPixelSize/rlnMagnification says 1.3 Å per pixel; 1 Å from the metadata is used";
        assert_eq!(findings.warnings[0].message, text);
    }
}
