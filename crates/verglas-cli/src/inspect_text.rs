//! The text and tables that describe a file.

use verglas_inspect::{DescriptorContents, First, Item, Number};

pub(crate) fn descriptor_lines(descriptor: &DescriptorContents) -> Vec<String> {
    let two = |[first, second]: [f64; 2]| match first == second {
        true => float_text(first),
        false => format!("{} × {}", float_text(first), float_text(second)),
    };
    let or_absent = |value: Option<f64>| value.map_or("absent".to_owned(), float_text);
    table(vec![
        pair("box", format!("{} px, {} Å", descriptor.n_pixels, two(descriptor.box_angstrom))),
        pair("pixel size", format!("{} Å", two(descriptor.pixel_size_angstrom))),
        pair("precision", descriptor.precision.to_owned()),
        pair("polar grid", format!("{} shells × {} angles", descriptor.n_shells, descriptor.n_inplanes)),
        pair(
            "radius",
            format!(
                "{} ({} of Nyquist), to {} Å",
                float_text(descriptor.radius_max),
                float_text(descriptor.resolution_factor),
                float_text(descriptor.resolution_angstrom)
            ),
        ),
        pair("shell distance", float_text(descriptor.dist_radii)),
        pair("Fourier image", bytes(descriptor.bytes_per_image)),
        pair("viewing distance", or_absent(descriptor.viewing_distance)),
        pair(
            "atom radius",
            descriptor.atom_radii.map_or("absent".to_owned(), |radius| format!("{} Å", float_text(radius))),
        ),
        pair("atom selection", descriptor.atom_selection.as_deref().map_or("absent".to_owned(), printable)),
        pair("residues for atoms", if descriptor.use_protein_residue_model { "yes" } else { "no" }.to_owned()),
        pair("atom shape", descriptor.atom_shape.to_owned()),
    ])
}

pub(crate) fn pair(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}

/// Rows with aligned cells, two blanks apart.
pub(crate) fn table(rows: Vec<Vec<String>>) -> Vec<String> {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..n_columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

pub(crate) fn indented(lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| format!("  {line}"))
}

pub(crate) fn first_text(first: &First) -> String {
    match first {
        First::One(item) => item_text(item),
        First::Several(items) => format!("[{}]", items.iter().map(item_text).collect::<Vec<_>>().join(", ")),
    }
}

pub(crate) fn item_text(item: &Item) -> String {
    match item {
        Item::Bool(flag) => flag.to_string(),
        Item::Number(number) => number_text(*number),
        Item::Text(text) => printable(text),
    }
}

pub(crate) fn number_text(number: Number) -> String {
    match number {
        Number::Int(number) => number.to_string(),
        Number::Uint(number) => number.to_string(),
        Number::Float(number) => float_text(number),
    }
}

/// Seven significant digits, more than float32 has; without zeros at the end.
pub(crate) fn float_text(number: f64) -> String {
    let magnitude = number.abs();
    if number == 0.0 {
        return "0".to_owned();
    }
    if !number.is_finite() {
        return number.to_string();
    }
    if !(1e-4..1e12).contains(&magnitude) {
        return format!("{number:.6e}");
    }
    let n_decimals = (6 - magnitude.log10().floor() as i32).clamp(0, 10) as usize;
    let text = format!("{number:.n_decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A text on one line of a terminal: control characters escaped, cut where it is long.
pub(crate) fn printable(text: &str) -> String {
    /// Longest text that is shown in full.
    const MOST_CHARS: usize = 100;
    let mut shown = String::new();
    for char in text.chars().take(MOST_CHARS) {
        if char.is_control() { shown.extend(char.escape_default()) } else { shown.push(char) }
    }
    if text.chars().nth(MOST_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

pub(crate) fn shape(extents: &[u64]) -> String {
    match extents {
        [] => "()".to_owned(),
        extents => extents.iter().map(u64::to_string).collect::<Vec<_>>().join(" × "),
    }
}

pub(crate) fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

pub(crate) fn bytes(n: u64) -> String {
    if n < 1024 { count(n, "byte") } else { indicatif::HumanBytes(n).to_string() }
}
