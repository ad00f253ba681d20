"""The block of results in the README: a few variants in a table, and what the study found, in words."""

from lenet.errors import LabError
from lenet.evaluation.study import Study
from lenet.report import finding
from lenet.report.results_page import about, table_row
from lenet.report.wording import dataset_title, rounded
from lenet.workspace import README, RESULTS, atomic_write

_START, _END = "<!-- results:start -->", "<!-- results:end -->"


def readme_block(study: Study) -> str:
    """Return the README's block of results, in Markdown. Raises LabError if the results of a sweep are missing."""
    found = "\n".join(f"- {sentence}" for sentence in finding.sentences(study))
    return "\n\n".join(part for part in (table(study), note(study), found) if part)


def table(study: Study) -> str:
    """Return a table with a row for each variant of `finding.headline_variants`."""
    size = study.results[study.baseline].test_size
    titles = ["variant", "what it is", f"misread of {size:,}<br>(95 % interval)", "published", "accuracy"]
    rows = [table_row(titles), "|---|---|---:|---:|---:|"]
    for variant in finding.headline_variants(study):
        error = study.comparison.errors[variant]
        published = study.published.get(variant)
        cells = [
            f"**{finding.misread_with_interval(study, error)}**",
            finding.published_misread(study, published) if published else "",
            f"{rounded(100 - error.value)} %",
        ]
        rows.append(table_row([f"`{variant}`", about(study, variant), *cells]))
    return "\n".join(rows)


def note(study: Study) -> str:
    """Return the sentences below the table, which say what its numbers are."""
    seeds = len(study.results[study.baseline].seeds)
    means = f"On {dataset_title(study)}; means over {seeds} seeds. " if seeds > 1 else f"On {dataset_title(study)}. "
    return f"{means}[All {len(study.results)} variants]({RESULTS}) with all intervals."


def update_readme(block: str) -> None:
    """Replace the text between the README's markers with the block. Raise LabError if a marker is missing."""
    text = README.read_text(encoding="utf-8")
    before, start, rest = text.partition(_START)
    _, end, after = rest.partition(_END)
    if not start or not end:
        raise LabError(f"{README} lacks the line {_START} or, after it, {_END}: put both where the results belong")
    updated = f"{before}{_START}\n{block}\n{_END}{after}"
    if updated != text:
        with atomic_write(README) as partial:
            partial.write_text(updated, encoding="utf-8")
