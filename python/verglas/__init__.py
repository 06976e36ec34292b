"""Converts cryo-EM particles into polar Fourier stacks and structures into templates, and computes likelihoods of the images.

CryoLike's own functions, with its names, arguments and defaults, so that a script changes only its import:

* :func:`convert_particle_stacks_from_paired_star_and_mrc_files`
* :func:`convert_particle_stacks_from_indexed_star_file`
* :func:`convert_particle_stacks_from_indexed_cryosparc_file`
* :func:`convert_particle_stacks_from_cryosparc_job_directory`
* :class:`ImageDescriptor`
* :func:`make_templates_from_inputs`
* :func:`configure_likelihood_files`, :func:`configure_displacement`, :func:`run_likelihood_optimal_pose`,
  :func:`run_likelihood_full_cross_correlation`, :func:`stitch_log_likelihood_matrices`

Beyond that:

* :func:`templates` and :func:`likelihood` make whole folders, as the command does; :func:`read_results` reads what comes out
* :func:`check`, :func:`check_templates` and :func:`check_likelihood` find everything that would stop a job, :func:`verify` checks
  that its output is complete and unaltered
* :func:`make_templates`, :func:`read_structure`, :func:`read_map`, :func:`ctf`, :func:`displacements`, :func:`compare` and
  :func:`relion_poses` do the same with NumPy arrays, in memory
* :func:`read_star`, :func:`read_cryosparc`, :func:`read_mrc` and :func:`load_stack` read files as NumPy arrays
* :func:`write_star` and :func:`write_mrc` write such files
* :func:`inspect` describes a file, :func:`status` says how far a job is, :func:`report` writes a page about an output folder,
  :func:`export` the rows of chosen particles with results in new columns
* :class:`PolarTransform` is the transform itself, NumPy in and out
* :func:`simulate` makes data with known truth
* :func:`weights` gives the share of each structure, from the log-likelihoods of images

Errors raise ``FileNotFoundError``, ``ValueError``, ``OSError`` or :class:`FormatError` (a ``ValueError``), with the
command's text; hints name the arguments of the functions here. Warnings are :class:`VerglasWarning`; decisions and their
reasons go to ``logging.getLogger("verglas")``.
"""

from ._compare import Comparison, compare, ctf, displacements, relion_poses
from ._convert import (
    check,
    convert_particle_stacks_from_cryosparc_job_directory,
    convert_particle_stacks_from_indexed_cryosparc_file,
    convert_particle_stacks_from_indexed_star_file,
    convert_particle_stacks_from_paired_star_and_mrc_files,
)
from ._cryolike import (
    Displacer,
    LikelihoodFolders,
    configure_displacement,
    configure_likelihood_files,
    make_templates_from_inputs,
    run_likelihood_full_cross_correlation,
    run_likelihood_optimal_pose,
)
from ._descriptor import AtomShape, ImageDescriptor, Precision
from ._export import Exported, export
from ._grids import CartesianGrid, PolarGrid, ViewingAngles
from ._likelihood import LikelihoodSummary, check_likelihood, likelihood
from ._look import Inspection, Page, RunStatus, Status, inspect, report, status
from ._make import Templates, make_templates
from ._mrc import MrcStack, read_mrc
from ._native import VERSION as __version__
from ._native import FormatError
from ._polar import PolarTransform
from ._poses import (
    CrossCorrelation,
    OptimalDisplacement,
    OptimalDisplacementAndRotation,
    OptimalPose,
    OptimalRotation,
    RelionPoses,
)
from ._report import Findings, Summary, VerglasWarning
from ._results import Results, read_results
from ._simulate import SimulatedDataSet, simulate
from ._stack import Stack, load_stack
from ._stitch import stitch_log_likelihood_matrices
from ._structures import DensityMap, Structure, read_map, read_structure
from ._tables import StarFile, Table, read_cryosparc, read_star
from ._templates import TemplateSummary, check_templates, templates
from ._verify import verify
from ._weights import Weights, weights
from ._write import write_mrc, write_star

__all__ = [
    "AtomShape",
    "CartesianGrid",
    "Comparison",
    "CrossCorrelation",
    "DensityMap",
    "Displacer",
    "Exported",
    "Findings",
    "FormatError",
    "ImageDescriptor",
    "Inspection",
    "LikelihoodFolders",
    "LikelihoodSummary",
    "MrcStack",
    "OptimalDisplacement",
    "OptimalDisplacementAndRotation",
    "OptimalPose",
    "OptimalRotation",
    "Page",
    "PolarGrid",
    "PolarTransform",
    "Precision",
    "RelionPoses",
    "Results",
    "RunStatus",
    "SimulatedDataSet",
    "Stack",
    "StarFile",
    "Status",
    "Structure",
    "Summary",
    "Table",
    "TemplateSummary",
    "Templates",
    "VerglasWarning",
    "ViewingAngles",
    "Weights",
    "__version__",
    "check",
    "check_likelihood",
    "check_templates",
    "compare",
    "configure_displacement",
    "configure_likelihood_files",
    "convert_particle_stacks_from_cryosparc_job_directory",
    "convert_particle_stacks_from_indexed_cryosparc_file",
    "convert_particle_stacks_from_indexed_star_file",
    "convert_particle_stacks_from_paired_star_and_mrc_files",
    "ctf",
    "displacements",
    "export",
    "inspect",
    "likelihood",
    "load_stack",
    "make_templates",
    "make_templates_from_inputs",
    "read_cryosparc",
    "read_map",
    "read_mrc",
    "read_results",
    "read_star",
    "read_structure",
    "relion_poses",
    "report",
    "run_likelihood_full_cross_correlation",
    "run_likelihood_optimal_pose",
    "simulate",
    "status",
    "stitch_log_likelihood_matrices",
    "templates",
    "verify",
    "weights",
    "write_mrc",
    "write_star",
]
