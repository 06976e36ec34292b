//! Promise: `.cs` files, alone or joined on uid, become the particles that they describe, and nothing is lost unsaid.

use crate::cryosparc_common::{Cs, convert, one, read, read_with, settings, told, two, write_stack};
use crate::shared::shared;
use verglas::metadata::ReadSettings;
use verglas::particle::{Column, OriginColumn, OriginColumns, OriginUnit, PoseColumns, SectionIndex};
use verglas::settings::{Contrast, ConvertSettings};
use verglas::{Conversion, ErrorKind, Findings};

const THREE: [(&str, u32); 3] = [(">J1/extract/b.mrc", 4), ("J1/extract/a.mrc", 0), (">J1/extract/b.mrc", 2)];

#[test]
fn rows_name_their_images_from_zero_and_without_the_mark() {
    let dir = tempfile::tempdir().unwrap();
    let cs = Cs::with_ctf(3).with_images(&THREE).with_uids(&[7, u64::MAX, 0]).write(dir.path().join("a.cs"));
    let table = read(&one(&cs)).0.unwrap();
    assert_eq!(table.image_names, [b"J1/extract/b.mrc".to_vec(), b"J1/extract/a.mrc".to_vec()]);
    assert_eq!(table.image, [0, 1, 0]);
    assert_eq!(table.section, [4, 0, 2].map(SectionIndex));
    assert_eq!(table.row, [0, 1, 2]);
    assert_eq!(table.uid, Some(vec![7, u64::MAX, 0]));
    assert_eq!(table.place(1), format!("row 1 of `{}`", cs.display()));
}

#[test]
fn a_path_with_and_without_the_mark_is_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let cs = Cs::with_ctf(2).with_images(&[(">a.mrc", 0), ("a.mrc", 1)]).write(dir.path().join("a.cs"));
    assert_eq!(read(&one(&cs)).0.unwrap().image_names, [b"a.mrc".to_vec()]);
}

#[test]
fn values_are_those_of_the_file_to_the_last_bit() {
    let dir = tempfile::tempdir().unwrap();
    let cs = Cs::with_ctf(2)
        .with_images(&THREE[..2])
        .f32("ctf/phase_shift_rad", &[0.3, 1.1])
        .f32("ctf/bfactor", &[12.5, 0.0])
        .f32("ctf/scale", &[0.7, 0.9])
        .f32("blob/psize_A", &[1.06, 1.06])
        .write(dir.path().join("a.cs"));
    let (table, warnings) = read(&one(&cs));
    let table = table.unwrap();
    assert_eq!(table.defocus_u_angstrom, Column::PerParticle(vec![10_000.0, 10_010.0]));
    assert_eq!(table.defocus_v_angstrom, Column::PerParticle(vec![9_900.0, 9_910.0]));
    // Radians already, and the float32's own value, not the decimal number's.
    assert_eq!(table.defocus_angle_rad.get(0), f64::from(0.1_f32));
    assert_eq!(table.phase_shift_rad.get(1), f64::from(1.1_f32));
    assert_eq!(table.ctf_bfactor, Some(Column::PerParticle(vec![12.5, 0.0])));
    assert_eq!(table.ctf_scale_factor.unwrap().get(0), f64::from(0.7_f32));
    assert_eq!(table.pixel_size_angstrom, Some(f64::from(1.06_f32)));
    assert_eq!(table.constants.len(), 1);
    assert_eq!(table.constants[0].voltage_kv, 300.0);
    assert_eq!(table.constants[0].spherical_aberration_mm, f64::from(2.7_f32));
    assert_eq!(table.constants[0].amplitude_contrast, f64::from(0.1_f32));
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn each_default_is_reported_once_with_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let cs = Cs::with_ctf(3).with_images(&THREE).write(dir.path().join("a.cs"));
    let (table, warnings) = read(&one(&cs));
    let table = table.unwrap();
    assert_eq!(table.phase_shift_rad, Column::Constant(0.0));
    assert!(table.ctf_bfactor.is_none() && table.uid.is_none());
    assert_eq!((table.pose, table.origin), (PoseColumns::default(), OriginColumns::default()));
    let expected = [
        "ctf/phase_shift_rad is missing: 0 used for 3 rows",
        "ctf/bfactor is missing: 0 used for 3 rows",
        "ctf/scale is missing: 1 used for 3 rows",
    ];
    assert_eq!(told(&warnings, "default-used"), expected);
}

