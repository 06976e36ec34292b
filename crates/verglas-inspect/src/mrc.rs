//! MRC stacks: what the header says, against the file.

use std::path::Path;

use serde::Serialize;
use verglas_core::error::{Error, Result};
use verglas_formats::mrc::{ByteOrder, Mode, read_header};

use verglas_structures::inspect::MapSummary;

use super::found::Found;

/// The contents of an MRC file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MrcContents {
    /// Width of a section, pixels along x.
    pub n_columns: u64,
    /// Height of a section, pixels along y.
    pub n_rows: u64,
    /// Sections that the header claims; each is read as one image.
    pub n_sections: u64,
    /// The mode's number.
    pub mode: i32,
    /// The pixel type, such as `32-bit floats`.
    pub mode_name: &'static str,
    /// `little` or `big`.
    pub byte_order: &'static str,
    /// Whether the `MAP ` stamp of MRC2014 is there.
    pub has_map_stamp: bool,
    /// The header's pixel size along x and y, Å; `None` where it makes no sense.
    pub pixel_size_angstrom: Option<[f64; 2]>,
    /// The same along x, y and z.
    pub voxel_size_angstrom: Option<[f64; 3]>,
    /// The cell's sides along x and y, Å, where there is a cell and its grid is 0: no pixel size follows from that.
    pub cell_without_grid_angstrom: Option<[f64; 2]>,
    /// How 8-bit pixels are read by default: `signed`; `None` for other modes.
    pub byte_sign: Option<&'static str>,
    /// The file as one map; `None` for a single image.
    pub map: Option<MapSummary>,
    /// 0 for images, 1 for a volume, 401 and above for a stack of volumes.
    pub space_group: i32,
    /// NVERSION: 20140 or 20141 for MRC2014.
    pub version: i32,
    /// Bytes of the extended header.
    pub extended_header_bytes: u64,
    /// The type, such as `FEI1`; empty if the file does not say.
    pub extended_header_type: String,
    /// The labels that are in use.
    pub labels: Vec<String>,
    /// `gzip` or `bzip2`.
    pub compression: Option<String>,
    /// Bytes that the header claims, itself included.
    pub claimed_bytes: Option<u64>,
    /// Bytes found; `None` for a compressed file, which is not unpacked here.
    pub found_bytes: Option<u64>,
    /// What is missing; `None` if nothing is, or for a compressed file.
    pub shortfall: Option<Shortfall>,
}

/// How much of a file is missing that its header claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Shortfall {
    /// Bytes that are missing.
    pub missing_bytes: u64,
    /// Sections that are wholly there.
    pub n_sections_present: u64,
}

pub(super) fn inspect_mrc(path: &Path) -> Result<Found<MrcContents>> {
    let summary = read_header(path).map_err(|error| Error::from_format(path, error))?;
    let header = summary.header;
    let map = (header.n_sections > 1).then(|| MapSummary::new(&header));
    let contents = MrcContents {
        n_columns: header.n_columns,
        n_rows: header.n_rows,
        n_sections: header.n_sections,
        mode: header.mode.code(),
        mode_name: header.mode.name(),
        byte_order: match header.byte_order {
            ByteOrder::Little => "little",
            ByteOrder::Big => "big",
        },
        has_map_stamp: header.has_map_stamp,
        pixel_size_angstrom: header.pixel_size_angstrom,
        voxel_size_angstrom: header.voxel_size_angstrom,
        cell_without_grid_angstrom: header.cell_without_grid_angstrom,
        byte_sign: (header.mode == Mode::Int8).then_some("signed"),
        map,
        space_group: header.space_group,
        version: header.version,
        extended_header_bytes: header.extended_header_bytes,
        claimed_bytes: header.expected_file_bytes(),
        extended_header_type: header.extended_header_type,
        labels: header.labels,
        compression: summary.compression.map(|compression| compression.to_string()),
        found_bytes: summary.file_bytes,
        shortfall: summary.truncation.map(|truncation| Shortfall {
            missing_bytes: truncation.expected_bytes.saturating_sub(truncation.found_bytes),
            n_sections_present: truncation.n_sections_present,
        }),
    };
    Ok(Found {
        contents,
        warnings: summary.warnings.iter().map(ToString::to_string).collect(),
        problems: {
            let truncation = summary.truncation.iter().map(ToString::to_string);
            truncation.chain(summary.misfit.iter().map(ToString::to_string)).collect()
        },
    })
}
