//! `.cs` files that NumPy wrote are read, column by column and row by row; anything else is refused by name.

use crate::shared::shared;
use std::collections::HashMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use verglas_formats::cs::{
    CsColumn, CsData, CsReader, CsSource, CsValues, append_columns, copy_rows, read_csg, write_cs,
};
use verglas_formats::{FormatError, Place};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cs").join(name)
}

fn column(path: &Path, name: &str) -> CsColumn {
    let mut cs = CsReader::open(path).unwrap();
    cs.read_columns(&[name]).unwrap_or_else(|error| panic!("{name}: {error}")).remove(0)
}

#[test]
fn reads_every_type_packed_and_aligned() {
    for file in ["every_type.cs", "aligned.cs"] {
        let path = fixture(file);
        let cs = CsReader::open(&path).unwrap();
        assert_eq!((cs.n_rows(), cs.fields().count(), cs.trailing_bytes()), (7, 13, 0), "{file}");
        assert!(cs.has("blob/idx") && !cs.has("blob") && !cs.has(""));

        let uids = column(&path, "uid").into_u64().unwrap();
        assert!(uids.iter().all(|&uid| uid >= 1 << 63) && uids[0] != uids[1]);
        let text = column(&path, "blob/path").into_text().unwrap();
        assert_eq!(text.ids, [0, 0, 0, 1, 1, 1, 2]);
        assert_eq!(text.get(6), Some("J1/Å_2.mrc".as_bytes()));
        assert_eq!(text.get(7), None);
        assert_eq!(text.texts().map(<[u8]>::len).collect::<Vec<_>>(), [11, 11, 11]);
        assert_eq!((text.text(0), text.text(3)), (text.get(2), None));
        let text = column(&path, "blob/path_bytes").into_text().unwrap();
        assert_eq!((text.ids.as_slice(), text.get(2)), (&[0, 0, 1, 1, 2, 2, 3][..], Some(&b">J1/\xff_1.mrc"[..])));
        assert_eq!(column(&path, "blob/idx").into_i64().unwrap(), [0, 1, 2, 3, 4, 5, 6]);
        let shapes = column(&path, "blob/shape");
        assert_eq!((shapes.shape.clone(), shapes.into_u64().unwrap()), (vec![2], (0..14).collect()));
        let pose = column(&path, "pose").into_f64().unwrap();
        assert_eq!((pose.len(), pose[20]), (21, 5.0));
        assert_eq!(column(&path, "half").into_f64().unwrap()[3], 1.5);
        assert_eq!(column(&path, "double").into_f64().unwrap()[1], 1.0 / 3.0);
        assert_eq!(column(&path, "signed").into_i64().unwrap(), [0, -1, -2, -3, -4, -5, -6]);
        let error = column(&path, "signed").into_u64().unwrap_err().to_string();
        assert_eq!(error, "`signed`: row 1: the value -1 is negative");
        assert_eq!(column(&path, "flag").into_f64().unwrap()[..2], [0.0, 1.0]);
        assert_eq!(column(&path, "matrix").shape, [2, 2]);
    }
}

#[test]
fn reads_several_columns_in_the_order_asked_for() {
    let mut cs = CsReader::open(fixture("every_type.cs")).unwrap();
    let columns = cs.read_columns(&["pose", "uid", "blob/idx"]).unwrap();
    assert_eq!(columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["pose", "uid", "blob/idx"]);
    // Once more: reading leaves the reader as it was.
    assert_eq!(cs.read_columns(&["pose", "uid", "blob/idx"]).unwrap(), columns);
    let mut none = CsReader::open(fixture("no_rows.cs")).unwrap();
    assert_eq!(none.n_rows(), 0);
    assert_eq!(none.read_columns(&["uid"]).unwrap()[0].values, CsValues::U64(vec![]));
}

