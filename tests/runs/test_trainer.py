"""A run is stored only if it was trained by the code that it is filed under."""

import pytest
from support.builders import identity

from lenet.network import determinism
from lenet.runs import code, trainer
from lenet.runs.identity import DataIdentity, identify
from lenet.runs.trainer import EditedError
from lenet.runs.training_data import TrainingData

DATA = DataIdentity("digits", 0.1, 0, "1" * 32, "2" * 32, 40.0, 80.0, None)


@pytest.fixture(scope="module", autouse=True)
def _prepared():
    determinism.prepare()


@pytest.fixture
def seen(digits, statistics):
    return TrainingData(digits, digits, statistics)


def test_a_run_emits_its_start_and_each_epoch_and_comes_back_trained(seen, recipe):
    (wanted,) = identify(recipe, [0], DATA)
    events = []
    trained = trainer.train_checked(seen, wanted, recipe, events.append)
    assert [epoch for epoch, _ in events] == [0, 1, 2]
    assert events[0] == (0, {})
    assert events[2][1] == {name: values[1] for name, values in trained.history.items()}


def test_a_run_of_other_code_is_not_begun(seen, recipe):
    events = []
    with pytest.raises(EditedError) as caught:
        trainer.train_checked(seen, identity(), recipe, events.append)
    assert not caught.value.trained
    assert events == []


def test_a_run_whose_code_is_edited_while_it_trains_is_not_given_back(seen, recipe, monkeypatch):
    (wanted,) = identify(recipe, [0], DATA)

    def edit(event):
        monkeypatch.setattr(code, "digest_of_run", lambda optimizer: "edited")

    with pytest.raises(EditedError) as caught:
        trainer.train_checked(seen, wanted, recipe, edit)
    assert caught.value.trained


def test_a_process_that_imported_other_code_trains_nothing_though_the_files_fit(seen, recipe, monkeypatch):
    (wanted,) = identify(recipe, [0], DATA)
    monkeypatch.setattr(trainer, "_imported_code", lambda: {recipe.optimizer: "before the edit"})
    with pytest.raises(EditedError):
        trainer.train_checked(seen, wanted, recipe, lambda event: None)
