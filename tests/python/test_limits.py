"""What ends badly ends with an exception: too little memory, an interpreter that ends, arguments that make no sense."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import verglas
from verglas import ImageDescriptor

#: Limits the address space to what there is and so many MiB.
LIMIT = """
import resource
def limit(mib):
    pages = int(open("/proc/self/statm").read().split()[0])
    n_bytes = pages * resource.getpagesize() + (mib << 20)
    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))
"""


def run(script, *arguments):
    """Runs a script in an interpreter of its own; gives what it printed."""
    ran = subprocess.run(
        [sys.executable, "-c", LIMIT + script, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0 and "panicked" not in ran.stderr, (ran.returncode, ran.stderr)
    return ran


@pytest.fixture
def large_stack(tmp_path):
    """An MRC file of 4 GiB, of which the disk holds a header."""
    header = np.zeros(256, np.int32)
    header[:4] = 1024, 1024, 1024, 2
    header[52] = int.from_bytes(b"MAP ", "little")
    header[53] = 0x4444
    path = tmp_path / "large.mrcs"
    path.write_bytes(header.tobytes())
    os.truncate(path, 1024 + (4 << 30))
    return path


def test_pixels_that_memory_has_no_room_for(large_stack):
    said = run(
        """
import sys, numpy, verglas
stack = verglas.read_mrc(sys.argv[1])
limit(512)
for read in [lambda: stack[:], lambda: numpy.asarray(stack), lambda: stack[list(range(0, 1024, 2))]]:
    try:
        read()
    except MemoryError as error:
        print("MemoryError")
print(stack[3].sum())
""",
        large_stack,
    ).stdout
    assert said.split() == ["MemoryError"] * 3 + ["0.0"]


def test_transforms_that_memory_has_no_room_for():
    said = run(
        """
import verglas
large = [verglas.ImageDescriptor.from_individual_values(8192, 1.0, precision) for precision in ["single", "double"]]
limit(256)
for descriptor in large:
    try:
        verglas.PolarTransform(descriptor)
    except MemoryError as error:
        print(error)
"""
    ).stdout
    for line in said.splitlines():
        assert line.startswith("the plan of a transform takes ") and line.endswith(" MiB, more than memory has room for")
    assert len(said.splitlines()) == 2


def test_buffers_that_memory_has_no_room_for():
    said = run(
        """
import numpy, verglas
transform = verglas.PolarTransform(verglas.ImageDescriptor.from_individual_values(2048, 1.0, n_inplanes=4))
images = numpy.zeros((2, 2048, 2048), numpy.float32)
out = numpy.empty((2, transform.descriptor.n_shells, 4), numpy.complex64)
limit(24)
try:
    transform(images, out)
except MemoryError as error:
    print(error)
"""
    ).stdout
    assert said.startswith("what the threads of a transform need takes "), said


@pytest.mark.parametrize("work", ["transform", "convert", "verify", "callback"])
def test_a_daemon_thread_at_the_interpreters_end(simulated, tmp_path, work):
    for delay in [0.05, 0.12, 0.2, 0.27, 0.35]:
        ran = run(
            """
import sys, threading, time, warnings, numpy, verglas
warnings.simplefilter("ignore")
folder, out, work, delay = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
transform = verglas.PolarTransform(verglas.ImageDescriptor.from_individual_values(64, 1.0), threads=1)
images = numpy.random.default_rng(1).normal(size=(200, 64, 64)).astype(numpy.float32)
def busy(done, total):
    start = time.monotonic()
    while time.monotonic() < start + 0.05:
        pass
def forever():
    while True:
        if work == "transform":
            transform(images)
        elif work == "verify":
            verglas.verify(folder + "/single", progress=busy)
        else:
            verglas.convert_particle_stacks_from_indexed_star_file(
                None, folder + "/data/particles.star", folder_output=out, overwrite=True, flag_plots=False,
                progress=busy if work == "callback" else None,
            )
