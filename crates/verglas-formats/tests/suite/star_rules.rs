//! The reader's rules where readers of STAR files differ, and its errors: place, what was expected, what was found.

use std::io::BufReader;

use verglas_formats::FormatError;
use verglas_formats::star::{BlockKind, MAX_COLUMNS, Row, StarFile, StarReader};

fn rows(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let file = StarFile::read(text).unwrap_or_else(|error| panic!("{error}"));
    file.tables
        .iter()
        .map(|table| {
            (0..table.n_rows()).flat_map(|row| table.row(row).map(<[u8]>::to_vec).collect::<Vec<_>>()).collect()
        })
        .collect()
}

fn error(text: &[u8]) -> FormatError {
    StarFile::read(text).expect_err("an error")
}

fn message(text: &[u8]) -> String {
    error(text).to_string()
}

#[test]
fn rows_with_a_wrong_number_of_values() {
    let short = error(b"data_x\nloop_\n_a\n_b\n_c\n1 2 3\n\n1 2\n4 5 6\n");
    assert_eq!(short.to_string(), "line 8: expected 3 values, found 2");
    assert!(matches!(short, FormatError::Malformed(_)));
    let long = error(b"data_x\nloop_\n_a\n_b\nmy file.mrc 2\n");
    assert_eq!(long.to_string(), "line 5: expected 2 values, found 3");
    assert_eq!(long.hint(), Some("a value that contains white space must be in quotes"));
    let cut = error(b"data_x\nloop_\n_a\n_b\n1 2\n3");
    assert_eq!(cut.to_string(), "line 6: expected 2 values, found 1");
    assert_eq!(cut.hint(), Some("the file ends within this row; was it cut while copying?"));
    assert_eq!(message(b"data_x\nloop_\n_a\n1 2\n"), "line 4: expected 1 value, found 2");
}

#[test]
fn reading_on_after_a_bad_row() {
    let mut reader = StarReader::new(&b"data_x\nloop_\n_a\n_b\n1\n2 3\n"[..]);
    let mut row = Row::new();
    reader.next_block().unwrap().unwrap();
    assert!(reader.read_row(&mut row).is_err());
    assert!(reader.read_row(&mut row).unwrap());
    assert_eq!(row.value(1), Some(&b"3"[..]));
}

#[test]
fn text_before_the_first_block_is_passed_over() {
    let block = b"data_x\nloop_\n_a\n_b\n1 2\n";
    for text in [&b"version 3 blah\n"[..], b"# c\n\n5\n", b"it's 'open\nglobal_\n;x\n", b"c 1\nsave_y\n"] {
        assert_eq!(rows(&[text, block].concat()), [[b"1", b"2"]], "{}", text.escape_ascii());
    }
    let text = [b"# c\n\nversion 3 blah\nmore\n", &block[..]].concat();
    let mut reader = StarReader::new(&text[..]);
    let found = reader.next_block().unwrap().unwrap();
    assert_eq!((found.line, found.start_offset, reader.text_before_blocks()), (5, 25, Some(3)));
    let mut reader = StarReader::new(&block[..]);
    reader.next_block().unwrap();
    assert_eq!(reader.text_before_blocks(), None);
    // A head whose `data_` line is lost would lose its rows.
    for (text, line) in [(&b"loop_\n_c\n5\n"[..], 1), (b"text\n _c 1\n", 2)] {
        let expected = format!("line {line}: expected a line that starts with `data_`");
        assert!(message(&[text, block].concat()).starts_with(&expected));
    }
    // Bytes that are not text stay an error, and so does a block's line that can't be read.
    assert!(message(&[&b"\0\n"[..], block].concat()).starts_with("line 1: expected text, found a zero byte"));
    assert!(message(b"text\ndata_y z\n").starts_with("line 2: expected nothing after the block's name"));
    // Without a block, the first such line is named.
    assert_eq!(message(b"\nit's\n;x\n"), "line 2: expected a line that starts with `data_`, found `it's`");
}

