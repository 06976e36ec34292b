"""The worked example in docs/example-likelihood.md, command by command and script by script, with fewer and smaller images."""

import re
import shutil
import subprocess
import sys

import numpy as np
from conftest import BUILT, PROJECT

N_IMAGES = 45
# What makes it small; the pixels are twice as large, so that the box is as wide.
SMALLER = [
    ("--particles 300", f"--particles {N_IMAGES}"),
    ("--n-pixels 64 --pixel-size 1.6", "--n-pixels 32 --pixel-size 3.2"),
    ("--noise-images 150", "--noise-images 30"),
    ("--n-inplanes 80 --viewing-distance 0.3", "--n-inplanes 60 --viewing-distance 0.5"),
    ("fftfreq(64, 1.6)", "fftfreq(32, 3.2)"),
    ("reshape(-1, 64, 64)", "reshape(-1, 32, 32)"),
    ("s=(64, 64)", "s=(32, 32)"),
    (".sum() / 300", f".sum() / {N_IMAGES}"),
]


def test_it_runs_as_it_is_written(shared, tmp_path):
    text = (PROJECT / "docs/example-likelihood.md").read_text()
    for large, small in SMALLER:
        assert large in text, large
        text = text.replace(large, small)
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S)
    scripts = [block for kind, block in blocks if kind == "python"]
    for name, script in zip(["add_noise.py", "keep.py", "truth.py"], scripts, strict=True):
        (tmp_path / name).write_text(script)
    commands = [line for kind, block in blocks if kind == "text" for line in block.splitlines()]
    commands = [line for line in commands if line.startswith(("curl ", "verglas ", "python3 "))]
    assert len(commands) == 13
    for name in (line.split("/")[-1] for line in commands if line.startswith("curl ")):
        shutil.copy(shared / f"data/structures/{name.lower()}", tmp_path / name)

    def run(command):
        command = re.sub("^verglas ", f"{BUILT}/verglas ", command).replace("python3 ", f"{sys.executable} ", 1)
        ran = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 0, (command, ran.stderr)
        return ran.stdout

    for command in commands:
        if not command.startswith("curl "):
            run(command)
    told = run("python3 truth.py")
    # The first and the sixteenth of both stacks are empty.
    right, particles = map(int, re.match(r"(\d+) of (\d+) particles go best with their structure", told).groups())
    assert particles == N_IMAGES - 4 and right >= 0.9 * particles, told
    assert len(re.findall(r"^mode_share .* images, ", told, re.M)) == 3, told
    assert len(re.findall(r"^noise at .* found$", told, re.M)) == 7, told
    keep = np.load(tmp_path / "keep.npy")
    assert keep.shape == (N_IMAGES,) and abs(keep.sum() - particles) <= 1
    for folder in ["weights", "weights-particles", "weights-noise"]:
        assert (tmp_path / folder / "weights.csv").is_file()
    assert (tmp_path / "likelihood/report.html").is_file() and (tmp_path / "weights-particles/report.html").is_file()
