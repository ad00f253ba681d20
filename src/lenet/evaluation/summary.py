"""Compute and save a variant's summary over its seeds: means, intervals and learning curves."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lenet.evaluation import metrics
from lenet.evaluation.comparison import compare
from lenet.evaluation.metrics import TEST_ERROR, TEST_ERROR_INTERVAL
from lenet.evaluation.results import SeedResult, VariantResult, learning_curve, save_result
from lenet.evaluation.writers import load_writers
from lenet.training.trained_run import EPOCH_METRICS, VALIDATION_ERROR
from lenet.workspace import CURVES, METRICS, atomic_write


def summarise(seeds: Sequence[SeedResult], wrong: np.ndarray) -> dict[str, float]:
    """Return each metric's mean over the seeds: name of the metric → mean. The metrics are those after the last epoch.

    If there are several seeds, the dictionary also contains each metric's standard deviation (key: the name and `_sd`)
    and the two ends of the 95 % interval of the test error.
    wrong: bool (seeds, images), whether each seed's network misreads each test image.
    """
    metrics_by_seed = [
        {name: values[-1] for name, values in seed.history.items()} | dict(seed.metrics) for seed in seeds
    ]
    summary = {}
    for name in metrics_by_seed[0]:
        values = [seed_metrics[name] for seed_metrics in metrics_by_seed]
        mean, sd = metrics.mean_and_sd(values)
        summary[name] = round(mean, 6)
        if sd is not None:
            summary[f"{name}_sd"] = round(sd, 6)
    writers = load_writers(seeds[0].identity.data.dataset, wrong.shape[1])
    (error,) = compare({"": wrong}, [], writers=writers).errors.values()
    if error.has_interval:
        summary |= dict(zip(TEST_ERROR_INTERVAL, (round(error.low, 6), round(error.high, 6)), strict=True))
    return summary


def save_metrics(variant: str, summary: Mapping[str, float]) -> None:
    """Write reports/metrics/<variant>.json: the validation error and the test error, for `dvc metrics`."""
    dvc_metrics = {name.replace("/", "_"): summary[name] for name in (VALIDATION_ERROR, TEST_ERROR) if name in summary}
    with atomic_write(METRICS / f"{variant}.json") as partial:
        partial.write_text(json.dumps(dvc_metrics, indent=2) + "\n", encoding="utf-8")


def save_curves(variant: str, seeds: Sequence[SeedResult]) -> None:
    """Write the mean learning curves over the seeds, one row per epoch, to reports/curves/<variant>.csv.

    DVC's plot needs a column for every metric. If the runs have no validation split, the columns of the validation
    metrics contain `nan`. DVC's plot omits `nan`; it would draw an empty cell as 0.
    """
    means = {name: learning_curve(seeds, name).mean for name in seeds[0].history}
    curves = pd.DataFrame(means).reindex(columns=EPOCH_METRICS).rename_axis("epoch")
    curves.index += 1
    with atomic_write(CURVES / f"{variant}.csv") as partial:
        curves.to_csv(partial, float_format="%.6f", na_rep="nan", lineterminator="\n")


def save_all(result: VariantResult) -> None:
    """Write a variant's learning curves, its two metrics for `dvc metrics`, and reports/details/<variant>.json."""
    save_curves(result.variant, result.seeds)
    save_metrics(result.variant, result.summary)
    save_result(result)
