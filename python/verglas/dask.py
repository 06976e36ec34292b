"""Conversions, templates and likelihoods on any Dask cluster, and stacks as lazily loaded arrays; needs ``pip install 'verglas[dask]'``.

::

    from dask.distributed import Client, LocalCluster
    import verglas.dask

    if __name__ == "__main__":
        client = Client(LocalCluster(threads_per_worker=1))
        verglas.dask.convert(client, "run_data.star", "stacks")
        verglas.dask.templates(client, ["a.pdb", "b.pdb"], "templates", "stacks")
        verglas.dask.likelihood(client, "stacks", "templates", "likelihood")
        stacks = verglas.dask.load("stacks")
        power = (abs(stacks.fourier) ** 2).mean(axis=(0, 2)).compute()

Each task makes one shard, a part of the output; workers write into one folder that all of them see. The bytes are the same as
those of a run on one machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from . import _convert, _likelihood, _templates
from ._descriptor import ImageDescriptor, PathLike, at_least_one, count, native_descriptor, parameters
from ._job_options import (
    JOB_DEFAULTS,
    LikelihoodJobOptions,
    TemplateJobOptions,
    job_settings,
    template_settings,
    with_likelihood_job_options,
    with_template_job_options,
)
from ._likelihood import LikelihoodSummary
from ._native import LikelihoodPreparation, Preparation, TemplatePreparation
from ._options import Options, with_options
from ._report import Summary, VerglasWarning
from ._templates import TemplateSummary

try:
    from distributed import Client

    from ._lazy import StackArrays, load
    from ._shards import Checked, Work, run_shards
except ImportError:
    raise ImportError("verglas.dask needs Dask: pip install 'verglas[dask]'") from None

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["ClusterJobSummary", "ClusterSummary", "StackArrays", "convert", "likelihood", "load", "templates"]


@dataclass(frozen=True)
class ClusterSummary:
    """What a conversion on a cluster did.

    Attributes:
        output: The output folder.
        n_images: Images on disk.
        n_stacks: Stacks on disk.
        n_stacks_kept: Of these, stacks from an earlier run, or from a task whose worker was lost.
        n_images_skipped: Images that were left out because they can't be read or normalised.
        warnings: All warnings, each once.
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

    One task checks everything first; then each of the others makes a shard. If a worker is lost, another one makes its shard,
    and keeps what is whole. So does a later call with the same arguments, however the first one ended.

    The workers must see the input and the output folder under the same paths, and run in the client's working directory.
    A task computes on one thread unless ``threads`` says otherwise: Dask gives a worker as many tasks at once as it has
    threads. Each reads all the metadata, about 100 bytes per particle.

    Args:
        client: The cluster's client.
        inputs: One STAR file that names its images, or several with ``images``; one ``.cs`` file, or two that belong
            together; a folder with ``job``.
        folder_output: Folder to write to. Existing shards of the same plan are kept; those of another plan are
            refused.
        params_input: The grids: a descriptor's path, our descriptor, or CryoLike's; ``None``: made from the data.
        images: Image stacks that the rows of the STAR files describe in sequence.
        job: The number of a CryoSPARC job below the folder.
        image_dir: Folder in which image files are looked up by file name.
        batch_size: Images per stack.
        pixel_size: Å per pixel of the input images, one number or two (y, x); ``None`` or ≤ 0: not given.
        defocus_angle_is_degree: Whether the defocus angle is in degrees (with ``images`` only).
        phase_shift_is_degree: The same for the phase shift.
        downsample_factor: Integer factor that images are downsampled by; 1 or below: not at all.
        downsample_type: ``"mean"``, ``"max"`` or ``"fourier"``.
        flag_plots: Whether to plot images and power spectra (``plots/``).
        (n_stacks_max)
        n_shards: How many shards; if not given, as many as an earlier call divided the folder into, else four for each
            thread of the cluster, but no more than there are stacks.
        retries: How many times to retry a task that failed for a reason that may pass, such as a full disk.
        (options)

    Returns:
        What was done.

    Raises:
        FileNotFoundError, FormatError, ValueError, OSError: as the conversions without a cluster do.
        distributed.KilledWorker: a shard's worker was lost more often than the scheduler allows.
    """
    start = time.monotonic()
    if options.pop("shard", None) is not None:
        raise ValueError("a shard is given, but each task makes one: n_shards says how many")
    if n_shards is not None:
        n_shards = at_least_one(n_shards, "n_shards")
    retries = count(retries, "retries")
    progress = options.pop("progress", None)
    params_input = _sendable(params_input)
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
    # Wrong arguments are reported here, before anything is sent.
    _convert._settings(params_input, shard=None, **settings)
    work = _Conversion(os.fsdecode(folder_output), os.getcwd(), source, params_input, settings)

    checked, shards, told = run_shards(client, work, n_shards, retries, progress)
    return ClusterSummary(
        output=Path(work.output),
        n_images=sum(shard.n_images for shard in shards),
        n_stacks=sum(shard.n_stacks for shard in shards),
        n_stacks_kept=sum(shard.n_stacks_kept for shard in shards),
        n_images_skipped=sum(shard.n_images_skipped for shard in shards),
        warnings=told,
        seconds=time.monotonic() - start,
        shards=shards,
    )


@dataclass(frozen=True)
class _Conversion(Work):
    """A conversion, as it is sent to the workers."""

    source: dict[str, Any]
    params_input: object
    settings: dict[str, Any]

    def look(self) -> Checked:
        settings = _convert._settings(self.params_input, shard=None, skip_exist=True, **self.settings)
        preparation = Preparation(self.source, settings)
        error = preparation.exception()
        if error is not None:
            raise error
        n_images, _, n_stacks = preparation.counts
        return Checked(n_images, n_stacks, preparation.warnings)

    def make_shard(self, shard: tuple[int, int]) -> Summary:
        return _convert._convert(
            self.source, self.params_input, self.output, shard=shard, skip_exist=True, **self.settings
        )

    def n_done(self, summary: Any) -> int:
        return int(summary.n_images + summary.n_images_skipped)


@dataclass(frozen=True)
class _Templates(Work):
    """A job of templates, as it is sent to the workers."""

    inputs: list[Any]
    params_input: object
    plots: bool
    settings: dict[str, Any]

    noun = "templates"

    def look(self) -> Checked:
        settings = {**template_settings(self.settings), **job_settings({**JOB_DEFAULTS, **self.settings})}
        descriptor = parameters(self.params_input)
        job = TemplatePreparation(self.inputs, {**settings, "descriptor": descriptor, "plots": self.plots})
        error = job.exception()
        if error is not None:
            raise error
        n_structures, n_templates = job.counts
        return Checked(n_templates, n_structures, job.warnings)

    def make_shard(self, shard: tuple[int, int]) -> TemplateSummary:
        return _templates.templates(
            self.inputs, self.output, self.params_input, plots=self.plots, shard=shard, skip_exist=True, **self.settings
        )

    def n_done(self, summary: Any) -> int:
        return int(summary.n_templates)


@dataclass(frozen=True)
class _Likelihood(Work):
    """A job of likelihoods, as it is sent to the workers."""

    particles: str
    templates: str
    params_input: object
    settings: dict[str, Any]

    noun = "units"

    def look(self) -> Checked:
        settings = _likelihood.likelihood_job_settings(self.params_input, {**JOB_DEFAULTS, **self.settings})
        job = LikelihoodPreparation(self.particles, self.templates, settings)
        error = job.exception()
        if error is not None:
            raise error
        n_units = job.counts[3]
        return Checked(n_units, n_units, job.warnings)

    def make_shard(self, shard: tuple[int, int]) -> LikelihoodSummary:
        return _likelihood.likelihood(
            self.particles, self.templates, self.output, self.params_input, shard=shard, skip_exist=True, **self.settings
        )

    def n_done(self, summary: Any) -> int:
        return int(summary.n_units)


@dataclass(frozen=True)
class ClusterJobSummary:
    """What a job of templates or likelihoods on a cluster did.

    Attributes:
        output: The output folder.
        n_units: Structures, or structures against stacks, on disk.
        n_units_kept: Of these, units from an earlier run, or from a task whose worker was lost.
        warnings: All warnings, each once.
        seconds: Time from the first to the last task.
        shards: What each task did.
    """

    output: Path
    n_units: int
    n_units_kept: int
    warnings: tuple[VerglasWarning, ...] = field(repr=False)
    seconds: float
    shards: tuple[TemplateSummary, ...] | tuple[LikelihoodSummary, ...] = field(repr=False)


@with_template_job_options
def templates(
    client: Client,
    inputs: Any,
    folder_output: PathLike,
    params_input: object,
    *,
    plots: bool = True,
    n_shards: int | None = None,
    retries: int = 3,
    **options: Unpack[TemplateJobOptions],
) -> ClusterJobSummary:
    """Makes templates on the workers of a Dask cluster, one task per shard of the structures; as :func:`verglas.templates`.

    What :func:`convert` says about workers, threads and lost workers also applies here.

    Args:
        client: The cluster's client.
        inputs: Structures in order, as there.
        folder_output: Folder to write to. Existing shards of the same plan are kept; those of another plan are refused.
        params_input: The grids, and what templates are made with, as there.
        plots: Whether the first templates and mean power are plotted (``plots/``).
        n_shards: How many shards; if not given, as many as an earlier call divided the folder into, else four for each thread of
            the cluster, but no more than there are structures.
        retries: How many times to retry a task that failed for a reason that may pass, such as a full disk.
        (options)

    Returns:
        What was done.
    """
    settings, progress = _job_options(options)
    work = _Templates(
        os.fsdecode(folder_output), os.getcwd(), _templates.structure_inputs(inputs), _sendable(params_input), bool(plots), settings
    )
    return _run_job(client, work, n_shards, retries, progress)


@with_likelihood_job_options
def likelihood(
    client: Client,
    particles: PathLike,
    templates: PathLike,
    folder_output: PathLike,
    params_input: object = None,
    *,
    n_shards: int | None = None,
    retries: int = 3,
    **options: Unpack[LikelihoodJobOptions],
) -> ClusterJobSummary:
    """Compares images with structures on the workers of a Dask cluster, one task per shard; as :func:`verglas.likelihood`.

    What :func:`convert` says about workers, threads and lost workers also applies here. Each task holds the templates of one structure.

    Args:
        client: The cluster's client.
        particles: Folder of converted stacks.
        templates: Folder of templates.
        folder_output: Folder to write to. Existing shards of the same plan are kept; those of another plan are refused.
        params_input: The grids and the viewing distance, as there.
        n_shards: How many shards; if not given, as many as an earlier call divided the folder into, else four for each thread of
            the cluster, but no more than there are units.
        retries: How many times to retry a task that failed for a reason that may pass, such as a full disk.
        (options)

    Returns:
        What was done.
    """
    settings, progress = _job_options(options)
    work = _Likelihood(
        os.fsdecode(folder_output), os.getcwd(), os.fsdecode(particles), os.fsdecode(templates), _sendable(params_input), settings
    )
    return _run_job(client, work, n_shards, retries, progress)


def _job_options(options: Any) -> tuple[dict[str, Any], Any]:
    """The settings of each task, and where progress goes."""
    settings = dict(options)
    if settings.pop("shard") is not None:
        raise ValueError("a shard is given, but each task makes one: n_shards says how many")
    # A task resumes what is there, whatever is asked.
    if settings.pop("overwrite"):
        raise ValueError("overwrite is given: the shards of one plan share the folder")
    settings.pop("skip_exist")
    progress = settings.pop("progress")
    if settings["threads"] is None:
        settings["threads"] = 1
    return settings, progress


def _run_job(client: Client, work: Work, n_shards: int | None, retries: int, progress: Any) -> ClusterJobSummary:
    start = time.monotonic()
    n_shards = None if n_shards is None else at_least_one(n_shards, "n_shards")
    _, shards, told = run_shards(client, work, n_shards, count(retries, "retries"), progress)
    kept = "n_structures_kept" if isinstance(work, _Templates) else "n_units_kept"
    units = "n_structures" if isinstance(work, _Templates) else "n_units"
    return ClusterJobSummary(
        output=Path(work.output),
        n_units=sum(getattr(shard, units) for shard in shards),
        n_units_kept=sum(getattr(shard, kept) for shard in shards),
        warnings=told,
        seconds=time.monotonic() - start,
        shards=shards,
    )


def _sendable(params_input: object) -> object:
    """Workers don't need CryoLike."""
    if params_input is None or isinstance(params_input, (str, bytes, os.PathLike, ImageDescriptor)):
        return params_input
    return ImageDescriptor._of(native_descriptor(params_input))
