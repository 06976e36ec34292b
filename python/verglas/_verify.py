"""Checks that an output folder is complete and unaltered."""

from __future__ import annotations

import json
import os

from . import _native
from ._descriptor import PathLike, at_least_one
from ._polar import n_cores
from ._progress import Progress, listener
from ._report import Findings, VerglasWarning


def verify(folder: PathLike, *, threads: int | None = None, progress: Progress = None) -> Findings:
    """Checks that an output folder is complete and unaltered, as ``verglas verify`` does; nothing is written.

    Every file is read from end to end and compared with the manifest and with the other files.

    Args:
        folder: The output folder of a conversion, of :func:`templates` or of :func:`likelihood`.
        threads: Threads that read; all cores if not given.
        progress: ``True`` for a tqdm bar, or a function that is called with what is done and the total: images, templates,
            or comparisons of likelihoods.

    Returns:
        What is wrong (``errors``), and what is not (``warnings``); ``n_images`` and ``n_stacks``
        count what is sound: images and stacks; of templates, these and structures; of likelihoods, ``n_stacks`` alone, units.

    Raises:
        FileNotFoundError, OSError: the folder can't be read, or holds no manifest.
    """
    path = os.fsdecode(folder)
    n_threads = n_cores() if threads is None else at_least_one(threads, "threads")
    total, unit = _native.count_work(path)
    with listener(progress, total, unit) as tell:
        found = json.loads(_native.verify(path, n_threads, total, tell))
    return Findings(
        errors=tuple(_with_hint(problem["message"], problem["hint"]) for problem in found["problems"]),
        warnings=tuple(VerglasWarning(warning["message"], warning["code"]) for warning in found["warnings"]),
        n_images=found["n_images"],
        n_stacks=found["n_units_sound"],
    )


def _with_hint(message: str, hint: str | None) -> str:
    return message if hint is None else f"{message}\nhint: {hint}"
