# %% [markdown]
# # From particle images to polar Fourier stacks
#
# Converts a RELION data set, looks at the result, and computes one image again with NumPy alone. Each `# %%` is a
# cell in Jupyter, VS Code and Spyder; as a script, `python look_at_a_stack.py` runs all of it and writes a figure.
#
# Needs `pip install ".[examples]"` in verglas's folder.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import verglas

# %% [markdown]
# ## A data set
#
# Yours would be `Refine3D/job019/run_data.star`. This one is simulated: 300 particles of a known density at random poses,
# each with its own CTF and a lot of noise.

# %%
folder = Path(tempfile.mkdtemp(prefix="verglas-example-"))
data = verglas.simulate(folder / "data", particles=300, n_pixels=96, snr=0.2)
star = verglas.read_star(data.metadata[0])
print(star["particles"]["rlnImageName"][:3], star["particles"]["rlnDefocusU"][:3], "Å")

images = verglas.read_mrc(data.stacks[0])
print(images, images.pixel_size, "Å per pixel")

# %% [markdown]
# ## Check, then convert
#
# The grids are made from the box and the pixel size. `check` finds everything that would stop the conversion and writes
# nothing. CryoLike's CTF counts the defocus angle from the rows' direction; `defocus_angle_axis="rows"` writes it so.

# %%
descriptor = verglas.ImageDescriptor.from_individual_values(n_pixels=96, pixel_size=1.3)
findings = verglas.check(data.metadata[0], descriptor, deep=True, defocus_angle_axis="rows")
assert findings.ok
print(findings)

summary = verglas.convert_particle_stacks_from_indexed_star_file(
    descriptor,
    data.metadata[0],
    folder_output=folder / "stacks",
    batch_size=128,
    defocus_angle_axis="rows",
)
print(summary)

# %% [markdown]
# ## One stack
#
# The tensors are mapped into memory: nothing is read before it is looked at.

# %%
stack = verglas.load_stack(folder / "stacks", 0)
print(stack, stack.fourier.shape, stack.fourier.dtype)
row = int(stack.metadata["row"][5])
print(f"image 5 is row {row} of the STAR file: {star['particles']['rlnImageName'][row]}")

# %% [markdown]
# ## The same image with NumPy
#
# F[s, j] = (4π/N) · Σ I[a, b] · exp(−i · (4π/N) · r_s · (a′ cos θ_j + b′ sin θ_j)), divided by the root of its weighted
# sum of squares. A direct sum over all pixels takes NumPy a second per image.

# %%
image = stack.physical[5].astype(np.float64)
n_pixels, n_inplanes = descriptor.n_pixels, descriptor.n_inplanes
angles = 2 * np.pi * np.arange(n_inplanes) / n_inplanes
at = np.arange(n_pixels) - n_pixels // 2
kappa = 4 * np.pi / n_pixels * descriptor.radii
along_rows = np.exp(-1j * kappa[:, None, None] * np.cos(angles)[:, None] * at)
along_columns = np.exp(-1j * kappa[:, None, None] * np.sin(angles)[:, None] * at)
by_numpy = 4 * np.pi / n_pixels * np.einsum("ab,sja,sjb->sj", image, along_rows, along_columns, optimize=True)

weights = (2 * np.pi) ** 2 * descriptor.weights[:, None] / n_inplanes
by_numpy /= np.sqrt((np.abs(by_numpy) ** 2 * weights).sum())
error = np.linalg.norm(stack.fourier[5] - by_numpy) / np.linalg.norm(by_numpy)
print(f"relative difference from the direct sum: {error:.1e}")
assert error < 1e-6

# The transform itself takes arrays too: (n, N, N) in, (n, S, n_inplanes) out.
again = verglas.PolarTransform(descriptor)(stack.physical)
norms = np.sqrt((np.abs(again) ** 2 * weights).sum((1, 2), keepdims=True))
assert np.allclose(again / norms, stack.fourier, atol=1e-6)

# %% [markdown]
# ## A figure
#
# The image, its Fourier amplitude on the polar grid, and the power of the whole stack against resolution.

# %%
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
left.imshow(stack.physical[5], cmap="gray")
left.set(title=f"image 5, defocus {stack.metadata['defocusU'][5] / 1e4:.2f} µm", xlabel="column (px)", ylabel="row (px)")

shown = middle.pcolormesh(np.degrees(angles), descriptor.radii, np.log10(np.abs(stack.fourier[5])), cmap="magma", vmin=-2.5)
middle.set(title="its Fourier amplitude", xlabel="angle (°)", ylabel="radius (cycles per half box)", xticks=[0, 90, 180, 270, 360])
figure.colorbar(shown, ax=middle, label="log₁₀ amplitude")

box_angstrom = n_pixels * descriptor.pixel_size[0]
power = (np.abs(stack.fourier) ** 2).mean((0, 2))
right.loglog(box_angstrom / (2 * descriptor.radii), power)
right.set_xlim(box_angstrom, 2 * descriptor.pixel_size[0])
right.set(title=f"mean power of {len(stack)} images", xlabel="resolution (Å)", ylabel="power")

figure.savefig(folder / "stack.png", dpi=120)
print("figure:", folder / "stack.png")
