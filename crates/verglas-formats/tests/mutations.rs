//! No input makes a reader panic, hang, or take more memory than the input's size justifies.
//!
//! Each reader gets thousands of damaged files, the same ones in each run. What fuzzers found is kept in
//! `fixtures/crashes/` and read again here. A fuzzer for each reader is in `fuzz/`, on the same ground.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

mod hostile;

use hostile::memory::CountingAllocator;
use hostile::mutate::{Numbers, mutated};
use hostile::seeds::{crashes, gzipped, seeds};
use hostile::{READERS, Reader};
use verglas_formats::zip::{ZipReader, ZipWriter};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Damaged files for each reader.
const N_INPUTS: u64 = 10_000;

/// Far above what any of these small files takes, also on a busy machine: some milliseconds.
const LONGEST: Duration = Duration::from_secs(30);

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Gives the inputs to the reader, one after the other, and fails with the number of one that takes too long, panics or
/// takes too much memory. Inputs are made by `make` from their number alone.
fn check_all(reader: &'static Reader, n_inputs: u64, make: impl Fn(u64) -> Vec<u8> + Send + 'static) {
    let (started, watched) = channel();
    let worker = thread::spawn(move || {
        for number in 0..n_inputs {
            // A failed send means that the watcher has given up already.
            let _ = started.send(number);
            reader.check(&make(number));
        }
    });
    let mut current = 0;
    loop {
        match watched.recv_timeout(LONGEST) {
            Ok(number) => current = number,
            Err(RecvTimeoutError::Timeout) => panic!("{}: input {current} takes more than {LONGEST:?}", reader.name),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    assert!(worker.join().is_ok(), "{}: input {current} failed, see above", reader.name);
}

/// Damaged files, each from a stream of numbers of its own. `wrap` makes the damaged bytes a file.
fn check_mutations(name: &str, damage: fn(&mut Numbers, &[Vec<u8>]) -> Vec<u8>) {
    let seeds = seeds(name, &fixtures());
    assert!(!seeds.is_empty());
    check_all(Reader::named(name), N_INPUTS, move |number| damage(&mut Numbers::new(number), &seeds));
}

#[test]
fn star() {
    check_mutations("star", mutated);
}

#[test]
fn cs() {
    check_mutations("cs", mutated);
}

#[test]
fn npy() {
    check_mutations("npy", mutated);
}

#[test]
fn npz() {
    check_mutations("npz", archive);
}

#[test]
fn zip() {
    check_mutations("zip", archive);
}

#[test]
fn pt() {
    check_mutations("pt", archive);
}

#[test]
fn pt_pickle() {
    check_mutations("pt_pickle", mutated);
}

#[test]
fn mrc() {
    check_mutations("mrc", |numbers, seeds| match numbers.below(4) {
        // Sound compression around a damaged stack: damage outside seldom gets past the checksum.
        0 => gzipped(&mutated(numbers, seeds)),
        _ => mutated(numbers, seeds),
    });
}

/// Sound compression around damage, or damage anywhere.
fn packed_or_not(numbers: &mut Numbers, seeds: &[Vec<u8>]) -> Vec<u8> {
    match numbers.below(8) {
        0 => gzipped(&mutated(numbers, seeds)),
        _ => mutated(numbers, seeds),
    }
}

#[test]
fn pdb() {
    check_mutations("pdb", packed_or_not);
}

#[test]
fn mmcif() {
    check_mutations("mmcif", packed_or_not);
}

#[test]
fn trajectory() {
    check_mutations("trajectory", packed_or_not);
}

#[test]
fn mrc_map() {
    check_mutations("mrc_map", packed_or_not);
}

/// A damaged archive, or a sound archive of damaged entries: damage outside seldom gets past the checksums.
fn archive(numbers: &mut Numbers, seeds: &[Vec<u8>]) -> Vec<u8> {
    if numbers.below(2) == 0 {
        return mutated(numbers, seeds);
    }
    let seed = numbers.one_of(seeds).clone();
    let Ok(mut sound) = ZipReader::new(Cursor::new(&seed)) else { return mutated(numbers, seeds) };
    let names: Vec<String> = sound.entries().iter().map(|entry| entry.name.clone()).collect();
    let mut archive = ZipWriter::new(Vec::new());
    for name in &names {
        let Ok(bytes) = sound.read(name, 1 << 20) else { continue };
        let bytes = if numbers.below(2) == 0 { mutated(numbers, &[bytes]) } else { bytes };
        archive.add(name, &bytes).expect("an entry of an archive in memory");
    }
    archive.finish().expect("an archive in memory")
}

#[test]
fn sound_files() {
    for reader in &READERS {
        let seeds = seeds(reader.name, &fixtures());
        check_all(reader, seeds.len() as u64, move |number| seeds[number as usize].clone());
    }
}

#[test]
fn inputs_that_once_failed() {
    for reader in &READERS {
        let crashes = crashes(reader.name, &fixtures());
        check_all(reader, crashes.len() as u64, move |number| crashes[number as usize].clone());
    }
}

/// Files that take the most memory for their size, far larger than the damaged ones.
#[test]
fn wasteful_files() {
    let many = |text: &str, n: usize| text.repeat(n);
    let star = [
        many("data_\n", 20_000),
        format!("data_\nloop_\n{}", many("_a\n", 60_000)),
        format!("data_\nloop_\n_a\n{}", many("b\n", 100_000)),
        format!("data_\n{}", many("_k v\n", 40_000)),
        many("data_\nloop_\n_a\nb\n", 10_000),
    ];
    let fields: String = (0..10_000).map(|n| format!("('{n:x}','S1'),")).collect();
    let titled: String = (0..10_000).map(|n| format!("(('{n:x}t','{n:x}'),'S0',()),")).collect();
    let cs = [
        array(&format!("[{fields}]"), "1,", &[b'x'; 10_000]),
        array(&format!("[{titled}('z','u1')]"), "1,", b"x"),
        array(&format!("[{}('z','u1')]", many("('','V0'),", 20_000)), "9,", &[1; 9]),
        array("[('a','u1')]", "300000,", &[1; 300_000]),
        array("[('a','S0'),('b','u1')]", "300000,", &[1; 300_000]),
        array("[('a','S2')]", "65536,", &(0..=u16::MAX).flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
    ];
    let npy = [
        array("'S1'", "300000,", &[b'x'; 300_000]),
        array("'<U1'", "50000,", &many("x\0\0\0", 50_000).into_bytes()),
        array("'S0'", "65536,", b""),
        array(&format!("[{}]", many("(),", 50_000)), "", b""),
        array(&format!("[{}]", many("(1,),", 50_000)), "", b""),
        array(&format!("'{}'", many("\u{e9}", 50_000)), "", b""),
    ];
    let mut small_entries = ZipWriter::new(Vec::new());
    for n in 0..4000 {
        small_entries.add(&format!("{n:x}"), b"").expect("an entry");
    }
    let zip = [small_entries.finish().expect("an archive in memory")];
    let mut wide_stack = std::fs::read(fixtures().join("mrc/mode101.mrcs")).expect("a fixture");
    for (offset, n) in [(0, 1000_i32), (4, 500), (8, 2)] {
        wide_stack[offset..offset + 4].copy_from_slice(&n.to_le_bytes());
    }
    wide_stack.resize(1024 + 500_000, 0x21);
    let keys = (0..11_000u32).flat_map(|key| [&b"r"[..], &key.to_le_bytes()].concat());
    let pickles: Vec<Vec<u8>> = [&b")"[..], b"(", b"\x88", b"K\x01", b"X\0\0\0\0", b")\x85", b"(t"]
        .iter()
        .map(|instruction| [&b"\x80\x02"[..], &instruction.repeat(65_000 / instruction.len()), b"\0\0"].concat())
        .chain([b"\x80\x02)".iter().copied().chain(keys).chain(*b".\0\0").collect()])
        .collect();

    let texts = |files: &[String]| files.iter().map(|text| text.clone().into_bytes()).collect();
    let site = "data_\nloop_\n_atom_site.label_atom_id\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n";
    let mmcif = [
        format!("{site}{}", many("N 0 0 0\n", 30_000)),
        format!(
            "{site}_atom_site.pdbx_PDB_model_num\n{}",
            (0..20_000).map(|n| format!("N 0 0 0 {n}\n")).collect::<String>()
        ),
        format!("data_\nloop_\n{}1\n", many("_a\n", 60_000)),
        format!("data_\n_a\n;{}\n;\n", many("text\n", 60_000)),
        format!("{site}{}\n", many("'N' 0 0 0 ", 30_000)),
    ];
    let line = "ATOM         N                   0       0       0    \n";
    let pdb = [many(line, 10_000), many(&format!("MODEL\n{line}END\n"), 5_000), many("REMARK 350\n", 30_000)];
    // 4,000 atoms, one after the other at one place, in as few bits as there can be.
    let words = [1000f32.to_bits().cast_signed(), 0, 0, 0, 0, 0, 0, 9, 1000].map(i32::to_be_bytes).concat();
    let frame = [[1995, 4000, 0].map(i32::to_be_bytes).concat(), vec![0; 40], 4000i32.to_be_bytes().to_vec(), words];
    let trajectory = [[frame.concat(), vec![0; 1000]].concat()];

    let all: [(&str, Vec<Vec<u8>>); 9] = [
        ("pdb", texts(&pdb)),
        ("mmcif", texts(&mmcif)),
        ("trajectory", trajectory.to_vec()),
        ("star", texts(&star)),
        ("cs", cs.to_vec()),
        ("npy", npy.to_vec()),
        ("zip", zip.to_vec()),
        ("mrc", vec![wide_stack]),
        ("pt_pickle", pickles),
    ];
    for (name, files) in all {
        check_all(Reader::named(name), files.len() as u64, move |number| files[number as usize].clone());
    }
}

/// A `.npy` of version 2.0.
fn array(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header: Vec<u8> = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({shape}), }}\n")
        // Latin-1, as the version has it.
        .chars()
        .map(|c| c as u8)
        .collect();
    [b"\x93NUMPY\x02\0", &(header.len() as u32).to_le_bytes()[..], &header, data].concat()
}

/// The counting works: without it, all tests here would pass whatever is allocated.
#[test]
fn memory_is_counted() {
    let greedy = Reader {
        name: "greedy",
        read: |input| {
            drop(std::hint::black_box(vec![0u8; 1000 * input.len()]));
            0
        },
        base_bytes: 0,
        factor: 999,
    };
    assert!(std::panic::catch_unwind(|| greedy.check(&[0; 10])).is_err());
    let modest = Reader { factor: 1000, ..greedy };
    assert_eq!(modest.check(&[0; 10]), 10_000);
}
