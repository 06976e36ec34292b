//! The structures that images are compared with: their templates, found, checked, and read when their turn comes.

use std::path::{Path, PathBuf};

use num_complex::Complex;
use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted};
use verglas_core::hint::{Hint, Setting};
use verglas_fourier::grid::Precision;
use verglas_fourier::sphere::Views;
use verglas_run::descriptor::ImageDescriptor;
use verglas_structures::AxisOrder;
use verglas_structures::templates::{LIST, TemplateList, TemplateStack};

use crate::number::Number;
use crate::settings::LikelihoodSettings;

/// What stands for the path of a descriptor that was given in memory.
const GIVEN: &str = "the descriptor given";

/// What to do about grids and views that aren't known.
const GIVE: &str = "give the descriptor that the templates were made with: ";

/// The templates of one structure.
#[derive(Debug, Clone)]
pub(crate) struct StructureTemplates {
    /// Its place in the list.
    pub(crate) place: usize,
    /// What its file calls it.
    pub(crate) name: String,
    /// The tensor.
    pub(crate) path: PathBuf,
    /// The viewing angles.
    pub(crate) views: Views,
    /// Whether x and z are exchanged in them.
    pub(crate) axis_order: AxisOrder,
    pub(crate) precision: Precision,
}

/// A structure's own grids.
#[derive(Debug)]
pub(crate) struct TemplateGrids {
    pub(crate) path: PathBuf,
    /// `None` where nothing but the tensor's shape is known.
    pub(crate) descriptor: Option<ImageDescriptor>,
    /// Shells and angles.
    pub(crate) shape: [usize; 2],
}

/// The chosen structures of the list in `folder`, their grids, and the descriptor with its file; what is wrong with any goes
/// to `findings`.
pub(crate) struct FoundStructures {
    pub(crate) structures: Vec<StructureTemplates>,
    pub(crate) grids: Vec<TemplateGrids>,
    pub(crate) descriptor: ImageDescriptor,
    pub(crate) descriptor_file: PathBuf,
    /// Whether templates were made as CryoLike makes them, where they say.
    pub(crate) as_cryolike: Option<bool>,
}

impl FoundStructures {
    /// Looks for them.
    pub(crate) fn find(folder: &Path, settings: &LikelihoodSettings, findings: &mut Findings) -> Option<Self> {
        let list = match TemplateList::read(folder) {
            Ok(list) => Some(list),
            Err(error) => {
                findings.error(error);
                None
            }
        };
        let list = list.and_then(|list| {
            if list.n_moved > 0 {
                let n = counted(list.n_moved, "template file");
                let folder = folder.display();
                findings.warn(
                    "templates-moved",
                    format!("{n} of {LIST} were not where it says: those in `{folder}` are taken"),
                );
            }
            if list.paths.is_empty() {
                findings.error(Error::format(format!("`{}` lists no templates", folder.join(LIST).display())));
                return None;
            }
            Some(list)
        });
        let places = list.as_ref().and_then(|list| match settings.structures.choose(list.paths.len()) {
            Ok(places) => Some(places),
            Err(error) => {
                findings.error(error);
                None
            }
        });
        let mut stacks = Vec::new();
        if let (Some(list), Some(places)) = (&list, &places) {
            for &place in places {
                match TemplateStack::open(&list.paths[place]) {
                    Ok(stack) => stacks.push((place, stack)),
                    Err(error) => findings.error(error),
                }
            }
        }
        let found = descriptor(folder, settings, &stacks);
        let (descriptor, descriptor_file) = match found {
            Ok(found) => found,
            Err(error) => {
                findings.error(error);
                return None;
            }
        };
        if places.is_none_or(|places| places.len() != stacks.len()) {
            return None;
        }
        let default_views = Self::default_views(&stacks, &descriptor, &descriptor_file, findings)?;
        tell_of_precisions(&stacks, findings);
        let (mut structures, mut grids) = (Vec::new(), Vec::new());
        for (place, stack) in &stacks {
            let [n, n_shells, n_inplanes] = stack.shape();
            grids.push(TemplateGrids {
                path: stack.path().to_owned(),
                descriptor: stack.facts().map(|facts| facts.descriptor.clone()),
                shape: [n_shells, n_inplanes],
            });
            let views = stack.facts().map_or_else(|| default_views.clone(), |facts| facts.views.clone());
            if views.len() != n {
                findings.error(
                    Error::value(format!(
                        "`{}` has {}, the viewing distance of `{}` gives {}",
                        stack.path().display(),
                        counted(n, "template"),
                        descriptor_file.display(),
                        counted(views.len(), "viewing angle")
                    ))
                    .with_hint(GIVE + Hint::Give(Setting::Descriptor)),
                );
            }
            let axis_order = match stack.facts() {
                Some(facts) => facts.axis_order,
                None => settings.templates_axes,
            };
            structures.push(StructureTemplates {
                place: *place,
                name: name_of(stack.path()),
                path: stack.path().to_owned(),
                views,
                axis_order: axis_order.unwrap_or_default(),
                precision: stack.precision(),
            });
        }
        let mut said = stacks.iter().filter_map(|(_, stack)| stack.facts().map(|facts| facts.as_cryolike));
        let as_cryolike = said.next().filter(|first| said.all(|other| other == *first));
        Some(Self { structures, grids, descriptor, descriptor_file, as_cryolike })
    }

