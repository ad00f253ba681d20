"""The comparison as CSV files, for other programs: nothing here reads them back."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lenet.evaluation.comparison import Estimate
from lenet.evaluation.metrics import METRIC, METRICS, TEST_ERROR, Metric
from lenet.evaluation.results import VariantResult
from lenet.evaluation.study import Study
from lenet.workspace import COMPARISON, DIFFERENCES, MISTAKES, atomic_write

# The table of metrics begins with the errors, which the comparison is about: the interval stands beside them.
_COMPARED = 1 + METRICS.index(METRIC[TEST_ERROR])
_DIFFERENCE_COLUMNS = ("kind", "of", "against", "points", "points_low", "points_high", "detectable")


def save_tables(study: Study) -> None:
    """Write reports/comparison.csv, differences.csv and mistakes.csv."""
    write_csv(comparison_table(study), COMPARISON)
    write_csv(_differences(study), DIFFERENCES)
    write_csv(_mistakes(study), MISTAKES)


def comparison_table(study: Study) -> pd.DataFrame:
    """Return a row of text per variant; an unknown value is empty: one seed has no interval."""
    return pd.DataFrame([_row(study, variant) for variant in study.results])


def _row(study: Study, variant: str) -> dict[str, str]:
    result = study.results[variant]
    error = study.comparison.errors[variant]
    published = study.published.get(variant)
    from_base = study.comparison.differences.get((variant, study.base))
    row = {
        "variant": variant,
        "dataset": study.dataset,
        "seeds": len(result.seeds),
        "parameters": result.parameters,
        "multiply_accumulates": result.multiply_accumulates,
        "epochs": result.epochs,
        **_statistics(result, METRICS[:_COMPARED]),
        **_interval(METRIC[TEST_ERROR].column, error),
        **{f"{METRIC[TEST_ERROR].column}_{group}": f"{share:.4f}" for group, share in study.by_group(variant).items()},
        "difference_percent": f"{from_base.value:.4f}" if from_base else "",
        **_interval("difference_percent", from_base),
        "difference_is_primary": str((variant, study.base) == study.primary).lower() if from_base else "",
        "published_percent": published.error_percent if published else "",
        "published_by": published.source if published else "",
        **_statistics(result, METRICS[_COMPARED:]),
    }
    return {name: str(value) for name, value in row.items()}


def _statistics(result: VariantResult, metrics: Sequence[Metric]) -> dict[str, str]:
    """Return the columns of some metrics; what a variant does not have is empty."""
    names = {"mean": "", "sd": "_sd"}  # in a variant's summary
    cells = {}
    for metric in metrics:
        for statistic in metric.statistics:
            value = result.summary.get(f"{metric.name}{names[statistic]}")
            cells[f"{metric.column}_{statistic}"] = "" if value is None else f"{value:.4f}"
    return cells


def _interval(name: str, estimate: Estimate | None) -> dict[str, str]:
    if estimate is None or not estimate.is_known:
        return {f"{name}_low": "", f"{name}_high": ""}
    return {f"{name}_low": f"{estimate.low:.4f}", f"{name}_high": f"{estimate.high:.4f}"}


def _differences(study: Study) -> pd.DataFrame:
    """Return a row per pair and per effect, in percentage points."""
    estimates = [("difference", *pair, estimate) for pair, estimate in study.comparison.differences.items()]
    estimates += [("effect", name, "", estimate) for name, estimate in study.comparison.effects.items()]
    rows = [
        {"kind": kind, "of": of, "against": against, "points": f"{estimate.value:.4f}"}
        | _interval("points", estimate)
        | {"detectable": str(estimate.is_detectable).lower() if estimate.is_known else ""}
        for kind, of, against, estimate in estimates
    ]
    return pd.DataFrame(rows, columns=_DIFFERENCE_COLUMNS)


def _mistakes(study: Study) -> pd.DataFrame:
    """Return a row per misread test digit: how many networks of each variant misread it."""
    counts = pd.DataFrame({variant: wrong.sum(axis=0) for variant, wrong in study.wrong.items()})
    counts = counts[counts.any(axis=1)].rename_axis("digit")
    labels: dict[int, int] = {}
    for misread in study.misread.values():
        labels |= dict(zip(misread.indices.tolist(), misread.labels.tolist(), strict=True))
    counts.insert(0, "label", counts.index.map(labels))
    return counts.reset_index()


def write_csv(table: pd.DataFrame, path: Path, index: bool = False) -> None:
    """Write a table as CSV; numbers that are not text yet have six decimals."""
    with atomic_write(path) as partial:
        table.to_csv(partial, index=index, float_format="%.6f", lineterminator="\n")