/// Rot, tilt and psi of one row, radians.
fn angles(pose: &PoseColumns, row: usize) -> [f64; 3] {
    [&pose.rot, &pose.tilt, &pose.psi].map(|angle| angle.as_ref().unwrap().get(row))
}

/// Origins of all rows along one axis, Å.
fn angstroms(origin: Option<OriginColumn>) -> Column {
    let origin = origin.unwrap();
    assert_eq!(origin.unit, OriginUnit::Angstrom);
    origin.values
}

/// The rotation by a vector (axis times angle), after Rodrigues: I + sin t·K + (1 − cos t)·K².
fn rotation([x, y, z]: [f64; 3]) -> [[f64; 3]; 3] {
    let t = (x * x + y * y + z * z).sqrt();
    let (x, y, z) = (x / t, y / t, z / t);
    let (s, c) = (t.sin(), 1.0 - t.cos());
    [
        [1.0 - c * (y * y + z * z), c * x * y - s * z, c * x * z + s * y],
        [c * x * y + s * z, 1.0 - c * (x * x + z * z), c * y * z - s * x],
        [c * x * z - s * y, c * y * z + s * x, 1.0 - c * (x * x + y * y)],
    ]
}

#[test]
fn poses_are_the_same_rotations_in_relions_angles() {
    let vectors = [[2.338_663_3, -0.255_955_67, -1.223_676_8_f32], [0.1, -0.2, 0.3], [-3.0, 0.5, -0.4]];
    let dir = tempfile::tempdir().unwrap();
    let cs = Cs::with_ctf(3).with_images(&THREE).f32s("alignments3D/pose", &vectors).write(dir.path().join("a.cs"));
    let pose = read(&one(&cs)).0.unwrap().pose;
    for (row, vector) in vectors.iter().enumerate() {
        let turned = rotation(vector.map(f64::from));
        let [(sa, ca), (sb, cb), (sg, cg)] = angles(&pose, row).map(f64::sin_cos);
        // RELION's Euler_angles2matrix; CryoSPARC's rotation is its transpose.
        let relion = [
            [cg * cb * ca - sg * sa, cg * cb * sa + sg * ca, -cg * sb],
            [-sg * cb * ca - cg * sa, -sg * cb * sa + cg * ca, sg * sb],
            [sb * ca, sb * sa, cb],
        ];
        for i in 0..3 {
            for j in 0..3 {
                assert!((relion[i][j] - turned[j][i]).abs() < 1e-14, "row {row}, element {i}, {j}");
            }
        }
    }
}

#[test]
fn shifts_become_angstroms_with_the_pixel_size_of_their_alignment() {
    let dir = tempfile::tempdir().unwrap();
    let cs = Cs::with_ctf(2)
        .with_images(&THREE[..2])
        .f32("blob/psize_A", &[1.0, 1.0])
        .f32s("alignments3D/shift", &[[1.5, -2.0], [0.25, 4.0]])
        .f32("alignments3D/psize_A", &[2.0, 2.0]);
    let origin = read(&one(cs.write(dir.path().join("a.cs")))).0.unwrap().origin;
    assert_eq!(angstroms(origin.x), Column::PerParticle(vec![3.0, 0.5]));
    assert_eq!(angstroms(origin.y), Column::PerParticle(vec![-4.0, 8.0]));

    let path = cs.without("alignments3D/psize_A").write(dir.path().join("b.cs"));
    let (table, warnings) = read(&one(&path));
    assert_eq!(table.unwrap().origin, OriginColumns::default());
    assert_eq!(told(&warnings, "incomplete-origin").len(), 1);
}