    /// The viewing angles of templates that don't say theirs; empty where all do.
    fn default_views(
        stacks: &[(usize, TemplateStack)],
        descriptor: &ImageDescriptor,
        file: &Path,
        findings: &mut Findings,
    ) -> Option<Views> {
        if stacks.iter().all(|(_, stack)| stack.facts().is_some()) {
            return Some(Views::default());
        }
        let Some(distance) = descriptor.template.viewing_distance else {
            findings.error(
                Error::value(format!(
                    "`{}` has no viewing distance, and the templates don't say their viewing angles",
                    file.display()
                ))
                .with_hint(GIVE + Hint::Give(Setting::Descriptor)),
            );
            return None;
        };
        match Views::new(distance) {
            Ok(views) => Some(views),
            Err(error) => {
                findings.error(Error::value(format!("`{}`: {error}", file.display())));
                None
            }
        }
    }
}

/// The descriptor that is given, else that in the templates' folder, else that of the first templates.
fn descriptor(
    folder: &Path,
    settings: &LikelihoodSettings,
    stacks: &[(usize, TemplateStack)],
) -> Result<(ImageDescriptor, PathBuf)> {
    if let Some(given) = &settings.given_descriptor {
        return Ok(((**given).clone(), PathBuf::from(GIVEN)));
    }
    if let Some(path) = &settings.descriptor {
        return ImageDescriptor::load_from(path);
    }
    let beside = folder.join(verglas_run::folder::DESCRIPTOR);
    if beside.is_file() {
        return Ok((ImageDescriptor::load(&beside)?, beside));
    }
    let of_templates = stacks.iter().find_map(|(_, stack)| {
        stack.facts().map(|facts| (facts.descriptor.clone(), stack.path().with_extension("npz")))
    });
    of_templates.ok_or_else(|| {
        Error::not_found(format!("`{}` is not there, and the templates don't say their grids", beside.display()))
            .with_hint(GIVE + Hint::Give(Setting::Descriptor))
    })
}

fn tell_of_precisions(stacks: &[(usize, TemplateStack)], findings: &mut Findings) {
    let Some((_, first)) = stacks.first() else { return };
    if let Some((_, other)) = stacks.iter().find(|(_, stack)| stack.precision() != first.precision()) {
        findings.error(Error::value(format!(
            "templates are of two precisions: `{}` is in {}, `{}` in {}",
            first.path().display(),
            first.precision().as_str(),
            other.path().display(),
            other.precision().as_str()
        )));
    }
}

/// `a` of `templates_fourier_a.pt`.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    stem.strip_prefix("templates_fourier_").map(str::to_owned).unwrap_or(stem)
}

impl StructureTemplates {
    /// Reads all templates, `[views, n_shells, n_inplanes]`.
    ///
    /// # Errors
    /// When they can't be read, or are not what they were when they were looked at.
    pub(crate) fn read<T: Number>(&self, n_points: usize) -> Result<Vec<Complex<T>>> {
        /// Read at a time, so that little is held twice.
        const PIECE_BYTES: usize = 8 << 20;
        let mut values = Vec::new();
        values.try_reserve_exact(self.views.len() * n_points).map_err(|_| {
            Error::new(verglas_core::error::ErrorKind::Memory, format!("no memory for `{}`", self.path.display()))
        })?;
        let at_once = (PIECE_BYTES / (n_points * size_of::<Complex<T>>()).max(1)).max(1);
        self.read_pieces(n_points, at_once, |_, piece: &[Complex<T>]| {
            values.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(values)
    }

    /// Reads all templates, `at_once` at a time; `take` gets the place of the first and their values.
    ///
    /// # Errors
    /// As [`StructureTemplates::read`]; that of `take`.
    pub(crate) fn read_pieces<T: Number>(
        &self,
        n_points: usize,
        at_once: usize,
        mut take: impl FnMut(usize, &[Complex<T>]) -> Result<()>,
    ) -> Result<()> {
        let mut stack = TemplateStack::open(&self.path)?;
        let n = self.views.len();
        let [there, n_shells, n_inplanes] = stack.shape();
        if there != n || n_shells * n_inplanes != n_points || stack.precision() != self.precision {
            return Err(Error::format(format!("`{}` has changed since it was looked at", self.path.display())));
        }
        // Others may write tensors without checksums.
        if stack.facts().is_some() {
            stack
                .verify()
                .map_err(|error| error.with_hint("the templates were altered or damaged: make them again"))?;
        }
        for first in (0..n).step_by(at_once.max(1)) {
            take(first, &T::read_templates(&mut stack, first..n.min(first + at_once.max(1)))?)?;
        }
        Ok(())
    }
}
