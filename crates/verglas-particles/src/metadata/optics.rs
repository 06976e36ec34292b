//! Joins particles and optics groups on `rlnOpticsGroup`, keeping the order of the particle rows and losing none.

use std::collections::HashMap;
use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted, counted_do, shown};
use verglas_formats::star::value;

use super::fields::{Field, OPTICS_GROUP, OPTICS_GROUP_NAME, ZERNIKES};
use super::problems::RowProblems;
use super::star_file::{OpticsBlock, ParticleBlock, StarFile, has_nonzero_number};
use crate::particle::{Column, Pairing};

/// The joined columns of one STAR file.
#[derive(Debug)]
pub(super) struct JoinedColumns {
    numbers: Vec<(Field, Column)>,
    /// The optics groups that the particles belong to; `None` where the file has no groups at all.
    pub(super) groups: Option<OpticsGroups>,
    /// Whether a Zernike coefficient of a group that is in use is not zero.
    pub(super) has_zernikes: bool,
}

/// Which optics group each particle belongs to.
#[derive(Debug)]
pub(super) struct OpticsGroups {
    /// Number and, if the file has one, name of each group.
    pub(super) labels: Vec<(String, Option<String>)>,
    /// Per particle: index into `labels`.
    pub(super) of_row: Vec<u32>,
}

impl JoinedColumns {
    /// Those of the particle block alone.
    pub(super) fn of_particles(particles: &mut ParticleBlock) -> Self {
        let numbers = std::mem::take(&mut particles.numbers);
        Self { numbers, groups: None, has_zernikes: particles.has_zernikes }
    }

    /// Whether a column is there.
    pub(super) fn has(&self, field: Field) -> bool {
        self.numbers.iter().any(|(there, _)| *there == field)
    }

    /// Takes a column out.
    pub(super) fn take(&mut self, field: Field) -> Option<Column> {
        let at = self.numbers.iter().position(|(there, _)| *there == field)?;
        Some(self.numbers.swap_remove(at).1)
    }
}

/// Joins the blocks of a STAR file.
///
/// For a value that is in both blocks, the particle row's is used, as in RELION; differing values are reported
/// once per column.
///
/// # Errors
/// When a particle names an optics group that is not there, when a group appears twice in the optics block, or when
/// particles without a group face several groups.
pub(super) fn join_optics(star: &mut StarFile, pairing: Pairing, findings: &mut Findings) -> Result<JoinedColumns> {
    let ignored: &[Field] = match pairing {
        Pairing::Indexed => &[],
        Pairing::Sequential => &Field::IGNORED_IN_SEQUENCE,
    };
    let particles = &mut star.particles;
    let Some(optics) = &star.optics else {
        let numbers = std::mem::take(&mut particles.numbers);
        let groups = particles.groups.take().map(|groups| OpticsGroups {
            labels: groups.distinct.iter().map(|id| (String::from_utf8_lossy(id).into_owned(), None)).collect(),
            of_row: groups.of_row,
        });
        return Ok(JoinedColumns { numbers, groups, has_zernikes: particles.has_zernikes });
    };
    let (optics_row_of_group, groups) = match_groups(&star.path, particles, optics, findings)?;
    let mut numbers = std::mem::take(&mut particles.numbers);

    let mut used = optics_row_of_group.clone();
    used.sort_unstable();
    used.dedup();
    let mut problems = RowProblems::default();
    for field in Field::ALL.into_iter().filter(|field| !ignored.contains(field)) {
        let Some(at) = optics.columns.iter().position(|name| name == field.name()) else { continue };
        let mut by_group = Vec::with_capacity(optics_row_of_group.len());
        for &row in &optics_row_of_group {
            let (line, values) = &optics.rows[row];
            let text = values.get(at).map(Vec::as_slice).unwrap_or_default();
            let number = value::parse_f64(text).filter(|number| number.is_finite());
            if number.is_none() && !field.is_lenient(pairing) {
                problems.add(field.name(), || {
                    Error::format(format!(
                        "line {line} of `{}`: rln{} is `{}`, expected a number",
                        star.path.display(),
                        field.name(),
                        String::from_utf8_lossy(text)
                    ))
                });
            }
            by_group.push(if field.is_lenient(pairing) { number.or(Some(0.0)) } else { number });
        }
        match numbers.iter().find(|(there, _)| *there == field) {
            Some((_, column)) => report_differing(&star.path, field, column, &groups, &by_group, findings),
            // No pixel size is better than an invented one.
            None if field.is_pixel_size() && by_group.iter().all(Option::is_none) => {}
            None => numbers.push((field, spread(&by_group, &groups))),
        }
    }
    problems.report(findings);

    let zernike_columns: Vec<usize> = optics
        .columns
        .iter()
        .enumerate()
        .filter(|(_, name)| ZERNIKES.contains(&name.as_str()))
        .map(|(at, _)| at)
        .collect();
    let has_zernikes = particles.has_zernikes
        || used.iter().any(|&row| {
            zernike_columns.iter().any(|&at| optics.rows[row].1.get(at).is_some_and(|list| has_nonzero_number(list)))
        });
    Ok(JoinedColumns { numbers, groups: Some(groups), has_zernikes })
}

