//! Evidence of a wrong pairing: rows that name a different image from the one that they are paired with.

use std::path::Path;

use super::star_file::{ImageColumns, UNNAMED};
use crate::particle::RowLines;
use verglas_core::findings::{Findings, counted_do};
use verglas_core::hint::{Hint, Setting, Text};

/// Warns how many of `rows` name a different section, or a different file, from that of the stack at `image_path` that
/// they are paired with. Only file names are compared: folders get moved, and stacks copied.
pub(super) fn report_other_images(
    star_path: &Path,
    image_path: &Path,
    named: &ImageColumns,
    rows: &[u32],
    lines: &RowLines,
    findings: &mut Findings,
) {
    let stem = |name: &[u8]| {
        let name = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
        let name = name.split(|&byte| byte == b':').next().unwrap_or(name);
        name.strip_suffix(b".mrcs").or(name.strip_suffix(b".mrc")).unwrap_or(name).to_vec()
    };
    let paired = stem(image_path.as_os_str().as_encoded_bytes());
    let is_this_file: Vec<bool> = named.files.distinct.iter().map(|file| stem(file) == paired).collect();
    let names_other = |row: &&u32| {
        let row = **row as usize;
        let section = named.section[row];
        section != UNNAMED && !(is_this_file[named.files.of_row[row] as usize] && section.0 as usize == row)
    };
    let Some(&first) = rows.iter().find(names_other) else { return };
    let n = rows.iter().filter(names_other).count();
    let file = &named.files.distinct[named.files.of_row[first as usize] as usize];
    findings.warn(
        "pairing-contradicted",
        Text::from(format!(
            "`{}`: {n} of {} another section or file than the one of `{}` that they are paired with (first: row {first}, \
             line {}, names section {} of `{}` and is taken to describe section {}): a STAR file that names its images \
             can be given without ",
            star_path.display(),
            counted_do(rows.len(), "row", "names", "name"),
            image_path.display(),
            lines.line(first).unwrap_or(0),
            u64::from(named.section[first as usize].0) + 1,
            String::from_utf8_lossy(file),
            u64::from(first) + 1
        )) + Hint::Give(Setting::Images),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::star_file::TextColumn;
    use crate::particle::SectionIndex;

    fn told(files: &[&str], rows: &[(u32, u32)], image: &str) -> Vec<String> {
        let named = ImageColumns {
            files: TextColumn::of(files, &rows.iter().map(|(file, _)| *file).collect::<Vec<_>>()),
            section: rows.iter().map(|(_, section)| SectionIndex(*section)).collect(),
        };
        let mut lines = RowLines::default();
        (0..rows.len() as u64).for_each(|row| lines.push(row + 20));
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let mut findings = Findings::new();
        report_other_images(Path::new("a.star"), Path::new(image), &named, &all, &lines, &mut findings);
        findings.warnings.into_iter().map(|warning| warning.message.to_string()).collect()
    }

    #[test]
    fn rows_that_agree_are_not_reported() {
        assert!(told(&["Extract/a.mrcs"], &[(0, 0), (0, 1)], "moved/a.mrc").is_empty());
        assert!(told(&["a.mrc:mrcs", ""], &[(0, 0), (1, u32::MAX)], "a.mrcs").is_empty());
    }

    #[test]
    fn rows_that_name_another_section_or_file_are_counted() {
        let told_of = told(&["a.mrcs", "b.mrcs"], &[(0, 0), (0, 2), (1, 2)], "a.mrcs");
        assert!(told_of[0].starts_with("`a.star`: 2 of 3 rows name another section or file"), "{told_of:?}");
        assert!(told_of[0].contains("row 1, line 21, names section 3 of `a.mrcs`"), "{told_of:?}");
    }
}
