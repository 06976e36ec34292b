"""Templates of structures: in memory against sums with NumPy, and as a folder."""

import json
import warnings

import likelihood_reference as reference
import mrcfile
import numpy as np
import pytest
from conftest import verglas as command
from reference import relative_error

import verglas
from verglas import VerglasWarning

ATOMS = [
    ("N", "GLY", 1, (1.5, -2.0, 0.5)), ("CA", "GLY", 1, (2.5, -1.0, 1.5)), ("CA", "TRP", 2, (-3.0, 2.0, 1.0)),
    ("CB", "TRP", 2, (-3.5, 3.0, 2.0)), ("CA", "ALA", 3, (0.5, 4.0, -5.0)), ("CA", "LYS", 4, (5.0, -3.5, 2.5)),
]  # fmt: skip
RADII = {"GLY": 2.25, "TRP": 3.40, "ALA": 2.50, "LYS": 3.20}


def pdb(path, atoms=ATOMS, models=1):
    lines = []
    for model in range(1, models + 1):
        lines.append(f"MODEL     {model:4}")
        for serial, (name, residue, number, (x, y, z)) in enumerate(atoms, 1):
            lines.append(
                f"ATOM  {serial:5}  {name:<3} {residue} A{number:4}    {x + model - 1:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {name[0]:>2}"
            )
        lines.append("ENDMDL")
    path.write_text("\n".join(lines) + "\nEND\n")
    return path


@pytest.fixture
def descriptor():
    return verglas.ImageDescriptor.from_individual_values(16, 1.6, "double", viewing_distance=0.9)


def test_beads_are_summed_as_the_formula_says(tmp_path, descriptor):
    templates = verglas.make_templates(pdb(tmp_path / "a.pdb"), descriptor)
    beads = [(np.array(position), RADII[residue]) for name, residue, _, position in ATOMS if name == "CA"]
    positions = np.array([position for position, _ in beads])
    center = positions.mean(axis=0)
    np.testing.assert_allclose(templates.center, center, atol=1e-12)
    views = templates.viewing_angles
    assert len(templates) == views.n_angles == len(templates.norms) and templates.n_atoms == 4
    assert abs(views.weights_viewing.sum() - 4 * np.pi) < 1e-12
    for t in (0, 3, len(templates) - 1):
        expected = reference.slice_of_beads(
            descriptor, positions - center, [radius for _, radius in beads], views.azimus[t], views.polars[t]
        )
        assert relative_error(templates.fourier[t], expected) < 1e-11
    assert templates.fourier.dtype == np.complex128


def test_a_structure_in_memory_is_the_file(tmp_path, descriptor):
    path = pdb(tmp_path / "a.pdb")
    structure = verglas.read_structure(path)
    assert structure.positions.tolist() == [list(position) for *_, position in ATOMS]
    assert structure.names.tolist() == [name for name, *_ in ATOMS] and set(structure.elements) == {"N", "C"}
    assert structure.residue_numbers.tolist() == [1, 1, 2, 2, 3, 4] and structure.models == (1,)
    from_file = verglas.make_templates(path, descriptor)
    assert np.array_equal(verglas.make_templates(structure, descriptor).fourier, from_file.fourier)
    structure.positions[1, 0] += 2.0
    moved = verglas.make_templates(structure, descriptor)
    assert relative_error(moved.fourier, from_file.fourier) > 0.01
    atoms = [(n, r, k, (x + 2.0, y, z) if (n, k) == ("CA", 1) else (x, y, z)) for n, r, k, (x, y, z) in ATOMS]
    again = verglas.make_templates(pdb(tmp_path / "b.pdb", atoms), descriptor)
    assert relative_error(moved.fourier, again.fourier) < 1e-12
    alpha = structure.select(structure.names == "CA")
    assert len(alpha) == 4 and np.array_equal(verglas.make_templates(alpha, descriptor).fourier, moved.fourier)
    assert verglas.read_structure(path, atom_selection="resname TRP and name CB").positions.tolist() == [[-3.5, 3.0, 2.0]]


def test_models(tmp_path, descriptor):
    path = pdb(tmp_path / "a.pdb", models=3)
    assert verglas.read_structure(path, model=3).positions[0, 0] == 3.5
    with pytest.raises(ValueError, match="7"):
        verglas.read_structure(path, model=7)
    with pytest.raises(ValueError, match="makes 3 structures, expected one"):
        verglas.make_templates(path, descriptor, models="all")
    with pytest.warns(VerglasWarning):
        first = verglas.make_templates(path, descriptor)
    third = verglas.make_templates(path, descriptor, models=3, center="none")
    assert (first.model, third.model) == (1, 3)
    assert third.center.tolist() == [0, 0, 0]


