"""`make repro` beside another one, where the MLflow store is down; on the real pipeline."""

import subprocess

import pytest
from support.pipelines import ENVIRONMENT
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


def test_two_make_repro_at_once_train_a_run_once_and_what_they_could_not_publish_is_published_later(here):
    down = f"http://127.0.0.1:{free_port()}"
    command = ["python", "-m", "lenet.commands.repro", VARIANT]
    environment = ENVIRONMENT | {"PYTHONPATH": "src", "MLFLOW_TRACKING_URI": down}
    both = [subprocess.Popen(command, cwd=here.path, env=environment, stdout=-1, stderr=-1, text=True) for _ in "ab"]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("1 runs in" in out for out, _ in said) == 1
    for out, err in said:
        assert VARIANT in out
        (warning,) = [line for line in err.splitlines() if "warning" in line]
        assert warning.startswith(f"warning: the MLflow store at {down} failed: ")
    assert f"{VARIANT} seed 2" not in {name for name, _ in here.statuses()}
    assert f"{VARIANT}: published " in here.module("tracking.publish").stderr
    names = [name for name, _ in here.statuses()]
    assert len(names) == len(set(names))
    assert {f"{VARIANT} seed {seed}" for seed in (0, 1, 2)} <= set(names)
    assert {status for _, status in here.statuses()} == {"FINISHED"}
