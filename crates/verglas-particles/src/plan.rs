//! Which particle goes to which output stack, and where in it.
//!
//! The plan depends on the particles and the settings alone, never on the machine or the number of threads.

use std::ops::Range;

use verglas_run::Shard;

use crate::particle::{Pairing, ParticleTable};

/// What determines the plan besides the particles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanSettings {
    /// Most images per stack.
    pub batch_size: usize,
    /// Don't mix image files within a stack.
    pub keep_files_apart: bool,
    /// Stop after this many stacks.
    pub max_stacks: Option<usize>,
}

/// One output stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedStack {
    /// Positions in [`StackPlan::particle`].
    pub positions: Range<usize>,
    /// Index into the table's constants.
    pub constants: u32,
    /// The range of the stack's images in their pair, or among those of their image file, for stacks that never mix
    /// files; `None` also where they are not consecutive there, because other optics groups or constants lie in
    /// between.
    pub range_in_file: Option<Range<usize>>,
}

impl PlannedStack {
    /// The number of images.
    pub fn n_images(&self) -> usize {
        self.positions.len()
    }
}

/// All output stacks of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackPlan {
    /// Particles in output order; `None` while that is the order of the table.
    order: Option<Vec<u32>>,
    stacks: Vec<PlannedStack>,
    /// Whether no stack mixes image files.
    is_apart: bool,
}

impl StackPlan {
    /// The stacks in the order of their numbers.
    pub fn stacks(&self) -> &[PlannedStack] {
        &self.stacks
    }

    /// The particle at a position of the output order.
    pub fn particle(&self, position: usize) -> usize {
        self.order.as_ref().map_or(position, |order| order[position] as usize)
    }

    /// The particles of all stacks, in output order.
    pub fn particles(&self) -> impl Iterator<Item = usize> {
        let end = self.stacks.last().map_or(0, |stack| stack.positions.end);
        (0..end).map(|position| self.particle(position))
    }

    /// How many stacks that never mix files hold images that do not follow each other in theirs.
    pub fn n_stacks_without_range(&self) -> usize {
        if self.is_apart { self.stacks.iter().filter(|stack| stack.range_in_file.is_none()).count() } else { 0 }
    }

    /// The numbers of the stacks of a shard; of all without one.
    pub fn own_stacks(&self, shard: Option<Shard>) -> Range<usize> {
        Shard::units_of(shard, self.stacks.len())
    }

    /// The positions of a shard's images in the output order; of all without one.
    pub fn own_positions(&self, shard: Option<Shard>) -> Range<usize> {
        match self.stacks.get(self.own_stacks(shard)) {
            Some([only]) => only.positions.clone(),
            Some([first, .., last]) => first.positions.start..last.positions.end,
            _ => 0..0,
        }
    }

    /// The number of images in all stacks.
    pub fn n_images(&self) -> usize {
        self.stacks.iter().map(PlannedStack::n_images).sum()
    }
}

/// Plans the stacks: filled in row order, `batch_size` images each, the last one smaller.
///
/// Each stack holds particles of one set of lens constants only, and all stacks of a set are consecutive, sets in the
/// order of their first row. With sequential pairs, or `keep_files_apart`, each image file gets stacks of its own,
/// files in the order of their first row within the set.
pub fn plan_stacks(table: &ParticleTable, settings: PlanSettings) -> StackPlan {
    let apart = settings.keep_files_apart || table.pairing == Pairing::Sequential;
    let key = |particle: usize| (table.constants_index(particle), if apart { table.image[particle] } else { 0 });

    let one_group = (1..table.len()).all(|particle| key(particle) == key(0));
    let order = (!one_group).then(|| grouped_order(table, apart));
    let order = order.filter(|order| order.iter().enumerate().any(|(at, &particle)| at != particle as usize));
    let particle = |position: usize| order.as_ref().map_or(position, |order| order[position] as usize);

    let batch_size = settings.batch_size.max(1);
    let mut stacks = Vec::new();
    let mut start = 0;
    let place_in_file = if apart { places_in_files(table) } else { Vec::new() };
    while start < table.len() && settings.max_stacks.is_none_or(|most| stacks.len() < most) {
        let group = key(particle(start));
        let mut end = start + 1;
        while end < table.len() && end - start < batch_size && key(particle(end)) == group {
            end += 1;
        }
        let places = (start..end).map(|position| place_in_file[particle(position)] as usize);
        let range_in_file = if apart { range_of(places) } else { None };
        stacks.push(PlannedStack { positions: start..end, constants: group.0, range_in_file });
        start = end;
    }
    StackPlan { order, stacks, is_apart: apart }
}

/// The place of each particle's image in its pair, or among the images of its file that the rows name, in their order.
fn places_in_files(table: &ParticleTable) -> Vec<u32> {
    let mut n_seen = vec![0_u32; table.image_names.len()];
    (0..table.len())
        .map(|particle| {
            let seen = &mut n_seen[table.image[particle] as usize];
            let place = *seen;
            *seen += 1;
            match table.pairing {
                Pairing::Sequential => table.section[particle].0,
                Pairing::Indexed => place,
            }
        })
        .collect()
}

