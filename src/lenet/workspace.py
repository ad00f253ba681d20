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
RAW = Path("data/raw")
PROCESSED = Path("data/processed")
MODELS = Path("models")
PREDICTIONS = Path("predictions")
REPORTS = Path("reports")
METRICS = REPORTS / "metrics"
DETAILS = REPORTS / "details"
CURVES = REPORTS / "curves"
FIGURES = REPORTS / "figures"
COMPARISON = REPORTS / "comparison.csv"
DIFFERENCES = REPORTS / "differences.csv"
MISTAKES = REPORTS / "mistakes.csv"
PAGE = REPORTS / "index.html"
README = Path("README.md")


def variant_of_stage(stage: str) -> str:
    """Return the variant of the running stage, which DVC names in DVC_STAGE, as in `train@tanh_sgd`.

    Raises LabError where the stage was not started by DVC.
    """
    named, _, variant = os.environ.get("DVC_STAGE", "").partition("@")
    if named != stage or not variant:
        raise LabError(f"{stage}: no variant in DVC_STAGE: run it through DVC, as in `dvc repro {stage}@tanh_sgd`")
    return variant


def project_root() -> Path:
    """Return the folder of the checkout. In a temporary workspace, DVC names it in DVC_ROOT."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def machine_notes() -> Path:
    """Return the untracked folder for what differs between machines or changes with time."""
    return project_root() / ".runs"


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write a file or fill a folder at; it takes `path`'s place on success only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    _remove(beside)
    try:
        yield beside
        if path.is_dir():
            shutil.rmtree(path)
        beside.replace(path)
    except OSError as error:
        if error.errno in FIXABLE and not error.filename:
            error.filename = str(path)  # a full disk does not say where
        raise
    finally:
        _remove(beside)


def orphans(variants: Iterable[str]) -> list[Path]:
    """Return the outputs of variants that params.yaml no longer has."""
    known = set(variants)
    folders = (MODELS, PREDICTIONS, METRICS, DETAILS, CURVES)
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
        _remove(path)
    return found


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
