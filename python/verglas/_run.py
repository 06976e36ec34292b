"""How every job is run: first its findings are reported, then the work runs, watched."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from ._progress import Progress, listener
from ._report import VerglasWarning, logger, warn_all

if TYPE_CHECKING:
    from collections.abc import Callable


class Prepared(Protocol):
    """What was checked."""

    def exception(self) -> Exception | None: ...
    @property
    def warnings(self) -> list[tuple[str, str]]: ...


class PreparedJob(Prepared, Protocol):
    """What was checked and writes a folder."""

    @property
    def notes(self) -> list[str]: ...
    def run(self, output: str, progress: Callable[[int, int], Any] | None = None) -> str: ...


def tell_found(prepared: Prepared) -> None:
    """Passes on the warnings, then raises the errors; a warning turned into an error doesn't hide others."""
    error = prepared.exception()
    try:
        warn_all(prepared.warnings)
    except VerglasWarning:
        if error is None:
            raise
    if error is not None:
        raise error


def tell_checked(job: PreparedJob) -> None:
    """The same, and notes go to the log."""
    for note in job.notes:
        logger.info(note)
    tell_found(job)


def run(job: PreparedJob, output: str, progress: Progress, total: int, unit: str = "images") -> str:
    """Runs a job whose findings were reported, and passes on new warnings; returns its summary as JSON."""
    n_reported = len(job.warnings)
    try:
        with listener(progress, total, unit) as tell:
            summary = job.run(output, tell)
    except BaseException:
        # New warnings are passed on in any case; one turned into an error doesn't hide the original one.
        with contextlib.suppress(VerglasWarning):
            warn_all(job.warnings[n_reported:])
        raise
    warn_all(job.warnings[n_reported:])
    return summary
