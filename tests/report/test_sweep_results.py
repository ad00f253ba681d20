"""The report reads the results that `make sweep` wrote."""

import numpy as np
import pytest
from ruamel.yaml import YAML
from support.builders import study

from lenet.commands import sweep
from lenet.errors import LabError
from lenet.evaluation import trials
from lenet.evaluation.comparison import Estimate
from lenet.evaluation.trials import Trial
from lenet.report.sweep_results import Effects, load_sweep_results
from lenet.settings import load_settings, load_sweep
from lenet.workspace import SWEEPS

RECIPES = [
    f"activation={activation} schedule={schedule}"
    for activation in ("tanh", "relu")
    for schedule in ("constant", "cosine")
]
SWAPPED_RECIPES = [RECIPES[0], RECIPES[2], RECIPES[1], RECIPES[3]]


@pytest.fixture
def trial_by_recipe():
    """A mapping, recipe → trial, with the four recipes. In each trial, three networks misread random images."""
    random = np.random.default_rng(0)
    return {recipe: Trial(random.random((3, 500)) < 0.1, np.zeros((3, 500))) for recipe in RECIPES}


@pytest.fixture
def settings(workspace, trial_by_recipe):
    """Settings with a sweep that the report can show.

    The sweep has two factorials (2×2 designs), a figure and effects.
    """
    path = sweep.start(SWEEPS / "both", "tanh_sgd", load_settings())
    grids = [{"activation": ["tanh", "relu"], "schedule": ["constant", "cosine"]}]
    content = YAML(typ="safe").load(path) | {
        "grids": grids,
        "factorials": [RECIPES, SWAPPED_RECIPES],
        "about": "Which?",
    }
    YAML().dump(content, path)
    sweep.save_effects(path.parent, load_sweep(path, load_settings()), trial_by_recipe)
    (path.parent / "trials.png").write_bytes(b"a picture")
    return study({"tanh_sgd": [10.0, 12.0]}, sweeps=["both"]).settings


def test_a_sweep_is_loaded_with_its_question_its_figure_and_its_effects(settings, trial_by_recipe):
    (result,) = load_sweep_results(settings)
    assert (result.name, result.dataset, result.about) == ("both", "mnist", "Which?")
    assert result.figure == b"a picture"
    assert [effects.recipes for effects in result.effects] == [tuple(RECIPES), tuple(SWAPPED_RECIPES)]
    for effects in result.effects:
        expected = trials.effects(trial_by_recipe, effects.recipes)
        assert list(effects.differences) == list(zip(expected["of"][:5], expected["against"][:5], strict=True))
        estimates = [*effects.differences.values(), effects.interaction]
        assert [estimate.value for estimate in estimates] == pytest.approx(expected["points"].tolist(), abs=1e-6)
        assert [estimate.low for estimate in estimates] == pytest.approx(expected["points_low"].tolist(), abs=1e-6)


def test_short_names_leave_out_the_settings_that_all_four_recipes_share():
    recipes = tuple(f"activation={name} schedule=cosine learning_rate={rate}" for name in "ab" for rate in (0.1, 0.2))
    difference, interaction = Estimate(1.0, 0.5, 1.5), Estimate(2.0, 1.0, 3.0)
    effects = Effects(recipes, {(recipes[1], recipes[0]): difference}, interaction)
    shared, short = effects.shortened()
    assert shared == "schedule=cosine"
    assert short == Effects(("a 0.1", "a 0.2", "b 0.1", "b 0.2"), {("a 0.2", "a 0.1"): difference}, interaction)


def test_effects_are_found_by_their_names_in_any_order_of_the_rows(settings):
    path = SWEEPS / "both/effects.csv"
    results = load_sweep_results(settings)
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]))
    assert load_sweep_results(settings) == results


def change_effects():
    path = SWEEPS / "both/effects.csv"
    path.write_text(path.read_text().replace("activation=relu", "activation=silu"))


@pytest.mark.parametrize(
    "spoil",
    [change_effects, (SWEEPS / "both/trials.png").unlink, (SWEEPS / "both/effects.csv").unlink],
    ids=["other factorials", "no figure", "no effects"],
)
def test_a_sweep_whose_results_are_missing_or_do_not_fit_is_refused_with_the_command_that_makes_them(settings, spoil):
    spoil()
    message = r"^params.yaml: comparison.sweeps: both: the results in sweeps/both .*: run `make sweep NAME=both`$"
    with pytest.raises(LabError, match=message):
        load_sweep_results(settings)
