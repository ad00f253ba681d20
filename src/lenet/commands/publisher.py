"""Publish to MLflow in a background thread. Meanwhile, the main thread trains runs or serves MLflow's pages."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from lenet.tracking import mlflow_store

# Called with the module `tracking.publish`; `methodcaller` makes such functions. The thread imports the module, because
# that takes seconds.
Work = Callable[[Any], object]


class Publisher:
    """Publishes queued results to MLflow in a background thread, one piece of work after another.

    If a piece of work fails, a warning is printed; inside `disable_after_failure`, the rest is then not tried. The
    thread ends with the process. The next command publishes what was not published, so no result is lost.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Work | threading.Event] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="mlflow", daemon=True)
        self._thread.start()

    def add(self, work: Work) -> None:
        """Queue a piece of work: a function that is called with the module `tracking.publish`."""
        self._queue.put(work)

    def wait(self) -> None:
        """Wait until all queued work is done."""
        done = threading.Event()
        self._queue.put(done)
        while not done.wait(1) and self._thread.is_alive():  # printing a warning to a closed terminal ends the thread
            pass

    def _run(self) -> None:
        while True:
            work = self._queue.get()
            if isinstance(work, threading.Event):
                work.set()
                continue
            with mlflow_store.failures_as_warnings():
                if not mlflow_store.is_disabled():
                    from lenet.tracking import publish

                    work(publish)
