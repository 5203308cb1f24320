# Sourced by demo.sh and test.sh: makes .venv and installs nightloop into it, once per state of the dependency files.
# usage: install [extra]

# What is not compiled by the installation is compiled when it is first imported, and has to be kept then: where this is
# set, every process would read the sources of numba and PyTorch anew.
unset PYTHONDONTWRITEBYTECODE
install() {
    local extra=${1:-} python stamp want
    stamp=.venv/.installed${extra:+-$extra}
    want=$(cat pyproject.toml constraints.txt | sha256sum | cut -d' ' -f1)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
        return
    fi
    if [ ! -x .venv/bin/python ]; then
        for python in "${PYTHON:-}" python3.11 python3.12 python3.10 python3; do
            [ -n "$python" ] || continue
            if "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
                break
            fi
            python=
        done
        if [ -z "$python" ]; then
            echo "nightloop needs Python 3.10, 3.11 or 3.12 (the carla wheel exists for no other); set PYTHON=/path/to/python" >&2
            exit 1
        fi
        "$python" -m venv .venv
    fi
    echo "installing nightloop into .venv ..." >&2
    # Most of what the large libraries bring is never imported: it need not be compiled.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt \
        --editable ".${extra:+[$extra]}"
    echo "$want" > "$stamp"
}
