"""The run store, .runs/: each finished run is stored there under its digest and never trained again.

The folder of one run, `.runs/<digest>/`, is called an entry. It holds the run's four files, provenance.json, and
SHA256SUMS in the format of `sha256sum`. The checksums reveal a damaged entry. An entry is written whole or not at all.
DVC's temporary workspaces use the run store of their checkout.
"""

import hashlib
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lenet.errors import LabError
from lenet.runs.files import FILES, read_history, run_files, write_files
from lenet.runs.identity import RunIdentity
from lenet.runs.provenance import Provenance
from lenet.training.trained_run import HISTORY, History, TrainedRun
from lenet.workspace import atomic_write, remove, run_store_folder

_SUMS = "SHA256SUMS"
_DIGEST_LENGTH = 64


class Lock(FileLock):
    """A lock between processes. It is released when the process that holds it ends.

    The lock's file stays on the disk, even if no process holds the lock.
    """

    def acquire(self, *arguments: Any, **options: Any) -> Any:
        """Acquire the lock.

        Raises Timeout if another process holds the lock too long, LabError if the file system has no locks.
        """
        try:
            return super().acquire(*arguments, **options)
        except Timeout:
            raise
        except OSError as error:
            reason = f"{self.lock_file} cannot be locked ({error.strerror})"
            raise LabError(
                f"{reason}: move the checkout to a file system that has locks, such as a local disk"
            ) from None


def entry(digest: str) -> Path:
    """Return the path of a run's entry. The entry need not exist."""
    return run_store_folder() / digest


def has(identity: RunIdentity) -> bool:
    """Return whether the run store has an undamaged entry of the run. Remove a damaged entry and print a warning."""
    folder = entry(identity.digest)
    if not folder.is_dir():
        return False
    if not _is_whole(folder):
        print(f"warning: {folder} is damaged: this run (seed {identity.seed}) is trained again", file=sys.stderr)
        remove(folder)
        return False
    return True


def save(identity: RunIdentity, trained: TrainedRun, provenance: Provenance | None = None) -> None:
    """Write a run into the run store; raise OSError if the run cannot be written.

    When this function returns, the run is on the disk. provenance: where and when the run was trained; None if unknown.
    """
    files = run_files(identity, trained)
    with atomic_write(entry(identity.digest), durable=True) as folder:
        write_files(folder, files)
        (folder / _SUMS).write_text(_sums(files), encoding="utf-8")
        if provenance:
            provenance.save(folder)


def copy(identity: RunIdentity, folder: Path) -> None:
    """Copy a run's four files from the run store into a new folder."""
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(entry(identity.digest) / name, folder / name)


def load_provenance(digest: str) -> Provenance | None:
    """Return where and when a run was trained, or None if the run store does not have this information."""
    return Provenance.load(entry(digest))


def load_history(digest: str) -> History:
    """Read the metrics of each epoch of a run. The run store must have the run."""
    return read_history(entry(digest) / HISTORY)


def lock(name: str, **options: Any) -> Lock:
    """Return a lock that all processes of this checkout share, including those in temporary workspaces.

    name: "dvc", "mlflow" or the digest of a run. A process holds the lock of a run while it trains the run.
    """
    path = run_store_folder() / "locks" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return Lock(path, fallback_to_soft=False, **options)


def is_locked(digest: str) -> bool:
    """Return whether some process is training the run now."""
    run_lock = lock(digest)
    try:
        run_lock.acquire(timeout=0)
    except Timeout:
        return True
    run_lock.release()
    return False


def digests() -> list[str]:
    """Return the digests of all runs in the run store."""
    folders = (path for path in run_store_folder().glob("*") if path.is_dir())
    return sorted(folder.name for folder in folders if len(folder.name) == _DIGEST_LENGTH)


def entry_sizes() -> dict[str, int]:
    """Return the size in bytes of each entry: digest → size."""
    return {digest: sum(file.stat().st_size for file in entry(digest).iterdir()) for digest in digests()}


def prune(keep: Collection[str]) -> dict[str, int]:
    """Remove entries from the run store, and return the removed entries: digest → size in bytes.

    An entry stays if its run is being trained or if `keep` has the run's digest.
    """
    removed = {digest: size for digest, size in entry_sizes().items() if digest not in keep and not is_locked(digest)}
    for digest in removed:
        remove(entry(digest))
        Path(lock(digest).lock_file).unlink(missing_ok=True)
    return removed


def _is_whole(folder: Path) -> bool:
    try:
        files = {name: (folder / name).read_bytes() for name in FILES}
        return (folder / _SUMS).read_bytes() == _sums(files).encode()
    except OSError:
        return False


def _sums(files: Mapping[str, bytes]) -> str:
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
