"""The readers, against the field's own packages, NumPy, and data made here."""

import gzip
import pickle
import threading
import warnings

import mrcfile
import numpy as np
import pandas as pd
import pytest
import starfile

import verglas

from conftest import verglas as command


# STAR


def assert_same_star(path):
    theirs, ours = starfile.read(path, always_dict=True), verglas.read_star(path)
    assert list(ours) == list(theirs)
    for name, table in ours.items():
        reference = theirs[name]
        assert table.is_loop == isinstance(reference, pd.DataFrame)
        if not table.is_loop:
            reference = pd.DataFrame([reference])
        assert list(table) == list(reference.columns) and table.n_rows == len(reference)
        for column, values in table.items():
            expected = reference[column]
            if pd.api.types.is_numeric_dtype(expected):
                if len(expected):
                    assert values.dtype == expected.dtype, column
                np.testing.assert_array_equal(values.astype(np.float64), expected.to_numpy(np.float64), err_msg=column)
            else:
                assert values.dtype == object
                assert all(isinstance(value, str) for value in values)
                # starfile gives numbers among texts as one or the other.
                assert all(found == want or float(found) == want for found, want in zip(values, expected)), column


def test_shared_star_files(shared):
    paths = sorted((shared / "data/star").glob("*.star")) + sorted((shared / "data/relion").glob("*.star"))
    assert len(paths) >= 10
    for path in paths:
        assert_same_star(path)


@pytest.mark.parametrize("values, dtype, expected", [
    (["1", "-2", "+3"], np.int64, [1, -2, 3]),
    (["1", "2.5", "1e3"], np.float64, [1, 2.5, 1000]),
    (["1", "nan", "inf"], np.float64, [1, np.nan, np.inf]),
    (["1", "<NA>", "3"], np.float64, [1, np.nan, 3]),
    (["<NA>", "1"], np.float64, [np.nan, 1]),
    (['""', "7"], np.float64, [np.nan, 7]),
    (["7", '""', "8.5"], np.float64, [7, np.nan, 8.5]),
    (["1", "9223372036854775808", "2"], np.uint64, [1, 2**63, 2]),
    (["18446744073709551615", "0"], np.uint64, [2**64 - 1, 0]),
    (["-1", "9223372036854775808"], np.float64, [-1, 2.0**63]),
    (["9223372036854775808", "-1"], np.float64, [2.0**63, -1]),
    (["a", "1"], object, ["a", "1"]),
    (["01", "1.50", "a"], object, ["01", "1.50", "a"]),
    (["1.50", '""', "a"], object, ["1.50", "", "a"]),
    (["9223372036854775808", "x"], object, ["9223372036854775808", "x"]),
    (["<NA>", "x"], object, ["<NA>", "x"]),
    (['""', '""'], object, ["", ""]),
    (["1", "1_0"], object, ["1", "1_0"]),
    (["'a b'", "c#d"], object, ["a b", "c#d"]),
])  # fmt: skip
def test_types_of_star_columns(tmp_path, values, dtype, expected):
    rows = "\n".join(f"{value} {row}" for row, value in enumerate(values))
    (tmp_path / "a.star").write_text(f"data_a\nloop_\n_x\n_row\n{rows}\n")
    table = verglas.read_star(tmp_path / "a.star")["a"]
    assert table["x"].dtype == dtype
    np.testing.assert_array_equal(table["x"], np.array(expected, dtype))
    np.testing.assert_array_equal(table["row"], np.arange(len(values)))


def test_where_starfile_guesses_wrongly(tmp_path):
    (tmp_path / "a.star").write_text("data_a\n_x 20240101_1\n_y 1@a#b.mrcs\n\ndata_b\nloop_\n_z\n")
    star = verglas.read_star(tmp_path / "a.star")
    assert list(star["a"]["x"]) == ["20240101_1"] and list(star["a"]["y"]) == ["1@a#b.mrcs"]
    assert star["b"]["z"].shape == (0,) and star["b"]["z"].dtype == object


def test_repeated_names_can_not_be_asked_for(tmp_path):
    (tmp_path / "a.star").write_text("data_a\nloop_\n_x\n_x\n_y\n1 2 3\ndata_b\n_k v\ndata_b\n_k w\n")
    star = verglas.read_star(tmp_path / "a.star")
    assert len(star) == 2 and [block.name for block in star.blocks] == ["a", "b", "b"]
    assert star["a"].column_names == ["x", "x", "y"] and star["a"]["y"] == [3]
    with pytest.raises(verglas.FormatError, match="2 columns `x`"):
        star["a"]["x"]
    with pytest.raises(verglas.FormatError, match="2 blocks `data_b`"):
        star["b"]
    assert star.blocks[2]["k"].tolist() == ["w"]
    for missing in [lambda: star["c"], lambda: star["a"]["z"]]:
        with pytest.raises(KeyError):
            missing()


