//! `noise_spectrum.csv`: the noise of each group of images on each shell.

use std::fmt::Write;
use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_likelihood::Geometry;
use verglas_likelihood::noise::NoiseSpectrum;

const MEASURED_COLUMNS: [&str; 4] = ["group", "shell", "resolution_angstrom", "measured"];
const COLUMNS: [&str; 5] = ["group", "shell", "resolution_angstrom", "sigma2", "independent_values"];

/// The text of spectra, one for each group.
pub(crate) fn to_text(geometry: &Geometry, spectra: &[NoiseSpectrum]) -> String {
    let mut text = COLUMNS.join(",") + "\n";
    for (group, spectrum) in spectra.iter().enumerate() {
        let shells = geometry.grid().radii().iter().zip(spectrum.sigma2()).zip(spectrum.independent_values());
        for (shell, ((radius, sigma2), values)) in shells.enumerate() {
            let resolution = geometry.box_angstrom() / (2.0 * radius);
            // Writing to a string can't fail.
            let _ = writeln!(text, "{group},{shell},{resolution},{sigma2},{values}");
        }
    }
    text
}

/// The text of what was measured on each shell, of groups where it was: what the spectra are a fit to.
pub(crate) fn measured_to_text(geometry: &Geometry, spectra: &[NoiseSpectrum]) -> String {
    let mut text = MEASURED_COLUMNS.join(",") + "\n";
    for (group, spectrum) in spectra.iter().enumerate() {
        for (shell, (radius, measured)) in geometry.grid().radii().iter().zip(spectrum.measured()).enumerate() {
            let resolution = geometry.box_angstrom() / (2.0 * radius);
            // Writing to a string can't fail.
            let _ = writeln!(text, "{group},{shell},{resolution},{measured}");
        }
    }
    text
}

/// Reads σ² of each group of the file called `path`, whose text is `text`: one spectrum for each of `n_groups`, or one for all.
///
/// # Errors
/// When it is no such file, has other shells than the grid or another number of groups, or a value is not above 0.
pub(crate) fn read(text: &str, path: &Path, geometry: &Geometry, n_groups: usize) -> Result<Vec<NoiseSpectrum>> {
    let file = path.display();
    let damaged = |what: String| Error::format(format!("`{file}`: {what}"));
    let (mut reader, [group, shell, sigma2]) = open(text, path, ["group", "shell", "sigma2"])?;
    let n_shells = geometry.n_shells();
    let mut spectra: Vec<Vec<f64>> = Vec::new();
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|error| damaged(error.to_string()))?;
        let line = row + 2;
        let text = |at: usize| record.get(at).unwrap_or_default().trim().to_owned();
        let expected = (spectra.len().saturating_sub(1), spectra.last().map_or(0, Vec::len));
        let expected = match expected {
            (last, n) if n == n_shells || spectra.is_empty() => (last + usize::from(!spectra.is_empty()), 0),
            other => other,
        };
        let found = (text(group).parse::<usize>(), text(shell).parse::<usize>());
        if found != (Ok(expected.0), Ok(expected.1)) {
            return Err(damaged(format!(
                "line {line} is of group {}, shell {}, expected group {}, shell {} of {n_shells}",
                text(group),
                text(shell),
                expected.0,
                expected.1
            )));
        }
        let value = text(sigma2).parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0);
        let value = value.ok_or_else(|| {
            damaged(format!("line {line}: sigma2 is `{}`, expected a finite number above 0", text(sigma2)))
        })?;
        if expected.1 == 0 {
            spectra.push(Vec::with_capacity(n_shells));
        }
        if let Some(last) = spectra.last_mut() {
            last.push(value);
        }
    }
    if let Some(last) = spectra.last().filter(|last| last.len() != n_shells) {
        return Err(damaged(format!("its last group has {}, the grid {n_shells}", counted(last.len(), "shell"))));
    }
    let of = |sigma2: &Vec<f64>| NoiseSpectrum::of(geometry, sigma2).map_err(|error| damaged(error.to_string()));
    let spectra: Vec<NoiseSpectrum> = spectra.iter().map(of).collect::<Result<_>>()?;
    match spectra.len() {
        n if n == n_groups => Ok(spectra),
        1 => Ok(vec![spectra[0].clone(); n_groups]),
        n => Err(damaged(format!("it has {}, the images have {n_groups}", counted(n, "group")))),
    }
}

/// A reader of the rows of the file called `path`, and where these columns are.
fn open<'t, const N: usize>(
    text: &'t str,
    path: &Path,
    names: [&str; N],
) -> Result<(csv::Reader<&'t [u8]>, [usize; N])> {
    let damaged = |what: String| Error::format(format!("`{}`: {what}", path.display()));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| damaged(error.to_string()))?;
    let mut places = [0; N];
    for (place, name) in places.iter_mut().zip(names) {
        let found = headers.iter().position(|header| header.trim() == name);
        *place = found.ok_or_else(|| {
            let there: Vec<&str> = headers.iter().collect();
            damaged(format!("no column `{name}` of a noise spectrum; it has {}", there.join(", ")))
        })?;
    }
    Ok((reader, places))
}

