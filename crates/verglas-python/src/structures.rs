//! Structures read as arrays, and made from arrays again.

use std::path::PathBuf;

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray3};
use numpy::{PyUntypedArrayMethods, ndarray::Array2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use verglas::slices::Voxels;
use verglas::structures::load::read_atoms;
use verglas::structures::map::{read_mrc_density, read_npy_density};
use verglas::structures::source::name_of;
use verglas::structures::{AxisOrder, Density, InputKind, MapSettings, Models, Selection, Structure};
use verglas::{Error, Findings};
use verglas_formats::AtomRecord;

use crate::error::{bad_value, exception};
use crate::found::Found;
use crate::templates::CenterValue;

/// Atoms as columns, one value of each for every atom.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct AtomColumns {
    positions: Vec<[f64; 3]>,
    names: Vec<String>,
    elements: Vec<String>,
    residue_names: Vec<String>,
    residue_numbers: Vec<Option<i32>>,
    insertion_codes: Vec<String>,
    chains: Vec<String>,
    segments: Vec<String>,
    is_hetatm: Vec<bool>,
}

impl AtomColumns {
    /// The library's structure.
    ///
    /// # Errors
    /// `ValueError` for columns of different lengths, no atoms, or a position that is not a number.
    pub fn into_structure(self) -> PyResult<Structure> {
        let n = self.positions.len();
        let lengths = [
            ("names", self.names.len()),
            ("elements", self.elements.len()),
            ("residue_names", self.residue_names.len()),
            ("residue_numbers", self.residue_numbers.len()),
            ("insertion_codes", self.insertion_codes.len()),
            ("chains", self.chains.len()),
            ("segments", self.segments.len()),
            ("is_hetatm", self.is_hetatm.len()),
        ];
        if let Some((name, other)) = lengths.into_iter().find(|(_, other)| *other != n) {
            return Err(bad_value(format!("{name} has {other} values for {n} atoms")));
        }
        if let Some(atom) = self.positions.iter().position(|position| position.iter().any(|x| !x.is_finite())) {
            return Err(bad_value(format!(
                "the position of atom {atom} is {:?}, expected numbers",
                self.positions[atom]
            )));
        }
        let mut atoms = Vec::with_capacity(n);
        for atom in 0..n {
            atoms.push(AtomRecord {
                name: self.names[atom].as_str().into(),
                alternate: "".into(),
                residue_name: self.residue_names[atom].as_str().into(),
                chain: self.chains[atom].as_str().into(),
                residue_number: self.residue_numbers[atom],
                insertion_code: self.insertion_codes[atom].as_str().into(),
                segment_id: self.segments[atom].as_str().into(),
                element: self.elements[atom].as_str().into(),
                position_angstrom: self.positions[atom],
                occupancy: 1.0,
                is_hetatm: self.is_hetatm[atom],
                n_ter_before: 0,
            });
        }
        Ok(Structure::new(atoms))
    }
}

/// Reads the atoms of one model, alternates chosen between; of these the selected ones, as columns.
#[pyfunction]
pub fn read_structure<'py>(
    py: Python<'py>,
    path: PathBuf,
    model: Option<i64>,
    selection: &str,
) -> PyResult<Bound<'py, PyDict>> {
    let read = py.detach(|| -> verglas::Result<(i64, Vec<i64>, Structure, Vec<usize>)> {
        let selection = Selection::parse(selection)?;
        let kind = InputKind::expect(&path)?;
        if !matches!(kind, InputKind::Pdb | InputKind::Mmcif) {
            return Err(Error::value(format!("`{}` is not a file of atoms, expected PDB or mmCIF", path.display())));
        }
        let file = read_atoms(&path)?;
        let models = match model {
            None => Models::First,
            Some(number) => Models::Numbers(vec![number..=number]),
        };
        let place = models.choose(&file.models, &path.display().to_string())?[0];
        let numbers = file.models.iter().map(|model| model.number).collect();
        let number = file.models[place].number;
        let structure = Structure::new(file.models.into_iter().nth(place).map_or_else(Vec::new, |model| model.atoms));
        let selected = selection.select(&structure);
        Ok((number, numbers, structure, selected))
    });
    let (number, numbers, structure, selected) = read.map_err(|error| exception(&error))?;
    let atoms = || selected.iter().map(|&atom| &structure.atoms()[atom]);
    let positions: Vec<f64> = atoms().flat_map(|atom| atom.position_angstrom).collect();
    let positions = Array2::from_shape_vec((selected.len(), 3), positions).map_err(bad_value)?;
    let values = PyDict::new(py);
    let texts = |of: fn(&AtomRecord) -> &str| atoms().map(of).collect::<Vec<_>>();
    values.set_item("model", number)?;
    values.set_item("models", numbers)?;
    values.set_item("positions", positions.into_pyarray(py) as Bound<'py, PyArray2<f64>>)?;
    values.set_item("names", texts(|atom| &atom.name))?;
    values.set_item("elements", texts(|atom| &atom.element))?;
    // Between alternates of two amino acids it is the residue's, not the record's.
    let residues = selected.iter().map(|&atom| &*structure.residues()[structure.residue_of(atom)].name);
    values.set_item("residue_names", residues.collect::<Vec<_>>())?;
    values.set_item("residue_numbers", atoms().map(|atom| atom.residue_number).collect::<Vec<_>>())?;
    values.set_item("insertion_codes", texts(|atom| &atom.insertion_code))?;
    values.set_item("chains", texts(|atom| &atom.chain))?;
    values.set_item("segments", texts(|atom| &atom.segment_id))?;
    let occupancies: Vec<f64> = atoms().map(|atom| atom.occupancy).collect();
    values.set_item("occupancies", PyArray1::from_vec(py, occupancies))?;
    values.set_item("is_hetatm", PyArray1::from_vec(py, atoms().map(|atom| atom.is_hetatm).collect()))?;
    Ok(values)
}

