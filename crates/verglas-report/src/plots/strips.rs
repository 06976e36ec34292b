//! The distribution of many images' numbers, as a strip for each of several structures, below each other.

use maud::{Markup, html};

use super::axes::{bounds, linear_ticks};
use crate::page::{four_digits, name};

/// One strip: the values below which 5, 25, 50, 75 and 95 % of the numbers lie.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Strip {
    pub(crate) name: String,
    pub(crate) quantiles: [f64; 5],
}

/// Strips on one axis, which `title` names with its unit; `zero` draws a line there.
pub(crate) fn strips(strips: &[Strip], title: &str, zero: bool) -> Markup {
    let ends = strips.iter().flat_map(|strip| strip.quantiles).filter(|value| value.is_finite());
    let ends = ends.chain(zero.then_some(0.0));
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let [low, high] = if high > low {
        [low - 0.03 * (high - low), high + 0.03 * (high - low)]
    } else {
        bounds([low, high].into_iter().filter(|value| value.is_finite()), 0.05)
    };
    let percent = |value: f64| 100.0 * (value - low) / (high - low);
    let left = |value: f64| format!("left:{:.2}%", percent(value));
    let span = |from: f64, to: f64| format!("{};width:{:.2}%", left(from), percent(to) - percent(from));
    let labels: Vec<(f64, String)> =
        linear_ticks(low, high, 5).into_iter().map(|tick| (tick, four_digits(tick))).collect();
    let is_long = labels.iter().any(|(_, label)| label.chars().count() > 5);
    let ticks: Vec<(f64, String)> = labels.into_iter().step_by(if is_long { 2 } else { 1 }).collect();
    html! {
        div.strips {
            @for strip in strips {
                @let [least, lower, median, upper, most] = strip.quantiles;
                @let words = [least, lower, median, upper, most].map(four_digits).join(", ");
                div.strip role="img" aria-label={ (strip.name) ": 5, 25, 50, 75, 95 %: " (words) }
                    title={ (strip.name) ": median " (four_digits(median)) } {
                    span.name { (name(&strip.name)) }
                    span.range {
                        @for (tick, _) in &ticks { i.tick style=(left(*tick)) {} }
                        @if zero { i.zero style=(left(0.0)) {} }
                        @if median.is_finite() {
                            i.most style=(span(least, most)) {}
                            i.half style=(span(lower, upper)) {}
                            i.middle style=(left(median)) {}
                        }
                    }
                }
            }
            div.strip.axis aria-hidden="true" {
                span.name {}
                span.range { @for (tick, label) in &ticks { span style=(left(*tick)) { (label) } } }
            }
            p.title { (title) }
        }
        div.legend {
            span { i class="key half" {} "half of the images" }
            span { i class="key most" {} "9 of 10" }
            span { i class="key middle" {} "median" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_lie_where_the_axis_says() {
        // From 0 to 100 with 3 % of room on either side: x is at (x + 3)/106.
        let strip = Strip { name: "<a>".to_owned(), quantiles: [0.0, 25.0, 50.0, 75.0, 100.0] };
        let html = strips(&[strip], "number (nat)", true).into_string();
        for part in [
            "class=\"most\" style=\"left:2.83%;width:94.34%\"",
            "class=\"half\" style=\"left:26.42%;width:47.17%\"",
            "class=\"middle\" style=\"left:50.00%\"",
            "class=\"zero\" style=\"left:2.83%\"",
            "style=\"left:50.00%\">50<",
            "&lt;a&gt;: 5, 25, 50, 75, 95 %: 0, 25, 50, 75, 100",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        // Nothing is known of one structure, and all values of another are equal.
        let odd = ["none", "alike"].into_iter().zip([f64::NAN, 0.5]);
        let odd: Vec<Strip> = odd.map(|(name, v)| Strip { name: name.to_owned(), quantiles: [v; 5] }).collect();
        let html = strips(&odd, "x", false).into_string();
        assert!(!html.contains("NaN%") && html.contains("class=\"middle\" style=\"left:50.00%\""), "{html}");
    }
}
