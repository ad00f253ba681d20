"""A run is trained once, whatever happens meanwhile; on the real pipeline."""

import json
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager

import pytest
from support.pipelines import ENVIRONMENT, stages_run, trained

pytestmark = pytest.mark.slow

VARIANT = "relu_adam"
TRAIN = ("train@tanh_sgd", "train@relu_adam", "train@lenet5_1998")


@pytest.fixture
def here(pipeline, tmp_path):
    return pipeline.copy(tmp_path / "with a space")


def train(here, variant=VARIANT, **options):
    return here.module("train", DVC_STAGE=f"train@{variant}", **options)


def test_a_new_seed_is_trained_alone(here):
    with here.params() as params:
        params["seeds"] = [1, 2, 0]
    assert trained(train(here)) == 1
    assert sorted(path.name for path in (here.path / f"models/{VARIANT}").iterdir()) == ["seed-0", "seed-1", "seed-2"]


def test_an_edited_comment_trains_nothing_and_changes_no_model(here):
    here.edit("src/lenet/network/model.py", ("import math\n", "import math  # a comment\n"))
    here.edit("src/lenet/training/lenet_1998/sdlm.py", ('"""LeNet-5 of 1998', '"""Described anew: LeNet-5 of 1998'))
    before = models(here)
    done = here.dvc("repro", *TRAIN)
    assert stages_run(done) == list(TRAIN)
    assert trained(done) == 0
    assert models(here) == before


def test_code_that_can_change_bits_trains_the_runs_that_it_can_change(here):
    here.edit("src/lenet/training/batches/gradient_descent.py", ("tf.constant(0.0)", "tf.constant(1.0)"))
    done = here.dvc("repro", *TRAIN)
    assert stages_run(done) == list(TRAIN)
    assert trained(done) == 4  # not those of lenet5_1998, which another engine trains


def test_an_optimizer_in_a_new_file_trains_the_runs_that_use_it_alone(here):
    here.edit("src/lenet/training/batches/optimizers/sgd.py", ("rate, ", "rate, momentum=0.9, "))
    here.git("mv", "src/lenet/training/batches/optimizers/sgd.py", "src/lenet/training/batches/optimizers/momentum.py")
    here.git("checkout", "HEAD", "src/lenet/training/batches/optimizers/sgd.py")
    with here.params() as params:
        params["variants"]["relu_momentum"] = {"activation": "relu", "optimizer": "momentum"}
    done = here.module("commands.repro")
    assert trained(done) == 2
    assert "relu_momentum" in done.stdout
    assert "| `relu_momentum` |" in (here.path / "README.md").read_text()
    assert "relu_momentum" in {name for name, _ in here.statuses()}


def test_a_variant_that_is_renamed_described_anew_or_equal_to_another_trains_nothing(here):
    with here.params() as params:
        params["variants"]["todays"] = params["variants"].pop(VARIANT)
        params["variants"]["twin"] = {}
        del params["about"][VARIANT]
        params["about"]["todays"] = "described anew"
        params["comparison"] |= {"primary": ["todays", "tanh_sgd"], "ladder": ["tanh_sgd", "todays"]}
    done = here.module("commands.repro")
    assert trained(done) == 0
    assert "todays" in done.stdout
    published = {name for name, _ in here.statuses()}
    assert {"todays seed 0", "todays seed 1", "tanh_sgd seed 1", "twin seed 1"} <= published


def test_a_damaged_entry_costs_a_line_and_that_run(here):
    digest = json.loads((here.path / f"models/{VARIANT}/seed-1/run.json").read_text())["digest"]
    weights = here.path / ".runs" / digest / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:-1])
    done = here.dvc("repro", "--force", "--single-item", *TRAIN)
    assert trained(done) == 1
    assert done.stderr.count("is damaged: this run") == 1
    assert here.git("status", "--porcelain") == ""


# Long enough to be cut off in the middle.
EPOCHS = 12


@pytest.fixture
def longer(here):
    """A repository whose runs are to be trained, and take a while."""
    with here.params() as params:
        params["base"]["epochs"] = EPOCHS
        del params["variants"]["lenet5_1998"], params["about"]["lenet5_1998"]
        params["comparison"] |= {"published": {}, "original": None}
        params["compute"]["workers"] = 2
    here.commit()
    return here


