"""Weights of structures, from the log-likelihoods of images."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import _native
from ._descriptor import PathLike, at_least_one, count, number
from ._html import Row, Shown
from ._progress import Progress, listener
from ._report import VerglasWarning, warn_all

#: The columns of ``Weights.intervals``.
QUANTILES = ("lo95", "lo68", "median", "hi68", "hi95")

#: Structures that are shown one by one; the heaviest.
MOST_SHOWN = 12


@dataclass(frozen=True)
class Weights(Shown):
    """Weights of structures.

    Attributes:
        names: The structures, in the order of all arrays here; ``noise`` comes last, if it takes part.
        structures: Their places in the list of templates or in the matrix; ``None`` for ``noise``.
        weights: (structures,), each one's share of the images; they sum to 1.
        intervals: (structures, 5), quantiles of the weights over the resamples: 2.5, 16, 50, 84 and 97.5 %; ``None`` if images
            were not resampled.
        resamples: (resamples, structures), the weights of each resample.
        images_best: (structures,), how many images each fits best.
        responsibility: (structures,), how many images each explains.
        effective_number: exp(−Σ w ln w): how many structures of equal weight would be equally mixed.
        effective_number_interval: (5,), its quantiles over the resamples, or ``None``.
        not_told_apart: Pairs of structures, by their places in ``names``, whose weights go against each other over the resamples, with
            the correlation (below −0.5). Their sum is better known than each of them.
        n_images: Images used.
        n_one_hot: Images that belong to one structure alone (99.9 % or more).
        mean_log_likelihood: f, the mean over images of ln Σ_k w_k L_ik.
        gap: Upper bound on how far f is below its maximum.
        iterations: Passes over the images.
        warnings: All warnings.
    """

    names: tuple[str, ...]
    structures: tuple[int | None, ...]
    weights: npt.NDArray[np.float64]
    intervals: npt.NDArray[np.float64] | None
    resamples: npt.NDArray[np.float64] = field(repr=False)
    images_best: npt.NDArray[np.int64] = field(repr=False)
    responsibility: npt.NDArray[np.float64] = field(repr=False)
    effective_number: float
    effective_number_interval: npt.NDArray[np.float64] | None = field(repr=False)
    not_told_apart: tuple[tuple[int, int, float], ...]
    n_images: int
    n_one_hot: int
    mean_log_likelihood: float
    gap: float
    iterations: int
    warnings: tuple[VerglasWarning, ...] = field(repr=False)

    def _caption(self) -> str:
        return f"Weights of {len(self.names)} structures by {self.n_images} images"

    def _rows(self) -> list[Row]:
        rows: list[Row] = []
        for place in np.argsort(-self.weights, kind="stable")[:MOST_SHOWN]:
            between = "" if self.intervals is None else f"  (95 %: {self.intervals[place, 0]:.3f} to {self.intervals[place, 4]:.3f})"
            rows.append((self.names[place], f"{self.weights[place]:.4f}{between}"))
        if len(self.names) > MOST_SHOWN:
            rest = 1.0 - sum(sorted(self.weights.tolist())[-MOST_SHOWN:])
            rows.append((f"{len(self.names) - MOST_SHOWN} others", f"{max(rest, 0.0):.4f} together"))
        rows.append(("effective number", f"{self.effective_number:.2f}"))
        pairs = (f"{self.names[a]} and {self.names[b]}" for a, b, _ in self.not_told_apart[:MOST_SHOWN])
        rows += [("not told apart", pair) for pair in pairs]
        rows += [("warning", warning) for warning in self.warnings]
        return rows


def weights(
    matrix: PathLike | npt.ArrayLike,
    *,
    matrix_axes: Literal["images-structures", "structures-images"] | None = None,
    exclude: Sequence[int] | None = None,
    images: PathLike | npt.ArrayLike | None = None,
    noise_column: bool = False,
    temperature: float = 1.0,
    tolerance: float = 1e-6,
    bootstrap: int = 200,
    seed: int = 0,
    names: Sequence[str] | None = None,
    noise: npt.ArrayLike | None = None,
    threads: int | None = None,
    progress: Progress = None,
) -> Weights:
    """Weighs structures: how much of the data shows each of them; as ``verglas weights`` does, but without writing files.

    The weights w maximise f(w) = mean_i ln Σ_k w_k L_ik, L_ik the likelihood of image i under structure k. ``gap`` proves it: no other weights
    have an f that is larger by more than this.

    Args:
        matrix: Log-likelihoods (natural logarithms): an array or tensor of two axes; or a path: of the output folder of ``verglas
            likelihood`` or CryoLike, or of a matrix (``.pt``, ``.npy``).
        matrix_axes: Order of a matrix's axes; by default, the clearly longer axis is that of the images.
        exclude: Structures to leave out, by their places.
        images: Images to use: a mask over all, places of some, or a ``.npy`` with either; by default all.
        noise_column: For a folder: whether images may show no structure, by the table's column ``log_likelihood_noise``.
        temperature: Divides the log-likelihoods.
        tolerance: The largest gap, 1e-12 to 0.1.
        bootstrap: How many times images are resampled, for intervals; 0 for none.
        seed: Seed of the resamples, which do not depend on the number of threads.
        names: For a matrix in memory: the names of its structures.
        noise: For a matrix in memory: (images,), the log-likelihood of each image if it shows no structure; takes part as one more
            structure.
        threads: Threads; by default as many as processors are allotted to the process.
        progress: ``True`` for a tqdm bar, or a function that is called with the resamples done and their total.

    Raises:
        FileNotFoundError, OSError: the path can't be read.
        FormatError: a file is damaged or altered, or a log-likelihood is not a finite number.
        ValueError: a setting is wrong, or shapes don't fit.
        KeyboardInterrupt: Ctrl-C.
    """
    is_path = isinstance(matrix, (str, bytes, os.PathLike))
    source: Any = os.fsdecode(matrix) if isinstance(matrix, (str, bytes, os.PathLike)) else _matrix(matrix)
    for name, value in [("names", names), ("noise", noise)]:
        if is_path and value is not None:
            raise ValueError(f"{name} is given, but is only for matrices in memory: a folder or file states it itself")
    if noise_column and not is_path:
        raise ValueError("noise_column is for folders: for a matrix, use `noise`")
    settings = {
        "matrix_axes": matrix_axes,
        "exclude": None if exclude is None else [count(place, "exclude") for place in exclude],
        "images": _images(images),
        "noise_column": bool(noise_column) or noise is not None,
        "temperature": number(temperature, "temperature"),
        "tolerance": number(tolerance, "tolerance"),
        "bootstrap": count(bootstrap, "bootstrap"),
        "seed": count(seed, "seed"),
        "names": None if names is None else [str(name) for name in names],
        "noise": None if noise is None else _vector(noise, "noise").tolist(),
        "threads": None if threads is None else at_least_one(threads, "threads"),
    }
    with listener(progress, count(bootstrap, "bootstrap")) as tell:
        text, resamples = _native.weights(source, settings, tell)
    return _result(json.loads(text), resamples)


def _result(values: dict[str, Any], resamples: npt.NDArray[np.float64]) -> Weights:
    rows = values["structures"]
    told = tuple(VerglasWarning(warning["message"], warning["code"]) for warning in values["warnings"])
    warn_all([(warning["code"], warning["message"]) for warning in values["warnings"]])
    effective = values["effective_number_interval"]
    has_intervals = values["settings"]["bootstrap"] > 0
    return Weights(
        names=tuple(row["name"] for row in rows),
        structures=tuple(row["structure"] for row in rows),
        weights=np.array([row["weight"] for row in rows]),
        intervals=np.array([[row[name] for name in QUANTILES] for row in rows]) if has_intervals else None,
        resamples=resamples,
        images_best=np.array([row["images_best"] for row in rows], np.int64),
        responsibility=np.array([row["responsibility"] for row in rows]),
        effective_number=values["effective_number"],
        effective_number_interval=None if effective is None else np.array([effective[name] for name in QUANTILES]),
        not_told_apart=tuple((*pair["structures"], pair["correlation"]) for pair in values["not_told_apart"]),
        n_images=values["n_images"],
        n_one_hot=values["n_one_hot"],
        mean_log_likelihood=values["mean_log_likelihood"],
        gap=values["gap"],
        iterations=values["iterations"],
        warnings=told,
    )


def _matrix(value: Any) -> npt.NDArray[np.float64]:
    array = np.asarray(value)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise ValueError(f"the matrix is of type {array.dtype} and shape {array.shape}, expected real numbers on two axes")
    return np.asarray(array, np.float64)


def _vector(value: Any, name: str) -> npt.NDArray[np.float64]:
    array = np.asarray(value)
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        raise ValueError(f"{name} is of type {array.dtype} and shape {array.shape}, expected real numbers on one axis")
    return np.asarray(array, np.float64)


def _images(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, (str, bytes, os.PathLike)):
        return os.fsdecode(value)
    array = np.asarray(value)
    if array.ndim != 1 or array.dtype.kind not in "biu":
        raise ValueError(f"images is of type {array.dtype} and shape {array.shape}, expected truth values or places on one axis")
    return array.tolist()
