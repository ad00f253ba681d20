"""Compile the training of 1998 while something else is done.

A module that no command runs as a program: what a worker calls, it imports by the module's name.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import numpy as np

from lenet.errors import LabError
from lenet.execution import pool
from lenet.mnist.splits import Split, Statistics
from lenet.network import determinism
from lenet.settings import Variant


@contextmanager
def compiling_ahead(recipes: Iterable[Variant]) -> Iterator[None]:
    """Compile the training of 1998, if a recipe has it, in a worker of its own: half a minute, once per checkout."""
    recipe = next((each for each in recipes if each.optimizer == "sdlm"), None)
    if recipe is None:
        yield
        return
    worker = pool.Worker()
    threading.Thread(target=_compile, args=(worker, recipe), name="compile", daemon=True).start()
    try:
        yield
    finally:
        worker.kill()


def _compile(worker: pool.Worker, recipe: Variant) -> None:
    with suppress(LabError):  # the worker was killed: the demo has ended before
        worker.run(train_on_few, recipe.model_copy(update={"epochs": 1}), emit=lambda event: None)


def train_on_few(recipe: Variant, emit: Callable[[object], None]) -> None:
    """Train on blank digits, so that Numba leaves what it compiles in its cache; called in a worker."""
    determinism.prepare()
    from lenet.training.one_run import train_run  # TensorFlow belongs into workers alone

    blank = Split(np.zeros((10, 28, 28), np.uint8), np.arange(10, dtype=np.uint8))
    train_run(recipe, Statistics("", 0.1, 0, {}, 0.0, 1.0), 0, blank, blank, lambda epoch, metrics: emit(epoch))
