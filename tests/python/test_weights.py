"""Weights of structures: against plain updates in NumPy, what the files say to NumPy and torch, and what is refused."""

import json
import subprocess
import warnings

import numpy as np
import pytest

import verglas
from conftest import verglas as command


def on_a_line(n_images, n_structures, distance, seed=0):
    """Log-likelihoods of images on a line, normally distributed about structures that stand `distance` apart."""
    random = np.random.default_rng(seed)
    places = distance * np.arange(n_structures)
    truth = random.dirichlet(np.ones(n_structures))
    images = random.choice(places, n_images, p=truth) + random.normal(size=n_images)
    return -0.5 * (images[:, None] - places) ** 2 - 1e4, truth


def mean_log(logs, weights):
    largest = logs.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(logs - largest) @ weights) + largest[:, 0]))


def plain_updates(logs, n_updates):
    """w_k ← w_k·g_k from equal weights: slow, and beyond doubt."""
    likelihoods = np.exp(logs - logs.max(1, keepdims=True))
    weights = np.full(logs.shape[1], 1 / logs.shape[1])
    for _ in range(n_updates):
        weights = weights * np.mean(likelihoods / (likelihoods @ weights)[:, None], 0)
    gradient = np.mean(likelihoods / (likelihoods @ weights)[:, None], 0)
    return weights, gradient.max() - 1


@pytest.mark.parametrize(("n_images", "n_structures", "distance"), [(1500, 12, 2.5), (1500, 12, 1.0), (400, 5, 0.5)])
def test_they_are_those_of_plain_updates(n_images, n_structures, distance):
    logs, _ = on_a_line(n_images, n_structures, distance)
    found = verglas.weights(logs, bootstrap=0, matrix_axes="images-structures")
    plain, gap = plain_updates(logs, 40_000)
    assert found.gap <= 1e-6
    assert found.mean_log_likelihood == pytest.approx(mean_log(logs, found.weights), abs=1e-8)
    assert -1e-9 <= found.mean_log_likelihood - mean_log(logs, plain) <= max(gap, 1e-9)
    if gap < 1e-9:
        np.testing.assert_allclose(found.weights, plain, atol=1e-6)
    # Either way round, and in any number type that holds them.
    again = verglas.weights(np.asfortranarray(logs.T), bootstrap=0, matrix_axes="structures-images")
    np.testing.assert_array_equal(again.weights, found.weights)


def test_they_are_scipys():
    optimize = pytest.importorskip("scipy.optimize")
    logs, _ = on_a_line(800, 6, 0.8, seed=3)
    found = verglas.weights(logs, bootstrap=0, matrix_axes="images-structures")
    likelihoods = np.exp(logs - logs.max(1, keepdims=True))

    def minus_f(w):
        return -np.mean(np.log(likelihoods @ w)), -np.mean(likelihoods / (likelihoods @ w)[:, None], 0)

    best = optimize.minimize(
        minus_f, np.full(6, 1 / 6), jac=True, method="SLSQP", bounds=[(1e-12, 1)] * 6, options={"ftol": 1e-14, "maxiter": 1000},
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
    )  # fmt: skip
    assert abs(found.mean_log_likelihood - mean_log(logs, best.x / best.x.sum())) < 1e-6
    np.testing.assert_allclose(found.weights, best.x, atol=1e-4)


def test_intervals_are_quantiles_of_resamples():
    logs, truth = on_a_line(2000, 4, 2.5, seed=1)
    found = verglas.weights(logs, bootstrap=100, seed=7, names=list("abcd"), threads=1, matrix_axes="images-structures")
    assert found.names == ("a", "b", "c", "d") and found.structures == (0, 1, 2, 3)
    assert found.resamples.shape == (100, 4)
    np.testing.assert_allclose(found.resamples.sum(1), 1)
    expected = np.quantile(found.resamples, [0.025, 0.16, 0.5, 0.84, 0.975], axis=0).T
    np.testing.assert_allclose(found.intervals, expected, atol=1e-12)
    # Spreads of counts, up to twice that and a tenth for neighbours that overlap.
    spread = np.sqrt(truth * (1 - truth) / 2000)
    assert np.all((0.8 * spread < found.resamples.std(0)) & (found.resamples.std(0) < 2.2 * spread))
    entropy = [-np.sum(w[w > 0] * np.log(w[w > 0])) for w in found.resamples]
    np.testing.assert_allclose(found.effective_number_interval, np.quantile(np.exp(entropy), [0.025, 0.16, 0.5, 0.84, 0.975]))
    for a, b, correlation in found.not_told_apart:
        assert correlation == pytest.approx(np.corrcoef(found.resamples[:, a], found.resamples[:, b])[0, 1])
    again = verglas.weights(logs, bootstrap=100, seed=7, threads=3, matrix_axes="images-structures")
    np.testing.assert_array_equal(again.resamples, found.resamples)
    assert np.any(verglas.weights(logs, bootstrap=100, seed=8, matrix_axes="images-structures").resamples != found.resamples)


def test_choices_noise_and_progress():
    logs, _ = on_a_line(300, 3, 1.0)
    mask = np.arange(300) % 2 == 0
    of = {"matrix_axes": "images-structures", "bootstrap": 0}
    chosen = verglas.weights(logs, images=mask, **of)
    assert chosen.n_images == 150
    np.testing.assert_array_equal(chosen.weights, verglas.weights(logs[::2], **of).weights)
    np.testing.assert_array_equal(verglas.weights(logs, images=np.flatnonzero(mask), **of).weights, chosen.weights)
    without = verglas.weights(logs, exclude=[1], **of)
    assert without.structures == (0, 2)
    np.testing.assert_array_equal(without.weights, verglas.weights(logs[:, [0, 2]], **of).weights)
    noise = np.where(np.arange(300) < 75, 1e5, -1e6)
    with_noise = verglas.weights(logs, noise=noise, **of)
    assert (with_noise.names[-1], with_noise.structures[-1]) == ("noise", None)
    assert with_noise.weights[-1] == pytest.approx(0.25)
    told = []
    verglas.weights(logs, matrix_axes="images-structures", bootstrap=7, progress=lambda *done: told.append(done))
    assert told[-1] == (7, 7)


