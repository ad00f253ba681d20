"""Draw the figures of the report. There is one function per figure: it takes data and returns a Matplotlib `Figure`.

`save` and `save_all` write the figures as PNG files. Equal data give equal files, byte for byte.
"""

import itertools
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import ArrayLike

from lenet.errors import LabError
from lenet.evaluation.comparison import Estimate
from lenet.evaluation.metrics import TEST_ERROR, percent_of_actual
from lenet.evaluation.misread import most_confident_mistakes
from lenet.evaluation.predictions import Predictions
from lenet.evaluation.results import VariantResult, learning_curve
from lenet.evaluation.trials import ERROR, LOSS
from lenet.mnist.splits import Split
from lenet.report.pictures import mosaic_of_copies, mosaic_of_maps
from lenet.report.wording import rounded
from lenet.settings import PublishedTraining
from lenet.training.trained_run import TRAIN_ERROR, VALIDATION_ERROR
from lenet.workspace import FIGURES, atomic_write

T = TypeVar("T")

# Colours of Okabe and Ito's palette: colour-blind readers can distinguish them.
BLUE, ORANGE = "#0072B2", "#D55E00"
_LINE_COLOURS = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_GREY, _LIGHT_GREY = "#8a8a8a", "#d4d4d4"
# For a figure that is shown on white and on black.
_BRIGHT_BLUE, _BRIGHT_ORANGE = "#2f81d0", "#dd7733"
# The lower edge of learning curves, whose axes are logarithmic: some networks misread no training image.
_SMALLEST_ERROR_PERCENT = 0.1
_IMAGES_PER_ROW = 8
# Figures with a panel or pictures per variant show only the first variants, so that no image grows without limit.
_MAX_VARIANTS = 40


def _first_variants(value_by_variant: Mapping[str, T]) -> Mapping[str, T]:
    return dict(itertools.islice(value_by_variant.items(), _MAX_VARIANTS))


