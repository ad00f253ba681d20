"""The report's interactive charts, as Vega-Lite specifications: JSON that is safe in a <script> element.

Equal data give equal text.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import altair as alt
import numpy as np
import pandas as pd
from markupsafe import Markup

from lenet.evaluation.comparison import Estimate
from lenet.evaluation.metrics import TEST_ERROR, percent_of_actual
from lenet.evaluation.results import learning_curve
from lenet.evaluation.study import Study
from lenet.report.embedded import as_json
from lenet.report.wording import NO_DIFFERENCE, rounded, signed
from lenet.training.trained_run import TRAIN_ERROR, TRAIN_LOSS, VALIDATION_ERROR, VALIDATION_LOSS

# Colours of Okabe and Ito's palette, and a grey: colour-blind readers can distinguish them, on white and on black.
BETTER, WORSE, NEUTRAL = "#0072B2", "#D55E00", "#8a8a8a"
TRAINING, VALIDATION = WORSE, BETTER
_PUBLISHED_TRAINING = "training, published"
# A star with five points, in Vega's coordinates from −1 to 1.
_STAR = "M0 -1L.24 -.32 .95 -.31 .38 .12 .59 .81 0 .4 -.59 .81 -.38 .12 -.95 -.31 -.24 -.32Z"
# In pixels: the height of a rung, and the width of each half of the ladder. The page is 1,176 pixels wide.
_RUNG_HEIGHT, _HALF_WIDTH = 46, 465


def ladder(study: Study) -> Markup:
    """Draw the ladder, with a row per variant. Each variant changes something in the variant of the row above.

    The left half shows the seeds' test errors, and their mean with its 95 % interval. The right half shows how far the
    mean is from the mean in the row above, with the interval of this difference.
    """
    order = study.ladder
    return _specification(
        alt.hconcat(_error_chart(study, order), _step_chart(study, order), spacing=28).resolve_legend(
            color="independent"
        ),
        "The ladder. Left: test error of each rung, seeds as dots, mean and 95 % interval. Right: the difference "
        "each step makes, with simultaneous 95 % intervals.",
    )


def learning_curves(study: Study, variants: Sequence[str]) -> Markup:
    """Draw a panel per variant with its training and validation errors per epoch.

    For both errors, a line shows the mean over the seeds, and a band reaches from the best seed to the worst. A star
    shows a published training error.
    """
    errors = _curve_table(study, variants, {"training": TRAIN_ERROR, "validation": VALIDATION_ERROR})
    table = pd.concat([errors, _stars(study, variants)])
    scale = alt.Scale(type="log", domainMin=0.1, clamp=True)
    axis = alt.Axis(values=[0.1, 0.2, 0.5, 1, 2, 5, 10, 20], format="~g", title="error (%)")
    return _specification(
        _panels(table, variants, scale, axis),
        "Learning curves, a panel per variant: error after each epoch, in training and validation.",
    )


def losses(study: Study, variants: Sequence[str]) -> Markup:
    """Draw a panel per variant with its training and validation losses per epoch, like `learning_curves`."""
    table = _curve_table(study, variants, {"training": TRAIN_LOSS, "validation": VALIDATION_LOSS})
    axis = alt.Axis(values=[0.003, 0.01, 0.03, 0.1, 0.3, 1], format="~g", title="loss")
    return _specification(
        _panels(table, variants, alt.Scale(type="log", domainMin=0.003, clamp=True), axis),
        "Losses, a panel per variant: cross-entropy after each epoch, in training and validation.",
    )


def _panels(table: pd.DataFrame, variants: Sequence[str], scale: alt.Scale, axis: alt.Axis) -> alt.FacetChart:
    """Draw a panel per variant. table: what `_curve_table` returns. scale, axis: those of the y axis."""
    splits = {"training": TRAINING, "validation": VALIDATION, _PUBLISHED_TRAINING: TRAINING}
    shown = [split for split in splits if split in set(table["split"])]
    x = alt.X(
        "epoch:Q", scale=alt.Scale(type="log", nice=False), axis=alt.Axis(values=[1, 2, 5, 10, 20, 40], format="d")
    )
    colour = alt.Color(
        "split:N",
        scale=alt.Scale(domain=shown, range=[splits[split] for split in shown]),
        legend=alt.Legend(
            title=None,
            orient="top",
            symbolOpacity=1,
            values=[split for split in shown if split != _PUBLISHED_TRAINING],
        ),
    )
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("split:N"),
        alt.Tooltip("epoch:Q"),
        alt.Tooltip("mean:Q", format=".3~g"),
        alt.Tooltip("best:Q", title="best seed", format=".3~g"),
        alt.Tooltip("worst:Q", title="worst seed", format=".3~g"),
    ]
    base = alt.Chart(table).encode(x=x, color=colour)
    band = base.mark_area(opacity=0.22).encode(y=alt.Y("best:Q", scale=scale), y2="worst:Q")
    line = base.mark_line(strokeWidth=2).encode(y=alt.Y("mean:Q", scale=scale, axis=axis))
    hover = base.mark_point(size=90, filled=True, opacity=0).encode(y=alt.Y("mean:Q", scale=scale), tooltip=tooltip)
    layers = [band, line, hover]
    if _PUBLISHED_TRAINING in shown:
        star = base.transform_filter(alt.datum.split == _PUBLISHED_TRAINING)
        star = star.mark_point(shape=_STAR, size=90, filled=True, aria=False)
        layers.append(star.encode(y=alt.Y("mean:Q", scale=scale)))
    return (
        alt.layer(*layers)
        .properties(width=240, height=165)
        .facet(alt.Facet("variant:N", sort=list(variants), title=None), columns=4, spacing=14)
        .resolve_axis(x="independent")
    )


def confusions(study: Study, variants: Sequence[str]) -> Markup:
    """Draw the variants' confusion matrices side by side: only mistakes, in percent of the actual class's images."""
    table = pd.concat([_confusion_table(study, variant) for variant in variants])
    axis = alt.Axis(labelAngle=0, grid=False, domain=False, ticks=False)
    ceiling = max(1.0, float(table["percent"].max()))
    base = alt.Chart(table).encode(
        x=alt.X("taken for:O", axis=axis, scale=alt.Scale(domain=list(range(10)))),
        y=alt.Y("actual:O", axis=axis, scale=alt.Scale(domain=list(range(10)))),
        tooltip=[
            alt.Tooltip("variant:N"),
            alt.Tooltip("actual:O"),
            alt.Tooltip("taken for:O"),
            alt.Tooltip("percent:Q", title="percent of the actual", format=".2f"),
            alt.Tooltip("count:Q", title="times, all seeds"),
        ],
    )
    colour = alt.Color("percent:Q", scale=alt.Scale(scheme="oranges", domain=[0, ceiling]), legend=None)
    cells = base.mark_rect(cornerRadius=2).encode(color=colour)
    numbers = base.mark_text(fontSize=9).encode(
        text=alt.Text("percent:Q", format=".1f"),
        color=alt.condition(alt.datum.percent > 0.6 * ceiling, alt.value("white"), alt.value("#222")),
    )
    numbers = numbers.transform_filter(alt.datum.percent >= 0.1)
    panels = (
        alt.layer(cells, numbers)
        .properties(width=340, height=340)
        .facet(alt.Facet("variant:N", sort=list(variants), title=None), columns=3, spacing=18)
    )
    return _specification(panels, f"Confusion on the test set, all seeds, mistakes alone: {', '.join(variants)}.")


def _error_chart(study: Study, order: Sequence[str]) -> alt.LayerChart | alt.FacetChart:
    seeds = pd.DataFrame(
        {"variant": variant, "seed": seed.identity.seed, "error": seed.metrics[TEST_ERROR]}
        for variant in order
        for seed in study.results[variant].seeds
    )
    means = pd.DataFrame(_estimate_row(variant, study.comparison.errors[variant]) for variant in order)
    y = _rung_axis(order, alt.Axis(labelFontSize=13, labelLimit=260, title=None, ticks=False, domain=False))
    x = alt.X("error:Q", title="test error (%)", scale=alt.Scale(domainMin=0))
    dots = alt.Chart(seeds).mark_point(filled=True, size=30, opacity=0.6, color=NEUTRAL, yOffset=11)
    dots = dots.encode(x=x, y=y, tooltip=["variant", "seed", alt.Tooltip("error:Q", title="test error (%)")])
    tooltip = [alt.Tooltip("variant:N"), alt.Tooltip("shown:N", title="test error (%), 95 %")]
    base = alt.Chart(means).encode(y=y, tooltip=tooltip)
    bars = base.mark_rule(strokeWidth=3, color=BETTER).encode(x="low:Q", x2="high:Q")
    points = base.mark_point(filled=True, size=110, color=BETTER).encode(x="value:Q")
    labels = base.mark_text(dy=-13, fontSize=12, fontWeight="bold").encode(
        x="value:Q", text=alt.Text("value:Q", format=".2f")
    )
    return alt.layer(dots, bars, points, labels).properties(width=_HALF_WIDTH, height=_RUNG_HEIGHT * len(order))


def _step_chart(study: Study, order: Sequence[str]) -> alt.LayerChart | alt.FacetChart:
    steps = {variant: study.comparison.differences[variant, below] for below, variant in pairwise(order)}
    table = pd.DataFrame(
        _estimate_row(variant, step)
        | {"worth": _worth(step), "label": NO_DIFFERENCE if step.is_undetected else signed(step.value)}
        for variant, step in steps.items()
    )
    y = _rung_axis(order, alt.Axis(labels=False, title=None, ticks=False, domain=False))
    colour = alt.Color(
        "worth:N",
        scale=alt.Scale(domain=["better", "worse", NO_DIFFERENCE], range=[BETTER, WORSE, NEUTRAL]),
        legend=alt.Legend(title=None, orient="top", offset=4, symbolOpacity=1),
    )
    tooltip = [alt.Tooltip("variant:N"), alt.Tooltip("shown:N", title="points, 95 %")]
    base = alt.Chart(table).encode(y=y, color=colour, tooltip=tooltip)
    zero = alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(strokeDash=[4, 3], color=NEUTRAL).encode(x="x:Q")
    bars = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("low:Q", title="change by the step (points)", axis=alt.Axis(tickCount=6)), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=110).encode(x="value:Q")
    labels = alt.Chart(table).mark_text(dy=-13, fontSize=12).encode(y=y, x="value:Q", text="label:N")
    return alt.layer(zero, bars, points, labels).properties(width=_HALF_WIDTH, height=_RUNG_HEIGHT * len(order))


def _rung_axis(order: Sequence[str], axis: alt.Axis) -> alt.Y:
    return alt.Y("variant:N", sort=list(order), scale=alt.Scale(domain=list(order)), axis=axis)


def _estimate_row(variant: str, estimate: Estimate) -> dict[str, object]:
    """Return a row of a chart's table. If the estimate has no interval, `low` and `high` equal the value."""
    low, high = (estimate.low, estimate.high) if estimate.has_interval else (estimate.value, estimate.value)
    text = f"{rounded(estimate.value)} ({rounded(low)} to {rounded(high)})" if estimate.has_interval else "one seed"
    text = text.replace("-", "−")
    numbers = {"value": estimate.value, "low": low, "high": high}
    return {"variant": variant, "shown": text, **{name: round(number, 4) for name, number in numbers.items()}}


