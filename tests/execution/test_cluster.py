"""Runs on a real Dask cluster: a scheduler and workers, processes of their own on the loopback interface."""

import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import dask
import psutil
import pytest
from distributed import Client, LocalCluster
from support.dask_clusters import certificates, cluster, quick_sources
from support.params import edit_params
from support.paths import ROOT
from support.runs import PROVENANCE, TRAINED
from support.servers import free_port, wait_until

from lenet.errors import LabError
from lenet.execution import schedule
from lenet.execution.cluster import Cluster
from lenet.runs import run_store
from lenet.settings import load_settings
from lenet.workspace import run_store_folder

pytestmark = pytest.mark.slow


@pytest.fixture
def data(processed):
    return processed


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Code that trains in no time: what is tried here is the way of a run, once with the real training."""
    return quick_sources(tmp_path_factory.mktemp("quick") / "src")


@pytest.fixture
def impatient(data):
    """As Dask's configuration or its variables say it."""
    with dask.config.set({"lenet.workers-timeout": "3s", "distributed.comm.timeouts.connect": "5s"}):
        yield


@pytest.fixture
def running(tmp_path, monkeypatch):
    """A cluster without workers, to which runs go."""
    with cluster(tmp_path / "cluster") as running:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", running.address)
        yield running


def wanted(seeds, epochs):
    """Return the runs of a variant from some seeds, of so many short epochs."""
    with edit_params() as params:
        params["seeds"] = list(range(seeds))
        params["base"]["epochs"] = epochs
    return schedule.planned_runs(load_settings(), ["tanh_sgd"])


def trained(runs, finished=None):
    """Train runs and return them as they finish."""
    finished = [] if finished is None else finished
    with schedule.process_pool("auto") as workers:
        for run in schedule.train_runs(runs, workers):
            assert run_store.has(run.identity)
            finished.append(run)
    return finished


@pytest.fixture
def thread():
    thread = ThreadPoolExecutor(1)
    yield thread
    thread.shutdown(wait=False)


def at_work(running):
    """The processes that train for the cluster's workers."""
    return [child for worker in running.workers for child in psutil.Process(worker.pid).children()]


def wait_until_it_trains(running):
    wait_until(lambda: at_work(running))


def test_a_cluster_begins_runs_in_their_order_sends_no_epochs_and_gives_the_bits_of_this_machine(
    data, running, monkeypatch, capsys
):
    running.start_worker(OMP_NUM_THREADS="2", TF_ENABLE_ONEDNN_OPTS="0", NUMBA_OPT="0")
    wanted(seeds=1, epochs=1)
    runs = schedule.planned_runs(load_settings(), ["tanh_sgd", "lenet5_1998"])[::-1]
    assert trained(runs) == runs
    assert "epoch" not in capsys.readouterr().err
    there = [sums(run) for run in runs]
    shutil.rmtree(run_store_folder())
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS")
    trained(runs)
    assert [sums(run) for run in runs] == there


def sums(run):
    return (run_store.entry(run.identity.digest) / "SHA256SUMS").read_text()


def test_what_calls_share_is_sent_to_each_worker_once(running):
    for _ in range(2):
        running.start_worker()
    with Cluster(running.address) as there, Client(running.address) as client:
        client.wait_for_workers(2)
        shared = there.share(bytes(10**6))
        calls = {there.submit(place, print, shared) for place in range(20)}
        while calls:
            calls -= {call for call in there.finished(calls) if there.result(call)}
        transfers = client.run(lambda dask_worker: dask_worker.state.transfer_incoming_count_total)
    from_the_driver, from_the_other = sorted(transfers.values())
    assert from_the_driver == 0
    assert 1 <= from_the_other <= 2  # Dask may drop what an idle worker has


def test_a_killed_worker_costs_its_current_run_which_is_trained_elsewhere_though_the_digits_were_lost(
    data, running, thread, quick
):
    running.start_worker(quick)
    runs = wanted(seeds=1, epochs=30)
    training = thread.submit(trained, runs)
    wait_until_it_trains(running)
    running.workers[0].kill()
    running.start_worker(quick)
    assert training.result(300) == runs


def test_a_run_that_kills_its_workers_ends_the_command(data, thread, tmp_path, monkeypatch, quick):
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    with cluster(tmp_path / "cluster") as running:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", running.address)
        running.start_worker(quick)
        training = thread.submit(trained, wanted(seeds=1, epochs=1000))
        wait_until_it_trains(running)
        running.workers[0].kill()
        with pytest.raises(LabError, match=r"^1 workers of .* were lost one after the other with the same run, most"):
            training.result(300)


def test_a_run_that_another_process_trains_is_not_trained_again_and_others_do_not_wait_for_it(
    data, running, thread, quick
):
    running.start_worker(quick)
    locked, free = wanted(seeds=2, epochs=1)
    with run_store.lock(locked.identity.digest):
        training = thread.submit(trained, [locked, free], finished := [])
        wait_until(lambda: finished == [free])
        run_store.save(locked.identity, TRAINED, PROVENANCE)
    assert training.result(300) == [free, locked]
    assert run_store.load_provenance(locked.identity.digest) == PROVENANCE