def test_what_is_wrong_is_said():
    logs, _ = on_a_line(300, 3, 1.0)
    bad = logs.copy()
    bad[5, 1] = np.nan
    for arguments, kind, text in [
        ((bad,), verglas.FormatError, r"row 5, column 1 \(from 0\) is NaN.*image 5, structure 1"),
        ((logs[:, :1],), ValueError, "has 1 structure, expected at least two"),
        ((logs[:3],), ValueError, r"which axis is of images.*\nhint: `matrix_axes=\"images-structures\"`"),
        ((logs[0],), ValueError, "expected real numbers on two axes"),
        ((1j * logs,), ValueError, "complex128"),
    ]:
        with pytest.raises(kind, match=f"(?s){text}"):
            verglas.weights(*arguments)
    for options, text in [
        ({"temperature": 0}, "the temperature is 0, expected a positive number\nhint: .*`temperature`"),
        ({"temperature": "hot"}, "temperature is 'hot', expected a number"),
        ({"tolerance": 1}, "the tolerance is 1, expected 1e-12 to 0.1"),
        ({"exclude": [3]}, "there is no structure 3 to exclude"),
        ({"images": [1, 1]}, "image 1 is chosen twice"),
        ({"images": np.ones(3, bool)}, "a mask of 3 values, there are 300 images"),
        ({"noise": np.zeros(4)}, "4 values of noise, expected one for each of the 300 images"),
        ({"names": ["a"]}, "has 3 structures, 1 are named"),
        ({"noise_column": True}, "noise_column is for folders"),
        ({"matrix_axes": "both"}, "matrix_axes is `both`, expected `images-structures` or `structures-images`"),
    ]:
        with pytest.raises(ValueError, match=text), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            verglas.weights(logs, **options)
    with pytest.warns(verglas.VerglasWarning, match="divided by 2") as caught:
        verglas.weights(logs, temperature=2, bootstrap=0, matrix_axes="images-structures")
    assert [str(w.filename) for w in caught] == [__file__]
    with pytest.raises(FileNotFoundError):
        verglas.weights("gone.npy")


def test_what_the_command_writes(tmp_path, torch_python):
    logs, _ = on_a_line(500, 4, 1.0, seed=2)
    np.save(tmp_path / "logs.npy", logs.astype(np.float32))
    np.save(tmp_path / "good.npy", np.arange(500) != 3)
    command("weights", "logs.npy", "-o", "out", "--images", "good.npy", "--bootstrap", 50, cwd=tmp_path)
    out = tmp_path / "out"
    written = np.load(out / "log_likelihood.npy")
    np.testing.assert_array_equal(written, np.delete(logs.astype(np.float32), 3, 0).astype(float))
    assert written.dtype == np.float64 and not np.isfortran(written)
    record = json.loads((out / "weights.json").read_text())
    table = np.genfromtxt(out / "weights.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    resamples = np.load(out / "bootstrap.npy")
    np.testing.assert_allclose(table["lo95"], np.quantile(resamples, 0.025, axis=0), atol=1e-12)
    found = verglas.weights(out / "log_likelihood.npy", bootstrap=50, matrix_axes="images-structures")
    np.testing.assert_array_equal(found.weights, table["weight"])
    np.testing.assert_array_equal(found.resamples, resamples)
    assert record["mean_log_likelihood"] == pytest.approx(mean_log(written, table["weight"]), abs=1e-8)
    command("weights", "logs.npy", "-o", "more", "--images", "good.npy", "--bootstrap", 0, "--log-likelihood", "pt", cwd=tmp_path)
    script = "import sys, torch; numpy = torch.load(sys.argv[1], weights_only=True).numpy(); print(numpy.dtype, numpy.tobytes().hex())"
    tensor = tmp_path / "more/log_likelihood.pt"
    ran = subprocess.run([torch_python, "-c", script, tensor], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == f"float64 {written.tobytes().hex()}"
    script = "import sys, torch; w = torch.load(sys.argv[1], weights_only=True); print(w.dtype, w.tolist())"
    ran = subprocess.run([torch_python, "-c", script, out / "weights.pt"], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == f"torch.float64 {table['weight'].tolist()}"


def test_log_likelihoods_as_cryoer_reads_them(tmp_path):
    """The lines by which its programs read them; each makes (images, structures) of log-likelihoods, for Stan."""
    logs, _ = on_a_line(300, 4, 1.0, seed=5)
    np.save(tmp_path / "logs.npy", logs)
    axes = ("--matrix-axes", "images-structures")
    command("weights", "logs.npy", "-o", "out", *axes, "--bootstrap", 0, "--log-likelihood", "txt", "--log-likelihood", "cryoer", cwd=tmp_path)
    # run_cryoER_mcmc, with --lmbd -1.
    distance = np.load(tmp_path / "out/log_likelihood_cryoer.npy")
    assert distance.shape == (4, 300) and distance.flags.c_contiguous
    norm = -1
    np.testing.assert_array_equal(-norm * distance.T, logs)
    # tests/run_stan.py.
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "out/log_likelihood.txt"), logs)
