//! Mean power against resolution, on logarithmic axes.

use super::canvas::{Anchor, Canvas, FAINT, HAIRLINE, INK, Style};
use super::colour::LINE;
use super::power::PowerSum;
use super::scale::{power_of_ten, power_ticks, resolution_ticks};
use super::{PlotPlan, Title, grid, short};

const WIDTH: usize = 860;
const HEIGHT: usize = 540;
/// The frame around the curve: left, top, right, bottom.
const FRAME: [usize; 4] = [78, 92, WIDTH - 24, HEIGHT - 58];
const LABEL: Style = Style { size: 15.0, shade: INK };

/// Draws the spectrum of the power that was added up.
pub(super) fn draw(title: &Title, plan: &PlotPlan, sum: &PowerSum) -> Vec<u8> {
    let power = plan.power.mean(sum);
    let box_angstrom = plan.n_pixels as f64 * plan.pixel_size_angstrom;
    let points: Vec<(f64, f64)> = plan
        .resolutions_angstrom
        .iter()
        .zip(&power)
        // Waves longer than twice the box carry nothing of their own: the mean of an image is 0.
        .filter(|(resolution, power)| **resolution <= 2.0 * box_angstrom && **power > 0.0)
        // The axis goes with the logarithm of frequency, so that resolution gets finer to the right.
        .map(|(resolution, power)| (-resolution.log10(), power.log10()))
        .collect();
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    grid::write_title(&mut canvas, title, "mean power", WIDTH);
    let axis = format!("mean power |F|² over {}s and angles", plan.subject.noun());
    Chart::new(&points, 2.0 * plan.pixel_size_angstrom).draw(&mut canvas, &points, &axis);
    canvas.into_png(&LINE)
}

/// The range of the axes, in decades.
struct Chart {
    x: [f64; 2],
    y: [f64; 2],
    nyquist_angstrom: f64,
}

impl Chart {
    fn new(points: &[(f64, f64)], nyquist_angstrom: f64) -> Self {
        let nyquist = -nyquist_angstrom.log10();
        let leftmost = points.iter().map(|point| point.0).fold(nyquist - 0.1, f64::min);
        let bounds = points.iter().map(|point| point.1);
        let (bottom, top) = bounds.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
        let (bottom, top) = if bottom <= top { (bottom, top) } else { (-1.0, 0.0) };
        let room = ((top - bottom) * 0.07).max(0.05);
        Self { x: [leftmost - 0.01, nyquist + 0.03], y: [bottom - room, top + room], nyquist_angstrom }
    }

    fn place_x(&self, x: f64) -> f32 {
        let fraction = (x - self.x[0]) / (self.x[1] - self.x[0]);
        FRAME[0] as f32 + fraction as f32 * (FRAME[2] - FRAME[0]) as f32
    }

    fn place_y(&self, y: f64) -> f32 {
        let fraction = (y - self.y[0]) / (self.y[1] - self.y[0]);
        FRAME[3] as f32 - fraction as f32 * (FRAME[3] - FRAME[1]) as f32
    }

    fn draw(&self, canvas: &mut Canvas, points: &[(f64, f64)], axis: &str) {
        let [left, top, right, bottom] = FRAME;
        let span = self.x[1] - self.x[0];
        // A label of four characters takes some 5 % of the axis.
        let [coarsest, finest] = self.x.map(|x| 10_f64.powf(-x));
        for resolution in resolution_ticks(coarsest, finest, span * 0.055) {
            let x = self.place_x(-resolution.log10());
            canvas.fill((x as usize, top), (1, bottom - top + 5), HAIRLINE);
            canvas.text(&short(resolution), (x, bottom as f32 + 16.0), LABEL, Anchor::Centre);
        }
        for exponent in power_ticks(self.y[0], self.y[1]) {
            let y = self.place_y(exponent);
            canvas.fill((left - 5, y as usize), (right - left + 5, 1), HAIRLINE);
            canvas.text(&power_of_ten(exponent), (left as f32 - 10.0, y), LABEL, Anchor::Right);
        }
        for (corner, size) in [
            ((left, top), (right - left + 1, 1)),
            ((left, bottom), (right - left + 1, 1)),
            ((left, top), (1, bottom - top)),
            ((right, top), (1, bottom - top)),
        ] {
            canvas.fill(corner, size, FAINT);
        }
        let faint = Style { size: 15.0, shade: FAINT };
        let middle = (left + right) as f32 / 2.0;
        canvas.text("resolution (Å)", (middle, HEIGHT as f32 - 18.0), faint, Anchor::Centre);
        canvas.text(axis, (left as f32, top as f32 - 13.0), faint, Anchor::Left);

        let nyquist = self.place_x(-self.nyquist_angstrom.log10());
        for y in (top..bottom).step_by(9) {
            canvas.fill((nyquist as usize, y), (1, 5.min(bottom - y)), INK);
        }
        let word = format!("Nyquist {} Å", short((self.nyquist_angstrom * 1e3).round() / 1e3));
        let place = (nyquist.min(right as f32), top as f32 - 13.0);
        canvas.text(&word, place, Style { size: 15.0, shade: INK }, Anchor::Right);

        let placed: Vec<(f32, f32)> = points.iter().map(|&(x, y)| (self.place_x(x), self.place_y(y))).collect();
        match placed.as_slice() {
            [(x, y)] => canvas.line(&[(x - 1.0, *y), (x + 1.0, *y)], 7.0, 255),
            line => canvas.line(line, 2.4, 255),
        }
    }
}
