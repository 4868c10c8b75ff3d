# Sourced by ./run and ./test: makes the environment .venv in the repository, once for each state of its inputs.
# POSIX sh. Leaves $python, the environment's interpreter.

find_python() {
    for candidate in python3 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    echo "Likeness needs Python 3.11 or newer. Install it and try again." >&2
    return 1
}

# ensure_environment EXTRA      EXTRA is "" for use, "dev" for tests
ensure_environment() {
    python="$PWD/.venv/bin/python"
    stamp=".venv/likeness-${1:-use}"
    wanted=$(cat pyproject.toml constraints.txt | cksum)
    if [ -x "$python" ]; then # what the tests need includes what use needs
        for made in "$stamp" .venv/likeness-dev; do
            [ "$(cat "$made" 2>/dev/null)" != "$wanted" ] || return 0
        done
    fi
    base=$(find_python) || return 1
    echo "Setting up the environment in .venv (once; a CPU build of torch takes 200 MB, a CUDA build several GB) …"
    # Without Debian's python3-venv, venv fails and leaves an interpreter without pip.
    if ! "$python" -m pip --version >/dev/null 2>&1 && ! "$base" -m venv --clear .venv; then
        echo "The environment .venv could not be made. On Debian and Ubuntu, install python3-venv and try again." >&2
        return 1
    fi
    # torch first and by its exact version, so that what follows fetches no other
    if ! "$python" -m pip install --quiet --constraint constraints.txt "$(grep '^torch==' constraints.txt)" ||
        ! "$python" -m pip install --quiet --constraint constraints.txt --editable ".${1:+[$1]}"; then
        echo "The Python packages could not be installed (pip says why, above): see to network and disk, and try again." >&2
        return 1
    fi
    echo "$wanted" >"$stamp"
}
