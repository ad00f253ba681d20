#!/bin/sh
# Create or update .venv from requirements.lock, with a Python that TensorFlow supports. Called by make.
set -eu
unset PYTHONHOME # if it names another Python's library, no Python starts

fail() { echo "error: $1" >&2; exit 1; }

is_supported() {
    "$1" -c 'import struct, sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13) and struct.calcsize("P") == 8))' 2>/dev/null
}

# A new environment gets pip last, and pip's list of files at the very end. If this list is missing, the creation of
# .venv was interrupted.
is_complete() {
    is_supported "$1" && "$1" -c 'import importlib.metadata, sys; sys.exit(not importlib.metadata.files("pip"))' 2>/dev/null
}

find_python() {
    for name in python3 python3.12 python3.13 python3.11 python; do
        if is_supported "$name"; then echo "$name"; return; fi
    done
}

if ! is_complete .venv/bin/python; then
    rm -rf .venv
    python=$(find_python)
    [ -n "$python" ] || fail "TensorFlow needs a 64-bit Python 3.11, 3.12 or 3.13, and none was found: install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.12), then type the same command again"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python has no venv module: install it (Debian, Ubuntu: apt-get install python3-venv), then type the same command again"
    echo "Creating .venv with $("$python" -V): a large download, 3.5 GB on disk, a few minutes"
    "$python" -m venv .venv
fi

rm -f .venv/ready
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_USER=0
unset PIP_TARGET PIP_PREFIX PIP_ROOT # these would make pip install elsewhere
# --no-deps: the lock is complete, and resolving dependencies could fail because of releases newer than the lock.
# --no-build-isolation: an isolated build would download build tools without checking their hashes.
# --no-compile: pip compiles on one core; compileall below uses all cores.
install() { .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --no-compile "$@"; }

# First install the build tools of the lock. pip needs them for packages that are published only as source.
awk '/^[^ ]/ { wanted = /^(setuptools|wheel)==/ } wanted' requirements.lock >.venv/build-tools.lock
{ install --require-hashes --requirement .venv/build-tools.lock && install --require-hashes --requirement requirements.lock; } ||
    fail "the packages of requirements.lock could not be installed (see pip's message above): the set-up needs a network and 5 GB of disk; then type the same command again"
install --editable . ||
    fail "the project itself could not be installed (see pip's message above): correct that, then type the same command again"
.venv/bin/python -m compileall -q -j 0 .venv/lib >/dev/null || true # some packages contain files of other Pythons
touch .venv/ready
