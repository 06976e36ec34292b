//! A conversion and the way back from it: rows come back as they were, whatever the order of the stacks.

use std::fs;
use std::path::Path;

use verglas::export::{Export, export};
use verglas::metadata::Input;
use verglas::settings::ConvertSettings;
use verglas::{Conversion, Findings};

const BOX: usize = 8;

/// A stack of images that differ.
fn write_stack(path: &Path, n_sections: usize, seed: u32) {
    let mut bytes = vec![0; 1024];
    for (at, word) in [(0, BOX as i32), (4, BOX as i32), (8, n_sections as i32), (12, 2)] {
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    bytes[208..212].copy_from_slice(b"MAP ");
    bytes[212..216].copy_from_slice(&[0x44, 0x44, 0, 0]);
    let mut state = seed;
    for _ in 0..n_sections * BOX * BOX {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend(((state >> 8) as f32 / 1e7).to_le_bytes());
    }
    fs::write(path, bytes).unwrap();
}

fn convert(input: Input, dir: &Path, batch_size: usize) {
    let settings = ConvertSettings {
        batch_size,
        image_dir: matches!(input, Input::IndexedStar(_)).then(|| dir.to_owned()),
        pixel_size_angstrom: Some([1.5; 2]),
        n_threads: 1,
        ..ConvertSettings::default()
    };
    Conversion::prepare(input, settings).unwrap().run(dir.join("out")).unwrap();
}

fn export_all(dir: &Path) -> String {
    let request = Export { folder: dir.join("out"), output: dir.join("back.star"), ..Export::default() };
    let mut findings = Findings::new();
    export(&request, &mut findings).unwrap();
    assert_eq!(findings.warnings, []);
    fs::read_to_string(dir.join("back.star")).unwrap()
}

#[test]
fn an_indexed_star_file_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    write_stack(&dir.path().join("a.mrcs"), 5, 1);
    write_stack(&dir.path().join("b.mrcs"), 3, 2);
    let mut text = "\n# version 50001\n\ndata_optics\n\nloop_ \n_rlnOpticsGroup #1 \n_rlnOpticsGroupName #2 \n\
        _rlnVoltage #3 \n_rlnSphericalAberration #4 \n_rlnAmplitudeContrast #5 \n1 one 300.0 2.7 0.1 \n \n\n\
        # version 50001\n\ndata_particles\n\nloop_ \n_rlnImageName #1 \n_rlnDefocusU #2 \n_rlnDefocusV #3 \n\
        _rlnDefocusAngle #4 \n_rlnOpticsGroup #5 \n_myNote #6 \n"
        .to_owned();
    for (row, image) in ["3@a.mrcs", "000001@b.mrcs", "1@x/a.mrcs", "5@a.mrcs", "2@b.mrcs", "3@b.mrcs", "2@a.mrcs"]
        .iter()
        .map(|image| image.replace("x/", ""))
        .enumerate()
    {
        text.push_str(&format!("{image}   {}.5\t{} 30.0 1 \"note {row}\" \n", 10000 + row, 9000 + row));
    }
    text.push_str(" \n");
    let star = dir.path().join("run.star");
    fs::write(&star, &text).unwrap();
    convert(Input::IndexedStar(star), dir.path(), 3);
    assert_eq!(export_all(dir.path()), text);
}

/// Two sets of lens constants: the stacks hold the rows of one set, then those of the other.
#[test]
fn stacks_in_another_order_than_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    write_stack(&dir.path().join("a.mrcs"), 4, 3);
    let head = "data_\nloop_\n_rlnImageName\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n_rlnSphericalAberration\n\
        _rlnVoltage\n_rlnAmplitudeContrast\n";
    let rows: Vec<String> = (1..=4)
        .map(|section| {
            format!("{section}@a.mrcs 1000{section} 10000 0 2.7 {} 0.1", if section % 2 == 1 { 300 } else { 200 })
        })
        .collect();
    let star = dir.path().join("run.star");
    fs::write(&star, format!("{head}{}\n", rows.join("\n"))).unwrap();
    convert(Input::IndexedStar(star), dir.path(), 10);
    let expected: Vec<&str> = [0, 2, 1, 3].iter().map(|&row: &usize| rows[row].as_str()).collect();
    assert_eq!(export_all(dir.path()), format!("{head}{}\n", expected.join("\n")));
}

#[test]
fn sequential_pairs_come_back_in_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let head =
        "data_images\n\nloop_\n_DefocusU #1\n_DefocusV #2\n_DefocusAngle #3\n_SphericalAberration #4\n_Voltage #5\n";
    let mut pairs = Vec::new();
    let mut all = head.to_owned();
    for pair in 0..2_usize {
        let (star, images) = (dir.path().join(format!("{pair}.star")), dir.path().join(format!("{pair}.mrcs")));
        write_stack(&images, 3, 10 + pair as u32);
        let rows: String = (0..3).map(|row| format!("1{pair}00{row} 10000 0 2.7 300\n")).collect();
        fs::write(&star, format!("{head}{rows}")).unwrap();
        all.push_str(&rows);
        pairs.push((star, images));
    }
    convert(Input::StarPairs(pairs), dir.path(), 2);
    assert_eq!(export_all(dir.path()), all);
}
