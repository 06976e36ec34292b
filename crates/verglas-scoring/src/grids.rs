//! Whether images and templates are on the same grids.

use std::path::{Path, PathBuf};

use verglas_core::error::Error;
use verglas_core::findings::{Findings, counted};
use verglas_core::hint::{Hint, Setting};
use verglas_run::descriptor::ImageDescriptor;

use crate::stacks::StackGrids;
use crate::structures::TemplateGrids;

/// Whether all are on the grids of the descriptor, to the last bit.
pub(crate) fn compare_grids(
    descriptor: &ImageDescriptor,
    file: &Path,
    templates: &[TemplateGrids],
    stacks: &[StackGrids],
    findings: &mut Findings,
) {
    let mut differing = Vec::new();
    for template in templates {
        let difference = match &template.descriptor {
            Some(other) => difference(other, descriptor),
            None => {
                let grid = &descriptor.polar_grid;
                let expected = [grid.n_shells(), grid.n_inplanes()];
                (template.shape != expected).then(|| {
                    let [shells, inplanes] = template.shape;
                    format!("{shells} shells × {inplanes} angles, not {} × {}", expected[0], expected[1])
                })
            }
        };
        differing.extend(difference.map(|difference| (&template.path, difference)));
    }
    differing.extend(
        stacks
            .iter()
            .filter_map(|stack| difference(&stack.descriptor, descriptor).map(|difference| (&stack.path, difference))),
    );
    // Many files of one folder differ alike.
    let mut told: Vec<(&PathBuf, String, usize)> = Vec::new();
    for (path, difference) in differing {
        match told.iter_mut().find(|(_, other, _)| *other == difference) {
            Some((_, _, n)) => *n += 1,
            None => told.push((path, difference, 0)),
        }
    }
    for (path, difference, n_more) in told {
        let more = if n_more > 0 { format!(" and {}", counted(n_more, "more file")) } else { String::new() };
        findings.error(
            Error::value(format!("`{}`{more}: other grids than `{}`: {difference}", path.display(), file.display()))
                .with_hint("make the templates with the grids of the stacks: " + Hint::Give(Setting::Descriptor)),
        );
    }
}

/// What differs between two descriptors' grids.
fn difference(found: &ImageDescriptor, expected: &ImageDescriptor) -> Option<String> {
    if found.is_compatible_with(expected) {
        return None;
    }
    let values = |descriptor: &ImageDescriptor| {
        let (cartesian, polar) = (&descriptor.cartesian_grid, &descriptor.polar_grid);
        let [rows, columns] = cartesian.pixel_size_angstrom();
        [
            ("box in pixels", cartesian.n_pixels() as f64),
            ("pixel size along rows", rows),
            ("pixel size along columns", columns),
            ("largest radius", polar.radius_max()),
            ("distance of shells", polar.dist_radii()),
            ("angles per shell", polar.n_inplanes() as f64),
        ]
    };
    let differing: Vec<String> = values(found)
        .into_iter()
        .zip(values(expected))
        .filter(|((_, found), (_, expected))| found != expected)
        .map(|((name, found), (_, expected))| format!("{name} {found}, not {expected}"))
        .collect();
    Some(if differing.is_empty() { "another grid of pixels".to_owned() } else { differing.join("; ") })
}
