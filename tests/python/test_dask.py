"""Jobs on a Dask cluster of processes, one of which is killed in the middle, and stacks as lazy arrays."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import threading
import time
import warnings

import numpy as np
import pytest
import verglas
from conftest import verglas as command

distributed = pytest.importorskip("distributed")
vdask = pytest.importorskip("verglas.dask")


@pytest.fixture(scope="module")
def client():
    """Two workers, each a process with one thread."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data set, and what a plain run makes of it in 40 stacks of 20 images and one of 10."""
    folder = tmp_path_factory.mktemp("dask")
    command("simulate", "-o", folder / "data", "--particles", 810, "--n-pixels", 128)
    command("convert", folder / "data/particles.star", "-o", folder / "plain", "--batch-size", 20)
    return folder


def files(folder):
    """Every file that is to be the same whoever made it, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("manifest")
    }


def convert(client, data, output, **options):
    """The conversion that `data` is made for; the warnings are those of any conversion."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", verglas.VerglasWarning)
        return vdask.convert(client, data / "data/particles.star", output, batch_size=20, **options)


def kill_one_worker(folder, killed):
    """Kills the first worker that is seen to have made some stack of a shard, and not all."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in folder.glob("manifest-*.json"):
            part = json.loads(path.read_text())
            first = folder / f"fft/particles_fourier_stack_{(part['shard']['number'] - 1) * 10:06}.npz"
            if part["run"]["state"] == "running" and first.exists():
                # 0 would be this process and all that it started.
                assert part["run"]["process"] > 0
                # Stopped, it can't end before it is killed.
                os.kill(part["run"]["process"], signal.SIGSTOP)
                again = json.loads(path.read_text())
                if again["run"]["state"] == "running":
                    os.kill(part["run"]["process"], signal.SIGKILL)
                    killed.append(part)
                    return
                os.kill(part["run"]["process"], signal.SIGCONT)
        time.sleep(0.005)


def test_a_worker_that_is_killed_costs_nothing(client, data, tmp_path):
    killed, told = [], []
    killer = threading.Thread(target=kill_one_worker, args=(tmp_path / "stacks", killed))
    killer.start()
    summary = convert(
        client, data, tmp_path / "stacks", n_shards=4, progress=lambda done, total: told.append((done, total))
    )
    killer.join()
    assert len(killed) == 1
    assert files(tmp_path / "stacks") == files(data / "plain")
    assert verglas.verify(tmp_path / "stacks").ok
    assert (summary.n_images, summary.n_stacks, len(summary.shards)) == (810, 41, 4)
    # What the lost worker had made whole was kept.
    assert summary.n_stacks_kept > 0
    assert told[-1] == (810, 810) and told == sorted(told)


def test_a_second_call_makes_what_is_missing_in_the_shards_of_the_first(client, data, tmp_path):
    convert(client, data, tmp_path / "stacks", n_shards=3)
    (tmp_path / "stacks/fft/particles_fourier_stack_000017.pt").unlink()
    summary = convert(client, data, tmp_path / "stacks")
    assert len(summary.shards) == 3
    assert summary.n_stacks_kept == 40
    assert files(tmp_path / "stacks") == files(data / "plain")


def test_what_is_wrong_is_told_as_without_a_cluster(client, data, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.star"):
        vdask.convert(client, tmp_path / "nothing.star", tmp_path / "out")
    with pytest.raises(ValueError, match="batch_size"):
        vdask.convert(client, data / "data/particles.star", tmp_path / "out", batch_size=-1)
    assert not (tmp_path / "out").exists()
    # A plan that differs is refused by the workers, and no task is tried again for it.
    convert(client, data, tmp_path / "stacks", n_shards=2)
    before = files(tmp_path / "stacks")
    with pytest.raises(ValueError, match="cannot resume"), warnings.catch_warnings():
        warnings.simplefilter("ignore", verglas.VerglasWarning)
        vdask.convert(client, data / "data/particles.star", tmp_path / "stacks", batch_size=30)
    # The other task is refused too, a moment later.
    deadline = time.monotonic() + 20
    while files(tmp_path / "stacks") != before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert files(tmp_path / "stacks") == before


def test_a_shard_that_somebody_holds_is_waited_for(client, data, tmp_path):
    output = tmp_path / "stacks"
    output.mkdir()
    # As a worker that was given up for lost, and is not.
    held = (output / ".verglas-1-of-2.lock").open("w")
    fcntl.flock(held, fcntl.LOCK_EX)
    threading.Timer(3, held.close).start()
    summary = convert(client, data, output, n_shards=2)
    assert summary.n_images == 810
    assert summary.seconds > 3
    assert files(output) == files(data / "plain")


def test_stacks_are_loaded_lazily_in_their_order(client, data):
    stacks = vdask.load(data / "plain")
    assert len(stacks) == 810
    assert stacks.fourier.chunks[0] == (20,) * 40 + (10,)
    last = verglas.load_stack(data / "plain", 40)
    assert stacks.fourier.dtype == np.complex64
    assert stacks.fourier.shape[1:] == last.fourier.shape[1:]
    assert np.array_equal(stacks.fourier[-1].compute(), last.fourier[-1])
    assert np.array_equal(stacks.physical[800:].compute(), last.physical)
    assert np.array_equal(stacks.metadata["row"].compute(), np.arange(810))
    assert np.array_equal(stacks.metadata["defocusU"][800:].compute(), last.metadata["defocusU"])
    assert np.array_equal(stacks.metadata["voltage"].compute(), np.full(810, 300.0))
    assert list(stacks.metadata["files"][800:].compute()) == list(last.metadata["files"])
    assert stacks.descriptor == last.descriptor
    # Every Fourier image has norm 1 by the grid's weights; workers agree with this process.
    weights = (2 * np.pi) ** 2 / stacks.descriptor.n_inplanes * stacks.descriptor.weights[:, np.newaxis]
    norms = (abs(stacks.fourier) ** 2 * weights).sum(axis=(1, 2)).compute()
    np.testing.assert_allclose(norms, 1, rtol=1e-5)


def test_folders_with_missing_stacks_are_refused(data, tmp_path):
    shutil.copytree(data / "plain", tmp_path / "cut")
    manifest = json.loads((tmp_path / "cut/manifest.json").read_text())
    del manifest["stacks"][7]
    manifest["is_sealed"] = False  # as of an early version, which wrote no checksum
    (tmp_path / "cut/manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(verglas.FormatError, match="1 of 41 stacks are missing, the first is number 7"):
        vdask.load(tmp_path / "cut")
    with contextlib.suppress(FileNotFoundError):
        (tmp_path / "cut/manifest.json").unlink()
    # As CryoLike's own folders, which have no manifest.
    assert len(vdask.load(tmp_path / "cut")) == 810
    with pytest.raises(FileNotFoundError, match="neither a manifest nor"):
        vdask.load(tmp_path)


# Over the grid alone: how poses are refined is no matter of clusters, and takes most of the time.
LIKELIHOOD = {"max_displacement": 2, "displacements": 3, "integral": "grid"}


@pytest.fixture(scope="module")
def structures(data, tmp_path_factory):
    """Three structures, and what plain runs make of them: templates, and likelihoods of the first stacks under them."""
    folder = tmp_path_factory.mktemp("structures")
    rng = np.random.default_rng(1)
    paths = []
    for name in "abc":
        atoms = [
            f"ATOM  {k:5}  CA  ALA A{k:4}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           C"
            for k, (x, y, z) in enumerate(rng.normal(0, 20, (10, 3)), 1)
        ]
        paths.append(folder / f"{name}.pdb")
        paths[-1].write_text("\n".join(atoms) + "\nEND\n")
    command("simulate", "-o", folder / "data", "--particles", 30, "--n-pixels", 24, "--pixel-size", 4, "--structure", paths[0])
    command("convert", folder / "data/particles.star", "-o", folder / "stacks", "--batch-size", 10, "--no-plots")
    verglas.templates(paths, folder / "templates", folder / "stacks/parameters.npz", viewing_distance=0.8)
    verglas.likelihood(folder / "stacks", folder / "templates", folder / "plain", **LIKELIHOOD)
    return folder, paths


def test_templates_are_those_of_one_run(client, structures, tmp_path):
    folder, paths = structures
    told = []
    descriptor = verglas.ImageDescriptor.load(folder / "stacks/parameters.npz")
    summary = vdask.templates(
        client, paths, tmp_path / "out", descriptor, viewing_distance=0.8, n_shards=2,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert (summary.n_units, summary.n_units_kept, len(summary.shards)) == (3, 0, 2)
    ours, theirs = files(tmp_path / "out"), files(folder / "templates")
    for listed in (ours, theirs):
        assert len(np.load(tmp_path / "out/template_file_list.npy")) == 3
        del listed["template_file_list.npy"]
    assert ours == theirs and verglas.verify(tmp_path / "out").ok
    assert told[-1][0] == told[-1][1] == sum(shard.n_templates for shard in summary.shards)
    (tmp_path / "out/templates_fourier_b.npz").unlink()
    again = vdask.templates(client, paths, tmp_path / "out", descriptor, viewing_distance=0.8)
    assert (again.n_units, again.n_units_kept, len(again.shards)) == (3, 2, 2)
    with pytest.raises(FileNotFoundError, match="d.pdb"):
        vdask.templates(client, [*paths, folder / "d.pdb"], tmp_path / "other", descriptor)
    with pytest.raises(ValueError, match="n_shards says how many"):
        vdask.templates(client, paths, tmp_path / "other", descriptor, shard=(1, 2))
    assert not (tmp_path / "other").exists()


def test_likelihoods_are_those_of_one_run(client, structures, tmp_path):
    folder, _ = structures
    arguments = (client, folder / "stacks", folder / "templates", tmp_path / "out")
    summary = vdask.likelihood(*arguments, **LIKELIHOOD, n_shards=4)
    assert (summary.n_units, summary.n_units_kept, len(summary.shards)) == (9, 0, 4)
    assert files(tmp_path / "out") == files(folder / "plain") and verglas.verify(tmp_path / "out").ok
    (tmp_path / "out/template2/log_likelihood/log_likelihood_optimal_fourier_stack_000001.pt").unlink()
    again = vdask.likelihood(*arguments, **LIKELIHOOD)
    assert (again.n_units_kept, len(again.shards)) == (8, 4)
    assert files(tmp_path / "out") == files(folder / "plain")
    with pytest.raises(ValueError, match="cannot (go on|resume)"):
        vdask.likelihood(*arguments, **LIKELIHOOD | {"max_displacement": 3})
