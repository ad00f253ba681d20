"""One function per figure: data in, Matplotlib Figure out. Equal data give equal bytes."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import LogLocator, MaxNLocator

from lenet.data import Split
from lenet.predictions import Predictions
from lenet.results import VariantResult
from lenet.workspace import written_whole

# Okabe and Ito's palette, told apart by readers of all colour visions.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
_QUIET_COLOUR = "#8a8a8a"
_WRONG_DIGITS = 8


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, without a date or a version in it."""
    with written_whole(path) as partial:
        figure.savefig(partial, format="png", dpi=144, metadata={"Software": None})


def learning_curves(results: Sequence[VariantResult]) -> Figure:
    """Draw error per epoch on the training and the validation split: mean over seeds, and a band from best to worst."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, split in zip(panels, ("train", "validation"), strict=True):
        for result, colour in zip(results, cycle(COLOURS), strict=False):
            errors = np.array([seed.history[f"{split}/error_percent"] for seed in result.seeds])
            epochs = np.arange(1, errors.shape[1] + 1)
            axes.plot(epochs, errors.mean(axis=0), color=colour, label=result.variant)
            axes.fill_between(epochs, errors.min(axis=0), errors.max(axis=0), color=colour, alpha=0.2, linewidth=0)
        axes.set(title={"train": "Training (while weights move)", "validation": "Validation"}[split], xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _plain(axes)
    panels[0].set_ylabel("error (%)")
    panels[0].set_yscale("log", nonpositive="clip")
    panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panels[0].yaxis.set_major_formatter("{x:g}")
    panels[1].legend(frameon=False)
    return figure


def test_error(results: Sequence[VariantResult]) -> Figure:
    """Draw each variant's test error: every seed as a dot, the mean as a bar across."""
    figure = Figure(figsize=(8, 0.6 + 0.55 * len(results)), layout="constrained")
    axes = figure.subplots()
    for row, (result, colour) in enumerate(zip(results, cycle(COLOURS), strict=False)):
        errors = [seed.metrics["test/error_percent"] for seed in result.seeds]
        # Apart from each other, so that equal seeds are all seen.
        offsets = np.linspace(-0.18, 0.18, len(errors)) if len(errors) > 1 else [0.0]
        axes.plot(errors, row + np.asarray(offsets), "o", color=colour, alpha=0.75, markersize=6, markeredgewidth=0)
        mean = result.summary["test/error_percent"]
        axes.plot([mean, mean], [row - 0.32, row + 0.32], color=colour, linewidth=2.5)
        axes.annotate(f"{mean:.2f}", (mean, row - 0.34), ha="center", va="bottom", fontsize=8, color=colour)
    axes.set(xlabel="test error (%): a dot per seed, the line is their mean", yticks=range(len(results)))
    axes.set_yticklabels([result.variant for result in results])
    axes.set_ylim(len(results) - 0.4, -0.75)
    axes.set_xlim(left=0)
    _plain(axes)
    axes.grid(axis="y", visible=False)
    return figure


def confusion(counts: Mapping[str, Sequence[Sequence[int]]]) -> Figure:
    """Draw confusion matrices, two a row, in percent of the actual class; numbers where digits went astray.

    counts: title → 10 × 10 counts, rows actual, columns predicted.
    """
    columns = min(2, len(counts))
    rows = -(-len(counts) // columns)
    figure = Figure(figsize=(4.1 * columns, 4.3 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes in panels[len(counts) :]:
        axes.set_axis_off()
    for axes, (title, matrix) in zip(panels[: len(counts)], counts.items(), strict=True):
        matrix = np.asarray(matrix, dtype=np.float64)
        percent = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        astray = np.where(np.eye(len(percent), dtype=bool), np.nan, percent)
        ceiling = max(1.0, float(np.nanmax(astray)))
        axes.imshow(astray, cmap="Oranges", vmin=0, vmax=ceiling)
        for row, column in np.ndindex(percent.shape):
            if row == column or percent[row, column] >= 0.1:
                shown = f"{percent[row, column]:.1f}"
                dark = row != column and percent[row, column] > 0.6 * ceiling
                axes.text(column, row, shown, ha="center", va="center", fontsize=6, color="w" if dark else "#222222")
        axes.set(title=title, xlabel="predicted", ylabel="actual", xticks=range(10), yticks=range(10))
    return figure


def wrong_digits(probabilities: Mapping[str, np.ndarray], test: Split) -> Figure:
    """Draw, a row per title, the test digits that were taken for another with the greatest confidence.

    probabilities: title → float32 (n, 10), for several seeds their mean.
    """
    figure = Figure(figsize=(1.15 * _WRONG_DIGITS, 1.9 * len(probabilities)), layout="constrained")
    for part, (title, rows) in zip(_parts(figure, len(probabilities)), probabilities.items(), strict=True):
        part.suptitle(title, fontsize=9, fontweight="bold", x=0.01, ha="left")
        cells = part.subplots(1, _WRONG_DIGITS)
        predicted = rows.argmax(axis=1)
        confidence = np.where(predicted != test.labels, rows.max(axis=1), 0.0)
        worst = [index for index in np.argsort(-confidence, kind="stable")[:_WRONG_DIGITS] if confidence[index] > 0]
        for axes in cells:
            axes.set_axis_off()
        for axes, index in zip(cells, worst, strict=False):
            axes.imshow(test.images[index], cmap="gray_r", vmin=0, vmax=255)
            axes.set_title(f"{test.labels[index]} as {predicted[index]}\n{100 * confidence[index]:.0f} %", fontsize=8)
    return figure


def inside(predictions: Mapping[str, Predictions]) -> Figure:
    """Draw, per variant, a digit, C1's six filters and that digit's feature maps in C1, S2 and C3."""
    figure = Figure(figsize=(10, 2.7 * len(predictions)), layout="constrained")
    for part, (variant, seen) in zip(_parts(figure, len(predictions)), predictions.items(), strict=True):
        part.suptitle(variant, fontsize=9, fontweight="bold", x=0.01, ha="left")
        grid = part.subplots(4, 17, gridspec_kw={"width_ratios": [1.2] + [1] * 16})
        for axes in grid.flat:
            axes.set_axis_off()
        grid[0, 0].imshow(seen.digit, cmap="gray_r")
        layers = {"C1 filters": seen.filters, "C1": seen.c1, "S2": seen.s2, "C3": seen.c3}
        for row, (name, maps) in zip(grid, layers.items(), strict=True):
            limit = float(np.abs(maps).max()) or 1.0
            row[1].text(-0.15, 0.5, name, transform=row[1].transAxes, ha="right", va="center", fontsize=7)
            for axes, index in zip(row[1:], range(maps.shape[-1]), strict=False):
                axes.imshow(maps[..., index], cmap="RdBu_r", vmin=-limit, vmax=limit)
    return figure


def _parts(figure: Figure, rows: int) -> Sequence[SubFigure]:
    return figure.subfigures(rows, 1, squeeze=False)[:, 0]


def _plain(axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=_QUIET_COLOUR, alpha=0.25, linewidth=0.6)
