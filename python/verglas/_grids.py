"""The grids of a descriptor, with the names that CryoLike's have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


class ViewingAngles(NamedTuple):
    """The directions that templates are seen from; float64 (n,) each, angles in radians.

    The template of a view is F(R·k) with R = R_z(azimus)·R_y(polars)·R_z(gammas), k in the image's plane.

    Attributes:
        azimus: α.
        polars: β, from the z axis.
        gammas: γ, in the image's plane; 0 on these grids.
        weights_viewing: The part of the sphere's area that the view stands for; their sum is 4π.
    """

    azimus: Floats
    polars: Floats
    gammas: Floats
    weights_viewing: Floats

    @property
    def n_angles(self) -> int:
        """How many views there are."""
        return len(self.azimus)


@dataclass(frozen=True, eq=False)
class CartesianGrid:
    """The pixels of an image, as CryoLike's ``CartesianGrid2D``. Axis 0 of an image is called x there, and here.

    Attributes:
        n_pixels: Pixels along each axis: int64 (2,).
        pixel_size: Å per pixel along each axis: float64 (2,).
    """

    n_pixels: Whole
    pixel_size: Floats

    @property
    def n_pixels_total(self) -> int:
        """Pixels of an image."""
        return int(np.prod(self.n_pixels))

    @property
    def box_size(self) -> Floats:
        """The box's sides, Å: float64 (2,)."""
        return self.pixel_size * self.n_pixels

    @property
    def radius(self) -> Floats:
        """Half of them."""
        return self.box_size * 0.5

    @property
    def x_axis(self) -> Floats:
        """Places of the pixels along axis 0, Å: float64 (N,)."""
        return self._axis(0)

    @property
    def y_axis(self) -> Floats:
        """Places of the pixels along axis 1, Å: float64 (N,)."""
        return self._axis(1)

    @property
    def x_pixels(self) -> Floats:
        """``x_axis`` of every pixel: float64 (N, N)."""
        return self._pixels(0)

    @property
    def y_pixels(self) -> Floats:
        """``y_axis`` of every pixel: float64 (N, N)."""
        return self._pixels(1)

    def _axis(self, axis: int) -> Floats:
        return np.linspace(-self.radius[axis], self.radius[axis], int(self.n_pixels[axis]), endpoint=False)

    def _pixels(self, axis: int) -> Floats:
        return np.meshgrid(self.x_axis, self.y_axis, indexing="ij")[axis]


@dataclass(frozen=True, eq=False)
class PolarGrid:
    """The points that Fourier images are sampled at, as CryoLike's uniform ``PolarGrid``.

    Lists of points have n_shells · n_inplanes values, those of the innermost shell first.

    Attributes:
        radius_max: Largest radius, cycles per half box.
        dist_radii: The distance between shells that determines their number.
        n_inplanes: Angles per shell.
        radius_shells: Radii of the shells: float64 (n_shells,).
        weight_shells: Their quadrature weights: float64 (n_shells,).
    """

    radius_max: float
    dist_radii: float
    n_inplanes: int
    radius_shells: Floats
    weight_shells: Floats

    #: All shells have the same angles.
    uniform = True
    #: The angles go all around.
    half_space = False

    @property
    def n_shells(self) -> int:
        """Number of shells."""
        return len(self.radius_shells)

    @property
    def n_points(self) -> int:
        """Number of points."""
        return self.n_shells * self.n_inplanes

    @property
    def n_inplane_shells(self) -> Whole:
        """Angles of each shell: int64 (n_shells,)."""
        return np.full(self.n_shells, self.n_inplanes, np.int64)

    @property
    def theta_shell(self) -> Floats:
        """Angles of the points on a shell, from axis 0, radians: float64 (n_inplanes,)."""
        return np.linspace(0, 2 * np.pi, self.n_inplanes, endpoint=False)

    @property
    def theta_points(self) -> Floats:
        """The angle of each point."""
        return np.tile(self.theta_shell, self.n_shells)

    @property
    def radius_points(self) -> Floats:
        """The radius of each point."""
        return np.repeat(self.radius_shells, self.n_inplanes)

    @property
    def weight_points(self) -> Floats:
        """The weight of each point, which is its shell's over the number of angles."""
        return np.repeat(self.weight_shells, self.n_inplanes) / self.n_inplanes

    @property
    def integration_weight_points(self) -> Floats:
        """What integrates over the disc: float64 (n_shells, n_inplanes); the sum is π · radius_max²."""
        return ((2 * np.pi) ** 2 * self.weight_points).reshape(self.n_shells, self.n_inplanes)

    @property
    def x_points(self) -> Floats:
        """The coordinate of each point along axis 0."""
        return self.radius_points * np.cos(self.theta_points)

    @property
    def y_points(self) -> Floats:
        """The coordinate of each point along axis 1."""
        return self.radius_points * np.sin(self.theta_points)

    @cached_property
    def mask_points(self) -> Floats:
        """The Fourier transform of the box, which CryoLike's likelihoods count pixels with: float64 (n_shells, n_inplanes)."""
        mask = 4.0 * np.sinc(2.0 * self.x_points) * np.sinc(2.0 * self.y_points)
        return mask.reshape(self.n_shells, self.n_inplanes)

    @property
    def mask_integral(self) -> float:
        """The integral of its square."""
        return float(np.sum(np.abs(self.mask_points) ** 2 * self.integration_weight_points))

    def integrate(self, values: npt.ArrayLike) -> npt.NDArray[Any]:
        """Integrates over the disc: (…, n_shells, n_inplanes) or (…, n_points) -> (…).

        As in CryoLike, the result has at least one axis.

        Raises:
            ValueError: the last axes are not those of the grid.
        """
        array = np.asarray(values)
        if array.shape[-2:] == (self.n_shells, self.n_inplanes):
            array = array.reshape(*array.shape[:-2], self.n_points)
        elif array.shape[-1:] != (self.n_points,):
            expected = f"({self.n_shells}, {self.n_inplanes}) or {self.n_points} values"
            raise ValueError(f"an array of shape {array.shape}, expected the last axes to be {expected}")
        return np.atleast_1d(np.sum(array * self.integration_weight_points.reshape(-1), axis=-1))

    def resolution(self, box_size: float | npt.ArrayLike) -> Floats:
        """The resolution at each shell in the unit of ``box_size``, the box's side: float64 (n_shells,)."""
        return np.asarray(box_size, np.float64) / (2.0 * self.radius_shells)
