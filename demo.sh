#!/usr/bin/env bash
# Installs nightloop into .venv and runs the main job: `--scenario night_fog --quick` unless options of harness.run are given.
set -euo pipefail
cd "$(dirname "$0")"
. ./.install.sh
install
if [ $# -eq 0 ]; then
    set -- --scenario night_fog --quick
fi
exec .venv/bin/python -m harness.run "$@"
