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
def work(tmp_path, monkeypatch):
    """A module of functions that workers can import, as they cannot import the tests; its folder is `tmp_path`."""
    (tmp_path / "pieces_of_work.py").write_text(
        textwrap.dedent(
            """
            import os, sys, time

            def square(task, emit):
                print("not a reply")
                emit(("started", task))
                return task * task

            def look(task, array, emit):
                time.sleep(0.3)
                return os.getpid(), int(array.sum())

            def surroundings(emit):
                return dict(os.environ), os.getcwd(), sys.path

            def fail(task, emit):
                raise ValueError(f"task {task} is not to my liking")

            def prepare(emit):
                time.sleep(0.3)
                sys.prepared = True

            def prepared(emit):
                return hasattr(sys, "prepared")

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
def worker(work, tmp_path):
    started = pool.WorkerProcess(tmp_path)
    yield started
    started.kill()


@pytest.fixture
def run(work, tmp_path):
    """Call a function with each task on some workers; yield what comes back. The workers end with the iteration."""

    def side_by_side(function, tasks, workers, *arguments):
        def do(worker, task):
            return task, worker.call(function, task, *arguments, emit=lambda event: None)

        with pool.ProcessPool(workers, modules=tmp_path) as started:
            yield from started.map(do, tasks)

    return side_by_side


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_the_work_emits_arrives_before_its_result_and_what_it_prints_is_no_reply(worker, work):
    events = []
    assert worker.call(work.square, 3, emit=events.append).result == 9
    assert events == [("started", 3)]


def test_every_task_comes_back_with_its_result_from_workers_that_are_reused_and_end_with_the_iteration(run, work):
    results = {task: measured.result for task, measured in run(work.look, range(6), 2, np.ones(3_000_000, np.uint8))}
    assert {task: total for task, (_, total) in results.items()} == dict.fromkeys(range(6), 3_000_000)
    workers = {pid for pid, _ in results.values()}
    assert len(workers) == 2
    assert os.getpid() not in workers
    wait_until(lambda: not any(map(alive, workers)), within_s=5)


def test_what_a_call_took_is_told(worker, work):
    measured = worker.call(work.look, 0, np.zeros(3, np.uint8), emit=print)
    assert measured.duration_s >= 0.3
    assert measured.peak_memory_mib > 10
    assert abs(measured.started_ms / 1000 - time.time()) < 60


def test_nothing_of_the_drivers_environment_reaches_a_worker_but_where_things_are(work, tmp_path, monkeypatch):
    for name in ("TF_XLA_FLAGS", "NUMBA_OPT", "GLIBC_TUNABLES", "PYTHONSTARTUP", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    worker = pool.WorkerProcess(tmp_path)
    environment, folder, path = worker.call(work.surroundings, emit=print).result
    worker.kill()
    assert environment.pop("PYTHONPATH").endswith(str(tmp_path))
    assert environment.pop("TMPDIR") == folder
    environment.pop("LC_CTYPE", None)  # which Python sets where no locale is named
    expected = determinism.environment()
    expected.pop("TMPDIR", None)
    assert environment == expected
    assert "7" not in environment.values()
    assert folder not in path
    assert not Path(folder).exists()  # it has gone with its worker


def test_an_error_in_a_worker_is_raised_with_the_place_it_comes_from(worker, work):
    with pytest.raises(ValueError, match="task 0 is not to my liking") as caught:
        worker.call(work.fail, 0, emit=print)
    assert "pieces_of_work.py" in caught.value.__notes__[0]
    assert worker.call(work.square, 2, emit=print).result == 4  # and the worker is as good as before


def test_an_error_in_a_worker_ends_the_iteration(run, work):
    with pytest.raises(ValueError, match="is not to my liking"):
        list(run(work.fail, [0, 1], 1))


def test_a_killed_worker_is_reported_in_one_line(worker, work):
    with pytest.raises(LabError, match=r"^a worker process was killed, .* lower compute.workers"):
        worker.call(work.die, emit=print)


@pytest.mark.parametrize(("most", "tasks", "expected"), [("auto", 1, 1), (3, 2, 2), (2, 3, 2), (2, 0, 0)])
def test_there_are_never_more_workers_than_tasks_and_as_many_as_asked_for(most, tasks, expected, monkeypatch):
    started = []
    monkeypatch.setattr(pool, "WorkerProcess", lambda modules: started.append(modules))
    monkeypatch.setattr(pool.ProcessPool, "_make_ready", lambda *_: None)
    workers = pool.ProcessPool(most)
    workers.start(tasks)
    assert len(started) == expected


def test_a_worker_prepares_itself_before_its_first_task_and_while_nobody_waits_for_it(work, tmp_path):
    def do(worker, task):
        return worker.call(work.prepared, emit=print).result

    with pool.ProcessPool(2, first=work.prepare, modules=tmp_path) as workers:
        workers.start(1)
        assert list(workers.map(do, range(4))) == [True] * 4


def test_a_worker_that_cannot_prepare_itself_fails_at_its_first_task(work, tmp_path):
    def do(worker, task):
        return worker.call(work.square, task, emit=print)

    with pool.ProcessPool(1, first=work.die, modules=tmp_path) as workers:
        with pytest.raises(LabError, match=r"^a worker process was killed"):
            list(workers.map(do, [0]))


DRIVER = """
import sys
from pathlib import Path
from lenet import program
from lenet.execution import pool
import pieces_of_work

def do(worker, task):
    worker.call(pieces_of_work.sleep, emit=lambda pid: print(pid, flush=True))

def main():
    with pool.ProcessPool(2, modules=Path(sys.argv[1])) as workers:
        list(workers.map(do, range(4)))

if __name__ == "__main__":
    program.run(main)
"""


@pytest.fixture
def driver(work, tmp_path):
    """A driver in a process group of its own, and the ids of its two workers, both at work."""
    (tmp_path / "driver.py").write_text(DRIVER)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "driver.py", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    workers = [int(process.stdout.readline()) for _ in range(2)]
    yield process, workers
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_group_ends_driver_and_workers_at_once_and_without_a_traceback(driver, number):
    process, workers = driver
    os.killpg(process.pid, number)  # as a terminal does it
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert errors.splitlines() == ["interrupted"]
    wait_until(lambda: not any(map(alive, workers)), within_s=3)


def test_workers_do_not_outlive_a_killed_driver(driver):
    process, workers = driver
    process.kill()
    wait_until(lambda: not any(map(alive, workers)), within_s=5)
