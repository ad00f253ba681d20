"""Stage 5. Reads what evaluate wrote of every variant, the test digits, and a few training digits to distort; writes
reports/comparison.csv, reports/figures/ and reports/index.html. Imports no TensorFlow; takes seconds.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np

from lenet import distortion, errors, figures, report
from lenet.config import Variant, load_settings
from lenet.data import Split, load_split
from lenet.predictions import load_predictions
from lenet.results import load_result
from lenet.workspace import FIGURES, project_root, refuse_strays, remove_strays

CAPTIONS = {
    "test_error.png": "Test error of each variant after the last epoch: every seed, and their mean.",
    "learning_curves.png": "Error per epoch, both on logarithmic axes: mean over the seeds, band from best to worst.",
    "distortions.png": "Training digits, and what becomes of them in each epoch where a variant distorts them: seed 0.",
    "confusion.png": "Confusion on the test set, all seeds: percent of the actual class, shown where at least 0.1.",
    "wrong_digits.png": "The test digits each variant gets wrong with the greatest confidence, mean over its seeds.",
    "inside.png": "Inside the first seed's network: C1's filters, a digit's maps in C1, S2 and C3 (blue < 0 < red).",
}
# How many epochs' distortions are shown.
_EPOCHS = 9


def distorted_copies(variants: Mapping[str, Variant], train: Split) -> dict[str, np.ndarray]:
    """Return the first 2, 5 and 8 as they are, and as the variants that distort see them in seed 0's first epochs.

    The keys are the names of those that distort alike, a line each; the values uint8 (digits, 1 + epochs, 28, 28).
    """
    examples = np.unique(train.labels, return_index=True)[1][2::3]
    digits = train.images[examples]
    alike = defaultdict(list)
    for variant, settings in variants.items():
        if distortion.is_distorted(settings):
            alike[tuple(getattr(settings, name) for name in distortion.RANGES)].append(variant)
    copies = {}
    for names in alike.values():
        seen = [distortion.distort(digits, variants[names[0]], 0, epoch, examples) for epoch in range(_EPOCHS)]
        copies["\n".join(names)] = np.stack([digits, *seen], axis=1)
    return copies


def main() -> None:
    matplotlib.rcdefaults()  # a user's own matplotlibrc would change the committed figures
    settings = load_settings()
    if Path.cwd() == project_root():
        refuse_strays(settings.variants)
    else:  # a temporary workspace of DVC's, where strays came with the commit and are nobody's last copy
        remove_strays(settings.variants)
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
    if copies := distorted_copies(settings.variants, load_split("train")):
        drawn["distortions.png"] = figures.distortions(copies)
    for name, figure in drawn.items():
        figures.save(figure, FIGURES / name)
    report.save_page(rows, settings.about, {name: CAPTIONS[name] for name in CAPTIONS if name in drawn})


if __name__ == "__main__":
    errors.run(main, "interrupted: nothing of this stage was kept")
