"""Converts cryo-EM particle stacks into the polar Fourier stacks that CryoLike scores.

CryoLike's own converters, with its names, arguments and defaults, so that a script changes the import and nothing else:

* :func:`convert_particle_stacks_from_paired_star_and_mrc_files`
* :func:`convert_particle_stacks_from_indexed_star_file`
* :func:`convert_particle_stacks_from_indexed_cryosparc_file`
* :func:`convert_particle_stacks_from_cryosparc_job_directory`
* :class:`ImageDescriptor`

Beyond that:

* :func:`check` finds everything that would stop a conversion, :func:`verify` whether its output is complete and unaltered
* :func:`read_star`, :func:`read_cryosparc`, :func:`read_mrc` and :func:`load_stack` read files as NumPy arrays
* :class:`PolarTransform` is the transform itself, NumPy in and out
* :func:`simulate` makes data with known truth
* :func:`weights` weighs structures against each other by the log-likelihoods of images

What is wrong raises ``FileNotFoundError``, ``ValueError``, ``OSError`` or :class:`FormatError` (a ``ValueError``), with the
command's text, but for what to do about it, which names the arguments of the functions here. What must be told comes as :class:`VerglasWarning`; decisions and their reasons are logged by
``logging.getLogger("verglas")``.
"""

from ._convert import (
    check,
    convert_particle_stacks_from_cryosparc_job_directory,
    convert_particle_stacks_from_indexed_cryosparc_file,
    convert_particle_stacks_from_indexed_star_file,
    convert_particle_stacks_from_paired_star_and_mrc_files,
)
from ._descriptor import AtomShape, ImageDescriptor, Precision
from ._mrc import MrcStack, read_mrc
from ._native import VERSION as __version__
from ._native import FormatError
from ._polar import PolarTransform
from ._report import Findings, Summary, VerglasWarning
from ._simulate import SimulatedDataSet, simulate
from ._stack import Stack, load_stack
from ._tables import StarFile, Table, read_cryosparc, read_star
from ._verify import verify
from ._weights import Weights, weights

__all__ = [
    "AtomShape",
    "Findings",
    "FormatError",
    "ImageDescriptor",
    "MrcStack",
    "PolarTransform",
    "Precision",
    "SimulatedDataSet",
    "Stack",
    "StarFile",
    "Summary",
    "Table",
    "VerglasWarning",
    "Weights",
    "__version__",
    "check",
    "convert_particle_stacks_from_cryosparc_job_directory",
    "convert_particle_stacks_from_indexed_cryosparc_file",
    "convert_particle_stacks_from_indexed_star_file",
    "convert_particle_stacks_from_paired_star_and_mrc_files",
    "load_stack",
    "read_cryosparc",
    "read_mrc",
    "read_star",
    "simulate",
    "verify",
    "weights",
]
