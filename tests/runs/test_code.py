"""Which code decides a run's bits follows from its rooms: these tests hold them against the imports."""

import shutil

import pytest
from support.imports import file_of, reached_from
from support.paths import ROOT

from lenet.network import determinism
from lenet.runs import code
from lenet.runs.meaning import digest_of_meaning
from lenet.settings import ENGINES, load_settings

BATCHES, LENET_1998 = "training.batches.gradient_descent", "training.lenet_1998.sdlm"


def modules_of_run(optimizer):
    """Return the modules that a run imports; its engine imports its optimizer by name, as it runs."""
    if ENGINES[optimizer] == "lenet_1998":
        return reached_from(["training.one_run"], without=BATCHES)
    return reached_from(["training.one_run", f"training.batches.optimizers.{optimizer}"], without=LENET_1998)


@pytest.mark.parametrize("optimizer", ENGINES)
def test_a_run_imports_what_its_rooms_hold_and_nothing_else(optimizer):
    files = {file_of(module).relative_to(ROOT).as_posix() for module in modules_of_run(optimizer)}
    rooms = {file for file in code.files_of_run(optimizer) if not file.endswith("__init__.py")}
    assert rooms == files


@pytest.mark.parametrize("optimizer", ENGINES)
def test_a_run_is_trained_by_the_engine_of_its_optimizer(optimizer, monkeypatch, digits, statistics):
    determinism.prepare()
    from lenet.training import one_run
    from lenet.training.batches import gradient_descent
    from lenet.training.lenet_1998 import sdlm

    called = []
    monkeypatch.setattr(gradient_descent, "epochs_of", lambda *_: lambda *_: called.append("batches") or [])
    monkeypatch.setattr(sdlm, "passes", lambda *_: called.append("lenet_1998") or [])
    monkeypatch.setattr(one_run, "_last", {})
    recipe = load_settings(ROOT / "params.yaml").base.model_copy(update={"optimizer": optimizer})
    one_run.train_run(recipe, statistics, 0, digits, digits, lambda epoch, metrics: None)
    assert called == [ENGINES[optimizer]]


def test_digests_are_those_of_what_the_files_mean():
    for file, digest in code.digests("muon").items():
        assert digest_of_meaning((ROOT / file).read_text()) == digest


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the package, to edit."""
    package = tmp_path / "src/lenet"
    shutil.copytree(ROOT / "src/lenet", package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "CHECKOUT", tmp_path)
    return package


def changed_by(edit):
    before = code.digests_of_runs()
    edit()
    after = code.digests_of_runs()
    return [optimizer for optimizer in before if after[optimizer] != before[optimizer]]


@pytest.mark.parametrize(
    ("module", "old", "new", "changed"),
    [
        ("network/model.py", "import math\n", "import math  # a comment\n", []),
        ("training/one_run.py", '"""One run: a', '"""A run: a', []),
        ("network/model.py", "120, activation", "121, activation", ["adam", "muon", "sgd", "sdlm"]),
        ("training/lenet_1998/kernels.py", "competitive", "rivalling", ["sdlm"]),
        ("training/batches/gradient_descent.py", "settings.batch_size", "8", ["adam", "muon", "sgd"]),
        ("training/batches/optimizers/adam.py", "Adam(", "AdamW(", ["adam"]),
        ("runs/run_store.py", "sha256", "sha512", []),
    ],
)
def test_an_edit_changes_the_digest_of_the_runs_that_it_can_change(copied, module, old, new, changed):
    file = copied / module
    assert old in file.read_text()
    assert changed_by(lambda: file.write_text(file.read_text().replace(old, new))) == changed


def test_a_new_optimizer_changes_the_digest_of_no_run(copied):
    optimizers = copied / "training/batches/optimizers"
    assert changed_by(lambda: shutil.copy(optimizers / "sgd.py", optimizers / "momentum.py")) == []