thread = threading.Thread(target=forever, daemon=True)
thread.start()
time.sleep(delay)
""",
            simulated, tmp_path / "out", work, delay,
        )  # fmt: skip
        assert ran.stderr == ""


class Fake:
    """What claims to be a descriptor."""

    def __init__(self, data):
        self.data = data

    def to_dict(self):
        return self.data


def test_descriptors_whose_dict_is_none():
    for data, kind in [([1, 2], "list"), (None, "NoneType"), ("n_pixels", "str"), (7, "int")]:
        with pytest.raises(TypeError, match=f"to_dict\\(\\) of Fake gives {kind}, expected a dict"):
            verglas.PolarTransform(Fake(data))
        with pytest.raises(TypeError, match=f"expected a dict, found {kind}"):
            ImageDescriptor.from_dict(data)


def test_columns_are_a_list(simulated):
    with pytest.raises(TypeError, match=r"columns is 'uid', expected a list of names: \['uid'\]"):
        verglas.read_cryosparc(simulated / "no.cs", columns="uid")


def test_more_arguments_than_there_are():
    with pytest.raises(TypeError, match=r"_star_file\(\) takes at most 9 arguments without a name, 12 were given; those after "
                       "'flag_plots' are given by name"):  # fmt: skip
        verglas.convert_particle_stacks_from_indexed_star_file(*range(12))
    with pytest.raises(TypeError, match=r"check\(\) takes at most 2 arguments without a name, 3 were given"):
        verglas.check("a.star", None, "b")


def test_angles_out_of_range_are_named():
    with pytest.raises(ValueError, match=r"70000 angles per shell \(n_inplanes\), expected 1 to 65536"):
        ImageDescriptor.from_individual_values(8, 1.0, n_inplanes=70000)


def test_a_forged_descriptor_is_not_unpacked(tmp_path):
    forged = tmp_path / "forged.npz"
    np.savez_compressed(forged, n_pixels=np.full(1 << 24, 8), pixel_size=1.5, radius_max=2.0, dist_radii=0.25, n_inplanes=16)
    assert forged.stat().st_size < 1 << 18
    with pytest.raises(verglas.FormatError, match="`n_pixels` of .* is an array of 134217856 bytes, expected one value"):
        ImageDescriptor.load(forged)
    with pytest.raises(verglas.FormatError, match="arrays of 13.* bytes in all, the limit is 67108864"):
        verglas.load_stack(forged)


@pytest.mark.parametrize(
    "manifest",
    [[], 7, "text", {}, {"stacks": []}, {"stacks": 3, "n_stacks": 1}, {"stacks": [{"number": "a", "n_images": 3}], "n_stacks": 1},
     {"stacks": [], "n_stacks": "many"}, {"stacks": [], "n_stacks": 1, "plan": 3}, {"name": "somebody else's", "stacks": {}}],
)  # fmt: skip
def test_somebody_elses_manifest(simulated, tmp_path, manifest):
    dask = pytest.importorskip("verglas.dask")
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(verglas.FormatError, match="manifest.json` is not a verglas manifest: "):
        dask.load(tmp_path)


def test_manifests_that_are_no_files_or_not_ours(simulated, tmp_path):
    dask = pytest.importorskip("verglas.dask")
    os.mkfifo(tmp_path / "manifest.json")
    with pytest.raises(OSError, match="is not a file"):
        dask.load(tmp_path)
    os.remove(tmp_path / "manifest.json")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(verglas.FormatError, match="is not a verglas manifest: "):
        dask.load(tmp_path)
    # A name that only begins like ours.
    (tmp_path / "manifest.json").rename(tmp_path / "manifest-old.json")
    with pytest.raises(FileNotFoundError, match="holds neither a manifest"):
        dask.load(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"stacks": [{"number": 0, "n_images": 1}], "n_stacks": 10**15}))
    with pytest.raises(verglas.FormatError, match="of 1000000000000000 stacks are missing, the first is number 1"):
        dask.load(tmp_path)


def test_shards_are_counted_from_one():
    dask = pytest.importorskip("verglas.dask")
    for n_shards in [0, -3, 2.5, "many"]:
        with pytest.raises(ValueError, match="n_shards is "):
            dask.convert(None, "particles.star", "out", n_shards=n_shards)


def test_pipes_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for read in [verglas.read_mrc, verglas.read_star, verglas.read_cryosparc, ImageDescriptor.load]:
        with pytest.raises(OSError, match="a pipe, expected a file"):
            read(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(OSError, match="a pipe, expected a file"):
        verglas.load_stack(tmp_path / "pipe.npz")
