"""Structures as arrays: atoms, and density maps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from . import _native
from ._descriptor import PathLike, count
from ._html import table
from ._job_options import three
from ._report import warn_all

if TYPE_CHECKING:
    import pandas as pd

Texts = npt.NDArray[np.object_]


@dataclass
class Structure:
    """The atoms of one model, with one of each set of alternates; arrays with one value for each atom. May be changed.

    Attributes:
        positions: x, y, z: float64 (n, 3), Å, as the file writes them.
        names: Such as ``CA``.
        elements: Symbols in capitals; empty where unknown.
        residue_names: Such as ``GLY``.
        residue_numbers: Object array of ``int``, ``None`` where there is none.
        insertion_codes: Mostly empty.
        chains: Names of chains.
        segments: Mostly empty.
        occupancies: float64.
        is_hetatm: bool.
        model: The model's number in the file.
        models: The numbers of all models in the file.
        path: The file.
    """

    positions: npt.NDArray[np.float64]
    names: Texts
    elements: Texts
    residue_names: Texts
    residue_numbers: Texts
    insertion_codes: Texts
    chains: Texts
    segments: Texts
    occupancies: npt.NDArray[np.float64]
    is_hetatm: npt.NDArray[np.bool_]
    model: int = 1
    models: tuple[int, ...] = field(default=(1,), repr=False)
    path: str = ""

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        return f"Structure({self.path!r}, model {self.model}, {len(self)} atoms)"

    def _repr_html_(self) -> str:
        chains = sorted(set(self.chains))
        residues = {*zip(self.chains, self.residue_numbers, self.insertion_codes)}
        return table(self.path, [("model", self.model), ("atoms", len(self)), ("residues", len(residues)), ("chains", ", ".join(chains))])

    def select(self, mask: npt.ArrayLike) -> Structure:
        """The atoms selected by a boolean mask or by indices."""
        chosen = np.asarray(mask)
        arrays = {name: getattr(self, name)[chosen] for name in _COLUMNS}
        return Structure(**arrays, model=self.model, models=self.models, path=self.path)

    def to_pandas(self) -> pd.DataFrame:
        """A row for each atom; positions are columns ``x``, ``y``, ``z``.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas as pd

        columns: dict[str, Any] = {axis: self.positions[:, place] for place, axis in enumerate("xyz")}
        return pd.DataFrame({**columns, **{name: getattr(self, name) for name in _COLUMNS[1:]}})

    def _native(self) -> dict[str, Any]:
        positions = np.asarray(self.positions, np.float64)
        if positions.ndim != 2 or positions.shape[1] != 3:
            raise ValueError(f"positions have shape {positions.shape}, expected (n, 3)")
        values: dict[str, Any] = {name: np.asarray(getattr(self, name)).tolist() for name in _COLUMNS[1:]}
        return {**values, "positions": positions.tolist()}


_COLUMNS = (
    "positions", "names", "elements", "residue_names", "residue_numbers", "insertion_codes", "chains", "segments",
    "occupancies", "is_hetatm",
)  # fmt: skip


def read_structure(path: PathLike, *, model: int | None = None, atom_selection: str = "all") -> Structure:
    """Reads the atoms of a PDB or mmCIF file (also ``.gz``, ``.bz2``).

    Of a residue's alternates, the one with the largest sum of occupancies is used. The PDB and the mmCIF file of an entry give
    the same result.

    Args:
        path: The file.
        model: The model's number in the file; the first if not given.
        atom_selection: Which atoms, in mdtraj's selection language; ``index``, ``resid`` and ``chainid`` count from 0 in the file.

    Raises:
        FileNotFoundError, OSError: the file can't be read.
        FormatError: it breaks its format's rules; the text names the line.
        ValueError: it has no such model, or the selection can't be parsed.
    """
    file = os.fsdecode(path)
    number = None if model is None else count(model, "model")
    values = _native.read_structure(file, number, atom_selection)

    def objects(name: str) -> Texts:
        array = np.empty(len(values[name]), object)
        array[:] = values[name]
        return array

    arrays: dict[str, Any] = {name: values[name] if isinstance(values[name], np.ndarray) else objects(name) for name in _COLUMNS}
    return Structure(**arrays, model=values["model"], models=tuple(values["models"]), path=file)


@dataclass
class DensityMap:
    """A density map with the position of its voxels. May be changed.

    Attributes:
        values: ρ[z, y, x], float32 or float64.
        voxel_size: Å between voxels along x, y, z: float64 (3,).
        center_voxel: The origin in voxels along x, y, z: voxel i is at (i − ``center_voxel``) · ``voxel_size`` from it.
        center: The origin in the header's coordinates, x, y, z, Å.
        axis_order: The order of the file's axes.
        path: The file.
    """

    values: npt.NDArray[np.floating[Any]]
    voxel_size: npt.NDArray[np.float64]
    center_voxel: npt.NDArray[np.float64]
    center: npt.NDArray[np.float64]
    axis_order: Literal["zyx", "xyz"] = "zyx"
    path: str = ""

    def __repr__(self) -> str:
        return f"DensityMap({self.path!r}, shape={self.values.shape}, voxel_size={self.voxel_size.tolist()})"

    def _repr_html_(self) -> str:
        rows = [("voxels (z, y, x)", self.values.shape), ("voxel size (x, y, z), Å", self.voxel_size.tolist())]
        return table(self.path, [*rows, ("origin, Å", self.center.tolist())])

    def _native(self) -> dict[str, Any]:
        from ._templates import structure_input

        return {
            "values": structure_input(self.values, "the map"),
            "voxel_size": three(self.voxel_size, "voxel_size"),
            "center_voxel": three(self.center_voxel, "center_voxel"),
            "center": three(self.center, "center"),
            "axis_order": self.axis_order,
        }


def read_map(
    path: PathLike,
    *,
    voxel_size: float | Sequence[float] | None = None,
    axis_order: Literal["zyx", "xyz"] = "zyx",
    center: Literal["mean", "none"] | Sequence[float] = "mean",
) -> DensityMap:
    """Reads a density map from an MRC file (``.mrc``, ``.map``, ``.mrcs``, ``.ccp4``, also packed) or an array (``.npy``).

    ``mapc, mapr, maps`` of the header are followed: the values are ρ[z, y, x]. Oddities of the file give warnings.

    Args:
        path: The file.
        voxel_size: Å between voxels, one number or three (x, y, z), instead of the header's; needed for arrays.
        axis_order: ``"xyz"``: after applying the header's order, axis 0 is taken for x, as CryoLike does.
        center: The origin: ``"mean"``, the middle voxel ⌊n/2⌋; ``"none"``, that of the header's coordinates; or x, y, z in Å
            in these.

    Raises:
        FileNotFoundError, OSError: the file can't be read.
        FormatError: it is damaged, not three-dimensional, complex, or says no voxel size.
        ValueError: a voxel is NaN, all are equal, or an argument is wrong.
    """
    file = os.fsdecode(path)
    sides = None if voxel_size is None else three(voxel_size, "voxel_size")
    origin = center if isinstance(center, str) else three(center, "center")
    values, warnings = _native.read_map(file, sides, axis_order, origin)
    warn_all(warnings)
    return DensityMap(**values, path=file)
