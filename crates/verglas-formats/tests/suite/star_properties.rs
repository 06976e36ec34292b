//! Properties for every input: no panic, the same result whatever the buffer, and values that round-trip.

use std::io::{BufRead, BufReader};

use proptest::collection::vec;
use proptest::prelude::*;
use verglas_formats::star::{BlockKind, Row, StarFile, StarReader, StarWriter};
use verglas_formats::{FormatError, Place};

/// A value that can be written: no line breaks, no zero bytes, and not both quotes before white space.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        4 => vec(prop_oneof![Just(b'\''), Just(b'"'), Just(b' '), Just(b'#'), Just(b'\t'), Just(b'_'), Just(b';'),
            Just(b'a'), Just(b'\\'), Just(0xff), Just(0x0b)], 0..8),
        2 => vec(any::<u8>(), 0..80),
        1 => "(data_|loop_|save_|global_|stop_)[a-z ]{0,3}".prop_map(String::into_bytes),
        4 => "-?[0-9]{1,5}\\.[0-9]{6}".prop_map(String::into_bytes),
    ];
    pieces.prop_filter("can be written", |value| {
        let closes = |quote| value.windows(2).any(|pair| pair[0] == quote && b" \t\x0b\x0c\r\n".contains(&pair[1]));
        let is_text = value.iter().all(|byte| !b"\n\r\0".contains(byte));
        is_text && !(closes(b'"') && closes(b'\''))
    })
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_#'\"é.-]{1,8}"
}

#[derive(Debug, Clone)]
struct Table {
    name: String,
    columns: Vec<String>,
    rows: Vec<Vec<Vec<u8>>>,
    is_loop: bool,
}

fn table() -> impl Strategy<Value = Table> {
    (name(), vec(name(), 1..5), any::<bool>()).prop_flat_map(|(name, columns, is_loop)| {
        let n_rows = if is_loop { 0..5 } else { 1..2 };
        vec(vec(value(), columns.len()), n_rows).prop_map(move |rows| Table {
            name: name.clone(),
            columns: columns.clone(),
            rows,
            is_loop,
        })
    })
}

