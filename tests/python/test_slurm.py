"""Jobs on a real SLURM cluster, by the scripts as they are, one task killed in the middle."""

import contextlib
import json
import os
import signal
import subprocess
import time

import pytest
import slurm_cluster
from conftest import PROJECT, BUILT, verglas

SCRIPTS = PROJECT / "cluster/slurm"
N_SHARDS = 16
MOST_SECONDS = 120

reason = slurm_cluster.missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=str(reason))


def until(condition, what):
    """Waits for `condition` to give something, and gives it back."""
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {MOST_SECONDS} s")


def manifests(folder):
    """The manifest parts of a folder that is being written."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("manifest-*.json"))]


def stop_one_in_the_middle(folder):
    """Freezes a task that has begun and has not ended; gives its manifest part."""
    for part in manifests(folder):
        if part["run"]["state"] != "running":
            continue
        # Past its start, in which shards take turns: its first stack of five is there.
        if not (folder / f"fft/particles_fourier_stack_{(part['shard']['number'] - 1) * 5:06}.npz").exists():
            continue
        # 0 would be this process and all that it started.
        assert part["run"]["process"] > 0
        with contextlib.suppress(ProcessLookupError):
            os.kill(part["run"]["process"], signal.SIGSTOP)
            # It may have ended in the meantime, but not after this.
            again = json.loads((folder / f"manifest-{part['shard']['number']}-of-{N_SHARDS}.json").read_text())
            if again["run"]["state"] == "running":
                return again
            os.kill(part["run"]["process"], signal.SIGCONT)
    return None


def files(folder):
    """Every file that is to be the same whoever made it, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("manifest") and path.suffix != ".html"
    }


def test_a_job_array_in_which_a_task_is_killed(tmp_path):
    verglas("simulate", "-o", tmp_path / "data", "--particles", 1600, "--n-pixels", 128)
    words = ["data/particles.star", "-o", "stacks", "--batch-size", "20"]
    verglas("convert", tmp_path / "data/particles.star", "-o", tmp_path / "plain", "--batch-size", 20)
    stacks = tmp_path / "stacks"

    with slurm_cluster.slurm_cluster() as environment:
        environment["PATH"] = f"{BUILT}{os.pathsep}{environment['PATH']}"

        def slurm(*command):
            ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
            assert ran.returncode == 0, ran.stderr
            return ran.stdout.strip()

        def logs():
            return "\n".join(f"{path.name}:\n{path.read_text()}" for path in sorted(tmp_path.glob("verglas-*.log")))

        array = slurm("sbatch", "--parsable", str(SCRIPTS / "convert.sbatch"), *words)
        killed = until(lambda: stop_one_in_the_middle(stacks), "a running task to be stopped")
        number = killed["shard"]["number"]
        finish = slurm(
            "sbatch", "--parsable", f"--dependency=afterany:{array}", str(SCRIPTS / "finish.sbatch"),
            str(SCRIPTS / "convert.sbatch"), *words,
        )  # fmt: skip
        # The other tasks go on beside it, and what is seen from outside meanwhile is right.
        until(lambda: sum(part["is_complete"] for part in manifests(stacks)) == N_SHARDS - 1, "the other tasks to end")
        status = json.loads(verglas("status", stacks, "--json").stdout)
        assert not status["is_complete"]
        assert [run["shard"] for run in status["runs"] if run["state"] == "running"] == [number]
        assert status["n_images"] == 1600 and 1500 <= status["n_images_done"] < 1600
        assert verglas("status", stacks, "--unfinished").stdout == f"{number}\n"

        os.kill(killed["run"]["process"], signal.SIGKILL)
        # Its end lets the finishing job begin, which runs the shard again, and itself after it.
        until(lambda: slurm("squeue", "--noheader") == "", "the last job to end")

    said = logs()
    assert f"shards {number} run again" in said, said
    assert (tmp_path / f"verglas-finish-{finish}.log").exists(), said
    assert "complete and unaltered" in said, said
    assert (stacks / "report.html").exists(), said
    verglas("verify", stacks)
    assert files(stacks) == files(tmp_path / "plain"), said
    assert verglas("status", stacks, "--unfinished").stdout == ""


def test_a_task_takes_its_threads_from_the_allocation(tmp_path):
    """The nodes claim 4 processors, and the task asks for fewer than this machine has."""
    verglas("simulate", "-o", tmp_path / "data", "--particles", 40, "--n-pixels", 32)
    with slurm_cluster.slurm_cluster() as environment:
        command = [
            "sbatch", "--wait", "--cpus-per-task=1", f"--output={tmp_path}/log", "--wrap",
            f"{BUILT}/verglas convert {tmp_path}/data/particles.star -o {tmp_path}/stacks",
        ]  # fmt: skip
        ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, (tmp_path / "log").read_text()
    manifest = json.loads((tmp_path / "stacks/manifest.json").read_text())
    assert manifest["run"]["n_threads"] == 1


def test_templates_and_likelihoods_as_job_arrays(tmp_path):
    """Both scripts as they are; each folder is that of one run on one machine."""
    atoms = [f"ATOM  {k:5}  CA  ALA A{k:4}    {5 * k:8.3f}{k * k:8.3f}{-3 * k:8.3f}  1.00  0.00           C" for k in range(1, 6)]
    (tmp_path / "a.pdb").write_text("\n".join(atoms) + "\nEND\n")
    (tmp_path / "b.pdb").write_text("\n".join(atoms[1:]) + "\nEND\n")
    verglas("simulate", "-o", "data", "--particles", 40, "--n-pixels", 24, "--pixel-size", 3, "--structure", "a.pdb", cwd=tmp_path)
    verglas("convert", "data/particles.star", "-o", "stacks", "--batch-size", 10, "--no-plots", cwd=tmp_path)
    of_templates = ["a.pdb", "b.pdb", "-d", "stacks", "--viewing-distance", "0.8", "--no-plots"]
    of_likelihoods = ["stacks", "-t", "templates", "--max-displacement", "2", "--displacements", "3", "--likelihood", "plain"]
    with slurm_cluster.slurm_cluster() as environment:
        environment["PATH"] = f"{BUILT}{os.pathsep}{environment['PATH']}"
        for script, words, output in [("templates", of_templates, "templates"), ("likelihood", of_likelihoods, "likelihood")]:
            command = ["sbatch", "--wait", SCRIPTS / f"{script}.sbatch", *words, "-o", output]
            ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
            logs = "".join(path.read_text() for path in sorted(tmp_path.glob("verglas-*.log")))
            assert ran.returncode == 0, ran.stderr + logs
            assert len(manifests(tmp_path / output)) == N_SHARDS
            verglas("verify", tmp_path / output)
    (tmp_path / "plain").mkdir()
    verglas("templates", *of_templates, "-o", "plain/templates", cwd=tmp_path)
    verglas("likelihood", *of_likelihoods, "-o", "plain/likelihood", cwd=tmp_path)
    assert files(tmp_path / "likelihood") == files(tmp_path / "plain/likelihood")
    ours, theirs = files(tmp_path / "templates"), files(tmp_path / "plain/templates")
    # The list has the folder's own path.
    assert ours.pop("template_file_list.npy") and theirs.pop("template_file_list.npy")
    assert ours == theirs
