"""Kill a short study again and again, at random moments, and see that it ends with the bits of an undisturbed one.

    .venv/bin/python scripts/kills.py 50

`make repro` runs on the bundled digits in a temporary clone; with SIGKILL end its whole process group, the driver alone
or a worker. A study that has come to its end starts anew, in an empty store. Takes about 20 s per kill on two cores.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.pipelines import ENVIRONMENT, Repository, new_repository  # noqa: E402

LONGEST_S = 40
MADE = ("models", "predictions", ".runs", "mlflow.db", "mlartifacts")


def start(here: Repository) -> subprocess.Popen:
    """Start `make repro` in a process group of its own."""
    with open(here.path.parent / "said.txt", "a") as said:
        return subprocess.Popen(
            ["python", "-m", "lenet.commands.repro"],
            cwd=here.path,
            env=ENVIRONMENT | {"PYTHONPATH": "src"},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def kill(process: subprocess.Popen, target: str) -> None:
    """Kill the whole group, the driver, or one of the processes that it has started, with SIGKILL."""
    started = psutil.Process(process.pid).children(recursive=True)
    if target == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif target == "driver" or not started:
        process.kill()
    else:
        random.choice(started).kill()


def results(here: Repository) -> dict[str, bytes]:
    """Return what the study ends with: the files that DVC and git track."""
    folders = [here.path / name for name in ("models", "predictions", "reports")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(here.path)): path.read_bytes() for path in (*files, here.path / "dvc.lock")}


def forget(here: Repository) -> None:
    """Empty the store, and all that was made from it, DVC's cache of runs included."""
    for name in (*MADE, ".dvc/cache/runs"):
        path = here.path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kills", type=int)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="lenet-kills-") as folder:
        here = new_repository(Path(folder) / "lenet lab", seeds=[0, 1, 2], epochs=30)
        start(here).wait()
        expected, studies = results(here), 0
        forget(here)
        for number in range(1, arguments.kills + 1):
            process = start(here)
            moment, target = random.uniform(0, LONGEST_S), random.choice(["group", "group", "driver", "child"])
            time.sleep(moment)
            if process.poll() is None:
                kill(process, target)
            status = process.wait()
            for left in psutil.process_iter(["cwd"]):
                if left.info["cwd"] == str(here.path):
                    left.wait(60)  # what outlives the driver ends by itself
            print(
                f"{number}: {target} after {moment:.0f} s, status {status}: {len(here.entries())} runs kept", flush=True
            )
            if status == 0:
                assert results(here) == expected, "the study ended with other bits"
                studies += 1
                forget(here)
        assert start(here).wait() == 0
        assert results(here) == expected, "the study ended with other bits"
        statuses = {status for _, status in here.statuses()}
        names = [name for name, _ in here.statuses()]
        print(f"{arguments.kills} kills, {studies + 1} studies: bits equal; in MLflow {statuses}, {len(names)} runs")
        assert statuses == {"FINISHED"}
        assert len(names) == len(set(names))


if __name__ == "__main__":
    main()