@contextmanager
def in_another_process(work: Callable[[], None]) -> Iterator[None]:
    """Call `work` in a forked process while the block of the `with` statement runs.

    This saves time, because drawing the figures takes most of the report's time. The end of the block waits for the
    forked process. If `work` failed, its traceback is printed, and LabError is raised.
    """
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    try:
        yield
    finally:
        process.join()
    if process.exitcode:
        raise LabError("figures could not be drawn: see the message above")


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, without a date or a version, so that equal figures give equal files."""
    with atomic_write(path) as partial:
        figure.savefig(partial, format="png", dpi=144, metadata={"Software": None})


def save_all(figures_by_name: Mapping[str, Figure]) -> None:
    """Write each figure to reports/figures/<name>.png."""
    for name, figure in figures_by_name.items():
        save(figure, FIGURES / f"{name}.png")


def test_error(results: Sequence[VariantResult], intervals: Mapping[str, Estimate]) -> Figure:
    """Draw a row per variant: the seeds' test errors as dots, and the mean with its interval if there is one.

    intervals: variant → the estimate of its mean test error.
    """
    figure = Figure(figsize=(9, 0.9 + 0.36 * len(results)), layout="constrained")
    axes = figure.subplots()
    for row, result in enumerate(results):
        errors = [seed.metrics[TEST_ERROR] for seed in result.seeds]
        # Vertical offsets, so that seeds with equal errors do not hide each other.
        offsets = np.linspace(-0.2, 0.2, len(errors)) if len(errors) > 1 else [0.0]
        axes.plot(errors, row + np.asarray(offsets), "o", color=BLUE, alpha=0.6, markersize=5, markeredgewidth=0)
        mean, interval = result.summary[TEST_ERROR], intervals[result.variant]
        if interval.has_interval:
            axes.plot([interval.low, interval.high], [row, row], color=ORANGE, linewidth=2, solid_capstyle="butt")
        axes.plot([mean, mean], [row - 0.34, row + 0.34], color=ORANGE, linewidth=2.5, solid_capstyle="butt")
        axes.text(1.02, row, rounded(mean), transform=axes.get_yaxis_transform(), va="center", fontweight="bold")
    axes.set(xlabel="test error (%): a dot per seed, their mean and its 95 % interval", yticks=range(len(results)))
    axes.set_yticklabels([result.variant for result in results])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(results) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.spines["left"].set_visible(False)
    _simplify(axes)
    return figure


def ladder(
    errors: Mapping[str, Estimate], words: Mapping[str, str], published: tuple[str, float] | None, ink: str
) -> Figure:
    """Draw a row per variant: its mean test error with the 95 % interval, on a transparent background.

    errors: variant → its test error, from top to bottom. words: variant → what the row says of it.
    published: a published error in percent, drawn as a dashed line, and the text at this line.
    ink: the colour of texts and axes.
    """
    figure = Figure(figsize=(9, 0.9 + 0.33 * len(errors)), layout="constrained", facecolor="none")
    axes = figure.subplots()
    axes.set_facecolor("none")
    for row, error in enumerate(errors.values()):
        if error.has_interval:
            axes.plot([error.low, error.high], [row, row], color=_BRIGHT_BLUE, linewidth=2.5, solid_capstyle="butt")
        axes.plot(error.value, row, "o", color=_BRIGHT_BLUE, markersize=8)
        end = (error.high if error.has_interval else error.value, row)
        label = axes.annotate(rounded(error.value), end, (8, 0), textcoords="offset points", va="center")
        label.set(color=ink, fontweight="bold")
    if published:
        text, error_percent = published
        axes.axvline(error_percent, color=_BRIGHT_ORANGE, linestyle="--", linewidth=1.2, zorder=0)
        axes.text(error_percent, -0.75, text, color=ink, fontsize=9, ha="center", va="bottom")
    axes.set(yticks=range(len(errors)))
    axes.set_xlabel("test error (%): mean over the seeds, 95 % interval", color=ink)
    axes.set_yticklabels(list(errors))
    axes.tick_params(colors=ink)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(errors) - 0.4, -0.7)
    axes.set_xlim(0, 1.1 * axes.get_xlim()[1])
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(errors)), [words[variant] for variant in errors])
    right.tick_params(colors=ink, length=0, labelsize=9)
    right.spines["right"].set_visible(False)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(ink)
    _simplify(axes)
    return figure


def learning_curves(results: Sequence[VariantResult]) -> Figure:
    """Draw a panel per variant with its training and validation errors per epoch.

    For both errors, a line shows the mean over the seeds, and a band reaches from the best seed to the worst. Grey
    lines in the background show the validation errors of the other variants. A variant that also trains on the
    validation split has no validation error.
    """
    results = results[:_MAX_VARIANTS]
    panels, figure = _panels(len(results), columns=4, size=(2.6, 2.3), share=True)
    for axes, result in zip(panels, results, strict=True):
        for other in results:
            if other is not result and VALIDATION_ERROR in other.summary:
                curve = learning_curve(other.seeds, VALIDATION_ERROR)
                axes.plot(curve.epochs, curve.mean, color=_LIGHT_GREY, linewidth=0.8)
        for metric, colour in ((TRAIN_ERROR, ORANGE), (VALIDATION_ERROR, BLUE)):
            if metric in result.summary:
                curve = learning_curve(result.seeds, metric)
                axes.plot(curve.epochs, curve.mean, color=colour, linewidth=1.8)
                axes.fill_between(curve.epochs, curve.lowest, curve.highest, color=colour, alpha=0.25, linewidth=0)
        if VALIDATION_ERROR not in result.summary:
            axes.text(0.97, 0.93, "trained on validation too", transform=axes.transAxes, ha="right", fontsize=7.5)
        axes.set_title(result.variant, fontsize=9, fontweight="bold")
        axes.set_xscale("log")  # variants train for different numbers of epochs, and most happens in the first ones
        axes.set_yscale("log", nonpositive="clip")
        for axis in (axes.xaxis, axes.yaxis):
            _label_logarithmic(axis)
        axes.tick_params(labelsize=8, labelbottom=True)
        _simplify(axes)
    panels[0].set_ylim(bottom=_SMALLEST_ERROR_PERCENT)
    figure.supxlabel("epoch", fontsize=9)
    figure.supylabel("error (%)", fontsize=9)
    colours = {"training, while weights move": ORANGE, "validation": BLUE, "validation, other variants": _LIGHT_GREY}
    figure.legend(
        [Line2D([], [], color=colour, linewidth=1.8) for colour in colours.values()],
        list(colours),
        loc="upper center",
        ncols=len(colours),
        frameon=False,
        fontsize=9,
    )
    return figure


def confusion(counts: Mapping[str, ArrayLike]) -> Figure:
    """Draw a confusion matrix per title, in percent of the images of the actual class.

    All matrices have the same colour scale. A cell of mistakes shows its number only if the number is at least 0.1 %.
    counts: title → 10 × 10 counts, a row per actual class, a column per predicted class.
    """
    percents = {title: percent_of_actual(matrix) for title, matrix in _first_variants(counts).items()}
    mistakes = ~np.eye(10, dtype=bool)
    ceiling = max(1.0, *(float(percent[mistakes].max()) for percent in percents.values()))
    side = 4.1 if len(percents) == 1 else 3.1
    panels, figure = _panels(len(percents), columns=4, size=(side, side + 0.1))
    for axes, (title, percent) in zip(panels, percents.items(), strict=True):
        axes.imshow(np.where(mistakes, percent, np.nan), cmap="Oranges", vmin=0, vmax=ceiling)
        for row, column in np.ndindex(percent.shape):
            if row == column or percent[row, column] >= 0.1:
                text = f"{percent[row, column]:.1f}"
                is_dark = row != column and percent[row, column] > 0.6 * ceiling
                axes.text(column, row, text, ha="center", va="center", fontsize=6, color="w" if is_dark else "#222222")
        axes.set(xticks=range(10), yticks=range(10))
        axes.set_title(title, fontsize=9, fontweight="bold")
        axes.tick_params(labelsize=8, length=0)
    figure.supxlabel("predicted", fontsize=9)
    figure.supylabel("actual", fontsize=9)
    return figure


def wrong_digits(probabilities: Mapping[str, np.ndarray], test: Split) -> Figure:
    """Draw a row of misread test images per title, the most confident mistakes first.

    A mistake is more confident if the wrong class has a higher probability.
    probabilities: title → float32 (n, 10), the mean over the seeds.
    """
    rows = {}
    for title, title_probabilities in _first_variants(probabilities).items():
        mistakes = most_confident_mistakes(title_probabilities, test.labels, _IMAGES_PER_ROW)
        rows[title] = [_Picture(test.images[index], caption) for index, caption in mistakes.items()]
    return _figure_of_rows(rows, widths=[0.85] * _IMAGES_PER_ROW, height=1.0)


def inside(predictions: Mapping[str, Predictions]) -> Figure:
    """Draw a row per variant: a test image, the filters of C1, and the image's feature maps in C1, S2 and C3."""
    rows = {}
    for variant, outputs in _first_variants(predictions).items():
        layers = {"C1 filters": outputs.filters, "C1": outputs.c1, "S2": outputs.s2, "C3": outputs.c3}
        maps = [_Picture(mosaic_of_maps(maps), name, signed=True) for name, maps in layers.items()]
        rows[variant] = [_Picture(outputs.digit), *maps]
    return _figure_of_rows(rows, widths=[0.85, 1.35, 1.35, 1.35, 3.5], height=1.05)


