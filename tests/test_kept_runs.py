"""A run is trained once, whatever else is edited; on the real pipeline."""

import json
import subprocess

import pytest
from support.pipelines import ENVIRONMENT, trained

pytestmark = pytest.mark.slow


@pytest.fixture
def here(pipeline, tmp_path):
    return pipeline.copy(tmp_path / "with a space")


def models(here, *names):
    return {path: path.read_bytes() for name in names for path in (here.path / "models").glob(f"{name}/seed-[01]/*")}


BATCHES, ENGINE_OF_1998 = "src/lenet/training/batches", "src/lenet/training/lenet_1998"


def test_of_edited_code_the_runs_that_it_can_change_are_lacking(here):
    here.edit("src/lenet/network/model.py", ("import math\n", "import math  # a comment\n"))
    here.edit(f"{ENGINE_OF_1998}/sdlm.py", ('"""LeNet-5 of 1998', '"""Described anew: LeNet-5 of 1998'))
    assert here.lacking() == []
    new, of_sgd = f"{BATCHES}/optimizers/momentum.py", f"{BATCHES}/optimizers/sgd.py"
    (here.path / new).write_text((here.path / of_sgd).read_text().replace("rate, ", "rate, momentum=0.9, "))
    with here.params() as params:
        params["variants"]["relu_momentum"] = {"activation": "relu", "optimizer": "momentum"}
    assert here.lacking() == ["relu_momentum"]
    here.edit(f"{BATCHES}/gradient_descent.py", ("tf.constant(0.0)", "tf.constant(1.0)"))
    assert here.lacking() == ["relu_adam", "relu_momentum", "tanh_sgd"]
    here.git("checkout", BATCHES)
    here.edit(f"{ENGINE_OF_1998}/sdlm.py", ("import numpy as np\n", "import numpy as np\n\n_NEW = 1\n"))
    assert here.lacking() == ["lenet5_1998", "relu_momentum"]


def test_after_many_edits_one_make_repro_trains_what_is_new_or_damaged_alone(here):
    """A comment, a removed variant, a renamed one, a new seed, and an entry of the store that is cut off."""
    kept = models(here, "tanh_sgd")
    here.edit("src/lenet/network/model.py", ("import math\n", "import math  # a comment\n"))
    with here.params() as params:
        params["seeds"] = [1, 2, 0]
        del params["variants"]["lenet5_1998"], params["about"]["lenet5_1998"], params["about"]["relu_adam"]
        params["variants"]["todays"] = params["variants"].pop("relu_adam")
        params["about"]["todays"] = "described anew"
        compared = {"primary": ["todays", "tanh_sgd"], "ladder": ["tanh_sgd", "todays"]}
        params["comparison"] |= compared | {"published": {}, "original": None}
    digest = json.loads((here.path / "models/tanh_sgd/seed-1/run.json").read_text())["digest"]
    weights = here.path / ".runs" / digest / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:-1])
    refused = here.dvc("repro", "--single-item", "plot", status=255)
    assert "error: outputs of variants that params.yaml no longer has: " in refused.stderr
    done = here.module("commands.repro")
    assert trained(done) == 2 + 1  # the new seed of two recipes, and the entry
    assert done.stderr.count("is damaged: this run") == 1
    assert models(here, "tanh_sgd") == kept
    assert sorted(path.name for path in (here.path / "models").iterdir()) == ["tanh_sgd", "todays"]
    assert "lenet5_1998" not in here.lock()
    rows = (here.path / "reports/comparison.csv").read_text().splitlines()[1:]
    assert [row.partition(",")[0] for row in rows] == ["tanh_sgd", "todays"]
    assert "| `todays` |" in (here.path / "README.md").read_text()
    published = {name for name, status in here.statuses() if status == "FINISHED"}
    assert {f"{variant} seed {seed}" for variant in ("tanh_sgd", "todays") for seed in (0, 1, 2)} <= published


def test_code_edited_while_a_study_trains_costs_the_runs_in_flight_and_a_comment_none(here):
    before, entries = models(here, "relu_adam"), here.entries()
    with here.params() as params:
        params["base"]["epochs"] = 12  # time to edit
        params["compute"]["workers"] = 1  # one seed after the other
    with subprocess.Popen(
        ["python", "-m", "lenet.train"],
        cwd=here.path,
        env=ENVIRONMENT | {"PYTHONPATH": "src", "DVC_STAGE": "train@relu_adam"},
        stderr=subprocess.PIPE,
        text=True,
    ) as training:
        said = [training.stderr.readline()]  # the first seed has started
        here.edit("src/lenet/network/layers.py", ("import keras\n", "import keras  # a comment\n"))
        while "seed 1: epoch 0" not in said[-1]:
            said.append(training.stderr.readline())
        here.edit("src/lenet/network/model.py", ("_PREDICTION_BATCH_SIZE = 500", "_PREDICTION_BATCH_SIZE = 501"))
        said += training.stderr.readlines()
    assert training.returncode == 1
    assert sum("is discarded: its code was edited while it trained" in line for line in said) == 1
    assert said[-1].startswith("error: 1 of 2 runs were not trained to the end, because their code was edited")
    assert models(here, "relu_adam") == before
    assert len(here.entries() - entries) == 1


HOLD = "import time, zc.lockfile; _ = zc.lockfile.LockFile('.dvc/tmp/lock'); print('held', flush=True); time.sleep(8)"


def test_another_dvc_that_holds_the_repositorys_lock_is_waited_for(here):
    with subprocess.Popen(["python", "-c", HOLD], cwd=here.path, env=ENVIRONMENT, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        repro = "from lenet.commands import dvc; print(dvc.reproduce(['preprocess']))"
        done = here.run("python", "-c", repro, PYTHONPATH="src")
        assert other.poll() is not None
    assert done.stdout.endswith("True\n")
