"""The block of results in the README: what the study found, and the table of its variants."""

from pathlib import Path

from lenet.errors import LabError
from lenet.evaluation.study import Study
from lenet.mnist import datasets
from lenet.report import columns, elsewhere
from lenet.report.sweep_results import SweepResult, load_sweep_results
from lenet.report.wording import (
    dataset_title,
    effects_of_two_changes,
    in_markdown,
    note_on_differences,
    note_on_errors,
    note_on_published,
    test_error,
)
from lenet.workspace import README, atomic_write

_START, _END = "<!-- results:start -->", "<!-- results:end -->"


def readme_block(study: Study) -> str:
    """Return the README's block of results, in Markdown: what the study found, then the table of its variants.

    Raises LabError if the results of a sweep are missing.
    """
    heading = f"Errors in percent on {dataset_title(study)}:"
    notes = [note_on_errors(study), note_on_differences(study), in_markdown(note_on_published(study))]
    return "\n\n".join([*answers(study), heading, _table(study), " ".join(filter(None, notes))])


def answers(study: Study) -> list[str]:
    """Return what the study found, as paragraphs: the test errors, then the effects of two changes.

    The effects are those that the study measured, and those that its sweeps measured.
    """
    return [*_headline_errors(study), *_effects_of_changes(study)]


def _headline_errors(study: Study) -> list[str]:
    """Return a list of one sentence, which gives the test errors of the variants in `study.featured`.

    The list is empty if the study has no published error for `study.original`.
    """
    if study.original not in study.published:
        return []
    errors = {variant: f"`{variant}` {test_error(study, variant)} %" for variant in study.featured}
    errors[study.original] += f" (published: {study.published[study.original].error_percent} %)"
    return [f"Test errors with 95 % intervals: {'; '.join(errors.values())}."]


def _effects_of_changes(study: Study) -> list[str]:
    if not study.factorial:
        return []
    differences, interaction = study.comparison.differences, study.comparison.effects["interaction"]
    lines = [f"Test error: {effects_of_two_changes(study.factorial, differences, interaction)}."]
    sweeps = [sweep for sweep in load_sweep_results(study.settings) if sweep.effects]
    lines += [_sweep_effects(sweep) for sweep in sweeps if sweep.dataset == study.dataset]
    heading = "Effects of two changes, alone and together (percentage points, 95 % intervals):"
    paragraphs = [heading, "\n".join(f"- {line}" for line in lines)]
    here = datasets.find(study.dataset).title
    for sweep in sweeps:
        there = datasets.find(sweep.dataset).title
        if sentences := [elsewhere.sentence(worth, there, here) for worth in elsewhere.compare(study, sweep)]:
            paragraphs += [elsewhere.heading(there, here), "\n".join(f"- {sentence}" for sentence in sentences)]
    return paragraphs


def _sweep_effects(sweep: SweepResult) -> str:
    """Return a sweep's question and its answer: for each 2×2 design of the sweep, the effects of the two changes."""
    sentences = [
        f"{in_markdown(sweep.about)} Validation error in [sweeps/{sweep.name}](sweeps/{sweep.name}/effects.csv)."
    ]
    for shared, short in (effects.shortened() for effects in sweep.effects):
        text = effects_of_two_changes(short.recipes, short.differences, short.interaction)
        sentences.append(f"`{shared}`: {text}." if shared else f"{text}.")
    return " ".join(sentences)


def _table(study: Study) -> str:
    titles = [column.title.format(baseline=study.baseline) for column in columns.IN_README]
    lines = [_table_row(["variant", "what", *titles]), f"|---|---|{'---:|' * len(titles)}"]
    for variant in study.results:
        about = in_markdown(study.settings.about.get(variant, "")).replace("|", "\\|")
        cells = [(column.text(study, variant), column.is_bold) for column in columns.IN_README]
        lines.append(
            _table_row([f"`{variant}`", about, *(f"**{text}**" if is_bold else text for text, is_bold in cells)])
        )
    return "\n".join(lines)


def _table_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def update_readme(block: str, path: Path = README) -> None:
    """Replace the text between the README's markers with the block. Raise LabError if a marker is missing."""
    text = path.read_text(encoding="utf-8")
    before, start, rest = text.partition(_START)
    _, end, after = rest.partition(_END)
    if not start or not end:
        raise LabError(f"{path} lacks the line {_START} or, after it, {_END}: put both where the results table belongs")
    updated = f"{before}{_START}\n{block}\n{_END}{after}"
    if updated != text:
        with atomic_write(path) as partial:
            partial.write_text(updated, encoding="utf-8")
