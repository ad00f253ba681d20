"""Evaluate variants with DVC in a background thread, while runs of other variants are trained."""

import threading
from collections.abc import Sequence
from operator import methodcaller
from queue import SimpleQueue
from typing import Self

from lenet.commands import agreement, dvc
from lenet.commands.publisher import Publisher
from lenet.evaluation.study import load_study
from lenet.report import terminal
from lenet.settings import Settings


class Evaluator:
    """Evaluates queued variants in a background thread, and queues the publishing of their results.

    The thread runs during a `with` block. Variants that are still queued at the end of the block are not evaluated; the
    caller runs `dvc repro` after the block, which evaluates these variants.
    stale: the variants without results, and the variants whose results belong to other runs than the settings ask for.
    headline: the variants of the comparison that is printed first. This comparison is printed as soon as its stale
    variants are evaluated. headline may be empty.
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
        """Queue a variant for evaluation. All runs of the variant must be in the run store."""
        self._queue.put(variant)

    def _run(self) -> None:
        while True:
            variants = [self._queue.get()]
            while not self._queue.empty():  # one DVC command for all: DVC takes seconds to start
                variants.append(self._queue.get())
            if self._closed.is_set():
                return
            self._evaluate(variants)

    def _evaluate(self, variants: Sequence[str]) -> None:
        self._publisher.wait()  # it may still read the results that are replaced next
        if not dvc.reproduce_quietly(dvc.evaluate_targets(variants), self._closed.is_set):
            return
        self._publisher.add(methodcaller("publish_variants", variants))
        was_stale = bool(self._stale_headline)
        self._stale_headline.difference_update(variants)
        if was_stale and not self._stale_headline:
            study = load_study(self._settings, self._headline)
            terminal.print_table(study, agreement.committed_errors(study), self._headline)
