"""Train runs on a real Dask cluster. The scheduler and the Dask workers are processes on the loopback interface."""

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
from lenet.execution.cluster import Connection
from lenet.runs import run_store
from lenet.settings import load_settings
from lenet.workspace import run_store_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quick_code(tmp_path_factory):
    """A copy of the code in which `quick_training` replaces the training.

    Tests use this copy if they check only how runs are sent to Dask workers.
    """
    return quick_sources(tmp_path_factory.mktemp("quick_code") / "src")


@pytest.fixture
def short_timeouts(processed):
    """Set short timeouts in Dask's configuration."""
    with dask.config.set({"lenet.workers-timeout": "3s", "distributed.comm.timeouts.connect": "5s"}):
        yield


@pytest.fixture
def dask_cluster(tmp_path, monkeypatch):
    """A cluster that has no Dask workers at first.

    DASK_SCHEDULER_ADDRESS contains the cluster's address, so the tested code sends runs to this cluster.
    """
    with cluster(tmp_path / "cluster") as dask_cluster:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", dask_cluster.address)
        yield dask_cluster


def plan_runs(seeds, epochs):
    """Return the runs of one variant. seeds: the number of seeds. epochs: the number of epochs of each run."""
    with edit_params() as params:
        params["seeds"] = list(range(seeds))
        params["base"]["epochs"] = epochs
    return schedule.planned_runs(load_settings(), ["tanh_sgd"])


def train(runs, finished=None, workers="auto"):
    """Train the runs. Append each finished run to the list `finished`, and return this list.

    workers: how many processes train on this machine, if no cluster does.
    """
    finished = [] if finished is None else finished
    with schedule.process_pool(workers) as processes:
        for run in schedule.train_runs(runs, processes):
            assert run_store.has(run.identity)
            finished.append(run)
    return finished


@pytest.fixture
def background():
    background = ThreadPoolExecutor(1)
    yield background
    background.shutdown(wait=False)


def training_processes(dask_cluster):
    """Return the processes that train runs. They are the children of the cluster's Dask workers."""
    return [child for worker in dask_cluster.workers for child in psutil.Process(worker.pid).children()]


def wait_until_training(dask_cluster):
    wait_until(lambda: training_processes(dask_cluster))


def test_a_cluster_trains_runs_in_order_shows_no_epochs_and_gives_the_bits_of_this_machine(
    processed, dask_cluster, monkeypatch, capsys
):
    dask_cluster.start_worker(OMP_NUM_THREADS="2", TF_ENABLE_ONEDNN_OPTS="0", NUMBA_OPT="0")
    plan_runs(seeds=1, epochs=1)
    runs = schedule.planned_runs(load_settings(), ["tanh_sgd", "lenet5_1998"])[::-1]
    assert train(runs) == runs
    assert "epoch" not in capsys.readouterr().err
    cluster_checksums = [checksums(run) for run in runs]
    shutil.rmtree(run_store_folder())
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS")
    train(runs, workers=1)
    assert [checksums(run) for run in runs] == cluster_checksums


def checksums(run):
    return (run_store.entry(run.identity.digest) / "SHA256SUMS").read_text()


def test_shared_data_is_sent_to_each_dask_worker_once(dask_cluster):
    for _ in range(2):
        dask_cluster.start_worker()
    with Connection(dask_cluster.address) as connection, Client(dask_cluster.address) as client:
        client.wait_for_workers(2)
        shared = connection.share(bytes(10**6))
        calls = {connection.submit(position, print, shared) for position in range(20)}
        while calls:
            calls -= {call for call in connection.finished_calls(calls) if connection.result(call)}
        transfers = client.run(lambda dask_worker: dask_worker.state.transfer_incoming_count_total)
    first_worker_count, second_worker_count = sorted(transfers.values())
    assert first_worker_count == 0  # it got the value from the driver
    assert 1 <= second_worker_count <= 2  # two if Dask dropped the value while the Dask worker was idle


def test_the_run_of_a_killed_dask_worker_is_trained_by_another_one_which_gets_the_data_again(
    processed, dask_cluster, background, quick_code
):
    dask_cluster.start_worker(quick_code)
    runs = plan_runs(seeds=1, epochs=30)
    training = background.submit(train, runs)
    wait_until_training(dask_cluster)
    dask_cluster.workers[0].kill()
    dask_cluster.start_worker(quick_code)
    assert training.result(300) == runs


def test_a_run_that_kills_its_dask_workers_ends_the_command(processed, background, tmp_path, monkeypatch, quick_code):
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    with cluster(tmp_path / "cluster") as dask_cluster:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", dask_cluster.address)
        dask_cluster.start_worker(quick_code)
        training = background.submit(train, plan_runs(seeds=1, epochs=1000))
        wait_until_training(dask_cluster)
        dask_cluster.workers[0].kill()
        with pytest.raises(LabError, match=r"^1 Dask workers of .* were lost one after the other with the same run"):
            training.result(300)


def test_a_run_that_another_process_trains_is_not_trained_again_and_delays_no_other_run(
    processed, dask_cluster, background, quick_code
):
    dask_cluster.start_worker(quick_code)
    locked, free = plan_runs(seeds=2, epochs=1)
    with run_store.lock(locked.identity.digest):
        training = background.submit(train, [locked, free], finished := [])
        wait_until(lambda: finished == [free])
        run_store.save(locked.identity, TRAINED, PROVENANCE)
    assert training.result(300) == [free, locked]
    assert run_store.load_provenance(locked.identity.digest) == PROVENANCE