def test_star_text_that_is_not_utf_8(tmp_path):
    import os

    (tmp_path / "a.star").write_bytes(b"data_a\nloop_\n_x\n1@a\xe4.mrcs\n1@a\xc3\xa4.mrcs\n")
    first, second = verglas.read_star(tmp_path / "a.star")["a"]["x"]
    assert os.fsencode(first) == b"1@a\xe4.mrcs" and second == "1@aä.mrcs"


def test_repeated_texts_are_one_object(tmp_path):
    (tmp_path / "a.star").write_text("data_a\nloop_\n_x\n" + "mic_1\nmic_2\n" * 50)
    texts = verglas.read_star(tmp_path / "a.star")["a"]["x"]
    assert texts.tolist() == ["mic_1", "mic_2"] * 50 and len({id(text) for text in texts}) == 2


def test_star_errors_have_a_place(tmp_path):
    (tmp_path / "a.star").write_text("data_a\nloop_\n_x\n_y\n1 2\n3\n")
    with pytest.raises(verglas.FormatError, match=r"line 6 of `.*a\.star`: expected 2 values, found 1"):
        verglas.read_star(tmp_path / "a.star")
    with pytest.raises(FileNotFoundError, match="cannot read `"):
        verglas.read_star(tmp_path / "b.star")


def test_star_as_pandas(simulated):
    ours = verglas.read_star(simulated / "data/particles.star").to_pandas()
    theirs = starfile.read(simulated / "data/particles.star")
    for name in ["optics", "particles"]:
        pd.testing.assert_frame_equal(ours[name], theirs[name], check_dtype=False)


# CryoSPARC


@pytest.fixture(scope="module")
def cs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cs")
    return verglas.simulate(folder, 30, 16, layout="cs").metadata[0]


def assert_same_cs(path):
    theirs, ours = np.load(path), verglas.read_cryosparc(path)
    assert list(ours) == list(theirs.dtype.names) and ours.n_rows == len(theirs)
    for name in ours:
        if theirs[name].dtype.kind == "S":
            assert ours[name].dtype == object
            assert ours[name].tolist() == np.char.decode(theirs[name]).tolist()
        else:
            assert ours[name].dtype == theirs[name].dtype, name
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_cs_columns_are_numpys(cs):
    assert_same_cs(cs)


def test_a_real_cs_file(shared):
    assert_same_cs(shared / "data/cryosparc/cryosparc_P12_J24_001_particles.cs")


def test_chosen_cs_columns(cs):
    table = verglas.read_cryosparc(cs, ["alignments3D/pose", "uid"])
    assert list(table) == ["alignments3D/pose", "uid"] and table["alignments3D/pose"].shape == (30, 3)
    with pytest.raises(verglas.FormatError, match="has no `blob/what`; it has uid, "):
        verglas.read_cryosparc(cs, ["blob/what"])
    frame = verglas.read_cryosparc(cs).to_pandas()
    np.testing.assert_array_equal(frame["alignments3D/pose/2"], np.load(cs)["alignments3D/pose"][:, 2])
    assert frame["blob/path"].iloc[0].endswith(".mrcs")


def test_any_field(tmp_path):
    record = np.zeros(5, [("a", ">f8"), ("b", "?"), ("c", "<c8", (2, 3)), ("d", "<U4"), ("e", "S3", (2,)), ("f", "i1"), ("g", "f2")])
    record["a"], record["c"], record["d"], record["e"], record["f"] = np.arange(5), 1 + 2j, ["é", "x", "", "yy", "é"], b"abc", -3
    with open(tmp_path / "a.cs", "wb") as file:
        np.save(file, record)
    table = verglas.read_cryosparc(tmp_path / "a.cs")
    for name in "abcfg":
        assert table[name].dtype == record[name].dtype
        np.testing.assert_array_equal(table[name], record[name])
    assert table["d"].tolist() == ["é", "x", "", "yy", "é"] and table["e"].tolist() == [["abc", "abc"]] * 5
    with open(tmp_path / "empty.cs", "wb") as file:
        np.save(file, record[:0])
    empty = verglas.read_cryosparc(tmp_path / "empty.cs")
    assert empty.n_rows == 0 and empty["c"].shape == (0, 2, 3) and empty["e"].shape == (0, 2)


def test_files_that_are_no_cs(tmp_path, cs):
    (tmp_path / "a.csg").write_text("results:\n  particles:\n    metafile: '>J1_particles.cs'\n")
    with pytest.raises(verglas.FormatError, match="J1_particles.cs"):
        verglas.read_cryosparc(tmp_path / "a.csg")
    (tmp_path / "cut.cs").write_bytes(cs.read_bytes()[:-10])
    with pytest.raises(verglas.FormatError, match="which hold 29 whole rows"):
        verglas.read_cryosparc(tmp_path / "cut.cs")


