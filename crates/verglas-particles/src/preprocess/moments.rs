//! Sum and extremes of an image.

/// Sum and extremes of an image; the extremes mean something only when the sum is finite.
pub(super) struct Moments<P> {
    pub(super) sum: f64,
    pub(super) min: P,
    pub(super) max: P,
}

/// Sum and extremes in one pass, in a fixed order of eight interleaved partial sums: the same on every machine. `None`
/// if there are no pixels.
pub(super) fn moments<P: Copy + PartialOrd + Into<f64>>(pixels: &[P]) -> Option<Moments<P>> {
    const LANES: usize = 8;
    let first = *pixels.first()?;
    let mut sums = [0.0_f64; LANES];
    let mut mins = [first; LANES];
    let mut maxs = [first; LANES];
    let smaller = |a: P, b: P| if a < b { a } else { b };
    let larger = |a: P, b: P| if a > b { a } else { b };
    let (blocks, rest) = pixels.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            sums[lane] += block[lane].into();
            mins[lane] = smaller(block[lane], mins[lane]);
            maxs[lane] = larger(block[lane], maxs[lane]);
        }
    }
    for (lane, &pixel) in rest.iter().enumerate() {
        sums[lane] += pixel.into();
        mins[lane] = smaller(pixel, mins[lane]);
        maxs[lane] = larger(pixel, maxs[lane]);
    }
    Some(Moments {
        sum: sums.iter().sum(),
        min: mins.into_iter().fold(first, smaller),
        max: maxs.into_iter().fold(first, larger),
    })
}
