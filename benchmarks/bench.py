"""`make bench`: the same training by Keras, by PyTorch and by this project, as whole processes that take turns.

    python -m benchmarks.bench --runs 4 --epochs 20 --rounds 2

Appends each time to benchmarks/training.csv as soon as it is known, so that an interrupted benchmark goes on where it
was. Takes about an hour a round on two cores, which should have nothing else to do.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import psutil
from support.params import COMPARED, edit_params

from benchmarks import limit, page
from benchmarks.measured import EPOCH, ROOT, TRAINING, Cost, machine, run
from lenet.commands.verify import clone_of_committed_state
from lenet.runs.provenance import Provenance, busy_s
from lenet.workspace import LOCK, PARAMS, PROCESSED

HERE = Path(__file__).parent
VARIANT = "tanh_sgd"
CORES = 2
MODULES = f"src:{ROOT}"
LIMIT = (sys.executable, "-m", "benchmarks.limit")


@dataclass(frozen=True)
class Bench:
    """What is trained: the study's clone with the digits, the same as an .npz file, and how many runs and epochs."""

    study: Path
    digits: Path
    runs: int
    epochs: int
    validation_size: int | float

    @property
    def seeds(self) -> list[str]:
        return [str(seed) for seed in range(self.runs)]


def keras_fit(bench: Bench) -> dict[str, float]:
    command = [sys.executable, str(HERE / "keras_fit.py"), str(bench.digits), str(bench.epochs), *bench.seeds]
    return _row(run(command))


def pytorch(bench: Bench) -> dict[str, float]:
    return _row(run(_pytorch(bench, bench.seeds, "--threads=2")))


def pytorch_side_by_side(bench: Bench) -> dict[str, float]:
    return _row(run(*(_pytorch(bench, bench.seeds[part::2], "--threads=1") for part in range(2))))


def pytorch_compiled(bench: Bench) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as cache:  # empty: compiling counts
        commands = (_pytorch(bench, bench.seeds[part::2], "--threads=1", "--compile") for part in range(2))
        return _row(run(*commands, TORCHINDUCTOR_CACHE_DIR=cache))


def _pytorch(bench: Bench, seeds: Sequence[str], *options: str) -> list[str]:
    program = [str(ROOT / ".bench/bin/python"), str(HERE / "pytorch.py")]
    return [*program, str(bench.digits), str(bench.epochs), *seeds, *options]


def _row(cost: Cost) -> dict[str, float]:
    told = [json.loads(printed.splitlines()[-1]) for printed in cost.printed]
    slowest = {name: max(each[name] for each in told) for name in ("train_s", "compile_s") if name in told[0]}
    return {"wall_s": cost.wall_s, "cpu_s": cost.cpu_s, **slowest}


def lab_epochs(bench: Bench) -> dict[str, float]:
    """Time the epochs of two runs side by side; tell how long those of all runs take."""
    with edit_params(bench.study / PARAMS) as params:
        params["base"]["epochs"] = bench.epochs + 1  # the first one is not timed
    cost = run([sys.executable, "-m", "benchmarks.epochs"], cwd=bench.study, PYTHONPATH=MODULES)
    return {"wall_s": json.loads(cost.printed[0])["epoch_s"] * bench.epochs * bench.runs / CORES}


def lab_make_repro(bench: Bench) -> dict[str, float]:
    """Time `make repro` in a clone that has neither runs nor data."""
    with clone(bench.runs, bench.epochs, bench.validation_size) as study:
        cost = run([sys.executable, "-m", "lenet.commands.repro"], cwd=study, PYTHONPATH="src")
        trained = trained_in(study)
    assert len(trained) == bench.runs
    return {"wall_s": cost.wall_s, "cpu_s": cost.cpu_s, "train_s": busy_s(trained)}


def trained_in(study: Path) -> list[Provenance]:
    """Return the origin of each run in a clone's run store."""
    return list(filter(None, (Provenance.load(entry) for entry in (study / ".runs").glob("?" * 64))))


