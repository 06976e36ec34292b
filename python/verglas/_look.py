"""What is in a file, how far a job is, a page about an output folder."""

from __future__ import annotations

import html
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from . import _native
from ._descriptor import PathLike, at_least_one

State = Literal["complete", "running", "silent", "stopped", "failed"]


class _AsText:
    """What the command prints is what ``print`` and notebooks show."""

    _text: str

    def __str__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self._text)}</pre>"


@dataclass(frozen=True)
class Inspection(_AsText):
    """What is in a file; ``print`` shows what ``verglas inspect`` does.

    Attributes:
        path: The file.
        kind: ``star``, ``cs``, ``mrc``, ``descriptor``, ``stack-metadata``, ``structure``, ``trajectory``, ``template-metadata``,
            ``tensor``, ``array`` or ``archive``.
        values: Everything that was found, as ``verglas inspect --json`` has it.
        warnings: Oddities of a file that can be read.
        problems: Faults of a file whose contents can be described: missing sections, wrong checksums.
    """

    path: Path
    kind: str
    values: dict[str, Any] = field(repr=False)
    warnings: tuple[str, ...]
    problems: tuple[str, ...]
    _text: str = field(repr=False)


def inspect(path: PathLike) -> Inspection:
    """Describes what is in a file, recognised by its contents, as ``verglas inspect`` does: STAR, ``.cs``, MRC, ``.npz``, ``.pt``,
    ``.npy``, structures and trajectories.

    Args:
        path: The file.

    Raises:
        FileNotFoundError, OSError: the file can't be read.
        FormatError: it is of an unknown kind, or so damaged that there is nothing to describe.
    """
    file = os.fsdecode(path)
    json_text, text = _native.inspect(file)
    values = json.loads(json_text)
    problems = tuple(values["problems"])
    if problems:
        text += "".join(f"\n  wrong: {problem}" for problem in problems)
    if values["warnings"]:
        text += "".join(f"\n  odd: {warning}" for warning in values["warnings"])
    return Inspection(Path(file), values["kind"], values, tuple(values["warnings"]), problems, text)


@dataclass(frozen=True)
class RunStatus:
    """How far one run of a job is: that of a shard, or of everything.

    Attributes:
        shard: The shard, from 1; ``None`` for a run of everything.
        state: ``complete``; ``running``; ``silent``: its record is older than two minutes, so most likely it was killed;
            ``stopped`` by a signal; ``failed`` with an error.
        n_images: Images (templates, comparisons) that it was asked for.
        n_images_done: Of these, those that are done.
        n_stacks: Stacks (structures, units) that it was asked for.
        n_stacks_done: Of these, those that are whole.
        images_per_second: Its rate.
        seconds_since_word: Seconds since it last wrote its record.
        host: The computer that it runs on.
        process: The process.
    """

    shard: int | None
    state: State
    n_images: int
    n_images_done: int
    n_stacks: int
    n_stacks_done: int
    images_per_second: float
    seconds_since_word: float
    host: str
    process: int


@dataclass(frozen=True)
class Status(_AsText):
    """How far a job is, over all its shards; ``print`` shows what ``verglas status`` does.

    Attributes:
        n_images: Images (templates, comparisons) of the job.
        n_images_done: Of these, those that are done.
        n_stacks: Stacks (structures, units) of the job.
        n_stacks_done: Of these, those that are whole.
        is_complete: Whether all are.
        images_per_second: The rate of all running runs together.
        seconds_left: Time left at this rate; ``None`` if nothing is running.
        n_shards: Into how many shards the job is divided; ``None`` if it is not.
        shards_not_begun: Shards that have not begun, from 1.
        unfinished_shards: Shards that are not complete, begun or not, from 1.
        runs: The runs that have begun.
    """

    n_images: int
    n_images_done: int
    n_stacks: int
    n_stacks_done: int
    is_complete: bool
    images_per_second: float
    seconds_left: float | None
    n_shards: int | None
    shards_not_begun: tuple[int, ...]
    unfinished_shards: tuple[int, ...]
    runs: tuple[RunStatus, ...] = field(repr=False)
    _text: str = field(repr=False)


def status(folder: PathLike) -> Status:
    """How far the job is that writes an output folder, seen from outside, as ``verglas status`` does.

    Args:
        folder: The output folder of a conversion, of :func:`templates` or of :func:`likelihood`, finished or not.

    Raises:
        FileNotFoundError, OSError: no run has begun there, or its record can't be read.
        FormatError: the record is damaged.
    """
    json_text, text, unfinished = _native.status(os.fsdecode(folder))
    values = json.loads(json_text)
    values["shards_not_begun"] = tuple(values["shards_not_begun"])
    values["runs"] = tuple(RunStatus(**run) for run in values["runs"])
    return Status(**values, unfinished_shards=tuple(unfinished), _text=text)


@dataclass(frozen=True)
class Page(_AsText):
    """A page about an output folder; ``print`` shows what ``verglas report`` does.

    Attributes:
        path: The page.
        values: What it is about, in numbers, as ``verglas report`` has it in JSON.
    """

    path: Path
    values: dict[str, Any] = field(repr=False)
    _text: str = field(repr=False)


def report(folder: PathLike, output: PathLike | None = None, *, examples: int = 12, look_at: int = 50_000) -> Page:
    """Writes one HTML page about an output folder, as ``verglas report`` does.

    Args:
        folder: The output folder of a conversion, of :func:`templates` or :func:`likelihood`, or of the command ``verglas weights``.
        output: The page to write; ``report.html`` in the folder if not given. One that exists is replaced.
        examples: How many example particles to show, or structures with their templates.
        look_at: Pixels are read of at most this many images, evenly spread; the metadata of all are read.

    Raises:
        FileNotFoundError, OSError: the folder can't be read, or the page can't be written.
        FormatError: a file in it is damaged.
    """
    n_examples, most = at_least_one(examples, "examples"), at_least_one(look_at, "look_at")
    json_text, text = _native.report(os.fsdecode(folder), None if output is None else os.fsdecode(output), n_examples, most)
    values = json.loads(json_text)
    return Page(Path(values["path"]), values, text)
