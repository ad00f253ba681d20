"""The worker process alone, without the pool: the tests write its requests and read its replies."""

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


class UnwritableFile:
    """An HDF5 file that raises an error when it is closed, as on a full disk. error_number: the system's errno."""

    def __init__(self, error_number):
        self.error_number = error_number

    def __del__(self):
        raise RuntimeError(f"Can't decrement id ref count (file write failed, errno = {self.error_number}, buf = 0x1)")


def leave_unwritable_file(error_number, emit):
    UnwritableFile(error_number)


@pytest.mark.parametrize(("error_number", "is_shown"), [(errno.ENOSPC, False), (errno.EIO, True)])
def test_a_full_disk_is_not_reported_again_when_hdf5_closes_the_file(process, error_number, is_shown):
    pickle.dump((leave_unwritable_file, (error_number,)), process.stdin)
    process.stdin.flush()
    assert pickle.load(process.stdout)[0] == "done"
    _, errors = process.communicate(timeout=60)
    assert (b"Traceback" in errors) == is_shown


@pytest.mark.parametrize("bytes_sent", [0, 1000], ids=["between requests", "in the middle of one"])
def test_a_worker_ends_with_its_driver_even_in_the_middle_of_a_request(process, bytes_sent):
    process.stdin.write(pickle.dumps((print, ("x" * 10_000,)))[:bytes_sent])
    process.stdin.close()
    assert process.wait(60) == 0
