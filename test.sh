#!/usr/bin/env bash
# Installs nightloop with its test extra into .venv and runs lint, types and tests. Options go to pytest.
set -euo pipefail
cd "$(dirname "$0")"
. ./.install.sh
install test
.venv/bin/ruff check .
.venv/bin/ruff format --check .
# Both test processes need the kernels: they are compiled once, beside mypy.
.venv/bin/python -c 'from harness.kernels import compile_kernels; from simulator.raycast.compiling import ensure_compiled
compile_kernels(print); ensure_compiled()' &
compiler=$!
trap 'kill "$compiler" 2>/dev/null || true' EXIT
.venv/bin/mypy
wait "$compiler"
trap - EXIT
# Files go in the order of their names, which has the long ones first, and not those with the most tests first. A test
# process that crashes ends the run: pytest-xdist may wait for ever for what a second one should have taken over.
.venv/bin/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder --max-worker-restart=0 "$@"