def machine_limit(bench: Bench) -> dict[str, float]:
    """Tell how long the arithmetic alone takes, on both cores at their measured rates."""
    return {"wall_s": _least_s(bench) * bench.epochs * bench.runs / CORES}


def _least_s(bench: Bench, **environment: str) -> float:
    """Return how long one core takes for the arithmetic of an epoch, beside another at the same."""
    rates = [json.loads(each) for each in run(*[[*LIMIT, "rates"]] * CORES, **environment).printed]
    slower = {name: min(each[name] for each in rates) for name in rates[0]}
    with np.load(bench.digits) as digits:
        trained, validated = len(digits["train_labels"]), len(digits["validation_labels"])
    return _work(bench).seconds(trained, validated, **slower)


@cache
def _work(bench: Bench) -> limit.Work:
    """Return the arithmetic of one digit; once, since it imports TensorFlow."""
    (work,) = run([*LIMIT, "work"], cwd=bench.study, PYTHONPATH=MODULES).printed
    return limit.Work(**json.loads(work))


def epoch_parts(bench: Bench) -> dict[str, float]:
    """Profile an epoch of two runs side by side; return the seconds of its parts, and its limits on one core."""
    both = run(*[[sys.executable, "-m", "benchmarks.operations"]] * CORES, cwd=bench.study, PYTHONPATH=MODULES)
    limits = {"limit": _least_s(bench), "limit with AVX2": _least_s(bench, **limit.AVX2_ALONE)}
    return json.loads(both.printed[0]) | limits


# In the order of the page, a to g.
CONTENDERS = (
    keras_fit,
    pytorch,
    pytorch_side_by_side,
    pytorch_compiled,
    lab_epochs,
    lab_make_repro,
    machine_limit,
)


@contextmanager
def clone(runs: int, epochs: int, validation_size: int | float) -> Iterator[Path]:
    """Yield a clone of the last commit whose study is one variant with so many runs and epochs."""
    with clone_of_committed_state(ROOT) as study:
        (study / LOCK).unlink()
        with edit_params(study / PARAMS) as params:
            params["preprocess"]["validation_size"] = validation_size
            params["seeds"] = list(range(runs))
            params["base"]["epochs"] = epochs
            for name in set(params["variants"]) - {VARIANT}:
                del params["variants"][name], params["about"][name]
            params["comparison"] = COMPARED | {"ladder": [VARIANT]}
        yield study


def save_digits(study: Path, path: Path) -> int:
    """Write what the study trains and validates on into one file; return how many digits it trains on."""
    run([sys.executable, "-m", "dvc", "repro", "preprocess"], cwd=study)
    splits = {name: np.load(study / PROCESSED / f"{name}.npz") for name in ("train", "validation")}
    np.savez(path, **{f"{name}_{part}": split[part] for name, split in splits.items() for part in split.files})
    return len(splits["train"]["labels"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2, help="how often each is timed")
    parser.add_argument("--digits", type=int, default=54_000, help="how many of MNIST's 60,000 to train on")
    asked = parser.parse_args()
    psutil.Process().cpu_affinity(psutil.Process().cpu_affinity()[:CORES])  # what is started here inherits it
    with clone(asked.runs, asked.epochs, 60_000 - asked.digits) as study:
        bench = Bench(study, study / "digits.npz", asked.runs, asked.epochs, 60_000 - asked.digits)
        digits = save_digits(study, bench.digits)
        for number in range(1, asked.rounds + 1):
            for contender in CONTENDERS:
                keys = {"machine": machine(), "digits": digits, "runs": asked.runs, "epochs": asked.epochs}
                keys |= {"contender": contender.__name__, "round": number}
                if not TRAINING.has(**keys):
                    TRAINING.add(keys | contender(bench))
                    print(f"round {number}: {contender.__name__} is timed", flush=True)
        if not EPOCH.has(machine=machine()):
            for part, seconds in epoch_parts(bench).items():
                EPOCH.add({"machine": machine(), "part": part, "seconds": seconds})
    page.write()


if __name__ == "__main__":
    main()
