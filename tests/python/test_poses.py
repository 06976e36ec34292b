"""Best poses, exported: the structure's beads, projected at the exported angles and origins in NumPy alone, are the images.

RELION's matrix is that of its published convention (Heymann, Chagoyen and Belnap 2005, J. Struct. Biol. 151:196; ``euler.cpp``):
about z by rot, about the new y by tilt, about the new z by psi, the axes turned and not the points. Its first row is where an
image's columns run in the structure's frame, its second where rows do. The particle lies at minus the origin.
"""

import subprocess
import zipfile

import numpy as np
import pytest
import starfile

from conftest import BUILT, verglas

N, PIXEL = 48, 2.0
RADII = {"ALA": 2.50, "GLY": 2.25, "LEU": 3.10, "TRP": 3.40}


def relion_matrix(rot, tilt, psi):
    """From degrees."""
    about_z = lambda t: np.array([[np.cos(t), np.sin(t), 0], [-np.sin(t), np.cos(t), 0], [0, 0, 1]])
    about_y = lambda t: np.array([[np.cos(t), 0, -np.sin(t)], [0, 1, 0], [np.sin(t), 0, np.cos(t)]])
    rot, tilt, psi = np.radians([rot, tilt, psi])
    return about_z(psi) @ about_y(tilt) @ about_z(rot)


def rodrigues_matrix(vector):
    """CryoSPARC's rotation vector turns the image's frame into the structure's: its transpose is RELION's matrix."""
    angle = np.linalg.norm(vector)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return (np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross).T


def beads(path):
    """Positions from their mean and radii, Å, as the file's columns have them."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("ATOM")]
    at = np.array([[float(line[30:38]), float(line[38:46]), float(line[46:54])] for line in lines])
    return at - at.mean(0), np.array([RADII[line[17:20]] for line in lines])


def write_beads(path, n, seed):
    random = np.random.default_rng(seed)
    at = random.normal(size=(n, 3)) * [7, 9, 12]
    names = random.choice(list(RADII), n)
    atom = "ATOM  {0:5d}  CA  {1} A{0:4d}    {2:8.3f}{3:8.3f}{4:8.3f}  1.00  0.00           C\n"
    path.write_text("".join(atom.format(i + 1, name, *xyz) for i, (name, xyz) in enumerate(zip(names, at))) + "END\n")


def projection(structure, matrix, origin, n=N, pixel=PIXEL):
    """Gaussian beads of mass radius³, integrated along the view, at the middles of pixels."""
    at, radii = structure
    x, y, _ = matrix @ at.T
    place = (np.arange(n) - n // 2) * pixel
    along_rows = np.exp(-((place - (y - origin[1])[:, None]) ** 2) / (2 * radii[:, None] ** 2))
    along_columns = np.exp(-((place - (x - origin[0])[:, None]) ** 2) / (2 * radii[:, None] ** 2))
    # Mass R³ over the area of a Gaussian.
    return np.einsum("i,ia,ib->ab", radii, along_rows, along_columns)


def through_the_microscope(image, row, optics, pixel=PIXEL):
    """The image times the contrast transfer that RELION's columns describe."""
    kv, cs, amplitude = (float(optics[name]) for name in ["rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast"])
    volt = kv * 1e3
    wavelength = 12.2643247 / np.sqrt(volt * (1 + volt * 0.978466e-6))
    k = np.fft.fftfreq(len(image), pixel)
    ky, kx = np.meshgrid(k, k, indexing="ij")
    u, v, angle = (float(row[name]) for name in ["rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle"])
    defocus = (u + v) / 2 + (u - v) / 2 * np.cos(2 * (np.arctan2(ky, kx) - np.radians(angle)))
    k2 = kx**2 + ky**2
    chi = np.pi * wavelength * defocus * k2 - np.pi / 2 * cs * 1e7 * wavelength**3 * k2**2 + np.radians(float(row.get("rlnPhaseShift", 0)))
    return np.fft.ifft2(np.fft.fft2(image) * (np.sqrt(1 - amplitude**2) * np.sin(chi) + amplitude * np.cos(chi))).real


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def tensor(path, dtype):
    """The values of a tensor's file, which is a ZIP of stored entries."""
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data/0"))
        return np.frombuffer(archive.read(name), dtype)


