"""Evaluate variants through DVC on a thread, while runs of other variants are trained."""

import threading
from collections.abc import Iterable, Sequence
from operator import methodcaller
from queue import Empty, SimpleQueue
from typing import Self

from lenet.commands import dvc
from lenet.commands.publisher import Publisher
from lenet.evaluation.study import load_study
from lenet.report import terminal
from lenet.settings import Settings


class Evaluator:
    """Evaluates and publishes variants as they are added. When the headline is evaluated, prints its comparison.

    Variants that are still queued when the `with` block ends are left to the `dvc repro` that follows the block.
    headline: the variants of the first comparison to print; may be empty. stale: the variants whose results are
    missing, or belong to other runs.
    """

    def __init__(self, settings: Settings, headline: Sequence[str], stale: Sequence[str], publisher: Publisher) -> None:
        self._settings, self._headline, self._publisher = settings, headline, publisher
        self._stale_headline = set(headline).intersection(stale)
        self._queue: SimpleQueue[str] = SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="evaluator", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._queue.put("")  # wake the thread, so that it sees the end
        self._thread.join()

    def add(self, variant: str) -> None:
        """Queue a variant. All of its runs must be in the run store."""
        self._queue.put(variant)

    def _run(self) -> None:
        while True:
            variants = [self._queue.get(), *self._take_queued()]
            if self._closed.is_set():
                return
            self._evaluate(variants)

    def _take_queued(self) -> Iterable[str]:
        """Yield all variants in the queue, to evaluate them in one call: DVC takes seconds to start."""
        try:
            while True:
                yield self._queue.get_nowait()
        except Empty:
            return

    def _evaluate(self, variants: Sequence[str]) -> None:
        self._publisher.wait()  # it may still read the results that are replaced next
        if not dvc.reproduce_quietly(dvc.evaluate_targets(variants), self._closed.is_set):
            return
        self._publisher.add(methodcaller("publish_variants", variants))
        was_stale = bool(self._stale_headline)
        self._stale_headline.difference_update(variants)
        if was_stale and not self._stale_headline:
            terminal.print_table(load_study(self._settings, self._headline))
