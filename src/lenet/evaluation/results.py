"""The results of a variant: evaluate writes reports/details/<variant>.json, plot and publish read it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from lenet.errors import LabError
from lenet.evaluation.architecture import LayerShape
from lenet.runs.identity import RunIdentity
from lenet.training.trained_run import TRAIN_ERROR, History
from lenet.workspace import DETAILS, atomic_write


@dataclass(frozen=True)
class SeedResult:
    """One run: who it is, its metrics after the last epoch, its confusion counts and its metrics per epoch.

    weights: SHA-256 of model.weights.h5. confusion: 10 × 10 counts, rows actual, columns predicted. history: metric →
    one value per epoch.
    """

    identity: RunIdentity
    weights: str
    metrics: Mapping[str, float]
    confusion: list[list[int]]
    history: History

    @property
    def epochs(self) -> int:
        return len(self.history[TRAIN_ERROR])

    @property
    def misread(self) -> int:
        """How many test digits are misread."""
        return int(np.sum(self.confusion) - np.trace(self.confusion))


@dataclass(frozen=True)
class VariantResult:
    """All runs of a variant, and the cost of its network for one digit.

    summary: metric → mean over the seeds, `…_sd`, its standard deviation, and the ends of the test error's interval.
    """

    variant: str
    parameters: int
    multiply_accumulates: int
    layers: list[LayerShape]
    summary: Mapping[str, float]
    seeds: list[SeedResult]

    @property
    def dataset(self) -> str:
        return self.seeds[0].identity.data.dataset

    @property
    def epochs(self) -> int:
        return self.seeds[0].epochs

    @property
    def test_size(self) -> int:
        """How many digits are in the test set."""
        return int(np.sum(self.seeds[0].confusion))

    @property
    def confusion(self) -> np.ndarray:
        """The confusion counts, summed over the seeds: int (10, 10)."""
        return np.sum([seed.confusion for seed in self.seeds], axis=0)


@dataclass(frozen=True)
class LearningCurve:
    """A metric after each epoch, counted from 1: mean, lowest and highest value over the seeds. Arrays (epochs,)."""

    epochs: np.ndarray
    mean: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray


def learning_curve(seeds: Sequence[SeedResult], metric: str) -> LearningCurve:
    """Return the learning curve of one metric over the seeds."""
    values = np.array([seed.history[metric] for seed in seeds])
    epochs = np.arange(1, values.shape[1] + 1)
    return LearningCurve(epochs, values.mean(axis=0), values.min(axis=0), values.max(axis=0))


def save_result(result: VariantResult) -> None:
    """Write reports/details/<variant>.json; equal results give equal bytes."""
    with atomic_write(DETAILS / f"{result.variant}.json") as partial:
        partial.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")


def load_result(variant: str) -> VariantResult:
    """Read reports/details/<variant>.json; raise LabError if it is missing or damaged."""
    path = DETAILS / f"{variant}.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        seeds = [
            SeedResult(**(seed | {"identity": RunIdentity.from_json(seed["identity"])})) for seed in raw.pop("seeds")
        ]
        layers = [LayerShape(**layer) for layer in raw.pop("layers")]
        return VariantResult(**raw, layers=layers, seeds=seeds)
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"{path} cannot be read ({error}): run `dvc repro evaluate@{variant}`") from None
