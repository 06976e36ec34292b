"""PolarTransform on arrays of every type and layout, against a direct sum in NumPy."""

import copy
import multiprocessing
import pickle
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

import verglas
from verglas import ImageDescriptor, PolarTransform

from reference import direct_sum, gauss_jacobi, polar_waves, relative_error

SIDE, N_INPLANES, FACTOR = 24, 48, 0.9
# The promised accuracies.
BOUNDS = {"single": 1e-6, "double": 1e-12}
DTYPES = {"single": np.complex64, "double": np.complex128}


@pytest.fixture(scope="module", params=["single", "double"])
def precision(request):
    return request.param


@pytest.fixture(scope="module")
def descriptor(precision):
    return ImageDescriptor.from_individual_values(SIDE, 1.0, precision, FACTOR, n_inplanes=N_INPLANES)


@pytest.fixture(scope="module")
def transform(descriptor):
    return PolarTransform(descriptor)


@pytest.fixture(scope="module")
def images():
    """Whole numbers, so that every type holds them exactly."""
    return np.random.default_rng(1).integers(-100, 100, (5, SIDE, SIDE)).astype(np.float64)


@pytest.fixture(scope="module")
def expected(images):
    n_shells = 1 + int(np.ceil(FACTOR * SIDE / 4 / 0.25))
    waves = polar_waves(SIDE, gauss_jacobi(n_shells, FACTOR * SIDE / 4)[0], N_INPLANES)
    return np.array([direct_sum(image, waves) for image in images])


def assert_right(found, expected, precision):
    assert found.dtype == DTYPES[precision] and found.shape == expected.shape
    for one, other in zip(found, expected):
        assert relative_error(one, other) <= BOUNDS[precision]


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "f2", ">f2", "i1", "<i2", ">i2", "i4", ">i4", "i8", "longdouble"])
def test_types(transform, images, expected, precision, dtype):
    assert_right(transform(images.astype(dtype)), expected, precision)


def test_unsigned_types(transform, images, precision):
    for dtype in ["u1", "u2", ">u2", "u4", "u8"]:
        whole = np.abs(images).astype(dtype)
        np.testing.assert_allclose(transform(whole), transform(whole.astype(np.float64)), rtol=0, atol=2e-4)
    mask = images > 0
    np.testing.assert_array_equal(transform(mask), transform(mask.astype(np.float32)))


def layouts(images):
    """The same images in every order that memory can have."""
    n = len(images)
    yield "C order", images
    yield "Fortran order", np.asfortranarray(images)
    yield "columns first", np.ascontiguousarray(images.transpose(0, 2, 1)).transpose(0, 2, 1)
    yield "images last", np.ascontiguousarray(images.transpose(1, 2, 0)).transpose(2, 0, 1)
    yield "images backwards", np.ascontiguousarray(images[::-1])[::-1]
    yield "rows backwards", np.ascontiguousarray(images[:, ::-1])[:, ::-1]
    yield "all backwards", np.ascontiguousarray(images[::-1, ::-1, ::-1])[::-1, ::-1, ::-1]
    wide = np.full((2 * n, SIDE, 3 * SIDE), 99, images.dtype)
    wide[::2, :, 1::3] = images
    yield "every other", wide[::2, :, 1::3]
    wide = np.full((2 * n, SIDE, SIDE), 99, images.dtype)
    wide[1::2] = images
    yield "every other image", wide[1::2]
    read_only = images.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    record = np.zeros(n, [("flag", "u1"), ("image", images.dtype, (SIDE, SIDE))])
    record["image"] = images
    assert not record["image"].flags.aligned
    yield "unaligned", record["image"]


@pytest.mark.parametrize("dtype", ["<f4", "<f8", ">f4", ">f8", "i2"])
def test_layouts(transform, images, dtype):
    images = images.astype(dtype)
    reference = transform(images)
    for name, same in layouts(images):
        np.testing.assert_array_equal(same, images)
        np.testing.assert_array_equal(transform(same), reference, err_msg=name)
        np.testing.assert_array_equal(transform(same[2]), reference[2], err_msg=name)


