"""A job of likelihoods from Python: the command's folder, and its results as columns and matrices."""

import csv
import json
import os
import shutil
import signal
import threading

import numpy as np
import pytest
import starfile
from conftest import verglas as command

import verglas
from verglas import VerglasWarning


# What is told of these data is looked at where it matters.
pytestmark = pytest.mark.filterwarnings("ignore::verglas.VerglasWarning")

@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two structures, 40 images of the first in stacks of 16, and the command's likelihoods of them."""
    folder = tmp_path_factory.mktemp("likelihood")
    rng = np.random.default_rng(4)
    lines = []
    for name in ("a", "b"):
        lines = [
            f"ATOM  {k:5}  CA  ALA A{k:4}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           C"
            for k, (x, y, z) in enumerate(rng.normal(0, 6, (12, 3)), 1)
        ]
        (folder / f"{name}.pdb").write_text("\n".join(lines) + "\nEND\n")
    command(
        "simulate", "-o", folder / "data", "--particles", 40, "--n-pixels", 24, "--pixel-size", 1.8,
        "--structure", folder / "a.pdb", "--snr", 1,
    )  # fmt: skip
    command("convert", folder / "data/particles.star", "-o", folder / "stacks", "--batch-size", 16, "--no-plots")
    command(
        "templates", folder / "a.pdb", folder / "b.pdb", "-o", folder / "templates", "-d", folder / "stacks",
        "--viewing-distance", 0.6, "--no-plots",
    )  # fmt: skip
    command(
        "likelihood", folder / "stacks", "-t", folder / "templates", "-o", folder / "plain", "--max-displacement", 3,
        "--displacements", "5,3", "--likelihood", "plain",
    )  # fmt: skip
    return folder


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }


def likelihood(made, output, **options):
    options = {"max_displacement": 3, "displacements": (5, 3), "likelihood": "plain", **options}
    return verglas.likelihood(made / "stacks", made / "templates", output, **options)


