"""Times the transform against FINUFFT in turns, one thread against one, and writes the raw numbers.

    cargo bench -p verglas-fourier --bench polar --no-run          prints the path of the executable
    python finufft_compare.py EXECUTABLE OUT.json [--sides 128 256 360] [--pairs 15]

Ours is `apply_normalized`: float32 pixels to finished, normalised stack values in memory. The others only transform:

    cryolike   what CryoLike calls: finufft.nufft2d2 for each image, complex128, all angles, default upsampfac
    plan       the best a user of FINUFFT gets: a Plan, half of the angles, images batched, upsampfac 1.25 at 1e-6 and
               2 at 1e-12

eps is 1e-6 for single and 1e-12 for double precision. In each pair all run one after the other, so that a busy machine slows
all of them alike; the ratios are medians over pairs. The error is that of `apply` against FINUFFT at 1e-15.
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import finufft
import numpy as np


class Ours:
    """The benchmark executable, which answers one line to each command."""

    def __init__(self, executable):
        self.process = subprocess.Popen(
            [executable, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def milliseconds(self):
        return float(self.ask("time 1"))

    def apply(self, image, dtype, shape):
        with tempfile.TemporaryDirectory() as folder:
            source, target = os.path.join(folder, "image"), os.path.join(folder, "result")
            image.astype("<f4").tofile(source)
            assert self.ask(f"apply {source} {target}") == "applied"
            return np.fromfile(target, dtype).reshape(shape)


def radii(n_pixels):
    """Nodes of the default grid, F = 1: Gauss-Jacobi for the weight 1 + t, from scipy."""
    from scipy.special import roots_jacobi

    return (roots_jacobi(n_pixels + 1, 0, 1)[0] + 1) * n_pixels / 8


def points(n_pixels, n_angles):
    """Radians per pixel along both axes."""
    wave = 4 * np.pi / n_pixels * radii(n_pixels)
    angle = 2 * np.pi * np.arange(n_angles) / (2 * n_pixels)
    return np.outer(wave, np.cos(angle)).ravel(), np.outer(wave, np.sin(angle)).ravel()


def smooth(n_pixels):
    x = (np.arange(n_pixels) - n_pixels // 2) / n_pixels
    blob = lambda a, b, s: np.exp(-((x[:, None] - a) ** 2 + (x[None] - b) ** 2) / (2 * s * s))
    return blob(0.1, -0.15, 0.12) - 0.7 * blob(-0.2, 0.05, 0.08) + 0.5 * blob(0.02, 0.22, 0.15)


def timed(function, n_images):
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1e3 / n_images


def compare(ours, n_pixels, precision, n_pairs):
    eps, upsampfac, dtype = (1e-6, 1.25, "<c8") if precision == "single" else (1e-12, 2.0, "<c16")
    shape = (n_pixels + 1, 2 * n_pixels)
    assert ours.ask(f"plan {n_pixels} 1 {2 * n_pixels} {precision}") == "planned"

    full = points(n_pixels, 2 * n_pixels)
    rng = np.random.default_rng(n_pixels)
    errors = {}
    for name, image in ("noise", rng.standard_normal((n_pixels, n_pixels))), ("smooth", smooth(n_pixels)):
        image = image.astype(np.float32)
        expected = finufft.nufft2d2(*full, image.astype(complex), eps=1e-15, isign=-1, nthreads=1).reshape(shape)
        expected *= 4 * np.pi / n_pixels
        result = ours.apply(image, dtype, shape)
        errors[name] = float(np.linalg.norm(result - expected) / np.linalg.norm(expected))

    batch = 16
    images = rng.standard_normal((batch, n_pixels, n_pixels)).astype(complex)
    plan = finufft.Plan(
        2, (n_pixels, n_pixels), n_trans=batch, eps=eps, isign=-1, nthreads=1, upsampfac=upsampfac, dtype="complex128"
    )
    plan.setpts(*points(n_pixels, n_pixels))
    out = np.empty((batch, shape[0] * n_pixels), complex)

    def cryolike():
        for image in images[:4]:
            finufft.nufft2d2(*full, image, eps=eps, isign=-1, nthreads=1)

    runs = {"verglas": [], "cryolike": [], "plan": []}
    for pair in range(n_pairs + 1):
        times = {
            "verglas": ours.milliseconds(),
            "cryolike": timed(cryolike, 4),
            "plan": timed(lambda: plan.execute(images, out=out), batch),
        }
        # Ours a second time, after the others: the mean of both is free of a drift of the machine's speed.
        times["verglas"] = (times["verglas"] + ours.milliseconds()) / 2
        if pair:  # the first warms up
            for name, value in times.items():
                runs[name].append(value)
    result = {
        "n_pixels": n_pixels,
        "precision": precision,
        "errors": errors,
        "median_ms": {name: float(np.median(values)) for name, values in runs.items()},
        "ratio": {
            name: float(np.median(np.array(runs[name]) / np.array(runs["verglas"]))) for name in ("cryolike", "plan")
        },
        "runs_ms": runs,
    }
    print(
        f"N {n_pixels:4}  {precision}  {result['median_ms']['verglas']:.4f} ms  "
        f"cryolike {result['median_ms']['cryolike']:.2f} ms = {result['ratio']['cryolike']:.1f}x  "
        f"plan {result['median_ms']['plan']:.2f} ms = {result['ratio']['plan']:.1f}x  "
        f"error noise {errors['noise']:.1e} smooth {errors['smooth']:.1e}",
        flush=True,
    )
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("executable")
    parser.add_argument("out")
    parser.add_argument("--sides", type=int, nargs="+", default=[128, 256, 360])
    parser.add_argument("--precisions", nargs="+", default=["single", "double"])
    parser.add_argument("--pairs", type=int, default=15)
    arguments = parser.parse_args()
    ours = Ours(arguments.executable)
    results = [
        compare(ours, n_pixels, precision, arguments.pairs)
        for precision in arguments.precisions
        for n_pixels in arguments.sides
    ]
    with open(arguments.out, "w") as file:
        versions = {"finufft": finufft.__version__, "numpy": np.__version__, "python": platform.python_version()}
        json.dump({"versions": versions, "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
