"""Where an epoch's time goes, by TensorFlow's profiler: one run, in the current workspace.

    python -m benchmarks.operations

Prints as JSON the seconds of an epoch without the profiler, `epoch`, and those of each kind of operation in the next.
"""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from lenet.execution import schedule
from lenet.runs import trainer
from lenet.runs.training_data import load_training_data
from lenet.settings import load_settings

# The first epoch builds the graph.
_TIMED, _PROFILED = 2, 3
_ALL_OPERATIONS = 3  # the profiler's default leaves out those that TensorFlow holds for cheap


class Profiler:
    """Is told of the epochs of a run in this process; times one and profiles the next."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._folder = tempfile.TemporaryDirectory()
        self._began = time.perf_counter()

    def epoch_ended(self, event: tuple[int, Mapping[str, float]]) -> None:
        import tensorflow as tf  # after determinism was prepared

        epoch, _ = event
        if epoch == _TIMED:
            self.seconds["epoch"] = time.perf_counter() - self._began
            options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=_ALL_OPERATIONS, python_tracer_level=0)
            tf.profiler.experimental.start(self._folder.name, options)
        elif epoch == _PROFILED:
            tf.profiler.experimental.stop()
            (trace,) = Path(self._folder.name).rglob("*.xplane.pb")
            self.seconds |= seconds_by_kind(trace.read_bytes())
        self._began = time.perf_counter()


def seconds_by_kind(trace: bytes) -> dict[str, float]:
    """Return the seconds of each kind of operation in a trace, which has them as `name:kind`; oneDNN's like others."""
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    picoseconds: Counter[str] = Counter()
    for plane in XSpace.FromString(trace).planes:
        for line in plane.lines:
            for event in line.events:
                _, _, kind = plane.event_metadata[event.metadata_id].name.partition(":")
                if kind.isidentifier():  # not `ExecutorState::Process`, say, which contains other events
                    picoseconds[kind.removeprefix("_Mkl").removeprefix("Native")] += event.duration_ps
    return {kind: each / 1e12 for kind, each in picoseconds.items()}


def main() -> None:
    settings, profiler = load_settings(), Profiler()
    run = schedule.planned_runs(settings, list(settings.variants)[:1])[0]
    shorter = run.recipe.model_copy(update={"epochs": _PROFILED})
    trainer.train(load_training_data(run.identity.data), run.identity, shorter, profiler.epoch_ended)
    print(json.dumps(profiler.seconds))


if __name__ == "__main__":
    main()
