"""Measure what tracking costs a training: without it, with an MLflow server, and with one that does not answer.

    .venv/bin/python scripts/outage.py 5

Trains two seeds of a variant, on the bundled digits, in a temporary clone; the three ways take turns, as often as is
asked. Prints the medians of wall and CPU time, and their ratios to those without tracking. A round takes about two
minutes on two cores. The epochs are short: a real study logs less often, so tracking costs it less.
"""

import argparse
import resource
import shutil
import signal
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.mlflow_servers import Server, mlflow_server  # noqa: E402
from support.pipelines import Repository, new_repository  # noqa: E402

from lenet.tracking import outage  # noqa: E402

VARIANT = "relu_adam"
WAYS = ("off", "on", "stopped")


def train(here: Repository, server: Server, way: str) -> tuple[float, float, str]:
    """Train both seeds anew; return the seconds of wall and CPU time, and the warnings."""
    for path in (here.path / ".runs").glob("*"):
        if path.name != "locks":
            shutil.rmtree(path)
    environment = {"MLFLOW_TRACKING_URI": server.address, "DVC_STAGE": f"train@{VARIANT}"}
    if way == "off":
        environment |= outage.leave_alone()
    if way == "stopped":
        server.signal(signal.SIGSTOP)
    started, cpu = time.monotonic(), cpu_s()
    done = here.module("train", **environment)
    seconds = time.monotonic() - started, cpu_s() - cpu
    server.signal(signal.SIGCONT)
    return *seconds, "".join(line for line in done.stderr.splitlines(True) if line.startswith("warning: "))


def cpu_s() -> float:
    """Return the CPU time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int)
    parser.add_argument("--epochs", type=int, default=60)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lenet-outage-")))
        server = stack.enter_context(mlflow_server(f"sqlite:///{folder / 'server.db'}", folder / "artifacts"))
        here = new_repository(folder / "lenet lab", seeds=[0, 1], epochs=arguments.epochs)
        here.dvc("repro", "preprocess")
        taken: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
        for number in range(1, arguments.rounds + 1):
            for way in WAYS:
                wall_s, its_cpu_s, warnings = train(here, server, way)
                taken[way].append((wall_s, its_cpu_s))
                print(f"{number} {way}: {wall_s:.1f} s, CPU {its_cpu_s:.1f} s {warnings.strip()}", flush=True)
    medians = {way: [statistics.median(column) for column in zip(*taken[way], strict=True)] for way in WAYS}
    for way, (wall_s, its_cpu_s) in medians.items():
        ratios = wall_s / medians["off"][0], its_cpu_s / medians["off"][1]
        print(f"{way:8} {wall_s:6.1f} s × {ratios[0]:.3f}   CPU {its_cpu_s:6.1f} s × {ratios[1]:.3f}")


if __name__ == "__main__":
    main()
