//! `verglas inspect`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use verglas::hint::{CommandWords, Words};
use verglas::{Error, Hint, Setting, Warning};
use verglas_inspect::{
    ArchiveContents, ArrayContents, Contents, CrcState, CsContents, Inspection, MOST_DISTINCT, MrcContents, Number,
    NumberRange, StackContents, StarBlock, StarContents, StarDialect, TensorContents, Values, inspect,
};

use crate::failure::Failure;
use crate::inspect_structures::{map_rows, structure_lines, template_lines};
use crate::inspect_text::{
    bytes, count, descriptor_lines, first_text, float_text, indented, number_text, pair, printable, shape, table,
};
use crate::messages::{Messages, printable_json, result};

const EXAMPLES: &str = "\
Examples:
  verglas inspect run_data.star
  verglas inspect Extract/job007/mic_0042.mrcs parameters.npz
  verglas inspect --json stacks/fft/particles_fourier_stack_000000.npz";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct InspectArguments {
    /// Files, recognised by their contents
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print one JSON document: an object for one file, an array of objects for several
    #[arg(long)]
    pub json: bool,
}

/// Describes every file, then reports what is wrong with some.
pub fn run(arguments: &InspectArguments, messages: Messages) -> std::result::Result<(), Failure> {
    let mut errors = Vec::new();
    let mut objects = Vec::new();
    for path in &arguments.files {
        match inspect(path) {
            Ok(inspection) => {
                if arguments.json {
                    objects.push(serde_json::to_value(&inspection).unwrap_or_default());
                } else {
                    result(&describe(&inspection, &CommandWords))?;
                }
                for warning in &inspection.warnings {
                    let message = format!("`{}`: {warning}", inspection.path);
                    messages.warning(&Warning { code: "file-odd", message: message.into() });
                }
                let problems = inspection.problems.iter();
                errors.extend(problems.map(|problem| Error::format(format!("`{}`: {problem}", inspection.path))));
            }
            Err(error) => {
                if arguments.json {
                    objects.push(json!({
                        "path": path.to_string_lossy(),
                        "error": error.message(),
                        "hint": error.hint(),
                    }));
                }
                errors.push(error);
            }
        }
    }
    if arguments.json {
        let document = match (objects.len(), objects.pop()) {
            (1, Some(only)) => only,
            (_, last) => Value::Array(objects.into_iter().chain(last).collect()),
        };
        result(&printable_json(format!("{document:#}")))?;
    }
    match Error::all_of(errors) {
        None => Ok(()),
        Some(error) => Err(Failure::Run(error)),
    }
}

/// The whole description of one file, for people, in the words of a front end.
#[must_use]
pub fn describe(inspection: &Inspection, words: &dyn Words) -> String {
    let (what, lines) = match &inspection.contents {
        Contents::Star(star) => (star_title(star), star_lines(star)),
        Contents::Cs(cs) => (
            format!("CryoSPARC .cs, {} × {}", count(cs.n_rows, "row"), count(cs.fields.len() as u64, "field")),
            cs_lines(cs),
        ),
        Contents::Mrc(mrc) => (mrc_title(mrc), mrc_lines(mrc, words)),
        Contents::Structure(structure) => ("structure".to_owned(), structure_lines(structure)),
        Contents::Trajectory(trajectory) => (
            format!(
                "trajectory, {} of {}",
                count(trajectory.n_frames as u64, "frame"),
                count(trajectory.n_atoms as u64, "atom")
            ),
            Vec::new(),
        ),
        Contents::TemplateMetadata(templates) => {
            (format!("metadata of {}", count(templates.n_templates as u64, "template")), template_lines(templates))
        }
        Contents::Descriptor(descriptor) => ("image descriptor".to_owned(), descriptor_lines(descriptor)),
        Contents::StackMetadata(stack) => {
            (format!("metadata of a stack of {}", count(stack.n_images, "image")), stack_lines(stack))
        }
        Contents::Tensor(tensor) => {
            (format!("PyTorch tensor, {} {}", tensor.dtype, shape(&tensor.shape)), tensor_lines(tensor))
        }
        Contents::Array(array) => (format!("NumPy array, {} {}", array.dtype, shape(&array.shape)), array_lines(array)),
        Contents::Archive(archive) => {
            (format!("archive of {}", count(archive.arrays.len() as u64, "array")), archive_lines(archive))
        }
    };
    let mut text = format!("{}: {what}, {}", printable(&inspection.path), bytes(inspection.bytes));
    for line in lines {
        text.push_str("\n  ");
        text.push_str(line.trim_end());
    }
    text
}