def test_one_image_and_none(transform, images, expected, precision):
    assert_right(transform(images[:1]), expected[:1], precision)
    single = transform(images[0])
    assert single.shape == expected[0].shape and relative_error(single, expected[0]) <= BOUNDS[precision]
    for dtype in ["f4", ">f8", "i2"]:
        empty = transform(np.empty((0, SIDE, SIDE), dtype))
        assert empty.shape == (0, *expected[0].shape) and empty.dtype == DTYPES[precision]
    nested = transform(images[0].tolist())
    np.testing.assert_array_equal(nested, single)


def test_out(transform, images):
    reference = transform(images)
    out = np.full_like(reference, np.nan)
    assert transform(images, out) is out
    np.testing.assert_array_equal(out, reference)
    one = np.full_like(reference[0], np.nan)
    assert transform(images[3], out=one) is one
    np.testing.assert_array_equal(one, reference[3])
    n, n_shells, n_inplanes = reference.shape
    large = np.full((n, n_shells + 1, 2 * n_inplanes), np.nan, reference.dtype)
    for place in [large[:, 1:, ::2], large[::-1, n_shells - 1 :: -1, n_inplanes - 1 :: -1], np.empty_like(reference, order="F")]:
        transform(images, out=place)
        np.testing.assert_array_equal(place, reference)


def test_what_is_outside_out_stays(transform, images):
    reference = transform(images)
    large = np.full((7, *reference.shape[1:]), 7, reference.dtype)
    transform(images, out=large[1:-1])
    assert (large[0] == 7).all() and (large[-1] == 7).all()
    np.testing.assert_array_equal(large[1:-1], reference)


def test_refused(transform, images, descriptor):
    for shape in [(SIDE,), (SIDE, SIDE - 1), (2, SIDE + 1, SIDE + 1), (1, 1, SIDE, SIDE), ()]:
        with pytest.raises(ValueError, match=r"images have shape .*, expected \(n, 24, 24\) or \(24, 24\)"):
            transform(np.zeros(shape, np.float32))
    for dtype in ["c8", "O", "U3", "M8[s]"]:
        with pytest.raises(TypeError, match="expected real numbers"):
            transform(np.zeros((SIDE, SIDE), dtype))
    reference = transform(images)
    read_only = reference.copy()
    read_only.flags.writeable = False
    unaligned = np.zeros(3, [("flag", "u1"), ("value", reference.dtype, reference.shape[1:])])["value"]
    for out, message in [
        (reference[:4], r"out has shape \(4, .*\), expected \(5, "),
        (reference[0], "out has shape"),
        (reference.astype(np.complex64 if reference.dtype == np.complex128 else np.complex128), "out is of type"),
        (reference.real.copy(), "out is of type"),
        (reference.astype(reference.dtype.newbyteorder()), "out is of type"),
        (read_only, "out is read-only"),
        ([[1]], "out has shape"),
    ]:
        with pytest.raises(ValueError, match=message):
            transform(images, out=out)
    with pytest.raises(ValueError, match="not aligned"):
        transform(images[:3], out=unaligned)
    one = np.zeros(reference.shape[1:], reference.dtype)
    sliding = np.lib.stride_tricks.sliding_window_view(np.zeros(one.size + 4, one.dtype), one.size, writeable=True)
    for shared in [np.lib.stride_tricks.as_strided(one, reference.shape, (0, *one.strides)), sliding.reshape(5, *one.shape)]:
        with pytest.raises(ValueError, match="several places of out share memory"):
            transform(images, out=shared)
    out = np.zeros(reference.shape, reference.dtype)
    real = "f4" if reference.dtype == np.complex64 else "f8"
    inside = out.view(real).reshape(-1)[: images.size].reshape(images.shape)
    with pytest.raises(ValueError, match="share memory"):
        transform(inside, out=out)
    with pytest.raises(TypeError, match="expected an image descriptor"):
        PolarTransform("parameters.npz")
    with pytest.raises(ValueError, match="threads is 0"):
        PolarTransform(descriptor, threads=0)


def test_a_grid_past_nyquist_is_refused():
    values = {**ImageDescriptor.from_individual_values(SIDE, 1.0).to_dict(), "radius_max": 7.0}
    with pytest.raises(ValueError, match="past the Nyquist frequency"):
        PolarTransform(ImageDescriptor.from_dict(values))


