//! The sections of the page about particles.

use maud::{Markup, html};
use verglas_plot::{grouped, nice_below};

use super::examples::Example;
use super::quantities::{Basis, QUANTITIES};
use super::stack_files::Stacks;
use super::stack_metadata::Source;
use super::survey::{FAR, Survey};
use crate::page::{Cell, Picture, Section, colour_bar, four_digits, scale_bar, table, two_digits};
use crate::plots::{ViewingDirections, histogram, mean_power, power_and_ctf};
use crate::statistics::Histogram;

/// Everything that the sections show.
pub(crate) struct Contents<'a> {
    pub(crate) stacks: &'a Stacks,
    pub(crate) survey: &'a Survey,
    /// Where each listed outlier comes from.
    pub(crate) outlier_sources: Vec<Source>,
    pub(crate) examples: Vec<Example>,
    /// The first of the listed outliers.
    pub(crate) oddest: Vec<Example>,
    /// Smoothed pictures have half of the waves of this length.
    pub(crate) low_pass_angstrom: f64,
    /// By shell.
    pub(crate) mean_power: Vec<f64>,
    pub(crate) n_power_images: usize,
}

impl Contents<'_> {
    /// All of them, in their order.
    pub(crate) fn sections(&self) -> Vec<Section> {
        let mut sections = vec![self.examples(), self.power(), self.outliers(), self.numbers()];
        sections.extend(self.survey.directions.as_ref().map(directions));
        sections.push(self.lens_constants());
        sections
    }

    fn examples(&self) -> Section {
        let physical = self.examples.iter().any(|example| example.physical.is_some());
        let body = html! {
            p {
                "Evenly spread over the data set. "
                @if physical {
                    "First the image; then the same without fine waves (a Gaussian low-pass that halves waves of "
                    (four_digits(self.low_pass_angstrom)) " Å); then the "
                } @else { "The " }
                "real part of its Fourier image on a symmetric logarithmic scale, blue below zero, red above, out to \
                 the rim of the polar grid. Rings: the first zeros of the CTF from the metadata. Below, the power of \
                 the image by resolution (logarithmic, blue), with the square of its CTF (0 to 1, orange; an area \
                 where it oscillates too fast to draw): if the CTF is right, both have their minima at the same places."
            }
            div.cards { @for example in &self.examples { (self.card(example, "")) } }
        };
        Section { id: "examples", title: "Example particles", body }
    }

    /// One particle; `remark` says what is odd about it.
    fn card(&self, example: &Example, remark: &str) -> Markup {
        let name = format!("section {} of {}", example.source.section + 1, example.source.file);
        let ctf = &example.ctf;
        html! {
            article.card {
                h3 { (name) }
                div.faint {
                    "stack " (format!("{:06}", example.stack.number)) ", image " (example.image)
                    ", row " (example.source.row)
                }
                @if !remark.is_empty() { div.odd { (remark) } }
                div.pictures {
                    @if let Some(pictures) = &example.physical {
                        (self.particle(&pictures.plain, format!("image: {name}"), "image"))
                        @let caption = format!("low-pass {} Å", four_digits(self.low_pass_angstrom));
                        (self.particle(&pictures.smooth, format!("{caption}: {name}"), &caption))
                    }
                    (self.disc(example, &name))
                }
                div.faint {
                    "defocus " (format!("{:.0}", ctf.defocus_u_angstrom)) " / " (format!("{:.0}", ctf.defocus_v_angstrom))
                    " Å at " (four_digits(ctf.defocus_angle_rad.to_degrees().round())) "°"
                }
                (power_and_ctf(&example.profile, ctf, self.longest_wave()))
            }
        }
    }

    /// A physical image with a bar for its scale.
    fn particle(&self, png: &[u8], description: String, caption: &str) -> Markup {
        let box_angstrom = self.stacks.box_angstrom();
        let bar = nice_below(0.45 * box_angstrom);
        let over = scale_bar(bar, box_angstrom);
        Picture { png, description, is_wide: false, over, caption: html! { (caption) } }.write()
    }

    /// The disc of a Fourier image with the zeros of its CTF and its colours.
    fn disc(&self, example: &Example, name: &str) -> Markup {
        let end = f64::from(example.fourier_end);
        let ends = [(0.0, two_digits(-end)), (0.5, "0".to_owned()), (1.0, two_digits(end))];
        let caption = html! {
            "Re F to " (four_digits(1.0 / self.stacks.rim())) " Å"
            (colour_bar("diverging", &ends, "colours: real part of the normalised Fourier image"))
        };
        let (png, description) = (&example.fourier_png, format!("Fourier image: {name}"));
        Picture { png, description, is_wide: false, over: rings(example), caption }.write()
    }

    /// Waves longer than this carry nothing of their own, as the mean of an image is 0.
    fn longest_wave(&self) -> f64 {
        2.0 * self.stacks.box_angstrom()
    }

    fn power(&self) -> Section {
        let points = self.stacks.frequencies().into_iter().zip(self.mean_power.iter().copied());
        let body = html! {
            p {
                "|F|², averaged over the angles and over " (grouped(self.n_power_images)) " image"
                @if self.n_power_images != 1 { "s" } ", evenly spread."
            }
            div.card { (mean_power(points, self.longest_wave(), 2.0 * self.stacks.pixel_size_angstrom())) }
        };
        Section { id: "power", title: "Mean power", body }
    }

    fn outliers(&self) -> Section {
        let survey = self.survey;
        let looked_for = "blank edges, for particles with the opposite sign to the median one, and for their mean, \
                          maximum and contrast";
        let pixels = match survey.n_looked_at {
            0 => "There are no physical images, so blank edges and inverted contrast were not looked for; mean, \
                  maximum and contrast are those of the band, the waves within the polar grid."
                .to_owned(),
            n if n == survey.n_images => format!("The pixels of every image were read, for {looked_for}."),
            n => format!(
                "The pixels of {} of {} images, evenly spread, were read, for {looked_for}. Those of the others are \
                 of the band, the waves within the polar grid.",
                grouped(n),
                grouped(survey.n_images)
            ),
        };
        let listed = &survey.outliers.listed;
        let rows = listed.iter().zip(&self.outlier_sources).map(|(outlier, source)| {
            vec![
                Cell::name(source.file.clone()),
                Cell::count((source.section + 1) as usize),
                Cell::count(source.row as usize),
                Cell::text(outlier.describe()),
                Cell::Number(outlier.stack.number as f64, format!("{:06}", outlier.stack.number)),
                Cell::count(outlier.image),
            ]
        });
        let heads =
            ["file", "section (from\u{a0}1)", "row (from\u{a0}0)", "what is odd", "stack", "image (from\u{a0}0)"];
        let body = html! {
            p {
                "An image is listed if one of its values lies more than " (FAR) " spreads from the median of all. The \
                    spread is 1.4826 times the median absolute deviation: a standard deviation that is not affected \
                    by a few odd images. Maximum, contrast and norm are compared as logarithms, astigmatism by its \
                    square root. " (pixels)
            }
            @if listed.is_empty() {
                p { "None were found." }
            } @else {
                @if listed.len() < survey.outliers.n_found {
                    p { "The " (grouped(listed.len())) " oddest of " (grouped(survey.outliers.n_found)) " are listed." }
                }
                (table("Images that differ from the rest", &heads, rows))
                @if !self.oddest.is_empty() {
                    h3.above { "The oddest of them" }
                    div.cards {
                        @for (example, outlier) in self.oddest.iter().zip(listed) { (self.card(example, &outlier.describe())) }
                    }
                }
            }
        };
        Section { id: "outliers", title: "Outliers", body }
    }

    fn numbers(&self) -> Section {
        let survey = self.survey;
        let found =
            QUANTITIES.iter().zip(&survey.quantities).filter_map(|(quantity, found)| Some((quantity, found.as_ref()?)));
        let of_read = if survey.n_looked_at == survey.n_images {
            String::new()
        } else {
            format!("; for the {} images whose pixels were read", grouped(survey.n_looked_at))
        };
        let of_band = format!("; the grid reaches {} Å", four_digits(1.0 / self.stacks.rim()));
        let body = html! {
            div.cards.small {
                @for (quantity, found) in found {
                    @let of = match quantity.basis {
                        Basis::Metadata => "",
                        Basis::Pixels => of_read.as_str(),
                        Basis::Band => of_band.as_str(),
                    };
                    @let median = quantity.unscaled(found.typical.median);
                    (number(&found.histogram, quantity.name, quantity.unit, median, &format!("{}{of}", quantity.meaning)))
                }
                @if let Some(found) = &survey.likeness {
                    @let meaning = format!(
                        "how well the image matches the median particle, around the centre, in standard deviations of \
                         noise; negative: inverted contrast{of_read}"
                    );
                    (number(&found.histogram, "likeness", "", found.typical.median, &meaning))
                }
            }
        };
        Section { id: "numbers", title: "Numbers of all images", body }
    }

    fn lens_constants(&self) -> Section {
        let rows = self.survey.sets.iter().map(|set| {
            vec![
                Cell::number(set.constants.voltage_kv),
                Cell::number(set.constants.spherical_aberration_mm),
                Cell::number(set.constants.amplitude_contrast),
                Cell::count(set.n_images),
                Cell::count(set.n_stacks),
                Cell::number(set.defocus.min.round()),
                Cell::optional(set.defocus.mean().map(f64::round)),
                Cell::number(set.defocus.max.round()),
                Cell::optional(set.astigmatism.mean().map(f64::round)),
                Cell::number(set.astigmatism.max.round()),
                Cell::optional(set.contrast.mean()),
            ]
        });
        let heads = [
            "voltage (kV)",
            "Cs (mm)",
            "amplitude contrast",
            "particles",
            "stacks",
            "smallest defocus (Å)",
            "mean defocus (Å)",
            "largest defocus (Å)",
            "mean astigmatism (Å)",
            "largest astigmatism (Å)",
            if self.survey.n_looked_at > 0 { "mean contrast" } else { "mean band contrast" },
        ];
        let body = html! {
            p { "Each stack holds particles with one set of constants, from one or more optics groups." }
            p { (self.box_reach()) }
            (table("Sets of lens constants", &heads, rows))
        };
        Section { id: "lenses", title: "Lens constants", body }
    }
}

