"""From particles to CryoLike: converts a data set, then continues with CryoLike's own classes.

    python go_on_in_cryolike.py run_data.star output/

Needs CryoLike (https://github.com/flatironinstitute/CryoLike), and PyTorch with it.

CryoLike counts the defocus angle from the rows' direction, RELION and CryoSPARC from the columns':
`defocus_angle_axis="rows"` writes what makes CryoLike's CTF right for astigmatic images.
"""

import sys
from pathlib import Path

import torch
from cryolike.metadata import load_combined_params
from cryolike.microscopy import CTF

import verglas

star_file, output = sys.argv[1:]

# The grids are made from the images and written to output/parameters.npz: make the templates with the same.
summary = verglas.convert_particle_stacks_from_indexed_star_file(
    None, star_file, folder_output=output, defocus_angle_axis="rows", progress=True
)
print(summary)

for number in range(summary.n_stacks):
    base = Path(output) / "fft" / f"particles_fourier_stack_{number:06}"
    images = torch.load(base.with_suffix(".pt"), weights_only=True, mmap=True)
    descriptor, lens = load_combined_params(str(base.with_suffix(".npz")))
    box_size_angstrom = descriptor.cartesian_grid.box_size[0]
    ctf = CTF(lens, polar_grid=descriptor.polar_grid, box_size=box_size_angstrom, anisotropy=True)
    print(f"{base.name}: {tuple(images.shape)} {images.dtype}, mean defocus {lens.defocusU.mean():.0f} Å")

    # A likelihood compares the images with templates times their CTFs. Here, how well the images' power follows CTF².
    power = images.abs().square().flatten(1)
    expected = torch.as_tensor(ctf.ctf).square().flatten(1)
    agreement = [torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(power.double(), expected.double())]
    print(f"  power against CTF²: correlation {torch.stack(agreement).mean():.2f}")
