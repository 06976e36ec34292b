//! Pictures within the page, which can be enlarged; bars for their scale and their colours.

use maud::{Markup, html};

use super::words::four_digits;

/// A picture, with what is drawn over it and its caption.
#[derive(Debug)]
pub(crate) struct Picture<'a> {
    /// A PNG file.
    pub(crate) png: &'a [u8],
    /// In words, for those who can't see it.
    pub(crate) description: String,
    /// `wide` if it is twice as wide as high, otherwise square.
    pub(crate) is_wide: bool,
    /// Drawn over it.
    pub(crate) over: Markup,
    /// Below it.
    pub(crate) caption: Markup,
}

impl Picture<'_> {
    /// The picture as a figure.
    pub(crate) fn write(&self) -> Markup {
        html! {
            figure.picture {
                button type="button" class=(if self.is_wide { "picture map" } else { "picture" })
                    data-title=(self.description) aria-haspopup="dialog" title="enlarge" {
                    img src=(data_address(self.png)) alt=(self.description);
                    (self.over)
                }
                figcaption { (self.caption) }
            }
        }
    }
}

/// A bar of a length that is drawn over a picture `box_angstrom` wide.
pub(crate) fn scale_bar(length_angstrom: f64, box_angstrom: f64) -> Markup {
    html! {
        span.scale style={ "width:" (format!("{:.2}", 100.0 * length_angstrom / box_angstrom)) "%" } {
            (four_digits(length_angstrom)) " Å"
        }
    }
}

/// The colour scale of a picture: `gradient` is a class of the style; each tick has a position from
/// 0 (left) to 1 (right), and its text.
pub(crate) fn colour_bar(gradient: &str, ticks: &[(f64, String)], label: &str) -> Markup {
    html! {
        div.colours role="img" aria-label=(label) {
            div class={ "gradient " (gradient) } {}
            div.ticks aria-hidden="true" {
                @for (at, words) in ticks {
                    span class=(if *at <= 0.0 { "first" } else if *at >= 1.0 { "last" } else { "" })
                        style={ "left:" (format!("{:.1}", 100.0 * at)) "%" } { (words) }
                }
            }
        }
    }
}

/// A PNG file as the address of a picture.
pub(crate) fn data_address(png: &[u8]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_written_in_base_64() {
        // RFC 4648, section 10.
        for (bytes, digits) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(data_address(bytes.as_bytes()), format!("data:image/png;base64,{digits}"));
        }
    }
}