fn star_title(star: &StarContents) -> String {
    let dialect = match star.dialect {
        StarDialect::Relion31 => "STAR, RELION 3.1 or later",
        StarDialect::Relion30 => "STAR, RELION 3.0 or earlier",
        StarDialect::Generic => "STAR",
    };
    format!("{dialect}, {}", count(star.n_blocks, "block"))
}

fn star_lines(star: &StarContents) -> Vec<String> {
    let mut lines = Vec::new();
    for block in &star.blocks {
        lines.push(format!(
            "data_{}: {} × {}{}",
            printable(&block.name),
            count(block.n_rows, "row"),
            count(block.columns.len() as u64, "column"),
            if block.layout == "pairs" { " (keys and values)" } else { "" },
        ));
        lines.extend(indented(star_table(block)));
    }
    let n_unlisted = star.n_blocks.saturating_sub(star.blocks.len() as u64);
    if n_unlisted > 0 {
        lines.push(format!("and {} more", count(n_unlisted, "block")));
    }
    if !star.optics_groups.is_empty() {
        lines.push("optics groups".to_owned());
        let rows = star.optics_groups.iter().map(|group| {
            let mut name = group.name.as_deref().map(printable).unwrap_or_default();
            if !group.in_optics && star.dialect == StarDialect::Relion31 {
                name = "missing in data_optics".to_owned();
            }
            let n_particles = group.n_particles.map_or("particles name no group".to_owned(), |n| count(n, "particle"));
            vec![printable(&group.group), name, n_particles]
        });
        lines.extend(indented(table(rows.collect())));
    }
    lines
}

fn star_table(block: &StarBlock) -> Vec<String> {
    if block.columns.is_empty() {
        return Vec::new();
    }
    let mut rows = vec![header(&["column"])];
    for column in &block.columns {
        let mut row = vec![printable(&column.name)];
        row.extend(value_cells(&column.values));
        rows.push(row);
    }
    table(rows)
}

fn cs_lines(cs: &CsContents) -> Vec<String> {
    let mut rows = vec![header(&["field", "type", "shape"])];
    for field in &cs.fields {
        let mut row = vec![printable(&field.name), field.dtype.clone()];
        let extents: Vec<u64> = field.shape.iter().map(|&n| n as u64).collect();
        row.push(if extents.is_empty() { String::new() } else { shape(&extents) });
        row.extend(field.values.as_ref().map(value_cells).unwrap_or_default());
        rows.push(row);
    }
    table(rows)
}

/// The head of a table of values.
fn header(first: &[&str]) -> Vec<String> {
    first.iter().chain(&["distinct", "min", "max", "mean", "first"]).map(|&name| name.to_owned()).collect()
}

fn value_cells(values: &Values) -> Vec<String> {
    let distinct = match (values.n_distinct, &values.first) {
        (_, None) => String::new(),
        (Some(n), _) => n.to_string(),
        (None, _) => format!(">{MOST_DISTINCT}"),
    };
    let [min, max, mean] = values.range.map(range_cells).unwrap_or_default();
    // Where all values are the same, the range says it all.
    let is_reported = values.range.is_some() && values.n_distinct == Some(1);
    let first = match &values.first {
        Some(first) if !is_reported || min.is_empty() => first_text(first),
        _ => String::new(),
    };
    let not_finite = match values.range {
        Some(range) if range.n_not_finite > 0 => format!(" ({} not finite)", range.n_not_finite),
        _ => String::new(),
    };
    vec![distinct, min, max, mean, first + &not_finite]
}

