"""The command that comes with the Python package is the one that Cargo builds, and the package needs nothing to be built."""

import io
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
from conftest import BUILT, PROJECT, verglas

from verglas import __version__ as VERSION

INSTALLED = Path(sys.executable).parent / "verglas"


def both(*arguments, cwd=None, **options):
    """What Cargo's command and the package's say, and their exit codes."""
    options = {"cwd": cwd, "capture_output": True, **options}
    return [subprocess.run([program, *arguments], **options) for program in [BUILT / "verglas", INSTALLED]]


def test_it_says_the_same():
    listed = verglas("--help").stdout.split("Commands:")[1].split("\n\n")[0]
    commands = re.findall(r"^  ([a-z]+) ", listed, re.M)
    assert len(commands) >= 12
    asked = [["--version"], ["--help"], ["completions", "bash"], ["convert"], ["conver"], ["--log-format", "json", "convert"]]
    for words in [*asked, *([name, "--help"] for name in commands if name != "help")]:
        ours, theirs = both(*words)
        assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr), words
        assert ours.stdout or ours.stderr


def test_it_does_the_same(simulated, tmp_path):
    star = simulated / "data/particles.star"
    for program, name in [(BUILT / "verglas", "ours"), (INSTALLED, "theirs")]:
        words = ["convert", star, "-o", tmp_path / name, "--batch-size", "16", "--no-plots"]
        ran = subprocess.run([program, *words], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
    stacks = sorted(path.relative_to(tmp_path / "ours") for path in (tmp_path / "ours").rglob("*.pt"))
    assert len(stacks) == 6
    for stack in stacks:
        assert (tmp_path / "ours" / stack).read_bytes() == (tmp_path / "theirs" / stack).read_bytes()


def test_names_that_are_no_text(tmp_path):
    """A file's name may hold any bytes; it comes through Python unaltered."""
    name = b"a\xff\xc3.mrcs"
    (tmp_path / os.fsdecode(name)).write_bytes(b"no image")
    ours, theirs = both("inspect", name, cwd=tmp_path)
    assert ours.returncode == theirs.returncode == 1 and ours.stderr == theirs.stderr
    assert b"no such file" not in theirs.stderr.lower()


def test_a_reader_that_goes_away():
    for program in [BUILT / "verglas", INSTALLED]:
        reading, writing = os.pipe()
        os.close(reading)
        ran = subprocess.run([program, "completions", "bash"], stdout=writing, stderr=subprocess.PIPE)
        os.close(writing)
        assert (ran.returncode, ran.stderr) == (0, b""), program


def test_ctrl_c_keeps_what_is_whole(tmp_path):
    verglas("simulate", "-o", tmp_path / "data", "--particles", 2000, "--n-pixels", 64)
    words = ["convert", tmp_path / "data/particles.star", "-o", tmp_path / "out", "--batch-size", "20", "-j", "1"]
    child = subprocess.Popen([INSTALLED, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while child.poll() is None and not list((tmp_path / "out").rglob("*.npz")):
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=60)
    assert child.returncode == 130, told
    assert "Traceback" not in told and "--resume" in told
    resumed = subprocess.run([INSTALLED, *words, "--resume"], capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    verglas("verify", tmp_path / "out")


def test_numpy_is_not_imported_for_it():
    script = "import sys, verglas_command; sys.argv[1:] = ['--version']; verglas_command.main(); sys.exit('numpy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 0 and ran.stdout.startswith("verglas "), ran.stderr


def test_the_version_is_one():
    workspace = (PROJECT / "Cargo.toml").read_text()
    versions = set(re.findall(r'^(?:version|verglas[a-z-]* = .*, version) = "([^"]+)"', workspace, re.M))
    assert versions == {VERSION}
    assert f"\nversion: {VERSION}\n" in (PROJECT / "CITATION.cff").read_text()
    assert f'version: "{VERSION}"' in (PROJECT / "packaging/conda/recipe.yaml").read_text()
    assert f"\n## {VERSION} (" in (PROJECT / "CHANGELOG.md").read_text()


def test_the_links_of_the_readme_work_everywhere():
    """PyPI shows the README, too: links and pictures are absolute, and those into the repository lead to files that exist."""
    text = (PROJECT / "README.md").read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 30
    homes = [f"https://github.com/verglas-cryoem/verglas/{kind}/main/" for kind in ("blob", "tree")]
    homes.append("https://raw.githubusercontent.com/verglas-cryoem/verglas/main/")
    for link in links:
        assert link.startswith("https://"), link
        for home in homes:
            if link.startswith(home):
                path, _, place = link.removeprefix(home).partition("#")
                assert (PROJECT / path).exists(), link
                heads = re.findall(r"^#+ (.*)$", (PROJECT / path).read_text(), re.M) if place else []
                assert not place or place in [re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads], link


def test_every_crate_can_be_published():
    """Each says where it belongs, and brings its README and licences along."""
    workspace = (PROJECT / "Cargo.toml").read_text()
    published = 0
    for manifest in sorted(PROJECT.glob("crates/*/Cargo.toml")):
        text, folder = manifest.read_text(), manifest.parent
        if "\npublish = false\n" in text:
            continue
        published += 1
        package = text.split("\n\n")[0]
        for field in ["repository", "homepage", "documentation", "readme", "description", "license", "rust-version"]:
            assert re.search(rf"^{field}(\.workspace)? = ", package, re.M), f"{manifest}: {field}"
        for name in ["LICENSE-MIT", "LICENSE-APACHE"]:
            assert (folder / name).read_bytes() == (PROJECT / name).read_bytes(), folder
        needed = re.search(r'^rust-version = "(.*)"$', workspace, re.M)[1]
        assert f"Rust {needed} or later" in (folder / "README.md").read_text(), folder
    assert published >= 18


def test_install_lines_are_locked_and_say_which_rust():
    """Whoever installs from source gets the versions that were tested, and learns which Rust it takes."""
    needed = re.search(r'^rust-version = "(.*)"$', (PROJECT / "Cargo.toml").read_text(), re.M)[1]
    lines = 0
    for path in [PROJECT / "README.md", *PROJECT.glob("docs/*.md"), *PROJECT.glob("crates/*/README.md")]:
        text = path.read_text()
        for line in re.findall(r"^ *cargo install .*$", text, re.M):
            lines += 1
            assert "--locked" in line and f"Rust {needed} or later" in text, f"{path}: {line}"
    assert lines >= 2


@pytest.fixture(scope="module")
def wheel():
    """The wheel that scripts/test has built and installed."""
    wheels = list((PROJECT / "target/wheels").glob("*.whl"))
    if len(wheels) != 1:
        pytest.skip("scripts/test, and nothing else, builds the wheel that is looked at here")
    return wheels[0]


@pytest.fixture
def packing():
    """scripts/package as a module."""
    if sys.version_info < (3, 11):
        pytest.skip("scripts/package needs Python 3.11")
    loader = SourceFileLoader("package_script", str(PROJECT / "scripts/package"))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def packed(path, files):
    """An archive of source as maturin makes it: one time of change for all files, ever."""
    with tarfile.open(path, "w") as archive:
        for name, text in files.items():
            member, content = tarfile.TarInfo(name), text.encode()
            member.size, member.mtime = len(content), 1153704088
            archive.addfile(member, io.BytesIO(content))
    return path


def test_what_changed_in_the_source_is_new_for_cargo(packing, tmp_path, monkeypatch):
    """Cargo builds again what has changed later than it was built; everything else is left as it is."""
    monkeypatch.setattr(packing, "WORK", tmp_path)
    top = f"verglas-{VERSION}"
    with tarfile.open(packed(tmp_path / "a.tar", {f"{top}/same.rs": "1", f"{top}/other.rs": "1", f"{top}/in/gone.rs": "1"})) as archive:
        packing.unpack(archive)
    for path in (tmp_path / top).rglob("*.rs"):
        os.utime(path, (1, 1))
    with tarfile.open(packed(tmp_path / "b.tar", {f"{top}/same.rs": "1", f"{top}/other.rs": "2"})) as archive:
        packing.unpack(archive)
    same, other = tmp_path / top / "same.rs", tmp_path / top / "other.rs"
    assert (same.stat().st_mtime, other.read_text()) == (1, "2")
    assert other.stat().st_mtime > time.time() - 600
    assert not (tmp_path / top / "in/gone.rs").exists()


def test_a_wheel_is_not_made_of_an_earlier_source(packing, tmp_path):
    listed = subprocess.run(["git", "ls-files", "crates", "python"], cwd=PROJECT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is not a clone of the repository")
    top = f"verglas-{VERSION}"
    files = {f"{top}/{name}": (PROJECT / name).read_text() for name in listed.stdout.split() if re.search(r"\.(rs|pyi?)$", name)}
    with tarfile.open(packed(tmp_path / "a.tar", files)) as archive:
        assert packing.differing(archive) is None
    files[f"{top}/python/verglas/_look.py"] += " "
    with tarfile.open(packed(tmp_path / "b.tar", files)) as archive:
        assert packing.differing(archive) == "python/verglas/_look.py"


def check_package(*words):
    return subprocess.run([sys.executable, PROJECT / "scripts/check-package", *words], capture_output=True, text=True)


def test_the_wheel_runs_where_no_compiler_is(wheel):
    ran = check_package("--any-system", wheel)
    assert ran.returncode == 0, ran.stderr
    assert "it runs in a fresh environment" in ran.stdout


@pytest.fixture
def renamed(wheel, tmp_path):
    """The same wheel with the name of a wheel for another system."""

    def rename(system):
        path = tmp_path / f"{'-'.join(wheel.name.split('-')[:-1])}-{system}.whl"
        return Path(shutil.copy(wheel, path))

    if sys.platform != "linux":
        pytest.skip("names of systems that promise a glibc are Linux's")
    return rename


PROCESSOR = platform.machine()


def test_a_wheel_for_one_machine_is_not_released(renamed):
    ran = check_package(renamed(f"linux_{PROCESSOR}"))
    assert ran.returncode == 1 and f"it is for linux_{PROCESSOR}, expected manylinux_X_Y_PROCESSOR" in ran.stderr
    ran = check_package(renamed("manylinux_2_17_" + ("x86_64" if PROCESSOR == "aarch64" else "aarch64")))
    assert ran.returncode == 1 and f"the binary is for {PROCESSOR}" in ran.stderr


@pytest.mark.skipif(not shutil.which("readelf"), reason="no readelf (Debian: apt-get install binutils)")
@pytest.mark.parametrize("system", ["manylinux_2_17_P", "manylinux2014_P.manylinux_2_17_P", "manylinux_2_40_P.manylinux2014_P"])
def test_a_wheel_that_promises_an_older_glibc_is_refused(wheel, renamed, tmp_path, system):
    """It was linked against this machine's. What is newer than promised is what binutils says."""
    ran = check_package(renamed(system.replace("P", PROCESSOR)))
    assert ran.returncode == 1 and "symbols newer than glibc 2.17: " in ran.stderr, ran.stderr
    told = {each for each in re.findall(r"(\w+) \(([0-9.]+)\)", ran.stderr) if each[0] != "itself"}
    with zipfile.ZipFile(wheel) as archive:
        library = next(name for name in archive.namelist() if name.endswith(".so"))
        archive.extract(library, tmp_path)
    listed = subprocess.run(["readelf", "-W", "--dyn-syms", tmp_path / library], check=True, capture_output=True, text=True).stdout
    symbols = re.findall(r"(\w+)@+GLIBC_([0-9.]+)", listed)
    assert told == {(name, since) for name, since in symbols if tuple(map(int, since.split("."))) > (2, 17)}
    assert told
