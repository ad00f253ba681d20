"""The sweeps that the report shows: what was asked, the figure, and what two changes are worth where that was asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from lenet.errors import LabError
from lenet.evaluation.comparison import Estimate, Pair, factorial_pairs
from lenet.settings import Settings, load_sweep
from lenet.workspace import SWEEPS


@dataclass(frozen=True)
class Effects:
    """A 2×2 of a sweep: its recipes (neither change, the first, the second, both), differences, and the interaction."""

    four: tuple[str, ...]
    differences: Mapping[Pair, Estimate]
    interaction: Estimate

    def shortened(self) -> tuple[str, "Effects"]:
        """Return the settings that all four recipes have, and the effects by the values of the others."""
        first, *others = map(str.split, self.four)
        shared = [setting for setting in first if all(setting in other for other in others)]
        short = {name: _values(setting for setting in name.split() if setting not in shared) for name in self.four}
        differences = {(short[one], short[other]): points for (one, other), points in self.differences.items()}
        return " ".join(shared), Effects(tuple(short.values()), differences, self.interaction)


@dataclass(frozen=True)
class SweepResult:
    """A sweep and what came of it; figure: a PNG."""

    name: str
    about: str
    figure: bytes
    effects: list[Effects]


def _values(settings: Iterable[str]) -> str:
    return " ".join(setting.partition("=")[2] for setting in settings)


def load_sweep_results(settings: Settings, dataset: str) -> list[SweepResult]:
    """Read the sweeps that params.yaml names, all of which are on MNIST; raise LabError where one lacks a result."""
    return [_load(name, settings) for name in settings.comparison.sweeps] if dataset == "mnist" else []


def _load(name: str, settings: Settings) -> SweepResult:
    folder = SWEEPS / name
    sweep = load_sweep(folder / "sweep.yaml", settings)
    try:
        figure = (folder / "trials.png").read_bytes()
        table = pd.read_csv(folder / "effects.csv") if sweep.factorials else pd.DataFrame()
        effects = [_effects(table, number, four) for number, four in enumerate(sweep.factorials, start=1)]
    except FileNotFoundError as error:
        fault = f"{error.filename} is missing"
    except (KeyError, ValueError):
        fault = f"{folder}/effects.csv does not have the factorials of sweep.yaml"
    else:
        return SweepResult(name, sweep.about, figure, effects)
    raise LabError(f"comparison.sweeps: {name}: {fault}: run `make sweep NAME={name}`")


def _effects(table: pd.DataFrame, number: int, four: tuple[str, ...]) -> Effects:
    """Find the effects of a 2×2 in effects.csv, which numbers them from 1; raise KeyError if one is missing."""
    estimates = {
        (row["kind"], row["of"], row["against"]): Estimate(row["points"], row["points_low"], row["points_high"])
        for row in table[table["factorial"] == number].to_dict("records")
    }
    neither, _, _, both = four
    differences = {pair: estimates["difference", *pair] for pair in factorial_pairs(*four)}
    return Effects(four, differences, estimates["interaction", both, neither])
