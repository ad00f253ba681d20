"""Publish to MLflow on a thread, while the command trains or serves MLflow's pages."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from lenet.tracking import mlflow_store

# Called with the module `tracking.publish`, as by `methodcaller`: importing it takes seconds, so the thread does that.
Work = Callable[[Any], object]


class Publisher:
    """Does one piece of work after the other. What fails costs a warning and no result.

    The thread ends with the process: the next command publishes what was cut off.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Work | threading.Event] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="mlflow", daemon=True)
        self._thread.start()

    def add(self, work: Work) -> None:
        """Queue a piece of work; what is queued is done in its order."""
        self._waiting.put(work)

    def wait(self) -> None:
        """Return when everything that was queued is done."""
        done = threading.Event()
        self._waiting.put(done)
        while not done.wait(1) and self._thread.is_alive():  # a closed terminal, which takes no warning, ends it
            pass

    def _run(self) -> None:
        while True:
            work = self._waiting.get()
            if isinstance(work, threading.Event):
                work.set()
                continue
            with mlflow_store.failures_as_warnings():
                from lenet.tracking import publish

                work(publish)
