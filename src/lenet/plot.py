"""Stage 5. Reads what evaluate wrote of every variant, and the test digits; writes reports/comparison.csv,
reports/figures/ and reports/index.html. Imports no TensorFlow; takes seconds.
"""

import matplotlib
import numpy as np

from lenet import errors, figures, report
from lenet.config import load_settings
from lenet.data import load_split
from lenet.predictions import load_predictions
from lenet.results import load_result
from lenet.workspace import FIGURES, refuse_strays

CAPTIONS = {
    "test_error.png": "Test error of each variant after the last epoch: every seed, and their mean.",
    "learning_curves.png": "Error per epoch, training and validation: mean over the seeds, band from best to worst.",
    "confusion.png": "Confusion on the test set, all seeds: percent of the actual class, shown where at least 0.1.",
    "wrong_digits.png": "The test digits each variant gets wrong with the greatest confidence, mean over its seeds.",
    "inside.png": "Inside the first seed's network: C1's filters, a digit's maps in C1, S2 and C3 (blue < 0 < red).",
}


def main() -> None:
    matplotlib.rcdefaults()  # a user's own matplotlibrc would change the committed figures
    settings = load_settings()
    refuse_strays(settings.variants)
    results = [load_result(variant) for variant in settings.variants]
    predictions = {variant: load_predictions(variant) for variant in settings.variants}
    rows = report.comparison(results)
    report.save_comparison(rows)
    confusions = {result.variant: np.sum([seed.confusion for seed in result.seeds], axis=0) for result in results}
    averages = {variant: seen.probabilities.mean(axis=0) for variant, seen in predictions.items()}
    drawn = {
        "test_error.png": figures.test_error(results),
        "learning_curves.png": figures.learning_curves(results),
        "confusion.png": figures.confusion(confusions),
        "wrong_digits.png": figures.wrong_digits(averages, load_split("test")),
        "inside.png": figures.inside(predictions),
    }
    for name, figure in drawn.items():
        figures.save(figure, FIGURES / name)
    report.save_page(rows, settings.about, CAPTIONS)


if __name__ == "__main__":
    errors.run(main, "interrupted: nothing of this stage was kept")
