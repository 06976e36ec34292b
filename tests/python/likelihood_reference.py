"""Templates and likelihoods by their formulas, in float64 with NumPy, independent of the library."""

from math import lgamma

import numpy as np


def polar_points(descriptor):
    """x, y of each point in cycles per half box, and the weight W_n of each shell as a column."""
    angles = 2 * np.pi * np.arange(descriptor.n_inplanes) / descriptor.n_inplanes
    x, y = (descriptor.radii[:, None] * part(angles) for part in (np.cos, np.sin))
    weights = (2 * np.pi) ** 2 * descriptor.weights[:, None] / descriptor.n_inplanes
    return x, y, weights


def slice_of_beads(descriptor, positions, radii, azimuth, polar):
    """One template of Gaussian beads that weigh as much as they are large, of norm 1; positions from the origin, Å."""
    box = descriptor.n_pixels * descriptor.pixel_size[0]
    x, y, weights = polar_points(descriptor)
    ca, sa, cb, sb = np.cos(azimuth), np.sin(azimuth), np.cos(polar), np.sin(polar)
    rows, columns = np.array([ca * cb, sa * cb, -sb]), np.array([-sa, ca, 0.0])
    k = (2 / box) * (x[..., None] * rows + y[..., None] * columns)
    q = np.linalg.norm(k, axis=-1)
    values = np.zeros(x.shape, complex)
    for position, radius in zip(positions, radii):
        values += radius**3 * np.exp(-2 * (np.pi * radius * q) ** 2) * np.exp(-2j * np.pi * (k @ position))
    return values / np.sqrt((weights * abs(values) ** 2).sum())


def compare(descriptor, images, templates, contrast, displacements, view_weights):
    """Correlations (n, views, D, P), log-likelihoods of the same, and those over all poses (n,)."""
    box = descriptor.n_pixels * descriptor.pixel_size[0]
    x, y, weights = polar_points(descriptor)
    constant = 4 * np.sinc(2 * x) * np.sinc(2 * y)
    i_ss = (weights * constant**2).sum()
    m = 4 * np.pi * descriptor.radius_max**2
    mu = m / 2 - 2
    shape = (len(images), len(templates), displacements.shape[1], descriptor.n_inplanes)
    correlations, likelihoods = np.empty(shape), np.empty(shape)
    for i, (image, c) in enumerate(zip(images.astype(complex), contrast)):
        i_yy = (weights * abs(image) ** 2).sum()
        i_sy = (weights * constant * image).sum().real
        v = i_yy * i_ss - i_sy**2
        for t, template in enumerate(templates.astype(complex)):
            i_sx = (weights * constant * c * template).sum().real
            for d, (d_0, d_1) in enumerate(displacements.T):
                moved = template * np.exp(-2j * np.pi * (2 / box) * (d_0 * x + d_1 * y))
                for w in range(descriptor.n_inplanes):
                    turned = np.roll(moved, -w, axis=1)
                    i_xy = (weights * np.conj(c * image) * turned).sum().real
                    i_xx = (weights * c**2 * abs(turned) ** 2).sum()
                    a = i_xx * i_ss - i_sx**2
                    cc = (i_xy * i_ss - i_sx * i_sy) / np.sqrt(a * v)
                    correlations[i, t, d, w] = cc
                    likelihoods[i, t, d, w] = (
                        -mu * np.log(v * (1 - cc**2)) - 0.5 * np.log(a) + (3 - m) / 2 * np.log(2 * np.pi) - np.log(2)
                        - 0.5 * np.log(i_ss) + lgamma(mu) + mu * np.log(2 * i_ss)
                    )  # fmt: skip
    shares = np.asarray(view_weights) / np.sum(view_weights)
    largest = likelihoods.max(axis=(1, 2, 3), keepdims=True)
    mean = (shares[None, :] * np.exp(likelihoods - largest).mean(axis=(2, 3))).sum(axis=1)
    return correlations, likelihoods, largest[:, 0, 0, 0] + np.log(mean)


def contrast_transfer(descriptor, defocus_u, defocus_v, angle_from_rows, voltage_kv, cs_mm, amplitude, phase=0.0, b_factor=0.0):
    """C of one image."""
    h, e, c, m = 6.62607015e-34, 1.60217663e-19, 2.99792458e8, 9.1093837015e-31
    energy = e * voltage_kv * 1e3
    wavelength = 1e10 * h / np.sqrt(2 * m * energy) / np.sqrt(1 + energy / (2 * m * c * c))
    x, y, _ = polar_points(descriptor)
    box = descriptor.n_pixels * descriptor.pixel_size[0]
    q2 = (2 / box) ** 2 * (x * x + y * y)
    z = (defocus_u + defocus_v) / 2 + (defocus_u - defocus_v) / 2 * np.cos(2 * (np.arctan2(y, x) - angle_from_rows))
    chi = np.pi * wavelength * z * q2 - np.pi / 2 * cs_mm * 1e7 * wavelength**3 * q2**2 + phase
    return (np.sqrt(1 - amplitude**2) * np.sin(chi) + amplitude * np.cos(chi)) * np.exp(-b_factor * q2 / 4)
