"""The way back: what `export` writes is read by starfile, by NumPy, and by verglas itself."""

import numpy as np
import pytest
import starfile

from conftest import verglas


def scores(folder):
    """A score for each of 40 images, and the chosen ones."""
    score = np.linspace(-1, 1, 40).astype(np.float32)
    np.save(folder / "score.npy", score)
    np.save(folder / "mask.npy", score > 0.5)
    return score, np.flatnonzero(score > 0.5)


def test_star(simulated, tmp_path):
    score, chosen = scores(tmp_path)
    out = tmp_path / "chosen.star"
    verglas("export", simulated / "single", "--rows", tmp_path / "mask.npy", "--add", f"score={tmp_path / 'score.npy'}", "-o", out)
    source, exported = starfile.read(simulated / "data/particles.star"), starfile.read(out)
    assert exported["optics"].equals(source["optics"])
    particles = exported["particles"]
    np.testing.assert_array_equal(particles.pop("score").to_numpy(np.float32), score[chosen])
    assert particles.equals(source["particles"].iloc[chosen].reset_index(drop=True))
    verglas("convert", out, "-o", tmp_path / "again", cwd=simulated / "data")
    with np.load(tmp_path / "again/fft/particles_fourier_stack_000000.npz") as again:
        assert int(again["n_images"]) == len(chosen)


@pytest.mark.parametrize("joined", [False, True])
def test_cs(tmp_path, joined):
    verglas("simulate", "-o", tmp_path / "data", "--particles", 40, "--n-pixels", 16, "--layout", "cs")
    source = np.load(tmp_path / "data/particles.cs")
    inputs = [tmp_path / "data/particles.cs"]
    if joined:
        from numpy.lib import recfunctions

        blob = ["uid", *(name for name in source.dtype.names if name.startswith("blob/"))]
        rest = [name for name in source.dtype.names if not name.startswith("blob/")]
        inputs = [tmp_path / "data/blob.cs", tmp_path / "data/rest.cs"]
        source, other = recfunctions.repack_fields(source[blob]), recfunctions.repack_fields(source[rest])
        with open(inputs[0], "wb") as file:
            np.save(file, source)
        with open(inputs[1], "wb") as file:
            np.save(file, other[::-1])
    verglas("convert", *inputs, "-o", tmp_path / "out", "--batch-size", 16)
    score, chosen = scores(tmp_path)
    np.save(tmp_path / "rows.npy", chosen[::-1])
    verglas("export", tmp_path / "out", "--rows", tmp_path / "rows.npy", "--add", f"score={tmp_path / 'score.npy'}", "-o", tmp_path / "chosen.cs")
    exported = np.load(tmp_path / "chosen.cs")
    np.testing.assert_array_equal(exported["score"], score[chosen[::-1]])
    for name in source.dtype.names:
        np.testing.assert_array_equal(exported[name], source[name][chosen[::-1]])
    again = [tmp_path / "chosen.cs", *inputs[1:]]
    verglas("convert", *again, "-o", tmp_path / "again", cwd=tmp_path / "data")
