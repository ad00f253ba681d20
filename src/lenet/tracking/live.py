"""MLflow beside the training: runs that are seen live, and failures of the store that cost no result."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

from lenet.errors import LabError
from lenet.execution.provenance import here_and_now, now_ms
from lenet.runs.identity import RunIdentity
from lenet.tracking.store import Store, shown_uri

_LIVE_PATIENCE_S = 20


@contextmanager
def warned_only() -> Iterator[None]:
    """Turn whatever goes wrong with the store in the block into one warning: no result is lost by it."""
    try:
        yield
    except Exception as error:
        _warn(error)


@contextmanager
def errors_reported() -> Iterator[None]:
    """Turn whatever goes wrong with the store in the block into one LabError."""
    try:
        yield
    except LabError:
        raise
    except Exception as error:
        raise LabError(f"the MLflow store at {shown_uri()} failed: {_one_line(error)}") from None


@contextmanager
def live(identities: Sequence[RunIdentity], description: str) -> Iterator[Callable]:
    """Yield `log(identity, epoch, metrics)`, which shows a training in MLflow as it goes; epoch 0 starts a run.

    It returns at once: a thread does the work and gives up at the first failure. At the end it is waited for, for
    a bounded time. Training never fails, waits long or loses a number because of it.
    """
    events: SimpleQueue = SimpleQueue()
    worker = threading.Thread(target=_log_live, args=(events, identities, description), name="mlflow", daemon=True)
    worker.start()
    patience, status = _LIVE_PATIENCE_S, "FINISHED"
    try:
        yield lambda identity, epoch, metrics: events.put((identity, epoch, metrics))
    except KeyboardInterrupt:
        patience, status = 2, "KILLED"
        raise
    except BaseException:
        status = "FAILED"
        raise
    finally:
        events.put(status)
        worker.join(patience)
        if worker.is_alive():
            _warn(TimeoutError(f"no answer within {patience} s"))


def _log_live(events: SimpleQueue, identities: Sequence[RunIdentity], description: str) -> None:
    with warned_only():
        store = Store(identities[0].data.dataset)
        parent = None
        children: dict[str, str] = {}
        while not isinstance(event := events.get(), str):
            identity, epoch, metrics = event
            if parent is None:
                parent = store.open_parent(identity, description, now_ms(), here_and_now())
            if epoch == 0:
                children[identity.digest] = store.open_run(identity, parent, now_ms(), here_and_now())
            else:
                store.log_epochs(children[identity.digest], {epoch: metrics})
        for run_id in (*children.values(), *([parent] if parent else [])):
            store.close(run_id, event)


def _warn(error: BaseException) -> None:
    print(
        f"warning: the MLflow store at {shown_uri()} failed: {_one_line(error)}: the results are in the files; "
        "`make ui` publishes them once the store answers",
        file=sys.stderr,
        flush=True,
    )


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}…"
