"""`make bench`: run the same training in Keras, in PyTorch and in this project, and time each from start to end.

    python -m benchmarks.bench --runs 4 --epochs 20 --rounds 2

Appends each time to benchmarks/training.csv as soon as it is measured, so an interrupted benchmark continues where it
stopped. A contender is one way to train. A round times every contender once, one after another, and takes about an
hour on two cores. The two cores should have nothing else to do.
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
from lenet.runs.provenance import Provenance, busy_time_s
from lenet.workspace import LOCK, PARAMS, PROCESSED

HERE = Path(__file__).parent
VARIANT = "tanh_sgd"
CORES = 2


@dataclass(frozen=True)
class Bench:
    """The work to time: `runs` runs of `epochs` epochs each, trained on the data of `study`.

    study: a clone of the project. It also contains a .npz file with the images, and a link to PyTorch's environment.
    """

    study: Path
    runs: int
    epochs: int
    validation_size: int | float

    @property
    def images_file(self) -> Path:
        return self.study / "digits.npz"

    @property
    def seeds(self) -> list[str]:
        return [str(seed) for seed in range(self.runs)]


def keras_fit(bench: Bench) -> dict[str, float]:
    command = [sys.executable, str(HERE / "keras_fit.py"), str(bench.images_file), str(bench.epochs), *bench.seeds]
    return _times(run(command))


def pytorch(bench: Bench) -> dict[str, float]:
    return _times(run(_pytorch(bench, bench.seeds, "--threads=2")))


def pytorch_side_by_side(bench: Bench) -> dict[str, float]:
    return _times(run(*(_pytorch(bench, bench.seeds[part::2], "--threads=1") for part in range(2))))


def pytorch_compiled(bench: Bench) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as cache:  # an empty cache, so that the time includes compiling
        commands = (_pytorch(bench, bench.seeds[part::2], "--threads=1", "--compile") for part in range(2))
        return _times(run(*commands, TORCHINDUCTOR_CACHE_DIR=cache))


def _pytorch(bench: Bench, seeds: Sequence[str], *options: str) -> list[str]:
    program = [str(bench.study / ".bench/bin/python"), str(HERE / "pytorch.py")]
    return [*program, str(bench.images_file), str(bench.epochs), *seeds, *options]


def _times(timed: Timed) -> dict[str, float]:
    """Return the wall time, and the times that the processes printed (`train_s`, `compile_s`).

    If several processes printed the same kind of time, return the longest.
    """
    measured_inside = [json.loads(printed.splitlines()[-1]) for printed in timed.printed]
    longest = {
        name: max(times[name] for times in measured_inside) for name in measured.TIMES if name in measured_inside[0]
    }
    return {"wall_s": timed.wall_s, **longest}


def lab_epochs(bench: Bench) -> dict[str, float]:
    """Time the epochs of two runs side by side; return how long the epochs of all runs would take at this speed."""
    with edit_params(bench.study / PARAMS) as params:
        params["base"]["epochs"] = bench.epochs + 1  # the first one is not timed
    timed = run([sys.executable, "-m", "benchmarks.epochs"], cwd=bench.study, PYTHONPATH=f"src:{ROOT}")
    return {"wall_s": json.loads(timed.printed[0])["epoch_s"] * bench.epochs * bench.runs / CORES}


def lab_make_repro(bench: Bench) -> dict[str, float]:
    """Time `make repro` in a clone that has neither runs nor data."""
    with clone(bench.runs, bench.epochs, bench.validation_size) as study:
        timed = run([sys.executable, "-m", "lenet.commands.repro"], cwd=study, PYTHONPATH="src")
        finished_runs = list(filter(None, (Provenance.load(entry) for entry in (study / ".runs").glob("?" * 64))))
    assert len(finished_runs) == bench.runs
    return {"wall_s": timed.wall_s, "train_s": busy_time_s(finished_runs)}


# In the order of docs/benchmarks.md, a to f. Their names are in training.csv.
CONTENDERS = (keras_fit, pytorch, pytorch_side_by_side, pytorch_compiled, lab_epochs, lab_make_repro)


@contextmanager
def clone(runs: int, epochs: int, validation_size: int | float) -> Iterator[Path]:
    """Yield a clone of the last commit. Its study is reduced to one variant, with `runs` runs of `epochs` epochs."""
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


def save_splits(study: Path, path: Path) -> int:
    """Write the train and validation splits of the study into one .npz file; return the size of the train split."""
    run([sys.executable, "-m", "dvc", "repro", "preprocess"], cwd=study)
    splits = {name: np.load(study / PROCESSED / f"{name}.npz") for name in ("train", "validation")}
    np.savez(path, **{f"{name}_{part}": split[part] for name, split in splits.items() for part in split.files})
    return len(splits["train"]["labels"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2, help="how often each contender is timed")
    parser.add_argument("--digits", type=int, default=54_000, help="how many of MNIST's 60,000 to train on")
    arguments = parser.parse_args()
    psutil.Process().cpu_affinity(psutil.Process().cpu_affinity()[:CORES])  # inherited by all processes started here
    with clone(arguments.runs, arguments.epochs, 60_000 - arguments.digits) as study:
        # torch.compile cannot link if the path of PyTorch has a space, as the checkout's may have.
        (study / ".bench").symlink_to(ROOT / ".bench")
        bench = Bench(study, arguments.runs, arguments.epochs, 60_000 - arguments.digits)
        train_size = save_splits(study, bench.images_file)
        for number in range(1, arguments.rounds + 1):
            for contender in CONTENDERS:
                keys = {
                    "machine": measured.machine(),
                    "digits": train_size,
                    "runs": arguments.runs,
                    "epochs": arguments.epochs,
                }
                keys |= {"contender": contender.__name__, "round": number}
                if not measured.has(keys):
                    measured.add(keys | contender(bench))
                    print(f"round {number}: {contender.__name__} has been timed", flush=True)
    page.write()


if __name__ == "__main__":
    main()