#[test]
fn garbage_is_no_empty_file() {
    assert_eq!(message(b""), "expected a data block (`data_`), found none");
    assert_eq!(message(b"\n \n# only a comment\n"), "expected a data block (`data_`), found none");
    assert_eq!(
        message(b"# a table\nrlnImageName,rlnVoltage\n"),
        "line 2: expected a line that starts with `data_`, found `rlnImageName,rlnVoltage`"
    );
    assert_eq!(
        message(b"data_x\nsome text\n"),
        "line 2: expected `loop_`, `_KEY VALUE` or the next `data_`, found `some text`"
    );
    assert_eq!(
        message(b"data_x\nloop_\n1 2\n"),
        "line 3: expected a column's name (`_NAME`) after `loop_`, found `1 2`"
    );
    let long = [b"x\t\xff".repeat(40), b"\n".to_vec()].concat();
    assert_eq!(
        message(&long),
        format!("line 1: expected a line that starts with `data_`, found `{}…`", "x\\t\\xff".repeat(20))
    );
}

#[test]
fn binary_files_are_named() {
    let mrc = [&[0, 1, 0, 0][..], &[0; 1020]].concat();
    let error_of_mrc = error(&mrc);
    assert_eq!(error_of_mrc.to_string(), "line 1: expected text, found a zero byte (byte 1 of the line)");
    assert_eq!(error_of_mrc.hint(), Some("this is a binary file, or a damaged one; is it an image stack?"));
    assert_eq!(message(&vec![0; 20 << 20]), "line 1: expected text, found a zero byte (byte 1 of the line)");
    let gzip = error(b"\x1f\x8b\x08\0\0\0\0\0\0\x03data");
    assert_eq!(gzip.to_string(), "expected STAR text, found a gzip-compressed file");
    assert!(matches!(gzip, FormatError::Unsupported(_)));
    assert_eq!(message(b"\xff\xfed\0a\0t\0a\0_\0\n\0"), "expected STAR text, found text in UTF-16");
    assert!(message(b"\x93NUMPY\x01\0v\0{'descr'").contains("NumPy"));
    assert_eq!(
        message(b"data_x\nloop_\n_a\n_b\n1 2\n1 \0\n"),
        "line 6: expected text, found a zero byte (byte 3 of the line)"
    );
}

#[test]
fn open_quotes() {
    assert_eq!(
        message(b"data_x\nloop_\n_a\n_b\n1 'abc\n"),
        "line 5: the value that starts with a quote, `'abc`, does not end with '"
    );
    assert_eq!(
        message(b"data_x\n_a \"abc\n"),
        "line 2: the value that starts with a quote, `\"abc`, does not end with \""
    );
}

#[test]
fn values_keep_their_quotes_and_hashes() {
    assert_eq!(
        rows(b"data_x\nloop_\n_a\n_b\n_c\nit's 'a'b' \"x 'y' z\"\na#b c\\ '#' # d 'e\n"),
        [[&b"it's"[..], b"a'b", b"x 'y' z", b"a#b", b"c\\", b"#"]]
    );
}

#[test]
fn paths_need_not_be_utf8() {
    assert_eq!(rows(b"data_x\nloop_\n_a\n_b\n1@caf\xe9.mrcs \xff\n"), [[&b"1@caf\xe9.mrcs"[..], b"\xff"]]);
}

#[test]
fn a_row_may_start_like_a_block() {
    let text = b"data_x\nloop_\n_a\n_b\ndata_2024/a.mrc 1\n_b 2\nsave_1 3\nloop_ 4\n data_y\nloop_\n_c\n5\n";
    assert_eq!(
        rows(text),
        [vec![&b"data_2024/a.mrc"[..], b"1", b"_b", b"2", b"save_1", b"3", b"loop_", b"4"], vec![&b"5"[..]]]
    );
    // Passing over the rows finds the same block.
    let mut reader = StarReader::new(&text[..]);
    assert_eq!(reader.next_block().unwrap().unwrap().name, "x");
    assert_eq!(reader.next_block().unwrap().unwrap().name, "y");
    assert!(reader.next_block().unwrap().is_none());
    assert_eq!(message(b"data_x\nloop_\n_a\n_b\n_c\ndata_2024/a.mrc 1\n"), "line 6: expected 3 values, found 2");
    assert_eq!(message(b"data_x y\n"), "line 1: expected nothing after the block's name, found `data_x y`");
}

