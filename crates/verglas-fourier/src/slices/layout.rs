//! Which grid a structure's slices are taken from, in how many slabs, and how much memory that takes.

use super::axis::{Axis, smooth_length};
use super::spread::BeadGrid;
use super::structure::{AtomShape, Beads, Density};
use super::volume::{Layout, chunk_bytes, scratch_bytes};
use super::weights::{SliceReal, WeightTable};

/// Memory that planes between the two passes take where there is room.
const CHUNK_BYTES: usize = 64 << 20;

/// How the grid is made, slab by slab.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slabs {
    /// Each slab's points: u₀ from the first number on and below the second.
    pub cores: Vec<(usize, usize)>,
    /// Planes of the largest slab, those included that its points reach around them.
    pub n_planes: usize,
    /// Planes that are transformed together.
    pub chunk: usize,
}

impl Slabs {
    /// As few slabs as fit into `budget` bytes; an error says how much the minimum takes.
    pub(super) fn plan<T: SliceReal>(axes: &[Axis; 3], budget: usize, n_threads: usize) -> Result<Self, usize> {
        let halo = T::WIDTH / 2 + 1;
        let (whole, reached) = (axes[0].len(), axes[0].high as usize - halo + 1);
        let plane = Layout::new(axes).bytes::<T>(1);
        let between = chunk_bytes(axes);
        let fixed = Self::fixed_bytes::<T>(axes, n_threads);
        let least = fixed + (2 * halo + 2).min(whole) * plane + between;
        let room = budget.checked_sub(fixed).filter(|_| budget >= least).ok_or(least)?;
        let wanted = (CHUNK_BYTES / between).clamp(1, whole);
        // All in one, if the chunks do not get so small that the first pass is made over and over again.
        let left = room.saturating_sub(whole.saturating_mul(plane)) / between;
        if left >= wanted.min(whole.div_ceil(16)) {
            return Ok(Self { cores: vec![(0, reached)], n_planes: whole, chunk: wanted.min(left) });
        }
        let chunk = (room / 4 / between).clamp(1, wanted);
        let n_planes = ((room - chunk * between) / plane).min(whole);
        let (chunk, n_planes) = if n_planes < 2 * halo + 2 { (1, (room - between) / plane) } else { (chunk, n_planes) };
        let core = (n_planes - 2 * halo - 1).max(1);
        let n_slabs = reached.div_ceil(core);
        let core = reached.div_ceil(n_slabs);
        let cores = (0..n_slabs).map(|slab| (slab * core, ((slab + 1) * core).min(reached))).collect();
        Ok(Self { cores, n_planes: (core + 2 * halo + 1).min(whole), chunk })
    }

    /// The first plane of a slab, and how many there are.
    pub(super) fn planes<T: SliceReal>(&self, axes: &[Axis; 3], slab: usize) -> (usize, usize) {
        let halo = T::WIDTH / 2 + 1;
        let (start, end) = self.cores[slab];
        // Plane 0 is the frequency −halo.
        (start, (end + 2 * halo + 1).min(axes[0].len()) - start)
    }

    /// Bytes while a slab is made.
    pub(super) fn bytes<T: SliceReal>(&self, axes: &[Axis; 3], n_threads: usize) -> usize {
        Layout::new(axes).bytes::<T>(self.n_planes)
            + self.chunk * chunk_bytes(axes)
            + Self::fixed_bytes::<T>(axes, n_threads)
    }

    fn fixed_bytes<T: SliceReal>(axes: &[Axis; 3], n_threads: usize) -> usize {
        n_threads * scratch_bytes(axes) + WeightTable::<T>::bytes()
    }
}

/// The axes of a map's grid, in the order of the map's axes in memory.
pub(super) fn map_axes<T: SliceReal>(map: &Density, q_max: f64) -> [Axis; 3] {
    let directions = map.axis_order.directions();
    let q_max = q_max.min(map.q_limit());
    [0, 1, 2].map(|axis| {
        let n = map.shape[axis];
        Axis::new::<T>(n, smooth_length(2 * n), map.voxel_angstrom[directions[axis]], q_max, axis == 0)
    })
}

/// The grid's middle from the origin along x, y, z, in Å.
pub(super) fn map_shift(map: &Density) -> [f64; 3] {
    let middle = Density::middle(map.shape, map.axis_order);
    [0, 1, 2].map(|along| (middle[along] - map.centre_voxel[along]) * map.voxel_angstrom[along])
}

/// Nanoseconds that one term of a direct sum takes, roughly.
const TERM_NS: f64 = 12.0;
/// What a value costs with the short kernel, as a part of what it does else.
const COARSE: f64 = 0.2;

/// Whether this many beads are summed faster than put on a grid in one slab, for `n_values` values in all.
pub(super) fn direct_is_faster<T: SliceReal>(beads: &Beads, grid: &BeadGrid, n_values: f64, coarse: bool) -> bool {
    let n_beads = beads.radii_angstrom.len() as f64;
    let [a, b, c] = &grid.axes;
    let line = |axis: &Axis| axis.n_grid as f64 * (axis.n_grid as f64).log2() * 1.5;
    let samples = |axis: &Axis| axis.n as f64;
    let kept = |axis: &Axis| axis.len() as f64;
    let transform = samples(b) * samples(c) * line(a) + kept(a) * samples(c) * line(b) + kept(a) * kept(b) * line(c);
    let per_sample = if beads.shape == AtomShape::Gaussian { 0.7 } else { 6.0 };
    let drawn = n_beads * grid.samples_per_bead(beads) * per_sample;
    let value = if coarse { COARSE * T::VALUE_NS } else { T::VALUE_NS };
    n_values * n_beads * TERM_NS < n_values * value + transform + drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabs_cover_all_planes_and_fit() {
        let axis = |first| Axis::new::<f32>(128, 256, 1.0, 0.5, first);
        let axes = [axis(true), axis(false), axis(false)];
        let whole = Slabs::plan::<f32>(&axes, 1 << 30, 2).unwrap();
        assert_eq!(whole.cores, vec![(0, 129)]);
        assert_eq!(whole.planes::<f32>(&axes, 0), (0, axes[0].len()));
        assert!(whole.bytes::<f32>(&axes, 2) < 200 << 20);
        let least = Slabs::plan::<f32>(&axes, 0, 2).unwrap_err();
        for budget in [least, least + 1, 20 << 20, 50 << 20, 100 << 20] {
            let slabs = Slabs::plan::<f32>(&axes, budget, 2).unwrap();
            assert!(slabs.bytes::<f32>(&axes, 2) <= budget, "{budget}: {slabs:?}");
            assert_eq!(slabs.cores[0].0, 0);
            assert_eq!(slabs.cores.last().unwrap().1, 129);
            assert!(slabs.cores.windows(2).all(|pair| pair[0].1 == pair[1].0));
            for slab in 0..slabs.cores.len() {
                let (first, n) = slabs.planes::<f32>(&axes, slab);
                assert!(n <= slabs.n_planes && first + n <= axes[0].len());
                // Points below u₀ = end reach 4 planes past it, and one for rounding.
                assert!(first + n == axes[0].len() || first + n >= slabs.cores[slab].1 + 5 + 5);
            }
        }
        assert!(Slabs::plan::<f32>(&axes, least - 1, 2).is_err());
    }
}
