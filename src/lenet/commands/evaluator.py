"""Evaluate variants through DVC on a thread, while the runs of others are trained."""

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
    """Evaluates and publishes variants as they are added. When the headline is evaluated, it prints its comparison.

    What waits when the `with` block ends is left to the `dvc repro` that follows it. headline: variants, or none.
    stale: those whose results are missing, or of other runs.
    """

    def __init__(self, settings: Settings, headline: Sequence[str], stale: Sequence[str], publisher: Publisher) -> None:
        self._settings, self._headline, self._publisher = settings, headline, publisher
        self._awaited = set(headline).intersection(stale)
        self._waiting: SimpleQueue[str] = SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="evaluator", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._waiting.put("")  # so that the thread looks
        self._thread.join()

    def add(self, variant: str) -> None:
        """Queue a variant, whose runs the run store has."""
        self._waiting.put(variant)

    def _run(self) -> None:
        while True:
            variants = [self._waiting.get(), *self._others()]
            if self._ended.is_set():
                return
            self._evaluate(variants)

    def _others(self) -> Iterable[str]:
        """Take what waits too: DVC takes seconds to start."""
        try:
            while True:
                yield self._waiting.get_nowait()
        except Empty:
            return

    def _evaluate(self, variants: Sequence[str]) -> None:
        self._publisher.wait()  # it may read the results that are replaced now
        if not dvc.reproduce_quietly(dvc.evaluate_targets(variants), self._ended.is_set):
            return
        self._publisher.add(methodcaller("publish_variants", variants))
        was_awaited = bool(self._awaited)
        self._awaited.difference_update(variants)
        if was_awaited and not self._awaited:
            terminal.print_table(load_study(self._settings, self._headline))
