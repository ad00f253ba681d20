"""The run store, .runs/: a run that is finished lies there under its digest, and is never trained again.

`.runs/<digest>/` holds the run's four files, SHA256SUMS (as `sha256sum` writes it), by which a damaged entry is
noticed, and provenance.json. An entry is written whole or not at all. Temporary workspaces share the checkout's store.
"""

import hashlib
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lenet.errors import LabError
from lenet.runs.files import FILES, files_of, read_history, write_files
from lenet.runs.identity import RunIdentity
from lenet.runs.provenance import Provenance
from lenet.training.trained_run import HISTORY, History, TrainedRun
from lenet.workspace import atomic_write, remove, run_store_folder

_SUMS = "SHA256SUMS"
_DIGEST_LENGTH = 64


class Lock(FileLock):
    """A lock that a process holds, and loses when it ends. Only that counts, not that the lock's file is there."""

    def acquire(self, *arguments: Any, **options: Any) -> Any:
        """Raise Timeout where another process holds it too long, LabError where the file system has no locks."""
        try:
            return super().acquire(*arguments, **options)
        except Timeout:
            raise
        except OSError as error:
            reason = f"{self.lock_file} cannot be locked ({error.strerror})"
            raise LabError(
                f"{reason}: move the checkout to a file system that has locks, as a local disk has"
            ) from None


def entry(digest: str) -> Path:
    """Return the folder of a run's entry, which need not be there."""
    return run_store_folder() / digest


def has(identity: RunIdentity) -> bool:
    """Return whether the run is there and undamaged; a damaged entry is removed with a warning."""
    folder = entry(identity.digest)
    if not folder.is_dir():
        return False
    if not _is_whole(folder):
        print(f"warning: {folder} is damaged: this run (seed {identity.seed}) is trained anew", file=sys.stderr)
        remove(folder)
        return False
    return True


def save(identity: RunIdentity, trained: TrainedRun, provenance: Provenance | None = None) -> None:
    """Put a run into the store, on the disk when this returns; raise OSError where it cannot be written.

    provenance: where and when it was trained, if that is known.
    """
    files = files_of(identity, trained)
    with atomic_write(entry(identity.digest), durable=True) as folder:
        write_files(folder, files)
        (folder / _SUMS).write_text(_sums(files), encoding="utf-8")
        if provenance:
            provenance.save(folder)


def copy(identity: RunIdentity, folder: Path) -> None:
    """Copy a run's four files from the store into a new folder."""
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(entry(identity.digest) / name, folder / name)


def load_provenance(digest: str) -> Provenance | None:
    """Return where and when a run was trained, or None if that is not known here."""
    return Provenance.load(entry(digest))


def load_history(digest: str) -> History:
    """Read the metrics of each epoch of a run that is there."""
    return read_history(entry(digest) / HISTORY)


def lock(digest: str) -> Lock:
    """Return the lock of a run, which whoever trains it holds."""
    return named_lock(digest)


def named_lock(name: str, **options: Any) -> Lock:
    """Return a lock between this checkout's processes, those in temporary workspaces included."""
    path = run_store_folder() / "locks" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return Lock(path, fallback_to_soft=False, **options)


def is_locked(digest: str) -> bool:
    """Whether some process trains the run now."""
    held = lock(digest)
    try:
        held.acquire(timeout=0)
    except Timeout:
        return True
    held.release()
    return False


def entries() -> dict[str, int]:
    """Return the size of each entry in bytes, by digest."""
    folders = [path for path in run_store_folder().glob("*") if path.is_dir() and len(path.name) == _DIGEST_LENGTH]
    return {folder.name: sum(file.stat().st_size for file in folder.iterdir()) for folder in sorted(folders)}


def prune(keep: Collection[str]) -> dict[str, int]:
    """Remove all entries but those to keep, and those that are being trained; return the sizes of what went."""
    gone = {digest: size for digest, size in entries().items() if digest not in keep and not is_locked(digest)}
    for digest in gone:
        remove(entry(digest))
        Path(lock(digest).lock_file).unlink(missing_ok=True)
    return gone


def _is_whole(folder: Path) -> bool:
    try:
        files = {name: (folder / name).read_bytes() for name in FILES}
        return (folder / _SUMS).read_bytes() == _sums(files).encode()
    except OSError:
        return False


def _sums(files: Mapping[str, bytes]) -> str:
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
