//! The decoded columns of one `.cs` file, or of two that were joined.

use super::fields::Field;
use crate::particle::{Column, SectionIndex};

/// The columns of `.cs` files that we use, one element per row.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) n_rows: usize,
    pub(super) uid: Option<Vec<u64>>,
    pub(super) paths: Option<PathColumn>,
    pub(super) sections: Option<Vec<SectionIndex>>,
    pub(super) groups: Option<GroupColumn>,
    /// One column per value of a field; a single one, 1 where a value is not zero, for those in [`Field::DROPPED`].
    pub(super) numbers: Vec<(Field, Vec<Column>)>,
}

/// Image files: each path once, without CryoSPARC's leading `>`.
#[derive(Debug, Default, Clone)]
pub(super) struct PathColumn {
    /// The different paths, in the order of their first row in the file.
    pub(super) distinct: Vec<Vec<u8>>,
    /// Per row: index into `distinct`.
    pub(super) of_row: Vec<u32>,
}

/// Exposure groups, CryoSPARC's name for optics groups.
#[derive(Debug, Default, Clone)]
pub(super) struct GroupColumn {
    /// The different groups, in the order of their first row in the file.
    pub(super) distinct: Vec<i64>,
    /// Per row: index into `distinct`.
    pub(super) of_row: Vec<u32>,
}

impl Columns {
    /// Takes a field with `N` values per row out.
    pub(super) fn take<const N: usize>(&mut self, field: Field) -> Option<[Column; N]> {
        let at = self.numbers.iter().position(|(there, _)| *there == field)?;
        self.numbers.swap_remove(at).1.try_into().ok()
    }

    /// A field's columns.
    pub(super) fn numbers(&self, field: Field) -> Option<&[Column]> {
        self.numbers.iter().find(|(there, _)| *there == field).map(|(_, columns)| columns.as_slice())
    }

    /// Takes a field away.
    pub(super) fn remove(&mut self, field: Field) {
        match field {
            Field::Uid => self.uid = None,
            Field::BlobPath => self.paths = None,
            Field::BlobIndex => self.sections = None,
            Field::ExposureGroup => self.groups = None,
            _ => self.numbers.retain(|(there, _)| *there != field),
        }
    }

    /// Keeps only these rows, in this order.
    pub(super) fn select(&mut self, rows: &[u32]) {
        self.n_rows = rows.len();
        if let Some(uid) = &mut self.uid {
            select(uid, rows);
        }
        if let Some(paths) = &mut self.paths {
            select(&mut paths.of_row, rows);
        }
        if let Some(sections) = &mut self.sections {
            select(sections, rows);
        }
        if let Some(groups) = &mut self.groups {
            select(&mut groups.of_row, rows);
        }
        for (_, columns) in &mut self.numbers {
            columns.iter_mut().for_each(|column| column.select(rows));
        }
    }

    /// Takes over the columns of another file with the same rows in the same order; none already exists.
    pub(super) fn absorb(&mut self, other: Columns) {
        self.uid = self.uid.take().or(other.uid);
        self.paths = self.paths.take().or(other.paths);
        self.sections = self.sections.take().or(other.sections);
        self.groups = self.groups.take().or(other.groups);
        self.numbers.extend(other.numbers);
    }
}

fn select<T: Copy>(values: &mut Vec<T>, rows: &[u32]) {
    *values = rows.iter().map(|&row| values[row as usize]).collect();
}
