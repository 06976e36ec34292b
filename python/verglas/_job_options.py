"""The options of templates and likelihoods, in one place for signatures, types and docs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Union

import numpy as np

from ._descriptor import PathLike, at_least_one, count, number
from ._options import MEANINGS, options_of
from ._progress import Progress
from ._sizes import n_bytes, shard_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

Structures = Union[str, int, Sequence[int]]
Table = Literal["csv", "parquet", "star"]


class CallOptions(TypedDict, total=False):
    """Of all work on templates and likelihoods."""

    as_cryolike: bool
    threads: int | None
    memory: int | str | None
    progress: Progress


class JobOptions(CallOptions, total=False):
    """Of jobs that make a folder."""

    skip_exist: bool
    overwrite: bool
    shard: tuple[int, int] | str | None


class RightOptions(TypedDict, total=False):
    """What makes a likelihood right: each part can be turned off by itself."""

    contrast: Literal["positive", "any"] | None
    noise: Literal["spectrum", "white"] | PathLike | None
    noise_groups: Literal["constants", "all"] | None
    noise_images: int | None
    integral: Literal["refined", "grid"] | None
    modes: int | None
    prune: float | None
    prune_z: float | None
    exhaustive: bool
    audit: float | None
    poses_from: Literal["search", "source", "source,search"] | None
    view_sigma: float | None
    shift_sigma: float | None
    symmetry: str | None
    degrees_of_freedom: Literal["band", "pixels"] | None


class CompareOptions(RightOptions, total=False):
    """Of comparisons of arrays."""

    noise: Literal["spectrum", "white"] | PathLike | npt.ArrayLike | None  # type: ignore[misc]


class CryoLikeOptions(CallOptions, RightOptions, total=False):
    """Of comparisons with CryoLike's functions."""

    ctf: Literal["stack", "none"]
    defocus_angle_axis: Literal["columns", "rows"] | None
    templates_axes: Literal["zyx", "xyz"] | None
    likelihood: Literal["right", "plain"]


class TemplateOptions(TypedDict, total=False):
    """Keyword-only options of templates, by the command's names."""

    viewing_distance: float | None
    atom_radii: float | None
    atom_selection: str | None
    atom_shape: Literal["gaussian", "hard-sphere"] | None
    protein_residue_model: bool | None
    models: str | int | Sequence[int]
    frames: str | int | slice | None
    topology: PathLike | None
    atom_mass: Literal["volume", "equal"]
    remove_mean: bool
    center: Literal["mean", "none"] | Sequence[float]
    voxel_size: float | Sequence[float] | None
    axis_order: Literal["zyx", "xyz"]
    beyond_nyquist: bool
    symmetry: str


class LikelihoodOptions(RightOptions, total=False):
    """Keyword-only options of likelihoods, by the command's names."""

    structures: Structures
    max_displacement: float
    displacements: int | tuple[int, int]
    integrated: bool
    pairs: bool
    full_cross_correlation: bool
    table: Table | Sequence[Table]
    ctf: Literal["stack", "none"]
    defocus_angle_axis: Literal["columns", "rows"] | None
    templates_axes: Literal["zyx", "xyz"] | None
    max_stacks: int | None
    likelihood: Literal["right", "plain"] | None


class TemplateCallOptions(TemplateOptions, CallOptions, total=False):
    """Of templates whose folder is not a job's own, or that stay in memory."""


class TemplateJobOptions(TemplateOptions, JobOptions, total=False):
    """Of a job of templates."""


class LikelihoodJobOptions(LikelihoodOptions, JobOptions, total=False):
    """Of a job of likelihoods."""


CALL_DEFAULTS: dict[str, Any] = {"as_cryolike": False, "threads": None, "memory": None, "progress": None}

JOB_DEFAULTS: dict[str, Any] = {**CALL_DEFAULTS, "skip_exist": False, "overwrite": False, "shard": None}

TEMPLATE_DEFAULTS: dict[str, Any] = {
    "viewing_distance": None,
    "atom_radii": None,
    "atom_selection": None,
    "atom_shape": None,
    "protein_residue_model": None,
    "models": "first",
    "frames": None,
    "topology": None,
    "atom_mass": "volume",
    "remove_mean": False,
    "center": "mean",
    "voxel_size": None,
    "axis_order": "zyx",
    "beyond_nyquist": False,
    "symmetry": "C1",
}