# MRC


@pytest.fixture(scope="module")
def stacks(tmp_path_factory):
    """A stack in every mode that mrcfile writes, 6 sections of 5 × 7."""
    folder, found = tmp_path_factory.mktemp("mrc"), {}
    whole = np.random.default_rng(3).integers(-100, 100, (6, 5, 7))
    for name, dtype in [("int8", "i1"), ("int16", "i2"), ("float32", "f4"), ("uint16", "u2"), ("float16", "f2"), ("big", ">f4")]:
        values = (abs(whole) if dtype == "u2" else whole).astype(dtype)
        found[name] = folder / f"{name}.mrcs"
        with warnings.catch_warnings(), mrcfile.new(found[name], overwrite=True) as file:
            warnings.simplefilter("ignore")
            file.set_data(values)
            file.set_image_stack()
            file.voxel_size = (1.5, 2.5, 1.0)
    return found


@pytest.mark.parametrize("name", ["int8", "int16", "float32", "uint16", "float16", "big"])
def test_sections_are_mrcfiles(stacks, name):
    theirs = mrcfile.read(stacks[name]).astype(np.float32)
    ours = verglas.read_mrc(stacks[name])
    assert len(ours) == 6 and ours.shape == (6, 5, 7) and ours.dtype == np.float32
    assert ours.pixel_size == pytest.approx((2.5, 1.5)) and ours.header["mode"] == int(mrcfile.open(stacks[name]).header.mode)
    for section in [0, 5, -1, -6, np.int64(2)]:
        assert ours[section].shape == (5, 7)
        np.testing.assert_array_equal(ours[section], theirs[section])
    for chosen in [slice(None), slice(1, 4), slice(4, 1), slice(None, None, -1), slice(-5, 100, 2), [3, 3, -1, 0], np.array([2]), []]:
        np.testing.assert_array_equal(ours[chosen], theirs[np.array(chosen, int) if isinstance(chosen, list) else chosen])
    mask = np.array([True, False, True, True, False, False])
    np.testing.assert_array_equal(ours[mask], theirs[mask])
    np.testing.assert_array_equal(list(ours), theirs)
    np.testing.assert_array_equal(np.asarray(ours), theirs)
    assert np.asarray(ours, np.float64).dtype == np.float64
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ours))[3], theirs[3])


def test_sections_that_are_not_there(stacks, tmp_path):
    stack = verglas.read_mrc(stacks["float32"])
    for section in [6, -7, 10**20]:
        with pytest.raises(IndexError, match=r"section .* asked for, `.*` holds 6"):
            stack[section]
    for index in [1.5, "1", (1, 2), None]:
        with pytest.raises(TypeError, match="as index"):
            stack[index]
    with pytest.raises(IndexError, match="mask of 2 values"):
        stack[np.array([True, False])]
    (tmp_path / "cut.mrcs").write_bytes(stacks["float32"].read_bytes()[:-200])
    with pytest.warns(verglas.VerglasWarning, match="which hold 4 whole sections"):
        cut = verglas.read_mrc(tmp_path / "cut.mrcs")
    np.testing.assert_array_equal(cut[3], stack[3])
    for chosen in [4, slice(2, 6), [0, 5]]:
        with pytest.raises(verglas.FormatError, match="hold 4 whole sections"):
            cut[chosen]


def test_unsigned_bytes_and_compressed_files(stacks, tmp_path):
    raw = mrcfile.read(stacks["int8"])
    np.testing.assert_array_equal(verglas.read_mrc(stacks["int8"], mode0="unsigned")[:], raw.view(np.uint8))
    with pytest.raises(ValueError, match="mode0 is `both`, expected `signed` or `unsigned`"):
        verglas.read_mrc(stacks["int8"], mode0="both")
    (tmp_path / "a.mrcs.gz").write_bytes(gzip.compress(stacks["int16"].read_bytes()))
    np.testing.assert_array_equal(verglas.read_mrc(tmp_path / "a.mrcs.gz")[1:3], mrcfile.read(stacks["int16"])[1:3])


