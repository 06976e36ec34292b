"""Files that are written from Python are read back as they were: by verglas, by starfile, by mrcfile."""

import mrcfile
import numpy as np
import pandas as pd
import pytest
import starfile

import verglas


def same(one, other):
    assert [block.name for block in one.blocks] == [block.name for block in other.blocks]
    for a, b in zip(one.blocks, other.blocks):
        assert (a.is_loop, a.column_names) == (b.is_loop, b.column_names)
        for name in a.column_names:
            assert a[name].dtype == b[name].dtype
            np.testing.assert_array_equal(a[name], b[name])


def test_a_star_file_comes_back(simulated, tmp_path):
    read = verglas.read_star(simulated / "data/particles.star")
    verglas.write_star(tmp_path / "copy.star", read)
    same(verglas.read_star(tmp_path / "copy.star"), read)
    theirs = starfile.read(tmp_path / "copy.star")
    for name, frame in starfile.read(simulated / "data/particles.star").items():
        pd.testing.assert_frame_equal(theirs[name], frame)
    verglas.write_star(tmp_path / "frames.star", read.to_pandas())
    again = verglas.read_star(tmp_path / "frames.star")
    np.testing.assert_array_equal(again["particles"]["rlnDefocusU"], read["particles"]["rlnDefocusU"])


def test_every_kind_of_value(tmp_path):
    columns = {
        "rlnFloat": np.array([0.1, -1e-300, np.nan, np.inf, 12345678.000001]),
        "rlnSingle": np.array([0.1, 1 / 3, 1e10, -0.0, 5e-5], np.float32),
        "rlnWhole": np.array([-(2**63), 0, 1, 2, 2**63 - 1]),
        "rlnLarge": np.array([0, 1, 2, 3, 2**64 - 1], np.uint64),
        "rlnYes": np.array([True, False, True, False, True]),
        "rlnText": np.array(["a", "two words", "", "#3", "data_x"], object),
        "rlnBytes": ["0001@\udcff.mrcs", "b", "c", "d", "e"],
        "rlnShort": [1, 2, 3, 4, 5],
    }
    path = tmp_path / "all.star"
    verglas.write_star(path, {"particles": columns})
    read = verglas.read_star(path)["particles"]
    for name in ["rlnFloat", "rlnWhole", "rlnLarge", "rlnText", "rlnBytes", "rlnShort"]:
        np.testing.assert_array_equal(read[name], np.asarray(columns[name], read[name].dtype), name)
    np.testing.assert_array_equal(read["rlnSingle"].astype(np.float32), columns["rlnSingle"])
    assert "0.1 " in path.read_text(errors="replace"), "no more digits than single precision needs"
    assert read["rlnYes"].tolist() == [1, 0, 1, 0, 1]


def test_one_block_and_pairs(tmp_path):
    path = tmp_path / "one.star"
    verglas.write_star(path, {"rlnA": [1, 2]})
    assert [block.name for block in verglas.read_star(path).blocks] == [""]
    verglas.write_star(path, {"general": {"rlnX": 1.5, "rlnName": "a b"}, "rows": {"rlnA": []}}, overwrite=True)
    read = verglas.read_star(path)
    assert not read["general"].is_loop and read["general"]["rlnX"].tolist() == [1.5] and read["general"]["rlnName"][0] == "a b"
    assert read["rows"].is_loop and read["rows"].n_rows == 0


@pytest.mark.parametrize(
    "blocks, message",
    [
        ({"p": {"a": [1, 2], "b": [1]}}, "the columns of block 'p' differ in length: a has 2, b has 1"),
        ({"p": {"a": np.ones((2, 3))}}, r"column `a` of block 'p' has the shape \(2, 3\)"),
        ({"p": {"a": np.ones(2, complex)}}, "column `a` of block 'p' is complex128"),
        ({"p": {"a": [object()]}}, "row 0: .* expected a number or a text"),
        ({"p": {"a b": [1]}}, "a b"),
        ({"p": {"a": ["two\nlines"]}}, "line"),
        ({"p": {}}, "expected 1 to"),
    ],
)
def test_what_no_star_file_holds(tmp_path, blocks, message):
    path = tmp_path / "p.star"
    path.write_text("as it was")
    with pytest.raises(ValueError, match=message):
        verglas.write_star(path, blocks, overwrite=True)
    assert path.read_text() == "as it was" and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(ValueError, match="already exists"):
        verglas.write_star(path, {"p": {"a": [1]}})
    with pytest.raises(TypeError, match="expected a StarFile"):
        verglas.write_star(tmp_path / "q.star", [1, 2])


def test_a_stack_comes_back(tmp_path):
    images = np.random.default_rng(1).normal(size=(3, 5, 8))
    path = tmp_path / "a.mrcs"
    verglas.write_mrc(path, images.transpose(0, 2, 1), 1.25)
    ours = verglas.read_mrc(path)
    assert ours.shape == (3, 8, 5) and ours.pixel_size == (1.25, 1.25)
    expected = images.transpose(0, 2, 1).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(ours), expected)
    with mrcfile.open(path) as theirs:
        np.testing.assert_array_equal(theirs.data, expected)
        assert theirs.is_image_stack() and float(theirs.voxel_size.x) == 1.25
    assert mrcfile.validate(path)
    verglas.write_mrc(path, images[0], overwrite=True)
    assert verglas.read_mrc(path).shape == (1, 5, 8) and verglas.read_mrc(path).pixel_size is None


@pytest.mark.parametrize(
    "images, pixel_size, message",
    [
        (np.zeros((2, 4, 4), complex), None, r"images are complex128 of shape \(2, 4, 4\)"),
        (np.zeros(4), None, r"of shape \(4,\)"),
        (np.zeros((0, 4, 4)), None, "at least one"),
        (np.full((1, 4, 4), 1e300), None, "beyond those of float32"),
        (np.zeros((1, 4, 4)), -1.0, "pixel size"),
        (np.zeros((1, 4, 4)), [1.0, 2.0], "pixels are square"),
    ],
)
def test_what_no_stack_holds(tmp_path, images, pixel_size, message):
    with pytest.raises(ValueError, match=message):
        verglas.write_mrc(tmp_path / "a.mrcs", images, pixel_size)
    assert not list(tmp_path.iterdir())
    (tmp_path / "a.mrcs").write_text("as it was")
    with pytest.raises(ValueError, match="already exists"):
        verglas.write_mrc(tmp_path / "a.mrcs", np.zeros((1, 4, 4)))
