"""The image descriptor: base values, files, dictionaries, copies."""

import copy
import enum
import pickle

import numpy as np
import pytest

import verglas
from verglas import ImageDescriptor

from conftest import verglas as command


class Precision(enum.Enum):
    """CryoLike's."""

    SINGLE = "single"
    DOUBLE = "double"
    DEFAULT = "default"


class AtomShape(enum.Enum):
    """CryoLike's."""

    HARD_SPHERE = "hard-sphere"
    GAUSSIAN = "gaussian"


def test_base_values():
    made = ImageDescriptor.from_individual_values(30, 0.89)
    assert (made.n_pixels, made.radius_max, made.dist_radii, made.n_shells, made.n_inplanes) == (30, 7.5, 0.25, 31, 60)
    assert made.pixel_size.tolist() == [0.89, 0.89] and made.precision == "single"
    assert made.viewing_distance == 1 / (4 * np.pi)
    assert (made.atom_radii, made.atom_selection, made.use_protein_residue_model) == (None, "name CA", True)
    # The weights integrate over the disc of radius 7.5.
    assert made.radii.shape == made.weights.shape == (31,)
    np.testing.assert_allclose((2 * np.pi) ** 2 * made.weights.sum(), np.pi * 7.5**2, rtol=1e-14)


@pytest.mark.parametrize("precision", ["double", "DOUBLE", Precision.DOUBLE, verglas.Precision.DOUBLE, np.array("double")])
def test_words_and_enumerations(precision):
    made = ImageDescriptor.from_individual_values(
        np.int64(30), [0.9, np.float32(0.5)], precision, 0.5, 0.1, 61, np.array(1.5), "all", False, AtomShape.HARD_SPHERE
    )
    assert made.precision is verglas.Precision.DOUBLE and made.atom_shape is verglas.AtomShape.HARD_SPHERE
    assert made.pixel_size.tolist() == [0.9, 0.5]
    assert (made.radius_max, made.viewing_distance, made.n_inplanes, made.atom_radii) == (3.75, 0.1, 61, 1.5)
    assert (made.atom_selection, made.use_protein_residue_model) == ("all", False)


def test_cryolikes_default_precision_is_single():
    assert ImageDescriptor.from_individual_values(30, 1.0, Precision.DEFAULT).precision == "single"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"n_pixels": 0}, "box side is 0 pixels"),
        ({"n_pixels": -3}, "n_pixels is -3"),
        ({"n_pixels": 30.5}, "n_pixels is 30.5, expected a whole number"),
        ({"pixel_size": 0}, "pixel size is 0 × 0 Å"),
        ({"pixel_size": [1, 2, 3]}, "expected one number or two"),
        ({"pixel_size": "thin"}, "pixel_size is 'thin', expected numbers"),
        ({"precision": "half"}, "precision is `half`, expected `single` or `double`"),
        ({"precision": 32}, "precision is 32, expected a word"),
        ({"resolution_factor": 1.5}, r"resolution factor is 1.5, expected a number in \(0, 1\]"),
        ({"n_inplanes": 0}, "0 angles per shell"),
        ({"atom_shape": "cube"}, "atom shape is `cube`"),
        ({"atom_radii": [1.0, 2.0]}, "several values"),
    ],
)
def test_values_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        ImageDescriptor.from_individual_values(**{"n_pixels": 30, "pixel_size": 1.0, **arguments})


@pytest.fixture(params=["single", "double"])
def descriptor(request):
    return ImageDescriptor.from_individual_values(31, [1.1, 1.2], request.param, 0.7, n_inplanes=61, atom_radii=2.5)


def test_copies_are_equal(descriptor):
    for other in [
        copy.copy(descriptor),
        copy.deepcopy(descriptor),
        pickle.loads(pickle.dumps(descriptor)),
        ImageDescriptor.from_dict(descriptor.to_dict()),
    ]:
        assert other == descriptor and hash(other) == hash(descriptor) and not other != descriptor
        np.testing.assert_array_equal(other.radii, descriptor.radii)


