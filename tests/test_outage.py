"""Run two `make repro` at the same time on the real pipeline, while the MLflow store cannot be reached."""

import subprocess

import pytest
from support.pipelines import ENVIRONMENT
from support.servers import free_port

pytestmark = pytest.mark.slow

VARIANT = "relu_adam"


def test_two_make_repro_train_a_run_once_and_it_is_published_after_the_outage(repository):
    with repository.params() as params:
        params["seeds"] = [0, 1, 2]
    unreachable = f"http://127.0.0.1:{free_port()}"
    command = ["python", "-m", "lenet.commands.repro", VARIANT]
    environment = ENVIRONMENT | {"PYTHONPATH": "src", "MLFLOW_TRACKING_URI": unreachable}
    processes = [
        subprocess.Popen(command, cwd=repository.path, env=environment, stdout=-1, stderr=-1, text=True) for _ in "ab"
    ]
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert sum("1 run in" in stdout for stdout, _ in outputs) == 1
    for stdout, stderr in outputs:
        assert VARIANT in stdout
        (warning,) = [line for line in stderr.splitlines() if "warning" in line]
        assert warning.startswith(f"warning: the MLflow store at {unreachable} failed: ")
    assert f"{VARIANT} seed 2" not in {name for name, _ in repository.statuses()}
    assert f" of {VARIANT} to " in repository.module("tracking.publish").stderr
    names = [name for name, _ in repository.statuses()]
    assert len(names) == len(set(names))
    assert {f"{VARIANT} seed {seed}" for seed in (0, 1, 2)} <= set(names)
    assert {status for _, status in repository.statuses()} == {"FINISHED"}
