//! Promise: with `DefocusAngleAxis::Rows` the CTF that CryoLike draws from the written metadata is the one in the images.

use crate::correlation::correlation;
use std::path::Path;

use verglas::descriptor::ImageDescriptor;
use verglas::metadata::Input;
use verglas::settings::{ConvertSettings, DefocusAngleAxis};
use verglas::simulate::{SimulationSettings, simulate};
use verglas::{Conversion, Silent, StopFlag};
use verglas_formats::npz::NpzReader;
use verglas_formats::pt::PtFile;

const N_PARTICLES: usize = 40;
// 256 Å: between neighbouring frequencies of the box the CTF's phase turns by less than a radian up to 8 Å.
const N_PIXELS: usize = 128;
const PIXEL_SIZE_ANGSTROM: f64 = 2.0;

/// Converts simulated images of one defocus and gives their mean power on the polar grid and the correlation of this
/// power with CryoLike's squared CTF.
fn correlation_with_cryolikes_ctf(folder: &Path, star: &Path, axis: DefocusAngleAxis) -> f64 {
    let output = folder.join(axis.as_str());
    let settings = ConvertSettings { defocus_angle_axis: axis, physical: false, ..ConvertSettings::default() };
    let conversion = Conversion::prepare(Input::IndexedStar(star.to_owned()), settings).unwrap();
    let is_reported = conversion.warnings().iter().any(|warning| warning.code == "defocus-angle-axis");
    assert_eq!(is_reported, axis == DefocusAngleAxis::Columns);
    conversion.run(&output).unwrap();

    let metadata = output.join("fft/particles_fourier_stack_000000.npz");
    let grid = ImageDescriptor::load(&metadata).unwrap().polar_grid;
    let mut npz = NpzReader::open(&metadata).unwrap();
    let mut first = |key: &str| npz.read(key).unwrap().to_f64().unwrap()[0];
    let (u, v, angle) = (first("defocusU"), first("defocusV"), first("defocusAngle"));
    let (kilovolt, cs, contrast) = (first("voltage"), first("sphericalAberration"), first("amplitudeContrast"));

    let mut stack = PtFile::open(output.join("fft/particles_fourier_stack_000000.pt")).unwrap();
    let values = stack.read_complex64(0..N_PARTICLES as u64).unwrap();
    let mut power = vec![0.0; grid.n_points()];
    for (at, value) in values.iter().enumerate() {
        power[at % grid.n_points()] += f64::from(value.norm_sqr());
    }

    let (mut found, mut drawn) = (Vec::new(), Vec::new());
    for (shell, radius) in grid.radii().iter().enumerate() {
        let frequency = radius * 2.0 / (N_PIXELS as f64 * PIXEL_SIZE_ANGSTROM);
        if !(1.0 / 60.0..1.0 / 8.0).contains(&frequency) {
            continue;
        }
        // What the particle itself scatters at this radius is independent of the CTF.
        let ring = &power[shell * grid.n_inplanes()..][..grid.n_inplanes()];
        let mean = ring.iter().sum::<f64>() / ring.len() as f64;
        for (j, power) in ring.iter().enumerate() {
            found.push(power / mean);
            let theta = 2.0 * std::f64::consts::PI * j as f64 / grid.n_inplanes() as f64;
            drawn.push(cryolikes_ctf([u, v, angle], [kilovolt, cs, contrast], frequency, theta).powi(2));
        }
        let shell_drawn = drawn.len() - ring.len();
        let mean = drawn[shell_drawn..].iter().sum::<f64>() / ring.len() as f64;
        drawn[shell_drawn..].iter_mut().for_each(|value| *value /= mean);
    }
    correlation(&found, &drawn)
}

/// The CTF as CryoLike draws it: θ from the rows' direction, the astigmatism as |U − V|.
fn cryolikes_ctf([u, v, angle]: [f64; 3], [kilovolt, cs, contrast]: [f64; 3], frequency: f64, theta: f64) -> f64 {
    use std::f64::consts::PI;
    let (planck, charge, light, mass) = (6.626_070_15e-34, 1.602_176_63e-19, 2.997_924_58e8, 9.109_383_701_5e-31);
    let voltage = kilovolt * 1e3;
    let wavelength = planck
        / (2.0_f64 * mass * charge * voltage).sqrt()
        / (1.0 + charge * voltage / (2.0 * mass * light * light)).sqrt()
        * 1e10;
    let defocus = 0.5 * (u + v) + 0.5 * (u - v).abs() * (2.0 * (theta - angle)).cos();
    let gamma =
        -PI * wavelength * frequency.powi(2) * defocus + PI / 2.0 * cs * 1e7 * wavelength.powi(3) * frequency.powi(4);
    -(1.0 - contrast * contrast).sqrt() * gamma.sin() + contrast * gamma.cos()
}

#[test]
fn rows_make_cryolikes_ctf_right_in_every_quadrant() {
    for astigmatism in [5_000.0, -5_000.0] {
        for degrees in [25.0_f64, 115.0, -65.0, -155.0] {
            let folder = tempfile::tempdir().unwrap();
            let angle = degrees.to_radians();
            let settings = SimulationSettings {
                pixel_size_angstrom: PIXEL_SIZE_ANGSTROM,
                defocus_angstrom: 12_000.0..=12_000.0,
                astigmatism_angstrom: astigmatism..=astigmatism,
                defocus_angle_rad: angle..=angle,
                signal_to_noise: None,
                ..SimulationSettings::new(N_PARTICLES, N_PIXELS)
            };
            simulate(&settings, folder.path(), &Silent, &StopFlag::new(false)).unwrap();
            let star = folder.path().join("particles.star");
            let right = correlation_with_cryolikes_ctf(folder.path(), &star, DefocusAngleAxis::Rows);
            let as_read = correlation_with_cryolikes_ctf(folder.path(), &star, DefocusAngleAxis::Columns);
            assert!(right > 0.9, "U − V {astigmatism} Å at {degrees}°: {right}");
            assert!(as_read < 0.7, "U − V {astigmatism} Å at {degrees}°, as read: {as_read}");
        }
    }
}
