"""Results of all structures and stacks put together, with CryoLike's name and arguments."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import _native
from ._descriptor import PathLike
from ._native import FormatError
from ._shelf import Shelf
from ._stack import map_tensor


def stitch_log_likelihood_matrices(
    n_templates: int = 0,
    n_image_stacks: int = 0,
    output_directory: PathLike = "output",
    batch_directory: PathLike = "",
    template_directory: PathLike = "",
    opt: bool = False,
    phys: bool = False,
    integrated: bool = False,
    cc: bool = False,
) -> list[Path]:
    """Puts the results of all structures and stacks together, as matrices of (structures, all images).

    They are written to ``<output_directory>/likelihood_matrix``; existing ones are replaced.

    Args:
        n_templates: How many structures; 0: as many as the list of templates has.
        n_image_stacks: How many stacks; 0: as many as ``<output_directory>/particles/fft`` has.
        output_directory: The folder above those of templates, particles and likelihoods.
        batch_directory: The results; ``''``: ``<output_directory>/likelihood``.
        template_directory: The templates; ``''``: ``<output_directory>/templates``.
        opt: Whether log-likelihoods at the best pose are put together.
        phys: Not available, as in CryoLike.
        integrated: Whether log-likelihoods over all poses are.
        cc: Whether correlations are.

    Returns:
        The files that were written.

    Raises:
        ValueError: nothing is requested.
        FileNotFoundError: results are missing; the text lists them. Nothing is written then.
        FormatError: results contradict each other.
        NotImplementedError: likelihoods in physical space are requested.
    """
    if phys:
        raise NotImplementedError("likelihoods in physical space are not computed; those in Fourier space are")
    kinds = {
        "optimal_fourier_log_likelihood": (opt, "log_likelihood/log_likelihood_optimal_fourier_stack_"),
        "integrated_fourier_log_likelihood": (integrated, "log_likelihood/log_likelihood_integrated_fourier_stack_"),
        "cross_correlation": (cc, "cross_correlation/cross_correlation_stack_"),
    }
    wanted = {name: file for name, (is_wanted, file) in kinds.items() if is_wanted}
    if not wanted:
        raise ValueError("nothing is requested, expected one of opt, integrated and cc")
    root = Path(os.fsdecode(output_directory))
    results = Path(os.fsdecode(batch_directory)) if batch_directory else root / "likelihood"
    if n_templates <= 0:
        shelf = Path(os.fsdecode(template_directory)) if template_directory else root / "templates"
        n_templates = len(Shelf(shelf, os.fspath(shelf)).read_list(must_exist=True))
    if n_image_stacks <= 0:
        n_image_stacks = len(list((root / "particles/fft").glob("particles_fourier_stack_*.pt")))
        if n_image_stacks == 0:
            raise FileNotFoundError(f"`{root / 'particles/fft'}` holds no stack\nhint: say how many with `n_image_stacks`")
    files = {
        name: [[results / f"template{k}" / f"{file}{stack:06}.pt" for stack in range(n_image_stacks)] for k in range(n_templates)]
        for name, file in wanted.items()
    }
    missing = [path for rows in files.values() for row in rows for path in row if not path.is_file()]
    if missing:
        shown = "".join(f"\n  {path}" for path in missing[:10])
        more = f"\n  and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise FileNotFoundError(f"{len(missing)} files of results are missing{shown}{more}")
    matrices = {name: _stitched(rows) for name, rows in files.items()}
    folder = root / "likelihood_matrix"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, matrix in matrices.items():
        written.append(folder / f"{name}_matrix.pt")
        _native.write_tensor(written[-1], matrix)
    return written


def _stitched(paths: Sequence[Sequence[Path]]) -> Any:
    tensors = [[map_tensor(path) for path in row] for row in paths]
    lengths = [[tensor.shape for tensor in row] for row in tensors]
    for row, shapes in enumerate(lengths):
        for stack, shape in enumerate(shapes):
            if len(shape) != 1 or shape != lengths[0][stack]:
                raise FormatError(
                    f"`{paths[row][stack]}` has the shape {list(shape)}, `{paths[0][stack]}` has {list(lengths[0][stack])}"
                )
    matrix = np.array([np.concatenate(row) for row in tensors])
    if matrix.dtype not in (np.float32, np.float64):
        raise FormatError(f"`{paths[0][0]}` holds values of type {matrix.dtype}, expected float32 or float64")
    return matrix