def test_maps(tmp_path, descriptor):
    rng = np.random.default_rng(2)
    density = rng.normal(size=(6, 5, 7)).astype(np.float32)
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(density)
        file.voxel_size = 1.8
    density_map = verglas.read_map(tmp_path / "a.mrc")
    assert np.array_equal(density_map.values, density)
    np.testing.assert_allclose(density_map.voxel_size, 1.8, rtol=1e-6)
    assert density_map.center_voxel.tolist() == [3, 2, 3]
    templates = verglas.make_templates(tmp_path / "a.mrc", descriptor, beyond_nyquist=True)
    assert templates.axis_order == "zyx" and templates.n_atoms is None
    again = verglas.make_templates(density_map, descriptor, beyond_nyquist=True)
    assert np.array_equal(again.fourier, templates.fourier)
    array = verglas.make_templates(density, descriptor, voxel_size=density_map.voxel_size, beyond_nyquist=True)
    assert np.array_equal(array.fourier, templates.fourier)
    # The sum over voxels, at one view.
    t = 4
    box, voxel = 16 * 1.6, density_map.voxel_size
    x, y, weights = reference.polar_points(descriptor)
    a, b = templates.viewing_angles.azimus[t], templates.viewing_angles.polars[t]
    rows = np.array([np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), -np.sin(b)])
    columns = np.array([-np.sin(a), np.cos(a), 0])
    k = (2 / box) * (x[..., None] * rows + y[..., None] * columns)
    expected = np.zeros(x.shape, complex)
    for z, y_, x_ in np.ndindex(density.shape):
        position = voxel * np.array([x_ - 3, y_ - 2, z - 3])
        expected += density[z, y_, x_] * np.exp(-2j * np.pi * (k @ position))
    expected /= np.sqrt((weights * abs(expected) ** 2).sum())
    assert relative_error(templates.fourier[t], expected) < 1e-10


def test_saved_and_loaded(tmp_path, descriptor):
    templates = verglas.make_templates(pdb(tmp_path / "a.pdb"), descriptor)
    file = templates.save(tmp_path / "t.pt")
    loaded = verglas.Templates.load(file)
    assert np.array_equal(loaded.fourier, templates.fourier)
    assert loaded.descriptor == templates.descriptor and loaded.source == str(tmp_path / "a.pdb")
    for name in ("norms", "center", *verglas.ViewingAngles._fields):
        holder, other = (t if hasattr(t, name) else t.viewing_angles for t in (loaded, templates))
        assert np.array_equal(getattr(holder, name), getattr(other, name)), name
    with pytest.raises(ValueError, match="already exists"):
        templates.save(tmp_path / "t.pt")
    templates.save(tmp_path / "t.pt", overwrite=True)
    # The command makes the same files.
    descriptor.save(tmp_path / "d.npz")
    command("templates", tmp_path / "a.pdb", "-o", tmp_path / "made", "-d", tmp_path / "d.npz", "--no-plots")
    made = verglas.Templates.load(tmp_path / "made/templates_fourier_a.pt")
    assert np.array_equal(made.fourier, templates.fourier) and np.array_equal(made.norms, templates.norms)
    assert (tmp_path / "made/templates_fourier_a.npz").read_bytes() == (tmp_path / "t.npz").read_bytes()
    # A folder's list grows.
    names = [templates.save(tmp_path / "shelf").name for _ in range(2)]
    assert names == ["templates_fourier_a.pt", "templates_fourier_a_1.pt"]
    assert [str(path) for path in np.load(tmp_path / "shelf/template_file_list.npy")] == [str(tmp_path / "shelf" / n) for n in names]
    # Without what is said of them, as CryoLike's.
    (tmp_path / "t.npz").unlink()
    with pytest.raises(ValueError, match="hint: give the `descriptor`"):
        verglas.Templates.load(tmp_path / "t.pt")
    bare = verglas.Templates.load(tmp_path / "t.pt", descriptor)
    assert np.array_equal(bare.viewing_angles.azimus, templates.viewing_angles.azimus) and np.isnan(bare.norms).all()


