"""Every STAR file parses to what the Python package starfile gives."""

import json
import subprocess

import numpy as np
import pandas as pd
import pytest
import starfile

from conftest import BUILT


def parse(path):
    ran = subprocess.run([BUILT / "examples/star_to_json", path], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def assert_same(path):
    theirs = starfile.read(path, always_dict=True)
    ours = parse(path)
    assert [block["name"] for block in ours] == list(theirs)
    for block in ours:
        reference = theirs[block["name"]]
        if not isinstance(reference, pd.DataFrame):
            reference = pd.DataFrame([reference])
            assert block["kind"] == "pairs"
        assert block["columns"] == list(reference.columns)
        assert len(block["rows"]) == len(reference)
        for at, column in enumerate(block["columns"]):
            values = [row[at] for row in block["rows"]]
            expected = reference[column]
            if pd.api.types.is_numeric_dtype(expected):
                # pandas takes an empty text among numbers for a missing one.
                numbers = [float(value) if value else np.nan for value in values]
                np.testing.assert_array_equal(numbers, expected.to_numpy(np.float64))
            else:
                # A column of mixed text and numbers: starfile keeps each as text or as the number it looks like.
                for found, want in zip(values, expected):
                    assert found == want or float(found) == want


def test_shared_star_files(shared):
    paths = sorted((shared / "data/star").glob("*.star")) + sorted((shared / "data/relion").glob("*.star"))
    assert len(paths) >= 10
    for path in paths:
        assert_same(path)


@pytest.mark.parametrize("text", [
    "data_a\n\nloop_\n_x #1\n_y\n1 two\n 3\tfour \n\n5 'six seven'\n",
    "data_\n_key value\n_other 'a b'\n_n 3\n",
    "# comment\ndata_optics\nloop_\n_rlnA\n1\ndata_particles\nloop_\n_rlnB #1\n_rlnC #2\n1e3 ab\n-2.5E-03 c # comment\n",
    "data_a\r\nloop_\r\n_x\r\n1\r\n2\r\n",
    "data_one\nloop_\n_x\n7",
])  # fmt: skip
def test_small_files(tmp_path, text):
    path = tmp_path / "a.star"
    path.write_bytes(text.encode())
    assert_same(path)
