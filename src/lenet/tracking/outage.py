"""The memory of a store that failed: a command and all that it starts then leave the store alone, and say so once.

DVC's stages are processes of their own, so the memory is a file, whose path the environment hands down.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VARIABLE = "LENET_STORE_FAILED"


class StoreSkippedError(Exception):
    """The store has failed before, and the user knows it."""


@contextmanager
def remembered() -> Iterator[None]:
    """In the block, and in all processes that it starts, try a store that has failed no more."""
    if _VARIABLE in os.environ:  # as of a demo that `make repro` starts
        yield
        return
    with tempfile.TemporaryDirectory(prefix="lenet-") as folder:
        os.environ[_VARIABLE] = str(Path(folder) / "store-failed")
        try:
            yield
        finally:
            os.environ.pop(_VARIABLE, None)


def leave_alone() -> dict[str, str]:
    """Return the environment in which a command takes the store for one that has failed, and says nothing of it."""
    return {_VARIABLE: os.devnull}


def note() -> bool:
    """Remember a failure; return whether it is the first one, which the user does not know of."""
    if _VARIABLE not in os.environ:
        return True
    try:
        Path(os.environ[_VARIABLE]).touch(exist_ok=False)
    except OSError:
        return not is_noted()  # a full disk, for one, has no room for a note
    return True


def is_noted() -> bool:
    """Whether the store has failed before."""
    return _VARIABLE in os.environ and Path(os.environ[_VARIABLE]).exists()