#[test]
fn values_without_a_place_are_reported_where_they_are_not_zero() {
    let dir = tempfile::tempdir().unwrap();
    let cs = Cs::with_ctf(3)
        .with_images(&THREE)
        .f32s("ctf/tilt_A", &[[0.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
        .f32s("ctf/trefoil_A", &[[0.0, 0.0]; 3])
        .f32s("ctf/tetra_A", &[[0.0, 0.0, 0.0, 5.0], [0.0; 4], [0.0; 4]])
        .f32s("ctf/shift_A", &[[-0.0, 0.0]; 3])
        .f32s("ctf/anisomag", &[[1e-3, 0.0, 0.0, 0.0]; 3])
        .write(dir.path().join("a.cs"));
    let warnings = read(&one(&cs)).1;
    let path = cs.display();
    let expected = [
        format!("`{path}`: beam tilt (ctf/tilt_A) in 2 rows has no place in CryoLike's files"),
        format!("`{path}`: tetrafoil (ctf/tetra_A) in 1 row has no place in CryoLike's files"),
        format!("`{path}`: anisotropic magnification (ctf/anisomag) in 3 rows has no place in CryoLike's files"),
    ];
    assert_eq!(told(&warnings, "value-dropped"), expected);
}

#[test]
fn everything_missing_is_in_one_message_with_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let cs = Cs::with_ctf(3).with_images(&THREE).without("ctf/df1_A").without("ctf/amp_contrast").without("blob/idx");
    let path = cs.write(dir.path().join("a.cs"));
    let error = read(&one(&path)).0.unwrap_err();
    let expected = format!(
        "`{}`: missing blob/idx, ctf/df1_A, ctf/amp_contrast\n  columns there: ctf/df2_A, ctf/df_angle_rad, ctf/cs_mm, \
         ctf/accel_kv, blob/path",
        path.display()
    );
    assert_eq!((error.to_string(), error.kind(), error.hint()), (expected, ErrorKind::Format, None));
}

#[test]
fn either_half_of_a_pair_is_refused_with_the_name_of_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let blob = Cs::default().with_uids(&[1, 2, 3]).with_images(&THREE).write(dir.path().join("J7_particles.cs"));
    let error = read(&one(&blob)).0.unwrap_err();
    assert!(error.to_string().contains("missing ctf/df1_A, ctf/df2_A, ctf/df_angle_rad"), "{error}");
    assert!(error.hint().unwrap().to_string().contains("`…_passthrough_particles.cs`, as second input"), "{error:?}");

    let ctf = Cs::with_ctf(3).with_uids(&[1, 2, 3]).write(dir.path().join("J7_passthrough_particles.cs"));
    let error = read(&one(&ctf)).0.unwrap_err();
    assert!(error.to_string().contains("missing blob/path, blob/idx"), "{error}");
    let hint = error.hint().unwrap().to_string();
    assert!(hint.contains("J7_particles.cs` holds what is missing: "), "{hint}");
    std::fs::remove_file(&blob).unwrap();
    let error = read(&one(&ctf)).0.unwrap_err();
    assert!(error.hint().unwrap().to_string().contains("`…_passthrough_particles.cs`"), "{error:?}");
}

#[test]
fn two_files_are_joined_on_uid_in_the_order_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let first = Cs::default().with_uids(&[30, 10, 20]).with_images(&THREE).write(dir.path().join("a.cs"));
    let second = Cs::with_ctf(4)
        .with_uids(&[10, 20, 99, 30])
        .f32s("alignments3D/pose", &[[0.0, 0.0, 0.1], [0.0, 0.0, 0.2], [0.0, 0.0, 0.9], [0.0, 0.0, 0.3]])
        .write(dir.path().join("b.cs"));
    let (table, warnings) = read(&two(&first, &second));
    let table = table.unwrap();
    assert_eq!(table.uid, Some(vec![30, 10, 20]));
    assert_eq!(table.section, [4, 0, 2].map(SectionIndex));
    assert_eq!(table.defocus_u_angstrom, Column::PerParticle(vec![10_030.0, 10_000.0, 10_010.0]));
    let turns: Vec<f64> = (0..3).map(|row| angles(&table.pose, row)[2]).collect();
    assert!(turns.iter().zip([0.3, 0.1, 0.2]).all(|(found, expected)| (found - expected).abs() < 1e-7), "{turns:?}");
    assert_eq!(
        table.sources.iter().map(|source| source.path.clone()).collect::<Vec<_>>(),
        [first.clone(), second.clone()]
    );
    let text = format!(
        "1 of 4 rows of `{}` have no partner in `{}` and are not used (first: row 2, uid 99)",
        second.display(),
        first.display()
    );
    assert_eq!(told(&warnings, "passthrough-unmatched"), [text]);

    // The other way round the order is the other file's, and a row without partner is an error.
    let error = read(&two(&second, &first)).0.unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("row 2 of `{}`: its uid 99 is not in", second.display())),
        "{error}"
    );
}

