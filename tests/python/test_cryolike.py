"""CryoLike's functions for templates and likelihoods: its files, its scripts, and its numbers where it is asked for them."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT
from conftest import verglas as command

import verglas
from verglas import VerglasWarning
from verglas._stack import map_tensor

# What is told of these data is looked at where it matters.
pytestmark = pytest.mark.filterwarnings("ignore::verglas.VerglasWarning")

GOLDEN = "golden/likelihood"
POSES = {
    "cc": "cross_correlation/cross_correlation", "template": "optimal_pose/optimal_template",
    "x": "optimal_pose/optimal_displacement_x", "y": "optimal_pose/optimal_displacement_y",
    "rotation": "optimal_pose/optimal_inplane_rotation",
}  # fmt: skip
LIKELIHOODS = {"optimal": "log_likelihood/log_likelihood_optimal_fourier", "integrated": "log_likelihood/log_likelihood_integrated_fourier"}


def tensor(folder, structure, name, stack):
    return map_tensor(Path(folder) / f"template{structure}/{ {**POSES, **LIKELIHOODS}[name] }_stack_{stack:06}.pt")


def run(golden, output, structure, **options):
    files = verglas.configure_likelihood_files(
        options.pop("templates", golden / "cryolike/templates_gaussian"), golden / "cryolike/particles", output, 2, structure
    )
    displacer = options.pop("displacer", verglas.configure_displacement(3.0, 4, 3))
    options = {"return_likelihood_optimal_pose_fourier": True, "return_likelihood_integrated_pose_fourier": True, **options}
    # With CryoLike's own order.
    return verglas.run_likelihood_optimal_pose(files, golden / "inputs/gaussian.npz", displacer, structure, 2, **options)


@pytest.fixture
def golden(shared):
    return shared / GOLDEN


def test_cryolikes_numbers_come_out_of_cryolikes_files(golden, tmp_path):
    comparator = np.load(golden / "cryolike/comparator.npz")
    for structure in (0, 1):
        run(golden, tmp_path, structure, as_cryolike=True)
    n2 = 32**2
    for structure in (0, 1):
        for stack in (0, 1):
            theirs = {name: tensor(golden / "cryolike/likelihood", structure, name, stack) for name in [*POSES, "optimal"]}
            ours = {name: tensor(tmp_path, structure, name, stack) for name in [*POSES, *LIKELIHOODS]}
            assert np.array_equal(ours["template"], theirs["template"]) and ours["template"].dtype == np.int64
            for name in ("x", "y", "rotation"):
                assert ours[name].dtype == theirs[name].dtype == np.float32
                np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-7, atol=1e-6)
            np.testing.assert_allclose(ours["cc"], theirs["cc"], atol=3e-7)
            np.testing.assert_allclose(ours["optimal"], theirs["optimal"], atol=2e-7 * n2)
            integrated = comparator[f"integrated_template{structure}_stack{stack}"]
            np.testing.assert_allclose(ours["integrated"], integrated, atol=2e-7 * n2)
            # What CryoLike's wrapper writes in their place is one number.
            constant = tensor(golden / "cryolike/likelihood", structure, "integrated", stack)
            assert np.ptp(constant) == 0 and np.ptp(ours["integrated"]) > 0.1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["displacements_set.pt", "template0", "template1"]


def test_the_right_numbers_without(golden, tmp_path):
    expected = np.load(golden / "expected/likelihoods.npz")
    templates = tmp_path / "templates"
    verglas.make_templates_from_inputs(
        [str(golden / "inputs/small.pdb"), golden / "inputs/cube.mrc"], golden / "inputs/gaussian.npz", False, templates
    )
    for structure in (0, 1):
        run(golden, tmp_path / "out", structure, templates=templates)
        for stack in (0, 1):
            key = f"template{structure}_stack{stack}"
            cc = expected[f"cc_{key}"]
            assert tensor(tmp_path / "out", structure, "template", stack).tolist() == expected[f"template_{key}"].tolist()
            np.testing.assert_allclose(tensor(tmp_path / "out", structure, "cc", stack), cc, atol=1e-6)
            bound = 1e-6 * 4 * np.pi * 6.0**2 * abs(cc) / (1 - cc**2) + 2e-3
            for name, kind in (("optimal", "ll"), ("integrated", "integrated")):
                assert (abs(tensor(tmp_path / "out", structure, name, stack) - expected[f"{kind}_{key}"]) <= bound).all()
    np.testing.assert_allclose(map_tensor(tmp_path / "out/displacements_set.pt"), expected["displacements"], rtol=1e-7)


def test_all_correlations_as_cryolike(golden, tmp_path):
    files = verglas.configure_likelihood_files(golden / "cryolike/templates_gaussian", golden / "cryolike/particles", tmp_path, 2)
    with pytest.warns(VerglasWarning, match="all correlations of this run will take"):
        verglas.run_likelihood_full_cross_correlation(
            files, golden / "inputs/gaussian.npz", verglas.configure_displacement(3.0, 4, 3), n_stacks=2, as_cryolike=True
        )
    found = map_tensor(tmp_path / "template0/cross_correlation/cross_correlation_pose_msdw_stack_000001.pt")
    expected = np.load(golden / "cryolike/comparator.npz")["cross_correlation_msdw_template0_stack1"]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=5e-7)


def test_what_is_asked_for_is_written_and_replaced(golden, tmp_path):
    run(golden, tmp_path, 0, return_likelihood_optimal_pose_fourier=False, return_likelihood_integrated_pose_fourier=False)
    there = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file() and ".verglas" not in p.parts}
    assert there == {"displacements_set.pt"} | {f"template0/{name}_stack_{s:06}.pt" for name in POSES.values() for s in (0, 1)}
    first = tensor(tmp_path, 0, "cc", 0).copy()
    run(golden, tmp_path, 0, as_cryolike=True)
    assert not np.array_equal(tensor(tmp_path, 0, "cc", 0), first)
    optimal = tensor(tmp_path, 0, "optimal", 1).copy()
    with pytest.warns(VerglasWarning, match="the optimal log-likelihoods of 2 stacks are an earlier call's and stay"):
        run(golden, tmp_path, 0, return_likelihood_optimal_pose_fourier=False)
    assert np.array_equal(tensor(tmp_path, 0, "cc", 0), first) and np.array_equal(tensor(tmp_path, 0, "optimal", 1), optimal)


def test_skip_exist_resumes_and_refuses_other_settings(golden, tmp_path):
    assert run(golden, tmp_path, 0).n_units_kept == 0
    made = tmp_path / "template0/cross_correlation/cross_correlation_stack_000001.pt"
    before = made.read_bytes()
    made.unlink()
    assert run(golden, tmp_path, 0, skip_exist=True).n_units_kept == 2
    assert made.read_bytes() == before
    with pytest.raises(ValueError, match="cannot (go on|resume)(.|\n)*`skip_exist=False`"):
        run(golden, tmp_path, 0, skip_exist=True, as_cryolike=True)
    assert made.read_bytes() == before
    assert run(golden, tmp_path, 0, skip_exist=False).n_units_kept == 0


def test_results_never_bear_the_number_of_another_structure(golden, tmp_path):
    templates, particles = golden / "cryolike/templates_gaussian", golden / "cryolike/particles"
    files = verglas.configure_likelihood_files(templates, particles, tmp_path, 1, 1)
    arguments = (files, golden / "inputs/gaussian.npz", verglas.configure_displacement())
    with pytest.raises(ValueError, match="template_index is 0, and file_config was made for i_template=1"):
        verglas.run_likelihood_optimal_pose(*arguments, 0)
    # Left out, it follows: structure 1 goes to template1.
    verglas.run_likelihood_optimal_pose(*arguments)
    assert map_tensor(tmp_path / "displacements_set.pt").tolist() == [[0], [0]]
    other = verglas.configure_likelihood_files(templates, particles, tmp_path / "b", 1, 0)
    verglas.run_likelihood_optimal_pose(other, *arguments[1:])
    assert not np.array_equal(tensor(tmp_path, 1, "cc", 0), tensor(tmp_path / "b", 0, "cc", 0))
    with pytest.raises(ValueError, match="holds results at 1 displacements up to 0 Å, this call has 13 up to 6 Å"):
        run(golden, tmp_path, 0)
    assert not (tmp_path / "template0").exists()


def test_wrong_arguments(golden, tmp_path):
    templates, particles = golden / "cryolike/templates_gaussian", golden / "cryolike/particles"
    with pytest.raises(NotImplementedError):
        verglas.configure_likelihood_files(templates, particles, tmp_path, return_likelihood_optimal_pose_physical=True)
    with pytest.raises(FileNotFoundError, match="2 files of 3 stacks are missing\n  .*particles_fourier_stack_000002.pt"):
        verglas.configure_likelihood_files(templates, particles, tmp_path, 3)
    files = verglas.configure_likelihood_files(templates, particles, tmp_path)
    with pytest.raises(TypeError, match="displacer is .*, expected what verglas.configure_displacement gives"):
        verglas.run_likelihood_optimal_pose(files, golden / "inputs/gaussian.npz", lambda tp: None)
    with pytest.raises(TypeError, match="file_config is 'x'"):
        verglas.run_likelihood_optimal_pose("x", golden / "inputs/gaussian.npz", verglas.configure_displacement())
    for n_x, n_y, expected in [(-1, -1, (1, 1)), (0, 5, (1, 5)), (16, 16, (16, 16))]:
        displacer = verglas.configure_displacement(8.0, n_x, n_y)
        assert (displacer.n_displacements_x, displacer.n_displacements_y) == expected
    assert list(tmp_path.iterdir()) == []


def test_templates_are_added_and_never_replaced(golden, tmp_path):
    small, cube = golden / "inputs/small.pdb", golden / "inputs/cube.mrc"
    folder = str(tmp_path / "t")
    assert verglas.make_templates_from_inputs([], golden / "inputs/gaussian.npz", folder_output=folder) is None
    assert not os.path.exists(folder)
    density = np.random.default_rng(0).normal(size=(8, 8, 8))
    summary = verglas.make_templates_from_inputs([str(small), density, str(cube)], golden / "inputs/gaussian.npz", True, folder)
    assert summary.n_structures == 3 and summary.output == tmp_path / "t"
    before = (tmp_path / "t/templates_fourier_small.pt").read_bytes()
    verglas.make_templates_from_inputs([small, small], verglas.ImageDescriptor.load(golden / "inputs/gaussian.npz"), False, folder)
    names = ["small", "tensor_1", "cube", "small_1", "small_2"]
    listed = np.load(tmp_path / "t/template_file_list.npy")
    assert listed.dtype.kind == "U" and listed.tolist() == [f"{folder}/templates_fourier_{name}.pt" for name in names]
    assert (tmp_path / "t/templates_fourier_small.pt").read_bytes() == before == (tmp_path / "t/templates_fourier_small_2.pt").read_bytes()
    assert sorted(path.name for path in (tmp_path / "t/plots").iterdir()) == sorted(
        f"{kind}_{name}.png" for kind in ("templates_fourier", "templates_phys", "power_spectrum") for name in names[:3]
    )
    assert {path.name for path in (tmp_path / "t").iterdir()} == {
        *(f"templates_fourier_{name}{end}" for name in names for end in (".pt", ".npz")), "plots", "parameters.npz", "template_file_list.npy",
    }  # fmt: skip
    command("likelihood", golden / "cryolike/particles", "-t", folder, "--check")

    def stop(done, total):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        verglas.make_templates_from_inputs([small], golden / "inputs/gaussian.npz", False, tmp_path / "u", progress=stop)
    assert list((tmp_path / "u").iterdir()) == []


def test_cryolikes_templates(golden, tmp_path):
    for name, sources, tolerance in [
        ("gaussian", ["small.pdb", "cube.mrc", "slab.mrc"], 3e-7), ("hard_sphere_double", ["small.pdb"], 1e-7), ("uniform", ["small.pdb"], 3e-7),
    ]:  # fmt: skip
        inputs = [golden / "inputs" / source for source in sources]
        verglas.make_templates_from_inputs(inputs, golden / f"inputs/{name}.npz", False, tmp_path / name, as_cryolike=True)
        for source in sources:
            file = f"templates_fourier_{Path(source).stem}.pt"
            found, theirs = (map_tensor(folder / file) for folder in (tmp_path / name, golden / f"cryolike/templates_{name}"))
            error = np.sqrt((abs(found - theirs) ** 2).sum(axis=(1, 2)) / (abs(theirs) ** 2).sum(axis=(1, 2)))
            assert error.max() < 2 * tolerance, (name, source, error.max())


def test_matrices_are_stitched(golden, tmp_path):
    (tmp_path / "particles").symlink_to(golden / "cryolike/particles")
    (tmp_path / "templates").mkdir()
    np.save(tmp_path / "templates/template_file_list.npy", np.array(["a.pt", "b.pt"]))
    for structure in (0, 1):
        run(golden, tmp_path / "likelihood", structure)
    written = verglas.stitch_log_likelihood_matrices(output_directory=tmp_path, opt=True, integrated=True, cc=True)
    assert sorted(path.name for path in written) == sorted(
        f"{kind}_matrix.pt" for kind in ("optimal_fourier_log_likelihood", "integrated_fourier_log_likelihood", "cross_correlation")
    )
    for path, name in zip(written, ("optimal", "integrated", "cc")):
        expected = [np.concatenate([tensor(tmp_path / "likelihood", k, name, stack) for stack in (0, 1)]) for k in (0, 1)]
        assert np.array_equal(map_tensor(path), expected)
    for path in written:
        path.unlink()
    with pytest.raises(FileNotFoundError, match="2 files of results are missing\n  .*stack_000002.pt"):
        verglas.stitch_log_likelihood_matrices(2, 3, tmp_path, opt=True)
    with pytest.raises(ValueError, match="nothing is requested"):
        verglas.stitch_log_likelihood_matrices(2, 2, tmp_path)
    with pytest.raises(NotImplementedError):
        verglas.stitch_log_likelihood_matrices(2, 2, tmp_path, phys=True)
    verglas.stitch_log_likelihood_matrices(2, 2, tmp_path, str(tmp_path / "likelihood"), opt=True)
    assert [path.name for path in (tmp_path / "likelihood_matrix").iterdir()] == ["optimal_fourier_log_likelihood_matrix.pt"]


@pytest.fixture
def cryolike_scripts():
    """CryoLike's source, where `VERGLAS_CRYOLIKE` says."""
    folder = Path(os.environ.get("VERGLAS_CRYOLIKE", PROJECT.parent / "CryoLike")) / "example"
    if not folder.is_dir():
        pytest.skip("CryoLike's example scripts are not there (VERGLAS_CRYOLIKE names its source)")
    return folder