#[test]
fn says_which_column_cannot_be_read() {
    let mut cs = CsReader::open(fixture("every_type.cs")).unwrap();
    let mut message = |name: &str| cs.read_columns(&[name]).unwrap_err().to_string();
    assert!(message("ctf/df1_A").starts_with("`ctf/df1_A`: no such field, the file holds uid, blob/path, "));
    assert_eq!(message("complex"), "`complex`: a field of type <c8, expected numbers, truth values or text");
    assert_eq!(message("void"), "`void`: a field of type |V3, expected numbers, truth values or text");
    let mut titled = CsReader::open(fixture("titled.cs")).unwrap();
    assert_eq!(titled.read_columns(&["a"]).unwrap()[0].values, CsValues::F64(vec![0.0; 2]));
    assert!(titled.read_columns(&["nested"]).unwrap_err().to_string().contains("a record of 2 fields"));
    let path = fixture("every_type.cs");
    assert_eq!(
        column(&path, "blob/path").into_f64().unwrap_err().to_string(),
        "`blob/path`: holds text, expected numbers"
    );
    assert_eq!(column(&path, "uid").into_text().unwrap_err().to_string(), "`uid`: holds integers, expected text");
    assert!(column(&path, "uid").into_i64().unwrap_err().to_string().contains("does not fit int64"));
}

