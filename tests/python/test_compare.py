"""Comparisons of arrays in memory, against sums over the whole grid with NumPy, and against what CryoLike's data should give."""

import os
import signal
import threading
import time

import likelihood_reference as reference
import numpy as np
import pytest

import verglas


def random_complex(rng, *shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


@pytest.fixture(scope="module", params=["single", "double"])
def case(request):
    """Random images and templates of a small grid, and what NumPy makes of them."""
    rng = np.random.default_rng(7)
    descriptor = verglas.ImageDescriptor.from_individual_values(12, 1.7, request.param, 0.9, n_inplanes=18)
    shape = (descriptor.n_shells, descriptor.n_inplanes)
    templates = random_complex(rng, 3, *shape).astype(np.complex64)
    images = random_complex(rng, 4, *shape).astype(np.complex64)
    contrast = rng.uniform(-1, 1, (4, *shape))
    # One image that one template fits.
    images[1] += (6 * contrast[1] * np.roll(templates[2], 5, axis=1)).astype(np.complex64)
    moved = verglas.displacements(descriptor, 2.0, (3, 2))
    weights = np.array([1.0, 2.0, 0.5])
    expected = reference.compare(descriptor, images, templates, contrast, moved, weights)
    kind = np.complex64 if request.param == "single" else np.complex128
    arguments = (images.astype(kind), templates.astype(kind), contrast, moved)
    return descriptor, arguments, weights, expected


def compared(case, **options):
    descriptor, arguments, weights, _ = case
    return verglas.compare(*arguments, descriptor=descriptor, weights_viewing=weights, **options)


def test_displacements_are_those_of_the_formula():
    descriptor = verglas.ImageDescriptor.from_individual_values(8, 1.5)
    found = verglas.displacements(descriptor, 2.0, (3, 2))
    assert found.tolist() == [[-3, 0, 3, -3, 0, 3, 0], [-3, -3, -3, 3, 3, 3, 0]]
    assert verglas.displacements(descriptor, 8.0, 1).tolist() == [[0], [0]]
    assert verglas.displacements(descriptor, 8.0, 16).shape == (2, 257)
    with pytest.raises(ValueError, match="displacements is 0, expected at least 1"):
        verglas.displacements(descriptor, 8.0, 0)


def test_all_correlations(case):
    *_, (correlations, _, _) = case
    single = case[1][0].dtype == np.complex64
    found = compared(case).complete().cross_correlation_MSdw
    assert found.dtype == (np.float32 if single else np.float64)
    assert abs(found - correlations).max() <= (1e-6 if single else 1e-12)


def test_best_poses_and_log_likelihoods(case):
    descriptor, (_, _, _, moved), _, (correlations, likelihoods, integrated) = case
    single = case[1][0].dtype == np.complex64
    comparison = compared(case)
    n, n_views, n_displacements, n_inplanes = correlations.shape
    place = correlations.reshape(n, -1).argmax(axis=1)
    t, d, w = np.unravel_index(place, correlations.shape[1:])
    best = comparison.optimal_pose()
    assert best.optimal_template_M.tolist() == t.tolist()
    assert t[1] == 2
    np.testing.assert_allclose(best.cross_correlation_M, correlations.reshape(n, -1).max(axis=1), atol=1e-6 if single else 1e-12)
    np.testing.assert_allclose(best.optimal_displacement_x_M, moved[0, d], rtol=1e-7)
    np.testing.assert_allclose(best.optimal_displacement_y_M, moved[1, d], rtol=1e-7)
    np.testing.assert_allclose(best.optimal_inplane_rotation_M, 2 * np.pi * w / n_inplanes, rtol=1e-7)
    tolerance = 3e-3 if single else 1e-7
    np.testing.assert_allclose(comparison.optimal, likelihoods.reshape(n, -1)[np.arange(n), place], atol=tolerance)
    np.testing.assert_allclose(comparison.integrated, integrated, atol=tolerance)
    of_pairs = likelihoods.max(axis=(2, 3)) + np.log(np.exp(likelihoods - likelihoods.max(axis=(2, 3), keepdims=True)).mean(axis=(2, 3)))
    np.testing.assert_allclose(comparison.log_likelihood, of_pairs, atol=tolerance)
    np.testing.assert_allclose(comparison.smallest_cross_correlation, correlations.min(axis=(1, 2, 3)), atol=1e-6)
    without = compared(case, integrated=False)
    assert without.integrated is None and without.log_likelihood is None
    assert np.array_equal(without.optimal, comparison.optimal)


def test_what_is_best_of_a_part_of_the_coordinates(case):
    _, (_, _, _, moved), _, (correlations, _, _) = case
    atol = 1e-6 if case[1][0].dtype == np.complex64 else 1e-12
    comparison = compared(case)
    pairs = comparison.optimal_displacement_and_rotation()
    np.testing.assert_allclose(pairs.cross_correlation_MS, correlations.max(axis=(2, 3)), atol=atol)
    flat = correlations.reshape(*correlations.shape[:2], -1).argmax(axis=2)
    d, w = np.unravel_index(flat, correlations.shape[2:])
    np.testing.assert_allclose(pairs.optimal_displacement_x_MS, moved[0, d], rtol=1e-7)
    np.testing.assert_allclose(pairs.optimal_displacement_y_MS, moved[1, d], rtol=1e-7)
    np.testing.assert_allclose(pairs.optimal_inplane_rotation_MS, 2 * np.pi * w / correlations.shape[3], rtol=1e-7)
    by_rotation = comparison.optimal_displacement()
    np.testing.assert_allclose(by_rotation.cross_correlation_MSw, correlations.max(axis=2), atol=atol)
    np.testing.assert_allclose(by_rotation.optimal_displacement_x_MSw, moved[0, correlations.argmax(axis=2)], rtol=1e-7)
    np.testing.assert_allclose(by_rotation.optimal_displacement_y_MSw, moved[1, correlations.argmax(axis=2)], rtol=1e-7)
    by_displacement = comparison.optimal_rotation()
    np.testing.assert_allclose(by_displacement.cross_correlation_MSd, correlations.max(axis=3), atol=atol)
    turned = 2 * np.pi * correlations.argmax(axis=3) / correlations.shape[3]
    np.testing.assert_allclose(by_displacement.optimal_inplane_rotation_MSd, turned, rtol=1e-7)


def test_neither_threads_memory_nor_layout_change_a_bit(case):
    descriptor, (images, templates, contrast, moved), weights, _ = case
    first = compared(case, threads=1)
    second = compared(case, threads=2, memory="3M")
    strided = verglas.compare(
        np.asfortranarray(images), templates[::-1][::-1], np.asfortranarray(contrast), moved, descriptor=descriptor,
        weights_viewing=weights,
    )  # fmt: skip
    for other in (second, strided):
        assert np.array_equal(first.integrated, other.integrated)
        assert all(np.array_equal(a, b) for a, b in zip(first.optimal_pose(), other.optimal_pose()))
    assert np.array_equal(first.complete()[0], second.complete()[0])


@pytest.mark.parametrize("axis", ["rows", "columns"])
def test_contrast_transfer(axis):
    descriptor = verglas.ImageDescriptor.from_individual_values(16, 1.3)
    rng = np.random.default_rng(3)
    metadata = {
        "defocusU": rng.uniform(8000, 20000, 3), "defocusV": rng.uniform(8000, 20000, 3), "defocusAngle": rng.uniform(-2, 2, 3),
        "voltage": np.array(300.0), "sphericalAberration": np.array(2.7), "amplitudeContrast": np.array(0.07),
        "phaseShift": np.array([0.0, 0.5, 1.0]), "ctfBfactor": np.array(30.0), "defocusAngle_axis": np.array(axis),
    }  # fmt: skip
    found = verglas.ctf(metadata, descriptor)
    for image in range(3):
        angle = metadata["defocusAngle"][image]
        expected = reference.contrast_transfer(
            descriptor, metadata["defocusU"][image], metadata["defocusV"][image], angle if axis == "rows" else np.pi / 2 - angle,
            300.0, 2.7, 0.07, metadata["phaseShift"][image], 30.0,
        )  # fmt: skip
        np.testing.assert_allclose(found[image], expected, atol=1e-9)
    assert np.array_equal(verglas.ctf(metadata, descriptor, defocus_angle_axis=axis), found)
    with pytest.raises(verglas.FormatError, match="the metadata have no `voltage`"):
        verglas.ctf({name: value for name, value in metadata.items() if name != "voltage"}, descriptor)
    with pytest.raises(verglas.FormatError, match="`defocusV` has 2 values for 3 images"):
        verglas.ctf({**metadata, "defocusV": np.ones(2)}, descriptor)
    with pytest.raises(ValueError, match="image 1: phase shift is NaN"):
        verglas.ctf({**metadata, "phaseShift": np.array([0, np.nan, 0])}, descriptor)


def test_poses_in_relions_convention():
    rng = np.random.default_rng(5)
    n = 20
    views = verglas.ViewingAngles(rng.uniform(0, 6, 7), rng.uniform(0.1, 3, 7), np.zeros(7), np.ones(7))
    pose = verglas.OptimalPose(np.ones(n), rng.integers(0, 7, n), rng.normal(size=n), rng.normal(size=n), rng.uniform(0, 6, n))
    found = verglas.relion_poses(pose, views)
    t, w = pose.optimal_template_M, pose.optimal_inplane_rotation_M
    d_0, d_1 = pose.optimal_displacement_x_M, pose.optimal_displacement_y_M

    def same_angle(a_deg, b_rad):
        np.testing.assert_allclose(np.exp(1j * np.radians(a_deg)), np.exp(1j * b_rad), atol=1e-12)

    same_angle(found.rot_deg, views.azimus[t] + np.pi)
    same_angle(found.tilt_deg, np.pi - views.polars[t])
    same_angle(found.psi_deg, -w - np.pi / 2)
    np.testing.assert_allclose(found.origin_x_angstrom, d_0 * np.sin(w) - d_1 * np.cos(w), atol=1e-12)
    np.testing.assert_allclose(found.origin_y_angstrom, -(d_0 * np.cos(w) + d_1 * np.sin(w)), atol=1e-12)
    assert not np.allclose(verglas.relion_poses(pose, views, axis_order="xyz").tilt_deg, found.tilt_deg)
    with pytest.raises(ValueError, match="and there are 7"):
        verglas.relion_poses(pose._replace(optimal_template_M=t + 7), views)


def test_what_does_not_fit_is_told(case):
    descriptor, (images, templates, contrast, moved), weights, _ = case

    def refused(match, *arguments, error=ValueError, **options):
        with pytest.raises(error, match=match):
            verglas.compare(*arguments, **{"descriptor": descriptor, **options})

    refused("images have shape", images[:, 1:], templates)
    refused("images are of type float64, expected complex", abs(images).astype(float), templates)
    refused("2 weights for 3 templates", images, templates, weights_viewing=[1, 2])
    refused("ctf is float64 of shape", images, templates, contrast[:2])
    refused(r"displacements have shape \(3,\), expected \(2, D\)", images, templates, None, [1, 2, 3])
    refused("an array of templates doesn't have one", images, templates, descriptor=None)
    bad = images.copy()
    bad[2, 3, 4] = np.nan
    refused("image 2: shell 3, in-plane 4 is not a finite number", bad, templates)
    refused("image 1: norm is 0", np.concatenate([images[:1], 0 * images[:1]]), templates)
    refused("template of view 1: norm is 0", images, np.stack([templates[0], 0 * templates[0]]))
    refused("hint: allow more with `memory`", images, templates, None, moved, memory=1000, error=MemoryError)
    refused("expected 'right' or 'plain'", images, templates, likelihood="best")


def test_no_images(case):
    descriptor, (images, templates, _, moved), _, _ = case
    comparison = verglas.compare(images[:0], templates, None, moved, descriptor=descriptor)
    assert len(comparison) == 0 and comparison.log_likelihood.shape == (0, 3)
    assert comparison.complete()[0].shape == (0, 3, 7, 18)


def large():
    """Enough work for some seconds."""
    rng = np.random.default_rng(1)
    descriptor = verglas.ImageDescriptor.from_individual_values(64, 1.5, n_inplanes=128)
    shape = (descriptor.n_shells, descriptor.n_inplanes)
    images, templates = (random_complex(rng, n, *shape).astype(np.complex64) for n in (60, 40))
    return images, templates, None, verglas.displacements(descriptor, 8, 7), descriptor


def test_ctrl_c_stops_a_comparison():
    *arguments, descriptor = large()
    seen = []

    def progress(done, total):
        seen.append((done, total))
        if len(seen) == 1:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        verglas.compare(*arguments, descriptor=descriptor, progress=progress)
    assert seen[-1][0] < seen[-1][1] == 60 * 40 * 49


def test_the_interpreter_is_free_while_images_are_compared():
    images, *arguments, descriptor = large()
    arguments = [images[:10], *arguments]
    thread = threading.Thread(target=verglas.compare, args=arguments, kwargs={"descriptor": descriptor})
    thread.start()
    n_turns = 0
    while thread.is_alive():
        n_turns += 1
        time.sleep(0.01)
    assert n_turns > 5


GOLDEN = "golden/likelihood"


@pytest.mark.parametrize("structure", [0, 1])
def test_golden_images(shared, structure):
    """Six images of CryoLike's own making: templates made here, and likelihoods as an independent program has them."""
    folder = shared / GOLDEN
    expected = np.load(folder / "expected/likelihoods.npz")
    source = folder / "inputs" / ["small.pdb", "cube.mrc"][structure]
    templates = verglas.make_templates(source, folder / "inputs/gaussian.npz")
    moved = verglas.displacements(templates.descriptor, 3.0, (4, 3))
    np.testing.assert_allclose(moved, expected["displacements"], atol=1e-12)
    for number in (0, 1):
        stack = verglas.load_stack(folder / "cryolike/particles", number)
        contrast = verglas.ctf(stack)
        there = expected[f"ctf_stack{number}"]
        np.testing.assert_allclose(contrast[: len(there)], there, atol=1e-6)
        comparison = verglas.compare(stack, templates, contrast, moved)
        best, key = comparison.optimal_pose(), f"template{structure}_stack{number}"
        assert best.optimal_template_M.tolist() == expected[f"template_{key}"].tolist()
        cc = expected[f"cc_{key}"]
        np.testing.assert_allclose(best.cross_correlation_M, cc, atol=1e-6)
        np.testing.assert_allclose([best[2], best[3]], expected[f"displacement_{key}"], atol=1e-6)
        np.testing.assert_allclose(best.optimal_inplane_rotation_M, expected[f"inplane_rotation_{key}"], atol=1e-6)
        m = 4 * np.pi * templates.descriptor.radius_max**2
        bound = 1e-6 * m * abs(cc) / (1 - cc**2) + 2e-3
        assert (abs(comparison.optimal - expected[f"ll_{key}"]) <= bound).all()
        assert (abs(comparison.integrated - expected[f"integrated_{key}"]) <= bound).all()
        np.testing.assert_allclose(comparison.log_likelihood, expected[f"pair_ll_{key}"], atol=5e-3)
        np.testing.assert_allclose(comparison.optimal_displacement_and_rotation()[0], expected[f"pair_cc_{key}"], atol=1e-6)
        relion = np.array(verglas.relion_poses(comparison, templates))
        np.testing.assert_allclose(relion, expected[f"relion_{key}"], atol=2e-4)
