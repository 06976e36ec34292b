"""A job that makes templates of structures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import numpy.typing as npt

from ._descriptor import PathLike, parameters
from ._html import Row, Shown, n_bytes_text
from ._job_options import TemplateJobOptions, job_settings, template_settings, with_template_job_options
from ._native import TemplatePreparation
from ._report import Findings, VerglasWarning, logger, shard_text
from ._run import run, tell_checked

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: A structure: a file, or a density (z, y, x) in memory.
StructureInput = Union[PathLike, npt.ArrayLike]


# In the class, `list` is a field.
Rows = list[Row]


@dataclass(frozen=True)
class TemplateSummary(Shown):
    """What a job that makes templates did.

    Attributes:
        output: The output folder.
        n_structures: Structures whose templates are on disk; with a shard, its own.
        n_structures_kept: Of these, structures from an earlier run.
        n_templates_each: Templates of one structure.
        n_templates: Templates on disk.
        n_templates_computed: Templates that this run computed.
        shard: The part of the structures that was requested, if not all: (k, n), k from 1.
        list: The list, ``template_file_list.npy``, if all structures are done.
        n_pixels: Box side of the images that the templates are for.
        pixel_size_angstrom: Their pixel size.
        n_shells: Shells of the polar grid.
        n_inplanes: Angles per shell.
        precision: ``single`` or ``double``.
        as_cryolike: Whether everything was done as CryoLike does it.
        warnings: All warnings.
        bytes_written: Bytes written.
        seconds: Time from the first byte to the last.
    """

    output: Path
    n_structures: int
    n_structures_kept: int
    n_templates_each: int
    n_templates: int
    n_templates_computed: int
    shard: tuple[int, int] | None
    list: Path | None
    n_pixels: int
    pixel_size_angstrom: float
    n_shells: int
    n_inplanes: int
    precision: str
    as_cryolike: bool
    warnings: tuple[VerglasWarning, ...] = field(repr=False)
    bytes_written: int
    seconds: float

    @classmethod
    def _of(cls, values: dict[str, Any]) -> TemplateSummary:
        values = {
            **values,
            "output": Path(values["output"]),
            "shard": None if values["shard"] is None else (values["shard"]["number"], values["shard"]["of"]),
            "list": None if values["list"] is None else Path(values["list"]),
            "warnings": tuple(VerglasWarning(found["message"], found["code"]) for found in values["warnings"]),
        }
        return cls(**{known.name: values[known.name] for known in fields(cls)})

    def _caption(self) -> str:
        return f"Templates in {self.output}" + shard_text(self.shard)

    def _rows(self) -> Rows:
        rows: Rows = [
            ("structures", self.n_structures),
            ("templates each", self.n_templates_each),
            ("grid", f"{self.n_shells} shells × {self.n_inplanes} angles, {self.precision} precision"),
            ("box", f"{self.n_pixels} px of {self.pixel_size_angstrom} Å"),
            ("written", f"{n_bytes_text(self.bytes_written)} in {self.seconds:.1f} s"),
        ]
        if self.n_structures_kept:
            rows.insert(1, ("kept", f"{self.n_structures_kept} structures of an earlier run"))
        rows += [("warning", warning) for warning in self.warnings]
        return rows


@with_template_job_options
def templates(
    inputs: StructureInput | Iterable[StructureInput],
    folder_output: PathLike,
    params_input: object,
    *,
    plots: bool = True,
    **options: Unpack[TemplateJobOptions],
) -> TemplateSummary:
    """Makes a folder of templates of structures, which CryoLike can read, as ``verglas templates`` does.

    Args:
        inputs: Structures in order: PDB, mmCIF, MRC and NPY files, trajectories; densities (z, y, x) as arrays or CPU
            tensors.
        folder_output: Folder to write to.
        params_input: The grids, and what templates are made with: a descriptor's path, a stack's ``.npz``, a folder of
            converted stacks, our descriptor, or CryoLike's.
        plots: Whether the first templates and mean power are plotted (``plots/``).
        (options)

    Returns:
        What was done.

    Raises:
        FileNotFoundError: a file is missing; the text lists all of them.
        FormatError: a file breaks its format's rules.
        ValueError: a setting is wrong, a structure can't be used, or the output folder is not empty.
        OSError: the system refused to read or write.
        KeyboardInterrupt: Ctrl-C; finished structures stay, and the job can be resumed.
    """
    output = os.fsdecode(folder_output)
    job = TemplatePreparation(structure_inputs(inputs), _settings(params_input, plots, options), output)
    tell_checked(job)
    summary = TemplateSummary._of(json.loads(run(job, output, options["progress"], job.counts[1], "templates")))
    logger.info("%s: %d templates of %d structures", output, summary.n_templates, summary.n_structures)
    return summary


@with_template_job_options
def check_templates(
    inputs: StructureInput | Iterable[StructureInput],
    params_input: object,
    **options: Unpack[TemplateJobOptions],
) -> Findings:
    """Finds everything that would stop :func:`templates`, without writing anything, as ``verglas templates --check`` does.

    Args:
        inputs: Structures, as there.
        params_input: The grids, as there.
        (options)

    Returns:
        Errors, warnings and notes; ``n_images`` counts templates, ``n_stacks`` structures.
    """
    job = TemplatePreparation(structure_inputs(inputs), _settings(params_input, False, options))
    n_structures, n_templates = job.counts
    return Findings(
        errors=tuple(job.errors),
        warnings=tuple(VerglasWarning(message, code) for code, message in job.warnings),
        notes=tuple(job.notes),
        n_images=n_templates,
        n_stacks=n_structures,
    )


def _settings(params_input: object, plots: bool, options: Any) -> dict[str, Any]:
    descriptor = parameters(params_input)
    if descriptor is None:
        raise ValueError("params_input is None, expected a descriptor: templates have no grids of their own")
    return {**template_settings(options), **job_settings(options), "descriptor": descriptor, "plots": bool(plots)}


def structure_inputs(inputs: Any) -> list[Any]:
    """Structures as the native part takes them; a single one will do."""
    if isinstance(inputs, (str, bytes, os.PathLike)) or hasattr(inputs, "__array__"):
        inputs = [inputs]
    return [structure_input(one, f"input {place}") for place, one in enumerate(inputs)]


def structure_input(one: Any, name: str) -> Any:
    """A path, or an array of three axes, float32 or float64."""
    if isinstance(one, (str, bytes, os.PathLike)):
        return os.fsdecode(one)
    array = np.asarray(one)
    if array.ndim != 3:
        raise ValueError(f"{name}: expected a map in three dimensions, found an array of shape {array.shape}")
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: the values are of type {array.dtype}, expected real numbers")
    # float32 holds integers of 16 bits, and half precision, exactly.
    fits_single = array.dtype.itemsize <= (4 if array.dtype.kind == "f" else 2)
    return np.ascontiguousarray(array, np.float32 if fits_single else np.float64)
