"""Make the part of the report that needs only the results in git: CSV tables, figures, the page and the model card.

It needs no data and no models. The page reads two things that `from_data` made: reports/pictures/ and examples.csv.
"""

from lenet.evaluation.study import Study
from lenet.report import figures, model_card, page, tables


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
    """Write reports/{comparison,differences,mistakes}.csv, index.html and model_card.md.

    Raises LabError if a file that `from_data` makes for the page is missing.
    """
    tables.save_tables(study)
    page.save_page(study)
    model_card.save_card(study)
