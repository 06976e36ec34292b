//! Numbers, sizes, dates and messages as the pages write them.

use maud::{Markup, html};

/// A number with about four digits.
pub(crate) fn four_digits(value: f64) -> String {
    let size = value.abs();
    let text = if size == 0.0 || !size.is_finite() {
        return value.to_string();
    } else if (1e-3..1e6).contains(&size) {
        let decimals = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
        format!("{value:.decimals$}")
    } else {
        format!("{value:.3e}")
    };
    let text = if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    };
    text.replace('-', "−")
}

/// A number of bytes for people.
pub(crate) fn bytes_in_words(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = if bytes >= 1.0 { ((bytes.log2() / 10.0) as usize).min(UNITS.len() - 1) } else { 0 };
    let value = bytes / 1024_f64.powi(power as i32);
    if power == 0 { format!("{value:.0} B") } else { format!("{value:.1} {}", UNITS[power]) }
}

/// Seconds since 1970 as date and time, UTC.
pub(crate) fn date_and_time(seconds: f64) -> String {
    if !(0.0..1e11).contains(&seconds) {
        return "?".to_owned();
    }
    let seconds = seconds as i64;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Civil date from days, by Howard Hinnant (chrono-Compatible Low-Level Date Algorithms): years begin in March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02}", rest / 3600, rest % 3600 / 60)
}

/// A number with two digits, for places with little room.
pub(crate) fn two_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let unit = 10_f64.powf(value.abs().log10().floor() - 1.0);
    four_digits((value / unit).round() * unit)
}

/// From one time to a later one, seconds since 1970, UTC; a day is named once.
pub(crate) fn time_span([from, to]: [f64; 2]) -> String {
    let (from, to) = (date_and_time(from), date_and_time(to));
    match (from.split_once(' '), to.split_once(' ')) {
        _ if from == to => from,
        (Some((day, from)), Some((last_day, to))) if day == last_day => format!("{day}, {from} to {to}"),
        _ => format!("{from} to {to}"),
    }
}

/// A message whose parts in backticks are code: names of files, settings, commands; and whose options are, which no line breaks.
pub(crate) fn with_code(message: &str) -> Markup {
    let parts: Vec<&str> = message.split('`').collect();
    // A backtick without a partner is one of the text's own, and so are all after the last pair.
    let n_paired = if parts.len() % 2 == 1 { parts.len() } else { parts.len() - 1 };
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if index >= n_paired { "`" (part) }
            @else if index % 2 == 1 { code { (part) } }
            @else { (with_options(part)) }
        }
    }
}

/// A text whose words like `--max-displacement` are code.
fn with_options(text: &str) -> Markup {
    let is_of_option = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find("--") {
        let (before, option) = rest.split_at(at);
        let (option, after) = option.split_at(option.find(|c| !is_of_option(c)).unwrap_or(option.len()));
        let is_word = !before.ends_with(|c: char| c.is_alphanumeric()) && option.trim_matches('-').len() > 1;
        parts.push((before, if is_word { ("", option) } else { (option, "") }));
        rest = after;
    }
    html! {
        @for (before, (text, option)) in parts {
            (before) (text)
            @if !option.is_empty() { code.option { (option) } }
        }
        (rest)
    }
}

/// Texts up to this length need no room to be broken in.
pub(super) const SHORT: usize = 24;

/// A name of a structure or a file; where it is long, it may be broken at the signs between its words.
pub(crate) fn name(name: &str) -> Markup {
    if name.chars().count() <= SHORT {
        return html! { (name) };
    }
    html! {
        @for (index, part) in name.split_inclusive(['_', '-', '/']).enumerate() {
            @if index > 0 { wbr; }
            (part)
        }
    }
}

/// Shows a mark in place of characters that are invisible or change the writing direction.
pub(super) fn only_visible(text: String) -> String {
    let is_unseen = |char: char| {
        (char.is_control() && !matches!(char, '\n' | '\t'))
            || matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if text.contains(is_unseen) { text.replace(is_unseen, "\u{fffd}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let found = [0.0, 12_345.6, -1.23456, 0.012_345, 1e-9, f64::NAN].map(four_digits);
        assert_eq!(found, ["0", "12346", "−1.235", "0.01235", "1.000e−9", "NaN"]);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0.0, "1970-01-01 00:00"),
            (951_782_400.0, "2000-02-29 00:00"),
            (1_732_570_859.5, "2024-11-25 21:40"),
            (f64::NAN, "?"),
        ] {
            assert_eq!(date_and_time(seconds), expected);
        }
    }

    #[test]
    fn a_span_of_time_names_each_day_once() {
        let spans = [[0.0, 1.0], [0.0, 60.0], [0.0, 86_400.0]].map(time_span);
        assert_eq!(spans, ["1970-01-01 00:00", "1970-01-01, 00:00 to 00:01", "1970-01-01 00:00 to 1970-01-02 00:00"]);
    }

    #[test]
    fn two_digits_are_enough_where_room_is_short() {
        assert_eq!([0.03759, -0.1631, 0.0, 1234.5].map(two_digits), ["0.038", "−0.16", "0", "1200"]);
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!([0.0, 1023.0, 1536.0].map(bytes_in_words), ["0 B", "1023 B", "1.5 KiB"]);
        assert_eq!(bytes_in_words(3.0 * 1024_f64.powi(3)), "3.0 GiB");
    }

    #[test]
    fn names_are_broken_between_their_words() {
        let written = name("structures/a-b<1>_refined.pdb").into_string();
        assert_eq!(written, "structures/<wbr>a-<wbr>b&lt;1&gt;_<wbr>refined.pdb");
        assert_eq!(name("a/b<1>_c.d").into_string(), "a/b&lt;1&gt;_c.d");
    }

    #[test]
    fn what_stands_in_backticks_is_code() {
        let written = |text: &str| with_code(text).into_string();
        assert_eq!(written("`--a` writes `b<c`"), "<code>--a</code> writes <code>b&lt;c</code>");
        assert_eq!(written("no code"), "no code");
        assert_eq!(
            written("more with --max-displacement; 5--6 or `--x y`, a -- b"),
            "more with <code class=\"option\">--max-displacement</code>; 5--6 or <code>--x y</code>, a -- b"
        );
        assert_eq!(written("`a` and 5` of arc"), "<code>a</code> and 5` of arc");
    }
}
