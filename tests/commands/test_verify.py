"""`make verify`, on a committed study of the bundled digits."""

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


def run_verify(repository, variants, seeds, wrapper, status, **environment):
    """Run the command of `make verify` in the repository, check the exit status and return the printed text.

    wrapper: the beginning of the command line, such as taskset with its arguments.
    """
    command = [*wrapper, sys.executable, "-m", "lenet.commands.verify", variants, seeds]
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
def edit_details(repository, variant):
    """Yield the committed results of a variant. The `with` block may change them.

    After the block, the results are written back.
    """
    path = repository.path / f"reports/details/{variant}.json"
    details = json.loads(path.read_text())
    yield details
    path.write_text(json.dumps(details, indent=1) + "\n")


@pytest.mark.slow
def test_runs_are_trained_again_and_differences_are_printed_with_causes_in_any_environment(pipeline, tmp_path):
    """The committed runs were trained by two workers on two cores, and `make verify` uses one worker on one core.

    The variables of a git hook are set, as if a git hook had started the command.
    """
    repository = pipeline.copy(tmp_path / "lenet lab")
    with edit_details(repository, "tanh_sgd") as details:
        details["seeds"][1]["weights"] = "0" * 64
        details["seeds"][1]["identity"]["versions"]["keras"] = "3.0.0"
    with edit_details(repository, "relu_adam") as details:
        details["summary"]["test/error_percent"] += 1
    with repository.params() as params:
        params["compute"]["workers"] = 1
    repository.commit()
    elsewhere = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    # Variables that must have no effect: with them, verify would use other stores or repositories than its clone's.
    forbidden = {"DVC_ROOT": str(repository.path), "MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    forbidden |= {"GIT_DIR": str(repository.path / ".git"), "GIT_INDEX_FILE": str(repository.path / ".git/index")}
    one_core = ["taskset", "--cpu-list", "0"]
    printed = run_verify(
        repository,
        "tanh_sgd",
        "all",
        wrapper=one_core,
        status=1,
        PYTHONHASHSEED="1",
        **elsewhere,
        **forbidden,
    )
    assert "2 runs in" in printed
    assert "instead of 3.0.0; weights" in printed
    assert re.search(r"reports/details/relu_adam\.json +does not follow from the numbers per seed", printed)
    assert re.search(r", 2 of \d+ outputs differ", printed)
    assert repository.git("status", "--porcelain") == ""
    assert (
        "Not verified: the variants relu_adam, lenet5_1998, and the report (`make verify VARIANTS=all SEEDS=all` "
        in printed
    )
    assert list(tmp_path.glob("lenet-verify-*")) == []


@pytest.fixture
def settings():
    return load_settings(ROOT / "params.yaml")


def test_by_default_one_seed_of_one_variant_per_way_of_training_is_trained(settings):
    variants, seeds = verify.choose_runs(settings, "", "")
    assert (variants, seeds) == (["tanh_sgd", "tanh_adam_28", "lenet5_1998"], [0])
    unverified = verify.unverified(settings, variants, seeds)
    assert unverified.startswith("the variants relu_adam, ")
    assert unverified.endswith(
        " and the seeds 1, 2, 3, 4, 5, and the report (`make verify VARIANTS=all SEEDS=all` verifies everything)"
    )


def test_all_means_every_variant_and_every_seed(settings):
    everything = verify.choose_runs(settings, "all", "all")
    assert everything == (list(settings.variants), list(settings.seeds))
    assert verify.unverified(settings, *everything) == ""


@pytest.mark.parametrize(
    ("variants", "seeds", "message"),
    [
        ("tanh_sdg", "", "unknown variant tanh_sdg: did you mean tanh_sgd?"),
        ("", "0 17", "SEEDS=0 17: no committed run has seed 17: "),
        ("", "one", "SEEDS=one: no committed run has seed one: "),
    ],
)
def test_variants_and_seeds_without_committed_runs_are_refused(settings, variants, seeds, message):
    with pytest.raises(LabError, match=message):
        verify.choose_runs(settings, variants, seeds)


def test_the_clone_finds_a_mirror_in_a_folder_of_the_checkout(settings, tmp_path, monkeypatch):
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("MNIST_MIRROR", "mirror")
    assert verify._clone_environment(settings, tmp_path)["MNIST_MIRROR"] == os.fspath(tmp_path / "mirror")
    monkeypatch.setenv("MNIST_MIRROR", "https://example.org/mnist")
    assert verify._clone_environment(settings, tmp_path)["MNIST_MIRROR"] == "https://example.org/mnist"
