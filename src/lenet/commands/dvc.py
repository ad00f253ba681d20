"""Run DVC in the foreground, or quietly while runs are trained. In a checkout, only one command at a time runs DVC."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout
from ruamel.yaml import YAML

from lenet.commands import foreground
from lenet.errors import LabError
from lenet.mnist.mirrors import unreachable_note_path
from lenet.runs import run_store
from lenet.tracking import mlflow_store
from lenet.workspace import LOCK, MODELS, PARAMS, atomic_write
from lenet.yaml_files import has_conflicts

# DVC runs stages with the user's shell, which may not be a POSIX shell. If another DVC process holds the repository's
# lock, DVC waits for it.
COMMAND = ("env", "SHELL=/bin/sh", sys.executable, "-m", "dvc", "--wait-for-lock")
_LOW_DISK_SPACE_MB = 100
# The beginnings of lines of `dvc repro` that are not shown: stages that DVC does not run, and hints that it prints each
# time, even if no remote storage is set up.
_HIDDEN = (
    "Stage '",
    "Use `dvc push` to send your updates to remote storage.",
    "To track the changes with git, run:",
    "git add ",
    "To enable auto staging, run:",
    "dvc config core.autostage true",
)


def reproduce(arguments: Sequence[str]) -> bool:
    """Run `dvc repro`; return False if the data cannot be downloaded; raise LabError if anything else fails.

    arguments: targets and options of `dvc repro`.
    The stages do not publish to MLflow. The calling process publishes instead, so that MLflow is imported only once.
    """
    note = unreachable_note_path()
    note.unlink(missing_ok=True)
    with _dvc_lock():
        # Unbuffered, so that what the stages print comes at once through the pipe.
        environment = os.environ | mlflow_store.disabled_environment() | {"PYTHONUNBUFFERED": "1"}
        status = foreground.run([*COMMAND, "repro", *arguments], environment, hidden=_HIDDEN)
    if status == 0:
        return True
    if note.is_file():
        return False
    raise LabError(
        f"the pipeline stopped: {_disk_space_hint()}see the message above. Correct its cause, then run the same "
        "command again: finished runs and stages are kept"
    )


def recorded_digests() -> dict[str, dict[str, str]]:
    """Return the digests in dvc.lock: stage → path of an output → digest of the output."""
    stages = YAML(typ="safe").load(LOCK)["stages"]
    return {name: {out["path"]: out["md5"] for out in stage["outs"]} for name, stage in stages.items()}


def checkout_models(variants: Iterable[str]) -> None:
    """Restore the models of these variants from DVC's cache, in the versions that dvc.lock records.

    Models that are missing from the cache stay as they are.
    """
    if not LOCK.is_file():
        return
    digests = {path: digest for outputs in recorded_digests().values() for path, digest in outputs.items()}
    with _dvc_lock():
        printed = subprocess.run([*COMMAND, "cache", "dir"], capture_output=True, text=True, check=False).stdout
        # DVC itself would search for seconds, in a fresh clone in vain.
        cached = {f"{path.parent.name}{path.name}" for path in Path(printed.strip()).glob("files/md5/*/*.dir")}
        folders = [path for path in (str(MODELS / name) for name in variants) if digests.get(path) in cached]
        if folders:
            subprocess.run([*COMMAND, "checkout", "--quiet", *folders], capture_output=True, check=False)


def reproduce_quietly(targets: Sequence[str], is_cancelled: Callable[[], bool]) -> bool:
    """Run `dvc repro` without its usual output, and return whether the command succeeded.

    Waits first until no other command of this checkout runs DVC. Warnings are printed. A failure is printed as a
    warning, with DVC's own messages.
    is_cancelled: called after this wait. If it returns True, `dvc repro` is not run, and False is returned.
    """
    with _dvc_lock():
        if is_cancelled():
            return False
        done = subprocess.run(
            [*COMMAND, "repro", *targets],
            env=os.environ | mlflow_store.disabled_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    if done.returncode:
        print(
            f"warning: {', '.join(targets)} failed and will be tried again after the training:\n{done.stderr}",
            file=sys.stderr,
        )
        return False
    for line in done.stderr.splitlines():
        if line.startswith("warning: "):
            print(line, file=sys.stderr)
    return True


@contextmanager
def _dvc_lock() -> Iterator[None]:
    """Wait until no other command of this checkout runs DVC. During the `with` block, other commands wait.

    Without this lock, DVC would fail while another DVC process runs a stage.
    """
    lock = run_store.lock("dvc")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("waiting: another `make repro`, `make demo` or `make sweep` runs DVC here", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _disk_space_hint() -> str:
    """Return a hint if the disk is almost full, otherwise an empty text.

    DVC's own message does not mention a full disk.
    """
    free_mb = shutil.disk_usage(".").free >> 20
    return f"only {free_mb} MB are left on the disk: free some space; " if free_mb < _LOW_DISK_SPACE_MB else ""


def evaluate_targets(variants: Iterable[str], all_variants: Iterable[str] = ()) -> list[str]:
    """Return the targets with which `dvc repro` evaluates these variants: `evaluate@<variant>` for each variant.

    If these are all variants, return only the target `evaluate`, because each target costs DVC a second.
    """
    names = list(variants)
    return ["evaluate"] if names and set(names) == set(all_variants) else [f"evaluate@{variant}" for variant in names]


def refuse_without_git() -> None:
    """Raise LabError if the current folder is not in a git repository, for example in a ZIP download: DVC needs git."""
    here = Path.cwd()
    if not any((folder / ".git").exists() for folder in (here, *here.parents)):
        raise LabError(
            f"{here} is not a git repository (was it downloaded as a ZIP file?), and DVC needs one: "
            "clone the project instead, or run `git init` here, then try again"
        )


def refuse_conflicts() -> None:
    """Raise LabError if dvc.lock has merge conflicts."""
    if LOCK.is_file() and has_conflicts(LOCK.read_text(encoding="utf-8", errors="replace")):
        raise LabError(
            f"{LOCK} has merge conflicts: resolve those in {PARAMS} first, if there are any, then run "
            f"`rm {LOCK} && make repro`, which writes {LOCK}, reports and README again and loses no trained run"
        )


def drop_removed_variants(variants: Iterable[str]) -> None:
    """Clean dvc.lock: if a variant is no longer in params.yaml, remove its stages. DVC itself never removes stages.

    variants: the names of the variants in params.yaml.
    """
    if not LOCK.is_file():
        return
    round_trip = YAML()
    round_trip.width = sys.maxsize
    lock, current_variants = round_trip.load(LOCK), set(variants)
    removed_stages = [
        stage for stage in lock["stages"] if "@" in stage and stage.partition("@")[2] not in current_variants
    ]
    for stage in removed_stages:
        del lock["stages"][stage]
    if removed_stages:
        with atomic_write(LOCK) as partial:
            round_trip.dump(lock, partial)


def remove_damaged_lock() -> None:
    """If DVC's list of locks is truncated, for example by a full disk, remove the file.

    With a truncated file, every later `dvc repro` would fail.
    """
    path = Path(".dvc/tmp/rwlock")
    for wait_s in (1, 0):  # DVC may be writing the file at this moment
        try:
            json.loads(path.read_text(encoding="utf-8"))
            return
        except FileNotFoundError:
            return
        except ValueError:
            time.sleep(wait_s)
    path.unlink(missing_ok=True)
    print(f"removed {path}, which was truncated, perhaps by a full disk", file=sys.stderr)