impl Contents<'_> {
    /// Whether boxes are large enough for the defocus.
    fn box_reach(&self) -> String {
        match self.survey.box_reach.message() {
            Some(text) => {
                let mut chars = text.chars();
                let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
                format!("{first}{}.", chars.as_str())
            }
            None => format!(
                "The box of {} Å is large enough for every particle's defocus, up to the rim of the grid.",
                four_digits(self.stacks.box_angstrom())
            ),
        }
    }
}

fn directions(map: &ViewingDirections) -> Section {
    let body = html! {
        p {
            "How often the particle is seen from each direction, on an equal-area map (Mollweide): rotation from \
             −180° on the left to 180° on the right, tilt from 0° at the top to 180° at the bottom."
        }
        (map.write())
    };
    Section { id: "directions", title: "Viewing directions", body }
}

/// The zeros of an image's CTF, drawn over the picture of its Fourier image.
fn rings(example: &Example) -> Markup {
    let path = |ring: &Vec<[f64; 2]>| {
        let points: Vec<String> = ring.iter().map(|[right, down]| format!("{right:.3} {down:.3}")).collect();
        format!("M{}Z", points.join("L"))
    };
    html! {
        svg.rings viewBox="-1 -1 2 2" aria-hidden="true" { @for ring in &example.rings { path d=(path(ring)) {} } }
    }
}

/// A histogram with what it means.
fn number(counts: &Histogram, name: &str, unit: &str, median: f64, meaning: &str) -> Markup {
    html! {
        figure.card {
            (histogram(counts, name, unit, "particles", median))
            figcaption {
                (meaning) "; median " (four_digits(median))
                @match counts.below + counts.above { 0 => {}, n => { "; " (grouped(n as usize)) " beyond the axis" } }
            }
        }
    }
}
