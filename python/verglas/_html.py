"""How objects are shown: in lines where they are printed, as tables in notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

#: A name and a value.
Row = tuple[str, Any]


def table(caption: str, rows: Iterable[Row]) -> str:
    """A table of names and values."""
    cells = "".join(
        f'<tr><td style="text-align:left">{html.escape(name)}</td><td style="text-align:left">{html.escape(str(value))}</td></tr>'
        for name, value in rows
    )
    return f"<table><caption>{html.escape(caption)}</caption>{cells}</table>"


class Shown:
    """What is shown as names with values: ``print`` writes a line for each, a notebook shows a table."""

    __slots__ = ()

    def _caption(self) -> str:
        raise NotImplementedError

    def _rows(self) -> list[Row]:
        raise NotImplementedError

    def __str__(self) -> str:
        rows = self._rows()
        width = max((len(name) for name, _ in rows), default=0) + 2
        return "\n".join([self._caption(), *(f"  {name:{width}}{value}" for name, value in rows)])

    def _repr_html_(self) -> str:
        return table(self._caption(), self._rows())


def n_bytes_text(n: int) -> str:
    """A number of bytes for people."""
    size, unit = float(n), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{n} B" if unit == "B" else f"{size:.1f} {unit}"
