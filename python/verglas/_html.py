"""How objects are shown in notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any


def table(caption: str, rows: Iterable[tuple[str, Any]]) -> str:
    """A table of names and values."""
    cells = "".join(
        f'<tr><td style="text-align:left">{html.escape(name)}</td><td style="text-align:left">{html.escape(str(value))}</td></tr>'
        for name, value in rows
    )
    return f"<table><caption>{html.escape(caption)}</caption>{cells}</table>"