#[test]
fn where_both_files_hold_a_column_the_first_counts() {
    let dir = tempfile::tempdir().unwrap();
    let first = Cs::with_ctf(2).with_uids(&[1, 2]).with_images(&THREE[..2]).f32("blob/psize_A", &[3.0, 3.0]);
    let second = Cs::with_ctf(2).with_uids(&[2, 1]).f32("ctf/df1_A", &[1.0, 2.0]).f32("blob/psize_A", &[9.0, 9.0]);
    let table = read(&two(first.write(dir.path().join("a.cs")), second.write(dir.path().join("b.cs")))).0.unwrap();
    assert_eq!(table.defocus_u_angstrom, Column::PerParticle(vec![10_000.0, 10_010.0]));
    assert_eq!(table.pixel_size_angstrom, Some(3.0));
}

#[test]
fn uids_that_stand_twice_or_nowhere_stop_a_join() {
    let dir = tempfile::tempdir().unwrap();
    let blob = |uids: &[u64; 3]| Cs::default().with_uids(uids).with_images(&THREE);
    let ctf = |uids: &[u64; 3]| Cs::with_ctf(3).with_uids(uids).write(dir.path().join("b.cs"));
    let first = blob(&[1, 2, 2]).write(dir.path().join("a.cs"));
    let error = read(&two(&first, ctf(&[1, 2, 3]))).0.unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("rows 1 and 2 of `{}` have the same uid, 2", first.display())),
        "{error}"
    );
    let first = blob(&[1, 2, 3]).write(dir.path().join("a.cs"));
    assert!(read(&two(&first, ctf(&[1, 1, 2]))).0.is_err());
    assert!(read(&two(&first, ctf(&[3, 2, 1]))).0.is_ok());
    let bare = blob(&[1, 2, 3]).without("uid").write(dir.path().join("a.cs"));
    let error = read(&two(&bare, ctf(&[3, 2, 1]))).0.unwrap_err();
    let expected = format!("missing uid in `{}`, by which they are joined", bare.display());
    assert!(error.to_string().contains(&expected), "{error}");
}