def test_a_worker_of_other_code_and_versions_is_refused_with_what_differs(data, running, tmp_path):
    other = shutil.copytree(ROOT / "src", tmp_path / "other/src", ignore=shutil.ignore_patterns("__pycache__"))
    with open(other / "lenet/network/layers.py", "a") as file:
        file.write("\n_ANOTHER = 1\n")
    (other / "keras-3.0.0.dist-info").mkdir()
    (other / "keras-3.0.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 3.0.0\n")
    running.start_worker(other)
    with pytest.raises(LabError) as refused:
        trained(wanted(seeds=1, epochs=1))
    assert re.fullmatch(
        r"the Dask worker tcp://127\.0\.0\.1:\d+ differs from this command as it was at its start, and might give "
        r"other bits \(keras 3\.0\.0 instead of 3\.[\d.]+; other code in src/lenet/network/layers\.py\): "
        r"give it the same code .*",
        str(refused.value),
    )


def test_a_scheduler_that_dies_leaves_what_is_finished_and_ends_with_one_line(data, running, thread, quick):
    running.start_worker(quick)
    runs = wanted(seeds=2, epochs=30)
    training = thread.submit(trained, runs, finished := [])
    wait_until(lambda: finished and at_work(running))
    running.scheduler.kill()
    with pytest.raises(LabError, match=r"^the Dask scheduler at tcp://127\.0\.0\.1:\d+ was lost: start it, then run"):
        training.result(300)
    assert schedule.missing_runs(runs) == runs[1:]


def test_no_worker_within_the_time_given_is_an_error(data, running, impatient):
    with pytest.raises(
        LabError, match=r"has had no worker for [3-9] s: start some .*, then run the same command again; finished"
    ):
        trained(wanted(seeds=1, epochs=1))


def test_a_cluster_that_starts_its_first_worker_on_demand_is_given_runs(data, monkeypatch):
    with LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address="127.0.0.1:0") as local:
        local.adapt(maximum=1, interval="200ms")
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", local.scheduler_address)
        assert len(trained(wanted(seeds=1, epochs=1))) == 1


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{port}", "nonsense", "tls://127.0.0.1:{port}"])
def test_no_scheduler_at_the_address_is_an_error(data, monkeypatch, impatient, address):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address.format(port=free_port()))
    with pytest.raises(LabError, match=r"^no Dask scheduler answers at DASK_SCHEDULER_ADDRESS=.*: correct the address"):
        trained(wanted(seeds=1, epochs=1))


DRIVER = """
from lenet import program
from lenet.execution import schedule
from lenet.execution.cluster import Cluster
from lenet.runs import run_store
from lenet.settings import load_settings

def main():
    with schedule.process_pool("auto") as workers:
        list(schedule.train_runs(schedule.planned_runs(load_settings(), ["tanh_sgd"]), workers))

program.run(main)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_or_a_driver_that_is_killed_stops_what_was_sent(data, running, number, quick):
    running.start_worker(quick)
    wanted(seeds=2, epochs=1000)
    with subprocess.Popen([sys.executable, "-c", DRIVER], stderr=subprocess.PIPE, text=True) as driver:
        wait_until_it_trains(running)
        driver.send_signal(number)
        _, errors = driver.communicate(timeout=10)
    if number == signal.SIGINT:
        assert errors.splitlines()[-1] == "interrupted"
    wait_until(lambda: not at_work(running))


def test_a_worker_without_this_project_is_an_error(data, running):
    running.start_worker(running.without_the_project)
    with pytest.raises(
        LabError, match=r"a worker of .* has no module named 'lenet\.execution': set up this checkout on"
    ):
        trained(wanted(seeds=1, epochs=1))


def test_a_time_that_is_none_is_an_error(data, monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:8786")
    with dask.config.set({"lenet.workers-timeout": "soon"}):
        with pytest.raises(LabError, match=r"^DASK_LENET__WORKERS_TIMEOUT=soon: expected how long to wait"):
            trained(wanted(seeds=1, epochs=1))


def test_tls_is_used_as_dask_is_configured(data, tmp_path, monkeypatch, quick):
    for name, value in certificates(tmp_path).items():
        monkeypatch.setenv(name, value)
    dask.config.refresh()  # as a new process would
    with cluster(tmp_path / "secured", protocol="tls") as running:
        running.start_worker(quick)
        assert running.address.startswith("tls://")
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", running.address)
        assert len(trained(wanted(seeds=1, epochs=1))) == 1


def test_without_the_package_the_error_says_what_to_install(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:8786")
    with pytest.raises(LabError, match=r"the package distributed is not installed: run `make setup`, or unset"):
        trained(wanted(seeds=1, epochs=1))