def test_equality_and_compatibility():
    one = ImageDescriptor.from_individual_values(30, 1.0)
    other = ImageDescriptor.from_individual_values(30, 1.0, "double", atom_selection="all")
    assert one != other and one.is_compatible_with(other) and one != "a descriptor"
    for differs in [(31, 1.0), (30, np.nextafter(1.0, 2)), (30, 1.0, "single", 0.5), (30, 1.0, "single", 1.0, None, 61)]:
        assert not one.is_compatible_with(ImageDescriptor.from_individual_values(*differs))
    with pytest.raises(TypeError, match="expected an image descriptor, found str"):
        one.is_compatible_with("a descriptor")


def test_it_can_not_be_changed(descriptor):
    with pytest.raises(AttributeError):
        descriptor.n_pixels = 5
    with pytest.raises(AttributeError):
        descriptor.colour = "red"
    descriptor.pixel_size[0] = 7
    assert descriptor.pixel_size[0] == 1.1
    with pytest.raises(TypeError, match="from_individual_values"):
        ImageDescriptor()


def test_files(descriptor, tmp_path):
    path = tmp_path / "parameters.npz"
    descriptor.save(path)
    assert ImageDescriptor.load(path) == descriptor == ImageDescriptor.load(bytes(path))
    with pytest.raises(ValueError, match="already exists\nhint: "):
        descriptor.save(str(path))
    descriptor.save(path, overwrite=True)
    with np.load(path, allow_pickle=False) as archive:
        for key, value in descriptor.to_dict().items():
            assert archive[key].tolist() == (value.tolist() if isinstance(value, np.ndarray) else [] if value is None else value)
    # As np.savez, which CryoLike writes with.
    descriptor.save(tmp_path / "other")
    assert ImageDescriptor.load(tmp_path / "other.npz") == descriptor


def test_files_are_the_commands(descriptor, tmp_path):
    command("descriptor", "--n-pixels", 30, "--pixel-size", 0.89, "--precision", "double", "-o", tmp_path / "theirs.npz")
    assert ImageDescriptor.load(tmp_path / "theirs.npz") == ImageDescriptor.from_individual_values(30, 0.89, "double")


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="cannot read `"):
        ImageDescriptor.load(tmp_path / "nowhere.npz")
    np.savez(tmp_path / "other.npz", a=1)
    with pytest.raises(verglas.FormatError, match="has no `n_pixels`; is it an image descriptor?"):
        ImageDescriptor.load(tmp_path / "other.npz")


def test_cryolikes_own_file(shared):
    loaded = ImageDescriptor.load(shared / "golden/cryolike_descriptor.npz")
    assert loaded == ImageDescriptor.from_individual_values(30, 0.89, viewing_distance=1.0)


class Theirs:
    """What CryoLike's descriptor looks like from outside."""

    def __init__(self, **changes):
        values = ImageDescriptor.from_individual_values(32, 1.3).to_dict()
        self.values = {**values, "viewing_angles": {"azimus": np.zeros(3), "polars": np.zeros(3)}, **changes}

    def to_dict(self):
        return self.values


def test_dictionaries_of_others():
    made = ImageDescriptor.from_individual_values(32, 1.3)
    forms = [
        {},
        {"precision": Precision.SINGLE, "atom_shape": AtomShape.GAUSSIAN},
        {"n_pixels": 32, "pixel_size": 1.3, "n_inplanes": np.int32(64), "radius_max": np.float64(8)},
        {"n_pixels": [32.0, 32.0], "precision": np.array("single"), "atom_radii": np.array([], np.float64)},
    ]
    for changes in forms:
        assert ImageDescriptor.from_dict(Theirs(**changes).to_dict()) == made
    assert made.is_compatible_with(Theirs()) and not made.is_compatible_with(Theirs(n_inplanes=60))
    for changes, message in [
        ({"n_pixels": np.array([32, 30])}, r"n_pixels is \[32, 30\], expected the same for both axes"),
        ({"radius_max": None}, "has no `radius_max`"),
        ({"precision": "half"}, "precision is `half`"),
    ]:
        with pytest.raises(ValueError, match=message):
            made.is_compatible_with(Theirs(**changes))