def test_pixels_that_are_not_what_the_mode_says(stacks, tmp_path):
    right = mrcfile.read(stacks["float32"])
    header = stacks["float32"].read_bytes()[:1024]
    (tmp_path / "wide.mrcs").write_bytes(header + right.astype("<f8").tobytes())
    with pytest.raises(verglas.FormatError, match="exactly 8 bytes per pixel"):
        verglas.read_mrc(tmp_path / "wide.mrcs")
    np.testing.assert_array_equal(verglas.read_mrc(tmp_path / "wide.mrcs", pixel_type="float64")[:], right)
    integers = np.arange(right.size, dtype="<i4").reshape(right.shape) - 7
    (tmp_path / "integers.mrcs").write_bytes(header + integers.tobytes())
    stack = pickle.loads(pickle.dumps(verglas.read_mrc(tmp_path / "integers.mrcs", pixel_type="int32")))
    np.testing.assert_array_equal(stack[:], integers)
    with pytest.raises(ValueError, match="pixel_type is `int4`, expected `int8`, `uint8`, "):
        verglas.read_mrc(stacks["int8"], pixel_type="int4")


def test_real_mrc_files(shared):
    for path in sorted((shared / "data/relion").glob("*.mrcs")) + sorted((shared / "data/mrc").glob("*.map*")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours, theirs = verglas.read_mrc(path), mrcfile.read(path)
        np.testing.assert_array_equal(ours[-1], theirs[-1])
        np.testing.assert_array_equal(ours[: min(50, len(ours))], theirs[:50])


def test_what_is_odd_is_warned_of(shared):
    with pytest.warns(verglas.VerglasWarning, match="marked as a volume") as caught:
        verglas.read_mrc(shared / "data/mrc/EMD-3197.map")
    assert caught[0].filename == __file__


def test_sections_read_by_threads(stacks):
    stack, found = verglas.read_mrc(stacks["int16"]), [None] * 8
    threads = [threading.Thread(target=lambda i: found.__setitem__(i, stack[:]), args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for images in found:
        np.testing.assert_array_equal(images, stack[:])


# Stacks


@pytest.mark.parametrize("precision, dtype", [("single", np.complex64), ("double", np.complex128)])
def test_load_stack(simulated, precision, dtype):
    import zipfile

    folder = simulated / precision
    stack = verglas.load_stack(folder, 1)
    assert len(stack) == 16 and stack.fourier.shape == (16, 33, 64) and stack.physical.shape == (16, 32, 32)
    assert isinstance(stack.fourier, np.memmap) and isinstance(stack.physical, np.memmap)
    assert stack.fourier.dtype == dtype and not stack.fourier.flags.writeable and stack.fourier.flags.aligned
    for values, path in [(stack.fourier, "fft/particles_fourier_stack_000001.pt"), (stack.physical, "phys/particles_phys_stack_000001.pt")]:
        with zipfile.ZipFile(folder / path) as archive:
            assert values.tobytes() == archive.read("archive/data/0")
    with np.load(stack.path) as archive:
        assert list(stack.metadata) == archive.files
        for key in archive.files:
            assert stack.metadata[key].dtype == archive[key].dtype
            np.testing.assert_array_equal(stack.metadata[key], archive[key])
    assert stack.descriptor == verglas.ImageDescriptor.load(folder / "parameters.npz")
    for path in [
        stack.path, str(stack.path), folder / "fft/particles_fourier_stack_000001.pt", folder / "phys/particles_phys_stack_000001.pt",
    ]:  # fmt: skip
        assert verglas.load_stack(path).path == stack.path


def test_a_stack_without_physical_images(simulated, tmp_path):
    command("convert", simulated / "data/particles.star", "-o", tmp_path, "--no-physical")
    assert verglas.load_stack(tmp_path, 0).physical is None


def test_cryolikes_own_stacks(shared):
    for number in range(2):
        stack = verglas.load_stack(shared / "golden/cryolike_relion5", number)
        n = len(stack)
        assert stack.fourier.shape == (n, 31, 60) and stack.physical.shape == (n, 30, 30)
        np.testing.assert_allclose(np.abs(stack.physical).max((1, 2)), 1, rtol=1e-6)
        assert stack.metadata["atom_radii"] is None and stack.metadata["defocusU"].shape == (n,)
        assert stack.descriptor == verglas.ImageDescriptor.load(shared / "golden/cryolike_descriptor.npz")


def test_what_is_no_stack(simulated, tmp_path):
    with pytest.raises(ValueError, match="is a folder"):
        verglas.load_stack(simulated / "single")
    with pytest.raises(FileNotFoundError):
        verglas.load_stack(simulated / "single", 9)
    with pytest.raises(verglas.FormatError, match="has no `n_images`"):
        verglas.load_stack(simulated / "single/parameters.npz")
    import shutil

    shutil.copytree(simulated / "single", tmp_path / "out")
    shutil.copy(tmp_path / "out/fft/particles_fourier_stack_000002.pt", tmp_path / "out/fft/particles_fourier_stack_000001.pt")
    with pytest.raises(verglas.FormatError, match=r"holds a tensor of shape \(8, 33, 64\), expected 16 images"):
        verglas.load_stack(tmp_path / "out", 1).fourier
