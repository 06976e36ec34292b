//! The page itself.

use std::fmt::Write;

use serde_json::Value;
use verglas_core::findings::counted_do;
use verglas_plot::grouped;

use super::directions::DirectionMap;
use super::examples::Example;
use super::html::{Cell, data_address, escape, table};
use super::outliers::four_digits;
use super::quantity::QUANTITIES;
use super::run::{Run, show};
use super::stack_table::Source;
use super::survey::{FAR, Survey};
use super::svg;

/// Everything that the page shows.
pub(super) struct Contents<'a> {
    pub(super) root: String,
    pub(super) run: &'a Run,
    pub(super) survey: &'a Survey,
    /// Where each listed outlier comes from.
    pub(super) outlier_sources: Vec<Source>,
    pub(super) examples: &'a [Example],
    /// The first of the listed outliers.
    pub(super) oddest: &'a [Example],
    pub(super) frequencies: &'a [f64],
    pub(super) mean_power: &'a [f64],
    pub(super) n_power_images: usize,
    pub(super) n_pixels: usize,
    pub(super) pixel_size_angstrom: f64,
    pub(super) n_shells: usize,
    pub(super) n_inplanes: usize,
    pub(super) precision: &'static str,
}

/// Input files that are listed.
const MOST_INPUTS: usize = 200;
/// By this, in its head, a page is known again.
pub(super) const GENERATOR: &str = "name=\"generator\" content=\"verglas";

