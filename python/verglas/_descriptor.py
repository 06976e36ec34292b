"""The image descriptor: the grids and scales that images are interpreted with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from ._grids import CartesianGrid, PolarGrid, ViewingAngles
from ._html import table
from ._native import Descriptor
from ._values import at_least_one as at_least_one
from ._values import count as count
from ._values import number as number
from ._values import numbers, plain, show, word
from ._values import pair as pair

#: What names a file.
PathLike = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]


class Precision(str, Enum):
    """Precision of Fourier images: complex64 or complex128."""

    SINGLE = "single"
    DOUBLE = "double"


class AtomShape(str, Enum):
    """Shape of an atom in templates; changes nothing in image conversion."""

    GAUSSIAN = "gaussian"
    HARD_SPHERE = "hard-sphere"


class ImageDescriptor:
    """The grids and scales of a data set's images; it can't be changed.

    Made by :meth:`from_individual_values`, :meth:`from_dict` or :meth:`load`; the files have CryoLike's format.

    Pixel [a, b] of an N × N image lies at (a − ⌊N/2⌋, b − ⌊N/2⌋); axis 0 is the slow axis of an MRC section (y). The
    Fourier transform is sampled at ``radii`` (cycles per half box, N/4 is Nyquist) and at ``n_inplanes`` angles, of which
    angle 0 lies along axis 0.

    Two descriptors are equal if all their values are; they are compatible if their grids are equal.
    """

    __slots__ = ("_native",)
    _native: Descriptor

    def __init__(self) -> None:
        raise TypeError("ImageDescriptor is made by from_individual_values, from_dict or load")

    @classmethod
    def _of(cls, native: Descriptor) -> ImageDescriptor:
        self = object.__new__(cls)
        object.__setattr__(self, "_native", native)
        return self

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an ImageDescriptor can't be changed (setting {name!r}); make another one")

    @classmethod
    def from_individual_values(
        cls,
        n_pixels: int,
        pixel_size: float | npt.ArrayLike,
        precision: str | Precision | Enum = Precision.SINGLE,
        resolution_factor: float = 1.0,
        viewing_distance: float | None = None,
        n_inplanes: int | None = None,
        atom_radii: float | None = None,
        atom_selection: str | None = "name CA",
        use_protein_residue_model: bool = True,
        atom_shape: str | AtomShape | Enum = AtomShape.GAUSSIAN,
    ) -> ImageDescriptor:
        """Makes a descriptor from base values: largest radius F·N/4, shells 0.25 apart.

        Args:
            n_pixels: Box side N, pixels.
            pixel_size: Å per pixel, or two such numbers, along axis 0 (y) and axis 1 (x).
            precision: ``"single"`` or ``"double"``; CryoLike's own ``Precision`` also works.
            resolution_factor: Largest radius as a fraction F of Nyquist, in (0, 1].
            viewing_distance: Distance between viewing directions of templates; 1/(4πF) if not given.
            n_inplanes: Angles per shell; 2N if not given.
            atom_radii: Radius of an atom in templates, Å.
            atom_selection: Which atoms of a model templates are made from.
            use_protein_residue_model: Whether templates are made from residues instead of atoms.
            atom_shape: ``"gaussian"`` or ``"hard-sphere"``; CryoLike's own ``AtomShape`` also works.

        Raises:
            ValueError: a value is out of its range.
        """
        values = {
            "viewing_distance": viewing_distance,
            "atom_radii": atom_radii,
            "atom_selection": atom_selection,
            "use_protein_residue_model": use_protein_residue_model,
            "atom_shape": atom_shape,
        }
        return cls._of(
            Descriptor.from_base_values(
                count(n_pixels, "n_pixels"),
                pair(pixel_size, "pixel_size"),
                _precision(precision),
                float(resolution_factor),
                None if n_inplanes is None else count(n_inplanes, "n_inplanes"),
                _template(values),
            )
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ImageDescriptor:
        """Makes a descriptor from the result of :meth:`to_dict`, ours or CryoLike's. Other keys are ignored.

        Raises:
            ValueError: a key is missing, or a value is out of its range.
            TypeError: it is not a dict.
        """
        if not isinstance(data, Mapping):
            raise TypeError(f"expected a dict, found {type(data).__name__}")
        missing = [key for key in _GRID_KEYS if data.get(key) is None]
        if missing:
            raise ValueError(f"has no {', '.join(f'`{key}`' for key in missing)}; is it an image descriptor?")
        sides = np.unique(numbers(data["n_pixels"], "n_pixels"))
        if sides.size != 1:
            raise ValueError(f"n_pixels is {show(data['n_pixels'])}, expected the same for both axes: images are square")
        return cls._of(
            Descriptor.from_grids(
                count(sides[0], "n_pixels"),
                pair(data["pixel_size"], "pixel_size"),
                number(data["radius_max"], "radius_max"),
                number(data["dist_radii"], "dist_radii"),
                count(data["n_inplanes"], "n_inplanes"),
                _precision(data["precision"]),
                _template(data),
            )
        )

    @classmethod
    def ensure(cls, input: object) -> ImageDescriptor:
        """The descriptor itself, or the one in the file of this path; CryoLike's become ours."""
        if isinstance(input, ImageDescriptor):
            return input
        if isinstance(input, (str, bytes, os.PathLike)):
            return cls.load(input)
        return cls._of(native_descriptor(input))

    @classmethod
    def load(cls, filename: PathLike) -> ImageDescriptor:
        """Reads a descriptor file (``.npz``), CryoLike's or ours, or a stack's metadata. Nothing is unpickled.

        Raises:
            FileNotFoundError, OSError: the file can't be read.
            FormatError: it is not a descriptor, or a value is out of its range.
        """
        return cls._of(Descriptor.load(os.fsdecode(filename)))

    def save(self, filename: PathLike, overwrite: bool = False) -> None:
        """Writes a descriptor file that CryoLike reads. ``.npz`` is appended to a name without this ending.

        Raises:
            ValueError: the file already exists, and ``overwrite`` is not set.
            OSError: the file can't be written. It appears under its name only when it is whole.
        """
        path = os.fsdecode(filename)
        if not path.endswith(".npz"):
            path += ".npz"
        if os.path.exists(path) and not overwrite:
            raise ValueError(f"`{path}` already exists\nhint: choose another name, or replace it with overwrite=True")
        self._native.save(path)

    def to_dict(self) -> dict[str, Any]:
        """All values under the names that they have in descriptor files.

        ``n_pixels`` is an int64 array (2,), ``pixel_size`` a float64 array (2,), Å; absent values are ``None``.
        """
        return {
            "n_pixels": np.array([self.n_pixels] * 2, np.int64),
            "pixel_size": self.pixel_size,
            "radius_max": self.radius_max,
            "dist_radii": self.dist_radii,
            "n_inplanes": self.n_inplanes,
            "precision": self._native.precision,
            "viewing_distance": self.viewing_distance,
            "atom_radii": self.atom_radii,
            "atom_selection": self.atom_selection,
            "use_protein_residue_model": self.use_protein_residue_model,
            "atom_shape": self._native.atom_shape,
        }

    def print(self) -> None:
        """Prints all values, one per line, in the order and with the names of CryoLike's."""
        grid = self.cartesian_grid
        values = {"n_voxels": grid.n_pixels, "voxel_size": grid.pixel_size, "box_size": grid.box_size, **self.to_dict()}
        print("Parameters:")
        for name, value in values.items():
            if name not in ("n_pixels", "pixel_size"):
                print(f"{name}: {value}")

    def is_compatible_with(self, other: object) -> bool:
        """Whether both have the same Cartesian and polar grids, to the last bit; nothing else counts.

        ``other`` is a descriptor, ours or CryoLike's.
        """
        return self._native.is_compatible_with(native_descriptor(other))

    def is_compatible_with_pdb(self) -> bool:
        """Whether templates can be made from atoms: their radius or the residue model is given."""
        return self.use_protein_residue_model if self.atom_radii is None else self.atom_radii > 0

    def get_3d_box_size(self) -> npt.NDArray[np.float64]:
        """The sides of the box of a map, Å: float64 (3,).

        Raises:
            ValueError: pixels are not square, so the third side is unknown.
        """
        y, x = self.box_size
        if x != y:
            raise ValueError(f"the box is {y} × {x} Å, expected a square one: its third side is unknown")
        return np.full(3, y)

    @property
    def cartesian_grid(self) -> CartesianGrid:
        """The pixels, with the attributes of CryoLike's grid."""
        return CartesianGrid(np.array([self.n_pixels] * 2, np.int64), self.pixel_size)

    @property
    def polar_grid(self) -> PolarGrid:
        """The points of the Fourier images, with the attributes of CryoLike's grid."""
        return PolarGrid(self.radius_max, self.dist_radii, self.n_inplanes, self.radii, self.weights)

    @property
    def viewing_angles(self) -> ViewingAngles:
        """The views of templates that are ``viewing_distance`` apart, without symmetry.

        Raises:
            ValueError: the descriptor has no viewing distance.
        """
        views = self._native.views()
        if views is None:
            raise ValueError("the descriptor has no viewing_distance, which the viewing angles follow from")
        return ViewingAngles(*views)

    @property
    def box_size(self) -> npt.NDArray[np.float64]:
        """The box's sides along axis 0 (y) and axis 1 (x), Å: float64 (2,)."""
        return self.pixel_size * self.n_pixels

    @property
    def n_pixels(self) -> int:
        """Box side N, pixels."""
        return self._native.n_pixels

    @property
    def pixel_size(self) -> npt.NDArray[np.float64]:
        """Å per pixel along axis 0 (y) and axis 1 (x): float64 (2,)."""
        return np.array(self._native.pixel_size)

    @property
    def radius_max(self) -> float:
        """Largest radius R of the polar grid, cycles per half box."""
        return self._native.radius_max

    @property
    def dist_radii(self) -> float:
        """The distance between shells that determines their number."""
        return self._native.dist_radii

    @property
    def n_shells(self) -> int:
        """Number of shells S = 1 + ⌈R / dist_radii⌉."""
        return self._native.n_shells

    @property
    def n_inplanes(self) -> int:
        """Number of angles on each shell: θ_j = 2πj / n_inplanes."""
        return self._native.n_inplanes

    @property
    def radii(self) -> npt.NDArray[np.float64]:
        """Radii of the shells, increasing: float64 (S,), cycles per half box."""
        return self._native.radii

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """Quadrature weights of the shells, CryoLike's ``weight_shells``: float64 (S,).

        The integration weight of a point is (2π)² · weight / n_inplanes.
        """
        return self._native.shell_weights

    @property
    def precision(self) -> Precision:
        """Precision of the Fourier images."""
        return Precision(self._native.precision)

    @property
    def viewing_distance(self) -> float | None:
        """Distance between viewing directions of templates."""
        return self._native.viewing_distance

    @property
    def atom_radii(self) -> float | None:
        """Radius of an atom in templates, Å."""
        return self._native.atom_radii

    @property
    def atom_selection(self) -> str | None:
        """Which atoms of a model templates are made from."""
        return self._native.atom_selection

    @property
    def use_protein_residue_model(self) -> bool:
        """Whether templates are made from residues instead of atoms."""
        return self._native.use_protein_residue_model

    @property
    def atom_shape(self) -> AtomShape:
        """Shape of an atom in templates."""
        return AtomShape(self._native.atom_shape)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ImageDescriptor):
            return NotImplemented
        return self._native == other._native

    def __hash__(self) -> int:
        return hash((self.n_pixels, self._native.pixel_size, self.radius_max, self.n_inplanes, self._native.precision))

    def __reduce__(self) -> tuple[Any, ...]:
        return ImageDescriptor.from_dict, (self.to_dict(),)

    def _repr_html_(self) -> str:
        return table("Image descriptor", [*self.to_dict().items(), ("n_shells", self.n_shells)])

    def __repr__(self) -> str:
        y, x = self._native.pixel_size
        return (
            f"ImageDescriptor({self.n_pixels} px of {y if x == y else f'{y} × {x}'} Å, {self.n_shells} shells to radius "
            f"{self.radius_max} × {self.n_inplanes} angles, {self._native.precision} precision)"
        )


