"""What is written, read by NumPy and by real torch; and the values, computed again in NumPy."""

import json
import subprocess

import numpy as np
import mrcfile
import pytest
import starfile

from conftest import BUILT, verglas
from reference import direct_sum, gauss_jacobi, polar_waves, relative_error

PRECISIONS = {"single": (np.complex64, 1e-6), "double": (np.complex128, 1e-12)}


def metadata(folder, stack):
    """All arrays of a stack's metadata, without unpickling anything."""
    with np.load(folder / f"fft/particles_fourier_stack_{stack:06}.npz", allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def tensor_bytes(path):
    """The values of a tensor as bytes, found by Python's own zip reader."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return archive.read("archive/data/0")


def test_metadata_load_without_pickle(simulated):
    rows = 0
    for stack in range(3):
        values = metadata(simulated / "single", stack)
        n = int(values["n_images"])
        assert values["defocusU"].shape == (n,) and values["defocusU"].dtype == np.float64
        assert values["files"].dtype.kind == "U" and values["idxs"].dtype == np.int64
        np.testing.assert_array_equal(values["row"], np.arange(rows, rows + n))
        assert values["voltage"].shape == () and values["atom_radii"].shape == (0,)
        rows += n
    assert rows == 40


def test_metadata_are_what_starfile_reads(simulated):
    star = starfile.read(simulated / "data/particles.star")
    particles = star["particles"].merge(star["optics"], on="rlnOpticsGroup")
    values = [metadata(simulated / "single", stack) for stack in range(3)]
    together = {key: np.concatenate([part[key] for part in values]) for key in ["defocusU", "defocusV", "idxs", "row",
                "defocusAngle", "phaseShift", "angleRotation", "angleTilt", "anglePsi", "originX", "originY", "files"]}
    for key, column, convert in [
        ("defocusU", "rlnDefocusU", np.asarray),
        ("defocusV", "rlnDefocusV", np.asarray),
        ("defocusAngle", "rlnDefocusAngle", np.radians),
        ("phaseShift", "rlnPhaseShift", np.radians),
        ("angleRotation", "rlnAngleRot", np.radians),
        ("angleTilt", "rlnAngleTilt", np.radians),
        ("anglePsi", "rlnAnglePsi", np.radians),
        ("originX", "rlnOriginXAngst", np.asarray),
        ("originY", "rlnOriginYAngst", np.asarray),
    ]:
        np.testing.assert_array_equal(together[key], convert(particles[column].to_numpy()), err_msg=key)
    names = [name.split("@", 1) for name in particles["rlnImageName"]]
    assert [int(index) - 1 for index, _ in names] == together["idxs"].tolist()
    assert [path for _, path in names] == together["files"].tolist()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_values_are_the_contracts_sums(simulated, precision):
    """Steps 2 to 4 by NumPy alone, from the pixels that mrcfile reads."""
    dtype, bound = PRECISIONS[precision]
    folder = simulated / precision
    values = metadata(folder, 1)
    n, (side, _), n_inplanes = int(values["n_images"]), values["n_pixels"], int(values["n_inplanes"])
    n_shells = 1 + int(np.ceil(values["radius_max"] / values["dist_radii"]))
    fourier = np.frombuffer(tensor_bytes(folder / "fft/particles_fourier_stack_000001.pt"), dtype)
    fourier = fourier.reshape(n, n_shells, n_inplanes)
    physical = np.frombuffer(tensor_bytes(folder / "phys/particles_phys_stack_000001.pt"), np.float32)
    physical = physical.reshape(n, side, side)

    radii, weights = gauss_jacobi(n_shells, values["radius_max"])
    point_weights = (2 * np.pi) ** 2 * weights / n_inplanes
    waves = polar_waves(side, radii, n_inplanes)
    for image in range(n):
        with mrcfile.mmap(simulated / "data" / str(values["files"][image])) as stack:
            raw = stack.data[values["idxs"][image]].astype(np.float64)
        mean, largest = raw.mean(), np.abs(raw - raw.mean()).max()
        centred = ((raw - mean) / largest).astype(np.float32)
        # NumPy sums in another order: its mean may differ in the last bit, and so may a pixel's rounding.
        np.testing.assert_allclose(physical[image], centred, rtol=0, atol=6e-8)
        exact = direct_sum(physical[image], waves)
        norm = np.sqrt((np.abs(exact) ** 2 * point_weights[:, None]).sum())
        exact /= norm
        assert relative_error(fourier[image], exact) <= bound
        np.testing.assert_allclose(values["fourier_norm"][image], norm, rtol=bound)
        np.testing.assert_allclose(values["image_mean"][image], mean, rtol=0, atol=1e-12 * largest)
        np.testing.assert_allclose(values["image_max"][image], largest, rtol=1e-12)


TORCH = """
import json, sys, torch
tensors = []
for path in sys.argv[1:]:
    plain = torch.load(path, weights_only=True)
    mapped = torch.load(path, weights_only=True, mmap=True)
    assert torch.equal(plain, mapped) and plain.is_contiguous()
    tensors.append([str(plain.dtype), list(plain.shape), plain.untyped_storage().nbytes(), plain.numpy().tobytes().hex()])
print(json.dumps(tensors))
"""


@pytest.mark.parametrize("precision", PRECISIONS)
def test_real_torch_loads_the_tensors(simulated, torch_python, precision):
    paths = [simulated / precision / f"fft/particles_fourier_stack_{stack:06}.pt" for stack in range(3)]
    paths += [simulated / precision / f"phys/particles_phys_stack_{stack:06}.pt" for stack in range(3)]
    ran = subprocess.run([torch_python, "-c", TORCH, *paths], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    dtype = {"single": "torch.complex64", "double": "torch.complex128"}[precision]
    for path, (found, shape, storage, values) in zip(paths, json.loads(ran.stdout)):
        is_fourier = path.parent.name == "fft"
        assert found == (dtype if is_fourier else "torch.float32")
        assert shape == [shape[0], 33, 64] if is_fourier else [shape[0], 32, 32]
        stored = tensor_bytes(path)
        assert len(stored) == storage, "the file holds the tensor and nothing else"
        assert stored.hex() == values


LARGE = """
import sys, torch
mapped = torch.load(sys.argv[1], weights_only=True, mmap=True)
print(mapped.dtype, tuple(mapped.shape), mapped.untyped_storage().nbytes())
assert mapped.untyped_storage().nbytes() > 2**32
last = mapped[-1].clone()
del mapped
plain = torch.load(sys.argv[1], weights_only=True)
assert torch.equal(plain[-1], last)
assert not plain[0].any() and not plain[-2].any()
assert torch.equal(torch.view_as_real(last).flatten(), torch.arange(last.numel() * 2, dtype=torch.float64))
"""


def test_real_torch_loads_a_tensor_larger_than_4_gib(tmp_path, torch_python):
    """4.8 GB from the writer that stacks are written by, all but the last image holes in the file."""
    path = tmp_path / "large.pt"
    subprocess.run([BUILT / "examples/large_tensor", path], check=True)
    assert path.stat().st_size > 2**32 > path.stat().st_blocks * 512
    ran = subprocess.run([torch_python, "-c", LARGE, path], capture_output=True, text=True)
    path.unlink()
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("torch.complex128 (70, 65, 65536)"), ran.stdout


def test_simulated_stacks_are_valid_mrc(simulated):
    for path in (simulated / "data").rglob("*.mrcs"):
        assert mrcfile.validate(path)
