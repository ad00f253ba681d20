"""What to do when the MLflow store fails: warn, because the results are in the files, or report an error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lenet.errors import LabError
from lenet.tracking.client import redacted_uri


@contextmanager
def as_warnings() -> Iterator[None]:
    """Turn any failure in the block into a warning: no result is lost by it."""
    try:
        yield
    except Exception as error:
        warn(error)


@contextmanager
def as_errors() -> Iterator[None]:
    """Turn any failure in the block into a LabError of one line."""
    try:
        yield
    except LabError:
        raise
    except Exception as error:
        raise LabError(_message(error)) from None


def warn(error: BaseException) -> None:
    """Print a failure of the store, and what becomes of the results."""
    print(
        f"warning: {_message(error)}: the results are in the files; `make ui` publishes them once the store answers",
        file=sys.stderr,
        flush=True,
    )


def _message(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    short = text if len(text) <= 200 else f"{text[:200]}…"
    return f"the MLflow store at {redacted_uri()} failed: {short}"