RIGHT_DEFAULTS: dict[str, Any] = {**{name: None for name in RightOptions.__annotations__}, "exhaustive": False}

LIKELIHOOD_DEFAULTS: dict[str, Any] = {
    "structures": "all",
    "max_displacement": 8.0,
    "displacements": 17,
    "integrated": True,
    "pairs": False,
    "full_cross_correlation": False,
    "table": "csv",
    "ctf": "stack",
    "defocus_angle_axis": None,
    "templates_axes": None,
    "max_stacks": None,
    "likelihood": None,
    **RIGHT_DEFAULTS,
}

_JOB_MEANINGS = {
    "as_cryolike": "Do everything as CryoLike does, where that differs.",
    "skip_exist": "Resume: keep what is finished in the output folder, and make what is missing.",
    "overwrite": MEANINGS["overwrite"],
    "shard": "``(k, n)`` or ``\"k/n\"``, k from 1: only the k-th of n parts; all may run at once, anywhere.",
    "threads": MEANINGS["threads"],
    "progress": "``True`` for a tqdm bar, where tqdm is installed, or a function that is called with the work done and the total.",
}

TEMPLATE_MEANINGS: dict[str, str] = {
    "viewing_distance": "Distance between viewing directions, radians; by default the descriptor's, like the next four.",
    "atom_radii": "Radius of each atom, Å, without the protein residue model.",
    "atom_selection": "Which atoms to use, in mdtraj's selection language.",
    "atom_shape": '``"gaussian"`` or ``"hard-sphere"``.',
    "protein_residue_model": "Whether to make one bead per residue, at CA, with the residue's radius; otherwise every selected atom is a bead.",
    "models": 'Models of files with several: ``"first"``, ``"all"``, or numbers as in the file, ``[2, 5]`` or ``"2,5-9"``.',
    "frames": 'Frames of trajectories, from 0: a number, a ``slice`` or ``"START:STOP:STEP"``; all if not given.',
    "topology": "The PDB or mmCIF file that says which atoms a trajectory moves.",
    "atom_mass": '``"volume"``: atoms are weighted by volume; ``"equal"``: all the same.',
    "remove_mean": "Whether to subtract the mean over the box from each template.",
    "center": 'The origin: ``"mean"`` (for maps, the middle voxel), ``"none"``, or x, y, z in Å.',
    "voxel_size": "Voxel size, Å, one number or three (x, y, z), instead of the map header's; for arrays, the images' pixel size by default.",
    "axis_order": '``"zyx"``: axis 2 of a map is x, as its header says; ``"xyz"``: axis 0 is.',
    "beyond_nyquist": "Whether to continue maps periodically beyond their Nyquist frequency; otherwise templates are 0 there.",
    "symmetry": "Symmetry of all structures, with RELION's axes (``Cn``, ``Dn``, ``T``, ``O``, ``I``): only views of one asymmetric unit.",
    **_JOB_MEANINGS,
    "memory": 'Upper bound for buffers: bytes, or a text such as ``"512M"``; 1 GiB if not given.',
}