impl Contents<'_> {
    /// The page as one text that needs no other file.
    pub(super) fn write(&self) -> String {
        let title = escape(&self.run.data_set());
        let mut page = String::with_capacity(2 << 20);
        let _ = write!(
            page,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; \
             style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\
             <meta {GENERATOR} {version}\">\
             <title>{title} – verglas</title><link rel=\"icon\" href=\"data:,\"><style>\n{style}</style></head><body>\
             <a class=\"skip\" href=\"#examples\">Skip to the examples</a>",
            version = env!("CARGO_PKG_VERSION"),
            style = include_str!("style.css"),
        );
        self.head(&mut page, &title);
        page.push_str("<main>");
        self.examples(&mut page);
        self.power(&mut page);
        self.outliers(&mut page);
        self.numbers(&mut page);
        if let Some(map) = &self.survey.directions {
            directions(&mut page, map);
        }
        self.sets(&mut page);
        self.speed(&mut page);
        self.settings(&mut page);
        self.inputs(&mut page);
        let _ = write!(
            page,
            "</main><footer>Written by verglas {}; the folder was converted by verglas {}.</footer>\
             <dialog aria-labelledby=\"enlarged\"><form method=\"dialog\"><h3 id=\"enlarged\"></h3>\
             <button>Close</button></form><div class=\"stage\"></div></dialog>\
             <script>\n{}</script></body></html>\n",
            env!("CARGO_PKG_VERSION"),
            escape(self.run.version()),
            include_str!("script.js")
        );
        page
    }

    fn head(&self, page: &mut String, title: &str) {
        let survey = self.survey;
        let _ = write!(page, "<header><h1>{title}</h1><p class=\"faint\">in <code>{}</code></p>", escape(&self.root));
        let downsampled = match self.run.setting("n_input_pixels") {
            Some(input) if input as usize != self.n_pixels => format!(" (from {input} px)"),
            _ => String::new(),
        };
        let facts = [
            ("particles", grouped(survey.n_images)),
            ("stacks", grouped(self.run.stacks().len())),
            ("box", format!("{} px{downsampled}", self.n_pixels)),
            ("pixel size", format!("{} Å", four_digits(self.pixel_size_angstrom))),
            ("Nyquist", format!("{} Å", four_digits(2.0 * self.pixel_size_angstrom))),
            ("polar grid", format!("{} shells × {} angles", self.n_shells, self.n_inplanes)),
            ("precision", self.precision.to_owned()),
            ("outliers", grouped(survey.outliers.n_found)),
        ];
        page.push_str("<dl class=\"facts\">");
        for (name, value) in facts {
            let _ = write!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value));
        }
        page.push_str("</dl>");
        let mut warnings = Vec::new();
        let (n_here, n_asked) = (self.run.stacks().len(), self.run.n_stacks_asked());
        if !self.run.is_complete() {
            warnings.push(format!(
                "not whole: {n_here} of {} there, and this page is about what is there",
                counted_do(n_asked, "stack", "is", "are")
            ));
        }
        match self.run.n_skipped() {
            0 => {}
            1 => warnings.push("1 image was left out; skipped.star lists it".to_owned()),
            n => warnings.push(format!("{} images were left out; skipped.star lists them", grouped(n))),
        }
        warnings.extend(self.run.warnings());
        if !warnings.is_empty() {
            page.push_str("<section aria-label=\"Warnings\">");
            for warning in warnings {
                let _ = write!(page, "<div class=\"warning\">{}</div>", escape(&warning));
            }
            page.push_str("</section>");
        }
        page.push_str("</header>");
    }

    fn examples(&self, page: &mut String) {
        page.push_str(
            "<section id=\"examples\"><h2>Example particles</h2><p>Evenly spread over the data set. Left the image, right the \
             real part of its Fourier image on a symmetric logarithmic scale, blue below zero, red above. Rings: the \
             first zeros of the CTF that the metadata say. Below, the power of the image by resolution (logarithmic, \
             blue), with the square of its CTF (0 to 1, orange): where they belong together, both are low at the same \
             places.</p><div class=\"cards\">",
        );
        for example in self.examples {
            self.example(page, example, "");
        }
        page.push_str("</div></section>");
    }

    /// One particle; `remark` says what is odd about it.
    fn example(&self, page: &mut String, example: &Example, remark: &str) {
        let name = format!("{} of {}", example.source.section + 1, example.source.file);
        let place = format!("stack {:06}, image {}, row {}", example.stack.number, example.image, example.source.row);
        let _ = write!(
            page,
            "<article class=\"card\"><h3>section {}</h3><div class=\"faint\">{place}</div>{}<div class=\"pair\">",
            escape(&name),
            if remark.is_empty() { String::new() } else { format!("<div class=\"odd\">{}</div>", escape(remark)) }
        );
        if let Some(png) = &example.physical_png {
            picture(page, png, &format!("image: section {name}"), "", "");
        }
        picture(page, &example.fourier_png, &format!("Fourier image: section {name}"), &svg::rings(example), "");
        let ctf = &example.ctf;
        let _ = write!(
            page,
            "</div><div class=\"faint\">defocus {:.0} / {:.0} Å at {:.0}°</div>{}</article>",
            ctf.defocus_u_angstrom,
            ctf.defocus_v_angstrom,
            ctf.defocus_angle_rad.to_degrees(),
            svg::profile(example, self.longest_wave())
        );
    }

    /// Waves longer than this carry nothing of their own, as the mean of an image is 0.
    fn longest_wave(&self) -> f64 {
        2.0 * self.n_pixels as f64 * self.pixel_size_angstrom
    }

    fn power(&self, page: &mut String) {
        let _ = write!(
            page,
            "<section><h2>Mean power</h2><p>|F|² over the angles and over {} image{}, evenly spread.</p>\
             <div class=\"card\">{}</div></section>",
            grouped(self.n_power_images),
            if self.n_power_images == 1 { "" } else { "s" },
            svg::mean_power(self.frequencies, self.mean_power, self.longest_wave(), 2.0 * self.pixel_size_angstrom)
        );
    }

    fn outliers(&self, page: &mut String) {
        let survey = self.survey;
        let _ = write!(
            page,
            "<section id=\"outliers\"><h2>Outliers</h2><p>Told is an image one of whose numbers lies further than {FAR} \
             spreads from the median of all. The spread is 1.4826 times the median absolute deviation: a standard deviation \
             that a few odd images don't move. Maximum, contrast and norm are compared as logarithms, astigmatism as its root. \
             {}</p>",
            match survey.n_looked_at {
                0 => "No physical images were written, so blank edges and reversed contrast were not looked for."
                    .to_owned(),
                n if n == survey.n_images =>
                    "The pixels of every image were looked at: for edges that hold nothing, and for \
                    particles of the other sign than the median one."
                        .to_owned(),
                n => format!(
                    "The pixels of {} images of {}, evenly spread, were looked at: for edges that hold nothing, and for \
                     particles of the other sign than the median one.",
                    grouped(n),
                    grouped(survey.n_images)
                ),
            }
        );
        let listed = &survey.outliers.listed;
        if listed.is_empty() {
            page.push_str("<p>None was found.</p></section>");
            return;
        }
        if listed.len() < survey.outliers.n_found {
            let (listed, found) = (grouped(listed.len()), grouped(survey.outliers.n_found));
            let _ = write!(page, "<p>The {listed} oddest of {found} are listed.</p>");
        }
        let rows = listed.iter().zip(&self.outlier_sources).map(|(outlier, source)| {
            vec![
                Cell::text(source.file.clone()),
                Cell::count((source.section + 1).max(0) as usize),
                Cell::count(source.row.max(0) as usize),
                Cell::text(outlier.describe()),
                Cell::Number(outlier.stack.number as f64, format!("{:06}", outlier.stack.number)),
                Cell::count(outlier.image),
            ]
        });
        page.push_str(&table(
            "Images that differ from the rest",
            &["file", "section (from 1)", "row (from 0)", "what is odd", "stack", "image (from 0)"],
            rows,
        ));
        if !self.oddest.is_empty() {
            page.push_str("<h3 class=\"above\">The oddest of them</h3><div class=\"cards\">");
            for (example, outlier) in self.oddest.iter().zip(listed) {
                self.example(page, example, &outlier.describe());
            }
            page.push_str("</div>");
        }
        page.push_str("</section>");
    }

    fn numbers(&self, page: &mut String) {
        page.push_str(
            "<section><h2>Numbers of all images</h2><p>The orange line is the median.</p><div class=\"cards\">",
        );
        for (index, quantity) in QUANTITIES.iter().enumerate() {
            let histogram = &self.survey.histograms[index];
            let typical = self.survey.typical[index];
            let median = quantity.unscaled(typical.median);
            let _ = write!(
                page,
                "<figure class=\"card\" style=\"margin:0\">{}<figcaption>{}; median {}{}</figcaption></figure>",
                svg::histogram(histogram, Some(quantity), median, quantity.name),
                escape(quantity.meaning),
                four_digits(median),
                beyond(histogram.below, histogram.above)
            );
        }
        if let Some((typical, histogram)) = &self.survey.likeness {
            let _ = write!(
                page,
                "<figure class=\"card\" style=\"margin:0\">{}<figcaption>how well the image goes with the median particle, \
                 around the centre, in standard deviations of noise; negative: the other contrast; median {}{}</figcaption>\
                 </figure>",
                svg::histogram(histogram, None, typical.median, "likeness"),
                four_digits(typical.median),
                beyond(histogram.below, histogram.above)
            );
        }
        page.push_str("</div></section>");
    }

    fn sets(&self, page: &mut String) {
        page.push_str("<section><h2>Lens constants</h2><p>Each stack holds particles of one set, which is one or more optics groups.</p>");
        let rows = self.survey.sets.iter().map(|set| {
            vec![
                Cell::number(set.constants.voltage_kv),
                Cell::number(set.constants.spherical_aberration_mm),
                Cell::number(set.constants.amplitude_contrast),
                Cell::count(set.n_images),
                Cell::count(set.n_stacks),
                Cell::number(set.defocus.min.round()),
                Cell::number(set.defocus.mean().round()),
                Cell::number(set.defocus.max.round()),
                Cell::number(set.astigmatism.mean().round()),
                Cell::number(set.astigmatism.max.round()),
                Cell::number(set.contrast.mean()),
            ]
        });
        page.push_str(&table(
            "Sets of lens constants",
            &[
                "voltage (kV)",
                "Cs (mm)",
                "amplitude contrast",
                "particles",
                "stacks",
                "least defocus (Å)",
                "mean defocus",
                "most defocus",
                "mean astigmatism (Å)",
                "most astigmatism",
                "mean contrast",
            ],
            rows,
        ));
        page.push_str("</section>");
    }

    fn speed(&self, page: &mut String) {
        let speeds = self.run.speeds();
        if speeds.is_empty() {
            return;
        }
        page.push_str("<section><h2>Speed</h2><p>Wall time of the run; times of reading, computing and writing are added up over threads.</p>");
        let rows = speeds.iter().map(|run| {
            let number = |name: &str| run.get(name).and_then(Value::as_f64).unwrap_or(0.0);
            let seconds = number("seconds");
            let images = number("n_images_done");
            vec![
                Cell::text(run.get("host").map_or(String::new(), show)),
                Cell::count(number("n_threads") as usize),
                Cell::count(images as usize),
                Cell::Number(seconds, format!("{seconds:.2}")),
                Cell::Number(images / seconds.max(1e-9), format!("{:.0}", images / seconds.max(1e-9))),
                Cell::Number(number("read_seconds"), format!("{:.2}", number("read_seconds"))),
                Cell::Number(number("compute_seconds"), format!("{:.2}", number("compute_seconds"))),
                Cell::Number(number("write_seconds"), format!("{:.2}", number("write_seconds"))),
                Cell::Number(number("bytes_written"), size(number("bytes_written"))),
            ]
        });
        page.push_str(&table(
            "Speed of each step",
            &[
                "computer",
                "threads",
                "particles",
                "seconds",
                "particles/s",
                "reading (s)",
                "computing (s)",
                "writing (s)",
                "written",
            ],
            rows,
        ));
        page.push_str("</section>");
    }

    fn settings(&self, page: &mut String) {
        page.push_str("<section><h2>Settings</h2><p>All of them, defaults included.</p>");
        let settings = self.run.settings();
        let rows = settings.into_iter().map(|(name, value)| vec![Cell::text(name), Cell::text(value)]);
        page.push_str(&table("Settings of the conversion", &["setting", "value"], rows));
        page.push_str("</section>");
    }

    fn inputs(&self, page: &mut String) {
        let inputs = self.run.inputs();
        let bytes: u64 = inputs.iter().filter_map(|input| input.bytes).fold(0, u64::saturating_add);
        let _ = write!(
            page,
            "<section><h2>Files that were read</h2><p>{} file{}, {}{}.</p>",
            grouped(inputs.len()),
            if inputs.len() == 1 { "" } else { "s" },
            size(bytes as f64),
            if inputs.len() > MOST_INPUTS { format!("; the first {MOST_INPUTS} are listed") } else { String::new() }
        );
        let rows = inputs.into_iter().take(MOST_INPUTS).map(|input| {
            let bytes = input.bytes.unwrap_or(0) as f64;
            vec![
                Cell::text(input.path),
                Cell::Number(bytes, size(bytes)),
                match input.modified {
                    Some(seconds) => Cell::Number(seconds, utc(seconds)),
                    None => Cell::text(""),
                },
            ]
        });
        page.push_str(&table("Files that were read", &["file", "size", "changed (UTC)"], rows));
        page.push_str("</section>");
    }
}

