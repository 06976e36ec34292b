"""The results of a job of likelihoods, as columns and matrices."""

from __future__ import annotations

import csv
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ._descriptor import PathLike
from ._html import table
from ._names import unknown
from ._native import FormatError
from ._stack import map_tensor

Column = npt.NDArray[Any]

_TEXTS = ("file", "name", "skipped")
#: Columns that this version does not know hold numbers, or else texts.
_NUMBERS = (
    "cross_correlation", "displacement_x_angstrom", "displacement_y_angstrom", "inplane_rotation_deg", "log_likelihood_optimal",
    "log_likelihood_integrated", "rot_deg", "tilt_deg", "psi_deg", "origin_x_angstrom", "origin_y_angstrom",
)  # fmt: skip
#: Places and counts; a column of them is float64 where some are unknown.
_WHOLE = ("image", "stack", "index", "row", "uid", "section", "structure", "template", "n_modes")
_YES_OR_NO = ("at_edge", "best")


class Results(dict[str, Column]):
    """A row for each image and structure, as columns by name, in the order of ``results.csv``.

    It is a ``dict`` of NumPy arrays of one length, which ``pandas.DataFrame``, ``polars.DataFrame`` and ``pyarrow.table`` take
    as it is. Places are int64 (from 0), numbers float64, ``at_edge`` and ``best`` bool, texts ``str`` objects; unknown numbers
    are NaN (places are then float64), unknown texts are empty. Angles are in degrees, lengths in Å; see docs/likelihood.md.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path, columns: dict[str, Column]) -> None:
        super().__init__(columns)
        self.path = path

    @property
    def n_rows(self) -> int:
        """Number of rows: images × structures."""
        return len(next(iter(self.values()))) if self else 0

    @cached_property
    def cross_correlation_matrix(self) -> Column | None:
        """Best correlations, (structures, images), float32 or float64, mapped read-only; ``None`` until all units are done."""
        return self._matrix("cross_correlation_matrix.pt")

    @cached_property
    def optimal_log_likelihood_matrix(self) -> Column | None:
        """Log-likelihoods at the best pose, (structures, images), float64; ``None`` until all units are done."""
        return self._matrix("optimal_fourier_log_likelihood_matrix.pt")

    @cached_property
    def integrated_log_likelihood_matrix(self) -> Column | None:
        """Log-likelihoods over all poses, (structures, images), float64; ``None`` where they were not integrated."""
        return self._matrix("integrated_fourier_log_likelihood_matrix.pt")

    @cached_property
    def displacements(self) -> Column:
        """The displacements that were tried along image axes 0 and 1, (2, D), Å."""
        return map_tensor(self.path / "displacements_set.pt")

    def __missing__(self, name: str) -> Column:
        raise unknown("column", name, self)

    def _matrix(self, name: str) -> Column | None:
        path = self.path / "likelihood_matrix" / name
        return map_tensor(path) if path.exists() else None

    def __repr__(self) -> str:
        return f"Results({str(self.path)!r}, {self.n_rows} rows, {list(self)})"

    def _repr_html_(self) -> str:
        rows = [(name, f"{column.dtype}, {column[:3].tolist()}…") for name, column in self.items()]
        return table(f"{self.n_rows} rows of {self.path}", rows)


def read_results(folder: PathLike) -> Results:
    """Reads the table of a folder of likelihoods: ``pandas.DataFrame(verglas.read_results(folder))``.

    Matrices of all structures and images are attributes of the result, mapped into memory.

    Args:
        folder: The output folder of :func:`likelihood`, with ``results.csv`` in it.

    Raises:
        FileNotFoundError: there is no table: not all units are done, or none was requested.
        FormatError: the table is damaged; the text says where.
        OSError: a file can't be read.
    """
    root = Path(os.fsdecode(folder))
    path = root / "results.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"`{path}` does not exist\n"
            'hint: it is written when all units are done; finish them with `skip_exist=True`, and ask for it with `table="csv"`'
        )
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        names = next(reader, [])
        if "image" not in names or "structure" not in names or len(set(names)) != len(names):
            raise FormatError(f"`{path}` is not a table of likelihoods: its first line is `{','.join(names)}`")
        fields: list[list[str]] = [[] for _ in names]
        for row in reader:
            if len(row) != len(names):
                raise FormatError(f"`{path}`: line {reader.line_num} has {len(row)} fields, expected {len(names)}")
            for column, value in zip(fields, row):
                column.append(value)
    return Results(root, {name: _column(path, name, values) for name, values in zip(names, fields)})


def _column(path: Path, name: str, values: list[str]) -> Column:
    if name in _TEXTS:
        return _texts(values)
    try:
        if name in _YES_OR_NO:
            return np.array([value == "1" for value in values], bool)
        if name in _WHOLE and all(values):
            return np.array([int(value) for value in values], np.uint64 if name == "uid" else np.int64)
        return np.array([float(value) if value else np.nan for value in values], np.float64)
    except (ValueError, OverflowError) as error:
        if name in _NUMBERS or name in _WHOLE:
            raise FormatError(f"`{path}`, column `{name}`: {error}") from None
    return _texts(values)


def _texts(values: list[str]) -> Column:
    texts = np.empty(len(values), object)
    texts[:] = values
    return texts
