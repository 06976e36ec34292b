"""The command under test, data sets that it makes, and the environments that the checks need."""

import os
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
BUILT = Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target")) / "debug"


def verglas(*arguments, cwd=None, expect=0):
    """Runs the command and returns what it said."""
    ran = subprocess.run([BUILT / "verglas", *map(str, arguments)], cwd=cwd, capture_output=True, text=True)
    assert ran.returncode == expect, ran.stderr
    return ran


@pytest.fixture(scope="session")
def shared():
    """Real files of others, where they are there."""
    folder = Path(os.environ.get("VERGLAS_SHARED", PROJECT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("no shared data")
    return folder


@pytest.fixture(scope="session")
def torch_python():
    """The interpreter that has real torch."""
    folder = Path(os.environ.get("VERGLAS_TORCH", Path.home() / ".cache/verglas/torch"))
    python = folder / "bin/python"
    if not python.exists():
        pytest.skip("real torch is not installed (scripts/install-torch); stored torch files were checked by the Rust tests")
    return python


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """A small simulated data set and its conversion in both precisions, stacks of 16."""
    folder = tmp_path_factory.mktemp("simulated")
    verglas("simulate", "-o", folder / "data", "--particles", 40, "--n-pixels", 32)
    for precision in ["single", "double"]:
        verglas(
            "convert", folder / "data/particles.star", "-o", folder / precision,
            "--batch-size", 16, "--precision", precision,
        )  # fmt: skip
    return folder
