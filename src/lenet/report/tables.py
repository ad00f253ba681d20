"""Write the comparison of the variants as CSV files for other programs. The project does not read these files."""

from pathlib import Path

import pandas as pd

from lenet.evaluation.comparison import Estimate
from lenet.evaluation.metrics import METRICS, TEST_ERROR, Metric
from lenet.evaluation.results import VariantResult
from lenet.evaluation.study import Study
from lenet.workspace import COMPARISON, DIFFERENCES, MISTAKES, atomic_write

_DIFFERENCE_COLUMNS = ("kind", "of", "against", "points", "points_low", "points_high", "detectable")


def save_tables(study: Study) -> None:
    """Write reports/comparison.csv, differences.csv and mistakes.csv."""
    write_csv(comparison_table(study), COMPARISON)
    write_csv(_difference_table(study), DIFFERENCES)
    write_csv(_mistake_table(study), MISTAKES)


def comparison_table(study: Study) -> pd.DataFrame:
    """Return a table with a row per variant, all cells as text.

    A cell without a value is empty, for example the ends of the interval if a variant has only one seed.
    """
    return pd.DataFrame([_row(study, variant) for variant in study.results])


def _row(study: Study, variant: str) -> dict[str, str]:
    result = study.results[variant]
    row: dict[str, object] = {
        "variant": variant,
        "dataset": study.dataset,
        "seeds": len(result.seeds),
        "parameters": result.parameters,
        "multiply_accumulates": result.multiply_accumulates,
        "epochs": result.epochs,
    }
    for metric in METRICS:
        row |= _statistics(result, metric)
        if metric.name == TEST_ERROR:
            row |= _more_on_test_error(study, variant, metric.column)
    return {name: str(value) for name, value in row.items()}


def _statistics(result: VariantResult, metric: Metric) -> dict[str, str]:
    """Return a variant's cells for a metric: column → text. The text is empty if the value is missing."""
    suffixes = {"mean": "", "sd": "_sd"}  # of the metric's name in a variant's summary
    cells = {}
    for statistic in metric.statistics:
        value = result.summary.get(f"{metric.name}{suffixes[statistic]}")
        cells[f"{metric.column}_{statistic}"] = "" if value is None else f"{value:.4f}"
    return cells


def _more_on_test_error(study: Study, variant: str, column: str) -> dict[str, object]:
    """Return the interval of the test error, the errors by group of writers, and what the error is compared with."""
    published = study.published.get(variant)
    difference = study.against_baseline(variant)
    return {
        **_interval_cells(column, study.comparison.errors[variant]),
        **{f"{column}_{group}": f"{share:.4f}" for group, share in study.errors_by_group(variant).items()},
        "difference_percent": f"{difference.value:.4f}" if difference else "",
        **_interval_cells("difference_percent", difference),
        "difference_is_primary": str((variant, study.baseline) == study.primary).lower() if difference else "",
        "published_percent": published.error_percent if published else "",
        "published_by": published.source if published else "",
    }


def _interval_cells(name: str, estimate: Estimate | None) -> dict[str, str]:
    if estimate is None or not estimate.has_interval:
        return {f"{name}_low": "", f"{name}_high": ""}
    return {f"{name}_low": f"{estimate.low:.4f}", f"{name}_high": f"{estimate.high:.4f}"}


def _difference_table(study: Study) -> pd.DataFrame:
    """Return a table in percentage points. It has a row per difference between two variants, then a row per effect."""
    estimates = [("difference", *pair, estimate) for pair, estimate in study.comparison.differences.items()]
    estimates += [("effect", name, "", estimate) for name, estimate in study.comparison.effects.items()]
    rows = [
        {"kind": kind, "of": of, "against": against, "points": f"{estimate.value:.4f}"}
        | _interval_cells("points", estimate)
        | {"detectable": str(estimate.is_detectable).lower() if estimate.has_interval else ""}
        for kind, of, against, estimate in estimates
    ]
    return pd.DataFrame(rows, columns=_DIFFERENCE_COLUMNS)


def _mistake_table(study: Study) -> pd.DataFrame:
    """Return a table with a row per misread test image: its label, and how many networks of each variant misread it."""
    counts = pd.DataFrame({variant: wrong.sum(axis=0) for variant, wrong in study.wrong.items()})
    counts = counts[counts.any(axis=1)].rename_axis("digit")
    labels: dict[int, int] = {}
    for misread in study.misread.values():
        labels |= dict(zip(misread.indices.tolist(), misread.labels.tolist(), strict=True))
    counts.insert(0, "label", counts.index.map(labels))
    return counts.reset_index()


def write_csv(table: pd.DataFrame, path: Path, index: bool = False) -> None:
    """Write a table as CSV; floats get six decimals."""
    with atomic_write(path) as partial:
        table.to_csv(partial, index=index, float_format="%.6f", lineterminator="\n")
