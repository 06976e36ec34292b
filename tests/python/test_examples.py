"""The examples run, from a folder of their own, with nothing but what they say they need."""

import os
import re
import subprocess
import sys

import pytest

from conftest import PROJECT

EXAMPLES = PROJECT / "examples"


def run(name, *arguments, cwd, python=sys.executable, path=None):
    environment = {**os.environ, "MPLBACKEND": "agg", "TMPDIR": str(cwd), "PYTHONPATH": str(path or "")}
    ran = subprocess.run(
        [python, EXAMPLES / name, *arguments], cwd=cwd, env=environment, capture_output=True, text=True
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_look_at_a_stack(tmp_path):
    told = run("look_at_a_stack.py", cwd=tmp_path)
    assert "relative difference from the direct sum: " in told
    figure = told.splitlines()[-1].removeprefix("figure: ")
    with open(figure, "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def test_which_structure(tmp_path):
    told = run("which_structure.py", cwd=tmp_path)
    right, of, _ = re.search(r"(\d+) of (\d+) images fit the right structure better; by (\S+) nats", told).groups()
    # Chance would give 20 ± 3.
    assert int(of) == 40 and int(right) >= 30, told
    views = re.search(r"the view is found exactly for (\d+) of them", told)
    assert int(views[1]) >= 15, told


def test_change_one_import(simulated, tmp_path):
    run(
        "change_one_import.py", simulated / "single/parameters.npz", simulated / "data/particles.star", "output", cwd=tmp_path
    )
    assert (tmp_path / "output/fft/particles_fourier_stack_000000.pt").is_file()


# As much of CryoLike as the example calls, for machines without it.
CRYOLIKE = {
    "__init__": "",
    "metadata": """
from types import SimpleNamespace
import numpy as np
def load_combined_params(path):
    data = {key: value for key, value in np.load(path).items()}
    assert data["defocusAngle_axis"] == "rows"
    grid = SimpleNamespace(box_size=data["n_pixels"] * data["pixel_size"])
    polar = SimpleNamespace(shape=(1 + int(np.ceil(data["radius_max"] / data["dist_radii"])), int(data["n_inplanes"])))
    return SimpleNamespace(cartesian_grid=grid, polar_grid=polar), SimpleNamespace(**data)
""",
    "microscopy": """
import numpy as np
class CTF:
    def __init__(self, ctf_descriptor, polar_grid=None, box_size=-1.0, anisotropy=True, cs_corrected=False):
        assert box_size > 0 and anisotropy
        self.ctf = np.random.default_rng(0).standard_normal((len(ctf_descriptor.defocusU), *polar_grid.shape))
""",
}


def test_go_on_in_cryolike(simulated, torch_python, tmp_path):
    """With CryoLike where it is there; else with a stand-in, which shows that the calls fit together, and no more."""
    import shutil
    from pathlib import Path

    import verglas

    site = tmp_path / "site"
    shutil.copytree(Path(verglas.__file__).parent, site / "verglas")
    has_cryolike = subprocess.run([torch_python, "-c", "import cryolike"], capture_output=True).returncode == 0
    if not has_cryolike:
        (site / "cryolike").mkdir()
        for name, text in CRYOLIKE.items():
            (site / f"cryolike/{name}.py").write_text(text)
    told = run(
        "go_on_in_cryolike.py", simulated / "data/particles.star", "output", cwd=tmp_path, python=torch_python, path=site
    )
    assert "particles_fourier_stack_000000: (40, 33, 64) torch.complex64" in told and "correlation" in told


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_says_what_it_is(path):
    text = path.read_text()
    assert text.startswith(('"""', "# %% [markdown]\n# # "))
