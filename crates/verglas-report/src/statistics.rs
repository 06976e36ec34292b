//! Numbers that a few odd images don't move, and histograms.

/// The typical value and its spread, on a scale on which values spread evenly to both sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Typical {
    pub(crate) median: f64,
    /// 1.4826 times the median absolute deviation: the standard deviation, where the spread is a normal one.
    pub(crate) spread: f64,
}

impl Typical {
    /// Median and spread of the values that are numbers; the spread is at least `least_spread`.
    pub(crate) fn of(values: &[f64], least_spread: f64) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let median = quantile(&mut sorted, 0.5);
        let mut deviations: Vec<f64> = sorted.iter().map(|value| (value - median).abs()).collect();
        Self { median, spread: (1.4826 * quantile(&mut deviations, 0.5)).max(least_spread) }
    }

    /// How many spreads a value is away from the median, with its sign.
    pub(crate) fn distance(&self, value: f64) -> f64 {
        (value - self.median) / self.spread
    }
}

/// The value that `fraction` of all lie below; 0 when there are none. Changes the order of `values`.
pub(crate) fn quantile(values: &mut [f64], fraction: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let index = (fraction * (values.len() - 1) as f64).round() as usize;
    *values.select_nth_unstable_by(index, f64::total_cmp).1
}

/// Counts in bins of one width.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) counts: Vec<u64>,
    /// Values outside.
    pub(crate) below: u64,
    pub(crate) above: u64,
}

/// Bins of a histogram.
const N_BINS: usize = 48;

impl Histogram {
    /// Room for nearly all of a data set, of which `sample` are some.
    pub(crate) fn for_sample(sample: &[f64]) -> Self {
        let mut values: Vec<f64> = sample.iter().copied().filter(|value| value.is_finite()).collect();
        let (low, high) = (quantile(&mut values, 0.002), quantile(&mut values, 0.998));
        let (low, high) = if high > low {
            (low - 0.05 * (high - low), high + 0.05 * (high - low))
        } else {
            // All equal: the bar is in the middle of a range with few digits.
            let room = if low == 0.0 { 0.5 } else { low.abs() * 0.1 };
            (low - room, high + room)
        };
        Self { low, high, counts: vec![0; N_BINS], below: 0, above: 0 }
    }

    pub(crate) fn add(&mut self, value: f64) {
        let bin = (value - self.low) / (self.high - self.low) * N_BINS as f64;
        if bin < 0.0 {
            self.below += 1;
        } else if let Some(count) = self.counts.get_mut(bin as usize) {
            *count += 1;
        } else {
            self.above += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_value_moves_neither_median_nor_spread() {
        let mut values: Vec<f64> = (0..1001).map(|i| f64::from(i) / 1000.0).collect();
        let plain = Typical::of(&values, 0.0);
        assert!((plain.median - 0.5).abs() < 1e-12 && (plain.spread - 1.4826 * 0.25).abs() < 1e-3);
        values[1000] = 1e9;
        assert_eq!(Typical::of(&values, 0.0), plain);
        assert!(plain.distance(1e9) > 1e9);
        assert_eq!(Typical::of(&[3.0; 9], 0.1), Typical { median: 3.0, spread: 0.1 });
        assert_eq!(Typical::of(&[], 0.1).median, 0.0);
    }

    #[test]
    fn a_histogram_counts_every_value_once() {
        let values: Vec<f64> = (0..10_000).map(f64::from).collect();
        let mut histogram = Histogram::for_sample(&values);
        values.iter().for_each(|&value| histogram.add(value));
        histogram.add(-1e9);
        histogram.add(1e9);
        histogram.add(f64::INFINITY);
        let inside: u64 = histogram.counts.iter().sum();
        assert_eq!((inside, histogram.below, histogram.above), (10_000, 1, 2));
        Histogram::for_sample(&[5.0; 3]).add(5.0);
    }
}
