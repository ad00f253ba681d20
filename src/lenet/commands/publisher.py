"""Publish to MLflow on a thread, while the command trains or serves MLflow's pages."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from lenet.tracking import store

# Called with the module `tracking.publish`, as by `methodcaller`: importing it takes seconds, so the thread does that.
Work = Callable[[Any], object]


class Publisher:
    """Does one piece of work after the other. What fails costs a warning and no result.

    The thread ends with the process: the next command publishes what was cut off.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Work | threading.Event] = SimpleQueue()
        threading.Thread(target=self._run, name="mlflow", daemon=True).start()

    def add(self, work: Work) -> None:
        """Do this once everything is done that was added before."""
        self._waiting.put(work)

    def wait(self) -> None:
        """Return when everything is done that was added so far. A store that is slow or fails is given up there."""
        done = threading.Event()
        self._waiting.put(done)
        done.wait()

    def _run(self) -> None:
        while True:
            work = self._waiting.get()
            if isinstance(work, threading.Event):
                work.set()
                continue
            with store.failures_as_warnings():
                from lenet.tracking import publish

                work(publish)
