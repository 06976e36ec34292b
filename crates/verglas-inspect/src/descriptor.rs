//! Image descriptors: every value, and what follows from them.

use serde::Serialize;
use verglas_run::descriptor::ImageDescriptor;

/// The values of a descriptor, and what follows from them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DescriptorContents {
    /// Side of the images, pixels.
    pub n_pixels: usize,
    /// Å per pixel along both axes.
    pub pixel_size_angstrom: [f64; 2],
    /// Side of the images along both axes, Å.
    pub box_angstrom: [f64; 2],
    /// `single` or `double`.
    pub precision: &'static str,
    /// Largest radius R of the polar grid, cycles per half box.
    pub radius_max: f64,
    /// R as a fraction of Nyquist, 4 R / N.
    pub resolution_factor: f64,
    /// The finest resolution on the grid along the first axis, box / (2 R), Å.
    pub resolution_angstrom: f64,
    /// The value that determines the number of shells.
    pub dist_radii: f64,
    /// Shells.
    pub n_shells: usize,
    /// Angles per shell.
    pub n_inplanes: usize,
    /// Bytes of one Fourier image.
    pub bytes_per_image: u64,
    /// Distance between viewing directions of templates.
    pub viewing_distance: Option<f64>,
    /// Radius of an atom in templates, Å.
    pub atom_radii: Option<f64>,
    /// Which atoms of a model templates are made from.
    pub atom_selection: Option<String>,
    /// Whether templates are made from residues instead of atoms.
    pub use_protein_residue_model: bool,
    /// Shape of an atom in templates.
    pub atom_shape: &'static str,
}

impl DescriptorContents {
    pub(super) fn of(descriptor: &ImageDescriptor) -> Self {
        let n_pixels = descriptor.cartesian_grid.n_pixels();
        let pixel_size_angstrom = descriptor.cartesian_grid.pixel_size_angstrom();
        let box_angstrom = pixel_size_angstrom.map(|size| size * n_pixels as f64);
        let grid = &descriptor.polar_grid;
        let bytes_per_value = match descriptor.precision {
            verglas_fourier::grid::Precision::Single => 8,
            verglas_fourier::grid::Precision::Double => 16,
        };
        let template = &descriptor.template;
        Self {
            n_pixels,
            pixel_size_angstrom,
            box_angstrom,
            precision: descriptor.precision.as_str(),
            radius_max: grid.radius_max(),
            resolution_factor: 4.0 * grid.radius_max() / n_pixels as f64,
            resolution_angstrom: box_angstrom[0] / (2.0 * grid.radius_max()),
            dist_radii: grid.dist_radii(),
            n_shells: grid.n_shells(),
            n_inplanes: grid.n_inplanes(),
            bytes_per_image: (grid.n_points() as u64).saturating_mul(bytes_per_value),
            viewing_distance: template.viewing_distance,
            atom_radii: template.atom_radii,
            atom_selection: template.atom_selection.clone(),
            use_protein_residue_model: template.use_protein_residue_model,
            atom_shape: template.atom_shape.as_str(),
        }
    }
}
