"""The result of a training, and the names of the metrics of each epoch. This module does not import TensorFlow."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

# Names of the metrics of an epoch, in history.csv and in MLflow: the mean cross-entropy and the errors in percent.
TRAIN_LOSS, TRAIN_ERROR = "train/loss", "train/error_percent"
VALIDATION_LOSS, VALIDATION_ERROR = "validation/loss", "validation/error_percent"
TRAIN_METRICS, VALIDATION_METRICS = (TRAIN_LOSS, TRAIN_ERROR), (VALIDATION_LOSS, VALIDATION_ERROR)
EPOCH_METRICS = (*TRAIN_METRICS, *VALIDATION_METRICS)

# Metric → its value after each epoch. It has all of EPOCH_METRICS, or only TRAIN_METRICS if the run was trained on the
# validation split too.
History = Mapping[str, list[float]]

WEIGHTS, ARCHITECTURE, HISTORY = "model.weights.h5", "model.json", "history.csv"


@dataclass(frozen=True)
class TrainedRun:
    """The content of model.weights.h5, the architecture as JSON, and the metrics of each epoch."""

    weights: bytes
    architecture: str
    history: History

    def files(self) -> dict[str, bytes]:
        """Return the run's files, name → content. Equal runs give equal bytes."""
        return {
            WEIGHTS: self.weights,
            ARCHITECTURE: f"{self.architecture}\n".encode(),
            HISTORY: _table(self.history).encode(),
        }


def _table(history: History) -> str:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["epoch", *history])
    epochs = len(history[TRAIN_LOSS])
    writer.writerows(zip(range(1, epochs + 1), *history.values(), strict=True))
    return table.getvalue()