fn directions(page: &mut String, map: &DirectionMap) {
    page.push_str(
        "<section><h2>Viewing directions</h2><p>How often the particle is seen from each direction, on a map that keeps \
         areas (Mollweide): rotation from −180° on the left to 180° on the right, tilt 0° at the top. Dark: seldom, light: \
         often.</p>",
    );
    let label = format!(
        "map of viewing directions: the most frequent is {} times as frequent as if all were alike, {:.0} % of the sphere is empty",
        four_digits(map.highest()),
        100.0 * map.empty()
    );
    picture(page, &map.png(), &label, "", " map");
    let _ = write!(page, "<p class=\"faint\">{}.</p></section>", escape(&label));
}

/// A picture that can be enlarged, with something drawn over it.
fn picture(page: &mut String, png: &[u8], description: &str, over: &str, class: &str) {
    let description = escape(description);
    let _ = write!(
        page,
        "<button type=\"button\" class=\"picture{class}\" data-title=\"{description}\" aria-haspopup=\"dialog\" \
         title=\"enlarge\"><img src=\"{}\" alt=\"{description}\">{over}</button>",
        data_address(png)
    );
}

/// Words for what a histogram's axis does not reach.
fn beyond(below: u64, above: u64) -> String {
    match below + above {
        0 => String::new(),
        n => format!("; {} beyond the axis", grouped(n as usize)),
    }
}

/// A number of bytes for people.
fn size(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = if bytes >= 1.0 { ((bytes.log2() / 10.0) as usize).min(UNITS.len() - 1) } else { 0 };
    let value = bytes / 1024_f64.powi(power as i32);
    if power == 0 { format!("{value:.0} B") } else { format!("{value:.1} {}", UNITS[power]) }
}

/// Seconds since 1970 as date and time, UTC.
fn utc(seconds: f64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0.0, "1970-01-01 00:00"),
            (951_782_400.0, "2000-02-29 00:00"),
            (1_732_570_859.5, "2024-11-25 21:40"),
            (f64::NAN, "?"),
        ] {
            assert_eq!(utc(seconds), expected);
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!([size(0.0), size(1023.0), size(1536.0)], ["0 B", "1023 B", "1.5 KiB"]);
        assert_eq!(size(3.0 * 1024_f64.powi(3)), "3.0 GiB");
    }
}