fn check(file: &StarFile, tables: &[Table]) -> Result<(), TestCaseError> {
    prop_assert_eq!(file.tables.len(), tables.len());
    for (read, table) in file.tables.iter().zip(tables) {
        prop_assert_eq!(&read.block.name, &table.name);
        let kind = if table.is_loop { BlockKind::Loop } else { BlockKind::Pairs };
        prop_assert_eq!(read.block.kind, kind);
        let columns: Vec<&String> = read.block.columns.iter().map(|column| &column.name).collect();
        prop_assert_eq!(columns, table.columns.iter().collect::<Vec<_>>());
        prop_assert_eq!(read.n_rows(), table.rows.len());
        for (index, row) in table.rows.iter().enumerate() {
            prop_assert_eq!(read.row(index).collect::<Vec<_>>(), row.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }
    Ok(())
}

fn write(tables: &[Table]) -> Vec<u8> {
    let mut writer = StarWriter::new(Vec::new());
    for table in tables {
        if table.is_loop {
            writer.start_loop(&table.name, &table.columns).unwrap();
            for row in &table.rows {
                writer.write_row(row).unwrap();
            }
        } else {
            let pairs: Vec<(&String, &Vec<u8>)> = table.columns.iter().zip(&table.rows[0]).collect();
            writer.write_pairs(&table.name, &pairs).unwrap();
        }
    }
    writer.finish().unwrap()
}

/// Everything a reader says about a file: names, values, lines, offsets, and how it ends.
fn transcript(mut reader: StarReader<impl BufRead>, with_rows: bool) -> Vec<String> {
    let mut said = Vec::new();
    // Reading goes on after errors; each of them consumes a line, so this ends.
    loop {
        match reader.next_block() {
            Ok(Some(block)) => said.push(format!("{block:?}")),
            Ok(None) => return said,
            Err(error) => {
                said.push(error.to_string());
                // The file has no block at all: there is no more to come.
                if matches!(&error, FormatError::Malformed(fault) if fault.place == Place::File) {
                    return said;
                }
            }
        }
        if with_rows {
            say_rows(&mut reader, &mut said);
        }
    }
}

fn say_rows(reader: &mut StarReader<impl BufRead>, said: &mut Vec<String>) {
    let mut row = Row::new();
    loop {
        match reader.read_row(&mut row) {
            Ok(true) => {
                let values: Vec<&[u8]> = row.values().collect();
                said.push(format!("{} {:?} {:?} {values:?}", row.line(), row.byte_range(), row.raw()));
            }
            Ok(false) => return,
            Err(error) => said.push(error.to_string()),
        }
    }
}

/// Text made of the language's own pieces: reaches further than arbitrary bytes.
fn star_like() -> impl Strategy<Value = Vec<u8>> {
    let pieces: [&[u8]; 24] = [
        b"data_",
        b"data_x",
        b"loop_",
        b"_a",
        b"_b #2",
        b"\n",
        b"\n",
        b"\r\n",
        b" ",
        b"\t",
        b"#",
        b"'",
        b"\"",
        b"1",
        b"x y",
        b"save_",
        b"global_",
        b";",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\r",
        b"\x0b",
        b"\ndata_y\nloop_\n_a\n_b\n1 2\n",
    ];
    let piece = proptest::sample::select(pieces.to_vec());
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_written_is_read_back(tables in vec(table(), 1..4)) {
        let text = write(&tables);
        check(&StarFile::read(&text[..]).unwrap(), &tables)?;
    }

    #[test]
    fn rows_copied_raw_keep_their_values(table in table(), extra in vec(value(), 0..3)) {
        let text = write(std::slice::from_ref(&table));
        let mut reader = StarReader::new(&text[..]);
        let mut row = Row::new();
        let block = reader.next_block().unwrap().unwrap();
        let mut columns: Vec<String> = block.columns.iter().map(|column| column.name.clone()).collect();
        columns.extend((0..extra.len()).map(|index| format!("extra{index}")));
        let mut writer = StarWriter::new(Vec::new());
        writer.start_loop(&block.name, &columns).unwrap();
        while reader.read_row(&mut row).unwrap() {
            writer.write_raw_row(row.raw(), &extra).unwrap();
        }
        let copied = writer.finish().unwrap();
        let rows = table.rows.iter().map(|row| row.iter().chain(&extra).cloned().collect()).collect();
        check(&StarFile::read(&copied[..]).unwrap(), &[Table { name: table.name, columns, rows, is_loop: true }])?;
    }

    #[test]
    fn layout_means_nothing(
        rows in vec(vec("[a-z0-9.@/'\"_]{0,9}x", 3), 1..6),
        gaps in vec(prop_oneof![Just(" "), Just("\t"), Just("   \t "), Just("\x0c")], 20),
        ends in vec(prop_oneof![Just("\n"), Just("\r\n"), Just("\n\n"), Just(" \t\n# c 'd\n"), Just(" # e\n"),
            Just("\n \n")], 12),
        margin in prop_oneof![Just(""), Just("  "), Just("\t")],
    ) {
        // Values that start with a quote would be quoted values.
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|value| format!("v{value}")).collect()).collect();
        let (mut gaps, mut ends) = (gaps.iter().cycle(), ends.iter().cycle());
        let mut text = String::new();
        for line in [&["data_x"][..], &["loop_"], &["_a"], &["_b"], &["_c"]]
            .into_iter()
            .map(|line| line.iter().map(ToString::to_string).collect::<Vec<_>>())
            .chain(rows.iter().cloned())
        {
            text.push_str(margin);
            for value in &line {
                text.push_str(value);
                text.push_str(gaps.next().unwrap());
            }
            text.push_str(ends.next().unwrap());
        }
        let file = StarFile::read(text.as_bytes()).unwrap();
        let rows = rows.into_iter().map(|row| row.into_iter().map(String::into_bytes).collect()).collect();
        let columns = ["a", "b", "c"].map(String::from).to_vec();
        check(&file, &[Table { name: "x".into(), columns, rows, is_loop: true }])?;
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..400)) {
        transcript(StarReader::new(&bytes[..]), true);
        let _ = StarFile::read(&bytes[..]);
    }

    #[test]
    fn the_buffer_does_not_matter(text in star_like(), capacity in 1..40_usize) {
        for with_rows in [true, false] {
            let whole = transcript(StarReader::new(&text[..]), with_rows);
            let parts = transcript(StarReader::new(BufReader::with_capacity(capacity, &text[..])), with_rows);
            prop_assert_eq!(whole, parts);
        }
    }

    #[test]
    fn raw_rows_of_any_bytes_do_not_panic(raw in star_like(), extra in vec(value(), 0..3)) {
        let mut writer = StarWriter::new(Vec::new());
        writer.start_loop("x", &["a", "b"]).unwrap();
        if writer.write_raw_row(&raw, &extra).is_ok() {
            let text = writer.finish().unwrap();
            let file = StarFile::read(&text[..]).unwrap();
            prop_assert_eq!((file.tables.len(), file.tables[0].n_rows()), (1, 1));
        }
    }
}

#[test]
fn a_file_cut_anywhere_gives_an_error_or_whole_rows() {
    let text: &[u8] = b"# c\n\ndata_general\n_k 'a b'\n_l 2\n\ndata_x\n\nloop_ \n_a #1 \n_b #2 \n'q r' 1 # c\r\n\n x#y \"\"\nlast 3\n";
    let whole = StarFile::read(text).unwrap();
    for cut in 0..text.len() {
        let mut reader = StarReader::new(&text[..cut]);
        let mut row = Row::new();
        let mut n_rows = 0;
        let outcome = (|| -> verglas_formats::Result<()> {
            while let Some(block) = reader.next_block()? {
                while reader.read_row(&mut row)? {
                    // The last row may lack the end of its last value: no reader can see that.
                    if block.name == "x" && row.byte_range().end < cut as u64 {
                        let expected: Vec<&[u8]> = whole.tables[1].row(n_rows).collect();
                        assert_eq!(row.values().collect::<Vec<_>>(), expected, "cut at {cut}");
                        n_rows += 1;
                    }
                }
            }
            Ok(())
        })();
        if cut < 6 {
            assert!(outcome.is_err(), "cut at {cut}");
        }
    }
}
