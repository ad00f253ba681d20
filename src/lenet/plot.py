"""Stage 5: write the tables, figures and pages of reports/.

First removes the outputs of variants that params.yaml no longer has. Reads every variant's results from the stage
evaluate, the test images, and a few training images. A figure shows these training images and distorted copies of them.
Does not import TensorFlow; takes seconds.
"""

import matplotlib

from lenet import program
from lenet.evaluation.predictions import load_predictions
from lenet.evaluation.study import load_study
from lenet.mnist.splits import load_split
from lenet.report import figures, from_data, from_results
from lenet.settings import load_settings
from lenet.workspace import remove_outputs_of_other_variants


def main() -> None:
    matplotlib.rcdefaults()  # a user's own matplotlibrc would change the committed figures
    settings = load_settings()
    remove_outputs_of_other_variants(settings.variants)
    study = load_study(settings, list(settings.variants))
    predictions = {variant: load_predictions(variant) for variant in settings.variants}
    test, copies = load_split("test"), from_data.distorted_copies(settings.variants, load_split("train"))

    def save_figures() -> None:
        from_data.save_figures(predictions, test, copies)
        from_results.save_figures(study)

    with figures.in_another_process(save_figures):
        from_data.save(study, predictions, test, copies)
        from_results.save(study)


if __name__ == "__main__":
    program.run(main, "interrupted: `dvc repro` runs this stage again")
