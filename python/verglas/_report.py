"""Warnings, findings, and the summary of a conversion."""

from __future__ import annotations

import contextlib
import html
import logging
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ._html import Row, Shown, n_bytes_text

#: Decisions and their reasons.
logger = logging.getLogger("verglas")

#: Frames that are not the user's: the package, and what its context managers go through.
_OURS = (str(Path(__file__).parent), contextlib.__file__)


class VerglasWarning(UserWarning):
    """Something that a user must know, although the work continues: a default that was used, a value that was dropped.

    Attributes:
        code: A fixed name for scripts, such as ``default-used``.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message, code)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


def warn_all(found: Iterable[tuple[str, str]]) -> None:
    """Passes warnings (codes with messages) to ``warnings``, at the line that called the package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        level, frame = level + 1, frame.f_back
    for code, message in found:
        warnings.warn(VerglasWarning(message, code), stacklevel=level)


@dataclass(frozen=True)
class Findings:
    """The result of checking an input or an output folder.

    Attributes:
        errors: What is wrong, with hints: one text each.
        warnings: What a user must know although it is not wrong.
        notes: What was decided, and why.
        n_images: Images that would be converted, or, of an output folder, that are in sound stacks.
        n_image_files: Image files that they come from.
        n_stacks: Stacks that they make.
    """

    errors: tuple[str, ...]
    warnings: tuple[VerglasWarning, ...]
    notes: tuple[str, ...] = field(default=(), repr=False)
    n_images: int = 0
    n_image_files: int = 0
    n_stacks: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.errors

    def __str__(self) -> str:
        lines = [f"error: {error}" for error in self.errors]
        lines += [f"warning: {warning}" for warning in self.warnings]
        if self.ok:
            lines.append(f"nothing wrong: {self.n_images} images, {self.n_stacks} stacks")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


@dataclass(frozen=True)
class Summary(Shown):
    """What a conversion did.

    Attributes:
        output: The output folder.
        n_images: Images on disk; with a shard, in its stacks.
        n_stacks: Stacks on disk; with a shard, its own.
        n_stacks_kept: Of these, stacks from an earlier run.
        n_images_skipped: Images that were left out because they can't be read or normalised.
        n_images_computed: Images that this run computed.
        shard: The part of the stacks that was requested, if not all: (k, n), k from 1.
        n_rows: Rows of the metadata that were requested.
        n_image_files: Image files that they name.
        n_input_pixels: Box side of the input images.
        n_pixels: Box side after downsampling.
        downsample: The factor that the images were downsampled by; 1 where they were not.
        downsample_method: How, if they were.
        n_shells: Shells of the polar grid.
        n_inplanes: Angles per shell.
        precision: ``single`` or ``double``.
        pixel_size_angstrom: Pixel size of the input images, along axis 0 (y) and axis 1 (x).
        pixel_size_source: Where it came from.
        descriptor_pixel_size_angstrom: The same after downsampling.
        new_descriptor: The descriptor that was made from the data, if one was.
        warnings: All warnings.
        bytes_written: Bytes written.
        seconds: Time from the first byte to the last.
    """

    output: Path
    n_images: int
    n_stacks: int
    n_stacks_kept: int
    n_images_skipped: int
    n_images_computed: int
    shard: tuple[int, int] | None
    n_rows: int
    n_image_files: int
    n_input_pixels: int
    n_pixels: int
    downsample: int
    downsample_method: str | None
    n_shells: int
    n_inplanes: int
    precision: str
    pixel_size_angstrom: tuple[float, float]
    pixel_size_source: str
    descriptor_pixel_size_angstrom: tuple[float, float]
    new_descriptor: Path | None
    warnings: tuple[VerglasWarning, ...] = field(repr=False)
    bytes_written: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        """Images that this run computed per second."""
        return self.n_images_computed / max(self.seconds, 1e-9)

    @classmethod
    def _of(cls, values: dict[str, Any]) -> Summary:
        new_descriptor, shard = values["new_descriptor"], values["shard"]
        values = {
            **values,
            "shard": None if shard is None else (shard["number"], shard["of"]),
            "output": Path(values["output"]),
            "new_descriptor": None if new_descriptor is None else Path(new_descriptor),
            "pixel_size_angstrom": tuple(values["pixel_size_angstrom"]),
            "descriptor_pixel_size_angstrom": tuple(values["descriptor_pixel_size_angstrom"]),
            "warnings": tuple(VerglasWarning(found["message"], found["code"]) for found in values["warnings"]),
        }
        return cls(**{known.name: values[known.name] for known in fields(cls)})

    def _caption(self) -> str:
        return f"Stacks in {self.output}" + shard_text(self.shard)

    def _rows(self) -> list[Row]:
        y, x = self.pixel_size_angstrom
        size = f"{y}" if y == x else f"{y} × {x}"
        rows: list[Row] = [("images", f"{self.n_images} in {self.n_stacks} stacks, from {self.n_image_files} image files")]
        if self.n_images_skipped:
            rows.append(("left out", f"{self.n_images_skipped} images that can't be read or normalised"))
        if self.n_stacks_kept:
            rows.append(("kept", f"{self.n_stacks_kept} stacks of an earlier run"))
        rows.append(("box", f"{self.n_input_pixels} px of {size} Å ({self.pixel_size_source})"))
        if self.n_pixels != self.n_input_pixels:
            method = f" ({self.downsample_method})" if self.downsample_method else ""
            rows.append(("downsampled to", f"{self.n_pixels} px{method}"))
        rows.append(("grid", f"{self.n_shells} shells × {self.n_inplanes} angles, {self.precision} precision"))
        if self.new_descriptor is not None:
            rows.append(("new descriptor", self.new_descriptor))
        rows.append(("written", f"{n_bytes_text(self.bytes_written)} in {self.seconds:.1f} s"))
        rows += [("warning", warning) for warning in self.warnings]
        return rows


def shard_text(shard: tuple[int, int] | None) -> str:
    """Which part of a job it is, for a caption."""
    return "" if shard is None else f", shard {shard[0]} of {shard[1]}"
