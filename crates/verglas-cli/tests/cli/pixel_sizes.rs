//! Pixel sizes that several sources state: a difference in any file or row is reported.

use std::fs;

use crate::data_set::{DataSet, N_PIXELS, star};

/// One image each of files whose headers state the given pixel sizes, Å; named in this order.
fn with_headers(sizes: &[f32]) -> DataSet {
    let set = DataSet::empty();
    let mut names = Vec::new();
    for (nth, size) in sizes.iter().enumerate() {
        let name = format!("{nth}.mrcs");
        set.write_stack(&name, 1);
        let mut bytes = fs::read(set.path(&name)).unwrap();
        for axis in 0..3 {
            bytes[40 + 4 * axis..44 + 4 * axis].copy_from_slice(&(size * N_PIXELS as f32).to_le_bytes());
        }
        fs::write(set.path(&name), bytes).unwrap();
        names.push(format!("1@{name}"));
    }
    // Of 1.5 Å, as the metadata say.
    set.write_star("particles.star", &star(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    set
}

/// The same without a pixel size in the metadata.
fn without_metadata(sizes: &[f32]) -> DataSet {
    let set = with_headers(sizes);
    let text = fs::read_to_string(set.path("particles.star")).unwrap();
    set.write_star("particles.star", &text.replace("_rlnImagePixelSize #6\n", "").replace(" 1.5\n", "\n"));
    set
}

#[test]
fn any_header_that_differs_is_reported() {
    for (sizes, told) in [
        (&[2.0, 1.5][..], "warning: the MRC header of `0.mrcs` says 2 Å per pixel; 1.5 Å from the metadata is used"),
        (&[1.5, 1.6], "warning: the MRC header of `1.mrcs` says 1.6 Å per pixel; 1.5 Å from the metadata is used"),
        (&[1.5, 0.0, 2.0, 3.0], "header of `2.mrcs` says 2 Å per pixel (another header differs, too); 1.5 Å"),
        (&[2.0, 1.0, 3.0, 2.0], "header of `0.mrcs` says 2 Å per pixel (others differ, too); 1.5 Å"),
    ] {
        let ran = with_headers(sizes).convert(&[]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("MRC header").count(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    // Zero and one are written by programs that don't know the pixel size.
    let ran = with_headers(&[0.0, 1.0, 1.5]).convert(&[]);
    assert!(ran.code == 0 && !ran.stderr.contains("MRC header"), "{}", ran.stderr);
}

#[test]
fn headers_that_are_all_there_is_must_agree_and_those_that_state_none_are_reported() {
    without_metadata(&[1.5, 2.0]).assert_refused(
        &[],
        &["the MRC headers are the only source of a pixel size, and they differ: 1.5 Å in `0.mrcs`, 2 Å in `1.mrcs`"],
    );
    let ran = without_metadata(&[0.0, 1.6, 1.0]).convert(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let told = "warning: the MRC headers of 2 image files state no pixel size (first: `0.mrcs`); 1.6 Å, that of the others, \
        is used";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    without_metadata(&[0.0, 1.0]).assert_refused(&[], &["the pixel size is unknown"]);
}

#[test]
fn a_fourier_crop_multiplies_before_it_divides() {
    let set = DataSet::empty();
    set.write_images("a.mrcs", 16, 16, &[(0..256).map(|at| (at * 7 % 31) as f32).collect()]);
    set.write_star("particles.star", &star(&["1@a.mrcs"]));
    let ran = set.convert(&["--downsample", "3", "--downsample-method", "fourier"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let descriptor = verglas::descriptor::ImageDescriptor::load(&set.path("out/parameters.npz")).unwrap();
    // As in computing p·N/n from left to right.
    assert_eq!(descriptor.cartesian_grid.pixel_size_angstrom(), [1.5 * 16.0 / 5.0; 2]);
}
