//! Stands in for `results.parquet` where the program was built without it.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::path::Path;

use verglas_core::error::Result;

use crate::checksummed::Checksummed;
use crate::number::Number;
use crate::row::{Row, Value};
use crate::settings::TableFormat;

/// There is none.
pub(crate) struct ParquetTable<T>(Infallible, PhantomData<T>);

impl<T: Number> ParquetTable<T> {
    pub(crate) fn start(_: Checksummed, _: bool) -> Result<Self> {
        Err(TableFormat::without_parquet())
    }

    pub(crate) fn write(&mut self, _: Row<T>) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn finish(self) -> Result<Checksummed> {
        match self.0 {}
    }
}

/// There are none.
pub(crate) struct ParquetRows(Infallible);

impl ParquetRows {
    pub(crate) fn open(_: &Path, _: bool) -> Result<Self> {
        Err(TableFormat::without_parquet())
    }

    pub(crate) fn next_row(&mut self) -> Result<Option<Vec<Option<Value>>>> {
        match self.0 {}
    }
}
