"""CryoLike's calls give what the command gives; and what comes besides: warnings, logs, progress, Ctrl-C, errors."""

import inspect
import logging
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import verglas
from verglas import ImageDescriptor, VerglasWarning

from conftest import verglas as command

indexed_star = verglas.convert_particle_stacks_from_indexed_star_file
paired = verglas.convert_particle_stacks_from_paired_star_and_mrc_files
indexed_cs = verglas.convert_particle_stacks_from_indexed_cryosparc_file
job_directory = verglas.convert_particle_stacks_from_cryosparc_job_directory

N, SIDE = 40, 16


@pytest.fixture(scope="session")
def layouts(tmp_path_factory):
    """One data set in each layout."""
    folder = tmp_path_factory.mktemp("layouts")
    return {
        layout: (folder / layout, verglas.simulate(folder / layout, N, SIDE, layout=layout))
        for layout in ["star", "star-pairs", "cs", "cs-job"]
    }


@pytest.fixture(scope="session")
def descriptor():
    return ImageDescriptor.from_individual_values(SIDE, 1.3)


@pytest.fixture(scope="session")
def descriptor_file(descriptor, tmp_path_factory):
    path = tmp_path_factory.mktemp("descriptor") / "parameters.npz"
    descriptor.save(path)
    return path


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", verglas.VerglasWarning)
        yield


