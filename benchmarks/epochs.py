"""The project's own epochs, two runs side by side, in the current workspace; without start-up and compiling.

    python -m benchmarks.epochs

Prints as JSON the median seconds between the ends of two epochs of a run. Its first epoch, in which TensorFlow builds
the graph, is left out.
"""

import json
import statistics
import time
from itertools import pairwise

from lenet.execution import schedule
from lenet.execution.pool import Worker
from lenet.execution.schedule import PlannedRun
from lenet.runs import trainer
from lenet.runs.training_data import load_training_data
from lenet.settings import load_settings

SIDE_BY_SIDE = 2


def epoch_times(worker: Worker, run: PlannedRun) -> list[float]:
    """Train a run; return the seconds that each epoch took but the first."""
    ends: list[float] = []  # epoch 0 is the run's start
    digits = load_training_data(run.identity.data)
    worker.run(
        trainer.train_checked, digits, run.identity, run.recipe, emit=lambda event: ends.append(time.perf_counter())
    )
    return [end - start for start, end in pairwise(ends[1:])]


def main() -> None:
    settings = load_settings()
    runs = schedule.planned_runs(settings, list(settings.variants)[:1])[:SIDE_BY_SIDE]
    with schedule.process_pool(SIDE_BY_SIDE) as workers:
        times = [seconds for each in workers.run(epoch_times, runs) for seconds in each]
    print(json.dumps({"epoch_s": statistics.median(times)}))


if __name__ == "__main__":
    main()
