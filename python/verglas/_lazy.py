"""All stacks of an output folder as lazily loaded Dask arrays."""

from __future__ import annotations

import json
import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt

from ._descriptor import ImageDescriptor, PathLike
from ._native import FormatError
from ._stack import load_stack


@dataclass(frozen=True)
class StackArrays:
    """All stacks of an output folder, one after the other, as Dask arrays with a chunk for each stack; nothing is read yet.

    Attributes:
        fourier: The Fourier images: (images, S, n_inplanes), complex64 or complex128.
        physical: The physical images: (images, N, N), float32; ``None`` where they were not written.
        metadata: Metadata of each image, by name: (images,) each, such as ``defocusU`` or ``row``. Values of a
            whole stack, such as ``voltage``, are repeated for each of its images.
        descriptor: The grids that the images are sampled on.
    """

    fourier: da.Array
    physical: da.Array | None
    metadata: dict[str, da.Array]
    descriptor: ImageDescriptor

    def __len__(self) -> int:
        return int(self.fourier.shape[0])


def load(folder: PathLike) -> StackArrays:
    """Opens all stacks of an output folder, ours or CryoLike's.

    Only the manifests and the first stack are read. A chunk is a tensor that is mapped into memory when a task needs
    it: ``stacks.fourier[7]`` reads one image.

    Args:
        folder: The output folder.

    Raises:
        FileNotFoundError, OSError: the folder can't be read, or holds no stack.
        FormatError: stacks are missing, or the folder's files contradict each other.
    """
    root = Path(os.fsdecode(folder)).absolute()
    counts = _image_counts(root)
    first = load_stack(root, 0)
    if len(first) != counts[0]:
        raise FormatError(f"`{first.path}` has {len(first)} images, expected {counts[0]}")
    # Number and images of one stack per chunk: with them a task finds it, and that it is the one that was counted.
    stacks = [da.from_array(np.asarray(values), chunks=1) for values in (range(len(counts)), counts)]
    images = (tuple(counts),)

    def tensors(name: str, like: npt.NDArray[Any]) -> da.Array:
        chunks = (*images, *((side,) for side in like.shape[1:]))
        return da.map_blocks(
            _tensor, *stacks, str(root), name, chunks=chunks, new_axis=[1, 2], dtype=like.dtype,
            meta=np.empty((0, 0, 0), like.dtype), name=f"verglas-{name}-{uuid.uuid4().hex}",
        )  # fmt: skip

    physical = first.physical
    metadata = {
        name: da.map_blocks(
            _column, *stacks, str(root), name, chunks=images, dtype=dtype, meta=np.empty(0, dtype),
            name=f"verglas-{name}-{uuid.uuid4().hex}",
        )
        for name, dtype in _columns(first.metadata, len(first)).items()
    }  # fmt: skip
    return StackArrays(
        fourier=tensors("fourier", first.fourier),
        physical=None if physical is None else tensors("physical", physical),
        metadata=metadata,
        descriptor=first.descriptor,
    )


def _image_counts(root: Path) -> list[int]:
    """How many images each stack holds, from the manifests if there are any."""
    counts: dict[int, int] = {}
    n_expected = 0
    for path in sorted(root.glob("manifest*.json")):
        # Files of other names are not ours.
        if re.fullmatch(r"manifest(-\d+-of-\d+)?\.json", path.name):
            part_counts, n_stacks = _manifest_counts(path)
            counts.update(part_counts)
            n_expected = max(n_expected, n_stacks)
    if n_expected == 0:
        paths = sorted((root / "fft").glob("particles_fourier_stack_*.npz"))
        if not paths:
            raise FileNotFoundError(f"`{root}` holds neither a manifest nor `fft/particles_fourier_stack_*.npz`")
        counts = {int(path.stem.rpartition("_")[2]): len(load_stack(path)) for path in paths}
        n_expected = max(counts) + 1
    n_missing = n_expected - sum(number < n_expected for number in counts)
    if n_missing > 0:
        first = next(number for number in range(n_expected) if number not in counts)
        raise FormatError(
            f"`{root}`: {n_missing} of {n_expected} stacks are missing, the first is number {first}\n"
            "hint: `verglas status` says which shards are not complete"
        )
    return [counts[number] for number in range(n_expected)]


def _manifest_counts(path: Path) -> tuple[dict[int, int], int]:
    """How many images each stack of a manifest holds, and how many stacks the whole conversion has."""
    if path.exists() and not path.is_file():
        raise OSError(f"`{path}` is not a file")

    def whole(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise TypeError(f"{value!r} for a number")
        return value

    try:
        part = json.loads(path.read_bytes())
        counts = {whole(stack["number"]): whole(stack["n_images"]) for stack in part["stacks"]}
        return counts, whole(part.get("plan", {}).get("n_stacks", part["n_stacks"]))
    except KeyError as error:
        raise FormatError(f"`{path}` is not a verglas manifest: it has no {error}") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(f"`{path}` is not a verglas manifest: {error}") from None


def _columns(metadata: dict[str, npt.NDArray[Any] | None], n_images: int) -> dict[str, np.dtype[Any]]:
    """The metadata that have a value for each image, or one for the whole stack that may differ between stacks."""
    of_stack = ("sphericalAberration", "voltage", "amplitudeContrast", "ctfBfactor", "ctfScalefactor")
    columns = {}
    for name, values in metadata.items():
        is_column = values is not None and (values.shape == (n_images,) or (values.shape == () and name in of_stack))
        # (n,) of two images is also the shape of a pair: those are known by name.
        if values is not None and is_column and name not in ("n_pixels", "pixel_size", "ref_pixel_size"):
            # Texts of different stacks differ in width.
            columns[name] = np.dtype(object) if values.dtype.kind == "U" else values.dtype
    return columns


def _tensor(number: npt.NDArray[Any], n_images: npt.NDArray[Any], folder: str, name: str) -> npt.NDArray[Any]:
    stack = load_stack(folder, int(number.item()))
    tensor: npt.NDArray[Any] | None = getattr(stack, name)
    if tensor is None:
        raise FileNotFoundError(f"the {name} images of `{stack.path}` are missing")
    _check_length(stack.path, tensor, int(n_images.item()))
    return tensor


def _column(number: npt.NDArray[Any], n_images: npt.NDArray[Any], folder: str, name: str) -> npt.NDArray[Any]:
    stack = load_stack(folder, int(number.item()))
    values = stack.metadata.get(name)
    if values is None:
        raise FormatError(f"`{stack.path}` has no `{name}`, and the first stack has")
    values = np.full(len(stack), values) if values.ndim == 0 else values
    _check_length(stack.path, values, int(n_images.item()))
    return values.astype(object) if values.dtype.kind == "U" else values


def _check_length(path: Path, values: npt.NDArray[Any], n_images: int) -> None:
    if len(values) != n_images:
        raise FormatError(f"`{path}` has {len(values)} images, expected {n_images}")
