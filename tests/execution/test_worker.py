"""The process on the other end of the pool, spoken to without it."""

import errno
import pickle
import subprocess
import sys

import pytest

from lenet.execution.worker import Measured


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


def asked(process, work, *arguments):
    """Send a request; return the replies up to the last one."""
    pickle.dump((work, arguments), process.stdin)
    process.stdin.flush()
    replies = [pickle.load(process.stdout)]
    while replies[-1][0] == "event":
        replies.append(pickle.load(process.stdout))
    return replies


def test_a_call_is_answered_with_its_result_and_what_it_took(process):
    ((kind, measured),) = asked(process, callable)  # what it is called with is the function to emit with
    assert kind == "done"
    assert isinstance(measured, Measured)
    assert measured.result is True


def test_a_call_that_fails_is_answered_with_its_error_and_the_next_one_all_the_same(process):
    ((kind, error),) = asked(process, max, 3, 5)
    assert kind == "failed"
    assert isinstance(error, TypeError)
    assert "Traceback" in error.__notes__[0]
    assert asked(process, callable)[0][0] == "done"


def test_it_ends_with_its_input(process):
    process.stdin.close()
    assert process.wait(timeout=20) == 0


def test_what_is_printed_goes_to_the_standard_error(process):
    ((kind, _),) = asked(process, print)
    assert kind == "done"
    process.stdin.close()
    process.wait()
    assert b"function" in process.stderr.read()


class Unclosed:
    """A file of HDF5 that complains when it is closed, as on a full disk; `number` is the system's."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        raise RuntimeError(f"Can't decrement id ref count (file write failed, errno = {self.number}, buf = 0x1)")


def leave_unclosed(number, emit):
    Unclosed(number)


@pytest.mark.parametrize(("number", "is_told"), [(errno.ENOSPC, False), (errno.EIO, True)])
def test_hdf5_does_not_complain_again_of_a_full_disk_when_a_file_is_closed(process, number, is_told):
    ((kind, _),) = asked(process, leave_unclosed, number)
    _, said = process.communicate(timeout=60)
    assert kind == "done"
    assert (b"Traceback" in said) == is_told


@pytest.mark.parametrize("sent", [0, 1000], ids=["between requests", "in the middle of one"])
def test_a_worker_ends_with_its_driver_whatever_that_was_doing(process, sent):
    process.stdin.write(pickle.dumps((print, ("x" * 10_000,)))[:sent])
    process.stdin.close()
    assert process.wait(60) == 0