#[test]
fn names_after_a_gap() {
    let file = StarFile::read(&b"data_x\nloop_\n\n_a #1\n\n# b\n_b #2\n\n_c\n1 2 3\n"[..]).unwrap();
    assert_eq!(file.tables[0].block.columns.len(), 3);
    assert_eq!(file.tables[0].n_rows(), 1);
    assert_eq!(rows(b"data_x\nloop_\n\n# a\n_a first\n1\n"), [[b"1"]]);
    assert_eq!(rows(b"data_x\nloop_\n_a\n_b\n\n_x 1\n_y 2\n"), [[&b"_x"[..], b"1", b"_y", b"2"]]);
}

#[test]
fn two_loops_in_a_block() {
    assert_eq!(
        message(b"data_x\nloop_\n_a\n1\nloop_\n_b\n2\n"),
        "line 5: found a second `loop_` in one data block, after the rows of the first"
    );
    assert_eq!(rows(b"data_x\nloop_\n_a\n_b\nloop_\n_c\n2\n"), [[b"2"]]);
    assert_eq!(
        message(b"data_x\n_a 1\nloop_\n_b\n2\n"),
        "line 3: found `loop_` in a data block that has keys with values already"
    );
    assert_eq!(message(b"data_x\nloop_ _a _b\n"), "line 2: expected nothing after `loop_`, found `loop_ _a _b`");
}

#[test]
fn pairs() {
    let missing = error(b"data_x\n_rlnA #1\n_rlnB #2\n1 2\n");
    assert_eq!(missing.to_string(), "line 2: expected a value after `_rlnA`, found none");
    assert_eq!(missing.hint(), Some("is the line `loop_` missing? An empty value is written as \"\""));
    assert_eq!(message(b"data_x\n_a 1 2\n"), "line 2: expected one value after `_a`, found 2");
    assert_eq!(message(b"data_x\n_a 1\ntext\n"), "line 3: expected `_KEY VALUE` or the next `data_`, found `text`");
    assert_eq!(message(b"data_x\n_ 1\n"), "line 2: expected a name after `_`, found none");
    // A row of one table: line and bytes are those of the keys.
    let text = b"data_x\n\n_a  'x y'\n# c\n_b \"\" # d\n\n_c z\n\ndata_y\n_d 1";
    let mut reader = StarReader::new(&text[..]);
    let mut row = Row::new();
    let block = reader.next_block().unwrap().unwrap();
    assert_eq!(block.kind, BlockKind::Pairs);
    assert_eq!(block.columns.iter().map(|column| column.line).collect::<Vec<_>>(), [3, 5, 7]);
    assert!(reader.read_row(&mut row).unwrap());
    assert_eq!(row.values().collect::<Vec<_>>(), [&b"x y"[..], b"", b"z"]);
    assert_eq!(row.raw(), b"'x y'\t\"\"\tz");
    assert_eq!(row.line(), 3);
    let range = row.byte_range();
    assert_eq!(&text[range.start as usize..range.end as usize], b"_a  'x y'\n# c\n_b \"\" # d\n\n_c z");
    assert_eq!(block.rows_offset, range.start);
    assert!(!reader.read_row(&mut row).unwrap());
    assert!(row.is_empty());
    assert_eq!(reader.next_block().unwrap().unwrap().name, "y");
}

#[test]
fn what_is_refused() {
    for (text, found) in [
        (&b"save_frame\n"[..], "line 1: found a save frame (`save_frame`), which is not supported"),
        (b"data_x\nglobal_\n", "line 2: found a global block (`global_`), which is not supported"),
        (b"data_x\nloop_\n_a\n_b\n1 2\nsave_\n", "line 6: found a save frame (`save_`), which is not supported"),
        (b"data_x\nloop_\n_a\nstop_\n", "line 4: found the end of a nested loop (`stop_`), which is not supported"),
        (b"data_x\n_a\n", "line 2: expected a value after `_a`, found none"),
        (
            b"data_x\n_a 1\n;text\n;\n",
            "line 3: found text over several lines (`;` at the start of a line), which is not supported",
        ),
        (
            b"data_x\nloop_\n_a\n_b\n;x y\n",
            "line 5: found text over several lines (`;` at the start of a line), which is not supported",
        ),
    ] {
        assert_eq!(message(text), found);
    }
    assert!(matches!(error(b"save_frame\n"), FormatError::Unsupported(_)));
}

