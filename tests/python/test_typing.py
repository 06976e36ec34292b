"""The types that are promised: the stub of the native module is the module, and the package agrees with itself."""

import subprocess
import sys

from conftest import PROJECT


def run(*arguments):
    ran = subprocess.run([sys.executable, "-m", *arguments], cwd=PROJECT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_stub_is_the_module(tmp_path):
    # From another folder, so that the installed package is looked at.
    ran = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "verglas._native", "--mypy-config-file", PROJECT / "pyproject.toml"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_package_is_typed():
    run("mypy", "--cache-dir", "target/mypy-cache")


def test_a_caller_is_checked(tmp_path):
    script = tmp_path / "caller.py"
    script.write_text(
        "import verglas\n"
        "verglas.convert_particle_stacks_from_indexed_star_file(None, 'a.star', contrast='invert')\n"
        "verglas.convert_particle_stacks_from_indexed_star_file(None, 'a.star', contrast='inverted')\n"
        "verglas.convert_particle_stacks_from_indexed_star_file(None, 'a.star', use_cuda=True)\n"
        "verglas.load_stack('a.pt').fourier.shape\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", script, "--strict", "--cache-dir", tmp_path], cwd=tmp_path, capture_output=True, text=True
    )
    lines = [line.split(":")[1] for line in ran.stdout.splitlines() if " error: " in line]
    assert lines == ["3", "4"], ran.stdout