def sweep_differences(table: pd.DataFrame) -> Figure:
    """Draw a row per recipe of a sweep: how much the recipe differs from the sweep's first recipe.

    One panel shows the differences in validation cross-entropy, the other those in validation error. Each difference
    has a bar of ± 2 standard errors. The numbers at the right of a panel are the recipes' means. table: what
    `evaluation.trials.table` returns.
    """
    names_inches = 0.08 * max(map(len, table.index))
    figure = Figure(figsize=(6 + names_inches, 1 + 0.36 * len(table)), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    titles = {LOSS: ("validation cross-entropy (nats)", ".4f"), ERROR: ("validation error (%)", ".2f")}
    for axes, (metric, (title, number_format)) in zip(panels, titles.items(), strict=True):
        for row, (mean, difference, standard_error) in enumerate(
            table[[metric, f"{metric}_difference", f"{metric}_difference_se"]].itertuples(index=False)
        ):
            ends = [difference - 2 * standard_error, difference + 2 * standard_error]
            axes.plot(ends, [row, row], color=ORANGE, linewidth=2, solid_capstyle="butt")
            axes.plot(difference, row, "o", color=BLUE, markersize=5)
            axes.text(1.02, row, f"{mean:{number_format}}", transform=axes.get_yaxis_transform(), va="center")
        axes.axvline(0, color=_GREY, linewidth=1)
        axes.set_title(title, fontsize=9, fontweight="bold")
        axes.set_yticks(range(len(table)))
        axes.tick_params(axis="y", length=0)
        _simplify(axes)
    panels[0].set_yticklabels(table.index)
    panels[0].set_ylim(len(table) - 0.4, -0.6)
    figure.supxlabel("difference from the first recipe ± 2 standard errors", fontsize="medium")
    return figure


def sweep_over_setting(
    table: pd.DataFrame, settings: pd.DataFrame, x_setting: str, variants: Mapping[str, str]
) -> Figure:
    """Draw lines of a sweep's validation errors. The x-axis is one numeric setting.

    There is a line for each combination of the other varied settings, with a band of ± 2 standard errors.
    table: what `evaluation.trials.table` returns. settings: a table with a row per recipe and a column per varied
    setting. x_setting: the setting on the x-axis. variants: recipe → variant. It has only the recipes that are also
    variants of the study. The points of these recipes are marked.
    """
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    others = [name for name in settings if name != x_setting]
    groups = settings.groupby(others, sort=False) if others else [((), settings)]
    for (group, members), colour in zip(groups, itertools.cycle(_LINE_COLOURS)):
        x = members[x_setting].astype(float).sort_values()
        mean, half_width = table.loc[x.index, ERROR], 2 * table.loc[x.index, f"{ERROR}_se"]
        axes.plot(x, mean, "o-", color=colour, label=", ".join(map(str, group)), markersize=4)
        axes.fill_between(x, mean - half_width, mean + half_width, color=colour, alpha=0.18, linewidth=0)
        for recipe in x.index.intersection(list(variants)):
            axes.plot(x[recipe], mean[recipe], "s", color=colour, markersize=9, markerfacecolor="none")
            marked = settings.index[settings.index.isin(list(variants)) & (settings[x_setting] == x[recipe])]
            is_above = mean[recipe] == table.loc[marked, ERROR].max()  # so that two names do not overlap
            offset, place = (9, "bottom") if is_above else (-9, "top")
            axes.annotate(
                *(variants[recipe], (x[recipe], mean[recipe]), (0, offset)),
                textcoords="offset points",
                ha="center",
                va=place,
                color=colour,
            )
    axes.set(xlabel=x_setting, ylabel="validation error (%), ± 2 standard errors")
    if (settings[x_setting] > 0).all():
        axes.set_xscale("log")
    if best := table[ERROR].min():
        axes.set_ylim(0, min(axes.get_ylim()[1], 6 * best))  # recipes that diverge are cut off
    if others:
        axes.legend(frameon=False, title=", ".join(others))
    _simplify(axes)
    return figure


def sweep_training_curves(
    curves: Mapping[str, np.ndarray], table: pd.DataFrame, published: PublishedTraining | None
) -> Figure:
    """Draw a line per recipe of a sweep: the training error after each epoch. Both axes are logarithmic.

    curves: recipe → training error in percent, float (epochs,). The legend also has each recipe's validation error from
    `table`, what `evaluation.trials.table` returns. published: a training error to draw as a point.
    """
    figure = Figure(figsize=(8.5, 5.2), layout="constrained")
    axes = figure.subplots()
    for (recipe, curve), colour in zip(curves.items(), itertools.cycle(_LINE_COLOURS)):
        mean, standard_error = table.loc[recipe, [ERROR, f"{ERROR}_se"]]
        label = f"{recipe}: validation error {mean:.2f} ± {standard_error:.2f} %"
        axes.plot(range(1, len(curve) + 1), curve, "o-", color=colour, markersize=3, label=label)
    if published:
        label = f"published: {published.error_percent} % in epoch {published.epoch}"
        axes.plot(published.epoch, published.error_percent, "k*", markersize=12, label=label)
    axes.set(xlabel="epoch", ylabel="training error (%), measured while training")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        _label_logarithmic(axis)
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(-0.08, 1.01))
    _simplify(axes)
    return figure


