"""Writes STAR files and MRC stacks. A file appears under its name when it is whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import numpy.typing as npt

from . import _native
from ._descriptor import PathLike, pair
from ._tables import StarFile, Table

if TYPE_CHECKING:
    import pandas as pd

#: Columns of one length by name.
ColumnsInput = Union["Table", "Mapping[str, npt.ArrayLike]", "pd.DataFrame"]


def write_star(
    path: PathLike, blocks: StarFile | Mapping[str, ColumnsInput] | ColumnsInput, *, overwrite: bool = False
) -> None:
    """Writes a STAR file that RELION, the package ``starfile`` and :func:`read_star` read.

    Numbers are written with as many digits as tell them from all others of their type, truth values as 0 and 1, an unknown number as
    ``nan``. Texts are quoted where they have to be.

    Args:
        path: The file to write.
        blocks: What :func:`read_star` returns; or columns by the name of their block: ``{"optics": …, "particles": …}``, each a
            :class:`Table`, a dict of arrays or a data frame; or one of these alone, for a block without a name. Names of columns are
            without the leading ``_``. A dict whose values are single ones makes a block of keys and values.
        overwrite: Whether an existing file is replaced.

    Raises:
        ValueError: the file already exists; columns of a block differ in length, or are not one value per row.
        FormatError: a name or a text is none that STAR can hold.
        OSError: the file can't be written.
    """
    file = _may_write(path, overwrite)
    _native.write_star(file, [_block(name, columns) for name, columns in _named(blocks)])


def _named(blocks: Any) -> list[tuple[str, Any]]:
    if isinstance(blocks, StarFile):
        return [(block.name, block) for block in blocks.blocks]
    if isinstance(blocks, Table):
        return [(blocks.name, blocks)]
    if _is_frame(blocks):
        return [("", blocks)]
    if not isinstance(blocks, Mapping):
        raise TypeError(f"blocks is {type(blocks).__name__}, expected a StarFile, a Table, a dict or a data frame")
    if any(isinstance(columns, Mapping) or _is_frame(columns) for columns in blocks.values()):
        return [(str(name), columns) for name, columns in blocks.items()]
    return [("", blocks)]


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "iloc")


def _block(name: str, columns: Any) -> tuple[str, bool, list[tuple[str, Any]]]:
    if isinstance(columns, Table):
        found: list[tuple[str, Any]] = list(columns._columns)
        is_loop = columns.is_loop
    elif _is_frame(columns):
        found = [(str(column), columns[column].to_numpy()) for column in columns.columns]
        is_loop = True
    elif isinstance(columns, Mapping):
        found = [(str(column), values) for column, values in columns.items()]
        is_loop = not found or any(np.ndim(values) > 0 for _, values in found)
    else:
        raise TypeError(f"block {name!r} is {type(columns).__name__}, expected a Table, a dict or a data frame")
    arrays = [(column, _values(name, column, values)) for column, values in found]
    lengths = {column: len(values) for column, values in arrays}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{column} has {n}" for column, n in lengths.items())
        raise ValueError(f"the columns of block {name!r} differ in length: {listed}")
    n_rows = next(iter(lengths.values()), 0)
    if not is_loop and n_rows != 1:
        raise ValueError(f"block {name!r} has keys and values, and {n_rows} rows, expected 1")
    return name, is_loop, arrays


def _values(block: str, column: str, values: Any) -> Any:
    array = np.atleast_1d(np.asarray(values))
    if array.ndim != 1:
        raise ValueError(f"column `{column}` of block {block!r} has the shape {array.shape}, expected one value per row")
    if array.dtype.kind in "bi":
        return np.ascontiguousarray(array, np.int64)
    if array.dtype.kind == "u":
        return np.ascontiguousarray(array, np.uint64)
    if array.dtype.kind == "f":
        return np.ascontiguousarray(array, np.float32 if array.dtype.itemsize <= 4 else np.float64)
    if array.dtype.kind not in "OUS":
        raise ValueError(f"column `{column}` of block {block!r} is {array.dtype}, expected numbers or texts")
    return [_text(block, column, row, value) for row, value in enumerate(array.tolist())]


def _text(block: str, column: str, row: int, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"1" if value else b"0"
    if value is None or (isinstance(value, float) and np.isnan(value)):
        # As in a column of numbers.
        return b"nan"
    if isinstance(value, (str, int, float)):
        # What is not UTF-8 in a file is read as lone surrogates, and goes back as it was.
        return str(value).encode("utf-8", "surrogateescape")
    raise ValueError(f"column `{column}` of block {block!r}, row {row}: {value!r}, expected a number or a text")


def write_mrc(path: PathLike, images: npt.ArrayLike, pixel_size: float | None = None, *, overwrite: bool = False) -> None:
    """Writes images as an MRC stack of 32-bit floats (mode 2), which RELION, CryoSPARC and :func:`read_mrc` read.

    Args:
        path: The file to write.
        images: (n, rows, columns), or one image (rows, columns); real numbers, which are rounded to float32.
        pixel_size: Å per pixel; ``None``: not stated.
        overwrite: Whether an existing file is replaced.

    Raises:
        ValueError: the file already exists, or these are not images.
        OSError: the file can't be written.
    """
    file = _may_write(path, overwrite)
    array = np.asarray(images)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.dtype.kind not in "biuf" or array.size == 0:
        what = f"{array.dtype} of shape {np.shape(images)}"
        raise ValueError(f"images are {what}, expected real numbers, (n, rows, columns) or (rows, columns), at least one")
    size = None if pixel_size is None else pair(pixel_size, "pixel_size")
    if size is not None and size[0] != size[1]:
        raise ValueError(f"pixel_size is {size[0]} × {size[1]} Å, expected one number: pixels are square")
    with np.errstate(over="ignore"):
        pixels = np.ascontiguousarray(array, np.float32)
    if array.dtype.kind == "f" and np.any(np.isinf(pixels) & np.isfinite(array)):
        raise ValueError("images hold numbers beyond those of float32")
    _native.write_mrc(file, pixels, None if size is None else size[0])


def _may_write(path: PathLike, overwrite: bool) -> str:
    file = os.fsdecode(path)
    if os.path.lexists(file) and not overwrite:
        raise ValueError(f"`{file}` already exists\nhint: choose another name, or replace it with `overwrite=True`")
    return file
