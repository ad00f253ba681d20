"""Runs on a real Dask cluster: a scheduler and workers, processes of their own on the loopback interface."""

import os
import shutil
import signal
import subprocess
import sys
import time
from threading import Thread

import dask
import psutil
import pytest
from support.dask_clusters import certificates, cluster
from support.params import edit_params
from support.paths import ROOT
from support.servers import free_port

from lenet.errors import LabError
from lenet.execution import schedule
from lenet.runs import store, trainer
from lenet.settings import load_settings

pytestmark = pytest.mark.slow


@pytest.fixture
def data(processed):
    return processed


@pytest.fixture
def impatient(data):
    """As Dask's configuration or its variables say it."""
    with dask.config.set({"lenet.workers-timeout": "3s", "distributed.comm.timeouts.connect": "5s"}):
        yield


@pytest.fixture
def a_cluster(tmp_path, monkeypatch):
    """Start a scheduler, to which runs go from now on, and so many workers with this checkout's code."""
    monkeypatch.setattr("lenet.execution.cluster._LARGE", 10_000)  # as MNIST's digits are, these few are sent once
    with cluster(tmp_path / "cluster") as running:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", running.address)

        def of(workers):
            for _ in range(workers):
                running.start_worker()
            return running

        yield of


def wanted(seeds, epochs):
    """Return the runs of a variant from some seeds, of so many short epochs."""
    with edit_params() as params:
        params["seeds"] = list(range(seeds))
        params["base"]["epochs"] = epochs
    return schedule.planned_runs(load_settings(), ["tanh_sgd"])


class Training(Thread):
    """Runs that are being trained: those that are finished, the error that ended them."""

    def __init__(self, runs):
        super().__init__()
        self.runs, self.finished_runs, self.error = runs, [], None
        self.start()

    def run(self):
        try:
            for run in schedule.train_runs(self.runs, trainer.train, "auto"):
                assert store.load_provenance(run.identity.digest).tags["host"]
                self.finished_runs.append(run)
        except Exception as error:
            self.error = error

    def wait_for(self, happened):
        end = time.monotonic() + 400
        while not happened():
            assert self.is_alive(), self.error
            assert time.monotonic() < end
            time.sleep(0.02)

    def result(self):
        self.join(500)
        assert not self.is_alive()
        if self.error:
            raise self.error
        return self


def at_work(running):
    """The processes that train for the cluster's workers."""
    return [child for worker in running.workers for child in psutil.Process(worker.pid).children()]


def train(running, runs):
    """Whether so many processes train, or are about to: they have imported TensorFlow."""
    return sum("tensorflow" in str(process.memory_maps()) for process in at_work(running)) == runs


def test_three_workers_train_each_run_once_and_send_no_epochs(data, a_cluster, capsys):
    a_cluster(3)
    runs = wanted(seeds=3, epochs=3)
    done = Training(runs).result()
    assert sorted(run.name for run in done.finished_runs) == [run.name for run in runs]
    assert schedule.lacking(runs) == []
    assert "epoch" not in capsys.readouterr().err


def test_a_killed_worker_costs_its_current_run_which_is_trained_elsewhere(data, a_cluster):
    running = a_cluster(2)
    runs = wanted(seeds=2, epochs=30)
    going_on = Training(runs)
    going_on.wait_for(lambda: train(running, 2))
    running.workers[0].kill()
    assert sorted(run.name for run in going_on.result().finished_runs) == [run.name for run in runs]
    assert schedule.lacking(runs) == []


def test_data_that_were_lost_with_all_workers_are_sent_again_to_the_next(data, a_cluster):
    running = a_cluster(1)
    runs = wanted(seeds=1, epochs=30)
    going_on = Training(runs)
    going_on.wait_for(lambda: train(running, 1))
    running.workers[0].kill()
    running.start_worker()
    going_on.result()
    assert schedule.lacking(runs) == []


def copied_sources(folder):
    return shutil.copytree(ROOT / "src", folder, ignore=shutil.ignore_patterns("__pycache__"))


def edit(sources):
    """Edit a module that decides bits."""
    with open(sources / "lenet/network/layers.py", "a") as file:
        file.write("\n_ANOTHER = 1\n")


def wait_for_refusal(capsys):
    said, end = "", time.monotonic() + 60
    while "is not used" not in said:
        said += capsys.readouterr().err
        assert time.monotonic() < end
        time.sleep(0.05)
    return said


def test_a_worker_of_other_code_is_refused_by_name_before_it_trains_and_the_others_do_its_work(
    data, a_cluster, tmp_path, capsys
):
    running, other = a_cluster(0), copied_sources(tmp_path / "other")
    edit(other)
    running.start_worker(other)
    going_on = Training(wanted(seeds=1, epochs=1))
    said = wait_for_refusal(capsys)
    running.start_worker()
    assert len(going_on.result().finished_runs) == 1
    (line,) = [line for line in (said + capsys.readouterr().err).splitlines() if "is not used" in line]
    assert line.startswith("warning: worker tcp://127.0.0.1:")
    assert line.endswith(" is not used: other code in src/lenet/network/layers.py")


def test_beside_a_refused_worker_a_new_one_takes_over_from_one_that_is_lost(data, a_cluster, tmp_path, capsys):
    running, other = a_cluster(0), copied_sources(tmp_path / "other")
    edit(other)
    running.start_worker(other)
    runs = wanted(seeds=1, epochs=12)
    going_on = Training(runs)
    wait_for_refusal(capsys)
    running.start_worker()
    going_on.wait_for(lambda: train(running, 1))
    running.workers[1].kill()
    running.start_worker()
    assert len(going_on.result().finished_runs) == 1