/// The range that consecutive places make; `None` if they are not consecutive.
fn range_of(mut places: impl Iterator<Item = usize>) -> Option<Range<usize>> {
    let first = places.next()?;
    let mut end = first + 1;
    places.all(|place| std::mem::replace(&mut end, place + 1) == place).then_some(first..end)
}

/// Particles sorted by constants, then by image file if those stay apart, then by row.
fn grouped_order(table: &ParticleTable, apart: bool) -> Vec<u32> {
    let mut order: Vec<u32> = (0..table.len() as u32).collect();
    if apart {
        // A file's number is its first appearance in the table; its rank counts first appearances within a set.
        let mut rank = std::collections::HashMap::new();
        for particle in 0..table.len() {
            let next = rank.len() as u32;
            rank.entry((table.constants_index(particle), table.image[particle])).or_insert(next);
        }
        order.sort_by_key(|&particle| {
            let constants = table.constants_index(particle as usize);
            (constants, rank[&(constants, table.image[particle as usize])])
        });
    } else {
        order.sort_by_key(|&particle| table.constants_index(particle as usize));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::particle::{Column, LensConstants, OriginColumns, PoseColumns, SectionIndex};
    use proptest::prelude::*;

    /// A table whose particles have the given constants and image files.
    fn table(pairing: Pairing, constants_of: &[u32], image: &[u32]) -> ParticleTable {
        let n = image.len() as u32;
        // Row k of a pair describes section k of its stack.
        let section = |row: usize| match pairing {
            Pairing::Sequential => image[..row].iter().filter(|&&other| other == image[row]).count(),
            Pairing::Indexed => row,
        };
        let set = |voltage_kv| LensConstants { voltage_kv, spherical_aberration_mm: 2.7, amplitude_contrast: 0.1 };
        ParticleTable {
            sources: Vec::new(),
            pairing,
            row: (0..n).collect(),
            image_names: vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()],
            image: image.to_vec(),
            section: (0..n as usize).map(|row| section(row) as u32).map(SectionIndex).collect(),
            defocus_u_angstrom: Column::Constant(1.0),
            defocus_v_angstrom: Column::Constant(1.0),
            defocus_angle_rad: Column::Constant(0.0),
            defocus_angle_axis: Default::default(),
            phase_shift_rad: Column::Constant(0.0),
            ctf_bfactor: None,
            ctf_scale_factor: None,
            constants: vec![set(300.0), set(200.0)],
            constants_of: constants_of.to_vec(),
            pose: PoseColumns::default(),
            origin: OriginColumns::default(),
            uid: None,
            blob_sign: None,
            stated_box: None,
            pixel_size_angstrom: None,
            detector_pixel_size_angstrom: None,
            differing_detector_pixel_sizes: None,
            other_pixel_sizes: Vec::new(),
        }
    }

    fn settings(batch_size: usize) -> PlanSettings {
        PlanSettings { batch_size, keep_files_apart: false, max_stacks: None }
    }

    fn particles(plan: &StackPlan) -> Vec<Vec<usize>> {
        plan.stacks().iter().map(|stack| stack.positions.clone().map(|at| plan.particle(at)).collect()).collect()
    }

    #[test]
    fn stacks_are_filled_in_row_order_across_files() {
        let plan = plan_stacks(&table(Pairing::Indexed, &[], &[0, 1, 0, 1, 0]), settings(2));
        assert_eq!(particles(&plan), [vec![0, 1], vec![2, 3], vec![4]]);
        assert!(plan.stacks().iter().all(|stack| stack.range_in_file.is_none()));
        assert_eq!(plan.n_images(), 5);
    }

    #[test]
    fn sets_of_constants_stay_apart_in_the_order_of_their_first_row() {
        let plan = plan_stacks(&table(Pairing::Indexed, &[0, 1, 0, 1, 0], &[0; 5]), settings(2));
        assert_eq!(particles(&plan), [vec![0, 2], vec![4], vec![1, 3]]);
        assert_eq!(plan.stacks().iter().map(|stack| stack.constants).collect::<Vec<_>>(), [0, 0, 1]);
    }

    #[test]
    fn files_kept_apart_count_their_own_images() {
        let keep = PlanSettings { keep_files_apart: true, ..settings(2) };
        let plan = plan_stacks(&table(Pairing::Indexed, &[], &[1, 0, 1, 1, 0]), keep);
        assert_eq!(particles(&plan), [vec![0, 2], vec![3], vec![1, 4]]);
        let ranges: Vec<_> = plan.stacks().iter().map(|stack| stack.range_in_file.clone().unwrap()).collect();
        assert_eq!(ranges, [0..2, 2..3, 0..2]);
    }

    #[test]
    fn pairs_never_mix() {
        let plan = plan_stacks(&table(Pairing::Sequential, &[], &[0, 0, 0, 1, 1]), settings(2));
        assert_eq!(particles(&plan), [vec![0, 1], vec![2], vec![3, 4]]);
        let ranges: Vec<_> = plan.stacks().iter().map(|stack| stack.range_in_file.clone().unwrap()).collect();
        assert_eq!(ranges, [0..2, 2..3, 0..2]);
    }

    #[test]
    fn a_stack_of_images_that_do_not_follow_each_other_has_no_range() {
        let plan = plan_stacks(&table(Pairing::Sequential, &[0, 1, 0, 1, 1], &[0; 5]), settings(2));
        assert_eq!(particles(&plan), [vec![0, 2], vec![1, 3], vec![4]]);
        let ranges: Vec<_> = plan.stacks().iter().map(|stack| stack.range_in_file.clone()).collect();
        assert_eq!(ranges, [None, None, Some(4..5)]);
    }

    #[test]
    fn max_stacks_cuts_the_plan_short() {
        let limited = PlanSettings { max_stacks: Some(1), ..settings(2) };
        let plan = plan_stacks(&table(Pairing::Indexed, &[], &[0; 5]), limited);
        assert_eq!(plan.particles().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_batch_larger_than_the_data_set_and_one_of_a_single_image() {
        let table = table(Pairing::Indexed, &[], &[0; 3]);
        assert_eq!(particles(&plan_stacks(&table, settings(1000))), [vec![0, 1, 2]]);
        assert_eq!(plan_stacks(&table, settings(1)).stacks().len(), 3);
    }

    /// A stack's particles, its constants, and its range within its image file.
    type SimpleStack = (Vec<usize>, u32, Option<Range<usize>>);

    /// The plan by its definition: group after group is looked for among all rows, and cut into pieces.
    fn plan_simply(table: &ParticleTable, settings: PlanSettings) -> Vec<SimpleStack> {
        let apart = settings.keep_files_apart || table.pairing == Pairing::Sequential;
        let place = |row: usize| match table.pairing {
            Pairing::Sequential => table.section[row].0 as usize,
            Pairing::Indexed => (0..row).filter(|&other| table.image[other] == table.image[row]).count(),
        };
        let mut stacks = Vec::new();
        let mut done: Vec<usize> = Vec::new();
        for constants in 0..table.constants.len() as u32 {
            let of_set: Vec<usize> = (0..table.len()).filter(|&row| table.constants_index(row) == constants).collect();
            while let Some(&first) = of_set.iter().find(|row| !done.contains(row)) {
                let is_alike = |row: usize| !apart || table.image[row] == table.image[first];
                let group: Vec<usize> = of_set.iter().copied().filter(|&row| is_alike(row)).collect();
                for stack in group.chunks(settings.batch_size) {
                    let places: Vec<usize> = stack.iter().map(|&row| place(row)).collect();
                    let follow = places.windows(2).all(|pair| pair[1] == pair[0] + 1);
                    let range = (apart && follow).then(|| places[0]..places[0] + places.len());
                    done.extend(stack);
                    stacks.push((stack.to_vec(), constants, range));
                }
            }
        }
        stacks.truncate(settings.max_stacks.unwrap_or(usize::MAX));
        stacks
    }

    /// Sets of constants are numbered by their first row, as the readers do.
    fn numbered_by_first_row(sets: &[u32]) -> Vec<u32> {
        let mut seen: Vec<u32> = Vec::new();
        sets.iter()
            .map(|set| {
                let known = seen.iter().position(|other| other == set);
                known.unwrap_or_else(|| {
                    seen.push(*set);
                    seen.len() - 1
                }) as u32
            })
            .collect()
    }

    proptest! {
        #[test]
        fn is_what_its_definition_says(
            rows in prop::collection::vec((0..2_u32, 0..3_u32), 0..40),
            one_set: bool,
            in_pairs: bool,
            batch_size in 1..12_usize,
            keep_files_apart: bool,
            max_stacks in prop::option::of(1..6_usize),
        ) {
            let (sets, mut image): (Vec<u32>, Vec<u32>) = rows.into_iter().unzip();
            if in_pairs {
                image.sort_unstable();
            }
            let sets = if one_set { Vec::new() } else { numbered_by_first_row(&sets) };
            let pairing = if in_pairs { Pairing::Sequential } else { Pairing::Indexed };
            let (table, asked) =
                (table(pairing, &sets, &image), PlanSettings { batch_size, keep_files_apart, max_stacks });
            let plan = plan_stacks(&table, asked);
            let constants_and_range =
                plan.stacks().iter().map(|stack| (stack.constants, stack.range_in_file.clone()));
            let found: Vec<SimpleStack> = particles(&plan)
                .into_iter()
                .zip(constants_and_range)
                .map(|(particles, (constants, range))| (particles, constants, range))
                .collect();
            prop_assert_eq!(found, plan_simply(&table, asked));

            // Nothing is lost and nothing doubled.
            let mut all: Vec<usize> = plan.particles().collect();
            prop_assert_eq!(all.len(), plan.n_images());
            all.sort_unstable();
            if max_stacks.is_none() {
                prop_assert_eq!(all, (0..table.len()).collect::<Vec<_>>());
            } else {
                prop_assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }
    }
}
