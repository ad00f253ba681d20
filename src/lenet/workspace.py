"""The paths of the files that stages hand to each other (`dvc.yaml` names them too), and how they are written."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lenet.errors import FIXABLE, LabError

# Relative to the workspace, which is the current folder: the checkout, or a temporary copy of it in
# which DVC runs an experiment.
PARAMS = Path("params.yaml")
PIPELINE = Path("dvc.yaml")
LOCK = Path("dvc.lock")
RAW = Path("data/raw")
PROCESSED = Path("data/processed")
MODELS = Path("models")
PREDICTIONS = Path("predictions")
REPORTS = Path("reports")
METRICS = REPORTS / "metrics"
DETAILS = REPORTS / "details"
CURVES = REPORTS / "curves"
MISREAD = REPORTS / "misread"
FIGURES = REPORTS / "figures"
PICTURES = REPORTS / "pictures"
COMPARISON = REPORTS / "comparison.csv"
DIFFERENCES = REPORTS / "differences.csv"
MISTAKES = REPORTS / "mistakes.csv"
EXAMPLES = REPORTS / "examples.csv"
DRAW = REPORTS / "draw.html"
PAGE = REPORTS / "index.html"
MODEL_CARD = REPORTS / "model_card.md"
README = Path("README.md")
SWEEPS = Path("sweeps")
DEMO = Path(".demo")
# Where DVC makes the temporary workspaces of experiments.
_EXPERIMENTS = Path(".dvc/tmp/exps")


def variant_of_stage(stage: str) -> str:
    """Return the variant of the running stage, which DVC names in DVC_STAGE, as in `train@tanh_sgd`.

    Raises LabError where the stage was not started by DVC.
    """
    named, _, variant = os.environ.get("DVC_STAGE", "").partition("@")
    if named != stage or not variant:
        raise LabError(f"{stage}: no variant in DVC_STAGE: run it through DVC, as in `dvc repro {stage}@tanh_sgd`")
    return variant


def project_root() -> Path:
    """Return the folder of the checkout: the current folder, or the one in DVC_ROOT if this is its workspace.

    DVC names there the checkout whose experiment runs here. An outer DVC project, which names itself, does not count.
    """
    here, named = Path.cwd().resolve(), Path(os.environ.get("DVC_ROOT", ".")).resolve()
    workspaces = (named / _EXPERIMENTS, named / DEMO)
    return named if any(map(here.is_relative_to, workspaces)) else here


def run_store_folder() -> Path:
    """Return the untracked folder of finished runs, and of what else differs between machines or changes with time."""
    return project_root() / ".runs"


@contextmanager
def atomic_write(path: Path, durable: bool = False) -> Iterator[Path]:
    """Yield a path beside `path` to write a file or fill a folder at; it takes `path`'s place on success only.

    Several processes may write the same path at once: one of their versions is there in the end, whole. What killed
    processes left beside it is removed. durable: on success it is on the disk, whatever happens to the machine.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*.partial*"):  # SQLite's journal is named after its partial file
        if not _is_alive(int(left.suffixes[-2].removeprefix("."))):
            remove(left)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield beside
        if durable:
            _flush(beside)
        if path.is_dir():
            shutil.rmtree(path)
        beside.replace(path)
        if durable:
            _flush_one(path.parent)
    except OSError as error:
        if error.errno in FIXABLE and not error.filename:
            error.filename = str(path)  # a full disk does not say where
        raise
    finally:
        for left in path.parent.glob(f"{beside.name}*"):
            remove(left)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _flush(path: Path) -> None:
    """Wait until a file, or a folder with its files, is on the disk."""
    for inside in path.iterdir() if path.is_dir() else ():
        _flush_one(inside)
    _flush_one(path)


def _flush_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def orphans(variants: Iterable[str]) -> list[Path]:
    """Return the outputs of variants that params.yaml no longer has."""
    known = set(variants)
    folders = (MODELS, PREDICTIONS, METRICS, DETAILS, CURVES, MISREAD)
    found = (path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir()))
    # .tanh_sgd.partial belongs to tanh_sgd: a training in progress.
    return [path for path in found if path.name.lstrip(".").partition(".")[0] not in known]


def refuse_orphans(variants: Iterable[str]) -> None:
    """Raise LabError where outputs of removed variants would enter the comparison's dependencies."""
    if found := orphans(variants):
        names = ", ".join(map(str, found))
        raise LabError(
            f"outputs of variants that params.yaml no longer has: {names}: run `make repro`, which removes them"
        )


def remove_orphans(variants: Iterable[str]) -> list[Path]:
    """Remove the orphans; return their paths."""
    found = orphans(variants)
    for path in found:
        remove(path)
    return found


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
