"""Train one run, inside a worker, and make sure that it is the run that it will be filed as."""

from collections.abc import Callable, Mapping
from functools import cache

from lenet.network import determinism
from lenet.runs import code
from lenet.runs.identity import RunIdentity
from lenet.runs.training_data import TrainingData
from lenet.settings import Variant
from lenet.training.trained_run import TrainedRun


class EditedError(Exception):
    """The code was edited, so a run would get a wrong digest. trained: whether it was trained before."""

    def __init__(self, trained: bool) -> None:
        super().__init__(trained)
        self.trained = trained


def import_training(emit: Callable[[object], None]) -> None:
    """Import what trains. It takes seconds, which a worker may spend while the data is prepared."""
    determinism.prepare()
    import lenet.training.one_run  # noqa: F401  # imports TensorFlow

    _imported_code()


def train_checked(
    data: TrainingData,
    identity: RunIdentity,
    recipe: Variant,
    emit: Callable[[tuple[int, Mapping[str, float]]], None],
) -> TrainedRun:
    """Train the run of that identity; emit (epoch, metrics), first (0, no metrics), when it starts.

    Raises EditedError unless the code that this process imported, and that is in the files at the end, is the
    identity's.
    """
    determinism.prepare()
    from lenet.training.one_run import train_run  # TensorFlow belongs into workers alone

    if identity.code != _imported_code()[recipe.optimizer] or identity.code != code.digest_of_run(recipe.optimizer):
        raise EditedError(trained=False)
    emit((0, {}))
    trained = train_run(
        recipe,
        data.statistics,
        identity.seed,
        data.train,
        data.validation,
        lambda epoch, metrics: emit((epoch, metrics)),
    )
    if identity.code != code.digest_of_run(recipe.optimizer):
        raise EditedError(trained=True)
    return trained


@cache
def _imported_code() -> Mapping[str, str]:
    """Return the digests of the code that this process imported; called right after the import."""
    return code.digests_of_runs()