#[test]
fn optics_groups_are_exposure_groups() {
    let dir = tempfile::tempdir().unwrap();
    let cs = Cs::with_ctf(3)
        .with_images(&THREE)
        .u32("ctf/exp_group_id", &[4, 11, 4])
        .f32("blob/psize_A", &[1.0, 2.0, 1.0])
        .f32("ctf/accel_kv", &[300.0, 200.0, 300.0])
        .write(dir.path().join("a.cs"));
    let only = |groups: &[&str]| ReadSettings {
        optics_groups: groups.iter().map(|&group| group.to_owned()).collect(),
        ..ReadSettings::default()
    };
    let table = read_with(&one(&cs), &only(&["4"])).0.unwrap();
    assert_eq!(table.row, [0, 2]);
    assert_eq!(table.section, [4, 2].map(SectionIndex));
    assert_eq!((table.pixel_size_angstrom, table.constants.len()), (Some(1.0), 1));
    assert_eq!(table.defocus_u_angstrom, Column::PerParticle(vec![10_000.0, 10_020.0]));

    let error = read_with(&one(&cs), &only(&["5"])).0.unwrap_err();
    assert!(error.to_string().contains("is in optics group 5") && error.to_string().contains("4, 11"), "{error}");

    let error = read(&one(&cs)).0.unwrap_err().to_string();
    assert!(error.contains("optics group 4: 1 Å, 2 rows") && error.contains("optics group 11: 2 Å, 1 row"), "{error}");
}

#[test]
fn values_that_are_no_numbers_are_named_by_column_and_row() {
    let dir = tempfile::tempdir().unwrap();
    let path = Cs::with_ctf(3)
        .with_images(&[("a.mrc", 0), ("", 1), ("b.mrc", 2)])
        .f32("ctf/df1_A", &[1.0, f32::NAN, f32::INFINITY])
        .write(dir.path().join("a.cs"));
    let error = read(&one(&path)).0.unwrap_err();
    let text = format!("row 1 of `{0}`: ctf/df1_A is NaN, expected a number\n  and 1 more row like it", path.display());
    assert_eq!(error.to_string(), text);
    let other = format!("row 1 of `{}`: blob/path is empty, expected an image file", path.display());
    assert_eq!(error.others()[0].to_string(), other);

    // No second error about a size that nobody wrote.
    for sizes in [[f32::NAN; 3], [f32::NAN, 1.5, 1.5]] {
        let cs = Cs::with_ctf(3).with_images(&[("a.mrc", 0), ("a.mrc", 1), ("b.mrc", 2)]);
        let error = read(&one(cs.f32("blob/psize_A", &sizes).write(dir.path().join("b.cs")))).0.unwrap_err();
        assert!(error.to_string().contains("blob/psize_A is NaN, expected a number"), "{error}");
        assert_eq!(error.others().len(), 0);
    }
}

#[test]
fn a_column_of_another_shape_or_type_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let cs = Cs::with_ctf(2).with_images(&THREE[..2]);
    let path = cs.f32s("ctf/df1_A", &[[1.0, 2.0]; 2]).write(dir.path().join("a.cs"));
    let error = read(&one(&path)).0.unwrap_err().to_string();
    assert_eq!(error, format!("`ctf/df1_A` of `{}`: 2 values per row, expected 1", path.display()));
    let cs = Cs::with_ctf(2).with_images(&THREE[..2]).f32("blob/idx", &[0.0, 1.0]).write(dir.path().join("b.cs"));
    let error = read(&one(&cs)).0.unwrap_err().to_string();
    assert!(error.starts_with("`blob/idx` of `"), "{error}");
}

