"""What several test modules share: the project's root, a workspace to work in, a few real digits."""

import os
import shutil
import signal

import hypothesis
import pytest
from support.paths import ROOT
from support.pipelines import pipeline  # noqa: F401  # found by its name
from xdist.scheduler import LoadFileScheduling

from lenet.mnist import datasets
from lenet.mnist.splits import Split, Statistics, pixel_statistics, save_split, save_statistics, split_path
from lenet.settings import load_settings
from lenet.tracking import mlflow_store

# What reads data is tried with random input: a few cases, the same each time, or as many as a bench has time for.
_OPTIONS = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("suite", max_examples=30, derandomize=True, **_OPTIONS)
hypothesis.settings.register_profile("thorough", max_examples=10_000, **_OPTIONS)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# Tests run what they start with this checkout's code, and reach no store but their own.
os.environ["PYTHONPATH"] = str(ROOT / "src")
for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT"):
    os.environ.pop(name, None)
# A shell's background job ignores Ctrl-C, one under nohup SIGHUP, and both hand that down; tests send them to what they
# start.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda number, frame: None)


def pytest_addoption(parser):
    parser.addoption(
        "--reuse-pipeline", action="store_true", help="use the last tests' pipeline, if nothing was edited"
    )


# The longest first, so that all processes end at about the same time.
LONGEST = (
    "tests/test_pipeline.py",
    "tests/network/test_determinism.py",
    "tests/test_workflows.py",
    "tests/test_sharing.py",
    "tests/commands/test_verify.py",
    "tests/test_kept_runs.py",
    "tests/execution/test_cluster.py",
    "tests/test_outage.py",
    "tests/test_short_study.py",
    "tests/training/test_one_run.py",
    "tests/tracking/test_registry.py",
    "tests/evaluation/test_comparison.py",
    "tests/commands/test_serve.py",
)


def pytest_collection_modifyitems(items):
    place = {file: index for index, file in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


def pytest_xdist_make_scheduler(config, log):
    """Give a file's tests to one process, which makes the module's fixtures once."""
    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


def _work_in(folder, monkeypatch):
    shutil.copy(ROOT / "params.yaml", folder)
    monkeypatch.chdir(folder)
    # Not the store of another test, which MLflow leaves to its children, nor what a command remembers of it.
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI", *mlflow_store.disabled_environment()):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """An empty folder with params.yaml in it, which is both the current folder and the project's root."""
    return _work_in(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def shared_workspace(tmp_path_factory):
    """The same, for all tests of a module."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield _work_in(tmp_path_factory.mktemp("workspace"), monkeypatch)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """A new MLflow database: creating its tables takes seconds, once."""
    import mlflow

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def client(workspace, empty_store, monkeypatch):
    """A look into the workspace's own store, past the code under test: call it for an MlflowClient."""
    import mlflow

    shutil.copy(empty_store, workspace / "mlflow.db")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield lambda: mlflow.MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow sets it, for its children
    mlflow.set_tracking_uri(None)


@pytest.fixture(scope="session")
def digits():
    """200 real digits of 28 × 28."""
    arrays = datasets.bundled_digits()
    return Split(arrays[datasets.TRAIN_IMAGES][:200], arrays[datasets.TRAIN_LABELS][:200])


@pytest.fixture(scope="session")
def statistics(digits):
    mean, sd = pixel_statistics(digits.images)
    return Statistics("digits", 0.1, 0, {"train": [20] * 10}, mean, sd)


@pytest.fixture
def processed(workspace, digits, statistics):
    """A workspace with what training reads of data/processed/: both splits are the digits."""
    for name in ("train", "validation"):
        save_split(split_path(name), digits)
    save_statistics(statistics)
    return workspace


@pytest.fixture(scope="session")
def recipe():
    """The project's base variant, cut to two epochs."""
    return load_settings(ROOT / "params.yaml").base.model_copy(update={"epochs": 2})


@pytest.fixture(scope="session")
def published():
    """The project's variant lenet5_1998, cut to two passes."""
    return load_settings(ROOT / "params.yaml").variant("lenet5_1998").model_copy(update={"epochs": 2})
