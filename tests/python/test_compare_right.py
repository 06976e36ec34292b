"""Right likelihoods of arrays in memory, beside those of a job, which has files of its own."""

import numpy as np
import pytest
from conftest import verglas as command

import verglas
from verglas import VerglasWarning

# What is told of these data is looked at where it matters.
pytestmark = pytest.mark.filterwarnings("ignore::verglas.VerglasWarning")

MOVES = {"max_displacement": 3, "displacements": (5, 5)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """120 images of one structure in stacks of 30, some of them without a particle, and templates of it."""
    folder = tmp_path_factory.mktemp("right")
    rng = np.random.default_rng(4)
    lines = [
        f"ATOM  {k:5}  CA  ALA A{k:4}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           C"
        for k, (x, y, z) in enumerate(rng.normal(0, 6, (12, 3)), 1)
    ]
    (folder / "a.pdb").write_text("\n".join(lines) + "\nEND\n")
    command(
        "simulate", "-o", folder / "data", "--particles", 120, "--n-pixels", 24, "--pixel-size", 1.8, "--structure", folder / "a.pdb",
        "--snr", 0.5,
    )  # fmt: skip
    for path in sorted((folder / "data/stacks").glob("*.mrcs")):
        images = np.memmap(path, "<f4", "r+", offset=1024).reshape(-1, 24, 24)
        images[::6] = rng.normal(0, images[1].std(), images[::6].shape)
    command("convert", folder / "data/particles.star", "-o", folder / "stacks", "--batch-size", 30, "--no-plots")
    command("templates", folder / "a.pdb", "-o", folder / "templates", "-d", folder / "stacks", "--viewing-distance", 0.5, "--no-plots")
    return folder


@pytest.fixture(scope="module")
def arrays(made):
    """All images, and their contrast transfers."""
    stacks = [verglas.load_stack(made / "stacks", number) for number in range(4)]
    return np.concatenate([stack.fourier for stack in stacks]), np.concatenate([verglas.ctf(stack) for stack in stacks])


@pytest.fixture(scope="module")
def templates(made):
    return verglas.make_templates(made / "a.pdb", verglas.load_stack(made / "stacks", 0).descriptor, viewing_distance=0.5)


def compared(arrays, templates, **options):
    moved = verglas.displacements(templates.descriptor, **MOVES)
    return verglas.compare(*[arrays[0], templates, arrays[1], moved], **{"likelihood": "right", **options})


def check_columns(comparison, results, but=()):
    """Every number of the table is that of the comparison, to what is printed of some."""
    images = ("image", "stack", "index", "row", "uid", "file", "section", "structure", "name", "best", "skipped")
    pose = comparison.optimal_pose()
    others = {
        "log_likelihood_optimal": comparison.optimal,
        "log_likelihood_integrated": comparison.integrated,
        "template": pose.optimal_template_M,
        "displacement_x_angstrom": pose.optimal_displacement_x_M,
        "displacement_y_angstrom": pose.optimal_displacement_y_M,
        "inplane_rotation_deg": np.degrees(pose.optimal_inplane_rotation_M.astype(np.float64)),
        **(comparison.poses._asdict() if comparison.poses is not None else {}),
    }
    for name, column in results.items():
        if name in images or name in but:
            continue
        found = others[name] if name in others else pose.cross_correlation_M if name == "cross_correlation" else comparison.columns[name]
        # Single precision in print; and the particles' scale is found before the spectrum's last digits are.
        np.testing.assert_allclose(found, column, rtol=1e-6, atol=1e-5, err_msg=name)


def test_it_is_the_job_s(made, arrays, templates, tmp_path):
    verglas.likelihood(made / "stacks", made / "templates", tmp_path / "out", max_stacks=1, **MOVES)
    results = verglas.read_results(tmp_path / "out")
    first = (arrays[0][:30], arrays[1][:30])
    comparison = compared(first, templates)
    # Refined correlations are the table's; the grid's pose has its own.
    check_columns(comparison, results, but=["cross_correlation"])
    table = np.genfromtxt(tmp_path / "out/noise_spectrum.csv", delimiter=",", names=True)
    np.testing.assert_allclose(comparison.noise_spectrum, table["sigma2"], rtol=1e-12)
    scale = np.genfromtxt(tmp_path / "out/particle_scale.csv", delimiter=",", names=True)
    assert comparison.particle_scale == pytest.approx(float(scale["scale"]), rel=1e-6) and comparison.particle_share is None
    assert verglas.relion_poses(comparison, templates) is comparison.poses
    # Templates of a folder know what they were made of.
    stored = verglas.Templates.load(made / "templates/templates_fourier_a.pt")
    np.testing.assert_array_equal(compared(first, stored).integrated, comparison.integrated)
    # With each template: over the grid, with the same noise.
    assert comparison.log_likelihood.shape == (30, len(templates))
    weights = templates.viewing_angles.weights_viewing
    of_views = comparison.log_likelihood
    top = of_views.max(axis=1, keepdims=True)
    grid = np.log(np.exp(of_views - top) @ (weights / weights.sum())) + top[:, 0]
    np.testing.assert_allclose(grid, comparison.columns["log_likelihood_grid"], atol=2e-2)


@pytest.mark.parametrize("options", [{"contrast": "any"}, {"noise": "white", "degrees_of_freedom": "pixels", "exhaustive": True}])
def test_parts_are_turned_off_as_in_the_job(made, arrays, templates, tmp_path, options):
    verglas.likelihood(made / "stacks", made / "templates", tmp_path / "out", integral="grid", **MOVES, **options)
    comparison = compared(arrays, templates, integral="grid", **options)
    angles = verglas.RelionPoses._fields
    check_columns(comparison, verglas.read_results(tmp_path / "out"), but=["cross_correlation", *angles])
    assert comparison.poses is None
    scale = np.genfromtxt(tmp_path / "out/particle_scale.csv", delimiter=",", names=True)
    assert comparison.particle_share == pytest.approx(float(scale["share"]), rel=1e-4) and 0.7 < comparison.particle_share < 0.95
    names = verglas.read_star(made / "data/particles.star")["particles"]["rlnImageName"]
    empty = np.array([(int(name.split("@")[0]) - 1) % 6 == 0 for name in names])
    assert np.median(comparison.columns["p_particle"][empty]) < 0.5 < np.median(comparison.columns["p_particle"][~empty])


def test_known_poses(made, arrays, templates):
    truth = verglas.read_star(made / "data/particles.star")["particles"]
    poses = np.stack(
        [truth[name].astype(float) for name in ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnOriginXAngst", "rlnOriginYAngst")], axis=1
    )
    near = {"view_sigma": 8, "shift_sigma": 2, "noise": "white", "integral": "grid"}
    comparison = compared(arrays, templates, poses=verglas.RelionPoses(*poses.T), poses_from="source", **near)
    assert (comparison.columns["prior_view_deg"] < 40).all() and np.median(comparison.columns["prior_shift_angstrom"]) < 2
    known = poses.copy()
    known[:90] = np.nan
    mixed = compared(arrays, templates, poses=known, poses_from="source,search", **near)
    assert np.isnan(mixed.columns["prior_view_deg"][:90]).all()
    assert np.isfinite(mixed.columns["prior_view_deg"][90:]).all()
    stack = verglas.load_stack(made / "stacks", 3)
    moved = verglas.displacements(stack.descriptor, **MOVES)
    own = verglas.compare(stack, templates, verglas.ctf(stack), moved, likelihood="right", poses_from="source", **near)
    np.testing.assert_allclose(own.integrated, comparison.integrated[90:], atol=1e-6)
    with pytest.raises(ValueError, match='image 0 has no known pose\nhint: poses_from="source,search"'):
        compared(arrays, templates, poses=known, poses_from="source")
    with pytest.raises(ValueError, match=r"poses have shape \(120, 4\), expected \(120, 5\)"):
        compared(arrays, templates, poses=known[:, :4], poses_from="source")
    with pytest.raises(ValueError, match="images are an array: give their poses"):
        compared(arrays, templates, poses_from="source")
    with pytest.raises(ValueError, match="poses_from is 'search'"):
        compared(arrays, templates, poses=known)


def test_arrays_know_the_grid_alone(arrays, templates):
    bare = {"descriptor": templates.descriptor, "weights_viewing": templates.viewing_angles.weights_viewing}
    moved = verglas.displacements(templates.descriptor, **MOVES)
    arguments = (arrays[0][:12], templates.fourier, arrays[1][:12], moved)
    with pytest.warns(VerglasWarning, match="integrated over the grid's poses alone"):
        comparison = verglas.compare(*arguments, likelihood="right", **bare)
    assert comparison.poses is None and (comparison.integrated == comparison.columns["log_likelihood_grid"]).all()
    with pytest.raises(ValueError, match="don't say what they were made of\nhint: integral=\"grid\""):
        verglas.compare(*arguments, likelihood="right", integral="refined", **bare)
    with pytest.raises(ValueError, match="views are not known"):
        verglas.compare(*arguments, likelihood="right", poses_from="source", poses=np.zeros((12, 5)), **bare)
    with pytest.raises(ValueError, match="no set of equal steps"):
        verglas.compare(arrays[0], templates, arrays[1], [[0, 1, 5], [0, 2, 3]], likelihood="right")
    with pytest.raises(ValueError, match='noise, modes given: parts of likelihood="right", which was not asked for'):
        verglas.compare(*arguments, noise="white", modes=3, **bare)
    with pytest.raises(ValueError, match="poses are given: a part of likelihood='right'"):
        verglas.compare(*arguments, poses=np.zeros((12, 5)), **bare)
    with pytest.raises(ValueError, match="expected one of the two"):
        verglas.compare(*arguments, likelihood="right", as_cryolike=True, **bare)
    with pytest.raises(ValueError, match="symmetry C2 is given|expected"):
        compared(arrays, templates, symmetry="Q7")
    none = verglas.compare(arrays[0][:0], templates, None, moved, likelihood="right")
    assert len(none) == 0 and none.integrated.shape == (0,) and none.log_likelihood.shape == (0, len(templates))


def test_what_goes_wrong_is_told_of_the_right_image(made, arrays, templates):
    images = arrays[0].copy()
    images[100] = 0
    # It is the 50th of those that the noise is found from.
    with pytest.raises(ValueError, match="image 100: norm is 0"):
        compared((images, arrays[1]), templates, noise_images=60)
    with pytest.raises(MemoryError, match="templates between the views take [0-9]+ MiB of memory, 1 MiB are allowed\nhint: integral=\"grid\""):
        compared(arrays, templates, memory="1M")
    poses = np.zeros((120, 5))
    near = compared(arrays, templates, poses=poses, poses_from="source", noise="white", integral="grid")
    with pytest.raises(ValueError, match="near known poses nothing is known of each template"):
        near.log_likelihood
    with pytest.raises(ValueError, match="axis_order is 'xyz', and the poses were found with 'zyx'"):
        verglas.relion_poses(compared((arrays[0][:2], arrays[1][:2]), templates, noise="white"), templates, axis_order="xyz")
    with pytest.warns(VerglasWarning, match="of 120 images fit better with the opposite sign"):
        compared((-arrays[0], arrays[1]), templates, integral="grid")


def test_a_spectrum_is_read_and_the_same(made, arrays, templates, tmp_path):
    shells = templates.descriptor.n_shells
    sigma2 = np.linspace(3, 1, shells)
    rows = "".join(f"0,{shell},10,{value},0\n" for shell, value in enumerate(sigma2))
    (tmp_path / "noise.csv").write_text("group,shell,resolution_angstrom,sigma2,independent_values\n" + rows)
    comparison = compared(arrays, templates, noise=tmp_path / "noise.csv", integral="grid")
    np.testing.assert_allclose(comparison.noise_spectrum / sigma2, comparison.noise_spectrum[0] / sigma2[0], rtol=1e-12)
    again = compared(arrays, templates, noise=comparison.noise_spectrum, integral="grid")
    np.testing.assert_allclose(again.integrated, comparison.integrated, rtol=1e-12)
    with pytest.raises(ValueError, match=r"noise has shape \(3,\), expected"):
        compared(arrays, templates, noise=[1, 2, 3])
    # All correlations have the noise's weights, too.
    best = comparison.complete().cross_correlation_MSdw[:3].max(axis=(1, 2, 3))
    np.testing.assert_allclose(best, comparison.optimal_pose().cross_correlation_M[:3], atol=2e-3)
    white = compared(arrays, templates, noise="white", integral="grid")
    assert abs(white.complete().cross_correlation_MSdw[:3].max(axis=(1, 2, 3)) - best).max() > 1e-3
