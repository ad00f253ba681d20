"""The sweeps of the report, from what `make sweep` leaves."""

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

FOUR = [
    f"activation={activation} schedule={schedule}"
    for activation in ("tanh", "relu")
    for schedule in ("constant", "cosine")
]
OTHER = [FOUR[0], FOUR[2], FOUR[1], FOUR[3]]


@pytest.fixture
def measured():
    """What the four recipes' networks misread."""
    chance = np.random.default_rng(0)
    return {name: Trial(chance.random((3, 500)) < 0.1, np.zeros((3, 500))) for name in FOUR}


@pytest.fixture
def shown(workspace, measured):
    """Settings that show a sweep with a 2×2, which has a figure and effects."""
    path = sweep.start(SWEEPS / "both", "tanh_sgd", load_settings())
    grids = [{"activation": ["tanh", "relu"], "schedule": ["constant", "cosine"]}]
    content = YAML(typ="safe").load(path) | {"grids": grids, "factorials": [FOUR, OTHER], "about": "Which?"}
    YAML().dump(content, path)
    sweep.save_effects(path.parent, load_sweep(path, load_settings()), measured)
    (path.parent / "trials.png").write_bytes(b"a picture")
    return study({"tanh_sgd": [10.0, 12.0]}, sweeps=["both"]).settings


def test_a_sweep_is_shown_with_its_question_its_figure_and_its_effects(shown, measured):
    (found,) = load_sweep_results(shown, "mnist")
    assert (found.name, found.about) == ("both", "Which?")
    assert found.figure == b"a picture"
    assert [effects.four for effects in found.effects] == [tuple(FOUR), tuple(OTHER)]
    for effects in found.effects:
        expected = trials.effects(measured, effects.four)
        assert list(effects.differences) == list(zip(expected["of"][:5], expected["against"][:5], strict=True))
        told = [*effects.differences.values(), effects.interaction]
        assert [each.value for each in told] == pytest.approx(expected["points"].tolist(), abs=1e-6)
        assert [each.low for each in told] == pytest.approx(expected["points_low"].tolist(), abs=1e-6)


def test_names_are_short_where_a_setting_is_equal_in_all_four():
    four = tuple(f"activation={one} schedule=cosine learning_rate={two}" for one in "ab" for two in (0.1, 0.2))
    one, two = Estimate(1.0, 0.5, 1.5), Estimate(2.0, 1.0, 3.0)
    effects = Effects(four, {(four[1], four[0]): one}, two)
    shared, short = effects.shortened()
    assert shared == "schedule=cosine"
    assert short == Effects(("a 0.1", "a 0.2", "b 0.1", "b 0.2"), {("a 0.2", "a 0.1"): one}, two)


def test_effects_are_found_by_their_names_wherever_they_stand(shown):
    path = SWEEPS / "both/effects.csv"
    in_order = load_sweep_results(shown, "mnist")
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]))
    assert load_sweep_results(shown, "mnist") == in_order


def test_effects_of_other_factorials_are_refused_with_the_command_that_makes_them(shown):
    path = SWEEPS / "both/effects.csv"
    path.write_text(path.read_text().replace("activation=relu", "activation=silu"))
    with pytest.raises(LabError, match=r"^comparison.sweeps: both: .* does not have .*: run `make sweep NAME=both`$"):
        load_sweep_results(shown, "mnist")


@pytest.mark.parametrize("missing", ["trials.png", "effects.csv"])
def test_a_sweep_without_results_is_refused_with_the_command_that_makes_them(shown, missing):
    (SWEEPS / "both" / missing).unlink()
    with pytest.raises(LabError, match=r"^comparison.sweeps: both: .* is missing: run `make sweep NAME=both`$"):
        load_sweep_results(shown, "mnist")


def test_of_other_data_than_mnist_no_sweep_is_shown(shown):
    assert load_sweep_results(shown, "digits") == []