def test_cryolikes_scripts_with_another_import(cryolike_scripts, torch_python, tmp_path):
    """Parameters, templates, likelihoods and their combination: CryoLike's own example, the import changed and nothing else."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "verglas").symlink_to(Path(verglas.__file__).parent)
    work = tmp_path / "work"
    work.mkdir()
    (work / "data").symlink_to(cryolike_scripts / "data")
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def script(name):
        text = (cryolike_scripts / f"{name}_example.py").read_text().replace("from cryolike import", "from verglas import")
        ran = subprocess.run([torch_python, "-W", "ignore", "-c", text], cwd=work, env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr

    script("set_image_parameters")
    script("make_templates_from_inputs")
    command(
        "simulate", "-o", work / "made", "--particles", 6, "--n-pixels", 132, "--pixel-size", 1.346, "--structure",
        work / "data/pdb/apoferritin_ca_apo_sym.pdb",
    )  # fmt: skip
    command("convert", work / "made/particles.star", "-o", work / "output/particles", "-d", work / "output/templates/parameters.npz", "--no-plots")
    script("run_likelihood")
    script("combine_likelihoods")
    matrix = np.loadtxt(work / "output/LogLikeMat.txt")
    assert matrix.shape == (6, 2) and np.isfinite(matrix).all()
    expected = [tensor(work / "output/likelihood", k, "integrated", 0) for k in (0, 1)]
    np.testing.assert_allclose(matrix.T, expected, rtol=1e-12)
    # The images are of the symmetric structure.
    assert (matrix[:, 0] > matrix[:, 1]).all()
