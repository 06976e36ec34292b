"""Shards and sizes as users write them."""

from __future__ import annotations

import re
from typing import Any

from ._descriptor import at_least_one, count


def shard_of(shard: Any) -> tuple[int, int]:
    """The k-th of n: a pair, or a text with a slash."""
    parts = shard.split("/") if isinstance(shard, str) else shard
    try:
        number, of = (int(part) if isinstance(part, str) else count(part, "shard") for part in parts)
    except (TypeError, ValueError):
        raise ValueError(f"shard is {shard!r}, expected K/N, such as 3/8") from None
    return number, of


def n_bytes(size: int | str) -> int:
    """A size in bytes, or one with an ending of K, M, G, T (powers of 1024), as on the command line."""
    if not isinstance(size, str):
        return at_least_one(size, "memory")
    found = re.fullmatch(r"([0-9.]+)\s*(?:([KMGT])(?:I?B)?|B)?", size.strip().upper())
    try:
        found_bytes = int(float(found[1]) * 1024 ** ("KMGT".find(found[2] or " ") + 1)) if found else 0
    except ValueError:
        found_bytes = 0
    if found_bytes < 1:
        raise ValueError(f"memory is `{size}`, expected a size such as 512M or 2G")
    return found_bytes