LIKELIHOOD_MEANINGS: dict[str, str] = {
    "structures": 'Structures by their places in the list of templates, from 0: ``"all"``, numbers, or a text such as ``"0,2,5-9"``.',
    "max_displacement": "How far templates are displaced along each axis, pixels.",
    "displacements": "How many displacements are tried along each axis, or along axis 0 and axis 1.",
    "integrated": "Whether to integrate likelihoods over all poses; otherwise only the best one is used.",
    "pairs": "Whether to keep the best pose of each image with each template, too.",
    "full_cross_correlation": "Whether to keep all correlations; a warning gives their size first.",
    "table": 'Tables of all results: ``"csv"``, ``"parquet"``, ``"star"``, or several of them; none: ``()``.',
    "ctf": '``"stack"``: the contrast transfer is that of the stacks\' metadata; ``"none"``: there is none.',
    "defocus_angle_axis": "From which axis the stacks' defocus angles are written; as the stacks say if not given.",
    "templates_axes": 'Which axis is which in templates that don\'t say it: ``"xyz"`` where CryoLike made them of maps.',
    "max_stacks": "Compare the first so many stacks only.",
    "likelihood": '``"right"``, the default: a difference of one nat is one; ``"plain"``: white noise, scales of both signs, poses of the grid.',
    "contrast": '``"positive"``, the default: scales of a structure in an image are above 0; ``"any"``: of both signs.',
    "noise": '``"spectrum"``, the default: found from the images; ``"white"``; or the path of a noise_spectrum.csv.',
    "noise_groups": '``"constants"``, the default: images of the same voltage, spherical aberration and amplitude contrast share a spectrum; ``"all"``.',
    "noise_images": "How many images of a group its spectrum is found from, at most; 2000 if not given.",
    "integral": '``"refined"``: over all poses, the default where templates between the views can be made; ``"grid"``: over the grid\'s.',
    "modes": "Modes of an image's poses that are looked at between the grid's; 5 if not given.",
    "prune": "How much ln L may be too low for poses that half of the resolution rules out, nats; 0.01 if not given.",
    "prune_z": "Standard deviations of the noise that such poses might gain by chance; 3 if not given.",
    "exhaustive": "Look at all poses in full.",
    "audit": "Share of the images whose poses are all looked at in full, too; 0.001 if not given, of 20 images at least.",
    "poses_from": '``"search"``, the default: all poses; ``"source"``: near the images\' own angles and origins; ``"source,search"``: all of those without.',
    "view_sigma": "Standard deviation of known rotations, degrees; 10 if not given.",
    "shift_sigma": "Standard deviation of known origins, Å; 5 if not given.",
    "symmetry": "Symmetry of all structures (``Cn``, ``Dn``, ``T``, ``O``, ``I``); that of the templates if not given.",
    "degrees_of_freedom": '``"band"``, the default: independent values of the disc; ``"pixels"``: of the box, as CryoLike counts.',
    **_JOB_MEANINGS,
    "memory": 'Upper bound for memory: bytes, or a text such as ``"512M"``; 2 GiB if not given.',
}

with_template_job_options = options_of(TemplateJobOptions, {**TEMPLATE_DEFAULTS, **JOB_DEFAULTS}, TEMPLATE_MEANINGS)
with_template_call_options = options_of(
    TemplateCallOptions, {**TEMPLATE_DEFAULTS, **CALL_DEFAULTS}, TEMPLATE_MEANINGS
)
with_cryolike_options = options_of(
    CryoLikeOptions,
    {
        **{name: LIKELIHOOD_DEFAULTS[name] for name in CryoLikeOptions.__annotations__ if name in LIKELIHOOD_DEFAULTS},
        "likelihood": "plain",
        **CALL_DEFAULTS,
    },
    LIKELIHOOD_MEANINGS,
)
with_compare_options = options_of(
    CompareOptions,
    RIGHT_DEFAULTS,
    {
        **LIKELIHOOD_MEANINGS,
        "noise": '``"spectrum"``, the default: found from the images; ``"white"``; the path of a noise_spectrum.csv; or σ² of each shell, (S,), as '
        "``noise_spectrum`` of another comparison.",
        "noise_groups": "All images of a call are one group: either word means the same.",
        "poses_from": '``"search"``, the default: all poses; ``"source"``: near those of ``poses``, or of the stack; ``"source,search"``: all of images '
        "without.",
        "symmetry": "Symmetry of the structure (``Cn``, ``Dn``, ``T``, ``O``, ``I``); that of the templates if not given.",
    },
)
with_likelihood_job_options = options_of(
    LikelihoodJobOptions, {**LIKELIHOOD_DEFAULTS, **JOB_DEFAULTS}, LIKELIHOOD_MEANINGS
)


