"""cluster/slurm/finish.sbatch by itself, with commands in place of SLURM's and of ours that note what they were asked."""

import os
import subprocess

import pytest
from conftest import PROJECT

SCRIPT = PROJECT / "cluster/slurm/finish.sbatch"


@pytest.fixture
def finish(tmp_path):
    """Runs the script; gives its exit code, what it said, and what was asked of `sbatch` and `verglas`."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, text in [
        ("sbatch", 'printf "sbatch %s\\n" "$*" >> "$ASKED"; echo 17'),
        ("verglas", 'printf "verglas %s\\n" "$*" >> "$ASKED"; case $* in *--unfinished) echo "$UNFINISHED" ;; esac'),
    ]:
        (commands / name).write_text(f"#!/bin/bash\n{text}\n")
        (commands / name).chmod(0o755)

    def run(*words, unfinished=""):
        asked = tmp_path / "asked"
        asked.write_text("")
        # No more of the environment than a cluster passes on that exports none.
        environment = {"PATH": f"{commands}{os.pathsep}/usr/bin{os.pathsep}/bin", "ASKED": str(asked), "UNFINISHED": unfinished}
        ran = subprocess.run(["bash", SCRIPT, *words], env=environment, cwd=tmp_path, capture_output=True, text=True)
        return ran.returncode, ran.stdout + ran.stderr, asked.read_text().splitlines()

    return run


@pytest.mark.parametrize(
    "words",
    ["-o DIR", "-oDIR", "-o=DIR", "-qo DIR", "-qoDIR", "-vo=DIR", "--output DIR", "--output=DIR", "-o other -o DIR",
     "-dfolder.npz -o DIR --batch-size 20", "-d odd.npz --output DIR", "-o DIR -dno"],
)  # fmt: skip
def test_the_output_folder_is_found_however_it_is_given(finish, words):
    code, said, asked = finish("convert.sbatch", "a.star", *words.split())
    assert code == 0, said
    assert asked == ["verglas status DIR", "verglas status DIR --unfinished", "verglas verify DIR", "verglas report DIR"]


def test_without_an_output_folder_it_does_nothing(finish):
    for words in [["convert.sbatch", "a.star", "-d", "x.npz"], ["convert.sbatch", "-o"], []]:
        code, said, asked = finish(*words)
        assert (code, asked) == (2, []), said


def test_attempts_end_where_the_environment_is_not_passed_on(finish):
    words = ["convert.sbatch", "a b.star", "-o", "DIR"]
    n_submitted = 0
    while True:
        code, said, asked = finish(*words, unfinished="3,5")
        submitted = [line for line in asked if line.startswith("sbatch")]
        if not submitted:
            break
        assert code == 0 and len(submitted) == 2, said
        assert submitted[0] == "sbatch --parsable --array=3,5 convert.sbatch a b.star -o DIR"
        # What the next job is given: behind the script's own name.
        next_words = submitted[1].split(f"{SCRIPT} ")[1]
        assert next_words.startswith("--attempt ") and next_words.endswith(" convert.sbatch a b.star -o DIR")
        words = [*next_words.split()[:2], *words[-4:]]
        n_submitted += 1
        assert n_submitted <= 2, "it goes on for ever"
    assert code == 1 and "after 2 further attempts" in said
    assert n_submitted == 2
