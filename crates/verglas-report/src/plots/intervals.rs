//! Numbers with their intervals, side by side.

use maud::Markup;

use super::axes::{Axes, linear_ticks};
use crate::page::four_digits;

/// A number, the range of most of its distribution, and that of nearly all of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WithIntervals {
    pub(crate) value: f64,
    /// 68 % and 95 % of the distribution, from and to; `None` where it is not known.
    pub(crate) intervals: Option<[[f64; 2]; 2]>,
}

/// Numbers from left to right, counted from 1 as `what`; `name` is what they are.
pub(crate) fn intervals(numbers: &[WithIntervals], name: &str, what: &str) -> Markup {
    let top = |number: &WithIntervals| number.intervals.map_or(number.value, |[_, [_, high]]| high.max(number.value));
    let most = numbers.iter().map(top).fold(f64::MIN_POSITIVE, f64::max);
    let n = numbers.len() as f64;
    let description = format!("{name} of {} with their intervals, the largest {}", numbers.len(), four_digits(most));
    let mut axes = Axes::new([0.0, n + 1.0], [0.0, most * 1.05], 260, description);
    for tick in linear_ticks(1.0, n.max(2.0), 12).into_iter().filter(|tick| tick.fract() == 0.0) {
        axes.x_tick(tick, &format!("{tick:.0}"));
    }
    for tick in linear_ticks(0.0, most, 4) {
        axes.y_tick(tick, &four_digits(tick));
    }
    let (mut outer, mut inner, mut values) = (String::new(), String::new(), String::new());
    for (place, number) in numbers.iter().enumerate() {
        let at = place as f64 + 1.0;
        let upright = |[low, high]: [f64; 2]| {
            let ((x, bottom), (_, top)) = (axes.place(at, low), axes.place(at, high));
            format!("M{x:.1} {bottom:.1}V{top:.1}")
        };
        if let Some([most_of_it, nearly_all]) = number.intervals {
            outer.push_str(&upright(nearly_all));
            inner.push_str(&upright(most_of_it));
        }
        let (left, y) = axes.place(at - 0.3, number.value);
        let (right, _) = axes.place(at + 0.3, number.value);
        values.push_str(&format!("M{left:.1} {y:.1}H{right:.1}"));
    }
    axes.path("interval", &outer);
    axes.path("interval inner", &inner);
    axes.path("value", &values);
    axes.legend.push(("value", name.to_owned()));
    if numbers.iter().any(|number| number.intervals.is_some()) {
        axes.legend.push(("interval inner", "68 %".to_owned()));
        axes.legend.push(("interval", "95 %".to_owned()));
    }
    axes.x_title = what.to_owned();
    axes.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_stands_within_its_interval() {
        let number = |value: f64| WithIntervals {
            value,
            intervals: Some([[0.9 * value, 1.1 * value], [0.8 * value, 1.25 * value]]),
        };
        let chart = intervals(&[number(0.8), number(0.4)], "weight", "structure").into_string();
        // The largest 95 % end is 1: heights are 1000·(1 − y/1.05), places a third and two thirds of the width.
        for path in
            ["M333.3 390.5V47.6M666.7 695.2V523.8", "M333.3 314.3V161.9", "M233.3 238.1H433.3M566.7 619.0H766.7"]
        {
            assert!(chart.contains(path), "{path}: {chart}");
        }
        let bare = intervals(&[WithIntervals { value: 1.0, intervals: None }], "weight", "structure").into_string();
        assert!(!bare.contains("95 %"), "{bare}");
    }
}
