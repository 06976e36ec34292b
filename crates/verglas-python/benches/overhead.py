"""What Python costs: a conversion against the command, and PolarTransform against the Rust bench, in turns.

    cargo build --release && cargo bench --bench polar --no-run
    pip install .
    python crates/verglas-python/benches/overhead.py target/release/verglas target/release/deps/polar-HASH

Prints one JSON object: for each, the times of both in the order they were taken (s per call, ms per image) and the median
of the pairs' ratios, Python over Rust.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

import verglas

N_IMAGES, SIDE = 1000, 128
# As the Rust bench has.
N_IN_TURNS = 4


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("command", type=Path, help="the verglas command, built with --release")
    arguments.add_argument("bench", type=Path, help="the program of `cargo bench --bench polar`")
    arguments.add_argument("--repeats", type=int, default=7)
    arguments.add_argument("--folder", type=Path, help="where conversions write; a disk, not memory")
    given = arguments.parse_args()
    warnings.simplefilter("ignore", verglas.VerglasWarning)
    report = {"convert": measure_conversion(given.command, given.repeats, given.folder)}
    for precision in ["single", "double"]:
        report[f"polar_{precision}"] = measure_transform(given.bench, given.repeats, precision)
    print(json.dumps(report, indent=1))


def ratios(rust, python):
    return {
        "rust": rust,
        "python": python,
        "median_ratio": statistics.median(theirs / ours for ours, theirs in zip(rust, python)),
    }


def measure_conversion(command, repeats, folder):
    """The same data set, settings and disk; one after the other, the first pair not counted."""
    rust, python = [], []
    with tempfile.TemporaryDirectory(dir=folder) as folder:
        folder = Path(folder)
        star = verglas.simulate(folder / "data", N_IMAGES, SIDE).metadata[0]
        descriptor = folder / "descriptor.npz"
        verglas.ImageDescriptor.from_individual_values(SIDE, 1.3).save(descriptor)
        words = [command, "convert", star, "-d", descriptor, "-o", folder / "rust", "--quiet", "--no-plots"]
        for _ in range(repeats + 1):
            start = time.perf_counter()
            subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
            rust.append(time.perf_counter() - start)
            start = time.perf_counter()
            verglas.convert_particle_stacks_from_indexed_star_file(
                descriptor, star, folder_output=folder / "python", flag_plots=False
            )
            python.append(time.perf_counter() - start)
            for output in ["rust", "python"]:
                shutil.rmtree(folder / output)
    return ratios(rust[1:], python[1:])


def measure_transform(bench, repeats, precision):
    """One thread each, on as many images in turns, so that both find as much of them in the processor's caches. The Rust
    bench divides by the norm besides, which is the smaller part of a per cent.
    """
    rust, python = [], []
    transform = verglas.PolarTransform(verglas.ImageDescriptor.from_individual_values(SIDE, 1.0, precision), threads=1)
    images = np.random.default_rng(0).standard_normal((N_IN_TURNS, SIDE, SIDE)).astype(np.float32)
    out = transform(images)
    with subprocess.Popen([bench, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as served:

        def ask(words):
            served.stdin.write(words + "\n")
            served.stdin.flush()
            return served.stdout.readline()

        ask(f"plan {SIDE} 1 {2 * SIDE} {precision}")
        for _ in range(repeats + 1):
            rust.append(float(ask("time 1 300")))
            n_calls, start = 0, time.perf_counter()
            while time.perf_counter() - start < 0.3:
                transform(images, out=out)
                n_calls += 1
            python.append((time.perf_counter() - start) * 1e3 / n_calls / len(images))
        served.stdin.close()
    return ratios(rust[1:], python[1:])


if __name__ == "__main__":
    main()
