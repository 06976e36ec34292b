"""The functions have CryoLike's names, arguments, order and defaults; what is new is keyword-only."""

import inspect
import re
import typing

import pytest

import verglas

# As CryoLike (version of 2025-09-30) defines them, without annotations.
CRYOLIKE = {
    "convert_particle_stacks_from_paired_star_and_mrc_files": """params_input, particle_file_list, star_file_list,
        folder_output='', batch_size=1024, pixel_size=None, defocus_angle_is_degree=True, phase_shift_is_degree=True,
        downsample_factor=1, downsample_type='mean', skip_exist=False, flag_plots=True, overwrite=False""",
    "convert_particle_stacks_from_indexed_star_file": """params_input, star_file, folder_mrc='', folder_output='',
        batch_size=1024, downsample_factor=1, downsample_type='mean', pixel_size=None, flag_plots=True""",
    "convert_particle_stacks_from_indexed_cryosparc_file": """params_input, file_cs, folder_cryosparc='',
        folder_output='', batch_size=1024, n_stacks_max=-1, pixel_size=None, downsample_factor=1, downsample_type='mean',
        skip_exist=False, flag_plots=True""",
    "convert_particle_stacks_from_cryosparc_job_directory": """params_input, folder_cryosparc='', job_number=0,
        folder_output='', batch_size=1024, n_stacks_max=-1, pixel_size=-1.0, downsample_factor=1, downsample_type='mean',
        skip_exist=False, flag_plots=True""",
    "ImageDescriptor.from_individual_values": """n_pixels, pixel_size, precision=Precision.SINGLE, resolution_factor=1.0,
        viewing_distance=None, n_inplanes=None, atom_radii=None, atom_selection='name CA', use_protein_residue_model=True,
        atom_shape=AtomShape.GAUSSIAN""",
}

# The same of templates and likelihoods (CryoLike d209d6b); `template_index` follows `i_template` here where CryoLike has 0.
CRYOLIKE_LIKELIHOODS = {
    "make_templates_from_inputs": """list_of_inputs, image_parameters_file, output_plots=True, folder_output='./templates/',
        verbose=False""",
    "configure_likelihood_files": """folder_templates, folder_particles, folder_output='', n_stacks=1, i_template=0,
        return_likelihood_optimal_pose_physical=False""",
    "configure_displacement": "max_displacement_pixels=8.0, n_displacements_x=-1, n_displacements_y=-1",
    "run_likelihood_optimal_pose": """file_config, params_input, displacer, template_index=None, n_stacks=1, skip_exist=False,
        n_templates_per_batch=1, n_images_per_batch=128, estimate_batch_size=False,
        return_likelihood_optimal_pose_fourier=False, return_likelihood_integrated_pose_fourier=False""",
    "run_likelihood_full_cross_correlation": """file_config, params_input, displacer, template_index=None, n_stacks=1,
        skip_exist=False, n_templates_per_batch=1, n_images_per_batch=128, estimate_batch_size=False""",
    "stitch_log_likelihood_matrices": """n_templates=0, n_image_stacks=0, output_directory='output', batch_directory='',
        template_directory='', opt=False, phys=False, integrated=False, cc=False""",
}
#: Functions of ours whose docstrings say what each argument means.
OURS = ["check", "templates", "check_templates", "likelihood", "check_likelihood", "make_templates", "compare", "ctf",
        "displacements", "relion_poses", "read_structure", "read_map", "verify", "inspect", "status", "report", "export",
        "write_star", "write_mrc"]  # fmt: skip


def function(name):
    found = verglas
    for part in name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", [*CRYOLIKE, *CRYOLIKE_LIKELIHOODS])
def test_signature(name):
    def value(default):
        return str(default) if isinstance(default, (verglas.Precision, verglas.AtomShape)) else repr(default)

    cryolike, ours = [], inspect.signature(function(name)).parameters.values()
    for parameter in ours:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            assert parameter.default is not inspect.Parameter.empty, f"{parameter.name} has to be given"
            continue
        assert parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        has_default = parameter.default is not inspect.Parameter.empty
        cryolike.append(parameter.name + (f"={value(parameter.default)}" if has_default else ""))
    assert cryolike == re.split(r",\s+", {**CRYOLIKE, **CRYOLIKE_LIKELIHOODS}[name])


@pytest.mark.parametrize("name", CRYOLIKE)
def test_signature_is_that_of_the_shared_folder(name, shared):
    text = (shared / "golden/README.md").read_text().replace("\n", " ")
    found = re.search(re.escape(name) + r"\((.*?)\)", text)
    assert re.split(r",\s+", found[1].replace('"', "'")) == re.split(r",\s+", CRYOLIKE[name])


@pytest.mark.parametrize("name", [*(name for name in CRYOLIKE if name.startswith("convert")), *CRYOLIKE_LIKELIHOODS, *OURS])
def test_every_argument_is_in_the_docstring(name):
    documented = inspect.getdoc(function(name))
    for parameter in inspect.signature(function(name)).parameters:
        assert re.search(rf"^    {parameter}: ", documented, re.MULTILINE), parameter
    assert not re.search(r"^    \(\w+\)$", documented, re.MULTILINE)


def test_an_unknown_argument_is_refused():
    with pytest.raises(TypeError, match=r"indexed_star_file\(\) got an unexpected keyword argument 'use_cuda'"):
        verglas.convert_particle_stacks_from_indexed_star_file(None, "a.star", use_cuda=True)


def test_the_version_is_cargos():
    from conftest import PROJECT

    assert f'version = "{verglas.__version__}"' in (PROJECT / "Cargo.toml").read_text()


def test_type_hints_list_what_the_library_knows():
    """Each option that is one of a few, in the library's order."""
    hints = {}
    for function in [verglas.convert_particle_stacks_from_indexed_star_file, verglas.simulate, verglas.read_mrc, verglas.weights]:
        for name, parameter in inspect.signature(function).parameters.items():
            hint = str(parameter.annotation)
            if hint == "DownsampleType":
                hint = str(verglas._convert.DownsampleType)
            literal = re.search(r"Literal\[(.*?)\]", hint)
            if literal:
                hints[name] = re.findall(r"[\w-]+", literal[1])
    likelihoods = inspect.signature(verglas.likelihood).parameters
    known = verglas._native.choice_names()
    for name, enum in [("precision", verglas.Precision), ("atom_shape", verglas.AtomShape)]:
        assert [member.value for member in enum] == known.pop(name)
    assert re.findall(r"[\w-]+", re.search(r"Literal\[(.*?)\]", str(likelihoods["ctf"].annotation))[1]) == known.pop("ctf")
    assert list(typing.get_args(verglas._job_options.Table)) == known.pop("table")
    assert hints == known
