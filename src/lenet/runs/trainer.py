"""Train one run in a worker, and check that the code still has the digest in the run's identity."""

from collections.abc import Callable, Mapping
from functools import cache

from lenet.network import determinism
from lenet.runs import code
from lenet.runs.identity import RunIdentity
from lenet.runs.training_data import TrainingData
from lenet.settings import Variant
from lenet.training.trained_run import TrainedRun


class EditedError(Exception):
    """The code was edited, so its digest is no longer the digest in the run's identity.

    was_trained: whether the run had already been trained when the edit was noticed.
    """

    def __init__(self, was_trained: bool) -> None:
        super().__init__(was_trained)
        self.was_trained = was_trained


def import_training(emit: Callable[[object], None]) -> None:
    """Import TensorFlow and the training code.

    The import takes seconds, so a worker does it while the data is prepared. `emit` is not used. It is a parameter
    because a worker passes `emit` to every function that it calls.
    """
    determinism.prepare()
    import lenet.training.one_run  # noqa: F401  # imports TensorFlow

    _digests_at_import()


def train_checked(
    data: TrainingData,
    identity: RunIdentity,
    recipe: Variant,
    emit: Callable[[tuple[int, Mapping[str, float]]], None],
) -> TrainedRun:
    """Train a run; emit (0, {}) at the start and (epoch, metrics) after each epoch.

    Raises EditedError if the code does not have the digest `identity.code`. Before the training, this function checks
    the code that this process imported, and the source files. After the training, it checks the source files again.
    """
    determinism.prepare()
    from lenet.training.one_run import train_run  # here: the driver imports this module too, but not TensorFlow

    if identity.code != _digests_at_import()[recipe.optimizer] or identity.code != code.code_digest(recipe.optimizer):
        raise EditedError(was_trained=False)
    emit((0, {}))
    trained = train_run(
        recipe,
        data.statistics,
        identity.seed,
        data.train,
        data.validation,
        lambda epoch, metrics: emit((epoch, metrics)),
    )
    if identity.code != code.code_digest(recipe.optimizer):
        raise EditedError(was_trained=True)
    return trained


# The digests of the code that this process imported: optimizer → digest. The first call reads the source files, so it
# must come right after the import, before anybody edits them.
_digests_at_import = cache(code.code_digests)
