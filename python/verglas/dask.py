"""Conversions on any Dask cluster, and their results as lazily loaded arrays; needs ``pip install 'verglas[dask]'``.

::

    from dask.distributed import Client, LocalCluster
    import verglas.dask

    if __name__ == "__main__":
        client = Client(LocalCluster(threads_per_worker=1))
        verglas.dask.convert(client, "run_data.star", "stacks")
        stacks = verglas.dask.load("stacks")
        power = (abs(stacks.fourier) ** 2).mean(axis=(0, 2)).compute()

Each task makes one shard, a part of the output stacks; workers write into one folder that all of them see. The bytes are those
of a run on one machine.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _convert
from ._descriptor import ImageDescriptor, PathLike, at_least_one, count, native_descriptor
from ._native import FormatError, Preparation
from ._options import Options, R, with_options
from ._progress import listener
from ._report import Summary, VerglasWarning, warn_all
from ._stack import load_stack

try:
    import dask.array as da
    from distributed import Client, as_completed, get_worker
except ImportError:
    raise ImportError("verglas.dask needs Dask: pip install 'verglas[dask]'") from None

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: A shard whose lock another task holds is tried again after so many seconds,
LOCK_PAUSE_S = 2.0
#: for so long. A worker that was given up for lost may still be at work.
LOCK_PATIENCE_S = 600.0
#: Shards per thread of the cluster, unless told otherwise: fast workers make more of them than slow ones.
SHARDS_PER_THREAD = 4
#: What is wrong with the input is wrong on every worker: no task is tried again because of it.
LASTING = (ValueError, TypeError, FileNotFoundError)


@dataclass(frozen=True)
class ClusterSummary:
    """What a conversion on a cluster did.

    Attributes:
        output: The output folder.
        n_images: Images on disk.
        n_stacks: Stacks on disk.
        n_stacks_kept: Of these, stacks that were there before, or that a task had made whose worker was lost.
        n_images_skipped: Images that were left out, for they can't be read or normalised.
        warnings: What there was to tell, each thing once.
        seconds: Time from the first to the last task.
        shards: What each task did.
    """

    output: Path
    n_images: int
    n_stacks: int
    n_stacks_kept: int
    n_images_skipped: int
    warnings: tuple[VerglasWarning, ...] = field(repr=False)
    seconds: float
    shards: tuple[Summary, ...] = field(repr=False)

    @property
    def images_per_second(self) -> float:
        """Images of all workers per second."""
        return sum(shard.n_images_computed for shard in self.shards) / max(self.seconds, 1e-9)


@with_options
def convert(
    client: Client,
    inputs: PathLike | Sequence[PathLike],
    folder_output: PathLike,
    params_input: object = None,
    *,
    images: PathLike | Sequence[PathLike] = (),
    job: int | None = None,
    image_dir: PathLike = "",
    batch_size: int = 1024,
    pixel_size: float | npt.ArrayLike | None = None,
    defocus_angle_is_degree: bool = True,
    phase_shift_is_degree: bool = True,
    downsample_factor: int = 1,
    downsample_type: _convert.DownsampleType = "mean",
    flag_plots: bool = True,
    n_stacks_max: int = -1,
    n_shards: int | None = None,
    retries: int = 3,
    **options: Unpack[Options],
) -> ClusterSummary:
    """Converts a data set on the workers of a Dask cluster, one task per shard.

    One task checks everything first; then each of the others makes a shard. A shard whose worker is lost is made by
    another one, which keeps what is whole. So does a later call with the same arguments, whatever ended the first.

    The workers must see the input and the output folder under the same paths, and run in the client's working directory.
    A task computes on one thread unless ``threads`` says otherwise: Dask gives a worker as many tasks at once as it has
    threads. Each reads all the metadata, about 100 bytes per particle.

    Args:
        client: The cluster's client.
        inputs: One STAR file that names its images, or several with ``images``; one ``.cs`` file, or two that belong
            together; a folder with ``job``.
        folder_output: Folder to write to. Shards of the same plan that are there already are kept; another plan's are
            refused.
        params_input: The grids: a descriptor's path, our descriptor, or CryoLike's; ``None``: they are made from the data.
        images: Image stacks that the rows of the STAR files describe in sequence.
        job: The number of a CryoSPARC job below the folder.
        image_dir: Folder in which image files are looked up by file name.
        batch_size: Images per stack.
        pixel_size: Å per pixel of the input images, one number or two (y, x); ``None`` or ≤ 0: not given.
        defocus_angle_is_degree: Whether the defocus angle is in degrees (with ``images`` only).
        phase_shift_is_degree: The same of the phase shift.
        downsample_factor: Integer factor that images are made smaller by; 1 or below: not at all.
        downsample_type: ``"mean"``, ``"max"`` or ``"fourier"``.
        flag_plots: Whether to plot images and power spectra (``plots/``).
        (n_stacks_max)
        n_shards: How many shards; if not given, as many as an earlier call divided the folder into, else four for each
            thread of the cluster, but no more than there are stacks.
        retries: How often a task is tried again that failed for a reason that may pass, such as a full disk.
        (options)

    Returns:
        What was done.

    Raises:
        FileNotFoundError, FormatError, ValueError, OSError: as the conversions without a cluster do.
        distributed.KilledWorker: a shard's worker was lost more often than the scheduler allows.
    """
    start = time.monotonic()
    if options.pop("shard", None) is not None:
        raise ValueError("a shard is given, and each task makes one: n_shards says how many")
    if n_shards is not None:
        n_shards = at_least_one(n_shards, "n_shards")
    retries = count(retries, "retries")
    progress = options.pop("progress", None)
    if params_input is not None and not isinstance(params_input, (str, bytes, os.PathLike, ImageDescriptor)):
        # Workers need not know CryoLike.
        params_input = ImageDescriptor._of(native_descriptor(params_input))
    settings: dict[str, Any] = {
        **options,
        "image_dir": image_dir,
        "batch_size": batch_size,
        "pixel_size": pixel_size,
        "defocus_angle_is_degree": defocus_angle_is_degree,
        "phase_shift_is_degree": phase_shift_is_degree,
        "downsample_factor": downsample_factor,
        "downsample_type": downsample_type,
        "flag_plots": flag_plots,
        "n_stacks_max": n_stacks_max,
    }
    if settings["threads"] is None:
        settings["threads"] = 1
    source = _convert._any_input(_convert._paths(inputs), _convert._paths(images), job)
    # Wrong words are told here, before anything is sent.
    _convert._settings(params_input, shard=None, **settings)
    work = _Work(source, params_input, os.fsdecode(folder_output), settings, os.getcwd())

    token = uuid.uuid4().hex[:8]
    futures: list[Any] = [client.submit(work.check, key=f"verglas-check-{token}", pure=False)]
    try:
        checked = _outcome(futures[0].result())
        warn_all(checked.warnings)
        if n_shards is None:
            n_threads = sum(client.nthreads().values())
            n_shards = checked.n_shards_there or max(1, min(checked.n_stacks, SHARDS_PER_THREAD * n_threads))
        numbers = range(1, n_shards + 1)
        keys = [f"verglas-shard-{token}-{number}" for number in numbers]
        futures = client.map(work.make, numbers, [n_shards] * n_shards, key=keys, pure=False, retries=retries)
        summaries = {}
        with listener(progress, checked.n_images) as tell:
            for future, outcome in as_completed(futures, with_results=True):
                summaries[future.key] = _outcome(outcome)
                if tell is not None:
                    tell(sum(shard.n_images + shard.n_images_skipped for shard in summaries.values()), checked.n_images)
    except BaseException:
        # Tasks that have begun end by themselves; the others never begin.
        client.cancel(futures)
        raise
    shards = tuple(summaries[key] for key in keys)
    told = {(code, message) for code, message in checked.warnings}
    further = {(warning.code, str(warning)): warning for shard in shards for warning in shard.warnings}
    warn_all(key for key in further if key not in told)
    return ClusterSummary(
        output=Path(work.output),
        n_images=sum(shard.n_images for shard in shards),
        n_stacks=sum(shard.n_stacks for shard in shards),
        n_stacks_kept=sum(shard.n_stacks_kept for shard in shards),
        n_images_skipped=sum(shard.n_images_skipped for shard in shards),
        warnings=tuple(further.values()),
        seconds=time.monotonic() - start,
        shards=shards,
    )


@dataclass(frozen=True)
class _Checked:
    n_images: int
    n_stacks: int
    n_shards_there: int | None
    warnings: list[tuple[str, str]]


@dataclass(frozen=True)
class _Failed:
    """What no other worker would do better."""

    error: Exception


def _outcome(outcome: Any) -> Any:
    if isinstance(outcome, _Failed):
        raise outcome.error
    return outcome


@dataclass(frozen=True)
class _Work:
    """What is to be done, as it is sent to the workers."""

    source: dict[str, Any]
    params_input: object
    output: str
    settings: dict[str, Any]
    working_dir: str

    def check(self) -> _Checked | _Failed:
        """Checks all of the input, once."""
        return self._lasting(self._check)

    def make(self, number: int, of: int) -> Summary | _Failed:
        """Makes a shard, or what is missing of it."""
        return self._lasting(lambda: self._make(number, of))

    def _lasting(self, work: Callable[[], R]) -> R | _Failed:
        try:
            here = os.getcwd()
            if here != self.working_dir:
                raise ValueError(
                    f"the worker {get_worker().address} runs in `{here}`, the client in `{self.working_dir}`; paths are "
                    "relative to it\nhint: start the workers in the client's working directory"
                )
            return work()
        except LASTING as error:
            return _Failed(error)

    def _check(self) -> _Checked:
        settings = _convert._settings(self.params_input, shard=None, skip_exist=True, **self.settings)
        preparation = Preparation(self.source, settings)
        error = preparation.exception()
        if error is not None:
            raise error
        n_images, _, n_stacks = preparation.counts
        return _Checked(n_images, n_stacks, _n_shards_there(Path(self.output)), preparation.warnings)

    def _make(self, number: int, of: int) -> Summary:
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                with warnings.catch_warnings():
                    # The client tells them, from the summary.
                    warnings.simplefilter("ignore", VerglasWarning)
                    return _convert._convert(
                        self.source, self.params_input, self.output, shard=(number, of), skip_exist=True, **self.settings
                    )
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOCK_PAUSE_S)


def _n_shards_there(folder: Path) -> int | None:
    """Into how many shards an earlier run has divided the folder."""
    for path in folder.glob("manifest-*-of-*.json"):
        of = path.stem.rpartition("-")[2]
        if of.isdigit():
            return int(of)
    return None


@dataclass(frozen=True)
class StackArrays:
    """All stacks of an output folder, one after the other, as Dask arrays with a chunk for each stack; nothing is read yet.

    Attributes:
        fourier: The Fourier images: (images, S, n_inplanes), complex64 or complex128.
        physical: The physical images: (images, N, N), float32; ``None`` where they were not written.
        metadata: What is known of each image, by name: (images,) each, such as ``defocusU`` or ``row``. Values that hold for a
            whole stack, such as ``voltage``, stand at each of its images.
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

    Only the manifests and the first stack are looked at. A chunk is a tensor that is mapped into memory where a task asks
    for it: ``stacks.fourier[7]`` reads one image.

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
    """How many images each stack holds: the manifests say it, where there are any."""
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
        raise OSError(f"`{path}` is no file")

    def whole(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise TypeError(f"{value!r} for a number")
        return value

    try:
        part = json.loads(path.read_bytes())
        counts = {whole(stack["number"]): whole(stack["n_images"]) for stack in part["stacks"]}
        return counts, whole(part.get("plan", {}).get("n_stacks", part["n_stacks"]))
    except KeyError as error:
        raise FormatError(f"`{path}` is no manifest of verglas: it has no {error}") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(f"`{path}` is no manifest of verglas: {error}") from None


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
        raise FileNotFoundError(f"the {name} images of `{stack.path}` are not there")
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
