"""What is computed, again in NumPy alone."""

import numpy as np


def gauss_jacobi(n_shells, radius_max):
    """Radii and shell weights: nodes for (1 - t)^0 (1 + t)^1 as eigenvalues of the Jacobi matrix (Golub and Welsch)."""
    k = np.arange(1, n_shells)
    diagonal = np.concatenate([[1 / 3], 1 / ((2 * k + 1) * (2 * k + 3))])
    beside = np.sqrt(k * (k + 1) / (2 * k + 1) ** 2)
    nodes, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
    radii = (nodes + 1) * radius_max / 2
    return radii, 2 * vectors[0] ** 2 * 2 * np.pi * (radius_max / 2) ** 2 / (2 * np.pi) ** 2


def polar_waves(side, radii, n_inplanes):
    """exp(-i κ a′ cos θ) and exp(-i κ b′ sin θ): (S, n_inplanes, N) each."""
    theta = 2 * np.pi * np.arange(n_inplanes) / n_inplanes
    at = np.arange(side) - side // 2
    kappa = 4 * np.pi / side * radii
    rows = np.exp(-1j * kappa[:, None, None] * np.cos(theta)[None, :, None] * at)
    columns = np.exp(-1j * kappa[:, None, None] * np.sin(theta)[None, :, None] * at)
    return rows, columns


def direct_sum(image, waves):
    """The transform of one image (N, N) by its definition, in float64: (S, n_inplanes)."""
    rows, columns = waves
    side = image.shape[-1]
    return 4 * np.pi / side * np.einsum("ab,sja,sjb->sj", np.asarray(image, np.float64), rows, columns, optimize=True)


def relative_error(found, expected):
    """Relative L2 error."""
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)
