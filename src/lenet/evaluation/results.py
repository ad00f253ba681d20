"""Save and load a variant's results in reports/details/<variant>.json.

The stage `evaluate` writes the file; `plot` and `publish` read it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lenet.errors import LabError
from lenet.evaluation.architecture import LayerShape
from lenet.runs.identity import RunIdentity
from lenet.training.trained_run import TRAIN_ERROR, History
from lenet.workspace import DETAILS, atomic_write


@dataclass(frozen=True)
class SeedResult:
    """The results of one run.

    weights: SHA-256 of model.weights.h5. metrics: metric → its value on the test set. confusion: 10 × 10 counts, a row
    per actual class, a column per predicted class. history: metric → one value per epoch.
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
        """How many test images the network misreads."""
        return int(np.sum(self.confusion) - np.trace(self.confusion))


@dataclass(frozen=True)
class VariantResult:
    """The results of all runs of a variant.

    multiply_accumulates: how many multiply–accumulate operations the network needs for one image.
    summary: the statistics over the seeds. The key of a metric's mean is the metric's name. The key of its standard
    deviation is the name followed by `_sd`. The summary also has the two ends of the 95 % interval of the test error.
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
        """How many images the test set has."""
        return int(np.sum(self.seeds[0].confusion))

    @property
    def confusion(self) -> np.ndarray:
        """The confusion counts, summed over the seeds: int (10, 10)."""
        return np.sum([seed.confusion for seed in self.seeds], axis=0)


@dataclass(frozen=True)
class LearningCurve:
    """A metric's mean, lowest and highest value over the seeds, after each epoch.

    All arrays have shape (epochs,). `epochs` counts from 1.
    """

    epochs: np.ndarray
    mean: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray


def learning_curve(seeds: Sequence[SeedResult], metric: str) -> LearningCurve:
    values = np.array([seed.history[metric] for seed in seeds])
    epochs = np.arange(1, values.shape[1] + 1)
    return LearningCurve(epochs, values.mean(axis=0), values.min(axis=0), values.max(axis=0))


def save_result(result: VariantResult) -> None:
    """Write reports/details/<variant>.json. Equal results give equal bytes."""
    with atomic_write(DETAILS / f"{result.variant}.json") as partial:
        partial.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")


def load_result(variant: str) -> VariantResult:
    """Read reports/details/<variant>.json. Raise LabError if the file is missing or damaged."""
    path = DETAILS / f"{variant}.json"
    try:
        return parse_result(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise unreadable(path, variant, error) from None


def unreadable(path: Path, variant: str, error: Exception) -> LabError:
    """Return the error to raise if a file with a variant's results could not be read. error: why it could not."""
    fault = "is missing" if isinstance(error, FileNotFoundError) else f"is damaged ({error})"
    return LabError(f'{path} {fault}: run `make repro VARIANTS="{variant}"`')


def parse_result(text: str) -> VariantResult:
    """Return the results in the text of such a file; raise ValueError, KeyError or TypeError if it is damaged."""
    raw = json.loads(text)
    seeds = [SeedResult(**(seed | {"identity": RunIdentity.from_json(seed["identity"])})) for seed in raw.pop("seeds")]
    layers = [LayerShape(**layer) for layer in raw.pop("layers")]
    return VariantResult(**raw, layers=layers, seeds=seeds)
