"""The command ``verglas``, which is the same as the one that Cargo builds.

It stands outside the package ``verglas``, and takes the native module out of it without importing the rest: NumPy alone takes
longer to import than most commands to run, and on a node with many cores it starts as many threads.
"""

import signal
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType


def _native() -> ModuleType:
    package = find_spec("verglas")
    found = package and PathFinder.find_spec("_native", package.submodule_search_locations)
    if not found or not found.loader:
        raise ImportError("the package verglas is incomplete: its native module is missing; reinstall it")
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


def main() -> int:
    """Runs the command with the process's arguments and returns its exit code."""
    # The command listens for Ctrl-C itself where there is something to keep; elsewhere it ends at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    code: int = _native().run_command(["verglas", *sys.argv[1:]])
    return code