def test_a_dask_worker_with_other_code_and_versions_is_refused_with_a_list_of_differences(
    processed, dask_cluster, tmp_path
):
    other = shutil.copytree(ROOT / "src", tmp_path / "other/src", ignore=shutil.ignore_patterns("__pycache__"))
    with open(other / "lenet/network/layers.py", "a") as file:
        file.write("\n_ANOTHER = 1\n")
    (other / "keras-3.0.0.dist-info").mkdir()
    (other / "keras-3.0.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 3.0.0\n")
    dask_cluster.start_worker(other)
    with pytest.raises(LabError) as refused:
        train(plan_runs(seeds=1, epochs=1))
    assert re.fullmatch(
        r"the Dask worker tcp://127\.0\.0\.1:\d+ differs from this machine \(keras 3\.0\.0 instead of 3\.[\d.]+; "
        r"other code in src/lenet/network/layers\.py\), so its runs might have other bits: give it the same .*",
        str(refused.value),
    )


def test_if_the_scheduler_dies_the_command_ends_and_finished_runs_are_kept(
    processed, dask_cluster, background, quick_code
):
    dask_cluster.start_worker(quick_code)
    runs = plan_runs(seeds=2, epochs=30)
    training = background.submit(train, runs, finished := [])
    wait_until(lambda: finished and training_processes(dask_cluster))
    dask_cluster.scheduler.kill()
    with pytest.raises(LabError, match=r"^the Dask scheduler at tcp://127\.0\.0\.1:\d+ was lost: start it, then run"):
        training.result(300)
    assert schedule.missing_runs(runs) == runs[1:]


def test_a_cluster_without_dask_workers_is_an_error_after_the_timeout(processed, dask_cluster, short_timeouts):
    with pytest.raises(
        LabError, match=r"has had no Dask worker for [3-9] s: start some .*, then run the same command again; finished"
    ):
        train(plan_runs(seeds=1, epochs=1))


def test_a_cluster_that_starts_dask_workers_on_demand_trains_runs(processed, monkeypatch):
    with LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address="127.0.0.1:0") as local:
        local.adapt(maximum=1, interval="200ms")
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", local.scheduler_address)
        assert len(train(plan_runs(seeds=1, epochs=1))) == 1


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{port}", "nonsense", "tls://127.0.0.1:{port}"])
def test_no_scheduler_at_the_address_is_an_error(processed, monkeypatch, short_timeouts, address):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address.format(port=free_port()))
    with pytest.raises(
        LabError, match=r"^cannot connect to the Dask scheduler at DASK_SCHEDULER_ADDRESS=.*: correct that, or unset"
    ):
        train(plan_runs(seeds=1, epochs=1))


DRIVER = """
from lenet import program
from lenet.execution import schedule
from lenet.execution.cluster import Connection
from lenet.runs import run_store
from lenet.settings import load_settings

def main():
    with schedule.process_pool("auto") as workers:
        list(schedule.train_runs(schedule.planned_runs(load_settings(), ["tanh_sgd"]), workers))

program.run(main)
"""


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_or_killing_the_driver_stops_the_training_on_the_cluster(
    processed, dask_cluster, signal_number, quick_code
):
    dask_cluster.start_worker(quick_code)
    plan_runs(seeds=2, epochs=1000)
    with subprocess.Popen([sys.executable, "-c", DRIVER], stderr=subprocess.PIPE, text=True) as driver:
        wait_until_training(dask_cluster)
        driver.send_signal(signal_number)
        _, errors = driver.communicate(timeout=10)
    if signal_number == signal.SIGINT:
        assert errors.splitlines()[-1] == "interrupted"
    wait_until(lambda: not training_processes(dask_cluster))


def test_a_dask_worker_without_this_project_is_an_error(processed, dask_cluster):
    dask_cluster.start_worker(dask_cluster.sources_without_project)
    with pytest.raises(
        LabError, match=r"a Dask worker of .* has no module named 'lenet\.execution': set up this checkout on"
    ):
        train(plan_runs(seeds=1, epochs=1))


def test_an_invalid_timeout_is_an_error(processed, monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:8786")
    with dask.config.set({"lenet.workers-timeout": "soon"}):
        with pytest.raises(LabError, match=r"lenet\.workers-timeout \(DASK_LENET__WORKERS_TIMEOUT\) is soon: expected"):
            train(plan_runs(seeds=1, epochs=1))


def test_the_connection_uses_the_tls_settings_of_dask(processed, tmp_path, monkeypatch, quick_code):
    for name, value in certificates(tmp_path).items():
        monkeypatch.setenv(name, value)
    dask.config.refresh()  # a new process would read the variables at its start
    with cluster(tmp_path / "secured", protocol="tls") as dask_cluster:
        dask_cluster.start_worker(quick_code)
        assert dask_cluster.address.startswith("tls://")
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", dask_cluster.address)
        assert len(train(plan_runs(seeds=1, epochs=1))) == 1


def test_if_the_package_distributed_is_missing_the_error_says_what_to_do(processed, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:8786")
    with pytest.raises(LabError, match=r"the package distributed is not installed: run `make setup`, or unset"):
        train(plan_runs(seeds=1, epochs=1))
