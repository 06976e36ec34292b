"""Templates of one structure as arrays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import numpy.typing as npt

from . import _native
from ._descriptor import ImageDescriptor, PathLike, native_descriptor, parameters
from ._grids import ViewingAngles
from ._html import table
from ._job_options import (
    JOB_DEFAULTS,
    TemplateCallOptions,
    job_settings,
    template_settings,
    with_template_call_options,
)
from ._native import Facts, FormatError, MemoryPreparation
from ._progress import listener
from ._run import tell_found
from ._shelf import Shelf
from ._stack import map_tensor
from ._structures import DensityMap, Structure
from ._templates import StructureInput, structure_input

if TYPE_CHECKING:
    from typing_extensions import Unpack

Angles = npt.NDArray[np.float64]


class Templates:
    """Templates of one structure with their metadata; made by :func:`make_templates` or :meth:`load`.

    Attributes:
        fourier: The templates: (views, S, n_inplanes), complex64 or complex128, each of norm 1; read-only where they are
            mapped from a file.
        viewing_angles: The viewing directions.
        norms: What each was divided by: float64 (views,); NaN for CryoLike's templates, which don't record it.
        center: The origin in the file's coordinates, x, y, z: float64 (3,), Å.
        n_atoms: How many beads the structure is made of; ``None`` for maps.
        voxel_size: Å between voxels along x, y, z; ``None`` for atoms.
        axis_order: The order of a map's axes; ``None`` for atoms.
        source: The path that was given; empty for a structure in memory.
        source_sha256: Its SHA-256.
        model: The number of the model, or of a trajectory's frame; −1 for maps.
        symmetry: The point group that restricted the views.
        as_cryolike: Whether everything was done as CryoLike does it.
        descriptor: The grids, and what the templates were made with.
    """

    fourier: npt.NDArray[np.complexfloating[Any, Any]]
    viewing_angles: ViewingAngles
    norms: Angles
    center: Angles
    n_atoms: int | None
    voxel_size: Angles | None
    axis_order: str | None
    source: str
    source_sha256: str
    model: int
    symmetry: str
    as_cryolike: bool
    descriptor: ImageDescriptor

    def __init__(
        self, fourier: npt.NDArray[Any], facts: Facts, between: MemoryPreparation | tuple[str, str] | None = None
    ) -> None:
        self.fourier = fourier
        self._facts = facts
        # Where templates between the views come from: the structure in memory, or a folder's.
        self._between = between
        values = facts.values()
        self.viewing_angles = ViewingAngles(*(values.pop(name) for name in ViewingAngles._fields))
        self.__dict__.update(values)
        self.descriptor = ImageDescriptor._of(facts.descriptor)

    def __len__(self) -> int:
        return len(self.fourier)

    def __repr__(self) -> str:
        return f"Templates({self.source!r}, {len(self)} views, {self.fourier.dtype})"

    def _repr_html_(self) -> str:
        kind = f"{self.n_atoms} beads" if self.n_atoms is not None else f"map of voxels of {self.voxel_size} Å"
        grid = f"{self.fourier.shape[1]} shells × {self.fourier.shape[2]} angles, {self.fourier.dtype}"
        return table(f"Templates of {self.source or 'a structure in memory'}", [("views", len(self)), ("grid", grid), ("made of", kind)])

    def save(self, path: PathLike, *, overwrite: bool = False) -> Path:
        """Writes the templates, and their metadata next to them; both files appear when they are whole.

        Args:
            path: A ``.pt`` file, next to which a ``.npz`` of the same name is written; or a folder of templates, to which these
                are added, and to its list, as ``templates_fourier_NAME.pt``, where NAME is that of the source, with a number
                appended if it is taken.
            overwrite: Whether to replace existing files. In a folder, nothing is ever replaced.

        Returns:
            The ``.pt`` file.

        Raises:
            ValueError: a file already exists.
            OSError: the system refused to write.
        """
        file = Path(os.fsdecode(path))
        if file.suffix != ".pt":
            shelf = Shelf(file, os.fsdecode(path))
            shelf.read_list()
            file.mkdir(parents=True, exist_ok=True)
            stem = _native.structure_name(self.source) if self.source else "structure"
            target = file / f"templates_fourier_{shelf.place(stem)}.pt"
            self._write(target)
            shelf.append(target.name)
            if not (file / "parameters.npz").exists():
                self.descriptor.save(file / "parameters.npz")
            return target
        there = [one for one in (file, file.with_suffix(".npz")) if one.exists()]
        if there and not overwrite:
            raise ValueError(f"`{there[0]}` already exists\nhint: choose another name, or replace it with overwrite=True")
        self._write(file)
        return file

    def _write(self, file: Path) -> None:
        self._facts.write(file.with_suffix(".npz"))
        _native.write_tensor(file, np.ascontiguousarray(self.fourier))

    @classmethod
    def load(cls, path: PathLike, descriptor: object = None, *, axis_order: str | None = None) -> Templates:
        """Opens templates of one structure; the tensor is mapped into memory, read-only.

        Args:
            path: Their ``.pt`` file.
            descriptor: The descriptor of CryoLike's templates, which have no ``.npz`` next to them: a path, our descriptor, or
                CryoLike's. Our templates' own metadata take precedence.
            axis_order: ``"xyz"`` if CryoLike made them from maps.

        Raises:
            FileNotFoundError, OSError: a file can't be read.
            FormatError: it is not a tensor of templates, or contradicts its metadata.
            ValueError: it has no metadata, and no descriptor is given.
        """
        file = Path(os.fsdecode(path))
        fourier = map_tensor(file)
        beside = file.with_suffix(".npz")
        if beside.exists():
            facts = Facts.read(os.fspath(beside))
        else:
            given = parameters(descriptor)
            if given is None:
                raise ValueError(f"`{file}` has no `{beside.name}` next to it\nhint: give the `descriptor` it was made with")
            known = ImageDescriptor.load(given) if isinstance(given, str) else ImageDescriptor._of(native_descriptor(descriptor))
            facts = Facts.from_descriptor(known._native, axis_order)
        prefix = "templates_fourier_"
        between = (os.fspath(file.parent), file.stem[len(prefix) :]) if file.stem.startswith(prefix) else None
        templates = cls(fourier, facts, between)
        grid, n = templates.descriptor, templates.viewing_angles.n_angles
        expected = (n, grid.n_shells, grid.n_inplanes)
        if fourier.shape != expected or fourier.dtype.kind != "c":
            raise FormatError(
                f"`{file}` holds {fourier.dtype} of shape {fourier.shape}, expected complex values of shape {expected}: "
                "templates, shells, angles"
            )
        return templates


#: What templates are made of.
Source = Union[StructureInput, Structure, DensityMap]


@with_template_call_options
def make_templates(source: Source, descriptor: object, **options: Unpack[TemplateCallOptions]) -> Templates:
    """Makes templates of one structure, in memory.

    T[t, n, j] = F(q_n · R_t · (cos θ_j, sin θ_j, 0)) divided by its norm, F the structure's Fourier transform; docs/math.md has
    the formulas. The relative L2 error per template is below 1e-6 in single and 1e-11 in double precision.

    Args:
        source: A file (PDB, mmCIF, MRC, NPY); a density (z, y, x) as array or CPU tensor, voxels of the images' pixel size; or
            the result of :func:`read_structure` or :func:`read_map`, changed or not.
        descriptor: The grids, and what templates are made with: a path, our descriptor, or CryoLike's.
        (options)

    Raises:
        FileNotFoundError, OSError: a file can't be read.
        FormatError: it breaks its format's rules.
        ValueError: a setting is wrong, the structure can't be used, or the file makes several structures.
        MemoryError: there is too little memory for the templates.
        KeyboardInterrupt: Ctrl-C.

    Example:
        >>> templates = make_templates("1l2y.pdb", descriptor)  # doctest: +SKIP
        >>> templates.fourier.shape                             # doctest: +SKIP
        (2370, 33, 128)
    """
    given = parameters(descriptor)
    if given is None:
        raise ValueError("descriptor is None, expected a descriptor")
    if isinstance(source, DensityMap):
        if options["as_cryolike"] or options["voxel_size"] is not None or options["axis_order"] != "zyx" or options["center"] != "mean":
            raise ValueError(
                "a DensityMap already says where its voxels are: as_cryolike, voxel_size, axis_order and center are for files and arrays"
            )
        native: Any = source._native()
    elif isinstance(source, Structure):
        native = source._native()
    else:
        native = structure_input(source, "source")
    settings = {
        **template_settings(options),
        **job_settings({**JOB_DEFAULTS, **options}),
        "descriptor": given,
        "plots": False,
    }
    job = MemoryPreparation(native, settings)
    tell_found(job)
    with listener(options["progress"], job.n_templates, "templates") as tell:
        fourier, facts = job.run(tell)
    return Templates(fourier, facts, job)
