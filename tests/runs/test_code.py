"""The digest of a run's code covers exactly the modules that the run imports."""

import shutil

import pytest
from support.imports import file_of, reached_from
from support.paths import ROOT

from lenet.network import determinism
from lenet.runs import code
from lenet.settings import ENGINES, load_settings

BATCHES, LENET_1998 = "training.batches.gradient_descent", "training.lenet_1998.sdlm"


def modules_of_run(optimizer):
    """Return the modules that a run imports.

    The engine `batches` builds the name of the optimizer's module at run time, so a search of the source does not find
    this import. Therefore this function adds the optimizer's module.
    """
    if ENGINES[optimizer] == "lenet_1998":
        return reached_from(["training.one_run"], without=BATCHES)
    return reached_from(["training.one_run", f"training.batches.optimizers.{optimizer}"], without=LENET_1998)


@pytest.mark.parametrize("optimizer", ENGINES)
def test_the_digest_of_the_code_covers_exactly_the_modules_that_a_run_imports(optimizer):
    imported_files = {file_of(module).relative_to(ROOT).as_posix() for module in modules_of_run(optimizer)}
    digested_files = {file for file in code.code_files(optimizer) if not file.endswith("__init__.py")}
    assert digested_files == imported_files


@pytest.mark.parametrize("optimizer", ENGINES)
def test_a_run_is_trained_by_the_engine_of_its_optimizer(optimizer, monkeypatch, digits, statistics):
    determinism.prepare()
    from lenet.training import one_run
    from lenet.training.batches import gradient_descent
    from lenet.training.lenet_1998 import sdlm

    called_engines = []
    monkeypatch.setattr(
        gradient_descent, "make_train_epochs", lambda *_: lambda *_: called_engines.append("batches") or []
    )
    monkeypatch.setattr(sdlm, "train_passes", lambda *_: called_engines.append("lenet_1998") or [])
    monkeypatch.setattr(one_run, "_last_learner", {})
    recipe = load_settings(ROOT / "params.yaml").base.model_copy(update={"optimizer": optimizer})
    one_run.train_run(recipe, statistics, 0, digits, digits, lambda epoch, metrics: None)
    assert called_engines == [ENGINES[optimizer]]


@pytest.fixture
def package_copy(tmp_path, monkeypatch):
    """A copy of the package that tests can edit."""
    package = tmp_path / "src/lenet"
    shutil.copytree(ROOT / "src/lenet", package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "CHECKOUT", tmp_path)
    return package


def optimizers_changed_by(edit):
    before = code.code_digests()
    edit()
    after = code.code_digests()
    return [optimizer for optimizer in before if after[optimizer] != before[optimizer]]


@pytest.mark.parametrize(
    ("module", "old", "new", "changed"),
    [
        ("network/model.py", "import math\n", "import math  # a comment\n", []),
        ("training/one_run.py", '"""Train one run: a', '"""Train a run: a', []),
        ("network/model.py", "120, activation", "121, activation", ["adam", "muon", "sgd", "sdlm"]),
        ("training/lenet_1998/kernels.py", "competitive", "rivalling", ["sdlm"]),
        ("training/batches/gradient_descent.py", "settings.batch_size", "8", ["adam", "muon", "sgd"]),
        ("training/batches/optimizers/adam.py", "Adam(", "AdamW(", ["adam"]),
        ("runs/run_store.py", "sha256", "sha512", []),
    ],
)
def test_an_edit_changes_the_digests_of_only_the_runs_that_use_the_code(package_copy, module, old, new, changed):
    file = package_copy / module
    assert old in file.read_text()
    assert optimizers_changed_by(lambda: file.write_text(file.read_text().replace(old, new))) == changed


def test_a_new_optimizer_does_not_change_the_digests_of_the_others(package_copy):
    optimizers = package_copy / "training/batches/optimizers"
    assert optimizers_changed_by(lambda: shutil.copy(optimizers / "sgd.py", optimizers / "momentum.py")) == []
