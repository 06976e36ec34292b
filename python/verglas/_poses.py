"""Results of a comparison, by CryoLike's and RELION's names."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Places = npt.NDArray[np.int64]


class OptimalPose(NamedTuple):
    """The best pose of each image, by CryoLike's names: (n,) each; lengths in Å, angles in radians.

    Attributes:
        cross_correlation_M: Its correlation.
        optimal_template_M: The view's place, int64.
        optimal_displacement_x_M: Displacement along image axis 0, before it is turned.
        optimal_displacement_y_M: The same along axis 1.
        optimal_inplane_rotation_M: The rotation, 2πw/P.
    """

    cross_correlation_M: Floats
    optimal_template_M: Places
    optimal_displacement_x_M: Floats
    optimal_displacement_y_M: Floats
    optimal_inplane_rotation_M: Floats


class OptimalDisplacementAndRotation(NamedTuple):
    """The best displacement and rotation of each image with each template, by CryoLike's names: (n, views) each."""

    cross_correlation_MS: Floats
    optimal_displacement_x_MS: Floats
    optimal_displacement_y_MS: Floats
    optimal_inplane_rotation_MS: Floats


class OptimalDisplacement(NamedTuple):
    """The best displacement of each image with each template at each rotation, by CryoLike's names: (n, views, P) each."""

    cross_correlation_MSw: Floats
    optimal_displacement_x_MSw: Floats
    optimal_displacement_y_MSw: Floats


class OptimalRotation(NamedTuple):
    """The best rotation of each image with each template at each displacement, by CryoLike's names: (n, views, D) each."""

    cross_correlation_MSd: Floats
    optimal_inplane_rotation_MSd: Floats


class CrossCorrelation(NamedTuple):
    """All correlations, by CryoLike's name: (n, views, D, P)."""

    cross_correlation_MSdw: Floats


class RelionPoses(NamedTuple):
    """Poses in RELION's convention: float64 (n,) each, by the names of ``results.csv``."""

    rot_deg: npt.NDArray[np.float64]
    tilt_deg: npt.NDArray[np.float64]
    psi_deg: npt.NDArray[np.float64]
    origin_x_angstrom: npt.NDArray[np.float64]
    origin_y_angstrom: npt.NDArray[np.float64]
