"""The real pipeline trains a finished run again only if an edit changes the run itself."""

import json
import subprocess

import pytest
from support.pipelines import ENVIRONMENT, trained_runs

pytestmark = pytest.mark.slow


def models(repository, *variants):
    """Return {path: content} of the files of these variants in models/."""
    return {
        path: path.read_bytes()
        for variant in variants
        for path in (repository.path / "models").glob(f"{variant}/seed-[01]/*")
    }


BATCHES = "src/lenet/training/batches"


def test_a_new_optimizer_is_trained_and_no_other_run(repository):
    momentum, sgd = f"{BATCHES}/optimizers/momentum.py", f"{BATCHES}/optimizers/sgd.py"
    (repository.path / momentum).write_text(
        (repository.path / sgd).read_text().replace("rate, ", "rate, momentum=0.9, ")
    )
    with repository.params() as params:
        params["variants"]["relu_momentum"] = {"activation": "relu", "optimizer": "momentum"}
    assert repository.variants_to_train() == ["relu_momentum"]
    repository.edit(f"{BATCHES}/gradient_descent.py", ("tf.constant(0.0)", "tf.constant(1.0)"))
    assert repository.variants_to_train() == ["relu_adam", "relu_momentum", "tanh_sgd"]


def test_after_many_edits_make_repro_trains_only_new_and_damaged_runs(repository):
    """The edits: a comment, a removed variant, a renamed variant, a new seed, a truncated entry of the run store."""
    models_before = models(repository, "tanh_sgd")
    repository.edit("src/lenet/network/model.py", ("import math\n", "import math  # a comment\n"))
    with repository.params() as params:
        params["seeds"] = [1, 2, 0]
        del params["variants"]["lenet5_1998"], params["about"]["lenet5_1998"], params["about"]["relu_adam"]
        params["variants"]["todays"] = params["variants"].pop("relu_adam")
        params["about"]["todays"] = "described anew"
        renamed = {"primary": ["todays", "tanh_sgd"], "ladder": ["tanh_sgd", "todays"]}
        params["comparison"] |= renamed | {"published": {}, "original": None}
    digest = json.loads((repository.path / "models/tanh_sgd/seed-1/run.json").read_text())["digest"]
    weights = repository.path / ".runs" / digest / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:-1])
    done = repository.module("commands.repro")
    assert trained_runs(done) == 2 + 1  # the new seed of two variants, and the damaged run
    assert done.stderr.count("is damaged: this run") == 1
    assert models(repository, "tanh_sgd") == models_before
    assert sorted(path.name for path in (repository.path / "models").iterdir()) == ["tanh_sgd", "todays"]
    assert "lenet5_1998" not in repository.lock()
    rows = (repository.path / "reports/comparison.csv").read_text().splitlines()[1:]
    assert [row.partition(",")[0] for row in rows] == ["tanh_sgd", "todays"]
    assert "| `todays` |" in (repository.path / "README.md").read_text()
    published = {name for name, status in repository.statuses() if status == "FINISHED"}
    assert {f"{variant} seed {seed}" for variant in ("tanh_sgd", "todays") for seed in (0, 1, 2)} <= published


def test_editing_code_discards_only_the_runs_in_training_and_editing_a_comment_discards_none(repository):
    before, entries = models(repository, "relu_adam"), repository.entries()
    with repository.params() as params:
        params["base"]["epochs"] = 12  # long enough to edit code during the training
        params["compute"]["workers"] = 1  # train one seed after the other
    with subprocess.Popen(
        ["python", "-m", "lenet.train"],
        cwd=repository.path,
        env=ENVIRONMENT | {"PYTHONPATH": "src", "DVC_STAGE": "train@relu_adam"},
        stderr=subprocess.PIPE,
        text=True,
    ) as training:
        lines = [training.stderr.readline()]  # the first seed has started
        repository.edit("src/lenet/network/layers.py", ("import keras\n", "import keras  # a comment\n"))
        while "seed 1: epoch 0" not in lines[-1]:
            lines.append(training.stderr.readline())
        repository.edit("src/lenet/network/model.py", ("_PREDICTION_BATCH_SIZE = 500", "_PREDICTION_BATCH_SIZE = 501"))
        lines += training.stderr.readlines()
    assert training.returncode == 1
    assert sum("is discarded: its code was edited while it trained" in line for line in lines) == 1
    assert lines[-1].startswith("error: 1 of 2 runs were not kept, because their code was edited")
    assert models(repository, "relu_adam") == before
    assert len(repository.entries() - entries) == 1


HOLD_LOCK = (
    "import time, zc.lockfile; _ = zc.lockfile.LockFile('.dvc/tmp/lock'); print('held', flush=True); time.sleep(8)"
)


def test_a_command_waits_while_another_dvc_holds_the_repositorys_lock(repository):
    with subprocess.Popen(
        ["python", "-c", HOLD_LOCK], cwd=repository.path, env=ENVIRONMENT, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        program = "from lenet.commands import dvc; print(dvc.reproduce(['preprocess']))"
        done = repository.run("python", "-c", program, PYTHONPATH="src")
        assert other.poll() is not None
    assert done.stdout.endswith("True\n")
