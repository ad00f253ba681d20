import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import psutil
import pytest

from lenet.errors import LabError
from lenet.execution import pool


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A module of functions that workers can import, as they cannot import the tests."""
    (tmp_path / "pieces_of_work.py").write_text(
        textwrap.dedent(
            """
            import os, time

            def square(task, emit):
                emit(("started", task))
                return task * task

            def look(task, array, emit):
                time.sleep(0.3)
                return os.getpid(), type(array).__name__, int(array.sum())

            def fail(task, emit):
                raise ValueError(f"task {task} is not to my liking")

            def die(task, emit):
                os.kill(os.getpid(), 9)

            def sleep(task, emit):
                emit(os.getpid())
                time.sleep(600)
            """
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{os.environ['PYTHONPATH']}{os.pathsep}{tmp_path}")
    import pieces_of_work

    yield pieces_of_work
    del sys.modules["pieces_of_work"]


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone_within(seconds, pids):
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(alive(pid) for pid in pids):
        time.sleep(0.05)
    return not any(alive(pid) for pid in pids)


def test_every_task_comes_back_with_its_result(work):
    finished = list(pool.run_side_by_side(work.square, range(5), (), 2, lambda event: None))
    assert {run.task: run.result for run in finished} == {0: 0, 1: 1, 2: 4, 3: 9, 4: 16}


def test_all_events_have_arrived_when_the_work_is_done(work):
    events = []
    list(pool.run_side_by_side(work.square, range(5), (), 2, events.append))
    assert sorted(events) == [("started", task) for task in range(5)]


def test_workers_are_reused_and_end_with_the_stage(work):
    array = np.ones(3_000_000, np.uint8)
    finished = list(pool.run_side_by_side(work.look, range(6), (array,), 2, lambda event: None))
    workers = {run.result[0] for run in finished}
    assert len(workers) == 2
    assert os.getpid() not in workers
    assert gone_within(5, workers)


def test_large_arrays_are_mapped_not_copied(work):
    array = np.ones(3_000_000, np.uint8)
    (run,) = pool.run_side_by_side(work.look, [0], (array,), 1, lambda event: None)
    assert run.result[1:] == ("memmap", 3_000_000)


def test_what_a_task_took_is_told(work):
    (run,) = pool.run_side_by_side(work.look, [0], (np.zeros(3, np.uint8),), 1, lambda event: None)
    assert run.duration_s >= 0.3
    assert run.peak_memory_mib > 10
    assert abs(run.started_ms / 1000 - time.time()) < 60


def test_an_error_in_a_worker_is_raised_in_the_driver(work):
    with pytest.raises(ValueError, match="task 0 is not to my liking"):
        list(pool.run_side_by_side(work.fail, [0], (), 1, lambda event: None))


def test_a_killed_worker_is_reported_in_one_line(work):
    with pytest.raises(LabError, match=r"^a worker process was killed, .* lower compute.workers"):
        list(pool.run_side_by_side(work.die, [0], (), 1, lambda event: None))


def test_there_are_never_more_workers_than_tasks():
    assert pool.worker_count("auto", 1) == 1
    assert pool.worker_count(8, 3) == 3
    assert pool.worker_count(2, 3) == 2
    assert 1 <= pool.worker_count("auto", 1000) <= os.cpu_count()


DRIVER = """
from lenet import errors
from lenet.execution import pool
import pieces_of_work

if __name__ == "__main__":
    show = lambda pid: print(pid, flush=True)
    errors.run(lambda: list(pool.run_side_by_side(pieces_of_work.sleep, range(4), (), 2, show)))
"""


@pytest.fixture
def driver(work, tmp_path):
    """A driver in a process group of its own, and the ids of its two workers, both at work."""
    (tmp_path / "driver.py").write_text(DRIVER)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "driver.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    workers = [int(process.stdout.readline()) for _ in range(2)]
    yield process, workers
    process.kill()
    process.communicate()


def test_ctrl_c_ends_driver_and_workers_at_once_and_without_a_traceback(driver):
    process, workers = driver
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to the whole group
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert errors.splitlines() == ["interrupted"]
    assert gone_within(3, workers)


def test_workers_do_not_outlive_a_killed_driver(driver):
    process, workers = driver
    process.kill()
    assert gone_within(5, workers)
