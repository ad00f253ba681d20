"""`make repro` where the MLflow store is down, or beside another `make repro`; on the real pipeline."""

import subprocess

import pytest
from support.pipelines import ENVIRONMENT, trained
from support.servers import free_port

pytestmark = pytest.mark.slow

VARIANT = "relu_adam"


@pytest.fixture
def here(pipeline, tmp_path):
    """A repository in which one more seed is to be trained."""
    here = pipeline.copy(tmp_path / "with a space")
    with here.params() as params:
        params["seeds"] = [0, 1, 2]
    return here


def assert_published_once(here):
    names = [name for name, _ in here.statuses()]
    assert len(names) == len(set(names))
    assert {f"{VARIANT} seed {seed}" for seed in (0, 1, 2)} <= set(names)
    assert {status for _, status in here.statuses()} == {"FINISHED"}


def test_a_server_that_is_down_costs_make_repro_one_warning_and_is_given_all_later(here):
    down = f"http://127.0.0.1:{free_port()}"
    done = here.module("commands.repro", VARIANT, MLFLOW_TRACKING_URI=down)
    assert trained(done) == 1
    assert VARIANT in done.stdout
    warnings = [line for line in done.stderr.splitlines() if "MLflow" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"warning: the MLflow store at {down} failed: ")
    assert f"{VARIANT} seed 2" not in {name for name, _ in here.statuses()}
    assert f"{VARIANT}: published " in here.module("tracking.publish").stderr
    assert_published_once(here)


def test_of_two_make_repro_in_one_checkout_each_waits_for_the_other(here):
    command = ["python", "-m", "lenet.commands.repro", VARIANT]
    environment = ENVIRONMENT | {"PYTHONPATH": "src"}
    both = [subprocess.Popen(command, cwd=here.path, env=environment, stdout=-1, stderr=-1, text=True) for _ in "ab"]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum(f"{VARIANT}" in out for out, _ in said) == 2
    assert sum("1 runs in" in out for out, _ in said) == 1
    assert all("Traceback" not in err and "warning" not in err for _, err in said), said
    assert_published_once(here)
