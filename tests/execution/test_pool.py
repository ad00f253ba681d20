import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from support.servers import wait_until

from lenet.errors import LabError
from lenet.execution import pool
from lenet.network import determinism


@pytest.fixture
def functions(tmp_path, monkeypatch):
    """A module of functions that workers call. It is in `tmp_path`, because workers cannot import the test modules."""
    (tmp_path / "pieces_of_work.py").write_text(
        textwrap.dedent(
            """
            import os, sys, time

            def square(task, emit):
                print("not a reply")
                emit(("started", task))
                return task * task

            def sum_array(task, array, emit):
                time.sleep(0.3)
                return os.getpid(), int(array.sum())

            def environment(emit):
                return dict(os.environ), os.getcwd(), sys.path

            def fail(task, emit):
                raise ValueError(f"task {task} failed on purpose")

            def warm_up(emit):
                time.sleep(0.3)
                sys.is_warm = True

            def is_warm(emit):
                return hasattr(sys, "is_warm")

            def die(emit):
                os.kill(os.getpid(), 9)

            def sleep(emit):
                emit(os.getpid())
                time.sleep(600)
            """
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    import pieces_of_work

    yield pieces_of_work
    del sys.modules["pieces_of_work"]


@pytest.fixture
def worker(functions, tmp_path):
    worker_process = pool.WorkerProcess(tmp_path)
    yield worker_process
    worker_process.kill()


def is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_events_arrive_before_the_result_and_printed_text_is_not_taken_for_a_reply(worker, functions):
    events = []
    assert worker.call(functions.square, 3, emit=events.append).result == 9
    assert events == [("started", 3)]


def test_every_task_gets_its_result_from_reused_workers_that_end_with_the_pool(functions, tmp_path):
    def call(worker, task):
        return task, worker.call(functions.sum_array, task, np.ones(3_000_000, np.uint8), emit=print).result

    with pool.ProcessPool(2, extra_modules=tmp_path) as process_pool:
        results = dict(process_pool.map(call, range(6)))
    assert {task: total for task, (_, total) in results.items()} == dict.fromkeys(range(6), 3_000_000)
    worker_pids = {pid for pid, _ in results.values()}
    assert len(worker_pids) == 2
    assert os.getpid() not in worker_pids
    wait_until(lambda: not any(map(is_alive, worker_pids)), within_s=5)


def test_the_result_of_a_call_has_its_duration_peak_memory_and_start(worker, functions):
    call_result = worker.call(functions.sum_array, 0, np.zeros(3, np.uint8), emit=print)
    assert call_result.duration_s >= 0.3
    assert call_result.peak_memory_mib > 10
    assert abs(call_result.started_ms / 1000 - time.time()) < 60


def test_a_worker_gets_only_those_variables_of_the_driver_that_name_locations(functions, tmp_path, monkeypatch):
    for name in ("TF_XLA_FLAGS", "NUMBA_OPT", "GLIBC_TUNABLES", "PYTHONSTARTUP", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    worker = pool.WorkerProcess(tmp_path)
    environment, folder, path = worker.call(functions.environment, emit=print).result
    worker.kill()
    assert environment.pop("PYTHONPATH").endswith(str(tmp_path))
    assert environment.pop("TMPDIR") == folder
    environment.pop("LC_CTYPE", None)  # Python sets it if no locale is set
    expected = determinism.training_environment()
    expected.pop("TMPDIR", None)
    assert environment == expected
    assert "7" not in environment.values()
    assert folder not in path
    assert not Path(folder).exists()  # deleted with the worker


def test_an_error_in_a_worker_is_raised_in_the_driver_with_the_workers_traceback(worker, functions):
    with pytest.raises(ValueError, match="task 0 failed on purpose") as caught:
        worker.call(functions.fail, 0, emit=print)
    assert "pieces_of_work.py" in caught.value.__notes__[0]
    assert worker.call(functions.square, 2, emit=print).result == 4  # the worker still works


def test_a_killed_worker_is_reported_in_one_line(worker, functions):
    with pytest.raises(LabError, match=r"^a worker process was killed, .* set compute.workers"):
        worker.call(functions.die, emit=print)


@pytest.mark.parametrize(("max_workers", "tasks", "expected"), [("auto", 1, 1), (3, 2, 2), (2, 3, 2), (2, 0, 0)])
def test_a_pool_starts_one_worker_per_task_but_at_most_max_workers(max_workers, tasks, expected, monkeypatch):
    started = []
    monkeypatch.setattr(pool, "WorkerProcess", lambda extra_modules: started.append(extra_modules))
    monkeypatch.setattr(pool.ProcessPool, "_warm_up_worker", lambda *_: None)
    process_pool = pool.ProcessPool(max_workers)
    process_pool.start(tasks)
    assert len(started) == expected


def test_each_worker_warms_up_before_its_first_task(functions, tmp_path):
    def call(worker, task):
        return worker.call(functions.is_warm, emit=print).result

    with pool.ProcessPool(2, warm_up=functions.warm_up, extra_modules=tmp_path) as process_pool:
        process_pool.start(1)
        assert list(process_pool.map(call, range(4))) == [True] * 4


def test_a_worker_whose_warm_up_fails_raises_the_error_at_its_first_task(functions, tmp_path):
    def call(worker, task):
        return worker.call(functions.square, task, emit=print)

    with pool.ProcessPool(1, warm_up=functions.die, extra_modules=tmp_path) as process_pool:
        with pytest.raises(LabError, match=r"^a worker process was killed"):
            list(process_pool.map(call, [0]))


DRIVER = """
import sys
from pathlib import Path
from lenet import program
from lenet.execution import pool
import pieces_of_work

def call(worker, task):
    worker.call(pieces_of_work.sleep, emit=lambda pid: print(pid, flush=True))

def main():
    with pool.ProcessPool(2, extra_modules=Path(sys.argv[1])) as process_pool:
        list(process_pool.map(call, range(4)))

if __name__ == "__main__":
    program.run(main)
"""


@pytest.fixture
def driver(functions, tmp_path):
    """A driver in its own process group, and the process ids of its two workers. Both workers are executing a call."""
    (tmp_path / "driver.py").write_text(DRIVER)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "driver.py", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    worker_pids = [int(process.stdout.readline()) for _ in range(2)]
    yield process, worker_pids
    process.kill()
    process.communicate()


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_process_group_ends_driver_and_workers_at_once_without_a_traceback(driver, signal_number):
    process, worker_pids = driver
    os.killpg(process.pid, signal_number)  # as a terminal does
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 128 + signal_number
    assert errors.splitlines() == ["interrupted"]
    wait_until(lambda: not any(map(is_alive, worker_pids)), within_s=3)


def test_workers_do_not_outlive_a_killed_driver(driver):
    process, worker_pids = driver
    process.kill()
    wait_until(lambda: not any(map(is_alive, worker_pids)), within_s=5)
