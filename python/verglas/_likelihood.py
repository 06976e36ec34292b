"""A job that computes likelihoods of images under structures."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._descriptor import PathLike, parameters
from ._html import Row, Shown, n_bytes_text
from ._job_options import LikelihoodJobOptions, job_settings, likelihood_settings, with_likelihood_job_options
from ._native import LikelihoodPreparation
from ._report import Findings, VerglasWarning, logger, shard_text
from ._run import run, tell_checked

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class LikelihoodSummary(Shown):
    """What a job that computes likelihoods did.

    Attributes:
        output: The output folder.
        structures: Names of the structures that were compared.
        n_stacks: Stacks of images.
        n_images: Images of all stacks.
        n_templates: Templates of all structures.
        n_displacements: Displacements that were tried.
        n_units: Units (a structure against a stack) on disk; with a shard, its own.
        n_units_kept: Of these, units from an earlier run.
        n_comparisons: Images × templates × displacements that this run computed.
        shard: The part of the units that was requested, if not all: (k, n), k from 1.
        n_best: How many images each structure fits best; ``None`` until all units are done.
        tables: Tables that were written.
        precision: ``single`` or ``double``.
        integrated: Whether likelihoods were integrated.
        as_cryolike: Whether everything was done as CryoLike does it.
        warnings: All warnings.
        bytes_written: Bytes written.
        seconds: Time from the first byte to the last.
    """

    output: Path
    structures: tuple[str, ...]
    n_stacks: int
    n_images: int
    n_templates: int
    n_displacements: int
    n_units: int
    n_units_kept: int
    n_comparisons: int
    shard: tuple[int, int] | None
    n_best: tuple[int, ...] | None
    tables: tuple[Path, ...]
    precision: str
    integrated: bool
    as_cryolike: bool
    warnings: tuple[VerglasWarning, ...] = field(repr=False)
    bytes_written: int
    seconds: float

    @property
    def comparisons_per_second(self) -> float:
        """Images × templates × displacements that this run computed per second."""
        return self.n_comparisons / max(self.seconds, 1e-9)

    @classmethod
    def _of(cls, values: dict[str, Any]) -> LikelihoodSummary:
        values = {
            **values,
            "output": Path(values["output"]),
            "structures": tuple(values["structures"]),
            "shard": None if values["shard"] is None else (values["shard"]["number"], values["shard"]["of"]),
            "n_best": None if values["n_best"] is None else tuple(values["n_best"]),
            "tables": tuple(Path(path) for path in values["tables"]),
            "warnings": tuple(VerglasWarning(found["message"], found["code"]) for found in values["warnings"]),
        }
        return cls(**{known.name: values[known.name] for known in fields(cls)})

    def _caption(self) -> str:
        return f"Likelihoods in {self.output}" + shard_text(self.shard)

    def _rows(self) -> list[Row]:
        rows: list[Row] = [
            ("images", f"{self.n_images} in {self.n_stacks} stacks"),
            ("structures", len(self.structures)),
            ("templates", self.n_templates),
            ("displacements", self.n_displacements),
            ("units", f"{self.n_units}, {self.n_units_kept} of them from an earlier run" if self.n_units_kept else self.n_units),
            ("comparisons/s", f"{self.comparisons_per_second:.0f}"),
            ("written", f"{n_bytes_text(self.bytes_written)} in {self.seconds:.1f} s"),
        ]
        if self.n_best is not None:
            rows += [(f"fit {name} best", n) for name, n in zip(self.structures, self.n_best)]
        rows += [("table", path) for path in self.tables]
        rows += [("warning", warning) for warning in self.warnings]
        return rows


@with_likelihood_job_options
def likelihood(
    particles: PathLike,
    templates: PathLike,
    folder_output: PathLike,
    params_input: object = None,
    **options: Unpack[LikelihoodJobOptions],
) -> LikelihoodSummary:
    """Compares images with structures and writes a folder of best poses and log-likelihoods, as ``verglas likelihood`` does.

    :func:`read_results` reads what it writes.

    Args:
        particles: Folder of converted stacks, with ``fft/`` in it; may be CryoLike's.
        templates: Folder of templates, with ``template_file_list.npy`` in it; may be CryoLike's.
        folder_output: Folder to write to.
        params_input: The grids and the viewing distance: a descriptor's path, our descriptor, or CryoLike's; ``None``: what
            the templates were made with.
        (options)

    Returns:
        What was done.

    Raises:
        FileNotFoundError: a folder, stack or template is missing.
        FormatError: a file breaks its format's rules, or contradicts another.
        ValueError: a setting is wrong, grids differ, or the output folder is not empty.
        OSError: the system refused to read or write.
        KeyboardInterrupt: Ctrl-C; finished units stay, and the job can be resumed.
    """
    output = os.fsdecode(folder_output)
    job = LikelihoodPreparation(
        os.fsdecode(particles), os.fsdecode(templates), likelihood_job_settings(params_input, options), output
    )
    tell_checked(job)
    summary = LikelihoodSummary._of(json.loads(run(job, output, options["progress"], job.counts[4], "comparisons")))
    logger.info("%s: %d of %d units computed", output, summary.n_units - summary.n_units_kept, summary.n_units)
    return summary


@with_likelihood_job_options
def check_likelihood(
    particles: PathLike,
    templates: PathLike,
    params_input: object = None,
    **options: Unpack[LikelihoodJobOptions],
) -> Findings:
    """Finds everything that would stop :func:`likelihood`, without writing anything, as ``verglas likelihood --check`` does.

    Args:
        particles: Folder of converted stacks, as there.
        templates: Folder of templates, as there.
        params_input: The grids and the viewing distance, as there.
        (options)

    Returns:
        Errors, warnings and notes; ``n_images`` and ``n_stacks`` count what would be compared.
    """
    settings = likelihood_job_settings(params_input, options)
    job = LikelihoodPreparation(os.fsdecode(particles), os.fsdecode(templates), settings)
    return Findings(
        errors=tuple(job.errors),
        warnings=tuple(VerglasWarning(message, code) for code, message in job.warnings),
        notes=tuple(job.notes),
        n_images=job.counts[0],
        n_stacks=job.counts[1],
    )


def likelihood_job_settings(params_input: object, options: Any) -> dict[str, Any]:
    """All settings, by the names that the native part knows."""
    if options["as_cryolike"] and options["defocus_angle_axis"] is not None:
        raise ValueError("as_cryolike and defocus_angle_axis are given: CryoLike takes angles as they are stored")
    return {**likelihood_settings(options), **job_settings(options), "descriptor": parameters(params_input)}