@contextmanager
def begun(here):
    """`make repro` in a process group of its own, after its first run has ended and while others train."""
    with subprocess.Popen(
        ["python", "-m", "lenet.commands.repro"],
        cwd=here.path,
        env=ENVIRONMENT | {"PYTHONPATH": "src", "TMPDIR": str(here.path.parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while "runs finished" not in process.stderr.readline():
            assert process.poll() is None
        yield process
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_a_study_that_is_ended_and_then_killed_goes_on_where_it_was_and_comes_to_the_same(longer, undisturbed):
    with begun(longer) as process:
        os.killpg(process.pid, signal.SIGHUP)  # as a closed terminal does it
        said = process.stderr.read()
    assert (process.returncode, "Traceback" in said) == (128 + signal.SIGHUP, False)
    assert longer.partial() == []
    assert list(longer.path.parent.glob("lenet-*")) == []
    assert "RUNNING" not in {status for _, status in longer.statuses()}
    with begun(longer) as process:
        os.killpg(process.pid, signal.SIGKILL)
    kept = longer.entries()
    done = longer.module("commands.repro")
    assert trained(done) == 6 + 4 - len(kept)
    assert {status for _, status in longer.statuses()} == {"FINISHED"}
    assert len({name for name, _ in longer.statuses()}) == len(longer.statuses())
    assert longer.partial() == []
    assert models(longer) == undisturbed


def models(here):
    return {
        str(path.relative_to(here.path)): path.read_bytes()
        for path in (here.path / "models").rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def undisturbed(pipeline, tmp_path_factory):
    """The models of the same study in an empty store, not disturbed."""
    here = pipeline.copy(tmp_path_factory.mktemp("undisturbed") / "lab")
    with here.params() as params:
        params["base"]["epochs"] = EPOCHS
    for variant in ("tanh_sgd", VARIANT):
        assert trained(train(here, variant)) == 2
    shutil.rmtree(here.path / "models/lenet5_1998")
    return models(here)


def test_code_edited_while_a_study_trains_costs_the_runs_in_flight_and_a_comment_none(longer):
    before = models(longer)
    with longer.params() as params:
        params["compute"]["workers"] = 1  # one seed after the other
    with subprocess.Popen(
        ["python", "-m", "lenet.train"],
        cwd=longer.path,
        env=ENVIRONMENT | {"PYTHONPATH": "src", "DVC_STAGE": f"train@{VARIANT}"},
        stderr=subprocess.PIPE,
        text=True,
    ) as training:
        said = [training.stderr.readline()]  # the first seed has started
        longer.edit("src/lenet/network/layers.py", ("import keras\n", "import keras  # a comment\n"))
        while "seed 1: epoch 0" not in said[-1]:
            said.append(training.stderr.readline())
        longer.edit("src/lenet/network/model.py", ("_PREDICTION_BATCH_SIZE = 500", "_PREDICTION_BATCH_SIZE = 501"))
        said += training.stderr.readlines()
    assert training.returncode == 1
    assert sum("is discarded: its code was edited while it trained" in line for line in said) == 1
    assert said[-1].startswith("error: 1 of 2 runs were not trained to the end, because their code was edited")
    assert models(longer) == before
    longer.edit("src/lenet/network/model.py", ("_PREDICTION_BATCH_SIZE = 501", "_PREDICTION_BATCH_SIZE = 500"))
    assert trained(train(longer)) == 1


def test_make_repro_waits_for_another_dvc_that_holds_the_repositorys_lock(here):
    hold = (
        "import time, zc.lockfile; _ = zc.lockfile.LockFile('.dvc/tmp/lock'); print('held', flush=True); time.sleep(15)"
    )
    with subprocess.Popen(["python", "-c", hold], cwd=here.path, env=ENVIRONMENT, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        here.edit("src/lenet/network/model.py", ("import math\n", "import math  # a comment\n"))
        done = here.module("commands.repro", VARIANT)
        assert other.poll() is not None
    assert stages_run(done) == [f"train@{VARIANT}", f"evaluate@{VARIANT}"]