/// A density with the place of its voxels.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct MapValue<'py> {
    values: DensityValue<'py>,
    voxel_size: [f64; 3],
    center_voxel: [f64; 3],
    center: [f64; 3],
    axis_order: String,
}

/// ρ[z, y, x].
#[derive(FromPyObject)]
pub enum DensityValue<'py> {
    Single(PyReadonlyArray3<'py, f32>),
    Double(PyReadonlyArray3<'py, f64>),
}

impl MapValue<'_> {
    /// The library's density; voxels are copied.
    ///
    /// # Errors
    /// As [`Density::from_array`].
    pub fn into_density(self) -> PyResult<Density> {
        let (values, shape) = match self.values {
            DensityValue::Single(array) => {
                (Voxels::Single(array.as_array().iter().copied().collect()), array.shape().to_vec())
            }
            DensityValue::Double(array) => {
                (Voxels::Double(array.as_array().iter().copied().collect()), array.shape().to_vec())
            }
        };
        if self.center_voxel.iter().chain(&self.center).any(|x| !x.is_finite()) {
            return Err(bad_value("the map's centre is not finite"));
        }
        let settings = MapSettings { voxel_angstrom: Some(self.voxel_size), ..MapSettings::default() };
        let shape = [shape[0], shape[1], shape[2]];
        let density = Density::from_array(values, shape, &settings, "the map in memory");
        let mut density = density.map_err(|error| exception(&error))?;
        density.center_voxel = self.center_voxel;
        density.center_angstrom = self.center;
        density.axis_order = self.axis_order.parse().map_err(|error: Error| exception(&error))?;
        Ok(density)
    }
}

/// The warnings: code and message.
type Warnings = Vec<(&'static str, String)>;

/// Reads a map, MRC or NPY: its contents by name, and the warnings.
#[pyfunction]
pub fn read_map<'py>(
    py: Python<'py>,
    path: PathBuf,
    voxel_size: Option<[f64; 3]>,
    axis_order: &str,
    center: CenterValue,
) -> PyResult<(Bound<'py, PyDict>, Warnings)> {
    let axis_order: AxisOrder = axis_order.parse().map_err(|error: Error| exception(&error))?;
    let center = center.into_center()?;
    let settings = MapSettings { voxel_angstrom: voxel_size, axis_order, center, ..MapSettings::default() };
    let mut findings = Findings::new();
    let read = py.detach(|| match InputKind::expect(&path)? {
        InputKind::Map => read_mrc_density(&path, &settings, &mut findings),
        InputKind::Array => read_npy_density(&path, &settings),
        _ => Err(Error::value(format!("`{}` is not a map, expected MRC or NPY", path.display()))),
    });
    let density = read.map_err(|error| exception(&error))?;
    let values = PyDict::new(py);
    let array = match density.values {
        Voxels::Single(values) => values.into_pyarray(py).reshape(density.shape)?.into_any(),
        Voxels::Double(values) => values.into_pyarray(py).reshape(density.shape)?.into_any(),
    };
    values.set_item("values", array)?;
    let three = |each: [f64; 3]| PyArray1::from_slice(py, &each);
    values.set_item("voxel_size", three(density.voxel_angstrom))?;
    values.set_item("center_voxel", three(density.center_voxel))?;
    values.set_item("center", three(density.center_angstrom))?;
    values.set_item("axis_order", density.axis_order.name())?;
    Ok((values, Found::new(findings).coded_warnings()))
}

/// A structure's name: that of its file without its endings.
#[pyfunction]
pub fn structure_name(path: PathBuf) -> String {
    name_of(&path)
}
