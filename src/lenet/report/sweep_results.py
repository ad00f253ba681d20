"""Load the sweeps that the report shows. Each has a question and a figure, and effects if it has factorials.

A factorial is a 2×2 design of two changes. It has four recipes: with neither change, with the first, with the second,
with both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from lenet.errors import LabError
from lenet.evaluation.comparison import Estimate, Pair, factorial_pairs
from lenet.settings import Settings, Variant, load_sweep
from lenet.workspace import SWEEPS


@dataclass(frozen=True)
class Effects:
    """The effects of the two changes in a factorial of a sweep.

    recipes: the names of the four recipes: with neither change, with the first, with the second, with both.
    differences: (recipe, reference) → how much the recipe differs from the reference, in percentage points.
    """

    recipes: tuple[str, ...]
    differences: Mapping[Pair, Estimate]
    interaction: Estimate

    def shortened(self) -> tuple[str, "Effects"]:
        """Shorten the names of the recipes. Return the shared settings, and the effects with the short names.

        A name lists settings with their values. The shared settings are those that have the same value in all four
        names. A short name has only the values of the other settings.
        """
        first, *others = map(str.split, self.recipes)
        shared = [setting for setting in first if all(setting in other for other in others)]
        short = {
            name: " ".join(setting.partition("=")[2] for setting in name.split() if setting not in shared)
            for name in self.recipes
        }
        differences = {(short[one], short[other]): points for (one, other), points in self.differences.items()}
        return " ".join(shared), Effects(tuple(short.values()), differences, self.interaction)


@dataclass(frozen=True)
class SweepResult:
    """The question and the results of a sweep.

    dataset: the name of its data set. about: the question. recipes: name → recipe. figure: the figure as PNG. effects:
    one `Effects` for each factorial in the sweep.
    """

    name: str
    dataset: str
    about: str
    recipes: Mapping[str, Variant]
    figure: bytes
    effects: list[Effects]


def load_sweep_results(settings: Settings) -> list[SweepResult]:
    """Read the results of the sweeps in `comparison.sweeps` of params.yaml; raise LabError if some are missing."""
    return [_load(name, settings) for name in settings.comparison.sweeps]


def _load(name: str, settings: Settings) -> SweepResult:
    folder = SWEEPS / name
    sweep = load_sweep(folder / "sweep.yaml", settings)
    try:
        figure = (folder / "trials.png").read_bytes()
        table = pd.read_csv(folder / "effects.csv") if sweep.factorials else pd.DataFrame()
        effects = [_effects(table, number, recipes) for number, recipes in enumerate(sweep.factorials, start=1)]
    except (FileNotFoundError, KeyError, ValueError):
        raise LabError(
            f"params.yaml: comparison.sweeps: {name}: the results in {folder} are missing or do not fit sweep.yaml: "
            f"run `make sweep NAME={name}`"
        ) from None
    return SweepResult(name, sweep.dataset, sweep.about, sweep.recipes(), figure, effects)


def _effects(table: pd.DataFrame, number: int, recipes: tuple[str, ...]) -> Effects:
    """Return the effects of a factorial. Raise KeyError if an effect is missing in the table.

    table: the content of effects.csv. number: the factorial's number in the table, counted from 1.
    """
    estimates = {
        (row["kind"], row["of"], row["against"]): Estimate(row["points"], row["points_low"], row["points_high"])
        for row in table[table["factorial"] == number].to_dict("records")
    }
    neither, _, _, both = recipes
    differences = {pair: estimates["difference", *pair] for pair in factorial_pairs(*recipes)}
    return Effects(recipes, differences, estimates["interaction", both, neither])
