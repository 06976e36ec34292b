#!/usr/bin/env bash
# starfile 0.5.13 (pandas 2.3.3): a `#` inside a value of a loop starts a comment, although no white space stands before it. In
# the last column the value is cut without a word; in an earlier one the row gets shorter and its other values move. RELION's own
# rule is a `#` at the start of a line.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check starfile==0.5.13 pandas==2.3.3
cat > "$folder/a.star" <<'STAR'
data_particles

loop_
_rlnDefocusU #1
_rlnImageName #2
12000.5 000001@tray#4/stack.mrcs
11000.5 000002@tray#4/stack.mrcs
STAR
"$folder/venv/bin/python" - "$folder/a.star" <<'PY'
import sys, starfile
names = list(starfile.read(sys.argv[1])["rlnImageName"])
print("read:", names)
assert names == ["000001@tray", "000002@tray"], "the behaviour has changed"
PY