def test_not_finite_pixels_stay_in_their_image(transform, images):
    reference = transform(images)
    broken = images.copy()
    broken[2, 3, 4] = np.nan
    found = transform(broken)
    assert np.isnan(found[2]).all()
    np.testing.assert_array_equal(np.delete(found, 2, 0), np.delete(reference, 2, 0))


def test_threads_do_not_show(descriptor, images):
    many = np.concatenate([images] * 20).astype(np.float32)
    reference = PolarTransform(descriptor, threads=1)(many)
    for threads in [2, 3, 8, 1000]:
        np.testing.assert_array_equal(PolarTransform(descriptor, threads=threads)(many), reference)


def test_calls_from_several_threads(transform, images):
    reference, found = transform(images), [None] * 8

    def call(index):
        found[index] = transform(images)

    threads = [threading.Thread(target=call, args=(index,)) for index in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for values in found:
        np.testing.assert_array_equal(values, reference)


def test_pickled_and_copied(transform, images):
    for other in [pickle.loads(pickle.dumps(transform)), copy.copy(transform), copy.deepcopy(transform)]:
        np.testing.assert_array_equal(other(images), transform(images))


def call_before_fork(images):
    return BEFORE_FORK(images)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_processes(transform, images, monkeypatch):
    """The plan was made, and threads have run, before the fork; the children use the plan as they find it."""
    monkeypatch.setitem(globals(), "BEFORE_FORK", transform)
    reference = transform(images)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for values in pool.map(call_before_fork, [images] * 4):
            np.testing.assert_array_equal(values, reference)


def test_the_interpreter_is_free(descriptor):
    """Another Python thread runs while a long call is under way: it counts while it waits."""
    stack = np.zeros((400, SIDE, SIDE), np.float32)
    transform, counted, is_done = PolarTransform(descriptor, threads=1), 0, threading.Event()

    def call():
        for _ in range(5):
            transform(stack)
        is_done.set()

    thread = threading.Thread(target=call)
    thread.start()
    while not is_done.is_set():
        counted += 1
    thread.join()
    assert counted > 100


TORCH = """
import sys
sys.path[:0] = [{site!r}]
import numpy as np, torch, verglas
descriptor = verglas.ImageDescriptor.from_individual_values(16, 1.0, "double")
transform = verglas.PolarTransform(descriptor)
images = torch.randn(4, 16, 16, dtype=torch.float64)
reference = transform(images.numpy())
assert np.array_equal(transform(images), reference)
assert np.array_equal(transform(images.transpose(1, 2)), transform(images.numpy().transpose(0, 2, 1)))
out = torch.empty(4, 17, 32, dtype=torch.complex128)
assert transform(images, out=out) is out
assert np.array_equal(out.numpy(), reference)

class Theirs:
    def to_dict(self):
        values = descriptor.to_dict()
        return {{**values, "pixel_size": torch.tensor([1.0, 1.0], dtype=torch.float64), "n_pixels": torch.tensor([16, 16]),
                "radius_max": torch.tensor(4.0), "n_inplanes": torch.tensor(32)}}

assert descriptor.is_compatible_with(Theirs())
stack = verglas.load_stack(sys.argv[1], 0)
theirs = torch.load(stack.path.with_suffix(".pt"), weights_only=True)
assert np.array_equal(stack.fourier, theirs.numpy())
path = sys.argv[2] + "/tensor.pt"
whole = torch.randn(10, 17, 9, dtype=torch.complex64)
for tensor in [whole, whole[2:5], whole.transpose(1, 2), whole[::3, 1:, ::2], whole[:0], whole.permute(2, 0, 1)]:
    torch.save(tensor, path)
    mapped = verglas._stack.map_tensor(path)
    assert mapped.dtype == tensor.numpy().dtype and np.array_equal(mapped, tensor.numpy()), tensor.shape
print("well")
"""


def test_torch(torch_python, simulated, tmp_path):
    """Real torch: tensors in and out, descriptors that hold tensors, and tensors of any layout in files."""
    shutil.copytree(Path(verglas.__file__).parent, tmp_path / "site/verglas")
    script = TORCH.format(site=str(tmp_path / "site"))
    ran = subprocess.run(
        [torch_python, "-W", "error", "-c", script, simulated / "single", tmp_path], capture_output=True, text=True
    )
    assert ran.returncode == 0 and ran.stdout == "well\n", ran.stderr
