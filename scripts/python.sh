# Sourced by ./fairway and ./test: makes .venv when it is missing or older than what it is made from.
# Sets $root and $python (the interpreter of .venv).
root=$(cd "$(dirname "$0")" && pwd)
python=$root/.venv/bin/python
stamp=$root/.venv/fairway-stamp
if [ ! -e "$stamp" ] || [ "$root/requirements.lock" -nt "$stamp" ] || [ "$root/pyproject.toml" -nt "$stamp" ] ||
    [ "$root/scripts/make_environment.py" -nt "$stamp" ]; then
    found=
    for candidate in python3 python3.11 python3.12 python3.13 python3.14; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            found=$candidate
            break
        fi
    done
    if [ -z "$found" ]; then
        echo "error: no Python 3.11 or newer is on the PATH" >&2
        echo "  → apt-get install python3 python3-venv, or your system's own way" >&2
        exit 2
    fi
    "$found" "$root/scripts/make_environment.py" "$root"
fi