#[test]
fn refuses_other_files_by_name() {
    let bytes = |bytes: &[u8]| CsReader::new(Cursor::new(bytes.to_vec())).unwrap_err();
    for (error, expected) in [
        (bytes(b"\x95CSDAT\x00\x01"), "a `.cs` file in the CSDAT encoding"),
        (bytes(b"PK\x03\x04more"), "a ZIP archive (an `.npz`?)"),
        (bytes(b"\x1f\x8b\x08"), "compressed with gzip"),
        (bytes(b"# version 30001\n\ndata_particles\n\nloop_\n"), "a STAR file"),
        (bytes("Å text".as_bytes()), "a text file"),
        (bytes(&std::fs::read(fixture("group.csg")).unwrap()), "J24_001_particles.cs, J24_passthrough_particles.cs"),
        (CsReader::open(fixture("plain.cs")).unwrap_err(), "a plain NumPy array of type <i8"),
        (CsReader::open(fixture("two_axes.cs")).unwrap_err(), "an array of 2 axes"),
        (CsReader::open(fixture("objects.cs")).unwrap_err(), "its field `a` holds pickled Python objects"),
    ] {
        assert!(matches!(error, FormatError::Unsupported(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(bytes(b"\x95CSDAT").hint().unwrap().contains("cryosparc-tools"));
    for (error, expected) in [
        (bytes(b""), "the file is empty"),
        (bytes(b"\x00\x01\x02"), "not a `.cs` file"),
        (bytes(b"\x93NUMPY"), "the array's header is cut: 6 bytes in all"),
    ] {
        assert!(matches!(error, FormatError::Malformed(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let header = b"{'descr': [('a', '<f4')], 'fortran_order': True, 'shape': (0,), }\n";
    let fortran = [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes(), header].concat();
    assert!(bytes(&fortran).to_string().contains("Fortran order"));
}

#[test]
fn a_group_names_its_files_once_each() {
    let names = read_csg(fixture("group.csg")).unwrap();
    assert_eq!(names, ["J24_001_particles.cs", "J24_passthrough_particles.cs"]);
    assert!(read_csg(fixture("make.py")).is_err());
}

#[test]
fn a_cut_file_is_an_error_and_a_longer_one_says_so() {
    let whole = std::fs::read(fixture("every_type.cs")).unwrap();
    let cs = CsReader::new(Cursor::new(whole.clone())).unwrap();
    let (row_bytes, data_offset) = (cs.row_bytes(), whole.len() - 7 * cs.row_bytes());
    let cut = &whole[..whole.len() - row_bytes - 1];
    let error = CsReader::new(Cursor::new(cut)).unwrap_err();
    let expected = format!(
        "byte {}: the header claims 7 rows of {row_bytes} bytes, {} bytes from byte {data_offset}; found {} bytes, which \
         hold 5 whole rows",
        cut.len(),
        7 * row_bytes,
        6 * row_bytes - 1
    );
    assert_eq!(error.to_string(), expected);
    assert!(error.hint().is_some());
    let mut longer = whole;
    longer.extend([0; 9]);
    assert_eq!(CsReader::new(Cursor::new(longer)).unwrap().trailing_bytes(), 9);
}

#[test]
fn reads_a_real_file_as_numpy_does() {
    let Some(path) = shared("data/cryosparc/cryosparc_P12_J24_001_particles.cs") else { return };
    let mut cs = CsReader::open(path).unwrap();
    assert_eq!(cs.n_rows(), 2019);
    let names: Vec<String> = cs.fields().map(|field| field.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let columns = cs.read_columns(&names).unwrap();
    let summary = std::fs::read_to_string(fixture("J24_summary.tsv")).unwrap();
    let rows: HashMap<&str, Vec<&str>> =
        summary.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>()).map(|row| (row[0], row)).collect();
    assert_eq!((columns.len(), rows.len()), (34, 34));
    for column in columns {
        let expected = &rows[column.name.as_str()];
        let per_row = column.shape.iter().product::<usize>();
        assert_eq!(per_row.to_string(), expected[1], "{}", column.name);
        let ends = |shown: Vec<String>| (shown[..per_row].join(","), shown[shown.len() - per_row..].join(","));
        let (found, total) = match &column.values {
            // Float32 values and their sums, one after the other, are the same numbers as NumPy's: compared as such.
            CsValues::F64(values) => {
                let parse = |text: &str| text.split(',').map(|v| v.parse().unwrap()).collect::<Vec<f64>>();
                assert_eq!(values[..per_row], parse(expected[2]), "{}", column.name);
                assert_eq!(values[values.len() - per_row..], parse(expected[3]), "{}", column.name);
                assert_eq!(values.iter().sum::<f64>(), parse(expected[4])[0], "{}", column.name);
                continue;
            }
            CsValues::U64(values) => {
                let total: u128 = values.iter().map(|&v| u128::from(v)).sum();
                (ends(values.iter().map(u64::to_string).collect()), total.to_string())
            }
            CsValues::Text(text) => {
                let texts: Vec<String> =
                    (0..2019).map(|k| String::from_utf8(text.get(k).unwrap().to_vec()).unwrap()).collect();
                let total = texts.iter().map(String::len).sum::<usize>();
                (ends(texts), format!("{},{total}", text.n_texts()))
            }
            other => panic!("{}: {other:?}", column.name),
        };
        assert_eq!((found.0.as_str(), found.1.as_str(), total.as_str()), (expected[2], expected[3], expected[4]));
    }
}

fn small_file() -> Vec<u8> {
    let paths: [&[u8]; 3] = [b">J1/a.mrc", b">J1/a.mrc", b">J1/longer.mrc"];
    write_cs(
        Vec::new(),
        &[
            CsSource::new("uid", CsData::U64(&[5, u64::MAX, 7])),
            CsSource::new("blob/path", CsData::Text(&paths)),
            CsSource { name: "pose", shape: &[2], values: CsData::F32(&[0.0, 0.5, 1.0, 1.5, 2.0, 2.5]) },
            CsSource::new("df", CsData::F64(&[1e-300, -1.0, 3.0])),
            CsSource::new("split", CsData::I32(&[-1, 0, 1])),
            CsSource::new("big", CsData::I64(&[i64::MIN, 0, 1])),
            CsSource::new("idx", CsData::U32(&[2, 1, 0])),
            CsSource::new("flag", CsData::Bool(&[true, false, true])),
        ],
    )
    .unwrap()
}

#[test]
fn what_is_written_comes_back() {
    let mut cs = CsReader::new(Cursor::new(small_file())).unwrap();
    let names = ["uid", "blob/path", "pose", "df", "split", "big", "idx", "flag"];
    let values: Vec<CsValues> = cs.read_columns(&names).unwrap().into_iter().map(|column| column.values).collect();
    assert_eq!(values[0], CsValues::U64(vec![5, u64::MAX, 7]));
    let CsValues::Text(text) = &values[1] else { panic!("{:?}", values[1]) };
    assert_eq!((text.ids.as_slice(), text.get(2)), (&[0, 0, 1][..], Some(&b">J1/longer.mrc"[..])));
    assert_eq!(values[2], CsValues::F64(vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5]));
    assert_eq!(values[3], CsValues::F64(vec![1e-300, -1.0, 3.0]));
    assert_eq!(values[4], CsValues::I64(vec![-1, 0, 1]));
    assert_eq!(values[5], CsValues::I64(vec![i64::MIN, 0, 1]));
    assert_eq!(values[6], CsValues::U64(vec![2, 1, 0]));
    assert_eq!(values[7], CsValues::Bool(vec![true, false, true]));
}

#[test]
fn rows_larger_than_a_block_are_read_one_by_one() {
    let width = 200_000;
    let filler: Vec<u32> = (0..3 * width).collect();
    let shape = [width as usize];
    let sources = [
        CsSource { name: "filler", shape: &shape, values: CsData::U32(&filler) },
        CsSource::new("idx", CsData::U32(&[7, 8, 9])),
    ];
    let mut cs = CsReader::new(Cursor::new(write_cs(Vec::new(), &sources).unwrap())).unwrap();
    let columns = cs.read_columns(&["idx", "filler"]).unwrap();
    assert_eq!(columns[0].values, CsValues::U64(vec![7, 8, 9]));
    assert!(columns[1].clone().into_u64().unwrap().into_iter().eq(0..u64::from(3 * width)));
}

#[test]
fn refuses_to_write_what_does_not_fit() {
    let write = |sources: &[CsSource]| write_cs(Vec::new(), sources).unwrap_err().to_string();
    let uid = CsSource::new("uid", CsData::U64(&[1, 2]));
    assert_eq!(write(&[]), "no columns with values are given");
    let short = CsSource { name: "pose", shape: &[3], values: CsData::F32(&[0.0; 5]) };
    assert_eq!(write(&[uid, short]), "`pose`: expected 3 values for each of 2 rows, found 5 in all");
    assert_eq!(write(&[uid, uid]), "two fields are called 'uid'");
}

#[test]
fn rows_are_copied_byte_by_byte_with_columns_appended() {
    for file in ["every_type.cs", "aligned.cs", "titled.cs"] {
        let mut cs = CsReader::open(fixture(file)).unwrap();
        let rows = [1, 0, 0, 1];
        let weights = [CsSource::new("weight", CsData::F32(&[1.0, 2.0, 3.0, 4.0]))];
        let bytes = append_columns(&mut cs, &rows, &weights, Vec::new()).unwrap();
        let mut copy = CsReader::new(Cursor::new(bytes)).unwrap();
        assert_eq!(copy.row_bytes(), cs.row_bytes() + 4);
        assert_eq!(copy.read_columns(&["weight"]).unwrap()[0].values, CsValues::F64(vec![1.0, 2.0, 3.0, 4.0]));
        for field in cs.fields() {
            assert_eq!(copy.field(&field.name).unwrap(), field);
        }
        let mut originals = Vec::new();
        cs.for_each_row(rows, |row| {
            originals.push((row.index(), row.bytes().to_vec()));
            Ok(())
        })
        .unwrap();
        assert_eq!(originals.iter().map(|(index, _)| *index).collect::<Vec<_>>(), rows);
        let mut index = 0;
        copy.for_each_row(0..4, |row| {
            assert_eq!(row.bytes()[..row.bytes().len() - 4], originals[index].1);
            index += 1;
            Ok(())
        })
        .unwrap();
    }
    let mut cs = CsReader::open(fixture("titled.cs")).unwrap();
    let error = append_columns(&mut cs, &[2], &[], Vec::new()).unwrap_err().to_string();
    assert_eq!(error, "row 2 asked for, the file holds 2 rows");
    let again = [CsSource::new("a", CsData::F32(&[1.0]))];
    assert!(append_columns(&mut cs, &[0], &again, Vec::new()).is_err());
}

#[test]
fn rows_are_copied_with_other_values_in_some_columns() {
    let source = [
        CsSource::new("uid", CsData::U64(&[1, 2, 3])),
        CsSource { name: "shift", shape: &[2], values: CsData::F32(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]) },
        CsSource::new("class", CsData::U32(&[7, 8, 9])),
    ];
    let mut cs = CsReader::new(Cursor::new(write_cs(Vec::new(), &source).unwrap())).unwrap();
    let replaced = [
        CsSource::new("class", CsData::U32(&[70, 71])),
        CsSource { name: "shift", shape: &[2], values: CsData::F32(&[-1.0, -2.0, -3.0, -4.0]) },
    ];
    let appended = [CsSource::new("weight", CsData::F64(&[0.5, 0.25]))];
    let bytes = copy_rows(&mut cs, &[2, 0], &replaced, &appended, Vec::new()).unwrap();
    let mut copy = CsReader::new(Cursor::new(bytes)).unwrap();
    assert_eq!(copy.fields().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["uid", "shift", "class", "weight"]);
    let mut read = |name: &str| copy.read_columns(&[name]).unwrap().remove(0).into_f64().unwrap();
    assert_eq!(read("uid"), [3.0, 1.0]);
    assert_eq!(read("shift"), [-1.0, -2.0, -3.0, -4.0]);
    assert_eq!(read("class"), [70.0, 71.0]);
    assert_eq!(read("weight"), [0.5, 0.25]);
    let mut refused =
        |replaced: &[CsSource]| copy_rows(&mut cs, &[0], replaced, &[], Vec::new()).unwrap_err().to_string();
    let error = refused(&[CsSource::new("class", CsData::I32(&[1]))]);
    assert_eq!(error, "`class`: <u4 of shape [] can't be replaced by <i4 of shape []");
    let error = refused(&[CsSource { name: "shift", shape: &[1], values: CsData::F32(&[1.0]) }]);
    assert!(error.contains("<f4 of shape [2] can't be replaced by <f4 of shape [1]"), "{error}");
    assert!(refused(&[CsSource::new("none", CsData::I32(&[1]))]).contains("`none`: no such field"));
}

#[test]
fn a_field_of_another_file_is_refused() {
    let other = CsReader::open(fixture("every_type.cs")).unwrap();
    let field = other.field("matrix").unwrap().clone();
    let mut cs = CsReader::new(Cursor::new(small_file())).unwrap();
    let result = cs.for_each_block(|block| {
        assert!(block.rows().all(|row| row.get(&field).is_none()));
        block.push_f64(&field, &mut Vec::new())
    });
    assert!(result.unwrap_err().to_string().contains("a field of another file"));
}

#[test]
fn text_that_is_not_unicode_names_its_row() {
    let mut bytes = std::fs::read(fixture("every_type.cs")).unwrap();
    let cs = CsReader::new(Cursor::new(bytes.clone())).unwrap();
    let at = bytes.len() - 2 * cs.row_bytes() + cs.field("blob/path").unwrap().offset;
    bytes[at..at + 4].copy_from_slice(&0xD800u32.to_le_bytes());
    let mut cs = CsReader::new(Cursor::new(bytes)).unwrap();
    let error = cs.read_columns(&["blob/path"]).unwrap_err();
    assert_eq!(error.to_string(), "`blob/path`: row 5: U+D800 in a text is not a character");
    assert!(matches!(error, FormatError::Malformed(fault) if fault.place == Place::Entry("blob/path".into())));
}

proptest! {
    #[test]
    fn columns_of_any_length_come_back(uids in prop::collection::vec(any::<u64>(), 1..3000), width in 1..40usize) {
        // Wide rows make several blocks of them.
        let filler = vec![1u32; uids.len() * width];
        let texts: Vec<Vec<u8>> = uids.iter().map(|uid| format!("p{}", uid % 5).into_bytes()).collect();
        let paths: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let shape = [width];
        let sources = [
            CsSource { name: "filler", shape: &shape, values: CsData::U32(&filler) },
            CsSource::new("uid", CsData::U64(&uids)),
            CsSource::new("path", CsData::Text(&paths)),
        ];
        let mut cs = CsReader::new(Cursor::new(write_cs(Vec::new(), &sources).unwrap())).unwrap();
        let mut columns = cs.read_columns(&["path", "uid"]).unwrap();
        prop_assert_eq!(columns.pop().unwrap().into_u64().unwrap(), uids);
        let text = columns.pop().unwrap().into_text().unwrap();
        prop_assert!(text.n_texts() <= 5);
        prop_assert!((0..paths.len()).all(|k| text.get(k) == Some(paths[k])));
    }

    #[test]
    fn damaged_files_do_not_panic(
        file in prop::sample::select(vec!["every_type.cs", "aligned.cs", "titled.cs"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = std::fs::read(fixture(file)).unwrap();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(mut cs) = CsReader::new(Cursor::new(bytes)) {
            let names: Vec<String> = cs.fields().map(|field| field.name.clone()).collect();
            for name in names {
                let _ = cs.read_columns(&[name.as_str()]);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = CsReader::new(Cursor::new(bytes));
    }
}
