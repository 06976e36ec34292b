"""The options of conversions beyond CryoLike's own arguments, in one place for signatures, types and docs."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, Union

from ._descriptor import PathLike
from ._progress import Progress

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")

R = TypeVar("R")

PixelType = Literal["int8", "uint8", "int16", "uint16", "int32", "uint32", "float16", "float32", "float64"]

OpticsGroup = Union[int, str, Sequence[Union[int, str]]]


class Options(TypedDict, total=False):
    """Keyword-only options; most have the names that they have on the command line."""

    pixel_size_from: Literal["caller", "metadata"] | None
    precision: str
    resolution_factor: float
    n_inplanes: int | None
    optics_group: OpticsGroup
    rows: PathLike | None
    downsample_to: int | None
    contrast: Literal["as-stored", "blob-sign", "invert"]
    mode0: Literal["signed", "unsigned"]
    pixel_type: PixelType | None
    defocus_angle_axis: Literal["columns", "rows"]
    keep_files_apart: bool
    physical: bool
    skip_unreadable: bool
    verify_kept: bool
    shard: tuple[int, int] | str | None
    threads: int | None
    memory: int | str | None
    progress: Progress


DEFAULTS: Options = {
    "pixel_size_from": None,
    "precision": "single",
    "resolution_factor": 1.0,
    "n_inplanes": None,
    "optics_group": (),
    "rows": None,
    "downsample_to": None,
    "contrast": "as-stored",
    "mode0": "signed",
    "pixel_type": None,
    "defocus_angle_axis": "columns",
    "keep_files_apart": False,
    "physical": True,
    "skip_unreadable": False,
    "verify_kept": False,
    "shard": None,
    "threads": None,
    "memory": None,
    "progress": None,
}

#: What each of them means, in the words of a docstring.
MEANINGS = {
    "n_stacks_max": "Stop after this many stacks; 0 or below: no limit.",
    "skip_exist": "Resume: keep what is whole in the output folder, and make what is missing.",
    "overwrite": "Replace what an earlier run left in the output folder.",
    "pixel_size_from": '``"caller"`` or ``"metadata"``: which pixel size to use where both are given and differ.',
    "precision": "Precision of the grids made from the data (``params_input=None``), as are the next two.",
    "resolution_factor": "Largest radius as a fraction of Nyquist, in (0, 1].",
    "n_inplanes": "Angles per shell; twice the box if not given.",
    "optics_group": "Only particles of these optics groups, by number or name.",
    "rows": "Only the rows of the metadata that this file names (``.npy`` or ``.pt``): a mask over all of them, or indices from 0.",
    "downsample_to": "Crop images in Fourier space to this even box, in place of a factor.",
    "contrast": '``"blob-sign"`` multiplies each image by its ``blob/sign``, ``"invert"`` by −1.',
    "mode0": '``"unsigned"``: 8-bit MRC data are 0 to 255.',
    "pixel_type": 'How pixels are stored, such as ``"float64"``, where the MRC headers are wrong.',
    "defocus_angle_axis": '``"rows"`` writes the defocus angle in the form that CryoLike\'s CTF needs for astigmatic images.',
    "keep_files_apart": "Don't mix image files within a stack.",
    "physical": "Whether to write the physical images (``phys/``).",
    "skip_unreadable": "Leave out images that can't be read or normalised, and list them in ``skipped.star``.",
    "verify_kept": "With ``skip_exist``: read what is kept, and remake what was altered since.",
    "shard": "``(k, n)`` or ``\"k/n\"``, k from 1: only the k-th of n parts of the stacks; all may run at once, anywhere.",
    "threads": "Threads that compute; by default as many as processors are allotted to the process.",
    "memory": 'Upper bound for buffers: bytes, or a text such as ``"512M"``; 320 MiB if not given.',
    "progress": "``True`` for a tqdm bar, where tqdm is installed, or a function that is called with the images done and their total.",
}


def options_of(
    options: type, defaults: Mapping[str, Any], meanings: Mapping[str, str]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator that shows all options in the signature and docstring of a function that takes them as ``**options``.

    The function gets every option, defaults included. ``(name)`` in the docstring's arguments stands for the description of the
    option of this name, ``(options)`` for all of ``options``.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        added = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=defaults[name],
                annotation=getattr(annotation, "__forward_arg__", annotation),
            )
            for name, annotation in options.__annotations__.items()
            if name not in signature.parameters
        ]
        positional = [name for name, p in signature.parameters.items() if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> R:
            if len(args) > len(positional):
                raise TypeError(
                    f"{function.__name__}() takes at most {len(positional)} arguments without a name, {len(args)} were "
                    f"given; those after {positional[-1]!r} are given by name"
                )
            unknown = [name for name in kwargs if name not in defaults and name not in signature.parameters]
            if unknown:
                raise TypeError(f"{function.__name__}() got an unexpected keyword argument {unknown[0]!r}")
            given = {name: default for name, default in defaults.items() if name not in signature.parameters}
            return function(*args, **{**given, **kwargs})

        call.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
        documentation = inspect.getdoc(function) or ""
        names = [parameter.name for parameter in added]
        documentation = documentation.replace("(options)", "\n    ".join(f"({name})" for name in names))
        call.__doc__ = re.sub(
            r"^    \((\w+)\)$", lambda found: f"    {found[1]}: {meanings[found[1]]}", documentation, flags=re.M
        )
        return call

    return decorate


#: For conversions.
with_options = options_of(Options, DEFAULTS, MEANINGS)
