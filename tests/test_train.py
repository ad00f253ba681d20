import subprocess
import sys

import pytest
from builders import identity

from lenet.engine import Finished
from lenet.train import speed_report


def train(*arguments):
    return subprocess.run([sys.executable, "-m", "lenet.train", *arguments], capture_output=True, text=True)


def test_the_speed_is_counted_per_worker_and_in_all():
    finished = [Finished(identity(seed=seed), None, 0, 2.0, 100.0 + seed) for seed in (0, 1)]
    assert speed_report(finished, images_per_run=1000, wall_s=4.0) == (
        "tanh_sgd: 2 runs in 4 s: 500 images/s per worker, 500 images/s in all; peak memory 101 MiB per worker"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "error: expected 1 argument(s): <variant>, got 0"),
        (("relu_adm",), "error: params.yaml: unknown variant relu_adm: did you mean relu_adam?"),
        (("relu_adam",), "error: data/processed/statistics.json cannot be read"),
    ],
    ids=["no variant", "unknown variant", "no data"],
)
def test_a_users_mistake_is_said_in_one_line(workspace, arguments, said):
    done = train(*arguments)
    (line,) = done.stderr.splitlines()
    assert line.startswith(said)
    assert done.returncode == 1
    assert not any((workspace / "models").glob("*"))
