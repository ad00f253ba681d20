"""What training leaves of a run, and what it measures after each epoch. Imports no TensorFlow."""

from collections.abc import Mapping
from dataclasses import dataclass

# Names of the metrics per epoch, in history.csv and in MLflow: mean cross-entropy, and the share of errors in percent.
TRAIN_LOSS, TRAIN_ERROR = "train/loss", "train/error_percent"
VALIDATION_LOSS, VALIDATION_ERROR = "validation/loss", "validation/error_percent"
TRAIN_METRICS, VALIDATION_METRICS = (TRAIN_LOSS, TRAIN_ERROR), (VALIDATION_LOSS, VALIDATION_ERROR)
EPOCH_METRICS = (*TRAIN_METRICS, *VALIDATION_METRICS)

# Metric → its value after each epoch. All of EPOCH_METRICS, or TRAIN_METRICS alone where a run was trained on the
# validation split too.
History = Mapping[str, list[float]]


@dataclass(frozen=True)
class TrainedRun:
    """The bytes of model.weights.h5, the architecture as JSON, and the metrics of each epoch."""

    weights: bytes
    architecture: str
    history: History
