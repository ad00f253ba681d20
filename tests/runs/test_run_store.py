"""The entries of the run store are whole. Damaged entries are noticed and removed."""

import errno
import fcntl
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import Timeout
from support.builders import identity
from support.runs import PROVENANCE, TRAINED

from lenet.errors import LabError
from lenet.runs import run_store
from lenet.runs.files import FILES

DIGEST = identity().digest

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def entry():
    run_store.save(identity(), TRAINED, PROVENANCE)
    return Path(".runs") / DIGEST


def test_an_entry_has_the_runs_files_its_provenance_and_checksums_that_sha256sum_accepts(entry):
    assert sorted(path.name for path in entry.iterdir()) == sorted([*FILES, "SHA256SUMS", "provenance.json"])
    assert run_store.has(identity())
    assert run_store.load_provenance(DIGEST) == PROVENANCE
    check = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=entry, capture_output=True)
    assert check.returncode == 0


def test_a_copy_has_the_four_files_but_not_the_provenance(entry):
    run_store.copy(identity(), Path("models/tanh_sgd/seed-0"))
    copied = {path.name: path.read_bytes() for path in Path("models/tanh_sgd/seed-0").iterdir()}
    assert copied == {name: (entry / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("name", [*FILES, "SHA256SUMS"])
@pytest.mark.parametrize("damage", ["a flipped bit", "cut off", "gone"])
def test_a_damaged_entry_is_removed_with_one_line_of_warning(entry, name, damage, capsys):
    path, content = entry / name, (entry / name).read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if damage == "cut off" else bytes([content[0] ^ 1]) + content[1:])
    assert not run_store.has(identity())
    assert not entry.exists()
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"warning: {entry.resolve()} is damaged: this run (seed 0) is trained again"


@pytest.mark.parametrize("content", [None, b'{"tags": ', b"[]"])
def test_an_entry_is_whole_even_if_its_provenance_is_missing_or_damaged(entry, content):
    (entry / "provenance.json").unlink() if content is None else (entry / "provenance.json").write_bytes(content)
    assert run_store.has(identity())
    assert run_store.load_provenance(DIGEST) is None


def test_a_full_disk_leaves_neither_an_entry_nor_partial_files(monkeypatch):
    def fail_to_write(self, folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(PROVENANCE), "save", fail_to_write)
    with pytest.raises(OSError, match="No space left"):
        run_store.save(identity(), TRAINED, PROVENANCE)
    assert list(Path(".runs").iterdir()) == []


def test_a_temporary_workspace_uses_the_run_store_of_its_checkout(tmp_path, monkeypatch, entry):
    workspace = tmp_path / ".dvc/tmp/exps/tmp"
    workspace.mkdir(parents=True)
    monkeypatch.chdir(workspace)
    assert (run_store.has(identity()), run_store.load_provenance(DIGEST)) == (False, None)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert run_store.has(identity())


HOLD = """
import sys, time
from lenet.runs import run_store
with run_store.lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def lock_holder():
    """Another process, which holds the lock of the run `DIGEST`."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, DIGEST], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("error_number", [errno.ENOLCK, errno.EBADF, errno.ENOSYS])
def test_a_file_system_without_locks_is_an_error_even_if_the_lock_file_exists(monkeypatch, error_number):
    def refuse(*_):
        raise OSError(error_number, os.strerror(error_number))

    with run_store.lock(DIGEST):
        pass  # leaves the lock's file
    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(
        LabError, match=rf"{DIGEST}\.lock cannot be locked \({os.strerror(error_number)}\): move the checkout"
    ):
        run_store.lock(DIGEST).acquire(timeout=5)


def test_a_lock_excludes_other_processes_until_its_holder_ends(lock_holder):
    assert run_store.is_locked(DIGEST)
    with pytest.raises(Timeout):
        run_store.lock(DIGEST).acquire(timeout=0)
    lock_holder.kill()
    lock_holder.wait()
    assert not run_store.is_locked(DIGEST)
    with run_store.lock(DIGEST):
        assert run_store.is_locked(DIGEST)


def test_prune_removes_all_runs_except_those_to_keep_and_those_in_training(entry, lock_holder):
    other = replace(identity(), seed=7)
    run_store.save(other, TRAINED, PROVENANCE)
    assert run_store.entry_sizes()[DIGEST] == sum(path.stat().st_size for path in entry.iterdir())
    assert run_store.prune({other.digest}) == {}
    assert list(run_store.prune(set())) == [other.digest]
    assert set(run_store.entry_sizes()) == {DIGEST}
    lock_holder.kill()
    lock_holder.wait()
    assert list(run_store.prune(set())) == [DIGEST]
