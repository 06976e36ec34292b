//! Trajectories: the same atoms in many places. XTC (GROMACS) and DCD (CHARMM, NAMD, X-PLOR), also packed.
//!
//! A file is looked through once, frame by frame, without unpacking a frame; then any frame can be read. A file that
//! ends within a frame has the whole frames before it, and says so.

mod bits;
mod bytes;
mod dcd;
mod xtc;

use std::path::Path;

use crate::error::{FormatError, Place, Result};
use crate::unpack::{MAX_UNPACKED_BYTES, open_unpacked};
use bytes::Bytes;
use dcd::Dcd;
use xtc::Xtc;

/// An open trajectory.
#[derive(Debug)]
pub struct Trajectory {
    file: Bytes,
    frames: Frames,
    warnings: Vec<String>,
}

#[derive(Debug)]
enum Frames {
    Xtc(Xtc),
    Dcd(Dcd),
}

impl Trajectory {
    /// Opens a trajectory, which may be packed; its first bytes say which kind it is.
    ///
    /// # Errors
    /// * As [`open_unpacked`].
    /// * [`FormatError::Malformed`]: neither XTC nor DCD; a damaged header; frames of different numbers of atoms; no
    ///   whole frame.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let (file, n_bytes) = open_unpacked(path, MAX_UNPACKED_BYTES)?;
        let file = Bytes { file, n_bytes };
        let mut warnings = Vec::new();
        let frames = if xtc::is_xtc(&file)? {
            Frames::Xtc(Xtc::open(&file, &mut warnings)?)
        } else {
            Frames::Dcd(Dcd::open(&file, &mut warnings)?)
        };
        Ok(Self { file, frames, warnings })
    }

    /// Frames that are wholly there, at least one.
    pub fn n_frames(&self) -> usize {
        match &self.frames {
            Frames::Xtc(xtc) => xtc.n_frames(),
            Frames::Dcd(dcd) => dcd.n_frames(),
        }
    }

    /// Atoms of each frame.
    pub fn n_atoms(&self) -> usize {
        match &self.frames {
            Frames::Xtc(xtc) => xtc.n_atoms(),
            Frames::Dcd(dcd) => dcd.n_atoms(),
        }
    }

    /// Oddities of the file: a last frame that is cut, a count of frames that is wrong.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Reads the positions of a frame, counted from 0, in Å: x, y, z of each atom.
    ///
    /// XTC stores whole numbers of 1/precision nm, which become Å in one division in double precision; DCD stores Å in
    /// single precision.
    ///
    /// # Errors
    /// [`FormatError::Malformed`]: damaged data, or positions that are not numbers; a frame that does not exist.
    pub fn read_frame(&self, frame: usize) -> Result<Vec<[f64; 3]>> {
        if frame >= self.n_frames() {
            return Err(FormatError::malformed(
                Place::File,
                format!("frame {frame} (counted from 0) asked for, the trajectory has {}", self.n_frames()),
            ));
        }
        let positions = match &self.frames {
            Frames::Xtc(xtc) => xtc.read_frame(&self.file, frame)?,
            Frames::Dcd(dcd) => dcd.read_frame(&self.file, frame)?,
        };
        match positions.iter().position(|position| position.iter().any(|x| !x.is_finite())) {
            Some(atom) => Err(FormatError::malformed(
                Place::File,
                format!("frame {frame} (counted from 0): the position of atom {atom} (from 0) is not a number"),
            )),
            None => Ok(positions),
        }
    }
}