def test_grids_have_cryolikes_attributes():
    """Numbers that a reader can check; CryoLike's x is axis 0."""
    made = ImageDescriptor.from_individual_values(4, [1.5, 2.0], n_inplanes=6)
    pixels, polar = made.cartesian_grid, made.polar_grid
    assert pixels.n_pixels.tolist() == [4, 4] and pixels.pixel_size.tolist() == [1.5, 2.0] and pixels.n_pixels_total == 16
    assert pixels.box_size.tolist() == made.box_size.tolist() == [6.0, 8.0] and pixels.radius.tolist() == [3.0, 4.0]
    assert pixels.x_axis.tolist() == [-3.0, -1.5, 0.0, 1.5] and pixels.y_axis.tolist() == [-4.0, -2.0, 0.0, 2.0]
    assert pixels.x_pixels[:, 2].tolist() == pixels.x_axis.tolist() and pixels.y_pixels[2].tolist() == pixels.y_axis.tolist()

    assert (polar.uniform, polar.half_space, polar.radius_max, polar.dist_radii) == (True, False, 1.0, 0.25)
    assert (polar.n_shells, polar.n_inplanes, polar.n_points) == (made.n_shells, 6, 6 * made.n_shells)
    assert polar.n_inplane_shells.tolist() == [6] * made.n_shells
    np.testing.assert_allclose(polar.theta_shell, np.arange(6) * np.pi / 3)
    np.testing.assert_array_equal(polar.radius_points[:7], made.radii[[0] * 6 + [1]])
    # Shell 1, angle 60°.
    np.testing.assert_allclose([polar.x_points[7], polar.y_points[7]], made.radii[1] * np.array([0.5, np.sqrt(3) / 2]))
    assert polar.integration_weight_points.shape == polar.mask_points.shape == (made.n_shells, 6)
    np.testing.assert_allclose(polar.integration_weight_points.sum(), np.pi, rtol=1e-12)
    # ∫ r² over the unit disc is π/2, whichever way the points are laid out.
    squared = polar.radius_points**2
    np.testing.assert_allclose(polar.integrate(squared), [np.pi / 2], rtol=1e-12)
    np.testing.assert_allclose(polar.integrate(np.tile(squared, (2, 1)).reshape(2, -1, 6)), [np.pi / 2] * 2, rtol=1e-12)
    with pytest.raises(ValueError, match="expected the last axes"):
        polar.integrate(np.ones(5))
    np.testing.assert_allclose(polar.mask_integral, np.sum(polar.mask_points**2 * polar.integration_weight_points))
    np.testing.assert_allclose(polar.resolution(8.0)[-1], 4.0 / made.radii[-1])


def test_viewing_angles_cover_the_sphere():
    made = ImageDescriptor.from_individual_values(16, 1.0, viewing_distance=0.5)
    angles = made.viewing_angles
    assert angles.n_angles == len(angles.polars) == len(angles.gammas) > 40
    np.testing.assert_allclose(angles.weights_viewing.sum(), 4 * np.pi, rtol=1e-12)
    np.testing.assert_allclose(np.sum(np.cos(angles.polars) ** 2 * angles.weights_viewing), 4 * np.pi / 3, rtol=1e-12)
    assert not angles.gammas.any()
    without = ImageDescriptor.from_dict({**made.to_dict(), "viewing_distance": None})
    with pytest.raises(ValueError, match="no viewing_distance"):
        without.viewing_angles


def test_cryolikes_further_methods(tmp_path, capsys):
    made = ImageDescriptor.from_individual_values(16, 1.5, atom_radii=2.0)
    made.print()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == ["Parameters:", "n_voxels: [16 16]", "voxel_size: [1.5 1.5]", "box_size: [24. 24.]"]
    assert lines[4:8] == ["radius_max: 4.0", "dist_radii: 0.25", "n_inplanes: 32", "precision: single"]
    assert lines[-1] == "atom_shape: gaussian"
    made.save(tmp_path / "a.npz")
    assert ImageDescriptor.ensure(made) is made
    assert ImageDescriptor.ensure(tmp_path / "a.npz") == ImageDescriptor.ensure(str(tmp_path / "a.npz")) == made
    assert made.get_3d_box_size().tolist() == [24.0] * 3
    with pytest.raises(ValueError, match="third side"):
        ImageDescriptor.from_individual_values(16, [1.0, 2.0]).get_3d_box_size()
    assert made.is_compatible_with_pdb()
    assert not ImageDescriptor.from_individual_values(16, 1.0, use_protein_residue_model=False).is_compatible_with_pdb()
    assert "<td" in made._repr_html_() and "1.5" in made._repr_html_()