fn range_cells(range: NumberRange) -> [String; 3] {
    let of = |number: Option<Number>| number.map(number_text).unwrap_or_default();
    [of(range.min), of(range.max), range.mean.map(float_text).unwrap_or_default()]
}

fn mrc_title(mrc: &MrcContents) -> String {
    let packed = mrc.compression.as_ref().map(|name| format!(" packed with {name}")).unwrap_or_default();
    format!("MRC{packed}, {} of {} × {} px", count(mrc.n_sections, "section"), mrc.n_columns, mrc.n_rows)
}

fn mrc_lines(mrc: &MrcContents, words: &dyn Words) -> Vec<String> {
    let mut rows = vec![
        pair(
            "pixels",
            match mrc.byte_sign {
                Some(sign) => format!(
                    "mode {} ({}), read as {sign} unless {} says otherwise, {}-endian",
                    mrc.mode,
                    mrc.mode_name,
                    words.hint(Hint::Give(Setting::Mode0)),
                    mrc.byte_order
                ),
                None => format!("mode {} ({}), {}-endian", mrc.mode, mrc.mode_name, mrc.byte_order),
            },
        ),
        pair(
            "pixel size",
            match (mrc.voxel_size_angstrom, mrc.pixel_size_angstrom) {
                (Some(size), _) => format!("{} Å", size.map(float_text).join(" × ")),
                (None, Some(size)) => format!("{} Å", size.map(float_text).join(" × ")),
                (None, None) => match mrc.cell_without_grid_angstrom {
                    Some(cell) => format!(
                        "unknown: the cell is {} Å and its grid 0, which gives no pixel size",
                        cell.map(float_text).join(" × ")
                    ),
                    None => "not stated".to_owned(),
                },
            },
        ),
        pair(
            "stamp",
            match mrc.has_map_stamp {
                true => format!("MAP, version {}, space group {}", mrc.version, mrc.space_group),
                false => format!("none, space group {}", mrc.space_group),
            },
        ),
    ];
    if mrc.extended_header_bytes > 0 {
        let kind = if mrc.extended_header_type.is_empty() { "" } else { ", type " };
        let size = bytes(mrc.extended_header_bytes);
        rows.push(pair("extended header", format!("{size}{kind}{}", mrc.extended_header_type)));
    }
    let claim = mrc.claimed_bytes.map(bytes).unwrap_or_default();
    rows.push(pair(
        "size",
        match (mrc.shortfall, mrc.found_bytes) {
            (Some(shortfall), _) => format!(
                "cut short: {} of the {claim} claimed are missing, {} whole",
                bytes(shortfall.missing_bytes),
                count(shortfall.n_sections_present, "section")
            ),
            (None, Some(found)) if mrc.claimed_bytes == Some(found) => "as claimed".to_owned(),
            (None, Some(_)) => format!("the header claims {claim}"),
            (None, None) => format!("the header claims {claim}, unpacked; not compared"),
        },
    ));
    rows.extend(mrc.map.iter().flat_map(map_rows));
    rows.extend(mrc.labels.iter().map(|label| pair("label", printable(label))));
    table(rows)
}

