//! The page about a folder of likelihoods.
//!
//! The units' results are streamed (`survey.rs`); stacks and templates are read for what only they hold, if they still
//! exist.

mod beside;
mod compared;
mod counted;
mod directions;
mod displacements;
mod lists;
mod right;
mod sections;
mod sources;
mod survey;
mod top;

use std::f64::consts::PI;
use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_core::findings::{counted, counted_do};
use verglas_plot::grouped;
use verglas_run::manifest::FolderRecord;
use verglas_scoring::{LikelihoodFolder, RecordedLikelihood};

use crate::page::{Page, four_digits};
use crate::run_record;
use beside::Beside;
use compared::Compared;
use lists::Lists;
use sections::Contents;
use survey::{Survey, survey};

/// Makes the page about the folder at `root`; counts its images and structures. `is_inside`: whether the page will be
/// in that folder, so that it can link to the tables there.
///
/// # Errors
/// When the folder holds no whole unit yet, or a unit that its manifest lists can't be read.
pub(crate) fn page(root: &Path, record: &FolderRecord, is_inside: bool) -> Result<(Page, usize, usize)> {
    let folder = LikelihoodFolder::new(root, record)?;
    let Some(compared) = Compared::choose(&folder) else {
        return Err(Error::value(format!("`{}` holds no images compared with a structure yet", root.display()))
            .with_hint("finish the comparison first"));
    };
    let survey = survey(&folder, &compared)?;
    let (lists, missing) = Lists::new(root, &folder, &compared, &survey, is_inside);
    let beside = Beside::new(root, &compared, &survey);
    let no_pictures =
        beside.as_ref().err().map(|error| format!("there are no pictures of images beside their templates: {error}"));
    let beside = beside.ok();
    let contents =
        Contents { folder: &folder, compared: &compared, survey: &survey, lists: &lists, beside: beside.as_ref() };
    let mut sections = contents.sections();
    sections.extend(run_record::sections(record, &run_record::Words::LIKELIHOODS));
    let mut warnings = own_warnings(&folder, &compared, &survey);
    warnings.extend(missing);
    warnings.extend(no_pictures);
    warnings.extend(run_record::warnings(record));
    let n_structures = compared.structures.len();
    let images = format!("{} {}", grouped(survey.n_images), if survey.n_images == 1 { "image" } else { "images" });
    let with = match compared.structures[..] {
        [one] => folder.settings().structures[one].clone(),
        _ => counted(n_structures, "structure"),
    };
    let page = Page {
        title: format!("Likelihoods of {images} with {with}"),
        folder: root.display().to_string(),
        origin: run_record::origin(record),
        facts: facts(folder.settings(), &compared, &survey),
        warnings,
        sections,
    };
    Ok((page, survey.n_images, n_structures))
}

/// The warnings that a reader must see before any number.
fn own_warnings(folder: &LikelihoodFolder, compared: &Compared, survey: &Survey) -> Vec<String> {
    let settings = folder.settings();
    let mut warnings = Vec::new();
    if settings.as_cryolike {
        let (n, band) = ((settings.n_pixels as f64).powi(2), 4.0 * PI * settings.radius_max.powi(2));
        warnings.push(format!(
            "compared as CryoLike does: with its contrast transfer, mean and weights, and with N² = {} as the number \
             of independent values, of which the grid reaches only {}: differences of log-likelihoods are {} times \
             too large",
            four_digits(n),
            four_digits(band.round()),
            four_digits((100.0 * n / band).round() / 100.0)
        ));
    }
    if !settings.integrated {
        warnings.push(
            "log-likelihoods are those of the best pose alone, which favours structures whose templates happen to fit \
             it; integrated ones were not requested"
                .to_owned(),
        );
    }
    let (n_structures, n_all) = (folder.n_structures(), folder.n_images().iter().sum::<usize>());
    if compared.structures.len() < n_structures || compared.n_images < n_all {
        warnings.push(format!(
            "this page compares {} of {} and {} of {} images: those with results for each other",
            grouped(compared.structures.len()),
            counted(n_structures, "structure"),
            grouped(compared.n_images),
            grouped(n_all),
        ));
    }
    if survey.n_left_out > 0 {
        warnings.push(format!("{} no results: left out", counted_do(survey.n_left_out, "image", "has", "have")));
    }
    warnings
}

/// The most important numbers and the settings that they depend on.
fn facts(settings: &RecordedLikelihood, compared: &Compared, survey: &Survey) -> Vec<(&'static str, String)> {
    let views: Vec<usize> = compared.structures.iter().map(|&structure| settings.n_templates[structure]).collect();
    let (fewest, most) = (views.iter().min().copied().unwrap_or(0), views.iter().max().copied().unwrap_or(0));
    let templates = if fewest == most { grouped(most) } else { format!("{} to {}", grouped(fewest), grouped(most)) };
    let pixel = settings.pixel_size[0];
    let rim = settings.n_pixels as f64 * pixel / (2.0 * settings.radius_max);
    let reach = match settings.max_displacement {
        reach if reach > 0.0 => format!(" up to {} px", four_digits(reach)),
        _ => String::new(),
    };
    let mut facts = vec![
        ("images", grouped(survey.n_images)),
        ("structures", grouped(compared.structures.len())),
        ("templates of each", templates),
        ("displacements", format!("{}{reach}", grouped(settings.n_displacements))),
        ("rotations", grouped(settings.n_inplanes)),
        (
            "likelihood",
            format!("{}, {}", settings.likelihood, if settings.integrated { "integrated" } else { "best pose" }),
        ),
        ("formulas", if settings.as_cryolike { "CryoLike's" } else { "ours" }.to_owned()),
        ("contrast transfer", if settings.ctf == "none" { "none" } else { "the stacks'" }.to_owned()),
        ("box", format!("{} px of {} Å", settings.n_pixels, four_digits(pixel))),
        ("rim of the grid", format!("{} Å", four_digits(rim))),
        ("precision", settings.precision.clone()),
    ];
    let right = &settings.right;
    let parts = [
        ("noise", &right.noise),
        ("integrated over", &right.integral),
        ("scales", &right.contrast),
        ("poses from", &right.poses_from),
        ("symmetry", &right.symmetry),
    ];
    facts.extend(parts.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    facts
}