/// A column as it stands, for charts: (resolution in Å, number) of each group's shells; of groups that have none, nothing.
///
/// # Errors
/// When a column is missing, or holds no numbers.
pub(crate) fn by_resolution(text: &str, path: &Path, column: &str) -> Result<Vec<Vec<(f64, f64)>>> {
    let damaged = |what: String| Error::format(format!("`{}`: {what}", path.display()));
    let (mut reader, [group, resolution, value]) = open(text, path, ["group", "resolution_angstrom", column])?;
    let mut groups: Vec<Vec<(f64, f64)>> = Vec::new();
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|error| damaged(error.to_string()))?;
        let number = |at: usize| record.get(at).and_then(|text| text.trim().parse::<f64>().ok());
        let (Some(group), Some(resolution), Some(value)) = (number(group), number(resolution), number(value)) else {
            return Err(damaged(format!("line {} has a cell that is no number", row + 2)));
        };
        let group = group as usize;
        if group >= groups.len() {
            if group > MOST_GROUPS {
                return Err(damaged(format!("line {} is of group {group}", row + 2)));
            }
            groups.resize(group + 1, Vec::new());
        }
        groups[group].push((resolution, value));
    }
    Ok(groups)
}

/// Nobody has more.
const MOST_GROUPS: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use verglas_fourier::grid::PolarGrid;

    #[test]
    fn what_was_measured_is_that_of_groups_where_it_was() {
        let geometry = Geometry::new(PolarGrid::new(8.0, 0.25, 64).unwrap(), 64.0).unwrap();
        let mut sums = verglas_likelihood::noise::PowerSums::new(&geometry);
        let power: Vec<f64> = geometry.grid().radii().iter().map(|radius| 3.0 + radius.sin()).collect();
        (0..60).for_each(|_| sums.add(&power));
        let spectra = [NoiseSpectrum::white(&geometry), sums.spectrum(&geometry).unwrap()];
        let none = measured_to_text(&geometry, &spectra[..1]);
        assert!(by_resolution(&none, Path::new("x"), "measured").unwrap().is_empty());
        let text = measured_to_text(&geometry, &spectra);
        let read = by_resolution(&text, Path::new("noise_measured.csv"), "measured").unwrap();
        assert!(read.len() == 2 && read[0].is_empty() && read[1].len() == power.len());
        let scale = read[1][0].1 / power[0];
        assert!(read[1].iter().zip(&power).all(|((_, found), power)| (found / (power * scale) - 1.0).abs() < 1e-12));
        let error = by_resolution("group,resolution_angstrom,measured\n99999999,3,1\n", Path::new("x"), "measured");
        assert!(error.unwrap_err().to_string().contains("line 2 is of group 99999999"));
    }

    #[test]
    fn spectra_are_read_as_they_were_written() {
        let geometry = Geometry::new(PolarGrid::new(8.0, 0.25, 64).unwrap(), 64.0).unwrap();
        let n = geometry.n_shells();
        let path = Path::new("noise_spectrum.csv");
        let spectra: Vec<NoiseSpectrum> = [1.0, 2.0]
            .iter()
            .map(|slope| {
                let sigma2: Vec<f64> = (0..n).map(|shell| 1.0 + slope * shell as f64).collect();
                NoiseSpectrum::of(&geometry, &sigma2).unwrap()
            })
            .collect();
        let text = to_text(&geometry, &spectra);
        let again = read(&text, path, &geometry, 2).unwrap();
        for (found, expected) in again.iter().zip(&spectra) {
            for (found, expected) in found.sigma2().iter().zip(expected.sigma2()) {
                assert!((found / expected - 1.0).abs() < 1e-14);
            }
        }
        // What is read, written and read again stays as it is.
        let text = to_text(&geometry, &again);
        assert_eq!(to_text(&geometry, &read(&text, path, &geometry, 2).unwrap()).lines().count(), 2 * n + 1);
        let drawn = by_resolution(&text, path, "sigma2").unwrap();
        assert_eq!(drawn.iter().map(Vec::len).collect::<Vec<_>>(), [n, n]);
        for (shell, (resolution, sigma2)) in drawn[1].iter().enumerate() {
            assert!((resolution * geometry.grid().radii()[shell] / 32.0 - 1.0).abs() < 1e-12, "{shell}: {resolution}");
            assert!((sigma2 / spectra[1].sigma2()[shell] - 1.0).abs() < 1e-12, "{shell}: {sigma2}");
        }
        let one = read(&to_text(&geometry, &spectra[..1]), path, &geometry, 3).unwrap();
        assert_eq!(one.len(), 3);
        for (text, wanted) in [
            (text.clone(), "it has 2 groups, the images have 3"),
            (text.replacen("sigma2", "sigma", 1), "no column `sigma2`"),
            (text.lines().take(4).collect::<Vec<_>>().join("\n"), "its last group has 3 shells"),
            (text.replacen("\n0,1,", "\n0,2,", 1), "line 3 is of group 0, shell 2, expected group 0, shell 1"),
            (format!("{}\n0,0,8.0,-1,0\n", COLUMNS.join(",")), "sigma2 is `-1`"),
        ] {
            let error = read(&text, path, &geometry, 3).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
