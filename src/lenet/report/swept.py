"""The sweeps that the report shows: what was asked, the figure, and what two changes are worth where that was asked."""

from dataclasses import dataclass

import pandas as pd

from lenet.errors import LabError
from lenet.evaluation.comparison import Estimate
from lenet.report.pictures import as_url
from lenet.settings import Settings, load_sweep
from lenet.workspace import SWEEPS


@dataclass(frozen=True)
class Effects:
    """A 2×2: its recipes (neither change, the first, the second, both), the settings that all of them share, each
    difference by (recipe, other recipe), and the interaction.
    """

    four: tuple[str, ...]
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


def load_swept(settings: Settings, dataset: str) -> list[Swept]:
    """Read the sweeps that params.yaml names, all of which are on MNIST; raise LabError where one has no results."""
    return [_load(name) for name in settings.comparison.sweeps] if dataset == "mnist" else []


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
    of_designs = (rows for _, rows in table.groupby("design", sort=False, dropna=False))
    effects = [_effects(four, rows) for four, rows in zip(sweep.factorials, of_designs, strict=True)]
    return Swept(name, sweep.about, picture, effects)


def _effects(four: tuple[str, ...], rows: pd.DataFrame) -> Effects:
    found = {
        (row.kind, row.of, row.against): Estimate(row.points, row.points_low, row.points_high)
        for row in rows.itertuples()
    }
    differences = {(one, other): each for (kind, one, other), each in found.items() if kind == "difference"}
    (interaction,) = (each for (kind, _, _), each in found.items() if kind == "interaction")
    return Effects(four, rows["design"].iloc[0], differences, interaction)