def _worth(step: Estimate) -> str:
    if step.is_undetected:
        return NO_DIFFERENCE
    return "better" if step.value < 0 else "worse"


def _curve_table(study: Study, variants: Sequence[str], metrics: Mapping[str, str]) -> pd.DataFrame:
    """Return a table with a row per variant, split and epoch: the mean, best and worst value over the seeds.

    metrics: split → the metric of the training's history.
    """
    rows = []
    for variant in variants:
        seeds = study.results[variant].seeds
        for split, metric in metrics.items():
            if metric in seeds[0].history:  # some variants have no validation split
                curve = learning_curve(seeds, metric)
                frame = pd.DataFrame({"mean": curve.mean, "best": curve.lowest, "worst": curve.highest}).round(4)
                rows.append(frame.assign(variant=variant, split=split, epoch=curve.epochs))
    return pd.concat(rows)


def _stars(study: Study, variants: Sequence[str]) -> pd.DataFrame:
    """Return a table with a row per published training error."""
    points = {variant: study.published[variant].training for variant in variants if variant in study.published}
    return pd.DataFrame(
        {"mean": point.error_percent, "variant": variant, "split": _PUBLISHED_TRAINING, "epoch": point.epoch}
        for variant, point in points.items()
        if point
    )


def _confusion_table(study: Study, variant: str) -> pd.DataFrame:
    """Return a table with a row for each pair of an actual class and a wrong answer that occurred.

    The row has the pair's count over all seeds, and the percentage of the actual class's images.
    """
    counts = study.results[variant].confusion
    percents = percent_of_actual(counts)
    rows = [
        {
            "variant": variant,
            "actual": actual,
            "taken for": predicted,
            "count": int(counts[actual, predicted]),
            "percent": round(percents[actual, predicted], 4),
        }
        for actual, predicted in np.argwhere(counts * ~np.eye(10, dtype=bool)).tolist()
    ]
    return pd.DataFrame(rows, columns=["variant", "actual", "taken for", "count", "percent"])


def _specification(chart: alt.TopLevelMixin, description: str) -> Markup:
    # The page's style sheet sets the colours of text and lines, so that they are legible in dark mode too.
    styled = (
        chart.properties(description=description, background="transparent")
        .configure(font="system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=11, titleFontSize=12, titleFontWeight="normal", gridColor=NEUTRAL, gridOpacity=0.22
        )
        .configure_header(labelFontSize=12, labelFontWeight="bold", title=None)
        .configure_legend(labelFontSize=12)
    )
    return as_json(styled.to_dict())
