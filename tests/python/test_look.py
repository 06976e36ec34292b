"""What the command says about files and folders is to be had in Python, too: inspect, status, report, export."""

import json

import numpy as np
import pytest
from conftest import verglas as command

import verglas


@pytest.mark.parametrize(
    "name", ["data/particles.star", "single/fft/particles_fourier_stack_000000.npz", "single/parameters.npz", "data/stack_0.mrcs"]
)
def test_inspect_says_what_the_command_says(simulated, name):
    path = next(simulated.joinpath("data").rglob("*.mrcs")) if name.endswith(".mrcs") else simulated / name
    found = verglas.inspect(path)
    assert found.values == json.loads(command("inspect", "--json", path).stdout)
    assert found.kind == found.values["kind"] and found.path == path and found.problems == ()
    assert str(found) == command("inspect", path).stdout.rstrip("\n")
    assert str(found) not in repr(found) and "<pre>" in found._repr_html_()


def test_inspect_in_python_s_words(tmp_path):
    """Bytes may be signed or not: which argument settles it is called as in Python."""
    mrcfile = pytest.importorskip("mrcfile")
    path = tmp_path / "bytes.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.zeros((2, 8, 8), np.int8))
    assert "unless `mode0` says otherwise" in str(verglas.inspect(path))
    assert "unless --mode0 says otherwise" in command("inspect", path).stdout


def test_inspect_shows_faults_and_refuses_the_unknown(simulated, tmp_path):
    whole = next(simulated.joinpath("data").rglob("*.mrcs")).read_bytes()
    cut = tmp_path / "cut.mrcs"
    cut.write_bytes(whole[:-100])
    found = verglas.inspect(cut)
    assert len(found.problems) == 1 and f"wrong: {found.problems[0]}" in str(found)
    (tmp_path / "what.bin").write_bytes(b"nothing known")
    with pytest.raises(verglas.FormatError, match="what.bin"):
        verglas.inspect(tmp_path / "what.bin")
    with pytest.raises(FileNotFoundError):
        verglas.inspect(tmp_path / "none.star")


def test_status(simulated, tmp_path):
    found = verglas.status(simulated / "single")
    assert found.is_complete and (found.n_images, found.n_images_done, found.n_stacks_done) == (40, 40, 3)
    assert str(found) == command("status", simulated / "single").stdout.rstrip("\n")
    assert [run.state for run in found.runs] == ["complete"] and found.unfinished_shards == ()
    options = ["--batch-size", 16, "--shard", "2/3", "--no-plots"]
    command("convert", simulated / "data/particles.star", "-o", tmp_path / "shards", *options)
    found = verglas.status(tmp_path / "shards")
    assert not found.is_complete and found.n_shards == 3
    assert found.shards_not_begun == found.unfinished_shards == (1, 3) and found.runs[0].shard == 2
    with pytest.raises(FileNotFoundError):
        verglas.status(tmp_path)


def test_report(simulated, tmp_path):
    page = verglas.report(simulated / "single", tmp_path / "page.html", examples=2)
    assert page.path == tmp_path / "page.html" and page.path.read_text().startswith("<!DOCTYPE html>")
    assert "40 particles" in str(page) and str(page.path) in str(page)
    with pytest.raises(ValueError, match="examples is 0"):
        verglas.report(simulated / "single", examples=0)


def test_export_writes_what_the_command_writes(simulated, tmp_path):
    score = np.linspace(-1, 1, 40).astype(np.float32)
    np.save(tmp_path / "score.npy", score)
    np.save(tmp_path / "mask.npy", score > 0.5)
    given = ["--rows", tmp_path / "mask.npy", "--add", f"score={tmp_path / 'score.npy'}"]
    command("export", simulated / "single", *given, "-o", tmp_path / "command.star")
    made = verglas.export(simulated / "single", tmp_path / "arrays.star", rows=score > 0.5, add={"score": score})
    verglas.export(
        simulated / "single", tmp_path / "paths.star", rows=tmp_path / "mask.npy", add={"score": tmp_path / "score.npy"}
    )
    expected = (tmp_path / "command.star").read_bytes()
    assert (tmp_path / "arrays.star").read_bytes() == (tmp_path / "paths.star").read_bytes() == expected
    assert (made.output, made.n_rows, made.n_source_rows, made.columns) == (tmp_path / "arrays.star", 10, 40, ("score",))
    assert str(made).splitlines()[1].split() == ["rows", "10", "of", "40"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"rows": np.ones(3, bool)}, "`rows`: a mask of 3 values, the folder holds 40 images"),
        ({"add": {"score": np.ones(4)}}, r"`add\['score'\]`: 4 values for the new column `score`"),
        ({"rows": np.ones((2, 2))}, "rows is float64 of shape"),
        ({"structure": 1}, "structure is 1, but is only for poses"),
        ({"likelihood": "none", "structure": -1}, "structure is -1"),
        ({"add": {"": np.ones(40)}}, "a new column has no name$"),
    ],
)
def test_export_names_the_argument(simulated, tmp_path, arguments, message):
    with pytest.raises((ValueError, OSError), match=message):
        verglas.export(simulated / "single", tmp_path / "out.star", **arguments)
    assert not list(tmp_path.iterdir())


def test_export_replaces_only_when_asked(simulated, tmp_path):
    out = tmp_path / "out.star"
    verglas.export(simulated / "single", out)
    with pytest.raises(ValueError, match=r"already exists(?s:.*)overwrite=True"):
        verglas.export(simulated / "single", out)
    verglas.export(simulated / "single", out, overwrite=True)


def test_summaries_are_shown_in_lines_and_as_tables(simulated, tmp_path):
    star = simulated / "data/particles.star"
    made = verglas.convert_particle_stacks_from_indexed_star_file(None, star, folder_output=tmp_path, flag_plots=False)
    lines = str(made).splitlines()
    assert lines[0] == f"Stacks in {tmp_path}" and lines[1].split(maxsplit=1) == ["images", "40 in 1 stacks, from 2 image files"]
    assert any(line.split()[:2] == ["grid", f"{made.n_shells}"] for line in lines)
    shown = made._repr_html_()
    assert shown.startswith("<table>") and f"{made.n_shells} shells" in shown
    assert repr(made).startswith("Summary(output=") and "\n" not in repr(made)
    shown = verglas.check(star)._repr_html_()
    assert shown.startswith("<pre>warning: ") and shown.endswith("nothing wrong: 40 images, 1 stacks</pre>")


def test_names_complete_and_near_ones_are_named(simulated):
    star = verglas.read_star(simulated / "data/particles.star")
    assert star._ipython_key_completions_() == ["optics", "particles"]
    particles = star["particles"]
    assert particles._ipython_key_completions_() == particles.column_names and "rlnDefocusU" in particles
    several = "rlnDefocusU, rlnDefocusV"
    for asked, near in [("DefocusU", "rlnDefocusU"), ("_rlnDefocusu", "rlnDefocusU"), ("rlnDefocU", several)]:
        assert asked not in particles and particles.get(asked) is None
        with pytest.raises(KeyError, match=rf"^'no column `{asked}`; similar: {near}'$"):
            particles[asked]
    with pytest.raises(KeyError, match="no block `particle`; similar: particles"):
        star["particle"]
    with pytest.raises(KeyError, match="no block `xyz`; there are optics, particles"):
        star["xyz"]
    assert "rlnDefocusU" in particles._repr_html_() and "optics" in star._repr_html_()
    metadata = verglas.load_stack(simulated / "single", 0).metadata
    with pytest.raises(KeyError, match="no array `defocus_u`; similar: defocusU"):
        metadata["defocus_u"]
