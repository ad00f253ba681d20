"""Time commands as whole processes, and keep the times in a table on disk."""

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import psutil

from lenet.runs.provenance import machine_tags

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).with_name("training.csv")
KEYS = ("machine", "digits", "runs", "epochs", "contender", "round")
TIMES = ("wall_s", "train_s", "compile_s")


class Timed(NamedTuple):
    """The time from the start of several commands until the last one ended, and what each command printed."""

    wall_s: float
    printed: Sequence[str]


def run(*commands: Sequence[str], cwd: Path = ROOT, **environment: str) -> Timed:
    """Run commands side by side until all have ended; raise CalledProcessError if one fails."""
    started = time.perf_counter()
    processes = [
        subprocess.Popen(command, cwd=cwd, env=os.environ | environment, stdout=subprocess.PIPE, text=True)
        for command in commands
    ]
    printed = [process.communicate()[0] for process in processes]
    wall_s = time.perf_counter() - started
    for process in processes:
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    return Timed(wall_s, printed)


def machine() -> str:
    """Describe this machine in one line: the processor, the number of usable cores, the memory, the system."""
    cores, memory = len(psutil.Process().cpu_affinity()), psutil.virtual_memory().total / 2**30
    return f"{machine_tags()['processor']}, {cores} cores, {memory:.0f} GB, {platform.system()}"


def read(table: Path = TABLE) -> pd.DataFrame:
    """Return the table of times. The table has no rows if nothing was measured yet."""
    return pd.read_csv(table) if table.is_file() else pd.DataFrame(columns=[*KEYS, *TIMES])


def has(keys: Mapping[str, object], table: Path = TABLE) -> bool:
    """Return whether the table has a row with the values `keys`: {column: value}, for each column in `KEYS`."""
    return tuple(keys[name] for name in KEYS) in set(read(table)[[*KEYS]].itertuples(index=False, name=None))


def add(row: Mapping[str, object], table: Path = TABLE) -> None:
    """Append a row; write times with four significant digits."""
    rows = pd.DataFrame([row], columns=[*KEYS, *TIMES])
    rows.to_csv(table, mode="a", header=not table.is_file(), index=False, float_format="%.4g")