#[test]
fn groups_and_the_other_encoding_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let csg = dir.path().join("J7_particles.csg");
    std::fs::write(&csg, "results:\n  blob:\n    metafile: '>J7_particles.cs'\n  ctf:\n    metafile: '>J7_pass.cs'\n")
        .unwrap();
    let error = read(&one(&csg)).0.unwrap_err();
    assert!(error.to_string().contains("J7_particles.cs, J7_pass.cs"), "{error}");
    let csdat = dir.path().join("a.cs");
    std::fs::write(&csdat, b"\x95CSDAT\x01\x00").unwrap();
    assert!(read(&one(&csdat)).0.unwrap_err().to_string().contains("CSDAT"));
    assert_eq!(read(&one(dir.path().join("no.cs"))).0.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn images_are_found_below_the_projects_folder_and_paired_by_index() {
    let dir = tempfile::tempdir().unwrap();
    write_stack(dir.path().join("J1/extract/a.mrc"), 3, 10.0);
    write_stack(dir.path().join("J1/extract/b.mrc"), 5, 20.0);
    let cs = Cs::with_ctf(3).with_images(&THREE).with_uids(&[5, 6, 7]).write(dir.path().join("J2/J2_particles.cs"));
    let (converted, warnings) = convert(one(&cs), settings());
    let converted = converted.unwrap();
    assert_eq!(converted.means, [24.0, 10.0, 22.0]);
    assert_eq!(converted.files, ["J1/extract/b.mrc", "J1/extract/a.mrc", "J1/extract/b.mrc"]);
    assert_eq!(converted.sections, [4, 0, 2]);
    assert_eq!(converted.uids, [5, 6, 7]);
    assert_eq!(converted.defocus_u, [10_000.0, 10_010.0, 10_020.0]);
    assert_eq!(told(&warnings, "image-root").len(), 1);
}

#[test]
fn a_section_past_the_end_is_named_by_its_row() {
    let dir = tempfile::tempdir().unwrap();
    write_stack(dir.path().join("a.mrc"), 3, 10.0);
    let cs = Cs::with_ctf(1).with_images(&[("a.mrc", 3)]).write(dir.path().join("a.cs"));
    let error = convert(one(&cs), settings()).0.unwrap_err().to_string();
    assert!(error.starts_with("section 4 of") && error.contains(&format!("by row 0 of `{}`", cs.display())), "{error}");
}

#[test]
fn the_stored_sign_is_reported_and_applied_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    write_stack(dir.path().join("a.mrc"), 3, 10.0);
    let images = [("a.mrc", 0), ("a.mrc", 1), ("a.mrc", 2)];
    let cs = Cs::with_ctf(3).with_images(&images).f32("blob/sign", &[1.0, -1.0, 1.0]).write(dir.path().join("a.cs"));
    for (contrast, means) in [
        (Contrast::AsStored, [10.0, 11.0, 12.0]),
        (Contrast::BlobSign, [10.0, -11.0, 12.0]),
        (Contrast::Invert, [-10.0, -11.0, -12.0]),
    ] {
        let (converted, warnings) = convert(one(&cs), ConvertSettings { contrast, ..settings() });
        assert_eq!(converted.unwrap().means, means, "{contrast:?}");
        let told = told(&warnings, "blob-sign");
        assert!(told.len() == 1 && told[0].starts_with("blob/sign is -1 for 1 of 3 particles"), "{told:?}");
    }
}

#[test]
fn a_sign_that_is_none_can_not_be_applied() {
    let dir = tempfile::tempdir().unwrap();
    write_stack(dir.path().join("a.mrc"), 2, 10.0);
    let cs = Cs::with_ctf(2).with_images(&[("a.mrc", 0), ("a.mrc", 1)]);
    let apply = || ConvertSettings { contrast: Contrast::BlobSign, ..settings() };
    let error = convert(one(cs.write(dir.path().join("a.cs"))), apply()).0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Value);
    let odd = cs.f32("blob/sign", &[1.0, 0.0]).write(dir.path().join("a.cs"));
    let error = convert(one(&odd), apply()).0.unwrap_err().to_string();
    assert_eq!(error, format!("row 1 of `{}`: blob/sign is 0, expected 1 or -1", odd.display()));
    assert!(convert(one(&odd), settings()).0.is_ok());
}

#[test]
fn several_lens_constants_make_several_stacks() {
    let dir = tempfile::tempdir().unwrap();
    write_stack(dir.path().join("a.mrc"), 3, 10.0);
    let cs = Cs::with_ctf(3)
        .with_images(&[("a.mrc", 0), ("a.mrc", 1), ("a.mrc", 2)])
        .f32("ctf/cs_mm", &[2.7, 2.71, 2.7])
        .write(dir.path().join("a.cs"));
    let (converted, warnings) = convert(one(&cs), settings());
    assert_eq!(converted.unwrap().rows, [0, 2]);
    assert!(told(&warnings, "constants-differ")[0].starts_with("2 sets of"), "{warnings:?}");
}

