"""Metadata files as columns: NumPy arrays by name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _native
from ._descriptor import PathLike
from ._html import table
from ._names import unknown
from ._native import FormatError

if TYPE_CHECKING:
    import pandas as pd

Column = npt.NDArray[Any]


class Table(Mapping[str, Column]):
    """Columns of equal length by name, in the order of the file.

    Texts are arrays of ``str`` objects; numbers have NumPy types.

    Attributes:
        name: The block's name; for a ``.cs`` file, its path.
        is_loop: Whether a STAR block was written as a loop; otherwise it holds keys with one value each.
    """

    def __init__(self, name: str, columns: Sequence[tuple[str, Column]], is_loop: bool = True) -> None:
        self.name = name
        self.is_loop = is_loop
        self._columns = list(columns)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self._columns[0][1]) if self._columns else 0

    @property
    def column_names(self) -> list[str]:
        """The names of all columns, repeated ones included."""
        return [name for name, _ in self._columns]

    def __getitem__(self, name: str) -> Column:
        """The column of this name.

        Raises:
            KeyError: there is none.
            FormatError: there are several, and it is unclear which one counts.
        """
        found = [column for known, column in self._columns if known == name]
        if not found:
            raise unknown("column", name, self.column_names)
        if len(found) > 1:
            raise FormatError(f"`{self.name}` has {len(found)} columns `{name}`")
        return found[0]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._columns))

    def __len__(self) -> int:
        return len(dict(self._columns))

    def __contains__(self, name: object) -> bool:
        return any(known == name for known, _ in self._columns)

    def __repr__(self) -> str:
        return f"Table({self.name!r}, {self.n_rows} rows, {self.column_names})"

    def _repr_html_(self) -> str:
        return table(f"{self.name}: {self.n_rows} rows", ((name, _first_of(column)) for name, column in self._columns))

    def _ipython_key_completions_(self) -> list[str]:
        return self.column_names

    def to_pandas(self) -> pd.DataFrame:
        """All columns as a data frame; fields of several values per row become columns ``NAME/0``, ``NAME/1``, ….

        Raises:
            ImportError: pandas is not installed.
            FormatError: a column's name comes twice.
        """
        import pandas as pd

        columns: dict[str, Any] = {}
        for name, column in self.items():
            if column.ndim == 1:
                columns[name] = column
            else:
                flat = column.reshape(len(column), -1)
                columns.update({f"{name}/{index}": flat[:, index] for index in range(flat.shape[1])})
        return pd.DataFrame(columns)


class StarFile(Mapping[str, Table]):
    """The blocks of a STAR file by name, in the order of the file.

    Attributes:
        blocks: All blocks, those of a repeated name included.
    """

    def __init__(self, blocks: Sequence[Table]) -> None:
        self.blocks = list(blocks)

    def __getitem__(self, name: str) -> Table:
        """The block of this name.

        Raises:
            KeyError: there is none.
            FormatError: there are several, and it is unclear which one counts.
        """
        found = [block for block in self.blocks if block.name == name]
        if not found:
            raise unknown("block", name, [block.name for block in self.blocks])
        if len(found) > 1:
            raise FormatError(f"the file has {len(found)} blocks `data_{name}`")
        return found[0]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(block.name for block in self.blocks))

    def __len__(self) -> int:
        return len({block.name for block in self.blocks})

    def __contains__(self, name: object) -> bool:
        return any(block.name == name for block in self.blocks)

    def __repr__(self) -> str:
        return f"StarFile({self.blocks})"

    def _repr_html_(self) -> str:
        return "".join(block._repr_html_() for block in self.blocks)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def to_pandas(self) -> dict[str, pd.DataFrame]:
        """All blocks as data frames."""
        return {name: block.to_pandas() for name, block in self.items()}


def _first_of(column: Column) -> str:
    values = ", ".join(str(value) for value in column[:3].tolist())
    return f"{'text' if column.dtype == object else column.dtype}: {values}{', …' if len(column) > 3 else ''}"


def read_star(path: PathLike) -> StarFile:
    """Reads all blocks of a STAR file.

    A column of integers is int64 (uint64 where it must), of numbers float64, of anything else ``str`` objects; an empty
    text and ``<NA>`` among numbers are NaN, as in the Python package ``starfile``. Key–value blocks are
    tables of one row. Names are without the leading ``_``.

    Where ``starfile`` (0.5.13) guesses wrongly, it is not followed: ``#`` within a value belongs to the value, and a name
    of digits and ``_`` in a key–value block is text (``starfile`` cuts the one and makes an integer of the other). A loop
    without rows has empty columns of objects, not of floats.

    Raises:
        FileNotFoundError, OSError: the file can't be read.
        FormatError: it breaks the format's rules; the text names the line.
    """
    blocks = _native.read_star(os.fsdecode(path))
    return StarFile([Table(name, columns, is_loop) for name, is_loop, columns in blocks])


def read_cryosparc(path: PathLike, columns: Sequence[str] | None = None) -> Table:
    """Reads the columns of a CryoSPARC file (``.cs``).

    Numbers keep their type; fields of several values per row become arrays (n, …); texts are ``str`` objects, as they are
    (with CryoSPARC's leading ``>``).

    Args:
        path: The file.
        columns: Names of the columns to read; all if not given.

    Raises:
        FileNotFoundError, OSError: the file can't be read.
        FormatError: it is not a ``.cs`` file, is cut short, or has no such column.
        TypeError: the columns are not a list of names.
    """
    if isinstance(columns, (str, bytes)):
        raise TypeError(f"columns is {columns!r}, expected a list of names: [{columns!r}]")
    path = os.fsdecode(path)
    file = _native.CsFile(path)
    fields = {field[0]: field for field in file.fields}
    wanted = list(fields) if columns is None else list(columns)
    missing = [name for name in wanted if name not in fields]
    if missing:
        raise FormatError(f"`{path}` has no {', '.join(f'`{name}`' for name in missing)}; it has {', '.join(fields)}")
    return Table(path, [(name, _read_field(path, file, *fields[name])) for name in wanted])


def _read_field(path: str, file: _native.CsFile, name: str, dtype: str, shape: list[int], is_text: bool) -> Column:
    whole = (file.n_rows, *shape)
    if is_text:
        ids, texts = file.read_text(name)
        return np.array([*texts, ""], object)[ids].reshape(whole)
    try:
        values = np.empty(whole, np.dtype(dtype))
    except TypeError:
        raise FormatError(f"`{name}` of `{path}` is {dtype}, expected values") from None
    file.read_bytes(name, values.reshape(-1).view(np.uint8))
    return values
