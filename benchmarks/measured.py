"""Commands that are timed as whole processes, and tables of what was measured, which grow row by row."""

import csv
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil

from lenet.runs.provenance import machine_tags

ROOT = Path(__file__).parents[1]


# Runs a command and writes the memory (KiB) of its largest process into a file. Linux counts into that of a process the
# memory of the one that started it, which therefore has to be small.
_LAUNCH = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""
_LAUNCHER = (sys.executable, "-S", "-c", _LAUNCH)


@dataclass(frozen=True)
class Cost:
    """What commands side by side took until the last one ended, and what each printed.

    cpu_s: of all of them and of all that they started. peak_mib: memory of the largest process at its largest.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float
    printed: Sequence[str]

    def as_row(self) -> dict[str, float]:
        return {"wall_s": self.wall_s, "cpu_s": self.cpu_s, "peak_mib": self.peak_mib}


def run(*commands: Sequence[str], cwd: Path = ROOT, **environment: str) -> Cost:
    """Run commands side by side to their ends; raise CalledProcessError where one fails."""
    with ExitStack() as stack:
        outputs = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in commands]
        peaks = [Path(stack.enter_context(tempfile.NamedTemporaryFile()).name) for _ in commands]
        started = time.perf_counter()
        processes = [
            subprocess.Popen([*_LAUNCHER, str(peak), *command], cwd=cwd, env=os.environ | environment, stdout=output)
            for command, output, peak in zip(commands, outputs, peaks, strict=True)
        ]
        ended = [os.wait4(process.pid, 0) for process in processes]
        wall_s = time.perf_counter() - started
        for process, (_, status, _) in zip(processes, ended, strict=True):
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, process.args)
        used = [resources for _, _, resources in ended]
        for output in outputs:
            output.seek(0)
        return Cost(
            wall_s,
            sum(each.ru_utime + each.ru_stime for each in used),
            max(float(peak.read_text()) for peak in peaks) / 1024,
            [output.read() for output in outputs],
        )


def machine() -> str:
    """Name the processor, how many of its cores are used, and the memory."""
    cores, memory = len(psutil.Process().cpu_affinity()), psutil.virtual_memory().total / 2**30
    return f"{machine_tags()['processor']}, {cores} cores, {memory:.0f} GB, {platform.system()}"


class Table:
    """A CSV of measurements, which is on disk after each one: what was interrupted goes on where it was."""

    def __init__(self, path: Path, keys: Sequence[str], values: Sequence[str]) -> None:
        self._path, self._keys, self._columns = path, keys, [*keys, *values]

    def read(self) -> pd.DataFrame:
        return pd.read_csv(self._path) if self._path.is_file() else pd.DataFrame(columns=self._columns)

    def has(self, **keys: object) -> bool:
        """Whether these keys were measured."""
        there = self.read()[list(keys)].astype(str)
        return bool((there == pd.Series({name: str(value) for name, value in keys.items()})).all(axis=1).any())

    def add(self, row: Mapping[str, object]) -> None:
        """Append a measurement; numbers get four significant digits."""
        is_new = not self._path.is_file()
        with open(self._path, "a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, self._columns, restval="", lineterminator="\n")
            if is_new:
                writer.writeheader()
            writer.writerow(
                {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in row.items()}
            )


TRAINING = Table(
    Path(__file__).with_name("training.csv"),
    ("machine", "digits", "runs", "epochs", "contender", "round"),
    ("wall_s", "cpu_s", "train_s", "compile_s"),
)
# Of an epoch: all of it, each kind of operation, and the limits.
EPOCH = Table(Path(__file__).with_name("epoch.csv"), ("machine", "part"), ("seconds",))
GROWTH = Table(
    Path(__file__).with_name("growth.csv"),
    ("machine", "of", "size", "step"),
    ("cpu_s", "wall_s", "peak_mib"),
)
# How long each run of the study took, in the order in which they are trained.
RUN_TIMES = Path(__file__).with_name("run_times.csv")
