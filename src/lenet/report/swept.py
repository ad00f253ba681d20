"""The sweeps that the report shows: what was asked, the figure, and what two changes are worth where that was asked."""

from dataclasses import dataclass

import pandas as pd

from lenet.errors import LabError
from lenet.evaluation.comparison import Estimate
from lenet.evaluation.study import Study
from lenet.report.pictures import as_url
from lenet.settings import load_sweep
from lenet.workspace import SWEEPS


@dataclass(frozen=True)
class Effects:
    """A 2×2: the settings that its four recipes share, each difference by (recipe, other recipe), the interaction."""

    design: str
    differences: dict[tuple[str, str], Estimate]
    interaction: Estimate


@dataclass(frozen=True)
class Swept:
    """A sweep and what came of it; picture: a URL."""

    name: str
    about: str
    picture: str
    effects: list[Effects]


def load_swept(study: Study) -> list[Swept]:
    """Read the sweeps that params.yaml names; raise LabError where one has no results. All of them are on MNIST."""
    return [_load(name) for name in study.settings.comparison.sweeps] if study.dataset == "mnist" else []


def _load(name: str) -> Swept:
    folder = SWEEPS / name
    try:
        picture = as_url((folder / "trials.png").read_bytes())
    except FileNotFoundError as error:
        raise LabError(
            f"comparison.sweeps: {name}: {error.filename} is missing: run `make sweep NAME={name}`"
        ) from None
    sweep = load_sweep(folder / "sweep.yaml")
    table = pd.read_csv(folder / "effects.csv") if sweep.factorials else pd.DataFrame({"design": []})
    effects = [_effects(design, rows) for design, rows in table.groupby("design", sort=False)]
    return Swept(name, sweep.about, picture, effects)


def _effects(design: str, rows: pd.DataFrame) -> Effects:
    found = {
        (row.kind, row.of, row.against): Estimate(row.points, row.points_low, row.points_high)
        for row in rows.itertuples()
    }
    differences = {(one, other): each for (kind, one, other), each in found.items() if kind == "difference"}
    (interaction,) = (each for (kind, _, _), each in found.items() if kind == "interaction")
    return Effects(design, differences, interaction)
