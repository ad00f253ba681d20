#!/bin/sh
# Create or update .venv from requirements.lock, with a Python that TensorFlow supports. Called by make.
set -eu
unset PYTHONHOME # with another Python's, none starts

fail() { echo "error: $1" >&2; exit 1; }

supported() {
    "$1" -c 'import struct, sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13) and struct.calcsize("P") == 8))' 2>/dev/null
}

# pip comes last into a new environment, and its list of files last of all: without it, making .venv was interrupted.
whole() {
    supported "$1" && "$1" -c 'import importlib.metadata, sys; sys.exit(not importlib.metadata.files("pip"))' 2>/dev/null
}

find_python() {
    for name in python3 python3.12 python3.13 python3.11 python; do
        if supported "$name"; then echo "$name"; return; fi
    done
}

if ! whole .venv/bin/python; then
    rm -rf .venv
    python=$(find_python)
    [ -n "$python" ] || fail "no 64-bit Python 3.11, 3.12 or 3.13 found, which TensorFlow needs: install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.12), then run make again"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python has no venv module: install it (Debian, Ubuntu: apt-get install python3-venv), then run make again"
    echo "Creating .venv with $("$python" -V): a large download, 3 GB on disk, a few minutes"
    "$python" -m venv .venv
fi

rm -f .venv/ready
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_USER=0
unset PIP_TARGET PIP_PREFIX PIP_ROOT # with which pip would install elsewhere
# Resolving nothing, pip cannot stumble over releases newer than the lock. Building in isolation, it would fetch build
# tools that no hash vouches for. It compiles on one core; below, all of them do.
install() { .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --no-compile "$@"; }

# The lock names every package. First come the tools by which pip builds those that are published as source alone.
awk '/^[^ ]/ { wanted = /^(setuptools|wheel)==/ } wanted' requirements.lock >.venv/build-tools.lock
{ install --require-hashes --requirement .venv/build-tools.lock && install --require-hashes --requirement requirements.lock; } ||
    fail "the packages of requirements.lock could not be installed (see pip's message above): the set-up needs a network and 4 GB of disk; then run make again"
install --editable . ||
    fail "the project itself could not be installed (see pip's message above): correct that, then run make again"
.venv/bin/python -m compileall -q -j 0 .venv/lib >/dev/null || true # some packages bring files of other Pythons
touch .venv/ready
