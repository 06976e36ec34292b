#!/usr/bin/env bash
# One MRC file of mode 0 (8 bits) holds other numbers for two of the field's readers: mrcfile 1.5.4 takes the bytes as signed, as
# MRC2014 says, cryosparc-tools 5.0.3 as unsigned. A pixel of -1 is 255 there.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check mrcfile==1.5.4 cryosparc-tools==5.0.3
"$folder/venv/bin/python" - "$folder/a.mrc" <<'PY'
import sys, numpy as np, mrcfile
from cryosparc import mrc
pixels = np.array([[-128, -1], [0, 127]], dtype=np.int8)
with mrcfile.new(sys.argv[1]) as file:
    file.set_data(pixels)
signed = mrcfile.read(sys.argv[1]).astype(int).ravel().tolist()
_, data = mrc.read(sys.argv[1])
other = np.asarray(data).astype(int).ravel().tolist()
print("mrcfile:", signed, "cryosparc-tools:", other)
assert signed == [-128, -1, 0, 127] and other == [128, 255, 0, 127], "the behaviour has changed"
PY