#[test]
fn a_real_file_is_read_as_numpy_reads_it() {
    let Some(cs) = shared("data/cryosparc/cryosparc_P12_J24_001_particles.cs") else { return };
    let (table, warnings) = read(&one(&cs));
    let table = table.unwrap();
    // Numbers from NumPy: `a = np.load(path)`, `a[0]` and `np.unique(a['blob/path'])`.
    assert_eq!((table.len(), table.image_names.len()), (2019, 50));
    assert_eq!(table.uid.as_ref().unwrap()[0], 15_494_748_553_812_943_456);
    assert_eq!(table.section[0], SectionIndex(0));
    assert_eq!(
        table.image_names[0],
        b"J19/extract/20150917_05196_DNA-TET-25k-DE20_raw.region_000.sum-all_003-072_particles.mrc"
    );
    assert_eq!(table.defocus_u_angstrom.get(0), f64::from(45_591.37_f32));
    assert_eq!(table.defocus_angle_rad.get(0), f64::from(-1.363_644_8_f32));
    assert_eq!(table.pixel_size_angstrom, Some(f64::from(2.95_f32)));
    let [x, y] = [table.origin.x, table.origin.y].map(|origin| angstroms(origin).get(0));
    let size = f64::from(2.95_f32);
    assert_eq!((x, y), (f64::from(11.334_375_f32) * size, -1.828_125 * size));
    // pyem's angles for this row's vector, degrees; see the tests of `pose`.
    let found = angles(&table.pose, 0).map(f64::to_degrees);
    for (found, expected) in found.into_iter().zip([-157.808_488, 118.790_969, 34.683_299]) {
        assert!((found - expected).abs() < 1e-5, "{found}, expected {expected}");
    }
    assert_eq!(told(&warnings, "default-used"), ["ctf/bfactor is missing: 0 used for 2019 rows"]);

    // Its images are absent: all of them in one list.
    let mut findings = Findings::new();
    let error = Conversion::prepare_with(one(&cs), ConvertSettings::default(), &mut findings).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().starts_with("50 of 50 image files not found"), "{error}");
    assert!(told(&findings.warnings, "blob-sign")[0].starts_with("blob/sign is -1 for 2019 of 2019"));
}

#[test]
fn a_box_that_the_metadata_state_otherwise_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    write_stack(dir.path().join("s.mrcs"), 3, 0.0);
    let images = [("s.mrcs", 0), ("s.mrcs", 1), ("s.mrcs", 2)];
    let told_of = |name: &str, shapes: &[[u32; 2]; 3]| {
        let cs = Cs::with_ctf(3)
            .with_images(&images)
            .f32("blob/psize_A", &[1.5; 3])
            .u32s("blob/shape", shapes)
            .write(dir.path().join(format!("{name}.cs")));
        let mut findings = Findings::new();
        Conversion::prepare_with(one(&cs), settings(), &mut findings).unwrap();
        told(&findings.warnings, "blob-shape-differs")
    };
    assert!(told_of("same", &[[8, 8]; 3]).is_empty());
    let [text] = told_of("one", &[[8, 8], [16, 8], [8, 8]]).try_into().unwrap();
    assert!(text.starts_with("blob/shape says 16 × 8 px in 1 row (first: row 1 of `"), "{text}");
    assert!(text.contains("but the images are 8 px wide"), "{text}");
    let [text] = told_of("all", &[[16, 16]; 3]).try_into().unwrap();
    assert!(text.starts_with("blob/shape says 16 × 16 px in 3 rows (first: row 0 of `"), "{text}");
}
