"""The process on the other end of the pool, spoken to without it."""

import errno
import pickle
import subprocess
import sys

import pytest


@pytest.fixture
def process():
    started = subprocess.Popen(
        [sys.executable, "-c", "from lenet.execution import worker; worker.main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    yield started
    started.kill()
    started.wait()
    started.stdin.close()
    started.stdout.close()
    started.stderr.close()


class Unclosed:
    """A file of HDF5 that complains when it is closed, as on a full disk; `number` is the system's."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        raise RuntimeError(f"Can't decrement id ref count (file write failed, errno = {self.number}, buf = 0x1)")


def leave_unclosed(number, emit):
    Unclosed(number)


@pytest.mark.parametrize(("number", "is_shown"), [(errno.ENOSPC, False), (errno.EIO, True)])
def test_hdf5_does_not_complain_again_of_a_full_disk_when_a_file_is_closed(process, number, is_shown):
    pickle.dump((leave_unclosed, (number,)), process.stdin)
    process.stdin.flush()
    assert pickle.load(process.stdout)[0] == "done"
    _, errors = process.communicate(timeout=60)
    assert (b"Traceback" in errors) == is_shown


@pytest.mark.parametrize("sent", [0, 1000], ids=["between requests", "in the middle of one"])
def test_a_worker_ends_with_its_driver_whatever_that_was_doing(process, sent):
    process.stdin.write(pickle.dumps((print, ("x" * 10_000,)))[:sent])
    process.stdin.close()
    assert process.wait(60) == 0
