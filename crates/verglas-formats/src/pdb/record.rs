//! One ATOM or HETATM record.

use crate::atoms::{AtomRecord, element};
use crate::lines::{kept, parse_finite, shown};

/// The columns that a record must have: those up to z.
const MIN_COLUMNS: usize = 54;
/// Elements from number 95 on are made in laboratories: no name is taken for one.
const N_NATURAL: usize = 94;

/// The bytes of the columns `first` to `last`, counted from 1, as far as there are.
fn columns(line: &[u8], first: usize, last: usize) -> &[u8] {
    &line[(first - 1).min(line.len())..last.min(line.len())]
}

/// Parses a record; `None` for one whose name only starts like an atom's (`ATOMS…`).
pub(super) fn parse_atom(line: &[u8]) -> Result<Option<AtomRecord>, String> {
    let is_hetatm = line.starts_with(b"HETATM");
    if !is_hetatm && !line.get(4).is_none_or(|byte| *byte == b' ' || byte.is_ascii_digit()) {
        return Ok(None);
    }
    if line.len() < MIN_COLUMNS {
        return Err(format!(
            "the atom record ends at column {}, expected x, y, z in columns 31 to {MIN_COLUMNS}",
            line.len()
        ));
    }
    let coordinate = |axis: &str, first: usize| {
        let text = columns(line, first, first + 7);
        parse_finite(text.trim_ascii())
            .ok_or_else(|| format!("{axis} in columns {first} to {} is {}, expected a number", first + 7, shown(text)))
    };
    let position_angstrom = [coordinate("x", 31)?, coordinate("y", 39)?, coordinate("z", 47)?];

    let name = columns(line, 13, 16);
    if name.trim_ascii().is_empty() {
        return Err("the atom's name in columns 13 to 16 is empty".into());
    }
    let alternate = columns(line, 17, 17).trim_ascii();
    let occupancy_text = columns(line, 55, 60).trim_ascii();
    let occupancy = match parse_finite(occupancy_text) {
        Some(occupancy) => occupancy,
        // It matters only for alternates; some programs write other things there.
        None if occupancy_text.is_empty() || alternate.is_empty() => 1.0,
        None => {
            return Err(format!(
                "the occupancy in columns 55 to 60 of alternate {} is {}, expected a number",
                shown(alternate),
                shown(occupancy_text)
            ));
        }
    };
    let has_fourth_letter = columns(line, 18, 20).iter().all(|byte| !byte.is_ascii_whitespace());
    let (residue_name, chain) = match has_fourth_letter {
        true => (columns(line, 18, 21), columns(line, 22, 22)),
        false => (columns(line, 18, 20), columns(line, 21, 22)),
    };
    let (residue_number, insertion_code) = residue_number(columns(line, 23, 26), columns(line, 27, 27));
    Ok(Some(AtomRecord {
        element: element_of(columns(line, 77, 78), name).into(),
        name: kept(name.trim_ascii()),
        alternate: kept(alternate),
        residue_name: kept(residue_name.trim_ascii()),
        chain: kept(chain.trim_ascii()),
        residue_number,
        insertion_code: kept(insertion_code.trim_ascii()),
        segment_id: kept(columns(line, 73, 76).trim_ascii()),
        position_angstrom,
        occupancy,
        is_hetatm,
        n_ter_before: 0,
    }))
}

/// The residue's number and insertion code.
fn residue_number<'a>(number: &[u8], insertion_code: &'a [u8]) -> (Option<i32>, &'a [u8]) {
    let decimal = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<i32>().ok();
    // Programs that write five digits use the insertion code's column for the last one; no insertion code is a digit.
    if let ([a, b, c, d], [e]) = (number, insertion_code)
        && [a, b, c, d, e].iter().all(|byte| byte.is_ascii_digit())
    {
        return (decimal(&[*a, *b, *c, *d, *e]), &[]);
    }
    (decimal(number.trim_ascii()).or_else(|| hybrid_36(number)), insertion_code)
}

/// A number beyond 9999 in four characters: `A000` is 10000, after `ZZZZ` comes `a000`. Source: cci.lbl.gov/hybrid_36.
fn hybrid_36(text: &[u8]) -> Option<i32> {
    let text: &[u8; 4] = text.try_into().ok()?;
    let is_upper = text[0].is_ascii_uppercase();
    let is_sound = text.iter().all(|byte| {
        byte.is_ascii_digit() || if is_upper { byte.is_ascii_uppercase() } else { byte.is_ascii_lowercase() }
    });
    if !is_sound || text[0].is_ascii_digit() {
        return None;
    }
    let value = text.iter().fold(0, |value, byte| value * 36 + char::from(*byte).to_digit(36).unwrap_or(0) as i32);
    let (letters, power) = (26, 36 * 36 * 36);
    Some(value - 10 * power + 10_000 + if is_upper { 0 } else { letters * power })
}

/// The element: that of its own columns if they hold one, otherwise the one that the name's alignment shows.
fn element_of(own: &[u8], name: &[u8]) -> &'static str {
    // Files from before 1996 have an entry's code and line numbers there.
    let own = std::str::from_utf8(own.trim_ascii()).unwrap_or("");
    element(own).or_else(|| from_alignment(name)).unwrap_or("")
}