def mrc_sections(path, n=N):
    data = np.fromfile(path, np.uint8)
    assert np.frombuffer(data[:16].tobytes(), "<i4")[3] == 2
    return np.frombuffer(data[1024:].tobytes(), "<f4").reshape(-1, n, n)


def named_image(folder, name):
    section, path = name.split("@")
    return mrc_sections(folder / path)[int(section) - 1]


@pytest.fixture
def parquet(compared):
    """pyarrow's reader, where it and a command that writes Parquet are there."""
    reader = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: Parquet is not read")
    tried = ["likelihood", "stacks-star", "-t", "templates", "--table", "parquet", "--check"]
    if subprocess.run([BUILT / "verglas", *tried], cwd=compared, capture_output=True).returncode:
        pytest.skip("the command was built without Parquet (cargo build --features parquet)")
    return reader


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Two structures, noisy images of them in two layouts, the same without noise, and likelihoods."""
    folder = tmp_path_factory.mktemp("poses")
    for name, n, seed in [("a", 24, 1), ("b", 18, 2)]:
        write_beads(folder / f"{name}.pdb", n, seed)
    for layout in ["star", "cs"]:
        for kind, snr in [("noisy", 0.3), ("clean", 1e10)]:
            verglas(
                "simulate", "-o", f"{kind}-{layout}", "--particles", 16, "--n-pixels", N, "--pixel-size", PIXEL, "--stacks", 1,
                "--structure", "a.pdb", "--structure", "b.pdb", "--snr", snr, "--seed", 5, "--layout", layout, cwd=folder,
            )  # fmt: skip
        verglas(
            "convert", f"noisy-{layout}/particles.{layout}", "-o", f"stacks-{layout}", "--batch-size", 10, "--no-plots",
            "--no-physical", "--precision", "double", cwd=folder,
        )  # fmt: skip
        if layout == "star":
            verglas("templates", "a.pdb", "b.pdb", "-o", "templates", "-d", "stacks-star", "--viewing-distance", 0.3, "--no-plots", cwd=folder)
        verglas(
            "likelihood", f"stacks-{layout}", "-t", "templates", "-o", f"likelihood-{layout}", "--likelihood", "plain", "--max-displacement", 4,
            "--displacements", 9, cwd=folder,
        )  # fmt: skip
    return folder


def test_star(compared):
    verglas("export", "stacks-star", "--likelihood", "likelihood-star", "-o", "poses.star", cwd=compared)
    source, exported = starfile.read(compared / "noisy-star/particles.star"), starfile.read(compared / "poses.star")
    assert exported["optics"].equals(source["optics"])
    optics = source["optics"].iloc[0]
    found = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnOriginXAngst", "rlnOriginYAngst", "rlnClassNumber", "rlnLogLikeliContribution"]
    others = [name for name in source["particles"] if name not in found]
    assert exported["particles"][others].equals(source["particles"][others])
    structures = [beads(compared / f"{name}.pdb") for name in "ab"]
    correlations = []
    for _, row in exported["particles"].iterrows():
        matrix = relion_matrix(*row[found[:3]])
        image = projection(structures[int(row["rlnClassNumber"]) - 1], matrix, row[found[3:5]].to_numpy())
        clean = named_image(compared / "clean-star", row["rlnImageName"])
        correlations.append(correlation(through_the_microscope(image, row, optics), clean))
    assert np.median(correlations) > 0.95, np.sort(correlations)
    # Another hand, and origins of the other sign, are no projections of these structures.
    row = exported["particles"].iloc[int(np.argmax(correlations))]
    structure = structures[int(row["rlnClassNumber"]) - 1]
    clean = named_image(compared / "clean-star", row["rlnImageName"])
    mirrored = projection((structure[0] * [1, 1, -1], structure[1]), relion_matrix(*row[found[:3]]), row[found[3:5]].to_numpy())
    assert correlation(through_the_microscope(mirrored, row, optics), clean) < 0.9


def test_cs(compared):
    verglas("export", "noisy-cs/particles.cs", "--likelihood", "likelihood-cs", "-o", "poses.cs", cwd=compared)
    source, exported = np.load(compared / "noisy-cs/particles.cs"), np.load(compared / "poses.cs")
    found = {"alignments3D/pose": "<f4", "alignments3D/shift": "<f4", "alignments3D/psize_A": "<f4", "alignments3D/class": "<u4"}
    for name, dtype in found.items():
        assert exported.dtype[name].base == np.dtype(dtype)
    assert exported.dtype["verglas/log_likelihood"] == np.dtype("<f8")
    for name in source.dtype.names:
        if name not in found:
            np.testing.assert_array_equal(exported[name], source[name])
    np.testing.assert_array_equal(exported["alignments3D/psize_A"], source["blob/psize_A"])
    structures = [beads(compared / f"{name}.pdb") for name in "ab"]
    correlations = []
    for row in exported:
        shift = row["alignments3D/shift"].astype(float) * row["alignments3D/psize_A"]
        image = projection(structures[row["alignments3D/class"]], rodrigues_matrix(row["alignments3D/pose"].astype(float)), shift)
        ctf = {
            "rlnDefocusU": row["ctf/df1_A"], "rlnDefocusV": row["ctf/df2_A"], "rlnDefocusAngle": np.degrees(row["ctf/df_angle_rad"]),
            "rlnVoltage": row["ctf/accel_kv"], "rlnSphericalAberration": row["ctf/cs_mm"], "rlnAmplitudeContrast": row["ctf/amp_contrast"],
            "rlnPhaseShift": np.degrees(row["ctf/phase_shift_rad"]),
        }  # fmt: skip
        path = row["blob/path"].decode().lstrip(">")
        clean = mrc_sections(compared / "clean-cs" / path)[row["blob/idx"]]
        correlations.append(correlation(through_the_microscope(image, ctf, ctf), clean))
    assert np.median(correlations) > 0.95, np.sort(correlations)


@pytest.mark.parametrize("structure", [0, 1])
def test_exactly(compared, structure):
    """Poses are those of the formulas, and a template, moved and turned, is the Fourier transform of the projection there."""
    out = compared / f"poses-{structure}.star"
    verglas("export", "stacks-star", "--likelihood", "likelihood-star", "--structure", structure, "-o", out, cwd=compared)
    particles = starfile.read(out)["particles"]
    assert (particles["rlnClassNumber"] == structure + 1).all()
    name = "ab"[structure]
    with np.load(compared / f"templates/templates_fourier_{name}.npz") as facts:
        azimuth, polar, gamma = (facts[f"viewing_{key}"] for key in ["azimuth", "polar", "gamma"])
    with np.load(compared / "templates/parameters.npz") as grid:
        n_inplanes, radius_max, dist_radii = int(grid["n_inplanes"]), float(grid["radius_max"]), float(grid["dist_radii"])
    from reference import gauss_jacobi

    n_shells = 1 + int(np.ceil(radius_max / dist_radii))
    radii, weights = gauss_jacobi(n_shells, radius_max)
    templates = tensor(compared / f"templates/templates_fourier_{name}.pt", "<c16").reshape(-1, n_shells, n_inplanes)
    unit = compared / f"likelihood-star/template{structure}"

    def of_all(stem, dtype):
        return np.concatenate([tensor(path, dtype) for path in sorted(unit.glob(f"{stem}_stack_*.pt"))])

    view = of_all("optimal_pose/optimal_template", "<i8")
    d = np.stack([of_all(f"optimal_pose/optimal_displacement_{axis}", "<f8") for axis in "xy"], 1)
    turn = of_all("optimal_pose/optimal_inplane_rotation", "<f8")
    integrated = of_all("log_likelihood/log_likelihood_integrated_fourier", "<f8")
    np.testing.assert_array_equal(particles["rlnLogLikeliContribution"], integrated)

    def same_angle(found, expected):
        return np.abs((found - np.degrees(expected) + 180) % 360 - 180).max() < 1e-9

    assert same_angle(particles["rlnAngleRot"], azimuth[view] + np.pi)
    assert same_angle(particles["rlnAngleTilt"], np.pi - polar[view])
    assert same_angle(particles["rlnAnglePsi"], -(turn + gamma[view]) - np.pi / 2)
    sin, cos = np.sin(turn), np.cos(turn)
    assert np.abs(particles["rlnOriginXAngst"] - (d[:, 0] * sin - d[:, 1] * cos)).max() < 1e-9
    assert np.abs(particles["rlnOriginYAngst"] + (d[:, 0] * cos + d[:, 1] * sin)).max() < 1e-9

    at, bead_radii = beads(compared / f"{name}.pdb")
    theta = 2 * np.pi * np.arange(n_inplanes) / n_inplanes
    q = 2 * radii / (N * PIXEL)
    weight = weights[:, None] * (2 * np.pi) ** 2 / n_inplanes
    rows = particles[["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnOriginXAngst", "rlnOriginYAngst"]].to_numpy(float)
    for image, (rot, tilt, psi, origin_x, origin_y) in enumerate(rows):
        x, y, _ = relion_matrix(rot, tilt, psi) @ at.T
        form = bead_radii**3 * np.exp(-2 * np.pi**2 * bead_radii**2 * q[:, None] ** 2)
        # θ = 0 lies along the rows' direction.
        path = np.cos(theta)[:, None] * (y - origin_y) + np.sin(theta)[:, None] * (x - origin_x)
        expected = np.einsum("si,sji->sj", form, np.exp(-2j * np.pi * q[:, None, None] * path))
        expected /= np.sqrt((weight * np.abs(expected) ** 2).sum())
        shift = np.exp(-2j * np.pi * q[:, None] * (d[image, 0] * np.cos(theta) + d[image, 1] * np.sin(theta)))
        w = int(round(turn[image] / (2 * np.pi) * n_inplanes))
        found = np.roll(templates[view[image]] * shift, -w, axis=1)
        assert np.abs(found - expected).max() < 1e-9 * np.abs(expected).max(), image


def test_the_table_in_parquet_has_the_values_of_the_csv(compared, parquet):
    import pyarrow as pa

    pandas = pytest.importorskip("pandas")
    for arguments in [(), ("--no-integrated",)]:
        out = compared / f"tables{len(arguments)}"
        verglas(
            "likelihood", "stacks-star", "-t", "templates", "-o", out, "--likelihood", "plain", "--max-displacement", 2, "--displacements", 3, *arguments,
            "--table", "parquet", "--table", "csv", cwd=compared,
        )  # fmt: skip
        table = parquet.read_table(out / "results.parquet")
        csv = pandas.read_csv(out / "results.csv", float_precision="round_trip")
        assert table.column_names == list(csv)
        assert table.num_rows == len(csv) == 32
        types = {name: table.schema.field(name).type for name in table.column_names}
        for name in ["image", "stack", "index", "row", "section", "structure", "template"]:
            assert types[name] == pa.int64()
        assert types["uid"] == pa.uint64()
        assert types["file"] == types["name"] == pa.string()
        assert types["at_edge"] == types["best"] == pa.bool_()
        assert all(types[name] == pa.float64() for name in types if name.endswith(("angstrom", "_deg")) or name.startswith("log_"))
        assert types["cross_correlation"] == pa.float64()
        # RELION's rows have no uid.
        assert table["uid"].null_count == 32
        assert table["log_likelihood_integrated"].null_count == 32 * len(arguments)
        for name in table.column_names:
            if table[name].null_count == 32:
                assert csv[name].isna().all(), name
                continue
            assert table[name].null_count == 0
            np.testing.assert_array_equal(table[name].to_numpy(zero_copy_only=False), csv[name].to_numpy(), err_msg=name)
        verglas("verify", out, cwd=compared)


def test_uids_keep_all_their_bits_in_parquet(compared, parquet):
    verglas(
        "likelihood", "stacks-cs", "-t", "templates", "-o", "with-uids", "--likelihood", "plain", "--structures", 1, "--max-displacement", 0, "--displacements", 1,
        "--table", "parquet", cwd=compared,
    )  # fmt: skip
    uids = parquet.read_table(compared / "with-uids/results.parquet")["uid"].to_numpy()
    np.testing.assert_array_equal(uids, np.load(compared / "noisy-cs/particles.cs")["uid"])
