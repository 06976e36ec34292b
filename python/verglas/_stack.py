"""Output stacks, tensors mapped into memory."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _native
from ._descriptor import ImageDescriptor, PathLike
from ._names import unknown
from ._native import FormatError


class StackMetadata(dict[str, Union[npt.NDArray[Any], None]]):
    """The arrays of a stack's metadata by name; absent ones are ``None``."""

    def __missing__(self, name: str) -> npt.NDArray[Any] | None:
        raise unknown("array", name, self)


class Stack:
    """One output stack, ours or CryoLike's: Fourier images, physical images and metadata.

    The tensors are mapped into memory, read-only: an image is read when it is accessed.

    Attributes:
        path: The file of the metadata, ``…/fft/particles_fourier_stack_COUNTER.npz``.
        metadata: All arrays of the metadata by name, single values as arrays of no axes; absent ones are ``None``. Angles
            are in radians, lengths in Å.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata = _read_npz(path)
        if self.metadata.get("n_images") is None:
            raise FormatError(f"`{path}` has no `n_images`; is it a stack's metadata?")

    @cached_property
    def fourier(self) -> npt.NDArray[np.complexfloating[Any, Any]]:
        """The Fourier images: (n, S, n_inplanes), complex64 or complex128, read-only."""
        return self._tensor(self.path.with_suffix(".pt"))

    @cached_property
    def physical(self) -> npt.NDArray[np.float32] | None:
        """The physical images: (n, N, N), float32, read-only; ``None`` where they were not written."""
        name = self.path.name.replace("particles_fourier_stack", "particles_phys_stack")
        path = (self.path.parent.parent / "phys" / name).with_suffix(".pt")
        return self._tensor(path) if path.exists() else None

    @cached_property
    def descriptor(self) -> ImageDescriptor:
        """The grids that the images are sampled on."""
        return ImageDescriptor.load(self.path)

    @cached_property
    def first_image(self) -> int:
        """The place of the stack's first image among those of all stacks of its folder.

        CryoLike writes some values of all images into each stack: the stack's own start at this place.

        Raises:
            FileNotFoundError: a stack before it is missing.
            FormatError: the file's name is not that of a stack in a folder.
        """
        number = self.path.stem.rpartition("_")[2]
        if not number.isdigit():
            raise FormatError(f"`{self.path}` is not named like a stack in a folder, `particles_fourier_stack_COUNTER.npz`")
        stem = self.path.stem[: -len(number)]
        before = (self.path.with_name(f"{stem}{k:06}.npz") for k in range(int(number)))
        return sum(len(Stack(path)) for path in before)

    def _poses(self) -> npt.NDArray[np.float64]:
        """RELION's angles in degrees and origins in Å of each image, (n, 5): NaN where angles are not known, 0 where origins are not."""
        n = len(self)
        columns = []
        for name, absent in [("angleRotation", np.nan), ("angleTilt", np.nan), ("anglePsi", np.nan), ("originX", 0.0), ("originY", 0.0)]:
            values = self.metadata.get(name)
            if values is None or values.size == 0:
                columns.append(np.full(n, absent))
            else:
                columns.append(np.asarray(values, np.float64).reshape(-1))
        poses = np.stack([*np.degrees(columns[:3]), *columns[3:]], axis=1)
        # What RELION writes of particles without a pose.
        poses[np.any(np.abs(poses[:, :3] + 999) < 1e-6, axis=1)] = np.nan
        return poses

    def _tensor(self, path: Path) -> npt.NDArray[Any]:
        tensor = map_tensor(path)
        if tensor.ndim != 3 or len(tensor) != len(self):
            raise FormatError(f"`{path}` holds a tensor of shape {tensor.shape}, expected {len(self)} images")
        return tensor

    def __len__(self) -> int:
        n_images = self.metadata["n_images"]
        assert n_images is not None
        return int(n_images.item())

    def __repr__(self) -> str:
        return f"Stack({str(self.path)!r}, {len(self)} images)"


def load_stack(path: PathLike, number: int | None = None) -> Stack:
    """Opens an output stack.

    Args:
        path: Its metadata (``.npz``) or Fourier tensor (``.pt``); or, with ``number``, the output folder.
        number: Which stack of the folder, from 0.

    Raises:
        FileNotFoundError, OSError: a file can't be read.
        FormatError: a file is not part of a stack, or contradicts another.
    """
    file = Path(os.fsdecode(path))
    if number is not None:
        file = file / "fft" / f"particles_fourier_stack_{number:06}.npz"
    elif file.is_dir():
        raise ValueError(f"`{file}` is a folder; load_stack(folder, 0) opens its first stack")
    if file.name.startswith("particles_phys_stack"):
        name = file.name.replace("particles_phys_stack", "particles_fourier_stack")
        file = file.parent.parent / "fft" / name
    return Stack(file.with_suffix(".npz"))


def _read_npz(path: Path) -> StackMetadata:
    arrays = StackMetadata()
    for name, parts in _native.read_npz(os.fspath(path)):
        if parts is None:
            arrays[name] = None
            continue
        dtype, shape, values = parts
        array = np.empty(shape, np.dtype(dtype))
        array.reshape(-1).view(np.uint8)[...] = values
        arrays[name] = array
    return arrays


def map_tensor(path: Path) -> npt.NDArray[Any]:
    """The tensor in a ``.pt`` file, mapped read-only; its strides may be any."""
    dtype, shape, strides, offset = _native.tensor_layout(os.fspath(path))
    if 0 in shape:
        return np.empty(shape, dtype)
    contiguous = np.empty(0, dtype).itemsize * np.cumprod([1, *shape[:0:-1]])[::-1]
    if list(contiguous) == strides:
        return np.memmap(path, dtype, mode="r", offset=offset, shape=tuple(shape))
    whole = np.memmap(path, np.uint8, mode="r")
    return np.ndarray(shape, dtype, buffer=whole, offset=offset, strides=strides)
