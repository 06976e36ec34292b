"""Single values out of whatever holds them: Python's, NumPy's and torch's scalars, arrays of one value, enumerations."""

from __future__ import annotations

import operator
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt


def plain(value: Any) -> Any:
    """The value without the array, tensor, NumPy scalar or enum around it."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, (list, tuple)) or hasattr(value, "__array__"):
        # The array of a tensor, of any device that gives its values away.
        value = np.asarray(value)
        values = np.unique(value) if value.size > 1 else value.reshape(-1)
        if values.size == 0:
            return None
        if values.size > 1:
            raise ValueError(f"{show(value)} are several values, expected one")
        return values[0].item()
    return value


def show(value: Any) -> str:
    """The values as a list, for messages."""
    return str(np.asarray(value).tolist())


def numbers(value: Any, name: str) -> npt.NDArray[np.float64]:
    """One number or more: float64 (n,)."""
    try:
        return np.atleast_1d(np.asarray(value)).astype(np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}, expected numbers") from None


def number(value: Any, name: str) -> float:
    """One number, from any scalar type."""
    try:
        return float(plain(value))
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}, expected a number") from None


def count(value: Any, name: str) -> int:
    """One whole number that counts something, from any scalar type."""
    bare = plain(value)
    try:
        whole = operator.index(bare)
    except TypeError:
        if not isinstance(bare, float) or not bare.is_integer():
            raise ValueError(f"{name} is {bare!r}, expected a whole number") from None
        whole = int(bare)
    if whole < 0:
        raise ValueError(f"{name} is {whole}, expected a positive number")
    return whole


def at_least_one(value: Any, name: str) -> int:
    """One whole number above 0, from any scalar type."""
    whole = count(value, name)
    if whole == 0:
        raise ValueError(f"{name} is 0, expected at least 1")
    return whole


def pair(value: Any, name: str) -> tuple[float, float]:
    """One number for both axes, or one for each."""
    found = numbers(value, name)
    if found.size not in (1, 2):
        raise ValueError(f"{name} is {show(value)}, expected one number or two")
    return float(found[0]), float(found[-1])


def word(value: Any, name: str) -> str:
    """A word in lower case, from text or bytes."""
    bare = plain(value)
    if isinstance(bare, bytes):
        bare = bare.decode()
    if not isinstance(bare, str):
        raise ValueError(f"{name} is {bare!r}, expected a word")
    return bare.lower()