def test_a_folder_is_the_commands(tmp_path, descriptor):
    descriptor.save(tmp_path / "d.npz")
    path = pdb(tmp_path / "a.pdb", models=2)
    rng = np.random.default_rng(2)
    np.save(tmp_path / "b.npy", rng.normal(size=(5, 5, 5)))
    told = []
    summary = verglas.templates(
        [path, tmp_path / "b.npy"], tmp_path / "ours", descriptor, models="all", beyond_nyquist=True,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    command(
        "templates", path, tmp_path / "b.npy", "-o", tmp_path / "theirs", "-d", tmp_path / "d.npz", "--models", "all", "--beyond-nyquist"
    )
    files = {p.relative_to(tmp_path / "ours") for p in (tmp_path / "ours").rglob("*") if p.is_file()}
    assert files == {p.relative_to(tmp_path / "theirs") for p in (tmp_path / "theirs").rglob("*") if p.is_file()}
    for name in files:
        if name.name not in ("manifest.json", "template_file_list.npy"):
            assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes(), name
    assert summary.n_structures == 3 and summary.n_templates == 3 * summary.n_templates_each
    assert told[-1] == (summary.n_templates, summary.n_templates)
    found = verglas.verify(tmp_path / "ours")
    assert found.ok and (found.n_stacks, found.n_images) == (3, summary.n_templates)
    with pytest.raises(ValueError, match=r"hint: .*`skip_exist=True`.*`overwrite=True`"):
        verglas.templates([path], tmp_path / "ours", descriptor, models="all")
    (tmp_path / "ours/templates_fourier_b.pt").unlink()
    assert any("templates_fourier_b.pt" in error for error in verglas.verify(tmp_path / "ours").errors)
    again = verglas.templates(
        [path, tmp_path / "b.npy"], tmp_path / "ours", descriptor, models="all", beyond_nyquist=True, skip_exist=True
    )
    assert again.n_structures_kept == 2 and verglas.verify(tmp_path / "ours").ok


def test_what_is_wrong_is_told_in_pythons_words(tmp_path, descriptor):
    path = pdb(tmp_path / "a.pdb")
    with pytest.raises(ValueError, match="hint: .*`atom_radii`"):
        verglas.templates(path, tmp_path / "out", descriptor, protein_residue_model=False)
    with pytest.raises(ValueError, match="`atom_selection`"):
        verglas.make_templates(path, descriptor, atom_selection="name XX")
    with pytest.raises(FileNotFoundError, match="2 of 3 files do not exist"):
        verglas.templates([path, tmp_path / "b.pdb", tmp_path / "c.mrc"], tmp_path / "out", descriptor)
    with pytest.raises(ValueError, match="voxel_size is .*, expected three numbers"):
        verglas.make_templates(path, descriptor, voxel_size=(1, 2))
    with pytest.raises(ValueError, match="center is `middle`, expected"):
        verglas.make_templates(path, descriptor, center="middle")
    with pytest.raises(ValueError, match="expected a map in three dimensions"):
        verglas.make_templates(np.ones((3, 3)), descriptor)
    with pytest.raises(TypeError, match="unexpected keyword argument 'shard'"):
        verglas.make_templates(path, descriptor, shard=(1, 2))
    findings = verglas.check_templates([path, tmp_path / "b.pdb"], descriptor)
    assert not findings.ok and "b.pdb" in findings.errors[0]
    assert verglas.check_templates(path, descriptor).n_stacks == 1
    assert not (tmp_path / "out").exists()


def test_a_warning_made_an_error_stops_before_the_first_byte(tmp_path, descriptor):
    path = pdb(tmp_path / "a.pdb", models=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", VerglasWarning)
        with pytest.raises(VerglasWarning):
            verglas.templates(path, tmp_path / "out", descriptor)
    assert not (tmp_path / "out").exists()


def test_golden_templates(shared):
    folder = shared / "golden/likelihood"
    expected = np.load(folder / "expected/templates.npz")
    some = expected["some"]
    for key, source, name in [
        ("gaussian_small", "small.pdb", "gaussian"), ("gaussian_messy", "messy.cif", "gaussian"),
        ("gaussian_cube", "cube.mrc", "gaussian"), ("gaussian_slab", "slab.mrc", "gaussian"),
        ("hard_sphere_double_small", "small.pdb", "hard_sphere_double"), ("uniform_small", "small.pdb", "uniform"),
    ]:  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VerglasWarning)
            templates = verglas.make_templates(folder / "inputs" / source, folder / f"inputs/{name}.npz")
        np.testing.assert_allclose(templates.viewing_angles.azimus, expected["viewing_azimuth"], atol=1e-12)
        np.testing.assert_allclose(templates.viewing_angles.polars, expected["viewing_polar"], atol=1e-12)
        np.testing.assert_allclose(templates.viewing_angles.weights_viewing, expected["viewing_weight"], atol=1e-12)
        for t, template in zip(some, expected[key]):
            assert relative_error(templates.fourier[t], template) < (1e-12 if "double" in name else 1e-6), key


def test_manifest_says_what_python_asked(tmp_path, descriptor):
    path = pdb(tmp_path / "a.pdb")
    verglas.templates(path, tmp_path / "out", descriptor, atom_mass="equal", plots=False)
    settings = json.loads((tmp_path / "out/manifest.json").read_text())["settings"]
    assert settings["atom_mass"] == "equal" and not (tmp_path / "out/plots").exists()
