"""Make the part of the report that needs only the results in git: CSV tables, figures, the page and the model card.

This part needs no data and no models. The page reads two outputs of `from_data`: reports/pictures/ and examples.csv.
"""

from itertools import pairwise

from matplotlib.figure import Figure

from lenet.evaluation.study import Study
from lenet.report import changes, figures, model_card, page, results_page, tables, wording

# The README shows a ladder on white and one on black: name of the figure → colour of its texts.
_INKS = {"ladder": "#1f2328", "ladder_dark": "#e6edf3"}


def save_figures(study: Study) -> None:
    """Write the figures test_error, learning_curves, confusion, ladder and ladder_dark."""
    results = list(study.results.values())
    figures_by_name = {
        "test_error": figures.test_error(results, study.comparison.errors),
        "learning_curves": figures.learning_curves(results),
        "confusion": figures.confusion({result.variant: result.confusion for result in results}),
        **{name: ladder_figure(study, ink) for name, ink in _INKS.items()},
    }
    figures.save_all(figures_by_name)


def ladder_figure(study: Study, ink: str) -> Figure:
    """Draw the network of 1998 and the ladder, each rung with what it changes. ink: the colour of the texts."""
    rungs = study.ladder
    variants = list(dict.fromkeys([study.original, *rungs]))
    words = dict.fromkeys(variants, "") | {
        variant: f"+ {changes.describe_briefly(study.changes(variant, below))}" for below, variant in pairwise(rungs)
    }
    if study.primary and study.primary[1] == rungs[0]:
        words[rungs[0]] = changes.describe_replaced(study.changes(*study.primary))
    if study.original == study.settings.comparison.original:
        words[study.original] = "network and training of 1998"
    published = study.published.get(study.original)
    line = None
    if published:
        line = f"{wording.published_error(study, study.original)} %, {published.source}", published.error_percent
    return figures.ladder({variant: study.comparison.errors[variant] for variant in variants}, words, line, ink)


def save(study: Study) -> None:
    """Write comparison.csv, differences.csv, mistakes.csv, index.html, model_card.md and results.md to reports/.

    Raises LabError if a file that `from_data` makes for the page is missing.
    """
    tables.save_tables(study)
    page.save_page(study)
    model_card.save_card(study)
    results_page.save_results(study)
