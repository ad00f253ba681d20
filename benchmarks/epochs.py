"""Time the epochs of this project: train two runs side by side in the current workspace.

    python -m benchmarks.epochs

Prints, as JSON, the median time in seconds from the end of one epoch to the end of the next. Start-up does not count. A
run's first epoch does not count either, because TensorFlow builds the graph during this epoch.
"""

import json
import statistics
import time
from itertools import pairwise

from lenet.execution import schedule
from lenet.execution.pool import WorkerProcess
from lenet.execution.schedule import PlannedRun
from lenet.runs import trainer
from lenet.runs.training_data import load_training_data
from lenet.settings import load_settings

SIDE_BY_SIDE = 2


def epoch_times(worker: WorkerProcess, run: PlannedRun) -> list[float]:
    """Train a run; return the duration of each epoch except the first, in seconds."""
    ends: list[float] = []  # the first event, of epoch 0, is the start of the run
    data = load_training_data(run.identity.data)
    worker.call(
        trainer.train_checked, data, run.identity, run.recipe, emit=lambda event: ends.append(time.perf_counter())
    )
    return [end - start for start, end in pairwise(ends[1:])]


def main() -> None:
    settings = load_settings()
    runs = schedule.planned_runs(settings, list(settings.variants)[:1])[:SIDE_BY_SIDE]
    with schedule.process_pool(SIDE_BY_SIDE) as processes:
        times = [seconds for run_times in processes.map(epoch_times, runs) for seconds in run_times]
    print(json.dumps({"epoch_s": statistics.median(times)}))


if __name__ == "__main__":
    main()