def job_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of both kinds of jobs, by the names that the native part knows."""
    if options["skip_exist"] and options["overwrite"]:
        raise ValueError("skip_exist and overwrite are given, expected one of the two")
    if options["overwrite"] and options["shard"] is not None:
        raise ValueError("overwrite and a shard are given: the shards of one plan share the folder")
    threads, memory = options["threads"], options["memory"]
    return {
        "as_cryolike": bool(options["as_cryolike"]),
        "existing": "overwrite" if options["overwrite"] else "resume" if options["skip_exist"] else "refuse",
        "shard": None if options["shard"] is None else shard_of(options["shard"]),
        "threads": None if threads is None else at_least_one(threads, "threads"),
        "memory": None if memory is None else n_bytes(memory),
    }


def template_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of templates, by the names that the native part knows."""

    def positive(name: str) -> float | None:
        return _above_zero(options[name], name)

    shape, residues, topology = options["atom_shape"], options["protein_residue_model"], options["topology"]
    center = options["center"]
    return {
        "viewing_distance": positive("viewing_distance"),
        "atom_radii": positive("atom_radii"),
        "atom_selection": None if options["atom_selection"] is None else str(options["atom_selection"]),
        "atom_shape": None if shape is None else str(getattr(shape, "value", shape)),
        "protein_residue_model": None if residues is None else bool(residues),
        "list": None,
        "models": _list_text(options["models"], "models"),
        "frames": _frames(options["frames"]),
        "topology": topology,
        "atom_mass": options["atom_mass"],
        "remove_mean": bool(options["remove_mean"]),
        "center": center if isinstance(center, str) else three(center, "center"),
        "voxel_size": None if options["voxel_size"] is None else three(options["voxel_size"], "voxel_size"),
        "axis_order": options["axis_order"],
        "beyond_nyquist": bool(options["beyond_nyquist"]),
        "symmetry": options["symmetry"],
    }


def likelihood_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """How images are compared, in the words that the native part knows."""
    table, most = options["table"], options["max_stacks"]
    return {
        "structures": _list_text(options["structures"], "structures"),
        "max_displacement": number(options["max_displacement"], "max_displacement"),
        "displacements": two_counts(options["displacements"]),
        "integrated": bool(options["integrated"]),
        "pairs": bool(options["pairs"]),
        "full_cross_correlation": bool(options["full_cross_correlation"]),
        "table": [table] if isinstance(table, str) else list(table),
        "ctf": options["ctf"],
        "defocus_angle_axis": options["defocus_angle_axis"],
        "templates_axes": options["templates_axes"],
        "max_stacks": None if most is None else at_least_one(most, "max_stacks"),
        "right": right_settings(options),
    }


def right_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Which likelihood, and what makes it right, in the words that the native part knows."""
    noise = options["noise"]
    return {
        "likelihood": options["likelihood"],
        **{name: options[name] for name in RIGHT_DEFAULTS},
        "noise": None if noise is None else os.fspath(noise),
        "noise_images": None if options["noise_images"] is None else at_least_one(options["noise_images"], "noise_images"),
        "exhaustive": bool(options["exhaustive"]),
        **{name: _above_zero(options[name], name) for name in ("prune", "prune_z")},
        "audit": None if options["audit"] is None else number(options["audit"], "audit"),
        "modes": None if options["modes"] is None else at_least_one(options["modes"], "modes"),
    }


def _above_zero(value: Any, name: str) -> float | None:
    """A finite number above 0, or none."""
    if value is None:
        return None
    found = number(value, name)
    if not (found > 0 and np.isfinite(found)):
        raise ValueError(f"{name} is {found}, expected a number above 0")
    return found


def two_counts(displacements: Any) -> tuple[int, int]:
    """How many displacements along axis 0 and axis 1."""
    values = np.atleast_1d(np.asarray(displacements, dtype=object)).reshape(-1)
    if values.size not in (1, 2):
        raise ValueError(f"displacements is {displacements!r}, expected one number or two")
    return at_least_one(values[0], "displacements"), at_least_one(values[-1], "displacements")


def _list_text(value: Any, name: str) -> str:
    """``first``, ``all``, numbers or a text of these, as the command takes it."""
    if isinstance(value, str):
        return value
    return ",".join(str(count(one, name)) for one in np.atleast_1d(np.asarray(value, dtype=object)))


def _frames(frames: Any) -> str | None:
    if frames is None or isinstance(frames, str):
        return frames
    if isinstance(frames, slice):
        ends = (frames.start, frames.stop, frames.step)
        return ":".join("" if end is None else str(count(end, "frames")) for end in ends)
    return str(count(frames, "frames"))


def three(value: Any, name: str) -> list[float]:
    """One number for all axes, or one for each of x, y, z."""
    try:
        numbers = np.atleast_1d(np.asarray(value)).astype(np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}, expected numbers") from None
    if numbers.size not in ((1, 3) if name == "voxel_size" else (3,)):
        raise ValueError(f"{name} is {value!r}, expected three numbers")
    return [float(one) for one in np.broadcast_to(numbers, 3)]
