"""Publish to MLflow on a thread, while the command trains or serves MLflow's pages."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from lenet.tracking import mlflow_store

# Called with the module `tracking.publish`; `methodcaller` makes such functions. The thread imports the module, because
# that takes seconds.
Work = Callable[[Any], object]


class Publisher:
    """Runs one piece of work after another on a thread. If one fails, a warning is printed and no result is lost.

    The thread ends with the process. The next command publishes what was not published.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Work | threading.Event] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="mlflow", daemon=True)
        self._thread.start()

    def add(self, work: Work) -> None:
        """Queue a piece of work. Work runs in the order in which it was queued."""
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
                from lenet.tracking import publish

                work(publish)
