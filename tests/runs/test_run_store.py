"""The run store: what is in it is whole, and what is damaged is noticed."""

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


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)


@pytest.fixture
def stored():
    run_store.save(identity(), TRAINED, PROVENANCE)
    return Path(".runs") / DIGEST


def test_a_run_lies_under_its_digest_with_sums_that_sha256sum_checks_and_where_it_was_trained(stored):
    assert sorted(path.name for path in stored.iterdir()) == sorted([*FILES, "SHA256SUMS", "provenance.json"])
    assert run_store.has(identity())
    assert run_store.load_provenance(DIGEST) == PROVENANCE
    done = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=stored, capture_output=True)
    assert done.returncode == 0


def test_a_copy_has_the_four_files_and_nothing_of_the_machine(stored):
    run_store.copy(identity(), Path("models/tanh_sgd/seed-0"))
    copied = {path.name: path.read_bytes() for path in Path("models/tanh_sgd/seed-0").iterdir()}
    assert copied == {name: (stored / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("name", [*FILES, "SHA256SUMS"])
@pytest.mark.parametrize("damage", ["a flipped bit", "cut off", "gone"])
def test_a_damaged_entry_is_removed_with_one_line_of_warning(stored, name, damage, capsys):
    path, content = stored / name, (stored / name).read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if damage == "cut off" else bytes([content[0] ^ 1]) + content[1:])
    assert not run_store.has(identity())
    assert not stored.exists()
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"warning: {stored.resolve()} is damaged: this run (seed 0) is trained anew"


@pytest.mark.parametrize("content", [None, b'{"tags": ', b"[]"])
def test_lost_or_damaged_notes_of_the_machine_damage_nothing(stored, content):
    (stored / "provenance.json").unlink() if content is None else (stored / "provenance.json").write_bytes(content)
    assert run_store.has(identity())
    assert run_store.load_provenance(DIGEST) is None


def test_a_disk_that_fills_leaves_no_entry_and_nothing_beside_it(monkeypatch):
    def full(self, folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(PROVENANCE), "save", full)
    with pytest.raises(OSError, match="No space left"):
        run_store.save(identity(), TRAINED, PROVENANCE)
    assert list(Path(".runs").iterdir()) == []


def test_a_temporary_workspace_shares_the_store_of_the_checkout(tmp_path, monkeypatch, stored):
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
def held():
    """A run that another process holds the lock of; returns that process."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, DIGEST], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EBADF, errno.ENOSYS])
def test_a_file_system_without_locks_is_one_line_even_where_a_lock_was_brought_from_elsewhere(monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    with run_store.lock(DIGEST):
        pass  # its file stays
    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(
        LabError, match=rf"{DIGEST}\.lock cannot be locked \({os.strerror(number)}\): move the checkout"
    ):
        run_store.lock(DIGEST).acquire(timeout=5)


def test_a_lock_is_held_between_processes_and_ends_with_its_holder(held):
    assert run_store.is_locked(DIGEST)
    with pytest.raises(Timeout):
        run_store.lock(DIGEST).acquire(timeout=0)
    held.kill()
    held.wait()
    assert not run_store.is_locked(DIGEST)
    with run_store.lock(DIGEST):
        assert run_store.is_locked(DIGEST)


def test_pruning_removes_what_is_not_to_be_kept_but_no_run_that_is_being_trained(stored, held):
    other = replace(identity(), seed=7)
    run_store.save(other, TRAINED, PROVENANCE)
    assert run_store.entries()[DIGEST] == sum(path.stat().st_size for path in stored.iterdir())
    assert run_store.prune({other.digest}) == {}
    assert list(run_store.prune(set())) == [other.digest]
    assert set(run_store.entries()) == {DIGEST}
    held.kill()
    held.wait()
    assert list(run_store.prune(set())) == [DIGEST]
