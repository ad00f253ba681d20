"""The sweeps that the report shows: what was asked, the figure, and what two changes are worth where that was asked."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from lenet.errors import LabError
from lenet.evaluation.comparison import Estimate, Pair
from lenet.settings import Settings, load_sweep
from lenet.workspace import SWEEPS


@dataclass(frozen=True)
class Effects:
    """A 2×2 of a sweep: its recipes (neither change, the first, the second, both), differences, and the interaction."""

    four: tuple[str, ...]
    differences: Mapping[Pair, Estimate]
    interaction: Estimate


@dataclass(frozen=True)
class Swept:
    """A sweep and what came of it; figure: a PNG."""

    name: str
    about: str
    figure: bytes
    effects: list[Effects]


def load_swept(settings: Settings, dataset: str) -> list[Swept]:
    """Read the sweeps that params.yaml names, all of which are on MNIST; raise LabError where one lacks a result."""
    return [_load(name) for name in settings.comparison.sweeps] if dataset == "mnist" else []


def _load(name: str) -> Swept:
    folder = SWEEPS / name
    sweep = load_sweep(folder / "sweep.yaml")
    try:
        figure = (folder / "trials.png").read_bytes()
        rows = pd.read_csv(folder / "effects.csv") if sweep.factorials else pd.DataFrame({"factorial": []})
    except FileNotFoundError as error:
        raise LabError(
            f"comparison.sweeps: {name}: {error.filename} is missing: run `make sweep NAME={name}`"
        ) from None
    return Swept(name, sweep.about, figure, [_effects(of_one) for _, of_one in rows.groupby("factorial")])


def _effects(rows: pd.DataFrame) -> Effects:
    estimates = [Estimate(row.points, row.points_low, row.points_high) for row in rows.itertuples()]
    *pairs, (both, neither) = zip(rows["of"], rows["against"], strict=True)
    (first, _), _, (second, _), *_ = pairs  # in the order of factorial_pairs, then the interaction
    return Effects((neither, first, second, both), dict(zip(pairs, estimates, strict=False)), estimates[-1])
