#!/bin/sh
# Makes the virtual environment with the readers of the archive, once; says so and passes where it cannot.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${TICKERTAPE_VENV:-$here/../../.venv}
wanted=$here/requirements.txt
if cmp -s "$wanted" "$venv/requirements.txt"; then
    exit 0
fi
if ! python3 -m venv "$venv"; then
    echo "skipped: the archive is not read by DuckDB, Polars, pyarrow and DataFusion: python3 with venv is needed" >&2
    exit 0
fi
if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$wanted"; then
    rm -rf "$venv"
    echo "skipped: the archive is not read by DuckDB, Polars, pyarrow and DataFusion: pip cannot install them" >&2
    exit 0
fi
cp "$wanted" "$venv/requirements.txt"
