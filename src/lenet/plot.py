"""Stage 5. Reads what evaluate wrote of every variant, the test digits, and a few training digits to distort; writes
reports/comparison.csv, differences.csv, mistakes.csv, figures/ and index.html. Imports no TensorFlow; takes seconds.
"""

from pathlib import Path

import matplotlib

from lenet import errors
from lenet.evaluation.study import load_study
from lenet.mnist.splits import load_split
from lenet.report import figures, page, tables
from lenet.settings import load_settings
from lenet.workspace import FIGURES, project_root, refuse_orphans, remove_orphans


def main() -> None:
    matplotlib.rcdefaults()  # a user's own matplotlibrc would change the committed figures
    settings = load_settings()
    if Path.cwd() == project_root():
        refuse_orphans(settings.variants)
    else:  # a temporary workspace of DVC, whose orphans came with the commit: other copies exist
        remove_orphans(settings.variants)
    study, train = load_study(settings, list(settings.variants)), load_split("train")
    results = list(study.results.values())
    confusions = {result.variant: result.confusion for result in results}
    averages = {variant: seen.probabilities.mean(axis=0) for variant, seen in study.predictions.items()}
    drawn = {
        "test_error.png": figures.test_error(results, study.comparison.errors),
        "learning_curves.png": figures.learning_curves(results),
        "confusion.png": figures.confusion(confusions),
        "wrong_digits.png": figures.wrong_digits(averages, study.test),
        "inside.png": figures.inside(study.predictions),
    }
    if copies := page.distorted_copies(settings.variants, train):
        drawn["distortions.png"] = figures.distortions(copies)
    tables.save_tables(study)
    for name, figure in drawn.items():
        figures.save(figure, FIGURES / name)
    page.save_page(study, train)


if __name__ == "__main__":
    errors.run(main, "interrupted: nothing of this stage was kept")
