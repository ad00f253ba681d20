"""A trained run is returned only if the digest of the training code equals the digest in the run's identity."""

import pytest
from support.builders import identity

from lenet.runs import code, trainer
from lenet.runs.identity import DataIdentity, identify_runs
from lenet.runs.trainer import EditedError
from lenet.runs.training_data import TrainingData
from lenet.training.trained_run import EPOCH_METRICS

pytestmark = pytest.mark.usefixtures("prepared")

DATA = DataIdentity("digits", 0.1, 0, "1" * 32, "2" * 32, 40.0, 80.0, None)


@pytest.fixture
def data(digits, statistics):
    return TrainingData(digits, digits, statistics)


def test_training_emits_the_start_and_each_epoch_and_returns_the_run(data, recipe):
    (run_identity,) = identify_runs(recipe, [0], DATA)
    events = []
    trained = trainer.train_checked(data, run_identity, recipe, events.append)
    assert [epoch for epoch, _ in events] == [0, 1, 2]
    assert events[0] == (0, {})
    for epoch in (1, 2):
        assert events[epoch][1] == {name: values[epoch - 1] for name, values in trained.history.items()}
    assert tuple(trained.history) == EPOCH_METRICS


def test_a_run_with_another_digest_of_the_code_is_not_started(data, recipe):
    events = []
    with pytest.raises(EditedError) as caught:
        trainer.train_checked(data, identity(), recipe, events.append)
    assert not caught.value.was_trained
    assert events == []


def test_a_run_whose_code_is_edited_during_its_training_is_not_returned(data, recipe, monkeypatch):
    (run_identity,) = identify_runs(recipe, [0], DATA)

    def edit(event):
        monkeypatch.setattr(code, "code_digest", lambda optimizer: "edited")

    with pytest.raises(EditedError) as caught:
        trainer.train_checked(data, run_identity, recipe, edit)
    assert caught.value.was_trained


def test_a_process_that_imported_other_code_trains_nothing_even_if_the_files_match(data, recipe, monkeypatch):
    (run_identity,) = identify_runs(recipe, [0], DATA)
    monkeypatch.setattr(trainer, "_digests_at_import", lambda: {recipe.optimizer: "before the edit"})
    with pytest.raises(EditedError):
        trainer.train_checked(data, run_identity, recipe, lambda event: None)
