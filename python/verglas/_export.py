"""From results back to the rows that RELION or CryoSPARC read."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Union

import numpy as np
import numpy.typing as npt

from . import _native
from ._descriptor import PathLike, count
from ._html import Row, Shown
from ._report import VerglasWarning, warn_all

#: The path of an array, or an array.
ArrayInput = Union[PathLike, npt.ArrayLike]


@dataclass(frozen=True)
class Exported(Shown):
    """What was exported.

    Attributes:
        output: The file.
        sources: The metadata files that its rows are from.
        n_rows: Rows in it.
        n_source_rows: Rows of these files.
        n_images: Images of the folder; with poses, those that poses were looked for.
        n_left_out: Rows of the sources that are left out because nothing was found for them.
        columns: The new columns.
        warnings: All warnings.
    """

    output: Path
    sources: tuple[Path, ...]
    n_rows: int
    n_source_rows: int
    n_images: int
    n_left_out: int
    columns: tuple[str, ...]
    warnings: tuple[VerglasWarning, ...] = field(repr=False)

    def _caption(self) -> str:
        return f"Rows in {self.output}"

    def _rows(self) -> list[Row]:
        rows: list[Row] = [("rows", f"{self.n_rows} of {self.n_source_rows}")]
        rows += [("from", source) for source in self.sources]
        if self.n_left_out:
            rows.append(("left out", f"{self.n_left_out} rows without a result"))
        if self.columns:
            rows.append(("new columns", ", ".join(self.columns)))
        return rows + [("warning", warning) for warning in self.warnings]


def export(
    particles: PathLike,
    output: PathLike,
    *,
    likelihood: PathLike | None = None,
    structure: int | Literal["best"] = "best",
    rows: ArrayInput | None = None,
    add: Mapping[str, ArrayInput] | None = None,
    overwrite: bool = False,
) -> Exported:
    """Writes chosen particles' original rows, with results as new columns, for RELION or CryoSPARC; as ``verglas export`` does.

    Args:
        particles: The output folder of a conversion; with ``likelihood`` also the STAR or ``.cs`` file that it was made from.
        output: The file to write, ``.star`` or ``.cs`` as the source is.
        likelihood: A folder of :func:`likelihood` that was made from these particles: best poses, structures and
            log-likelihoods take the place of the source's.
        structure: Which structure's pose each image gets: ``"best"``, or the place in the list of templates, from 0.
        rows: Which images: a mask over all, or indices, in the order of the stacks; an array, or the path of a ``.npy`` or ``.pt``.
        add: New columns by name, one value (integer, float or bool) for each image of the folder, chosen or not; arrays, or paths.
        overwrite: Whether the file may be replaced.

    Returns:
        What was written.

    Raises:
        FileNotFoundError, OSError: a file can't be read or written.
        FormatError: a file is damaged, or contradicts another.
        ValueError: the file already exists, an array doesn't fit the images, or a name is taken.
    """
    if likelihood is None and structure != "best":
        raise ValueError(f"structure is {structure!r}, but is only for poses: give `likelihood`, too")
    with tempfile.TemporaryDirectory(prefix="verglas-") as folder:
        arrays = _Arrays(Path(folder))
        values = {
            "particles": os.fsdecode(particles),
            "likelihood": None if likelihood is None else os.fsdecode(likelihood),
            "structure": structure if structure == "best" else str(count(structure, "structure")),
            "rows": None if rows is None else arrays.path("rows", rows),
            "columns": [(name, arrays.path(f"add[{name!r}]", column)) for name, column in (add or {}).items()],
            "output": os.fsdecode(output),
            "overwrite": bool(overwrite),
        }
        try:
            found = json.loads(_native.export(values))
        except (ValueError, OSError) as error:
            # Where an array came from memory, the text names the argument, not a file that nobody knows.
            text = arrays.in_words(str(error))
            raise (error if text == str(error) else type(error)(text)) from None
    warn_all((warning["code"], warning["message"]) for warning in found["warnings"])
    exported = found["exported"]
    exported["output"] = Path(exported["output"])
    exported["sources"] = tuple(Path(source) for source in exported["sources"])
    exported["columns"] = tuple(exported["columns"])
    warnings = tuple(VerglasWarning(warning["message"], warning["code"]) for warning in found["warnings"])
    return Exported(**exported, warnings=warnings)


class _Arrays:
    """Arrays in memory as files, which is what is read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._words: dict[str, str] = {}

    def path(self, argument: str, value: Any) -> str:
        if isinstance(value, (str, bytes, os.PathLike)):
            return os.fsdecode(value)
        array = np.asarray(value)
        if array.ndim != 1 or array.dtype.kind not in "biuf":
            what = f"{array.dtype} of shape {array.shape}"
            raise ValueError(f"{argument} is {what}, expected one number or truth value for each image, on one axis")
        path = str(self._folder / f"{len(self._words)}.npy")
        np.save(path, np.ascontiguousarray(array))
        self._words[path] = argument
        return path

    def in_words(self, text: str) -> str:
        for path, argument in self._words.items():
            text = text.replace(path, argument)
        return text
