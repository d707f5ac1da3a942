# Sourced by the other scripts: `environment EXTRA` makes .venv once and again whenever what it is made from changes.
# EXTRA is empty or an extra of pyproject.toml; an environment that has more than is asked for is left as it is.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$ROOT/.venv"
STAMP="$VENV/.danqing-stamp"
export PIP_DISABLE_PIP_VERSION_CHECK=1

# The newest Python >= 3.11 of this machine.
find_python() {
    local python
    for python in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$python"
            return
        fi
    done
    echo "Danqing needs Python 3.11 or newer and found none; install it, or name one: PYTHON=/path/to/python3 $0" >&2
    return 3
}

# One line per extra that is installed, each with the hash of what decides the environment.
stamp() {
    echo "${1:-core} $(cat "$ROOT/pyproject.toml" "$ROOT/constraints.txt" | cksum | tr ' ' -) $ROOT"
}

ready() {
    [ -x "$VENV/bin/python" ] && grep -qxF "$(stamp "$1")" "$STAMP" 2>/dev/null
}

install() {
    local python what=""
    [ -n "$1" ] && what="[$1]"
    if [ ! -x "$VENV/bin/python" ] || ! grep -qF " $ROOT" "$STAMP" 2>/dev/null; then
        python="$(find_python)" || return
        echo "Making $VENV (once)." >&2
        "$python" -m venv --clear "$VENV" || return
    fi
    echo "Installing Danqing$what into $VENV; this takes a few minutes." >&2
    "$VENV/bin/python" -m pip install -qq -c "$ROOT/constraints.txt" -e "$ROOT$what" >&2 || return
    # What was stamped for another pyproject.toml is no longer true.
    { grep -F "$(stamp "$1" | cut -d' ' -f2-)" "$STAMP" 2>/dev/null; stamp ""; stamp "$1"; } | sort -u >"$STAMP.new"
    mv "$STAMP.new" "$STAMP"
}

# Two processes may come at once: the second waits, then finds the work done.
environment() {
    ready "$1" && return
    (
        if command -v flock >/dev/null; then
            exec 9<"$ROOT/pyproject.toml"
            flock 9
        fi
        ready "$1" || install "$1"
    ) || { local code=$?; echo "The environment could not be made; see above, then run this again." >&2; exit "$code"; }
}
