"""The shards of a job on a Dask cluster: checked once, made by one task each, and made again where a worker is lost."""

from __future__ import annotations

import os
import time
import uuid
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from distributed import Client, as_completed, get_worker

from ._progress import Progress, listener
from ._report import VerglasWarning, warn_all

#: A shard whose lock another task holds is tried again after so many seconds,
LOCK_PAUSE_S = 2.0
#: for so long. A worker that was given up for lost may still be at work.
LOCK_PATIENCE_S = 600.0
#: Shards per thread of the cluster, by default: fast workers make more of them than slow ones.
SHARDS_PER_THREAD = 4
#: What is wrong with the input is wrong on every worker: no task is tried again because of it.
LASTING = (ValueError, TypeError, FileNotFoundError)

R = TypeVar("R")


@dataclass(frozen=True)
class Checked:
    """The result of checking: how much there is to do, in how many units, and the warnings."""

    total: int
    n_units: int
    warnings: list[tuple[str, str]]


@dataclass(frozen=True)
class _Failed:
    """Errors that a retry would not fix."""

    error: Exception


def _outcome(outcome: Any) -> Any:
    if isinstance(outcome, _Failed):
        raise outcome.error
    return outcome


@dataclass(frozen=True)
class Work:
    """A job, as it is sent to the workers.

    Attributes:
        output: The output folder.
        working_dir: The client's working directory.
        noun: What progress counts.
    """

    output: str
    working_dir: str

    noun = "images"

    def look(self) -> Checked:
        """Checks all of the input."""
        raise NotImplementedError

    def make_shard(self, shard: tuple[int, int]) -> Any:
        """Makes a shard, or what is missing of it; gives its summary."""
        raise NotImplementedError

    def n_done(self, summary: Any) -> int:
        """How much of the total a shard's summary is."""
        raise NotImplementedError

    def check(self) -> tuple[Checked, int | None] | _Failed:
        """Checks all of the input, once; and into how many shards an earlier run has divided the folder."""
        return self._lasting(lambda: (self.look(), _n_shards_there(Path(self.output))))

    def make(self, number: int, of: int) -> Any:
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

    def _make(self, number: int, of: int) -> Any:
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                with warnings.catch_warnings():
                    # The client tells them, from the summary.
                    warnings.simplefilter("ignore", VerglasWarning)
                    return self.make_shard((number, of))
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOCK_PAUSE_S)


def run_shards(
    client: Client, work: Work, n_shards: int | None, retries: int, progress: Progress
) -> tuple[Checked, tuple[Any, ...], tuple[VerglasWarning, ...]]:
    """Checks and makes all shards; returns what was checked, what each task did, and all warnings, each once."""
    token = uuid.uuid4().hex[:8]
    futures: list[Any] = [client.submit(work.check, key=f"verglas-check-{token}", pure=False)]
    try:
        checked, n_shards_there = _outcome(futures[0].result())
        warn_all(checked.warnings)
        if n_shards is None:
            n_threads = sum(client.nthreads().values())
            n_shards = n_shards_there or max(1, min(checked.n_units, SHARDS_PER_THREAD * n_threads))
        numbers = range(1, n_shards + 1)
        keys = [f"verglas-shard-{token}-{number}" for number in numbers]
        futures = client.map(work.make, numbers, [n_shards] * n_shards, key=keys, pure=False, retries=retries)
        summaries = {}
        with listener(progress, checked.total, work.noun) as tell:
            for future, outcome in as_completed(futures, with_results=True):
                summaries[future.key] = _outcome(outcome)
                if tell is not None:
                    tell(sum(work.n_done(shard) for shard in summaries.values()), checked.total)
    except BaseException:
        # Tasks that have begun end by themselves; the others never begin.
        client.cancel(futures)
        raise
    shards = tuple(summaries[key] for key in keys)
    told = {(code, message) for code, message in checked.warnings}
    further = {(warning.code, str(warning)): warning for shard in shards for warning in shard.warnings}
    warn_all(key for key in further if key not in told)
    return checked, shards, tuple(further.values())


def _n_shards_there(folder: Path) -> int | None:
    """Into how many shards an earlier run has divided the folder."""
    for path in folder.glob("manifest-*-of-*.json"):
        of = path.stem.rpartition("-")[2]
        if of.isdigit():
            return int(of)
    return None