/// Symbols are right-aligned in the name's first two columns.
fn from_alignment(name: &[u8]) -> Option<&'static str> {
    let name = std::str::from_utf8(name).ok()?;
    let symbol = name.get(..2)?;
    let last = name.get(1..2)?;
    if !symbol.starts_with(|c: char| c.is_ascii_alphabetic()) {
        // ` CA `, `1HB `; anything other than a letter there is a program's own convention.
        return element(last).or_else(|| first_letter(name));
    }
    // Four-letter names of hydrogens start a column earlier: HG11 is not mercury.
    if name.starts_with('H') && name.trim_end().len() == 4 {
        return Some("H");
    }
    let natural = |symbol: &&str| crate::atoms::ELEMENTS[..N_NATURAL].contains(symbol);
    element(symbol).filter(natural).or_else(|| first_letter(name))
}

/// The element of a name's first letter.
pub(crate) fn first_letter(name: &str) -> Option<&'static str> {
    let start = name.find(|c: char| c.is_ascii_alphabetic())?;
    element(&name[start..=start])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "ATOM     37  N  BTHR A   7       6.780  -8.982  -0.434  0.65 20.00      SEG1 N1+";

    fn parsed(line: &str) -> AtomRecord {
        parse_atom(line.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn every_column_is_where_the_format_says() {
        let atom = parsed(LINE);
        assert_eq!((&*atom.name, &*atom.alternate, &*atom.residue_name, &*atom.chain), ("N", "B", "THR", "A"));
        assert_eq!((atom.residue_number, &*atom.insertion_code), (Some(7), ""));
        assert_eq!(atom.position_angstrom, [6.78, -8.982, -0.434]);
        assert_eq!((atom.occupancy, &*atom.segment_id, &*atom.element), (0.65, "SEG1", "N"));
        assert!(!atom.is_hetatm);
        // A record may end after z: what is missing has its default.
        let short = parsed(&LINE[..54]);
        assert_eq!((short.occupancy, &*short.element, short.position_angstrom[2]), (1.0, "N", -0.434));
    }

    #[test]
    fn alignment_tells_calcium_from_carbon_where_no_column_does() {
        let with_name = |name: &str| {
            let line = format!("{}{name}{}", &LINE[..12], &LINE[16..66]);
            parsed(&line).element.to_string()
        };
        let expected = [
            (" CA ", "C"),
            ("CA  ", "CA"),
            ("HG11", "H"),
            ("HG  ", "HG"),
            ("1HB ", "H"),
            ("FE2 ", "FE"),
            (" O5'", "O"),
            ("NH1 ", "N"),
            ("CL12", "CL"),
            (" D1 ", "D"),
            ("ZN  ", "ZN"),
            ("*Q1 ", ""),
            (" 1H ", "H"),
        ];
        for (name, symbol) in expected {
            assert_eq!(with_name(name), symbol, "{name:?}");
        }
        // An old file's line numbers are not an element; a charge does no harm.
        assert_eq!(&*parsed(&format!("{}CA  {}1BNA  37", &LINE[..12], &LINE[16..72])).element, "CA");
        assert_eq!(&*parsed(&format!("{} CA {}", &LINE[..12], &LINE[16..76].to_owned().add("ca2+"))).element, "CA");
    }

    use std::ops::Add;

    #[test]
    fn long_names_and_numbers_use_the_columns_between() {
        let with = |columns: &str| parsed(&format!("{}{columns}{}", &LINE[..16], &LINE[27..]));
        let water = with(" TIP3W1234 ");
        assert_eq!((&*water.residue_name, &*water.chain, water.residue_number), ("TIP3", "W", Some(1234)));
        let two = with("  DCAB  12A");
        assert_eq!((&*two.residue_name, &*two.chain, &*two.insertion_code), ("DC", "AB", "A"));
        assert_eq!(with(" HOH W10000").residue_number, Some(10000));
        assert_eq!(with(" HOH WA000 ").residue_number, Some(10000));
        assert_eq!(with(" HOH WZZZZ ").residue_number, Some(10000 + 26 * 36 * 36 * 36 - 1));
        assert_eq!(with(" HOH Wa000 ").residue_number, Some(10000 + 26 * 36 * 36 * 36));
        assert_eq!(with(" HOH W  -5 ").residue_number, Some(-5));
        assert_eq!(with(" HOH W**** ").residue_number, None);
    }

    #[test]
    fn what_is_no_number_is_named_with_its_columns() {
        let error = |line: &str| parse_atom(line.as_bytes()).unwrap_err();
        assert_eq!(
            error(&LINE.replace("  -8.982", " -8.9x2 ")),
            "y in columns 39 to 46 is ` -8.9x2 `, expected a number"
        );
        assert!(error(&LINE.replace("  -0.434", "     nan")).starts_with("z in columns 47 to 54 is"));
        assert_eq!(error(&LINE[..50]), "the atom record ends at column 50, expected x, y, z in columns 31 to 54");
        assert!(error(&LINE.replace("0.65", "0.x5")).starts_with("the occupancy in columns 55 to 60 of alternate `B`"));
        assert_eq!(parsed(&LINE.replace("0.65", "0.x5").replace("BTHR", " THR")).occupancy, 1.0);
        assert_eq!(parse_atom(b"ATOMS are here"), Ok(None));
    }
}