fn stack_lines(stack: &StackContents) -> Vec<String> {
    let with_unit = |value: Option<f64>, unit: &str| match value {
        Some(value) => format!("{} {unit}", float_text(value)).trim_end().to_owned(),
        None => "absent".to_owned(),
    };
    let mut rows = vec![
        pair("voltage", with_unit(stack.voltage_kv, "kV")),
        pair("spherical aberration", with_unit(stack.spherical_aberration_mm, "mm")),
        pair("amplitude contrast", with_unit(stack.amplitude_contrast, "")),
        pair("pixel size of the metadata", with_unit(stack.ref_pixel_size_angstrom, "Å")),
        pair("defocus angle from", stack.defocus_angle_axis.as_deref().map_or("not stated".to_owned(), printable)),
        pair("uid", if stack.has_uid { "yes" } else { "no" }.to_owned()),
    ];
    if let Some([start, end]) = stack.range_in_file {
        rows.push(pair("images of their file", format!("{start} to {end}, without the last")));
    }
    let mut lines = table(rows);
    let mut rows = vec![["values", "unit", "count", "min", "max", "mean"].map(str::to_owned).to_vec()];
    for values in &stack.per_image {
        let mut row = vec![values.name.to_owned(), values.unit.to_owned(), values.n_values.to_string()];
        row.extend(range_cells(values.range));
        rows.push(row);
    }
    lines.extend(table(rows));
    /// How many image files are shown.
    const MOST_FILES: usize = 20;
    lines.push(format!("from {}", count(stack.n_files as u64, "image file")));
    let files = stack.files.iter().take(MOST_FILES);
    lines.extend(indented(table(
        files.map(|file| vec![printable(&file.file), count(file.n_images, "image")]).collect(),
    )));
    if stack.n_files > MOST_FILES {
        lines.push(format!("  and {} more", stack.n_files - MOST_FILES));
    }
    lines.push("descriptor".to_owned());
    lines.extend(indented(descriptor_lines(&stack.descriptor)));
    lines
}

fn tensor_lines(tensor: &TensorContents) -> Vec<String> {
    let mut rows = vec![pair("values", format!("{}, {}-endian", bytes(tensor.data_bytes), tensor.byte_order))];
    if tensor.storage_bytes != tensor.data_bytes {
        rows.push(pair("storage", format!("{}, of which the tensor is a part", bytes(tensor.storage_bytes))));
    }
    if !tensor.is_contiguous {
        rows.push(pair("layout", "not contiguous".to_owned()));
    }
    let crc = match tensor.crc {
        CrcState::Right => "right",
        CrcState::Wrong => "wrong",
        CrcState::NotChecked => "not compared: the file is large",
    };
    rows.push(pair("checksums", crc.to_owned()));
    table(rows)
}

fn array_lines(array: &ArrayContents) -> Vec<String> {
    let mut rows = Vec::new();
    if let Some(range) = array.range {
        let [min, max, mean] = range_cells(range);
        if !min.is_empty() {
            rows.push(pair("values", format!("{min} to {max}, mean {mean}")));
        }
        if range.n_not_finite > 0 {
            rows.push(pair("not finite", range.n_not_finite.to_string()));
        }
    }
    if let Some(n_true) = array.n_true {
        rows.push(pair("true", n_true.to_string()));
    }
    if array.fortran_order {
        rows.push(pair("order", "first axis fastest".to_owned()));
    }
    table(rows)
}

fn archive_lines(archive: &ArchiveContents) -> Vec<String> {
    let rows = archive.arrays.iter().map(|array| {
        let packed = if array.is_compressed { "compressed" } else { "" };
        vec![printable(&array.name), array.dtype.clone(), shape(&array.shape), bytes(array.bytes), packed.to_owned()]
    });
    let mut lines = table(rows.collect());
    lines.extend(archive.others.iter().map(|name| format!("{} (no array)", printable(name))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (number, text) in [
            (0.0, "0"),
            (300.0, "300"),
            (0.885, "0.885"),
            (15301.1, "15301.1"),
            (15301.123456, "15301.12"),
            (-0.0012345678, "-0.001234568"),
            (100000000.0, "100000000"),
            (1e-7, "1.000000e-7"),
            (0.1 + 0.2, "0.3"),
        ] {
            assert_eq!(float_text(number), text);
        }
    }

    #[test]
    fn tables_are_aligned_and_texts_harmless() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        assert_eq!(table(vec![row(["a", "1"]), row(["Å·b", ""]), row(["", "2"])]), ["a    1", "Å·b", "     2"]);
        assert_eq!(printable("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(printable(&"x".repeat(101)).chars().count(), 101);
    }
}
