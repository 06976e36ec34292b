"""MRC stacks, read section by section."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any, Literal, SupportsIndex, Union

import numpy as np
import numpy.typing as npt

from ._descriptor import PathLike
from ._native import MrcFile
from ._options import PixelType
from ._report import warn_all

Pixels = npt.NDArray[np.float32]


class MrcStack(Sequence[Pixels]):
    """The images of an MRC file; each section is one image, whatever the header says about volumes.

    Nothing is read before it is needed: ``stack[i]`` reads one image (rows, columns), ``stack[2:10]`` and
    ``stack[[5, 1, 5]]`` read several (n, rows, columns), iteration reads one after the other, ``numpy.asarray(stack)`` all. Pixels
    are float32, which holds those of every mode exactly. Several threads may read at once.

    Attributes:
        path: The file.
    """

    def __init__(
        self,
        path: PathLike,
        mode0: Literal["signed", "unsigned"] = "signed",
        pixel_type: PixelType | None = None,
    ) -> None:
        self.path = os.fsdecode(path)
        self._mode0 = mode0
        self._pixel_type = pixel_type
        self._file = MrcFile(self.path, mode0, pixel_type)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Sections, rows (y), columns (x), as the header claims."""
        return self._file.shape

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """The type of the pixels as returned: float32."""
        return np.dtype(np.float32)

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Å per pixel along rows' axis (y) and columns' axis (x), as the header says; ``None`` where it does not."""
        return self._file.pixel_size

    @property
    def header(self) -> MappingProxyType[str, Any]:
        """The header's values: ``mode``, ``byte_order``, ``voxel_size_angstrom`` (x, y, z), ``labels`` and so on."""
        return MappingProxyType(self._file.header)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Union[SupportsIndex, slice, Sequence[int], npt.NDArray[np.integer[Any]]]) -> Any:
        """Reads one section, or several.

        Raises:
            IndexError: there is no such section.
            FormatError: the file is cut short, and the section is not complete.
            OSError: the file can't be read.
        """
        if isinstance(index, slice):
            return self._several(range(*index.indices(len(self))))
        if isinstance(index, (list, np.ndarray)) and np.ndim(index) == 1:
            indices = np.asarray(index)
            if indices.dtype == bool:
                if len(indices) != len(self):
                    raise IndexError(f"a mask of {len(indices)} values for a stack of {len(self)} sections")
                indices = np.flatnonzero(indices)
            return self._several([self._section(one) for one in indices])
        return self._file.read(self._section(index), 1)[0]

    def _section(self, index: Any) -> int:
        try:
            section = operator.index(index)
        except TypeError:
            raise TypeError(f"{index!r} as index, expected a number, a slice or a list of numbers") from None
        if not -len(self) <= section < len(self):
            raise IndexError(f"section {section} (counted from 0) asked for, `{self.path}` holds {len(self)}")
        return section % len(self)

    def _several(self, sections: Sequence[int]) -> Pixels:
        if len(sections) == 0 or list(sections) == list(range(sections[0], sections[0] + len(sections))):
            return self._file.read(sections[0] if len(sections) else 0, len(sections))
        images = np.empty((len(sections), *self.shape[1:]), np.float32)
        for place, section in zip(images, sections):
            place[...] = self._file.read(section, 1)[0]
        return images

    def __iter__(self) -> Iterator[Pixels]:
        return (self._file.read(section, 1)[0] for section in range(len(self)))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("an MRC stack is in a file: its array is always a copy")
        images = self._several(range(len(self)))
        return images if dtype is None else images.astype(dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        return MrcStack, (self.path, self._mode0, self._pixel_type)

    def __repr__(self) -> str:
        return f"MrcStack({self.path!r}, shape={self.shape}, mode={self.header['mode']})"


def read_mrc(
    path: PathLike,
    *,
    mode0: Literal["signed", "unsigned"] = "signed",
    pixel_type: PixelType | None = None,
) -> MrcStack:
    """Opens an MRC stack (``.mrc``, ``.mrcs``, ``.map``, ``.st``, also ``.gz`` and ``.bz2``); only its header is read.

    Oddities of the file give warnings. A compressed file is unpacked once, to a temporary file.

    Args:
        path: The file.
        mode0: How to read 8-bit data.
        pixel_type: How pixels are stored, such as ``"float64"``, where the header's mode is wrong; what float32 can't hold
            is rounded to it.

    Raises:
        FileNotFoundError, OSError: the file can't be read.
        FormatError: it is not an MRC file, or holds no real images.
    """
    stack = MrcStack(path, mode0, pixel_type)
    warn_all(("odd-mrc-file", message) for message in stack._file.warnings)
    return stack
