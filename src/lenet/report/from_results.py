"""Make the part of the report that needs only the results in git: CSV tables, figures, the page and the model card.

This part needs no data and no models. The page reads two outputs of `from_data`: reports/pictures/ and examples.csv.
"""

from lenet.evaluation.study import Study
from lenet.report import figures, model_card, page, results_page, tables


def save_figures(study: Study) -> None:
    """Write the figures test_error, learning_curves and confusion."""
    results = list(study.results.values())
    figures_by_name = {
        "test_error": figures.test_error(results, study.comparison.errors),
        "learning_curves": figures.learning_curves(results),
        "confusion": figures.confusion({result.variant: result.confusion for result in results}),
    }
    figures.save_all(figures_by_name)


def save(study: Study) -> None:
    """Write comparison.csv, differences.csv, mistakes.csv, index.html, model_card.md and results.md to reports/.

    Raises LabError if a file that `from_data` makes for the page is missing.
    """
    tables.save_tables(study)
    page.save_page(study)
    model_card.save_card(study)
    results_page.save_results(study)