#[test]
fn empty_blocks_and_loops() {
    let file = StarFile::read(&b"data_\ndata_a\nloop_\ndata_b\nloop_\n_x\ndata_a"[..]).unwrap();
    let found: Vec<(&str, BlockKind, usize, usize)> = file
        .tables
        .iter()
        .map(|table| (table.block.name.as_str(), table.block.kind, table.block.columns.len(), table.n_rows()))
        .collect();
    assert_eq!(
        found,
        [
            ("", BlockKind::Empty, 0, 0),
            ("a", BlockKind::Loop, 0, 0),
            ("b", BlockKind::Loop, 1, 0),
            ("a", BlockKind::Empty, 0, 0)
        ]
    );
}

#[test]
fn places_in_the_file() {
    let text = b"\xef\xbb\xbf# c\r\ndata_x\r\nloop_\r\n_a\r\n_b\r\n\r\n 1 2 # c \r\n3 4\r\n\r\ndata_y\n";
    for capacity in [1, 7, 64] {
        let mut reader = StarReader::new(BufReader::with_capacity(capacity, &text[..]));
        let mut row = Row::new();
        assert!(!reader.read_row(&mut row).unwrap(), "no rows before the first block");
        let block = reader.next_block().unwrap().unwrap();
        assert_eq!((block.line, block.columns[1].line), (2, 5));
        assert!(text[block.start_offset as usize..].starts_with(b"data_x"));
        assert!(text[block.rows_offset as usize..].starts_with(b" 1 2"));
        for (line, raw) in [(7, &b" 1 2 # c "[..]), (8, b"3 4")] {
            assert!(reader.read_row(&mut row).unwrap());
            assert_eq!((row.line(), row.raw(), row.len()), (line, raw, 2));
            assert_eq!(&text[row.byte_range().start as usize..row.byte_range().end as usize], raw);
        }
        assert!(!reader.read_row(&mut row).unwrap());
        assert!(!reader.read_row(&mut row).unwrap());
        let block = reader.next_block().unwrap().unwrap();
        assert_eq!((block.name.as_str(), block.line), ("y", 10));
        assert_eq!(block.rows_offset, text.len() as u64);
        assert!(reader.next_block().unwrap().is_none());
        assert!(reader.next_block().unwrap().is_none());
    }
}

#[test]
fn heads_are_bounded() {
    let columns = |n: usize| {
        let mut text = b"data_x\nloop_\n".to_vec();
        text.extend(b"_a\n".repeat(n));
        text
    };
    assert_eq!(StarFile::read(&columns(MAX_COLUMNS)[..]).unwrap().tables[0].block.columns.len(), MAX_COLUMNS);
    assert_eq!(message(&columns(MAX_COLUMNS + 1)), "line 65539: expected at most 65536 columns, found more");
    let pairs = [b"data_x\n".to_vec(), b"_a 1\n".repeat(MAX_COLUMNS + 1)].concat();
    assert_eq!(message(&pairs), "line 65538: expected at most 65536 columns, found more");
    let long = [b"data_x\n_a ".to_vec(), vec![b'x'; 9 << 20], b"\n_b ".to_vec(), vec![b'x'; 9 << 20]].concat();
    assert!(message(&long).starts_with("line 3: expected at most 16777216 bytes of values"));
    let names = [b"data_x\nloop_\n_".to_vec(), vec![b'x'; 9 << 20], b"\n_".to_vec(), vec![b'x'; 9 << 20]].concat();
    assert!(message(&names).starts_with("line 4: expected at most 16777216 bytes of column names"));
    let line = [b"data_x\nloop_\n_a\n".to_vec(), vec![b'x'; 17 << 20]].concat();
    assert_eq!(message(&line), "line 4: expected a line of at most 16777216 bytes, found a longer one");
}
