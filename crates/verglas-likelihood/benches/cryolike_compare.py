"""Likelihoods beside CryoLike's on the same CPU: whole comparisons of folders, with all preparation, two threads each.

    python crates/verglas-likelihood/benches/cryolike_compare.py --cryolike CRYOLIKE/src --verglas target/release/verglas

Needs torch, NumPy and SciPy, and CryoLike's source. CryoLike asks for a GPU by name; here it gets the CPU. Its wrapper
never integrates, so for the integrated likelihood its comparator is asked to, as its own tests do.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--cryolike", required=True, help="the folder `src` of CryoLike")
parser.add_argument("--verglas", required=True, help="the command")
parser.add_argument("--n-pixels", type=int, nargs="+", default=[64, 128])
parser.add_argument("--images", type=int, default=512)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--displacements", type=int, default=16, help="along each axis; of an even number, (0, 0) is one more")
arguments = parser.parse_args()

for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]:
    os.environ[name] = str(arguments.threads)
sys.path.insert(0, os.path.abspath(arguments.cryolike))
command_path = os.path.abspath(arguments.verglas)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from cryolike import run_likelihood as theirs  # noqa: E402

torch.set_num_threads(arguments.threads)
theirs.device = lambda _name: torch.device("cpu")
theirs.cuda.empty_cache = lambda: None
comparator = theirs.template_first_comparator

MOST_PIXELS = 8.0


def protein(path, seed=1, residues=400):
    """A chain of Cα atoms."""
    random = np.random.default_rng(seed)
    steps = random.normal(size=(residues, 3))
    places = np.cumsum(3.8 * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0)
    places = (places - places.mean(axis=0)) * 0.6
    line = "ATOM  {0:5d}  CA  ALA A{0:4d}    {1[0]:8.3f}{1[1]:8.3f}{1[2]:8.3f}  1.00  0.00           C\n"
    path.write_text("".join(line.format(i + 1, place) for i, place in enumerate(places)) + "END\n")


def cryolike(integrated, particles, templates, output):
    theirs.template_first_comparator = lambda **named: comparator(**{**named, "return_integrated_likelihood": integrated})
    n = arguments.displacements
    theirs.run_likelihood_optimal_pose(
        file_config=theirs.configure_likelihood_files(
            folder_templates=str(templates), folder_particles=str(particles), folder_output=str(output), n_stacks=1
        ),
        params_input=str(templates / "parameters.npz"),
        displacer=theirs.configure_displacement(MOST_PIXELS, n, n),
        n_templates_per_batch=16,
        n_images_per_batch=64,
        return_likelihood_optimal_pose_fourier=True,
        return_likelihood_integrated_pose_fourier=integrated,
    )


def verglas(integrated, particles, templates, output):
    command = [command_path, "likelihood", particles, "-t", templates, "-o", output, "--as-cryolike", "-q"]
    command += ["--max-displacement", str(MOST_PIXELS), "--displacements", str(arguments.displacements)]
    command += ["-j", str(arguments.threads)] + ([] if integrated else ["--no-integrated"])
    subprocess.run([str(part) for part in command], check=True)


def largest(output):
    """The best correlations that a comparison found."""
    (path,) = (output / "template0" / "cross_correlation").glob("*.pt")
    return torch.load(path, weights_only=True).double().numpy()


def timed(run, *how):
    before = time.perf_counter()
    run(*how)
    return time.perf_counter() - before


print(f"{'N':>4} {'images':>7} {'templates':>9} {'':>10} {'CryoLike s':>11} {'verglas s':>10} {'times':>6} {'cc off by':>10}")
for n_pixels in arguments.n_pixels:
    with tempfile.TemporaryDirectory() as folder:
        # The list of templates names them from here.
        os.chdir(folder)
        protein(Path("a.pdb"))

        def run(words):
            subprocess.run([command_path, *words.split(), "-q"], check=True)

        size = 192.0 / n_pixels
        run(f"simulate -o data --particles {arguments.images} --n-pixels {n_pixels} --pixel-size {size} --structure a.pdb --snr 0.1")
        run("convert data/particles.star -o stacks --no-plots --no-physical")
        run("templates a.pdb -o templates -d stacks --viewing-distance 0.185 --no-plots")
        n_templates = len(torch.load("templates/templates_fourier_a.pt", weights_only=True))
        for integrated in [False, True]:
            what = "integrated" if integrated else "best pose"
            outputs = Path(f"theirs-{what}"), Path(f"ours-{what}")
            ours = timed(verglas, integrated, Path("stacks"), Path("templates"), outputs[1])
            seconds = timed(cryolike, integrated, Path("stacks"), Path("templates"), outputs[0])
            off = np.abs(largest(outputs[0]) - largest(outputs[1])).max()
            row = f"{n_pixels:>4} {arguments.images:>7} {n_templates:>9} {what:>10} {seconds:>11.1f} {ours:>10.2f}"
            print(f"{row} {seconds / ours:>6.1f} {off:>10.1e}", flush=True)
        os.chdir("/")
