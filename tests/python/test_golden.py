"""CryoLike's own results, by CryoLike's own calls."""

import mrcfile
import numpy as np
import pytest

import verglas

from reference import relative_error

#: CryoLike's single precision is good to about 7e-7, and it centres in float32: 2e-6 for the whole way.
BOUND = 2e-6
#: From the same pixels, both are good to 1e-12 in double precision.
DOUBLE_BOUND = 2e-12


def assert_golden(folder, golden):
    stack = verglas.load_stack(folder, 0)
    with np.load(golden) as reference:
        for section, fourier, physical in zip(reference["sections"], reference["fourier"], reference["physical"]):
            assert relative_error(stack.fourier[section], fourier) <= BOUND
            # A few roundings of float32 of values of at most 1.
            assert np.abs(stack.physical[section] - physical).max() <= 4 * np.finfo(np.float32).eps
        radii, weights = stack.descriptor.radii, stack.descriptor.weights
        # SciPy, whose values these are, finds nodes to a rounding of the largest, and weights at the rim to 9e-12.
        assert np.abs(radii - reference["radius_shells"]).max() < 1e-12 * radii.max()
        assert np.abs(weights - reference["weight_shells"]).max() < 1e-12 * weights.max()
        if stack.descriptor.precision == "double":
            fourier = verglas.PolarTransform(stack.descriptor)(reference["physical"])
            fourier /= np.sqrt(4 * np.pi**2 / fourier.shape[2] * (np.abs(fourier) ** 2 * weights[:, None]).sum((1, 2)))[:, None, None]
            for found, expected in zip(fourier, reference["fourier"]):
                assert relative_error(found, expected) <= DOUBLE_BOUND


@pytest.mark.filterwarnings("ignore::verglas.VerglasWarning")
@pytest.mark.parametrize("golden, arguments", [
    ("toy_a_single", {}),
    ("toy_a_double", {"precision": "double"}),
    ("toy_a_odd_inplanes", {"precision": "double", "resolution_factor": 0.8, "n_inplanes": 61}),
])  # fmt: skip
def test_toy_images(shared, tmp_path, golden, arguments):
    descriptor = verglas.ImageDescriptor.from_individual_values(30, 1.7, **arguments)
    star = tmp_path / "a.star"
    rows = "\n".join(f"{section}@toy_images_a.mrcs 1 1 0 300 2.7 0.1" for section in range(1, 18))
    names = "\n".join(
        f"_rln{name}"
        for name in "ImageName DefocusU DefocusV DefocusAngle Voltage SphericalAberration AmplitudeContrast".split()
    )
    star.write_text(f"data_\nloop_\n{names}\n{rows}\n")
    images = shared / "data/relion"
    verglas.convert_particle_stacks_from_indexed_star_file(descriptor, star, images, tmp_path / "indexed")
    # A pair has as many sections as rows.
    with mrcfile.new(tmp_path / "a.mrcs") as file:
        file.set_data(mrcfile.read(images / "toy_images_a.mrcs")[:17])
        file.set_image_stack()
    verglas.convert_particle_stacks_from_paired_star_and_mrc_files(
        descriptor, [tmp_path / "a.mrcs"], [star], tmp_path / "paired", pixel_size=1.7
    )
    for folder in ["indexed", "paired"]:
        assert_golden(tmp_path / folder, shared / f"golden/{golden}.npz")


@pytest.mark.filterwarnings("ignore::verglas.VerglasWarning")
def test_relion31(shared, tmp_path):
    data = shared / "data/relion"
    verglas.convert_particle_stacks_from_indexed_star_file(
        verglas.ImageDescriptor.from_individual_values(256, 1.7, resolution_factor=0.5),
        str(data / "relion31.star"),
        folder_mrc=str(data),
        folder_output=str(tmp_path),
        pixel_size=np.array([1.7, 1.7]),
        pixel_size_from="caller",
    )
    assert_golden(tmp_path, shared / "golden/relion31_half_single.npz")


@pytest.mark.filterwarnings("ignore::verglas.VerglasWarning")
def test_cryolikes_whole_output(shared, tmp_path):
    """Every image that CryoLike wrote, found by its metadata, which agree to the last bit; CryoLike's order is another."""
    verglas.convert_particle_stacks_from_indexed_star_file(
        str(shared / "golden/cryolike_descriptor.npz"),
        str(shared / "data/relion/relion5.star"),
        str(shared / "data/relion"),
        str(tmp_path),
        10,
    )
    keys = ["defocusU", "defocusV", "defocusAngle", "phaseShift", "angleRotation", "angleTilt", "anglePsi"]

    def images(folder):
        stacks = [verglas.load_stack(folder, number) for number in range(2)]
        columns = [np.concatenate([stack.metadata[key] for stack in stacks]) for key in keys]
        return list(zip(*columns)), [stack.fourier for stack in stacks], stacks

    (ours, our_fourier, our_stacks), (theirs, their_fourier, their_stacks) = images(tmp_path), images(shared / "golden/cryolike_relion5")
    assert len(set(ours)) == 17 and sorted(ours) == sorted(theirs)
    our_fourier, their_fourier = np.concatenate(our_fourier), np.concatenate(their_fourier)
    for values, fourier in zip(theirs, their_fourier):
        assert relative_error(our_fourier[ours.index(values)], fourier) <= BOUND
    for our_stack, their_stack in zip(our_stacks, their_stacks):
        for key, value in their_stack.metadata.items():
            assert key in our_stack.metadata, key
            if value is not None and value.ndim == 0:
                assert our_stack.metadata[key] == value, key
        assert our_stack.descriptor == their_stack.descriptor