/// Finds the row of the optics block for each group that the particles name.
fn match_groups(
    path: &Path,
    particles: &mut ParticleBlock,
    optics: &OpticsBlock,
    findings: &mut Findings,
) -> Result<(Vec<usize>, OpticsGroups)> {
    let id_at = optics.columns.iter().position(|name| name == OPTICS_GROUP);
    let name_at = optics.columns.iter().position(|name| name == OPTICS_GROUP_NAME);
    let label = |row: usize| {
        let text = |at: usize| optics.rows[row].1.get(at).map(|text| String::from_utf8_lossy(text).into_owned());
        (id_at.and_then(text).unwrap_or_else(|| (row + 1).to_string()), name_at.and_then(text))
    };

    let Some(groups) = particles.groups.take() else {
        if optics.rows.len() != 1 {
            return Err(Error::format(format!(
                "`{}`: the particles have no column rlnOpticsGroup, and the optics block has {}",
                path.display(),
                counted(optics.rows.len(), "group")
            )));
        }
        findings.warn(
            "optics-group-assumed",
            format!(
                "`{}`: the particles have no column rlnOpticsGroup; {} taken to be in the only group, {}",
                path.display(),
                counted(particles.n_rows, "row"),
                label(0).0
            ),
        );
        return Ok((vec![0], OpticsGroups { labels: vec![label(0)], of_row: vec![0; particles.n_rows] }));
    };
    let Some(id_at) = id_at else {
        return Err(Error::format(format!(
            "`{}`: the particles have a column rlnOpticsGroup, but the optics block has none",
            path.display()
        )));
    };

    let mut rows_by_id: HashMap<GroupId, usize> = HashMap::new();
    for (row, (line, values)) in optics.rows.iter().enumerate() {
        let id = values.get(id_at).map(Vec::as_slice).unwrap_or_default();
        if rows_by_id.insert(GroupId::of(id), row).is_some() {
            return Err(Error::format(format!(
                "line {line} of `{}`: optics group {} appears twice in the optics block",
                path.display(),
                String::from_utf8_lossy(id)
            )));
        }
    }
    let mut optics_rows = Vec::with_capacity(groups.distinct.len());
    let mut missing = Vec::new();
    for (group, id) in groups.distinct.iter().enumerate() {
        match rows_by_id.get(&GroupId::of(id)) {
            Some(&row) => optics_rows.push(row),
            None => missing.push(group),
        }
    }
    if let Some(&group) = missing.first() {
        let n_rows = groups.of_row.iter().filter(|&&of| of as usize == group).count();
        let row = groups.of_row.iter().position(|&of| of as usize == group).unwrap_or(0);
        let line = particles.lines.line(row as u32).unwrap_or(0);
        let mut error = Error::format(format!(
            "row {row} of `{}` (line {line}): optics group {} is not in the optics block",
            path.display(),
            String::from_utf8_lossy(&groups.distinct[group])
        ))
        .with_detail(format_args!("{} this group", counted_do(n_rows, "row", "names", "name")));
        if missing.len() > 1 {
            let others = missing[1..].iter().map(|&group| String::from_utf8_lossy(&groups.distinct[group]));
            error = error.with_detail(format_args!("also missing: {}", others.collect::<Vec<_>>().join(", ")));
        }
        if optics.rows.is_empty() {
            return Err(error.with_detail("the optics block has no rows"));
        }
        let there = (0..optics.rows.len()).map(|row| label(row).0).collect::<Vec<_>>().join(", ");
        return Err(error.with_detail(format_args!("groups there: {there}")));
    }
    let labels = optics_rows.iter().map(|&row| label(row)).collect();
    Ok((optics_rows, OpticsGroups { labels, of_row: groups.of_row }))
}

/// An optics group's identity: `1`, `01` and `1.000` are one group, as numbers are in RELION.
#[derive(PartialEq, Eq, Hash)]
enum GroupId {
    Number(u64),
    Text(Vec<u8>),
}

impl GroupId {
    fn of(text: &[u8]) -> Self {
        match value::parse_f64(text) {
            Some(number) => Self::Number((number + 0.0).to_bits()),
            None => Self::Text(text.to_vec()),
        }
    }
}

/// One value per group as one value per particle. A group whose value can't be read, which is an error already, gets
/// another's, so that nothing further seems to be wrong with it.
fn spread(by_group: &[Option<f64>], groups: &OpticsGroups) -> Column {
    let fallback = by_group.iter().find_map(|value| *value).unwrap_or(0.0);
    let of_group = |group: usize| by_group[group].unwrap_or(fallback);
    if (0..by_group.len()).all(|group| of_group(group).to_bits() == fallback.to_bits()) {
        return Column::Constant(fallback);
    }
    Column::PerParticle(groups.of_row.iter().map(|&group| of_group(group as usize)).collect())
}

fn report_differing(
    path: &Path,
    field: Field,
    column: &Column,
    groups: &OpticsGroups,
    by_group: &[Option<f64>],
    findings: &mut Findings,
) {
    let mut rows = (0..groups.of_row.len()).filter_map(|row| {
        let of_group = by_group[groups.of_row[row] as usize]?;
        (column.get(row) != of_group).then_some((row, of_group))
    });
    if let Some((first, of_group)) = rows.next() {
        let n_rows = 1 + rows.count();
        findings.warn(
            "differs-between-blocks",
            format!(
                "`{}`: rln{} differs between particles and optics in {} (row {first}: {} and {}); \
                 the particle row counts",
                path.display(),
                field.name(),
                counted(n_rows, "row"),
                shown(column.get(first)),
                shown(of_group)
            ),
        );
    }
}
