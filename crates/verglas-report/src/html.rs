//! Pieces of the page: text made safe, pictures in the text, tables that can be sorted.

use std::fmt::Write;

/// Text from files as text of the page, whatever is in it.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(character),
            // No character of a page, and no sight for anybody.
            character if character.is_control() => safe.push('\u{fffd}'),
            character => safe.push(character),
        }
    }
    safe
}

/// A PNG file as the address of a picture.
pub(super) fn data_address(png: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut address = String::with_capacity(png.len() * 4 / 3 + 32);
    address.push_str("data:image/png;base64,");
    for chunk in png.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for position in 0..4 {
            if position <= chunk.len() {
                address.push(char::from(DIGITS[(bits >> (18 - 6 * position)) as usize & 63]));
            } else {
                address.push('=');
            }
        }
    }
    address
}

/// One cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Text(String),
    /// A number, and how it is written.
    Number(f64, String),
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn count(n: usize) -> Self {
        Self::Number(n as f64, verglas_plot::grouped(n))
    }

    pub(super) fn number(value: f64) -> Self {
        Self::Number(value, super::outliers::four_digits(value))
    }
}

/// A table whose columns can be sorted; `caption` is read to those who can't see it.
pub(super) fn table(caption: &str, heads: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> String {
    let mut html = format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table class=\"sortable\">\
         <caption class=\"unseen\">{0}</caption><thead><tr>",
        escape(caption)
    );
    for head in heads {
        let _ = write!(html, "<th scope=\"col\"><button type=\"button\">{}</button></th>", escape(head));
    }
    html.push_str("</tr></thead><tbody>");
    for row in rows {
        html.push_str("<tr>");
        for cell in row {
            let _ = match cell {
                Cell::Text(text) => write!(html, "<td>{}</td>", escape(&text)),
                Cell::Number(value, text) => {
                    write!(html, "<td class=\"number\" data-value=\"{value}\">{}</td>", escape(&text))
                }
            };
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_file_becomes_part_of_the_page() {
        assert_eq!(
            escape("<script>alert('a & \"b\"')</script>\u{1b}"),
            "&lt;script&gt;alert(&#39;a &amp; &quot;b&quot;&#39;)&lt;/script&gt;\u{fffd}"
        );
        let html = table("<b>", &["<i>"], [vec![Cell::text("</td>"), Cell::Number(1.0, "<1>".to_owned())]].into_iter());
        assert!(!html.contains("<b>") && !html.contains("<i>") && !html.contains("<1>"), "{html}");
        assert_eq!(html.matches("</td>").count(), 2);
    }

    #[test]
    fn pictures_are_written_in_base_64() {
        // RFC 4648, section 10.
        for (bytes, digits) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(data_address(bytes.as_bytes()), format!("data:image/png;base64,{digits}"));
        }
    }
}
