//! How much memory each structure takes, known before the first unit.

use std::sync::atomic::Ordering;

use verglas_core::StopFlag;
use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_fourier::grid::Precision;
use verglas_likelihood::TemplateSet;
use verglas_likelihood::compare::{ComparisonSettings, Search};
use verglas_likelihood::displacements::Displacements;

use crate::failure::{told, too_little_memory, unless_stopped};
use crate::number::Number;
use crate::prepare::LikelihoodJob;
use crate::structures::StructureTemplates;

impl LikelihoodJob {
    /// What comparing with each structure takes at least, beside templates and images: so much or less.
    ///
    /// Templates are read only where what suffices for any templates is more than is allowed.
    ///
    /// # Errors
    /// How much the structure takes that takes most, where that is more than is allowed; templates that can't be read; when it is
    /// stopped.
    pub(crate) fn least_search_bytes(&self, stop: &StopFlag) -> Result<Vec<u64>> {
        match self.precision() {
            Precision::Single => self.least_search_bytes_in::<f32>(stop),
            Precision::Double => self.least_search_bytes_in::<f64>(stop),
        }
    }

    fn least_search_bytes_in<T: Number>(&self, stop: &StopFlag) -> Result<Vec<u64>> {
        let allowed = self.settings.memory_bytes;
        let (mut least, mut n_too_large, mut largest) = (Vec::new(), 0, None::<(u64, &StructureTemplates)>);
        for structure in &self.structures {
            let held = self.sizes(structure).least_held_bytes(&self.settings);
            let sufficient = self.sufficient_bytes::<T>(structure);
            let all_fits = held.saturating_add(sufficient) <= allowed;
            let needed = if all_fits || held >= allowed { sufficient } else { self.exact_bytes::<T>(structure, stop)? };
            let of_all = held.saturating_add(needed);
            if of_all > allowed {
                n_too_large += 1;
                if largest.is_none_or(|(most, _)| of_all > most) {
                    largest = Some((of_all, structure));
                }
            }
            least.push(needed);
        }
        let Some((needed, structure)) = largest else { return Ok(least) };
        let what = format!("comparing one image with `{}`", structure.path.display());
        let error = too_little_memory(&what, needed, allowed);
        Err(match n_too_large - 1 {
            0 => error,
            n => error.with_detail(format_args!("and {}, which take no more", counted(n, "other structure"))),
        })
    }

    /// What suffices whatever the templates are.
    fn sufficient_bytes<T: Number>(&self, structure: &StructureTemplates) -> u64 {
        let settings = self.comparison(u64::MAX);
        let n_views = structure.views.len();
        let of = |(displacements, settings): (&Displacements, ComparisonSettings)| {
            Search::<T>::sufficient_memory_bytes(&self.geometry, displacements, n_views, &settings, self.is_refined())
        };
        sharing_equally(self.searched().planned(&settings).map(of))
    }

    /// What these templates take.
    fn exact_bytes<T: Number>(&self, structure: &StructureTemplates, stop: &StopFlag) -> Result<u64> {
        unless_stopped(stop)?;
        let values = structure.read::<T>(self.geometry.n_points())?;
        let tell = |error| -> Error { told(error, structure, None, 0) };
        let templates = TemplateSet::new(&self.geometry, &values, &structure.views.weight).map_err(tell)?;
        let settings = self.comparison(u64::MAX);
        let go_on = || !stop.load(Ordering::Relaxed);
        let of = |(displacements, settings): (_, ComparisonSettings)| {
            let is_refined = self.is_refined();
            Search::needed_memory_bytes(&self.geometry, templates, displacements, &settings, is_refined, &go_on)
        };
        let needed: std::result::Result<Vec<u64>, _> = self.searched().planned(&settings).map(of).collect();
        Ok(sharing_equally(needed.map_err(tell)?.into_iter()))
    }
}

/// What searches that get the same share of the memory take together.
fn sharing_equally(needed: impl Iterator<Item = u64>) -> u64 {
    let (n, most) = needed.fold((0, 0), |(n, most), needed| (n + 1, needed.max(most)));
    most.saturating_mul(n)
}