def distortions(copies: Mapping[str, np.ndarray]) -> Figure:
    """Draw a block of pictures per title. Each row of a block has an image, then its distorted copies.

    copies: title → uint8 (images, 1 + copies, 28, 28), the originals at index 0 of the second axis.
    """
    image_count, columns = next(iter(copies.values())).shape[:2]
    captions = ("the image", *(f"copy {number}" for number in range(1, columns)))
    rows = {title: [_Picture(mosaic_of_copies(title_copies), *captions)] for title, title_copies in copies.items()}
    return _figure_of_rows(rows, widths=[0.7 * columns], height=0.7 * image_count + 0.3)


def _label_logarithmic(axis: Axis) -> None:
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def _panels(count: int, columns: int, size: tuple[float, float], share: bool = False) -> tuple[Sequence[Axes], Figure]:
    """Make a figure with `count` axes, at most `columns` per row. Return the axes and the figure.

    size: the approximate width and height of one axes, in inches. The space above the axes is kept free for a legend.
    The positions are computed here, because Matplotlib's layout engine would draw everything twice to find them.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    width, height = size[0] * columns + 0.5, size[1] * rows + 0.7
    figure = Figure(figsize=(width, height))
    left, bottom, above, gap_x, gap_y = 0.75, 0.6, 0.6, 0.35, 0.5
    inner_x = (width - left - 0.1 - gap_x * (columns - 1)) / columns
    inner_y = (height - bottom - above - gap_y * (rows - 1)) / rows
    places = {"left": left / width, "right": 1 - 0.1 / width, "bottom": bottom / height, "top": 1 - above / height}
    places |= {"wspace": gap_x / inner_x, "hspace": gap_y / inner_y}
    panels = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share, gridspec_kw=places).flatten()
    for spare in panels[count:]:
        spare.remove()
    return list(panels[:count]), figure


class _Picture:
    """A picture in a figure: pixels (height, width), with evenly spaced captions above.

    The pixels are ink on white paper or, if `signed`, values that may be negative.
    """

    def __init__(self, pixels: np.ndarray, *captions: str, signed: bool = False) -> None:
        self.pixels, self.captions = pixels, captions
        self.colours, self.lowest, self.highest = "gray_r", 0.0, 255.0
        if signed:
            self.colours, self.highest = "RdBu_r", np.nanmax(np.abs(pixels)) or 1.0
            self.lowest = -self.highest

    def draw(self, axes: Axes, left: float, bottom: float, width: float, height: float) -> None:
        """Draw the picture in the middle of a rectangle, as large as fits. All numbers are in inches."""
        rows, columns = self.pixels.shape
        scale = min(width / columns, height / rows)
        left += (width - scale * columns) / 2
        bottom += (height - scale * rows) / 2
        right, top = left + scale * columns, bottom + scale * rows
        axes.imshow(
            self.pixels,
            cmap=self.colours,
            vmin=self.lowest,
            vmax=self.highest,
            interpolation="nearest",
            aspect="auto",
            extent=(left, right, bottom, top),
        )
        for number, caption in enumerate(self.captions):
            x = left + (right - left) * (number + 0.5) / len(self.captions)
            axes.text(x, top + 0.03, caption, ha="center", va="bottom", fontsize=7.5)


def _figure_of_rows(rows: Mapping[str, Sequence[_Picture]], widths: Sequence[float], height: float) -> Figure:
    """Return a figure with a row of pictures per title; the title is at the left.

    widths: the width of each column of pictures in inches. height: the height of a row in inches. All pictures are in
    one Axes, because making an Axes for each picture would take most of the time.
    """
    longest = max(len(line) for title in rows for line in title.splitlines())
    titles_width, gap = 0.3 + 0.075 * longest, 0.08
    width, total = titles_width + sum(widths) + gap * len(widths), height * len(rows) + 0.1
    figure = Figure(figsize=(width, total))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, total))
    axes.set_axis_off()
    for number, (title, pictures) in enumerate(rows.items(), start=1):
        bottom, left = total - height * number, titles_width
        figure.text(0.1 / width, (bottom + height / 2) / total, title, fontsize=8, fontweight="bold", va="center")
        for picture, cell_width in zip(pictures, widths, strict=False):
            picture.draw(axes, left, bottom, cell_width, height - 0.2)
            left += cell_width + gap
    return figure


def _simplify(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=_GREY, alpha=0.25, linewidth=0.6)
