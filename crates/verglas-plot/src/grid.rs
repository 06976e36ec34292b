//! The first images of a stack, side by side.

use super::canvas::{Anchor, Canvas, FAINT, INK, Style, fitted};
use super::colour::{Contrast, DIVERGING, GREY, SymmetricLog};
use super::scale::nice_below;
use super::{PlotPlan, ShownImage, Title, short};

/// Images per row.
const COLUMNS: usize = 4;
const MARGIN: usize = 20;
const GAP: usize = 10;
/// Room for an image's number above it.
const LABEL: usize = 17;
/// Room for the title.
const HEAD: usize = 64;
/// Room for scale and colours.
const FOOT: usize = 52;
/// Titles need this much, however few images there are.
const LEAST_WIDTH: usize = 560;

const SMALL: Style = Style { size: 14.0, shade: FAINT };

/// Where things are.
struct Layout {
    side: usize,
    columns: usize,
    left: usize,
    width: usize,
    height: usize,
}

impl Layout {
    fn new(side: usize, n_images: usize) -> Self {
        let columns = n_images.clamp(1, COLUMNS);
        let rows = n_images.div_ceil(columns);
        let tiles = columns * (side + GAP) - GAP;
        let width = (tiles + 2 * MARGIN).max(LEAST_WIDTH);
        Self {
            side,
            columns,
            left: (width - tiles) / 2,
            width,
            height: HEAD + rows * (LABEL + side + GAP) - GAP + FOOT,
        }
    }

    /// Upper left corner of the tile at `position`.
    fn tile(&self, position: usize) -> (usize, usize) {
        let (row, column) = (position / self.columns, position % self.columns);
        (self.left + column * (self.side + GAP), HEAD + row * (LABEL + self.side + GAP) + LABEL)
    }

    /// An empty picture with its title.
    fn start(&self, title: &Title, subject: &str) -> Canvas {
        let mut canvas = Canvas::new(self.width, self.height);
        write_title(&mut canvas, title, subject, self.width);
        canvas
    }

    fn label(&self, canvas: &mut Canvas, position: usize, index: usize) {
        let (x, y) = self.tile(position);
        canvas.text(&index.to_string(), (x as f32, y as f32 - 8.0), SMALL, Anchor::Left);
    }

    /// A bar of the picture's colours at the lower right, with words at its ends.
    fn colours(&self, canvas: &mut Canvas, words: [&str; 3]) {
        const BAR: (usize, usize) = (180, 10);
        let (left, top) = (self.width - MARGIN - BAR.0, self.height - FOOT + 14);
        canvas.paint((left, top), BAR, |x, _| Some((x * 255 / (BAR.0 - 1)) as u8));
        let places = [(left, Anchor::Left), (left + BAR.0 / 2, Anchor::Centre), (left + BAR.0, Anchor::Right)];
        for (word, (x, anchor)) in words.into_iter().zip(places) {
            canvas.text(word, (x as f32, (top + BAR.1) as f32 + 11.0), SMALL, anchor);
        }
    }
}

/// Two lines at the head of a picture: the data set, then what is seen and of which stack.
pub(super) fn write_title(canvas: &mut Canvas, title: &Title, subject: &str, width: usize) {
    let room = width - 2 * MARGIN;
    let head = Style { size: 21.0, shade: INK };
    canvas.text(&fitted(&title.data_set, head.size, room), (MARGIN as f32, 21.0), head, Anchor::Left);
    let second = Style { size: 15.0, shade: FAINT };
    let words = format!("{subject}  ·  {}", title.stack);
    canvas.text(&fitted(&words, second.size, room), (MARGIN as f32, 46.0), second, Anchor::Left);
}

/// A number for people, with a minus sign that is as wide as a plus.
fn signed(value: f32) -> String {
    format!("{value:.2}").replace('-', "−")
}

/// The physical images: grey, with one contrast for all.
pub(super) fn draw_physical(title: &Title, plan: &PlotPlan, shown: &[(usize, &ShownImage)]) -> Vec<u8> {
    let side = plan.shrinker.side();
    let layout = Layout::new(side, shown.len());
    let mut canvas = layout.start(title, plan.subject.headings()[0]);
    let contrast = Contrast::robust(shown.iter().map(|(_, image)| image.physical.as_slice()));
    for (position, (index, image)) in shown.iter().enumerate() {
        layout.label(&mut canvas, position, *index);
        canvas.paint(layout.tile(position), (side, side), |x, y| Some(contrast.step(image.physical[y * side + x])));
    }
    let (low, high) = (signed(contrast.low), signed(contrast.high));
    layout.colours(&mut canvas, [&low, "", &high]);

    // A bar of a round length, at most half as long as an image is wide.
    let box_angstrom = plan.n_pixels as f64 * plan.pixel_size_angstrom;
    let bar_angstrom = nice_below(box_angstrom / 2.0);
    let bar = (bar_angstrom / box_angstrom * side as f64).round() as usize;
    let top = layout.height - FOOT + 14;
    canvas.fill((layout.left, top), (bar, 4), INK);
    let place = (layout.left as f32, top as f32 + 21.0);
    canvas.text(&format!("{} Å", short(bar_angstrom)), place, SMALL, Anchor::Left);
    canvas.into_png(&GREY)
}

/// The real part of the Fourier images: blue below 0, red above, on a symmetric logarithmic scale.
pub(super) fn draw_fourier(title: &Title, plan: &PlotPlan, shown: &[(usize, &ShownImage)]) -> Vec<u8> {
    let side = plan.disc.side();
    let layout = Layout::new(side, shown.len());
    let mut canvas = layout.start(title, plan.subject.headings()[1]);
    let scale = SymmetricLog::robust(shown.iter().map(|(_, image)| image.fourier.as_slice()));
    for (position, (index, image)) in shown.iter().enumerate() {
        layout.label(&mut canvas, position, *index);
        canvas.paint(layout.tile(position), (side, side), |x, y| {
            let value = image.fourier[y * side + x];
            (!value.is_nan()).then(|| scale.step(value))
        });
    }
    let end = signed(scale.end);
    layout.colours(&mut canvas, [&format!("−{end}"), "0", &end]);
    let finest = plan.n_pixels as f64 * plan.pixel_size_angstrom / (2.0 * plan.radius_max);
    let top = layout.height - FOOT + 12;
    canvas.text(&format!("rim: {finest:.2} Å"), (layout.left as f32, top as f32 + 6.0), SMALL, Anchor::Left);
    canvas.text("symmetric logarithmic scale", (layout.left as f32, top as f32 + 23.0), SMALL, Anchor::Left);
    canvas.into_png(&DIVERGING)
}
