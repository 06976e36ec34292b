"""CryoLike's converters, and the check that comes before them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy.typing as npt

from ._descriptor import PathLike, at_least_one, count, number, pair, parameters
from ._native import Preparation, input_kind
from ._options import Options, with_options
from ._progress import listener
from ._report import Findings, Summary, VerglasWarning, logger
from ._run import run, tell_checked
from ._sizes import n_bytes, shard_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

DownsampleType = Literal["mean", "max", "fourier"]


@with_options
def convert_particle_stacks_from_paired_star_and_mrc_files(
    params_input: object,
    particle_file_list: Sequence[PathLike],
    star_file_list: Sequence[PathLike],
    folder_output: PathLike = "",
    batch_size: int = 1024,
    pixel_size: float | npt.ArrayLike | None = None,
    defocus_angle_is_degree: bool = True,
    phase_shift_is_degree: bool = True,
    downsample_factor: int = 1,
    downsample_type: DownsampleType = "mean",
    skip_exist: bool = False,
    flag_plots: bool = True,
    overwrite: bool = False,
    *,
    n_stacks_max: int = -1,
    **options: Unpack[Options],
) -> Summary:
    """Converts image stacks that each have their own STAR file: row k describes section k.

    Args:
        params_input: The grids: a descriptor's path, our descriptor, or CryoLike's; ``None``: made from the data.
        particle_file_list: Image stacks (MRC).
        star_file_list: One STAR file for each, in the same order.
        folder_output: Folder to write to; ``''`` is the working directory.
        batch_size: Images per stack.
        pixel_size: Å per pixel of the input images, one number or two (y, x); ``None`` or ≤ 0: not given.
        defocus_angle_is_degree: Whether the defocus angle is in degrees; otherwise it is in radians.
        phase_shift_is_degree: The same for the phase shift.
        downsample_factor: Integer factor that images are downsampled by first; 1 or below: not at all. The
            descriptor describes the smaller images.
        downsample_type: ``"mean"``, ``"max"`` or ``"fourier"``.
        (skip_exist)
        flag_plots: Whether to plot images and power spectra (``plots/``).
        (overwrite)
        (n_stacks_max)
        (options)

    Returns:
        What was done.

    Raises:
        FileNotFoundError: a file is missing; the text lists all of them.
        FormatError: a file breaks its format's rules, or contradicts another.
        ValueError: a setting is wrong or contradicts the data, or the output folder is not empty.
        OSError: the system refused to read or write.
        KeyboardInterrupt: Ctrl-C; finished stacks stay, and the run can be resumed.
    """
    particles, stars = _paths(particle_file_list), _paths(star_file_list)
    return _convert(
        _star_pairs(stars, particles),
        params_input,
        folder_output,
        batch_size=batch_size,
        pixel_size=pixel_size,
        defocus_angle_is_degree=defocus_angle_is_degree,
        phase_shift_is_degree=phase_shift_is_degree,
        downsample_factor=downsample_factor,
        downsample_type=downsample_type,
        flag_plots=flag_plots,
        n_stacks_max=n_stacks_max,
        skip_exist=skip_exist,
        overwrite=overwrite,
        **options,
    )


@with_options
def convert_particle_stacks_from_indexed_star_file(
    params_input: object,
    star_file: PathLike,
    folder_mrc: PathLike = "",
    folder_output: PathLike = "",
    batch_size: int = 1024,
    downsample_factor: int = 1,
    downsample_type: DownsampleType = "mean",
    pixel_size: float | npt.ArrayLike | None = None,
    flag_plots: bool = True,
    *,
    n_stacks_max: int = -1,
    skip_exist: bool = False,
    overwrite: bool = False,
    **options: Unpack[Options],
) -> Summary:
    """Converts the images that the rows of a STAR file name (``rlnImageName``).

    Args:
        params_input: The grids: a descriptor's path, our descriptor, or CryoLike's; ``None``: made from the data.
        star_file: The STAR file, as RELION writes it.
        folder_mrc: Folder in which image files are looked up by file name. ``''``: the paths in the STAR file are used,
            relative to the working directory, the STAR file's folder, or the nearest of its parents.
        folder_output: Folder to write to; ``''`` is the working directory.
        batch_size: Images per stack.
        downsample_factor: Integer factor that images are downsampled by first; 1 or below: not at all. The
            descriptor describes the smaller images.
        downsample_type: ``"mean"``, ``"max"`` or ``"fourier"``.
        pixel_size: Å per pixel of the input images, one number or two (y, x); ``None`` or ≤ 0: not given.
        flag_plots: Whether to plot images and power spectra (``plots/``).
        (n_stacks_max)
        (skip_exist)
        (overwrite)
        (options)

    Returns and raises the same as :func:`convert_particle_stacks_from_paired_star_and_mrc_files`.
    """
    return _convert(
        _input("star", [os.fsdecode(star_file)]),
        params_input,
        folder_output,
        image_dir=folder_mrc,
        batch_size=batch_size,
        downsample_factor=downsample_factor,
        downsample_type=downsample_type,
        pixel_size=pixel_size,
        flag_plots=flag_plots,
        n_stacks_max=n_stacks_max,
        skip_exist=skip_exist,
        overwrite=overwrite,
        **options,
    )


@with_options
def convert_particle_stacks_from_indexed_cryosparc_file(
    params_input: object,
    file_cs: PathLike,
    folder_cryosparc: PathLike = "",
    folder_output: PathLike = "",
    batch_size: int = 1024,
    n_stacks_max: int = -1,
    pixel_size: float | npt.ArrayLike | None = None,
    downsample_factor: int = 1,
    downsample_type: DownsampleType = "mean",
    skip_exist: bool = False,
    flag_plots: bool = True,
    *,
    overwrite: bool = False,
    passthrough: PathLike | None = None,
    **options: Unpack[Options],
) -> Summary:
    """Converts the images that the rows of a CryoSPARC file name (``blob/path``, ``blob/idx``).

    Args:
        params_input: The grids: a descriptor's path, our descriptor, or CryoLike's; ``None``: made from the data.
        file_cs: The ``.cs`` file.
        folder_cryosparc: Folder in which image files are looked up by file name, as in CryoLike. ``''``: the paths in the
            ``.cs`` file are used, relative to the working directory, the file's folder, or the nearest of its parents.
        folder_output: Folder to write to; ``''`` is the working directory.
        batch_size: Images per stack.
        (n_stacks_max)
        pixel_size: Å per pixel of the input images, one number or two (y, x); ``None`` or ≤ 0: not given.
        downsample_factor: Integer factor that images are downsampled by first; 1 or below: not at all. The
            descriptor describes the smaller images.
        downsample_type: ``"mean"``, ``"max"`` or ``"fourier"``.
        (skip_exist)
        flag_plots: Whether to plot images and power spectra (``plots/``).
        (overwrite)
        passthrough: A second ``.cs`` (``…_passthrough_particles.cs``), joined to the first on ``uid``.
        (options)

    Returns and raises the same as :func:`convert_particle_stacks_from_paired_star_and_mrc_files`.
    """
    files = [file_cs] if passthrough is None else [file_cs, passthrough]
    return _convert(
        _input("cs", _paths(files)),
        params_input,
        folder_output,
        image_dir=folder_cryosparc,
        batch_size=batch_size,
        pixel_size=pixel_size,
        downsample_factor=downsample_factor,
        downsample_type=downsample_type,
        flag_plots=flag_plots,
        n_stacks_max=n_stacks_max,
        skip_exist=skip_exist,
        overwrite=overwrite,
        **options,
    )


@with_options
def convert_particle_stacks_from_cryosparc_job_directory(
    params_input: object,
    folder_cryosparc: PathLike = "",
    job_number: int = 0,
    folder_output: PathLike = "",
    batch_size: int = 1024,
    n_stacks_max: int = -1,
    pixel_size: float | npt.ArrayLike | None = -1.0,
    downsample_factor: int = 1,
    downsample_type: DownsampleType = "mean",
    skip_exist: bool = False,
    flag_plots: bool = True,
    *,
    overwrite: bool = False,
    **options: Unpack[Options],
) -> Summary:
    """Converts the restacked or downsampled images of a CryoSPARC job.

    Args:
        params_input: The grids: a descriptor's path, our descriptor, or CryoLike's; ``None``: made from the data.
        folder_cryosparc: The folder that holds the job's folder ``J<job_number>``; ``''`` is the working directory.
        job_number: The job's number. ``J<N>/J<N>_passthrough_particles.cs`` describes the images in ``J<N>/restack`` or
            ``J<N>/downsample``; of jobs of other types, the ``.cs`` files that hold their particles are found and joined.
        folder_output: Folder to write to; ``''`` is the working directory.
        batch_size: Images per stack.
        (n_stacks_max)
        pixel_size: Å per pixel of the input images, one number or two (y, x); ``None`` or ≤ 0: not given.
        downsample_factor: Integer factor that images are downsampled by first; 1 or below: not at all. The
            descriptor describes the smaller images.
        downsample_type: ``"mean"``, ``"max"`` or ``"fourier"``.
        (skip_exist)
        flag_plots: Whether to plot images and power spectra (``plots/``).
        (overwrite)
        (options)

    Returns and raises the same as :func:`convert_particle_stacks_from_paired_star_and_mrc_files`.
    """
    return _convert(
        _job(folder_cryosparc, job_number),
        params_input,
        folder_output,
        batch_size=batch_size,
        pixel_size=pixel_size,
        downsample_factor=downsample_factor,
        downsample_type=downsample_type,
        flag_plots=flag_plots,
        n_stacks_max=n_stacks_max,
        skip_exist=skip_exist,
        overwrite=overwrite,
        **options,
    )


@with_options
def check(
    inputs: PathLike | Sequence[PathLike],
    params_input: object = None,
    *,
    images: PathLike | Sequence[PathLike] = (),
    job: int | str | None = None,
    image_dir: PathLike = "",
    deep: bool = False,
    batch_size: int = 1024,
    pixel_size: float | npt.ArrayLike | None = None,
    defocus_angle_is_degree: bool = True,
    phase_shift_is_degree: bool = True,
    downsample_factor: int = 1,
    downsample_type: DownsampleType = "mean",
    n_stacks_max: int = -1,
    **options: Unpack[Options],
) -> Findings:
    """Finds everything that would stop a conversion, without writing anything; as ``verglas check``.

    Args:
        inputs: One STAR file that names its images, or several with ``images``; one ``.cs`` file, or two that belong
            together; the folder of a job of RELION or CryoSPARC; a CryoSPARC project's folder with ``job``.
        params_input: The grids, as in the conversions.
        images: Image stacks that the rows of the STAR files describe in sequence.
        job: A CryoSPARC job below the folder: its number, ``24`` or ``"J24"``.
        image_dir: Folder in which image files are looked up by file name.
        deep: Whether to look at every pixel too.
        batch_size: Images per stack.
        pixel_size: Å per pixel of the input images, one number or two (y, x); ``None`` or ≤ 0: not given.
        defocus_angle_is_degree: Whether the defocus angle is in degrees (with ``images`` only).
        phase_shift_is_degree: The same for the phase shift.
        downsample_factor: Integer factor that images are downsampled by; 1 or below: not at all.
        downsample_type: ``"mean"``, ``"max"`` or ``"fourier"``.
        (n_stacks_max)
        (options)

    Returns:
        Errors, warnings and notes. Errors in the input are never raised.

    Raises:
        ValueError, TypeError: the arguments themselves make no sense.
    """
    settings = _settings(
        params_input,
        image_dir=image_dir,
        batch_size=batch_size,
        pixel_size=pixel_size,
        defocus_angle_is_degree=defocus_angle_is_degree,
        phase_shift_is_degree=phase_shift_is_degree,
        downsample_factor=downsample_factor,
        downsample_type=downsample_type,
        n_stacks_max=n_stacks_max,
        **options,
    )
    preparation = Preparation(_any_input(_paths(inputs), _paths(images), job), settings)
    n_images, n_image_files, n_stacks = preparation.counts
    if deep:
        with listener(options["progress"], n_images) as progress:
            preparation.check_pixels(progress)
    return Findings(
        errors=tuple(preparation.errors),
        warnings=tuple(VerglasWarning(message, code) for code, message in preparation.warnings),
        notes=tuple(preparation.notes),
        n_images=n_images,
        n_image_files=n_image_files,
        n_stacks=n_stacks,
    )


def _convert(
    inputs: dict[str, Any], params_input: object, folder_output: PathLike, *, progress: Any = None, **settings: Any
) -> Summary:
    """Checks and converts, with the warnings in between: a warning turned into an error stops it before any byte."""
    output = os.fsdecode(folder_output)
    preparation = Preparation(inputs, _settings(params_input, **settings), output)
    tell_checked(preparation)
    summary = Summary._of(json.loads(run(preparation, output, progress, preparation.counts[0])))
    logger.info("%s: %d images in %d stacks", summary.output, summary.n_images, summary.n_stacks)
    return summary


def _input(kind: str, paths: list[str], images: Iterable[str] = (), job: int | None = None) -> dict[str, Any]:
    return {"kind": kind, "paths": paths, "images": list(images), "job": job}


def _star_pairs(stars: list[str], images: list[str]) -> dict[str, Any]:
    if len(stars) != len(images) or not stars:
        raise ValueError(f"{len(stars)} .star files and {len(images)} image files, expected equal numbers")
    return _input("star-pairs", stars, images)


def _job(root: PathLike, job_number: int) -> dict[str, Any]:
    return _input("job", [os.fsdecode(root) or "."], job=count(job_number, "job_number"))


def _any_input(paths: list[str], images: list[str], job: int | str | None) -> dict[str, Any]:
    """The kind of input that the paths amount to, as on the command line."""
    if job is not None:
        if isinstance(job, str):
            digits = job[1:] if job.startswith("J") else job
            if not (digits.isascii() and digits.isdigit()):
                raise ValueError(f"job is {job!r}, expected the number of a job, such as 24 or 'J24'")
            job = int(digits)
        if len(paths) != 1 or images:
            raise ValueError(f"{len(paths) + len(images)} inputs with a job, expected one folder")
        return _job(paths[0], job)
    if images:
        return _star_pairs(paths, images)
    kind = input_kind(paths)
    if kind is not None:
        return _input(kind, paths)
    raise ValueError(
        f"{', '.join(f'`{path}`' for path in paths) or 'nothing'} as input, expected one .star file, several with images, "
        "one .cs file or two that belong together, the folder of a job, or a folder with a job's number"
    )


def _paths(paths: PathLike | Iterable[PathLike]) -> list[str]:
    """All paths; a single one will do."""
    if isinstance(paths, (str, bytes, os.PathLike)):
        return [os.fsdecode(paths)]
    return [os.fsdecode(path) for path in paths]


def _settings(
    params_input: object,
    *,
    image_dir: PathLike = "",
    batch_size: int,
    pixel_size: Any,
    defocus_angle_is_degree: bool = True,
    phase_shift_is_degree: bool = True,
    downsample_factor: int,
    downsample_type: str,
    n_stacks_max: int,
    skip_exist: bool = False,
    overwrite: bool = False,
    flag_plots: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """All settings, by the names that the native part knows."""
    if skip_exist and overwrite:
        raise ValueError("skip_exist and overwrite are given, expected one of the two")
    if overwrite and options["shard"] is not None:
        raise ValueError("overwrite and a shard are given: the shards of one plan share the folder")
    descriptor = parameters(params_input)
    grids = ("precision", "resolution_factor", "n_inplanes")
    if descriptor is not None and any(options[name] != default for name, default in zip(grids, ("single", 1.0, None))):
        raise ValueError(f"{', '.join(grids)} are for params_input=None, where the grids are made from the data")
    n_inplanes, threads = options["n_inplanes"], options["threads"]
    image_dir = os.fsdecode(image_dir)
    groups = options["optics_group"]
    return {
        "descriptor": descriptor,
        "precision": str(getattr(options["precision"], "value", options["precision"])),
        "resolution_factor": number(options["resolution_factor"], "resolution_factor"),
        "n_inplanes": None if n_inplanes is None else count(n_inplanes, "n_inplanes"),
        "image_dir": image_dir or None,
        "batch_size": count(batch_size, "batch_size"),
        "max_stacks": None if n_stacks_max is None or n_stacks_max <= 0 else count(n_stacks_max, "n_stacks_max"),
        "pixel_size": _given_pixel_size(pixel_size),
        "pixel_size_from": options["pixel_size_from"],
        "defocus_angle_unit": "degrees" if defocus_angle_is_degree else "radians",
        "phase_shift_unit": "degrees" if phase_shift_is_degree else "radians",
        "defocus_angle_axis": options["defocus_angle_axis"],
        "downsample": count(max(downsample_factor, 1), "downsample_factor"),
        "downsample_method": downsample_type,
        "downsample_to": None if options["downsample_to"] is None else count(options["downsample_to"], "downsample_to"),
        "contrast": options["contrast"],
        "optics_group": [str(group) for group in ([groups] if isinstance(groups, (str, int)) else groups)],
        "rows": None if options["rows"] is None else os.fsdecode(options["rows"]),
        "mode0": options["mode0"],
        "pixel_type": options["pixel_type"],
        "keep_files_apart": bool(options["keep_files_apart"]),
        "physical": bool(options["physical"]),
        "plots": bool(flag_plots),
        "existing": "overwrite" if overwrite else "resume" if skip_exist else "refuse",
        "shard": None if options["shard"] is None else shard_of(options["shard"]),
        "skip_unreadable": bool(options["skip_unreadable"]),
        "verify_kept": bool(options["verify_kept"]),
        "threads": None if threads is None else at_least_one(threads, "threads"),
        "memory": None if options["memory"] is None else n_bytes(options["memory"]),
    }


def _given_pixel_size(pixel_size: Any) -> tuple[float, float] | None:
    """``None`` if it is not given: nothing above 0, as with CryoLike's default of −1."""
    if pixel_size is None:
        return None
    size = pair(pixel_size, "pixel_size")
    return None if all(side <= 0 for side in size) else size
