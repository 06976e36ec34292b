"""CryoLike's functions for templates and likelihoods, with its names and arguments."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _native
from ._descriptor import ImageDescriptor, PathLike, at_least_one, count, native_descriptor, number, parameters
from ._job_options import (
    JOB_DEFAULTS,
    LIKELIHOOD_DEFAULTS,
    CryoLikeOptions,
    TemplateCallOptions,
    job_settings,
    likelihood_settings,
    template_settings,
    with_cryolike_options,
    with_template_call_options,
)
from ._likelihood import LikelihoodSummary
from ._native import FormatError, LikelihoodPreparation, TemplatePreparation
from ._report import logger, warn_all
from ._run import run, tell_checked
from ._shelf import Shelf
from ._stack import map_tensor
from ._templates import TemplateSummary, structure_inputs

if TYPE_CHECKING:
    from typing_extensions import Unpack


@with_template_call_options
def make_templates_from_inputs(
    list_of_inputs: Sequence[Any],
    image_parameters_file: object,
    output_plots: bool = True,
    folder_output: PathLike = "./templates/",
    verbose: bool = False,
    **options: Unpack[TemplateCallOptions],
) -> TemplateSummary | None:
    """Makes templates of structures, and adds them to a folder.

    No template is ever replaced: one whose name is taken gets a number appended. New templates are added at the end of the
    folder's list, ``template_file_list.npy``. :func:`templates` makes a folder with a record, which can be verified and
    resumed.

    Args:
        list_of_inputs: Structures: paths (PDB, mmCIF, MRC, NPY, trajectories), densities (z, y, x) as arrays or CPU tensors.
        image_parameters_file: A descriptor's path, our descriptor, or CryoLike's.
        output_plots: Whether the first templates and mean power are plotted (``plots/``).
        folder_output: Folder to write to.
        verbose: Whether to print progress.
        (options)

    Returns:
        What was done; ``None`` without inputs, as in CryoLike.

    Raises:
        FileNotFoundError: a file is missing; the text lists all of them.
        FormatError: a file breaks its format's rules.
        ValueError: a setting is wrong, or a structure can't be used.
        OSError: the system refused to read or write.
        KeyboardInterrupt: Ctrl-C; nothing is added then.
    """
    if len(list_of_inputs) == 0:
        return None
    descriptor = parameters(image_parameters_file)
    if descriptor is None:
        raise ValueError("image_parameters_file is None, expected a descriptor")
    settings = {
        **template_settings(options),
        **job_settings({**JOB_DEFAULTS, **options}),
        "descriptor": descriptor,
        "plots": bool(output_plots),
    }
    shelf = Shelf(Path(os.fsdecode(folder_output)), os.fsdecode(folder_output))
    shelf.read_list()
    inputs = structure_inputs(list_of_inputs)
    job = TemplatePreparation(inputs, settings)
    if verbose:
        print("\n".join(job.notes))
    tell_checked(job)
    shelf.folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".verglas-", dir=shelf.folder))
    try:
        summary = TemplateSummary._of(json.loads(run(job, os.fspath(made), options["progress"], job.counts[1], "templates")))
        added = shelf.add(made, {_native.structure_name(one) for one in inputs if isinstance(one, str)})
    finally:
        shutil.rmtree(made, ignore_errors=True)
    if verbose:
        print("\n".join(f"{path}: {summary.n_templates_each} templates" for path in added))
    return dataclasses.replace(summary, output=shelf.folder, list=shelf.list_file)


@dataclass(frozen=True)
class LikelihoodFolders:
    """Which folders a comparison reads and writes; returned by :func:`configure_likelihood_files`.

    Attributes:
        folder_templates: Templates are here.
        folder_particles: Stacks are here, below ``fft/``.
        folder_output: Results go below ``template<i_template>`` here.
        n_stacks: How many stacks must be there.
        i_template: The structure's place in the list of templates.
    """

    folder_templates: str
    folder_particles: str
    folder_output: str
    n_stacks: int
    i_template: int


@dataclass(frozen=True)
class Displacer:
    """Which displacements are tried; returned by :func:`configure_displacement`."""

    max_displacement_pixels: float
    n_displacements_x: int
    n_displacements_y: int


def configure_likelihood_files(
    folder_templates: PathLike,
    folder_particles: PathLike,
    folder_output: PathLike = "",
    n_stacks: int = 1,
    i_template: int = 0,
    return_likelihood_optimal_pose_physical: bool = False,
) -> LikelihoodFolders:
    """Says which folders a comparison reads and writes.

    Args:
        folder_templates: Folder of templates, ours or CryoLike's.
        folder_particles: Folder of stacks, ours or CryoLike's.
        folder_output: Folder for results; ``''`` is the working directory. Nothing is made yet.
        n_stacks: How many stacks, from 000000 on, must be there.
        i_template: The structure's place in the list of templates; results go to ``template<i_template>``.
        return_likelihood_optimal_pose_physical: Not available, as in CryoLike.

    Raises:
        FileNotFoundError: stacks are missing; the text lists them.
        NotImplementedError: the likelihood in physical space is requested.
    """
    if return_likelihood_optimal_pose_physical:
        raise NotImplementedError("likelihoods in physical space are not computed; those in Fourier space are")
    folders = LikelihoodFolders(
        os.fsdecode(folder_templates),
        os.fsdecode(folder_particles),
        os.fsdecode(folder_output),
        at_least_one(n_stacks, "n_stacks"),
        count(i_template, "i_template"),
    )
    _check_stacks(folders.folder_particles, folders.n_stacks)
    return folders


def configure_displacement(
    max_displacement_pixels: float = 8.0, n_displacements_x: int = -1, n_displacements_y: int = -1
) -> Displacer:
    """Says which displacements are tried.

    Args:
        max_displacement_pixels: How far along each axis, pixels.
        n_displacements_x: How many along image axis 0; below 1: one, no displacement.
        n_displacements_y: The same along image axis 1.
    """
    counts = (n_displacements_x, n_displacements_y)
    n_x, n_y = (count(max(n, 1), "n_displacements") for n in counts)
    return Displacer(number(max_displacement_pixels, "max_displacement_pixels"), n_x, n_y)


@with_cryolike_options
def run_likelihood_optimal_pose(
    file_config: LikelihoodFolders,
    params_input: object,
    displacer: Displacer,
    template_index: int | None = None,
    n_stacks: int = 1,
    skip_exist: bool = False,
    n_templates_per_batch: int = 1,
    n_images_per_batch: int = 128,
    estimate_batch_size: bool = False,
    return_likelihood_optimal_pose_fourier: bool = False,
    return_likelihood_integrated_pose_fourier: bool = False,
    **options: Unpack[CryoLikeOptions],
) -> LikelihoodSummary:
    """Finds the best pose of each image with one structure, and computes log-likelihoods if requested.

    Correlation, template, displacements and rotation of the best pose are always written, one file each for every stack.
    Existing files are replaced. Several structures share a folder, with one call each.

    Args:
        file_config: What :func:`configure_likelihood_files` gives.
        params_input: The grids and the viewing distance: a descriptor's path, our descriptor, or CryoLike's.
        displacer: What :func:`configure_displacement` gives.
        template_index: The structure's place in the list of templates; must equal that of ``file_config``, which is the default.
        n_stacks: How many stacks, from 000000 on.
        skip_exist: Resume: finished units are kept; refused if settings or inputs have changed.
        n_templates_per_batch: Not needed here.
        n_images_per_batch: Not needed here.
        estimate_batch_size: Not needed here; ``memory`` bounds what is held.
        return_likelihood_optimal_pose_fourier: Whether log-likelihoods at the best pose are written.
        return_likelihood_integrated_pose_fourier: Whether log-likelihoods over all poses are.
        (options)

    Returns:
        What was done.

    Raises:
        FileNotFoundError: stacks or templates are missing.
        FormatError: a file breaks its format's rules, or contradicts another.
        ValueError: grids differ, or the folder holds results at other displacements.
        OSError: the system refused to read or write.
        KeyboardInterrupt: Ctrl-C; with ``skip_exist=True``, the same call continues.
    """
    likelihoods = (bool(return_likelihood_optimal_pose_fourier), bool(return_likelihood_integrated_pose_fourier))
    call = _Call(file_config, params_input, displacer, template_index, n_stacks, bool(skip_exist), options)
    files = [
        "cross_correlation/cross_correlation_stack_",
        "optimal_pose/optimal_template_stack_",
        "optimal_pose/optimal_displacement_x_stack_",
        "optimal_pose/optimal_displacement_y_stack_",
        "optimal_pose/optimal_inplane_rotation_stack_",
    ]
    for is_wanted, kind in zip(likelihoods, ("optimal", "integrated")):
        name = f"log_likelihood/log_likelihood_{kind}_fourier_stack_"
        if is_wanted:
            files.append(name)
        else:
            call.tell_of_stale(name, kind)
    return call.run("optimal_pose", files, integrated=likelihoods[1])


@with_cryolike_options
def run_likelihood_full_cross_correlation(
    file_config: LikelihoodFolders,
    params_input: object,
    displacer: Displacer,
    template_index: int | None = None,
    n_stacks: int = 1,
    skip_exist: bool = False,
    n_templates_per_batch: int = 1,
    n_images_per_batch: int = 128,
    estimate_batch_size: bool = False,
    **options: Unpack[CryoLikeOptions],
) -> LikelihoodSummary:
    """Computes the correlation of each image with each template of a structure, at each displacement and rotation.

    One file for every stack, (images, templates, displacements, rotations): a tensor, where CryoLike pickles a tuple with one.
    A warning gives their size first.

    Args:
        file_config: What :func:`configure_likelihood_files` gives.
        params_input: The grids and the viewing distance: a descriptor's path, our descriptor, or CryoLike's.
        displacer: What :func:`configure_displacement` gives.
        template_index: The structure's place in the list of templates; must equal that of ``file_config``, which is the default.
        n_stacks: How many stacks, from 000000 on.
        skip_exist: Resume: finished units are kept; refused if settings or inputs have changed.
        n_templates_per_batch: Not needed here.
        n_images_per_batch: Not needed here.
        estimate_batch_size: Not needed here; ``memory`` bounds what is held.
        (options)

    Returns and raises the same as :func:`run_likelihood_optimal_pose`.
    """
    call = _Call(file_config, params_input, displacer, template_index, n_stacks, bool(skip_exist), options)
    files = ["cross_correlation/cross_correlation_pose_msdw_stack_"]
    return call.run("full_cross_correlation", files, integrated=False, full=True)


class _Call:
    """One structure against some stacks, in a folder that other structures' calls write to as well.

    The work is a job of its own, below ``template<K>/.verglas``, with a record that it can be resumed from. Requested results
    get CryoLike's names, as hard links to the job's files.
    """

    def __init__(
        self,
        folders: LikelihoodFolders,
        params_input: object,
        displacer: Displacer,
        template_index: int | None,
        n_stacks: int,
        skip_exist: bool,
        options: Any,
    ) -> None:
        if not isinstance(folders, LikelihoodFolders):
            raise TypeError(f"file_config is {folders!r}, expected what configure_likelihood_files gives")
        if not isinstance(displacer, Displacer):
            raise TypeError(f"displacer is {displacer!r}, expected what verglas.configure_displacement gives")
        self.structure = folders.i_template if template_index is None else count(template_index, "template_index")
        if self.structure != folders.i_template:
            raise ValueError(
                f"template_index is {self.structure}, and file_config was made for i_template={folders.i_template}: results of "
                "one structure would bear the number of another"
            )
        if params_input is None:
            raise ValueError("params_input is None, expected a descriptor")
        given = parameters(params_input)
        descriptor = ImageDescriptor.load(given) if isinstance(given, str) else ImageDescriptor._of(native_descriptor(params_input))
        self.n_stacks = at_least_one(n_stacks, "n_stacks")
        _check_stacks(folders.folder_particles, self.n_stacks)
        self.folders, self.displacer, self.options = folders, displacer, options
        self.output = Path(folders.folder_output)
        self.of_structure = self.output / f"template{self.structure}"
        self.settings = {
            **likelihood_settings({**LIKELIHOOD_DEFAULTS, **options}),
            **job_settings({**JOB_DEFAULTS, **options}),
            "existing": "resume" if skip_exist else "overwrite",
            "descriptor": given,
            "structures": str(self.structure),
            "max_displacement": displacer.max_displacement_pixels,
            "displacements": (displacer.n_displacements_x, displacer.n_displacements_y),
            "table": [],
            "max_stacks": self.n_stacks,
        }
        right = self.settings["right"]
        if self.settings["as_cryolike"]:
            right["likelihood"] = None
        if right["likelihood"] == "right" and right["noise"] in (None, "spectrum"):
            raise ValueError(
                'likelihood="right" with one structure at a time: one spectrum of the noise must serve all of them; give noise="white", or '
                "the noise_spectrum.csv that verglas.likelihood makes of the same images"
            )
        if self.settings["as_cryolike"] and self.settings["defocus_angle_axis"] is not None:
            raise ValueError("as_cryolike and defocus_angle_axis are given: CryoLike takes angles as they are stored")
        self._check_displacements(float(descriptor.pixel_size[0]))

    def _check_displacements(self, pixel_size_angstrom: float) -> None:
        """Results at other displacements can't be in one folder."""
        path = self.output / "displacements_set.pt"
        if not path.exists():
            return
        try:
            there = map_tensor(path)
        except FormatError:
            warn_all([("displacements-unreadable", f"`{path}` is not a tensor, most likely CryoLike's: it is replaced")])
            return
        wanted = self.displacer
        expected = _native.displacement_set(
            wanted.max_displacement_pixels, pixel_size_angstrom, wanted.n_displacements_x, wanted.n_displacements_y
        )
        if there.shape != expected.shape or not np.array_equal(there, expected.astype(there.dtype)):
            reach = float(abs(np.asarray(there)).max(initial=0.0))
            raise ValueError(
                f"`{path}`: the folder holds results at {there.shape[-1]} displacements up to {reach:g} Å, this call has "
                f"{expected.shape[1]} up to {abs(expected).max():g} Å\nhint: choose another folder_output"
            )

    def tell_of_stale(self, name: str, kind: str) -> None:
        """Warns of log-likelihoods of an earlier call that this one does not replace."""
        left = [number for number in range(self.n_stacks) if (self.of_structure / f"{name}{number:06}.pt").exists()]
        if left:
            what = f"`{self.of_structure}`: the {kind} log-likelihoods of {len(left)} stacks are an earlier call's and stay"
            warn_all([("likelihoods-stay", what)])

    def run(self, kind: str, files: list[str], *, integrated: bool, full: bool = False) -> LikelihoodSummary:
        settings = {**self.settings, "integrated": integrated, "full_cross_correlation": full}
        made = self.of_structure / ".verglas" / kind
        job = LikelihoodPreparation(self.folders.folder_particles, self.folders.folder_templates, settings, made)
        tell_checked(job)
        made.parent.mkdir(parents=True, exist_ok=True)
        try:
            told = run(job, os.fspath(made), self.options["progress"], job.counts[4], "comparisons")
        except ValueError as error:
            # The settings of these functions have another word for it.
            raise type(error)(str(error).replace("`overwrite=True`", "`skip_exist=False`")) from None
        for stack in range(self.n_stacks):
            for name in files:
                file = f"{name}{stack:06}.pt"
                _link(made / f"template{self.structure}" / file, self.of_structure / file)
        _link(made / "displacements_set.pt", self.output / "displacements_set.pt")
        summary = dataclasses.replace(LikelihoodSummary._of(json.loads(told)), output=self.output)
        logger.info("%s: %d images in %d stacks", self.of_structure, summary.n_images, summary.n_stacks)
        return summary


def _link(source: Path, target: Path) -> None:
    """Gives a file a second name, replacing the file that has it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".verglas-", dir=target.parent) as folder:
        partial = Path(folder) / target.name
        try:
            os.link(source, partial)
        except OSError:
            # Not every file system has several names for one file.
            shutil.copyfile(source, partial)
        os.replace(partial, target)


def _check_stacks(folder_particles: str, n_stacks: int) -> None:
    fft = Path(folder_particles) / "fft"
    names = [f"particles_fourier_stack_{stack:06}{end}" for stack in range(n_stacks) for end in (".pt", ".npz")]
    missing = [str(fft / name) for name in names if not (fft / name).is_file()]
    if missing:
        shown = "".join(f"\n  {name}" for name in missing[:10])
        more = f"\n  and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise FileNotFoundError(f"{len(missing)} files of {n_stacks} stacks are missing{shown}{more}")
