from dataclasses import replace

import numpy as np
import pytest
from support.builders import identity
from support.runs import PROVENANCE, TRAINED

from lenet.evaluation import trials
from lenet.evaluation.trials import Trial
from lenet.execution.training import Wanted
from lenet.runs import store
from lenet.settings import load_settings
from lenet.tracking import experiment
from lenet.tracking.sweeps import publish

pytestmark = pytest.mark.slow  # a real database

SWEEP = experiment.of_sweep("rates", "Which rate?", "digits", ["learning_rate"])
RATES = {"learning_rate=0.01": 0.01, "learning_rate=0.02": 0.02}


@pytest.fixture
def runs(workspace):
    """Two recipes on two folds, from one seed each, in the store."""
    recipe = load_settings().base
    wanted = []
    for name, rate in RATES.items():
        for number in (1, 2):
            who = identity(learning_rate=rate)
            who = replace(who, data=replace(who.data, fold=(number, 2), train_md5=f"{number}" * 32))
            store.save(who, TRAINED, PROVENANCE)
            wanted.append(Wanted(who, recipe, (name,)))
    return wanted


def table(loss):
    """Both recipes, without an error; the second one's losses are the first one's and `loss` more."""
    losses = np.array([[0.1, 0.2, 0.3]])
    return trials.table({name: Trial(np.zeros((1, 3)), losses + k * loss) for k, name in enumerate(RATES)})


def runs_in(client, kind):
    found = client.get_experiment_by_name("lenet5-digits-sweep-rates")
    return client.search_runs([found.experiment_id], f"tags.kind = '{kind}'", order_by=["params.learning_rate"])


def test_recipes_are_published_with_their_runs_and_means(client, runs):
    publish(SWEEP, runs, table(0.5))
    recipes, children = runs_in(client(), "variant"), runs_in(client(), "seed")
    assert [recipe.data.metrics["validation/loss"] for recipe in recipes] == pytest.approx([0.2, 0.7])
    assert [recipe.data.params["folds"] for recipe in recipes] == ["2", "2"]
    assert {child.info.run_name for child in children} == {f"{name} seed 0 fold {k}" for name in RATES for k in (1, 2)}
    assert all(child.data.metrics["validation/error_percent"] == 30 for child in children)


def test_publishing_again_changes_nothing_and_new_numbers_replace_old_ones(client, runs):
    for _ in range(2):
        publish(SWEEP, runs, table(0.5))
    (_, second) = runs_in(client(), "variant")
    assert len(client().get_metric_history(second.info.run_id, "validation/loss")) == 1
    publish(SWEEP, runs, table(0.25))
    assert len(runs_in(client(), "seed")) == 4
    assert runs_in(client(), "variant")[1].data.metrics["validation/loss"] == pytest.approx(0.45)


def test_the_experiment_says_what_is_asked(client, runs):
    publish(SWEEP, runs, table(0.5))
    note = client().get_experiment_by_name("lenet5-digits-sweep-rates").tags["mlflow.note.content"]
    assert note.startswith("Which rate?")
    assert "Parallel" in note
