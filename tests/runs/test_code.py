import shutil
from typing import get_args

import pytest
from support.paths import ROOT

from lenet import imports
from lenet.network import determinism
from lenet.runs import code
from lenet.runs.meaning import digest_of_meaning
from lenet.settings import Variant, load_settings


def test_imports_are_followed_from_room_to_room_and_into_functions():
    # train imports one_run inside a function, which imports the model.
    assert {"train", "training.one_run", "network.model", "network.determinism"} <= set(code.modules_of("train"))


def test_exempt_modules_are_left_out_and_not_followed():
    # evaluate imports tracking, which is exempt and imports the report.
    rooms = {module.partition(".")[0] for module in code.modules_of("evaluate")}
    assert not {"tracking", "report", *code.EXEMPT} & rooms


@pytest.mark.parametrize("name", code.EXEMPT)
def test_what_is_exempt_exists_and_says_why(name):
    assert imports.PACKAGE.joinpath(name).is_dir() or imports.file_of(name).is_file()
    assert code.EXEMPT[name]


def test_digests_are_those_of_what_the_files_mean():
    digests = code.digests("preprocess")
    assert {"src/lenet/preprocess.py", "src/lenet/mnist/splits.py"} <= digests.keys()
    for path, digest in digests.items():
        assert digest_of_meaning((ROOT / path).read_text()) == digest


def test_a_run_depends_on_the_module_that_trains_it_and_not_on_the_other():
    batches, one_by_one = set(code.modules_of_run("adam")), set(code.modules_of_run("sdlm"))
    assert batches == set(code.modules_of_run("sgd"))
    assert batches - one_by_one == {"training.gradient_descent"}
    assert one_by_one - batches == {"training.lanes", "training.sdlm", "training.sdlm_kernels"}
    shared = {"training.one_run", "training.trained_run", "training.distortion", "network.model", "network.determinism"}
    assert shared <= batches & one_by_one


@pytest.mark.parametrize("optimizer", get_args(Variant.model_fields["optimizer"].annotation))
def test_the_module_that_trains_is_the_one_that_is_named_for_the_optimizer(optimizer, monkeypatch, digits, statistics):
    determinism.prepare()
    from lenet.training import gradient_descent, one_run, sdlm

    called = []
    monkeypatch.setattr(gradient_descent, "epochs", lambda *arguments: called.append("training.gradient_descent") or [])
    monkeypatch.setattr(sdlm, "passes", lambda *arguments: called.append("training.sdlm") or [])
    recipe = load_settings(ROOT / "params.yaml").base.model_copy(update={"optimizer": optimizer})
    one_run.train_run(recipe, statistics, 0, digits, digits, lambda epoch, metrics: None)
    assert called[0] in code.modules_of_run(optimizer)


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the package, to edit."""
    package = tmp_path / "lenet"
    shutil.copytree(imports.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(imports, "PACKAGE", package)
    monkeypatch.setattr(code, "PACKAGE", package)
    return package


@pytest.mark.parametrize(
    ("module", "old", "new", "changed"),
    [
        ("network/model.py", "import math\n", "import math  # a comment\n", []),
        ("training/one_run.py", '"""One run: a', '"""A run: a', []),
        ("network/model.py", "120, activation", "121, activation", ["sdlm", "sgd", "adam", "muon"]),
        ("training/sdlm_kernels.py", "competitive", "rivalling", ["sdlm"]),
        ("training/gradient_descent.py", "settings.batch_size", "2 * settings.batch_size", ["sgd", "adam", "muon"]),
        ("tracking/mlflow_store.py", "_FIRST_ANSWER_S = 2", "_FIRST_ANSWER_S = 3", []),
        ("runs/store.py", "sha256", "sha512", []),
    ],
)
def test_an_edit_changes_the_digest_of_the_runs_that_it_can_change(copied, module, old, new, changed):
    before = code.digests_of_runs()
    file = copied / module
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    after = code.digests_of_runs()
    assert [optimizer for optimizer in before if after[optimizer] != before[optimizer]] == changed
