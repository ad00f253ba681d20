"""What to do when the MLflow store fails: warn, because the results are in the files, or report an error."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from lenet.errors import LabError, in_one_line, shortened
from lenet.redaction import redacted
from lenet.tracking import outage
from lenet.tracking.client import redacted_uri, store_uri
from lenet.tracking.outage import StoreSkippedError

T = TypeVar("T")

# For what takes seconds, as one variant does. A store that does not answer is given up sooner: see client.py.
LIMIT_S = 300


@contextmanager
def as_warnings() -> Iterator[None]:
    """Turn any failure in the block into a warning, the first one of a command: no result is lost by it."""
    try:
        yield
    except StoreSkippedError:
        pass
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
    """Print a failure of the store, and what becomes of the results, unless one was printed in this command."""
    hint = "the results are in the files; `make ui` publishes them once the store answers"
    if outage.note():
        print(f"warning: {_message(error)}: {hint}", file=sys.stderr, flush=True)


def within_limit(work: Callable[[], T]) -> T:
    """Return what the work returns; raise TimeoutError after LIMIT_S, whatever it waits for.

    The work is then left to itself, in its thread, and ends with the process.
    """
    done: Future[T] = Future()

    def do() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=do, name="mlflow", daemon=True).start()
    try:
        return done.result(LIMIT_S)
    except TimeoutError:
        if done.done():
            raise
        raise TimeoutError(f"not finished within {LIMIT_S:g} s") from None


def _message(error: BaseException) -> str:
    secrets = (os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("PASSWORD", "TOKEN"))
    known = [store_uri(), *(f"://{secret}@" for secret in secrets)]
    text = redacted(in_one_line(error), *known) or type(error).__name__
    return f"the MLflow store at {redacted_uri()} failed: {shortened(text, 200)}"
