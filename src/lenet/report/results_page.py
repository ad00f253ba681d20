"""Write reports/results.md: all variants with their intervals, the effects of changes, and the sweeps, in Markdown."""

from lenet.evaluation.study import Study
from lenet.report import other_dataset
from lenet.report.sweep_results import SweepResult, load_sweep_results
from lenet.report.wording import (
    DASH,
    dataset_title,
    effects_of_two_changes,
    in_markdown,
    note_on_differences,
    note_on_errors,
    note_on_published,
    published_error,
    signed_with_interval,
    test_error,
    validation_error,
)
from lenet.workspace import RESULTS, atomic_write


def save_results(study: Study) -> None:
    """Write reports/results.md. Raises LabError if the results of a sweep are missing."""
    with atomic_write(RESULTS) as partial:
        partial.write_text(f"{results(study)}\n", encoding="utf-8")


def results(study: Study) -> str:
    """Return the text of the page."""
    notes = [note_on_errors(study), note_on_differences(study), in_markdown(note_on_published(study))]
    title = f"# All results on {dataset_title(study)}"
    for_whom = "For readers who want every number. [Words](../docs/words.md) explains the terms."
    return "\n\n".join(
        [title, for_whom, "Errors in percent:", table(study), " ".join(filter(None, notes)), *effects(study)]
    )


def effects(study: Study) -> list[str]:
    """Return the effects of two changes as paragraphs: those that the study measured, and those of its sweeps.

    Without a 2×2 design in the study, there are none.
    """
    if not study.factorial:
        return []
    differences, interaction = study.comparison.differences, study.comparison.effects["interaction"]
    lines = [f"Test error, {effects_of_two_changes(study.factorial, differences, interaction)}."]
    sweeps = [sweep for sweep in load_sweep_results(study.settings) if sweep.effects]
    lines += [_sweep_effects(sweep) for sweep in sweeps]
    heading = "Effects of two changes, alone and together (percentage points, 95 % intervals):"
    paragraphs = [heading, "\n".join(f"- {line}" for line in lines)]
    for sweep in sweeps:
        if found := other_dataset.compare(study, sweep):
            sentences = (other_dataset.sentence(study, sweep, worth) for worth in found)
            paragraphs += [other_dataset.heading(study, sweep), "\n".join(f"- {each}." for each in sentences)]
    return paragraphs


def _sweep_effects(sweep: SweepResult) -> str:
    """Return a sweep's question and its answer: for each 2×2 design of the sweep, the effects of the two changes."""
    sentences = [
        f"{in_markdown(sweep.about)} Validation error in [sweeps/{sweep.name}](../sweeps/{sweep.name}/effects.csv)."
    ]
    for shared, short in (effects.shortened() for effects in sweep.effects):
        text = effects_of_two_changes(short.recipes, short.differences, short.interaction)
        sentences.append(f"With `{shared}`, {text}." if shared else f"{text[0].upper()}{text[1:]}.")
    return " ".join(sentences)


def table(study: Study) -> str:
    """Return the table with a row per variant."""
    numbers = ["parameters", "epochs", "validation", "test", f"against `{study.baseline}`", "published"]
    rows = [table_row(["variant", "what", *numbers]), f"|---|---|{'---:|' * len(numbers)}"]
    for variant, result in study.results.items():
        difference = study.against_baseline(variant)
        cells = [
            f"{result.parameters:,}",
            f"{result.epochs:,}",
            validation_error(study, variant),
            f"**{test_error(study, variant)}**",
            signed_with_interval(difference) if difference else DASH,
            published_error(study, variant) if variant in study.published else "",
        ]
        rows.append(table_row([f"`{variant}`", about(study, variant), *cells]))
    return "\n".join(rows)


def about(study: Study, variant: str) -> str:
    """Return the description of a variant for a cell of a table."""
    return in_markdown(study.settings.about.get(variant, "")).replace("|", "\\|")


def table_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
