//! The reader reads back what the writer writes; what can't be written is an error that says so.

use verglas_formats::star::{BlockKind, Row, StarFile, StarReader, StarWriter};

fn written(write: impl FnOnce(&mut StarWriter<Vec<u8>>) -> verglas_formats::Result<()>) -> String {
    let mut writer = StarWriter::new(Vec::new());
    write(&mut writer).unwrap_or_else(|error| panic!("{error}"));
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

fn row_of(value: &[u8]) -> Result<String, String> {
    let mut writer = StarWriter::new(Vec::new());
    writer.start_loop("", &["a"]).unwrap();
    writer.write_row(&[value]).map_err(|error| error.to_string())?;
    let text = String::from_utf8(writer.finish().unwrap()).unwrap();
    Ok(text.strip_prefix("data_\n\nloop_\n_a #1\n").unwrap().trim_end_matches('\n').to_owned())
}

#[test]
fn a_whole_file() {
    let text = written(|writer| {
        writer.write_comment("first\nsecond")?;
        writer.write_pairs("general", &[("a", "1"), ("b", "two words")])?;
        writer.start_loop("optics", &["rlnOpticsGroup", "rlnVoltage"])?;
        writer.write_row(&["1", "300"])?;
        writer.write_row(&["2", ""])?;
        writer.write_comment("between")?;
        writer.start_loop("empty", &["x"])
    });
    assert_eq!(
        text,
        "# first\n# second\ndata_general\n\n_a 1\n_b \"two words\"\n\n\
         data_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnVoltage #2\n1 300\n2 \"\"\n\n\
         # between\ndata_empty\n\nloop_\n_x #1\n\n"
    );
    let file = StarFile::read(text.as_bytes()).unwrap();
    assert_eq!(file.tables.len(), 3);
    assert_eq!(file.tables[0].block.kind, BlockKind::Pairs);
}

#[test]
fn quotes_where_needed() {
    for (value, expected) in [
        ("plain", "plain"),
        ("it's", "it's"),
        ("a\"b", "a\"b"),
        ("", "\"\""),
        ("a b", "\"a b\""),
        ("a\tb", "\"a\tb\""),
        ("a#b", "\"a#b\""),
        ("#", "\"#\""),
        ("_a", "\"_a\""),
        (";", "\";\""),
        ("data_x", "\"data_x\""),
        ("Loop_", "\"Loop_\""),
        ("'a", "\"'a\""),
        ("\"a", "'\"a'"),
        ("say \"hi\" now", "'say \"hi\" now'"),
        ("it's \"x\"y z", "\"it's \"x\"y z\""),
        ("' \"", "\"' \"\""),
    ] {
        assert_eq!(row_of(value.as_bytes()).as_deref(), Ok(expected), "{value}");
        let text = format!("data_\nloop_\n_a\n{expected}\n");
        let file = StarFile::read(text.as_bytes()).unwrap();
        assert_eq!(file.tables[0].value(0, 0), Some(value.as_bytes()), "{value}");
    }
}

#[test]
fn what_can_not_be_written() {
    assert_eq!(
        row_of(b"a\nb").unwrap_err(),
        "`a\\nb`: can't be written: it holds a line break, which a STAR value can't"
    );
    assert!(row_of(b"a\r").unwrap_err().contains("a line break"));
    assert!(row_of(b"a\0").unwrap_err().contains("a zero byte"));
    assert!(row_of(b"a' b\" c").unwrap_err().contains("holds both kinds"));

    let mut writer = StarWriter::new(Vec::new());
    assert!(writer.write_row(&["a"]).unwrap_err().to_string().contains("no loop has been started"));
    assert!(writer.start_loop::<&str>("x", &[]).is_err());
    assert!(writer.start_loop("x", &[""]).is_err());
    assert!(writer.start_loop("x", &["a b"]).is_err());
    assert!(writer.start_loop("x y", &["a"]).is_err());
    assert!(writer.write_pairs("x", &[("a b", "1")]).is_err());
    assert!(writer.write_pairs("x", &[("a", "1\n2")]).is_err());
    writer.start_loop("x", &["a", "b"]).unwrap();
    assert_eq!(writer.write_row(&["1"]).unwrap_err().to_string(), "a row to be written: expected 2 values, given 1");
    assert!(writer.write_row(&["1", "2\n"]).is_err());
    assert!(writer.write_raw_row(b"1", &["2\n"]).is_err());
    assert!(writer.write_raw_row(b"1 2", &["3"]).is_err());
    assert!(writer.write_raw_row::<&str>(b"1 'a", &[]).is_err());
    assert!(writer.write_raw_row::<&str>(b"1\n2", &[]).is_err());
    assert!(writer.write_raw_row(b"", &["1", "2", "3"]).is_err());
    // Nothing of the rows that failed was written.
    assert_eq!(writer.finish().unwrap(), b"data_x\n\nloop_\n_a #1\n_b #2\n\n");
}

#[test]
fn chosen_rows_are_copied_as_they_were() {
    let source = b"data_x\nloop_\n_a\n_b\n  1.500000   'x y'  # why\n2 3\r\n\"q\"\ty\n_u 4\ndata_z 5\n6\r7\n";
    let text = written(|writer| {
        writer.start_loop("x", &["a", "b", "reason"])?;
        let mut reader = StarReader::new(&source[..]);
        let mut row = Row::new();
        reader.next_block()?.expect("a block");
        while reader.read_row(&mut row)? {
            writer.write_raw_row(row.raw(), &["no file"])?;
        }
        Ok(())
    });
    assert_eq!(
        text,
        "data_x\n\nloop_\n_a #1\n_b #2\n_reason #3\n\
           1.500000   'x y' \"no file\"  # why\n2 3 \"no file\"\n\"q\"\ty \"no file\"\n\"_u\" 4 \"no file\"\n\
         \"data_z\" 5 \"no file\"\n6 7 \"no file\"\n\n"
            .replace("#3\n1.5", "#3\n  1.5")
    );
    let same = written(|writer| {
        writer.start_loop("x", &["a", "b"])?;
        writer.write_raw_row::<&str>(b"\t1 \"2\" ", &[])
    });
    assert_eq!(same, "data_x\n\nloop_\n_a #1\n_b #2\n\t1 \"2\" \n\n");
}

#[test]
fn a_row_of_pairs_becomes_a_row_of_a_loop() {
    let text = written(|writer| {
        let mut reader = StarReader::new(&b"data_x\n_a data_1\n_b 'x y'\n"[..]);
        let mut row = Row::new();
        let block = reader.next_block()?.expect("a block");
        let names: Vec<&str> = block.columns.iter().map(|column| column.name.as_str()).collect();
        assert!(reader.read_row(&mut row)?);
        writer.start_loop(&block.name, &names)?;
        writer.write_raw_row::<&str>(row.raw(), &[])
    });
    assert_eq!(text, "data_x\n\nloop_\n_a #1\n_b #2\n\"data_1\" \"x y\"\n\n");
}

#[test]
fn pairs_are_quoted_for_readers_that_cut_like_a_shell() {
    let text = written(|writer| {
        writer.write_pairs("", &[("a", r"F:\data"), ("b", "it's"), ("c", "\"q\""), ("d", r"it's \ x"), ("e", "a'b\"c")])
    });
    assert_eq!(text, "data_\n\n_a 'F:\\data'\n_b \"it's\"\n_c '\"q\"'\n_d \"it's \\ x\"\n_e \"a'b\"c\"\n\n");
    let file = StarFile::read(text.as_bytes()).unwrap();
    assert_eq!(
        file.tables[0].row(0).collect::<Vec<_>>(),
        [&br"F:\data"[..], b"it's", b"\"q\"", br"it's \ x", b"a'b\"c"]
    );
}
