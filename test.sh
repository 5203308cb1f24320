#!/usr/bin/env bash
# Installs nightloop with its test extra into .venv and runs lint, types and tests. Options go to pytest.
set -euo pipefail
cd "$(dirname "$0")"
. ./.install.sh
install test
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/python -m pytest --numprocesses=2 --dist=loadfile "$@"
