"""Fixtures that several test modules share: a workspace, an MLflow store, a few real digits, two recipes."""

import os
import shutil
import signal

import hypothesis
import pytest
from support.paths import ROOT
from support.pipelines import pipeline, repository  # noqa: F401  # pytest finds fixtures by name
from xdist.scheduler import LoadFileScheduling

from lenet.mnist import datasets
from lenet.mnist.splits import Split, Statistics, pixel_statistics, save_split, save_statistics, split_path
from lenet.network import determinism
from lenet.settings import load_settings
from lenet.tracking import mlflow_store

# Hypothesis tests parsers with random input. The profile "suite" tries a few inputs, the same each time. The profile
# "thorough" tries many new ones.
_OPTIONS = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("suite", max_examples=30, derandomize=True, **_OPTIONS)
hypothesis.settings.register_profile("thorough", max_examples=10_000, **_OPTIONS)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# Programs that tests start import this checkout's code. Tests use no MLflow store but their own.
os.environ["PYTHONPATH"] = str(ROOT / "src")
for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT"):
    os.environ.pop(name, None)
# Tests send SIGINT and SIGHUP to programs that they start. As a background job, pytest ignores SIGINT. Under nohup, it
# ignores SIGHUP. The programs would inherit this, so pytest gets handlers here.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda number, frame: None)


def pytest_addoption(parser):
    parser.addoption(
        "--reuse-pipeline", action="store_true", help="use the last test run's pipeline if no file was edited since"
    )


def pytest_ignore_collect(collection_path, config):
    """For `-m slow`, import no test file without slow tests: many of these files import TensorFlow or MLflow."""
    if config.option.markexpr != "slow" or not collection_path.match("test_*.py"):
        return None
    text = collection_path.read_text(encoding="utf-8")
    return None if "mark.slow" in text or "either_client" in text else True  # either_client: slow with PostgreSQL


# Run the longest test files first, so that all pytest processes end at about the same time.
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
)


def pytest_collection_modifyitems(items):
    priority = {file: index for index, file in enumerate(LONGEST)}
    items.sort(key=lambda item: priority.get(item.nodeid.partition("::")[0], len(priority)))


def pytest_xdist_make_scheduler(config, log):
    """Run all tests of a file in one process, so that the file's module fixtures are made once."""
    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


def _enter_workspace(folder, monkeypatch):
    shutil.copy(ROOT / "params.yaml", folder)
    monkeypatch.chdir(folder)
    # An earlier test may have set these: MLflow sets its own variable, and a command disables a failed MLflow store.
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI", *mlflow_store.disabled_environment()):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A temporary folder that contains only params.yaml. It is the current folder and the project's root."""
    return _enter_workspace(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def shared_workspace(tmp_path_factory):
    """Like `workspace`, but shared by all tests of a module."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield _enter_workspace(tmp_path_factory.mktemp("workspace"), monkeypatch)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """The path of a new MLflow database. The database is made only once, because creating its tables takes seconds."""
    import mlflow

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def client(workspace, empty_store, monkeypatch):
    """Yield a function that returns an MlflowClient for the workspace's MLflow store.

    The client is made by MLflow alone, without the code under test.
    """
    import mlflow

    shutil.copy(empty_store, workspace / "mlflow.db")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield lambda: mlflow.MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow sets it for child processes
    mlflow.set_tracking_uri(None)


@pytest.fixture(scope="session")
def prepared():
    """This process, prepared for training: after this fixture, a test may import TensorFlow."""
    determinism.prepare()


@pytest.fixture(scope="session")
def digits():
    """A split with 200 of the bundled digits: images of 28 × 28 pixels, and their labels."""
    arrays = datasets.bundled_digits()
    return Split(arrays[datasets.TRAIN_IMAGES][:200], arrays[datasets.TRAIN_LABELS][:200])


@pytest.fixture(scope="session")
def statistics(digits):
    mean, sd = pixel_statistics(digits.images)
    return Statistics("digits", 0.1, 0, {"train": [20] * 10}, mean, sd)


@pytest.fixture
def processed(workspace, digits, statistics):
    """A workspace with the files that training reads from data/processed/.

    The training split and the validation split are equal: both contain the fixture `digits`.
    """
    for name in ("train", "validation"):
        save_split(split_path(name), digits)
    save_statistics(statistics)
    return workspace


@pytest.fixture(scope="session")
def recipe():
    """The recipe `base` of params.yaml, cut to two epochs."""
    return load_settings(ROOT / "params.yaml").base.model_copy(update={"epochs": 2})


@pytest.fixture(scope="session")
def published():
    """The recipe of the variant lenet5_1998 in params.yaml, cut to two passes over the training set."""
    return load_settings(ROOT / "params.yaml").variant("lenet5_1998").model_copy(update={"epochs": 2})
