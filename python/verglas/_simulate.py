"""Data sets with known truth."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from . import _native
from ._descriptor import PathLike, at_least_one, count, number
from ._html import Row, Shown
from ._progress import Progress, listener


@dataclass(frozen=True)
class SimulatedDataSet(Shown):
    """The files of a simulated data set.

    Attributes:
        metadata: The metadata files: one, or one per image file with ``star-pairs``.
        stacks: The image files.
        truth: The truth in full precision (``.npz``): poses, origins, CTF values, where each image is.
    """

    metadata: list[Path]
    stacks: list[Path]
    truth: Path

    def _caption(self) -> str:
        return "A simulated data set"

    def _rows(self) -> list[Row]:
        rows: list[Row] = [("metadata", path) for path in self.metadata]
        return [*rows, ("image files", f"{len(self.stacks)} in {self.truth.parent}"), ("truth", self.truth)]


def simulate(
    output: PathLike,
    particles: int,
    n_pixels: int,
    *,
    layout: Literal["star", "star-pairs", "cs", "cs-job"] = "star",
    stacks: int | None = None,
    snr: float = 0.1,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress = None,
) -> SimulatedDataSet:
    """Makes a data set with known truth, as ``verglas simulate`` does.

    It projects a known density at random poses, applies each particle's CTF, and adds noise.

    Args:
        output: Folder to write to.
        particles: How many particles.
        n_pixels: Box side, pixels; 1.3 Å each.
        layout: Which files to write.
        stacks: Image files; one per 1,000 particles, at least two, if not given.
        snr: Variance of the signal over that of the noise, over the whole box.
        seed: Seed of all random numbers.
        threads: Threads; the output does not depend on them.
        progress: ``True`` for a tqdm bar, or a function that is called with the images done and their total.

    Raises:
        ValueError: a setting is out of its range, or a file already exists.
        OSError: the folder can't be written.
    """
    settings = {
        "particles": count(particles, "particles"),
        "n_pixels": count(n_pixels, "n_pixels"),
        "layout": layout,
        "stacks": None if stacks is None else count(stacks, "stacks"),
        "snr": number(snr, "snr"),
        "seed": count(seed, "seed"),
        "threads": None if threads is None else at_least_one(threads, "threads"),
    }
    with listener(progress, particles) as tell:
        metadata, images, truth = _native.simulate(os.fsdecode(output), settings, tell)
    return SimulatedDataSet([Path(path) for path in metadata], [Path(path) for path in images], Path(truth))
