//! A picture in memory: tiles, lines, text, and the file that it becomes.
//!
//! A pixel is either one of 128 greys, for paper, lines and text, or one of 128 steps of the picture's own colours. So a
//! byte a pixel is enough, and files are a third of what full colour would make.

use ab_glyph::{Font, FontRef, Glyph, ScaleFont, point};
use png::{BitDepth, ColorType, DeflateCompression, Filter};

use super::colour::Palette;

/// The font of all pictures; none of the system's is needed.
static FONT: &[u8] = include_bytes!("font/DejaVuSans.ttf");

/// Almost black.
pub(super) const INK: u8 = 16;
/// For secondary text.
pub(super) const FAINT: u8 = 54;
/// Lines behind the data.
pub(super) const HAIRLINE: u8 = 113;
/// White.
const PAPER: u8 = 127;
/// Steps of the picture's own colours begin here.
const FIRST_COLOUR: u8 = 128;

/// The position of a text relative to the point it is drawn at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Left,
    Centre,
    Right,
}

/// A text's size and shade.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Height of its line, pixels.
    pub(super) size: f32,
    /// From black, 0, to white, 127.
    pub(super) shade: u8,
}

/// Pixels, white at first.
#[derive(Debug)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
    font: FontRef<'static>,
}

/// The embedded font.
fn font() -> FontRef<'static> {
    FontRef::try_from_slice(FONT).unwrap_or_else(|error| panic!("the embedded font is whole: {error}"))
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![PAPER; width * height], font: font() }
    }

    /// Writes a line of text; `y` is its middle, `x` where it is anchored.
    pub(super) fn text(&mut self, text: &str, (x, y): (f32, f32), style: Style, anchor: Anchor) {
        let (glyphs, width) = lay_out(&self.font, text, style.size);
        let left = match anchor {
            Anchor::Left => x,
            Anchor::Centre => x - width / 2.0,
            Anchor::Right => x - width,
        };
        // The middle of a line of text is that of its capitals, which are 0.73 em high.
        let baseline = y + 0.73 / 2.0 * style.size * EM_OF_SIZE;
        for mut glyph in glyphs {
            glyph.position = point(left + glyph.position.x, baseline.round());
            let Some(outline) = self.font.outline_glyph(glyph) else { continue };
            let bounds = outline.px_bounds();
            outline.draw(|dx, dy, coverage| {
                self.blend(
                    bounds.min.x as i64 + i64::from(dx),
                    bounds.min.y as i64 + i64::from(dy),
                    coverage,
                    style.shade,
                );
            });
        }
    }

    /// Fills a rectangle with a shade.
    pub(super) fn fill(&mut self, (left, top): (usize, usize), (width, height): (usize, usize), shade: u8) {
        self.paint_pixels((left, top), (width, height), |_, _| Some(shade.min(PAPER)));
    }

    /// Paints a rectangle in the picture's own colours; `step`, 0 to 255, is asked for each pixel in turn, and `None`
    /// leaves it as it is.
    pub(super) fn paint(
        &mut self,
        corner: (usize, usize),
        size: (usize, usize),
        mut step: impl FnMut(usize, usize) -> Option<u8>,
    ) {
        self.paint_pixels(corner, size, |x, y| step(x, y).map(|step| FIRST_COLOUR + step / 2));
    }

    fn paint_pixels(
        &mut self,
        (left, top): (usize, usize),
        (width, height): (usize, usize),
        mut pixel: impl FnMut(usize, usize) -> Option<u8>,
    ) {
        for y in 0..height.min(self.height.saturating_sub(top)) {
            for x in 0..width.min(self.width.saturating_sub(left)) {
                if let Some(value) = pixel(x, y) {
                    self.pixels[(top + y) * self.width + left + x] = value;
                }
            }
        }
    }

    /// Draws a line through `points`, `width` pixels wide, with smooth edges, in a palette that goes from paper to its colour;
    /// `step`, 0 to 255, is the colour's.
    pub(super) fn line(&mut self, points: &[(f32, f32)], width: f32, step: u8) {
        let half = width / 2.0;
        for pair in points.windows(2) {
            let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
            let (dx, dy) = (x1 - x0, y1 - y0);
            let squared = (dx * dx + dy * dy).max(1e-12);
            let reach = half + 1.0;
            for y in (y0.min(y1) - reach).floor() as i64..=(y0.max(y1) + reach).ceil() as i64 {
                for x in (x0.min(x1) - reach).floor() as i64..=(x0.max(x1) + reach).ceil() as i64 {
                    let (px, py) = (x as f32 + 0.5 - x0, y as f32 + 0.5 - y0);
                    let along = ((px * dx + py * dy) / squared).clamp(0.0, 1.0);
                    let distance = (px - along * dx).hypot(py - along * dy);
                    let coverage = (half + 0.5 - distance).clamp(0.0, 1.0);
                    self.tint(x, y, coverage, step);
                }
            }
        }
    }

    /// Darkens a pixel of paper towards `shade`.
    fn blend(&mut self, x: i64, y: i64, coverage: f32, shade: u8) {
        if let Some(pixel) = self.pixel(x, y)
            && *pixel <= PAPER
        {
            let under = f32::from(*pixel);
            *pixel = (under + (f32::from(shade) - under) * coverage.clamp(0.0, 1.0)).round() as u8;
        }
    }

    /// Covers a pixel with the step `step` of a palette that goes from paper to colour; the stronger of two counts.
    fn tint(&mut self, x: i64, y: i64, coverage: f32, step: u8) {
        let strength = FIRST_COLOUR + (coverage * f32::from(step / 2)) as u8;
        if let Some(pixel) = self.pixel(x, y)
            && strength > FIRST_COLOUR
            && (*pixel < FIRST_COLOUR || *pixel < strength)
        {
            *pixel = strength;
        }
    }

    fn pixel(&mut self, x: i64, y: i64) -> Option<&mut u8> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        if x < self.width { self.pixels.get_mut(y * self.width + x) } else { None }
    }

    /// The whole picture as a PNG file, with the colours of `palette`.
    pub(super) fn into_png(self, palette: &Palette) -> Vec<u8> {
        let greys = (0..128_u8).flat_map(|shade| [shade * 2 + shade / 64; 3]);
        let colours = palette.iter().skip(1).step_by(2).flatten().copied();
        let mut encoded = Vec::with_capacity(self.pixels.len() / 2);
        let mut encoder = png::Encoder::new(&mut encoded, self.width as u32, self.height as u32);
        encoder.set_color(ColorType::Indexed);
        encoder.set_palette(greys.chain(colours).collect::<Vec<u8>>());
        write_pixels(encoder, &self.pixels);
        encoded
    }
}

