"""Run DVC: in the foreground, or beside a training. The commands of a checkout take turns."""

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
from lenet.mnist.mirrors import unreachable_note
from lenet.runs.run_store import named_lock
from lenet.tracking import mlflow_store
from lenet.workspace import LOCK, MODELS, PARAMS, atomic_write
from lenet.yaml_files import has_conflicts

# DVC runs stages by the user's shell, which need not be one for scripts. Another DVC process may hold the repository's
# lock: that is waited for.
COMMAND = ("env", "SHELL=/bin/sh", sys.executable, "-m", "dvc", "--wait-for-lock")
_LITTLE_MB = 100


def reproduce(arguments: Sequence[str]) -> bool:
    """Run `dvc repro`; return False if the data cannot be downloaded; raise LabError if anything else fails.

    arguments: its targets, and its options.
    Its stages publish nothing: each would import MLflow, and this process has done so.
    """
    note = unreachable_note()
    note.unlink(missing_ok=True)
    with _alone():
        status = foreground.run([*COMMAND, "repro", *arguments], os.environ | mlflow_store.disabled_environment())
    if status == 0:
        return True
    if note.is_file():
        return False
    raise LabError(
        f"the pipeline stopped: {_room_left()}see the message above. When its cause is removed, run the same command "
        "again: what finished before is kept"
    )


def checkout_models(variants: Iterable[str]) -> None:
    """Bring back from DVC's cache the models that dvc.lock names; leave as they are those that the cache lacks."""
    folders = [str(MODELS / variant) for variant in variants]
    with _alone():
        subprocess.run([*COMMAND, "checkout", "--quiet", *folders], capture_output=True, check=False)


def reproduce_quietly(targets: Sequence[str], is_cancelled: Callable[[], bool]) -> bool:
    """Run `dvc repro` and print its warnings alone; return whether it ran. If it fails, say so in a warning.

    is_cancelled: asked when it is this command's turn.
    """
    with _alone():
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
        print(f"warning: {', '.join(targets)} failed, and will be tried again:\n{done.stderr}", file=sys.stderr)
        return False
    for line in done.stderr.splitlines():
        if line.startswith("warning: "):
            print(line, file=sys.stderr)
    return True


@contextmanager
def _alone() -> Iterator[None]:
    """Wait for another `make repro` or `make sweep` of this checkout: DVC fails where another DVC runs a stage."""
    lock = named_lock("dvc")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("waiting for DVC, which another `make repro` or `make sweep` runs here", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _room_left() -> str:
    """Say how much the disk has left where that is little: DVC does not tell a full one."""
    free = shutil.disk_usage(".").free >> 20
    return f"only {free} MB are left on the disk: free some space; " if free < _LITTLE_MB else ""


def evaluate_targets(variants: Iterable[str], everything: Iterable[str] = ()) -> list[str]:
    """Return DVC's names of the stages that evaluate variants; one name for all where that is everything.

    DVC takes a second longer for each target.
    """
    names = list(variants)
    return ["evaluate"] if names and set(names) == set(everything) else [f"evaluate@{variant}" for variant in names]


def refuse_without_git() -> None:
    """Raise LabError where the checkout is no git repository: DVC would fail, after a download."""
    here = Path.cwd()
    if not any((folder / ".git").exists() for folder in (here, *here.parents)):
        raise LabError(
            f"{here} is no git repository, as after a download as ZIP, and DVC needs one: "
            "clone the project instead, or run `git init` here, then try again"
        )


def refuse_conflicts() -> None:
    """Raise LabError where a merge has left conflicts in dvc.lock."""
    if LOCK.is_file() and has_conflicts(LOCK.read_text(encoding="utf-8", errors="replace")):
        raise LabError(
            f"{LOCK} has conflicts of a merge: correct {PARAMS} if it has some too, then `rm {LOCK} && make repro` "
            "makes lock, reports and README anew from the runs, which are kept"
        )


def drop_removed_variants(variants: Iterable[str]) -> None:
    """Remove from dvc.lock the stages of variants that params.yaml no longer has: DVC keeps them for ever."""
    if not LOCK.is_file():
        return
    written = YAML()
    written.width = sys.maxsize
    lock, known = written.load(LOCK), set(variants)
    gone = [stage for stage in lock["stages"] if "@" in stage and stage.partition("@")[2] not in known]
    for stage in gone:
        del lock["stages"][stage]
    if gone:
        with atomic_write(LOCK) as partial:
            written.dump(lock, partial)


def remove_damaged_lock(path: Path = Path(".dvc/tmp/rwlock")) -> None:
    """Remove DVC's list of locks if a full disk left it cut off: every later `dvc repro` would fail."""
    for attempt in range(2):  # DVC may just be writing it
        try:
            json.loads(path.read_text(encoding="utf-8"))
            return
        except FileNotFoundError:
            return
        except ValueError:
            time.sleep(1 - attempt)
    path.unlink(missing_ok=True)
    print(f"removed {path}, which was truncated, perhaps by a full disk", file=sys.stderr)
