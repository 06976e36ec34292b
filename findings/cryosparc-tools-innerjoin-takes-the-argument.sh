#!/usr/bin/env bash
# cryosparc-tools 5.0.3: where two data sets that are joined on uid hold one column, `a.innerjoin(b)` has b's values in it. Joining
# particles with their passthrough file therefore gives other poses or shifts than joining them the other way round.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check cryosparc-tools==5.0.3
"$folder/venv/bin/python" - <<'PY'
import numpy as np
from cryosparc.dataset import Dataset
def data(value):
    return Dataset({"uid": np.array([1, 2], dtype=np.uint64), "ctf/df1_A": np.array([value, value], dtype=np.float32)})
a, b = data(10000), data(20000)
joined = [float(a.innerjoin(b)["ctf/df1_A"][0]), float(b.innerjoin(a)["ctf/df1_A"][0])]
print("a.innerjoin(b), b.innerjoin(a):", joined)
assert joined == [20000.0, 10000.0], "the behaviour has changed"
PY
