//! Files that RELION, cryoDRGN, CryoLike and the `starfile` package hold; skipped where they are not at hand.

use crate::shared::shared;
use std::path::PathBuf;

use verglas_formats::star::value::{parse_f64, parse_u64};
use verglas_formats::star::{BlockKind, StarFile};

fn data(path: &str) -> Option<PathBuf> {
    shared("data").map(|data| data.join(path)).filter(|path| path.exists())
}

/// Name, rows, columns.
type BlockSize = (&'static str, usize, usize);

#[test]
fn blocks_rows_and_columns_of_real_files() {
    // Counted with starfile 0.5.13.
    let files: [(&str, &[BlockSize]); 11] = [
        ("relion/generic_particle_data.star", &[("images", 483, 10)]),
        ("relion/relion31.star", &[("optics", 1, 9), ("particles", 5, 26)]),
        ("relion/relion5.star", &[("optics", 1, 18), ("particles", 17, 26)]),
        ("relion/relion_style_particles.star", &[("optics", 1, 8), ("particles", 106, 14)]),
        ("relion/toy_projections_13.star", &[("optics", 1, 9), ("particles", 13, 9)]),
        ("star/basic_single_quote.star", &[("", 1, 4)]),
        (
            "star/default_pipeline.star",
            &[
                ("pipeline_general", 1, 1),
                ("pipeline_processes", 31, 4),
                ("pipeline_nodes", 74, 2),
                ("pipeline_input_edges", 48, 2),
                ("pipeline_output_edges", 72, 2),
            ],
        ),
        ("star/loop_double_quote.star", &[("", 2, 8)]),
        ("star/one_loop.star", &[("", 16, 12)]),
        ("star/rln3.1_data_style.star", &[("block_1", 1, 7), ("block_2", 2, 5), ("block_3", 2, 5)]),
        ("star/two_basic_blocks.star", &[("block_0", 1, 3), ("block_1", 1, 3)]),
    ];
    for (name, expected) in files {
        let Some(path) = data(name) else { continue };
        let file = StarFile::open(path).unwrap_or_else(|error| panic!("{}", error.describe(name)));
        let found: Vec<(&str, usize, usize)> = file
            .tables
            .iter()
            .map(|table| (table.block.name.as_str(), table.n_rows(), table.block.columns.len()))
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn values_of_a_relion_file() {
    let Some(path) = data("relion/relion31.star") else { return };
    let file = StarFile::open(path).unwrap();
    let optics = file.table("optics").unwrap();
    assert_eq!(optics.block.kind, BlockKind::Loop);
    let pixel_size = optics.block.position("_rlnImagePixelSize").unwrap().unwrap();
    assert_eq!(optics.value(0, pixel_size).and_then(parse_f64), Some(2.806));
    let particles = file.table("particles").unwrap();
    for row in 0..particles.n_rows() {
        let group = particles.block.position("OpticsGroup").unwrap().unwrap();
        assert_eq!(particles.value(row, group).and_then(parse_u64), Some(1));
    }
}
