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
from pathlib import Path

import numpy as np
import psutil
from support.params import COMPARED, edit_params

from benchmarks import measured, page
from benchmarks.measured import ROOT, Timed, run
from lenet.commands.verify import clone_of_committed_state
from lenet.runs.provenance import Provenance, busy_s
from lenet.workspace import LOCK, PARAMS, PROCESSED

HERE = Path(__file__).parent
VARIANT = "tanh_sgd"
CORES = 2


@dataclass(frozen=True)
class Bench:
    """What is trained: how many runs and epochs, in a clone of the study that has the digits as an .npz file too."""

    study: Path
    runs: int
    epochs: int
    validation_size: int | float

    @property
    def digits(self) -> Path:
        return self.study / "digits.npz"

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


def _row(timed: Timed) -> dict[str, float]:
    """Return the time of whole processes, and the longest of each time that they measured themselves."""
    inside = [json.loads(printed.splitlines()[-1]) for printed in timed.printed]
    longest = {name: max(times[name] for times in inside) for name in measured.TIMES if name in inside[0]}
    return {"wall_s": timed.wall_s, **longest}


def lab_epochs(bench: Bench) -> dict[str, float]:
    """Time the epochs of two runs side by side; return how long those of all runs take."""
    with edit_params(bench.study / PARAMS) as params:
        params["base"]["epochs"] = bench.epochs + 1  # the first one is not timed
    timed = run([sys.executable, "-m", "benchmarks.epochs"], cwd=bench.study, PYTHONPATH=f"src:{ROOT}")
    return {"wall_s": json.loads(timed.printed[0])["epoch_s"] * bench.epochs * bench.runs / CORES}


def lab_make_repro(bench: Bench) -> dict[str, float]:
    """Time `make repro` in a clone that has neither runs nor data."""
    with clone(bench.runs, bench.epochs, bench.validation_size) as study:
        timed = run([sys.executable, "-m", "lenet.commands.repro"], cwd=study, PYTHONPATH="src")
        trained = list(filter(None, (Provenance.load(entry) for entry in (study / ".runs").glob("?" * 64))))
    assert len(trained) == bench.runs
    return {"wall_s": timed.wall_s, "train_s": busy_s(trained)}


# In the order of the page, a to f.
CONTENDERS = (keras_fit, pytorch, pytorch_side_by_side, pytorch_compiled, lab_epochs, lab_make_repro)


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
        bench = Bench(study, asked.runs, asked.epochs, 60_000 - asked.digits)
        digits = save_digits(study, bench.digits)
        for number in range(1, asked.rounds + 1):
            for contender in CONTENDERS:
                keys = {"machine": measured.machine(), "digits": digits, "runs": asked.runs, "epochs": asked.epochs}
                keys |= {"contender": contender.__name__, "round": number}
                if not measured.has(keys):
                    measured.add(keys | contender(bench))
                    print(f"round {number}: {contender.__name__} is timed", flush=True)
    page.write()


if __name__ == "__main__":
    main()
