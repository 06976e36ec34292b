//! `verglas inspect` of structures, maps and templates.

use verglas_inspect::{MapSummary, StructureSummary, TemplateContents};

use crate::inspect_text::{count, descriptor_lines, float_text, pair, printable, table};

/// How many chains are listed before the rest is only counted.
const MOST_CHAINS: usize = 20;
/// How many models are listed.
const MOST_MODELS: usize = 20;

/// Models, chains, residues by kind, alternates, beads, extent.
pub fn structure_lines(structure: &StructureSummary) -> Vec<String> {
    let mut rows = Vec::new();
    let models = match structure.models.as_slice() {
        [first, .., last] if structure.models.len() > MOST_MODELS => {
            format!("{}, {first} to {last}", count(structure.models.len() as u64, "model"))
        }
        models => {
            let numbers: Vec<String> = models.iter().map(i64::to_string).collect();
            format!("{}: {}", count(models.len() as u64, "model"), numbers.join(", "))
        }
    };
    rows.push(pair("models", models));
    let of_first = if structure.models.len() > 1 { " in the first" } else { "" };
    let mut atoms = format!("{}{of_first}", structure.n_atoms);
    if structure.n_hydrogens > 0 {
        atoms.push_str(&format!(", {} of them hydrogens", structure.n_hydrogens));
    }
    if structure.n_stored_atoms > structure.n_atoms {
        let n = structure.n_stored_atoms - structure.n_atoms;
        atoms.push_str(&format!("; {n} more are alternates that don't count"));
    }
    rows.push(pair("atoms", atoms));
    for chain in structure.chains.iter().take(MOST_CHAINS) {
        let name = if chain.name.is_empty() { "(no name)".to_owned() } else { printable(&chain.name) };
        let (residues, atoms) = (count(chain.n_residues as u64, "residue"), count(chain.n_atoms as u64, "atom"));
        rows.push(pair("chain", format!("{name}: {residues}, {atoms}")));
    }
    if structure.chains.len() > MOST_CHAINS {
        rows.push(pair("", format!("and {} more", count((structure.chains.len() - MOST_CHAINS) as u64, "chain"))));
    }
    let kinds = structure.residues.iter().map(|(kind, n)| match (n, kind.strip_suffix('s')) {
        (1, Some(one)) => format!("1 {one}"),
        _ => format!("{n} {kind}"),
    });
    let kinds: Vec<String> = kinds.collect();
    rows.push(pair("residues", kinds.join(", ")));
    if !structure.other_residues.is_empty() {
        let names: Vec<String> =
            structure.other_residues.iter().map(|(name, n)| format!("{n} {}", printable(name))).collect();
        rows.push(pair("others", printable(&names.join(", "))));
    }
    if structure.n_residues_with_alternates > 0 {
        rows.push(pair("alternates", count(structure.n_residues_with_alternates as u64, "residue")));
    }
    rows.push(pair("beads", format!("{} (CA of carbon)", structure.n_beads)));
    if let Some(center) = structure.bead_center_angstrom {
        rows.push(pair("their mean", format!("{} Å", center.map(float_text).join(", "))));
    }
    let [low, high] = structure.extent_angstrom;
    let sides: Vec<String> =
        low.into_iter().zip(high).map(|(low, high)| format!("{} to {}", float_text(low), float_text(high))).collect();
    rows.push(pair("extent", format!("{} Å", sides.join(", "))));
    if let Some(n) = structure.n_assembly_copies.filter(|n| *n > 1) {
        rows.push(pair("assembly", format!("{n} copies, not built")));
    }
    table(rows)
}

/// Axes, voxels, origin, Nyquist.
pub fn map_rows(map: &MapSummary) -> Vec<Vec<String>> {
    let mut rows =
        vec![pair("axes", format!("columns {}, rows {}, sections {}", map.axes[0], map.axes[1], map.axes[2]))];
    if let Some(sides) = map.n_voxels {
        rows.push(pair("voxels", format!("{} (x, y, z)", sides.map(|n| n.to_string()).join(" × "))));
    }
    let origin = match map.origin_angstrom {
        [0.0, 0.0, 0.0] => format!("first voxel number {}", map.start.map(|n| n.to_string()).join(", ")),
        origin => format!("{} Å", origin.map(float_text).join(", ")),
    };
    rows.push(pair("origin", origin));
    if map.cell_angles_deg != [90.0; 3] {
        rows.push(pair("cell angles", format!("{}°", map.cell_angles_deg.map(float_text).join("°, "))));
    }
    if let Some(nyquist) = map.nyquist_angstrom {
        rows.push(pair("Nyquist", format!("{} Å, as a map", float_text(nyquist))));
    }
    rows
}

/// What the templates' metadata say.
pub fn template_lines(templates: &TemplateContents) -> Vec<String> {
    let mut rows = vec![pair("source", printable(&templates.source))];
    rows.push(pair("SHA-256", printable(&templates.source_sha256)));
    if let Some(n_atoms) = templates.n_atoms {
        rows.push(pair("beads", n_atoms.to_string()));
        rows.push(pair("model", templates.model.to_string()));
    }
    if let Some(sides) = templates.voxel_size_angstrom {
        rows.push(pair("voxel size", format!("{} Å", sides.map(float_text).join(" × "))));
    }
    if let Some(order) = templates.axis_order {
        rows.push(pair("axis order", order.to_owned()));
    }
    rows.push(pair("centre", format!("{} Å", templates.center_angstrom.map(float_text).join(", "))));
    rows.push(pair("symmetry", printable(&templates.symmetry)));
    if templates.as_cryolike {
        rows.push(pair("made", "as CryoLike makes them".to_owned()));
    }
    let mut lines = table(rows);
    lines.extend(descriptor_lines(&templates.descriptor));
    lines
}
