"""The paths of the files that stages read and write (as in dvc.yaml), and functions to write files atomically."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lenet.errors import FIXABLE, LabError

# All paths are relative to the workspace, which is the current folder: the checkout, a side workspace of a demo or of a
# sweep (commands/side_workspace.py), or the temporary copy of the checkout in which DVC runs an experiment.
PARAMS = Path("params.yaml")
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
RESULTS = REPORTS / "results.md"
MODEL_CARD = REPORTS / "model_card.md"
README = Path("README.md")
SWEEPS = Path("sweeps")
DEMO = Path(".demo")
# The folder of the side workspaces in which sweeps prepare other data sets than the study's.
DATASETS = Path(".datasets")
# Where DVC makes the temporary workspaces of experiments.
_EXPERIMENTS = Path(".dvc/tmp/exps")


def variant_of_stage(stage: str) -> str:
    """Return the variant of the running stage. DVC passes it in the variable DVC_STAGE, as in `train@tanh_sgd`.

    stage: the stage's name without the variant, as in `train`. Raises LabError if DVC_STAGE contains a different stage
    or no variant. In that case, DVC has not started this stage.
    """
    stage_from_dvc, _, variant = os.environ.get("DVC_STAGE", "").partition("@")
    if stage_from_dvc != stage or not variant:
        raise LabError(f"{stage}: no variant in DVC_STAGE: run it with DVC, as in `dvc repro {stage}@tanh_sgd`")
    return variant


def project_root() -> Path:
    """Return the folder of the checkout, even if the current folder is another workspace (experiment, demo or sweep).

    In such a workspace, the variable DVC_ROOT names the checkout. Elsewhere DVC_ROOT is ignored: this program may
    run in a stage of an outer DVC project, and DVC_ROOT then names the outer project.
    """
    current_folder, dvc_root = Path.cwd().resolve(), Path(os.environ.get("DVC_ROOT", ".")).resolve()
    workspaces = (dvc_root / _EXPERIMENTS, dvc_root / DEMO, dvc_root / DATASETS)
    return dvc_root if any(map(current_folder.is_relative_to, workspaces)) else current_folder


def run_store_folder() -> Path:
    """Return the folder of the run store. This folder also holds other files that git does not track, such as locks."""
    return project_root() / ".runs"


@contextmanager
def atomic_write(path: Path, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`. The `with` block writes a new file or folder there.

    If the block succeeds, the new file or folder replaces `path`. If several processes write the same path at once, one
    complete version remains. Partial files of killed processes are removed.
    durable: wait until the new version is on the disk, so that it survives a power failure.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{path.name}.*.partial*"):  # SQLite's journal is named after its partial file
        if not _is_alive(int(leftover.suffixes[-2].removeprefix("."))):
            remove(leftover)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        if durable:
            _flush(partial)
        if path.is_dir():
            shutil.rmtree(path)
        partial.replace(path)
        if durable:
            _flush_one(path.parent)
    except OSError as error:
        if error.errno in FIXABLE and not error.filename:
            error.filename = str(path)  # the error of a full disk names no file
        raise
    finally:
        for leftover in path.parent.glob(f"{partial.name}*"):
            remove(leftover)


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, and belongs to another user
        pass
    return True


def _flush(path: Path) -> None:
    """Wait until a file, or a folder with its files, is on the disk."""
    for file in path.iterdir() if path.is_dir() else ():
        _flush_one(file)
    _flush_one(path)


def _flush_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_outputs_of_other_variants(variants: Iterable[str]) -> None:
    """Remove the outputs of variants that are no longer in params.yaml, and print their paths.

    The stage plot depends on whole folders, so it would also depend on these outputs. variants: the variants in
    params.yaml.
    """
    names = set(variants)
    for folder in (MODELS, PREDICTIONS, METRICS, DETAILS, CURVES, MISREAD):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            # .tanh_sgd.123.partial belongs to tanh_sgd: its training is in progress.
            if path.name.lstrip(".").partition(".")[0] not in names:
                remove(path)
                print(f"removed {path}: params.yaml no longer has its variant")


def remove(path: Path) -> None:
    """Remove a file, or a folder with its content. Do nothing if the path does not exist."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
