#!/usr/bin/env bash
# starfile 0.5.13: in a block of keys and values (no loop_), a name of digits and underscores becomes an integer, for Python's int()
# allows underscores: an optics group called 20240101_1 comes back as 202401011, and no longer matches the name in the file.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check starfile==0.5.13 pandas==2.3.3
printf 'data_optics\n\n_rlnOpticsGroupName 20240101_1\n_rlnVoltage 300.0\n' > "$folder/a.star"
"$folder/venv/bin/python" - "$folder/a.star" <<'PY'
import sys, starfile
name = starfile.read(sys.argv[1])["rlnOpticsGroupName"]
print("read:", repr(name))
assert name == 202401011, "the behaviour has changed"
PY
