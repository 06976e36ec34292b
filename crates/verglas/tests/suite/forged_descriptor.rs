//! Promise: of a descriptor's values their sizes are looked at first; a forged file takes neither memory nor time.

use verglas::descriptor::ImageDescriptor;
use verglas_formats::npz::NpzWriter;

/// A descriptor file that states the number of angles `n_times`.
fn descriptor(n_times: usize, selection: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut npz = NpzWriter::new(file.as_file());
    npz.add_i64("n_pixels", &[2], &[8, 8]).unwrap();
    npz.add_f64("pixel_size", &[2], &[1.5, 1.5]).unwrap();
    npz.add_f64("radius_max", &[], &[2.0]).unwrap();
    npz.add_f64("dist_radii", &[], &[0.25]).unwrap();
    npz.add_i64("n_inplanes", &[n_times], &vec![16; n_times]).unwrap();
    npz.add_text("atom_selection", &[], [selection.as_bytes()]).unwrap();
    npz.finish().unwrap();
    file
}

#[test]
fn values_of_any_size_are_not_read() {
    // As CryoLike accepts it: an array of equal values.
    let read = ImageDescriptor::load(descriptor(1000, "name CA").path()).unwrap();
    assert_eq!(read.polar_grid.n_inplanes(), 16);

    let file = descriptor(1 << 18, "name CA");
    let error = ImageDescriptor::load(file.path()).unwrap_err().to_string();
    let expected = "is an array of 2097280 bytes, expected one value, in at most 1048576 bytes";
    assert_eq!(error, format!("`n_inplanes` of `{}`: {expected}", file.path().display()));

    let error = ImageDescriptor::load(descriptor(1, &"x".repeat(1 << 19)).path()).unwrap_err().to_string();
    assert!(error.starts_with("`atom_selection` of") && error.contains("an array of 2097280 bytes"), "{error}");
}
