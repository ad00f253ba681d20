"""The real command, on a committed study of the bundled digits."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest
from support.paths import ROOT
from support.pipelines import ENVIRONMENT

from lenet.commands import verify
from lenet.errors import LabError
from lenet.settings import load_settings


def verified(repository, variants, seeds, before, status, **environment):
    """Run the command in the repository, with another one before it, and return what it printed."""
    command = [*before, sys.executable, "-m", "lenet.commands.verify", variants, seeds]
    done = subprocess.run(
        command,
        cwd=repository.path,
        env=ENVIRONMENT | {"PYTHONPATH": "src"} | environment,
        capture_output=True,
        text=True,
        umask=0o077,
    )
    assert done.returncode == status, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@contextmanager
def details_of(repository, variant):
    """Edit the committed results of a variant."""
    path = repository.path / f"reports/details/{variant}.json"
    details = json.loads(path.read_text())
    yield details
    path.write_text(json.dumps(details, indent=1) + "\n")


@pytest.mark.slow
def test_runs_are_trained_anew_and_what_differs_is_told_with_its_cause_whatever_the_environment(pipeline, tmp_path):
    """By three workers on one core, where two trained on two; the command is started by a hook of git."""
    here = pipeline.copy(tmp_path / "lenet lab")
    with details_of(here, "tanh_sgd") as details:
        details["seeds"][1]["weights"] = "0" * 64
        details["seeds"][1]["identity"]["versions"]["keras"] = "3.0.0"
    with details_of(here, "relu_adam") as details:
        details["summary"]["test/error_percent"] += 1
    with here.params() as params:
        params["compute"]["workers"] = 3
    here.commit()
    elsewhere = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    # Caches and stores that would answer in place of a training, or be written to.
    known = {"DVC_ROOT": str(here.path), "MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    known |= {"GIT_DIR": str(here.path / ".git"), "GIT_INDEX_FILE": str(here.path / ".git/index")}
    one_core = ["taskset", "--cpu-list", "0"]
    printed = verified(
        here, "tanh_sgd lenet5_1998", "all", before=one_core, status=1, PYTHONHASHSEED="1", **elsewhere, **known
    )
    assert "4 runs in" in printed
    assert "instead of 3.0.0; weights" in printed
    assert re.search(r"reports/details/relu_adam\.json +not what follows from the numbers per seed", printed)
    assert re.search(r", 2 of \d+ outputs differ", printed)
    assert here.git("status", "--porcelain") == ""
    assert "Not verified: the variants relu_adam, and the report (VARIANTS=all SEEDS=all verifies " in printed
    assert list(tmp_path.glob("lenet-verify-*")) == []


@pytest.fixture
def settings():
    return load_settings(ROOT / "params.yaml")


def test_by_default_one_seed_of_a_variant_of_each_way_of_training_is_trained(settings):
    variants, seeds = verify.chosen(settings, "", "")
    assert (variants, seeds) == (["tanh_sgd", "tanh_adam_28", "lenet5_1998"], [0])
    unverified = verify.unverified(settings, variants, seeds)
    assert unverified.startswith("the variants relu_adam, ")
    assert unverified.endswith(
        " and the seeds 1, 2, 3, 4, 5, and the report (VARIANTS=all SEEDS=all verifies everything)"
    )


def test_all_is_everything(settings):
    everything = verify.chosen(settings, "all", "all")
    assert everything == (list(settings.variants), list(settings.seeds))
    assert verify.unverified(settings, *everything) == ""


@pytest.mark.parametrize(
    ("variants", "seeds", "message"),
    [
        ("tanh_sdg", "", "unknown variant tanh_sdg: did you mean tanh_sgd?"),
        ("", "0 17", "SEEDS=0 17: no run of seed 17 is committed: "),
        ("", "one", "SEEDS=one: no run of seed one is committed: "),
    ],
)
def test_what_is_not_committed_is_refused(settings, variants, seeds, message):
    with pytest.raises(LabError, match=message):
        verify.chosen(settings, variants, seeds)


def test_a_mirror_in_a_folder_of_the_checkout_is_found_from_the_clone(settings, tmp_path, monkeypatch):
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("MNIST_MIRROR", "mirror")
    assert verify._environment(settings, tmp_path)["MNIST_MIRROR"] == os.fspath(tmp_path / "mirror")
    monkeypatch.setenv("MNIST_MIRROR", "https://example.org/mnist")
    assert verify._environment(settings, tmp_path)["MNIST_MIRROR"] == "https://example.org/mnist"
