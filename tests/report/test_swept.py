"""The sweeps of the report, from what `make sweep` leaves."""

import pandas as pd
import pytest
from ruamel.yaml import YAML
from support.builders import study

from lenet.commands import sweep
from lenet.errors import LabError
from lenet.evaluation.comparison import Estimate
from lenet.report.swept import load_swept
from lenet.settings import load_settings
from lenet.workspace import SWEEPS

FOUR = [
    f"activation={activation} schedule={schedule}"
    for activation in ("tanh", "relu")
    for schedule in ("constant", "cosine")
]


@pytest.fixture
def shown(workspace):
    """Settings that show a sweep with a 2×2, which has a figure and effects."""
    path = sweep.start(SWEEPS / "both", "tanh_sgd", load_settings())
    grids = [{"activation": ["tanh", "relu"], "schedule": ["constant", "cosine"]}]
    content = YAML(typ="safe").load(path) | {"grids": grids, "factorials": [FOUR], "about": "Which?"}
    YAML().dump(content, path)
    rows = [("difference", FOUR[1], FOUR[0], -0.1, -0.2, 0.0), ("interaction", FOUR[3], FOUR[0], -0.3, -0.4, -0.2)]
    table = pd.DataFrame(rows, columns=["kind", "of", "against", "points", "points_low", "points_high"])
    table.assign(design="batch_size=32").to_csv(path.parent / "effects.csv", index=False)
    (path.parent / "trials.png").write_bytes(b"a picture")
    return study({"tanh_sgd": [10.0, 12.0]}, sweeps=["both"]).settings


def test_a_sweep_is_shown_with_its_question_its_figure_and_its_effects(shown):
    (found,) = load_swept(shown, "mnist")
    assert (found.name, found.about) == ("both", "Which?")
    assert found.picture.startswith("data:image/png;base64,")
    (effects,) = found.effects
    assert (effects.four, effects.design) == (tuple(FOUR), "batch_size=32")
    assert effects.differences == {(FOUR[1], FOUR[0]): Estimate(-0.1, -0.2, 0.0)}
    assert effects.interaction == Estimate(-0.3, -0.4, -0.2)


def test_a_sweep_without_results_is_refused_with_the_command_that_makes_them(shown):
    (SWEEPS / "both/trials.png").unlink()
    with pytest.raises(LabError, match=r"^comparison.sweeps: both: .* is missing: run `make sweep NAME=both`$"):
        load_swept(shown, "mnist")


def test_of_other_data_than_mnist_no_sweep_is_shown(shown):
    assert load_swept(shown, "digits") == []