_GRID_KEYS = ("n_pixels", "pixel_size", "radius_max", "dist_radii", "n_inplanes", "precision")


def native_descriptor(descriptor: object) -> Descriptor:
    """The native part of our descriptor, or one made from another's ``to_dict()``."""
    if isinstance(descriptor, ImageDescriptor):
        return descriptor._native
    to_dict = getattr(descriptor, "to_dict", None)
    if not callable(to_dict):
        raise TypeError(f"expected an image descriptor, found {type(descriptor).__name__}")
    data = to_dict()
    if not isinstance(data, Mapping):
        raise TypeError(f"to_dict() of {type(descriptor).__name__} gives {type(data).__name__}, expected a dict")
    return ImageDescriptor.from_dict(data)._native


def parameters(params_input: object) -> Descriptor | str | None:
    """The native part of what CryoLike calls ``params_input``: a descriptor, or the path of its file."""
    if params_input is None:
        return None
    if isinstance(params_input, (str, bytes, os.PathLike)):
        return os.fsdecode(params_input)
    return native_descriptor(params_input)


def _precision(value: Any) -> str:
    name = word(value, "precision")
    # CryoLike's third value leaves it to whoever reads it; single is what it makes of images then.
    return "single" if name in ("default", "") else name


def _template(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that only templates use; absent ones may be missing, ``None`` or empty."""

    def optional(key: str) -> Any:
        value = values.get(key)
        return None if value is None else plain(value)

    distance, radii, selection = optional("viewing_distance"), optional("atom_radii"), optional("atom_selection")
    residues, shape = optional("use_protein_residue_model"), optional("atom_shape")
    return {
        "viewing_distance": None if distance is None else number(distance, "viewing_distance"),
        "atom_radii": None if radii is None else number(radii, "atom_radii"),
        "atom_selection": None if selection is None else str(selection),
        "use_protein_residue_model": True if residues is None else bool(residues),
        "atom_shape": AtomShape.GAUSSIAN.value if shape is None else word(shape, "atom_shape"),
    }
