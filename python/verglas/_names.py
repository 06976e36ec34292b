"""Names that are asked for and are not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: RELION's labels begin with it; people leave it out, or the underscore of the file in.
_PREFIX = "rln"

#: How alike a name must be to be named, from 0 to 1, and how many are.
_LEAST, _MOST = 0.7, 3


def unknown(what: str, name: object, known: Iterable[str]) -> KeyError:
    """The error for a name that is not there, with those that are similar, or else with all."""
    names = list(dict.fromkeys(known))
    near = _similar(str(name), names)
    if near:
        end = f"similar: {', '.join(near)}"
    elif names:
        end = f"there are {', '.join(names)}"
    else:
        end = "there is none at all"
    return KeyError(f"no {what} `{name}`; {end}")


def _similar(name: str, names: list[str]) -> list[str]:
    def bare(word: str) -> str:
        return word.lower().lstrip("_").removeprefix(_PREFIX)

    likeness = {known: difflib.SequenceMatcher(None, bare(name), bare(known)).ratio() for known in names}
    best = max(likeness.values(), default=0.0)
    near = sorted((known for known in names if likeness[known] >= _LEAST), key=lambda known: -likeness[known])
    return [known for known in near[:_MOST] if best < 1.0 or likeness[known] == 1.0]
