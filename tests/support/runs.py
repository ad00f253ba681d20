"""A finished run, for tests that need a run but no training."""

from lenet.runs.provenance import Provenance
from lenet.training.trained_run import TrainedRun

HISTORY = {
    "train/loss": [0.1 + 0.2, 0.25],
    "train/error_percent": [40.0, 20.5],
    "validation/loss": [1e-7, 0.5],
    "validation/error_percent": [50.0, 30.0],
}
TRAINED = TrainedRun(weights=b"\x89HDF weights", architecture='{"layers": []}', history=HISTORY)
PROVENANCE = Provenance({"host": "somewhere"}, 1_700_000_000_000, 12.5)
