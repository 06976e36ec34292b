"""A folder of templates that grows: templates are added to it, and none is ever replaced."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ._native import FormatError
from ._report import warn_all

LIST = "template_file_list.npy"
_STEM = "templates_fourier_"


class Shelf:
    """A folder of templates with its list.

    Attributes:
        folder: The folder.
        as_given: Its path as written in the list.
    """

    def __init__(self, folder: Path, as_given: str) -> None:
        self.folder = folder
        self.as_given = as_given

    @property
    def list_file(self) -> Path:
        """The list's file."""
        return self.folder / LIST

    def read_list(self, must_exist: bool = False) -> list[str]:
        """The paths in the list; none where there is no list.

        Raises:
            FormatError: it is not a list of paths.
            FileNotFoundError: there is none, but there must be one.
        """
        if not self.list_file.exists() and not must_exist:
            return []
        try:
            paths = np.load(self.list_file, allow_pickle=False)
        except FileNotFoundError:
            raise FileNotFoundError(f"`{self.list_file}` does not exist") from None
        except (ValueError, EOFError) as error:
            raise FormatError(f"`{self.list_file}`: {error}") from None
        if paths.ndim != 1 or (paths.dtype.kind != "U" and paths.size > 0):
            raise FormatError(f"`{self.list_file}` holds {paths.dtype} of shape {paths.shape}, expected a list of paths")
        return [str(path) for path in paths]

    def add(self, made: Path, own_names: set[str]) -> list[str]:
        """Takes over the templates of a folder that a job has made; returns their paths as the list has them.

        ``own_names`` are those of the inputs: any other name that ends in a number got it because its own was taken in that folder.

        Raises:
            OSError: the system refused. What was taken over by then is in the folder, and not in the list.
        """
        added = []
        with self._locked():
            if (self.folder / "manifest.json").exists():
                what = f"`{self.folder}` has a record, `manifest.json`, which will not include the templates that are added"
                warn_all([("not-recorded", what)])
            for path in np.load(made / LIST, allow_pickle=False):
                name = Path(str(path)).name[len(_STEM) : -len(".pt")]
                numbered = re.fullmatch(r"(.+)_\d+", name)
                own = numbered[1] if numbered and name not in own_names and numbered[1] in own_names else name
                added.append(os.path.join(self.as_given, self._take(made, name, own)))
            self._write_list([*self.read_list(), *added])
            if not (self.folder / "parameters.npz").exists():
                os.replace(made / "parameters.npz", self.folder / "parameters.npz")
        return added

    def place(self, name: str) -> str:
        """The name, or the first one with a number appended that is not taken."""
        free, number = name, 0
        while any((self.folder / f"{_STEM}{free}{end}").exists() for end in (".pt", ".npz")):
            number += 1
            free = f"{name}_{number}"
        return free

    def _take(self, made: Path, name: str, own: str) -> str:
        free = self.place(own)
        # With the tensor templates are there: it comes last.
        os.replace(made / f"{_STEM}{name}.npz", self.folder / f"{_STEM}{free}.npz")
        os.replace(made / f"{_STEM}{name}.pt", self.folder / f"{_STEM}{free}.pt")
        for kind in (_STEM, "templates_phys_", "power_spectrum_"):
            plot = made / "plots" / f"{kind}{name}.png"
            if plot.exists():
                (self.folder / "plots").mkdir(exist_ok=True)
                os.replace(plot, self.folder / "plots" / f"{kind}{free}.png")
        return f"{_STEM}{free}.pt"

    def append(self, file: str) -> None:
        """Adds a file that is in the folder to the list."""
        with self._locked():
            self._write_list([*self.read_list(), os.path.join(self.as_given, file)])

    def _write_list(self, paths: list[str]) -> None:
        partial = self.folder / f".{LIST}.{os.getpid()}.partial"
        with open(partial, "wb") as file:
            np.save(file, np.array(paths, dtype=str))
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self.list_file)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keeps others from adding to the folder meanwhile; the lock disappears with its process."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            # Some network file systems lock no folders.
            with contextlib.suppress(OSError):
                fcntl.flock(folder, fcntl.LOCK_EX)
            yield
            os.fsync(folder)
        finally:
            os.close(folder)
