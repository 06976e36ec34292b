//! How often each displacement was found: cells in a square.

use maud::{Markup, html};
use verglas_plot::encode_png;

use super::axes::{Axes, linear_ticks};
use super::mollweide::viridis;
use crate::page::{colour_bar, data_address, four_digits};

/// Counts of cells, `[n_rows, n_columns]`: rows along image axis 0 (downwards), columns along axis 1 (to the right).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Square {
    pub(crate) n_rows: usize,
    pub(crate) n_columns: usize,
    pub(crate) counts: Vec<u64>,
    /// How far cells' centres reach along both axes, Å.
    pub(crate) reach_angstrom: f64,
}

impl Square {
    /// The chart, and what its colours mean.
    pub(crate) fn write(&self, description: String) -> Markup {
        let most = self.counts.iter().copied().max().unwrap_or(0);
        // Half a cell beyond the outermost centres; a single cell is as wide as there is room.
        let end = |n: usize| match n {
            1 => self.reach_angstrom,
            n => self.reach_angstrom * n as f64 / (n - 1) as f64,
        };
        let (x, y) = (end(self.n_columns), end(self.n_rows));
        let height = if self.n_rows == 1 { 60 } else { 330 };
        let mut axes = Axes::new([-x, x], [-y, y], height, description);
        // Along an axis with one cell nothing but 0 was tried.
        let ticks = |n: usize, end: f64| if n == 1 { vec![0.0] } else { linear_ticks(-end, end, 5) };
        for tick in ticks(self.n_columns, x) {
            axes.x_tick(tick, &four_digits(tick));
        }
        for tick in ticks(self.n_rows, y) {
            // Rows run downwards.
            axes.y_tick(-tick, &four_digits(tick));
        }
        let colour = |&count: &u64| viridis((count as f64 / most.max(1) as f64).sqrt());
        let pixels: Vec<u8> = self.counts.iter().flat_map(colour).collect();
        let png = encode_png(self.n_columns, self.n_rows, png::ColorType::Rgb, &pixels);
        axes.draw(html! {
            image x="0" y="0" width="1000" height="1000" preserveAspectRatio="none" href=(data_address(&png)) {}
        });
        axes.x_title = "along the columns' axis (Å)".to_owned();
        let ticks = [(0.0, "0".to_owned()), (0.25, quarter(most)), (1.0, verglas_plot::grouped(most as usize))];
        let ticks: Vec<(f64, String)> = ticks.into_iter().filter(|(_, words)| !words.is_empty()).collect();
        html! {
            div.square {
                p.upward { "↓ along the rows' axis (Å)" }
                (axes.finish())
                (colour_bar("viridis", &ticks, "colours: images at a displacement"))
                p.faint { "Colours: images at a displacement." }
            }
        }
    }
}

/// The value of the colour at a quarter of the bar, as colours go with the square root; nothing if that is not a whole
/// number.
fn quarter(most: u64) -> String {
    if most >= 16 && most.is_multiple_of(16) { verglas_plot::grouped((most / 16) as usize) } else { String::new() }
}