/// A PNG file of 8 bits a channel.
pub fn encode_png(width: usize, height: usize, colour: ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(pixels.len() / 2);
    let mut encoder = png::Encoder::new(&mut encoded, width as u32, height as u32);
    encoder.set_color(colour);
    write_pixels(encoder, pixels);
    encoded
}

fn write_pixels(mut encoder: png::Encoder<'_, &mut Vec<u8>>, pixels: &[u8]) {
    encoder.set_depth(BitDepth::Eight);
    // Noise has no pattern that a filter could find, nor one worth a longer search.
    encoder.set_deflate_compression(DeflateCompression::Level(1));
    encoder.set_filter(Filter::NoFilter);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(pixels)?;
        writer.finish()
    });
    // Memory takes any picture, and its length is the product of its sides.
    assert!(written.is_ok(), "{written:?}");
}

/// Sizes count line heights, as typographers of screens do; this much of one is the em that glyphs are drawn on.
const EM_OF_SIZE: f32 = 0.86;

/// The glyphs of a text, from x = 0, and its width.
fn lay_out(font: &FontRef<'static>, text: &str, size: f32) -> (Vec<Glyph>, f32) {
    let scaled = font.as_scaled(size);
    let (mut glyphs, mut x) = (Vec::new(), 0.0);
    for character in text.chars() {
        let id = font.glyph_id(character);
        if let Some(Glyph { id: before, .. }) = glyphs.last() {
            x += scaled.kern(*before, id);
        }
        glyphs.push(id.with_scale_and_position(size, point(x, 0.0)));
        x += scaled.h_advance(id);
    }
    (glyphs, x)
}

/// A text, cut in its middle if it is wider than `width` pixels.
pub(super) fn fitted(text: &str, size: f32, width: usize) -> String {
    // Longer ones fit no picture, and would only take time.
    const MOST_CHARACTERS: usize = 300;
    let font = font();
    let fits = |text: &str| lay_out(&font, text, size).1 <= width as f32;
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= MOST_CHARACTERS && fits(text) {
        return text.to_owned();
    }
    let mut kept = characters.len().min(MOST_CHARACTERS);
    loop {
        kept = kept.saturating_sub(1);
        let (front, back) = (&characters[..kept.div_ceil(2)], &characters[characters.len() - kept / 2..]);
        let cut: String = front.iter().chain(&['…']).chain(back).collect();
        if kept == 0 || fits(&cut) {
            return cut;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colour::GREY;

    #[test]
    fn texts_are_cut_in_the_middle() {
        assert_eq!(fitted("run_data.star", 16.0, 400), "run_data.star");
        let long = format!("{}.star", "x".repeat(100_000));
        let cut = fitted(&long, 16.0, 400);
        assert!(cut.starts_with("xxx") && cut.contains('…') && cut.ends_with(".star"), "{cut}");
        assert_eq!(fitted("anything", 16.0, 0), "…");
    }

    #[test]
    fn what_lies_outside_is_left_out() {
        let mut canvas = Canvas::new(20, 10);
        canvas.text("far outside", (-5000.0, 4.0), Style { size: 14.0, shade: INK }, Anchor::Left);
        canvas.fill((15, 5), (100, 100), INK);
        canvas.line(&[(-50.0, 2.0), (70.0, 2.0)], 2.0, 255);
        canvas.paint((30, 30), (5, 5), |_, _| Some(255));
        let png = canvas.into_png(&GREY);
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (20, 10));
    }
}
