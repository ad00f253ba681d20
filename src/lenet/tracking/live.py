"""MLflow beside the training: runs that are seen live. A failing store costs no result and little time."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

from lenet.execution.provenance import machine_tags, now_ms
from lenet.runs.identity import RunIdentity
from lenet.tracking import failures
from lenet.tracking.run_finder import RunFinder
from lenet.tracking.run_log import RunLog

_TIMEOUT_S = 20
_TIMEOUT_AFTER_CTRL_C_S = 2

Log = Callable[[RunIdentity, int, Mapping[str, float]], None]


@contextmanager
def log_training(identities: Sequence[RunIdentity], description: str) -> Iterator[Log]:
    """Yield `log(identity, epoch, metrics)`, which shows a training in MLflow as it goes; epoch 0 starts a run.

    `log` returns at once: a thread does the work and gives up at the first failure. At the end the thread is waited
    for, for a bounded time. Training never fails, waits long or loses a number because of it.
    """
    events: SimpleQueue = SimpleQueue()
    thread = threading.Thread(target=_log_events, args=(events, identities, description), name="mlflow", daemon=True)
    thread.start()
    timeout_s, status = _TIMEOUT_S, "FINISHED"
    try:
        yield lambda identity, epoch, metrics: events.put((identity, epoch, metrics))
    except KeyboardInterrupt:
        timeout_s, status = _TIMEOUT_AFTER_CTRL_C_S, "KILLED"
        raise
    except BaseException:
        status = "FAILED"
        raise
    finally:
        events.put(status)
        thread.join(timeout_s)
        if thread.is_alive():
            failures.warn(TimeoutError(f"no answer within {timeout_s} s"))


def _log_events(events: SimpleQueue, identities: Sequence[RunIdentity], description: str) -> None:
    """Log epochs until the events end with the status of the training."""
    with failures.as_warnings():
        finder = RunFinder(identities[0].data.dataset)
        parent: RunLog | None = None
        seeds: dict[str, RunLog] = {}
        while not isinstance(event := events.get(), str):
            identity, epoch, metrics = event
            if parent is None:
                parent = finder.find_or_create_parent(identity, description, now_ms(), machine_tags())
            if epoch == 0:
                seeds[identity.digest] = finder.find_or_create_seed(identity, parent, now_ms(), machine_tags())
            else:
                seeds[identity.digest].log_epoch(epoch, metrics)
        for run in (*seeds.values(), *([parent] if parent else [])):
            run.close(event)
