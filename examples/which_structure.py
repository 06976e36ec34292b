"""Which of two structures do images show? Everything in memory: structures, templates, images, likelihoods.

The images are made here, from templates of the first structure: turned, moved, with noise. Needs only verglas.
"""

import tempfile
from pathlib import Path

import numpy as np

import verglas

rng = np.random.default_rng(0)


def random_walk(path, n_residues):
    """A random chain of residues, as a PDB file."""
    positions = np.cumsum(rng.normal(0, 2.2, (n_residues, 3)), axis=0)
    lines = [
        f"ATOM  {k:5}  CA  ALA A{k:4}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           C"
        for k, (x, y, z) in enumerate(positions, 1)
    ]
    path.write_text("\n".join(lines) + "\nEND\n")


with tempfile.TemporaryDirectory() as folder:
    random_walk(Path(folder) / "a.pdb", 40)
    structure = verglas.read_structure(Path(folder) / "a.pdb")

# The other structure is the first one with its second half turned by a right angle about the first half's end.
other = structure.select(np.arange(len(structure)))
hinge = structure.positions[20].copy()
other.positions[20:] = hinge + (structure.positions[20:] - hinge) @ np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])

descriptor = verglas.ImageDescriptor.from_individual_values(48, 1.8, resolution_factor=0.7, viewing_distance=0.35)
templates = [verglas.make_templates(one, descriptor) for one in (structure, other)]
print(f"{len(templates[0])} views of each structure, {templates[0].fourier.shape[1:]} shells and angles")

# Images: views of the first structure, turned by a number of steps, moved by one of the displacements, and noise that is four
# times as strong as the signal. All are of norm 1 by the grid's weights, as converted stacks are.
n_images = 40
displacements = verglas.displacements(descriptor, 2, 5)
views = rng.integers(0, len(templates[0]), n_images)
weights = (2 * np.pi) ** 2 * descriptor.weights[:, None] / descriptor.n_inplanes
angles = 2 * np.pi * np.arange(descriptor.n_inplanes) / descriptor.n_inplanes
box = descriptor.n_pixels * descriptor.pixel_size[0]
images = np.empty((n_images, descriptor.n_shells, descriptor.n_inplanes), np.complex64)
noise_transform = verglas.PolarTransform(descriptor)
for image, view in zip(images, views):
    d_0, d_1 = displacements[:, rng.integers(displacements.shape[1])]
    waves = np.exp(-4j * np.pi / box * descriptor.radii[:, None] * (d_0 * np.cos(angles) + d_1 * np.sin(angles)))
    signal = np.roll(templates[0].fourier[view] * waves, -rng.integers(descriptor.n_inplanes), axis=1)
    noise = noise_transform(rng.normal(size=(48, 48)))
    signal /= np.sqrt((weights * abs(signal) ** 2).sum())
    noise /= np.sqrt((weights * abs(noise) ** 2).sum())
    image[...] = 0.5 * signal + noise

first, second = (verglas.compare(images, of_one, None, displacements) for of_one in templates)
difference = first.integrated - second.integrated
print(f"{(difference > 0).sum()} of {n_images} images fit the right structure better; by {np.median(difference):.1f} nats, half of them")
found = first.optimal_pose().optimal_template_M
print(f"the view is found exactly for {(found == views).sum()} of them")
