"""What of the report follows from the results that git keeps: tables, figures, page. It needs no data and no models."""

from lenet.evaluation.study import Study
from lenet.report import figures, model_card, page, tables


def save_figures(study: Study) -> None:
    """Write three figures."""
    results = list(study.results.values())
    drawn = {
        "test_error": figures.test_error(results, study.comparison.errors),
        "learning_curves": figures.learning_curves(results),
        "confusion": figures.confusion({result.variant: result.confusion for result in results}),
    }
    figures.save_all(drawn)


def save(study: Study) -> None:
    """Write reports/{comparison,differences,mistakes}.csv, index.html and model_card.md.

    Raises LabError where a picture of the page, which `from_data` draws, is missing.
    """
    tables.save_tables(study)
    page.save_page(study)
    model_card.save_card(study)