def data_files(folder):
    """The bytes of every stack file but the pictures, whose titles name the folder."""
    found = {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*_stack_*") if path.suffix != ".png"}
    assert found
    return found


CALLS = {
    "star": (lambda folder, data, d, out, **o: indexed_star(d, data.metadata[0], folder_output=out, **o), ["particles.star"]),
    "star-pairs": (
        lambda folder, data, d, out, **o: paired(d, data.stacks, data.metadata, folder_output=out, **o),
        ["particles_000.star", "particles_001.star", "--images", "particles_000.mrcs", "particles_001.mrcs"],
    ),
    "cs": (lambda folder, data, d, out, **o: indexed_cs(d, data.metadata[0], folder_output=out, **o), ["particles.cs"]),
    "cs-job": (lambda folder, data, d, out, **o: job_directory(d, folder, 1, folder_output=out, **o), [".", "--job", "1"]),
}

OPTIONS = [
    ({}, []),
    ({"batch_size": 7, "n_stacks_max": 2, "threads": 1, "memory": "64M"}, ["--batch-size", 7, "--max-stacks", 2]),
    ({"contrast": "invert", "physical": False}, ["--contrast", "invert", "--no-physical"]),
    ({"defocus_angle_axis": "rows", "keep_files_apart": True}, ["--defocus-angle-axis", "rows", "--keep-files-apart"]),
    ({"optics_group": 1, "pixel_size": (1.3, 1.3)}, ["--optics-group", "1", "--pixel-size", 1.3]),
    ({"pixel_size": np.float32(1.3), "pixel_size_from": "caller"}, ["--pixel-size", float(np.float32(1.3)), "--pixel-size-from", "caller"]),
]


@pytest.mark.parametrize("layout", CALLS)
@pytest.mark.parametrize("options, words", OPTIONS)
def test_the_commands_bytes(layouts, descriptor_file, tmp_path, monkeypatch, quiet, layout, options, words):
    call, inputs = CALLS[layout]
    folder, data = layouts[layout]
    if layout.startswith("cs") and "optics_group" in options:
        # CryoSPARC counts groups from 0.
        options, words = {**options, "optics_group": ["0"]}, ["--optics-group", "0", *words[2:]]
    command("convert", *inputs, "-d", descriptor_file, "-o", tmp_path / "theirs", *words, cwd=folder)
    monkeypatch.chdir(folder)
    relative = verglas.SimulatedDataSet(
        [path.relative_to(folder) for path in data.metadata], [path.relative_to(folder) for path in data.stacks], data.truth
    )
    summary = call(".", relative, str(descriptor_file), str(tmp_path / "ours"), **options)
    assert data_files(tmp_path / "ours") == data_files(tmp_path / "theirs")
    assert summary.n_images == sum(len(verglas.load_stack(tmp_path / "ours", k)) for k in range(summary.n_stacks))
    written = [path.stat().st_size for path in (tmp_path / "ours").rglob("*_stack_*")]
    assert summary.bytes_written == sum(written)


@pytest.mark.parametrize("method", ["mean", "max", "fourier"])
def test_downsampling(layouts, tmp_path, quiet, method):
    folder, data = layouts["star"]
    small = ImageDescriptor.from_individual_values(SIDE // 2, 2.6, "double")
    indexed_star(small, data.metadata[0], folder_output=tmp_path / "ours", downsample_factor=2, downsample_type=method)
    small.save(tmp_path / "small.npz")
    command(
        "convert", data.metadata[0], "-d", tmp_path / "small.npz", "-o", tmp_path / "theirs", "--downsample", 2,
        "--downsample-method", method,
    )  # fmt: skip
    assert data_files(tmp_path / "ours") == data_files(tmp_path / "theirs")


def test_a_box_and_chosen_rows(layouts, tmp_path, quiet):
    star = layouts["star"][1].metadata[0]
    np.save(tmp_path / "rows.npy", [5, 0, 3])
    options = {"downsample_to": SIDE - 6, "rows": tmp_path / "rows.npy"}
    summary = indexed_star(None, star, folder_output=tmp_path / "ours", **options)
    assert (summary.n_images, summary.n_pixels, summary.downsample_method) == (3, SIDE - 6, "fourier")
    words = ["--downsample-to", SIDE - 6, "--rows", tmp_path / "rows.npy"]
    command("convert", star, "-o", tmp_path / "theirs", *words)
    assert data_files(tmp_path / "ours") == data_files(tmp_path / "theirs")
    assert list(verglas.load_stack(tmp_path / "ours", 0).metadata["row"]) == [0, 3, 5]
    with pytest.raises(ValueError, match="expected an even number of pixels"):
        indexed_star(None, star, folder_output=tmp_path / "odd", downsample_to=SIDE - 5)


def test_a_job_by_its_folder_or_its_name(layouts, quiet):
    folder = layouts["cs-job"][0]
    found = [verglas.check(*call) for call in [(folder / "J1",)]] + [verglas.check(folder, job=job) for job in (1, "1", "J1")]
    assert [(len(one.errors), one.n_images) for one in found] == [(0, found[0].n_images)] * 4
    assert found[0].n_images > 0
    with pytest.raises(ValueError, match="expected the number of a job"):
        verglas.check(folder, job="J1a")


class Theirs:
    """CryoLike's descriptor from outside."""

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def to_dict(self):
        return {**self.descriptor.to_dict(), "viewing_angles": None}


def test_every_form_of_the_descriptor(layouts, descriptor, descriptor_file, tmp_path, quiet):
    star = layouts["star"][1].metadata[0]
    forms = [descriptor, descriptor_file, str(descriptor_file), os.fsencode(descriptor_file), Theirs(descriptor), None]
    for number, form in enumerate(forms):
        summary = indexed_star(form, star, folder_output=tmp_path / str(number))
        assert (summary.new_descriptor is None) == (form is not None)
    made = ImageDescriptor.load(tmp_path / "5/parameters.npz")
    # The pixel size of a STAR file has six decimals.
    assert made == descriptor
    reference = data_files(tmp_path / "0")
    for number in range(1, len(forms)):
        assert data_files(tmp_path / str(number)) == reference
    with pytest.raises(TypeError, match="expected an image descriptor, found int"):
        indexed_star(5, star, folder_output=tmp_path / "no")
    with pytest.raises(ValueError, match="params_input=None"):
        indexed_star(descriptor, star, folder_output=tmp_path / "no", precision="double")
    assert indexed_star(None, star, folder_output=tmp_path / "double", precision="double").precision == "double"


def test_cryolikes_defaults_mean_what_they_mean_there(layouts, descriptor, tmp_path, monkeypatch, quiet):
    """No folder is the working directory; −1 and 0 are no limit and no size; a factor of 1 or below is none."""
    folder, data = layouts["cs-job"]
    monkeypatch.chdir(folder)
    job_directory(descriptor, "", 1, str(tmp_path / "a"), 1024, -1, -1.0, 1, "mean", False, True)
    job_directory(descriptor, job_number=1, folder_output=tmp_path / "b", n_stacks_max=0, pixel_size=0, downsample_factor=0)
    assert data_files(tmp_path / "a") == data_files(tmp_path / "b")
    monkeypatch.chdir(tmp_path / "a")
    # The path that the metadata hold is the one that was given.
    job_directory(descriptor, folder, 1, overwrite=True)
    assert (verglas.load_stack(".", 0).fourier == verglas.load_stack(tmp_path / "b", 0).fourier).all()


def test_folder_of_images(layouts, descriptor, tmp_path, quiet):
    import shutil

    for layout, call in [("star", indexed_star), ("cs", indexed_cs)]:
        folder, data = layouts[layout]
        metadata = shutil.copy(data.metadata[0], tmp_path)
        with pytest.raises(FileNotFoundError, match="2 of 2 image files not found"):
            call(descriptor, metadata, folder_output=tmp_path / layout)
        # CryoLike's order: the folder of the images is the third.
        call(descriptor, metadata, str(folder / "stacks"), str(tmp_path / layout))
        assert len(verglas.load_stack(tmp_path / layout, 0)) == N


def test_two_cs_files(layouts, descriptor, tmp_path, quiet):
    from numpy.lib import recfunctions

    folder, data = layouts["cs"]
    whole = np.load(data.metadata[0])
    blob = ["uid", *(name for name in whole.dtype.names if name.startswith("blob/"))]
    for name, columns, order in [("a.cs", blob, 1), ("b.cs", [n for n in whole.dtype.names if not n.startswith("blob/")], -1)]:
        with open(tmp_path / name, "wb") as file:
            np.save(file, recfunctions.repack_fields(whole[columns])[::order])
    indexed_cs(descriptor, tmp_path / "a.cs", folder / "stacks", tmp_path / "joined", passthrough=tmp_path / "b.cs")
    indexed_cs(descriptor, data.metadata[0], folder / "stacks", tmp_path / "whole")
    assert data_files(tmp_path / "joined") == data_files(tmp_path / "whole")
    with pytest.raises(verglas.FormatError):
        indexed_cs(descriptor, tmp_path / "a.cs", folder / "stacks", tmp_path / "alone")


def test_angles_in_radians(layouts, descriptor, tmp_path, quiet):
    data = layouts["star-pairs"][1]
    for name, units in [("degrees", {}), ("radians", {"defocus_angle_is_degree": False, "phase_shift_is_degree": False})]:
        paired(descriptor, data.stacks, data.metadata, tmp_path / name, **units)
    degrees, radians = (verglas.load_stack(tmp_path / name, 0).metadata for name in ["degrees", "radians"])
    np.testing.assert_allclose(degrees["defocusAngle"], np.radians(radians["defocusAngle"]), rtol=1e-15)


def test_one_pair_need_not_be_a_list(layouts, descriptor, tmp_path, quiet):
    data = layouts["star-pairs"][1]
    paired(descriptor, data.stacks[0], str(data.metadata[0]), tmp_path / "a")
    with pytest.raises(ValueError, match="1 .star files and 2 image files, expected equal numbers"):
        paired(descriptor, data.stacks, data.metadata[:1], tmp_path / "b")
    with pytest.raises(ValueError, match="0 .star files and 0 image files"):
        paired(descriptor, [], [], tmp_path / "b")


def test_the_summary_holds_everything(layouts, descriptor, tmp_path, quiet):
    """Nothing that the library tells gets lost on the way: every key is an attribute."""
    import json

    from verglas._convert import Preparation, _input, _settings
    from verglas._options import DEFAULTS, MEANINGS, Options

    options = {name: default for name, default in DEFAULTS.items() if name != "progress"}
    settings = _settings(
        descriptor, batch_size=9, pixel_size=None, downsample_factor=1, downsample_type="mean", n_stacks_max=-1, **options
    )
    preparation = Preparation(_input("star", [str(layouts["star"][1].metadata[0])]), settings)
    told = json.loads(preparation.run(str(tmp_path / "out")))
    assert set(told) == {field.name for field in fields(verglas.Summary)}
    assert set(DEFAULTS) == set(Options.__annotations__) and set(DEFAULTS) <= set(MEANINGS)
    summary = verglas.Summary._of(told)
    assert summary.n_stacks == 5 and summary.images_per_second > 0 and summary.output == tmp_path / "out"
    assert f"n_images={N}" in repr(summary) and repr(pickle.loads(pickle.dumps(summary))) == repr(summary)


#: What only the command says, and what Python says in its place.
PYTHONS_WORDS = {
    "`--defocus-angle-axis rows`": '`defocus_angle_axis="rows"`',
    "--resume": "`skip_exist=True`",
    "--overwrite": "`overwrite=True`",
    "--pixel-size-from": "`pixel_size_from`",
    "--pixel-size": "`pixel_size`",
    "--image-dir": "`folder_mrc` or `folder_cryosparc` or `image_dir`",
    "the command line": "the caller",
}


def in_pythons_words(text):
    for word, ours in PYTHONS_WORDS.items():
        text = text.replace(word, ours)
    return re.sub(r"`verglas convert (\S+) -o FOLDER`", r'`star_file="\1"`', text)


def test_warnings_are_the_commands(layouts, descriptor, descriptor_file, tmp_path):
    star = layouts["star"][1].metadata[0]
    told = command("convert", star, "-d", descriptor_file, "-o", tmp_path / "theirs", cwd=tmp_path).stderr
    with pytest.warns(verglas.VerglasWarning) as caught:
        summary = indexed_star(descriptor, star, folder_output=tmp_path / "ours")
    assert "".join(f"warning: {warning.message}\n" for warning in caught) == in_pythons_words(told)
    assert [warning.message.code for warning in caught] == ["defocus-angle-axis", "box-against-defocus", "image-root"]
    assert all(warning.filename == __file__ for warning in caught), "a warning points at the line that called"
    assert [str(warning) for warning in summary.warnings] == [str(warning.message) for warning in caught]
    assert pickle.loads(pickle.dumps(caught[0].message)).code == caught[0].message.code


def test_a_warning_made_an_error_stops_before_anything_is_written(layouts, descriptor, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", verglas.VerglasWarning)
        with pytest.raises(verglas.VerglasWarning):
            indexed_star(descriptor, layouts["star"][1].metadata[0], folder_output=tmp_path / "out")
        # It hides nothing that is wrong.
        with pytest.raises(ValueError, match="pixel sizes contradict each other"):
            indexed_star(descriptor, layouts["star"][1].metadata[0], folder_output=tmp_path / "out", pixel_size=2.0)
    assert not (tmp_path / "out").exists()


def test_decisions_are_logged(layouts, descriptor, tmp_path, caplog, quiet):
    with caplog.at_level(logging.INFO, "verglas"):
        indexed_star(descriptor, layouts["star"][1].metadata[0], folder_output=tmp_path / "out")
    assert any(text.startswith("pixel size 1.3 Å, from ") for text in caplog.messages)
    assert caplog.messages[-1] == f"{tmp_path / 'out'}: {N} images in 1 stacks"
    assert {record.name for record in caplog.records} == {"verglas"}


def test_errors_are_the_commands(layouts, descriptor, descriptor_file, tmp_path, quiet):
    """Kind by kind: what the command prints after `error: ` is the exception's text, in Python's words."""
    star = layouts["star"][1].metadata[0]
    (tmp_path / "bad.star").write_text("data_\nloop_\n_rlnImageName\n_rlnDefocusU\n1@a.mrcs 1\n2@a.mrcs\n")
    (tmp_path / "poor.star").write_text("data_\nloop_\n_rlnImageName\n_rlnDefocusU\n1@a.mrcs 1\n")
    (tmp_path / "absent.star").write_text(star.read_text().replace("stacks/", "nowhere/"))
    other = ImageDescriptor.from_individual_values(SIDE + 2, 1.3)
    other.save(tmp_path / "other.npz")
    (tmp_path / "full/fft").mkdir(parents=True)
    (tmp_path / "folder.star").mkdir()
    (tmp_path / "file").write_text("")
    for kind, path, settings, words, output in [
        (FileNotFoundError, tmp_path / "quite_another_name.star", {}, [], "out"),
        (FileNotFoundError, tmp_path / "absent.star", {}, [], "out"),
        (verglas.FormatError, tmp_path / "bad.star", {}, [], "out"),
        (verglas.FormatError, tmp_path / "poor.star", {}, [], "out"),
        (ValueError, star, {"pixel_size": 2.0}, ["--pixel-size", 2], "out"),
        (ValueError, star, {"params_input": tmp_path / "other.npz"}, ["-d", tmp_path / "other.npz"], "out"),
        (ValueError, star, {}, [], "full"),
        (ValueError, star, {"params_input": tmp_path / "other.npz"}, ["-d", tmp_path / "other.npz"], "full"),
        (ValueError, star, {}, [], "file/below"),
        (OSError, tmp_path / "folder.star", {}, [], "out"),
        (ValueError, star, {"optics_group": ["7"]}, ["--optics-group", 7], "out"),
    ]:
        words = words if "-d" in words else [*words, "-d", descriptor_file]
        told = command("convert", path, "-o", output, *words, cwd=tmp_path, expect=1).stderr
        told = told[told.index("error: ") + len("error: ") :]
        with pytest.raises(kind) as caught, contextlib_chdir(tmp_path):
            indexed_star(settings.pop("params_input", descriptor_file), path, folder_output=output, **settings)
        assert str(caught.value) + "\n" == in_pythons_words(told)
        assert not re.search("--[a-z]", str(caught.value))
        if kind is ValueError:
            assert type(caught.value) is ValueError
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
        assert not (tmp_path / "out").exists()


def test_hints_name_arguments():
    """Whatever a message tells to give is an argument of a function."""
    functions = [getattr(verglas, name) for name in verglas.__all__]
    arguments = {name for function in functions if inspect.isfunction(function) for name in inspect.signature(function).parameters}
    assert set(verglas._native.setting_words()) <= arguments


def test_hints_are_in_pythons_words(layouts, descriptor, tmp_path):
    """Hints of errors, warnings and what a verification finds, each with an argument of the function that was called."""
    folder, data = layouts["star"]
    star = data.metadata[0]
    with pytest.raises(ValueError, match="hint: allow more with `memory`$"):
        indexed_star(descriptor, star, folder_output=tmp_path / "out", memory=1000)
    with pytest.raises(ValueError, match="hint: for this box, `downsample_factor` can be at most "):
        indexed_star(None, star, folder_output=tmp_path / "out", downsample_factor=1000)
    with pytest.warns(VerglasWarning, match='`defocus_angle_axis="rows"` makes its CTF right'):
        indexed_star(descriptor, star, folder_output=tmp_path / "out", shard="1/2", batch_size=10)
    with pytest.raises(ValueError, match="holds a run in 2 shards"):
        indexed_star(descriptor, star, folder_output=tmp_path / "out", skip_exist=True)
    missing = verglas.verify(tmp_path / "out").errors
    assert any(error.endswith("hint: run each of them with `shard=(k, n)`") for error in missing), missing


class contextlib_chdir:
    """contextlib.chdir, which Python 3.10 has not."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.back = os.getcwd()
        os.chdir(self.path)

    def __exit__(self, *_):
        os.chdir(self.back)


@pytest.mark.parametrize("arguments, kind, message", [
    ({"downsample_type": "median"}, ValueError, "downsample_type is `median`, expected `mean`, `max` or `fourier`"),
    ({"contrast": "x"}, ValueError, "contrast is `x`, expected `as-stored`, `blob-sign` or `invert`"),
    ({"defocus_angle_axis": "x"}, ValueError, "expected `columns` or `rows`"),
    ({"mode0": "x"}, ValueError, "expected `signed` or `unsigned`"),
    ({"pixel_type": "x"}, ValueError, "pixel_type is `x`, expected `int8`"),
    ({"pixel_size_from": "x"}, ValueError, "expected `caller` or `metadata`"),
    ({"batch_size": 0}, ValueError, "batch size is 0"),
    ({"batch_size": 1.5}, ValueError, "batch_size is 1.5, expected a whole number"),
    ({"batch_size": -1}, ValueError, "batch_size is -1, expected a positive number"),
    ({"pixel_size": [1, 2, 3]}, ValueError, "expected one number or two"),
    ({"pixel_size": [1, -2]}, ValueError, "pixel size is "),
    ({"pixel_size": float("nan")}, ValueError, "pixel size is NaN"),
    ({"threads": 0}, ValueError, "threads is 0"),
    ({"memory": "much"}, ValueError, "memory is `much`, expected a size such as 512M or 2G"),
    ({"memory": 1}, ValueError, "memory"),
    ({"overwrite": True, "skip_exist": True}, ValueError, "expected one of the two"),
    ({"progress": 5}, TypeError, "progress is 5"),
    ({"folder_output": 5}, TypeError, "PathLike"),
])  # fmt: skip
def test_arguments_that_make_no_sense(layouts, descriptor, tmp_path, quiet, arguments, kind, message):
    with pytest.raises(kind, match=message):
        indexed_star(descriptor, layouts["star"][1].metadata[0], **{"folder_output": tmp_path / "out", **arguments})
    assert not (tmp_path / "out").exists()


def test_sizes_of_memory():
    from verglas._sizes import n_bytes

    for size, expected in [("512M", 512 << 20), ("2GiB", 2 << 30), ("1.5k", 1536), ("1000", 1000), (7, 7), ("3 TB", 3 << 40)]:
        assert n_bytes(size) == expected
    for size in ["", "M", "-1G", "0", "1X", "1.2.3", "1e5", "."]:
        with pytest.raises(ValueError, match="expected a size"):
            n_bytes(size)


def test_plots(layouts, descriptor, tmp_path, quiet):
    star = layouts["star"][1].metadata[0]
    indexed_star(descriptor, star, folder_output=tmp_path / "with")
    indexed_star(descriptor, star, folder_output=tmp_path / "without", flag_plots=False)
    assert len(list((tmp_path / "with/plots").glob("*.png"))) == 3 and not (tmp_path / "without/plots").exists()


def test_overwrite(layouts, descriptor, tmp_path, quiet):
    star = layouts["star"][1].metadata[0]
    indexed_star(descriptor, star, folder_output=tmp_path / "out", batch_size=10)
    before = data_files(tmp_path / "out")
    with pytest.raises(ValueError, match="is not empty"):
        indexed_star(descriptor, star, folder_output=tmp_path / "out", contrast="invert")
    assert data_files(tmp_path / "out") == before
    indexed_star(descriptor, star, folder_output=tmp_path / "out", overwrite=True)
    assert len(data_files(tmp_path / "out")) == 3


# Progress and stopping


@pytest.fixture(scope="session")
def slow(tmp_path_factory):
    """Grids and a STAR file that make many seconds of work and few bytes: large images, few points, each image often."""
    folder = tmp_path_factory.mktemp("slow")
    star = verglas.simulate(folder, 4, 400).metadata[0]
    lines = star.read_text().splitlines()
    rows = [line for line in lines if "@stacks/" in line]
    star.write_text("\n".join([*(line for line in lines if line not in rows), *(rows * (N_SLOW // len(rows))), ""]))
    return ImageDescriptor.from_individual_values(400, 1.3, "double", 0.01, n_inplanes=61), star


N_SLOW = 3000


def test_progress(slow, tmp_path, quiet):
    descriptor, star = slow
    told, threads = [], set()

    def progress(done, total):
        told.append((done, total))
        threads.add(threading.current_thread())

    indexed_star(descriptor, star, folder_output=tmp_path / "out", n_stacks_max=2, batch_size=100, progress=progress, physical=False)
    assert told[-1] == (200, 200) and {total for _, total in told} == {200}
    dones = [done for done, _ in told]
    assert dones == sorted(set(dones)), "forward, and never the same twice"
    assert threads == {threading.current_thread()}, "called by the thread that called"


def test_tqdm(layouts, descriptor, tmp_path, quiet, capsys):
    indexed_star(descriptor, layouts["star"][1].metadata[0], folder_output=tmp_path / "out", progress=True)
    shown = capsys.readouterr().err
    assert "100%" in shown and f"{N}/{N}" in shown
    verglas.simulate(tmp_path / "data", 50, 16, progress=True)
    assert "50/50" in capsys.readouterr().err


def test_without_tqdm(layouts, descriptor, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.warns(verglas.VerglasWarning, match="tqdm is not installed") as caught:
        verglas.simulate(tmp_path, 10, 16, progress=True)
    assert caught[0].filename == __file__


def test_an_error_in_the_callback_stops_and_is_raised(slow, tmp_path, quiet):
    descriptor, star = slow
    calls = []

    def progress(done, total):
        calls.append(done)
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        indexed_star(descriptor, star, folder_output=tmp_path / "out", batch_size=20, progress=progress, physical=False)
    assert len(calls) == 1 and calls[0] < N_SLOW
    assert_stopped(tmp_path / "out", N_SLOW // 20)


def assert_stopped(folder, n_planned):
    """Only whole stacks, nothing half-made, and a record that says how far it came."""
    import json

    manifest = json.loads((folder / "manifest.json").read_text())
    assert not manifest["is_complete"] and len(manifest["stacks"]) < n_planned
    assert not list(folder.rglob(".*.partial"))
    for number in range(len(manifest["stacks"])):
        stack = verglas.load_stack(folder, number)
        assert np.isfinite(stack.fourier[-1]).all()


# Children of a suite that runs in the background would ignore the signal, as it does.
HEED_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"

INTERRUPTED = HEED_CTRL_C + """
import sys, warnings
import verglas
warnings.simplefilter("ignore")
descriptor = verglas.ImageDescriptor.load(sys.argv[1])
def progress(done, total):
    print(done, flush=True)
try:
    verglas.convert_particle_stacks_from_indexed_star_file(
        descriptor, sys.argv[2], folder_output=sys.argv[3], batch_size=20, n_stacks_max=40, progress=progress, physical=False)
except KeyboardInterrupt as error:
    print("interrupted", error, flush=True)
    sys.exit(7)
"""


def test_ctrl_c(slow, tmp_path):
    descriptor, star = slow
    descriptor.save(tmp_path / "descriptor.npz")
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, tmp_path / "descriptor.npz", star, tmp_path / "out"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert int(child.stdout.readline()) > 0
    child.send_signal(signal.SIGINT)
    told = child.stdout.read()
    assert child.wait(timeout=60) == 7
    kept = re.search(r"interrupted stopped: (\d+) of 40 stacks in `.*/out` are whole\nhint: the same .* `skip_exist=True`", told)
    assert kept and int(kept[1]) < 40, told
    assert_stopped(tmp_path / "out", 40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        summary = indexed_star(
            descriptor, star, folder_output=tmp_path / "out", batch_size=20, n_stacks_max=40, physical=False,
            skip_exist=True,
        )  # fmt: skip
    assert summary.n_images == 800 and verglas.verify(tmp_path / "out").ok


def test_ctrl_c_while_arrays_are_transformed():
    """A long call of PolarTransform ends soon after the signal."""
    script = HEED_CTRL_C + (
        "import sys, numpy as np, verglas\n"
        "descriptor = verglas.ImageDescriptor.from_individual_values(400, 1.0, 'double', 0.01, n_inplanes=61)\n"
        "transform = verglas.PolarTransform(descriptor)\n"
        "images = np.broadcast_to(np.ones((400, 400), np.float32), (20_000, 400, 400))\n"
        "print('begun', flush=True)\n"
        "try:\n"
        "    transform(images)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(7)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "begun\n"
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=30) == 7


def test_other_threads_run_meanwhile(slow, tmp_path, quiet):
    descriptor, star = slow
    counted, is_done, failed = 0, threading.Event(), []

    def convert():
        try:
            indexed_star(
                descriptor, star, folder_output=tmp_path / "out", batch_size=100, n_stacks_max=2, physical=False, threads=1
            )
        except BaseException as error:
            failed.append(error)
        is_done.set()

    thread = threading.Thread(target=convert)
    thread.start()
    while not is_done.is_set():
        counted += 1
    thread.join()
    assert not failed and counted > 1000


def test_conversions_in_threads(layouts, descriptor, tmp_path, quiet):
    star = layouts["star"][1].metadata[0]
    threads = [
        threading.Thread(target=indexed_star, args=(descriptor, star), kwargs={"folder_output": tmp_path / str(number)})
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reference = data_files(tmp_path / "0")
    for number in range(1, 4):
        assert data_files(tmp_path / str(number)) == reference


def convert_in_child(arguments):
    warnings.simplefilter("ignore")
    return indexed_star(*arguments[:2], folder_output=arguments[2]).n_images


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_processes(layouts, descriptor, tmp_path, quiet):
    star = layouts["star"][1].metadata[0]
    indexed_star(descriptor, star, folder_output=tmp_path / "before")
    tasks = [(descriptor, star, tmp_path / str(number)) for number in range(4)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(convert_in_child, tasks) == [N] * 4
    for _, _, folder in tasks:
        assert data_files(folder) == data_files(tmp_path / "before")


# Resuming, shards, and verifying


def test_what_was_interrupted_is_finished(layouts, descriptor, tmp_path, quiet):
    """A run that its callback stopped, and one that lost files, become what one run makes."""
    star = layouts["star"][1].metadata[0]
    indexed_star(descriptor, star, folder_output=tmp_path / "whole", batch_size=4)

    def stop(done, total):
        raise RuntimeError("enough")

    arguments = {"folder_output": tmp_path / "out", "batch_size": 4, "skip_exist": True, "threads": 1}
    # A folder that is not there yet is begun.
    with pytest.raises(RuntimeError):
        indexed_star(descriptor, star, progress=stop, **arguments)
    assert (tmp_path / "out/manifest.json").is_file()
    summary = indexed_star(descriptor, star, **arguments)
    assert data_files(tmp_path / "out") == data_files(tmp_path / "whole") and verglas.verify(tmp_path / "out").ok
    assert (summary.n_images, summary.n_stacks) == (N, 10)
    for path in list((tmp_path / "out").rglob("*_00000[37].*")):
        path.unlink()
    told = []
    summary = indexed_star(descriptor, star, progress=lambda done, total: told.append(done), **arguments)
    assert data_files(tmp_path / "out") == data_files(tmp_path / "whole") and verglas.verify(tmp_path / "out").ok
    assert (summary.n_stacks, summary.n_stacks_kept, summary.n_images_computed) == (10, 8, 8) and told[-1] == N
    with pytest.raises(ValueError, match="the run there was run with other settings"):
        indexed_star(descriptor, star, contrast="invert", **arguments)


@pytest.mark.parametrize("layout", ["cs", "cs-job", "star-pairs"])
def test_skip_exist_everywhere(layouts, descriptor, tmp_path, quiet, layout):
    folder, data = layouts[layout]
    for number in range(2):
        summary = CALLS[layout][0](folder, data, descriptor, tmp_path, skip_exist=True, batch_size=10)
        assert summary.n_stacks_kept == number * 4 and summary.n_images == N


def test_shards(layouts, descriptor, tmp_path, quiet):
    star = layouts["star"][1].metadata[0]
    indexed_star(descriptor, star, folder_output=tmp_path / "whole", batch_size=7)
    for shard, told in [((2, 3), (2, 3)), ("1/3", (1, 3))]:
        summary = indexed_star(descriptor, star, folder_output=tmp_path / "out", batch_size=7, shard=shard)
        assert summary.shard == told
    assert not verglas.verify(tmp_path / "out").ok
    indexed_star(descriptor, star, folder_output=tmp_path / "out", batch_size=7, shard=[np.int64(3), 3])
    assert data_files(tmp_path / "out") == data_files(tmp_path / "whole") and verglas.verify(tmp_path / "out").ok
    for shard, message in [((4, 3), "shard 4/3, expected"), ("3", "expected K/N"), ("a/b", "expected K/N"), (3, "expected K/N")]:
        with pytest.raises(ValueError, match=message):
            indexed_star(descriptor, star, folder_output=tmp_path / "other", shard=shard)
    with pytest.raises(ValueError, match="overwrite and a shard"):
        indexed_star(descriptor, star, folder_output=tmp_path / "out", shard="1/3", overwrite=True)


def test_verify(layouts, descriptor, tmp_path, quiet):
    star = layouts["star"][1].metadata[0]
    indexed_star(descriptor, star, folder_output=tmp_path / "out", batch_size=10)
    told = []
    findings = verglas.verify(tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert findings.ok and (findings.n_images, findings.n_stacks) == (N, 4) and told[-1] == (N, N)
    path = tmp_path / "out/fft/particles_fourier_stack_000002.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    (tmp_path / "out/phys/particles_phys_stack_000001.pt").unlink()
    findings = verglas.verify(str(tmp_path / "out"), threads=1)
    told = command("verify", tmp_path / "out", expect=1).stderr
    told = told.replace("--resume and --verify", "`skip_exist=True` and `verify_kept=True`")
    assert "".join(f"error: {error}\n" for error in findings.errors) == told and len(findings.errors) >= 2
    assert not findings.ok and findings.n_stacks == 2
    with pytest.raises(FileNotFoundError):
        verglas.verify(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="threads is 0"):
        verglas.verify(tmp_path / "out", threads=0)


# Check


def test_check(layouts, descriptor, tmp_path):
    for layout, (folder, data) in layouts.items():
        arguments = {
            "star": (data.metadata[0], {}),
            "star-pairs": (data.metadata, {"images": data.stacks}),
            "cs": (str(data.metadata[0]), {}),
            "cs-job": (folder, {"job": 1}),
        }[layout]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            findings = verglas.check(arguments[0], descriptor, deep=True, batch_size=16, **arguments[1])
        assert findings.ok and findings.errors == () and findings.warnings
        expected = (N, 2, 4 if layout == "star-pairs" else 3)
        assert (findings.n_images, findings.n_image_files, findings.n_stacks) == expected
        assert any(note.startswith("pixel size ") for note in findings.notes)
        assert str(findings).endswith(f"nothing wrong: {N} images, {expected[2]} stacks")
    assert not list(tmp_path.iterdir())


def test_check_finds_everything(layouts, tmp_path):
    star = layouts["star"][1].metadata[0]
    findings = verglas.check(star, ImageDescriptor.from_individual_values(SIDE + 2, 1.3), pixel_size=2.0)
    assert not findings.ok and len(findings.errors) == 2 and findings.n_images == 0
    assert str(findings).count("error: ") == 2
    assert not verglas.check(tmp_path / "none.star").ok


def test_check_looks_at_pixels(layouts, descriptor, tmp_path):
    import shutil

    folder = layouts["star"][0]
    shutil.copytree(folder, tmp_path / "data")
    path = tmp_path / "data/stacks/particles_000.mrcs"
    content = bytearray(path.read_bytes())
    content[1024 : 1024 + 4 * SIDE * SIDE] = bytes(4 * SIDE * SIDE)
    path.write_bytes(content)
    star = tmp_path / "data/particles.star"
    told = []
    assert verglas.check(star, descriptor).ok
    findings = verglas.check(star, descriptor, deep=True, progress=lambda done, total: told.append((done, total)))
    assert len(findings.errors) == 1 and findings.errors[0].startswith("section 1 of `stacks/particles_000.mrcs`")
    assert told[-1] == (N, N)
    with pytest.raises(ValueError, match="section 1 of `stacks/particles_000.mrcs`"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        indexed_star(descriptor, star, folder_output=tmp_path / "out")


def test_check_needs_an_input_that_makes_sense(layouts):
    for inputs, settings in [
        ([], {}),
        ("a.mrc", {}),
        (["a.star", "b.star"], {}),
        (["a.cs", "b.cs", "c.cs"], {}),
        (["a.star", "b.cs"], {}),
        (["a.star", "b.star"], {"images": "a.mrcs"}),
        (["a", "b"], {"job": 1}),
    ]:
        with pytest.raises(ValueError, match="expected"):
            verglas.check(inputs, **settings)


# Simulation


def test_simulated_data_are_the_commands(tmp_path):
    command("simulate", "-o", tmp_path / "theirs", "--particles", 30, "--n-pixels", 16, "--layout", "cs", "--seed", 5, "--snr", 0.5)
    data = verglas.simulate(tmp_path / "ours", 30, 16, layout="cs", seed=5, snr=0.5, threads=1)
    files = [*data.metadata, *data.stacks, data.truth]
    assert sorted(files) == sorted(path for path in (tmp_path / "ours").rglob("*") if path.is_file())
    for path in files:
        assert path.read_bytes() == (tmp_path / "theirs" / path.relative_to(tmp_path / "ours")).read_bytes()
    with pytest.raises(ValueError, match="exists already"):
        verglas.simulate(tmp_path / "ours", 30, 16, layout="cs")
    with pytest.raises(ValueError, match="layout is `x`, expected `star`, `star-pairs`, `cs` or `cs-job`"):
        verglas.simulate(tmp_path / "other", 30, 16, layout="x")
    with pytest.raises(ValueError, match="expected a box of 4 to 8192 pixels, found 2"):
        verglas.simulate(tmp_path / "other", 30, 2)


def test_a_simulation_can_be_stopped(tmp_path):
    def progress(done, total):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        # Long enough that it is still going on when progress is told for the first time.
        verglas.simulate(tmp_path / "data", 20_000, 64, progress=progress)
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
