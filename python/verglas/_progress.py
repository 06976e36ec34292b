"""Progress, as a bar or to a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Union

from ._report import warn_all

#: ``True`` for a tqdm bar, a function that is called with what is done and the total, or neither.
Progress = Union[bool, Callable[[int, int], Any], None]


@contextmanager
def listener(progress: Progress, total: int, unit: str = "images") -> Iterator[Callable[[int, int], Any] | None]:
    """The function to call with the work done and the total; a bar is closed in any case."""
    if progress is None or progress is False:
        yield None
        return
    if progress is not True:
        if not callable(progress):
            raise TypeError(f"progress is {progress!r}, expected True, or a function of what is done and the total")
        yield progress
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        warn_all([("no-progress-bar", "progress=True shows nothing: tqdm is not installed (`pip install tqdm`)")])
        yield None
        return
    with tqdm(total=total, unit=f" {unit}", unit_scale=unit == "comparisons") as bar:
        yield lambda done, _: bar.update(done - bar.n)
