"""The results table in the README, generated from the rows of comparison.csv."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lenet.errors import LabError
from lenet.report.swept import Swept, load_swept
from lenet.report.tables import Row, load_differences
from lenet.report.wording import (
    base_of,
    dataset_title,
    difference_from_base,
    in_markdown,
    mean_with_interval,
    mean_with_sd,
    note_on_differences,
    note_on_errors,
    note_on_published,
    two_changes,
)
from lenet.settings import Settings
from lenet.workspace import README, written_whole

_START, _END = "<!-- results:start -->", "<!-- results:end -->"


def answers(settings: Settings, rows: Sequence[Row]) -> list[str]:
    """Say what the study found: errors then and now, and the effects of the 2×2's changes, there and in sweeps.

    Reads reports/differences.csv and the sweeps; raises LabError where one is missing.
    """
    return [*_then_and_now(settings, rows), *_effects(settings, rows)]


def _then_and_now(settings: Settings, rows: Sequence[Row]) -> list[str]:
    """Say what the published variant, the baseline and the top of the ladder misread, where the study has them."""
    known = {row["variant"]: row for row in rows}
    old, new = settings.comparison.original, settings.comparison.ladder[-1]
    if old not in known or new not in known or not known[old]["published_percent"]:
        return []
    told = [
        f"`{variant}` {mean_with_interval(known[variant])} %" for variant in dict.fromkeys([old, base_of(rows), new])
    ]
    told[0] += f" (published: {known[old]['published_percent']} %)"
    return [f"Test errors with 95 % intervals: {'; '.join(told)}.", ""]


def _effects(settings: Settings, rows: Sequence[Row]) -> list[str]:
    four, known = settings.comparison.factorial, {row["variant"] for row in rows}
    if not four or not set(four) <= known:
        return []
    found = load_differences()
    told = [f"Test error: {two_changes(four, found, found['interaction', ''])}."]
    told += [_swept(sweep) for sweep in load_swept(settings, rows[0]["dataset"]) if sweep.effects]
    heading = "Effects of two changes, alone and together (percentage points, 95 % intervals):"
    return [heading, "", *(f"- {each}" for each in told)]


def _swept(sweep: Swept) -> str:
    """Say what a sweep asks, and what the changes of its 2×2's are worth."""
    told = [f"{in_markdown(sweep.about)} Validation error in [sweeps/{sweep.name}](sweeps/{sweep.name}/effects.csv)."]
    for shared, effects in (each.shortened() for each in sweep.effects):
        worth = two_changes(effects.four, effects.differences, effects.interaction)
        told.append(f"`{shared}`: {worth}." if shared else f"{worth}.")
    return " ".join(told)


def readme_block(rows: Sequence[Row], about: Mapping[str, str], answers: Sequence[str] = ()) -> str:
    """Return the README's results table, in Markdown, below the answers."""
    lines = [
        *([*answers, ""] if answers else []),
        f"Errors in percent on {dataset_title(rows)}:",
        "",
        f"| variant | what | parameters | epochs | validation | test | against `{base_of(rows)}` | published |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        what = in_markdown(about.get(row["variant"], "")).replace("|", "\\|")
        cells = [
            f"`{row['variant']}`",
            what,
            f"{int(row['parameters']):,}",
            row["epochs"],
            mean_with_sd(row),
            f"**{mean_with_interval(row)}**",
            difference_from_base(row),
            row["published_percent"],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    notes = [note_on_errors(rows), note_on_differences(rows), in_markdown(note_on_published(rows))]
    return "\n".join([*lines, "", " ".join(filter(None, notes))])


def update_readme(block: str, path: Path = README) -> None:
    """Put the block between the README's markers; raise LabError if they are not there."""
    text = path.read_text(encoding="utf-8")
    before, start, rest = text.partition(_START)
    _, end, after = rest.partition(_END)
    if not start or not end:
        raise LabError(f"{path} has no lines {_START} and {_END}: put them where the results table belongs")
    updated = f"{before}{_START}\n{block}\n{_END}{after}"
    if updated != text:
        with written_whole(path) as partial:
            partial.write_text(updated, encoding="utf-8")