def test_the_folder_is_the_commands(made, tmp_path):
    told = []
    summary = likelihood(made, tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert files(tmp_path / "out") == files(made / "plain")
    assert (summary.n_images, summary.n_stacks, summary.structures, summary.n_units) == (40, 3, ("a", "b"), 6)
    assert summary.n_comparisons == 40 * summary.n_templates * 15 and told[-1] == (summary.n_comparisons,) * 2
    results = verglas.read_results(tmp_path / "out")
    assert summary.n_best == tuple((results["best"] & (results["structure"] == k)).sum() for k in (0, 1)) and sum(summary.n_best) == 40
    assert verglas.verify(tmp_path / "out").ok and verglas.verify(tmp_path / "out").n_stacks == 6
    assert "fit a best" in summary._repr_html_()


def test_a_descriptor_in_memory(made, tmp_path):
    descriptor = verglas.ImageDescriptor.load(made / "templates/parameters.npz")
    verglas.likelihood(made / "stacks", made / "templates", tmp_path / "out", descriptor, max_displacement=3, displacements=(5, 3), likelihood="plain")
    assert files(tmp_path / "out") == files(made / "plain")
    assert verglas.verify(tmp_path / "out").ok
    (tmp_path / "out/template1/log_likelihood/log_likelihood_optimal_fourier_stack_000001.pt").unlink()
    again = verglas.likelihood(
        made / "stacks", made / "templates", tmp_path / "out", descriptor, max_displacement=3, displacements=(5, 3), likelihood="plain", skip_exist=True
    )
    assert again.n_units_kept == 5 and files(tmp_path / "out") == files(made / "plain")
    other = verglas.ImageDescriptor.from_individual_values(24, 1.9)
    with pytest.raises(ValueError, match="other grids than `the descriptor given`.*pixel size along rows 1.8, not 1.9"):
        verglas.likelihood(made / "stacks", made / "templates", tmp_path / "other", other)
    assert not (tmp_path / "other").exists()


def test_results_are_the_tables(made):
    results = verglas.read_results(made / "plain")
    with open(made / "plain/results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(results) == list(rows[0]) and results.n_rows == len(rows) == 80
    for name, column in results.items():
        assert len(column) == 80
        for value, row in zip(column, rows):
            if name in ("file", "name", "skipped"):
                assert value == row[name]
            elif name == "uid":
                assert np.isnan(value) and row[name] == ""
            else:
                assert float(value) == float(row[name]), name
    assert results["image"].dtype == np.int64 and results["best"].dtype == bool
    matrix = results.integrated_log_likelihood_matrix
    assert matrix.shape == (2, 40) and matrix.dtype == np.float64
    np.testing.assert_array_equal(results["log_likelihood_integrated"].reshape(40, 2).T, matrix)
    np.testing.assert_array_equal(results["log_likelihood_optimal"].reshape(40, 2).T, results.optimal_log_likelihood_matrix)
    assert np.array_equal(results["cross_correlation"].reshape(40, 2).T.astype(np.float32), results.cross_correlation_matrix)
    assert (results["best"].reshape(40, 2).argmax(axis=1) == matrix.argmax(axis=0)).all()
    assert results.displacements.shape == (2, 15)


def test_results_become_data_frames(made):
    results = verglas.read_results(made / "plain")
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table(results)
    assert table.column_names == list(results) and table.num_rows == 80
    assert (table.schema.field("template").type, table.schema.field("best").type) == (pyarrow.int64(), pyarrow.bool_())
    assert table["name"].to_pylist() == results["name"].tolist()
    np.testing.assert_array_equal(table["cross_correlation"].to_numpy(), results["cross_correlation"])
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(results)
    assert list(frame.columns) == list(results) and len(frame) == 80
    assert frame["template"].dtype == np.int64
    polars = pytest.importorskip("polars")
    assert polars.DataFrame(results).columns == list(results)


@pytest.mark.parametrize("kind", ["plain", "right"])
def test_starfile_reads_the_best_of_each_image(made, tmp_path, kind):
    right = {"likelihood": "right", "noise_images": 20, "integral": "grid"} if kind == "right" else {}
    likelihood(made, tmp_path / "out", table=("csv", "star"), **right)
    results = verglas.read_results(tmp_path / "out")
    blocks = starfile.read(tmp_path / "out/results.star", always_dict=True)
    assert list(blocks) == ["particles"]
    particles, best = blocks["particles"], results["best"]
    names = [f"{section + 1:06}@{file}" for section, file in zip(results["section"][best], results["file"][best])]
    assert particles["rlnImageName"].tolist() == names and len(names) == 40
    of = {
        "rlnAngleRot": "rot_deg", "rlnAngleTilt": "tilt_deg", "rlnAnglePsi": "psi_deg", "rlnOriginXAngst": "origin_x_angstrom",
        "rlnOriginYAngst": "origin_y_angstrom", "rlnLogLikeliContribution": "log_likelihood_integrated", "verglasImage": "image",
        "verglasRow": "row", "verglasTemplate": "template", "verglasLogLikelihoodOptimal": "log_likelihood_optimal",
        "verglasAtEdge": "at_edge",
    }  # fmt: skip
    if kind == "right":
        of |= {"verglasContrast": "contrast", "verglasLogOddsParticle": "log_odds_particle", "verglasLogLikelihoodNoise": "log_likelihood_noise"}
    for theirs, ours in of.items():
        np.testing.assert_array_equal(particles[theirs], results[ours][best], err_msg=theirs)
    assert (particles["rlnClassNumber"] == results["structure"][best] + 1).all()
    assert (particles["verglasStructureName"] == results["name"][best]).all()


def test_damaged_tables_are_told_where(made, tmp_path):
    with pytest.raises(FileNotFoundError, match='hint: .*`table="csv"`'):
        verglas.read_results(tmp_path)
    lines = (made / "plain/results.csv").read_text().splitlines()
    (tmp_path / "results.csv").write_text("\n".join([*lines[:4], lines[4].rsplit(",", 3)[0]]))
    with pytest.raises(verglas.FormatError, match="line 5 has 21 fields, expected 24"):
        verglas.read_results(tmp_path)
    (tmp_path / "results.csv").write_text("\n".join([*lines[:3], lines[3].replace(",a,", ",a,x", 1)]))
    with pytest.raises(verglas.FormatError, match="column `cross_correlation`: .*x"):
        verglas.read_results(tmp_path)
    # Columns that are new, and images that nothing is known of.
    more = [f"{line},{extra}" for line, extra in zip(lines[:3], ("why,much", "blank,1.5", ",2"))]
    more[1] = ",".join("" if 9 <= place < 21 else field for place, field in enumerate(more[1].split(",")))
    (tmp_path / "results.csv").write_text("\n".join(more))
    results = verglas.read_results(tmp_path)
    assert results["why"].tolist() == ["blank", ""] and results["much"].tolist() == [1.5, 2.0]
    assert np.isnan(results["template"][0]) and results["template"][1] >= 0 and np.isnan(results["log_likelihood_optimal"][0])
    (tmp_path / "results.csv").write_text("a,b\n1,2\n")
    with pytest.raises(verglas.FormatError, match="is not a table of likelihoods"):
        verglas.read_results(tmp_path)


def test_in_memory_it_is_the_same(made):
    """The job and `compare` are two ways to the same numbers."""
    results = verglas.read_results(made / "plain")
    of_b = {name: column[results["structure"] == 1] for name, column in results.items()}
    templates = verglas.Templates.load(made / "templates/templates_fourier_b.pt")
    moved = verglas.displacements(templates.descriptor, 3, (5, 3))
    for number in range(3):
        stack = verglas.load_stack(made / "stacks", number)
        comparison = verglas.compare(stack, templates, verglas.ctf(stack), moved)
        mine = of_b["stack"] == number
        assert comparison.optimal_pose().optimal_template_M.tolist() == of_b["template"][mine].tolist()
        np.testing.assert_array_equal(comparison.optimal, of_b["log_likelihood_optimal"][mine])
        np.testing.assert_array_equal(comparison.integrated, of_b["log_likelihood_integrated"][mine])
        poses = verglas.relion_poses(comparison, templates)
        for name in poses._fields:
            np.testing.assert_allclose(getattr(poses, name), of_b[name][mine], atol=1e-4)


def test_values_of_all_images_in_each_stack(made, tmp_path):
    """As CryoLike writes some: a stack's own begin at its first image."""
    shutil.copytree(made / "stacks/fft", tmp_path / "fft")
    for path in (tmp_path / "fft").glob("*.npz"):
        with np.load(path) as metadata:
            np.savez(path, **{**metadata, "ctfBfactor": 5.0 * np.arange(40)})
    with pytest.warns(VerglasWarning, match=r"39 images have a B-factor \(the largest is 195"):
        verglas.likelihood(tmp_path, made / "templates", tmp_path / "out", displacements=1, max_displacement=0, likelihood="plain")
    results = verglas.read_results(tmp_path / "out")
    templates = verglas.Templates.load(made / "templates/templates_fourier_a.pt")
    for number, first in enumerate((0, 16, 32)):
        stack = verglas.load_stack(tmp_path, number)
        assert stack.first_image == first
        mine = (results["stack"] == number) & (results["structure"] == 0)
        comparison = verglas.compare(stack, templates, verglas.ctf(stack))
        np.testing.assert_array_equal(comparison.integrated, results["log_likelihood_integrated"][mine])
        without = verglas.ctf({**stack.metadata, "ctfBfactor": None}, stack.descriptor)
        assert not np.allclose(verglas.ctf(stack), without)


def test_options_are_the_commands(made, tmp_path):
    likelihood(
        made, tmp_path / "out", structures=[1], max_stacks=2, integrated=False, pairs=True, full_cross_correlation=True,
        table=("csv", "star"), ctf="none", threads=1, memory="1G",
    )  # fmt: skip
    command(
        "likelihood", made / "stacks", "-t", made / "templates", "-o", tmp_path / "theirs", "--max-displacement", 3, "--displacements",
        "5,3", "--structures", 1, "--max-stacks", 2, "--no-integrated", "--pairs", "--full-cross-correlation", "--table", "csv",
        "--table", "star", "--ctf", "none", "--likelihood", "plain",
    )  # fmt: skip
    assert files(tmp_path / "out") == files(tmp_path / "theirs")
    full = verglas._stack.map_tensor(tmp_path / "out/template1/cross_correlation/cross_correlation_pose_msdw_stack_000000.pt")
    templates = verglas.Templates.load(made / "templates/templates_fourier_b.pt")
    moved = verglas.displacements(templates.descriptor, 3, (5, 3))
    comparison = verglas.compare(verglas.load_stack(made / "stacks", 0), templates, None, moved, integrated=False)
    assert np.array_equal(full, comparison.complete().cross_correlation_MSdw)


def test_the_right_one_is_the_commands(made, tmp_path):
    options = {"max_displacement": 3, "displacements": (5, 3), "noise_images": 20}
    summary = verglas.likelihood(made / "stacks", made / "templates", tmp_path / "out", **options)
    command(
        "likelihood", made / "stacks", "-t", made / "templates", "-o", tmp_path / "same", "--max-displacement", 3, "--displacements", "5,3",
        "--noise-images", 20,
    )  # fmt: skip
    assert files(tmp_path / "out") == files(tmp_path / "same")
    assert summary.n_images == 40
    results = verglas.read_results(tmp_path / "out")
    for name in ("log_likelihood_grid", "contrast", "mode_share", "view_sd_deg", "log_odds_particle", "log_likelihood_noise"):
        assert results[name].dtype == np.float64 and np.isfinite(results[name]).all(), name
    assert np.isnan(results["prior_view_deg"]).all()
    # Twenty images say nothing of the share of particles.
    assert np.isnan(results["p_particle"]).all()
    # Of each image the best structure's.
    best = results["best"].astype(bool)
    noise = results["log_likelihood_integrated"] - results["log_odds_particle"]
    assert np.array_equal(np.repeat(noise[best], 2), results["log_likelihood_noise"])
    with pytest.raises(ValueError, match='noise, modes given: parts of likelihood="right"'):
        likelihood(made, tmp_path / "none", noise="white", modes=3)
    with pytest.raises(ValueError, match="expected one of the two"):
        verglas.likelihood(made / "stacks", made / "templates", tmp_path / "none", as_cryolike=True, likelihood="right")
    assert not (tmp_path / "none").exists()


def test_shards_and_resume(made, tmp_path):
    for k in (2, 1):
        summary = likelihood(made, tmp_path / "out", shard=(k, 2))
    assert summary.shard == (1, 2) and summary.n_best is not None
    assert {name: data for name, data in files(tmp_path / "out").items() if not name.startswith("manifest")} == files(made / "plain")
    with pytest.raises(ValueError, match="overwrite and a shard"):
        likelihood(made, tmp_path / "out", shard=(1, 2), overwrite=True)
    with pytest.raises(ValueError, match="cannot (go on|resume)"):
        likelihood(made, tmp_path / "out", shard=(1, 2), skip_exist=True, max_displacement=4)


def test_what_is_wrong_is_told_in_pythons_words(made, tmp_path):
    with pytest.raises(ValueError, match=r"hint: .*`skip_exist=True`.*`overwrite=True`"):
        likelihood(made, made / "plain")
    with pytest.raises(ValueError, match="there is no structure 5"):
        likelihood(made, tmp_path / "out", structures="0,5")
    with pytest.raises(ValueError, match="ctf is `x`, expected `stack` or `none`"):
        likelihood(made, tmp_path / "out", ctf="x")
    with pytest.raises(ValueError, match="likelihood is `other`, expected `right` or `plain`"):
        likelihood(made, tmp_path / "out", likelihood="other")
    with pytest.raises(FileNotFoundError, match="has no folder `fft`"):
        verglas.likelihood(made, made / "templates", tmp_path / "out")
    findings = verglas.check_likelihood(made, made / "data")
    assert len(findings.errors) >= 2 and not findings.ok
    findings = verglas.check_likelihood(made / "stacks", made / "templates")
    assert findings.ok and (findings.n_images, findings.n_stacks) == (40, 3)
    with pytest.raises(ValueError, match="hint: allow more with `memory`"):
        likelihood(made, tmp_path / "out", memory=100_000)
    with pytest.warns(VerglasWarning, match=r"the best poses of .* try more with `max_displacement`"):
        likelihood(made, tmp_path / "narrow", max_displacement=0.2, displacements=3)
    assert not (tmp_path / "out").exists()


def test_ctrl_c_leaves_what_can_be_resumed(made, tmp_path):
    seen = []

    def progress(done, total):
        seen.append(done)
        if len(seen) == 1:
            threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt, match=r"(?s)stopped: \d+ of \d+ units in `.*hint: the same job with `skip_exist=True`"):
        likelihood(made, tmp_path / "out", progress=progress, displacements=81, max_displacement=4)
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["run"]["state"] == "stopped"
    with pytest.raises(RuntimeError, match="enough"):

        def stop(done, total):
            raise RuntimeError("enough")

        likelihood(made, tmp_path / "out", progress=stop, displacements=81, max_displacement=4, skip_exist=True)