def test_where_all_workers_are_refused_the_error_names_them_and_the_versions_in_which_they_differ(
    data, a_cluster, tmp_path, capsys
):
    (tmp_path / "older/keras-3.0.0.dist-info").mkdir(parents=True)
    (tmp_path / "older/keras-3.0.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: keras\nVersion: 3.0.0\n"
    )
    a_cluster(0).start_worker(os.pathsep.join([str(tmp_path / "older"), str(ROOT / "src")]))
    with dask.config.set({"lenet.workers-timeout": "15s"}):
        going_on = Training(wanted(seeds=1, epochs=1))
        assert "is not used: keras 3.0.0 instead of 3." in wait_for_refusal(capsys)
        with pytest.raises(
            LabError, match=r"has had no worker but tcp://127.0.0.1:\d+, refused above, for \d+ s: start some"
        ):
            going_on.result()


def test_a_scheduler_that_dies_leaves_what_is_finished_and_ends_with_one_line(data, a_cluster):
    running = a_cluster(1)
    runs = wanted(seeds=2, epochs=10)
    going_on = Training(runs)
    going_on.wait_for(lambda: going_on.finished_runs and at_work(running))
    running.scheduler.kill()
    with pytest.raises(LabError, match=r"^the Dask scheduler at tcp://127\.0\.0\.1:\d+ was lost: start it, then run"):
        going_on.result()
    assert len(going_on.finished_runs) == 1
    assert schedule.lacking(runs) == [run for run in runs if run not in going_on.finished_runs]


def test_no_worker_within_the_time_given_is_an_error(data, a_cluster, impatient):
    a_cluster(0)
    with pytest.raises(
        LabError, match=r"has had no worker for [3-9] s: start some .*, then run the same command again$"
    ):
        Training(wanted(seeds=1, epochs=1)).result()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{port}", "nonsense", "tls://127.0.0.1:{port}"])
def test_no_scheduler_at_the_address_is_an_error(data, monkeypatch, impatient, address):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address.format(port=free_port()))
    with pytest.raises(LabError, match=r"^no Dask scheduler answers at DASK_SCHEDULER_ADDRESS=.*: correct the address"):
        Training(wanted(seeds=1, epochs=1)).result()


DRIVER = """
from lenet import errors
from lenet.execution import schedule
from lenet.runs import store, trainer
from lenet.settings import load_settings

def main():
    list(schedule.train_runs(schedule.planned_runs(load_settings(), ["tanh_sgd"]), trainer.train, "auto"))

errors.run(main)
"""


def started(sources=ROOT / "src"):
    """Start a process that trains on the cluster with that code."""
    environment = os.environ | {"PYTHONPATH": str(sources)}
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_until_it_trains(driver, running):
    end = time.monotonic() + 400
    while not train(running, 1):
        assert driver.poll() is None, driver.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_or_a_driver_that_is_killed_stops_what_was_sent(data, a_cluster, number):
    running = a_cluster(1)
    wanted(seeds=2, epochs=1000)
    with started() as it:
        wait_until_it_trains(it, running)
        assert len(at_work(running)) == 1
        it.send_signal(number)
        it.stdout.read()
        if number == signal.SIGINT:
            assert it.stderr.read().splitlines()[-1] == "interrupted"
    end = time.monotonic() + 60
    while at_work(running):
        assert time.monotonic() < end
        time.sleep(0.2)


def test_code_that_is_edited_meanwhile_ends_the_command_with_one_line(data, a_cluster, tmp_path):
    sources = copied_sources(tmp_path / "shared")
    running = a_cluster(0)
    running.start_worker(sources)
    wanted(seeds=2, epochs=10)
    with started(sources) as it:
        wait_until_it_trains(it, running)
        edit(sources)
        it.stdout.read()
        last = it.stderr.read().splitlines()[-1]
    assert last.startswith("error: the code was edited while runs were trained on a cluster: run the same command")
    assert it.returncode == 1


def test_a_scheduler_without_this_project_is_an_error(data, tmp_path, monkeypatch):
    (tmp_path / "other/lenet").mkdir(parents=True)
    (tmp_path / "other/lenet/__init__.py").touch()  # hides the one that is installed
    with cluster(tmp_path / "cluster", sources=tmp_path / "other") as running:
        running.start_worker()
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", running.address)
        with pytest.raises(LabError, match=r"does not know this project's code: set up this checkout where it runs"):
            Training(wanted(seeds=1, epochs=1)).result()


def test_a_time_that_is_none_is_an_error(data, a_cluster):
    a_cluster(0)
    with dask.config.set({"lenet.workers-timeout": "soon"}):
        with pytest.raises(LabError, match=r"^DASK_LENET__WORKERS_TIMEOUT=soon: expected how long to wait"):
            Training(wanted(seeds=1, epochs=1)).result()


def test_tls_is_used_as_dask_is_configured(data, tmp_path, monkeypatch):
    for name, value in certificates(tmp_path).items():
        monkeypatch.setenv(name, value)
    dask.config.refresh()  # as a new process would
    with cluster(tmp_path / "secured", protocol="tls") as running:
        running.start_worker()
        assert running.address.startswith("tls://")
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", running.address)
        assert len(Training(wanted(seeds=1, epochs=1)).result().finished_runs) == 1


def test_without_the_package_the_error_says_what_to_install(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:8786")
    with pytest.raises(LabError, match=r"the package distributed is not installed: run `make setup`, or unset"):
        Training(wanted(seeds=1, epochs=1)).result()
