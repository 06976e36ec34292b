"""CryoLike's conversion script, with one line changed.

    python change_one_import.py parameters.npz run_data.star output/

The line that was there:

    from cryolike import convert_particle_stacks_from_indexed_star_file
"""

import sys

from verglas import convert_particle_stacks_from_indexed_star_file

parameters, star_file, output = sys.argv[1:]

convert_particle_stacks_from_indexed_star_file(
    params_input=parameters,
    star_file=star_file,
    folder_output=output,
    batch_size=1024,
)
