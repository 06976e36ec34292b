"""Images against templates, NumPy in and out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _native
from ._descriptor import ImageDescriptor, at_least_one, native_descriptor, number
from ._html import table
from ._job_options import CompareOptions, right_settings, two_counts, with_compare_options
from ._grids import ViewingAngles
from ._make import Templates
from ._native import FormatError
from ._polar import n_cores
from ._poses import (
    CrossCorrelation,
    Floats,
    OptimalDisplacement,
    OptimalDisplacementAndRotation,
    OptimalPose,
    OptimalRotation,
    Places,
    RelionPoses,
)
from ._progress import Progress, listener
from ._report import warn_all
from ._sizes import n_bytes
from ._stack import Stack

if TYPE_CHECKING:
    from typing import Literal

    from typing_extensions import Unpack

DEFAULT_MEMORY_BYTES = 2 << 30


def displacements(
    descriptor: object, max_displacement: float = 8.0, displacements: int | tuple[int, int] = 17
) -> npt.NDArray[np.float64]:
    """The displacements that templates are moved by: (2, D), Å, along image axis 0 and axis 1, axis 0 fastest.

    If one of the two counts is even, (0, 0) is appended: 16 × 16 gives 257.

    Args:
        descriptor: The images' descriptor, for the pixel size.
        max_displacement: How far along each axis, pixels.
        displacements: How many along each axis, or along axis 0 and axis 1; 1 means none.

    Raises:
        ValueError: a number is out of its range.

    Example:
        >>> displacements(ImageDescriptor.from_individual_values(8, 1.5), 2, 3)[:, :3]
        array([[-3.,  0.,  3.],
               [-3., -3., -3.]])
    """
    pixel_size = float(ImageDescriptor._of(native_descriptor(descriptor)).pixel_size[0])
    n_0, n_1 = two_counts(displacements)
    return _native.displacement_set(number(max_displacement, "max_displacement"), pixel_size, n_0, n_1)


def ctf(
    stack_or_metadata: Stack | Mapping[str, Any] | object,
    descriptor: object = None,
    *,
    defocus_angle_axis: Literal["columns", "rows"] | None = None,
    as_cryolike: bool = False,
) -> npt.NDArray[np.float64]:
    """The contrast transfer of images on the polar grid: (n, S, n_inplanes), float64.

    C = [√(1 − Q²)·sin χ + Q·cos χ]·exp(−B q²/4); docs/math.md has χ.

    Args:
        stack_or_metadata: A stack; or its metadata, a dict of arrays: ``defocusU``, ``defocusV`` (Å), ``defocusAngle`` (radians),
            ``voltage`` (kV), ``sphericalAberration`` (mm), ``amplitudeContrast``, and, 0 where absent, ``phaseShift`` (radians)
            and ``ctfBfactor`` (Å²), one number or one for each image; or an object with these attributes, as CryoLike's
            ``LensDescriptor``.
        descriptor: The grid; by default the stack's own.
        defocus_angle_axis: Axis that the angles are measured from; by default what the metadata say (``defocusAngle_axis``), otherwise
            ``"columns"``, as RELION and CryoSPARC write them.
        as_cryolike: As CryoLike computes it: angles as stored, |U − V|, no B-factor.

    Raises:
        FormatError: a value is missing, or the number of values is not that of the images.
        ValueError: a value is out of its range; the text names the image.
    """
    if isinstance(stack_or_metadata, Stack):
        metadata: Any = stack_or_metadata.metadata
        descriptor = stack_or_metadata.descriptor if descriptor is None else descriptor
    else:
        metadata = stack_or_metadata
    if descriptor is None:
        raise ValueError("descriptor is None, expected the images' descriptor")

    def value(name: str) -> Any:
        return metadata.get(name) if isinstance(metadata, Mapping) else getattr(metadata, name, None)

    def column(name: str, n: int | None, absent: float | None = None) -> npt.NDArray[np.float64]:
        given = value(name)
        numbers = None if given is None else np.asarray(given, np.float64).reshape(-1)
        if numbers is None or numbers.size == 0:
            if absent is None:
                raise FormatError(f"the metadata have no `{name}`")
            numbers = np.array([absent])
        if n is not None and numbers.size == 1:
            numbers = np.full(n, numbers[0])
        if n is not None and numbers.size > n and isinstance(stack_or_metadata, Stack):
            numbers = numbers[stack_or_metadata.first_image :][:n]
        if n is not None and numbers.size != n:
            raise FormatError(f"`{name}` has {numbers.size} values for {n} images")
        return np.ascontiguousarray(numbers)

    defocus_u = column("defocusU", None)
    n = len(defocus_u)
    axis = defocus_angle_axis or str(np.asarray(value("defocusAngle_axis") if value("defocusAngle_axis") is not None else "columns"))
    if axis not in ("columns", "rows"):
        raise ValueError(f"defocus_angle_axis is {axis!r}, expected 'columns' or 'rows'")
    values = {
        "defocus_u": defocus_u,
        "defocus_v": column("defocusV", n),
        "defocus_angle": column("defocusAngle", n),
        "voltage": column("voltage", n),
        "spherical_aberration": column("sphericalAberration", n),
        "amplitude_contrast": column("amplitudeContrast", n),
        "phase_shift": column("phaseShift", n, 0.0),
        "b_factor": column("ctfBfactor", n, 0.0),
        "is_from_rows": axis == "rows",
        "as_cryolike": bool(as_cryolike),
    }
    return _native.contrast_transfer(native_descriptor(descriptor), values)


class Comparison:
    """Images compared with the templates of one structure; returned by :func:`compare`.

    What needs all correlations (:meth:`optimal_displacement`, :meth:`optimal_rotation`, :meth:`complete`) is computed on
    each call. Correlations have the templates' precision, log-likelihoods are float64.

    Attributes:
        displacements: Those that were tried: (2, D), Å.
        optimal: Log-likelihood at the best pose, of a right likelihood between the grid's: float64 (n,).
        integrated: Log-likelihood over all poses, the mean over them: float64 (n,); ``None`` if not requested.
        smallest_cross_correlation: The smallest correlation of each image: larger in magnitude than the best one if the contrast is
            inverted; float64 (n,).
        is_without_noise: Where 1 − cc² is too small to be anything but rounding: bool (n,).
        columns: Of a right likelihood what ``results.csv`` says of each image, by the names of its columns, as ``log_likelihood_grid``,
            ``n_modes``, ``log_odds_particle``, ``at_edge`` (0 or 1); and ``is_between``, ``is_inverted``, ``audit_difference``: float64
            (n,) each, NaN where there is nothing; else empty.
        poses: Of a right likelihood between the grid's poses the best of each image; else ``None``.
        noise_spectrum: Of a right likelihood σ² of the noise on each shell, its logarithms' mean 0: float64 (S,); else ``None``.
        particle_scale: Scale of the particles against the noise's standard deviation; ``None`` where it is not known.
        particle_share: Which share of the images shows a particle; ``None`` where it is not known.
    """

    def __init__(self, call: _Call) -> None:
        self._call = call
        self._pairs: dict[str, Any] | None = None
        self.displacements = call.displacements
        self.columns: dict[str, npt.NDArray[np.float64]] = {}
        self.poses: RelionPoses | None = None
        self.noise_spectrum: npt.NDArray[np.float64] | None = None
        self.particle_scale: float | None = None
        self.particle_share: float | None = None
        if call.right is None:
            found = self._pairs = call.run("pairs")
            self.optimal: npt.NDArray[np.float64] = found["optimal"]
            self.integrated: npt.NDArray[np.float64] | None = found["integrated"] if call.integrated else None
        else:
            found = call.run_right()
            self.columns = found["columns"]
            self.optimal = self.columns.pop("log_likelihood_optimal")
            integrated = self.columns.pop("log_likelihood_integrated")
            self.integrated = integrated if call.integrated else None
            angles = [self.columns.pop(name) for name in RelionPoses._fields]
            if call.is_refined:
                self.poses = RelionPoses(*angles)
            self.noise_spectrum = call.noise = found["noise"]
            self.particle_scale, self.particle_share = found["particle_scale"], found["particle_share"]
        self._found = found
        self.smallest_cross_correlation: npt.NDArray[np.float64] = found["smallest_cross_correlation"]
        self.is_without_noise: npt.NDArray[np.bool_] = found["is_without_noise"]

    def _of_pairs(self) -> dict[str, Any]:
        """The same with each template; of a right likelihood, searched when somebody asks."""
        if self._pairs is None:
            if self._call.right is not None and self._call.right["known"] is not None:
                raise ValueError("near known poses nothing is known of each template: search all poses for that")
            self._pairs = self._call.run_right(pairs=True)
        return self._pairs

    @property
    def log_likelihood(self) -> npt.NDArray[np.float64] | None:
        """Log-likelihood with each template, over the grid's displacements and rotations: float64 (n, views); ``None`` if likelihoods
        were not to be integrated."""
        return self._of_pairs()["pair_log_likelihood"] if self._call.integrated else None

    def __len__(self) -> int:
        return len(self.optimal)

    def __repr__(self) -> str:
        return f"Comparison({len(self)} images, {self._call.n_views} views, {self.displacements.shape[1]} displacements)"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, Any]] = [("views", self._call.n_views), ("displacements", self.displacements.shape[1])]
        if len(self):
            rows.append(("median of the best correlations", f"{np.median(self._found['cross_correlation']):.4f}"))
        return table(f"{len(self)} images compared", rows)

    def _moved(self, places: Places, axis: int) -> Floats:
        moved: Floats = self.displacements[axis][places].astype(self._call.real)
        return moved

    def _turned(self, places: Places) -> Floats:
        turned: Floats = (2 * np.pi * places / self._call.n_inplanes).astype(self._call.real)
        return turned

    def optimal_pose(self) -> OptimalPose:
        """The grid's best pose of each image: that of the largest correlation, or of a right likelihood of the largest log-likelihood; of
        equals, the lowest template, then displacement, then rotation."""
        found = self._found
        return OptimalPose(
            found["cross_correlation"].astype(self._call.real),
            found["template"],
            self._moved(found["displacement"], 0),
            self._moved(found["displacement"], 1),
            self._turned(found["rotation"]),
        )

    def optimal_displacement_and_rotation(self) -> OptimalDisplacementAndRotation:
        """The best displacement and rotation of each image with each template."""
        found = self._of_pairs()
        return OptimalDisplacementAndRotation(
            found["pair_cross_correlation"].astype(self._call.real),
            self._moved(found["pair_displacement"], 0),
            self._moved(found["pair_displacement"], 1),
            self._turned(found["pair_rotation"]),
        )

    def optimal_displacement(self) -> OptimalDisplacement:
        """The best displacement of each image with each template at each rotation.

        Raises:
            MemoryError: there is too little memory for the results.
        """
        found = self._call.run("displacements")
        return OptimalDisplacement(found["values"], self._moved(found["places"], 0), self._moved(found["places"], 1))

    def optimal_rotation(self) -> OptimalRotation:
        """The best rotation of each image with each template at each displacement.

        Raises:
            MemoryError: there is too little memory for the results.
        """
        found = self._call.run("rotations")
        return OptimalRotation(found["values"], self._turned(found["places"]))

    def complete(self) -> CrossCorrelation:
        """All correlations.

        Raises:
            MemoryError: there is too little memory for them.
        """
        return CrossCorrelation(self._call.run("complete")["values"])


class _Call:
    """Arrays that were checked, and how they are compared."""

    def __init__(
        self,
        images: npt.NDArray[Any],
        templates: npt.NDArray[Any],
        weights: npt.NDArray[np.float64],
        contrast: npt.NDArray[np.float64] | None,
        displacements: npt.NDArray[np.float64],
        descriptor: ImageDescriptor,
        options: Mapping[str, Any],
    ) -> None:
        self.images, self.templates, self.weights, self.contrast = images, templates, weights, contrast
        self.displacements, self.descriptor, self.options = displacements, descriptor, options
        self.integrated = bool(options["integrated"])
        self.right: dict[str, Any] | None = options["right"]
        # σ² on each shell, where it is given or was found.
        self.noise: npt.NDArray[np.float64] | None = options["sigma2"]
        self.is_refined = False
        self.n_views, _, self.n_inplanes = templates.shape
        self.real = np.dtype(np.float32 if templates.dtype == np.complex64 else np.float64)

    def run(self, reduction: str) -> dict[str, Any]:
        settings = {
            "displacements": self.displacements.T.tolist(),
            "as_cryolike": bool(self.options["as_cryolike"]),
            "degrees_of_freedom": self.options["degrees_of_freedom"],
            "noise": None if self.noise is None else self.noise.tolist(),
            "integrated": self.integrated and reduction == "pairs",
            "reduction": reduction,
            "threads": self.options["threads"],
            "memory": self.options["memory"],
        }
        total = len(self.images) * self.n_views * self.displacements.shape[1]
        with listener(self.options["progress"], total, "comparisons") as tell:
            return _native.compare(
                self.descriptor._native, (self.images, self.templates), self.weights, self.contrast, settings, tell
            )

    def run_right(self, pairs: bool = False) -> dict[str, Any]:
        """A right likelihood; with ``pairs``, of all poses with each template."""
        assert self.right is not None
        words = self.right["right"]
        if pairs:
            # What was found stays, as `sigma2` says of the noise; poses of all templates are those of the grid.
            words = {**words, "prune": None, "prune_z": None, "audit": None, "exhaustive": True, "integral": "grid", "noise": "white"}
        settings = {
            **self.right,
            "right": words,
            "displacements": self.displacements.T.tolist(),
            "integrated": self.integrated,
            "pairs": pairs,
            "sigma2": None if self.noise is None else self.noise.tolist(),
            "threads": self.options["threads"],
            "memory": self.options["memory"],
        }
        total = len(self.images) * self.n_views * self.displacements.shape[1]
        with listener(self.options["progress"], total, "comparisons") as tell:
            found = _native.compare_right(
                self.descriptor._native, (self.images, self.templates), self.weights, self.contrast, settings, tell
            )
        if not pairs:
            warn_all(found["warnings"])
            self.is_refined = bool(found["is_refined"])
        return found


@with_compare_options
def compare(
    images: Stack | npt.ArrayLike,
    templates: Templates | npt.ArrayLike,
    ctf: npt.ArrayLike | None = None,
    displacements: npt.ArrayLike | None = None,
    *,
    descriptor: object = None,
    weights_viewing: npt.ArrayLike | None = None,
    integrated: bool = True,
    likelihood: Literal["right", "plain"] = "plain",
    poses: RelionPoses | npt.ArrayLike | None = None,
    as_cryolike: bool = False,
    threads: int | None = None,
    memory: int | str | None = None,
    progress: Progress = None,
    **options: Unpack[CompareOptions],
) -> Comparison:
    """Compares each image with each template, displaced and turned; docs/math.md has the formulas.

    Contiguous arrays of the templates' precision are read in place. They must not change while
    the comparison is used.

    Args:
        images: Fourier images: (n, S, n_inplanes), complex, of any norm; or a stack.
        templates: What :func:`make_templates` gives; or an array (views, S, n_inplanes), complex, with ``descriptor``.
        ctf: The contrast transfer of each image, (n, S, n_inplanes) or (S, n_inplanes) for all, real, as :func:`ctf` gives it;
            ``None``: 1.
        displacements: (2, D) in Å, as :func:`displacements` gives them; ``None``: none but (0, 0).
        descriptor: The grid; the templates' own if not given.
        weights_viewing: The weight of each view, (views,); the templates' own if not given, equal ones for an array.
        integrated: Whether likelihoods are integrated over poses.
        likelihood: ``"plain"``: of white noise, scales of both signs, poses of the grid; ``"right"``: a difference of one nat is one. The
            noise's spectrum and the particles' scale are then found from the images themselves, and poses between the grid's are looked at
            where the templates come from :func:`make_templates` or a folder that says what they were made of.
        poses: What is known of each image's pose, for ``poses_from``: as :func:`relion_poses` gives them, or an array (n, 5) of rot, tilt and
            psi in degrees, x and y of the origin in Å; NaN where nothing is known. The stack's own if not given.
        as_cryolike: Compare as CryoLike does, where that differs; pass the contrast transfer of ``ctf(…, as_cryolike=True)``.
        threads: Threads that compute; all cores if not given. The results do not depend on it.
        memory: Upper bound for buffers, without results, inputs and, of a right likelihood, copies of ``noise_images`` images: bytes, or a text such as ``"512M"``; 2 GiB if not given.
        progress: ``True`` for a tqdm bar, or a function that is called with the work done and the total, in images × templates ×
            displacements.
        (options)

    Raises:
        ValueError: shapes don't fit, a value is not finite, or an image or template is 0 or constant; the text says which. Parts of a
            right likelihood that was not asked for; poses that are wanted and not known.
        MemoryError: there is too little memory, or more is needed than is allowed.
        KeyboardInterrupt: Ctrl-C.
    """
    # σ² of each shell, in place of a file of it.
    noise = options["noise"]
    sigma2 = None if noise is None or isinstance(noise, (str, os.PathLike)) else np.array(noise, np.float64)
    if sigma2 is not None:
        options = {**options, "noise": "white"}
    words = right_settings({**options, "likelihood": likelihood})
    if likelihood not in ("right", "plain"):
        raise ValueError(f"likelihood is {likelihood!r}, expected 'right' or 'plain'")
    _native.check_right(words, bool(as_cryolike))
    if isinstance(templates, Templates):
        descriptor = templates.descriptor if descriptor is None else descriptor
        weights = templates.viewing_angles.weights_viewing if weights_viewing is None else weights_viewing
        of_templates: Any = templates.fourier
    else:
        of_templates = np.asarray(templates)
        weights = np.ones(len(of_templates)) if weights_viewing is None else weights_viewing
    if descriptor is None:
        raise ValueError("descriptor is None, expected the images' descriptor: an array of templates doesn't have one")
    known = ImageDescriptor._of(native_descriptor(descriptor))
    of_templates = _complex(of_templates, known, "templates")
    pictures = images.fourier if isinstance(images, Stack) else np.asarray(images)
    if isinstance(images, Stack) and not images.descriptor.is_compatible_with(known):
        raise ValueError(f"`{images.path}` has other grids than the templates: {images.descriptor!r}, not {known!r}")
    pictures = _complex(pictures, known, "images", of_templates.dtype)
    view_weights = np.ascontiguousarray(weights, np.float64).reshape(-1)
    if len(view_weights) != len(of_templates):
        raise ValueError(f"{len(view_weights)} weights for {len(of_templates)} templates")
    contrast = None
    if ctf is not None:
        given = np.asarray(ctf)
        if given.dtype.kind not in "fiu" or given.shape not in (pictures.shape, pictures.shape[1:]):
            raise ValueError(
                f"ctf is {given.dtype} of shape {given.shape}, expected real numbers of shape {pictures.shape} or {pictures.shape[1:]}"
            )
        contrast = np.ascontiguousarray(np.broadcast_to(given, pictures.shape), np.float64)
    moved = np.zeros((2, 1)) if displacements is None else np.array(displacements, np.float64)
    if moved.ndim != 2 or moved.shape[0] != 2 or moved.shape[1] == 0:
        raise ValueError(f"displacements have shape {moved.shape}, expected (2, D)")
    right = None
    if likelihood == "right":
        right = {"right": words, **_of_templates(templates, words), "known": _known(poses, images, len(pictures), words["poses_from"])}
    elif poses is not None:
        raise ValueError("poses are given: a part of likelihood='right', which was not asked for")
    if sigma2 is not None and sigma2.shape != (known.n_shells,):
        raise ValueError(f"noise has shape {sigma2.shape}, expected ({known.n_shells},): σ² on each shell")
    values = {
        "right": right,
        "sigma2": sigma2,
        "degrees_of_freedom": options["degrees_of_freedom"],
        "integrated": integrated,
        "as_cryolike": as_cryolike,
        "threads": n_cores() if threads is None else at_least_one(threads, "threads"),
        "memory": DEFAULT_MEMORY_BYTES if memory is None else n_bytes(memory),
        "progress": progress,
    }
    return Comparison(_Call(pictures, of_templates, view_weights, contrast, moved, known, values))


def _of_templates(templates: Templates | npt.ArrayLike, words: Mapping[str, Any]) -> dict[str, Any]:
    """What a right likelihood asks of templates: where they lie, and what they were made of."""
    if isinstance(templates, Templates):
        views = templates.viewing_angles
        angles = [np.ascontiguousarray(angle, np.float64) for angle in (views.azimus, views.polars, views.gammas)]
        return {"views": angles, "symmetry": templates.symmetry, "axis_order": templates.axis_order, "between": templates._between}
    if words["poses_from"] not in (None, "search"):
        raise ValueError("templates are an array, whose views are not known, and poses near known ones are wanted: give what make_templates gives")
    return {"views": None, "symmetry": "C1", "axis_order": None, "between": None}


def _known(
    poses: RelionPoses | npt.ArrayLike | None, images: Stack | npt.ArrayLike, n: int, poses_from: str | None
) -> npt.NDArray[np.float64] | None:
    """What is known of poses, if it is wanted: (n, 5)."""
    if poses_from in (None, "search"):
        if poses is not None:
            raise ValueError("poses are given, and poses_from is 'search', expected 'source' or 'source,search'")
        return None
    if isinstance(poses, RelionPoses):
        known = np.stack([np.asarray(column, np.float64) for column in poses], axis=1)
    elif poses is not None:
        known = np.array(poses, np.float64)
    elif isinstance(images, Stack):
        known = images._poses()
    else:
        raise ValueError(f"poses_from is {poses_from!r}, and images are an array: give their poses")
    if known.shape != (n, 5):
        raise ValueError(f"poses have shape {known.shape}, expected ({n}, 5)")
    return np.ascontiguousarray(known)


def _complex(values: Any, descriptor: ImageDescriptor, what: str, dtype: np.dtype[Any] | None = None) -> npt.NDArray[Any]:
    array = np.asarray(values)
    shape = (descriptor.n_shells, descriptor.n_inplanes)
    if array.ndim != 3 or array.shape[1:] != shape:
        raise ValueError(f"{what} have shape {array.shape}, expected (n, {shape[0]}, {shape[1]})")
    if array.dtype.kind != "c":
        raise ValueError(f"{what} are of type {array.dtype}, expected complex64 or complex128")
    wanted = dtype or np.dtype(np.complex64 if array.dtype.itemsize <= 8 else np.complex128)
    return np.ascontiguousarray(array, wanted)


def relion_poses(
    poses: OptimalPose | Comparison,
    templates: Templates | ViewingAngles,
    *,
    axis_order: Literal["zyx", "xyz"] | None = None,
) -> RelionPoses:
    """Best poses in RELION's convention: of a right likelihood between the grid's, else the grid's.

    Args:
        poses: A comparison, or its best poses.
        templates: What the images were compared with, or its viewing angles.
        axis_order: ``"xyz"`` if templates have x and z exchanged, as CryoLike's of maps; by default what the templates say.

    Raises:
        ValueError: a pose has a view that does not exist.
    """
    if isinstance(poses, Comparison) and poses.poses is not None:
        own = templates.axis_order if isinstance(templates, Templates) else None
        if axis_order is not None and axis_order != (own or "zyx"):
            raise ValueError(f"axis_order is {axis_order!r}, and the poses were found with {own or 'zyx'!r}")
        return poses.poses
    best = poses.optimal_pose() if isinstance(poses, Comparison) else poses
    views = templates.viewing_angles if isinstance(templates, Templates) else templates
    order = axis_order or (templates.axis_order if isinstance(templates, Templates) else None) or "zyx"
    place = np.asarray(best.optimal_template_M)
    if place.size and not (0 <= place.min() and place.max() < len(views.azimus)):
        raise ValueError(f"poses are of views {place.min()} to {place.max()}, and there are {len(views.azimus)}")
    rows = np.stack(
        [
            *(np.asarray(angle, np.float64)[place] for angle in (views.azimus, views.polars, views.gammas)),
            *(
                np.asarray(column, np.float64)
                for column in (best.optimal_inplane_rotation_M, best.optimal_displacement_x_M, best.optimal_displacement_y_M)
            ),
        ],
        axis=1,
    )
    found = np.array(_native.poses_for_relion(rows.tolist(), order), np.float64).reshape(-1, 5)
    return RelionPoses(*np.degrees(found[:, :3].T), *found[:, 3:].T)
